package mappings_test

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/trace"
)

// nights are instants near midnight on both sides of the borders, at the end of a month,
// of a year and of February in a leap year, when Kazakhstan also put its clocks back: at
// midnight from UTC+6 to UTC+5.
var nights = []string{
	"2026-03-01T23:30:00+08:00", "2026-03-02T00:00:00+08:00", "2026-03-02T00:30:00+08:00",
	"2026-03-01T23:30:00+09:00", "2026-03-02T00:30:00+09:00", "2026-03-01T23:30:00+05:00", "2026-03-02T00:30:00+05:00",
	"2026-12-31T23:30:00+08:00", "2027-01-01T00:00:00+08:00", "2027-01-01T00:30:00+08:00",
	"2026-12-31T23:30:00+09:00", "2027-01-01T00:30:00+09:00", "2026-12-31T23:30:00+05:00", "2027-01-01T00:30:00+05:00",
	"2024-02-28T23:30:00+06:00", "2024-02-29T00:30:00+06:00", "2024-02-29T23:30:00+06:00", "2024-02-29T18:00:00Z",
	"2024-02-29T23:30:00+05:00", "2024-03-01T00:00:00+05:00", "2024-03-01T00:30:00+05:00",
	"2024-02-28T23:30:00+08:00", "2024-02-29T23:30:00+08:00", "2024-03-01T00:30:00+08:00", "2024-03-01T00:30:00+09:00",
}

// layouts are the forms in which rows write instants.
var layouts = map[string]string{
	"instant": "2006-01-02T15:04:05Z07:00", "xs-date": "2006-01-02", "xs-time": "15:04:05",
	"yyyyMMddHHmmss": "20060102150405", "yyyyMMddHHmmssSSS": "20060102150405000",
}

// offices are offices of several zones; the last one's is not known.
var offices = []struct{ administration, code, zone string }{
	{"RU", "10719110", "Asia/Chita"}, {"RU", "10702030", "Asia/Vladivostok"}, {"RU", "10803040", "Europe/Moscow"},
	{"RU", "10012020", "Europe/Kaliningrad"}, {"KZ", "39850502", "Asia/Almaty"}, {"RU", "10508010", ""},
}

// Near midnight every row writes the day and hour of its own zone, be it the office's,
// and what it writes is read as the same instant. That a zone is assumed is told.
func TestNightsAreOfTheFormatsOwnZone(t *testing.T) {
	d := load(t)
	var rows []func()
	for _, table := range d.library.Tables() {
		s := d.scenes(t, table)
		zone := d.zone(t, table)
		for _, r := range table.Rows() {
			at := slices.DeleteFunc(slices.Clone(s.written[r.ID]), func(l link) bool {
				return l.Group || l.Path == "" || compiled(t, l.scene.doc, l.Path).Field().Type != document.Instant
			})
			if len(at) > 0 {
				smallest := slices.MinFunc(at, func(a, b link) int { return len(a.scene.written) - len(b.scene.written) })
				rows = append(rows, func() {
					local := row(d.header(t, table)).texts("zone_of")
					if local == nil || s.said[r.ID].text("zone") != "" {
						for _, night := range nights {
							d.night(t, table, smallest, night, s.said[r.ID], zone, false)
						}
						return
					}
					for _, o := range offices {
						there := *smallest.scene
						there.doc = changed(t, changed(t, there.doc, local[0]+".code", o.code), local[0]+".administration", o.administration)
						of := zone
						if o.zone != "" {
							of = must(time.LoadLocation(o.zone))(t)
						}
						for _, night := range nights[:6] {
							d.night(t, table, link{smallest.Link, &there}, night, s.said[r.ID], of, o.zone == "")
						}
					}
				})
			}
		}
	}
	if len(rows) == 0 {
		t.Error("no row writes an instant")
	}
	parallel(rows, func(do func()) { do() })
}

// header is what a table's header says, and the profile over it.
func (d *data) header(t *testing.T, table *mapping.Table) map[string]any {
	t.Helper()
	out := maps.Clone(file(t, table.Base()+".yaml"))
	if table.Profile() != "" {
		maps.Copy(out, file(t, profileFile(table)))
	}
	return out
}

// zone is the zone of a table's header, or of the profile over it; nil for none.
func (d *data) zone(t *testing.T, table *mapping.Table) *time.Location {
	t.Helper()
	name := row(d.header(t, table)).text("zone")
	if name == "" {
		return nil
	}
	return must(time.LoadLocation(name))(t)
}

func (d *data) night(t *testing.T, table *mapping.Table, l link, at string, said row, zone *time.Location, assumed bool) {
	t.Helper()
	form := cmp.Or(said.text("time"), "instant")
	layout, ok := layouts[form]
	if !ok {
		t.Errorf("%s %s: no layout for %s", table.ID(), l.Row, form)
		return
	}
	if own := said.text("zone"); own != "" {
		zone = must(time.LoadLocation(own))(t)
	}
	instant := must(time.Parse(time.RFC3339, at))(t)
	want := at
	if zone != nil {
		want = instant.In(zone).Format(layout)
	}
	encoded, traced, faults := table.Encode(changed(t, l.scene.doc, l.Path, at), true)
	local := assumed && form != "instant" && form != "xs-time"
	if told := len(faults) - len(timed(faults)); len(timed(faults)) > 0 || local && told == 0 || !assumed && told > 0 {
		t.Errorf("%s %s: %s at %s: %v", table.ID(), l.Row, at, l.Path, lines(faults))
		return
	}
	links := traced.Links(false)
	i := slices.IndexFunc(links, func(o trace.Link) bool { return o.Row == l.Row && o.Path == l.Path })
	if i < 0 || links[i].Value != want {
		t.Errorf("%s %s: %s at %s is written %v, want %s", table.ID(), l.Row, at, l.Path, links[max(i, 0)].Value, want)
		return
	}
	decoded := d.read(t, table, encoded.Bytes())
	if told := len(decoded.Faults) - len(timed(decoded.Faults)); local && told == 0 || !assumed && told > 0 {
		t.Errorf("%s %s: %s is read as local time of an assumed zone %d times", table.ID(), l.Row, links[i].Value, told)
	}
	back := leaves(decoded.Document)[selector.ReplaceAllString(l.Path, "")]
	if same := document.FormatInstant(instant.UTC()); !slices.Contains(back, same) && said.text("lossy") == "" {
		t.Errorf("%s %s: %s at %s is written %s and read as %v, want %s", table.ID(), l.Row, at, l.Path, want, back, same)
	}
}
