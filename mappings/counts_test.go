package mappings_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/pace"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// TestCountsOfANotice: what the work on a Chinese manifest that becomes a Russian notice comes
// to, whatever the machine: rows that are looked at in elements, values and rules at places, as
// the pace counts them, and allocations. These may be a quarter, or ten, more or less than the
// file says.
func TestCountsOfANotice(t *testing.T) {
	d, n := load(t), newRoadNotice(t)
	rules, err := validate.Load(mappings.FS, d.env, d.lists)
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/counts.txt"
	said, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, lines := range []int{1, 40, 400} {
		raw := n.of(t, lines)
		doc, faults := schema.Parse(raw, wide)
		if faults.Refuse() {
			t.Fatal(faults)
		}
		manifest, report := n.read(t, n.manifest, raw), n.read(t, n.report, n.exit)
		join := func(steps *pace.Steps) *customsv1.Document {
			joined, err := n.join.RunWhile(steps, []recipe.Given{{Name: "manifest", Document: manifest}, {Name: "vehicle", Document: report}}, noticeID)
			if err != nil || joined.Faults.Refuse() {
				t.Fatal(err, joined.Faults)
			}
			return joined.Document
		}
		notice := join(pace.Endless())
		for _, s := range n.supplied {
			if err := s.path.Set(document.Of(notice), s.text); err != nil {
				t.Fatal(err)
			}
		}
		scope := validate.Scope{Own: "CN", Partner: "RU", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		for _, part := range []struct {
			name string
			work func(*pace.Steps) error
		}{
			{"decode", func(s *pace.Steps) error { _, err := n.manifest.DecodeWhile(s, doc); return err }},
			{"join", func(s *pace.Steps) error { join(s); return nil }},
			{"check", func(s *pace.Steps) error { _, _, err := rules.CheckWhile(s, notice, scope); return err }},
			{"encode", func(s *pace.Steps) error { _, _, _, err := n.notice.EncodeWhile(s, notice, false); return err }},
			{"traced", func(s *pace.Steps) error { _, _, _, err := n.notice.EncodeWhile(s, notice, true); return err }},
			{"digest", func(*pace.Steps) error { document.Digest(notice); return nil }},
			{"clone", func(*pace.Steps) error { document.Clone(notice); return nil }},
		} {
			steps := pace.Of(context.Background())
			if err := part.work(steps); err != nil {
				t.Fatal(err)
			}
			allocations := testing.AllocsPerRun(5, func() { _ = part.work(pace.Of(context.Background())) })
			line := fmt.Sprintf("%3d lines  %-6s  %6d steps  about", lines, part.name, steps.Count())
			if _, was, ok := strings.Cut(string(said), line); ok && !*update {
				var about float64
				if _, err := fmt.Sscan(was, &about); err == nil && math.Abs(allocations-about) <= max(10, about/4) {
					allocations = about
				}
			}
			fmt.Fprintf(&b, "%s %6.0f allocations\n", line, allocations)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(said), b.String()); diff != "" {
		t.Errorf("%s (-update rewrites it):\n%s", file, diff)
	}
}
