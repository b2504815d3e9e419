package flow_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// truth is what a generator knows of a batch: what its acts have come to, whatever has been
// delivered of them.
type truth struct {
	convoy
	manifest string        // id of the submission that stands; empty if none does
	packages []int         // of each waybill
	trucks   map[int]bool  // reported, and not taken out
	come     map[int][]int // by truck that has arrived: packages of each waybill
	whole    bool          // goods and a vehicle were announced together, and not all taken back
	left     map[int]bool  // trucks whose departure is recorded
	acts     *int
	partner  *registrar
}

// registrar answers what came to a partner that answers at all: it registers notices, each under
// a number of its own, and lets itself be asked for them back.
type registrar struct {
	answers  bool
	refuses  bool // what changes an earlier one
	answered map[gateway.MessageID]bool
}

// answer answers at most so many of what came and has no answer yet, and reports whether it did.
func (a *registrar) answer(w *world, most int) (some bool) {
	w.t.Helper()
	all, err := w.ru.Store.Read().Inbox(w.t.Context(), store.InboxFilter{Limit: 500})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, in := range all {
		if !a.answers || most == 0 || in.State != gateway.Accepted || a.answered[in.ID] {
			continue
		}
		some, a.answered[in.ID], most = true, true, most-1
		what := strings.Replace(registered, "000000123", fmt.Sprintf("%09d", len(a.answered)), 1)
		switch {
		case in.Replaces != "" && a.refuses:
			what = refused
		case in.Kind == "Cancellation":
			what = `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["ok"], "category": "INFO"}]`
		}
		w.answer(fmt.Sprint("answer-", len(a.answered)), in.DocumentID, what)
	}
	if some {
		_ = w.ru.DeliverDue(w.t.Context(), "CN")
		if err := w.cn.JudgeDue(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	return some
}

func (x *truth) id(what string) string {
	*x.acts++
	return fmt.Sprint(what, x.n, "-", *x.acts)
}

func (x *truth) waybills() []string {
	return []string{fmt.Sprintf("CNRU27%02d0001", x.n), fmt.Sprintf("CNRU27%02d0002", x.n)}
}

// goods is the manifest with so many packages, and as many kilograms and a half, of each of two
// waybills.
func (x *truth) goods(w *world, b border, packages []int) []byte {
	text := string(x.convoy.manifest(w, b))
	from, to := strings.Index(text, "<Consignment>"), strings.Index(text, "</Consignment>")+len("</Consignment>")
	var all []string
	for i, id := range x.waybills() {
		all = append(all, strings.NewReplacer(x.trip.waybills()[0], id, ">420<", fmt.Sprint(">", packages[i], "<"), ">220<", fmt.Sprint(">", packages[i]-200, "<"),
			">10250.5<", fmt.Sprint(">", packages[i]-200, ".5<"), ">8000<", ">200<", ">18250.5<", fmt.Sprint(">", packages[i], ".5<")).Replace(text[from:to]))
	}
	return []byte(text[:from] + strings.Join(all, "\n    ") + text[to:])
}

// takenOut is the deletion of a truck's report.
func (x *truth) takenOut(w *world, b border, truck int) []byte {
	text := string(x.report(w, b, truck, 0))
	return []byte(strings.Replace(text, "<FunctionCode>2<", "<FunctionCode>3<", 1))
}

// submit hands in a document, which must come to one of the states.
func (x *truth) submit(r *rapid.T, w *world, b border, id string, content []byte, asks store.Asks, states ...gateway.SubmissionState) store.Submission {
	s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.MediaType(content), Content: content, Asks: asks})
	if x.partner.answers && s.State == gateway.Held && slices.ContainsFunc(s.WaitsFor, func(what string) bool {
		return what == flow.WaitsForNumber || what == flow.WaitsForEarlier || what == flow.WaitsForAnswer
	}) {
		return s // until the partner has answered
	}
	if err != nil || !slices.Contains(states, s.State) {
		r.Fatalf("%s is %s, waits for %v: %v, %v", id, s.State, s.WaitsFor, codesIn(s.Faults), err)
	}
	return s
}

// change submits what changes or takes back what was announced: after that has left it waits
// for a supervisor. It reports whether it was done.
func (x *truth) change(r *rapid.T, w *world, b border, left bool, id string, content []byte, asks store.Asks, states ...gateway.SubmissionState) bool {
	if !left {
		x.submit(r, w, b, id, content, asks, states...)
		return true
	}
	x.settled(w, b)
	x.submit(r, w, b, id, content, asks, gateway.Held)
	approved := rapid.Bool().Draw(r, "approved")
	supervisor := flow.Caller{URI: "customs://CN/office/" + b.exit.Office + "/supervisor/1", Office: b.exit.Office}
	s, err := w.cn.Approve(w.t.Context(), supervisor, b.exit.Office, gateway.SubmissionID(id), approved, "seen at the gate")
	if x.partner.answers {
		states = append(states, gateway.Held)
	}
	if err != nil || approved != slices.Contains(states, s.State) {
		r.Fatalf("%s, approved %v, is %s: %v, %v", id, approved, s.State, codesIn(s.Faults), err)
	}
	return approved
}

func (x *truth) draw(r *rapid.T) []int {
	return []int{rapid.IntRange(201, 999).Draw(r, "packages"), rapid.IntRange(201, 999).Draw(r, "packages")}
}

// act does one act that may be done now.
func (x *truth) act(r *rapid.T, w *world, b border) {
	truck := rapid.IntRange(1, 3).Draw(r, "truck")
	kept := x.manifest != "" && len(x.come) == 0
	gone := false // something that stands has left
	for truck := range x.left {
		gone = gone || x.whole && x.trucks[truck]
	}
	var may []string
	for what, now := range map[string]bool{
		"goods": x.manifest == "", "truck": !x.trucks[truck], "again": x.trucks[truck] && x.whole, "amend": kept && x.whole, "refused": kept && x.whole && x.partner.answers,
		"split": kept && x.whole && x.trucks[truck] && len(x.trucks) > 1, "cancel": kept,
		"depart": x.whole && x.trucks[truck] && !x.left[truck], "arrive": x.whole && x.trucks[truck] && x.come[truck] == nil,
	} {
		if now {
			may = append(may, what)
		}
	}
	slices.Sort(may)
	if len(may) == 0 {
		return
	}
	switch rapid.SampledFrom(may).Draw(r, "act") {
	case "goods":
		x.manifest, x.packages = x.id("M"), x.draw(r)
		x.submit(r, w, b, x.manifest, x.goods(w, b, x.packages), store.Asks{}, gateway.Held, gateway.Joined)
	case "truck":
		x.submit(r, w, b, x.id("V"), x.report(w, b, truck, time.Duration(truck)*time.Minute), store.Asks{}, gateway.Held, gateway.Joined)
		x.trucks[truck] = true
	case "again":
		x.settled(w, b)
		s := x.submit(r, w, b, x.id("again"), x.report(w, b, truck, time.Hour), store.Asks{}, gateway.Faulty)
		if !slices.Contains(codesIn(s.Faults), gateway.AlreadyAnnounced) {
			r.Fatalf("truck %d again: %v", truck, codesIn(s.Faults))
		}
	case "amend":
		packages := x.draw(r)
		if x.change(r, w, b, gone, x.id("amend"), x.goods(w, b, packages), store.Asks{Amends: x.manifest, Reason: "004"}, gateway.Joined) {
			x.packages = packages
		}
	case "refused": // what was announced stands
		x.settled(w, b)
		x.change(r, w, b, gone, x.id("refused"), x.goods(w, b, x.draw(r)), store.Asks{Amends: x.manifest, Reason: "004"}, gateway.Joined)
		x.partner.refuses = true
		x.settled(w, b)
		x.partner.refuses = false
	case "split":
		if x.change(r, w, b, x.left[truck], x.id("out"), x.takenOut(w, b, truck), store.Asks{Reason: "004"}, gateway.Joined, gateway.Done) {
			delete(x.trucks, truck)
		}
	case "cancel":
		x.settled(w, b)
		id := x.id("C")
		if x.change(r, w, b, gone, id, cancellation(id, x.manifest), store.Asks{}, gateway.Done, gateway.Sent) {
			if x.whole {
				clear(x.trucks)
			}
			x.manifest = ""
		}
	case "depart":
		at := w.clock.Now().Format(time.RFC3339)
		id := x.id("G")
		if _, err := w.cn.RecordDeparture(w.t.Context(), b.exit, id, []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q}, "vehicleReport": {"batch": %q, "kind": "LADEN_EXIT",
			"office": {"administration": "CN", "code": %q}, "at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": %q, "country": "CN"}]}}}`,
			id, at, x.batch(b), b.exit.Office, at, x.tractorOf(truck)))); err != nil {
			r.Fatalf("truck %d leaves: %v", truck, err)
		}
		x.left[truck] = true
	case "arrive":
		deliverAll(w, b, x.partner) // what comes before its notice has no place in a convoy yet
		x.come[truck] = []int{rapid.IntRange(0, 60).Draw(r, "come"), rapid.IntRange(0, 60).Draw(r, "come")}
		var goods []string
		for i, n := range x.come[truck] {
			goods = append(goods, fmt.Sprintf(`{"transportDocument": {"id": %q}, "totals": {"packages": "%d", "grossMass": {"kilograms": "%d"}}}`, x.waybills()[i], n, n))
		}
		id, at := x.id("A"), w.clock.Now().Format(time.RFC3339)
		content := []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q}, "arrivalReport": {"office": {"administration": %q, "code": %q}, "at": %q,
			"transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}, {"role": "TRAILER", "registration": %q}]}, "consignments": [%s]}}`,
			id, at, b.to, b.entry.Office, at, x.tractorOf(truck), x.trailerOf(truck), strings.Join(goods, ",")))
		for range 2 { // told twice, it is one arrival
			if _, err := w.ru.RecordArrival(w.t.Context(), b.entry, id, content, ""); err != nil {
				r.Fatalf("truck %d arrives: %v", truck, err)
			}
		}
	}
	x.whole = x.manifest != "" && (x.whole || len(x.trucks) > 0)
}

// settled has the partner answer all that it was told, where it answers.
func (x *truth) settled(w *world, b border) {
	if x.partner.answers {
		deliverAll(w, b, x.partner)
	}
}

// deliverAll delivers and answers until nothing is due.
func deliverAll(w *world, b border, partner *registrar) {
	lose, trouble := w.out.lose, w.out.trouble
	w.out.lose, w.out.trouble = nil, nil
	defer func() { w.out.lose, w.out.trouble = lose, trouble }()
	for range 10 { // an answer lets go what waits for it
		deliverDue(w, b)
		if !partner.answer(w, 500) {
			return
		}
	}
	w.t.Fatal("the partner always has more to answer")
}

func deliverDue(w *world, b border) {
	for range 30 {
		_ = w.cn.DeliverDue(w.t.Context(), b.to)
		w.clock.add(flow.QuickInterval)
	}
	w.clock.add(flow.MaxInterval)
	for range 5 {
		_ = w.cn.DeliverDue(w.t.Context(), b.to)
		w.clock.add(time.Second)
	}
}

// check compares what a side holds with the truth.
func (x *truth) check(r *rapid.T, w *world, g *flow.Gateway) {
	entry := g.Own != "CN"
	for i, waybill := range x.waybills() {
		ms, err := g.Find(w.t.Context(), waybill, 0, 10)
		if err != nil || len(ms) > 1 || len(ms) == 0 && x.whole {
			r.Fatalf("%s, %s: %d movements, %v", g.Own, waybill, len(ms), err)
		}
		if len(ms) == 0 {
			continue
		}
		m := ms[0]
		announced, arrived := m.Vehicles()
		if stands := m.Withdrawal() == "" && announced > 0; stands != x.whole {
			r.Fatalf("%s, %s: stands %v with %d vehicles, want %v; withdrawal %q", g.Own, waybill, stands, announced, x.whole, m.Withdrawal())
		}
		if !x.whole {
			continue
		}
		at := slices.IndexFunc(m.Accounts(), func(a reconcile.Account) bool { return a.Waybill == waybill })
		if at < 0 || len(m.Accounts()) != len(x.waybills()) {
			r.Fatalf("%s: accounts %+v", g.Own, m.Accounts())
		}
		got, come := m.Accounts()[at], 0
		for _, packages := range x.come {
			come += packages[i]
		}
		total := x.packages[i]
		want := reconcile.Account{Waybill: waybill,
			Packages:  reconcile.Figures{Announced: fmt.Sprint(total), Open: fmt.Sprint(total)},
			Kilograms: reconcile.Figures{Announced: fmt.Sprint(total, ".5"), Open: fmt.Sprint(total, ".5")}}
		if entry && len(x.come) > 0 {
			want.Packages.Arrived, want.Packages.Open = fmt.Sprint(come), fmt.Sprint(total-come)
			want.Kilograms.Arrived, want.Kilograms.Open = fmt.Sprint(come), fmt.Sprint(total-come, ".5")
			if len(x.trucks) == 1 { // it was no convoy: all of it has come
				want.Packages.Open, want.Kilograms.Open = "0", "0"
			}
		}
		if got != want || announced != len(x.trucks) || arrived != b2i(entry)*len(x.come) {
			r.Fatalf("%s: %d vehicles, %d arrived, %+v, want %d, %d, %+v", g.Own, announced, arrived, got, len(x.trucks), len(x.come), want)
		}
		state := reconcile.StateAnnounced
		switch {
		case entry && len(x.come) > 0 && len(x.trucks) > 1:
			state = reconcile.StatePartlyArrived // packages are missing
		case entry && len(x.come) > 0:
			state = reconcile.StateArrived
		case !entry && len(x.left) > 0:
			state = reconcile.StateDeparted
		}
		if m.State() != state {
			r.Fatalf("%s: %s is %s, want %s", g.Own, waybill, m.State(), state)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestLongActsOfAChain: batches of several vehicles are announced, amended, split, cancelled,
// announced again, leave and arrive, in any order, delivered late and twice with restarts
// between; Russia registers what it is told, late, refuses some changes, and others wait for its
// numbers. At the end both sides stand where the acts have led, and of each waybill the packages
// and kilograms announced, arrived and open are those that the generator knows.
func TestLongActsOfAChain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { actsOfAChain(t, r, rapid.SampledFrom(borders).Draw(r, "border")) })
}

func actsOfAChain(t *testing.T, r *rapid.T, b border) {
	w := newPair(t, b.to)
	acts := 0
	partner := &registrar{answers: b.to == "RU", answered: map[gateway.MessageID]bool{}}
	all := make([]*truth, 2)
	for i := range all {
		all[i] = &truth{convoy: convoyOf(w, i+1, "ABCU1234560"), trucks: map[int]bool{}, come: map[int][]int{}, left: map[int]bool{}, acts: &acts, partner: partner}
		all[i].departs = all[i].departs.Add(time.Duration(20*i+20) * time.Hour)
	}
	w.out.lose = func(try int) bool { return try%3 == rapid.IntRange(0, 2).Draw(r, "lost") }
	w.out.trouble = func(try int) error {
		if rapid.IntRange(0, 3).Draw(r, "away") == 0 {
			return &peer.NotSentError{Cause: errors.New("refused")}
		}
		return nil
	}
	for range rapid.IntRange(3, 14).Draw(r, "acts") {
		switch rapid.IntRange(0, 6).Draw(r, "what") {
		case 0:
			_ = w.cn.DeliverDue(t.Context(), b.to)
			w.clock.add(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
		case 1:
			w.ru, w.cn = restarted(w.ru), restarted(w.cn)
			w.out.to, w.ru.Links["CN"].(*wire).to = w.ru, w.cn
		case 2:
			partner.answer(w, rapid.IntRange(1, 3).Draw(r, "answers"))
		default:
			rapid.SampledFrom(all).Draw(r, "batch").act(r, w, b)
		}
	}
	deliverAll(w, b, partner)
	for _, x := range all {
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			x.check(r, w, g)
		}
	}
}
