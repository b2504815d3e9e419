package flow_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// layered returns a copy of a file system with files of its own over it.
func layered(t *testing.T, base fs.FS, over map[string]string) fs.FS {
	t.Helper()
	out := make(fstest.MapFS)
	err := fs.WalkDir(base, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(base, name)
		out[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range over {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func text(t *testing.T, fsys fs.FS, name string, replace ...string) string {
	t.Helper()
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(replace...).Replace(string(raw))
}

// next is the delivered data with the next version of the Russian notice beside the
// present one, and a route that writes it. Without its schema the table is of no use.
func next(t *testing.T, from string, withSchema bool) *flow.Chain {
	t.Helper()
	const was, is = "AutoPreliminary:5.23.0", "AutoPreliminary:5.24.0"
	tables := layered(t, mappings.FS, map[string]string{
		"ru/auto-preliminary.v2.yaml": text(t, mappings.FS, "ru/auto-preliminary.v1.yaml", was, is, "version: 1\n", "version: 2\nvalid: {from: "+from+"}\n"),
		"routes/cn-ru-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-ru-pre-arrival-notice.yaml",
			"crossing: 40m\n", "crossing: 40m\ntable: ru/auto-preliminary.v2\n"),
	})
	schemas := fs.FS(xsd.FS)
	if withSchema {
		schemas = layered(t, xsd.FS, map[string]string{"ru/auto-preliminary.v2.xsd": text(t, xsd.FS, "ru/auto-preliminary.v1.xsd", was, is)})
	}
	c, err := chainOf(tables, schemas)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var operator = flow.Caller{URI: "customs://RU/operator/1"}

func (w *world) decode(ids ...string) []store.Inbound {
	w.t.Helper()
	got, err := w.ru.Decode(context.Background(), operator, "", ids...)
	if err != nil {
		w.t.Fatal(err)
	}
	return got.Messages
}

func (w *world) events(g *flow.Gateway) string {
	w.t.Helper()
	rows, err := g.Store.Read().Audit(context.Background(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Actor + " " + r.Event + " " + r.Subject + "\n")
	}
	return b.String()
}

// receipts holds what is kept of a message of China's to the verdicts that its partner gave.
func (w *world) receipts(id gateway.MessageID, want ...gateway.Verdict) {
	w.t.Helper()
	kept, err := w.cn.Store.Read().Receipts(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []gateway.Verdict
	for _, r := range kept {
		got = append(got, r.Verdict)
		if r.Verified.IsZero() || !strings.Contains(string(r.Statement.Statement), string(r.Verdict)) {
			w.t.Errorf("%s of %s is %s", r.Verdict, r.Verified, r.Statement.Statement)
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the receipts say %v, want %v", got, want)
	}
}

func TestParkedMessageIsDecodedWhenItsTableIsInstalled(t *testing.T) {
	w := newWorld(t)
	known := w.ru.Chain
	w.cn.Chain = next(t, "2026-01-01", true)
	id := w.notice()
	w.deliver()
	if m := w.message(id); m.State != gateway.Received {
		t.Fatalf("the message of an unknown version is %s: %s", m.State, m.LastError)
	}
	first, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
	if err != nil || first.State != gateway.Parked {
		t.Fatalf("Russia holds %s, %v", first.State, err)
	}

	// Nothing is installed yet: it stays, says why, and keeps its receipt.
	still := w.decode()
	if len(still) != 1 || still[0].ID != id || still[0].State != gateway.Parked || string(still[0].Receipt.Statement) != string(first.Receipt.Statement) {
		t.Fatalf("without a table: %+v", still)
	}
	if f := still[0].Faults; len(f) != 1 || f[0].Code != gateway.FormatUnknown || !strings.Contains(f[0].Value, "5.24.0") || !strings.Contains(f[0].Expected.String(), "ru/auto-preliminary.v1") {
		t.Errorf("the fault is %+v", f)
	}
	// A table that begins after the day of receipt does not read it, nor one without schema.
	w.ru.Chain = next(t, "2026-03-02", true)
	w.clock.add(72 * time.Hour)
	if got := w.decode(string(id)); got[0].State != gateway.Parked {
		t.Errorf("a table that is valid since yesterday: %s", got[0].State)
	}
	w.clock.add(-71 * time.Hour)
	w.ru.Chain = next(t, "2026-01-01", false)
	if got := w.decode(string(id)); got[0].State != gateway.Parked || got[0].Faults[0].Code != gateway.SchemaMissing {
		t.Errorf("a table without schema: %s, %v", got[0].State, got[0].Faults)
	}

	w.ru.Chain = next(t, "2026-01-01", true)
	got := w.decode(string(id))
	if len(got) != 1 || got[0].State != gateway.Accepted || got[0].Mapping != "ru/auto-preliminary.v2" || got[0].MovementID == "" || !got[0].Received.Equal(first.Received) {
		t.Fatalf("with its table: %+v", got)
	}
	movement, err := w.ru.Movement(t.Context(), got[0].MovementID)
	if err != nil || len(movement.Announced) != 1 || !movement.Announced[0].Received.Equal(first.Received) {
		t.Errorf("the movement is %+v, %v", movement, err)
	}
	if events := w.events(w.ru); strings.Count(events, operator.URI+" not decoded "+string(id)) != 3 || strings.Count(events, operator.URI+" decoded accepted "+string(id)) != 1 {
		t.Errorf("the audit trail says\n%s", events)
	}
	// The sender gets the verdict when it asks again; what it was told before says no more when it
	// is told once more.
	w.receipts(id, gateway.RCV)
	w.clock.add(flow.VerdictInterval)
	w.deliver()
	if m := w.message(id); m.State != gateway.Accepted || !strings.Contains(string(m.Receipt.Statement), `"PRS"`) {
		t.Errorf("then the message is %s: %s", m.State, m.LastError)
	}
	w.receipts(id, gateway.RCV, gateway.PRS)
	w.ru.Chain = known
	if got := w.decode(); len(got) != 0 {
		t.Errorf("then %d are parked", len(got))
	}
}

// A message of an edition that no table takes waits like one of an unknown version, and says at its
// place which are known.
func TestMessageOfAnotherEditionWaitsForItsTable(t *testing.T) {
	w := newWorld(t)
	known := w.ru.Chain
	other, err := chainOf(layered(t, mappings.FS, map[string]string{
		"ru/auto-preliminary.v1.yaml": text(t, mappings.FS, "ru/auto-preliminary.v1.yaml", "1006826E", "1006826X", "\nrows:\n", "\nwhere: {\"@DocumentModeID\": \"1006826X\"}\nrows:\n"),
	}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	w.ru.Chain = other
	id := w.notice()
	w.deliver()
	in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
	if err != nil || in.State != gateway.Parked || len(in.Faults) != 1 {
		t.Fatalf("Russia holds %s, %v, %v", in.State, in.Faults, err)
	}
	if f := in.Faults[0]; f.Code != gateway.FormatVariant || f.Value != "1006826E" || f.Expected.String() != "1006826X" || !strings.HasSuffix(f.Location.Expr, "/@DocumentModeID") {
		t.Errorf("the fault is %+v", f)
	}
	w.ru.Chain = known
	if got := w.decode(string(id)); len(got) != 1 || got[0].State != gateway.Accepted {
		t.Errorf("with its table: %+v", got)
	}
}

func TestParkedMessageIsRefusedByItsTable(t *testing.T) {
	w := newWorld(t)
	w.cn.Chain = next(t, "2026-01-01", true)
	id := w.notice()
	w.deliver()
	// The payload under another signature, as a gateway finds it that was tampered with.
	a, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id))
	if err != nil {
		t.Fatal(err)
	}
	a.Signature = append([]byte(nil), a.Signature...)
	a.Signature[len(a.Signature)-1] ^= 1
	if _, err := w.ru.Store.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutArrival(a), tx.Audit("test", "tampered", string(id), a.Digest))
	}); err != nil {
		t.Fatal(err)
	}
	w.ru.Chain = w.cn.Chain
	if got := w.decode(); len(got) != 1 || got[0].State != gateway.Refused || got[0].Faults[0].Code != gateway.SealSignature {
		t.Fatalf("a message whose signature does not hold: %+v", got)
	}
	w.clock.add(flow.VerdictInterval)
	w.deliver()
	if m := w.message(id); m.State != gateway.Refused {
		t.Errorf("then the message is %s: %s", m.State, m.LastError)
	}
	w.receipts(id, gateway.RCV, gateway.ERR)
	// What was judged is not judged again, and nothing of such a request is done.
	_, err = w.ru.Decode(t.Context(), operator, "", string(id), "nobody")
	var faults gateway.Faults
	if !errors.As(err, &faults) || len(faults) != 2 || faults[0].Code != gateway.NotParked || faults[1].Code != gateway.NotFound {
		t.Errorf("decoding what is not parked: %v", err)
	}
}

func TestDecodeGoesOnBehindAMessageThatFails(t *testing.T) {
	w := newWorld(t)
	w.cn.Chain = next(t, "2026-01-01", true)
	// Parked messages without the payload they came with, before and behind a good one.
	lose := func(id gateway.MessageID) {
		t.Helper()
		if _, err := w.ru.Store.Do(t.Context(), func(tx *store.Tx) error {
			return errors.Join(tx.PutInbound(store.Inbound{ID: id, Sender: "CN", State: gateway.Parked}), tx.Audit("test", "lost", string(id), gateway.Digest{}))
		}); err != nil {
			t.Fatal(err)
		}
	}
	lose("first")
	id := w.notice()
	w.deliver()
	lose("last")
	w.ru.Chain = w.cn.Chain

	decoded, err := w.ru.Decode(t.Context(), operator, "")
	got := decoded.Messages
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "message first: ") || !strings.Contains(err.Error(), "message last: ") || strings.Contains(err.Error(), string(id)) {
		t.Errorf("the error is %v", err)
	}
	if len(got) != 3 || got[0].ID != "first" || got[1].ID != id || got[2].ID != "last" {
		t.Fatalf("it returns %+v", got)
	}
	if got[1].State != gateway.Accepted || len(got[1].Faults) > 0 {
		t.Errorf("the message between them is %s, %v", got[1].State, got[1].Faults)
	}
	for _, m := range []store.Inbound{got[0], got[2]} {
		if m.State != gateway.Parked || len(m.Faults) != 1 || m.Faults[0].Code != gateway.Internal {
			t.Errorf("%s is %s, %v", m.ID, m.State, m.Faults)
		}
	}
	if still, err := w.ru.Store.Read().Inbound(t.Context(), "CN", "first"); err != nil || len(still.Faults) > 0 {
		t.Errorf("of the failure is recorded %v, %v", still.Faults, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := w.ru.Decode(ctx, operator, "", "first", "last"); len(got.Messages) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("without a caller: %v, %v", got, err)
	}
}

func TestParallelDecodedAnswerGoesToItsMessage(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	const was, is = "Notif_PIResult:5.23.0", "Notif_PIResult:5.24.0"
	newer, err := chainOf(layered(t, mappings.FS, map[string]string{
		"ru/notif-pi-result.v2.yaml": text(t, mappings.FS, "ru/notif-pi-result.v1.yaml", was, is, "version: 1\n", "version: 2\n"),
		"routes/ru-cn-answer.yaml":   text(t, mappings.FS, "routes/ru-cn-answer.yaml", "table: ru/notif-pi-result.v1", "table: ru/notif-pi-result.v2"),
	}), layered(t, xsd.FS, map[string]string{"ru/notif-pi-result.v2.xsd": text(t, xsd.FS, "ru/notif-pi-result.v1.xsd", was, is)}))
	if err != nil {
		t.Fatal(err)
	}
	w.ru.Chain = newer
	s := w.answer("A1", w.message(id).DocumentID, registered)
	if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	if m := w.message(id); len(m.Answers) != 0 {
		t.Fatalf("an answer that China cannot read: %+v", m.Answers)
	}
	w.cn.Chain = newer
	// Two operators at once: one verdict.
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := w.cn.Decode(context.Background(), operator, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m := w.message(id); len(m.Answers) != 1 || m.Answers[0].MessageID != s.MessageID || m.Answers[0].Registration == "" {
		t.Errorf("the message's answers are %+v", m.Answers)
	}
}

// registered is an answer that registers.
const registered = `"status": "REGISTERED", "systemId": "S1", "registration": {"country": "RU", "date": "2026-03-01", "number": "000000123"},
	"results": [{"code": "0", "descriptions": ["зарегистрировано"], "category": "INFO"}]`

// answer submits Russia's answer to a document.
func (w *world) answer(id, document, what string) store.Submission {
	w.t.Helper()
	return w.answerAs(w.ru, flow.Caller{URI: "customs://RU/system/national", Office: "10719110"}, id, document, what)
}

// answerAs submits an answer at a gateway.
func (w *world) answerAs(g *flow.Gateway, by flow.Caller, id, document, what string) store.Submission {
	w.t.Helper()
	content := `{"envelope": {"documentId": "` + id + `", "issued": "2026-03-01T02:15:00Z",
		"references": [{"kind": "ANSWERED", "id": "` + document + `"}]}, "answer": {` + what + `}}`
	s, err := g.Submit(context.Background(), by,
		flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: []byte(content)})
	if err != nil || s.State == gateway.Faulty {
		w.t.Fatalf("the answer: %v %+v", err, s.Faults)
	}
	return s
}
