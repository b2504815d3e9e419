package server

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/conversation"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

const (
	noticeAction = "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.CP.01.MSG.001"
	answerAction = "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.002/P.CP.01.MSG.002"
)

// conversed is what is agreed with Russia.
func conversed(t testing.TB, plain bool) *conversation.Partner {
	t.Helper()
	profiles, err := conversation.Load(os.DirFS("../../mappings"))
	if err != nil {
		t.Fatal(err)
	}
	profile, ok := profiles.Profile("eaeu-decision-5.v1")
	if !ok {
		t.Fatal("there is no profile")
	}
	mutual := profile.Patterns["mutual-obligations"]
	return &conversation.Partner{
		Profile: profile, Own: "EAEU://CN/CA/GACC", Theirs: "EAEU://RU/CP/P.CP.01/P.CP.01.ACT.002", Plain: plain,
		Kinds: map[string]conversation.Kind{"PreArrivalNotice": {Action: noticeAction, Pattern: mutual}, "Answer": {Action: answerAction, Pattern: mutual}},
	}
}

// talk is a house that is spoken to by envelopes, and what its partner knows of that.
type talk struct {
	*house
	theirs *conversation.Partner
}

func newTalk(t testing.TB, plain bool) talk {
	with := conversed(t, plain)
	theirs := *with
	theirs.Own, theirs.Theirs = with.Theirs, with.Own
	return talk{newHouseWith(t, nil, with), &theirs}
}

// post posts an envelope and returns the answer, read as the partner does.
func (h talk) post(as string, envelope []byte) (code int, e conversation.Envelope, raw string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.rest+Conversations, bytes.NewReader(envelope))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
	answer, err := h.web[as].Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "application/soap+xml") {
		if e, err = h.theirs.Profile.Read(body, 1<<20); err != nil {
			h.t.Fatalf("its answer is no envelope: %v\n%s", err, body)
		}
	}
	return answer.StatusCode, e, string(body)
}

// answer is a document of Russia's, in the n-th envelope; with changes of what is signed or written.
func (h talk) answer(id gateway.MessageID, n int, changes ...func(*seal.Header, *conversation.Addressing)) []byte {
	h.t.Helper()
	header := seal.Header{MessageID: id, Kind: "Answer", Sender: "RU", Recipient: "CN", KeyID: "ru-1", Conversation: "c", Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	a, _ := h.theirs.Send("Answer", id, "c", n)
	for _, change := range changes {
		change(&header, &a)
	}
	signed := h.signed(header, []byte("<?xml version=\"1.0\"?>\n<nothing/>\n"))
	raw, err := h.theirs.Profile.WriteDocument(a, signed.Header, signed.Signature, signed.Payload)
	if err != nil {
		h.t.Fatal(err)
	}
	return raw
}

// TestParallelAnEnvelopeIsADelivery: a message in an envelope is answered by the signal of its receipt; the same again, in
// another, by the same receipt in another signal.
func TestParallelAnEnvelopeIsADelivery(t *testing.T) {
	h := newTalk(t, false)
	id := gateway.MessageID(h.fresh())
	signed := h.signed(seal.Header{MessageID: id, Kind: "Answer", Sender: "RU", Recipient: "CN", KeyID: "ru-1", Conversation: "c", Created: time.Now().UTC()}, []byte(`<Answer xmlns="urn:customs.example:answer:1"/>`))
	envelope := func(n int) []byte {
		a, _ := h.theirs.Send("Answer", id, "c", n)
		raw, err := h.theirs.Profile.WriteDocument(a, signed.Header, signed.Signature, signed.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	code, first, raw := h.post("partner", envelope(1))
	if code != http.StatusOK || first.Signal == nil || first.Signal.Verdict != gateway.ERR || first.Block == nil {
		t.Fatalf("%d %s", code, raw)
	}
	of, err := seal.ParseHeader(signed.Header)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := h.flow.Trust.OpenReceipt(first.Block.Header, first.Block.Statement, first.Block.Signature, of, time.Now())
	if err != nil || receipt.Verdict != gateway.ERR || receipt.Received != gateway.DigestOf(signed.Payload) {
		t.Errorf("its receipt: %+v, %v", receipt, err)
	}
	e := first.Signal.Errors
	if len(e) == 0 || e[0].Code != "Common:DataError" || e[0].Details != string(receipt.Faults[0].Code) || !strings.ContainsAny(e[0].Description, "абвгд") {
		t.Errorf("its errors: %+v", e)
	}
	a, _ := h.theirs.Send("Answer", id, "c", 1)
	if first.To != h.theirs.Own || first.ReplyTo != h.theirs.Theirs || first.RelatesTo != a.MessageID || first.ConversationID != string(id) || first.ProcedureID != a.ProcedureID ||
		first.Action != "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.002/P.MSG.ERR" {
		t.Errorf("%+v", first.Addressing)
	}
	code, again, raw := h.post("partner", envelope(2))
	if code != http.StatusOK || again.Signal == nil || !bytes.Equal(again.Block.Statement, first.Block.Statement) || !bytes.Equal(again.Block.Header, first.Block.Header) {
		t.Fatalf("the same again: %d %s", code, raw)
	}
	if again.MessageID == first.MessageID || again.Signal.ID == first.Signal.ID || again.RelatesTo == first.RelatesTo {
		t.Errorf("the same signal: %+v", again.Addressing)
	}
}

// TestParallelEnvelopesThatAreNoDeliveries: each is refused in words, and nothing of it is taken.
func TestParallelEnvelopesThatAreNoDeliveries(t *testing.T) {
	h := newTalk(t, false)
	id := gateway.MessageID(h.fresh())
	good := string(h.answer(id, 1))
	change := func(old, new string) []byte {
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %q", old)
		}
		return []byte(strings.ReplaceAll(good, old, new))
	}
	block := good[strings.Index(good, "<cg:Seal"):strings.Index(good, "</soap:Header>")]
	for name, c := range map[string]struct {
		envelope []byte
		status   int
		want     string
	}{
		"a document without a block":  {change(block, ""), 400, "ENVELOPE_UNSIGNED"},
		"two blocks":                  {change(block, block+block), 400, "ENVELOPE_UNFIT"},
		"two bodies":                  {change("</soap:Body>", "</soap:Body><soap:Body><nothing/></soap:Body>"), 400, "ENVELOPE_UNFIT"},
		"a DOCTYPE":                   {change("<soap:Envelope", "<!DOCTYPE a><soap:Envelope"), 400, "XML_DOCTYPE"},
		"other bytes":                 {change("<nothing/>", "<nothing></nothing>"), 403, "SEAL_PAYLOAD"},
		"namespaces of the envelope":  {bytes.Replace(change("<nothing/>", "<a:nothing/>"), []byte("<soap:Envelope"), []byte(`<soap:Envelope xmlns:a="urn:a"`), 1), 400, "ENVELOPE_UNFIT"},
		"another addressee":           {change("<wsa:To>EAEU://CN", "<wsa:To>EAEU://KZ"), 400, "ENVELOPE_UNFIT"},
		"another sender":              {change("<wsa:Address>EAEU://RU", "<wsa:Address>EAEU://KZ"), 400, "ENVELOPE_UNFIT"},
		"an action that is another's": {h.answer(id, 1, func(_ *seal.Header, a *conversation.Addressing) { a.Action = noticeAction }), 400, "ENVELOPE_UNFIT"},
		"another conversation":        {h.answer(id, 1, func(h *seal.Header, _ *conversation.Addressing) { h.MessageID = "11111111-1111-4111-8111-000000000001" }), 400, "ENVELOPE_UNFIT"},
		"signed for another":          {h.answer(id, 1, func(h *seal.Header, _ *conversation.Addressing) { h.Recipient = "KZ" }), 400, "RECIPIENT_WRONG"},
		"signed as another":           {h.answer(id, 1, func(h *seal.Header, _ *conversation.Addressing) { h.Sender = "KZ" }), 403, "SENDER_WRONG"},
		"signed by nobody known":      {h.answer(id, 1, func(h *seal.Header, _ *conversation.Addressing) { h.KeyID = "ru-9" }), 503, "SEAL_KEY_UNKNOWN"},
		"signed by none":              {change(block, "<cg:Seal xmlns:cg=\"urn:customs:conversation:v1\"><cg:Header>e30=</cg:Header><cg:Signature>e30=</cg:Signature></cg:Seal>"), 400, "SEAL_HEADER"},
	} {
		code, e, raw := h.post("partner", c.envelope)
		if code != c.status || e.Fault == nil || !strings.HasPrefix(e.Fault.Reason, c.want+": ") || e.Fault.Sender != (c.status < 500) {
			t.Errorf("%s: %d %s", name, code, raw)
		}
	}
	for _, as := range []string{"post", "operator", "unbound"} {
		if code, _, raw := h.post(as, []byte(good)); code != http.StatusForbidden || !strings.Contains(raw, `"faults"`) {
			t.Errorf("as %s: %d %s", as, code, raw)
		}
	}
	if in, err := h.flow.Store.Read().Inbound(t.Context(), "RU", id); err == nil {
		t.Errorf("it is there: %+v", in)
	}
	if a, err := h.flow.Store.Read().Arrival(t.Context(), store.DoorPeer, "RU", string(id)); err == nil {
		t.Errorf("it is there: %+v", a)
	}
	for _, header := range [][2]string{{"Content-Type", "text/xml"}, {"Content-Type", "application/soap+xml; charset=gb18030"}} {
		answer, raw := h.asks("partner", http.MethodPost, Conversations, good, header[0], header[1])
		if answer.StatusCode/100 != 4 {
			t.Errorf("%s: %d %s", header, answer.StatusCode, raw)
		}
	}
}

// handed puts a message of ours on the record that was handed over so many times.
func (h talk) handed(to gateway.Administration, attempts int, state gateway.MessageState) store.Message {
	h.t.Helper()
	m := h.sealed(to, 100)
	m.State, m.Attempts = state, attempts
	h.do(func(tx *store.Tx) error { return tx.PutMessage(m) })
	return m
}

// signal is one of Russia's about the n-th attempt at a message.
func (h talk) signal(m store.Message, n int, v gateway.Verdict, block *conversation.Block, changes ...func(*conversation.Addressing)) []byte {
	s := conversation.Signal{ID: h.fresh(), Verdict: v, At: time.Now()}
	if v == gateway.ERR {
		s.Errors = []conversation.Error{{Code: "CP01-0007", Description: "The plate is not known.", Reference: "/a[1]"}}
	}
	a := h.theirs.Answer(conversation.Addressing{MessageID: conversation.AttemptID(m.ID, n), ProcedureID: conversation.ProcedureID("c"), ConversationID: string(m.ID)},
		h.fresh(), h.theirs.Profile.SignalAction(noticeAction, v))
	for _, change := range changes {
		change(&a)
	}
	return h.theirs.Profile.WriteSignal(a, s, block)
}

// receipt is Russia's signed receipt for a message.
func (h talk) receipt(m store.Message, v gateway.Verdict) *conversation.Block {
	h.t.Helper()
	r := seal.Receipt{MessageID: m.ID, Verdict: v, Received: m.PayloadDigest, At: time.Now().UTC()}
	switch v {
	case gateway.PRS:
		r.Canonical, r.Mapping = m.PayloadDigest, "ru/a.v1"
	case gateway.ERR:
		r.Faults = []gateway.Report{{Code: "A", Severity: gateway.Error, Message: "A"}}
	}
	signed, err := h.ru.Sign(seal.Header{MessageID: gateway.MessageID(h.fresh()), Sender: "RU", Recipient: "CN", Conversation: "c", Created: time.Now().UTC()}, r)
	if err != nil {
		h.t.Fatal(err)
	}
	return &conversation.Block{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}
}

func (h talk) state(m store.Message) store.Message {
	h.t.Helper()
	m, err := h.flow.Store.Read().Message(h.t.Context(), m.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// TestParallelSignalsThatComeByThemselves: a signed one counts as a receipt does, one without a signature only where that is
// allowed, and one that is not expected changes nothing and is answered so.
func TestParallelSignalsThatComeByThemselves(t *testing.T) {
	type step struct {
		make   func(h talk, m store.Message) []byte
		status int
		answer string // the code of the error or fault it is answered with
		want   gateway.MessageState
	}
	signed := func(v gateway.Verdict) func(h talk, m store.Message) []byte {
		return func(h talk, m store.Message) []byte { return h.signal(m, 1, v, h.receipt(m, v)) }
	}
	bare := func(v gateway.Verdict) func(h talk, m store.Message) []byte {
		return func(h talk, m store.Message) []byte { return h.signal(m, 1, v, nil) }
	}
	const unexpected = "Common:UnexpectedMessage"
	for name, c := range map[string]struct {
		plain    bool
		to       gateway.Administration
		attempts int
		state    gateway.MessageState
		steps    []step
	}{
		"signed": {false, "RU", 1, gateway.Sending, []step{
			{signed(gateway.RCV), 202, "", gateway.Received}, {signed(gateway.RCV), 202, "", gateway.Received}, {signed(gateway.PRS), 202, "", gateway.Accepted},
			{signed(gateway.PRS), 202, "", gateway.Accepted}, {signed(gateway.RCV), 200, unexpected, gateway.Accepted}, {signed(gateway.ERR), 200, unexpected, gateway.Accepted},
		}},
		"refused": {false, "RU", 1, gateway.Sending, []step{{signed(gateway.ERR), 202, "", gateway.Refused}}},
		"of the last of three attempts": {false, "RU", 3, gateway.Sending, []step{
			{func(h talk, m store.Message) []byte { return h.signal(m, 9, gateway.PRS, h.receipt(m, gateway.PRS)) }, 200, unexpected, gateway.Sending},
			{func(h talk, m store.Message) []byte { return h.signal(m, 3, gateway.PRS, h.receipt(m, gateway.PRS)) }, 202, "", gateway.Accepted},
		}},
		"before it is sent":       {true, "RU", 0, gateway.Queued, []step{{signed(gateway.PRS), 200, unexpected, gateway.Queued}, {bare(gateway.PRS), 200, unexpected, gateway.Queued}}},
		"of a message to another": {true, "KZ", 1, gateway.Sending, []step{{signed(gateway.PRS), 200, unexpected, gateway.Sending}, {bare(gateway.PRS), 200, unexpected, gateway.Sending}}},
		"of a conversation unknown": {true, "RU", 1, gateway.Sending, []step{{func(h talk, m store.Message) []byte {
			return h.signal(m, 1, gateway.PRS, nil, func(a *conversation.Addressing) { a.ConversationID = h.fresh() })
		}, 200, unexpected, gateway.Sending}}},
		"that relates to another": {true, "RU", 1, gateway.Sending, []step{{func(h talk, m store.Message) []byte {
			return h.signal(m, 1, gateway.PRS, nil, func(a *conversation.Addressing) {
				a.RelatesTo = conversation.AttemptID(gateway.MessageID(h.fresh()), 1)
			})
		}, 200, unexpected, gateway.Sending}}},
		"of another action": {true, "RU", 1, gateway.Sending, []step{{func(h talk, m store.Message) []byte {
			return h.signal(m, 1, gateway.PRS, nil, func(a *conversation.Addressing) { a.Action = h.theirs.Profile.SignalAction(answerAction, gateway.PRS) })
		}, 200, unexpected, gateway.Sending}}},
		"for another address": {true, "RU", 1, gateway.Sending, []step{{func(h talk, m store.Message) []byte {
			return h.signal(m, 1, gateway.PRS, nil, func(a *conversation.Addressing) { a.To = "EAEU://KZ/CA" })
		}, 400, "ENVELOPE_UNFIT", gateway.Sending}}},
		"with another's verdict": {true, "RU", 1, gateway.Sending, []step{
			{func(h talk, m store.Message) []byte { return h.signal(m, 1, gateway.PRS, h.receipt(m, gateway.RCV)) }, 400, "ENVELOPE_UNFIT", gateway.Sending},
			{func(h talk, m store.Message) []byte {
				b := h.receipt(m, gateway.PRS)
				b.Statement = nil
				return h.signal(m, 1, gateway.PRS, b)
			}, 400, "ENVELOPE_UNFIT", gateway.Sending},
			{func(h talk, m store.Message) []byte {
				b := h.receipt(m, gateway.PRS)
				b.Signature[9]++
				return h.signal(m, 1, gateway.PRS, b)
			}, 403, "SEAL_SIGNATURE", gateway.Sending},
			{func(h talk, m store.Message) []byte {
				other := h.handed("RU", 1, gateway.Sending)
				return h.signal(m, 1, gateway.PRS, h.receipt(other, gateway.PRS))
			}, 400, "ENVELOPE_UNFIT", gateway.Sending},
		}},
		"unsigned, and not allowed": {false, "RU", 1, gateway.Sending, []step{
			{bare(gateway.RCV), 400, "RECEIPT_PLAIN", gateway.Sending}, {bare(gateway.PRS), 400, "RECEIPT_PLAIN", gateway.Sending}, {bare(gateway.ERR), 400, "RECEIPT_PLAIN", gateway.Sending},
		}},
		"unsigned": {true, "RU", 1, gateway.Sending, []step{
			{bare(gateway.RCV), 202, "", gateway.Sending}, {bare(gateway.PRS), 202, "", gateway.Unsigned}, {bare(gateway.PRS), 202, "", gateway.Unsigned}, {bare(gateway.ERR), 200, unexpected, gateway.Unsigned},
		}},
		"refused, unsigned": {true, "RU", 1, gateway.Sending, []step{
			{bare(gateway.ERR), 202, "", gateway.Dead}, {bare(gateway.ERR), 202, "", gateway.Dead}, {bare(gateway.PRS), 200, unexpected, gateway.Dead},
		}},
		"unsigned behind a signed one": {true, "RU", 1, gateway.Sending, []step{
			{signed(gateway.RCV), 202, "", gateway.Received}, {bare(gateway.PRS), 202, "", gateway.Received}, {bare(gateway.ERR), 202, "", gateway.Received}, {signed(gateway.PRS), 202, "", gateway.Accepted},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTalk(t, c.plain)
			m := h.handed(c.to, c.attempts, c.state)
			for i, s := range c.steps {
				code, e, raw := h.post("partner", s.make(h, m))
				got := ""
				switch {
				case e.Fault != nil:
					got, _, _ = strings.Cut(e.Fault.Reason, ":")
				case e.Signal != nil:
					got = e.Signal.Errors[0].Code
				}
				if code != s.status || got != s.answer || code == 202 && raw != "" {
					t.Errorf("%d: %d %s", i, code, raw)
				}
				if now := h.state(m); now.State != s.want {
					t.Errorf("%d: it is %s, want %s", i, now.State, s.want)
				}
			}
			now := h.state(m)
			if now.State == gateway.Dead && now.Reason != "refused without a signature: outcome unknown" {
				t.Errorf("it is dead: %s", now.Reason)
			}
		})
	}
}

// TestParallelASignalSaysWhenTheVerdictIsWaitedFor: behind an RCV, signed or not, the same is not sent again before the
// verdict is overdue.
func TestParallelASignalSaysWhenTheVerdictIsWaitedFor(t *testing.T) {
	h := newTalk(t, true)
	for name, block := range map[string]func(store.Message) *conversation.Block{
		"signed": func(m store.Message) *conversation.Block { return h.receipt(m, gateway.RCV) }, "unsigned": func(store.Message) *conversation.Block { return nil },
	} {
		m := h.handed("RU", 1, gateway.Sending)
		before := time.Now()
		if code, _, raw := h.post("partner", h.signal(m, 1, gateway.RCV, block(m))); code != http.StatusAccepted {
			t.Fatalf("%s: %d %s", name, code, raw)
		}
		wait := h.theirs.Kinds["PreArrivalNotice"].Processing
		if next := h.state(m).NextAttempt; next.Before(before.Add(wait)) || next.After(time.Now().Add(wait)) {
			t.Errorf("%s: the next attempt is in %s, want %s", name, next.Sub(before), wait)
		}
	}
	// A fault that comes by itself says nothing of a message, and is answered by nothing.
	fault := h.theirs.Profile.WriteFault(h.theirs.Answer(conversation.Addressing{MessageID: h.fresh(), ProcedureID: h.fresh(), ConversationID: h.fresh()}, h.fresh(), ""), conversation.Fault{Reason: "нет"})
	if code, _, raw := h.post("partner", fault); code != http.StatusAccepted || raw != "" {
		t.Errorf("%d %s", code, raw)
	}
}
