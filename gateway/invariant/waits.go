package invariant

import (
	"context"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/store"
)

// submissionWaits checks that a submission which has not ended has a time at which its wait does, or an arrival that
// is judged again by itself or by an operator.
func (k *checker) submissionWaits(ctx context.Context, s Side, sub store.Submission) error {
	subject := sub.Office + " " + sub.ID
	switch sub.State {
	case gateway.Held:
		if sub.Expires.IsZero() || len(sub.WaitsFor) == 0 {
			k.broken("I2", s.Own, subject, "is held for %q until %q: nothing ends that", sub.WaitsFor, sub.Expires)
		}
	case gateway.Arrived, gateway.SetAside:
		a, err := s.Store.Read().Arrival(ctx, store.DoorSubmit, sub.Office, sub.ID)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		if err != nil || a.Judged {
			k.broken("I2", s.Own, subject, "is %s, and nobody judges it", sub.State)
		}
	default:
		if !slices.Contains(submissionEnds, sub.State) {
			k.broken("I2", s.Own, subject, "is %q, of which nobody knows how it ends", sub.State)
		}
	}
	return nil
}

// messageWaits checks that a message which has not ended is tried again, and until when; of one that was put aside, or
// has ended without a verdict, its operator is told why.
func (k *checker) messageWaits(s Side, m store.Message) {
	broken := func(format string, args ...any) { k.broken("I2", s.Own, string(m.ID), format, args...) }
	switch {
	case m.State == gateway.Dead && m.Reason == "":
		broken("is dead, and nobody is told why")
	case slices.Contains(messageEnds, m.State):
	case !slices.Contains([]gateway.MessageState{gateway.Queued, gateway.Sending, gateway.Received}, m.State):
		broken("is %q, of which nobody knows how it ends", m.State)
	case m.NextAttempt.IsZero() || m.ValidUntil.IsZero():
		broken("is %s, tried next at %q and valid until %q: nothing ends that", m.State, m.NextAttempt, m.ValidUntil)
	case m.Parked && m.Reason == "":
		broken("is put aside, and nobody is told why")
	}
}

// inboundWaits checks that what came and has no verdict is judged again, or that an operator is told what it waits for.
func (k *checker) inboundWaits(s Side, in store.Inbound, a store.Arrival) {
	switch in.State {
	case gateway.Accepted, gateway.Refused:
	case gateway.Parked:
		if len(in.Faults) == 0 {
			k.broken("I2", s.Own, string(in.ID), "is parked, and nobody is told for what")
		}
	default:
		if a.Judged {
			k.broken("I2", s.Own, string(in.ID), "is %q, and nobody judges it", in.State)
		}
	}
}
