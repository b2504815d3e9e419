package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestExchangeIsListed: what a partner has sent, by when it came, and what it has given a
// receipt for, by when that was verified; behind a place, before an instant, and of no other.
func TestExchangeIsListed(t *testing.T) { onEach(t, testExchangeIsListed) }

func testExchangeIsListed(t *testing.T, open opener) {
	s, ctx := open(t), t.Context()
	digest := func(i int) gateway.Digest { return gateway.DigestOf(fmt.Append(nil, i)) }
	states := []gateway.MessageState{gateway.Accepted, gateway.Refused, gateway.Received, gateway.Parked, ""}
	verdicts := []gateway.Verdict{gateway.PRS, gateway.ERR, gateway.RCV, gateway.RCV, gateway.RCV}
	do(t, s, func(tx *Tx) error {
		var errs []error
		for i := range 10 {
			id := gateway.MessageID(fmt.Sprintf("m-%d", i))
			at, state := now.Add(time.Duration(i/2)*time.Second), states[i%5]
			for _, party := range []string{"RU", "KZ"} {
				errs = append(errs, tx.PutArrival(Arrival{Door: DoorPeer, Party: party, ID: string(id), Digest: digest(i), Received: at, Header: []byte(id)}))
				if state != "" {
					errs = append(errs, tx.PutInbound(Inbound{Sender: gateway.Administration(party), ID: id, State: state}))
				}
			}
			errs = append(errs,
				tx.PutArrival(Arrival{Door: DoorSubmit, Party: "RU", ID: "s" + string(id), Received: at}),
				tx.PutMessage(Message{ID: id, Recipient: "RU", State: state, PayloadDigest: digest(i), Answered: at}),
				tx.PutMessage(Message{ID: "kz-" + id, Recipient: "KZ", State: state, PayloadDigest: digest(i), Answered: at}),
				tx.PutMessage(Message{ID: "un-" + id, Recipient: "RU", State: gateway.Sending, PayloadDigest: digest(i)}))
		}
		return errors.Join(errs...)
	})
	want := func(from, to int, received bool) (out []Held) {
		for i := from; i < to; i++ {
			h := Held{ID: gateway.MessageID(fmt.Sprintf("m-%d", i)), Digest: digest(i), Verdict: verdicts[i%5], At: now.Add(time.Duration(i/2) * time.Second)}
			if received {
				h.Header = []byte(h.ID)
			}
			out = append(out, h)
		}
		return out
	}
	for name, list := range map[string]func(ExchangeCursor, time.Time, int) ([]Held, error){
		"received": func(c ExchangeCursor, upto time.Time, n int) ([]Held, error) {
			return s.Read().ReceivedFrom(ctx, "RU", c, upto, n)
		},
		"answered": func(c ExchangeCursor, upto time.Time, n int) ([]Held, error) {
			return s.Read().AnsweredBy(ctx, "RU", c, upto, n)
		},
	} {
		end := now.Add(time.Hour)
		for _, tt := range []struct {
			after    ExchangeCursor
			upto     time.Time
			limit    int
			from, to int
		}{
			{ExchangeCursor{}, end, 100, 0, 10},
			{ExchangeCursor{}, end, 3, 0, 3},
			{ExchangeCursor{At: now.Add(time.Second), ID: "m-2"}, end, 3, 3, 6}, // two at one instant
			{ExchangeCursor{At: now.Add(time.Second), ID: "m-3"}, end, 100, 4, 10},
			{ExchangeCursor{At: now.Add(time.Second)}, now.Add(2 * time.Second), 100, 2, 4},
			{ExchangeCursor{At: end}, end.Add(time.Hour), 100, 0, 0},
		} {
			got := must(list(tt.after, tt.upto, tt.limit))(t)
			if diff := cmp.Diff(want(tt.from, tt.to, name == "received"), got); diff != "" {
				t.Errorf("%s after %v before %s (-want +got):\n%s", name, tt.after, tt.upto, diff)
			}
		}
	}
	for id, verdict := range map[gateway.MessageID]gateway.Verdict{"m-0": gateway.PRS, "m-1": gateway.ERR, "un-m-0": "", "kz-m-0": "none"} {
		switch h, err := s.Read().SentOne(ctx, "RU", id); {
		case verdict == "none" && !errors.Is(err, ErrNotFound):
			t.Errorf("what was sent to another is told: %+v, %v", h, err)
		case verdict != "none" && (err != nil || h.Verdict != verdict || h.ID != id):
			t.Errorf("%s: %+v, %v", id, h, err)
		}
	}
	if h, err := s.Read().ReceivedOne(ctx, "RU", "m-1"); err != nil || h.Verdict != gateway.ERR || h.Digest != digest(1) {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := s.Read().ReceivedOne(ctx, "MN", "m-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what another has sent is told: %v", err)
	}
}

// TestDifferencesAreListedUntilTheyAreSettled, each partner's for itself.
func TestDifferencesAreListedUntilTheyAreSettled(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s, ctx := open(t), t.Context()
		var d Difference
		new(filler).fill(reflect.ValueOf(&d).Elem())
		d.Partner, d.Settled = "RU", time.Time{}
		do(t, s, func(tx *Tx) error {
			other, back := d, d
			other.Partner = "KZ"
			back.Sent = false
			return errors.Join(tx.PutDifference(d), tx.PutDifference(back), tx.PutDifference(other))
		})
		got := must(s.Read().OpenDifferences(ctx, "RU", 0, 10))(t)
		if len(got) != 2 {
			t.Fatalf("%+v", got)
		}
		d.Statement, d.Commit = nil, got[1].Commit
		d.Found = d.Found.UTC()
		if diff := cmp.Diff(d, got[1]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		do(t, s, func(tx *Tx) error { return tx.Settle(got[0]) })
		if got := must(s.Read().OpenDifferences(ctx, "RU", 0, 10))(t); len(got) != 1 || !got[0].Sent {
			t.Errorf("%+v", got)
		}
		settled := must(s.Read().Difference(ctx, "RU", false, d.ID))(t)
		if !settled.Settled.Equal(now) {
			t.Errorf("settled at %s", settled.Settled)
		}
		do(t, s, func(tx *Tx) error { return tx.PutDifference(d) }) // found again
		if got := must(s.Read().OpenDifferences(ctx, "KZ", 0, 10))(t); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestBalanceIsKept for each partner, and that nothing was restored.
func TestBalanceIsKept(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s, ctx := open(t), t.Context()
		if b := must(s.Read().Balance(ctx, "RU"))(t); b != (Balance{Partner: "RU"}) {
			t.Errorf("%+v", b)
		}
		if r := must(s.Read().Restored(ctx))(t); r != (Restoration{}) {
			t.Errorf("%+v", r)
		}
		for n := range 2 {
			want := Balance{Partner: "RU", Restored: n, Upto: now, At: now.Add(time.Duration(n)), Compared: 7}
			do(t, s, func(tx *Tx) error { return tx.PutBalance(want) })
			if diff := cmp.Diff(want, must(s.Read().Balance(ctx, "RU"))(t)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}
