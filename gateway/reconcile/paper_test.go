package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/reconcile"
)

// What is handled on paper is waited for no more, and may arrive nevertheless; what is announced beside it
// is waited for as ever.
func TestHandledOnPaper(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	announce := func(m reconcile.Movement, id, waybill string) reconcile.Movement {
		t.Helper()
		d := &customsv1.Document{Envelope: &customsv1.Envelope{DocumentId: "D" + id}, Kind: &customsv1.Document_Manifest{Manifest: &customsv1.Manifest{
			Batch: "B1", Consignments: []*customsv1.Consignment{{TransportDocument: &customsv1.DocumentReference{Id: waybill}}},
		}}}
		m, err := reconcile.Attach(m, d, reconcile.Origin{Message: gateway.MessageID(id), Sender: "CN", Received: at, Expected: at.Add(time.Hour)}, reconcile.Tolerances{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	paper := reconcile.Paper{At: at, Office: "0603", Caller: "customs://RU/office/1/post/1", Page: "7", Reason: "no line all night"}
	one := announce(reconcile.Movement{ID: "m"}, "1", "W1")
	if _, _, ok := reconcile.HandleOnPaper(one, "2", paper); ok {
		t.Error("what nobody announced is handled on paper")
	}
	if _, _, ok := reconcile.HandleOnPaper(reconcile.Movement{}, "", paper); ok {
		t.Error("nothing is handled on paper")
	}
	done, changed, ok := reconcile.HandleOnPaper(one, "", paper)
	if !changed || !ok || done.State() != reconcile.StateOnPaper || !done.OnPaper() || one.OnPaper() {
		t.Errorf("it is %s, %v, %v; before %v", done.State(), changed, ok, one.OnPaper())
	}
	later := paper
	later.Reason = "said again"
	if again, changed, ok := reconcile.HandleOnPaper(done, "1", later); changed || !ok || again.Announced[0].Paper.Reason != paper.Reason {
		t.Errorf("said again it changes: %v, %v", changed, ok)
	}
	two := announce(done, "2", "W2")
	if two.OnPaper() || two.State() != reconcile.StateAnnounced {
		t.Errorf("with another announcement it is %s", two.State())
	}
	if both, _, _ := reconcile.HandleOnPaper(two, "2", paper); both.State() != reconcile.StateOnPaper {
		t.Errorf("both are %s", both.State())
	}
	// What changes it, and what changes that, begins no announcement of its own; what changes another does.
	versions := done
	for i, of := range []string{"D1", "D3-0"} {
		change := &customsv1.Document{
			Envelope: &customsv1.Envelope{DocumentId: fmt.Sprintf("D3-%d", i), References: []*customsv1.Reference{{Id: of, Kind: customsv1.ReferenceKind_CHANGED}}},
			Kind:     &customsv1.Document_Manifest{Manifest: &customsv1.Manifest{Batch: "B1", Consignments: []*customsv1.Consignment{{TransportDocument: &customsv1.DocumentReference{Id: "W3"}}}}},
		}
		var err error
		from := reconcile.Origin{Message: gateway.MessageID(fmt.Sprintf("3-%d", i)), Sender: "CN", Received: at, Expected: at.Add(time.Hour)}
		if versions, err = reconcile.Attach(versions, change, from, reconcile.Tolerances{}); err != nil {
			t.Fatal(err)
		}
		if n := len(versions.Counting()); n != 1 || !versions.OnPaper() || versions.State() != reconcile.StateOnPaper {
			t.Errorf("changed %d times it is %s, of %d", i+1, versions.State(), n)
		}
	}
	if beside := announce(versions, "4", "W4"); beside.OnPaper() {
		t.Error("what is announced beside what was changed is on paper")
	}
	arrival := &customsv1.Document{Envelope: &customsv1.Envelope{DocumentId: "A"}, Kind: &customsv1.Document_ArrivalReport{ArrivalReport: &customsv1.ArrivalReport{
		Batch: "B1", At: &customsv1.Instant{Value: "2026-03-01T11:00:00+08:00"}, Consignments: []*customsv1.Consignment{{TransportDocument: &customsv1.DocumentReference{Id: "W1"}}},
	}}}
	arrived, err := reconcile.Attach(done, arrival, reconcile.Origin{Message: "a", Sender: "RU", Received: at.Add(time.Hour)}, reconcile.Tolerances{})
	if err != nil || arrived.State() != reconcile.StateArrived {
		t.Errorf("it arrives, and is %s: %v", arrived.State(), err)
	}
}
