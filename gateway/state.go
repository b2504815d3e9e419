package gateway

import "slices"

// SubmissionState is where a submission stands. It never says what the partner
// decided on the goods: that is the business answer, a field beside it.
type SubmissionState string

// States of a submission.
const (
	Arrived   SubmissionState = "arrived"   // bytes stored, not judged yet
	Faulty    SubmissionState = "faulty"    // judged and refused, with faults; submitted again, another judgement begins
	Held      SubmissionState = "held"      // waits for other parts, a departure, an answer, an approval or a ruling
	Joined    SubmissionState = "joined"    // a part that went into a message
	Withdrawn SubmissionState = "withdrawn" // taken back while held, or before its message was handed over
	Expired   SubmissionState = "expired"   // held longer than it may be; the reason says for what
	Sent      SubmissionState = "message"   // became a message by itself
	SetAside  SubmissionState = "parked"    // could not be judged; waits for an operator
	Done      SubmissionState = "done"      // did what it asks for here: nothing of it is sent
)

// SubmissionStates are all of them.
var SubmissionStates = []SubmissionState{Arrived, Faulty, Held, Joined, Withdrawn, Expired, Sent, SetAside, Done}

// MessageState is where a message between two gateways stands.
type MessageState string

// States of a message. Accepted, Refused, Dead, TakenBack, Unsigned and Settled are final.
const (
	Queued    MessageState = "queued"
	Sending   MessageState = "sent"      // handed to the link, outcome not known yet
	Received  MessageState = "received"  // the partner's signed RCV is verified
	Accepted  MessageState = "accepted"  // the partner's signed PRS is verified
	Refused   MessageState = "refused"   // the partner's signed ERR is verified
	Dead      MessageState = "dead"      // ended without a verdict; the reason says why. An operator may begin its delivery anew
	TakenBack MessageState = "withdrawn" // by its sender, before any delivery attempt began
	Unsigned  MessageState = "unsigned"  // acknowledged by a partner that signs nothing
	Settled   MessageState = "settled"   // settled by hand, by two people
	Parked    MessageState = "parked"    // inbound: waits for a table or an original
)

// MessageStates are all of them.
var MessageStates = []MessageState{Queued, Sending, Received, Accepted, Refused, Dead, TakenBack, Unsigned, Settled, Parked}

// Reasons of a dead letter.
const (
	NeverHandedOver = "never handed over"
	OutcomeUnknown  = "outcome unknown"
)

// Withdrawal is where the withdrawal of a message stands that was handed over: a field beside
// its state. Empty: nobody asked.
type Withdrawal string

// A withdrawal is asked by a cancellation that travels behind its message, and decided by
// the partner. One that is refused leaves the announcement as it was.
const (
	WithdrawalAsked   Withdrawal = "asked"
	WithdrawalDone    Withdrawal = "taken back"
	WithdrawalRefused Withdrawal = "refused"
)

// Verdict is what the receiver says of a message, by its signed receipt.
type Verdict string

// The verdicts. RCV: bytes stored. PRS: verified, valid, decoded, passed by the
// refusing rules. ERR: not so, with faults.
const (
	RCV Verdict = "RCV"
	PRS Verdict = "PRS"
	ERR Verdict = "ERR"
)

var submissionNext = map[SubmissionState][]SubmissionState{
	Arrived:  {Faulty, Held, Joined, Sent, SetAside, Done},
	SetAside: {Faulty, Held, Joined, Sent, Done},
	Held:     {Joined, Withdrawn, Expired, Sent, Done, Faulty}, // the last three once it has what it waited for
	Joined:   {Withdrawn},                                      // by a cancellation
	Sent:     {Withdrawn},
}

var messageNext = map[MessageState][]MessageState{
	Queued:   {Sending, Received, Accepted, Refused, Dead, TakenBack, Unsigned, Settled},
	Sending:  {Received, Accepted, Refused, Dead, Unsigned, Settled},
	Received: {Accepted, Refused, Dead, Settled, Parked},
	Parked:   {Accepted, Refused, Dead},
	Dead:     {Settled},
}

// CanBecome reports whether a submission may go from s to next.
func (s SubmissionState) CanBecome(next SubmissionState) bool {
	return slices.Contains(submissionNext[s], next)
}

// Final reports whether a submission in s changes no more, unless its office takes it back.
func (s SubmissionState) Final() bool {
	return !slices.ContainsFunc(submissionNext[s], func(next SubmissionState) bool { return next != Withdrawn })
}

// CanBecome reports whether a message may go from s to next.
func (s MessageState) CanBecome(next MessageState) bool {
	return slices.Contains(messageNext[s], next)
}

// Final reports whether a message in s changes no more, people's hands apart.
func (s MessageState) Final() bool {
	return len(messageNext[s]) == 0 || s == Dead
}

// State turns a verdict into the state it gives a message.
func (v Verdict) State() MessageState {
	switch v {
	case RCV:
		return Received
	case PRS:
		return Accepted
	case ERR:
		return Refused
	}
	return ""
}
