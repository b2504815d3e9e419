package flow_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// corridor is a border whose office of entry tells of arrivals: who announces, and who sees it arrive.
type corridor struct {
	w              *world
	exit, entry    *flow.Gateway
	entryPost      flow.Caller
	batch, waybill string
	packages       string
	announce       func()
}

// corridors are all that run, one trip announced on each when it is asked for.
func corridors(t *testing.T) map[string]corridor {
	all := make(map[string]corridor)
	for _, b := range append(slices.Clone(borders), erenhot) {
		w := newPair(t, b.to)
		tellsOfArrivals(w)
		p := tripOf(1, w)
		all["CN-"+string(b.to)] = corridor{w, w.cn, w.ru, b.entry, p.batch(b), p.waybills()[0], "420", func() {
			if b.to == "MN" {
				if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
					t.Fatal(err)
				}
				p.list(w, b)
				w.judge()
			} else {
				p.announce(w, b)
			}
			w.send(b)
		}}
	}
	w := newWorld(t)
	tellsOfArrivals(w)
	all["RU-CN"] = corridor{w, w.ru, w.cn, post, "107192603010001", "RUCN90000000", "12", func() {
		w.submitBack(flow.Submission{ID: "R1", Content: back("R1", "ORIGINAL", "12")}, gateway.Sent)
		w.carry()
	}}
	return all
}

// tellsOfArrivals has both gateways tell of arrivals.
func tellsOfArrivals(w *world) {
	c, err := chain()
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, rt := range c.Routes.All() {
		if rt.Table != "xx/answer.v1" {
			names = append(names, rt.Name)
		}
	}
	routes, err := c.Routes.Only(names)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cn.Chain.Routes, w.ru.Chain.Routes = routes, routes
}

// carry has everything judged and delivered, both ways, until nothing is left to do.
func (w *world) carry() {
	w.t.Helper()
	for range 3 {
		w.judge()
		for _, g := range []*flow.Gateway{w.cn, w.ru} {
			for to := range g.Links {
				if err := g.DeliverDue(w.t.Context(), to); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
}

// seen records at the office of entry what it sees; more is what the report says besides.
func (c corridor) seen(id, function, more string) (flow.Movement, error) {
	c.w.t.Helper()
	return c.seenBy(c.entryPost, id, function, more, "")
}

func (c corridor) seenBy(by flow.Caller, id, function, more, reason string) (flow.Movement, error) {
	c.w.t.Helper()
	at := c.w.clock.Now().Format(time.RFC3339)
	references := ""
	if of, ok := strings.CutPrefix(function, "REPLACE "); ok {
		function, references = "REPLACE", fmt.Sprintf(`, "references": [{"kind": "CHANGED", "id": %q}]`, of)
	}
	if of, ok := strings.CutPrefix(function, "DELETION "); ok {
		function, references = "DELETION", fmt.Sprintf(`, "references": [{"kind": "CHANGED", "id": %q}]`, of)
	}
	return c.entry.RecordArrival(c.w.t.Context(), by, flow.Record{ID: id, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q, "function": %q%s}, "arrivalReport": {"batch": %q,
		"office": {"administration": %q, "code": %q}, "at": %q, "transportDocuments": [%q]%s}}`, id, at, function, references, c.batch, c.entry.Own, by.Office, at, c.waybill, more)), Reason: reason})

}

// at is the movement as a gateway has it.
func (c corridor) at(g *flow.Gateway) flow.Movement { return found(c.w, g, c.waybill) }

// status is what stands beside the message that announced it, at its sender.
func (c corridor) status() *store.ToldArrival {
	c.w.t.Helper()
	m := c.at(c.exit)
	for _, r := range slices.Backward(m.Announced) {
		if r.Sender == "" && !r.Withdraws {
			sent, err := c.exit.Store.Read().Message(c.w.t.Context(), r.Message)
			if err != nil {
				c.w.t.Fatal(err)
			}
			return sent.Arrival
		}
	}
	return nil
}

// tellings are the reports of arrivals that the entry has made, by their functions, in order.
func (c corridor) tellings() (functions []string) {
	c.w.t.Helper()
	subs, err := c.entry.Store.Read().Submissions(c.w.t.Context(), store.SubmissionFilter{Offices: []string{c.entryPost.Office}, Kind: "ArrivalReport", Limit: 100})
	if err != nil {
		c.w.t.Fatal(err)
	}
	slices.SortFunc(subs, func(a, b store.Submission) int { return a.Received.Compare(b.Received) })
	for _, s := range subs {
		full, err := c.entry.Store.Read().Submission(c.w.t.Context(), s.Office, s.ID)
		if err != nil || s.State != gateway.Sent {
			c.w.t.Fatalf("it is %s: %v, %v", s.State, s.Faults.Report("en"), err)
		}
		m := c.w.messageOf(c.entry, s.MessageID)
		if m.State != gateway.Accepted {
			c.w.t.Fatalf("the report is %s: %v %s", m.State, m.Reason, m.LastError)
		}
		functions = append(functions, document.Parse(full.Canonical).Document.GetEnvelope().GetFunction().String())
	}
	return functions
}

func (w *world) messageOf(g *flow.Gateway, id gateway.MessageID) store.Message {
	w.t.Helper()
	m, err := g.Store.Read().Message(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// On every corridor the sender learns of the arrival as its partner found it: that it agrees, or what
// differs; what was corrected, and what was recorded by mistake. Nobody asks for a report that came.
func TestArrivalsAreToldBack(t *testing.T) {
	for name, c := range corridors(t) {
		t.Run(name, func(t *testing.T) {
			c.w.t = t
			c.announce()
			before := c.at(c.exit)
			if c.status() != nil {
				t.Fatal("it is told before it has come")
			}
			c.w.clock.add(time.Hour)
			came := c.w.clock.Now()
			if _, err := c.seen("A1", "ORIGINAL", fmt.Sprintf(`, "totals": {"packages": %q}`, c.packages)); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			m := c.at(c.exit)
			told := c.status()
			if m.ID != before.ID || m.State() != reconcile.StateArrived || told == nil || told.Result != reconcile.Agrees || !told.At.Equal(came) || told.Office != string(c.entry.Own)+" "+c.entryPost.Office {
				t.Fatalf("it is %s, told %+v", m.State(), told)
			}
			if c.entry.Own == "CN" || c.exit.Own == "CN" {
				c.w.clock.add(100 * time.Hour)
				for _, g := range []*flow.Gateway{c.exit, c.entry} {
					if err := g.TellOverdue(t.Context()); err != nil {
						t.Fatal(err)
					}
					if remarks := g.Remarks(c.at(g)); len(remarks) > 0 {
						t.Errorf("%s is still told %v", g.Own, remarks.Report("en"))
					}
				}
				c.w.clock.add(-100 * time.Hour)
			}
			// The same bytes again, and the same under another id, tell nothing new.
			for _, id := range []string{"A1", "A1b"} {
				if _, err := c.seen(id, "ORIGINAL", fmt.Sprintf(`, "totals": {"packages": %q}`, c.packages)); err != nil {
					t.Fatal(err)
				}
			}
			c.w.carry()
			if diff := cmp.Diff([]string{"ORIGINAL"}, c.tellings()); diff != "" {
				t.Errorf("told again: %s", diff)
			}
			c.w.clock.add(time.Minute)
			if _, err := c.seen("A2", "REPLACE A1", `, "totals": {"packages": "3"}, "remarks": [{"language": "en", "value": "Mr Secret counted"}]`); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			told = c.status()
			if told == nil || told.Result != reconcile.Differs || len(told.Faults) != 1 || told.Faults[0].Code != gateway.CmpPackages {
				t.Errorf("corrected, it is told as %+v", told)
			}
			mine, theirs := c.at(c.exit), c.at(c.entry)
			words := func(m flow.Movement) (out []string) {
				for _, lang := range gateway.Languages {
					for _, d := range m.Comparisons[len(m.Comparisons)-1].Discrepancies {
						out = append(out, d.Fault().Text(lang)+d.Subject.In(lang))
					}
				}
				return out
			}
			if diff := cmp.Diff(words(theirs), words(mine)); diff != "" || len(mine.Comparisons) != 1 {
				t.Errorf("%d comparisons (-found +told):\n%s", len(mine.Comparisons), diff)
			}
			raw, err := json.Marshal(mine)
			if err != nil || strings.Contains(string(raw), "Secret") {
				t.Errorf("a remark has travelled, %v", err)
			}
			c.w.clock.add(time.Minute)
			if _, err := c.seen("A3", "DELETION A2", ""); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			if m := c.at(c.exit); m.HasArrived() || c.status() != nil || m.State() == reconcile.StateArrived {
				t.Errorf("taken back, it is %s, told %+v", m.State(), c.status())
			}
			if diff := cmp.Diff([]string{"ORIGINAL", "REPLACE", "DELETION"}, c.tellings()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An arrival of a part is told as one; the rest completes it, and what was said of the first part is
// corrected where the rest explains it.
func TestAnArrivalOfAPartIsToldAsOne(t *testing.T) {
	for name, c := range corridors(t) {
		t.Run(name, func(t *testing.T) {
			c.w.t = t
			c.announce()
			c.w.clock.add(time.Hour)
			if _, err := c.seen("A1", "ORIGINAL", `, "partial": true, "totals": {"packages": "2"}`); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			if m, told := c.at(c.exit), c.status(); m.State() != reconcile.StatePartlyArrived || told == nil || !told.Partial {
				t.Fatalf("a part: it is %s, told %+v", m.State(), told)
			}
			c.w.clock.add(time.Hour)
			rest := map[string]string{"420": "418", "12": "10"}[c.packages]
			if _, err := c.seen("A2", "ORIGINAL", fmt.Sprintf(`, "totals": {"packages": %q}`, rest)); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			if m, told := c.at(c.exit), c.status(); m.State() != reconcile.StateArrived || told == nil || told.Partial || told.Result != reconcile.Agrees {
				t.Errorf("the rest: it is %s, told %+v", m.State(), told)
			}
		})
	}
}

// What arrived before it was announced is told once it is; what stands at another post is told as
// that; what was taken back and came nevertheless is told too.
func TestArrivalsThatAreNotAsAnnounced(t *testing.T) {
	for name, c := range corridors(t) {
		t.Run(name, func(t *testing.T) {
			c.w.t = t
			if _, err := c.seen("A1", "ORIGINAL", ""); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			if n := len(c.tellings()); n != 0 {
				t.Fatalf("%d reports of what nobody announced", n)
			}
			c.w.clock.add(10 * time.Minute)
			c.announce()
			c.w.carry()
			if m, told := c.at(c.exit), c.status(); m.State() != reconcile.StateArrived || told == nil {
				t.Errorf("announced after it came, it is %s, told %+v", m.State(), told)
			}
		})
	}
	elsewhere := map[string]flow.Caller{
		"CN-RU": {Office: "10799001", URI: "customs://RU/office/10799001/post/1"}, "CN-KZ": {Office: "39899002", URI: "customs://KZ/office/39899002/post/1"}, "CN-MN": {Office: "BU01", URI: "customs://MN/office/BU01/post/1"},
		"RU-CN": {Office: "1925", URI: "customs://CN/office/1925/post/1"},
	}
	for name, c := range corridors(t) {
		by := elsewhere[name]
		t.Run(name+" elsewhere", func(t *testing.T) {
			c.w.t = t
			c.announce()
			c.w.clock.add(time.Hour)
			if _, err := c.seenBy(by, "A1", "ORIGINAL", "", "the road was closed"); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			if m, told := c.at(c.exit), c.status(); m.State() != reconcile.StateArrived || told == nil || told.Office != string(c.entry.Own)+" "+by.Office {
				t.Errorf("it is %s, told %+v", m.State(), told)
			}
		})
	}
	c := corridors(t)["RU-CN"]
	t.Run("taken back", func(t *testing.T) {
		c.w.t = t
		c.announce()
		s, err := c.exit.Submit(t.Context(), russianPost, flow.Submission{ID: "C1", MediaType: flow.JSON, Content: cancellation("C1", "R1")})
		if err != nil || s.Faults.Refuse() {
			t.Fatal(s.Faults.Report("en"), err)
		}
		c.w.carry()
		c.w.clock.add(time.Minute)
		if _, err := c.seen("A1", "ORIGINAL", ""); err != nil {
			t.Fatal(err)
		}
		c.w.carry()
		told := c.status()
		if m := c.at(c.exit); m.State() != reconcile.StateArrivedUnannounced || told == nil || told.Result == reconcile.Agrees {
			t.Errorf("it is %s, told %+v", m.State(), told)
		}
	})
}

// Who was not told of a truck cannot tell that it arrived: to it there is no such thing. And a post
// records what it sees, and submits no report of it.
func TestWhoMayTellOfAnArrival(t *testing.T) {
	c := corridors(t)["CN-RU"]
	c.w.t = t
	c.announce()
	c.w.clock.add(time.Hour)
	if _, err := c.seen("A1", "ORIGINAL", ""); err != nil {
		t.Fatal(err)
	}
	c.w.judge()
	subs, err := c.entry.Store.Read().Submissions(t.Context(), store.SubmissionFilter{Offices: []string{c.entryPost.Office}, Kind: "ArrivalReport", Limit: 1})
	if err != nil || len(subs) != 1 {
		t.Fatal(len(subs), err)
	}
	payload := string(c.w.messageOf(c.entry, subs[0].MessageID).Payload)
	reference := document.Parse(c.w.messageOf(c.entry, subs[0].MessageID).Canonical).Document.GetEnvelope().GetReferences()[0].GetId()
	dir := signingKeys(t)
	file := func(side string) string { return filepath.Join(dir, side, "signing.pub.pem") }
	if c.exit.Trust, err = seal.LoadTrust([]seal.TrustFile{
		{ID: "ru-1", Administration: "RU", File: file("ru"), Validity: always}, {ID: "kz-1", Administration: "KZ", File: file("cn"), Validity: always},
	}); err != nil {
		t.Fatal(err)
	}
	var said []string
	for i, told := range []struct {
		by    gateway.Administration
		named string
	}{{"RU", "00000000-0000-4000-8000-00000000dead"}, {"RU", "nothing of ours"}, {"KZ", reference}, {"KZ", "nothing of ours"}} {
		h := seal.Header{
			MessageID: gateway.MessageID(fmt.Sprintf("33333333-0000-4000-8000-%012d", i)), Kind: "ArrivalReport", Sender: told.by, Recipient: "CN", Conversation: "x",
			Created: c.w.clock.Now(), KeyID: strings.ToLower(string(told.by)) + "-1",
		}
		in := c.w.refusedBy(c.exit, h, strings.Replace(payload, reference, told.named, 1))
		if codes := codesIn(in.Faults); !slices.Contains(codes, gateway.ArrivalUnknown) || in.MovementID != "" {
			t.Errorf("told by %s of %q, it is refused with %v", told.by, told.named, in.Faults.Report("en"))
		}
		said = append(said, strings.ReplaceAll(fmt.Sprint(in.Faults.Report("en")), told.named, "IT"))
	}
	if said[2] != said[3] {
		t.Errorf("what was announced to others is not as what is not there:\n%s\n%s", said[2], said[3])
	}
	if m := c.at(c.exit); m.HasArrived() {
		t.Error("it has arrived by the word of who was told nothing")
	}
	s, err := c.entry.Submit(t.Context(), c.entryPost, flow.Submission{ID: "X", MediaType: flow.JSON, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": "X", "issued": "2026-03-01T03:00:00Z",
		"references": [{"kind": "ANSWERED", "id": %q}]}, "arrivalReport": {"batch": %q, "office": {"administration": "RU", "code": "10719110"}, "at": "2026-03-01T03:00:00Z"}}`, reference, c.batch))})
	if err != nil || !slices.Contains(codesIn(s.Faults), gateway.ArrivalByRecord) || s.State != gateway.Faulty {
		t.Errorf("submitted, it is %s with %v, %v", s.State, codesIn(s.Faults), err)
	}
	if _, err := c.entry.RecordArrival(t.Context(), c.entryPost, flow.Record{ID: "A9", Content: []byte(`{"envelope": {"documentId": "A9", "issued": "2026-03-01T03:00:00Z"}, "arrivalReport": {"batch": "1", "kind": "EXPORT_ARRIVAL",
		"office": {"administration": "RU", "code": "10719110"}, "at": "2026-03-01T03:00:00Z"}}`)}); err == nil || !strings.Contains(err.Error(), string(gateway.ArrivalLeaving)) {
		t.Errorf("an export that has reached its site is recorded as an arrival: %v", err)
	}
}
