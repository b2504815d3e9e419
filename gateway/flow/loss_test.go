package flow_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// lossesOf translates a sample of a route, with what is said otherwise of each of its files.
func lossesOf(t *testing.T, c *flow.Chain, route string, otherwise map[string]*strings.Replacer) (flow.Losses, *flow.Translation) {
	t.Helper()
	rt, ok := c.Routes.Route(route)
	if !ok {
		t.Fatal(route)
	}
	names, err := filepath.Glob(filepath.Join("../../mappings/samples", route, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(route, names, err)
	}
	var files []flow.File
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Base(name)
		if r := otherwise[name]; r != nil {
			changed := r.Replace(string(raw))
			if changed == string(raw) {
				t.Fatalf("%s says nothing of that", name)
			}
			raw = []byte(changed)
		}
		files = append(files, flow.File{Name: name, Content: raw})
	}
	tr, faults, err := c.Rehearse(t.Context(), rt, files, "0b7c1a52-9f0e-4a55-8f0a-000000000001", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if err != nil || tr == nil {
		t.Fatal(route, err, faults)
	}
	return tr.Losses(), tr
}

// TestWhatDoesNotTravelIsSaid holds what a sender is told of its documents: of every corridor, in
// both directions, from XML and JSON, joined and whole, and in five languages.
func TestWhatDoesNotTravelIsSaid(t *testing.T) {
	c := loadChain(t).Chain
	var out strings.Builder
	print := func(title string, l flow.Losses, lang string) {
		out.WriteString("-- " + title + ", " + lang + " --\n")
		if err := gateway.PrintLosses(&out, l.Report(lang, ""), l.LeftOut, lang); err != nil {
			t.Fatal(err)
		}
	}
	for _, route := range []string{
		"cn-ru-pre-arrival-notice", "cn-kz-pre-arrival-notice", "cn-mn-load-list", "cn-ru-rail-notice", "cn-ru-empty-vehicle",
		"ru-cn-manifest", "kz-cn-manifest", "mn-cn-manifest", "ru-cn-train-list",
	} {
		l, _ := lossesOf(t, c, route, nil)
		print(route, l, "en")
	}
	// The report has another container than the manifest names.
	l, _ := lossesOf(t, c, "cn-ru-pre-arrival-notice", map[string]*strings.Replacer{"mt4402.xml": strings.NewReplacer("ABCU1234560", "CSQU3054383")})
	for _, lang := range gateway.Languages {
		print("another container", l, lang)
	}
	if !slices.ContainsFunc(l.Of, func(l flow.Loss) bool { return l.Reason == flow.NotNamed }) {
		t.Error("a container that no waybill names is not told")
	}
	golden := "testdata/losses.txt"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestARouteTellsBeforehandWhatItsDocumentsLose holds the two accounts of a route to each other: what a
// sample is told, the route tells of any document, for the same reason or in some case.
func TestARouteTellsBeforehandWhatItsDocumentsLose(t *testing.T) {
	c := loadChain(t).Chain
	samples, err := os.ReadDir("../../mappings/samples")
	if err != nil || len(samples) == 0 {
		t.Fatal(samples, err)
	}
	told := 0
	for _, dir := range samples {
		rt, ok := c.Routes.Route(dir.Name())
		if !ok {
			t.Fatal(dir.Name())
		}
		beforehand := c.RouteLosses(rt)
		losses, _ := lossesOf(t, c, rt.Name, nil)
		for _, l := range losses.Of {
			if l.Reason == flow.NotRead || l.Reason == flow.OwnEnvelope || strings.HasSuffix(l.Path, ".language") {
				continue
			}
			told++
			if !slices.ContainsFunc(beforehand, func(b flow.RouteLoss) bool {
				all, whole := strings.CutSuffix(b.Path, ".*")
				return (b.Reason == l.Reason || b.If != "") && (b.Path == l.Path || whole && strings.HasPrefix(l.Path, all+"."))
			}) {
				t.Errorf("%s: %s is lost (%s), and the route does not tell it", rt.Name, l.Path, l.Reason)
			}
		}
	}
	if told < 100 {
		t.Errorf("only %d losses are compared", told)
	}
}

// ofLines is a manifest on the way back with so many lines of one waybill, each of so many packages.
func ofLines(id, function string, n, packages int) []byte {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"sequence": %d, "description": [{"language": "ru", "value": "Доски сосновые %d"}, {"language": "kk", "value": "Қарағай тақтайлар"}],
			"classifications": [{"scheme": "TNVED", "code": "4407119300"}], "grossMass": {"kilograms": "10.5", "method": "DECLARED"}, "packages": [{"type": "PK", "quantity": "%d"}]}`, i+1, i+1, packages))
	}
	text := string(back(id, function, fmt.Sprint(packages*n)))
	from := strings.Index(text, `"items": [`) + len(`"items": [`)
	to := strings.LastIndex(text, `]}]}}`)
	return []byte(strings.ReplaceAll(text[:from]+strings.Join(items, ",")+text[to:], "1500.5", fmt.Sprintf("%d.%d", 105*n/10, 105*n%10)))
}

// TestWhatASplitLoses: of a whole that its route divides, by vehicles or by lines, what does not travel is told
// once for all its messages, of the document that says it; what one message carries is not lost.
func TestWhatASplitLoses(t *testing.T) {
	var out bytes.Buffer
	print := func(title string, l flow.Losses) {
		out.WriteString("-- " + title + " --\n")
		if err := gateway.PrintLosses(&out, l.Report("en", ""), l.LeftOut, "en"); err != nil {
			t.Fatal(err)
		}
	}
	told := func(w *world, b border, s store.Submission) flow.Losses {
		l, err := w.cn.Losses(t.Context(), b.exit, s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("vehicles", func(t *testing.T) {
		w, b := newWorld(t), borders[0]
		if ms := w.convoy(3); len(ms) != 3 {
			t.Fatalf("%d messages", len(ms))
		}
		l := told(w, b, w.state(b, "V1"))
		print("three trucks", l)
		for _, of := range l.Of {
			if strings.HasPrefix(of.Path, "transport.vehicles") && strings.HasSuffix(of.Path, ".registration") {
				t.Errorf("a plate that its own notice carries is told: %+v", of)
			}
		}
	})
	divided, err := chainOf(layered(t, mappings.FS, map[string]string{
		"routes/ru-cn-manifest.yaml": text(t, mappings.FS, "routes/ru-cn-manifest.yaml", "crossing: 40m\n", "crossing: 40m\nsplit: mn/load-checklist.v1\n"),
	}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("lines", func(t *testing.T) {
		w := newWorld(t)
		w.ru.Chain = divided
		submit := func(sub flow.Submission, messages int) flow.Losses {
			sub.MediaType = flow.JSON
			s, err := w.ru.SubmitAndTell(t.Context(), russianPost, sub)
			atOnce := s.Losses
			if err != nil || s.State != gateway.Sent {
				t.Fatalf("%s is %s: %v, %v", sub.ID, s.State, s.Faults.Report("en"), err)
			}
			all, err := w.ru.Store.Read().Messages(t.Context(), s.MessageID)
			all = slices.DeleteFunc(all, func(m store.Message) bool { return m.Version != s.Version })
			if err != nil || len(all) != messages {
				t.Fatalf("%s: %d messages, %v", sub.ID, len(all), err)
			}
			later, err := w.ru.Losses(t.Context(), russianPost, s.Submission)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(atOnce.Report("en", ""), later.Report("en", "")); diff != "" {
				t.Errorf("%s at once, and later:\n%s", sub.ID, diff)
			}
			print(fmt.Sprint(sub.ID, ", ", messages, " messages"), later)
			return later
		}
		of := func(l flow.Losses) (all []string) {
			for _, of := range l.Of {
				all = append(all, fmt.Sprint(of.Reason, " ", of.Path))
			}
			return all
		}
		four := submit(flow.Submission{ID: "R1", Content: ofLines("R1", "ORIGINAL", 45, 2)}, 4)
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		changed := submit(flow.Submission{ID: "R2", Content: ofLines("R2", "REPLACE", 45, 3), Asks: store.Asks{Amends: "R1", Reason: "001"}}, 4)
		if diff := cmp.Diff(of(four), of(changed)); diff != "" {
			t.Errorf("first, and changed:\n%s", diff)
		}
		w = newWorld(t)
		w.ru.Chain = divided
		one := submit(flow.Submission{ID: "R3", Content: ofLines("R3", "ORIGINAL", 14, 2)}, 1)
		if diff := cmp.Diff(of(one), of(four)); diff != "" {
			t.Errorf("one message, and four:\n%s", diff)
		}
	})
	golden(t, "testdata/losses-split.txt", out.Bytes())
}

// TestEveryReasonHasItsText holds the reasons to their names and texts in every language.
func TestEveryReasonHasItsText(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range flow.Reasons() {
		for _, lang := range gateway.Languages {
			if text := r.Text().In(lang); text == "" || seen[text] {
				t.Errorf("%v in %s: %q", r, lang, text)
			} else {
				seen[text] = true
			}
		}
	}
}

// TestLossesMaskWhatIsGuarded holds that no data of a person is in what who may not see them gets.
func TestLossesMaskWhatIsGuarded(t *testing.T) {
	l, _ := lossesOf(t, loadChain(t).Chain, "cn-mn-load-list", nil)
	guarded := 0
	for i, of := range l.Of {
		for j, p := range of.Places {
			shown := l.Report("en", "***")[i].Places[j]
			if p.Guarded && p.Value != "" {
				if guarded++; shown.Value != "***" || strings.Contains(shown.Place, p.Value) {
					t.Errorf("%s: %+v", of.Path, shown)
				}
			} else if shown.Value != p.Value {
				t.Errorf("%s: %+v", of.Path, shown)
			}
		}
	}
	if guarded == 0 {
		t.Error("nothing of it is guarded")
	}
}

// lostAs are the losses for a reason, each as document, path and how many.
func lostAs(l flow.Losses, reason flow.Reason) (all []string) {
	for _, of := range l.Of {
		if of.Reason == reason {
			all = append(all, fmt.Sprintf("%s %s %d", of.Submission, of.Path, of.Count))
		}
	}
	return all
}

// TestWhatAConvoyLoses: what one vehicle's notice leaves out and another's carries is not lost, a container
// that no report has is, and each report is told what of it does not travel.
func TestWhatAConvoyLoses(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			x := convoyOf(w, 1, "ABCU1234560", "CSQU3054383", "MSKU0000006")
			w.hand(b, "M1", x.manifest(w, b))
			want := map[string]string{"V1": "M1 consignments.loadUnits 2", "V2": "M1 consignments.loadUnits 1"} // not yet, and for good
			told := make(map[string]flow.Losses)
			for i, id := range []string{"V1", "V2"} {
				s, err := w.cn.SubmitAndTell(t.Context(), b.exit, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: x.report(w, b, i+1, time.Duration(i)*time.Hour)})
				if err != nil || s.State != gateway.Joined {
					t.Fatal(s.State, err)
				}
				again, err := w.cn.Losses(t.Context(), b.exit, s.Submission)
				if err != nil {
					t.Fatal(err)
				}
				told[id] = again
				for when, l := range map[string]flow.Losses{"at once": s.Losses, "later": again} {
					if got := lostAs(l, flow.NotReported); !slices.Equal(got, []string{want[id]}) {
						t.Errorf("%s, %s: not reported is %v", id, when, got)
					}
				}
				if !slices.Contains(lostAs(told[id], flow.NoField), id+" loadUnits.sizeType 1") {
					t.Errorf("of %s nothing is told: %v", id, lostAs(s.Losses, flow.NoField))
				}
			}
		})
	}
}

// TestWhatAnAmendmentLoses: of a change what does not travel is told of the document that changes, at once
// and later, both ways.
func TestWhatAnAmendmentLoses(t *testing.T) {
	told := func(t *testing.T, g *flow.Gateway, by flow.Caller, change flow.Submission, path, value string) {
		t.Helper()
		s, err := g.SubmitAndTell(t.Context(), by, change)
		if err != nil || s.MessageID == "" || s.State == gateway.Held {
			t.Fatalf("it is %s, %v: %v", s.State, err, s.Faults.Report("en"))
		}
		again, err := g.Losses(t.Context(), by, s.Submission)
		if err != nil {
			t.Fatal(err)
		}
		for name, l := range map[string]flow.Losses{"at once": s.Losses, "later": again} {
			i := slices.IndexFunc(l.Of, func(of flow.Loss) bool { return of.Path == path })
			if i < 0 || l.Of[i].Submission != string(change.ID) || l.Of[i].Places[0].Value != value {
				t.Errorf("%s of %s is told %+v", name, path, l.Of)
			}
		}
	}
	t.Run("from China", func(t *testing.T) {
		b := borders[1]
		w := newPair(t, b.to)
		x := batched{w, b, tripOf(1, w)}
		w.hand(b, "M1", x.manifest("9", 1, map[int]string{1: "420"}))
		w.hand(b, "V1", x.p.document(w, b, "mt4402.xml"))
		w.send(b)
		remark := bytes.Replace(x.manifest("9", 2, map[int]string{1: "421"}), []byte("出口"), []byte("第二版"), 1)
		told(t, w.cn, b.exit, flow.Submission{ID: "M2", MediaType: flow.XML, Content: remark, Asks: store.Asks{Amends: "M1"}}, "remarks.value", "第二版")
	})
	t.Run("to China", func(t *testing.T) {
		w := newWorld(t)
		w.submitBack(flow.Submission{ID: "R1", Content: manifestOf(t, "R1", "ORIGINAL", []string{"12", "12"}, nil)}, gateway.Sent)
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		content := manifestOf(t, "R2", "REPLACE", []string{"13", "12"}, nil)
		told(t, w.ru, russianPost, flow.Submission{ID: "R2", MediaType: flow.JSON, Content: content, Asks: store.Asks{Amends: "R1", Reason: "001"}}, "direction", "EXPORT")
	})
}

// TestSeveralReasonsForOneField: a field is told once for each reason, with as many values as it has there.
func TestSeveralReasonsForOneField(t *testing.T) {
	c := loadChain(t).Chain
	code := strings.NewReplacer("0707000000", "070700", "鲜黄瓜", "Gurken")
	l, _ := lossesOf(t, c, "cn-ru-pre-arrival-notice", map[string]*strings.Replacer{"mt2401.xml": code})
	if got := lostAs(l, flow.Cut); !slices.Equal(got, []string{"mt2401.xml consignments.items.classifications.code 1"}) {
		t.Errorf("cut is %v", got)
	}
	// In China's own direction the heading's text stands for the partner's words, and what has no heading is another language's.
	l, _ = lossesOf(t, c, "ru-cn-manifest", nil)
	if got := lostAs(l, flow.ReplacedByHeading); len(got) == 0 {
		t.Errorf("the other way nothing is told of headings: %+v", l.Of)
	}
}

// TestWhatIsTooMuchIsCounted: of a large document a field is told once, with its first places and how many
// there are.
func TestWhatIsTooMuchIsCounted(t *testing.T) {
	c := loadChain(t).Chain
	large := largeTrip(t, 100_000, 1)
	rt, _ := c.Routes.Route("cn-ru-pre-arrival-notice")
	tr, faults, err := c.Rehearse(t.Context(), rt, large, "0b7c1a52-9f0e-4a55-8f0a-000000000001", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if err != nil || tr == nil {
		t.Fatal(err, faults)
	}
	many := 0
	for _, of := range tr.Losses().Of {
		if len(of.Places) > 3 {
			t.Errorf("%d places of %s", len(of.Places), of.Path)
		}
		many = max(many, of.Count)
	}
	if many < 100 {
		t.Errorf("the most of one field is %d", many)
	}
}

// largeTrip is a manifest of so many bytes, and so many vehicles' reports.
func largeTrip(t testing.TB, bytes, reports int) []flow.File {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/cases/mt4402.xml")
	if err != nil {
		t.Fatal(err)
	}
	files := []flow.File{{Name: "mt2401.xml", Content: manifest(t, bytes)}}
	for i := range reports {
		report := strings.NewReplacer("101500456", fmt.Sprintf("101500%03d", i), "蒙E12345", fmt.Sprintf("蒙E1%04d", i), "蒙E6789挂", fmt.Sprintf("蒙E%04d挂", i)).Replace(string(raw))
		files = append(files, flow.File{Name: fmt.Sprintf("mt4402-%d.xml", i), Content: []byte(report)})
	}
	return files
}

// BenchmarkLosses is what telling costs beside a translation: of a small document, of one of 1 MB, and of
// a convoy, each vehicle of which makes a message of its own with all the goods.
func BenchmarkLosses(b *testing.B) {
	c := loadChain(b).Chain
	rt, _ := c.Routes.Route("cn-ru-pre-arrival-notice")
	for _, size := range []struct {
		name           string
		bytes, reports int
	}{{"2kB", 2_000, 1}, {"100kB", 100_000, 1}, {"1MB", 1_000_000, 1}, {"100kB-8-vehicles", 100_000, 8}} {
		files := largeTrip(b, size.bytes, size.reports)
		translate := func() *flow.Translation {
			t, faults, err := c.Rehearse(b.Context(), rt, files, "0b7c1a52-9f0e-4a55-8f0a-000000000001", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
			if err != nil || t == nil {
				b.Fatal(err, faults)
			}
			return t
		}
		b.Run(size.name+"/translate", func(b *testing.B) {
			for b.Loop() {
				translate()
			}
		})
		b.Run(size.name+"/losses", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer() // what is looked up of a translation is made once
				t := translate()
				b.StartTimer()
				t.Losses()
			}
		})
	}
}

// TestAFieldIsLostForEachOfItsReasons: of descriptions of goods one is replaced by a ruling, and the heading's text
// stands for another; each is told with its own value, at once and later.
func TestAFieldIsLostForEachOfItsReasons(t *testing.T) {
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			l := leaks["a description"]
			parts := leaking(w, b, tripOf(1, w), "a description", l.text)
			w.hand(b, "M1", parts["mt2401.xml"])
			w.hand(b, "V1", parts["mt4402.xml"])
			if s, err := w.rule(b, "M1", flow.Decision{Verdict: flow.Replace, Text: l.with}); err != nil || s.State != gateway.Joined {
				t.Fatalf("ruled on, it is %s %v, %v", s.State, s.Faults.Report("en"), err)
			}
			losses, err := w.cn.Losses(t.Context(), b.exit, w.state(b, "V1"))
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[flow.Reason][]string)
			for _, of := range losses.Of {
				if of.Path == "consignments.items.description.value" {
					for _, p := range of.Places {
						got[of.Reason] = append(got[of.Reason], fmt.Sprint(of.Submission, " ", p.Value, " > ", p.Instead))
					}
				}
			}
			want := map[flow.Reason][]string{flow.ReplacedByRuling: {"M1 " + l.text + " > " + l.with}, flow.ReplacedByHeading: {"M1 鲜黄瓜 > "}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
