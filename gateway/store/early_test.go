package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"customs.example/gateway"
)

// What overtook what it changes waits, is counted once however much it is found by, and is judged
// again when that comes: its sender's, and nobody else's. One that was woken before is judged no
// sooner than it says.
func TestWhatOvertookIsWoken(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		at := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
		waybill := Identifier{Kind: "waybill", Folded: "W1"}
		late := func(sender, id string, again time.Time, ids ...Identifier) {
			t.Helper()
			do(t, s, func(tx *Tx) error {
				a := Arrival{Door: DoorPeer, Party: sender, ID: id, Received: at}
				a.Trouble, a.NextTry = "early", at.Add(time.Hour)
				if err := tx.PutArrival(a); err != nil {
					return err
				}
				known, err := tx.AwaitOriginal(gateway.Administration(sender), gateway.MessageID(id), ids, again)
				if known {
					t.Errorf("%s of %s waits already", id, sender)
				}
				return err
			})
		}
		late("CN", "A", time.Time{}, waybill, Identifier{Kind: "vehicle", Folded: "W1"})
		late("CN", "b", at.Add(15*time.Second), waybill)
		late("KZ", "A", time.Time{}, waybill)
		late("CN", "C", time.Time{}, Identifier{Kind: "waybill", Folded: "W2"})
		for limit, want := range map[int]int{1: 1, 2: 2, 10: 3} {
			if n, err := s.Read().Early(t.Context(), "CN", limit); err != nil || n != want {
				t.Errorf("%d of at most %d wait, %v", n, limit, err)
			}
		}
		do(t, s, func(tx *Tx) error {
			if known, err := tx.AwaitOriginal("CN", "A", nil, at); err != nil || !known {
				t.Errorf("A waits %v, %v", known, err)
			}
			if n, err := tx.OriginalCame("CN", []Identifier{{Kind: "vehicle", Folded: "W9"}, waybill, {Kind: "vehicle", Folded: "W1"}}, 10); err != nil || n != 2 {
				t.Errorf("%d are woken, %v", n, err)
			}
			return nil
		})
		for _, due := range []struct {
			at   time.Time
			want []string
		}{{at, []string{"A"}}, {at.Add(15 * time.Second), []string{"A", "b"}}} {
			var got []string
			for _, k := range must(s.Unjudged(t.Context(), due.at, 10))(t) {
				got = append(got, k.ID)
				if k.Party != "CN" {
					t.Errorf("%s's is woken", k.Party)
				}
			}
			if slices.Sort(got); !slices.Equal(got, due.want) {
				t.Errorf("%v are due, want %v", got, due.want)
			}
		}
		do(t, s, func(tx *Tx) error { return tx.OriginalNoMore("CN", "C") })
		if n, err := s.Read().Early(t.Context(), "CN", 10); err != nil || n != 0 {
			t.Errorf("%d wait still, %v", n, err)
		}
	})
}

// However many submissions of one office wait for a departure, those of another are woken too: page
// by page.
func TestOneOfficesSubmissionsPushNoOthersOut(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		plate, seal := Identifier{Kind: "vehicle", Folded: "P1"}, Identifier{Kind: "seal", Folded: "S1"}
		do(t, s, func(tx *Tx) error {
			for i := range 25 {
				sub := submission(fmt.Sprintf("S%02d", i))
				if sub.Office = "0001"; i == 24 {
					sub.Office = "9999"
				}
				if err := tx.PutSubmission(sub); err != nil {
					return err
				}
				if err := tx.Await(sub.Office, sub.ID, []Identifier{plate, seal}); err != nil {
					return err
				}
			}
			return nil
		})
		woken := map[string]int{}
		for page := 1; ; page++ {
			n := 0
			do(t, s, func(tx *Tx) error {
				all, err := tx.Woken([]Identifier{plate, seal}, 10)
				for _, sub := range all {
					woken[sub.Office+sub.ID]++
				}
				n = len(all)
				return err
			})
			if n > 10 || page > 3 {
				t.Fatalf("page %d has %d", page, n)
			}
			if n < 10 {
				break
			}
		}
		if len(woken) != 25 || woken["9999S24"] != 1 {
			t.Errorf("%d are woken, %v", len(woken), woken)
		}
	})
}

// A document that is sent again and again under other ids costs no more to find: the plans show one
// row, and this that it is the last one.
func TestADocumentSentAgainIsFoundByItsLastMessage(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		for i := range 12 {
			do(t, s, func(tx *Tx) error {
				in := Inbound{ID: gateway.MessageID(fmt.Sprint("again-", i)), Sender: "CN", DocumentID: "D1", State: gateway.Accepted}
				if i > 9 {
					in.State = gateway.Refused
				}
				return tx.PutInbound(in)
			})
		}
		if in, err := s.Read().InboundByDocument(t.Context(), "CN", "D1"); err != nil || in.ID != "again-9" {
			t.Errorf("it is %s, %v", in.ID, err)
		}
	})
}
