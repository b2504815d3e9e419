package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// trucks is the exit report of a convoy: so many trucks, each with its container.
func trucks(n int) string {
	var vehicles, units []string
	for i := 1; i <= n; i++ {
		vehicles = append(vehicles, fmt.Sprintf(`{"role": "TRACTOR", "registration": "蒙E1234%d", "country": "CN"}`, i))
		units = append(units, fmt.Sprintf(`{"id": "ABCU123456%d", "kind": "CONTAINER", "sizeType": "42G1", "seals": [{"id": "CNSEAL000001%d"}], "assignments": [{"vehicle": "蒙E1234%d"}]}`, i, i, i))
	}
	return `{"envelope": {"documentId": "REPORT", "issued": "2026-03-01T02:14:00Z", "function": "ADDITION"},
	"vehicleReport": {"kind": "LADEN_EXIT", "batch": "0603260301001", "at": "2026-03-01T02:10:00Z",
		"office": {"administration": "CN", "code": "0603"}, "carrier": {"ids": [{"scheme": "CUSTOMS", "value": "0603EX0001"}]},
		"transport": {"mode": "3", "vehicles": [` + strings.Join(vehicles, ",") + `]}, "loadUnits": [` + strings.Join(units, ",") + `]}}`
}

// convoy submits the manifest and the report of so many trucks, and returns the messages
// they became. The waybill is in the containers of all of them.
func (w *world) convoy(n int) []store.Message {
	w.t.Helper()
	manifest := string(w.content("mt2401.xml"))
	const unit = "<ID>ABCU1234560</ID>"
	var units []string
	for i := 1; i <= n; i++ {
		units = append(units, strings.Replace(unit, "0<", fmt.Sprint(i, "<"), 1))
	}
	manifest = strings.Replace(manifest, unit, strings.Join(units, "\n      </TransportEquipment>\n      <TransportEquipment>\n        "), 1)
	if _, err := w.cn.Submit(w.t.Context(), post, flow.Submission{ID: "M1", MediaType: flow.XML, Content: []byte(manifest)}); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.cn.Submit(context.Background(), post, flow.Submission{ID: "V1", MediaType: flow.JSON, Content: []byte(trucks(n))})
	if err != nil || s.State != gateway.Joined {
		w.t.Fatalf("the parts are %s: %v %v", s.State, s.Faults, err)
	}
	return w.messages(s.MessageID)
}

func (w *world) messages(whole gateway.MessageID) []store.Message {
	w.t.Helper()
	messages, err := w.cn.Store.Read().Messages(context.Background(), whole)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, m := range messages {
		messages[i] = w.message(m.ID) // with its documents
	}
	return messages
}

func TestOneWaybillOnFourTrucksIsFourNotices(t *testing.T) {
	w := newWorld(t)
	ms := w.convoy(4)
	if len(ms) != 4 {
		t.Fatalf("%d messages", len(ms))
	}
	documents := map[string]bool{}
	for i, m := range ms {
		documents[m.DocumentID] = true
		if m.Whole != ms[0].ID || m.Part != i+1 || m.Split != "ru/road-notice.v1" || m.State != gateway.Queued || m.Sequence != ms[0].Sequence ||
			!strings.Contains(string(m.Header), `"wholeGoods":true`) || m.Conversation != string(ms[0].ID) || m.Chain != m.ID || len(documents) != i+1 || m.ExpectedArrival.IsZero() {
			t.Errorf("message %d is %s of %s, part %d by %q, %s in commit %d, conversation %s", i, m.ID, m.Whole, m.Part, m.Split, m.State, m.Sequence, m.Conversation)
		}
		if own := fmt.Sprint("蒙E1234", i+1); strings.Count(string(m.Payload), "蒙E1234") != 1 || !strings.Contains(string(m.Payload), own) {
			t.Errorf("message %d is not of truck %s alone", i, own)
		}
	}
	for _, id := range []string{"M1", "V1"} {
		if s, err := w.cn.Store.Read().Submission(t.Context(), "0603", id); err != nil || s.State != gateway.Joined || s.MessageID != ms[0].ID {
			t.Errorf("the part %s is %s in %s, %v", id, s.State, s.MessageID, err)
		}
	}
	if events := w.events(w.cn); strings.Count(events, "message queued") != 4 {
		t.Errorf("the audit trail says\n%s", events)
	}

	w.deliver()
	for i, m := range w.messages(ms[0].ID) {
		if m.State != gateway.Accepted || m.Receipt == nil {
			t.Errorf("message %d is %s: %s", i, m.State, m.LastError)
		}
	}
	// Both sides know one movement of four trucks, and its goods once.
	for name, g := range map[string]*flow.Gateway{"China": w.cn, "Russia": w.ru} {
		found, _, _, err := g.Find(t.Context(), "CNRU26030001", 0, 10)
		if err != nil || len(found) != 1 || len(found[0].Announced) != 4 {
			t.Fatalf("%s knows %+v, %v", name, found, err)
		}
		announced, arrived := found[0].Vehicles()
		want := []reconcile.Account{{Waybill: "CNRU26030001", Packages: reconcile.Figures{Announced: "420", Open: "420"}, Kilograms: reconcile.Figures{Announced: "18250.5", Open: "18250.5"}}}
		if diff := cmp.Diff(want, found[0].Accounts()); diff != "" || announced != 4 || arrived != 0 {
			t.Errorf("%s: %d vehicles, %d arrived, %s", name, announced, arrived, diff)
		}
		if again, _, _, err := g.Find(t.Context(), "蒙E12344", 0, 10); err != nil || len(again) != 1 || again[0].ID != found[0].ID {
			t.Errorf("%s finds %+v by the fourth truck, %v", name, again, err)
		}
	}
}

// TestConvoyIsOneMovementWhateverElseItsWaybillFinds: the waybill alone could mean two
// movements, the conversation means one.
func TestConvoyIsOneMovementWhateverElseItsWaybillFinds(t *testing.T) {
	w := newWorld(t)
	// The consignment has crossed in two batches before.
	for i, c := range []struct{ batch, waybill string }{{"B0", "CNRU26030001"}, {"B1", "X"}, {"B1", "CNRU26030001"}} {
		body := fmt.Sprintf(`{"envelope": {"documentId": "A%d", "issued": "2026-03-01T02:14:00Z"}, "arrivalReport": {"at": "2026-03-01T02:14:00Z", "batch": "%s",
			"office": {"administration": "RU", "code": "10719110"}, "consignments": [{"transportDocument": {"id": "%s"}}]}}`, i, c.batch, c.waybill)
		if _, err := w.ru.RecordArrival(t.Context(), flow.Caller{URI: "customs://RU/office/10719110/post/1", Office: "10719110"}, flow.Record{ID: fmt.Sprint("A", i), Content: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	w.convoy(2)
	w.deliver()
	found, _, _, err := w.ru.Find(t.Context(), "CNRU26030001", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var announced []int
	for _, m := range found {
		if len(m.Announced) > 0 {
			announced = append(announced, len(m.Announced))
		}
	}
	if len(found) != 3 || !slices.Equal(announced, []int{2}) {
		t.Errorf("of %d movements with the waybill some have %v notices, want one with both", len(found), announced)
	}
}

// TestConvoyIsComparedAsOne: what the notices repeat, the goods, is announced once.
func TestConvoyIsComparedAsOne(t *testing.T) {
	w := newWorld(t)
	w.convoy(4)
	w.deliver()
	m, err := w.ru.RecordArrival(t.Context(), flow.Caller{URI: "customs://RU/office/10719110/post/1", Office: "10719110"}, flow.Record{ID: "A1", Content: []byte(`{
		"envelope": {"documentId": "A1", "issued": "2026-03-01T02:14:00Z"},
		"arrivalReport": {"at": "2026-03-01T02:14:00Z", "office": {"administration": "RU", "code": "10719110"}, "batch": "0603260301001",
			"transport": {"mode": "3", "vehicles": [{"registration": "蒙E12341"}, {"registration": "蒙E12342"}, {"registration": "蒙E12343"}, {"registration": "蒙E12344"}]},
			"consignments": [{"transportDocument": {"id": "CNRU26030001"}, "totals": {"packages": "420", "grossMass": {"kilograms": "18250.5"}}}]}}`)})

	if err != nil {
		t.Fatal(err)
	}
	if len(m.Comparisons) != 1 {
		t.Fatalf("%d comparisons", len(m.Comparisons))
	}
	for _, d := range m.Comparisons[0].Discrepancies {
		switch d.Code {
		case gateway.CmpGrossMass, gateway.CmpPackages, gateway.CmpVehicleExtra, gateway.CmpVehicleMissing, gateway.CmpWaybillMissing, gateway.CmpWaybillExtra:
			t.Errorf("%s %s: announced %s, found %s", d.Code, d.Subject.In("en"), d.Expected, d.Found)
		}
	}
	if m.Comparisons[0].Agreed < 6 {
		t.Errorf("%d things agree: %+v", m.Comparisons[0].Agreed, m.Comparisons[0])
	}
}

func TestOneTruckIsOneNoticeAsBefore(t *testing.T) {
	w := newWorld(t)
	ms := w.convoy(1)
	if len(ms) != 1 || ms[0].Whole != ms[0].ID || ms[0].Part != 1 || ms[0].Split != "" || ms[0].DocumentID != string(ms[0].ID) {
		t.Errorf("they are %+v", ms)
	}
}

func TestSplitCrossingIsAnnouncedOnce(t *testing.T) {
	w := newWorld(t)
	ms := w.convoy(2)
	again := func(id string) store.Submission {
		t.Helper()
		w.submit("M"+id, "mt2401.xml")
		s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: gateway.SubmissionID("V" + id), MediaType: flow.JSON, Content: []byte(trucks(2))})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	refusedAgain := func(id, when string) {
		t.Helper()
		s := again(id)
		if s.State != gateway.Faulty || s.MessageID != "" || !slices.ContainsFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.AlreadyAnnounced }) {
			t.Errorf("%s the crossing is announced again as %s: %v", when, s.State, s.Faults)
		}
		if _, err := w.cn.Withdraw(t.Context(), post, gateway.SubmissionID("M"+id), "test"); err != nil {
			t.Error(err)
		}
	}
	refusedAgain("2", "at once")
	end := func(m store.Message, state gateway.MessageState) {
		t.Helper()
		m.State = state
		if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.PutMessage(m), tx.Audit("test", "ended", string(m.ID), m.PayloadDigest))
		}); err != nil {
			t.Fatal(err)
		}
	}
	end(ms[0], gateway.Refused)
	refusedAgain("3", "with one notice refused")
	end(ms[1], gateway.Dead)
	if s := again("4"); s.State != gateway.Joined || len(w.messages(s.MessageID)) != 2 {
		t.Errorf("with nothing left of it the crossing is %s: %v", s.State, s.Faults)
	}
	// The same submission again is the same one.
	s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.JSON, Content: []byte(trucks(2))})
	if err != nil || s.MessageID != ms[0].ID {
		t.Errorf("asked again: %s, %v", s.MessageID, err)
	}
}

func TestParallelConvoySubmittedAtOnceIsSplitOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { w.submit("M1", "mt2401.xml") })
		wg.Go(func() {
			if _, err := w.cn.Submit(context.Background(), post, flow.Submission{ID: "V1", MediaType: flow.JSON, Content: []byte(trucks(7))}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.deliver()
	in, err := w.ru.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 10})
	if err != nil || len(in) != 7 {
		t.Errorf("Russia got %d notices of seven trucks, %v", len(in), err)
	}
}

func TestSplitMessageIsExplained(t *testing.T) {
	w := newWorld(t)
	ms := w.convoy(2)
	explained, err := w.cn.Explain(t.Context(), post, "V1")
	whole, origins := explained.Message, explained.Origins
	if err != nil || whole != ms[0].ID {
		t.Fatal(whole, err)
	}
	for value, want := range map[string]flow.Origin{
		"蒙E12341":        {Part: 1, Provenance: flow.FromDocument, SourceSubmission: "V1", Source: "/vehicleReport/transport/vehicles/0/registration"},
		"蒙E12342":        {Part: 2, Provenance: flow.FromDocument, SourceSubmission: "V1", Source: "/vehicleReport/transport/vehicles/1/registration"},
		ms[0].DocumentID: {Part: 1, Provenance: flow.FromGateway},
		ms[1].DocumentID: {Part: 2, Provenance: flow.FromGateway},
	} {
		i := slices.IndexFunc(origins, func(o flow.Origin) bool { return o.Value == value })
		if i < 0 {
			t.Errorf("%s is not explained", value)
			continue
		}
		o := origins[i]
		if got := (flow.Origin{Part: o.Part, Provenance: o.Provenance, SourceSubmission: o.SourceSubmission, Source: o.Source}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s comes from %+v", value, o)
		}
	}
	// Each message alone is explained by what it holds itself, at either end; the sender takes each by
	// its id only.
	if _, _, err := w.cn.SentMessage(t.Context(), post.Office, "V1", ""); codeOf(err) != gateway.MessageOfSeveral {
		t.Errorf("one of two messages: %v", err)
	}
	if _, _, err := w.cn.SentMessage(t.Context(), post.Office, "V1", "00000000-0000-4000-8000-000000000000"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a message of others: %v", err)
	}
	w.deliver()
	for i, m := range ms {
		sent, receipts, err := w.cn.SentMessage(t.Context(), post.Office, "V1", m.ID)
		if err != nil || gateway.DigestOf(sent.Payload) != m.PayloadDigest || len(receipts) != 1 || receipts[0].Verdict != gateway.PRS || receipts[0].Verified.IsZero() {
			t.Errorf("message %d as sent: %s, %v", i, gateway.DigestOf(sent.Payload), err)
		}
		one, err := w.cn.ExplainMessage(t.Context(), operator, "", m.ID)
		if err != nil || one.Message != m.ID || len(one.Origins) == 0 {
			t.Fatalf("message %d: %s, %v", i, one.Message, err)
		}
		for _, o := range one.Origins {
			if o.Part != i+1 {
				t.Errorf("message %d has %s of part %d", i, o.Target, o.Part)
			}
		}
		got, err := w.ru.ExplainReceived(t.Context(), operator, "CN", m.ID)
		if err != nil || len(got.Origins) == 0 {
			t.Fatalf("message %d as received: %v", i, err)
		}
		values := map[string]string{}
		for _, o := range one.Origins {
			values[o.Target] = o.Value
		}
		for _, o := range got.Origins {
			if values[o.Target] != o.Value {
				t.Errorf("%s was sent as %q and read as %q", o.Target, values[o.Target], o.Value)
			}
		}
	}
	// Of a table that writes otherwise now there is no explanation, for either message.
	w.cn.Chain = next(t, "2026-01-01", true)
	if _, err := w.cn.ExplainMessage(t.Context(), operator, "CN", ms[1].ID); codeOf(err) != gateway.TraceDiffers {
		t.Errorf("with another table: %v", err)
	}
	if _, err := w.cn.Explain(t.Context(), post, "V1"); err == nil || !strings.Contains(err.Error(), string(gateway.TraceDiffers)) {
		t.Errorf("with another table: %v", err)
	}
}

// TestWholeNoticeIsSplitWithoutARecipe: a notice that is submitted as one is split like one
// that was joined; what the split wrote into its parts is not the sender's.
func TestWholeNoticeIsSplitWithoutARecipe(t *testing.T) {
	notice := string(newWorld(t).convoy(1)[0].Canonical)
	const vehicles = `"vehicles":[`
	if !strings.Contains(notice, vehicles) {
		t.Fatal(notice)
	}
	notice = strings.Replace(notice, vehicles, vehicles+`{"role":"TRACTOR","registration":"蒙E12340","country":"CN"},`, 1)
	direct, err := chainOf(layered(t, mappings.FS, map[string]string{
		"routes/cn-ru-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-ru-pre-arrival-notice.yaml", "crossing: 40m\n", "crossing: 40m\nrecipe: \"\"\nsources: []\n"),
	}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.cn.Chain = direct
	s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "N1", MediaType: flow.JSON, Content: []byte(notice)})
	if err != nil || s.State != gateway.Sent || len(w.messages(s.MessageID)) != 2 {
		t.Fatalf("%s: %v %v", s.State, s.Faults, err)
	}
	w.deliver()
	for i, m := range w.messages(s.MessageID) {
		if m.State != gateway.Accepted {
			t.Errorf("message %d is %s", i, m.State)
		}
	}
	explained, err := w.cn.Explain(t.Context(), post, "N1")
	origins := explained.Origins
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range origins {
		switch {
		case o.Path == "envelope.documentId" && (o.Provenance != flow.FromGateway || o.Note != "ru/road-notice.v1"):
			t.Errorf("the notice's id comes from %+v", o)
		case o.Value == "蒙E12341" && (o.Part != 2 || o.Source != "/preArrivalNotice/transport/vehicles/1/registration"):
			t.Errorf("the last truck comes from %+v", o)
		}
	}
}

// TestFaultOfAPartStandsInTheWhole: a fault in the fourth truck is told at the fourth
// truck of the report, though it is the first of its notice, and what every part repeats
// is told once.
func TestFaultOfAPartStandsInTheWhole(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	wrong := strings.Replace(trucks(4), `"registration": "蒙E12344"`, `"registration": "`+strings.Repeat("蒙E", 30)+`"`, 1)
	s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.JSON, Content: []byte(wrong)})
	if err != nil || s.State != gateway.Faulty {
		t.Fatalf("%s %v", s.State, err)
	}
	var places []string
	said := map[string]int{}
	for _, f := range s.Faults {
		if f.Severity == gateway.Error {
			places = append(places, string(f.Code)+" "+f.Location.Document+f.Location.Expr+" "+f.Path)
		}
		said[string(f.Code)+f.Location.Document+f.Location.Expr+f.Value+f.Expected.String()]++
	}
	if len(places) == 0 || !strings.Contains(strings.Join(places, "\n"), "/vehicleReport/transport/vehicles/3/registration transport.vehicles[3].registration") {
		t.Errorf("the faults stand at\n%s", strings.Join(places, "\n"))
	}
	for what, n := range said {
		if n > 1 {
			t.Errorf("told %d times: %s", n, what)
		}
	}
}

// TestRefusalsOfPartsStandTogether: Russia refuses both notices by a rule of its own; the
// post sees each fault at its place in its report.
func TestRefusalsOfPartsStandTogether(t *testing.T) {
	rules := `rules: test
version: 1
rows:
  - id: TST-0001
    class: F
    kinds: [PreArrivalNotice]
    own: [RU]
    each: transport.vehicles
    check: '!registration.endsWith("1") && !registration.endsWith("2")'
    at: registration
    severity: error
    basis: verified
    source: made up
    text: {en: "{value} may not come.", zh: "不可", ru: "нельзя", kk: "болмайды", mn: "болохгүй"}
`
	strict, err := chainOf(layered(t, mappings.FS, map[string]string{"rules/test.v1.yaml": rules}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.ru.Chain = strict
	ms := w.convoy(2)
	w.deliver()
	for i, m := range w.messages(ms[0].ID) {
		if m.State != gateway.Refused {
			t.Errorf("message %d is %s", i, m.State)
		}
	}
	for _, id := range []string{"M1", "V1"} {
		s, err := w.cn.Store.Read().Submission(t.Context(), "0603", id)
		if err != nil {
			t.Fatal(err)
		}
		var places []string
		for _, f := range s.Faults {
			places = append(places, f.Location.Expr)
		}
		slices.Sort(places)
		if want := []string{"/vehicleReport/transport/vehicles/0/registration", "/vehicleReport/transport/vehicles/1/registration"}; !slices.Equal(places, want) {
			t.Errorf("the faults of %s stand at %v", id, places)
		}
	}
}

// refused is an answer that refuses: it has no registration, and in the Russian form no
// status then.
const refused = `"results": [{"code": "2", "descriptions": ["отказано"], "category": "ERROR"}]`

func TestAnswersToTheNoticesBecomeOne(t *testing.T) {
	for name, c := range map[string]struct {
		first, second string
		afterOne      string // what the one answer says
		afterBoth     string
	}{
		"both registered":       {registered, registered, "", "RU/2026-03-01/000000123 0 зарегистрировано"},
		"the second is refused": {registered, refused, "", " 2 отказано"},
		"the first is refused":  {refused, registered, " 2 отказано", " 2 отказано"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ms := w.convoy(2)
			w.deliver()
			says := func(answered ...int) string {
				t.Helper()
				answer, got, err := w.cn.OneAnswer(t.Context(), w.messages(ms[0].ID))
				if err != nil {
					t.Fatal(err)
				}
				var want []gateway.MessageID
				for _, i := range answered {
					want = append(want, ms[i].ID)
				}
				if !slices.Equal(got, want) {
					t.Errorf("answered are %v, want %v", got, want)
				}
				if answer == nil {
					return ""
				}
				return answer.Registration + " " + words(answer.Results)
			}
			if got := says(); got != "" {
				t.Errorf("without an answer: %q", got)
			}
			for i, what := range []string{c.first, c.second} {
				w.answer(fmt.Sprint("A", i), ms[i].DocumentID, what)
				if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					if got := says(0); got != c.afterOne {
						t.Errorf("after one answer: %q, want %q", got, c.afterOne)
					}
				}
			}
			if got := says(0, 1); got != c.afterBoth {
				t.Errorf("after both answers: %q, want %q", got, c.afterBoth)
			}
		})
	}
}

// TestParallelConvoyOutlivesARestart: what was recorded and not judged is split at start, with
// all its messages or none.
func TestParallelConvoyOutlivesARestart(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	raw := []byte(trucks(2))
	if _, err := w.cn.Store.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutArrival(store.Arrival{
			Door: store.DoorSubmit, Party: "0603", ID: "V1", Caller: post.URI, MediaType: flow.JSON, Recipients: []string{},
			Content: raw, Digest: gateway.DigestOf(raw), Received: w.clock.Now(), Attempts: 1,
		}), tx.Audit(post.URI, "arrived", "V1", gateway.DigestOf(raw)))
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.cn.Run(ctx); close(done) }()
	accepted := func() bool {
		s, err := w.cn.Store.Read().Submission(t.Context(), "0603", "V1")
		if err != nil || s.State != gateway.Joined {
			return false
		}
		ms := w.messages(s.MessageID)
		if len(ms) != 2 {
			t.Errorf("%d messages are there", len(ms))
		}
		return !slices.ContainsFunc(ms, func(m store.Message) bool { return m.State != gateway.Accepted })
	}
	for !accepted() {
		time.Sleep(10 * time.Millisecond)
		w.clock.add(10 * time.Millisecond) // an attempt that was too slow is made again
	}
	stop()
	<-done
}

func TestHeadersOfPartsSayWhichTheyAre(t *testing.T) {
	w := newWorld(t)
	type header struct {
		Conversation, MessageID, DocumentID string
		Part, Parts                         int
	}
	headerOf := func(m store.Message) (h header) {
		if err := json.Unmarshal(m.Header, &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	ms := w.convoy(2)
	for i, m := range ms {
		if h, want := headerOf(m), (header{string(ms[0].ID), string(m.ID), m.DocumentID, i + 1, 2}); h != want {
			t.Errorf("a header says %+v, want %+v", h, want)
		}
	}
	alone := newWorld(t)
	alone.notice()
	alone.deliver()
	if h := alone.out.sent[0].Header(); h.Part != 0 || h.Parts != 0 {
		t.Errorf("a whole is part %d of %d", h.Part, h.Parts)
	}
}

// words are results as their codes and the partner's words.
func words(results []store.Result) string {
	var out []string
	for _, r := range results {
		for _, w := range r.Words {
			out = append(out, r.Code+" "+w)
		}
	}
	return strings.Join(out, ", ")
}
