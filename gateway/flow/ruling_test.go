package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// rule rules on a text of a submission of a border's office of exit.
func (w *world) rule(b border, id string, d flow.Decision) (store.Submission, error) {
	w.t.Helper()
	if d.Reason == "" {
		d.Reason = "looked at the papers"
	}
	return w.cn.Rule(w.t.Context(), supervisor(b), b.exit.Office, gateway.SubmissionID(id), d)
}

// leaks are places of a crossing's documents in which a price hides: which document says it, what is
// written in the place of what, and whether it is told as soon as the document comes.
var leaks = map[string]struct {
	file, old, text, with string
	formless              bool // the partner's form has no place for it, though the route lets it go
}{
	"a description":        {"mt2401.xml", "鲜番茄", "番茄 单价USD3.20", "番茄", false},
	"a remark":             {"mt2401.xml", "出口", "货款 61000 元", "出口货物", true},
	"a remark of a report": {"mt4402.xml", "<Carrier>", "两千卢布", "空箱", true},
}

// leaking are the parts of a trip, one of which says a text.
func leaking(w *world, b border, p trip, name, text string) map[string][]byte {
	parts := map[string][]byte{"mt2401.xml": p.document(w, b, "mt2401.xml"), "mt4402.xml": p.document(w, b, "mt4402.xml")}
	l := leaks[name]
	if l.old == "<Carrier>" {
		text = "<AdditionalInformation><Content>" + text + "</Content></AdditionalInformation><Carrier>"
		parts["mt2401.xml"] = bytes.Replace(parts["mt2401.xml"], []byte("<AdditionalInformation>\n      <Content>出口</Content>\n    </AdditionalInformation>\n"), nil, 1)
	}
	parts[l.file] = bytes.Replace(parts[l.file], []byte(l.old), []byte(text), 1)
	parts["mt2401.xml"] = bytes.Replace(parts["mt2401.xml"], []byte("0702000000"), []byte("0511990000"), 1) // of which no list has a text that would travel instead
	return parts
}

// A text in which a price is found is held at either border, wherever it stands: nothing leaves before it
// is ruled on, and then what was ruled, which can be explained to the byte.
func TestAPriceInATextWaitsForARuling(t *testing.T) {
	for _, b := range borders {
		for name, l := range leaks {
			for _, verdict := range []string{flow.NoPrice, flow.Replace, flow.Refuse, "nobody rules"} {
				t.Run(fmt.Sprintf("%s %s %s", b.to, name, verdict), func(t *testing.T) {
					w := newPair(t, b.to)
					p := tripOf(1, w)
					parts := leaking(w, b, p, name, l.text)
					submit := func(id, file string) store.Submission {
						s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: parts[file]})
						if err != nil {
							t.Fatal(err)
						}
						return s
					}
					early := submit("M1", "mt2401.xml")
					if waits := slices.Contains(early.WaitsFor, flow.WaitsForRuling); early.State != gateway.Held || waits != (l.file == "mt2401.xml") {
						t.Fatalf("the manifest is %s %v: %v", early.State, early.WaitsFor, early.Faults.Report("en"))
					}
					last := submit("V1", "mt4402.xml")
					if last.State != gateway.Held || !slices.Equal(last.WaitsFor, []string{flow.WaitsForRuling}) || !last.Expires.Equal(w.clock.Now().Add(flow.RulingTime)) {
						t.Fatalf("it is %s %v until %v: %v", last.State, last.WaitsFor, last.Expires, last.Faults.Report("en"))
					}
					i := slices.IndexFunc(last.Faults, func(f gateway.Fault) bool { return f.Code == gateway.ReleasePriceInText })
					if i < 0 || last.Faults[i].Severity != gateway.Warning || last.Faults[i].Location.Expr == "" || (last.Faults[i].Location.Document == "M1") != (l.file == "mt2401.xml") {
						t.Fatalf("the place is %+v", last.Faults)
					}
					if c, err := w.cn.Check(t.Context(), b.exit, flow.Submission{ID: "V2", MediaType: flow.XML, Content: bytes.Replace(parts["mt4402.xml"], []byte("101500001"), []byte("101500002"), 1)}); err != nil || c.State == gateway.Joined {
						t.Errorf("another is checked as %s, %v", c.State, err)
					}
					w.send(b)
					if len(w.out.sent) > 0 {
						t.Fatal("it has left before it was ruled on")
					}
					id := map[string]string{"mt2401.xml": "M1", "mt4402.xml": "V1"}[l.file]
					switch verdict {
					case "nobody rules":
						w.clock.add(flow.RulingTime + time.Minute)
						if err := w.cn.ExpireHeld(t.Context()); err != nil {
							t.Fatal(err)
						}
						for _, id := range []string{"M1", "V1"} {
							if s, err := w.cn.Store.Read().Submission(t.Context(), b.exit.Office, id); err != nil || s.State != gateway.Expired || !strings.Contains(s.Reason, "ruled in time") {
								t.Errorf("%s is %s %q, %v", id, s.State, s.Reason, err)
							}
						}
						w.send(b)
						if len(w.out.sent) > 0 {
							t.Error("it has left")
						}
						return
					case flow.Refuse:
						s, err := w.rule(b, id, flow.Decision{Verdict: verdict})
						if err != nil || s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.RulingRefused) {
							t.Fatalf("refused, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
						}
						w.judge()
						if again := submit(id, l.file); again.State != gateway.Faulty || !slices.Contains(codesIn(again.Faults), gateway.RulingRefused) {
							t.Errorf("the same again: %s", again.State)
						}
						other := map[string]string{"M1": "V1", "V1": "M1"}[id]
						if s, err := w.cn.Store.Read().Submission(t.Context(), b.exit.Office, other); err != nil || s.State != gateway.Held || slices.Contains(s.WaitsFor, flow.WaitsForRuling) {
							t.Errorf("what waited with it is %s %v, %v", s.State, s.WaitsFor, err)
						}
						parts[l.file] = bytes.Replace(parts[l.file], []byte(l.text), []byte(l.with), 1)
						if s := submit(id, l.file); s.State != gateway.Joined {
							t.Errorf("with another text it is %s %v", s.State, s.Faults.Report("en"))
						}
					default:
						d := flow.Decision{Verdict: verdict}
						if verdict == flow.Replace {
							d.Text = l.with
						}
						s, err := w.rule(b, id, d)
						if err != nil || s.State != gateway.Joined {
							t.Fatalf("ruled on, it is %s %v %v, %v", s.State, s.WaitsFor, s.Faults.Report("en"), err)
						}
					}
					w.send(b)
					if len(w.out.sent) != 1 {
						t.Fatalf("%d have left", len(w.out.sent))
					}
					sent := string(w.out.sent[0].Payload())
					if strings.Contains(sent, l.text) != (verdict == flow.NoPrice && !l.formless) || strings.Contains(sent, "looked at") || strings.Contains(sent, "supervisor") {
						t.Errorf("what travels holds the text: %v", strings.Contains(sent, l.text))
					}
					if verdict == flow.Replace && !l.formless && !strings.Contains(sent, l.with) {
						t.Error("the replacement does not travel")
					}
					e, err := w.cn.Explain(t.Context(), b.exit, gateway.SubmissionID(id))
					if err != nil {
						t.Fatal(err)
					}
					losses, err := w.cn.Losses(t.Context(), b.exit, w.state(b, id))
					if err != nil {
						t.Fatal(err)
					}
					told := slices.IndexFunc(losses.Of, func(of flow.Loss) bool { return of.Reason == flow.ReplacedByRuling })
					if (told >= 0) != (verdict == flow.Replace && !l.formless) || told >= 0 && (losses.Of[told].Places[0].Instead != l.with || losses.Of[told].Places[0].Value != l.text || losses.Of[told].Count != 1) {
						t.Errorf("of the ruling is told %+v", losses.Of)
					}
					by := 0
					for _, o := range e.Origins {
						if o.Provenance == flow.FromApprover {
							if by++; o.Value != l.with || o.Source != "" {
								t.Errorf("%+v", o)
							}
						}
					}
					if (by > 0) != (verdict == flow.Replace && !l.formless) {
						t.Errorf("%d values by the approver", by)
					}
				})
			}
		}
	}
}

// Who submitted any of it does not rule, nor is anything ruled on that does not wait; every refusal is told in
// five languages.
func TestARulingIsRefused(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	p := tripOf(1, w)
	parts := leaking(w, b, p, "a description", "番茄 单价USD3.20")
	parts["mt2401.xml"] = bytes.Replace(parts["mt2401.xml"], []byte("鲜黄瓜"), []byte("黄瓜 ¥88"), 1)
	submit := func(id, file string) store.Submission {
		s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: parts[file]})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := submit("M1", "mt2401.xml")
	var out bytes.Buffer
	for _, f := range s.Faults {
		inFiveLanguages(&out, "a text that waits", f)
	}
	told := func(title string, want gateway.Code, d flow.Decision, id string, as flow.Caller) {
		t.Helper()
		if d.Reason == "" {
			d.Reason = "looked at the papers"
		}
		_, err := w.cn.Rule(t.Context(), as, b.exit.Office, gateway.SubmissionID(id), d)
		var faults gateway.Faults
		if !errors.As(err, &faults) || faults[0].Code != want {
			t.Errorf("%s: %v, want %s", title, err, want)
			return
		}
		inFiveLanguages(&out, title, faults[0])
	}
	boss := supervisor(b)
	told("who submitted it", gateway.ApprovalOwn, flow.Decision{Verdict: flow.NoPrice}, "M1", b.exit)
	told("without a reason", gateway.ReasonUnfit, flow.Decision{Verdict: flow.NoPrice, Reason: "no"}, "M1", boss)
	told("no verdict", gateway.RulingUnfit, flow.Decision{Verdict: "maybe"}, "M1", boss)
	told("a text that is not wanted", gateway.RulingUnfit, flow.Decision{Verdict: flow.NoPrice, Text: "x"}, "M1", boss)
	told("nothing in its place", gateway.RulingUnfit, flow.Decision{Verdict: flow.Replace}, "M1", boss)
	told("one text for two", gateway.RulingPlace, flow.Decision{Verdict: flow.Replace, Text: "番茄"}, "M1", boss)
	told("a place where none waits", gateway.RulingPlace, flow.Decision{Verdict: flow.NoPrice, Place: "/nowhere"}, "M1", boss)
	told("a price in the place of a price", gateway.RulingText, flow.Decision{Verdict: flow.Replace, Text: "黄瓜 88 元", Place: s.Faults[len(s.Faults)-1].Location.Expr}, "M1", boss)
	told("a text that nobody sees", gateway.RulingText, flow.Decision{Verdict: flow.Replace, Text: "\u200b", Place: s.Faults[len(s.Faults)-1].Location.Expr}, "M1", boss)
	if _, err := w.rule(b, "M9", flow.Decision{Verdict: flow.NoPrice}); store.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("an unknown one: %v", err)
	}
	// One after the other, by their places.
	if s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.NoPrice, Place: s.Faults[len(s.Faults)-1].Location.Expr}); err != nil || !slices.Contains(s.WaitsFor, flow.WaitsForRuling) {
		t.Fatalf("with one left it waits for %v, %v", s.WaitsFor, err)
	}
	s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Replace, Text: "番茄"})
	if err != nil || s.State != gateway.Held || slices.Contains(s.WaitsFor, flow.WaitsForRuling) || len(s.WaitsFor) == 0 {
		t.Fatalf("ruled on, it is %s %v, %v", s.State, s.WaitsFor, err)
	}
	told("what does not wait", gateway.RulingNotAwaited, flow.Decision{Verdict: flow.NoPrice}, "M1", boss)
	if s := submit("V1", "mt4402.xml"); s.State != gateway.Joined {
		t.Fatalf("the truck waits: %s %v", s.State, s.WaitsFor)
	}
	golden(t, "testdata/ruling.txt", out.Bytes())
}

// A change that repeats a text that was ruled on needs no second ruling; another text does, and what is
// announced stands meanwhile. A truck of the same convoy goes by the same ruling.
func TestAChangeRepeatsWhatWasRuledOn(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			parts := leaking(w, b, p, "a description", "番茄 单价USD3.20")
			for id, file := range map[string]string{"M1": "mt2401.xml", "V1": "mt4402.xml"} {
				if _, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: parts[file]}); err != nil {
					t.Fatal(err)
				}
			}
			if s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Replace, Text: "番茄"}); err != nil || s.State != gateway.Joined {
				t.Fatalf("%s %v, %v", s.State, s.Faults.Report("en"), err)
			}
			w.send(b)
			amend := func(id string, with ...string) store.Submission {
				content := []byte(strings.NewReplacer(append(with, "093000001", "093000"+id[1:])...).Replace(string(parts["mt2401.xml"])))
				s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content, Asks: store.Asks{Amends: "M1", Reason: "004"}})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s := amend("M201", ">420<", ">421<")
			for s.State == gateway.Held && slices.Contains(s.WaitsFor, flow.WaitsForNumber) { // the partner's form names it
				w.clock.add(8 * time.Hour)
				if err := w.cn.ExpireHeld(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.judge()
				if s, _ = w.cn.Store.Read().Submission(t.Context(), b.exit.Office, "M201"); slices.Contains(s.WaitsFor, flow.WaitsForApproval) {
					if s, _ = w.approve(b, "M201", true); s.State != gateway.Joined {
						t.Fatalf("approved, it is %s %v", s.State, s.Faults.Report("en"))
					}
				}
			}
			if s.State != gateway.Joined {
				t.Fatalf("the same text again is %s %v %v", s.State, s.WaitsFor, s.Faults.Report("en"))
			}
			w.send(b)
			if e, err := w.cn.Explain(t.Context(), b.exit, "M201"); err != nil || !slices.ContainsFunc(e.Origins, func(o flow.Origin) bool { return o.Provenance == flow.FromApprover }) {
				t.Errorf("it cannot be explained: %v", err)
			}
			n := len(w.out.sent)
			s = amend("M202", ">420<", ">422<", "USD3.20", "USD3.30")
			if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForRuling}) {
				t.Fatalf("another text is %s %v %v", s.State, s.WaitsFor, s.Faults.Report("en"))
			}
			w.send(b)
			if len(w.out.sent) != n {
				t.Error("it has left")
			}
			if s, err := w.rule(b, "M202", flow.Decision{Verdict: flow.Refuse}); err != nil || s.State != gateway.Faulty {
				t.Errorf("refused, it is %s, %v", s.State, err)
			}
		})
	}
}

// What a partner is answered waits too, though answers have no field for a price, and what comes as JSON on
// the way back; the remark of a cancellation does not, for no route lets it go.
func TestWhatComesAsJSONWaitsForARuling(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			m, id := w.announced(b, tripOf(1, w))
			w.send(b)
			if b.to == "RU" { // whose post answers itself
				national := flow.Caller{URI: "customs://" + string(b.to) + "/system/national", Office: b.entry.Office}
				said := strings.Replace(registered, "зарегистрировано", "доплата 500 руб.", 1)
				s := w.answerAs(w.ru, national, "R1", m.DocumentID, said)
				if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForRuling}) {
					t.Fatalf("the answer is %s %v %v", s.State, s.WaitsFor, s.Faults.Report("en"))
				}
				boss := flow.Caller{URI: "customs://" + string(b.to) + "/supervisor/1", Office: b.entry.Office}
				s, err := w.ru.Rule(t.Context(), boss, b.entry.Office, "R1", flow.Decision{Verdict: flow.Replace, Text: "доплата", Reason: "no sums are told"})
				if err != nil || s.State != gateway.Sent {
					t.Fatalf("ruled on, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
				}
				if sent, err := w.ru.Store.Read().Message(t.Context(), s.MessageID); err != nil || bytes.Contains(sent.Payload, []byte("500 руб")) || !bytes.Contains(sent.Payload, []byte("доплата")) {
					t.Errorf("the text travels, %v", err)
				}
			}
			content := bytes.Replace(cancellation("C1", id), []byte(`"reason": "004"`), []byte(`"reason": "004", "remarks": [{"language": "en", "value": "buyer pays 500 dollars less"}]`), 1)
			if s, err := w.cn.Submit(t.Context(), b.exit, flow.Submission{ID: "C1", MediaType: flow.JSON, Content: content}); err != nil || slices.Contains(s.WaitsFor, flow.WaitsForRuling) {
				t.Errorf("the cancellation is %s %v, %v", s.State, s.WaitsFor, err)
			}
		})
	}
	t.Run("a manifest in JSON on the way back", func(t *testing.T) {
		w := newPair(t, "RU")
		content := bytes.Replace(back("B1", "ORIGINAL", "12"), []byte(`"manifest": {`), []byte(`"manifest": {"remarks": [{"language": "ru", "value": "цена 300 за тонну"}], `), 1)
		s := w.submitBack(flow.Submission{ID: "B1", Content: content}, gateway.Held)
		if !slices.Equal(s.WaitsFor, []string{flow.WaitsForRuling}) {
			t.Fatalf("it waits for %v", s.WaitsFor)
		}
		boss := flow.Caller{URI: "customs://RU/office/10719110/supervisor/1", Office: russianPost.Office}
		s, err := w.ru.Rule(t.Context(), boss, russianPost.Office, "B1", flow.Decision{Verdict: flow.NoPrice, Reason: "a mine's name"})
		if err != nil || s.State != gateway.Sent {
			t.Errorf("ruled on, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
		}
	})
}

// Of a convoy every truck waits with the manifest whose text was not ruled on, those that come while it waits
// too; one ruling lets all of them go, and a truck that comes later. None leaves before.
func TestAConvoyWaitsForARuling(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			c := convoyOf(w, 1, "ABCU1234560", "CSQU3054383", "MSKU0000007")
			w.hand(b, "V1", c.report(w, b, 1, 0))
			const price = "番茄 单价USD3.20"
			manifest := bytes.Replace(c.manifest(w, b), []byte("鲜番茄"), []byte(price), 1)
			manifest = bytes.Replace(manifest, []byte("0702000000"), []byte("0511990000"), 1)
			waits := func(when string, ids ...string) {
				t.Helper()
				for _, id := range ids {
					if s := w.state(b, id); s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForRuling}) {
						t.Fatalf("%s %s is %s %v: %v", when, id, s.State, s.WaitsFor, s.Faults.Report("en"))
					}
				}
				if w.send(b); len(w.out.sent) > 0 {
					t.Fatalf("%s it has left", when)
				}
			}
			w.hand(b, "M1", manifest)
			waits("with one truck", "M1", "V1")
			w.hand(b, "V2", c.report(w, b, 2, 0))
			waits("with two trucks", "M1", "V1", "V2")
			if s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Replace, Text: "番茄"}); err != nil || s.State != gateway.Joined {
				t.Fatalf("ruled on, it is %s %v, %v", s.State, s.WaitsFor, err)
			}
			w.judge()
			w.hand(b, "V3", c.report(w, b, 3, time.Hour))
			w.send(b)
			trucks := make(map[string]int)
			for _, m := range w.out.sent {
				if text := string(m.Payload()); strings.Contains(text, price) || !strings.Contains(text, "番茄") {
					t.Errorf("of the text travels %v", strings.Contains(text, price))
				}
				for truck := 1; truck <= 3; truck++ {
					trucks[c.tractorOf(truck)] += bytes.Count(m.Payload(), []byte(c.tractorOf(truck)))
				}
			}
			for truck, n := range trucks {
				if n != 1 {
					t.Errorf("%s is announced %d times", truck, n)
				}
			}
			for _, id := range []string{"M1", "V1", "V2", "V3"} {
				if s := w.state(b, id); s.State != gateway.Joined {
					t.Errorf("%s is %s %v: %v", id, s.State, s.WaitsFor, s.Faults.Report("en"))
				}
			}
		})
	}
}

// Who asks again and again, with the same bytes or with others that hold a price too, gets nothing out: it
// waits no longer for it, is judged no more often, and once a supervisor has refused a text it stays refused.
func TestAskingAgainDoesNotGetAroundARuling(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			p := tripOf(1, w)
			parts := leaking(w, b, p, "a description", "番茄 单价USD3.20")
			w.hand(b, "M1", parts["mt2401.xml"])
			first := w.hand(b, "V1", parts["mt4402.xml"])
			until, before := first.Expires, rows(w)
			judged := func() int {
				return len(w.judgements(b.exit.Office, "M1")) + len(w.judgements(b.exit.Office, "V1"))
			}
			was := judged()
			for range 20 {
				w.clock.add(time.Minute)
				for id, file := range map[string]string{"M1": "mt2401.xml", "V1": "mt4402.xml"} {
					s := w.hand(b, id, parts[file])
					if s.State != gateway.Held || !slices.Equal(s.WaitsFor, []string{flow.WaitsForRuling}) || s.Expires.After(until) {
						t.Fatalf("asked again %s is %s %v until %v, not %v", id, s.State, s.WaitsFor, s.Expires, until)
					}
				}
			}
			if n := rows(w) - before; n != 40 || judged() != was { // that it was asked for, and nothing else
				t.Errorf("asking 40 times has written %d rows, and %d judgements", n, judged()-was)
			}
			for i := range 3 { // another crossing's documents in between change nothing of it
				w.hand(b, fmt.Sprint("N", i), tripOf(i+2, w).document(w, b, "mt4402.xml"))
			}
			if w.send(b); len(w.out.sent) > 0 {
				t.Fatal("it has left")
			}
			if s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Refuse}); err != nil || s.State != gateway.Faulty {
				t.Fatalf("refused, it is %s, %v", s.State, err)
			}
			for range 5 {
				if s := w.hand(b, "M1", parts["mt2401.xml"]); s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.RulingRefused) {
					t.Fatalf("asked again it is %s: %v", s.State, s.Faults.Report("en"))
				}
			}
			for i := range 5 { // each other price waits for a ruling of its own
				s := w.hand(b, "M1", bytes.Replace(parts["mt2401.xml"], []byte("USD3.20"), []byte(fmt.Sprintf("USD4.%d0", i)), 1))
				if s.State != gateway.Held || !slices.Contains(s.WaitsFor, flow.WaitsForRuling) {
					t.Fatalf("another price is %s %v: %v", s.State, s.WaitsFor, s.Faults.Report("en"))
				}
				if _, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Refuse}); err != nil {
					t.Fatal(err)
				}
			}
			if w.send(b); len(w.out.sent) > 0 {
				t.Error("it has left")
			}
		})
	}
}
