package flow_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
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
	drawn map[int]bool // packages of the first waybill that were said
	convoy
	manifest string            // id of the submission that stands; empty if none does
	said     []*saying         // its versions: the first, and every change
	trucks   map[int]bool      // reported, and not taken out
	told     map[int][]telling // what is announced of each truck: the last that was not refused stands
	come     map[int][]int     // by truck that has arrived: packages of each waybill
	whole    bool              // goods and a vehicle were announced together, and not all taken back
	left     map[int]bool      // trucks whose departure is recorded
	backs    bool              // something is asked back that may not have come yet
	acts     *int
	partner  *registrar
}

// saying is a version of the goods: packages of each waybill, and how many notices it made, and
// were refused.
type saying struct {
	packages      []int
	made, refused int
}

// telling is a notice of a truck: what it says of the goods, and the version that made it; nil: the
// truck's own report did.
type telling struct {
	packages []int
	by       *saying
}

// packages are what the sender says: as the last version does that was not refused altogether.
func (x *truth) packages() []int {
	last := x.said[0].packages
	for _, s := range x.said[1:] {
		if s.made == 0 || s.refused < s.made {
			last = s.packages
		}
	}
	return last
}

// says is a change of the goods, of which the partner refuses what some trucks' notices say.
func (x *truth) says(packages []int, refused map[int]bool) {
	s := &saying{packages: packages}
	x.said = append(x.said, s)
	for truck, told := range x.told {
		if slices.Equal(told[len(told)-1].packages, packages) {
			continue
		}
		if s.made++; refused[truck] {
			s.refused++
		} else {
			x.told[truck] = append(told, telling{packages, s})
		}
	}
}

// voided is what is left where nothing stands any more: all is announced anew.
func (x *truth) voided() {
	x.manifest, x.said, x.whole = "", nil, false
	clear(x.trucks)
	clear(x.told)
}

// registrar answers what came to a partner that answers at all: it registers notices, each under
// a number of its own, and lets itself be asked for them back.
type registrar struct {
	answers  bool
	refuses  func(in store.Inbound, content string) bool // nil: nothing
	answered map[gateway.MessageID]bool
	refused  map[gateway.MessageID]bool
	said     int
}

// inbox is what has come to the partner, and was taken.
func (a *registrar) inbox(w *world) []store.Inbound {
	w.t.Helper()
	all, err := w.ru.Store.Read().Inbox(w.t.Context(), store.InboxFilter{Limit: 500})
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(in store.Inbound) bool { return in.State != gateway.Accepted })
}

func content(w *world, in store.Inbound) string {
	w.t.Helper()
	full, err := w.ru.Store.Read().Inbound(w.t.Context(), "CN", in.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(full.Canonical)
}

// answer answers at most so many of what came and has no answer yet, of those that are left the
// picked one, and reports whether it did.
func (a *registrar) answer(w *world, most int, pick func(n int) int) (some bool) {
	w.t.Helper()
	if !a.answers {
		return false
	}
	open := slices.DeleteFunc(a.inbox(w), func(in store.Inbound) bool { return a.answered[in.ID] })
	for ; most > 0 && len(open) > 0; most-- {
		i := pick(len(open))
		in := open[i]
		open, some = slices.Delete(open, i, i+1), true
		a.answered[in.ID] = true
		what := strings.Replace(registered, "000000123", fmt.Sprintf("%09d", a.said+1), 1)
		switch {
		case a.refuses != nil && a.refuses(in, content(w, in)):
			what = refused
		case in.Kind == "Cancellation":
			what = `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["ok"], "category": "INFO"}]`
		}
		a.say(w, in, what)
	}
	return some
}

// say has the partner answer a message, and the answer come.
func (a *registrar) say(w *world, in store.Inbound, what string) {
	w.t.Helper()
	a.said++
	a.refused[in.ID] = what == refused
	w.answer(fmt.Sprint("answer-", a.said), in.DocumentID, what)
	_ = w.ru.DeliverDue(w.t.Context(), "CN")
	if err := w.cn.JudgeDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// first answers what came first.
func first(int) int { return 0 }

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

// draw are packages of both waybills; those of the first were not said of this batch before, so
// that a change changes something.
func (x *truth) draw(r *rapid.T) []int {
	packages := []int{rapid.IntRange(201, 999).Draw(r, "packages"), rapid.IntRange(201, 999).Draw(r, "packages")}
	for x.drawn[packages[0]] {
		packages[0] = 201 + (packages[0]-200)%799
	}
	if x.drawn == nil {
		x.drawn = make(map[int]bool)
	}
	x.drawn[packages[0]] = true
	return packages
}

// refusing does something while the partner refuses what it is told of some trucks, and what is
// asked back.
func (x *truth) refusing(w *world, b border, trucks map[int]bool, do func() bool) bool {
	x.settled(w, b)
	x.partner.refuses = func(in store.Inbound, content string) bool {
		if in.Kind == "Cancellation" {
			return true
		}
		for truck := range trucks {
			if strings.Contains(content, x.tractorOf(truck)) {
				return true
			}
		}
		return false
	}
	done := do()
	x.settled(w, b)
	x.partner.refuses = nil
	return done
}

// refusals draws what trucks the partner refuses, where it answers and may.
func (x *truth) refusals(r *rapid.T, of map[int]bool) map[int]bool {
	refused := map[int]bool{}
	if x.partner.answers && even(r, "refuses", 3) == 0 {
		for _, truck := range slices.Sorted(maps.Keys(of)) {
			refused[truck] = even(r, "refused", 2) == 0
		}
	}
	maps.DeleteFunc(refused, func(_ int, is bool) bool { return !is })
	return refused
}

// announces does what announces trucks, of which the partner refuses some.
func (x *truth) announces(r *rapid.T, w *world, b border, trucks map[int]bool, do func()) {
	refused := x.refusals(r, trucks)
	if r.Logf("of which %v are refused", refused); len(refused) == 0 {
		do()
	} else {
		x.refusing(w, b, refused, func() bool { do(); return true })
	}
	for truck := range trucks {
		if refused[truck] {
			delete(x.trucks, truck)
		} else {
			x.told[truck] = []telling{{x.packages(), nil}}
		}
	}
	if x.whole = true; len(x.trucks) == 0 {
		x.voided()
	}
}

// act does one act that may be done now.
func (x *truth) act(r *rapid.T, w *world, b border) {
	truck := 1 + even(r, "truck", 3)
	kept := x.manifest != "" && (x.whole || len(x.come) == 0)
	early := even(r, "early", 6) == 0 // it stands at the border before it is announced
	var may []string
	for _, a := range []struct {
		what string
		now  bool
	}{
		{"truck", !x.trucks[truck]}, {"goods", x.manifest == ""}, {"amend", kept && x.whole},
		{"split", kept && x.whole && x.trucks[truck] && len(x.trucks) > 1}, {"recant", x.whole && x.trucks[truck] && x.partner.answers},
		{"depart", x.whole && x.trucks[truck] && !x.left[truck]}, {"arrive", x.come[truck] == nil && (early || x.whole && x.trucks[truck])},
		{"cancel", kept}, {"again", x.trucks[truck] && x.whole},
	} {
		if a.now {
			may = append(may, a.what)
		}
	}
	if len(may) == 0 {
		return
	}
	x.does(r, w, b, may[even(r, "act", len(may))], truck)
}

// does is an act, on a truck where it is on one.
func (x *truth) does(r *rapid.T, w *world, b border, what string, truck int) {
	r.Logf("batch %d: %s, truck %d", x.n, what, truck)
	gone := false // something that stands has left
	for truck := range x.left {
		gone = gone || x.whole && x.trucks[truck]
	}
	switch what {
	case "goods":
		x.manifest = x.id("M")
		x.said = []*saying{{packages: x.draw(r)}}
		do := func() {
			x.submit(r, w, b, x.manifest, x.goods(w, b, x.packages()), store.Asks{}, gateway.Held, gateway.Joined)
		}
		if len(x.trucks) > 0 {
			x.announces(r, w, b, maps.Clone(x.trucks), do)
		} else {
			do()
		}
	case "truck":
		if x.backs { // until it is decided that it is taken back, it is announced
			x.settled(w, b)
		}
		x.trucks[truck] = true
		do := func() {
			x.submit(r, w, b, x.id("V"), x.report(w, b, truck, time.Duration(truck)*time.Minute), store.Asks{}, gateway.Held, gateway.Joined)
		}
		if x.manifest != "" {
			x.announces(r, w, b, map[int]bool{truck: true}, do)
		} else {
			do()
		}
	case "again":
		x.settled(w, b)
		s := x.submit(r, w, b, x.id("again"), x.report(w, b, truck, time.Hour), store.Asks{}, gateway.Faulty)
		if !slices.Contains(codesIn(s.Faults), gateway.AlreadyAnnounced) {
			r.Fatalf("truck %d again: %v", truck, codesIn(s.Faults))
		}
	case "amend":
		packages, refused := x.draw(r), x.refusals(r, x.trucks)
		do := func() bool {
			return x.change(r, w, b, gone, x.id("amend"), x.goods(w, b, packages), store.Asks{Amends: x.manifest, Reason: "004"}, gateway.Joined)
		}
		if len(refused) == 0 && do() || len(refused) > 0 && x.refusing(w, b, refused, do) {
			x.says(packages, refused)
		}
	case "split": // what has come, and what the partner refuses, stays
		do := func() bool {
			return x.change(r, w, b, x.left[truck], x.id("out"), x.takenOut(w, b, truck), store.Asks{Reason: "004"}, gateway.Joined, gateway.Done)
		}
		switch {
		case len(x.come) > 0:
			deliverAll(w, b, x.partner)
			do()
			deliverAll(w, b, x.partner)
		case len(x.refusals(r, x.trucks)) > 0:
			x.refusing(w, b, nil, do)
		case do():
			x.backs = true
			delete(x.trucks, truck)
			delete(x.told, truck)
		}
	case "cancel":
		if x.settled(w, b); len(x.come) > 0 {
			deliverAll(w, b, x.partner)
		}
		id := x.id("C")
		if done := x.change(r, w, b, gone, id, cancellation(id, x.manifest), store.Asks{}, gateway.Done, gateway.Sent); len(x.come) > 0 && x.whole {
			deliverAll(w, b, x.partner) // it stays
		} else if done {
			x.backs = true
			if reported := maps.Clone(x.trucks); !x.whole { // they wait for other goods
				x.voided()
				x.trucks = reported
			} else {
				x.voided()
			}
		}
	case "recant": // one of the notices of a truck is refused after all
		x.settled(w, b)
		notices := slices.DeleteFunc(x.partner.inbox(w), func(in store.Inbound) bool {
			return in.Kind != "PreArrivalNotice" || x.partner.refused[in.ID] || !strings.Contains(content(w, in), x.tractorOf(truck))
		})
		var at []int // told, the last first, but what was changed before it was handed over
		for i, told := range slices.Backward(x.told[truck]) {
			if j := len(notices) - 1 - len(at); j >= 0 && strings.Contains(content(w, notices[j]), fmt.Sprintf(`"packages":"%d"`, told.packages[0])) {
				at = append(at, i)
			}
		}
		if len(at) == 0 || at[0] != len(x.told[truck])-1 {
			r.Fatalf("the partner has not what is told of truck %d", truck)
		}
		which := even(r, "which", len(at))
		x.partner.say(w, notices[len(notices)-1-which], refused)
		if by := x.told[truck][at[which]].by; by != nil {
			by.refused++
		}
		var rest []telling
		for _, i := range slices.Backward(at) {
			if i != at[which] {
				rest = append(rest, x.told[truck][i])
			}
		}
		if x.told[truck] = rest; len(rest) == 0 {
			delete(x.told, truck)
			delete(x.trucks, truck)
		}
		if len(x.trucks) == 0 {
			x.voided()
		}
	case "depart": // nothing waits that would then want an approval
		x.settled(w, b)
		at := w.clock.Now().Format(time.RFC3339)
		id := x.id("G")
		if _, err := w.cn.RecordDeparture(w.t.Context(), b.exit, flow.Record{ID: id, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q}, "vehicleReport": {"batch": %q, "kind": "LADEN_EXIT",
			"office": {"administration": "CN", "code": %q}, "at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": %q, "country": "CN"}]}}}`,
			id, at, x.batch(b), b.exit.Office, at, x.tractorOf(truck)))}); err != nil {
			r.Fatalf("truck %d leaves: %v", truck, err)
		}
		x.left[truck] = true
	case "arrive": // before or after its notice, and what changes that
		if x.backs { // what asks back what has come is refused
			deliverAll(w, b, x.partner)
		}
		x.come[truck] = []int{rapid.IntRange(0, 60).Draw(r, "come"), rapid.IntRange(0, 60).Draw(r, "come")}
		var goods []string
		for i, n := range x.come[truck] {
			goods = append(goods, fmt.Sprintf(`{"transportDocument": {"id": %q}, "totals": {"packages": "%d", "grossMass": {"kilograms": "%d"}}}`, x.waybills()[i], n, n))
		}
		id, at := x.id("A"), x.departs.Format(time.RFC3339)
		content := []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q}, "arrivalReport": {"office": {"administration": %q, "code": %q}, "at": %q,
			"transport": {"vehicles": [{"role": "TRACTOR", "registration": %q}, {"role": "TRAILER", "registration": %q}]}, "consignments": [%s]}}`,
			id, w.clock.Now().Format(time.RFC3339), b.to, b.entry.Office, at, x.tractorOf(truck), x.trailerOf(truck), strings.Join(goods, ",")))
		for range 2 { // told twice, it is one arrival
			if _, err := w.ru.RecordArrival(w.t.Context(), b.entry, flow.Record{ID: id, Content: content}); err != nil {
				r.Fatalf("truck %d arrives: %v", truck, err)
			}
		}
	}
}

// even draws one of n as likely as any other.
func even(r *rapid.T, what string, n int) int {
	h := fnv.New32()
	fmt.Fprint(h, rapid.Uint64().Draw(r, what))
	return int(h.Sum32() % uint32(n))
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
		if !partner.answer(w, 500, first) {
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
		ms, _, _, err := g.Find(w.t.Context(), waybill, 0, 10)
		if err != nil || len(ms) > 1 || len(ms) == 0 && (x.whole || entry && len(x.come) > 0) {
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
		at := slices.IndexFunc(m.Accounts(), func(a reconcile.Account) bool { return a.Waybill == waybill })
		if !x.whole {
			if at >= 0 && m.Accounts()[at].Packages.Announced != "" || entry && len(x.come) > 0 && m.State() != reconcile.StateArrivedUnannounced {
				r.Fatalf("%s, %s: nothing is announced, and it is %s with %+v", g.Own, waybill, m.State(), m.Accounts())
			}
			continue
		}
		if at < 0 || len(m.Accounts()) != len(x.waybills()) {
			r.Fatalf("%s: accounts %+v", g.Own, m.Accounts())
		}
		got, come, arrivals := m.Accounts()[at], 0, 0
		for truck, packages := range x.come {
			come += packages[i]
			arrivals += b2i(x.trucks[truck])
		}
		total := x.counts(r, g, m, i)
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
		if got != want || announced != len(x.trucks) || arrived != b2i(entry)*arrivals {
			r.Fatalf("%s: %d vehicles, %d arrived, %+v, want %d, %d, %+v", g.Own, announced, arrived, got, len(x.trucks), arrivals, want)
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

// counts is how many packages of a waybill a movement counts as announced: as the last of its
// notices says, each of which says what the truth has of its truck.
func (x *truth) counts(r *rapid.T, g *flow.Gateway, m flow.Movement, waybill int) (last int) {
	counting := m.Counting()
	if len(counting) != len(x.trucks) {
		r.Fatalf("%s: %d notices count, of %d trucks", g.Own, len(counting), len(x.trucks))
	}
	for _, record := range counting {
		for truck, told := range x.told {
			if record.Facts.Vehicles[0].Registration != x.tractorOf(truck) {
				continue
			}
			last = told[len(told)-1].packages[waybill]
			if got := record.Facts.Waybills[waybill].Packages.Value; got != fmt.Sprint(last) {
				r.Fatalf("%s: of truck %d %s packages are announced, want %d", g.Own, truck, got, last)
			}
		}
	}
	return last
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestActsOfAChain: batches of several vehicles are announced, amended, split, cancelled,
// announced again, leave and arrive, before or after they are announced, in any order, delivered
// late and twice with restarts between; Russia answers what it is told late and in any order,
// refuses announcements, changes and what is asked back, all of an act or some, at once or after it
// had registered them, and others wait for its numbers. At the end both sides stand where the acts have led, and of each waybill the packages
// and kilograms announced, arrived and open are those that the generator knows.
func TestActsOfAChain(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) { actsOfAChain(t, r, rapid.SampledFrom(borders).Draw(r, "border")) })
}

func actsOfAChain(t *testing.T, r *rapid.T, b border) {
	w := newPair(t, b.to)
	acts := 0
	partner := &registrar{answers: b.to == "RU", answered: map[gateway.MessageID]bool{}, refused: map[gateway.MessageID]bool{}}
	all := make([]*truth, 2)
	for i := range all {
		all[i] = &truth{convoy: convoyOf(w, i+1, "ABCU1234560"), trucks: map[int]bool{}, told: map[int][]telling{}, come: map[int][]int{}, left: map[int]bool{}, acts: &acts, partner: partner}
		all[i].departs = all[i].departs.Add(time.Duration(20*i+20) * time.Hour)
	}
	w.out.lose = func(try int) bool { return try%3 == rapid.IntRange(0, 2).Draw(r, "lost") }
	w.out.trouble = func(try int) error {
		if rapid.IntRange(0, 3).Draw(r, "away") == 0 {
			return &peer.NotSentError{Cause: errors.New("refused")}
		}
		return nil
	}
	if even(r, "begun", 4) > 0 { // something is announced to begin with
		x := all[0]
		x.does(r, w, b, "goods", 0)
		for truck := range 1 + even(r, "reported", 3) {
			x.does(r, w, b, "truck", truck+1)
		}
	}
	for range 5 + even(r, "acts", 8) {
		switch even(r, "what", 7) {
		case 0:
			_ = w.cn.DeliverDue(t.Context(), b.to)
			w.clock.add(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
		case 1:
			w.ru, w.cn = restarted(w.ru), restarted(w.cn)
			w.out.to, w.ru.Links["CN"].(*wire).to = w.ru, w.cn
		case 2:
			partner.answer(w, rapid.IntRange(1, 3).Draw(r, "answers"), func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "answered") })
		default:
			all[even(r, "batch", 4)/3].act(r, w, b)
		}
	}
	deliverAll(w, b, partner)
	for _, x := range all {
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			x.check(r, w, g)
		}
	}
}
