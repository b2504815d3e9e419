package flow_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// batched is what is announced under one batch, as the posts' documents say it.
type batched struct {
	w *world
	b border
	p trip
}

var consignment = regexp.MustCompile(`(?s)    <Consignment>.*</Consignment>\n`)

// manifest is a manifest of waybills by their numbers, each with its packages, under a function
// code and a document id of its own.
func (x batched) manifest(function string, n int, packages map[int]string) []byte {
	x.w.t.Helper()
	raw := string(x.p.document(x.w, x.b, "mt2401.xml"))
	one := consignment.FindString(raw)
	var all strings.Builder
	for i := 1; i < 100; i++ {
		if count, ok := packages[i]; ok {
			first := x.p.waybills()[0]
			all.WriteString(strings.NewReplacer(first, first[:len(first)-2]+fmt.Sprintf("%02d", i), ">420<", ">"+count+"<").Replace(one))
		}
	}
	raw = strings.Replace(raw, one, all.String(), 1)
	return []byte(strings.NewReplacer("<FunctionCode>9<", "<FunctionCode>"+function+"<", "09300000"+fmt.Sprint(x.p.n), "09300001"+fmt.Sprint(n)).Replace(raw))
}

func (x batched) waybill(i int) string {
	first := x.p.waybills()[0]
	return first[:len(first)-2] + fmt.Sprintf("%02d", i)
}

// report is a vehicle's report under a function code and a document id of its own.
func (x batched) report(function string, n int, tractor, trailer string) []byte {
	raw := string(x.p.document(x.w, x.b, "mt4402.xml"))
	return []byte(strings.NewReplacer("<FunctionCode>2<", "<FunctionCode>"+function+"<", "10150000"+fmt.Sprint(x.p.n), "10150001"+fmt.Sprint(n),
		x.p.tractor, tractor, x.p.trailer, trailer).Replace(raw))
}

var named = regexp.MustCompile(`(?s)(<DeclarationOfficeID>[0-9]+</DeclarationOfficeID>\s*<ID>[^<]*</ID>\n).*(\s*<RepresentativePerson>)`)

// short is a document that names no more than what it takes out.
func short(raw []byte, what string) []byte {
	return named.ReplaceAll(raw, []byte("${1}"+what+"${2}"))
}

// deletion is a short deletion of waybills, each with its reasons, or of the batch.
func (x batched) deletion(n int, reasons map[int][]string) []byte {
	var all strings.Builder
	for i, codes := range reasons {
		all.WriteString("<Consignment><TransportContractDocument>")
		for _, code := range codes {
			all.WriteString("<ChangeReasonCode>" + code + "</ChangeReasonCode>")
		}
		all.WriteString("<ID>" + x.waybill(i) + "</ID></TransportContractDocument></Consignment>")
	}
	return short(x.manifest("3", n, map[int]string{1: "420"}), all.String())
}

func (x batched) submit(id string, content []byte, want gateway.SubmissionState) store.Submission {
	x.w.t.Helper()
	return x.submitAs(flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content}, want)
}

func (x batched) submitAs(sub flow.Submission, want gateway.SubmissionState) store.Submission {
	x.w.t.Helper()
	checked, err := x.w.cn.Check(x.w.t.Context(), x.b.exit, sub)
	if err != nil {
		x.w.t.Fatal(err)
	}
	s, err := x.w.cn.Submit(x.w.t.Context(), x.b.exit, sub)
	if err != nil || s.State != want {
		x.w.t.Fatalf("%s is %s, want %s: %v, %v", sub.ID, s.State, want, s.Faults.Report("en"), err)
	}
	if checked.State != s.State || len(checked.Faults) != len(s.Faults) {
		x.w.t.Errorf("%s is %s with %d faults; checked, %s with %d", sub.ID, s.State, len(s.Faults), checked.State, len(checked.Faults))
	}
	return s
}

// messages are those of a whole that a version of it made.
func (x batched) messages(s store.Submission) []store.Message {
	x.w.t.Helper()
	all, err := x.w.cn.Store.Read().Messages(x.w.t.Context(), s.MessageID)
	if err != nil {
		x.w.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(m store.Message) bool { return m.Version != s.Version })
}

// announcement is what a side's movement of the batch counts as announced.
func (x batched) announcement(g *flow.Gateway) string {
	x.w.t.Helper()
	ms, _, _, err := g.Find(x.w.t.Context(), x.p.batch(x.b), 0, 10)
	if err != nil {
		x.w.t.Fatal(err)
	}
	var all []string
	for _, m := range ms {
		for _, r := range m.Counting() {
			for _, wb := range r.Facts.Waybills {
				var plates []string
				for _, v := range r.Facts.Vehicles {
					plates = append(plates, v.Registration)
				}
				all = append(all, wb.ID+" "+wb.Packages.Value+" on "+strings.Join(plates, "+"))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// same reports that both sides count the same, and what.
func (x batched) same(want ...string) {
	x.w.t.Helper()
	slices.Sort(want)
	for _, g := range []*flow.Gateway{x.w.cn, x.w.ru} {
		if got := x.announcement(g); got != strings.Join(want, "; ") {
			x.w.t.Errorf("%s counts %q, want %q", g.Own, got, strings.Join(want, "; "))
		}
	}
}

func (x batched) on(i int, packages, tractor, trailer string) string {
	return x.waybill(i) + " " + packages + " on " + tractor + "+" + trailer
}

func newBatch(t *testing.T, b border, lead time.Duration) batched {
	w := newPair(t, b.to)
	p := tripOf(1, w)
	p.departs = w.clock.Now().Add(lead)
	return batched{w, b, p}
}

// A change of a waybill at both borders: the full new version travels in the chain of the first,
// and takes its place on both sides; others of the batch stay. Both versions are kept, and every
// value of either is explained.
func TestAChangeOfAWaybillTakesThePlaceOfTheNotice(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			x := newBatch(t, b, 30*time.Minute)
			x.submit("M1", x.manifest("9", 1, map[int]string{1: "420", 2: "10"}), gateway.Held)
			first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
			x.w.send(b)
			x.same(x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "10", x.p.tractor, x.p.trailer))
			second := x.submit("M2", x.manifest("5", 2, map[int]string{2: "11"}), gateway.Joined)
			if second.MessageID != first.MessageID || second.Version != 2 {
				t.Fatalf("version %d of %s", second.Version, second.MessageID)
			}
			ms := x.messages(second)
			if len(ms) != 1 {
				t.Fatalf("%d messages", len(ms))
			}
			m, old := x.w.message(ms[0].ID), x.messages(first)[0]
			doc := document.Parse(m.Canonical).Document
			if m.Replaces != old.ID || m.Chain != old.Chain || !slices.ContainsFunc(doc.Envelope.References, func(r *customsv1.Reference) bool {
				return r.Kind == customsv1.ReferenceKind_CHANGED && r.Id == old.DocumentID
			}) {
				t.Errorf("it replaces %s in chain %s: %v", m.Replaces, m.Chain, doc.Envelope.References)
			}
			x.w.send(b)
			if m := x.w.message(m.ID); m.State != gateway.Accepted {
				t.Fatalf("the change is %s: %s", m.State, m.LastError)
			}
			x.same(x.on(1, "420", x.p.tractor, x.p.trailer), x.on(2, "11", x.p.tractor, x.p.trailer))
			for _, id := range []string{"M1", "V1", "M2"} {
				if e, err := x.w.cn.Explain(t.Context(), b.exit, gateway.SubmissionID(id)); err != nil || len(e.Origins) == 0 {
					t.Errorf("explain %s: %d, %v", id, len(e.Origins), err)
				}
			}
			in, err := x.w.ru.Store.Read().Inbound(t.Context(), "CN", m.ID)
			if err != nil || in.Replaces != old.ID {
				t.Errorf("it is taken for a change of %q, %v", in.Replaces, err)
			}
			// A second change refers to the newest version; the same again changes nothing.
			third := x.submit("M3", x.manifest("5", 3, map[int]string{1: "421"}), gateway.Joined)
			if m3 := x.messages(third)[0]; m3.Replaces != m.ID || m3.Chain != old.Chain {
				t.Errorf("the second change replaces %s", m3.Replaces)
			}
			x.w.send(b)
			x.same(x.on(1, "421", x.p.tractor, x.p.trailer), x.on(2, "11", x.p.tractor, x.p.trailer))
			if s := x.submit("M4", x.manifest("5", 4, map[int]string{1: "421"}), gateway.Done); len(x.messages(s)) != 0 {
				t.Error("what is the same is sent")
			}
		})
	}
}

// A deletion takes out the waybills that it names; when none is left all is taken back.
func TestADeletionTakesOutTheWaybillsThatItNames(t *testing.T) {
	b := borders[1] // Kazakhstan takes back by its receipt
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420", 2: "10"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.submit("D1", x.manifest("3", 2, map[int]string{2: "10"}), gateway.Joined)
	x.w.send(b)
	x.same(x.on(1, "420", x.p.tractor, x.p.trailer))
	s := x.submit("D2", x.manifest("3", 3, map[int]string{2: "10"}), gateway.Faulty)
	if !slices.Contains(codesIn(s.Faults), gateway.TakeOutUnknown) {
		t.Errorf("twice: %v", s.Faults.Report("en"))
	}
	back := x.submit("D3", x.manifest("3", 4, map[int]string{1: "420"}), gateway.Joined)
	if ms := x.messages(back); len(ms) != 1 || ms[0].Kind != "Cancellation" {
		t.Fatalf("%d messages", len(ms))
	}
	x.w.send(b)
	x.same()
	for _, g := range []*flow.Gateway{x.w.cn, x.w.ru} {
		if m := found(x.w, g, x.waybill(1)); m.Withdrawal() != gateway.WithdrawalDone {
			t.Errorf("%s: withdrawal %q", g.Own, m.Withdrawal())
		}
	}
	// What was taken back is announced anew.
	x.submit("M5", x.manifest("9", 5, map[int]string{1: "500"}), gateway.Held)
	x.submit("V5", x.report("2", 5, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.same(x.on(1, "500", x.p.tractor, x.p.trailer))
}

// A vehicle report is deleted and added anew: the notice is taken back, and announced behind.
func TestAVehicleIsDeletedAndAddedAnew(t *testing.T) {
	b := borders[1]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.submit("D1", x.report("3", 2, x.p.tractor, x.p.trailer), gateway.Joined)
	again := x.submit("V2", x.report("2", 3, "蒙E54321", "蒙E9876挂"), gateway.Joined)
	if again.MessageID != first.MessageID || x.messages(again)[0].Chain != x.messages(first)[0].Chain {
		t.Errorf("it is announced as %s in chain %s", again.MessageID, x.messages(again)[0].Chain)
	}
	x.w.send(b)
	x.same(x.on(1, "420", "蒙E54321", "蒙E9876挂"))
}

// A deletion in its short shape takes out the waybills that it names, or all of the batch where it
// names none; its reason travels where the form has a place. The same shape with the function code
// of a first document or of a change announces nothing.
func TestAShortDeletionTakesOutWhatItNames(t *testing.T) {
	for _, b := range borders {
		for name, last := range map[string]struct {
			reasons map[int][]string
			reason  string
		}{
			"the last waybill": {map[int][]string{2: {"010", "999"}}, "010"},
			"the batch":        {nil, ""},
		} {
			t.Run(string(b.to)+" "+name, func(t *testing.T) {
				x := newBatch(t, b, 30*time.Minute)
				x.submit("M1", x.manifest("9", 1, map[int]string{1: "420", 2: "10"}), gateway.Held)
				first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
				x.w.send(b)
				for i, code := range []string{"9", "5"} {
					full := strings.Replace(string(x.deletion(2+i, map[int][]string{1: {"001"}})), "<FunctionCode>3<", "<FunctionCode>"+code+"<", 1)
					s := x.submit("X"+code, []byte(full), gateway.Faulty)
					if at := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.MapRequired }); at < 0 || !strings.HasSuffix(s.Faults[at].Location.Expr, "/d:Consignment[1]") {
						t.Errorf("with function %s: %v", code, s.Faults.Report("en"))
					}
				}
				x.submit("D1", x.deletion(4, map[int][]string{1: {"001"}}), gateway.Joined)
				x.w.send(b)
				x.same(x.on(2, "10", x.p.tractor, x.p.trailer))
				if b.to == "RU" { // its form of cancellation takes the id that an answer brings
					x.w.answers(b, "A1", x.messages(first)[0].DocumentID, registered)
				}
				s := x.submit("D2", x.deletion(5, last.reasons), gateway.Joined)
				x.w.send(b)
				payload := string(x.w.message(x.messages(s)[0].ID).Payload)
				if says := strings.Contains(payload, "<ChangeReasonCode>"+last.reason+"</ChangeReasonCode>"); says != (b.to == "KZ" && last.reason != "") {
					t.Errorf("it says %s", payload)
				}
			})
		}
	}
}

// A short deletion of a vehicle takes out that one, of a batch of two; at each border.
func TestAShortDeletionTakesOutAVehicle(t *testing.T) {
	for _, b := range borders {
		x := newBatch(t, b, 30*time.Minute)
		other, trailer := "蒙E54321", "蒙E9876挂"
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
		x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		second := x.submit("V2", x.report("2", 2, other, trailer), gateway.Joined)
		x.w.send(b)
		if b.to == "RU" {
			x.w.answers(b, "A1", x.messages(second)[0].DocumentID, registered)
		}
		x.submit("D1", short(x.report("3", 3, other, trailer), "<Consignment><BorderTransportMeans><ID>"+other+"</ID></BorderTransportMeans></Consignment>"), gateway.Joined)
		x.w.send(b)
		one, both := x.on(1, "420", x.p.tractor, x.p.trailer), x.on(1, "420", other, trailer)
		if b.to == "RU" { // where it stands until the partner's answer
			x.same(one, both)
		} else {
			x.same(one)
		}
	}
}

// A whole is changed so many times and no more: the next is told, in XML and in JSON.
func TestAWholeIsNotChangedWithoutEnd(t *testing.T) {
	var out bytes.Buffer
	x := newBatch(t, borders[1], 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	change := func(n int) flow.Submission {
		return flow.Submission{ID: gateway.SubmissionID(fmt.Sprint("M", n)), MediaType: flow.XML, Content: bytes.ReplaceAll(x.manifest("5", 1, map[int]string{1: fmt.Sprint(420 + n)}), []byte("093000011"), fmt.Appendf(nil, "093000%03d", n))}
	}
	for n := range flow.MaxVersions - 1 {
		if s, err := x.w.cn.Submit(t.Context(), x.b.exit, change(100+n)); err != nil || s.State != gateway.Joined {
			t.Fatalf("change %d is %s: %v, %v", n, s.State, s.Faults.Report("en"), err)
		}
	}
	d := patient{x.w.cn.Chain, t}.Read(change(201).Content, flow.XML, "CN", x.w.clock.Now()).Document
	for _, sub := range []flow.Submission{change(200), {ID: "J1", MediaType: flow.JSON, Content: document.Marshal(d)}} {
		s := x.submitAs(sub, gateway.Faulty)
		i := slices.Index(codesIn(s.Faults), gateway.AmendTooOften)
		if i < 0 {
			t.Fatalf("%s: %v", sub.ID, s.Faults.Report("en"))
		}
		inFiveLanguages(&out, "one change too many, "+string(sub.MediaType), s.Faults[i])
	}
	golden(t, "testdata/too-often.txt", out.Bytes())
}

// A further vehicle of a batch is a further message of the same whole; a deletion that names
// only the batch then waits until the post says which vehicle it means.
func TestADeletionOfABatchOfSeveralVehiclesWaits(t *testing.T) {
	b := borders[0]
	other, trailer := "蒙E54321", "蒙E9876挂"
	both := func(x batched) []string {
		return []string{x.on(1, "420", x.p.tractor, x.p.trailer), x.on(1, "420", other, trailer)}
	}
	batchOnly := func(x batched) []byte {
		return []byte(fmt.Sprintf(`{"envelope": {"documentId": "D1", "issued": %q, "function": "DELETION"}, "vehicleReport": {"batch": %q,
			"office": {"administration": "CN", "code": %q}}}`, x.w.clock.Now().Format(time.RFC3339), x.p.batch(b), b.exit.Office))
	}
	for name, tt := range map[string]struct {
		then func(x batched)
		want func(x batched) []string
	}{
		"the post names one": {func(x batched) {
			if s, err := x.w.cn.Choose(t.Context(), b.exit, "D1", flow.Choice{Vehicles: []string{other}}); err != nil || s.State != gateway.Joined {
				t.Fatalf("%s %v %v", s.State, s.Faults.Report("en"), err)
			}
		}, func(x batched) []string { return both(x)[:1] }},
		"the post says all": {func(x batched) {
			if s, err := x.w.cn.Choose(t.Context(), b.exit, "D1", flow.Choice{All: true}); err != nil || s.State != gateway.Joined {
				t.Fatalf("%s %v %v", s.State, s.Faults.Report("en"), err)
			}
		}, func(batched) []string { return nil }},
		"its time is over": {func(x batched) {
			x.w.clock.add(25 * time.Hour)
			if err := x.w.cn.ExpireHeld(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := x.w.state(b, "D1"); s.State != gateway.Expired {
				t.Errorf("it is %s", s.State)
			}
		}, both},
	} {
		t.Run(name, func(t *testing.T) {
			x := newBatch(t, b, 30*time.Minute)
			x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
			first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
			x.w.send(b)
			second := x.submit("V2", x.report("2", 2, other, trailer), gateway.Joined)
			if ms := x.messages(second); second.MessageID != first.MessageID || len(ms) != 1 || ms[0].Replaces != "" {
				t.Fatalf("%d messages of %s", len(ms), second.MessageID)
			}
			if s := x.submit("V3", x.report("2", 3, other, trailer), gateway.Faulty); !slices.Contains(codesIn(s.Faults), gateway.AlreadyAnnounced) {
				t.Errorf("twice: %v", s.Faults.Report("en"))
			}
			x.w.send(b)
			x.same(both(x)...)
			for i, s := range []store.Submission{first, second} { // Russia's form takes an id that its answer brings
				x.w.answers(b, fmt.Sprint("A", i), x.messages(s)[0].DocumentID, strings.Replace(registered, "000000123", fmt.Sprint("00000012", i), 1))
			}
			s := x.submitAs(flow.Submission{ID: "D1", MediaType: flow.JSON, Content: batchOnly(x)}, gateway.Held)
			if !slices.Equal(s.WaitsFor, []string{flow.WaitsForVehicles}) {
				t.Errorf("it waits for %v", s.WaitsFor)
			}
			// What comes meanwhile waits behind it.
			behind := x.submit("M2", x.manifest("5", 4, map[int]string{1: "430"}), gateway.Held)
			if !slices.Equal(behind.WaitsFor, []string{flow.WaitsForEarlier}) {
				t.Errorf("what comes behind waits for %v", behind.WaitsFor)
			}
			x.w.send(b)
			x.same(both(x)...)
			tt.then(x)
			if err := x.w.cn.JudgeDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			x.w.send(b)
			all, err := x.w.cn.Store.Read().Messages(t.Context(), first.MessageID)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range all {
				if m.Kind == "Cancellation" {
					x.w.answers(b, fmt.Sprint("B", i), m.DocumentID, `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["ok"], "category": "INFO"}]`)
				}
			}
			var want []string
			for _, one := range tt.want(x) {
				want = append(want, strings.Replace(one, " 420 ", " 430 ", 1))
			}
			if name != "its time is over" { // the one behind has expired with it
				x.same(want...)
			}
		})
	}
}

// Before it is handed over, the old message is withdrawn and the new one simply announced.
func TestWhatWasNotHandedOverIsChangedUnseen(t *testing.T) {
	for _, b := range borders {
		x := newBatch(t, b, 30*time.Minute)
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
		first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		second := x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Joined)
		m := x.w.message(x.messages(second)[0].ID)
		if m.Replaces != "" || strings.Contains(string(m.Canonical), "CHANGED") {
			t.Errorf("it refers to what never left: %q %s", m.Replaces, m.Canonical)
		}
		if old := x.messages(first)[0]; old.State != gateway.TakenBack {
			t.Errorf("the first is %s", old.State)
		}
		x.w.send(b)
		if x.w.out.tries != 1 {
			t.Errorf("%d messages were sent", x.w.out.tries)
		}
		x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	}
}

// Acts on parts that wait wait with them: the whole is announced as they leave it.
func TestActsOnPartsThatWait(t *testing.T) {
	b := borders[0]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420", 2: "10"}), gateway.Held)
	x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Held)
	x.submit("M3", x.manifest("3", 3, map[int]string{2: "10"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	if _, err := x.w.cn.Explain(t.Context(), b.exit, "M1"); err != nil {
		t.Error(err)
	}

	y := newBatch(t, b, 30*time.Minute)
	y.submit("M1", y.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	y.submit("D1", y.manifest("3", 2, map[int]string{1: "420"}), gateway.Done)
	if s := y.w.state(b, "M1"); s.State != gateway.Withdrawn {
		t.Errorf("the manifest is %s", s.State)
	}
	y.submit("V1", y.report("2", 1, y.p.tractor, y.p.trailer), gateway.Held)
}

// Towards Russia a change waits for the registration number, visibly, until lead time would be
// lost; then it goes without, and says so.
func TestAChangeWaitsForTheRegistrationNumber(t *testing.T) {
	b := borders[0]
	start := func(t *testing.T) (batched, store.Message) {
		x := newBatch(t, b, 5*time.Hour)
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
		first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		x.w.send(b)
		s := x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Held)
		if want := x.p.departs.Add(40*time.Minute - 2*time.Hour); !slices.Equal(s.WaitsFor, []string{flow.WaitsForNumber}) || !s.Expires.Equal(want) {
			t.Fatalf("it waits for %v until %v, want %v", s.WaitsFor, s.Expires, want)
		}
		return x, x.messages(first)[0]
	}
	t.Run("it comes", func(t *testing.T) {
		x, old := start(t)
		x.w.answers(b, "A1", old.DocumentID, registered)
		s := x.w.state(b, "M2")
		if s.State != gateway.Joined {
			t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
		}
		x.w.send(b)
		payload := string(x.w.message(x.messages(s)[0].ID).Payload)
		if !strings.Contains(payload, "RefRegNumber") || !strings.Contains(payload, "<cat_ru:RefDocumentID>"+old.DocumentID) {
			t.Errorf("it says %s", payload)
		}
		x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	})
	t.Run("it does not", func(t *testing.T) {
		x, _ := start(t)
		x.w.clock.add(3*time.Hour + 41*time.Minute)
		if err := x.w.cn.ExpireHeld(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := x.w.cn.JudgeDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := x.w.state(b, "M2")
		if s.State != gateway.Joined || !slices.Contains(codesIn(s.Faults), gateway.AmendWithoutNumber) {
			t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
		}
		var out bytes.Buffer
		inFiveLanguages(&out, "a change that waited in vain", s.Faults[slices.Index(codesIn(s.Faults), gateway.AmendWithoutNumber)])
		golden(t, "testdata/without-number.txt", bytes.ReplaceAll(out.Bytes(), []byte(x.w.message(x.messages(s)[0].Replaces).DocumentID), []byte("DOCUMENT")))
		x.w.send(b)
		if payload := string(x.w.message(x.messages(s)[0].ID).Payload); strings.Contains(payload, "RefRegNumber") {
			t.Errorf("it says %s", payload)
		}
		x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	})
}

// A change that Russia refuses leaves the notice as it was, on both sides.
func TestARefusedChangeLeavesTheNotice(t *testing.T) {
	b := borders[0]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	s := x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Joined)
	x.w.send(b)
	x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
	x.w.answers(b, "A1", x.messages(s)[0].DocumentID, refused)
	x.same(x.on(1, "420", x.p.tractor, x.p.trailer))
	// The next one changes the first.
	next := x.submit("M3", x.manifest("5", 3, map[int]string{1: "422"}), gateway.Joined)
	if m := x.messages(next)[0]; m.Replaces != next.MessageID {
		t.Errorf("it replaces %s", m.Replaces)
	}
	x.w.send(b)
	x.same(x.on(1, "422", x.p.tractor, x.p.trailer))
}

// What Russia refused of one act is not asked for again by the next: a further truck is announced
// with the goods as they stand, and one that was to be taken out stands like the others.
func TestARefusedActIsOutOfWhatFollows(t *testing.T) {
	b := borders[0]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.w.answers(b, "A1", x.messages(first)[0].DocumentID, registered)
	turnedDown := func(s store.Submission, answer string) {
		t.Helper()
		x.w.send(b)
		x.w.answers(b, answer, x.messages(s)[0].DocumentID, refused)
	}
	turnedDown(x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Joined), "A2")
	again := x.submit("V3", x.report("2", 3, "蒙E54321", "蒙E9876挂"), gateway.Joined)
	if ms := x.messages(again); len(ms) != 1 || ms[0].Replaces != "" {
		t.Fatalf("%d messages of a further truck", len(ms))
	}
	x.w.send(b)
	x.same(x.on(1, "420", x.p.tractor, x.p.trailer), x.on(1, "420", "蒙E54321", "蒙E9876挂"))
	x.w.answers(b, "A4", x.messages(again)[0].DocumentID, strings.Replace(registered, "000000123", "000000124", 1))
	turnedDown(x.submit("D1", x.report("3", 4, x.p.tractor, x.p.trailer), gateway.Joined), "A5")
	all := x.submit("M3", x.manifest("5", 5, map[int]string{1: "422"}), gateway.Joined)
	if ms := x.messages(all); len(ms) != 2 {
		t.Fatalf("%d messages of both trucks", len(ms))
	}
	x.w.send(b)
	x.same(x.on(1, "422", x.p.tractor, x.p.trailer), x.on(1, "422", "蒙E54321", "蒙E9876挂"))
	// A truck whose notice is refused may be announced again.
	turnedDown(x.submit("V6", x.report("2", 6, "蒙E11111", "蒙E2222挂"), gateway.Joined), "A6")
	if ms := x.messages(x.submit("V7", x.report("2", 7, "蒙E11111", "蒙E2222挂"), gateway.Joined)); len(ms) != 1 || ms[0].Replaces != "" {
		t.Errorf("%d messages of the truck that was refused", len(ms))
	}
}

// A change that overtook what it changes waits for it a limited time, and is then refused.
func TestAChangeThatOvertookWaitsForItsOriginal(t *testing.T) {
	for _, comes := range []bool{true, false} {
		x := newBatch(t, borders[0], 30*time.Minute)
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
		first := x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		x.w.send(x.b)
		s := x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Joined)
		// Another gateway of Russia's gets the change first.
		other := newPair(t, "RU")
		old, m := x.w.message(x.messages(first)[0].ID), x.w.message(x.messages(s)[0].ID)
		deliver := func(m store.Message) {
			if _, err := other.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.Header, m.Signature, m.Payload); err != nil {
				t.Fatal(err)
			}
		}
		deliver(m)
		if _, err := other.ru.Store.Read().Inbound(t.Context(), "CN", m.ID); err == nil {
			t.Fatal("it is judged")
		}
		waiting, err := other.ru.Store.Read().Troubled(t.Context(), 0, 10)
		if err != nil || len(waiting) != 1 || waiting[0].Parked || waiting[0].Tries != 0 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		want := gateway.Refused
		if comes { // and the change is judged at once
			deliver(old)
			want = gateway.Accepted
		} else {
			other.clock.add(flow.OriginalWait)
		}
		if err := other.ru.JudgeDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		in, err := other.ru.Store.Read().Inbound(t.Context(), "CN", m.ID)
		if err != nil || in.State != want || !comes && !slices.Contains(codesIn(in.Faults), gateway.OriginalMissing) {
			t.Errorf("it is %s: %v, %v", in.State, in.Faults.Report("en"), err)
		}
	}
}

// A change that waits is taken back alone: what it was to change stands.
func TestAChangeThatWaitsIsTakenBackAlone(t *testing.T) {
	b := borders[0]
	x := newBatch(t, b, 5*time.Hour)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.submit("M2", x.manifest("5", 2, map[int]string{1: "421"}), gateway.Held)
	x.submit("M3", x.manifest("5", 3, map[int]string{1: "422"}), gateway.Held)
	if s := x.w.cancel(b, "C1", "M2"); s.State != gateway.Done {
		t.Fatalf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
	}
	for id, want := range map[string]gateway.SubmissionState{"M1": gateway.Joined, "V1": gateway.Joined, "M2": gateway.Withdrawn} {
		if s := x.w.state(b, id); s.State != want {
			t.Errorf("%s is %s, want %s", id, s.State, want)
		}
	}
	if err := x.w.cn.JudgeDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := x.w.state(b, "M3"); !slices.Equal(s.WaitsFor, []string{flow.WaitsForNumber}) { // its turn has come
		t.Errorf("the next waits for %v", s.WaitsFor)
	}
}

// A full version of what waits takes its place there; one of something else does not.
func TestAFullVersionOfAPartThatWaits(t *testing.T) {
	b := borders[1]
	x := newBatch(t, b, 30*time.Minute)
	x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
	full := func(id, of string, packages string, n int) flow.Submission {
		return flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: x.manifest("9", n, map[int]string{1: packages}), Asks: store.Asks{Amends: of}}
	}
	x.submitAs(full("X", "none", "1", 2), gateway.Faulty)
	x.submitAs(full("M2", "M1", "421", 3), gateway.Held)
	x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
	x.w.send(b)
	x.same(x.on(1, "421", x.p.tractor, x.p.trailer))
}
