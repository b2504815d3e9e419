package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
)

// TestOnlyWhatNobodyElseNamesIsErased: of two records that name one document the first to be erased leaves it to the
// other, whatever that is: a submission's, a message's, a partner's, or a receipt of ours that a partner has sent
// back as if it were a document.
func TestOnlyWhatNobodyElseNamesIsErased(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		shared := []byte("named by many")
		first := Arrival{Door: DoorPeer, Party: "RU", ID: "first", Content: shared, Digest: gateway.DigestOf(shared), Received: now}
		there := func() bool {
			digest := gateway.DigestOf(shared)
			var n int
			if err := s.readers.QueryRow("SELECT count(*) FROM content WHERE digest = $1", digest[:]).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n > 0
		}
		erase := func(door, party, id string) {
			t.Helper()
			do(t, s, func(tx *Tx) error {
				done, err := tx.Erase(Kept{Door: door, Party: party, ID: id})
				if err == nil && !done {
					err = errors.New("there is more")
				}
				return errors.Join(err, tx.Audit("test", "erased", id, gateway.Digest{}))
			})
		}
		for _, other := range []struct {
			name, door, party string
			put               func(tx *Tx, id string) error
		}{
			{"an arrival", DoorBorder, "0603", func(tx *Tx, id string) error {
				return tx.PutArrival(Arrival{Door: DoorBorder, Party: "0603", ID: id, Content: shared, Received: now})
			}},
			{"a submission", DoorSubmit, "0603", func(tx *Tx, id string) error {
				sub := submission(id)
				sub.Canonical = shared
				return tx.PutSubmission(sub)
			}},
			{"a message's payload", DoorOut, "RU", func(tx *Tx, id string) error {
				return tx.PutMessage(Message{ID: gateway.MessageID(id), Recipient: "RU", State: gateway.Accepted, Payload: shared, Created: now})
			}},
			{"a message's document", DoorOut, "RU", func(tx *Tx, id string) error {
				return tx.PutMessage(Message{ID: gateway.MessageID(id), Recipient: "RU", State: gateway.Accepted, Canonical: shared, Created: now})
			}},
			{"a partner's document", DoorPeer, "KZ", func(tx *Tx, id string) error {
				return tx.PutInbound(Inbound{ID: gateway.MessageID(id), Sender: "KZ", State: gateway.Accepted, Received: now, Canonical: shared})
			}},
		} {
			do(t, s, func(tx *Tx) error {
				return errors.Join(tx.PutArrival(first), other.put(tx, other.name), tx.Audit("test", "put", other.name, gateway.Digest{}))
			})
			erase(first.Door, first.Party, first.ID)
			if !there() {
				t.Errorf("%s names it, and it is gone", other.name)
			}
			if a, err := s.Read().Arrival(t.Context(), first.Door, first.Party, first.ID); err != nil || !a.Erased || a.Content != nil || a.Digest != first.Digest {
				t.Errorf("%+v, %v", a, err)
			}
			erase(other.door, other.party, other.name)
			if there() {
				t.Errorf("nobody names it, %s no more, and it is there", other.name)
			}
		}
		receipt := &Statement{Header: []byte("h"), Statement: []byte("s"), Signature: []byte("g")}
		sent := must(toStatement(receipt))(t)
		do(t, s, func(tx *Tx) error {
			return errors.Join(
				tx.PutInbound(Inbound{ID: "receipted", Sender: "RU", State: gateway.Accepted, Received: now, Receipt: receipt}),
				tx.PutArrival(Arrival{Door: DoorPeer, Party: "RU", ID: "sent back", Content: sent, Received: now}), tx.Audit("test", "put", "", gateway.Digest{}))
		})
		erase(DoorPeer, "RU", "sent back")
		if in, err := s.Read().Inbound(t.Context(), "RU", "receipted"); err != nil || in.Receipt == nil {
			t.Errorf("a receipt went with a document of the same bytes: %v", err)
		}
		if s.engine.place == "memory" { // which nobody else opens
			return
		}
		if found := flaws(t, s); len(found) > 0 {
			t.Errorf("rows whose documents are erased: %v", found)
		}
	})
}

// TestManyJudgementsAreErasedInSteps: however often something was judged anew, one unit of work erases so many.
func TestManyJudgementsAreErasedInSteps(t *testing.T) {
	s := open(t)
	do(t, s, func(tx *Tx) error {
		errs := []error{tx.PutSubmission(submission("one")), tx.PutArrival(Arrival{Door: DoorSubmit, Party: "0603", ID: "one", Received: now})}
		for i := range judgementsAtOnce + 1 {
			errs = append(errs, tx.PutJudgement(Judgement{Office: "0603", ID: "one", State: gateway.Faulty, At: now, Faults: gateway.Faults{{Code: "X", Value: fmt.Sprint(i)}}}))
		}
		return errors.Join(append(errs, tx.PutKept(Kept{Door: DoorSubmit, Party: "0603", ID: "one", Until: now}), tx.Audit("test", "put", "", gateway.Digest{}))...)
	})
	var steps int
	for done := false; !done; steps++ {
		do(t, s, func(tx *Tx) (err error) {
			done, err = tx.Erase(Kept{Door: DoorSubmit, Party: "0603", ID: "one"})
			return errors.Join(err, tx.Audit("test", "erased", "", gateway.Digest{}))
		})
	}
	var left int
	if err := s.readers.QueryRow("SELECT count(*) FROM content").Scan(&left); err != nil || left != 0 || steps != 2 {
		t.Errorf("%d documents are left after %d steps, %v", left, steps, err)
	}
	k, err := s.Read().Kept(t.Context(), DoorSubmit, "0603", "one")
	if over, err2 := s.Read().KeptOver(t.Context(), now.Add(time.Hour), 10); err != nil || err2 != nil || k.Erased.IsZero() || len(over) != 0 {
		t.Errorf("%+v, %v, %v", k, err, over)
	}
	if found := flaws(t, s); len(found) > 0 {
		t.Errorf("rows whose documents are erased: %v", found)
	}
}

// TestADamagedRowIsNotErased: what it named stays until somebody has looked at it.
func TestADamagedRowIsNotErased(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			place := place(t)
			s := openFile(t, place)
			do(t, s, func(tx *Tx) error {
				return tx.PutMessage(Message{ID: "M-1", Recipient: "RU", State: gateway.Accepted, Payload: []byte("payload"), Created: now})
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			asTool(t, place, "UPDATE message SET kind = 'x' WHERE id_key = 'M-1'")
			s = openFile(t, place)
			closes(t, s)
			if _, err := s.Do(t.Context(), func(tx *Tx) error {
				_, err := tx.Erase(Kept{Door: DoorOut, Party: "RU", ID: "M-1"})
				return errors.Join(err, tx.Audit("test", "erased", "M-1", gateway.Digest{}))
			}); !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			var left int
			if err := s.readers.QueryRow("SELECT count(*) FROM content").Scan(&left); err != nil || left != 1 {
				t.Errorf("%d documents, %v", left, err)
			}
		})
	}
}
