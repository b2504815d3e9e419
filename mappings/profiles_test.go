package mappings_test

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// Clocks in Almaty went back an hour at the end of 29 February 2024, from UTC+6.
func TestKazakhstanWritesItsOwnTime(t *testing.T) {
	d := load(t)
	doc := golden{"eaeu/auto-preliminary.v1+kz", "minimal"}.document(t, ".json")
	for issued, want := range map[string]string{
		"2024-02-29T17:59:59Z":      "2024-02-29T23:59:59+06:00",
		"2024-02-29T18:00:00Z":      "2024-02-29T23:00:00+05:00",
		"2024-03-01T00:00:00+05:00": "2024-03-01T00:00:00+05:00",
		"2026-03-09T17:15:00+09:00": "2026-03-09T13:15:00+05:00",
	} {
		doc.Envelope.Issued.Value = issued
		encoded, _, faults := d.table(t, "eaeu/auto-preliminary.v1+kz").Encode(doc, false)
		if len(faults) > 0 || !strings.Contains(string(encoded.Bytes()), "<csdo:EDocDateTime>"+want+"<") {
			t.Errorf("%s: %v want %s\n%s", issued, lines(faults), want, encoded.Bytes())
		}
	}
}

// What an administration asks for beyond the format is a fault at its place, and a
// value that the format cannot carry is never cut.
func TestProfilesRefuseAtThePlace(t *testing.T) {
	d := load(t)
	for _, tc := range []struct {
		golden, path, value string // no value clears the path
		want                string
	}{
		{"eaeu/auto-preliminary.v1/full", "transit.tir.carnet", "XA123456789", "MAP_OVERFLOW transit.tir.carnet"},
		{"eaeu/auto-preliminary.v1+kz/full", "transit.tir.carnet", "XA123456789", "MAP_OVERFLOW transit.tir.carnet"},
		{"eaeu/transit-declaration.v1/full", "transit.tir.carnet", "XA123456789", "MAP_OVERFLOW transit.tir.carnet"},
		{"eaeu/transit-declaration.v1/full", "consignments[0].items[0].documents", "", "MAP_REQUIRED consignments[0].items[0].documents"},
		{"eaeu/auto-preliminary.v1+kz/full", "entryOffice", "", "MAP_REQUIRED entryOffice"},
		{"eaeu/rail-preliminary.v1+kz/full", "entryOffice.code", "", "MAP_REQUIRED entryOffice.code"},
		{"eaeu/auto-preliminary.v1+kz/full", "declarant.ids", "", "MAP_REQUIRED declarant.ids[0].value"},
		{"eaeu/auto-preliminary.v1+ru/full", "declarant.ids", "", "MAP_REQUIRED declarant.ids[0].value"},
		{"eaeu/auto-preliminary.v1+ru/full", "entryOffice.code", "19110", "MAP_TYPE entryOffice.code"},
	} {
		i := strings.LastIndexByte(tc.golden, '/')
		g := golden{tc.golden[:i], tc.golden[i+1:]}
		doc := g.document(t, ".json")
		p, err := document.CompileFor(document.Kind(doc), tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if p.Clear(document.Of(doc)); tc.value != "" {
			if err := p.Set(document.Of(doc), tc.value); err != nil {
				t.Fatal(err)
			}
		}
		_, _, faults := d.table(t, g.table).Encode(doc, false)
		if len(faults) != 1 || string(faults[0].Code)+" "+faults[0].Path != tc.want {
			t.Errorf("%s, %s = %q: %v, want %s", tc.golden, tc.path, tc.value, lines(faults), tc.want)
		}
	}
}

// Every word of a profile can be taken back, so that the row is as the table has it,
// key by key and all at once, or said otherwise, and some document comes out otherwise.
func TestEveryWordOfAProfileMatters(t *testing.T) {
	d := load(t)
	var rows []disturbed
	for _, tab := range d.library.Tables() {
		if tab.Profile() == "" {
			continue
		}
		s, below := d.scenes(t, tab), d.said(t, d.table(t, tab.Base()))
		over := overlays(file(t, profileFile(tab)))
		for _, key := range slices.Sorted(maps.Keys(over)) {
			id, ok := strings.CutPrefix(key, tab.Base()+"#")
			if !ok {
				continue
			}
			one := disturbed{table: tab, row: table.RowInfo{ID: id}}
			if i := slices.IndexFunc(tab.Rows(), func(r table.RowInfo) bool { return r.ID == id }); i >= 0 {
				one.row = tab.Rows()[i]
				for _, way := range s.disturbances(tab, one.row) {
					if said, ok := over[key][way.key]; ok && said != "" {
						one.ways = append(one.ways, way)
					}
				}
			}
			var back []string
			for _, k := range slices.Sorted(maps.Keys(over[key])) {
				if k == "lossy" || k == "note" || k == "drop" {
					continue
				}
				said := k + ": " + quoted(below[id][k], over[key][k])
				back = append(back, said)
				one.ways = append(one.ways, disturbance{k, k + " of the table", "{" + said + "}"})
			}
			if len(back) != 1 {
				one.ways = append(one.ways, disturbance{"", "as the table has it", "{" + strings.Join(back, ", ") + "}"})
			}
			rows = append(rows, one)
		}
	}
	for _, same := range d.same(t, rows) {
		t.Errorf("%s: no document comes out otherwise", same)
	}
}

// quoted writes what a table says of a key, or what stands for nothing beside a
// profile's word.
func quoted(said, over any) string {
	switch v := said.(type) {
	case nil:
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
	switch over.(type) {
	case bool:
		return "false"
	case int:
		return "0"
	}
	return `""`
}

// What a profile says of whole tables matters too.
func TestEveryHeaderOfAProfileMatters(t *testing.T) {
	d := load(t)
	files, err := fs.Glob(mappings.FS, "profiles/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var same []string
	for _, name := range files {
		all := strings.Split(string(must(fs.ReadFile(mappings.FS, name))(t)), "\n")
		for i, line := range all {
			if !header.MatchString(line) {
				continue
			}
			without := strings.Join(slices.Delete(slices.Clone(all), i, i+1), "\n")
			library, err := mapping.Load(d.around(name, without), d.env, d.lists)
			if err != nil { // what it says is asked for; the loader says where
				if !strings.Contains(err.Error(), name+":") {
					t.Errorf("%s:%d: %v", name, i+1, err)
				}
				continue
			}
			if !slices.ContainsFunc(d.library.Tables(), func(table *mapping.Table) bool {
				otherwise, ok := library.Table(table.ID())
				return ok && profileFile(table) == name && slices.ContainsFunc(d.scenes(t, table).examples(table), func(e example) bool {
					return e.said() != e.say(otherwise)
				})
			}) {
				same = append(same, name+" "+strings.TrimSpace(line))
			}
		}
	}
	equivalents(t, "equivalents-headers.txt", same)
}

// header are the lines of a profile with one word each on its tables.
var header = regexp.MustCompile(`^zone: |^zone_of: |^  - \{from: \[|^  [a-z]+: "urn:`)

// around is the data with the tables that profiles are over and one profile changed.
func (d *data) around(file, profile string) fs.FS {
	out := fstest.MapFS{file: {Data: []byte(profile)}}
	for _, table := range d.library.Tables() {
		if base := table.Base() + ".yaml"; table.Profile() != "" && out[base] == nil {
			raw, _ := fs.ReadFile(mappings.FS, base)
			out[base] = &fstest.MapFile{Data: raw}
		}
	}
	return out
}

// changes are what a profile may ask for, taken away or added.
var changes = map[string]func(*customsv1.Document){
	"declarant without numbers": func(d *customsv1.Document) { declarant(d).Ids = nil },
	"declarant also a person": func(d *customsv1.Document) {
		declarant(d).Ids = append(declarant(d).Ids, &customsv1.PartyId{Scheme: "IIN", Value: "240140000011"})
	},
	"without office of entry": func(d *customsv1.Document) {
		if n := d.GetPreArrivalNotice(); n != nil {
			n.EntryOffice, n.EntryPlace = nil, nil
		}
	},
	"office of entry in another zone": func(d *customsv1.Document) {
		if n := d.GetPreArrivalNotice(); n != nil && n.EntryOffice != nil {
			n.EntryOffice.Administration, n.EntryOffice.Code = "RU", "10702030"
		}
	},
	"office of entry in an unknown zone": func(d *customsv1.Document) {
		if n := d.GetPreArrivalNotice(); n != nil && n.EntryOffice != nil {
			n.EntryOffice.Administration, n.EntryOffice.Code = "RU", "10508010"
		}
	},
	"office of entry without code": func(d *customsv1.Document) {
		if n := d.GetPreArrivalNotice(); n != nil && n.EntryOffice != nil {
			n.EntryOffice.Code = ""
		}
	},
}

func declarant(d *customsv1.Document) *customsv1.Party {
	if n := d.GetPreArrivalNotice(); n != nil {
		return n.Declarant
	}
	return d.GetTransitDeclaration().Declarant
}

// A truck from Khorgos: the Chinese messages, joined and released by the route, arrive
// as Kazakhstan reads pre-arrival information.
func TestKazakhstanIsToldWhatComes(t *testing.T) {
	d := load(t)
	routes, err := release.Load(mappings.FS, d.library)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := validate.Load(mappings.FS, d.env, d.lists)
	if err != nil {
		t.Fatal(err)
	}
	route, ok := routes.Route("cn-kz-pre-arrival-notice")
	if !ok {
		t.Fatal("no route")
	}
	parts := crossing(t)
	parts["manifest"].GetManifest().Office.Code = "9402"
	parts["vehicle"].GetVehicleReport().Office.Code = "9402"
	j, _ := d.library.Join(route.Recipe)
	joined := j.Run(parts, messageID)
	if len(joined.Faults) > 0 {
		t.Fatal(lines(joined.Faults))
	}
	passed, faults := rules.Check(joined.Document, validate.Scope{Own: "CN", Partner: "KZ", At: time.Date(2026, 3, 9, 10, 0, 0, 0, time.UTC)})
	if faults.Refuse() {
		t.Fatal(lines(faults))
	}
	released, faults := route.Release(passed)
	if faults.Refuse() {
		t.Fatal(lines(faults))
	}
	table := d.table(t, route.Table)
	encoded, _, faults := table.Encode(released.Document(), false)
	if len(faults) > 0 {
		t.Fatal(lines(faults))
	}
	if back := d.read(t, table, encoded.Bytes()); len(back.Faults) > 0 || len(back.Unread) > 0 {
		t.Errorf("%v %v", lines(back.Faults), back.Unread)
	}
	compare(t, "testdata/join/road-export-kz.xml", string(encoded.Bytes()))
}
