package flow

import (
	"context"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// CheckResult is what Submit would answer.
type CheckResult struct {
	Kind     string
	State    gateway.SubmissionState
	WaitsFor []string
	Faults   gateway.Faults
	Losses   Losses // what would not travel
}

// Check judges a document as Submit would under the same id, and leaves nothing behind: where
// Submit would answer with what the id stands for already, or refuse the request, so does Check.
func (g *Gateway) Check(ctx context.Context, c Caller, s Submission) (CheckResult, error) {
	if most := g.capFor(c.Office); len(s.Content) > most {
		return CheckResult{}, gateway.Faults{tooLarge(len(s.Content), most)}
	}
	if unfit := g.expectable(s.Asks.Expected); len(unfit) > 0 {
		return CheckResult{}, unfit
	}
	room, err := g.room(ctx, c.URI, len(s.Content))
	if err != nil {
		return CheckResult{}, err
	}
	defer room.Release()
	ctx = within(ctx, room)
	var read *Reading
	if s.ID == "" {
		if s.ID, read, err = g.ownID(ctx, c, s); err != nil {
			return CheckResult{}, err
		}
	}
	a := store.Arrival{
		Door: store.DoorSubmit, Party: c.Office, ID: string(s.ID), Caller: c.URI, MediaType: s.MediaType, Recipients: texts(s.To),
		Content: s.Content, Asks: s.Asks, Digest: gateway.DigestOf(s.Content), Received: g.Now(),
	}
	answered, err := g.standing(ctx, &a)
	if answered != nil || err != nil {
		return checked(answered), err
	}
	if a.MediaType != s.MediaType {
		read = nil // it is read as it came first
	}
	j, err := g.judge(ctx, a, read)
	if err != nil {
		return CheckResult{}, err
	}
	for _, look := range []func(context.Context, reader, *judgement) error{g.refuseKnown, g.controlOf} {
		if err := look(ctx, g.Store.Read(), j); err != nil {
			return CheckResult{}, err
		}
	}
	out := checked(&j.submission)
	if o := j.second; o != nil {
		out.Faults = merge(out.Faults, o.submission.Faults)
	}
	if j.translated != nil && !out.Faults.Refuse() {
		out.Losses = j.translated.Losses()
	}
	return out, nil
}

func checked(s *store.Submission) CheckResult {
	if s == nil {
		return CheckResult{}
	}
	return CheckResult{Kind: s.Kind, State: s.State, WaitsFor: s.WaitsFor, Faults: s.Faults}
}

// standing is what the id of an arrival stands for already: nothing where it would be judged,
// then as what is returned in a.
func (g *Gateway) standing(ctx context.Context, a *store.Arrival) (*store.Submission, error) {
	read := g.Store.Read()
	short := g.short(a.Door)
	known, err := read.Arrival(ctx, a.Door, a.Party, a.ID)
	switch {
	case store.IgnoreNotFound(err) != nil:
		return nil, err
	case err != nil:
		return nil, short.Err()
	}
	a.ID = known.ID // a UUID as it came first
	refused, err := wasRefused(ctx, read, known)
	switch {
	case err != nil:
		return nil, err
	case (known.Digest != a.Digest || !known.Asks.Same(a.Asks)) && !refused:
		return nil, gateway.Faults{wanting(gateway.IDReuse, a.ID, gateway.WordFirstContent)}
	case known.Digest != a.Digest || !known.Asks.Same(a.Asks):
		return nil, short.Err()
	case refused:
		*a = anew(known, *a)
		return nil, nil
	case known.Judged:
		s, err := read.Submission(ctx, a.Party, a.ID)
		return &s, err
	}
	if wait := stuck(known, g.Now()); wait != nil {
		return nil, wait
	}
	*a = known
	return nil, nil
}
