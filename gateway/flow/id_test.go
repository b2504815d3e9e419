package flow_test

import (
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// TestAnswerUnderTheIDInCapitals: systems write UUIDs in either case, and both name the
// same document. What each side stores stays as it was received.
func TestAnswerUnderTheIDInCapitals(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	m := w.message(id)
	notified := strings.Replace(answerXML, "MESSAGE", strings.ToUpper(m.DocumentID), 2)
	if !gateway.IsUUID(m.DocumentID) {
		t.Fatalf("the document id %q is no UUID", m.DocumentID)
	}
	s, err := w.ru.Submit(t.Context(), flow.Caller{URI: "customs://RU/office/10719110/post/1", Office: "10719110"},
		flow.Submission{ID: "A1", MediaType: flow.XML, Content: []byte(notified)})
	if err != nil || s.State != gateway.Sent {
		t.Fatalf("the answer is %s: %v %v", s.State, s.Faults.Report("en"), err)
	}
	if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	if m = w.message(id); len(m.Answers) != 1 {
		t.Fatalf("the notice has %d answers", len(m.Answers))
	}
	in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", m.Answers[0].MessageID)
	if err != nil || len(in.Answers) != 1 || in.Answers[0] != strings.ToUpper(m.DocumentID) {
		t.Errorf("China holds an answer to %v, %v", in.Answers, err)
	}
}

const answerXML = `<npir:Notif_PIResult xmlns:npir="urn:customs.ru:Information:PriorInformation:Notif_PIResult:5.23.0" xmlns:cat_ru="urn:customs.ru:CommonAggregateTypes:5.22.0" DocumentModeID="1006802E">
  <cat_ru:DocumentID>1D7F3A52-66F0-4D0C-9A65-0A3C5B7E9D21</cat_ru:DocumentID>
  <cat_ru:RefDocumentID>MESSAGE</cat_ru:RefDocumentID>
  <npir:Response>
    <npir:ResultInformation>
      <npir:ResultCode>0</npir:ResultCode>
      <npir:ReferenceID>MESSAGE</npir:ReferenceID>
      <npir:ResultDescription>принято</npir:ResultDescription>
    </npir:ResultInformation>
  </npir:Response>
</npir:Notif_PIResult>`

// TestIDsAreFoundInEitherCase goes through everything that is looked up by an id.
func TestIDsAreFoundInEitherCase(t *testing.T) {
	const id = "5f0c1d52-7b6e-4a6e-9d58-3f1f0a5e0c11"
	w := newWorld(t)
	ctx := t.Context()
	submit := func(id string, content []byte) (store.Submission, error) {
		return w.cn.Submit(ctx, post, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content})
	}
	first, err := submit(id, w.content("mt2401.xml"))
	if err != nil || first.State != gateway.Held {
		t.Fatalf("%s, %v", first.State, err)
	}
	// The same again is the same; another content under the id is none.
	again, err := submit(strings.ToUpper(id), w.content("mt2401.xml"))
	if err != nil || again.ID != id || again.Commit != first.Commit {
		t.Errorf("the same submission is %q in commit %d, was %d: %v", again.ID, again.Commit, first.Commit, err)
	}
	if _, err := submit(strings.ToUpper(id), w.content("mt4402.xml")); err == nil || !strings.Contains(err.Error(), string(gateway.IDReuse)) {
		t.Errorf("another content: %v", err)
	}
	if s, err := w.cn.Withdraw(ctx, post, gateway.SubmissionID(strings.ToUpper(id)), "test"); err != nil || s.State != gateway.Withdrawn || s.ID != id {
		t.Errorf("withdrawn: %q is %s, %v", s.ID, s.State, err)
	}
	// Other ids are what they are.
	w.submit("m1", "mt2401.xml")
	if _, err := w.cn.Store.Read().Submission(ctx, post.Office, "M1"); err == nil {
		t.Error("M1 is m1")
	}

	// A message that comes again under its id in capitals gets the receipt that it got.
	if s := w.submit("v1", "mt4402.xml"); s.State != gateway.Joined {
		t.Fatalf("%s: %v", s.State, s.Faults.Report("en"))
	}
	w.deliver()
	sent := w.out.sent[0]
	h := sent.Header()
	before, err := w.ru.Store.Read().Inbound(ctx, "CN", h.MessageID)
	if err != nil {
		t.Fatal(err)
	}
	h.MessageID = "0000000A-0000-4000-8000-00000000000B"
	lower := gateway.MessageID(strings.ToLower(string(h.MessageID)))
	receive := func() store.Statement {
		signed := w.sign(h, sent.Payload())
		receipt, err := w.ru.Receive(ctx, "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, sent.Payload())
		if err != nil {
			t.Fatal(err)
		}
		return receipt
	}
	one := receive()
	capitals := h.MessageID
	h.MessageID = lower
	if two := receive(); string(two.Statement) != string(one.Statement) {
		t.Errorf("a second receipt: %s, first %s", two.Statement, one.Statement)
	}
	in, err := w.ru.Store.Read().Inbound(ctx, "CN", lower)
	if err != nil || in.ID != capitals {
		t.Errorf("Russia holds %q, %v", in.ID, err)
	}
	if m, err := w.ru.Movement(ctx, gateway.MovementID(strings.ToUpper(string(before.MovementID)))); err != nil || m.ID != before.MovementID {
		t.Errorf("movement %q, %v", m.ID, err)
	}
	if in, err := w.ru.Acknowledge(ctx, operator, "", lower); err != nil || in.AcknowledgedBy == "" {
		t.Errorf("acknowledged by %q, %v", in.AcknowledgedBy, err)
	}
}
