package seal

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
)

// Statement is what a gateway may sign without a document behind it. The set is
// closed: its types stand in this file.
type Statement interface {
	// kind is the header's kind; about is the message that the statement is about.
	kind() string
	about() gateway.MessageID
	// flaw says what the statement lacks, or nothing.
	flaw() gateway.Phrase
}

// KindReceipt is the header's kind of a Receipt.
const KindReceipt = "Receipt"

// Receipt says what the receiver understood of a message.
type Receipt struct {
	MessageID gateway.MessageID `json:"messageId"`
	Verdict   gateway.Verdict   `json:"verdict"`
	// Received is the digest of the bytes received; Canonical that of the canonical
	// document that they decode to under the table Mapping, set with PRS only.
	Received  gateway.Digest   `json:"received"`
	Canonical gateway.Digest   `json:"canonical,omitzero"`
	Mapping   string           `json:"mapping,omitempty"`
	Faults    []gateway.Report `json:"faults,omitempty"`
	// AnswerFollows says that the receiver decides on what the message asks by an Answer; until
	// that comes it stands as asked. Without it the receipt decides.
	AnswerFollows bool      `json:"answerFollows,omitempty"`
	At            time.Time `json:"at"`
}

func (Receipt) kind() string               { return KindReceipt }
func (r Receipt) about() gateway.MessageID { return r.MessageID }

func (r Receipt) flaw() gateway.Phrase {
	accepted := r.Verdict == gateway.PRS
	refusing := slices.ContainsFunc(r.Faults, func(f gateway.Report) bool { return f.Severity == gateway.Error })
	switch {
	case r.Verdict.State() == "":
		return gateway.Say(gateway.WordVerdictOneOf, "RCV, PRS, ERR")
	case r.MessageID == "":
		return gateway.Say(gateway.WordFieldMissing, "messageId")
	case r.Received.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "received")
	case r.At.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "at")
	case accepted != !r.Canonical.IsZero() || accepted && r.Mapping == "":
		return gateway.Say(gateway.WordCanonicalWith, "PRS")
	case refusing != (r.Verdict == gateway.ERR):
		return gateway.Say(gateway.WordFaultsWith, "ERR")
	}
	return gateway.Phrase{}
}

// The header's kinds of a Balance, and of the question that it answers.
const (
	KindBalanceQuery = "BalanceQuery"
	KindBalance      = "Balance"
)

// Bounds of a balance.
const (
	// MaxBalance is how many messages one page states at most, and how many a question names.
	MaxBalance = 500
	// MaxStatement is the greatest number of bytes of a question or a page.
	MaxStatement = 2 << 20
)

// BalanceQuery asks a partner what it holds of the exchange between the two, since an
// instant of its own clock.
type BalanceQuery struct {
	Since time.Time `json:"since"`
	// Upto is where the first page ends the list; zero asks for that page.
	Upto time.Time `json:"upto,omitzero"`
	// After is the place that the page before has named; none begins.
	After *BalancePlace `json:"after,omitempty"`
	// Again are messages of the partner's that who asks has signed for and lost.
	Again []gateway.MessageID `json:"again,omitempty"`
}

// BalancePlace is behind a message in what a gateway states: first what it has received, by
// when, then what it has sent and holds a receipt for, by when it verified the last, and at last what it has
// sent and settled by hand, by when.
type BalancePlace struct {
	Sent      bool              `json:"sent"`
	Settled   bool              `json:"settled,omitempty"`
	At        time.Time         `json:"at,omitzero"`
	MessageID gateway.MessageID `json:"messageId,omitempty"`
}

// Balance is one page of what a gateway holds of the exchange with another.
type Balance struct {
	Since   time.Time      `json:"since"`
	Upto    time.Time      `json:"upto"`
	Entries []BalanceEntry `json:"entries"`
	Settled []SettledEntry `json:"settled,omitempty"`
	Next    *BalancePlace  `json:"next,omitempty"` // where the next page begins; none: this is the last
}

// BalanceEntry is one message: the digest of its payload, and the verdict of the last
// receipt, given if it was received, verified if it was sent. Of one that was received it
// says what its signed header does.
type BalanceEntry struct {
	Sent       bool              `json:"sent"`
	MessageID  gateway.MessageID `json:"messageId"`
	Payload    gateway.Digest    `json:"payload"`
	Verdict    gateway.Verdict   `json:"verdict"`
	Kind       string            `json:"kind,omitempty"`
	DocumentID string            `json:"documentId,omitempty"`
	Batch      string            `json:"batch,omitempty"`
}

// SettledEntry is a message that was sent and never answered, and that two people have settled by hand: it
// counts as nothing that was delivered, and is sent no more.
type SettledEntry struct {
	MessageID gateway.MessageID `json:"messageId"`
	Payload   gateway.Digest    `json:"payload"`
	At        time.Time         `json:"at"`
}

func (BalanceQuery) kind() string             { return KindBalanceQuery }
func (BalanceQuery) about() gateway.MessageID { return "" }
func (Balance) kind() string                  { return KindBalance }
func (Balance) about() gateway.MessageID      { return "" }

func (q BalanceQuery) flaw() gateway.Phrase {
	switch {
	case q.Since.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "since")
	case q.Upto.IsZero() != (q.After == nil):
		return gateway.Say(gateway.WordFieldMissing, "upto")
	case len(q.Again) > MaxBalance:
		return gateway.Say(gateway.WordAtMost, strconv.Itoa(MaxBalance))
	case slices.Contains(q.Again, ""):
		return gateway.Say(gateway.WordFieldMissing, "again")
	case q.After != nil && holdsNUL(q.After.MessageID), slices.ContainsFunc(q.Again, holdsNUL[gateway.MessageID]):
		return gateway.Say(gateway.WordTextsNUL)
	}
	return gateway.Phrase{}
}

func (b Balance) flaw() gateway.Phrase {
	switch {
	case b.Since.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "since")
	case b.Upto.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "upto")
	case len(b.Entries)+len(b.Settled) > MaxBalance:
		return gateway.Say(gateway.WordAtMost, strconv.Itoa(MaxBalance))
	}
	for _, e := range b.Entries {
		switch {
		case e.MessageID == "":
			return gateway.Say(gateway.WordFieldMissing, "messageId")
		case e.Payload.IsZero():
			return gateway.Say(gateway.WordFieldMissing, "payload")
		case e.Verdict.State() == "":
			return gateway.Say(gateway.WordVerdictOneOf, "RCV, PRS, ERR")
		case holdsNUL(e.MessageID), holdsNUL(e.Kind), holdsNUL(e.DocumentID), holdsNUL(e.Batch):
			return gateway.Say(gateway.WordTextsNUL)
		}
	}
	for _, e := range b.Settled {
		switch {
		case e.MessageID == "":
			return gateway.Say(gateway.WordFieldMissing, "messageId")
		case e.Payload.IsZero():
			return gateway.Say(gateway.WordFieldMissing, "payload")
		case e.At.IsZero():
			return gateway.Say(gateway.WordFieldMissing, "at")
		case holdsNUL(e.MessageID):
			return gateway.Say(gateway.WordTextsNUL)
		}
	}
	return gateway.Phrase{}
}

// The header's kinds of a Status, and of the question that it answers.
const (
	KindStatusQuery = "StatusQuery"
	KindStatus      = "Status"
)

// MaxStatus is how many messages one question about their status names at most.
const MaxStatus = 20

// StatusQuery asks a partner what became of messages that were handed to it, or perhaps not.
type StatusQuery struct {
	MessageIDs []gateway.MessageID `json:"messageIds"`
}

// MessageStatus is what a gateway says of a message that it may have received.
type MessageStatus string

// What may be said. Accepted and refused come with the receipt that was given; received and parked with one that says
// that the bytes are stored.
const (
	StatusNeverReceived MessageStatus = "never received"
	StatusReceived      MessageStatus = "received" // not judged yet
	StatusParked        MessageStatus = "parked"   // it waits for a table, an original or an operator
	StatusAccepted      MessageStatus = "accepted"
	StatusRefused       MessageStatus = "refused"
)

// StatusAnswer answers a StatusQuery: one entry for each message that it names, in that order.
type StatusAnswer struct {
	// Since is from when on the gateway knows all that it has received, if it does not from the beginning: it was
	// restored from a backup then. What is said to be never received was not received since.
	Since   time.Time     `json:"since,omitzero"`
	At      time.Time     `json:"at"`
	Entries []StatusEntry `json:"entries"`
}

// StatusEntry is one message of the asker's.
type StatusEntry struct {
	MessageID gateway.MessageID `json:"messageId"`
	Status    MessageStatus     `json:"status"`
	Payload   gateway.Digest    `json:"payload,omitzero"`  // of the bytes received
	Receipt   *GivenReceipt     `json:"receipt,omitempty"` // left out where there is no room for it: the same delivery brings it
}

// GivenReceipt is a receipt as it was given.
type GivenReceipt struct {
	Header    []byte `json:"header"`
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

func (StatusQuery) kind() string              { return KindStatusQuery }
func (StatusQuery) about() gateway.MessageID  { return "" }
func (StatusAnswer) kind() string             { return KindStatus }
func (StatusAnswer) about() gateway.MessageID { return "" }

func (q StatusQuery) flaw() gateway.Phrase {
	switch {
	case len(q.MessageIDs) == 0, slices.Contains(q.MessageIDs, ""):
		return gateway.Say(gateway.WordFieldMissing, "messageIds")
	case len(q.MessageIDs) > MaxStatus:
		return gateway.Say(gateway.WordAtMost, strconv.Itoa(MaxStatus))
	case slices.ContainsFunc(q.MessageIDs, holdsNUL[gateway.MessageID]):
		return gateway.Say(gateway.WordTextsNUL)
	}
	return gateway.Phrase{}
}

func (s StatusAnswer) flaw() gateway.Phrase {
	switch {
	case s.At.IsZero():
		return gateway.Say(gateway.WordFieldMissing, "at")
	case len(s.Entries) == 0:
		return gateway.Say(gateway.WordFieldMissing, "entries")
	case len(s.Entries) > MaxStatus:
		return gateway.Say(gateway.WordAtMost, strconv.Itoa(MaxStatus))
	}
	for _, e := range s.Entries {
		received := e.Status == StatusReceived || e.Status == StatusParked || e.Status == StatusAccepted || e.Status == StatusRefused
		switch {
		case e.MessageID == "":
			return gateway.Say(gateway.WordFieldMissing, "messageId")
		case holdsNUL(e.MessageID):
			return gateway.Say(gateway.WordTextsNUL)
		case !received && e.Status != StatusNeverReceived:
			return gateway.Say(gateway.WordFieldMissing, "status")
		case received == e.Payload.IsZero(), !received && e.Receipt != nil:
			return gateway.Say(gateway.WordFieldMissing, "payload")
		}
	}
	return gateway.Phrase{}
}

// holdsNUL reports whether a text holds what not every database keeps.
func holdsNUL[T ~string](text T) bool { return strings.ContainsRune(string(text), 0) }

// Signed is a statement with its header, exactly as signed. Its zero value is
// refused by whoever takes one.
type Signed struct {
	header    Header
	raw       []byte
	statement []byte
	signature []byte
}

// Sign signs a statement. The header's kind, its payload, the message that a receipt is
// about and the key are filled in.
func (k *Keyring) Sign(h Header, s Statement) (Signed, error) {
	if s == nil {
		return Signed{}, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordNoStatement))
	}
	if r, ok := s.(Receipt); ok {
		r.At = r.At.UTC()
		s = r
	}
	if want := s.flaw(); !want.IsZero() {
		return Signed{}, refuse(gateway.SealStatement, "", want)
	}
	if h.Kind = s.kind(); s.about() != "" {
		h.RelatesTo = s.about()
	}
	body, err := canonical(s)
	if err != nil {
		return Signed{}, err
	}
	h, raw, signature, err := k.sign(h, body)
	if err != nil {
		return Signed{}, err
	}
	return Signed{header: h, raw: raw, statement: body, signature: signature}, nil
}

// Header is the header as signed.
func (s Signed) Header() Header { return s.header.clone() }

// HeaderBytes are the bytes that the signature covers.
func (s Signed) HeaderBytes() []byte { return bytes.Clone(s.raw) }

// Statement is the statement's canonical JSON.
func (s Signed) Statement() []byte { return bytes.Clone(s.statement) }

// Signature is the signature over the header's bytes.
func (s Signed) Signature() []byte { return bytes.Clone(s.signature) }

// IsZero reports whether nothing is signed.
func (s Signed) IsZero() bool { return s.raw == nil }

// OpenReceipt verifies a receipt received at an instant and returns it. It MUST
// come from the recipient of the message whose header is of, name that message,
// and, unless it refuses it, say the digest of what was sent. One that was created
// further ahead than Skew is no good yet.
func (t *Trust) OpenReceipt(header, statement, signature []byte, of Header, at time.Time) (Receipt, error) {
	h, r, err := open[Receipt](t, header, statement, signature, at)
	if err != nil {
		return Receipt{}, err
	}
	for _, c := range []struct{ got, want string }{
		{string(h.Sender), string(of.Recipient)},
		{string(h.Recipient), string(of.Sender)},
		{gateway.FoldID(string(h.RelatesTo)), gateway.FoldID(string(of.MessageID))},
		{gateway.FoldID(string(r.MessageID)), gateway.FoldID(string(of.MessageID))},
	} {
		if c.got != c.want {
			return Receipt{}, refuse(gateway.SealReceipt, c.got, gateway.Term(c.want))
		}
	}
	if r.Verdict != gateway.ERR && r.Received != of.Payload {
		return Receipt{}, refuse(gateway.SealReceipt, r.Received.String(), gateway.Term(of.Payload.String()))
	}
	return r, nil
}

// open verifies a statement received at an instant, in its only byte form.
func open[S Statement](t *Trust, header, statement, signature []byte, at time.Time) (h Header, s S, err error) {
	var none S
	if len(statement) > MaxStatement {
		return Header{}, none, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordAtMostBytes, strconv.Itoa(MaxStatement)))
	}
	if h, err = t.verify(header, signature, statement, at); err != nil {
		return Header{}, none, err
	}
	if h.Ahead(at) > Skew {
		return Header{}, none, refuse(gateway.SealCreated, h.Created.Format(time.RFC3339), gateway.Term(at.UTC().Format(time.RFC3339)))
	}
	if h.Kind != none.kind() { // before its statement is read as what it is not
		return Header{}, none, refuse(gateway.SealReceipt, h.Kind, gateway.Term(none.kind()))
	}
	if err := strict(statement, &s); err != nil {
		return Header{}, none, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	again, err := canonical(s)
	if err != nil {
		return Header{}, none, err
	}
	if want := s.flaw(); !want.IsZero() {
		return Header{}, none, refuse(gateway.SealStatement, "", want)
	}
	if !bytes.Equal(statement, again) {
		return Header{}, none, refuse(gateway.SealStatement, "", gateway.Say(gateway.WordCanonicalJSON))
	}
	return h, s, nil
}

// OpenBalanceQuery verifies a question received at an instant. Whose it may be is for the
// caller to look at.
func (t *Trust) OpenBalanceQuery(header, statement, signature []byte, at time.Time) (Header, BalanceQuery, error) {
	return open[BalanceQuery](t, header, statement, signature, at)
}

// OpenStatusQuery verifies a question received at an instant. Whose it may be is for the caller to look at.
func (t *Trust) OpenStatusQuery(header, statement, signature []byte, at time.Time) (Header, StatusQuery, error) {
	return open[StatusQuery](t, header, statement, signature, at)
}

// OpenStatus verifies what a partner says of messages, received at an instant. It MUST come from the one who was
// asked, answer the question whose header is of, and name the messages that the question does.
func (t *Trust) OpenStatus(header, statement, signature []byte, of Header, about StatusQuery, at time.Time) (StatusAnswer, error) {
	s, err := openAnswer[StatusAnswer](t, header, statement, signature, of, at)
	if err != nil {
		return StatusAnswer{}, err
	}
	if !slices.EqualFunc(s.Entries, about.MessageIDs, func(e StatusEntry, id gateway.MessageID) bool { return gateway.SameID(string(e.MessageID), string(id)) }) {
		return StatusAnswer{}, refuse(gateway.SealReceipt, string(s.Entries[0].MessageID), gateway.Term(string(about.MessageIDs[0])))
	}
	return s, nil
}

// OpenBalance verifies a page received at an instant. It MUST come from the one who was
// asked, and answer the question whose header is of.
func (t *Trust) OpenBalance(header, statement, signature []byte, of Header, at time.Time) (Balance, error) {
	return openAnswer[Balance](t, header, statement, signature, of, at)
}

// openAnswer verifies a statement that answers the question whose header is of.
func openAnswer[S Statement](t *Trust, header, statement, signature []byte, of Header, at time.Time) (S, error) {
	var none S
	h, b, err := open[S](t, header, statement, signature, at)
	if err != nil {
		return none, err
	}
	for _, c := range []struct{ got, want string }{
		{string(h.Sender), string(of.Recipient)},
		{string(h.Recipient), string(of.Sender)},
		{gateway.FoldID(string(h.RelatesTo)), gateway.FoldID(string(of.MessageID))},
	} {
		if c.got != c.want {
			return none, refuse(gateway.SealReceipt, c.got, gateway.Term(c.want))
		}
	}
	return b, nil
}
