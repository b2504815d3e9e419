package main

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// What the route from China to Russia says, as the demonstration expects it.
const (
	crossing = 40 * time.Minute
	lead     = 2 * time.Hour
	slack    = 30 * time.Second // between the exit report and the notice, on a slow machine
)

// outOfScale is by how much the Russian weighbridge differs, in parts per thousand.
const outOfScale = 21

func (p *play) manifestIsHeld(ctx context.Context) (err error) {
	p.step("The post at Manzhouli submits a truck's export manifest: MT2401, Chinese XML, by gRPC.")
	p.truck = p.dice.truck(p.now(), p.between(2, 3), 3)
	t, m := p.truck, p.truck.Manifest
	if p.manifestXML, err = render("mt2401.xml", m); err != nil {
		return err
	}
	if err := p.save("cn-mt2401.xml", p.manifestXML); err != nil {
		return err
	}
	p.fact("batch", "%s", m.Batch)
	p.fact("whole", "%d packages, %s kg gross", t.packages, t.gross)
	var rows [][]string
	for _, w := range m.Waybills {
		for _, l := range w.Lines {
			rows = append(rows, []string{w.Number, l.Description, l.HS, l.Packages, l.Mass})
		}
	}
	p.table([]string{"waybill", "goods", "tariff code", "packages", "gross kg"}, rows)
	sub, err := p.cnPost.submit(ctx, p.manifestXML)
	if err != nil {
		return err
	}
	p.say("The answer: %s. It waits for the part %q, no longer than until %s.", strings.ToUpper(sub.State),
		strings.Join(sub.WaitsFor, ", "), sub.Expires.AsTime().In(beijing).Format("2 January 15:04 MST"))
	var c checks
	c.equal("state of the manifest", sub.State, string(gateway.Held))
	c.equal("what the manifest waits for", sub.WaitsFor, []string{"vehicle"})
	c.equal("id of the submission", sub.SubmissionId, m.MessageID)
	c.equal("join key", sub.JoinKey, m.Office+"|"+m.Batch)
	c.equal("faults", len(sub.Faults), 0)
	return c.err()
}

func (p *play) exitReportCompletes(ctx context.Context) (err error) {
	p.step("The truck leaves. The post submits the vehicle's exit report: MT4402, by REST.")
	t := p.truck
	if p.reportXML, err = render("mt4402.xml", t); err != nil {
		return err
	}
	if err := p.save("cn-mt4402.xml", p.reportXML); err != nil {
		return err
	}
	p.fact("tractor", "%s", t.Tractor)
	p.fact("trailer", "%s", t.Trailer)
	p.fact("container", "%s, seals %s", t.Container, strings.Join(t.Seals, ", "))
	p.fact("exit", "%s", t.exit.Format("15:04:05 MST"))
	sub := new(exchangev1.Submission)
	if err := p.cnPost.post(ctx, "/v1/submissions", "application/xml", p.reportXML, sub); err != nil {
		return err
	}
	var c checks
	c.equal("state of the report", sub.State, string(gateway.Joined))
	if err := c.err(); err != nil {
		return err
	}
	sub, err = until(ctx, "Russia's acceptance", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, t.MessageID) },
		func(s *exchangev1.Submission) bool { return gateway.MessageState(s.Message.GetState()).Final() })
	if err != nil {
		return err
	}
	first, err := p.cnPost.status(ctx, t.Manifest.MessageID)
	if err != nil {
		return err
	}
	m := sub.Message
	p.message = m
	expected, late := m.ExpectedArrival.AsTime(), time.Duration(m.LateBy)*time.Second
	p.say("Both are joined on office and batch into one notice, which is sent at once:")
	p.fact("message", "%s", m.MessageId)
	p.fact("written by", "%s", m.Mapping)
	p.fact("expected", "%s at Zabaykalsk: the exit and %.0f minutes of crossing", expected.In(chita).Format("15:04:05 MST"), crossing.Minutes())
	p.fact("late by", "%.0f minutes: a notice is due %.0f minutes ahead, and a late one goes all the same", late.Minutes(), lead.Minutes())
	p.fact("state", "%s", strings.ToUpper(m.State))
	c.equal("state of the manifest", first.State, string(gateway.Joined))
	c.equal("message of the manifest", first.Message.GetMessageId(), m.MessageId)
	c.equal("parts", slices.Sorted(slices.Values(m.Parts)), []string{t.Manifest.MessageID, t.MessageID})
	c.equal("state of the notice", m.State, string(gateway.Accepted))
	c.equal("table", m.Mapping, "ru/auto-preliminary.v1")
	c.equal("expected arrival", expected.UTC(), t.exit.Add(crossing).UTC())
	// Late is judged when the notice is made, a moment after the exit.
	c.holds("late by is what is left of the lead time", (late-(lead-expected.Sub(m.Created.AsTime()))).Abs() <= time.Second)
	c.holds("the notice is late by 80 minutes", (late-(lead-crossing)).Abs() <= slack)
	return c.err()
}

func (p *play) noticeIsRight(ctx context.Context) error {
	p.step("The Russian national system takes the notice from its inbox: AutoPreliminary 5.23.0.")
	received, canonical, err := take(ctx, p.ruNational, "PreArrivalNotice", p.message.DocumentId)
	if err != nil {
		return err
	}
	p.notice = received.Content
	if err := p.save("cn-ru-auto-preliminary.xml", p.notice); err != nil {
		return err
	}
	if err := p.save("cn-ru-canonical.json", canonical.Content); err != nil {
		return err
	}
	r, err := p.checkReceipt(p.ru, p.message, p.notice)
	if err != nil {
		return err
	}
	if err := p.saveReceipt("receipt-cn-ru-auto-preliminary.json", p.message.Receipt); err != nil {
		return err
	}
	if err := p.valid(ctx, "ru/auto-preliminary.v1", p.notice); err != nil {
		return err
	}
	var form preliminary
	if err := xml.Unmarshal(p.notice, &form); err != nil {
		return err
	}
	p.fact("schema", "valid, %d bytes", len(p.notice))
	p.fact("receipt", "%s, signed by Russia with the key %s", r.statement.Verdict, r.header.KeyID)
	p.fact("received", "sha256 %s, the very bytes that China has sent", short(r.statement.Received.String()))
	p.fact("understood", "sha256 %s, the canonical document that Russia has decoded", short(r.statement.Canonical.String()))
	var rows [][]string
	for _, w := range form.Waybills {
		for _, l := range w.Lines {
			rows = append(rows, []string{w.Number, l.Description, l.HS, l.Packages, l.Mass})
		}
	}
	p.table([]string{"waybill", "goods, as their HS heading", "tariff code", "packages", "gross kg"}, rows)
	var c checks
	c.same("the Russian form", form.statements(), p.truck.expected())
	c.equal("document id", form.ID, p.message.DocumentId)
	c.equal("digest of the canonical document", r.statement.Canonical, gateway.DigestOf(canonical.Content))
	c.equal("expected arrival in the signed header", received.ExpectedArrival.AsTime(), p.message.ExpectedArrival.AsTime())
	c.equal("late by in the signed header", received.LateBy, p.message.LateBy)
	c.equal("elements that Russia does not read", len(received.Unread), 0)
	if err := c.err(); err != nil {
		return err
	}
	p.say("Plates, seals, waybills, parties, goods and masses are those that China has put in.")
	return nil
}

func (p *play) traceIsRight(ctx context.Context) error {
	p.step("An analyst asks where a value of the Russian document came from.")
	trace, err := p.cnPost.submissions.Explain(ctx, &exchangev1.ExplainRequest{SubmissionId: p.truck.MessageID})
	if err != nil {
		return err
	}
	if err := p.saveJSON("trace.json", trace); err != nil {
		return err
	}
	russian, err := places(p.notice)
	if err != nil {
		return err
	}
	chinese := make(map[string]map[string]string)
	for id, content := range map[string][]byte{p.truck.Manifest.MessageID: p.manifestXML, p.truck.MessageID: p.reportXML} {
		if chinese[id], err = places(content); err != nil {
			return err
		}
	}
	var c checks
	var masses, plates []string
	rows := make([][]string, 3) // of each provenance shown, the first
	by := make(map[string]int)
	show := func(i int, element, from string, o *exchangev1.Origin) {
		if rows[i] == nil {
			rows[i] = []string{element, o.Value, o.Row + " of " + o.Mapping, from}
		}
	}
	for _, o := range trace.Origins {
		by[o.Provenance]++
		c.equal("the Russian form at "+o.Target, russian[o.Target], o.Value)
		delete(russian, o.Target)
		if o.Source != "" && o.SourceValue != "" {
			c.equal("the Chinese document at "+o.Source, chinese[o.SourceSubmission][o.Source], o.SourceValue)
		}
		element := strings.TrimSuffix(o.Target[strings.LastIndexByte(o.Target, ':')+1:], "[1]")
		switch {
		case o.Provenance == "route" && element == "CustomsOfficeCode":
			show(0, element, "the route's row "+o.Note, o)
		case o.SourceSubmission == p.truck.MessageID && element == "TransportMeansRegId":
			plates = append(plates, o.SourceValue)
			show(1, element, "MT4402, "+within(o.Source), o)
		case o.SourceSubmission == p.truck.Manifest.MessageID && strings.Contains(o.Target, "GoodsItem") && element == "GrossWeightQuantity":
			masses = append(masses, o.SourceValue)
			show(2, element, "MT2401, "+within(o.Source), o)
		}
	}
	for place, value := range russian {
		c.holds(fmt.Sprintf("the trace says where %s at %s came from", value, place), value == "")
	}
	c.holds("values come from the route and from both documents", !slices.ContainsFunc(rows, func(r []string) bool { return r == nil }))
	if err := c.err(); err != nil {
		return err
	}
	p.table([]string{"in the Russian form", "value", "row", "from"}, rows)
	p.say("All %d values stand where the trace says, in the Russian form and in the Chinese documents:", len(trace.Origins))
	p.say("%d come from the Chinese documents, %d from the route, %d from the table, %d from the gateway.",
		by["document"], by["route"], by["constant"], by["gateway"])
	var want []string
	for _, w := range p.truck.Manifest.Waybills {
		for _, l := range w.Lines {
			want = append(want, l.Mass)
		}
	}
	c.equal("message of the trace", trace.MessageId, p.message.MessageId)
	c.equal("masses traced to the manifest", masses, want)
	c.equal("plates traced to the report", plates, []string{p.truck.Tractor, p.truck.Trailer})
	return c.err()
}

func (p *play) russiaAnswers(ctx context.Context) error {
	p.step("The Russian national system registers the notice, and submits its answer: Notif_PIResult.")
	now := p.now().In(chita)
	answer := result{
		ID: p.uuid(), Answers: p.message.DocumentId, SystemID: p.uuid(), Date: now.Format(time.DateOnly), Number: p.digits(9),
		Registered: now.Truncate(time.Second).Format(time.RFC3339), Status: "REGISTERED", Words: "Предварительная информация зарегистрирована",
	}
	content, err := render("notif-pi-result.xml", answer)
	if err != nil {
		return err
	}
	if err := p.save("ru-cn-notif-pi-result.xml", content); err != nil {
		return err
	}
	if _, err := p.ruNational.submit(ctx, content); err != nil {
		return err
	}
	sub, err := until(ctx, "Russia's answer", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, p.truck.Manifest.MessageID) },
		func(s *exchangev1.Submission) bool { return len(s.Message.GetAnswers()) > 0 })
	if err != nil {
		return err
	}
	given := sub.Message.Answers[0]
	p.say("The post at Manzhouli reads it beside the state of its own submission:")
	p.fact("state", "%s", strings.ToUpper(sub.Message.State))
	p.fact("answer", "%s", given.Status)
	p.fact("registered as", "%s", given.RegistrationNumber)
	for _, r := range given.Results {
		p.fact("", "%s", strings.Join(append([]string{strings.TrimSpace(r.Code + " " + r.Text)}, r.Words...), ": "))
	}
	own, err := until(ctx, "China's acceptance", func() (*exchangev1.Submission, error) { return p.ruNational.status(ctx, answer.ID) },
		func(s *exchangev1.Submission) bool { return gateway.MessageState(s.Message.GetState()).Final() })
	if err != nil {
		return err
	}
	received, _, err := take(ctx, p.cnNational, "Answer", answer.ID)
	if err != nil {
		return err
	}
	if _, err := p.checkReceipt(p.cn, own.Message, received.Content); err != nil {
		return err
	}
	var c checks
	c.equal("state of the notice", sub.Message.State, string(gateway.Accepted))
	c.equal("answers", len(sub.Message.Answers), 1)
	c.equal("message of the answer", given.MessageId, own.Message.MessageId)
	c.equal("status", given.Status, "REGISTERED")
	c.equal("registration number", given.RegistrationNumber, "RU/"+answer.Date+"/"+answer.Number)
	c.equal("state of the answer", own.Message.State, string(gateway.Accepted))
	c.equal("documents answered", received.Answers, []string{p.message.DocumentId})
	return errors.Join(c.err(), p.saveReceipt("receipt-ru-cn-notif-pi-result.json", own.Message.Receipt))
}

func (p *play) truckArrives(ctx context.Context) error {
	p.step("The truck arrives. The post at Zabaykalsk weighs it, reads its seals, and records that with gatewayctl.")
	t := p.truck
	gone := p.IntN(len(t.Seals))
	seen := arrival{
		ID: "ARR-" + zabaykalsk + "-" + p.digits(6), At: p.now().In(chita).Format("2006-01-02T15:04:05.000Z07:00"), Truck: t,
		Seals: slices.Delete(slices.Clone(t.Seals), gone, gone+1), Weighed: weighedAt(t.gross, outOfScale),
	}
	content, err := render("arrival.json", seen)
	if err != nil {
		return err
	}
	if err := p.save("ru-arrival.json", content); err != nil {
		return err
	}
	file, err := p.temporary("arrival.json", content)
	if err != nil {
		return err
	}
	movement := new(exchangev1.Movement)
	if err := p.ruPost.run(ctx, movement, "arrival", "-id", seen.ID, file); err != nil {
		return err
	}
	if err := p.saveJSON("movement.json", movement); err != nil {
		return err
	}
	if len(movement.Comparisons) != 1 {
		return fmt.Errorf("the movement has %d comparisons, want 1", len(movement.Comparisons))
	}
	comparison := movement.Comparisons[0]
	if err := p.saveJSON("comparison.json", comparison); err != nil {
		return err
	}
	p.say("(The play does not wait the %.0f minutes.)", crossing.Minutes())
	p.fact("read", "%s, %s, %s, seals %s", latin(t.Tractor), latin(t.Trailer), t.Container, strings.Join(seen.Seals, ", "))
	p.fact("weighed", "%s kg", seen.Weighed)
	p.say("The movement was found by batch %s; %d things agree, and the comparison %s:", movement.Batch, comparison.Agreed, comparison.Result)
	var differing []*exchangev1.Discrepancy
	for _, d := range comparison.Discrepancies {
		p.say("%s, %s: %s", d.Code, d.Severity, d.Message)
		p.fact("expected", "%s%s", d.Expected, byMethod(d.ExpectedMethod))
		p.fact("found", "%s%s", orNothing(d.Found), byMethod(d.FoundMethod))
		if d.Tolerance != "" {
			p.fact("tolerance", "%s", d.Tolerance)
		}
		if d.Difference != "" {
			p.fact("difference", "%s", d.Difference)
		}
		if d.Severity != string(gateway.Info) {
			differing = append(differing, d)
		}
	}
	var c checks
	c.equal("movement's batch", movement.Batch, t.Manifest.Batch)
	c.equal("result", comparison.Result, "differs")
	c.holds("the tractor, the trailer, the container and the other seals agree", int(comparison.Agreed) >= 3+len(seen.Seals))
	c.equal("discrepancies", len(differing), 2)
	for _, d := range differing {
		switch gateway.Code(d.Code) {
		case gateway.CmpGrossMass:
			c.equal("mass expected", d.Expected, t.gross.String())
			c.equal("mass found", d.Found, seen.Weighed.String())
			c.equal("method expected", d.ExpectedMethod, "DECLARED")
			c.equal("method found", d.FoundMethod, "WEIGHBRIDGE")
			c.equal("difference", d.Difference, fmt.Sprintf("%s - %s = %s kg (2.10 %%)", seen.Weighed, t.gross, seen.Weighed-t.gross))
			c.holds("the tolerance is stated", d.Tolerance != "")
		case gateway.CmpSealMissing:
			c.equal("seal expected", d.Expected, t.Seals[gone])
			c.equal("seal found", d.Found, "")
		default:
			c.holds(d.Code+" was put in", false)
		}
	}
	return c.err()
}

func (p *play) russiaSends(ctx context.Context) error {
	p.step("The other direction: the post at Zabaykalsk submits a manifest as canonical JSON; China receives MT1401.")
	s := p.dice.shipment(p.now())
	content, err := render("manifest.json", s)
	if err != nil {
		return err
	}
	if err := p.save("ru-manifest.json", content); err != nil {
		return err
	}
	if _, err := p.ruPost.submit(ctx, content); err != nil {
		return err
	}
	sub, err := until(ctx, "China's acceptance", func() (*exchangev1.Submission, error) { return p.ruPost.status(ctx, s.ID) },
		func(s *exchangev1.Submission) bool { return gateway.MessageState(s.Message.GetState()).Final() })
	if err != nil {
		return err
	}
	received, _, err := take(ctx, p.cnNational, "Manifest", sub.Message.GetDocumentId())
	if err != nil {
		return err
	}
	if err := p.save("ru-cn-mt1401.xml", received.Content); err != nil {
		return err
	}
	if err := p.valid(ctx, "cn/mt1401.v1", received.Content); err != nil {
		return err
	}
	if _, err := p.checkReceipt(p.cn, sub.Message, received.Content); err != nil {
		return err
	}
	var form import1401
	if err := xml.Unmarshal(received.Content, &form); err != nil {
		return err
	}
	p.fact("state", "%s", strings.ToUpper(sub.Message.State))
	p.fact("schema", "valid, %d bytes", len(received.Content))
	var rows [][]string
	for i, w := range form.Waybills {
		for k, l := range w.Lines {
			rows = append(rows, []string{w.Number, s.Waybills[i].Lines[k].Description, l.Description, l.HS, l.Quantity.Packages, l.Mass})
		}
	}
	p.table([]string{"waybill", "sent", "received, as the HS heading", "tariff code", "packages", "gross kg"}, rows)
	var c checks
	c.same("the Chinese form", form.statements(), s.expected())
	c.equal("state of the manifest", sub.Message.State, string(gateway.Accepted))
	for _, w := range s.Waybills {
		c.holds("the price stays in Russia", !strings.Contains(string(received.Content), w.Amount))
	}
	return errors.Join(c.err(), p.saveReceipt("receipt-ru-cn-mt1401.json", sub.Message.Receipt))
}

// told is one fault of a document: as put in, and as the gateway tells it.
type told struct {
	PutIn string            `json:"putIn"`
	Code  string            `json:"code"`
	Place string            `json:"place"`
	Line  int32             `json:"line"`
	Value string            `json:"value"`
	Texts map[string]string `json:"texts"`
}

func (p *play) elevenFaults(ctx context.Context) error {
	const number = 11
	p.step("A document with eleven faults is refused, and all of them are told at once.")
	t := p.dice.truck(p.now().Add(-time.Second), 3, 4)
	put := p.inject(t.Manifest, number)
	content, err := render("mt2401.xml", t.Manifest)
	if err != nil {
		return err
	}
	if err := p.save("cn-mt2401-faulty.xml", content); err != nil {
		return err
	}
	inDocument, err := places(content)
	if err != nil {
		return err
	}
	found := make(map[string]*told) // by place
	for _, lang := range []string{"en", "zh"} {
		faults, err := refusal(p.cnPost.submit(inLanguage(ctx, lang), content))
		if err != nil {
			return err
		}
		for _, f := range faults {
			switch known := found[f.Location]; {
			case f.Severity != string(gateway.Error):
			case known == nil:
				found[f.Location] = &told{Code: f.Code, Place: f.Location, Line: f.Line, Value: f.Value, Texts: map[string]string{lang: f.Message}}
			case known.Code == f.Code: // later ones are the same fault, as a further step sees it
				known.Texts[lang] = f.Message
			}
		}
	}
	var c checks
	c.equal("faults", len(found), number)
	for _, want := range put {
		f := found[want.place]
		if f == nil {
			c.holds(fmt.Sprintf("%s is told, as %s at %s", want.what, want.code, want.place), false)
			continue
		}
		f.PutIn = want.what
		c.equal("code of "+want.what, f.Code, string(want.code))
		c.holds("it is told in English and Chinese, with its line", f.Texts["en"] != "" && f.Texts["zh"] != "" && f.Line > 0)
		_, there := inDocument[f.Place]
		c.holds(f.Place+" is a place in the sender's document", there)
	}
	listed := slices.SortedFunc(maps.Values(found), func(a, b *told) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Place, b.Place)) })
	for i, f := range listed {
		c.holds(fmt.Sprintf("%s at %s was put in", f.Code, f.Place), f.PutIn != "")
		p.printf("     %2d  line %-4d %s\n", i+1, f.Line, within(f.Place))
		p.printf("         put in    %s\n", f.PutIn)
		p.printf("         told      %s: %s\n", f.Code, clip(f.Texts["en"]))
		p.printf("                   %s\n", clip(f.Texts["zh"]))
	}
	return errors.Join(c.err(), p.saveJSON("faults.json", listed))
}

func (p *play) strangerIsRefused(ctx context.Context) error {
	p.step("A client with the post's name, but of another CA, is refused.")
	stranger, err := dial(p.cn, p.bin, "stranger/copycat-post")
	if err != nil {
		return err
	}
	defer stranger.close()
	_, err = stranger.submit(ctx, p.manifestXML)
	var c checks
	c.equal("answer to the stranger", status.Code(err), codes.Unavailable)
	entry, err := p.cn.logged("certificate refused")
	if err != nil {
		return err
	}
	c.equal("reason in the gateway's log", entry["code"], string(gateway.TLSUntrustedCA))
	p.say("The connection is not made; nothing it sends is read. The gateway notes %v.", entry["code"])
	return c.err()
}

func (p *play) sameIDOtherContent(ctx context.Context) error {
	p.step("The same message id: with the same content it gets the same answer, with another it is refused.")
	again, err := p.cnPost.submit(ctx, p.manifestXML)
	if err != nil {
		return err
	}
	m := p.truck.Manifest
	other := strings.Replace(string(p.manifestXML), m.Firm, m.Firm[:len(m.Firm)-len("公司")]+"责任公司", 1)
	faults, err := refusal(p.cnPost.submit(ctx, []byte(other)))
	if err != nil {
		return err
	}
	var c checks
	c.equal("message of the repeated manifest", again.Message.GetMessageId(), p.message.MessageId)
	c.holds("the other content is another", other != string(p.manifestXML))
	c.equal("faults", len(faults), 1)
	if len(faults) > 0 {
		c.equal("code", faults[0].Code, string(gateway.IDReuse))
		p.fact("same content", "message %s, as before", again.Message.GetMessageId())
		p.fact("other content", "%s: %s", faults[0].Code, faults[0].Message)
	}
	return c.err()
}

func (p *play) priceStaysHome(ctx context.Context) error {
	p.step("What the route does not release is not there: the price, and the driver's name.")
	var c checks
	var rows [][]string
	row := func(what, value string, in []byte) {
		there, here := strings.Contains(string(in), value), strings.Contains(string(p.notice), value)
		c.holds("the Chinese XML holds "+value, there)
		c.holds("the Russian XML does not hold "+value, !here)
		rows = append(rows, []string{what, value, yesNo(there), yesNo(here)})
	}
	for _, w := range p.truck.Manifest.Waybills {
		row("price of "+w.Number, w.Amount, p.manifestXML)
	}
	row("currency", p.truck.Manifest.Waybills[0].Currency, p.manifestXML)
	row("driver", p.truck.Driver, p.reportXML)
	p.table([]string{"", "value", "in the Chinese XML", "in the Russian XML"}, rows)
	return c.err()
}

// refusal is what a gateway told of a document that it refused.
func refusal(sub *exchangev1.Submission, err error) ([]*exchangev1.Fault, error) {
	if err == nil {
		return nil, fmt.Errorf("the document was not refused, its state is %s", sub.State)
	}
	st := status.Convert(err)
	if code := st.Code(); code != codes.InvalidArgument && code != codes.AlreadyExists {
		return nil, err
	}
	var out []*exchangev1.Fault
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok {
			out = append(out, f)
		}
	}
	return out, nil
}
