package mappings_test

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
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
		if p.Clear(doc.ProtoReflect()); tc.value != "" {
			if err := p.Set(doc.ProtoReflect(), tc.value); err != nil {
				t.Fatal(err)
			}
		}
		_, _, faults := d.table(t, g.table).Encode(doc, false)
		if len(faults) != 1 || string(faults[0].Code)+" "+faults[0].Path != tc.want {
			t.Errorf("%s, %s = %q: %v, want %s", tc.golden, tc.path, tc.value, lines(faults), tc.want)
		}
	}
}

// Without a profile's word on a row, some document comes out otherwise. With -short
// only every tenth is tried.
func TestEveryOverlayIsNeeded(t *testing.T) {
	d := load(t)
	step := 1
	if testing.Short() {
		step = 10
	}
	files, err := fs.Glob(mappings.FS, "profiles/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tries sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, file := range files {
		raw, err := fs.ReadFile(mappings.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(string(raw), "\n")
		tried := 0
		for i, line := range all {
			overlaid := overlay.FindStringSubmatch(line)
			if overlaid == nil {
				continue
			}
			if tried++; tried%step != 0 {
				continue
			}
			profile := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".yaml"), ".v1")
			table := d.table(t, overlaid[1]+"+"+profile)
			e := d.overlaid(t, table)
			turn <- struct{}{}
			tries.Go(func() {
				defer func() { <-turn }()
				without := strings.Join(slices.Delete(slices.Clone(all), i, i+1), "\n")
				library, err := mapping.Load(d.around(file, without), d.env, d.lists)
				if err != nil {
					return // the profile does not stand without it
				}
				if shorter, _ := library.Table(table.ID()); !e.differs(shorter, slices.Collect(e.say(table))) {
					t.Errorf("%s:%d: row %s can stay as the table has it and no golden notices", file, i+1, overlaid[2])
				}
			})
		}
	}
	tries.Wait()
}

var overlay = regexp.MustCompile(`^  ([a-z/.-]+v[0-9]+)#(R[0-9]+):`)

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

// overlaid are the examples of a profile's table and of the table below it, each also
// with what a profile may ask for taken away or added.
func (d *data) overlaid(t testing.TB, table *mapping.Table) examples {
	e := d.examples(t, table)
	below := d.examples(t, d.table(t, table.Base()))
	e.trees = append(e.trees, below.trees...)
	for _, doc := range slices.Concat(e.documents, below.documents) {
		e.documents = append(e.documents, doc)
		for _, change := range slices.Sorted(maps.Keys(changes)) {
			changed := proto.CloneOf(doc)
			changes[change](changed)
			e.documents = append(e.documents, changed)
		}
	}
	return e
}

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
