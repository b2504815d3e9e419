package store

import (
	"bytes"
	"cmp"
	"time"

	"customs.example/gateway"
)

// Doors that bytes arrive through.
const (
	DoorSubmit = "submit"
	DoorPeer   = "peer"
	DoorBorder = "border" // what is seen to arrive
	DoorGate   = "gate"   // what has left
)

// Claim says whose work something is: of which of the processes that share a database, and
// how often it has been taken. What was worked out under a claim is written only as long
// as nobody else has taken it. The zero claim is nobody's, and where one process alone works
// on a database, its own.
type Claim struct {
	Owner string
	Token int64
}

// Arrival is what came in through a door, as it came, before it is judged.
type Arrival struct {
	Door       string
	Party      string // office or administration
	ID         string
	Caller     string
	MediaType  string
	Recipients []string
	Header     []byte
	Signature  []byte
	Content    []byte
	Digest     gateway.Digest
	Received   time.Time
	Attempts   int
	Judged     bool
	Tries      int        // judgements that failed for a reason of its own
	NextTry    time.Time  // not judged by itself before; zero is at once
	Trouble    string     // why the last judgement failed
	Parked     bool       // not judged again until an operator says so
	Receipt    *Statement // the signed RCV given for it
	Reason     string     // stated for opening a movement of others
	SecondOf   string     // id of the submission that this is to its second addressee; empty: of none
	Erased     bool       // its content is, by a rule: see [Kept]
	Asks       Asks       // what its sender said beside the document
	Claim      Claim      // whose it is to judge it
	Commit     gateway.Commit
}

// Asks is what the sender of a document says beside it.
type Asks struct {
	Amends   string   `json:"amends,omitempty"`   // id of the submission whose place it takes
	Reason   string   `json:"reason,omitempty"`   // why, of the list change-reason
	Vehicles []string `json:"vehicles,omitempty"` // that are meant, where the document names none
	All      bool     `json:"all,omitempty"`      // all are meant
	Waybill  string   `json:"waybill,omitempty"`  // of which it is, where the document says none
	// Expected is when it is expected to arrive, where the document does not say it.
	Expected time.Time `json:"expected,omitzero"`
	Duty     string    `json:"duty,omitempty"` // what it discharges; empty: nobody's, it is information
}

// IsZero reports whether nothing is said.
func (a Asks) IsZero() bool {
	return a.Amends == "" && a.Reason == "" && len(a.Vehicles) == 0 && !a.All && a.Waybill == "" && a.Expected.IsZero() && a.Duty == ""
}

// Same reports whether both say the same when a document is submitted: the vehicles and
// the waybill are said later.
func (a Asks) Same(b Asks) bool {
	return a.Amends == b.Amends && a.Reason == b.Reason && a.Expected.Equal(b.Expected) && a.Duty == b.Duty
}

// ArrivalKey names an arrival.
type ArrivalKey struct {
	Door  string
	Party string
	ID    string
}

// Key names the arrival.
func (a Arrival) Key() ArrivalKey { return ArrivalKey{a.Door, a.Party, a.ID} }

// Troubled is an arrival whose judgement failed, without its content.
type Troubled struct {
	Door     string
	Party    string
	ID       string
	Digest   gateway.Digest
	Received time.Time
	Tries    int
	NextTry  time.Time
	Trouble  string
	Parked   bool
	Commit   gateway.Commit
}

// Statement is a signed statement: header, statement and signature, exact bytes.
type Statement struct {
	Header    []byte `json:"header"`
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

// Equal reports whether both are the same bytes.
func (s Statement) Equal(other Statement) bool {
	return bytes.Equal(s.Header, other.Header) && bytes.Equal(s.Statement, other.Statement) && bytes.Equal(s.Signature, other.Signature)
}

// Submission is what became of what an office sent.
type Submission struct {
	Office     string
	ID         string
	Kind       string
	State      gateway.SubmissionState
	Reason     string
	Received   time.Time
	Digest     gateway.Digest
	Batch      string
	DocumentID string
	Mapping    string // table that decoded it; empty for canonical JSON
	Route      string
	Part       string // which part of the route's recipe it is
	JoinKey    string
	WaitsFor   []string
	Expires    time.Time
	MessageID  gateway.MessageID // the whole that it became, was joined into or changes
	Version    int               // of the whole, that it made; 0: none
	Faults     gateway.Faults
	Canonical  []byte
	SecondOf   string // id of the submission that this is to its second addressee; empty: of none
	Erased     bool   // its documents are, by a rule: see [Kept]
	Commit     gateway.Commit
}

// Called is the id by which its office knows a submission: to the second addressee, that of the first.
func (s Submission) Called() string { return cmp.Or(s.SecondOf, s.ID) }

// Called is the id by which its office knows what has arrived.
func (a Arrival) Called() string { return cmp.Or(a.SecondOf, a.ID) }

// Judgement is one judgement of a submission. Those of an id are numbered from 1 by the store;
// the last is what the submission came to.
type Judgement struct {
	Office string
	ID     string
	Number int
	Digest gateway.Digest          // of the bytes that were judged
	State  gateway.SubmissionState // what it came to
	Caller string                  // who asked for it
	At     time.Time
	Faults gateway.Faults
	Commit gateway.Commit
}

// Approval is what a supervisor decided on a submission that needs one: on these very bytes.
type Approval struct {
	Office   string
	ID       string
	Digest   gateway.Digest // of what it was given for
	Approved bool
	Caller   string
	Reason   string
	At       time.Time
}

// Ruling is what a supervisor decided on a text in which a price was found.
type Ruling struct {
	Office      string
	ID          string
	Digest      gateway.Digest // of what the submission says: see [Approval]
	Text        gateway.Digest // of the text
	Verdict     string
	Replacement string
	Caller      string
	Reason      string
	At          time.Time
}

// Crossing is a movement that has crossed, as it is counted.
type Crossing struct {
	Month     string // 2026-03
	Exit      string // administration and code
	Entry     string
	Basis     string // what announced it; empty: nothing
	Inspected string // how its inspection was taken; empty: none is known
}

// CrossingCount is how many crossings are alike.
type CrossingCount struct {
	Crossing
	N int64
}

// Message is a message to a partner, with its outbox state.
type Message struct {
	ID              gateway.MessageID
	Route           string
	Kind            string
	Recipient       gateway.Administration
	Sequence        gateway.Commit // the commit that created it
	Conversation    string
	Chain           gateway.MessageID
	DocumentID      string
	State           gateway.MessageState
	Reason          string
	Created         time.Time
	ExpectedArrival time.Time
	LateBy          time.Duration
	ValidUntil      time.Time
	Header          []byte
	Signature       []byte
	Payload         []byte
	PayloadDigest   gateway.Digest
	Canonical       []byte
	CanonicalDigest gateway.Digest
	Mapping         string
	MappingDigest   gateway.Digest
	SchemaDigest    gateway.Digest
	Attempts        int
	Tries           int  // attempts since it last got on; the next waits the longer
	Troubles        int  // attempts that failed for a reason of its own here, one after the other
	Parked          bool // not tried again until an operator says so or it expires
	NextAttempt     time.Time
	LastError       string
	Receipt         *Statement // the first that says a verdict, or else the first: RCV
	Answers         []Answer
	Answered        time.Time          // when the last receipt was verified
	Whole           gateway.MessageID  // the first message made of the same submissions; its own id if it is the only one
	Part            int                // which of them it is, from 1
	Version         int                // of the whole, that it belongs to: from 1
	Replaces        gateway.MessageID  // the message whose place it takes
	Repairs         gateway.MessageID  // the message that was never handed over in whose place it was made anew
	Split           string             // id of the split that made them several; empty if it is the only one
	Claim           Claim              // whose it is to deliver it
	Withdrawal      gateway.Withdrawal // how the cancellation of what was handed over stands
	Arrival         *ToldArrival       // what the partner has told of the last arrival of what it announces
	Erased          bool               // its documents are, by a rule: see [Kept]
	Commit          gateway.Commit
}

// needed is when the addressee needs it: when what it announces is expected to arrive, or else at once.
func (m Message) needed() time.Time {
	if m.ExpectedArrival.IsZero() {
		return m.Created
	}
	return m.ExpectedArrival
}

// Settlement is what two people say of a message that ended without the partner's verdict.
type Settlement struct {
	ID          gateway.MessageID
	Recipient   gateway.Administration
	Reason      string
	Evidence    gateway.Digest // of what shows it, which is kept elsewhere
	Proposed    time.Time
	ProposedBy  string
	Confirmed   time.Time // zero: nobody has yet
	ConfirmedBy string
	Commit      gateway.Commit
}

// ToldArrival is what a partner has told of an arrival: when and where it was, how it compares, and
// what differs.
type ToldArrival struct {
	At      time.Time      `json:"at"`
	Office  string         `json:"office"`
	Result  string         `json:"result"`
	Partial bool           `json:"partial,omitempty"` // more is to come
	Faults  gateway.Faults `json:"faults,omitempty"`
}

// Receipt is a partner's receipt for a message, verified.
type Receipt struct {
	Statement Statement
	Verdict   gateway.Verdict
	Verified  time.Time // when it was
}

// Turn is when a message is to be delivered next.
type Turn struct {
	ID          gateway.MessageID
	NextAttempt time.Time
	Size        int // of its payload, in bytes
	Claim       Claim
}

// Answer is a partner administration's business answer to a message.
type Answer struct {
	MessageID    gateway.MessageID `json:"messageId"`
	Status       string            `json:"status"`
	Registration string            `json:"registration"`
	Outcome      string            `json:"outcome,omitempty"`
	Results      []Result          `json:"results"`
	Faults       gateway.Faults    `json:"faults,omitempty"` // that it contradicts an earlier one
	Received     time.Time         `json:"received"`
}

// Result is one result of an answer: the partner's code, the code of our list that it stands
// for, empty if it is not known, and the partner's own words.
type Result struct {
	Code    string   `json:"code"`
	Meaning string   `json:"meaning,omitempty"`
	Words   []string `json:"words,omitempty"`
}

// Inbound is a message from a partner, judged.
type Inbound struct {
	ID              gateway.MessageID
	Sender          gateway.Administration
	Kind            string
	DocumentID      string
	State           gateway.MessageState
	Received        time.Time
	ExpectedArrival time.Time
	LateBy          time.Duration
	PayloadDigest   gateway.Digest
	Canonical       []byte
	CanonicalDigest gateway.Digest
	Mapping         string
	Faults          gateway.Faults
	Unread          []string
	Answers         []string
	Erased          bool // its documents are, by a rule: see [Kept]
	Receipt         *Statement
	AcknowledgedBy  string
	AcknowledgedAt  time.Time
	MovementID      gateway.MovementID
	Conversation    string
	Batch           string            // as its header says
	Replaces        gateway.MessageID // its sender's message whose place it takes
	Offices         []string          // keys of the offices of ours that it concerns, or Everybody
	Accepted        gateway.Commit    // that accepted it, which the store says; 0: it is not accepted
	Commit          gateway.Commit
}

// Movement is a movement as its owner serialised it.
type Movement struct {
	ID     gateway.MovementID
	Opened time.Time
	First  time.Time // the first and the last time that it speaks of
	Last   time.Time
	Due    time.Time // when what it waits for is overdue
	Body   []byte
	Commit gateway.Commit
}

// Everybody is the office under which every movement is listed, for who sees all.
const Everybody = "*"

// Listed is what a movement is listed by, of one office of ours that has a part in it.
type Listed struct {
	Movement gateway.MovementID
	Office   string   // its key, or Everybody
	Roles    []string // the parts that it has
	Kinds    []string // of documents that tell of the movement
	State    string
	Worklist string    // empty: none
	Since    time.Time // when it came to its state, or when that is to end
	Expected time.Time
	Differs  bool
	Commit   gateway.Commit
}

// Identifier is something a movement is found by: its kind and its folded value.
type Identifier struct{ Kind, Folded string }

// AuditRow is one entry of the audit trail. It holds digests, never payload. Leaf is its
// number in the log, from 0 and without a gap.
type AuditRow struct {
	Leaf    int64
	Commit  gateway.Commit
	Ordinal int
	At      time.Time
	Actor   string
	Event   string
	Subject string
	Digest  gateway.Digest
}

// Waiting is what has no verdict yet of one partner's messages, on one route and in one state.
type Waiting struct {
	Recipient gateway.Administration
	Route     string
	State     gateway.MessageState
	Count     int
	Oldest    time.Time // when the first of them was created
}

// Restoration says that the database was restored from a backup.
type Restoration struct {
	Number int // from 1
	Backup time.Time
	At     time.Time
	Commit gateway.Commit // the last that the backup held
	Digest gateway.Digest
}

// Balance is how far the exchange with a partner has been balanced with it.
type Balance struct {
	Partner  gateway.Administration
	Restored int       // restorations that it covers
	Upto     time.Time // what both did before is balanced, by the partner's clock
	At       time.Time // when the last one ended
	Compared int       // messages in the last one
}

// Difference is what two gateways say differently of a message.
type Difference struct {
	Partner   gateway.Administration
	Sent      bool // by us; else by the partner
	ID        gateway.MessageID
	Code      gateway.Code
	Ours      gateway.Digest  // of the payload, as we have it; zero: we have none
	Theirs    gateway.Digest  // as the partner says
	Verdict   gateway.Verdict // that we know of
	Says      gateway.Verdict // that the partner says it knows of
	Kind      string          // as the partner says that the header says; likewise the next two
	Document  string
	Batch     string
	Statement []byte // the partner's signed statement, JSON
	Found     time.Time
	Settled   time.Time // when it was so no more; zero: it still is
	Commit    gateway.Commit
}

// Held is what a gateway holds of a message that was exchanged with a partner.
type Held struct {
	ID      gateway.MessageID
	Digest  gateway.Digest
	Verdict gateway.Verdict
	At      time.Time // when it came, or when its last receipt was verified
	Header  []byte    // of what a partner has sent
}

// ExchangeCursor is a place in a list of what was exchanged: behind a message.
type ExchangeCursor struct {
	At time.Time
	ID gateway.MessageID
}
