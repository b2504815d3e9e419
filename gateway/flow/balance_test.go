package flow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// backUp writes a backup of a gateway that works.
func (w *world) backUp(g *flow.Gateway) string {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "backup.db")
	if _, err := store.Backup(context.Background(), w.files[g.Store], file, store.Copying{Now: w.clock.Now}); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// restored is a gateway in the place of one whose database is lost.
func (w *world) restored(g *flow.Gateway, backup string) *flow.Gateway {
	w.t.Helper()
	g.Store.Close()
	file := filepath.Join(w.t.TempDir(), "gateway.db")
	if _, err := store.Restore(context.Background(), backup, file, g.Own, store.Copying{Now: w.clock.Now}); err != nil {
		w.t.Fatal(err)
	}
	return w.over(file, g.Own, g.Keys, g.Trust, g.Links)
}

func own(t testing.TB, g *flow.Gateway) {
	t.Helper()
	if err := g.Store.Own(context.Background(), g.Own); err != nil {
		t.Fatal(err)
	}
}

// balance strikes one that must be struck.
func (w *world) balance(g *flow.Gateway, with gateway.Administration) store.Balance {
	t := w.t
	t.Helper()
	w.clock.add(time.Second) // what is at this very instant may not be over
	b, err := g.Balance(context.Background(), with)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differences are the codes of what is not settled, by message.
func differences(t testing.TB, g *flow.Gateway, with gateway.Administration) map[gateway.MessageID]gateway.Code {
	t.Helper()
	s, err := g.BalanceState(t.Context(), with)
	if err != nil {
		t.Fatal(err)
	}
	out := map[gateway.MessageID]gateway.Code{}
	for _, d := range s.Differences {
		out[d.ID] = d.Code
	}
	return out
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// inbox are the ids of what a gateway holds of a partner.
func inbox(t testing.TB, g *flow.Gateway) (ids []gateway.MessageID) {
	t.Helper()
	all, err := g.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range all {
		ids = append(ids, in.ID)
	}
	return ids
}

// TestWhatTheSenderLostIsAnnouncedOnce: China loses what Russia has taken since the backup.
// It is listed, nothing goes out before, and what the post submits again comes to the same.
func TestWhatTheSenderLostIsAnnouncedOnce(t *testing.T) {
	w := newWorld(t)
	own(t, w.cn)
	backup := w.backUp(w.cn)
	w.clock.add(time.Minute)
	id := w.notice()
	w.deliver()
	before := w.message(id)
	if before.State != gateway.Accepted {
		t.Fatalf("the message is %s", before.State)
	}
	w.clock.add(time.Minute)
	w.cn = w.restored(w.cn, backup)

	w.out.away = true
	if _, err := w.cn.Balance(t.Context(), "RU"); err == nil {
		t.Error("balanced with nobody")
	}
	w.clock.add(time.Minute)
	if again := w.notice(); again != id {
		t.Errorf("what was %s is now %s", id, again)
	}
	tries := w.out.tries
	w.deliver()
	if w.out.tries != tries {
		t.Error("something went out before the balance")
	}
	err := w.cn.DeliverTo(t.Context(), "RU", w.out.sent[0])
	if !errors.As(err, new(*peer.NotSentError)) || !errors.As(err, new(*peer.BusyError)) || w.out.tries != tries {
		t.Errorf("handed over past the couriers: %v", err)
	}
	s, err := w.cn.BalanceState(t.Context(), "RU")
	if err != nil || s.Open || s.Trouble == nil || s.Restored.Number != 1 || !s.Left.Equal(s.Restored.Backup.Add(-flow.BalanceOverlap)) || s.Waiting != 1 {
		t.Errorf("%+v, %v", s, err)
	}

	w.out.away = false
	b := w.balance(w.cn, "RU")
	same(t, "compared", 1, b.Compared)
	if s, err := w.cn.BalanceState(t.Context(), "RU"); err != nil || !s.Left.IsZero() || s.Waiting != 0 {
		t.Errorf("what is left to compare: since %v, %d wait, %v", s.Left, s.Waiting, err)
	}
	same(t, "submitted again in time", map[gateway.MessageID]gateway.Code{}, differences(t, w.cn, "RU"))
	w.deliver()
	after := w.message(id)
	if after.State != gateway.Accepted || !bytes.Equal(after.Receipt.Statement, before.Receipt.Statement) || !bytes.Equal(after.Payload, before.Payload) {
		t.Errorf("it is %s, %s", after.State, after.LastError)
	}
	same(t, "Russia holds", []gateway.MessageID{id}, inbox(t, w.ru))
}

// TestWhatTheSenderLostIsListed until it is submitted again.
func TestWhatTheSenderLostIsListed(t *testing.T) {
	w := newWorld(t)
	own(t, w.cn)
	backup := w.backUp(w.cn)
	id := w.notice()
	w.deliver()
	w.cn = w.restored(w.cn, backup)
	w.balance(w.cn, "RU")
	w.balance(w.cn, "RU") // it is known
	same(t, "lost", map[gateway.MessageID]gateway.Code{id: gateway.BalanceLost}, differences(t, w.cn, "RU"))
	s, _ := w.cn.BalanceState(t.Context(), "RU")
	if d := s.Differences[0]; d.Kind != "PreArrivalNotice" || d.Document == "" || d.Says != gateway.PRS || d.Theirs.IsZero() || !d.Ours.IsZero() {
		t.Errorf("%+v", d)
	}
	if again := w.notice(); again != id {
		t.Errorf("what was %s is now %s", id, again)
	}
	same(t, "submitted again", map[gateway.MessageID]gateway.Code{}, differences(t, w.cn, "RU"))
}

// TestParallelWhatTheReceiverLostIsDeliveredAgain: Russia loses what it had signed for, and China
// delivers it again, the same bytes under the same id; to China nothing changes.
func TestParallelWhatTheReceiverLostIsDeliveredAgain(t *testing.T) {
	w := newWorld(t)
	own(t, w.ru)
	backup := w.backUp(w.ru)
	id := w.notice()
	w.deliver()
	before := w.message(id)
	w.ru = w.restored(w.ru, backup)
	w.out.to = w.ru
	same(t, "Russia holds", nil, anyOf(inbox(t, w.ru)))
	w.balance(w.ru, "CN")
	same(t, "owed", map[gateway.MessageID]gateway.Code{id: gateway.BalanceOwed}, differences(t, w.ru, "CN"))
	same(t, "asked for again", map[gateway.MessageID]gateway.Code{id: gateway.BalanceAgain}, differences(t, w.cn, "RU"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.cn.Run(ctx); close(done) }()
	for began := time.Now(); len(inbox(t, w.ru)) == 0 && time.Since(began) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	for began := time.Now(); len(differences(t, w.cn, "RU")) > 0 && time.Since(began) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	stop()
	<-done
	same(t, "Russia holds", []gateway.MessageID{id}, inbox(t, w.ru))
	same(t, "given back", map[gateway.MessageID]gateway.Code{}, differences(t, w.ru, "CN"))
	same(t, "given back", map[gateway.MessageID]gateway.Code{}, differences(t, w.cn, "RU"))
	sent := w.out.sent[len(w.out.sent)-1]
	if after := w.message(id); after.State != gateway.Accepted || !bytes.Equal(after.Receipt.Statement, before.Receipt.Statement) || !bytes.Equal(sent.HeaderBytes(), before.Header) {
		t.Errorf("it is %s", after.State)
	}
	w.receipts(id, gateway.PRS, gateway.PRS) // it has signed anew
}

func anyOf[T any](all []T) any {
	if len(all) == 0 {
		return nil
	}
	return all
}

// TestBothLost what they exchanged since their backups: China's is there again when its post
// submits it again, as the same message.
func TestBothLost(t *testing.T) {
	w := newWorld(t)
	own(t, w.cn)
	own(t, w.ru)
	cn, ru := w.backUp(w.cn), w.backUp(w.ru)
	id := w.notice()
	w.deliver()
	w.cn, w.ru = w.restored(w.cn, cn), w.restored(w.ru, ru)
	w.out.to = w.ru
	w.ru.Links["CN"].(*wire).to = w.cn
	for _, g := range []struct {
		*flow.Gateway
		with gateway.Administration
	}{{w.cn, "RU"}, {w.ru, "CN"}} {
		if b := w.balance(g.Gateway, g.with); b.Compared != 0 {
			t.Errorf("%s compared %d", g.Own, b.Compared)
		}
	}
	if again := w.notice(); again != id {
		t.Errorf("what was %s is now %s", id, again)
	}
	w.deliver()
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("it is %s", m.State)
	}
}

// TestDifferentBytesAlarm: digests and verdicts that differ are listed, and decide nothing.
func TestDifferentBytesAlarm(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	other := gateway.DigestOf([]byte("other"))
	var log bytes.Buffer
	w.cn.Log = event.NewLog(slog.New(slog.NewJSONHandler(&log, nil)))
	for name, c := range map[string]struct {
		change func(*seal.BalanceEntry)
		want   gateway.Code
	}{
		"digest":     {func(e *seal.BalanceEntry) { e.Payload = other }, gateway.BalanceDigest},
		"verdict":    {func(e *seal.BalanceEntry) { e.Verdict = gateway.ERR }, gateway.BalanceVerdict},
		"no verdict": {func(e *seal.BalanceEntry) { e.Verdict = gateway.RCV }, ""},
		"nothing":    {func(*seal.BalanceEntry) {}, ""},
		"never sent": {func(e *seal.BalanceEntry) { e.MessageID = "00000000-0000-4000-8000-000000000000" }, gateway.BalanceLost},
		"never received": {func(e *seal.BalanceEntry) {
			*e = seal.BalanceEntry{Sent: true, MessageID: id, Payload: e.Payload, Verdict: gateway.PRS}
		}, gateway.BalanceOwed},
	} {
		w.cn.Links["RU"] = &stating{wire: w.out, by: w.ru, change: c.change}
		b := w.balance(w.cn, "RU")
		s, err := w.cn.BalanceState(t.Context(), "RU")
		if err != nil {
			t.Fatal(err)
		}
		var got []gateway.Code
		for _, d := range s.Differences {
			if d.Found.Equal(w.clock.Now()) {
				got = append(got, d.Code)
				f := flow.DifferenceFault(d)
				for _, lang := range gateway.Languages {
					if text := f.Text(lang); bytes.ContainsAny([]byte(text), "{}") {
						t.Errorf("%s: %s", lang, text)
					}
				}
			}
		}
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
		if b.Compared != 1 {
			t.Errorf("%s: compared %d", name, b.Compared)
		}
		w.clock.add(time.Second)
	}
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("it is %s", m.State)
	}
	for _, code := range []gateway.Code{gateway.BalanceDigest, gateway.BalanceVerdict, gateway.BalanceLost, gateway.BalanceOwed} {
		if !strings.Contains(log.String(), `"level":"ERROR","msg":"`+string(event.BalanceDiffers)+`"`) || !strings.Contains(log.String(), `"code":"`+string(code)+`"`) {
			t.Errorf("%s is told nowhere:\n%s", code, &log)
		}
	}
}

// stating is a link to a partner that states something else and signs it.
type stating struct {
	*wire
	by     *flow.Gateway
	change func(*seal.BalanceEntry)
}

func (s *stating) Balance(_ context.Context, query seal.Signed) (peer.Receipt, error) {
	_, q, err := s.by.Trust.OpenBalanceQuery(query.HeaderBytes(), query.Statement(), query.Signature(), s.by.Now())
	if err != nil {
		return peer.Receipt{}, err
	}
	page := seal.Balance{Since: q.Since, Upto: s.by.Now().UTC(), Entries: []seal.BalanceEntry{}}
	if q.After == nil {
		held, err := s.by.Store.Read().ReceivedFrom(context.Background(), "CN", store.ExchangeCursor{}, page.Upto.Add(time.Hour), 10)
		if err != nil {
			return peer.Receipt{}, err
		}
		for _, h := range held {
			e := seal.BalanceEntry{MessageID: h.ID, Payload: h.Digest, Verdict: h.Verdict}
			s.change(&e)
			page.Entries = append(page.Entries, e)
		}
	}
	h := query.Header()
	signed, err := s.by.Keys.Sign(seal.Header{MessageID: gateway.MessageID(s.by.NewID()), Sender: "RU", Recipient: "CN", RelatesTo: h.MessageID, Created: s.by.Now()}, page)
	return peer.Receipt{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}, err
}

// TestBalancePages: more than a page of each list, and what came meanwhile.
func TestBalancePages(t *testing.T) {
	w := newWorld(t)
	const n = seal.MaxBalance + 3
	_, err := w.ru.Store.Do(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			id := gateway.MessageID(gateway.DerivedID("sent", string(rune(i))))
			at := w.clock.Now().Add(-time.Duration(i/3) * time.Second) // several at one instant
			if err := errors.Join(
				tx.PutArrival(store.Arrival{Door: store.DoorPeer, Party: "CN", ID: string(id), Header: []byte("{}"), Digest: gateway.DigestOf([]byte(id)), Received: at}),
				tx.PutMessage(store.Message{ID: id, Recipient: "CN", PayloadDigest: gateway.DigestOf([]byte(id)), Answered: at, State: gateway.Accepted}),
				tx.PutMessage(store.Message{ID: "unanswered " + id, Recipient: "CN", PayloadDigest: gateway.DigestOf([]byte(id)), State: gateway.Queued}),
			); err != nil {
				return err
			}
		}
		return tx.Audit("test", "many", "", gateway.Digest{})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Second)
	b := w.balance(w.cn, "RU")
	same(t, "compared", 2*n, b.Compared)
	lost, owed := 0, 0
	all, err := w.cn.Store.Read().OpenDifferences(t.Context(), "RU", 0, 10*n)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		switch d.Code {
		case gateway.BalanceLost:
			lost++
		case gateway.BalanceOwed:
			owed++
		}
	}
	same(t, "lost and owed", [2]int{n, n}, [2]int{lost, owed})
	again, err := w.ru.Store.Read().OpenDifferences(t.Context(), "CN", 0, 10*n)
	if err != nil || len(again) != n {
		t.Errorf("asked for %d again, %v", len(again), err)
	}
	if next := w.balance(w.cn, "RU"); next.Compared != 2*n {
		t.Errorf("an hour's overlap compares %d up to %s", next.Compared, next.Upto)
	}
	w.clock.add(2 * time.Hour)
	w.balance(w.cn, "RU")
	w.clock.add(2 * time.Hour)
	if next := w.balance(w.cn, "RU"); next.Compared != 0 {
		t.Errorf("compares %d again", next.Compared)
	}
}

// TestBalanceIsRefused: a page that another signed, that answers another question or is no
// page; and a question of another.
func TestBalanceIsRefused(t *testing.T) {
	w := newWorld(t)
	w.notice()
	w.deliver()
	var old peer.Receipt
	w.out.spoilPage = func(r *peer.Receipt) { old = *r }
	w.balance(w.cn, "RU")
	receipt := w.message(w.out.sent[0].Header().MessageID).Receipt
	for name, spoil := range map[string]func(*peer.Receipt){
		"another's page":   func(r *peer.Receipt) { *r = old },
		"a receipt":        func(r *peer.Receipt) { *r = peer.Receipt(*receipt) },
		"another page":     func(r *peer.Receipt) { r.Statement = bytes.Replace(r.Statement, []byte(`"PRS"`), []byte(`"ERR"`), 1) },
		"no signature":     func(r *peer.Receipt) { r.Signature = nil },
		"nothing":          func(r *peer.Receipt) { *r = peer.Receipt{} },
		"not as canonical": func(r *peer.Receipt) { r.Statement = append(r.Statement, ' ') },
	} {
		w.out.spoilPage = spoil
		if _, err := w.cn.Balance(t.Context(), "RU"); !errors.As(err, new(gateway.Fault)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	signed, err := w.cn.Keys.Sign(seal.Header{MessageID: "q", Sender: "CN", Recipient: "RU", Created: w.clock.Now()}, seal.BalanceQuery{Since: w.clock.Now().UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from []gateway.Administration
		to   *flow.Gateway
	}{"not its own": {[]gateway.Administration{"KZ"}, w.ru}, "not to it": {[]gateway.Administration{"CN"}, w.cn}} {
		_, err := c.to.StateBalance(t.Context(), "customs://KZ/gateway/1", c.from, signed.HeaderBytes(), signed.Statement(), signed.Signature())
		if !errors.As(err, new(gateway.Faults)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, q := range map[string]seal.BalanceQuery{
		"since nothing": {}, "a place without an end": {Since: w.clock.Now(), After: &seal.BalancePlace{}},
		"too many": {Since: w.clock.Now(), Again: slices.Repeat([]gateway.MessageID{"m"}, seal.MaxBalance+1)},
		"NUL":      {Since: w.clock.Now(), Again: []gateway.MessageID{"a\x00"}},
	} {
		if _, err := w.cn.Keys.Sign(seal.Header{MessageID: "q", Sender: "CN", Recipient: "RU", Created: w.clock.Now()}, q); err == nil {
			t.Errorf("signs %s", name)
		}
	}
}

// TestNobodyGetsWhatIsAnothers: a partner is told of its own exchange only, and gets again
// only what was made for it.
func TestNobodyGetsWhatIsAnothers(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	query := seal.BalanceQuery{Since: w.clock.Now().Add(-time.Hour).UTC(), Again: []gateway.MessageID{id, "unknown"}}
	signed, err := w.cn.Keys.Sign(seal.Header{MessageID: "q", Sender: "CN", Recipient: "RU", Created: w.clock.Now()}, query)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Second)
	_, err = w.ru.StateBalance(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.HeaderBytes(), signed.Statement(), signed.Signature())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "to be delivered again", map[gateway.MessageID]gateway.Code{}, differences(t, w.ru, "CN"))
	if _, err := os.Stat(w.files[w.ru.Store]); err != nil {
		t.Error(err)
	}
}

// TestBalancesAreStruckOnceADay: the first some minutes after a start, then a day after the
// last, whoever struck it; one that fails is tried again.
func TestBalancesAreStruckOnceADay(t *testing.T) {
	w := newWorld(t)
	began := w.clock.Now()
	struck := func() time.Time {
		t.Helper()
		w.cn.BalanceLook(t.Context(), "RU", began)
		b, err := w.cn.Store.Read().Balance(t.Context(), "RU")
		if err != nil {
			t.Fatal(err)
		}
		return b.At
	}
	if at := struck(); !at.IsZero() {
		t.Errorf("at once: %s", at)
	}
	w.clock.add(flow.FirstBalance)
	w.out.away = true
	if wait := w.cn.BalanceLook(t.Context(), "RU", began); wait != flow.BalanceRetry {
		t.Errorf("after a failure it looks in %s", wait)
	}
	if at := struck(); !at.IsZero() {
		t.Errorf("with nobody: %s", at)
	}
	w.out.away = false
	first := struck()
	same(t, "the first", w.clock.Now(), first)
	w.clock.add(flow.BalanceEvery - time.Second)
	same(t, "within a day", first, struck())
	w.clock.add(time.Second)
	same(t, "a day later", w.clock.Now(), struck())
}

// TestTwoRestoresAreTwoBalances: what was balanced after one says nothing of the next.
func TestTwoRestoresAreTwoBalances(t *testing.T) {
	w := newWorld(t)
	own(t, w.cn)
	for n := 1; n <= 2; n++ {
		w.cn = w.restored(w.cn, w.backUp(w.cn))
		w.out.away = true
		s, err := w.cn.BalanceState(t.Context(), "RU")
		if err != nil || s.Open || s.Restored.Number != n {
			t.Errorf("restore %d: %+v, %v", n, s, err)
		}
		if f := s.Faults(); len(f) != 1 || f[0].Code != gateway.BalancePending {
			t.Errorf("restore %d: %v", n, f)
		}
		w.out.away = false
		w.balance(w.cn, "RU")
		if s, err := w.cn.BalanceState(t.Context(), "RU"); err != nil || !s.Open || len(s.Faults()) > 0 {
			t.Errorf("restore %d: %+v, %v", n, s, err)
		}
	}
}

// TestParallelWhatWaitsForTheBalanceWasNotTried: what is submitted after a restore, while the couriers
// run and before what both hold is compared, waits as it was made, and is taken back with nothing
// sent; at both borders.
func TestParallelWhatWaitsForTheBalanceWasNotTried(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			own(t, w.cn)
			w.cn = w.restored(w.cn, w.backUp(w.cn))
			w.out.away = true
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { w.cn.Run(ctx); close(done) }()
			defer func() { stop(); <-done }()
			time.Sleep(100 * time.Millisecond) // until they do
			m, id := w.announced(b, tripOf(1, w))
			if m = w.message(m.ID); m.State != gateway.Queued || m.Attempts != 0 || m.LastError != "" {
				t.Errorf("it is %s after %d attempts: %s", m.State, m.Attempts, m.LastError)
			}
			if s := w.cancel(b, "C1", id); s.State != gateway.Done || s.MessageID != "" {
				t.Errorf("the cancellation is %s %v", s.State, s.Faults.Report("en"))
			}
			if m := w.message(m.ID); m.State != gateway.TakenBack || w.out.tries != 0 {
				t.Errorf("then it is %s, %d sent", m.State, w.out.tries)
			}
		})
	}
}
