package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/conversation"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// maxSignal is the greatest answer in bytes that an envelope may be: a receipt in base64, and what is around it.
const maxSignal = MaxReceipt*4/3 + 1<<20

// SOAP is the way to a partner that is reached by HTTPS, and takes messages in the envelopes of a conversation and
// answers with its signals (PARTNER.md). Questions are those of HTTPS.
type SOAP struct {
	*HTTPS
	with conversation.Partner
}

// NewSOAP prepares a link as NewHTTPS does, to a partner that is spoken to as with says.
func NewSOAP(p Partner, registry *mtls.Registry, own tls.Certificate, with conversation.Partner, now func() time.Time) *SOAP {
	return &SOAP{NewHTTPS(p, registry, own, with.Plain, now), with}
}

// Deliver posts one message. It is answered by the signal that holds the partner's signed receipt; by one without a
// signature, if its record allows that; or by 202 or 204 and nothing, and then the signal comes by itself. A signed receipt
// that is no verdict, and an RCV without a signature, say with it how long the verdict is waited for. Errors are
// those of Link.Deliver.
func (l *SOAP) Deliver(ctx context.Context, m seal.Sealed) (Answer, error) {
	if m.IsZero() {
		return Answer{}, errNotSealed
	}
	h := m.Header()
	return l.post(ctx, h, m.HeaderBytes(), m.Signature(), m.Payload())
}

func (l *SOAP) post(ctx context.Context, h seal.Header, header, signature, payload []byte) (Answer, error) {
	attempt := attemptOf(ctx)
	a, ok := l.with.Send(h.Kind, h.MessageID, h.Conversation, attempt)
	if !ok {
		return Answer{}, &NotSentError{fmt.Errorf("no action is agreed for %s", h.Kind)}
	}
	envelope, err := l.with.Profile.WriteDocument(a, header, signature, payload)
	if err != nil {
		return Answer{}, &NotSentError{err}
	}
	answer, err := l.send(ctx, "deliver", http.MethodPost, l.with.Path, envelope, http.Header{
		"Content-Type": {mime.FormatMediaType(l.with.Profile.MediaType, map[string]string{"charset": "utf-8", "action": a.Action})},
	})
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode/100 != 2 && kind != l.with.Profile.MediaType {
		return Answer{}, l.refusal("deliver", answer)
	}
	raw, err := bodyOf("deliver", answer, maxSignal)
	if err != nil {
		return Answer{}, err
	}
	agreed := l.with.Kinds[h.Kind]
	if len(raw) == 0 && answer.StatusCode/100 == 2 {
		return Answer{Later: agreed.Wait(attempt, true)}, nil
	}
	e, err := l.with.Read(raw, maxSignal)
	switch {
	case err != nil:
		return Answer{}, unusable("%v", err)
	case e.Fault != nil:
		return Answer{}, l.faulted(answer, *e.Fault)
	case answer.StatusCode/100 != 2 || e.Signal == nil:
		return Answer{}, unusable("%s with another envelope than is asked for", answer.Status)
	case !strings.EqualFold(e.RelatesTo, a.MessageID) || !gateway.SameID(e.ConversationID, string(h.MessageID)) || e.Action != l.with.Profile.SignalAction(a.Action, e.Signal.Verdict):
		return Answer{}, unusable("a signal about another message")
	}
	return l.signalled(e, agreed, attempt)
}

// unusable is an answer that leaves open whether the partner has the message.
func unusable(format string, args ...any) error {
	return &answeredError{"deliver", status.Errorf(codes.Unknown, format, args...)}
}

// signalled is what a signal about a message answers.
func (l *SOAP) signalled(e conversation.Envelope, agreed conversation.Kind, attempt int) (Answer, error) {
	if e.Block != nil && e.Block.Statement != nil {
		out := Answer{Receipt: Receipt{e.Block.Header, e.Block.Statement, e.Block.Signature}}
		if e.Signal.Verdict == gateway.RCV {
			out.Later = agreed.Wait(attempt, false)
		}
		return out, nil
	}
	switch {
	case !l.plain || e.Block != nil:
		return Answer{}, unusable("a signal without a signed receipt")
	case e.Signal.Verdict == gateway.ERR:
		return Answer{Unsigned: true, Refusal: Unsigned(e.Signal.Errors)}, nil
	case e.Signal.Verdict == gateway.RCV && agreed.Ends == conversation.EndsAccepted:
		return Answer{Later: agreed.Wait(attempt, false)}, nil
	}
	return Answer{Unsigned: true}, nil
}

// Unsigned are what a partner refuses a document for without a signature, each in its own words.
func Unsigned(errs []conversation.Error) (out []gateway.Report) {
	for _, e := range errs {
		out = append(out, gateway.Report{
			Code: gateway.RefusedUnsigned, Severity: gateway.Error, Value: e.Code, Wants: gateway.Term(e.Description), Expected: e.Description, Location: e.Reference, Remedy: gateway.BySender,
		})
	}
	return out
}

// faulted is the error of a fault: the partner's word on this message, or its own trouble.
func (l *SOAP) faulted(answer *http.Response, f conversation.Fault) error {
	code := codes.Unavailable
	if f.Sender {
		if code = callCode(answer.StatusCode); answer.StatusCode/100 != 4 {
			code = codes.InvalidArgument
		}
	}
	return l.answeredWith("deliver", answer, status.New(code, f.Reason))
}
