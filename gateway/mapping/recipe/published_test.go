package recipe_test

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/mappings"
)

// published loads the published splits alone.
func published(t *testing.T) *mapping.Library {
	t.Helper()
	fsys := fstest.MapFS{}
	files, err := fs.Glob(mappings.FS, "split/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := fs.ReadFile(mappings.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		fsys[file] = &fstest.MapFile{Data: raw}
	}
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	l, err := mapping.Load(fsys, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadUnitsGoWithTheirVehicles(t *testing.T) {
	s, ok := published(t).Split("ru/road-notice.v1")
	if !ok {
		t.Fatal("no split ru/road-notice.v1")
	}
	n := &customsv1.PreArrivalNotice{Transport: &customsv1.Transport{}}
	for i := range 8 {
		at, role := fmt.Sprint("A", i), customsv1.VehicleRole_TRACTOR
		if i%2 == 1 {
			role = customsv1.VehicleRole_TRAILER
		}
		n.Transport.Vehicles = append(n.Transport.Vehicles, &customsv1.Vehicle{Registration: at, Role: role})
		n.LoadUnits = append(n.LoadUnits, &customsv1.LoadUnit{Id: fmt.Sprint("U", i), Assignments: []*customsv1.Assignment{{Vehicle: "B"}, {Vehicle: at}}})
	}
	n.LoadUnits = append(n.LoadUnits, &customsv1.LoadUnit{Id: "U"})
	got := s.Run(&customsv1.Document{Kind: &customsv1.Document_PreArrivalNotice{PreArrivalNotice: n}}, "m-1")
	if len(got.Parts) != 4 || len(got.Faults) > 0 {
		t.Fatalf("%d parts, %v", len(got.Parts), got.Faults)
	}
	for i, part := range got.Parts {
		units := part.GetPreArrivalNotice().LoadUnits
		if len(units) != 3 || units[0].Id != fmt.Sprint("U", 2*i) || units[2].Id != "U" || got.Origin(i, "loadUnits[1].id") != fmt.Sprintf("loadUnits[%d].id", 2*i+1) {
			t.Errorf("part %d: %v", i, units)
		}
	}
	registered := &customsv1.Answer{Registration: &customsv1.RegistrationNumber{Number: "1"}, Results: []*customsv1.AnswerResult{{Code: "1"}}}
	refused := &customsv1.Answer{Results: []*customsv1.AnswerResult{{Code: "9"}}}
	if a := s.Merge([]*customsv1.Answer{registered, registered, registered, registered}); a.GetRegistration().GetNumber() != "1" {
		t.Errorf("four registrations make %v", a)
	}
	if a := s.Merge([]*customsv1.Answer{registered, nil, refused, nil}); a.GetRegistration() != nil || a.GetResults()[0].GetCode() != "9" {
		t.Errorf("a refusal makes %v", a)
	}
}

func TestLinesBeyondFourteenAreAnotherChecklist(t *testing.T) {
	s, ok := published(t).Split("mn/load-checklist.v1")
	if !ok {
		t.Fatal("no split mn/load-checklist.v1")
	}
	m := &customsv1.Manifest{Totals: &customsv1.Totals{Packages: new(uint64)}, Consignments: []*customsv1.Consignment{{}}}
	for range 45 {
		n := uint64(2)
		m.Consignments[0].Items = append(m.Consignments[0].Items, &customsv1.GoodsItem{Packages: []*customsv1.Packaging{{Quantity: &n}}})
	}
	got := s.Run(&customsv1.Document{Envelope: &customsv1.Envelope{DocumentId: "C26070500001"}, Kind: &customsv1.Document_Manifest{Manifest: m}}, "m-1")
	for i, want := range []int{14, 14, 14, 3} {
		part := got.Parts[i]
		if n := part.GetManifest(); len(n.Consignments[0].Items) != want || n.Totals.GetPackages() != uint64(2*want) || part.Envelope.DocumentId != fmt.Sprint("C26070500001-", i+1) {
			t.Errorf("part %d: %v", i, part)
		}
	}
}
