package conversation

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/schema"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden envelopes")

const (
	data    = "../../mappings"
	file    = "conversations/eaeu-decision-5.v1.yaml"
	id      = "0b8e4d5c-7a52-4a3e-9a57-2f8f6f7a1c01"
	kind    = "PreArrivalNotice"
	action  = "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.CP.01.MSG.001"
	most    = 1 << 20
	payload = "\uFEFF<?xml version=\"1.0\"?>\r\n<!-- a notice -->\n<n:Notice xmlns:n=\"urn:n\" a='1'><n:Plate>蒙E &amp; <![CDATA[<12345>]]></n:Plate><!-- in it --><n:Empty/></n:Notice >\n"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func profileOf(t testing.TB) *Profile {
	t.Helper()
	all, err := Load(os.DirFS(data))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := all.Profile("eaeu-decision-5.v1")
	if !ok {
		t.Fatalf("there are %v", all.IDs())
	}
	return p
}

func partnerOf(t testing.TB) *Partner {
	p := profileOf(t)
	return &Partner{
		Profile: p, Own: "EAEU://RU/CP/P.CP.01/P.CP.01.ACT.002", Theirs: "EAEU://KZ/CP/P.CP.01/P.CP.01.ACT.001",
		Kinds: map[string]Kind{kind: {Action: action, Pattern: p.Patterns["mutual-obligations"]}},
	}
}

// other is the same, from the other end.
func other(p *Partner) *Partner {
	o := *p
	o.Own, o.Theirs = p.Theirs, p.Own
	return &o
}

// sent is the envelope of the first attempt at a message.
func sent(t testing.TB, p *Partner, document string) []byte {
	t.Helper()
	a, ok := p.Send(kind, id, "0603260301001", 1)
	if !ok {
		t.Fatal("the kind does not travel")
	}
	raw, err := p.Profile.WriteDocument(a, []byte(`{"header":1}`), []byte{0x30, 1, 2}, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// answered are the envelopes of all that a message is answered with, by name.
func answered(t testing.TB, p *Partner) map[string][]byte {
	t.Helper()
	of, err := p.Read(sent(t, other(p), payload), most)
	if err != nil {
		t.Fatal(err)
	}
	receipt := &Block{Header: []byte(`{"header":2}`), Signature: []byte{0x30, 3}, Statement: []byte(`{"verdict":"PRS"}`)}
	signal := Signal{ID: "44444444-4444-4444-8444-000000000001", At: at}
	out := map[string][]byte{}
	for _, v := range []gateway.Verdict{gateway.RCV, gateway.PRS, gateway.ERR} {
		s := signal
		if s.Verdict = v; v == gateway.ERR {
			s.Errors = []Error{
				{Code: p.Profile.Codes.Data, Description: "The weight <10250.5 kg> is no number & more.", Reference: "/n:Notice[1]/n:Mass[1]"},
				{Code: "EAEU-0208", Description: "Второе"},
			}
		}
		out[strings.ToLower(string(v))] = p.Profile.WriteSignal(p.Answer(of.Addressing, "55555555-5555-4555-8555-000000000001", p.Profile.SignalAction(of.Action, v)), s, receipt)
	}
	out["rcv-unsigned"] = p.Profile.WriteSignal(p.Answer(of.Addressing, "55555555-5555-4555-8555-000000000002", p.Profile.SignalAction(of.Action, gateway.RCV)), Signal{ID: signal.ID, At: at, Verdict: gateway.RCV}, nil)
	out["fault"] = p.Profile.WriteFault(p.Answer(of.Addressing, "55555555-5555-4555-8555-000000000003", ""), Fault{Sender: true, Reason: "Конверт <отклонён>.", RelatesAction: of.Action})
	return out
}

// TestEnvelopesAsTheyAreWritten holds what is written of each sort to a file, and reads it again.
func TestEnvelopesAsTheyAreWritten(t *testing.T) {
	p := partnerOf(t)
	all := answered(t, other(p))
	all["message"] = sent(t, p, payload)
	for name, raw := range all {
		golden := filepath.Join("testdata", name+".xml")
		if *update {
			if err := os.WriteFile(golden, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(raw)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	got, err := other(p).Read(all["message"], most)
	if err != nil {
		t.Fatal(err)
	}
	want := Addressing{
		To: p.Theirs, ReplyTo: p.Own, MessageID: AttemptID(id, 1), Action: action, ProcedureID: ProcedureID("0603260301001"), ConversationID: id,
	}
	if diff := cmp.Diff(want, got.Addressing); diff != "" {
		t.Error(diff)
	}
	if string(got.Document()) != payload || string(got.Block.Header) != `{"header":1}` || string(got.Block.Signature) != "\x30\x01\x02" || got.Block.Statement != nil {
		t.Errorf("%q, %+v", got.Document(), got.Block)
	}
	for name, want := range map[string]Signal{
		"rcv": {Verdict: gateway.RCV}, "prs": {Verdict: gateway.PRS}, "rcv-unsigned": {Verdict: gateway.RCV},
		"err": {Verdict: gateway.ERR, Errors: []Error{
			{Code: "Common:DataError", Description: "The weight <10250.5 kg> is no number & more.", Reference: "/n:Notice[1]/n:Mass[1]"}, {Code: "EAEU-0208", Description: "Второе"},
		}},
	} {
		got, err := p.Read(all[name], most)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.ID, want.At = "44444444-4444-4444-8444-000000000001", at
		if diff := cmp.Diff(&want, got.Signal); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !Attempted(id, 1, got.RelatesTo) || got.ConversationID != id || (got.Block == nil) != (name == "rcv-unsigned") {
			t.Errorf("%s: %+v", name, got.Addressing)
		}
	}
	bare := p.Profile.WriteFault(Addressing{MessageID: id}, Fault{Reason: "нет"})
	if got, err := p.Read(bare, most); err != nil || *got.Fault != (Fault{Reason: "нет"}) {
		t.Errorf("a fault that repeats nothing: %+v, %v", got.Fault, err)
	}
	fault, err := p.Read(all["fault"], most)
	if err != nil || *fault.Fault != (Fault{Sender: true, Reason: "Конверт <отклонён>.", RelatesAction: action}) {
		t.Errorf("%+v, %v", fault.Fault, err)
	}
}

// TestThePublicSampleIsRead reads the signal that a tester of an integration gateway has sent.
func TestThePublicSampleIsRead(t *testing.T) {
	dir := os.Getenv("CUSTOMS_OFFICIAL")
	if dir == "" {
		t.Log("CUSTOMS_OFFICIAL is not set: only our own envelopes are tested")
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "samples", "ru-eaeu", "EAEU_signal_rcv.xml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := profileOf(t).Read(raw, most)
	if err != nil {
		t.Fatal(err)
	}
	want := Envelope{
		Addressing: Addressing{
			To: "EAEU://KZ/CP/P.CP.01/P.CP.01.ACT.001", ReplyTo: "EAEU://RU/CP/P.CP.01/P.CP.01.ACT.002", MessageID: "11111111-1111-4111-8111-000000000002",
			RelatesTo: "11111111-1111-4111-8111-000000000001", Action: "int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.MSG.RCV",
			ProcedureID: "22222222-2222-4222-8222-000000000001", ConversationID: "33333333-3333-4333-8333-000000000001",
		},
		Signal: &Signal{ID: "44444444-4444-4444-8444-000000000001", Verdict: gateway.RCV, At: time.Date(2025, 3, 11, 2, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEnvelopesThatAreRefused: each differs in one thing from one that is taken.
func TestEnvelopesThatAreRefused(t *testing.T) {
	p := partnerOf(t)
	message := string(sent(t, other(p), payload))
	signals := answered(t, other(p))
	prs, rcv, errs, fault := string(signals["prs"]), string(signals["rcv-unsigned"]), string(signals["err"]), string(signals["fault"])
	block := message[strings.Index(message, "<cg:Seal"):strings.Index(message, "</soap:Header>")]
	body := message[strings.Index(message, "<soap:Body>"):strings.Index(message, "</soap:Envelope>")]
	root := body[len("<soap:Body>"):strings.Index(body, "</soap:Body>")]
	for name, c := range map[string]struct {
		in, old, new string
		code         gateway.Code
		told         string // in its text
	}{
		"no XML":                         {message, message, "{}", gateway.NotXML, ""},
		"nothing":                        {message, message, "", gateway.XMLEmpty, ""},
		"cut off":                        {message, "</soap:Envelope>", "", gateway.XMLMalformed, ""},
		"a document alone":               {message, message, payload, gateway.EnvelopeUnfit, "soap:Envelope"},
		"SOAP 1.1":                       {message, "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/", gateway.EnvelopeUnfit, "soap:Envelope"},
		"a DOCTYPE":                      {message, "<soap:Envelope", "<!DOCTYPE soap:Envelope []><soap:Envelope", gateway.XMLDoctype, ""},
		"an instruction in it":           {message, "<soap:Body>", "<?php?><soap:Body>", gateway.XMLPI, ""},
		"too deep":                       {message, root, strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70), gateway.XMLDepth, ""},
		"too large":                      {message, root, "<a>" + strings.Repeat("<b>"+strings.Repeat("x", 1<<20)+"</b>", (schema.MaxBytes+MaxSpace)>>20) + "</a>", gateway.XMLTooLarge, ""},
		"more headers than anybody has":  {message, "<soap:Header>", "<soap:Header><int:Integration>" + strings.Repeat("<int:TrackID/>", maxNodes) + "</int:Integration>", gateway.EnvelopeUnfit, "20000"},
		"no headers":                     {message, message[strings.Index(message, "<soap:Header>"):strings.Index(message, "<soap:Body>")], "", gateway.EnvelopeUnfit, "soap:Header"},
		"no body":                        {message, body, "", gateway.EnvelopeUnfit, "soap:Body"},
		"an empty body":                  {message, root, " ", gateway.EnvelopeUnfit, "one element"},
		"two bodies":                     {message, body, body + body, gateway.EnvelopeUnfit, "once"},
		"a body before the headers":      {message, "<soap:Header>", "<soap:Body><a/></soap:Body><soap:Header>", gateway.EnvelopeUnfit, "soap:Header"},
		"two documents":                  {message, root, root + root, gateway.EnvelopeUnfit, "one element"},
		"text before the document":       {message, root, "x" + root, gateway.EnvelopeUnfit, "soap:Body"},
		"CDATA behind the document":      {message, root, root + "<![CDATA[x]]>", gateway.EnvelopeUnfit, "soap:Body"},
		"a comment before the document":  {message, root, "<!-- x -->" + root, gateway.EnvelopeUnfit, "soap:Body"},
		"a comment behind the document":  {message, root, root + "<!-- x -->", gateway.EnvelopeUnfit, "soap:Body"},
		"an envelope in the envelope":    {message, root, message[strings.Index(message, "<soap:Envelope"):], gateway.EnvelopeUnfit, "one element"},
		"something behind the body":      {message, "</soap:Body>", "</soap:Body><a/>", gateway.EnvelopeUnfit, "eaeu-decision-5.v1"},
		"an attribute of the body":       {message, "<soap:Body>", `<soap:Body a="1">`, gateway.EnvelopeUnfit, "@a"},
		"namespaces on the envelope":     {message, ` xmlns:n="urn:n"`, "", gateway.XMLPrefix, ""},
		"namespaces of the envelope":     {strings.Replace(message, "<soap:Envelope", `<soap:Envelope xmlns:n="urn:n"`, 1), `<n:Notice xmlns:n="urn:n"`, "<n:Notice", gateway.EnvelopeUnfit, "not signed"},
		"a prefix declared anew":         {message, "<soap:Body>", `<soap:Body xmlns:soap="urn:other">`, gateway.EnvelopeUnfit, "soap:Body"},
		"two blocks":                     {message, block, block + block, gateway.EnvelopeUnfit, "once"},
		"a block of something else":      {message, "cg:Header>", "cg:Other>", gateway.EnvelopeUnfit, "Other"},
		"a block without a signature":    {message, message[strings.Index(message, "<cg:Signature>"):strings.Index(message, "<cg:Before>")], "", gateway.EnvelopeUnfit, "cg:Signature"},
		"a block that is no base64":      {message, "<cg:Header>", "<cg:Header>*", gateway.EnvelopeUnfit, "base64"},
		"two headers in the block":       {message, "<cg:Header>", "<cg:Header>MQ==</cg:Header><cg:Header>", gateway.EnvelopeUnfit, "Header"},
		"a sender beside the address":    {message, "<soap:Header>", "<soap:Header><wsa:From>a</wsa:From>", gateway.EnvelopeUnfit, "wsa:From"},
		"another place for faults":       {message, "<soap:Header>", "<soap:Header><wsa:FaultTo>a</wsa:FaultTo>", gateway.EnvelopeUnfit, "wsa:FaultTo"},
		"a header that nobody names":     {message, "<soap:Header>", `<soap:Header><a xmlns="urn:a" soap:mustUnderstand="1"/>`, gateway.EnvelopeUnfit, "eaeu-decision-5.v1"},
		"an attribute that nobody names": {message, "<wsa:To>", `<wsa:To a="1">`, gateway.EnvelopeUnfit, "@a"},
		"a namespace that hides one":     {message, "<wsa:To>", `<wsa:To xmlns:x="xmlns" x:a="1">`, gateway.EnvelopeUnfit, "wsa:To"},
		"text among headers":             {message, "<soap:Header>", "<soap:Header>x", gateway.EnvelopeUnfit, "soap:Header"},
		"no addressee":                   {message, "wsa:To>", "wsa:From>", gateway.EnvelopeUnfit, "wsa:From"},
		"two addressees":                 {message, "<soap:Header>", "<soap:Header><wsa:To>a</wsa:To>", gateway.EnvelopeUnfit, "once"},
		"another's":                      {message, "<wsa:To>EAEU://RU", "<wsa:To>EAEU://BY", gateway.EnvelopeUnfit, "EAEU://RU"},
		"of another":                     {message, "<wsa:Address>EAEU://KZ", "<wsa:Address>EAEU://BY", gateway.EnvelopeUnfit, "EAEU://KZ"},
		"an id that is no UUID":          {message, "urn:uuid:" + id, "urn:uuid:1", gateway.EnvelopeUnfit, "int:ConversationID"},
		"an id of another form":          {message, "<wsa:MessageID>urn:uuid:", "<wsa:MessageID>", gateway.EnvelopeUnfit, "wsa:MessageID"},
		"a field without end":            {message, "<int:ProcedureID>", "<int:ProcedureID>urn:uuid:" + strings.Repeat("0", maxField), gateway.EnvelopeUnfit, "1000"},
		"an address of blanks":           {message, "<wsa:To>EAEU:", "<wsa:To>EAEU :", gateway.EnvelopeUnfit, "wsa:To"},
		"elements in a field":            {message, "<int:ProcedureID>", "<int:ProcedureID><a/></int:ProcedureID><int:ProcedureID>", gateway.EnvelopeUnfit, "eaeu-decision-5.v1"},
		"a message that is an answer":    {message, "<wsa:Action>", "<wsa:RelatesTo>urn:uuid:" + id + "</wsa:RelatesTo><wsa:Action>", gateway.EnvelopeUnfit, "wsa:RelatesTo"},
		"an action that does not travel": {message, "P.CP.01.MSG.001", "P.CP.01.MSG.002", gateway.EnvelopeUnfit, "MSG.002"},
		"a document that is a signal":    {message, "P.CP.01.MSG.001", "P.MSG.PRS", gateway.EnvelopeUnfit, "sgn:ProcessingReceipt"},
		"a document that is a fault":     {message, action, "http://www.w3.org/2005/08/addressing/fault", gateway.EnvelopeUnfit, "soap:Fault"},
		"a signal by another action":     {prs, "P.MSG.PRS", "P.MSG.RCV", gateway.EnvelopeUnfit, "P.MSG.PRS"},
		"a signal of a message's action": {prs, "P.MSG.PRS", "P.CP.01.MSG.001", gateway.EnvelopeUnfit, "P.MSG.PRS"},
		"a signal of another process":    {prs, "P.CP.01.TRN.001", "P.CP.01.TRN.002", gateway.EnvelopeUnfit, "TRN.002"},
		"a signal about nothing":         {prs, prs[strings.Index(prs, "<wsa:RelatesTo>"):strings.Index(prs, "<wsa:Action>")], "", gateway.EnvelopeUnfit, "wsa:RelatesTo"},
		"a signal without an id":         {rcv, "<sgn:SignalId>44444444-4444-4444-8444-000000000001</sgn:SignalId>", "", gateway.EnvelopeUnfit, "sgn:SignalId"},
		"a signal with a made-up id":     {rcv, "<sgn:SignalId>4", "<sgn:SignalId>x", gateway.EnvelopeUnfit, "sgn:SignalId"},
		"a signal of no zone":            {rcv, "12:00:00Z", "12:00:00", gateway.EnvelopeUnfit, "sgn:DateTime"},
		"a signal of no time":            {rcv, "<sgn:DateTime>2026-03-01T12:00:00Z</sgn:DateTime>", "", gateway.EnvelopeUnfit, "sgn:DateTime"},
		"an acceptance with errors":      {rcv, "</sgn:DeliveryReceipt>", "<sgn:Error><sgn:Code>a</sgn:Code><sgn:Description>a</sgn:Description></sgn:Error></sgn:DeliveryReceipt>", gateway.EnvelopeUnfit, "sgn:Error"},
		"a refusal without errors":       {errs, errs[strings.Index(errs, "<sgn:Error>"):strings.Index(errs, "</sgn:ValidationError>")], "", gateway.EnvelopeUnfit, "sgn:Error"},
		"a refusal without a code":       {errs, "<sgn:Code>Common:DataError</sgn:Code>", "", gateway.EnvelopeUnfit, "sgn:Code"},
		"a refusal by more than a code":  {errs, "Common:DataError", strings.Repeat("a", 256), gateway.EnvelopeUnfit, "sgn:Code"},
		"a refusal without a sentence":   {errs, "<sgn:Description>Второе</sgn:Description>", "", gateway.EnvelopeUnfit, "sgn:Description"},
		"a refusal with two codes":       {errs, "<sgn:Code>Common:DataError</sgn:Code>", "<sgn:Code>a</sgn:Code><sgn:Code>b</sgn:Code>", gateway.EnvelopeUnfit, "sgn:Code"},
		"an attribute of a signal":       {rcv, "<sgn:DateTime>", `<sgn:DateTime a="1">`, gateway.EnvelopeUnfit, "@a"},
		"a fault of nobody":              {fault, ">soap:Sender<", ">soap:MustUnderstand<", gateway.EnvelopeUnfit, "soap:MustUnderstand"},
		"a fault of another namespace":   {fault, ">soap:Sender<", ` xmlns:soap2="urn:a">soap2:Sender<`, gateway.EnvelopeUnfit, "soap2:Sender"},
		"a fault by a message's action":  {fault, "http://www.w3.org/2005/08/addressing/fault", action, gateway.EnvelopeUnfit, "fault"},
		"a fault without a code":         {fault, fault[strings.Index(fault, "<soap:Code>"):strings.Index(fault, "<soap:Reason>")], "", gateway.EnvelopeUnfit, "soap:Value"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(c.in, c.old) {
				t.Fatalf("there is no %q", c.old)
			}
			_, err := p.Read([]byte(strings.ReplaceAll(c.in, c.old, c.new)), most)
			var f gateway.Fault
			if !errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.Text("en"), c.told) {
				t.Errorf("%v, want %s with %q", err, c.code, c.told)
			}
		})
	}
}

// TestEnvelopesThatAreTaken differ from what is written here in what means nothing.
func TestEnvelopesThatAreTaken(t *testing.T) {
	p := partnerOf(t)
	message := string(sent(t, other(p), payload))
	prs := string(answered(t, other(p))["prs"])
	procedure := "urn:uuid:" + ProcedureID("0603260301001")
	for name, c := range map[string]struct{ in, old, new string }{
		"a byte order mark":       {message, message, "\uFEFF" + message},
		"other prefixes":          {message, "soap:", "env:"},
		"no declaration":          {message, `<?xml version="1.0" encoding="UTF-8"?>` + "\n", ""},
		"another alias of UTF-8":  {message, `encoding="UTF-8"`, `encoding="utf8"`},
		"a comment before":        {message, "<soap:Envelope", "<!-- a --><soap:Envelope"},
		"a comment in the header": {message, "<wsa:To>", "<!-- a --><wsa:To><!-- b -->"},
		"what the platform adds":  {message, "</soap:Header>", "<int:Integration><int:TrackID>urn:uuid:1</int:TrackID><int:AcceptTime>2026-03-01T12:00:00Z</int:AcceptTime></int:Integration></soap:Header>"},
		"a header to be known":    {message, "<wsa:To>", `<wsa:To soap:mustUnderstand="true">`},
		"blanks around values":    {message, "</wsa:To>", "\n  </wsa:To>"},
		"blanks in base64":        {message, "</cg:Header>", "\n</cg:Header>"},
		"nested procedures":       {message, procedure, procedure + "/urn:uuid:22222222-2222-4222-8222-000000000001"},
		"capital letters of ids":  {message, id, strings.ToUpper(id)},
		"headers the other way round": {message, message[strings.Index(message, "<wsa:To>"):strings.Index(message, "<cg:Seal")],
			message[strings.Index(message, "<wsa:Action>"):strings.Index(message, "<cg:Seal")] + message[strings.Index(message, "<wsa:To>"):strings.Index(message, "<wsa:Action>")]},
		"a signal with blanks": {prs, "<sgn:SignalId>", "\n <sgn:SignalId> "},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.ReplaceAll(c.in, c.old, c.new)
			if name == "other prefixes" {
				changed = strings.ReplaceAll(changed, "xmlns:soap=", "xmlns:env=")
			}
			got, err := p.Read([]byte(changed), most)
			if err != nil {
				t.Fatal(err)
			}
			if got.Signal == nil && string(got.Document()) != payload {
				t.Errorf("its document is %q", got.Document())
			}
		})
	}
}

// TestADocumentTravelsByteForByte whatever stands in it and around it.
func TestADocumentTravelsByteForByte(t *testing.T) {
	p := partnerOf(t)
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string, of ...string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(of), 0, 6).Draw(t, name), "")
		}
		document := rapid.SampledFrom([]string{"", "\uFEFF"}).Draw(t, "mark") + rapid.SampledFrom([]string{"", `<?xml version="1.0"?>`, "<?xml version='1.0' encoding='utf-8'?>\r\n"}).Draw(t, "declaration") +
			part("before", "\n", " ", "<!-- a -->", "<?style a?>") +
			`<soap:a xmlns:soap="urn:a"` + rapid.SampledFrom([]string{"", "\n b='>'", ` b="&lt;"`}).Draw(t, "attributes") + ">" +
			part("in", "x", "货", "&amp;", "&#13;", "\r\n", "<b/>", "<b xmlns='urn:b'></b>", "<![CDATA[</soap:a>]]>", "<!-- </soap:a> -->", "<soap:Body/>") +
			"</soap:a >" + part("behind", "\n", " ", "<!-- b -->")
		a, _ := other(p).Send(kind, id, "", 7)
		raw, err := p.Profile.WriteDocument(a, []byte("h"), []byte("s"), []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Read(raw, most)
		if err != nil || string(got.Document()) != document {
			t.Fatalf("%q, %v\n%s", got.Document(), err, raw)
		}
	})
}

// TestWhatIsDamagedEndsNothing: an envelope in which bytes are others is read or refused, and if its document is read,
// it stands in the envelope.
func TestWhatIsDamagedEndsNothing(t *testing.T) {
	p := partnerOf(t)
	all := answered(t, other(p))
	all["message"] = sent(t, other(p), payload)
	rapid.Check(t, func(t *rapid.T) {
		raw := bytes.Clone(all[rapid.SampledFrom([]string{"message", "prs", "err", "fault"}).Draw(t, "sort")])
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("<>/\"'&:= a\x00\xff")).Draw(t, "byte")
		}
		got, err := p.Read(raw, most)
		if err == nil && !bytes.Contains(raw, got.Root) {
			t.Fatalf("%q\n%s", got.Root, raw)
		}
		if err != nil && !errors.As(err, new(gateway.Fault)) {
			t.Fatal(err)
		}
	})
}

// TestWhatHasNoPlaceInAnEnvelope: what stands around a document has a bound, and what is no document no envelope.
func TestWhatHasNoPlaceInAnEnvelope(t *testing.T) {
	p := partnerOf(t)
	for _, document := range []string{"", "text", "<a>", "<!--" + strings.Repeat("x", MaxAround) + "--><a/>", "<a/>" + strings.Repeat("\n", MaxAround+1)} {
		if raw, err := p.Profile.WriteDocument(Addressing{}, nil, nil, []byte(document)); err == nil {
			t.Errorf("%.20q is put into %s", document, raw)
		}
	}
	if _, ok := p.Send("Arrival", id, "", 1); ok {
		t.Error("a kind travels that nobody has named")
	}
}

// TestAnotherProfileIsAnotherFile: no name of an envelope stands in code.
func TestAnotherProfileIsAnotherFile(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(data, file))
	if err != nil {
		t.Fatal(err)
	}
	made := strings.NewReplacer(
		"eaeu-decision-5", "other", "http://www.w3.org/2003/05/soap-envelope", "urn:e", "http://www.w3.org/2005/08/addressing", "urn:w", "urn:EEC:Interaction:v1.0", "urn:i",
		"urn:EEC:signal:v1.0", "urn:s", "soap:Envelope", "soap:Letter", "soap:Body", "soap:Inside", "wsa:ReplyTo/wsa:Address", "wsa:Back", "wsa:MessageID", "wsa:Number",
		"sgn:DeliveryReceipt", "sgn:Came", "P.MSG.RCV", "CAME", "soap:Fault", "soap:No", `"urn:uuid:%s"`, `"[%s]"`, "soap:Sender", "soap:You",
	).Replace(string(raw))
	all, err := Load(fstest.MapFS{"conversations/other.v1.yaml": {Data: []byte(made)}})
	if err != nil {
		t.Fatal(err)
	}
	p := partnerOf(t)
	p.Profile, _ = all.Profile("other.v1")
	written := answered(t, other(p))
	written["message"] = sent(t, other(p), payload)
	for name, raw := range written {
		if _, err := p.Read(raw, most); err != nil {
			t.Errorf("%s: %v\n%s", name, err, raw)
		}
		if strings.Contains(string(raw), "Envelope") || strings.Contains(string(raw), "P.MSG.RCV") || strings.Contains(string(raw), "urn:uuid") {
			t.Errorf("%s: a name of another profile\n%s", name, raw)
		}
	}
}

// TestMistakesOfAProfile: each is told with its line.
func TestMistakesOfAProfile(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(data, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"version: 1", "version: 0", "a version from 1"},
		{"conversation: eaeu-decision-5", "conversation: eaeu", "is the name of eaeu.v1.yaml"},
		{"status: recalled", "status: known", "unknown status"},
		{"source: an", "sauce: an", `unknown key "sauce"`},
		{"application/soap+xml", "soap", "media_type"},
		{"  wsa: http:", "  xml: http:", "is no prefix"},
		{"urn:EEC:signal:v1.0", ownSpace, "is no prefix"},
		{"  int: urn:EEC:Interaction:v1.0", "  int: urn:EEC:signal:v1.0", "stands twice"},
		{"  int: urn:EEC:Interaction:v1.0", "  int: xmlns", "is no prefix"},
		{"envelope: soap:Envelope", "envelope: Envelope", "want prefix:name"},
		{"body: soap:Body", "body: sop:Body", "want prefix:name"},
		{"field: to,", "field: too,", "unknown field"},
		{"field: to,", "field: action,", "stands twice"},
		{"path: wsa:To,", "path: wsa:To/wsa:A/wsa:B,", "want a header"},
		{"path: wsa:To,", "path: wsa:Action,", "stands twice"},
		{"value: uuids", "value: number", "want text, uuid or uuids"},
		{`form: "urn:uuid:%s"}`, `form: "urn:uuid:%d"}`, "want one %s"},
		{", in: answers", "", "relates_to"},
		{", in: answers", ", in: messages", "want answers"},
		{"forbidden: [wsa:From", "forbidden: [wsa:To", "two meanings"},
		{"action: P.MSG.RCV", "action: P.MSG.PRS", "its own"},
		{"action: P.MSG.RCV", "action: P/MSG", "its own"},
		{"root: sgn:DeliveryReceipt", "root: soap:Fault", "its own"},
		{`fatal: "Common:FatalError"`, `fatal: ""`, "code fatal"},
		{"language: ru", "language: русский", "two letters"},
		{"ends: received,", "ends: sent,", "want received or accepted"},
		{"received: 2m, processing: 10m, retries: 5}", "received: 0s, processing: 10m, retries: 5}", "time-outs"},
		{"processing: 10m, retries: 5}", "processing: 25h, retries: 5}", "time-outs"},
		{"retries: 5}", "retries: -1}", "retries: want"},
	} {
		if !strings.Contains(string(raw), c.old) {
			t.Errorf("there is no %q", c.old)
			continue
		}
		_, err := Load(fstest.MapFS{file: {Data: []byte(strings.Replace(string(raw), c.old, c.new, 1))}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), file+":") {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	many := fstest.MapFS{}
	for n := range maxFiles + 1 {
		many[fmt.Sprintf("conversations/a%d.v1.yaml", n)] = &fstest.MapFile{Data: raw}
	}
	if _, err := Load(many); err == nil {
		t.Error("any number of files is read")
	}
}

// TestAttemptsAreToldApart: each has an id of its own, the same each time, and none that was not made is known.
func TestAttemptsAreToldApart(t *testing.T) {
	ids := map[string]int{}
	for n := 1; n <= 1000; n++ {
		a := AttemptID(id, n)
		if before, twice := ids[a]; twice || !gateway.IsUUID(a) || a != AttemptID(gateway.MessageID(strings.ToUpper(id)), n) {
			t.Fatalf("attempt %d is %s, as is %d", n, a, before)
		}
		ids[a] = n
	}
	for _, c := range []struct {
		made, attempt int
		want          bool
	}{{0, 1, false}, {1, 1, true}, {3, 2, true}, {3, 3, true}, {3, 4, false}, {MaxAttempts + 7, MaxAttempts, true}, {MaxAttempts + 7, MaxAttempts + 1, false}} {
		if got := Attempted(id, c.made, AttemptID(id, c.attempt)); got != c.want {
			t.Errorf("of %d attempts one was the %d.: %v", c.made, c.attempt, got)
		}
	}
	if Attempted(id, 5, AttemptID("11111111-1111-4111-8111-000000000001", 1)) {
		t.Error("another message's attempt is this one's")
	}
	k := Kind{Pattern: Pattern{Received: time.Minute, Processing: 2 * time.Hour, Retries: 2}}
	for _, c := range []struct {
		attempt int
		first   bool
		want    time.Duration
	}{{1, true, time.Minute}, {3, true, time.Minute}, {4, true, Pace}, {3, false, 2 * time.Hour}, {4, false, 2 * time.Hour}} {
		if got := k.Wait(c.attempt, c.first); got != c.want {
			t.Errorf("attempt %d waits %s, want %s", c.attempt, got, c.want)
		}
	}
}
