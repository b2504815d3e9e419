package flow_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// convoy is a batch on several trucks, as its carrier's reports tell it: one for each.
type convoy struct {
	trip
	units []string // containers that the manifest names, the nth on the nth truck
}

func convoyOf(w *world, n int, units ...string) convoy { return convoy{tripOf(n, w), units} }

// manifest is the convoy's manifest.
func (c convoy) manifest(w *world, b border) []byte {
	const unit = "<TransportEquipment>\n        <ID>ABCU1234560</ID>\n      </TransportEquipment>"
	var units []string
	for _, id := range c.units {
		units = append(units, strings.Replace(unit, "ABCU1234560", id, 1))
	}
	return []byte(strings.Replace(string(c.document(w, b, "mt2401.xml")), unit, strings.Join(units, "\n      "), 1))
}

func (c convoy) tractorOf(truck int) string { return fmt.Sprintf("蒙E1%02d%02d", c.n, truck) }

func (c convoy) trailerOf(truck int) string { return fmt.Sprintf("蒙E1%d%02d挂", c.n, truck) }

// report is the exit report of one truck, by its number from 1, which leaves that long after
// the first.
func (c convoy) report(w *world, b border, truck int, after time.Duration) []byte {
	one := c.trip
	one.tractor, one.trailer, one.departs = c.tractorOf(truck), c.trailerOf(truck), c.departs.Add(after)
	text := string(one.document(w, b, "mt4402.xml"))
	text = strings.ReplaceAll(text, fmt.Sprintf("101500%03d", c.n), fmt.Sprintf("1015%02d%03d", truck, c.n))
	if truck <= len(c.units) {
		return []byte(strings.ReplaceAll(text, "ABCU1234560", c.units[truck-1]))
	}
	from := strings.LastIndex(text, "<TransportEquipment>")
	to := strings.LastIndex(text, "</TransportEquipment>") + len("</TransportEquipment>")
	return []byte(text[:from] + text[to:])
}

// hand submits a document of the convoy.
func (w *world) hand(b border, id string, content []byte) store.Submission {
	w.t.Helper()
	s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content})
	if err != nil {
		w.t.Fatalf("%s: %v", id, err)
	}
	return s
}

// arrives records that a truck of a convoy is seen, with so much of its one waybill.
func (c convoy) arrives(w *world, b border, truck, packages int, at time.Time) flow.Movement {
	w.t.Helper()
	id := fmt.Sprint("A", c.n, "-", truck)
	m, err := w.ru.RecordArrival(w.t.Context(), b.entry, flow.Record{ID: id, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q},
		"arrivalReport": {"office": {"administration": %q, "code": %q}, "at": %q, "transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}, {"role": "TRAILER", "registration": %q}]},
		"consignments": [{"transportDocument": {"id": %q}, "totals": {"packages": "%d"}}]}}`,
		id, at.Format(time.RFC3339), b.to, b.entry.Office, at.Format(time.RFC3339), c.tractorOf(truck), c.trailerOf(truck), c.waybills()[0], packages))})

	if err != nil {
		w.t.Fatalf("truck %d: %v", truck, err)
	}
	return m
}

// notices are the messages of a whole that tell of its vehicles, in their order.
func (w *world) notices(s store.Submission) (all []store.Message) {
	w.t.Helper()
	for _, m := range w.messages(s.MessageID) {
		if m.Kind == "PreArrivalNotice" {
			all = append(all, m)
		}
	}
	return all
}

// TestAConvoyByItsReports: one waybill, four reports, each with its truck, two before the
// manifest and two after it, one a day later. Every truck is announced, by a notice that a later
// one leaves as it is; the entry side counts the goods once, and waits for all.
func TestAConvoyByItsReports(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			c := convoyOf(w, 1, "ABCU1234560", "CSQU3054383", "MSKU0000007")
			for truck := 1; truck <= 2; truck++ {
				s := w.hand(b, fmt.Sprint("V", truck), c.report(w, b, truck, 0))
				if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{"manifest"}) {
					t.Fatalf("report %d is %s, waits for %v: %v", truck, s.State, s.WaitsFor, s.Faults.Report("en"))
				}
			}
			whole := w.hand(b, "M", c.manifest(w, b))
			if whole.State != gateway.Joined || !slices.Equal(codesIn(warned(whole.Faults, gateway.UnitNotReported)), []gateway.Code{gateway.UnitNotReported}) {
				t.Fatalf("the manifest is %s: %v", whole.State, whole.Faults.Report("en"))
			}
			w.send(b)
			before := w.notices(whole)
			if len(before) != 2 {
				t.Fatalf("%d notices of two trucks", len(before))
			}
			w.clock.add(time.Minute)
			third := w.hand(b, "V3", c.report(w, b, 3, 20*time.Minute))
			if third.State != gateway.Joined || third.MessageID != whole.MessageID || len(warned(third.Faults, gateway.UnitNotReported)) > 0 {
				t.Fatalf("the third report is %s in %s: %v", third.State, third.MessageID, third.Faults.Report("en"))
			}
			w.clock.add(24 * time.Hour)
			if s := w.hand(b, "V4", c.report(w, b, 4, 25*time.Hour)); s.State != gateway.Joined {
				t.Fatalf("the fourth report, a day later, is %s: %v", s.State, s.Faults.Report("en"))
			}
			again := w.hand(b, "V5", []byte(strings.Replace(string(c.report(w, b, 2, 0)), "101502001", "101509001", 1)))
			if again.State != gateway.Faulty || !slices.Equal(codesIn(warned(again.Faults, gateway.AlreadyAnnounced)), []gateway.Code{gateway.AlreadyAnnounced}) || warned(again.Faults, gateway.AlreadyAnnounced)[0].Location.Expr == "" {
				t.Errorf("the second truck once more is %s: %v", again.State, again.Faults.Report("en"))
			}
			w.send(b)

			after := w.notices(whole)
			if len(after) != 4 {
				t.Fatalf("%d notices of four trucks", len(after))
			}
			units := append(slices.Clone(c.units), "")
			for i, m := range after {
				text := string(m.Canonical)
				if m.State != gateway.Accepted || m.Conversation != string(whole.MessageID) || !strings.Contains(string(m.Header), `"wholeGoods":true`) || m.Replaces != "" {
					t.Errorf("notice %d is %s of %s, replaces %q: %s", i, m.State, m.Conversation, m.Replaces, m.LastError)
				}
				for j := range 4 {
					if strings.Contains(text, c.tractorOf(j+1)) != (i == j) {
						t.Errorf("notice %d and truck %d: %s", i, j+1, text)
					}
					if i < 3 && j < 3 && strings.Contains(text, units[j]) != (i == j) {
						t.Errorf("notice %d and container %s", i, units[j])
					}
				}
			}
			for _, id := range []string{"V1", "V2", "M", "V3", "V4"} {
				if _, err := w.cn.Explain(t.Context(), b.exit, gateway.SubmissionID(id)); err != nil {
					t.Errorf("explain %s: %v", id, err)
				}
			}
			for i, m := range before {
				if diff := cmp.Diff(m.Payload, after[i].Payload); diff != "" {
					t.Errorf("a later report changed notice %d", i)
				}
			}

			want := reconcile.Figures{Announced: "420", Open: "420"}
			for _, g := range []*flow.Gateway{w.cn, w.ru} {
				m := found(w, g, c.waybills()[0])
				announced, arrived := m.Vehicles()
				if as := m.Accounts(); announced != 4 || arrived != 0 || len(as) != 1 || as[0].Packages != want || len(m.Announced) != 4 {
					t.Errorf("%s: %d vehicles, %d arrived, %+v of %d notices", g.Own, announced, arrived, as, len(m.Announced))
				}
			}
			at := c.departs.Add(time.Hour)
			for i, packages := range []int{100, 100, 100, 120} {
				truck := []int{2, 1, 4, 3}[i]
				when := at
				if truck == 4 {
					when = at.Add(25 * time.Hour)
				}
				m := c.arrives(w, b, truck, packages, when)
				_, arrived := m.Vehicles()
				if arrived != i+1 || m.Complete() != (i == 3) || m.State() == reconcile.StateArrived != (i == 3) {
					t.Errorf("after %d trucks: %d arrived, %s, %+v", i+1, arrived, m.State(), m.Comparisons[len(m.Comparisons)-1])
				}
				last := m.Comparisons[len(m.Comparisons)-1]
				for _, d := range last.Discrepancies {
					if d.Severity != gateway.Info {
						t.Errorf("after %d trucks: %s %s", i+1, d.Code, d.Fault().Report("en").Message)
					}
				}
				if late := slices.ContainsFunc(last.Discrepancies, func(d reconcile.Discrepancy) bool { return d.Code == gateway.CmpConvoyApart }); late != (i >= 2) {
					t.Errorf("truck %d comes late: %v", truck, late)
				}
			}
		})
	}
}

func warned(faults gateway.Faults, code gateway.Code) (out gateway.Faults) {
	for _, f := range faults {
		if f.Code == code {
			out = append(out, f)
		}
	}
	return out
}

// A convoy of which one truck is being taken out is cancelled with the others.
func TestAConvoyIsCancelledThoughATruckIsTakenOut(t *testing.T) {
	b := borders[1]
	w := newPair(t, b.to)
	c := convoyOf(w, 1, "ABCU1234560", "CSQU3054383")
	w.hand(b, "M", c.manifest(w, b))
	for truck := 1; truck <= 2; truck++ {
		w.hand(b, fmt.Sprint("V", truck), c.report(w, b, truck, 0))
	}
	w.send(b)
	out := strings.Replace(string(c.report(w, b, 1, 0)), "<FunctionCode>2<", "<FunctionCode>3<", 1)
	if s := w.hand(b, "X1", []byte(out)); s.State != gateway.Joined {
		t.Fatalf("the deletion is %s: %v", s.State, s.Faults.Report("en"))
	}
	if s := w.cancel(b, "C1", "M"); s.State != gateway.Sent {
		t.Fatalf("the cancellation of the rest is %s: %v", s.State, s.Faults.Report("en"))
	}
	if s := w.cancel(b, "C2", "M"); s.State != gateway.Faulty || !slices.Equal(codesIn(s.Faults), []gateway.Code{gateway.CancelNothing}) {
		t.Errorf("another one is %s: %v", s.State, s.Faults.Report("en"))
	}
	w.send(b)
	for _, g := range []*flow.Gateway{w.cn, w.ru} {
		if m := found(w, g, c.waybills()[0]); m.Withdrawal() != gateway.WithdrawalDone {
			t.Errorf("%s: withdrawal %q", g.Own, m.Withdrawal())
		}
	}
}
