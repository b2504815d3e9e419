package store

import (
	"time"

	"customs.example/gateway"
)

// Doors that bytes arrive through.
const (
	DoorSubmit = "submit"
	DoorPeer   = "peer"
	DoorBorder = "border"
)

// Arrival is what came in through a door, as it came, before it is judged.
type Arrival struct {
	Door       string         `db:"door"`
	Party      string         `db:"party"` // office or administration
	ID         string         `db:"id"`
	Caller     string         `db:"caller"`
	MediaType  string         `db:"media_type"`
	Recipients []string       `db:"recipients"`
	Header     []byte         `db:"header"`
	Signature  []byte         `db:"signature"`
	Content    []byte         `db:"content"`
	Digest     gateway.Digest `db:"digest"`
	Received   time.Time      `db:"received"`
	Attempts   int            `db:"attempts"`
	Judged     bool           `db:"judged"`
	Tries      int            `db:"tries"`    // judgements that failed for a reason of its own
	NextTry    time.Time      `db:"next_try"` // not judged by itself before; zero is at once
	Trouble    string         `db:"trouble"`  // why the last judgement failed
	Parked     bool           `db:"parked"`   // not judged again until an operator says so
	Receipt    *Statement     `db:"receipt"`  // the signed RCV given for it
	Reason     string         `db:"reason"`   // stated for opening a movement of others
	Commit     gateway.Commit `db:"commit_no"`
}

// ArrivalKey names an arrival.
type ArrivalKey struct {
	Door  string `db:"door"`
	Party string `db:"party"`
	ID    string `db:"id"`
}

// Key names the arrival.
func (a Arrival) Key() ArrivalKey { return ArrivalKey{a.Door, a.Party, a.ID} }

// Troubled is an arrival whose judgement failed, without its content.
type Troubled struct {
	Door     string         `db:"door"`
	Party    string         `db:"party"`
	ID       string         `db:"id"`
	Digest   gateway.Digest `db:"digest"`
	Received time.Time      `db:"received"`
	Tries    int            `db:"tries"`
	NextTry  time.Time      `db:"next_try"`
	Trouble  string         `db:"trouble"`
	Parked   bool           `db:"parked"`
	Commit   gateway.Commit `db:"commit_no"`
}

// Statement is a signed statement: header, statement and signature, exact bytes.
type Statement struct {
	Header    []byte `json:"header"`
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

// Submission is what became of what an office sent.
type Submission struct {
	Office     string                  `db:"office"`
	ID         string                  `db:"id"`
	Kind       string                  `db:"kind"`
	State      gateway.SubmissionState `db:"state"`
	Reason     string                  `db:"reason"`
	Received   time.Time               `db:"received"`
	Digest     gateway.Digest          `db:"digest"`
	Batch      string                  `db:"batch"`
	DocumentID string                  `db:"document_id"`
	Mapping    string                  `db:"mapping"` // table that decoded it; empty for canonical JSON
	Route      string                  `db:"route"`
	Part       string                  `db:"part"` // which part of the route's recipe it is
	JoinKey    string                  `db:"join_key"`
	WaitsFor   []string                `db:"waits_for"`
	Expires    time.Time               `db:"expires"`
	MessageID  gateway.MessageID       `db:"message_id"` // the whole that it became or was joined into
	Faults     gateway.Faults          `db:"faults"`
	Canonical  []byte                  `db:"canonical,large"`
	Commit     gateway.Commit          `db:"commit_no"`
}

// Judgement is one judgement of a submission. Those of an id are numbered from 1 by the store;
// the last is what the submission came to.
type Judgement struct {
	Office string                  `db:"office"`
	ID     string                  `db:"id"`
	Number int                     `db:"number"`
	Digest gateway.Digest          `db:"digest"` // of the bytes that were judged
	State  gateway.SubmissionState `db:"state"`  // what it came to
	Caller string                  `db:"caller"` // who asked for it
	At     time.Time               `db:"at"`
	Faults gateway.Faults          `db:"faults"`
	Commit gateway.Commit          `db:"commit_no"`
}

// Message is a message to a partner, with its outbox state.
type Message struct {
	ID              gateway.MessageID      `db:"id"`
	Route           string                 `db:"route"`
	Kind            string                 `db:"kind"`
	Recipient       gateway.Administration `db:"recipient"`
	Sequence        gateway.Commit         `db:"sequence"` // the commit that created it
	Conversation    string                 `db:"conversation"`
	Chain           gateway.MessageID      `db:"chain"`
	DocumentID      string                 `db:"document_id"`
	State           gateway.MessageState   `db:"state"`
	Reason          string                 `db:"reason"`
	Created         time.Time              `db:"created"`
	ExpectedArrival time.Time              `db:"expected_arrival"`
	LateBy          time.Duration          `db:"late_by"`
	ValidUntil      time.Time              `db:"valid_until"`
	Header          []byte                 `db:"header"`
	Signature       []byte                 `db:"signature"`
	Payload         []byte                 `db:"payload,large"`
	PayloadDigest   gateway.Digest         `db:"payload_digest"`
	Canonical       []byte                 `db:"canonical,large"`
	CanonicalDigest gateway.Digest         `db:"canonical_digest"`
	Mapping         string                 `db:"mapping"`
	MappingDigest   gateway.Digest         `db:"mapping_digest"`
	SchemaDigest    gateway.Digest         `db:"schema_digest"`
	Attempts        int                    `db:"attempts"`
	Tries           int                    `db:"tries"`    // attempts since it last got on; the next waits the longer
	Troubles        int                    `db:"troubles"` // attempts that failed for a reason of its own here, one after the other
	Parked          bool                   `db:"parked"`   // not tried again until an operator says so or it expires
	NextAttempt     time.Time              `db:"next_attempt"`
	LastError       string                 `db:"last_error"`
	Receipt         *Statement             `db:"receipt"`
	Answers         []Answer               `db:"answers"`
	Whole           gateway.MessageID      `db:"whole"` // the first message made of the same submissions; its own id if it is the only one
	Part            int                    `db:"part"`  // which of them it is, from 1
	Split           string                 `db:"split"` // id of the split that made them several; empty if it is the only one
	Commit          gateway.Commit         `db:"commit_no"`
}

// Turn is when a message is to be delivered next.
type Turn struct {
	ID          gateway.MessageID `db:"id"`
	NextAttempt time.Time         `db:"next_attempt"`
	Size        int               `db:"length(payload)"` // in bytes
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
	ID              gateway.MessageID      `db:"id"`
	Sender          gateway.Administration `db:"sender"`
	Kind            string                 `db:"kind"`
	DocumentID      string                 `db:"document_id"`
	State           gateway.MessageState   `db:"state"`
	Received        time.Time              `db:"received"`
	ExpectedArrival time.Time              `db:"expected_arrival"`
	LateBy          time.Duration          `db:"late_by"`
	PayloadDigest   gateway.Digest         `db:"payload_digest"`
	Canonical       []byte                 `db:"canonical,large"`
	CanonicalDigest gateway.Digest         `db:"canonical_digest"`
	Mapping         string                 `db:"mapping"`
	Faults          gateway.Faults         `db:"faults"`
	Unread          []string               `db:"unread"`
	Answers         []string               `db:"answers"`
	Receipt         *Statement             `db:"receipt"`
	AcknowledgedBy  string                 `db:"acknowledged_by"`
	AcknowledgedAt  time.Time              `db:"acknowledged_at"`
	MovementID      gateway.MovementID     `db:"movement_id"`
	Conversation    string                 `db:"conversation"`
	Batch           string                 `db:"batch"` // as its header says
	Commit          gateway.Commit         `db:"commit_no"`
}

// Movement is a movement as its owner serialised it.
type Movement struct {
	ID     gateway.MovementID `db:"id"`
	Opened time.Time          `db:"opened"`
	First  time.Time          `db:"first_time"` // the first and the last time that it speaks of
	Last   time.Time          `db:"last_time"`
	Body   []byte             `db:"body"`
	Commit gateway.Commit     `db:"commit_no"`
}

// Identifier is something a movement is found by: its kind and its folded value.
type Identifier struct{ Kind, Folded string }

// AuditRow is one entry of the audit trail. It holds digests, never payload.
type AuditRow struct {
	Commit  gateway.Commit `db:"commit_no"`
	Ordinal int            `db:"ordinal"`
	At      time.Time      `db:"at"`
	Actor   string         `db:"actor"`
	Event   string         `db:"event"`
	Subject string         `db:"subject"`
	Digest  gateway.Digest `db:"digest"`
}

// Waiting is what has no verdict yet of one partner's messages, on one route and in one state.
type Waiting struct {
	Recipient gateway.Administration
	Route     string
	State     gateway.MessageState
	Count     int
	Oldest    time.Time // when the first of them was created
}
