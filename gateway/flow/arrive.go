package flow

import (
	"context"
	"errors"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// arrive is the first unit of work: what came in, as it came. An arrival under the
// same id with the same digest is the one that is there already; if it was a submission
// that came to nothing, it is to be judged anew, as it is asked for now. With another digest
// it is refused and leaves an alarm, unless it corrects a submission that was refused:
// then what came first stays on the record under an id of its own. It reports whether the same came
// before, and is not judged anew.
func (g *Gateway) arrive(ctx context.Context, a store.Arrival) (_ store.Arrival, duplicate bool, err error) {
	var reuse, again bool
	attempt, short := a, g.short(a.Door)
	_, err = g.Store.Do(ctx, func(tx *store.Tx) error {
		duplicate = false
		known, err := tx.Arrival(ctx, a.Door, a.Party, a.ID)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		said := "arrived"
		if err == nil {
			a.ID, attempt.ID = known.ID, known.ID // a UUID as it came first
		}
		switch {
		case err != nil && len(short) > 0:
			return short
		case err != nil:
		case known.Digest == a.Digest && known.Reason == a.Reason && known.Asks.Same(a.Asks):
			refused, err := wasRefused(ctx, tx, known)
			if err != nil {
				return err
			}
			known.Attempts++
			if !known.Judged && g.Store.Free(known.Claim) && stuck(known, g.Now()) == nil {
				known.Claim = tx.Claim(known.Claim)
			}
			again, a = true, known
			if !refused {
				duplicate = true
				if err := tx.CountAttempt(known); err != nil {
					return err
				}
				return tx.Audit(attempt.Caller, "arrived again", subject(a), a.Digest)
			}
			a = anew(known, attempt)
			a.Claim = tx.Claim(known.Claim)
			if err := g.putArrival(tx, a); err != nil {
				return err
			}
			return tx.Audit(attempt.Caller, "arrived again, to be judged anew", subject(a), a.Digest)
		default:
			refused, err := wasRefused(ctx, tx, known)
			if err != nil {
				return err
			}
			if reuse = !refused; reuse {
				return tx.Audit(a.Caller, "alarm: id used again with another content", subject(a), a.Digest)
			}
			if len(short) > 0 {
				return short
			}
			known.ID += "@" + known.Digest.String()[:16]
			if err := g.putArrival(tx, known); err != nil {
				return err
			}
			said = "corrected"
		}
		a.Claim = tx.Claim(known.Claim)
		if err := g.putArrival(tx, a); err != nil {
			return err
		}
		return tx.Audit(a.Caller, said, subject(a), a.Digest)
	})
	switch {
	case len(short) > 0 && errors.As(err, new(gateway.Faults)):
		return a, false, g.refuse(ctx, Caller{URI: a.Caller}, a.Content, short...)
	case err != nil:
		return a, false, err
	case reuse:
		g.Log.Tell(of(attempt, event.Event{Name: event.IDReused, Caller: attempt.Caller, Code: gateway.IDReuse}))
		return a, false, event.Logged(gateway.Faults{wanting(gateway.IDReuse, a.ID, gateway.WordFirstContent)})
	}
	g.Log.Tell(of(attempt, event.Event{Name: arrivals[attempt.Door], Caller: attempt.Caller, Bytes: len(attempt.Content), Again: again}))
	return a, duplicate, nil
}

// same says of an arrival that came before what it is answered with: its first answer.
func same(a store.Arrival) *gateway.Fault {
	f := fault(gateway.DuplicateSame, a.Called(), "")
	f.Severity, f.Found = gateway.Info, gateway.Term(a.Received.UTC().Format(time.RFC3339))
	return &f
}

// pending says of an arrival that came before that it is not judged yet, and when to ask again: when its judgement is
// tried next or, if that is with an operator, every now and then.
func (g *Gateway) pending(a store.Arrival) *gateway.Fault {
	next := a.NextTry
	if a.Parked || next.IsZero() {
		next = g.Now().Add(MaxVerdictInterval)
	}
	f := fault(gateway.DuplicatePending, a.Called(), next.UTC().Format(time.RFC3339))
	f.Severity, f.Found = gateway.Warning, gateway.Term(a.Received.UTC().Format(time.RFC3339))
	return &f
}

// anew is an arrival whose judgement came to nothing, as an attempt with the same bytes asks
// for it again: read as that says, for those that it names.
func anew(known, attempt store.Arrival) store.Arrival {
	known.Caller, known.MediaType, known.Recipients = attempt.Caller, attempt.MediaType, attempt.Recipients
	known.Judged, known.Tries, known.Trouble, known.NextTry = false, 0, "", time.Time{}
	known.Content, known.Erased = attempt.Content, false
	return known
}

// arrivals are what is told of an arrival, by its door.
var arrivals = map[string]event.Name{
	store.DoorSubmit: event.SubmissionArrived, store.DoorPeer: event.MessageArrived, store.DoorBorder: event.BorderArrived,
	store.DoorGate: event.BorderArrived,
}

// subject names an arrival in the audit trail.
// AuditSubjects are what the entries about something may have as their subject: of a message its id,
// of what came in also its door and the office or administration that it came from.
func AuditSubjects(about string, parties []string) []string {
	all := []string{about}
	doors := []string{store.DoorSubmit, store.DoorPeer, store.DoorBorder}
	if strings.Contains(about, " ") { // with its office
		_, id, _ := strings.Cut(about, " ")
		all = append(all, id)
		for _, door := range doors {
			all = append(all, door+" "+about)
		}
		return all
	}
	for _, party := range parties {
		all = append(all, party+" "+about)
		for _, door := range doors {
			all = append(all, door+" "+party+" "+about)
		}
	}
	return all
}

func subject(a store.Arrival) string { return a.Door + " " + a.Party + " " + a.Called() }

// wasRefused reports whether an arrival was a submission that came to nothing.
func wasRefused(ctx context.Context, read reader, a store.Arrival) (bool, error) {
	if a.Door != store.DoorSubmit || !a.Judged {
		return false, nil
	}
	s, err := read.Submission(ctx, a.Party, a.ID)
	return s.State == gateway.Faulty, store.IgnoreNotFound(err)
}
