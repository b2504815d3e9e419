package recipe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

const roadNotice = `
split: ru/road-notice
version: 1
document: PreArrivalNotice
limit: {list: transport.vehicles, max: 3}
rows:
  - {id: S01, to: envelope.documentId, from: gateway.messageId, use: uuid}
  - {id: S02, to: remarks, only: first}
answers:
  - {outcome: refused, when: "results.exists(r, r.code == '2')", of: any}
  - {outcome: registered, when: "registration.number != ''", of: all}
`

const checklist = `
split: mn/checklist
version: 1
document: Manifest
limit: {list: consignments.items, max: 14}
rows:
  - {id: S01, to: batch, use: "suffix(-)"}
  - {id: S02, to: consignments.items.sequence, ordinal: true}
  - {id: S03, to: totals.items, count: consignments.items}
  - {id: S04, to: totals.grossMass.kilograms, sum: consignments.items.grossMass.kilograms}
  - {id: S05, to: totals.packages, count: consignments.items}
  - {id: S06, to: loadUnits, by: id, in: [consignments.loadUnits]}
  - {id: S07, to: remarks, only: last}
  - {id: S08, to: direction, const: EXPORT}
`

func splitOf(t testing.TB, text string) *Split {
	t.Helper()
	l, err := load(t, map[string]string{"split/some.v1.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	return l.Splits()[0]
}

func TestOneWaybillOnTwelveVehiclesIsFourNotices(t *testing.T) {
	var vehicles []string
	for i := range 12 {
		vehicles = append(vehicles, fmt.Sprintf(`{"registration": "A%d"}`, i))
	}
	d := parse(t, `{"envelope": {"documentId": "X"}, "preArrivalNotice": {"batch": "B7", "remarks": [{"language": "en", "value": "x"}], "transport": {"mode": "3", "vehicles": [`+
		strings.Join(vehicles, ",")+`]}, "consignments": [{"transportDocument": {"id": "W1"}, "items": [{}, {}]}]}}`)
	before := document.Digest(d)
	s := splitOf(t, roadNotice)
	got := s.Run(d, "m-1")
	if len(got.Faults) > 0 || len(got.Parts) != 4 {
		t.Fatalf("%v, %d parts", said(got.Faults), len(got.Parts))
	}
	ids := map[string]bool{}
	for i, part := range got.Parts {
		n := part.GetPreArrivalNotice()
		first := n.Transport.Vehicles[0].Registration
		if len(n.Transport.Vehicles) != 3 || first != fmt.Sprintf("A%d", 3*i) || n.Transport.Mode != "3" || len(n.Consignments[0].Items) != 2 || (len(n.Remarks) == 1) != (i == 0) {
			t.Errorf("part %d: %s", i, marshal(part))
		}
		ids[part.Envelope.DocumentId] = true
		if at := got.Origin(i, "transport.vehicles[1].registration"); at != fmt.Sprintf("transport.vehicles[%d].registration", 3*i+1) {
			t.Errorf("part %d: vehicle 1 was %s", i, at)
		}
	}
	if len(ids) != 4 || len(got.Parts[0].Envelope.DocumentId) != len("00000000-0000-8000-8000-000000000000") {
		t.Errorf("ids %v", ids)
	}
	again := s.Run(d, "m-1")
	if document.Digest(d) != before || document.Digest(again.Parts[3]) != document.Digest(got.Parts[3]) || got.Origin(2, "batch") != "batch" {
		t.Error("the split changed the whole, or comes out otherwise the second time")
	}
	one := s.Run(got.Parts[1], "m-2")
	if len(one.Parts) != 1 || document.Digest(one.Parts[0]) != document.Digest(got.Parts[1]) || one.Origin(0, "batch") != "batch" {
		t.Error("what fits is changed")
	}
	if errorf := s.Run(parse(t, `{"answer": {}}`), "m"); len(errorf.Faults) != 1 || errorf.Faults[0].Code != gateway.MapKind {
		t.Error(said(errorf.Faults))
	}
}

// Whatever order of vehicles comes, none is parted from the one that begins its group, and
// what a list of texts names goes with the part that has it, or with all.
func TestGroupsAreNotParted(t *testing.T) {
	loaded := splitOf(t, strings.Replace(roadNotice, "max: 3}", `max: 1, starts: "role == 'TRACTOR'"}`, 1))
	units := splitOf(t, strings.Replace(strings.Replace(roadNotice, "max: 3}", `max: 1, starts: "role == 'TRACTOR'"}`, 1), "only: first}", `only: first}
  - {id: S03, to: loadUnits, when: "document.preArrivalNotice.transport.vehicles.exists(v, v.registration == id)"}
  - {id: S04, to: consignments.items.loadUnits, in: [loadUnits.id]}
  - {id: S05, to: transport.containerised, const: "false", when: "transport.vehicles.exists(v, v.registration == 'B')"}`, 1))
	rapid.Check(t, func(r *rapid.T) {
		s := *loaded
		s.max = rapid.IntRange(1, 3).Draw(r, "max")
		roles := rapid.SliceOfN(rapid.SampledFrom([]customsv1.VehicleRole{customsv1.VehicleRole_TRACTOR, customsv1.VehicleRole_TRAILER, 0}), 1, 12).Draw(r, "roles")
		n := &customsv1.PreArrivalNotice{Transport: &customsv1.Transport{}}
		for i, role := range roles {
			n.Transport.Vehicles = append(n.Transport.Vehicles, &customsv1.Vehicle{Role: role, Registration: fmt.Sprint("A", i)})
		}
		d := &customsv1.Document{Kind: &customsv1.Document_PreArrivalNotice{PreArrivalNotice: n}}
		at, tractors := 0, 0
		got := s.Run(d, "m")
		begins := 0
		for _, role := range roles {
			if role == customsv1.VehicleRole_TRACTOR {
				begins++
			}
		}
		if begins > 1 && roles[0] != customsv1.VehicleRole_TRACTOR {
			if len(got.Faults) != 1 || got.Faults[0].Code != gateway.SplitStart || !strings.HasPrefix(got.Faults[0].Path, "transport.vehicles[0]") {
				r.Fatalf("vehicles before the first tractor: %v", said(got.Faults))
			}
			return
		}
		for i, part := range got.Parts {
			begun := 0
			for j, v := range part.GetPreArrivalNotice().Transport.Vehicles {
				if v.Registration != fmt.Sprint("A", at) {
					r.Fatalf("part %d: vehicle %d is %s, want A%d", i, j, v.Registration, at)
				}
				if v.Role == customsv1.VehicleRole_TRACTOR {
					begun++
				} else if i > 0 && j == 0 {
					r.Fatalf("part %d begins with a vehicle that begins no group", i)
				}
				at++
			}
			if tractors += begun; begun > s.max {
				r.Fatalf("part %d has %d groups", i, begun)
			}
		}
		if at != len(roles) {
			r.Fatalf("%d of %d vehicles are in a part", at, len(roles))
		}
	})
	// C is of no vehicle of the convoy, X is described nowhere: both stay in every part.
	d := parse(t, `{"preArrivalNotice": {"transport": {"containerised": true, "vehicles": [{"role": "TRACTOR", "registration": "A"}, {"role": "TRACTOR", "registration": "B"}]},
	"loadUnits": [{"id": "A"}, {"id": "C", "seals": [{"id": "S"}]}, {"id": "B"}], "consignments": [{"items": [{"loadUnits": ["A", "X", "B", "C"]}]}]}}`)
	got := units.Run(d, "m")
	for i, want := range []string{"A C: A X C true", "C B: X B C false"} {
		n := got.Parts[i].GetPreArrivalNotice()
		have := n.LoadUnits[0].Id + " " + n.LoadUnits[1].Id + ": " + strings.Join(n.Consignments[0].Items[0].LoadUnits, " ") + fmt.Sprint(" ", n.Transport.GetContainerised())
		if have != want {
			t.Errorf("part %d: %s, want %s", i, have, want)
		}
	}
	for path, want := range map[string]string{
		"consignments[0].items[0].loadUnits[1]": "consignments[0].items[0].loadUnits[2]", "consignments[0].items[0].loadUnits[0]": "consignments[0].items[0].loadUnits[1]",
		"loadUnits[0].seals[0].id": "loadUnits[1].seals[0].id", "loadUnits[1].id": "loadUnits[2].id",
	} {
		if at := got.Origin(1, path); at != want {
			t.Errorf("%s was %s, want %s", path, at, want)
		}
	}
}

// An element that moves takes what is known of its inside along.
func TestOriginsMoveWithTheirElements(t *testing.T) {
	s := splitOf(t, strings.Replace(roadNotice, "only: first}", `only: first}
  - {id: S03, to: consignments.loadUnits, in: [transport.vehicles.registration]}
  - {id: S04, to: loadUnits, when: "document.preArrivalNotice.transport.vehicles.exists(v, v.registration == id)"}
  - {id: S05, to: consignments, when: "transportDocument.id == document.preArrivalNotice.transport.vehicles[0].registration"}`, 1))
	s.max = 1
	d := parse(t, `{"preArrivalNotice": {"transport": {"vehicles": [{"registration": "A"}, {"registration": "B"}]}, "loadUnits": [{"id": "A"}, {"id": "B"}],
	"consignments": [{"transportDocument": {"id": "A"}, "loadUnits": ["B", "A"]}, {"transportDocument": {"id": "B"}, "loadUnits": ["A", "X", "B"]}]}}`)
	got := s.Run(d, "m")
	for i, want := range []string{"A", "X B"} {
		units := got.Parts[i].GetPreArrivalNotice().Consignments[0].LoadUnits
		if strings.Join(units, " ") != want {
			t.Errorf("part %d holds %v, want %s", i, units, want)
		}
		for n, unit := range units {
			at := got.Origin(i, fmt.Sprintf("consignments[0].loadUnits[%d]", n))
			path, err := document.CompileFor("PreArrivalNotice", at)
			if err != nil {
				t.Fatal(err)
			}
			if was, _ := path.Get(document.Of(d)); was != unit {
				t.Errorf("part %d: %s comes from %s, which is %q", i, unit, at, was)
			}
		}
	}
}

// A small document of many parts is refused before it becomes gigabytes.
func TestSplitRepeatsWithinReason(t *testing.T) {
	n := &customsv1.PreArrivalNotice{Transport: &customsv1.Transport{}, Consignments: []*customsv1.Consignment{{Ucr: strings.Repeat("u", 35)}}}
	for i := range 600 {
		n.Transport.Vehicles = append(n.Transport.Vehicles, &customsv1.Vehicle{Registration: fmt.Sprint("A", i)})
		n.Consignments = append(n.Consignments, &customsv1.Consignment{Ucr: strings.Repeat("u", 35)})
	}
	d := &customsv1.Document{Kind: &customsv1.Document_PreArrivalNotice{PreArrivalNotice: n}}
	got := splitOf(t, roadNotice).Run(d, "m")
	if len(got.Faults) != 1 || got.Faults[0].Code != gateway.SplitRepeats || got.Parts != nil {
		t.Errorf("%v, %d parts", said(got.Faults), len(got.Parts))
	}
	// What holds the elements that are dealt out comes again too.
	long := manifestOf(t, 16_000)
	for i := range 9_999 {
		c := long.GetManifest().Consignments[0]
		c.LoadUnits = append(c.LoadUnits, fmt.Sprint("U", i))
	}
	if got := splitOf(t, checklist).Run(long, "m"); len(got.Faults) != 1 || got.Faults[0].Code != gateway.SplitRepeats {
		t.Errorf("%v, %d parts", said(got.Faults), len(got.Parts))
	}
}

// manifestOf returns a manifest of consignments with so many items each.
func manifestOf(t testing.TB, items ...int) *customsv1.Document {
	d := parse(t, `{"manifest": {"batch": "B7", "totals": {"items": "1", "grossMass": {"kilograms": "1"}}, "remarks": [{"language": "en", "value": "x"}],
	"loadUnits": [{"id": "U0"}, {"id": "U1"}, {"id": "U2"}]}}`)
	m := d.GetManifest()
	line := uint32(0)
	for i, n := range items {
		c := &customsv1.Consignment{Ucr: fmt.Sprint("C", i), LoadUnits: []string{fmt.Sprint("U", i)}}
		for range n {
			line++
			c.Items = append(c.Items, &customsv1.GoodsItem{Sequence: &line, Ucr: fmt.Sprint("I", line), GrossMass: &customsv1.Weight{Kilograms: &customsv1.Decimal{Value: "1.5"}}})
		}
		m.Consignments = append(m.Consignments, c)
	}
	return d
}

func TestFortyFiveLinesAreFourChecklists(t *testing.T) {
	got := splitOf(t, checklist).Run(manifestOf(t, 20, 0, 25), "m-1")
	if len(got.Faults) > 0 {
		t.Fatal(said(got.Faults))
	}
	var parts []string
	for i, part := range got.Parts {
		m := part.GetManifest()
		var text strings.Builder
		fmt.Fprintf(&text, "%s %d %s %s", m.Batch, m.Totals.GetItems(), m.Totals.GrossMass.Kilograms.Value, m.Direction)
		for j, c := range m.Consignments {
			fmt.Fprintf(&text, " %s:%d", c.Ucr, len(c.Items))
			for k, item := range c.Items {
				if item.GetSequence() != uint32(k+1) {
					t.Errorf("part %d: consignments[%d].items[%d] has the number %d", i, j, k, item.GetSequence())
				}
			}
		}
		for _, u := range m.LoadUnits {
			text.WriteString(" " + u.Id)
		}
		if m.Totals.Packages != nil || (len(m.Remarks) == 1) != (i == 3) {
			t.Errorf("part %d: %s", i, marshal(part))
		}
		parts = append(parts, text.String())
	}
	want := []string{
		"B7-1 14 21 EXPORT C0:14 U0",
		"B7-2 14 21 EXPORT C0:6 C1:0 C2:8 U0 U1 U2",
		"B7-3 14 21 EXPORT C2:14 U2",
		"B7-4 3 4.5 EXPORT C2:3 U2",
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"consignments[0].items[2].grossMass": "consignments[2].items[24].grossMass", "consignments[0].ucr": "consignments[2].ucr",
		"loadUnits[0].id": "loadUnits[2].id", "totals.items": "totals.items",
	} {
		if at := got.Origin(3, path); at != want {
			t.Errorf("%s was %s, want %s", path, at, want)
		}
	}
}

func TestWholeConsignmentsStayTogether(t *testing.T) {
	s := splitOf(t, strings.Replace(checklist, "max: 14", "max: 14, whole: true", 1))
	var got []string
	for _, part := range s.Run(manifestOf(t, 10, 5, 9, 14, 1, 0), "m").Parts {
		text := ""
		for _, c := range part.GetManifest().Consignments {
			text += fmt.Sprintf("%s:%d ", c.Ucr, len(c.Items))
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"C0:10 ", "C1:5 C2:9 ", "C3:14 ", "C4:1 C5:0 "}, got); diff != "" {
		t.Error(diff)
	}
	over := s.Run(manifestOf(t, 1, 15), "m")
	if diff := cmp.Diff([]string{"SPLIT_WHOLE consignments[1]  15|14"}, said(over.Faults)); diff != "" || over.Parts != nil {
		t.Error(diff)
	}
}

// Every item is in exactly one part, in order, and no part holds too many.
func TestSplitLosesNothing(t *testing.T) {
	loaded := splitOf(t, checklist)
	rapid.Check(t, func(r *rapid.T) {
		s := *loaded
		s.max = rapid.IntRange(1, 9).Draw(r, "max")
		d := manifestOf(t, rapid.SliceOfN(rapid.IntRange(0, 20), 0, 8).Draw(r, "items")...)
		got := s.Run(d, "m")
		var want, have []string
		for _, c := range d.GetManifest().Consignments {
			want = append(want, c.Ucr)
			for _, item := range c.Items {
				want = append(want, item.Ucr)
			}
		}
		for i, part := range got.Parts {
			n := 0
			for j, c := range part.GetManifest().Consignments {
				if len(have) == 0 || got.Origin(i, fmt.Sprintf("consignments[%d].items[0]", j)) == got.Origin(i, fmt.Sprintf("consignments[%d]", j))+".items[0]" {
					have = append(have, c.Ucr)
				}
				for _, item := range c.Items {
					have = append(have, item.Ucr)
				}
				n += len(c.Items)
			}
			if n > s.max {
				r.Fatalf("part %d holds %d of at most %d", i, n, s.max)
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			r.Fatal(diff)
		}
	})
}

func TestAnswersOfPartsBecomeOne(t *testing.T) {
	s := splitOf(t, roadNotice)
	registered := func(n string) *customsv1.Answer {
		return &customsv1.Answer{Registration: &customsv1.RegistrationNumber{Number: n}, Results: []*customsv1.AnswerResult{{Code: "1"}, {Code: "1", Reference: n}}}
	}
	refused := &customsv1.Answer{Status: "no", Results: []*customsv1.AnswerResult{{Code: "2"}}}
	if got := s.Merge([]*customsv1.Answer{registered("N1"), nil}); got != nil {
		t.Errorf("half the answers make %v", got)
	}
	if got := s.Merge(nil); got != nil {
		t.Errorf("no answers make %v", got)
	}
	if got := s.Merge([]*customsv1.Answer{nil, registered("N1"), refused}); got.GetStatus() != "no" || len(got.Results) != 1 {
		t.Errorf("one refusal makes %v", got)
	}
	first := registered("N1")
	got := s.Merge([]*customsv1.Answer{first, registered("N2")})
	if got.GetRegistration().GetNumber() != "N1" || len(got.Results) != 3 || len(first.Results) != 2 {
		t.Errorf("two registrations make %v", got)
	}
}

func TestLoadSaysEveryMistakeOfSplits(t *testing.T) {
	_, err := load(t, map[string]string{"split/some.v2.yaml": `split: ru/x
version: 1
document: Manifest
limit: {list: totals, max: 0, whole: true}
rows:
  - {id: S01, to: batch, use: "prefix(x)"}
  - {id: S01, to: totals, use: uuid, from: batch}
  - {id: S02, to: direction, const: SIDEWAYS}
  - {id: S03, to: totals.items, count: office}
  - {id: S04, to: batch, sum: office.code}
  - {id: S05, to: batch, ordinal: true}
  - {id: S06, to: remarks, only: middle}
  - {id: S07, to: consignments.items, when: "true"}
  - {id: S08, to: loadUnits, when: "id > 3"}
  - {id: S09, to: batch}
  - {id: S10, to: bach, only: first}
  - {id: S11, to: totals.items, sum: office.code}
  - {id: S12, to: loadUnits, by: seals, in: [consignments]}
  - {id: S13, to: remarks, only: first, by: language}
  - {id: S14, to: loadUnits, by: id, in: []}
answers:
  - {outcome: refused, when: "results > 3", of: some}
`, "split/other.v1.yaml": strings.Replace(checklist, "loadUnits, by", "consignments, by", 1) + "extra: 1\n",
		"split/third.v1.yaml":  "split: x/y\nversion: 1\ndocument: Letter\n",
		"split/fourth.v1.yaml": "split: x/z\nversion: 1\ndocument: Manifest\nlimit:\n  list: consignments.items\n  max: -1\n  whole: true\n  starts: \"ucr > 3\"\n"})
	if err == nil {
		t.Fatal("splits full of mistakes were loaded")
	}
	text := err.Error()
	for _, want := range []string{
		"split/some.v2.yaml:1: this is ru/x.v1, expected a name, and the version that the file says",
		"split/some.v2.yaml:4: max 0, expected a number from 1",
		`split/some.v2.yaml:4: limit "totals", expected a list of messages`,
		"split/some.v2.yaml:4: whole, and totals is in no other list",
		`:6: row S01: use "prefix(x)", expected suffix(x) or uuid`,
		`:7: row S01: id "S01", expected one that is unique`,
		`:7: row S01: from "batch", expected gateway.messageId`,
		`:7: row S01: use for totals, expected a single string`,
		`:8: row S02: const "SIDEWAYS" for direction`,
		`:9: row S03: count office, expected a list`,
		`:10: row S04: total batch, expected a single number`,
		`:11: row S05: `,
		`:12: row S06: only "middle", expected first or last`,
		`:13: row S07: when or in for consignments.items, expected a list of messages of the document itself`,
		`:14: row S08: condition "id > 3"`,
		`:15: row S09: has 0 of use, const`,
		`:16: row S10: path "bach"`,
		`:17: row S11: sum office.code, expected a number`,
		`:18: row S12: in by "seals", expected a value of the elements of loadUnits`,
		`:18: row S12: in consignments, expected values`,
		`:19: row S13: by without in`,
		`:20: row S14: in nothing, expected the values`,
		`:22: outcome refused of "some", expected any or all`,
		`:22: outcome refused: condition "results > 3"`,
		`split/other.v1.yaml:12: row S06: when or in for consignments, which the limit deals out`,
		`split/other.v1.yaml:15: unknown key "extra"`,
		`split/third.v1.yaml:3: unknown kind "Letter"`,
		`split/fourth.v1.yaml:6: max -1, expected a number from 1`,
		`split/fourth.v1.yaml:8: starts and whole, expected one`,
		`split/fourth.v1.yaml:8: starts: condition "ucr > 3"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: not said", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
