package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// WaitsForApproval is what an act waits for that changes or takes back what has left.
const WaitsForApproval = "approval"

// ApprovalTime is how long an act waits for its approval.
const ApprovalTime = 24 * time.Hour

// acting is what a submission does to messages that were announced: it changes them or takes them
// back, for a reason.
type acting struct {
	on     []store.Message
	reason string // a code of the list change-reason
	path   string // where the document states it
	of     gateway.Digest
	assent assent
}

// approvable is the digest of what is decided on: the bytes of a submission, and what is said
// beside them.
func approvable(a store.Arrival) (gateway.Digest, error) {
	if a.Asks.IsZero() {
		return a.Digest, nil
	}
	asks, err := json.Marshal(a.Asks)
	return gateway.DigestOf(append(a.Digest[:], asks...)), err
}

// assent is whether an act may be done now. After the goods have left it needs a reason and the
// approval of a supervisor.
type assent int

const (
	assentGiven assent = iota // or not needed
	assentAwaited
	assentRefused
	assentReasonless
)

// mayAct decides whether a submission may act on messages now, and notes it, so that record
// judges again if it is so no more. If not, the submission is held for the approval, or faulty.
func (g *Gateway) mayAct(ctx context.Context, j *judgement, a store.Arrival, reading *Reading, on []store.Message, reason, path string) (may bool, err error) {
	s := &j.submission
	j.act = &acting{on: on, reason: reason, path: path}
	if j.act.of, err = approvable(a); err != nil {
		return false, err
	}
	if j.act.assent, err = g.assentTo(ctx, g.Store.Read(), *s, *j.act); err != nil {
		return false, err
	}
	var f gateway.Fault
	switch j.act.assent {
	case assentGiven:
		return true, nil
	case assentAwaited:
		s.State, s.WaitsFor, s.Expires = gateway.Held, []string{WaitsForApproval}, g.Now().Add(ApprovalTime)
		return false, nil
	case assentRefused:
		f = fault(gateway.ApprovalRefused, s.Called(), "")
	case assentReasonless:
		f = fault(gateway.ApprovalReason, s.Called(), "")
		f.Path = path
	}
	if f.Path != "" {
		f.Location, f.Place = reading.locate(path), document.PlaceOf(reading.Document, path)
	}
	s.State, s.Faults = gateway.Faulty, append(s.Faults, f)
	return false, nil
}

// approvals is what assentTo asks of the store: of what is committed, or inside a unit of work.
type approvals interface {
	messageReader
	Approval(ctx context.Context, office, id string, digest gateway.Digest) (store.Approval, error)
}

// assentTo is whether the act of a submission may be done now.
func (g *Gateway) assentTo(ctx context.Context, read approvals, s store.Submission, a acting) (assent, error) {
	left, err := g.hasLeft(ctx, read, a.on)
	if err != nil {
		return 0, err
	}
	if !left {
		return assentGiven, nil
	}
	if a.reason == "" {
		return assentReasonless, nil
	}
	decided, err := read.Approval(ctx, s.Office, s.Called(), a.of)
	switch {
	case store.IgnoreNotFound(err) != nil:
		return 0, err
	case err != nil:
		return assentAwaited, nil
	case !decided.Approved:
		return assentRefused, nil
	}
	return assentGiven, nil
}

// hasLeft reports whether something that our messages announce has left: its departure or an arrival
// is recorded, or it is expected to have crossed by now. Of messages of one movement it is asked once.
func (g *Gateway) hasLeft(ctx context.Context, read messageReader, messages []store.Message) (bool, error) {
	if now := g.Now(); slices.ContainsFunc(messages, func(m store.Message) bool { return !m.ExpectedArrival.IsZero() && m.ExpectedArrival.Before(now) }) {
		return true, nil
	}
	in, err := g.movementsOf(ctx, read, messages)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(in, func(in Movement) bool {
		return in.HasArrived() || slices.ContainsFunc(messages, func(m store.Message) bool { return in.Departed(m.ID, "") })
	}), nil
}

// Approve records what a supervisor decides on a submission of an office that waits for it, and
// has it judged anew. Who submitted it may not: an identity counts, and not its certificate. An
// error that is gateway.Faults refuses the request itself, and nothing is recorded.
func (g *Gateway) Approve(ctx context.Context, c Caller, office string, id gateway.SubmissionID, approved bool, reason string) (store.Submission, error) {
	reason, unfit := neededReason(reason)
	if len(unfit) > 0 {
		return store.Submission{}, g.refuse(ctx, c, nil, unfit...)
	}
	var known store.Arrival
	var waits []store.Submission
	_, err := g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		var s store.Submission
		if s, waits, err = waitingOf(ctx, tx, office, string(id), WaitsForApproval); err != nil {
			return err
		}
		if len(waits) == 0 {
			return gateway.Faults{fault(gateway.ApprovalNotAwaited, s.ID, string(s.State))}
		}
		a, err := tx.Arrival(ctx, store.DoorSubmit, office, s.ID)
		if err != nil {
			return err
		}
		of, err := approvable(a)
		if err != nil {
			return err
		}
		if _, err := tx.Approval(ctx, office, s.ID, of); store.IgnoreNotFound(err) != nil {
			return err
		} else if err == nil { // another was faster
			return gateway.Faults{fault(gateway.ApprovalNotAwaited, s.ID, string(s.State))}
		}
		before, err := tx.Judgements(ctx, office, s.ID, MaxSubmitters)
		if err != nil {
			return err
		}
		if a.Caller == c.URI || slices.ContainsFunc(before, func(j store.Judgement) bool { return j.Caller == c.URI }) {
			return gateway.Faults{fault(gateway.ApprovalOwn, s.ID, "")}
		}
		known = a
		said := "submission approved"
		if !approved {
			said = "approval refused"
		}
		if err := tx.PutApproval(store.Approval{Office: office, ID: s.ID, Digest: of, Approved: approved, Caller: c.URI, Reason: reason, At: tx.Now()}); err != nil {
			return err
		}
		if err := judgeAnew(ctx, tx, waits[0], said); err != nil { // the second with it
			return err
		}
		return tx.Audit(c.URI, said, office+" "+s.ID, s.Digest)
	})
	if err != nil {
		return store.Submission{}, err
	}
	state := "approved"
	if !approved {
		state = "refused"
	}
	g.Log.Tell(event.Event{Name: event.SubmissionApproved, Door: store.DoorSubmit, Party: office, ID: known.ID, Caller: c.URI, State: state})
	room, err := g.room(ctx, c.URI, len(known.Content))
	if err != nil {
		return store.Submission{}, err
	}
	defer room.Release()
	return g.judgeWaiting(within(ctx, room), office, known.ID, waits)
}

// MaxSubmitters is how many judgements of a submission are looked through for who asked for
// them, the last ones.
const MaxSubmitters = 100

// Approval is what was decided on a submission as it now stands; nil if nothing was.
func (g *Gateway) Approval(ctx context.Context, s store.Submission) (*store.Approval, error) {
	a, err := g.Store.Read().Arrival(ctx, store.DoorSubmit, s.Office, s.ID)
	if err != nil {
		return nil, store.IgnoreNotFound(err)
	}
	of, err := approvable(a)
	if err != nil {
		return nil, err
	}
	decided, err := g.Store.Read().Approval(ctx, s.Office, s.ID, of)
	if err != nil {
		return nil, store.IgnoreNotFound(err)
	}
	return &decided, nil
}

// statedReason is a reason as it is kept: in one line. Empty is none; one that is too short, too
// long or not to be seen is unfit.
func statedReason(reason string) (string, gateway.Faults) {
	reason = strings.Join(strings.Fields(reason), " ")
	least := MinReason
	if strings.ContainsFunc(reason, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		least = MinReasonHan
	}
	if n := utf8.RuneCountInString(reason); reason != "" && (n < least || n > MaxReason || strings.ContainsFunc(reason, gateway.Invisible)) {
		return reason, reasonUnfit(n)
	}
	return reason, nil
}

// neededReason is a stated reason that there has to be.
func neededReason(reason string) (string, gateway.Faults) {
	reason, unfit := statedReason(reason)
	if reason == "" {
		unfit = reasonUnfit(0)
	}
	return reason, unfit
}

func reasonUnfit(n int) gateway.Faults {
	f := fault(gateway.ReasonUnfit, strconv.Itoa(n), fmt.Sprintf("%d-%d", MinReason, MaxReason))
	f.Path = "reason"
	return gateway.Faults{f}
}
