package flow_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// russian submits one of Russia's manifests of one waybill, in canonical JSON.
func (w *world) russian(id, document, waybill, packages, changes string, to ...gateway.Administration) store.Submission {
	w.t.Helper()
	function := `"ORIGINAL"`
	if changes != "" {
		function = fmt.Sprintf(`"REPLACE", "references": [{"kind": "CHANGED", "id": %q}]`, changes)
	}
	raw := strings.NewReplacer(`"documentId": "big"`, fmt.Sprintf(`"documentId": %q`, document), `"ORIGINAL"`, function, `"packages": "12"`, fmt.Sprintf(`"packages": %q`, packages),
		"RUCN90000000", waybill, `"office": {"administration": "RU", "code": "10719110"}`,
		`"office": {"administration": "RU", "code": "10719110"}, "partnerOffice": {"administration": "CN", "code": "0603"}`).Replace(string(longManifest(1)))
	s, err := w.ru.Submit(w.t.Context(), russianPost, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: []byte(raw), To: to})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// A document id is its sender's to choose: one that another document bears which the partner
// knows is refused, of an announcement and of a change, for the partner finds by it what is
// changed, taken back and answered. What was taken back gives its id free.
func TestADocumentIDThatTwoBear(t *testing.T) {
	w := newWorld(t)
	counts := func(waybill, want string) {
		t.Helper()
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		for _, g := range []*flow.Gateway{w.ru, w.cn} {
			rs := found(w, g, waybill).Counting()
			i := slices.IndexFunc(rs, func(r reconcile.Record) bool { return r.Facts.Waybills[0].ID == waybill })
			if i < 0 || rs[i].Facts.Waybills[0].Packages.Value != want {
				t.Errorf("%s counts of %s %+v, want %s", g.Own, waybill, rs, want)
			}
		}
	}
	refused := func(s store.Submission) {
		t.Helper()
		i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.IDReuse })
		if s.State != gateway.Faulty || i < 0 || s.MessageID != "" || s.Faults[i].Location.Expr != "/manifest/envelope/documentId" && s.Faults[i].Location.Expr != "/envelope/documentId" {
			t.Errorf("it is %s: %v", s.State, s.Faults.Report("en"))
		}
	}
	sent := func(s store.Submission) {
		t.Helper()
		if s.State != gateway.Sent {
			t.Fatalf("%s is %s: %v", s.ID, s.State, s.Faults.Report("en"))
		}
	}
	sent(w.russian("A", "SAME", "RUCN90000001", "12", ""))
	refused(w.russian("B", "SAME", "RUCN90000002", "12", "")) // not handed over yet
	counts("RUCN90000001", "12")
	refused(w.russian("B", "SAME", "RUCN90000002", "13", ""))
	sent(w.russian("B", "OTHER", "RUCN90000002", "12", ""))
	counts("RUCN90000002", "12")
	refused(w.russian("B2", "SAME", "RUCN90000002", "20", "B"))
	refused(w.russian("B2", "OTHER", "RUCN90000002", "21", "B")) // its own place
	sent(w.russian("B2", "NEW", "RUCN90000002", "20", "B"))
	counts("RUCN90000002", "20")
	counts("RUCN90000001", "12")
}

// An act names what its office has announced to another partner: it is none on that, which
// stands.
func TestAnActNamesWhatWasAnnouncedToAnother(t *testing.T) {
	w := newWorld(t)
	elsewhere := text(t, mappings.FS, "routes/ru-cn-manifest.yaml", "route: ru-cn-manifest\n", "route: ru-kz-manifest\nto: KZ\n")
	c, err := chainOf(layered(t, mappings.FS, map[string]string{"routes/ru-kz-manifest.yaml": elsewhere}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	w.ru.Chain = c
	first := w.russian("A", "A", "RUCN90000001", "12", "", "CN")
	if first.State != gateway.Sent {
		t.Fatalf("it is %s: %v", first.State, first.Faults.Report("en"))
	}
	for i, named := range []string{"A", string(first.MessageID)} {
		s := w.russian(fmt.Sprint("X", i), fmt.Sprint("X", i), "RUCN90000001", "20", named, "KZ")
		if s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.AmendUnknown) {
			t.Errorf("it is %s: %v", s.State, s.Faults.Report("en"))
		}
	}
	if ms, err := w.ru.Store.Read().Messages(t.Context(), first.MessageID); err != nil || len(ms) != 1 || ms[0].State == gateway.TakenBack {
		t.Errorf("of it there are %+v, %v", ms, err)
	}
}

// Acts that wait for an earlier one are bounded as versions are: what an office sends again and
// again costs the same each time.
func TestActsThatWaitAreBounded(t *testing.T) {
	x := newBatch(t, borders[0], 30*time.Hour)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(x.b)
	waits := 0
	for i := range flow.MaxVersions + 5 {
		act := flow.Submission{ID: gateway.SubmissionID(fmt.Sprint("X", i)), MediaType: flow.XML, Content: bytes.Replace(x.manifest("5", 2, map[int]string{1: fmt.Sprint(300 + i)}), []byte("093000012"), fmt.Appendf(nil, "0930%05d", i), 1)}
		s, err := x.w.cn.Submit(t.Context(), x.b.exit, act)
		switch {
		case err != nil:
			t.Fatal(err)
		case s.State == gateway.Held:
			waits++
		case !slices.Contains(codesIn(s.Faults), gateway.AmendTooOften):
			t.Fatalf("%d is %s %v: %v", i, s.State, s.WaitsFor, s.Faults.Report("en"))
		}
	}
	if waits == 0 || waits >= flow.MaxVersions {
		t.Errorf("%d acts wait", waits)
	}
}

// A decision is on what was asked and on nothing else: the same bytes with another reason beside
// them ask again.
func TestADecisionIsOnWhatWasAsked(t *testing.T) {
	x := newBatch(t, borders[1], 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(x.b)
	if _, err := x.p.depart(x.w, x.b, "G1", x.w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	act := flow.Submission{ID: "X", MediaType: flow.XML, Content: x.manifest("9", 2, map[int]string{1: "421"})}
	act.Asks.Amends, act.Asks.Reason = "M1", "004"
	x.submitAs(act, gateway.Held)
	if s, err := x.w.approve(x.b, "X", false); err != nil || s.State != gateway.Faulty {
		t.Fatalf("refused, it is %s, %v", s.State, err)
	}
	x.submitAs(act, gateway.Faulty)
	act.Asks.Reason = "002"
	s := x.submitAs(act, gateway.Held)
	if a, err := x.w.cn.Approval(t.Context(), s); a != nil || err != nil {
		t.Errorf("it is decided already: %+v, %v", a, err)
	}
	if s, err := x.w.approve(x.b, "X", true); err != nil || s.State != gateway.Joined {
		t.Errorf("approved, it is %s, %v", s.State, err)
	}
}

// Who says which vehicles a deletion means has a part in it, and does not approve it; whoever
// submitted it gets the same answer when it asks again.
func TestWhoChoosesDoesNotApprove(t *testing.T) {
	b := borders[1]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.submit("V2", x.report("2", 2, "蒙E54321", "蒙E9876挂"), gateway.Joined)
	x.w.send(b)
	if _, err := x.p.depart(x.w, b, "G1", x.w.clock.Now(), true); err != nil {
		t.Fatal(err)
	}
	deletion := flow.Submission{ID: "D1", MediaType: flow.JSON, Content: fmt.Appendf(nil, `{"envelope": {"documentId": "D1", "issued": %q, "function": "DELETION"},
		"vehicleReport": {"batch": %q, "office": {"administration": "CN", "code": %q}}}`, x.w.clock.Now().Format(time.RFC3339), x.p.batch(b), b.exit.Office)}
	deletion.Asks.Reason = "004"
	x.submitAs(deletion, gateway.Held)
	s, err := x.w.cn.Choose(t.Context(), supervisor(b), "D1", flow.Choice{All: true})
	if err != nil || s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForApproval}) {
		t.Fatalf("it is %s %v: %v, %v", s.State, s.WaitsFor, s.Faults.Report("en"), err)
	}
	if again, err := x.w.cn.Submit(t.Context(), b.exit, deletion); err != nil || again.State != gateway.Held {
		t.Errorf("asked again, it is %s, %v", again.State, err)
	}
	var faults gateway.Faults
	if _, err := x.w.approve(b, "D1", true); !errors.As(err, &faults) || faults[0].Code != gateway.ApprovalOwn {
		t.Errorf("approved by who chose: %v", err)
	}
	second := supervisor(b)
	second.URI += "2"
	if s, err := x.w.cn.Approve(t.Context(), second, b.exit.Office, "D1", true, "the truck broke down"); err != nil || s.State != gateway.Joined && s.State != gateway.Sent {
		t.Errorf("approved by another, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
	}
}

// A partner that changes what it has announced without end is refused at its receiver, whose
// movement does not grow any more.
func TestAPartnerChangesWithoutEnd(t *testing.T) {
	w := newWorld(t)
	deliver := func() {
		t.Helper()
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
	}
	w.russian("R1", "R1", "RUCN90000001", "12", "")
	w.russian("R2", "R2", "RUCN90000001", "13", "R1")
	deliver()
	amend := func(n int) flow.Movement {
		t.Helper()
		id := fmt.Sprint("R", n)
		if s := w.russian(id, id, "RUCN90000001", fmt.Sprint(n), "R1"); s.State != gateway.Sent {
			t.Fatalf("%s is %s: %v", id, s.State, s.Faults.Report("en"))
		}
		deliver()
		return found(w, w.cn, "RUCN90000001")
	}
	m := amend(3)
	if n := m.Changes("RU"); n == 0 {
		t.Fatalf("%d changes of %+v", n, m.Announced)
	}
	last := m.Announced[len(m.Announced)-1]
	for i := m.Changes("RU"); i < flow.MaxAmendments; i++ {
		r := last
		r.Message, r.DocumentID, r.Replaces, r.Asks = gateway.MessageID(fmt.Sprint("more ", i)), fmt.Sprint("more ", i), []string{"another"}, gateway.WithdrawalRefused
		m.Announced = append(m.Announced, r)
	}
	put(w, m)
	s := w.russian("R9", "R9", "RUCN90000001", "99", "R1")
	deliver()
	ms, err := w.ru.Store.Read().Messages(t.Context(), s.MessageID)
	if err != nil {
		t.Fatal(err)
	}
	sent := ms[len(ms)-1]
	in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", sent.ID)
	if err != nil || in.State == gateway.Accepted || !slices.Contains(codesIn(in.Faults), gateway.AmendTooOften) || sent.State != gateway.Refused {
		t.Errorf("it is %s here, %s there: %v, %v", in.State, sent.State, in.Faults.Report("en"), err)
	}
	if now, err := w.cn.Movement(t.Context(), m.ID); err != nil || len(now.Announced) != len(m.Announced) {
		t.Errorf("%d records, were %d, %v", len(now.Announced), len(m.Announced), err)
	}
}

// put writes a movement as it is, with all that it is found by.
func put(w *world, m flow.Movement) {
	w.t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.cn.Store.Do(w.t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutMovement(store.Movement{ID: m.ID, Opened: tx.Now(), Body: body}, []store.Identifier{}),
			tx.Audit("test", "movement changed", string(m.ID), gateway.DigestOf(body)))
	}); err != nil {
		w.t.Fatal(err)
	}
}

// What a partner tells of one batch without end does not make one movement grow without end:
// more of it is another movement, and is accepted.
func TestAPartnerAnnouncesWithoutEnd(t *testing.T) {
	w := newWorld(t)
	announce := func(id, waybill string) flow.Movement {
		t.Helper()
		if s := w.russian(id, id, waybill, "12", ""); s.State != gateway.Sent {
			t.Fatalf("%s is %s: %v", id, s.State, s.Faults.Report("en"))
		}
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		return found(w, w.cn, waybill)
	}
	m := announce("R1", "RUCN90000001")
	if next := announce("R2", "RUCN90000002"); next.ID != m.ID {
		t.Fatalf("a waybill of the same batch is in %s, want %s", next.ID, m.ID)
	} else {
		m = next
	}
	last := m.Announced[len(m.Announced)-1]
	for i := len(m.Announced); i < flow.MaxTold; i++ {
		r := last
		r.Message, r.DocumentID = gateway.MessageID(fmt.Sprint("more ", i)), fmt.Sprint("more ", i)
		m.Announced = append(m.Announced, r)
	}
	put(w, m)
	if more := announce("R3", "RUCN90000003"); more.ID == m.ID {
		t.Error("it joined the movement all the same")
	}
	if now, err := w.cn.Movement(t.Context(), m.ID); err != nil || len(now.Announced) != flow.MaxTold {
		t.Errorf("%d records, want %d, %v", len(now.Announced), flow.MaxTold, err)
	}
}

// Reports of one batch without end, while their manifest does not come: so many wait, and no
// more. The manifest is taken all the same.
func TestReportsWithoutEndWaitForTheirManifest(t *testing.T) {
	w, b := newWorld(t), borders[0]
	c := convoyOf(w, 1, "ABCU1234560")
	submit := func(id string, content []byte) store.Submission {
		t.Helper()
		s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for n := 1; n <= flow.MaxVersions+1; n++ {
		s := submit(fmt.Sprint("V", n), c.report(w, b, n, 0))
		refused := s.State == gateway.Faulty && slices.Contains(codesIn(s.Faults), gateway.PartsTooMany)
		if refused != (n > flow.MaxVersions) || !refused && s.State != gateway.Held {
			t.Fatalf("report %d is %s: %v", n, s.State, codesIn(s.Faults))
		}
	}
	s := submit("M", c.manifest(w, b))
	messages, err := w.cn.Store.Read().Messages(t.Context(), s.MessageID)
	if err != nil || s.State != gateway.Joined || len(messages) != flow.MaxVersions {
		t.Errorf("the manifest is %s and makes %d messages: %v, %v", s.State, len(messages), codesIn(s.Faults), err)
	}
}
