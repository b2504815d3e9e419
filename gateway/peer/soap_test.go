package peer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/conversation"
	"customs.example/gateway/seal"
)

const soapAction = "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.CP.01.MSG.001"

// soapServed is a link by envelopes to a partner of our own making, and the partner's side of what is agreed.
func soapServed(t *testing.T, pattern string, plain bool, serve func(theirs *conversation.Partner, w http.ResponseWriter, r *http.Request)) *SOAP {
	t.Helper()
	profiles, err := conversation.Load(os.DirFS("../../mappings"))
	if err != nil {
		t.Fatal(err)
	}
	profile, ok := profiles.Profile("eaeu-decision-5.v1")
	if !ok {
		t.Fatal("there is no profile")
	}
	with := conversation.Partner{
		Profile: profile, Own: "EAEU://CN/CA/GACC", Theirs: "EAEU://RU/CA", Path: "/soap", Plain: plain,
		Kinds: map[string]conversation.Kind{"Manifest": {Action: soapAction, Pattern: profile.Patterns[pattern]}},
	}
	theirs := with
	theirs.Own, theirs.Theirs = with.Theirs, with.Own
	link, _ := served(t, plain, func(w http.ResponseWriter, r *http.Request) { serve(&theirs, w, r) })
	return &SOAP{link, with}
}

// TestParallelASignalAnswersADelivery: a signed signal is a receipt, one without a signature counts where that is allowed, and
// whatever is none, or is about something else, leaves open whether the partner has the message.
func TestParallelASignalAnswersADelivery(t *testing.T) {
	type answering = func(theirs *conversation.Partner, w http.ResponseWriter, r *http.Request)
	const id, other = "0b8e4d5c-7a52-4a3e-9a57-2f8f6f7a1c01", "11111111-1111-4111-8111-000000000004"
	payload := "<?xml version=\"1.0\"?>\n<Manifest/>\n"
	block := &conversation.Block{Header: []byte("header"), Statement: []byte("statement"), Signature: []byte("signature")}
	receipt := Receipt{[]byte("header"), []byte("statement"), []byte("signature")}
	respond := func(w http.ResponseWriter, code int, envelope []byte) {
		w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
		w.WriteHeader(code)
		w.Write(envelope)
	}
	signal := func(v gateway.Verdict, b *conversation.Block, changes ...func(*conversation.Addressing)) answering {
		return func(theirs *conversation.Partner, w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			e, err := theirs.Read(raw, 1<<20)
			if err != nil || r.URL.Path != "/soap" || string(e.Document()) != payload || string(e.Block.Header) != "h" || !strings.Contains(r.Header.Get("Content-Type"), soapAction) {
				t.Errorf("it is posted %s to %s: %v", raw, r.URL.Path, err)
			}
			a := theirs.Answer(e.Addressing, "11111111-1111-4111-8111-000000000001", theirs.Profile.SignalAction(e.Action, v))
			for _, change := range changes {
				change(&a)
			}
			s := conversation.Signal{ID: "11111111-1111-4111-8111-000000000002", Verdict: v, At: clock}
			if v == gateway.ERR {
				s.Errors = []conversation.Error{{Code: "CP01-0007", Description: "The plate is not known.", Reference: "/a[1]"}}
			}
			respond(w, http.StatusOK, theirs.Profile.WriteSignal(a, s, b))
		}
	}
	fault := func(code int, sender bool, header ...string) answering {
		return func(theirs *conversation.Partner, w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			respond(w, code, theirs.Profile.WriteFault(theirs.Answer(conversation.Addressing{}, "11111111-1111-4111-8111-000000000003", ""), conversation.Fault{Sender: sender, Reason: "蒙E12345"}))
		}
	}
	plainly := func(serve http.HandlerFunc) answering {
		return func(_ *conversation.Partner, w http.ResponseWriter, r *http.Request) { serve(w, r) }
	}
	const mutual, notification = "mutual-obligations", "notification"
	for name, c := range map[string]struct {
		pattern string
		plain   bool
		attempt int
		serve   answering
		want    Answer
		code    codes.Code
		busy    time.Duration
	}{
		"accepted":                    {serve: signal(gateway.PRS, block), want: Answer{Receipt: receipt}},
		"refused":                     {serve: signal(gateway.ERR, block), want: Answer{Receipt: receipt}},
		"received":                    {serve: signal(gateway.RCV, block), want: Answer{Receipt: receipt, Later: 10 * time.Minute}},
		"the third time":              {attempt: 3, serve: signal(gateway.PRS, block), want: Answer{Receipt: receipt}},
		"nothing yet":                 {serve: plainly(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), want: Answer{Later: 2 * time.Minute}},
		"nothing yet, once too often": {attempt: 7, serve: plainly(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), want: Answer{Later: conversation.Pace}},
		"unsigned":                    {plain: true, serve: signal(gateway.PRS, nil), want: Answer{Unsigned: true}},
		"received, unsigned":          {plain: true, serve: signal(gateway.RCV, nil), want: Answer{Later: 10 * time.Minute}},
		"received, which ends it":     {pattern: notification, plain: true, serve: signal(gateway.RCV, nil), want: Answer{Unsigned: true}},
		"refused, unsigned": {plain: true, serve: signal(gateway.ERR, nil), want: Answer{
			Unsigned: true, Refusal: Unsigned([]conversation.Error{{Code: "CP01-0007", Description: "The plate is not known.", Reference: "/a[1]"}}),
		}},
		"unsigned, and not allowed": {serve: signal(gateway.PRS, nil), code: codes.Unknown},
		"a block without a receipt": {plain: true, serve: signal(gateway.PRS, &conversation.Block{Header: []byte("h"), Signature: []byte("s")}), code: codes.Unknown},
		"about another attempt": {attempt: 2, serve: signal(gateway.PRS, block, func(a *conversation.Addressing) { a.RelatesTo = conversation.AttemptID(id, 1) }),
			code: codes.Unknown},
		"about another conversation": {serve: signal(gateway.PRS, block, func(a *conversation.Addressing) { a.ConversationID = other }), code: codes.Unknown},
		"of another process": {serve: signal(gateway.PRS, block, func(a *conversation.Addressing) { a.Action = strings.Replace(a.Action, "TRN.001", "TRN.002", 1) }),
			code: codes.Unknown},
		"for another": {serve: signal(gateway.PRS, block, func(a *conversation.Addressing) { a.To = "EAEU://KZ/CA" }), code: codes.Unknown},
		"the message itself": {serve: plainly(func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			respond(w, http.StatusOK, raw)
		}), code: codes.Unknown},
		"no envelope":             {serve: plainly(func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, []byte("<a/>")) }), code: codes.Unknown},
		"an envelope without end": {serve: plainly(func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, make([]byte, maxSignal+1)) }), code: codes.Unknown},
		"a page":                  {serve: plainly(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>Please log in</html>") }), code: codes.Unknown},
		"its own trouble":         {serve: plainly(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }), code: codes.Unknown},
		"its fault":               {serve: fault(500, false), code: codes.Unavailable},
		"ours":                    {serve: fault(400, true), code: codes.InvalidArgument},
		"ours, as SOAP has it":    {serve: fault(500, true), code: codes.InvalidArgument},
		"ours, who may not":       {serve: fault(403, true), code: codes.PermissionDenied},
		"busy":                    {serve: fault(503, false, "Retry-After", "7"), code: codes.Unavailable, busy: 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if c.pattern == "" {
				c.pattern = mutual
			}
			link := soapServed(t, c.pattern, c.plain, c.serve)
			h := seal.Header{MessageID: id, Kind: "Manifest", Conversation: "c"}
			got, err := link.post(WithAttempt(t.Context(), c.attempt), h, []byte("h"), []byte("s"), []byte(payload))
			var busy *BusyError
			switch {
			case errors.As(err, new(*NotSentError)):
				t.Errorf("it was sent, for all that is known: %v", err)
			case errors.As(err, &busy) != (c.busy > 0) || busy != nil && busy.After != c.busy:
				t.Errorf("whether it is busy: %v", err)
			case status.Code(errors.Unwrap(err)) != c.code:
				t.Errorf("it came to %v, want %s", err, c.code)
			case got.Unsigned != c.want.Unsigned || got.Later != c.want.Later || string(got.Statement) != string(c.want.Statement) || len(got.Refusal) != len(c.want.Refusal):
				t.Errorf("it is answered with %+v", got)
			}
			if len(got.Refusal) > 0 && (got.Refusal[0].Fault().Text("en") != c.want.Refusal[0].Fault().Text("en") || got.Refusal[0].Location != "/a[1]") {
				t.Errorf("%+v", got.Refusal)
			}
		})
	}
}

// TestParallelWhatHasNoEnvelopeIsNotSent: a kind of which nothing is agreed, and what is no document.
func TestParallelWhatHasNoEnvelopeIsNotSent(t *testing.T) {
	link := soapServed(t, "mutual-obligations", false, func(*conversation.Partner, http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	for kind, payload := range map[string]string{"Answer": "<a/>", "Manifest": "a"} {
		if _, err := link.post(context.Background(), seal.Header{MessageID: "a", Kind: kind}, nil, nil, []byte(payload)); !errors.As(err, new(*NotSentError)) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := link.Deliver(t.Context(), seal.Sealed{}); !errors.As(err, new(*NotSentError)) {
		t.Errorf("what is not sealed: %v", err)
	}
}
