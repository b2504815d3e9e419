package flow_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// byFiles is a link that hands over and hears later: nobody can be asked over it.
type byFiles struct {
	answer peer.Answer
	sent   []seal.Sealed
}

func (f *byFiles) Deliver(_ context.Context, m seal.Sealed) (peer.Answer, error) {
	f.sent = append(f.sent, m)
	return f.answer, nil
}

// overAFolder is the world with a folder between China and Russia.
func overAFolder(t *testing.T, answer peer.Answer) (*world, *byFiles) {
	w := newWorld(t)
	f := &byFiles{answer: answer}
	w.cn.Links = map[gateway.Administration]flow.Link{"RU": f}
	w.cn = flow.New(w.cn.Options)
	return w, f
}

// TestAReceiptThatComesByItselfCounts hands over, hands the same over again when nothing was heard, and takes what
// is heard later: each receipt once, in whatever order, and none that does not hold.
func TestAReceiptThatComesByItselfCounts(t *testing.T) {
	w, f := overAFolder(t, peer.Answer{Later: 10 * time.Minute})
	id := w.notice()
	w.deliver()
	m := w.message(id)
	if m.State != gateway.Sending || !m.NextAttempt.Equal(w.clock.Now().Add(10*time.Minute)) || len(f.sent) != 1 || m.LastError != "" {
		t.Fatalf("%s, next %v, %d sent, %q", m.State, m.NextAttempt, len(f.sent), m.LastError)
	}
	w.clock.add(10 * time.Minute)
	w.deliver()
	if len(f.sent) != 2 || string(f.sent[0].HeaderBytes()) != string(f.sent[1].HeaderBytes()) || string(f.sent[0].Payload()) != string(f.sent[1].Payload()) {
		t.Fatalf("%d sent, or not the same", len(f.sent))
	}
	receive := func() peer.Receipt {
		got, err := w.ru.Receive(t.Context(), "folder", []gateway.Administration{"CN"}, f.sent[0].HeaderBytes(), f.sent[0].Signature(), f.sent[0].Payload())
		if err != nil {
			t.Fatal(err)
		}
		return peer.Receipt(got)
	}
	prs := receive()
	a, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id))
	if err != nil {
		t.Fatal(err)
	}
	rcv := peer.Receipt(*a.Receipt)
	take := func(from gateway.Administration, r peer.Receipt) error {
		_, err := w.cn.TakeReceipt(t.Context(), "folder", []gateway.Administration{from}, r)
		return err
	}
	bad := prs
	bad.Signature = slices.Clone(prs.Signature)
	bad.Signature[9]++
	if err := take("RU", bad); codeOf(err) != gateway.SealSignature {
		t.Errorf("another signature: %v", err)
	}
	if err := take("KZ", prs); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("brought by another: %v", err)
	}
	if m = w.message(id); m.State != gateway.Sending {
		t.Fatal(m.State)
	}
	for i, c := range []struct {
		receipt peer.Receipt
		want    gateway.MessageState
	}{{rcv, gateway.Received}, {rcv, gateway.Received}, {prs, gateway.Accepted}, {rcv, gateway.Accepted}, {prs, gateway.Accepted}} {
		if err := take("RU", c.receipt); err != nil {
			t.Fatal(i, err)
		}
		if m = w.message(id); m.State != c.want {
			t.Errorf("%d: %s, want %s", i, m.State, c.want)
		}
	}
	if again := receive(); string(again.Statement) != string(prs.Statement) {
		t.Error("another receipt for the same")
	}
}

// quick is a link to a partner whose verdict comes by itself before its answer to the delivery.
type quick struct {
	verdict func(m seal.Sealed)
	answer  func(m seal.Sealed) (peer.Answer, error)
}

func (q quick) Deliver(_ context.Context, m seal.Sealed) (peer.Answer, error) {
	q.verdict(m)
	return q.answer(m)
}

// TestAVerdictThatOvertakesTheAnswerStands: whatever an attempt comes to that is under way while the verdict comes by
// itself, the verdict stands.
func TestAVerdictThatOvertakesTheAnswerStands(t *testing.T) {
	for name, answer := range map[string]func(w *world, m seal.Sealed) (peer.Answer, error){
		"later":    func(*world, seal.Sealed) (peer.Answer, error) { return peer.Answer{Later: time.Minute}, nil },
		"unsigned": func(*world, seal.Sealed) (peer.Answer, error) { return peer.Answer{Unsigned: true}, nil },
		"refused, unsigned": func(*world, seal.Sealed) (peer.Answer, error) {
			return peer.Answer{Unsigned: true, Refusal: unsignedErrors}, nil
		},
		"no answer": func(*world, seal.Sealed) (peer.Answer, error) { return peer.Answer{}, errors.New("reset") },
		"no connection": func(*world, seal.Sealed) (peer.Answer, error) {
			return peer.Answer{}, &peer.NotSentError{Cause: errors.New("refused")}
		},
		"something else": func(*world, seal.Sealed) (peer.Answer, error) {
			return peer.Answer{Receipt: peer.Receipt{Header: []byte("{}")}}, nil
		},
		"received only": func(w *world, m seal.Sealed) (peer.Answer, error) {
			a, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(m.Header().MessageID))
			if err != nil {
				return peer.Answer{}, err
			}
			return peer.Answer{Receipt: peer.Receipt(*a.Receipt)}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cn.Links = map[gateway.Administration]flow.Link{"RU": quick{
				verdict: func(m seal.Sealed) {
					got, err := w.ru.Receive(t.Context(), "quick", []gateway.Administration{"CN"}, m.HeaderBytes(), m.Signature(), m.Payload())
					if err != nil {
						t.Fatal(err)
					}
					if state, err := w.cn.TakeReceipt(t.Context(), "quick", []gateway.Administration{"RU"}, peer.Receipt(got)); err != nil || state != gateway.Accepted {
						t.Fatal(state, err)
					}
				},
				answer: func(m seal.Sealed) (peer.Answer, error) { return answer(w, m) },
			}}
			w.cn = flow.New(w.cn.Options)
			id := w.notice()
			w.deliver()
			if m := w.message(id); m.State != gateway.Accepted || m.Receipt == nil || m.Attempts != 1 {
				t.Errorf("it is %s after %d attempts: %s", m.State, m.Attempts, m.LastError)
			}
			for _, v := range w.promised(true) {
				t.Error(v)
			}
		})
	}
}

// TestWhoCannotBeAskedIsNotAsked: over a link that carries no questions no balance is struck, and what a partner
// acknowledges without a signature, where its record allows that, ends so.
func TestWhoCannotBeAskedIsNotAsked(t *testing.T) {
	w, f := overAFolder(t, peer.Answer{Unsigned: true})
	own(t, w.cn)
	var log bytes.Buffer
	w.cn.Log = event.NewLog(slog.New(slog.NewJSONHandler(&log, nil)))
	id := w.notice()
	w.deliver()
	if m := w.message(id); m.State != gateway.Unsigned || len(f.sent) != 1 {
		t.Errorf("%s, %d sent", m.State, len(f.sent))
	}
	if !strings.Contains(log.String(), string(event.MessageUnsigned)) {
		t.Error("nothing tells of it")
	}
	if _, err := w.cn.Balance(t.Context(), "RU"); codeOf(err) != gateway.BalanceTheirs {
		t.Errorf("a balance: %v", err)
	}
	if s, err := w.cn.BalanceState(t.Context(), "RU"); err != nil || len(s.Faults()) > 0 || !s.Left.IsZero() {
		t.Errorf("nothing was restored: %v, %v", s.Faults(), err)
	}
	w.cn = w.restored(w.cn, w.backUp(w.cn))
	if open, err := w.cn.Open(t.Context(), "RU"); err != nil || !open {
		t.Errorf("after a restore it is waited for: %v, %v", open, err)
	}
	s, err := w.cn.BalanceState(t.Context(), "RU")
	if err != nil || len(s.Faults()) != 1 || s.Faults()[0].Code != gateway.BalanceUnasked || !s.Left.Equal(w.clock.Now().Add(-flow.BalanceOverlap)) {
		t.Errorf("what was not compared: since %v, %v, %v", s.Left, s.Faults(), err)
	}
}
