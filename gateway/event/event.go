// Package event owns what a gateway tells of its own work: the name of everything that
// happens to a message or at a door, and all that may be said of it. It refuses the rest:
// an event has no room for a payload or for a value out of a document, and a name that is
// not in the catalogue is not told.
package event

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
)

// Name is what happened, in words that never change their meaning: they are looked for.
type Name string

// What happens to a submission, on its way out.
const (
	SubmissionArrived   Name = "submission arrived"
	SubmissionJudged    Name = "submission judged"
	SubmissionWithdrawn Name = "submission withdrawn"
	PartsExpired        Name = "held parts expired"
	MessageQueued       Name = "message queued"
	DeliveryFailed      Name = "delivery failed"
	MessageHandedOver   Name = "message handed over"
	ReceiptVerified     Name = "receipt verified"
	ReceiptRefused      Name = "receipt refused"
	MessageExpired      Name = "message expired"
	ClocksDiffer        Name = "clocks differ"
	DeliveryBroke       Name = "delivery broke off"
	MessageStuck        Name = "not delivered"
	MessageParked       Name = "message parked"
	MessagePassedBy     Name = "message passed by"
	DeliveryTaken       Name = "delivery taken over"
	CourierFailed       Name = "nothing can be delivered"
	CourierResumed      Name = "delivering goes on"
	BreakerOpened       Name = "breaker opened"
	BreakerClosed       Name = "breaker closed"
	CourierDrained      Name = "deliveries finished"
	DeliveriesCut       Name = "deliveries broken off"
	MessageRedriven     Name = "dead letter sent again"
	MessageRepaired     Name = "message made anew"
	MessageSettled      Name = "message settled by hand"
)

// What happens to a message from a partner, and to what is seen at the border.
const (
	MessageArrived      Name = "message arrived"
	MessageJudged       Name = "message judged"
	MessageDecoded      Name = "message decoded"
	MessageAcknowledged Name = "message acknowledged"
	MessagesHandedOut   Name = "messages handed out"
	MessageUnsigned     Name = "message acknowledged without a signature"
	MessageSignalled    Name = "signal without a signature"
	FetchRefused        Name = "fetched message refused"
	FetchFailed         Name = "nothing can be fetched"
	FetchResumed        Name = "fetching goes on"
	BorderArrived       Name = "border record arrived"
	BorderJudged        Name = "border record judged"
	SubmissionApproved  Name = "submission decided on"
	SubmissionRuled     Name = "submission ruled on"
	MovementOpened      Name = "movement opened for a reason"
	MovementOverdue     Name = "movement overdue"
	IDReused            Name = "id used again"
)

// What happens to images and scans.
const (
	AttachmentHandedIn    Name = "attachment handed in"
	AttachmentHandedOver  Name = "attachment handed over"
	AttachmentFetched     Name = "attachment fetched"
	AttachmentNotFetched  Name = "attachment not fetched"
	AttachmentRefused     Name = "attachment refused"
	AttachmentTaken       Name = "attachment taken over"
	AttachmentsNotFetched Name = "attachments not looked through"
	AttachmentsErased     Name = "attachments erased"
	AttachmentsNotErased  Name = "attachments not erased"
	DocumentsErased       Name = "documents erased"
	DocumentsNotErased    Name = "documents not erased"
)

// What comes of comparing what two gateways hold.
const (
	BalanceAwaited  Name = "balance awaited"
	BalanceStruck   Name = "exchange balanced"
	BalanceFailed   Name = "exchange not balanced"
	BalanceDiffers  Name = "partner holds otherwise"
	BalanceStated   Name = "balance stated"
	StatusStated    Name = "status stated"
	StatusHeard     Name = "status heard"
	StatusFailed    Name = "status not answered"
	EnvelopeRefused Name = "envelope put aside"
	FolderFailed    Name = "folder not read"
	MessageReturned Name = "message delivered again"
	ReturnFailed    Name = "message not delivered again"
)

// What goes wrong with a judgement.
const (
	JudgementBroke   Name = "judgement broke off"
	JudgementFailed  Name = "not judged"
	JudgementParked  Name = "parked"
	JudgementNoted   Name = "failed judgement not noted"
	JudgementTaken   Name = "judgement taken over"
	JudgingStopped   Name = "nothing can be judged"
	JudgingResumed   Name = "judging goes on"
	DiskUnknown      Name = "disk not looked at"
	DiskShort        Name = "disk nearly full"
	DiskFree         Name = "room on the disk again"
	HeldNotExpired   Name = "held parts not looked through"
	OverdueNotTold   Name = "overdue movements not looked through"
	DecodingFailed   Name = "decode failed"
	CallBroke        Name = "call broke off"
	InternalError    Name = "internal error"
	StoreUnavailable Name = "store not available"
	RowDamaged       Name = "row damaged"
	DatabaseBehind   Name = "database behind"
	CounterOfNoUse   Name = "commit counter of no use"
	StoreFailed      Name = "store failed"
)

// What happens at a door, and to the gateway as a whole.
const (
	CallRefused        Name = "call refused"
	RefusalsNotCounted Name = "refusals not recorded"
	CertificateRefused Name = "certificate refused"
	ConfigurationNoted Name = "configuration noted"
	GatewayStarted     Name = "gateway started"
	GatewayStopped     Name = "gateway stopped"
	GatewayReady       Name = "gateway ready"
	GatewayNotReady    Name = "gateway not ready"
	MonitorFailed      Name = "monitor failed"
	LibraryMessage     Name = "library said"
)

// What happens to the keys that a gateway has and believes.
const (
	CertificateTaken  Name = "own certificate taken"
	KeysTaken         Name = "keys of others taken"
	KeysNotTaken      Name = "keys not taken; those before stay in force"
	KeysInOrder       Name = "keys in order again"
	TrustBegun        Name = "trust taken at the first start"
	TrustChanged      Name = "trust changed"
	TrustDeveloped    Name = "trust changed among development keys"
	ConnectionsClosed Name = "connections closed"
	EndsSoon          Name = "ends soon"
	HasEnded          Name = "has ended"
)

// Kind is how an event is told: at which level, in a sentence of what it means, and with
// which of the attributes, besides those that were nothing.
type Kind struct {
	Name       Name
	Level      slog.Level
	Means      string
	Attributes []string
}

// Kinds is the catalogue: every event there is, in the order of a message's life.
var Kinds = []Kind{
	{SubmissionArrived, slog.LevelInfo, "A document of an office is on disk, as it came.", []string{"door", "party", "id", "caller", "bytes", "again"}},
	{SubmissionJudged, slog.LevelInfo, "It is faulty, held, joined or a message.", []string{"door", "party", "id", "route", "state", "whole", "codes", "took"}},
	{SubmissionWithdrawn, slog.LevelInfo, "Its office took a submission back that was held, or whose message was not handed over.", []string{"door", "party", "id", "caller"}},
	{PartsExpired, slog.LevelWarn, "What held submissions waited for did not come in time: other parts, a departure, an answer, an approval or a ruling.", []string{"count"}},
	{MessageQueued, slog.LevelInfo, "A message to a partner is signed and on disk.", []string{"message", "route", "kind", "partner", "part", "state"}},
	{MessageHandedOver, slog.LevelInfo, "A message is handed over over a link that hears later; if its receipt has not come by an instant, the same is handed over again.", []string{"message", "route", "partner", "state", "attempt", "ends"}},
	{DeliveryFailed, slog.LevelWarn, "An attempt brought no receipt.", []string{"message", "route", "partner", "state", "attempt", "outcome", "cause"}},
	{ReceiptVerified, slog.LevelInfo, "A partner's signed receipt is verified, and says what it does with the message.", []string{"message", "route", "partner", "verdict", "state", "codes", "attempt", "took", "skew"}},
	{ReceiptRefused, slog.LevelError, "What came as a receipt does not verify.", []string{"message", "route", "partner", "state", "attempt", "codes", "cause"}},
	{MessageExpired, slog.LevelError, "The validity of a message ended without a verdict.", []string{"message", "route", "partner", "state", "attempt", "outcome"}},
	{ClocksDiffer, slog.LevelWarn, "The clocks of two gateways differ by more than is passed over.", []string{"message", "partner", "skew"}},
	{DeliveryBroke, slog.LevelError, "The code broke off in a delivery.", []string{"message", "route", "partner", "state", "attempt", "cause", "stack"}},
	{MessageStuck, slog.LevelError, "A message could not be handed over for a reason of ours; it is tried again.", []string{"message", "route", "partner", "state", "attempt", "cause"}},
	{MessageParked, slog.LevelError, "It failed too often, and waits for an operator.", []string{"message", "route", "partner", "state", "attempt", "cause"}},
	{MessagePassedBy, slog.LevelError, "Its failure could not even be noted; the others of its partner go on.", []string{"message", "partner", "cause"}},
	{DeliveryTaken, slog.LevelWarn, "Another process has taken a message over, for this one's lease was over; what came of this attempt is not written.", []string{"message", "partner"}},
	{CourierFailed, slog.LevelError, "Nothing can be delivered to a partner for a reason of ours. Told once.", []string{"message", "partner", "cause"}},
	{CourierResumed, slog.LevelInfo, "It can again.", []string{"partner", "count"}},
	{BreakerOpened, slog.LevelError, "The link to a partner failed so often, one time behind the other, that nothing is tried over it until an instant.", []string{"partner", "count", "ends", "cause"}},
	{BreakerClosed, slog.LevelInfo, "Messages got through to it again, one after the other; now as many travel at once as may.", []string{"partner"}},
	{CourierDrained, slog.LevelInfo, "A stop has waited for the deliveries that were under way.", []string{"partner", "count", "took"}},
	{DeliveriesCut, slog.LevelWarn, "Some took longer than a stop waits; what came of them is not known, and they are made again after the next start.", []string{"partner", "count"}},
	{MessageRedriven, slog.LevelWarn, "An operator has a message sent again that ended without a verdict: the same id and bytes.", []string{"message", "route", "partner", "state", "caller", "ends"}},
	{MessageRepaired, slog.LevelWarn, "An operator had a message that the partner never had made anew, under an id of its own; whole is the one in whose place it goes.", []string{"message", "whole", "route", "partner", "state", "caller"}},
	{MessageSettled, slog.LevelWarn, "Two people said that a message which ended without a verdict is settled; the reason is in the record.", []string{"message", "route", "partner", "state", "caller"}},
	{MessageArrived, slog.LevelInfo, "A verified message of a partner is on disk, as it came.", []string{"door", "party", "id", "caller", "bytes", "again"}},
	{MessageJudged, slog.LevelInfo, "It is accepted, refused, or parked until a table can read it.", []string{"door", "party", "id", "kind", "state", "codes", "movement", "took"}},
	{MessageDecoded, slog.LevelInfo, "An operator had a parked message judged again.", []string{"door", "party", "id", "caller", "kind", "state", "codes", "movement"}},
	{MessageAcknowledged, slog.LevelInfo, "The administration's own system has taken a message.", []string{"door", "party", "id", "caller", "subscription"}},
	{MessagesHandedOut, slog.LevelInfo, "A system of the administration, or a partner's gateway, has fetched messages by a subscription.", []string{"subscription", "caller", "count"}},
	{MessageUnsigned, slog.LevelInfo, "A partner has acknowledged without a signature a message that it has fetched or was handed, as its record allows.", []string{"message", "route", "partner", "state", "attempt", "caller", "subscription"}},
	{MessageSignalled, slog.LevelInfo, "A partner has signalled by itself, or refused, without a signature a message that it was handed, as its record allows.", []string{"message", "route", "partner", "state", "attempt", "verdict", "codes"}},
	{FetchRefused, slog.LevelError, "What was fetched from a partner is no message that can be taken; it is not acknowledged.", []string{"partner", "id", "codes", "cause"}},
	{FetchFailed, slog.LevelError, "A partner hands out nothing, or takes no receipt for what was fetched; it is tried again.", []string{"partner", "cause"}},
	{FetchResumed, slog.LevelInfo, "Fetching from a partner goes on after failures, which are counted.", []string{"partner", "count"}},
	{BorderArrived, slog.LevelInfo, "A post's record of an arrival or a departure is on disk, as it came.", []string{"door", "party", "id", "caller", "bytes", "again"}},
	{BorderJudged, slog.LevelInfo, "It is recorded with its movement, or refused.", []string{"door", "party", "id", "state", "codes", "movement", "took"}},
	{SubmissionRuled, slog.LevelInfo, "A supervisor ruled on texts of a submission in which a price was found that the route withholds; the reason is in the record.", []string{"door", "party", "id", "caller", "state", "count"}},
	{SubmissionApproved, slog.LevelInfo, "A supervisor approved or refused what changes or takes back what has left; the reason is in the record.", []string{"door", "party", "id", "caller", "state"}},
	{MovementOpened, slog.LevelWarn, "A post that is not on a movement's route opened it and stated why; the reason is in the movement and, by digest, in the audit trail.", []string{"door", "party", "id", "caller", "movement"}},
	{MovementOverdue, slog.LevelWarn, "A movement was waited for in its state for as long as it is; a person is to look into it.", []string{"state", "movement"}},
	{IDReused, slog.LevelWarn, "An id came again with other bytes; nothing was taken.", []string{"door", "party", "id", "caller", "code"}},
	{AttachmentHandedIn, slog.LevelInfo, "All bytes of an image or a scan of an office are on disk, and of its digest.", []string{"door", "party", "digest", "bytes", "caller"}},
	{AttachmentHandedOver, slog.LevelInfo, "A partner was sent the last byte of what a message to it names.", []string{"message", "partner", "digest", "bytes", "caller"}},
	{AttachmentFetched, slog.LevelInfo, "What a partner's message names is here, and of its digest.", []string{"message", "partner", "digest", "bytes", "took"}},
	{AttachmentNotFetched, slog.LevelWarn, "An attempt to fetch it did not bring all; it goes on behind the last byte on disk.", []string{"message", "partner", "digest", "code", "attempt", "cause"}},
	{AttachmentRefused, slog.LevelError, "What a partner has sent is not what its document says; it was taken away, and is fetched no more.", []string{"message", "partner", "digest", "code"}},
	{AttachmentTaken, slog.LevelWarn, "Another process fetches it, for this one's lease was over, or it is kept no longer; what came is not written.", []string{"partner", "digest"}},
	{AttachmentsNotFetched, slog.LevelError, "Nothing can be fetched from a partner for a reason of ours. Told once.", []string{"partner", "cause"}},
	{AttachmentsErased, slog.LevelInfo, "Their time was over, or no submission had named them in time; the audit trail says which.", []string{"count"}},
	{AttachmentsNotErased, slog.LevelError, "It could not be looked for what is kept no longer, or it could not be erased; it is tried again.", []string{"cause"}},
	{DocumentsErased, slog.LevelInfo, "Documents of so many messages and of what came in were kept as long as the rules say; the audit trail says which, and by which rule.", []string{"count"}},
	{DocumentsNotErased, slog.LevelError, "It could not be looked for documents that are kept no longer, or some could not be erased; they are looked at again an hour later.", []string{"cause"}},
	{BalanceAwaited, slog.LevelWarn, "This database was restored: nothing goes to a partner before what both hold was compared.", []string{"partner"}},
	{BalanceStruck, slog.LevelInfo, "What two gateways hold was compared; codes name what they hold differently.", []string{"partner", "count", "codes", "took"}},
	{BalanceFailed, slog.LevelWarn, "It could not be; it is tried again. Told once.", []string{"partner", "cause"}},
	{BalanceDiffers, slog.LevelError, "The two hold a message differently, or one has lost it.", []string{"message", "partner", "code"}},
	{StatusStated, slog.LevelInfo, "A partner was told what became of messages of its own.", []string{"partner", "caller", "count"}},
	{StatusHeard, slog.LevelInfo, "A partner has signed what became of a message whose validity is over.", []string{"message", "route", "partner", "state", "attempt", "outcome"}},
	{StatusFailed, slog.LevelWarn, "A partner was asked what became of a message whose validity is over, and gave no answer that holds; it is asked again, or the outcome is unknown.", []string{"message", "route", "partner", "state", "attempt", "cause"}},
	{BalanceStated, slog.LevelInfo, "A partner was told what this gateway holds, and may have asked for messages again.", []string{"partner", "caller", "count"}},
	{EnvelopeRefused, slog.LevelError, "What came in an envelope by a partner's folder is nothing that could be taken; it lies aside, with why.", []string{"partner", "digest", "codes", "cause"}},
	{FolderFailed, slog.LevelError, "A partner's folder cannot be read or written, or what came cannot be taken now; it is tried again. Told once.", []string{"partner", "cause"}},
	{MessageReturned, slog.LevelInfo, "A message that its addressee had signed for and lost was delivered again.", []string{"message", "route", "partner", "verdict"}},
	{ReturnFailed, slog.LevelWarn, "It could not be; it is tried again, unless its bytes are gone. Told once.", []string{"message", "partner", "cause"}},
	{JudgementBroke, slog.LevelError, "The code broke off in a judgement.", []string{"door", "party", "id", "cause", "stack"}},
	{JudgementFailed, slog.LevelError, "A judgement failed for a reason of ours; it is tried again.", []string{"door", "party", "id", "attempt", "cause"}},
	{JudgementParked, slog.LevelError, "It failed too often, and waits for an operator.", []string{"door", "party", "id", "attempt", "cause"}},
	{JudgementNoted, slog.LevelError, "That a judgement failed could not be written down.", []string{"door", "party", "id", "cause"}},
	{JudgementTaken, slog.LevelWarn, "Its judgement is another process's by now, for this one's lease was over, or another caller's with the same bytes; this one is not written.", []string{"door", "party", "id"}},
	{JudgingStopped, slog.LevelError, "Nothing can be judged: the store or the own key fails. Told once.", []string{"door", "party", "id", "cause"}},
	{JudgingResumed, slog.LevelInfo, "It can again.", []string{"count"}},
	{DiskUnknown, slog.LevelError, "How full the disk is cannot be told. Told once.", []string{"cause"}},
	{DiskShort, slog.LevelError, "Nothing new is taken at this door while receipts still fit. Told once.", []string{"door", "percent"}},
	{DiskFree, slog.LevelInfo, "New documents are taken again.", []string{"percent"}},
	{HeldNotExpired, slog.LevelError, "The held parts could not be looked through.", []string{"cause"}},
	{OverdueNotTold, slog.LevelError, "The movements whose time is over could not be looked through.", []string{"cause"}},
	{DecodingFailed, slog.LevelError, "Some of what an operator had judged again could not be.", []string{"method", "caller", "cause"}},
	{CallBroke, slog.LevelError, "The code broke off in a call.", []string{"method", "caller", "cause", "stack"}},
	{InternalError, slog.LevelError, "A call failed for a reason of ours. The same is told once a minute, with how often.", []string{"method", "caller", "cause", "repeated"}},
	{StoreUnavailable, slog.LevelError, "A call found the store closed, locked, full or unreadable. Told once a minute, with how often.", []string{"method", "caller", "cause", "repeated"}},
	{RowDamaged, slog.LevelError, "A row of the database is not as it was written: nothing is made of it, and all others go on. Told once of each.", []string{"cause"}},
	{DatabaseBehind, slog.LevelError, "The database holds less than was committed in it: a disk has lost its end, or an older copy was put in its place. It is gone on as after a restore.", []string{"cause"}},
	{CounterOfNoUse, slog.LevelWarn, "The counter beside the database is missing, damaged, of another database or cannot be written: whether the database has lost its end is not known.", []string{"cause"}},
	{StoreFailed, slog.LevelError, "Nobody knows what of the database is on disk: nothing is acknowledged any more, and the gateway ends. A start finds out.", []string{"cause"}},
	{CallRefused, slog.LevelWarn, "A call was refused at its door; for want of room, told once a minute for each caller, with how often.", []string{"method", "caller", "code", "codes", "repeated"}},
	{RefusalsNotCounted, slog.LevelError, "How many calls were refused could not be written to the audit trail.", []string{"cause"}},
	{CertificateRefused, slog.LevelWarn, "A handshake ended at a certificate.", []string{"code", "certificate"}},
	{ConfigurationNoted, slog.LevelWarn, "Something of the configuration will work and should be looked at; serve -check says what to do.", []string{"code", "what"}},
	{GatewayStarted, slog.LevelInfo, "The doors are open.", []string{"party", "address"}},
	{GatewayReady, slog.LevelInfo, "All that a gateway needs is there.", []string{}},
	{GatewayNotReady, slog.LevelError, "Something that a gateway needs is missing.", []string{"check", "cause"}},
	{MonitorFailed, slog.LevelError, "The door of who watches over the gateway closed.", []string{"cause"}},
	{GatewayStopped, slog.LevelInfo, "The doors are closed, and calls under way have ended.", []string{"party"}},
	{CertificateTaken, slog.LevelInfo, "The files hold a new certificate of this gateway; the next handshake shows it.", []string{"certificate", "ends"}},
	{KeysTaken, slog.LevelInfo, "Roots, lists or pins of others changed in the files and are in force.", []string{}},
	{KeysNotTaken, slog.LevelWarn, "A file will not do, or a change waits for those who must confirm it. Told once.", []string{"what", "cause"}},
	{KeysInOrder, slog.LevelInfo, "It will do now.", []string{"what"}},
	{TrustBegun, slog.LevelInfo, "The roots, pins and administrators of the configuration are what others are believed by from now on.", []string{"digest", "change"}},
	{TrustChanged, slog.LevelInfo, "Two administrators confirmed other roots, pins or administrators.", []string{"digest", "change", "confirmed"}},
	{TrustDeveloped, slog.LevelInfo, "They changed without confirmation: all roots are for development.", []string{"digest", "change"}},
	{ConnectionsClosed, slog.LevelWarn, "Those at their other end would not be admitted now.", []string{"count"}},
	{EndsSoon, slog.LevelWarn, "A certificate, root, revocation list or signing key ends within 30, 14, 7 or 1 days. Told once for each.", []string{"party", "kind", "what", "ends", "days"}},
	{HasEnded, slog.LevelWarn, "It has ended.", []string{"party", "kind", "what", "ends", "days"}},
	{LibraryMessage, slog.LevelDebug, "What a library would have written itself.", []string{"library", "cause"}},
}

var levels = func() map[Name]slog.Level {
	m := make(map[Name]slog.Level, len(Kinds))
	for _, k := range Kinds {
		m[k.Name] = k.Level
	}
	return m
}()

// Event is one thing that happened. What is zero is not told. Its fields are ids as they
// were verified or allocated, codes, names from the configuration, counts and times.
type Event struct {
	Name    Name
	Door    string // submit, peer, border or gate
	Party   string // office or administration whose it is
	ID      string // the party's id for it
	Caller  string // the URI of a verified certificate
	Method  string // of the API
	Message gateway.MessageID
	Whole   gateway.MessageID // the first of several messages
	Partner gateway.Administration
	Route   string
	Kind    string // of the document, as the canonical document names it
	Part    int    // of several, from 1
	State   string // that it has now
	Verdict string // of a receipt
	Outcome string // of an attempt, or of a message that expired
	// Code is why a door refused; Codes are those of the faults, each once.
	Code         gateway.Code
	Codes        []gateway.Code
	Movement     gateway.MovementID
	Certificate  gateway.Digest
	Attempt      int
	Bytes        int
	Count        int
	Repeated     int           // the same since it was last told
	Percent      int           // of the disk that is in use
	Again        bool          // the same bytes came before
	Took         time.Duration // since it arrived or was created
	Skew         time.Duration // by which the other clock is ahead of ours
	Address      []string      // that the doors listen on
	Check        string        // of readiness
	What         string        // of the configuration or the keys it is about
	Ends         time.Time     // of what is valid until then
	Days         int           // until it ends
	Subscription string        // by which messages are fetched
	Digest       gateway.Digest
	Change       int      // of what others are believed by, counted from 1
	Confirmed    []string // by these administrators
	Library      string
	Stack        string
	Cause        error // told as Cause tells it
}

// CodesOf are the codes of faults, each once, in order.
func CodesOf(faults gateway.Faults) (codes []gateway.Code) {
	for _, f := range faults {
		if !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// attributes are what is told, in one order for all.
func (e Event) attributes() []slog.Attr {
	out := make([]slog.Attr, 0, 10)
	text := func(key, value string) {
		if value != "" {
			out = append(out, slog.String(key, clip(value)))
		}
	}
	number := func(key string, n int) {
		if n != 0 {
			out = append(out, slog.Int(key, n))
		}
	}
	seconds := func(key string, d time.Duration) {
		if d != 0 {
			out = append(out, slog.Float64(key, d.Round(100*time.Microsecond).Seconds()))
		}
	}
	text("method", e.Method)
	text("door", e.Door)
	text("party", e.Party)
	text("id", e.ID)
	text("caller", e.Caller)
	text("message", string(e.Message))
	text("whole", string(e.Whole))
	number("part", e.Part)
	text("partner", string(e.Partner))
	text("route", e.Route)
	text("kind", e.Kind)
	text("verdict", e.Verdict)
	text("state", e.State)
	text("outcome", e.Outcome)
	text("code", string(e.Code))
	if len(e.Codes) > 0 {
		out = append(out, slog.Any("codes", e.Codes[:min(len(e.Codes), maxCodes)]))
	}
	text("movement", string(e.Movement))
	if !e.Certificate.IsZero() {
		text("certificate", e.Certificate.String())
	}
	number("attempt", e.Attempt)
	number("bytes", e.Bytes)
	number("count", e.Count)
	number("percent", e.Percent)
	number("repeated", e.Repeated)
	if e.Again {
		out = append(out, slog.Bool("again", true))
	}
	seconds("took", e.Took)
	seconds("skew", e.Skew)
	if len(e.Address) > 0 {
		out = append(out, slog.Any("address", e.Address))
	}
	text("check", e.Check)
	text("what", e.What)
	if !e.Ends.IsZero() {
		out = append(out, slog.Time("ends", e.Ends.UTC()))
	}
	number("days", e.Days)
	text("subscription", e.Subscription)
	if !e.Digest.IsZero() {
		text("digest", e.Digest.String())
	}
	number("change", e.Change)
	text("confirmed", strings.Join(e.Confirmed, ", "))
	text("library", e.Library)
	if e.Cause != nil {
		text("cause", Cause(e.Cause))
	}
	if e.Stack != "" {
		out = append(out, slog.String("stack", e.Stack))
	}
	return out
}

// Observer is told of events beside the log, whatever its level.
type Observer interface {
	// Observe MUST NOT block, and MUST bound what it keeps of an event.
	Observe(Event)
}

// Log tells events: one line each, and to observers. A nil Log tells nobody.
type Log struct {
	lines     *slog.Logger
	observers []Observer
}

// NewLog writes to lines and tells the observers.
func NewLog(lines *slog.Logger, observers ...Observer) *Log { return &Log{lines, observers} }

// Tell tells of one event, whose name MUST be in the catalogue.
func (l *Log) Tell(e Event) {
	if l == nil {
		return
	}
	for _, o := range l.observers {
		o.Observe(e)
	}
	if ctx, level := context.Background(), levels[e.Name]; l.lines.Enabled(ctx, level) {
		l.lines.LogAttrs(ctx, level, string(e.Name), e.attributes()...)
	}
}
