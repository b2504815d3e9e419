package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// elsewhere is a post of Russia that is on no route here.
var elsewhere = flow.Caller{URI: "customs://RU/office/10716060/post/1", Office: "10716060"}

// report is what a post says that it sees, in the fields of an ArrivalReport.
func report(id, office, seen string) []byte {
	return []byte(`{"envelope": {"documentId": "` + id + `", "issued": "2026-03-01T02:10:00Z"}, "arrivalReport": {
		"office": {"administration": "RU", "code": "` + office + `"}, "at": "2026-03-01T02:05:00Z", ` + seen + `}}`)
}

// announcedToOthers is a world in which Russia knows of a truck for Zabaykalsk.
func announcedToOthers(t *testing.T) (*world, gateway.MovementID) {
	t.Helper()
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
	if err != nil || in.MovementID == "" {
		t.Fatal(in.State, err)
	}
	return w, in.MovementID
}

// looks are the ways to tell of that truck, and of one that nobody has heard of.
var looks = map[string][2]string{
	"tractor":   {`"transport": {"vehicles": [{"role": "TRACTOR", "registration": "蒙E12345"}]}`, `"transport": {"vehicles": [{"role": "TRACTOR", "registration": "蒙E99999"}]}`},
	"trailer":   {`"transport": {"vehicles": [{"role": "TRAILER", "registration": "蒙E6789挂"}]}`, `"transport": {"vehicles": [{"role": "TRAILER", "registration": "蒙E9999挂"}]}`},
	"container": {`"loadUnits": [{"id": "ABCU1234560"}]`, `"loadUnits": [{"id": "ABCU7654320"}]`},
	"seal":      {`"loadUnits": [{"id": "ABCU7654320", "seals": [{"id": "CNSEAL0000018"}]}]`, `"loadUnits": [{"id": "ABCU7654336", "seals": [{"id": "CNSEAL9999999"}]}]`},
	"waybill":   {`"transportDocuments": ["CNRU26030001"]`, `"transportDocuments": ["CNRU26039999"]`},
}

// TestArrivalOpensNoMovementOfOthers: whatever a post that is not on its route tells of a
// truck, it gets the same as if there were none; the truck's own post finds its movement as
// it was.
func TestArrivalOpensNoMovementOfOthers(t *testing.T) {
	for name, seen := range looks {
		t.Run(name, func(t *testing.T) {
			w, id := announcedToOthers(t)
			before, err := w.ru.Movement(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			var shown [2]string
			for i, s := range seen {
				m, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: fmt.Sprint("S", i), Content: report(fmt.Sprint("S", i), "10716060", s)})
				if err != nil || len(m.Announced) != 0 || len(m.Arrivals) != 1 || len(m.AmbiguousWith) != 0 || m.ID == id {
					t.Fatalf("the post is shown %+v, %v", m, err)
				}
				shown[i] = fmt.Sprint(len(m.Identifiers()), len(m.Route()), m.Comparisons[0].Result, codesOf(m.Comparisons[0]))
			}
			if shown[0] != shown[1] {
				t.Errorf("what is announced to others is shown as %s, what is not as %s", shown[0], shown[1])
			}
			if again, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S0", Content: report("S0", "10716060", seen[0])}); err != nil || len(again.Announced) != 0 {
				t.Errorf("the same again shows %+v, %v", again, err)
			}
			if after, err := w.ru.Movement(t.Context(), id); err != nil || len(after.Arrivals) != 0 || after.Commit != before.Commit {
				t.Errorf("the movement has %d arrivals, commit %d, before %d, %v", len(after.Arrivals), after.Commit, before.Commit, err)
			}
			m, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: "A1", Content: report("A1", "10719110", seen[0])})
			if err != nil || m.ID != id || len(m.Arrivals) != 1 {
				t.Errorf("the truck's own post is shown %+v, %v", m, err)
			}
		})
	}
}

// TestArrivalSeenByOthersBeforeItIsAnnounced: the notice that comes later does not open
// itself to a post that it does not name, but joins what a post saw that it names.
func TestArrivalSeenByOthersBeforeItIsAnnounced(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		caller       flow.Caller
		joins        bool
	}{
		{"its own post", "", russianPost, true},
		{"another post", "", elsewhere, false},
		{"another post, with a reason", "the bridge is closed", elsewhere, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			seen := report("S1", tt.caller.Office, looks["container"][0])
			first, err := w.ru.RecordArrival(t.Context(), tt.caller, flow.Record{ID: "S1", Content: seen, Reason: tt.reason})
			if err != nil {
				t.Fatal(err)
			}
			id := w.notice()
			w.deliver()
			in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
			if err != nil || (in.MovementID == first.ID) != tt.joins {
				t.Errorf("the notice joins what was seen: %v, %v", in.MovementID == first.ID, err)
			}
			again, err := w.ru.RecordArrival(t.Context(), tt.caller, flow.Record{ID: "S1", Content: seen, Reason: tt.reason})
			if err != nil || (len(again.Announced) > 0) != tt.joins {
				t.Errorf("the post then sees %d notices, %v", len(again.Announced), err)
			}
		})
	}
}

// TestArrivalOfOthersInTheOtherDirection: at the exit too, a post of the same administration
// that is not on the route sees nothing of what another has submitted.
func TestArrivalOfOthersInTheOtherDirection(t *testing.T) {
	other := flow.Caller{URI: "customs://CN/office/9402/post/1", Office: "9402"}
	for i, seen := range []string{looks["tractor"][0], looks["container"][0], `"batch": "0603260301001"`} {
		w := newWorld(t)
		w.notice()
		content := bytes.ReplaceAll(report(fmt.Sprint("S", i), "9402", seen), []byte(`"RU"`), []byte(`"CN"`))
		m, err := w.cn.RecordArrival(t.Context(), other, flow.Record{ID: fmt.Sprint("S", i), Content: content})
		if err != nil || len(m.Announced) != 0 {
			t.Errorf("%s shows %d notices, %v", seen, len(m.Announced), err)
		}
		m, err = w.cn.RecordArrival(t.Context(), other, flow.Record{ID: fmt.Sprint("R", i), Content: content, Reason: "found on the wrong road"})
		if err != nil || len(m.Announced) != 1 {
			t.Errorf("%s with a reason shows %d notices, %v", seen, len(m.Announced), err)
		}
	}
}

// TestNoticeOfOthersDoesNotJoin: a post gets on no movement by announcing the same truck.
func TestNoticeOfOthersDoesNotJoin(t *testing.T) {
	w := newWorld(t)
	w.notice()
	other := flow.Caller{URI: "customs://CN/office/9402/post/1", Office: "9402"}
	swap := strings.NewReplacer("0603260301001", "9402260301001", ">0603<", ">9402<", "MT24010603", "MT24019402", "MT44020603", "MT44029402")
	var last store.Submission
	for i, name := range []string{"mt2401.xml", "mt4402.xml"} {
		s, err := w.cn.Submit(t.Context(), other, flow.Submission{ID: gateway.SubmissionID(fmt.Sprint("K", i)), MediaType: flow.XML, Content: []byte(swap.Replace(string(w.content(name))))})
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	if last.State != gateway.Joined {
		t.Fatalf("the other post's notice is %s: %v", last.State, last.Faults)
	}
	for _, office := range []string{"0603", "9402"} {
		found, _, _, err := w.cn.Find(t.Context(), "ABCU1234560", 0, 10)
		if err != nil || len(found) != 2 {
			t.Fatalf("%d movements have the container, %v", len(found), err)
		}
		seen := 0
		for _, m := range found {
			for _, o := range m.Route() {
				if (gateway.Office{Administration: "CN", Code: office}).Same(o.Office()) {
					seen++
					break
				}
			}
		}
		if seen != 1 {
			t.Errorf("%s is on %d of the two", office, seen)
		}
	}
}

// TestReasonOpensAndIsOnTheRecord: in the movement for everyone on its route, in the audit
// trail by digest, in the log by its event.
func TestReasonOpensAndIsOnTheRecord(t *testing.T) {
	w, id := announcedToOthers(t)
	var log bytes.Buffer
	w.ru.Log = event.NewLog(slog.New(slog.NewTextHandler(&log, nil)))
	const reason = "the lane at Zabaykalsk is closed by snow"
	m, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S1", Content: report("S1", "10716060", looks["container"][0]), Reason: "  the lane at Zabaykalsk\n is closed by snow "})
	if err != nil || m.ID != id || len(m.Arrivals) != 1 || len(m.Openings) != 1 {
		t.Fatalf("with a reason the post is shown %+v, %v", m, err)
	}
	if o := m.Openings[0]; o.Reason != reason || o.Office != "10716060" || o.Caller != elsewhere.URI || o.Record != "S1" || !o.At.Equal(w.clock.Now()) {
		t.Errorf("the opening is %+v", o)
	}
	if !slices.Contains(codesOf(m.Comparisons[0]), gateway.CmpOffice) {
		t.Errorf("that it is another office is not told: %v", codesOf(m.Comparisons[0]))
	}
	rows, err := w.ru.Store.Read().Audit(t.Context(), 0, 1000)
	if err != nil || !slices.ContainsFunc(rows, func(r store.AuditRow) bool {
		return r.Event == "reason stated" && r.Actor == elsewhere.URI && r.Digest == gateway.DigestOf([]byte(reason)) && strings.HasSuffix(r.Subject, string(id))
	}) {
		t.Errorf("the audit trail has %v, %v", rows, err)
	}
	if said := log.String(); strings.Count(said, "movement opened for a reason") != 1 || strings.Contains(said, "snow") {
		t.Errorf("the log has %s", said)
	}
	// The same once more is the same; the truck's own post still finds it.
	for range 2 {
		if m, err = w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S1", Content: report("S1", "10716060", looks["container"][0]), Reason: reason}); err != nil || len(m.Openings) != 1 || len(m.Arrivals) != 1 {
			t.Errorf("the same again: %+v, %v", m, err)
		}
	}
	if m, err = w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: "A1", Content: report("A1", "10719110", looks["tractor"][0])}); err != nil || m.ID != id || len(m.Arrivals) != 2 {
		t.Errorf("the truck's own post is shown %d arrivals, %v", len(m.Arrivals), err)
	}
	// Whoever is on the route needs none, and what nobody announced has nothing to open.
	log.Reset()
	if m, err = w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S9", Content: report("S9", "10716060", looks["container"][1]), Reason: reason}); err != nil || len(m.Announced) != 0 {
		t.Errorf("nothing is announced, and the post is shown %+v, %v", m, err)
	}
	if strings.Contains(log.String(), "opened") {
		t.Errorf("nothing was opened, and the log has %s", log.String())
	}
}

// TestReasonAfterAnArrivalWithout: under a new id; the old id stays what it was.
func TestReasonAfterAnArrivalWithout(t *testing.T) {
	w, id := announcedToOthers(t)
	content := report("S1", "10716060", looks["tractor"][0])
	if _, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S1", Content: content}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S1", Content: content, Reason: "diverted by the police"}); codeOf(err) != gateway.IDReuse {
		t.Errorf("the old id with a reason: %v", err)
	}
	m, err := w.ru.RecordArrival(t.Context(), elsewhere, flow.Record{ID: "S2", Content: content, Reason: "diverted by the police"})
	if err != nil || m.ID != id {
		t.Errorf("a new id with a reason: %+v, %v", m, err)
	}
}

// TestReasonOutlivesAStop between the record and its judgement.
func TestReasonOutlivesAStop(t *testing.T) {
	w, id := announcedToOthers(t)
	content := report("S1", "10716060", looks["tractor"][0])
	w.leave(w.ru, store.Arrival{
		Door: store.DoorBorder, Party: elsewhere.Office, ID: "S1", Caller: elsewhere.URI, MediaType: flow.JSON, Content: content, Reason: "diverted by the police",
	})
	if err := w.ru.JudgeDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, err := w.ru.Movement(t.Context(), id); err != nil || len(m.Arrivals) != 1 || len(m.Openings) != 1 {
		t.Errorf("the movement is %+v, %v", m, err)
	}
}

// TestReasonsThatSayNothing are refused before anything is stored.
func TestReasonsThatSayNothing(t *testing.T) {
	w, _ := announcedToOthers(t)
	for _, reason := range []string{"-", "snow", "雪", "雪\u200b暴", strings.Repeat("я", flow.MaxReason+1), "snow\x00storm", "zero\u200bwidth", "bell\a bell"} {
		_, err := w.ru.RecordArrival(context.Background(), elsewhere, flow.Record{ID: "S1", Content: report("S1", "10716060", looks["tractor"][0]), Reason: reason})
		if codeOf(err) != gateway.ReasonUnfit {
			t.Errorf("%q: %v", reason, err)
		}
		if _, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorBorder, elsewhere.Office, "S1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q is stored: %v", reason, err)
		}
	}
	for _, reason := range []string{"   ", "storm", strings.Repeat("я", flow.MaxReason)} {
		if _, err := w.ru.RecordArrival(context.Background(), elsewhere, flow.Record{ID: "S" + fmt.Sprint(len(reason)), Content: report("S1", "10716060", looks["tractor"][0]), Reason: reason}); err != nil {
			t.Errorf("%.9q: %v", reason, err)
		}
	}
	if _, err := w.ru.RecordArrival(context.Background(), elsewhere, flow.Record{ID: "S2", Content: report("S2", "10716060", looks["tractor"][0]), Reason: "断网"}); err != nil {
		t.Errorf("two Chinese characters: %v", err)
	}
}

// TestAcknowledgeTakesWhatIsHandedOutAlone: a message that was refused or parked is not there.
func TestAcknowledgeTakesWhatIsHandedOutAlone(t *testing.T) {
	w, _ := announcedToOthers(t)
	national := flow.Caller{URI: "customs://RU/system/national", Office: "10719110"}
	put := func(id gateway.MessageID, sender gateway.Administration, state gateway.MessageState) {
		if _, err := w.ru.Store.Do(t.Context(), func(tx *store.Tx) error {
			in := store.Inbound{ID: id, Sender: sender, State: state, Faults: gateway.Faults{}, Unread: []string{}, Answers: []string{}, Receipt: &store.Statement{}}
			return errors.Join(tx.PutInbound(in), tx.Audit("test", "put", string(id), gateway.Digest{}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("r-1", "CN", gateway.Refused)
	put("p-1", "CN", gateway.Parked)
	put("a-1", "CN", gateway.Accepted)
	put("a-1", "KZ", gateway.Refused) // whoever asks is told of no second sender
	put("b-1", "CN", gateway.Accepted)
	put("b-1", "KZ", gateway.Accepted)
	for id, want := range map[gateway.MessageID]error{"r-1": store.ErrNotFound, "p-1": store.ErrNotFound, "nothing": store.ErrNotFound, "a-1": nil} {
		for _, sender := range []gateway.Administration{"", "CN"} {
			if _, err := w.ru.Acknowledge(t.Context(), national, sender, id); !errors.Is(err, want) {
				t.Errorf("acknowledge %s of %q: %v", id, sender, err)
			}
			if _, _, err := w.ru.Take(t.Context(), national, sender, id, flow.None); !errors.Is(err, want) {
				t.Errorf("take %s of %q: %v", id, sender, err)
			}
		}
	}
	if _, err := w.ru.Acknowledge(t.Context(), national, "", "b-1"); codeOf(err) != gateway.IDOfSeveral {
		t.Errorf("an id of two senders: %v", err)
	}
	if in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", "r-1"); err != nil || in.AcknowledgedBy != "" {
		t.Errorf("the refused one is acknowledged: %+v, %v", in, err)
	}
}
