package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// codeOf is the code of the first fault that an error is.
func codeOf(err error) gateway.Code {
	var faults gateway.Faults
	if !errors.As(err, &faults) {
		return gateway.Code(fmt.Sprint("no fault: ", err))
	}
	return faults[0].Code
}

// spoil puts a movement that cannot be read where whatever names the identifier meets it,
// as a fault of ours would that only some documents meet.
func spoil(t *testing.T, g *flow.Gateway, kind, value string) (mend func()) {
	t.Helper()
	put := func(body, folded string) {
		t.Helper()
		if _, err := g.Store.Do(t.Context(), func(tx *store.Tx) error {
			return errors.Join(
				tx.PutMovement(store.Movement{ID: "spoilt", Body: []byte(body)}, []store.Identifier{{Kind: kind, Folded: folded}}),
				tx.Audit("test", "spoilt", "", gateway.Digest{}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("{", reconcile.Fold(kind, value))
	return func() { put("{}", reconcile.Fold(kind, value)) }
}

// seen is an arrival that a post of Russia records.
func seen(id, plate string) []byte {
	return []byte(`{"envelope": {"documentId": "` + id + `", "issued": "2026-03-01T03:00:00Z"}, "arrivalReport": {
		"office": {"administration": "RU", "code": "10719110"}, "at": "2026-03-01T03:00:00Z",
		"transport": {"vehicles": [{"registration": "` + plate + `", "country": "CN"}]}}}`)
}

var russianPost = flow.Caller{URI: "customs://RU/office/10719110/post/1", Office: "10719110"}

// restarted is a gateway on the database of another, as after a stop.
func restarted(g *flow.Gateway) *flow.Gateway { return flow.New(g.Options) }

// running runs a gateway until the test has what it waits for.
func running(t *testing.T, g *flow.Gateway, until func() bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	for deadline := time.Now().Add(30 * time.Second); !until(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come")
		}
	}
}

func (w *world) arrival(g *flow.Gateway, door, party, id string) store.Arrival {
	w.t.Helper()
	a, err := g.Store.Read().Arrival(w.t.Context(), door, party, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// leave puts an arrival where a stop has left it without a judgement.
func (w *world) leave(g *flow.Gateway, a store.Arrival) {
	w.t.Helper()
	a.Recipients, a.Digest, a.Received, a.Attempts = []string{}, gateway.DigestOf(a.Content), w.clock.Now(), 1
	if _, err := g.Store.Do(w.t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutArrival(a), tx.Audit("test", "arrived", a.ID, a.Digest))
	}); err != nil {
		w.t.Fatal(err)
	}
}

// exhaust lets every try of what fails be made.
func (w *world) exhaust(g *flow.Gateway) {
	w.t.Helper()
	for range 2 * flow.JudgeTries {
		w.clock.add(time.Minute)
		if err := g.JudgeDue(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestParallelWhatCannotBeJudgedIsParked: at each door a document of which this gateway cannot
// make anything is tried again, parked with its reason and an alarm, kept out of the way of
// the next start, and judged when an operator says so.
func TestParallelWhatCannotBeJudgedIsParked(t *testing.T) {
	for _, door := range []string{store.DoorSubmit, store.DoorPeer, store.DoorBorder} {
		t.Run(door, func(t *testing.T) {
			w := newWorld(t)
			w.submit("M1", "mt2401.xml")
			var g *flow.Gateway
			var party, id string
			var ask func() error
			var mend func()
			switch door {
			case store.DoorSubmit:
				g, party, id = w.cn, post.Office, "V1"
				mend = spoil(t, g, reconcile.Vehicle, "蒙E12345")
				ask = func() error {
					_, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.XML, Content: w.content("mt4402.xml")})
					return err
				}
			case store.DoorPeer:
				w.submit("V1", "mt4402.xml")
				g, party = w.ru, "CN"
				mend = spoil(t, g, reconcile.Vehicle, "蒙E12345")
				w.deliver()
				id = string(w.out.sent[0].Header().MessageID)
				ask = func() error {
					m := w.out.sent[0]
					receipt, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.HeaderBytes(), m.Signature(), m.Payload())
					if err == nil && bytes.Contains(receipt.Statement, []byte(`"RCV"`)) {
						return gateway.Faults{{Code: "RCV"}}
					}
					return err
				}
			case store.DoorBorder:
				g, party, id = w.ru, russianPost.Office, "A1"
				mend = spoil(t, g, reconcile.Vehicle, "蒙E12345")
				ask = func() error {
					_, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: "A1", Content: seen("A1", "蒙E12345")})
					return err
				}
			}
			pending, parked := gateway.JudgementPending, gateway.JudgementParked
			if door == store.DoorPeer {
				pending, parked = "RCV", "RCV" // the sender's message is stored; it asks again for the verdict
			}
			if got := codeOf(ask()); got != pending {
				t.Fatalf("at first it is answered %s, want %s", got, pending)
			}
			// Asking again before its time costs no try; a post is told that it is the same.
			again := pending
			if door == store.DoorSubmit {
				again = gateway.DuplicatePending
			}
			for range 2 * flow.JudgeTries {
				if got := codeOf(ask()); got != again {
					t.Fatalf("at once again it is answered %s", got)
				}
			}
			if a := w.arrival(g, door, party, id); a.Tries != 1 || a.Judged || a.Parked || a.Trouble == "" || !a.NextTry.After(w.clock.Now()) {
				t.Fatalf("after one try: %d tries, parked %v, %q, next at %v", a.Tries, a.Parked, a.Trouble, a.NextTry)
			}
			w.exhaust(g)
			a := w.arrival(g, door, party, id)
			if a.Tries != flow.JudgeTries || a.Judged || !a.Parked || !a.NextTry.IsZero() || !strings.Contains(a.Trouble, "movement spoilt") {
				t.Fatalf("in the end: %d tries, parked %v, %q", a.Tries, a.Parked, a.Trouble)
			}
			if got := codeOf(ask()); got != parked {
				t.Errorf("in the end it is answered %s, want %s", got, parked)
			}
			if events := w.events(g); strings.Count(events, "alarm: not judged, parked "+door+" "+party+" "+id) != 1 ||
				strings.Count(events, "not judged, again later "+door) != flow.JudgeTries-1 {
				t.Errorf("the audit trail says\n%s", events)
			}

			// The next start serves all others.
			g = restarted(g)
			left := seen("other", "京A00001")
			w.leave(g, store.Arrival{Door: store.DoorBorder, Party: russianPost.Office, ID: "other", MediaType: flow.JSON, Content: left})
			running(t, g, func() bool { return w.arrival(g, store.DoorBorder, russianPost.Office, "other").Judged })
			got, err := g.Decode(t.Context(), operator, "", id)
			if err != nil || len(got.Messages) != 0 || len(got.Arrivals) != 1 || got.Arrivals[0].State != "parked" || got.Arrivals[0].Tries != flow.JudgeTries+1 {
				t.Fatalf("decoded while nothing is mended: %+v, %v", got, err)
			}
			if got, err := g.Decode(t.Context(), operator, "somebody else", id); codeOf(err) != gateway.NotFound {
				t.Errorf("of another sender: %+v, %v", got, err)
			}

			mend()
			got, err = g.Decode(t.Context(), operator, party)
			if err != nil || len(got.Messages)+len(got.Arrivals) != 1 {
				t.Fatalf("decoded: %+v, %v", got, err)
			}
			want := map[string]string{store.DoorSubmit: "joined", store.DoorBorder: "recorded"}[door]
			if door == store.DoorPeer {
				if m := got.Messages[0]; m.State != gateway.Accepted || string(m.ID) != id {
					t.Errorf("decoded: %+v", m)
				}
			} else if s := got.Arrivals[0]; s.State != want || s.Door != door {
				t.Errorf("decoded: %+v, want %s", s, want)
			}
			if a := w.arrival(g, door, party, id); !a.Judged || a.Parked {
				t.Errorf("then it is judged: %v, parked: %v", a.Judged, a.Parked)
			}
			if err := ask(); err != nil {
				t.Errorf("then it is answered %v", err)
			}
			if got, err := g.Decode(t.Context(), operator, ""); err != nil || len(got.Messages)+len(got.Arrivals) != 0 {
				t.Errorf("then are parked %+v, %v", got, err)
			}
		})
	}
}

// TestASubmissionShowsThatItWaits: the office sees where its document stands, without our
// reasons, before and after it is parked.
func TestASubmissionShowsThatItWaits(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	mend := spoil(t, w.cn, reconcile.Vehicle, "蒙E12345")
	if _, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.XML, Content: w.content("mt4402.xml")}); codeOf(err) != gateway.JudgementPending {
		t.Fatal(err)
	}
	show := func(want gateway.SubmissionState, code gateway.Code) {
		t.Helper()
		s, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "V1")
		if err != nil || s.State != want || len(s.Faults) != 1 || s.Faults[0].Code != code || strings.Contains(s.Reason, "spoilt") || s.Digest.IsZero() {
			t.Errorf("the submission is %s (%s), %v, %v", s.State, s.Reason, s.Faults, err)
		}
	}
	show(gateway.Arrived, gateway.JudgementPending)
	w.exhaust(w.cn)
	show(gateway.SetAside, gateway.JudgementParked)
	// What was taken stays: another content under the id is none.
	if _, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.XML, Content: w.content("mt2401.xml")}); codeOf(err) != gateway.IDReuse {
		t.Errorf("another content: %v", err)
	}
	mend()
	if _, err := w.cn.Decode(t.Context(), operator, ""); err != nil {
		t.Fatal(err)
	}
	if s, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "V1"); err != nil || s.State != gateway.Joined || s.Reason != "" || s.MessageID == "" {
		t.Errorf("then it is %s (%s), %v", s.State, s.Reason, err)
	}
}

// TestParallelOneThatCannotBeJudgedKeepsNoOtherWaiting: many that fail, and one behind them that a
// stop has left without a judgement.
func TestParallelOneThatCannotBeJudgedKeepsNoOtherWaiting(t *testing.T) {
	w := newWorld(t)
	spoil(t, w.ru, reconcile.Vehicle, "蒙E12345")
	for i := range 3 * flow.InFlight {
		id := fmt.Sprint("bad", i)
		if _, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: id, Content: seen(id, "蒙E12345")}); codeOf(err) != gateway.JudgementPending {
			t.Fatal(err)
		}
	}
	left := seen("good", "京A00001")
	w.leave(w.ru, store.Arrival{Door: store.DoorBorder, Party: russianPost.Office, ID: "good", MediaType: flow.JSON, Content: left})
	w.clock.add(time.Hour)
	g := restarted(w.ru)
	running(t, g, func() bool { return w.arrival(g, store.DoorBorder, russianPost.Office, "good").Judged })
}

// TestParallelWhatConcernsAllParksNothing: without a key of ours no receipt can be signed, and a
// caller may leave in the middle. Neither counts against a document, and judging goes on
// by itself.
func TestParallelWhatConcernsAllParksNothing(t *testing.T) {
	w := newWorld(t)
	w.notice()
	w.out.trouble = func(int) error { return errors.New("kept") }
	w.deliver()
	m := w.out.sent[0]
	id := string(m.Header().MessageID)

	// The message arrived, and then the key's time was over.
	keys := w.ru.Keys
	rcv, err := keys.Sign(seal.Header{MessageID: "r-1", Sender: "RU", Recipient: "CN", Created: w.clock.Now()},
		seal.Receipt{MessageID: gateway.MessageID(id), Verdict: gateway.RCV, Received: gateway.DigestOf(m.Payload()), At: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	w.leave(w.ru, store.Arrival{
		Door: store.DoorPeer, Party: "CN", ID: id, MediaType: flow.XML, Header: m.HeaderBytes(), Signature: m.Signature(), Content: m.Payload(),
		Receipt: &store.Statement{Header: rcv.HeaderBytes(), Statement: rcv.Statement(), Signature: rcv.Signature()},
	})
	signer, err := keys.Current(w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	signer.Until = w.clock.Now().Add(-time.Hour)
	if w.ru.Keys, err = seal.NewKeyring("RU", signer); err != nil {
		t.Fatal(err)
	}
	w.exhaust(w.ru)
	if a := w.arrival(w.ru, store.DoorPeer, "CN", id); a.Tries != 0 || a.Parked || a.Judged {
		t.Fatalf("without a key: %d tries, parked %v, judged %v", a.Tries, a.Parked, a.Judged)
	}
	// Left by its caller.
	w.ru.Keys = keys
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * flow.JudgeTries {
		_, _ = w.ru.Receive(gone, "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.HeaderBytes(), m.Signature(), m.Payload())
		_ = w.ru.JudgeDue(gone)
	}
	if a := w.arrival(w.ru, store.DoorPeer, "CN", id); a.Tries != 0 || a.Parked || a.Judged {
		t.Fatalf("after callers that left: %d tries, parked %v, judged %v", a.Tries, a.Parked, a.Judged)
	}
	g := restarted(w.ru)
	running(t, g, func() bool { return w.arrival(g, store.DoorPeer, "CN", id).Judged })
}

// TestAJudgementThatPanicsIsParked: code that breaks off over a document ends neither the
// process nor the next one.
func TestAJudgementThatPanicsIsParked(t *testing.T) {
	w := newWorld(t)
	w.notice()
	tables := w.ru.Chain.Tables
	w.ru.Chain.Tables = nil
	w.deliver()
	m := w.message(w.out.sent[0].Header().MessageID)
	if m.State != gateway.Received {
		t.Fatalf("the sender's message is %s: %s", m.State, m.LastError)
	}
	w.exhaust(w.ru)
	a := w.arrival(w.ru, store.DoorPeer, "CN", string(m.ID))
	if !a.Parked || !strings.HasPrefix(a.Trouble, "panic: ") {
		t.Fatalf("parked %v: %q", a.Parked, a.Trouble)
	}
	w.ru.Chain.Tables = tables
	if got := w.decode(string(m.ID)); len(got) != 1 || got[0].State != gateway.Accepted {
		t.Errorf("decoded: %+v", got)
	}
}

// TestDocumentOfAnySizeIsJudged: an arrival of a post and a notice of a partner, with as
// many load units and seals as a document has room for.
func TestDocumentOfAnySizeIsJudged(t *testing.T) {
	sealed := newWorld(t)
	sealed.notice()
	sealed.out.trouble = func(int) error { return errors.New("kept") }
	sealed.deliver()
	h, notice := sealed.out.sent[0].Header(), sealed.out.sent[0].Payload()
	mark := regexp.MustCompile(`(?s)<\S+:ContainerDetails>.*?</\S+:ContainerDetails>\s*`)
	one := mark.Find(notice)
	if one == nil {
		t.Fatalf("no container in\n%s", notice)
	}
	for _, n := range []int{1, 325, 326, 1_000, 20_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			units := make([]string, (n+3)/4)
			for i, left := 0, n; left > 0; i++ {
				seals := make([]string, min(left-1, 3))
				for j := range seals {
					seals[j] = fmt.Sprintf(`{"id": "S%d-%d"}`, i, j)
				}
				left -= 1 + len(seals)
				units[i] = fmt.Sprintf(`{"id": "U%07d", "kind": "CONTAINER", "seals": [%s]}`, i, strings.Join(seals, ", "))
			}
			content := fmt.Sprintf(`{"envelope": {"documentId": "A%d", "issued": "2026-03-01T03:00:00Z"}, "arrivalReport": {
				"office": {"administration": "RU", "code": "10719110"}, "at": "2026-03-01T03:00:00Z", "loadUnits": [%s]}}`, n, strings.Join(units, ", "))
			m, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: "A1", Content: []byte(content)})
			if err != nil || len(m.Identifiers()) != n {
				t.Fatalf("an arrival: %d identifiers, %v", len(m.Identifiers()), err)
			}

			s, err := w.ru.Submit(t.Context(), russianPost, flow.Submission{ID: "big", MediaType: flow.JSON, Content: longManifest(n)})
			if err != nil || s.State != gateway.Sent {
				t.Fatalf("a manifest is %s, %v, %v", s.State, s.Faults.Report("en"), err)
			}

			number := regexp.MustCompile(`>[^<]+</(\S+:ContainerNumber)>`)
			var containers bytes.Buffer
			for i := range n {
				containers.Write(number.ReplaceAll(one, fmt.Appendf(nil, ">ABCU%07d</$1>", i)))
			}
			payload := bytes.Replace(notice, one, containers.Bytes(), 1)
			signed := w.sign(h, payload)
			if _, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, payload); err != nil {
				t.Fatal(err)
			}
			in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID)
			if n > 9999 { // a final verdict too: the dictionary has room for as many
				if err != nil || in.State != gateway.Refused || in.Faults[0].Code != gateway.DictionaryItems {
					t.Errorf("a notice is %s, %v, %v", in.State, in.Faults.Report("en"), err)
				}
				return
			}
			if err != nil || in.State != gateway.Accepted {
				t.Fatalf("a notice is %s, %v, %v", in.State, in.Faults.Report("en"), err)
			}
			if m, err := w.ru.Movement(t.Context(), in.MovementID); err != nil || len(m.Identifiers()) < n {
				t.Errorf("a notice: %d identifiers, %v", len(m.Identifiers()), err)
			}
		})
	}
}

// longManifest is a manifest of a Russian post with a number of load units.
func longManifest(n int) []byte {
	var consignments []string
	for first := 0; first < n; first += 9000 {
		var units []string
		for i := first; i < min(n, first+9000); i++ {
			units = append(units, fmt.Sprintf(`"ABCU%07d"`, i))
		}
		consignments = append(consignments, fmt.Sprintf(`{"sequence": %d, "transportDocument": {"id": "RUCN9000%04d"}, "dispatchCountry": "RU", "destinationCountry": "CN",
			"totals": {"packages": "12", "packageType": "PK", "grossMass": {"kilograms": "1500.5", "method": "DECLARED"}, "value": {"amount": "1000.50", "currency": "RUB"}},
			"consignor": {"name": [{"language": "ru", "value": "ООО Образец-Отправитель"}], "country": "RU"},
			"consignee": {"name": [{"language": "en", "value": "SAMPLE CONSIGNEE CO LTD"}], "country": "CN"}, "loadUnits": [%s],
			"items": [{"sequence": 1, "description": [{"language": "ru", "value": "Доски сосновые"}], "classifications": [{"scheme": "TNVED", "code": "4407119300"}],
				"grossMass": {"kilograms": "1500.5", "method": "DECLARED"}, "packages": [{"type": "PK", "quantity": "12"}]}]}`,
			len(consignments)+1, len(consignments), strings.Join(units, ", ")))
	}
	return []byte(`{"envelope": {"documentId": "big", "issued": "2026-03-01T02:00:00Z", "function": "ORIGINAL"}, "manifest": {"batch": "107192603010001",
		"direction": "EXPORT", "office": {"administration": "RU", "code": "10719110"}, "transport": {"mode": "3"}, "departed": "2026-03-01T02:00:00Z",
		"carrier": {"name": [{"language": "ru", "value": "ООО Образец-Перевозчик"}], "ids": [{"scheme": "CUSTOMS", "value": "RUEX000001"}], "country": "RU"},
		"consignments": [` + strings.Join(consignments, ", ") + `]}}`)
}
