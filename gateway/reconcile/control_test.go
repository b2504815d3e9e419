package reconcile

import (
	"fmt"
	"testing"
	"time"

	customsv1 "customs.example/gateway/api/customs/v1"
)

const controlled = `{"envelope":{"documentId":"C-1"},"inspectionResult":{"subject":{"id":%q},"office":{"administration":"CN","code":"9402"},"at":"2026-03-02T10:00:00+08:00","control":"XRAY","outcome":"CONFORM"}}`

// TestAControlIsFoundByWhateverItNames: it is matched with what was announced before it, and what is
// announced after it with the control, by the same names; by another by neither.
func TestAControlIsFoundByWhateverItNames(t *testing.T) {
	announced := notice(t, `"batch":"B-1","entryOffice":{"administration":"KZ","code":"39899001"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"新F12345"}]},
		"loadUnits":[{"id":"ABCU1234560","seals":[{"id":"M/CN17"}]}],"consignments":[{"transportDocument":{"id":"WB-7"}}]`)
	announced.Envelope = &customsv1.Envelope{DocumentId: "D-77"}
	at := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	window := Window{Before: 72 * time.Hour, After: 36 * time.Hour}
	m := attach(t, Movement{ID: "m"}, tolerances(t), message{"m1", announced})
	m.Announced[0].Expected = at.Add(50 * time.Hour) // days after the control
	for subject, found := range map[string]bool{
		"D-77": true, "d77": true, "B-1": true, "WB-7": true, "ABCU1234560": true, "abcu 123456-0": true, "CN17": true, "M/CN17": true, "新F12345": true, "XINF12345": true, "F12345": true,
		"D-78": false, "B-2": false, "ABCU1234561": false, "新F12346": false, "京F12345": false, "CN18": false,
	} {
		control := parse(t, fmt.Sprintf(controlled, subject))
		from := Origin{Message: "c1", Sender: "CN", To: "KZ"}
		if got := Match(control, from, at, []Movement{m}, window).Movement() == "m"; got != found {
			t.Errorf("a control of %s after the notice is found: %v", subject, got)
		}
		alone := attach(t, Movement{ID: "c"}, tolerances(t), message{"c1", control})
		if alone.State() != StateControlled || !alone.OnlyControlled() {
			t.Errorf("a control of %s alone is %s", subject, alone.State())
		}
		kept := make(map[Identifier]bool)
		for _, id := range alone.Indexed() {
			kept[Identifier{Kind: id.Kind, Folded: id.Folded}] = true
		}
		sought := false
		for _, id := range ControlsSought(announced, Origin{}) {
			sought = sought || kept[Identifier{Kind: id.Kind, Folded: id.Folded}]
		}
		after := Window{Before: window.After, After: window.Before}
		if got := sought && alone.ControlsOf(announced, Origin{}, at.Add(50*time.Hour), after); got != found {
			t.Errorf("a control of %s before the notice is found: %v", subject, got)
		}
	}
	// What names a document or a batch is of it whenever that comes; what names a thing that comes
	// again only within the window.
	for subject, found := range map[string]bool{"D-77": true, "B-1": true, "WB-7": true, "ABCU1234560": false, "CN17": false, "新F12345": false} {
		if got := Match(parse(t, fmt.Sprintf(controlled, subject)), Origin{}, at.Add(-60*24*time.Hour), []Movement{m}, window).Movement() == "m"; got != found {
			t.Errorf("a control of %s two months before is found: %v", subject, got)
		}
	}
}

// TestAControlAloneBringsNobodyIn: what a partner tells of a control at an office of others puts no
// office on the route, and a control that is taken back leaves nothing to wait for.
func TestAControlAloneBringsNobodyIn(t *testing.T) {
	control := parse(t, fmt.Sprintf(controlled, "ABCU1234560"))
	m, err := Attach(Movement{ID: "m"}, control, Origin{Message: "c1", Sender: "KZ", To: "CN"}, tolerances(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Route()) > 0 || m.Concerns("CN") || !m.Concerns("KZ") || !m.ControlledBy("KZ") || m.ControlledBy("CN") || m.ControlledBy("") {
		t.Errorf("KZ has put %v on the route", m.Route())
	}
	back := parse(t, fmt.Sprintf(controlled, "ABCU1234560"))
	back.Envelope = &customsv1.Envelope{DocumentId: "C-2", Function: customsv1.FunctionCode_CANCELLATION, References: []*customsv1.Reference{{Kind: customsv1.ReferenceKind_CHANGED, Id: "C-1"}}}
	if m, err = Attach(m, back, Origin{Message: "c2", Sender: "KZ", To: "CN"}, tolerances(t)); err != nil {
		t.Fatal(err)
	}
	if m.State() != StateTakenBack || len(m.Controls()) > 0 || len(m.Inspections) != 2 {
		t.Errorf("taken back, it is %s with %d controls", m.State(), len(m.Controls()))
	}
}
