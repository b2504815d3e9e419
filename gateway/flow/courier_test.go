package flow_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// lines is what a gateway logs.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// of returns the lines that hold a text.
func (l *lines) of(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, text) {
			out = append(out, line)
		}
	}
	return out
}

// logged is a gateway as it was, which logs to the lines.
func logged(g *flow.Gateway) (*flow.Gateway, *lines) {
	l := new(lines)
	g.Log = event.NewLog(slog.New(slog.NewTextHandler(l, nil)))
	return flow.New(g.Options), l
}

// copies puts n messages of their own chains into a gateway's queue, all with the bytes of
// one, changed as given.
func (w *world) copies(g *flow.Gateway, of gateway.MessageID, n int, change func(i int, m *store.Message)) []gateway.MessageID {
	w.t.Helper()
	m := w.message(of)
	ids := make([]gateway.MessageID, n)
	if _, err := g.Store.Do(w.t.Context(), func(tx *store.Tx) error {
		for i := range ids {
			c := m
			c.ID = gateway.MessageID(fmt.Sprintf("%s-%03d", of, i))
			c.Chain, c.Whole, c.Sequence = c.ID, c.ID, 0
			change(i, &c)
			if err := tx.PutMessage(c); err != nil {
				return err
			}
			ids[i] = c.ID
		}
		return tx.Audit("test", "copied", string(of), gateway.Digest{})
	}); err != nil {
		w.t.Fatal(err)
	}
	return ids
}

func broken(m *store.Message) {
	m.Signature = bytes.Clone(m.Signature)
	m.Signature[len(m.Signature)-1] ^= 1
}

// TestUnrestorableHeadsStopNobody: more messages than travel at once that cannot be made
// again of what is stored stand at the head of a queue. The others pass them by; they are
// tried a few times, ever less often, parked with an alarm, sent when an operator says so,
// and expire as what nobody was given.
func TestUnrestorableHeadsStopNobody(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	cn, log := logged(w.cn)
	bad := w.copies(cn, id, 2*flow.InFlight, func(i int, m *store.Message) { m.NextAttempt = m.NextAttempt.Add(-time.Hour); broken(m) })
	good := w.copies(cn, id, 4, func(_ int, m *store.Message) { m.ID += "-good"; m.Chain, m.Whole = m.ID, m.ID })
	deliver := func() {
		t.Helper()
		if err := cn.DeliverDue(t.Context(), "RU"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // two rounds of heads, one of all others
		deliver()
	}
	for _, m := range append(good, id) {
		if got := w.message(m); got.State != gateway.Accepted {
			t.Errorf("%s is %s", m, got.State)
		}
	}
	for i := range bad {
		if m := w.message(bad[i]); m.Troubles != 1 || m.Parked || m.State != gateway.Queued || m.Attempts != 0 || !m.NextAttempt.After(w.clock.Now()) {
			t.Fatalf("after one try: %+v", m)
		}
	}
	deliver() // at once again: nothing is due
	if m := w.message(bad[0]); m.Troubles != 1 {
		t.Errorf("tried %d times at once", m.Troubles)
	}
	for range 3600 {
		w.clock.add(time.Second)
		deliver()
	}
	if n := len(log.of("level=ERROR")); n != len(bad)*flow.DeliverTries {
		t.Errorf("%d error lines in an hour for %d messages, want %d each", n, len(bad), flow.DeliverTries)
	}
	for _, b := range bad {
		m := w.message(b)
		if m.Troubles != flow.DeliverTries || !m.Parked || m.State != gateway.Queued || !strings.Contains(m.LastError, "SEAL_SIGNATURE") ||
			m.Reason != "this gateway could not hand it over and tries again when its operator says so" {
			t.Fatalf("in the end: %+v", m)
		}
	}
	if n := strings.Count(w.events(cn), "alarm: message not delivered, parked"); n != len(bad) {
		t.Errorf("%d alarms for %d messages", n, len(bad))
	}

	// An operator has one sent again, mended, and one that is not: that one is parked again
	// at once. All others hear nothing of it.
	mended := w.message(bad[0])
	mended.Signature = w.message(id).Signature
	if _, err := cn.Store.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutMessage(mended), tx.Audit("test", "mended", "", gateway.Digest{}))
	}); err != nil {
		t.Fatal(err)
	}
	got, err := cn.Decode(t.Context(), operator, "", string(bad[0]), string(bad[1]))
	if err != nil || len(got.Outgoing) != 2 || got.Outgoing[0].Parked {
		t.Fatalf("sent again: %+v, %v", got, err)
	}
	if got, err := cn.Decode(t.Context(), operator, "RU", string(bad[2])); codeOf(err) != gateway.NotFound {
		t.Errorf("as a message of Russia's: %+v, %v", got, err)
	}
	deliver()
	if m := w.message(bad[0]); m.State != gateway.Accepted || m.Parked || m.Reason != "" {
		t.Errorf("mended: %s, %q", m.State, m.Reason)
	}
	if m := w.message(bad[1]); !m.Parked {
		t.Errorf("not mended: %+v", m)
	}
	if got, err := cn.Decode(t.Context(), operator, ""); err != nil || len(got.Outgoing) != len(bad)-1 {
		t.Errorf("all: %d, %v", len(got.Outgoing), err)
	}

	w.clock.add(72 * time.Hour)
	for range 4 {
		deliver()
	}
	for _, b := range bad[1:] {
		if m := w.message(b); m.State != gateway.Dead || m.Parked || m.Reason != "expired: "+gateway.NeverHandedOver {
			t.Errorf("after its validity: %s, %q", m.State, m.Reason)
		}
	}
}

// TestAKeyThatIsNotKnownYetParksNothing: what our own key has signed waits for it.
func TestAKeyThatIsNotKnownYetParksNothing(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	trust := w.cn.Trust
	w.cn.Trust = knows(t, newParty(t, "RU", "ru-9"))
	for range 20 {
		w.deliver()
		w.clock.add(flow.MaxInterval)
	}
	if m := w.message(id); m.Parked || m.State != gateway.Queued || m.Troubles != 0 || m.Tries < 10 {
		t.Fatalf("without the key: %+v", m)
	}
	w.cn.Trust = trust
	w.deliver()
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("with it: %s, %s", m.State, m.LastError)
	}
}

// stub is a link that answers as it is told.
type stub func(ctx context.Context, m seal.Sealed) (peer.Receipt, error)

func (s stub) Deliver(ctx context.Context, m seal.Sealed) (peer.Answer, error) {
	receipt, err := s(ctx, m)
	return peer.Answer{Receipt: receipt}, err
}

func (s stub) Attachment(ctx context.Context, id gateway.MessageID, digest gateway.Digest, offset int64) iter.Seq2[[]byte, error] {
	return nothingAttached{}.Attachment(ctx, id, digest, offset)
}

func (s stub) Status(ctx context.Context, query seal.Signed) (peer.Receipt, error) {
	return nothingAttached{}.Status(ctx, query)
}

func (s stub) Balance(context.Context, seal.Signed) (peer.Receipt, error) {
	return peer.Receipt{}, errors.New("not asked")
}

// TestAVerdictIsAskedForEverLessOften: messages that the partner has parked are asked
// for less and less, and each at least every few minutes.
func TestAVerdictIsAskedForEverLessOften(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	m := w.message(id)
	if m.State != gateway.Accepted {
		t.Fatal(m.State)
	}
	rcv, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	var mu sync.Mutex
	w.cn.Links["RU"] = stub(func(context.Context, seal.Sealed) (peer.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return peer.Receipt{Header: rcv.Receipt.Header, Statement: rcv.Receipt.Statement, Signature: rcv.Receipt.Signature}, nil
	})
	const parked = 40
	w.copies(w.cn, id, parked, func(_ int, m *store.Message) {
		m.State, m.Attempts, m.Tries, m.NextAttempt, m.ValidUntil = gateway.Queued, 0, 0, w.clock.Now(), w.clock.Now().Add(24*time.Hour)
	})
	hour := func() int {
		before := asked
		for end := w.clock.Now().Add(time.Hour); w.clock.Now().Before(end); {
			turns, err := w.cn.Store.Turns(t.Context(), "RU", w.clock.Now(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if wait := turns[0].NextAttempt.Sub(w.clock.Now()); wait > 0 {
				w.clock.add(wait)
				continue
			}
			w.deliver()
		}
		return asked - before
	}
	first, second := hour(), hour()
	if first > 20*parked || second > 13*parked || second < 11*parked {
		t.Errorf("%d deliveries in the first hour, %d in the second, for %d messages", first, second, parked)
	}
	turns, err := w.cn.Store.Turns(t.Context(), "RU", w.clock.Now(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if m := w.message(turns[0].ID); m.State != gateway.Received || m.Tries < 10 {
		t.Errorf("one is %s after %d tries", m.State, m.Tries)
	}
}

// TestABusyPartnerIsLeftAlone: one refusal for want of room counts for all messages, and is
// never final.
func TestABusyPartnerIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.copies(w.cn, id, 20, func(int, *store.Message) {})
	tries := 0
	var mu sync.Mutex
	to := w.cn.Links["RU"]
	w.cn.Links["RU"] = stub(func(context.Context, seal.Sealed) (peer.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		tries++
		return peer.Receipt{}, &peer.BusyError{After: 30 * time.Second, Cause: errors.New("enough")}
	})
	for range 29 {
		_ = w.cn.DeliverDue(t.Context(), "RU")
		w.clock.add(time.Second)
	}
	if tries > flow.InFlight {
		t.Errorf("%d deliveries in the time that it asked for", tries)
	}
	w.cn.Links["RU"] = to
	w.clock.add(flow.MaxInterval)
	for range 4 {
		w.deliver()
	}
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("then it is %s: %s", m.State, m.LastError)
	}
}

// TestParallelAMessageThatHangsHoldsUpNoOther: a delivery that never ends takes its own place only.
func TestParallelAMessageThatHangsHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	hung := make(chan struct{}, 1)
	to := w.out
	w.cn.Links["RU"] = stub(func(ctx context.Context, m seal.Sealed) (peer.Receipt, error) {
		select {
		case hung <- struct{}{}:
			<-ctx.Done()
			return peer.Receipt{}, ctx.Err()
		default:
			return to.carry(ctx, m)
		}
	})
	ids := w.copies(w.cn, id, 3*flow.InFlight, func(int, *store.Message) {})
	running(t, w.cn, func() bool {
		accepted := 0
		for _, id := range append(ids, id) {
			if w.message(id).State == gateway.Accepted {
				accepted++
			}
		}
		return accepted == len(ids) // all but the one that hangs
	})
}

// TestAStoreThatIsGoneRestsACourier: what concerns all messages is logged once, counted,
// and tried ever less often.
func TestAStoreThatIsGoneRestsACourier(t *testing.T) {
	w := newWorld(t)
	w.notice()
	cn, log := logged(w.cn)
	if err := cn.Store.Close(); err != nil {
		t.Fatal(err)
	}
	looks := 0
	for range 600 {
		if err := cn.DeliverDue(t.Context(), "RU"); err != nil {
			looks++
		}
		w.clock.add(time.Second)
	}
	if looks > 20 {
		t.Errorf("%d looks in ten minutes", looks)
	}
	if n := len(log.of("nothing can be delivered")); n != 1 {
		t.Errorf("%d lines\n%s", n, log.buf.String())
	}
}

// TestWhatCannotEvenBeNotedIsPassedBy: a message whose row cannot be read holds up no
// other and is looked at ever less often.
func TestWhatCannotEvenBeNotedIsPassedBy(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	cn, log := logged(w.cn)
	w.copies(cn, id, flow.InFlight, func(_ int, m *store.Message) { m.NextAttempt = m.NextAttempt.Add(-time.Hour) })
	db, err := sql.Open("sqlite", w.files[cn.Store])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE delivery SET answers = '{' WHERE id_key <> ?`, id); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		_ = cn.DeliverDue(t.Context(), "RU")
		w.clock.add(time.Second)
	}
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("the message behind them is %s: %s", m.State, m.LastError)
	}
	if n := len(log.of("level=ERROR")); n > 12*flow.InFlight {
		t.Errorf("%d lines in ten minutes", n)
	}
}

// TestRefusalsAreCounted: whatever a caller is refused for fills no audit trail.
func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t)
	rows := func() (n int) {
		all, err := w.ru.Store.Read().Audit(t.Context(), 0, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	refused := func(caller string, n int) {
		t.Helper()
		for i := range n {
			_, err := w.ru.Receive(t.Context(), caller, []gateway.Administration{"CN"}, []byte("{"), nil, fmt.Appendf(nil, "payload %d", i))
			if codeOf(err) != gateway.SealHeader {
				t.Fatal(err)
			}
		}
	}
	before := rows()
	refused("customs://CN/gateway/1", 2000)
	refused("customs://KZ/gateway/1", 1)
	if n := rows() - before; n != 2 {
		t.Errorf("2,001 refusals of two callers left %d rows", n)
	}
	w.clock.add(flow.RefusalInterval)
	refused("customs://CN/gateway/1", 1)
	if n := rows() - before; n != 4 {
		t.Errorf("in the next interval there are %d rows", n)
	}
	if !strings.Contains(w.events(w.ru), "refused at the door, 1999 more SEAL_HEADER") {
		t.Errorf("the trail says\n%s", w.events(w.ru))
	}
	refused("customs://CN/gateway/1", 3)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.ru.Run(ctx) // a stop tells of what is counted
	if n := rows() - before; n != 5 || !strings.Contains(w.events(w.ru), "refused at the door, 3 more") {
		t.Errorf("after a stop there are %d rows", n)
	}
}
