package flow_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
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

// BenchmarkLosses is what telling costs beside a translation.
func BenchmarkLosses(b *testing.B) {
	c := loadChain(b).Chain
	rt, _ := c.Routes.Route("cn-ru-pre-arrival-notice")
	var files []flow.File
	for _, name := range []string{"mt2401.xml", "mt4402.xml"} {
		raw, err := os.ReadFile(filepath.Join("../../mappings/samples/cn-ru-pre-arrival-notice", name))
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, flow.File{Name: name, Content: raw})
	}
	t, _, err := c.Rehearse(b.Context(), rt, files, "0b7c1a52-9f0e-4a55-8f0a-000000000001", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("translate", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = c.Rehearse(b.Context(), rt, files, "0b7c1a52-9f0e-4a55-8f0a-000000000001", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
		}
	})
	b.Run("losses", func(b *testing.B) {
		for b.Loop() {
			t.Losses()
		}
	})
}
