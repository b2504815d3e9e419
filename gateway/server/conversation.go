package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/conversation"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Conversations is where partners post the envelopes of a conversation.
const Conversations = "/v1/conversations"

// exchange is one envelope at the door, and who has posted it.
type exchange struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	conn   *grpc.ClientConn
	caller Caller
	with   *conversation.Partner
	ctx    context.Context // in the language of the profile
	raw    []byte
	conversation.Envelope
}

// converse takes an envelope: a message, which goes the way of every delivery and is answered by the signal that its
// receipt is; or a signal about a message of ours, which goes the way of a receipt. What is refused is answered by a
// fault, in the profile's language.
func (s *Server) converse(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	uri, _ := r.Context().Value(identityKey{}).(string)
	ctx := restLanguage(r.Context(), r)
	caller, err := s.access.allow(ctx, uri, exchangev1.PeerService_Deliver_FullMethodName)
	if err == nil {
		_, err = s.access.allow(ctx, uri, exchangev1.PeerService_Receipt_FullMethodName)
	}
	with := s.conversations[uri]
	if err == nil && with == nil {
		err = s.refusal(ctx, gateway.Fault{Code: gateway.RightMissing, Severity: gateway.Error, Value: uri, Expected: gateway.Term(Conversations)})
	}
	if err != nil {
		passOn(ctx)
		s.tellRefused(ctx, err)
		problem(w, status.Convert(err))
		return
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != with.Profile.MediaType {
		unsupported(w, r, with.Profile.MediaType)
		return
	}
	x := exchange{Server: s, w: w, r: r, conn: conn, caller: caller, with: with}
	x.ctx = metadata.NewIncomingContext(r.Context(), metadata.Pairs("accept-language", with.Profile.Fault.Language))
	if err = once(r.Header, "Content-Type"); err == nil {
		err = inUTF8(params)
	}
	if err != nil {
		problem(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	if x.raw, err = readBody(r); err != nil {
		problem(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	x.Envelope, err = with.Read(x.raw, s.flow.Cap())
	switch {
	case err != nil:
		x.refuse(err)
	case x.Signal != nil:
		x.signalled()
	case x.Fault != nil: // nobody answers a fault
		_ = x.flow.Refuse(x.ctx, uri, x.raw, gateway.Fault{Code: gateway.SignalUnexpected, Severity: gateway.Error, Value: string(with.Profile.Fault.Root), Expected: gateway.Say(gateway.WordAttemptMade)})
		w.WriteHeader(http.StatusAccepted)
	default:
		x.delivered()
	}
}

// refuse refuses the envelope itself, which is counted and audited by its digest.
func (x *exchange) refuse(err error) {
	var f gateway.Fault
	if !errors.As(err, &f) {
		f = gateway.Fault{Code: gateway.Internal, Severity: gateway.Error}
	}
	x.refused(x.flow.Refuse(x.ctx, x.caller.URI, x.raw, f))
}

// refused answers with the fault that an error is, and tells of it.
func (x *exchange) refused(err error) {
	err = x.refusal(x.ctx, err)
	passOn(x.ctx)
	x.tellRefused(x.ctx, err)
	x.fault(err)
}

// fault answers with a fault that says what a status does.
func (x *exchange) fault(err error) {
	st := status.Convert(err)
	retryAfter(x.w, st)
	code := httpStatus(st)
	f := conversation.Fault{Sender: code/100 == 4 && code != http.StatusTooManyRequests, Reason: st.Message(), RelatesAction: x.Action}
	if texts := textsOf(st); len(texts) > 0 {
		f.Reason = strings.Join(texts, " ")
	}
	x.answer(code, x.with.Profile.WriteFault(x.with.Answer(x.Addressing, x.flow.NewID(), ""), f))
}

// textsOf are the faults of a status, in words.
func textsOf(st *status.Status) (out []string) {
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok {
			out = append(out, f.Code+": "+f.Message)
		}
	}
	return out
}

func (x *exchange) answer(code int, envelope []byte) {
	x.w.Header().Set("Content-Type", x.with.Profile.MediaType+"; charset=utf-8")
	x.w.Header().Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(code)
	x.w.Write(envelope)
}

// onBehalf is the context of a call that the envelope becomes.
func (x *exchange) onBehalf() context.Context {
	return metadata.AppendToOutgoingContext(x.r.Context(), identityHeader, x.caller.URI, "accept-language", x.with.Profile.Fault.Language)
}

// delivered hands a message in, and answers with the signal of its receipt.
func (x *exchange) delivered() {
	if x.Block == nil || x.Block.Statement != nil {
		x.refuse(gateway.Fault{Code: gateway.EnvelopeUnsigned, Severity: gateway.Error, Expected: gateway.Say(gateway.WordConversationBlock, conversation.BlockName)})
		return
	}
	h, err := seal.ParseHeader(x.Block.Header)
	if err != nil {
		x.refuse(err)
		return
	}
	if x.with.KindOf(x.Action) != h.Kind || !gateway.SameID(x.ConversationID, string(h.MessageID)) {
		x.refuse(gateway.Fault{Code: gateway.EnvelopeUnfit, Severity: gateway.Error, Value: x.Action, Expected: gateway.Say(gateway.WordHeaderOfAction)})
		return
	}
	given, err := exchangev1.NewPeerServiceClient(x.conn).Deliver(x.onBehalf(), &exchangev1.DeliverRequest{Header: x.Block.Header, Signature: x.Block.Signature, Payload: x.Document()})
	if err != nil {
		x.fault(err)
		return
	}
	var receipt seal.Receipt
	if err := json.Unmarshal(given.Receipt.Statement, &receipt); err != nil {
		x.refused(err)
		return
	}
	if d := given.Duplicate; d != nil {
		x.w.Header().Set(peer.HeaderDuplicate, d.Code)
	}
	s := x.signal(receipt.Verdict)
	for _, r := range receipt.Faults {
		if receipt.Verdict == gateway.ERR && r.Severity == gateway.Error {
			s.Errors = append(s.Errors, conversation.Error{
				Code: x.with.Profile.Codes.Data, Description: cmp.Or(r.Fault().Text(x.with.Profile.Fault.Language), string(r.Code)), Details: string(r.Code), Reference: r.Location,
			})
		}
	}
	x.signals(s, &conversation.Block{Header: given.Receipt.Header, Statement: given.Receipt.Statement, Signature: given.Receipt.Signature})
}

func (x *exchange) signal(v gateway.Verdict) conversation.Signal {
	return conversation.Signal{ID: x.flow.NewID(), Verdict: v, At: x.flow.Now()}
}

// signals answers with a signal.
func (x *exchange) signals(s conversation.Signal, receipt *conversation.Block) {
	x.answer(http.StatusOK, x.with.Profile.WriteSignal(x.with.Answer(x.Addressing, x.flow.NewID(), x.with.Profile.SignalAction(x.Action, s.Verdict)), s, receipt))
}

// unexpected answers a signal that changes nothing. The error says why, if it is known already.
func (x *exchange) unexpected(err error) {
	if !errors.As(err, new(gateway.Faults)) {
		err = x.flow.Refuse(x.ctx, x.caller.URI, x.raw, gateway.Fault{
			Code: gateway.SignalUnexpected, Severity: gateway.Error, Value: string(x.Signal.Verdict), Expected: gateway.Say(gateway.WordAttemptMade),
		})
	}
	err = x.refusal(x.ctx, err)
	passOn(x.ctx)
	x.tellRefused(x.ctx, err)
	s := x.signal(gateway.ERR)
	s.Errors = []conversation.Error{{Code: x.with.Profile.Codes.Unexpected, Description: strings.Join(textsOf(status.Convert(err)), " ")}}
	if s.Errors[0].Description == "" { // it is ours, and no word on the signal
		x.fault(err)
		return
	}
	x.signals(s, nil)
}

// signalled takes a signal about a message of ours.
func (x *exchange) signalled() {
	m, err := x.flow.Signalled(x.ctx, x.caller.Administrations, gateway.MessageID(x.ConversationID))
	switch {
	case errors.Is(err, store.ErrNotFound):
		x.unexpected(nil)
		return
	case err != nil:
		x.refused(err)
		return
	}
	agreed, ok := x.with.Kinds[m.Kind]
	if !ok || x.Action != x.with.Profile.SignalAction(agreed.Action, x.Signal.Verdict) || !conversation.Attempted(m.ID, m.Attempts+1, x.RelatesTo) {
		x.unexpected(nil)
		return
	}
	if x.Block != nil {
		x.receipt(m)
		return
	}
	if !x.with.Plain {
		x.refuse(gateway.Fault{Code: gateway.ReceiptPlain, Severity: gateway.Error, Value: string(m.ID)})
		return
	}
	s := flow.Signal{Verdict: x.Signal.Verdict, Refusal: peer.Unsigned(x.Signal.Errors)}
	if agreed.Ends == conversation.EndsAccepted {
		s.Wait = agreed.Wait(m.Attempts, false)
	}
	if _, err := x.flow.TakeSignal(x.ctx, x.caller.URI, x.caller.Administrations, m.ID, s, x.raw); err != nil {
		if errors.As(err, new(gateway.Faults)) {
			x.unexpected(err)
		} else {
			x.refused(err)
		}
		return
	}
	x.w.WriteHeader(http.StatusAccepted)
}

// receipt takes the signed receipt that a signal holds, whose verdict is that of the signal.
func (x *exchange) receipt(m store.Message) {
	var stated struct {
		Verdict gateway.Verdict `json:"verdict"`
	}
	if h, err := seal.ParseHeader(x.Block.Header); err != nil || !gateway.SameID(h.RelatesTo, m.ID) {
		x.refuse(gateway.Fault{Code: gateway.EnvelopeUnfit, Severity: gateway.Error, Value: conversation.BlockName, Expected: gateway.Say(gateway.WordHeaderOfAction)})
		return
	}
	if x.Block.Statement == nil || json.Unmarshal(x.Block.Statement, &stated) != nil || stated.Verdict != x.Signal.Verdict {
		x.refuse(gateway.Fault{Code: gateway.EnvelopeUnfit, Severity: gateway.Error, Value: conversation.BlockName, Expected: gateway.Term(string(x.Signal.Verdict))})
		return
	}
	ended, at := m.State.Final(), x.with.Kinds[m.Kind]
	_, err := x.flow.TakeSignedSignal(x.ctx, x.caller.URI, x.caller.Administrations,
		peer.Receipt{Header: x.Block.Header, Statement: x.Block.Statement, Signature: x.Block.Signature}, at.Wait(m.Attempts, false))
	switch {
	case errors.Is(err, store.ErrNotFound):
		x.unexpected(nil)
	case err != nil:
		x.refused(err)
	case ended && m.State != stated.Verdict.State():
		x.unexpected(gateway.Faults{{Code: gateway.SignalUnexpected, Severity: gateway.Error, Value: string(stated.Verdict), Expected: gateway.Say(gateway.WordMessageEnded)}})
	default:
		x.w.WriteHeader(http.StatusAccepted)
	}
}
