package flow_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/mappings"
)

// Whatever is announced has its page, whichever side announces it in whichever form: signed, in the languages
// of both, without prices and names. What announces nothing has none.
func TestAnyAnnouncementIsPrinted(t *testing.T) {
	for _, tt := range []struct {
		name      string
		from      func(*world) *flow.Gateway
		to        gateway.Administration
		office    string
		samples   string
		words     []string
		forbidden []string
	}{
		{"notice to Kazakhstan", func(w *world) *flow.Gateway { return w.cn }, "KZ", "9402", "cn-kz-pre-arrival-notice", []string{"新F12345", "商品项数 / тауар позициялары"}, []string{"96500", "示例贸易", "示例司机"}},
		{"notice to Russia", func(w *world) *flow.Gateway { return w.cn }, "RU", "0603", "cn-ru-pre-arrival-notice", []string{"商品项数 / товарных позиций"}, []string{"96500", "示例贸易", "示例司机"}},
		{"empty vehicle to Russia", func(w *world) *flow.Gateway { return w.cn }, "RU", "0603", "cn-ru-empty-vehicle", []string{"商品项数 / товарных позиций"}, nil},
		{"train to Kazakhstan", func(w *world) *flow.Gateway { return w.cn }, "KZ", "9404", "cn-kz-rail-notice", []string{"商品项数 / тауар позициялары"}, nil},
		{"manifest from Mongolia", func(w *world) *flow.Gateway { return w.ru }, "MN", "ZU01", "mn-cn-manifest", []string{"барааны нэр төрөл / 商品项数"}, []string{"356000"}},
		{"manifest from Kazakhstan", func(w *world) *flow.Gateway { return w.ru }, "KZ", "39899001", "kz-cn-manifest", []string{"тауар позициялары / 商品项数"}, []string{"356000", "Пример Масло"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newPair(t, tt.to)
			g := tt.from(w)
			post := flow.Caller{URI: "customs://" + string(g.Own) + "/office/" + tt.office + "/post/1", Office: tt.office}
			var last gateway.SubmissionID
			dir := "samples/" + tt.samples
			for _, f := range must(fs.ReadDir(mappings.FS, dir))(t) {
				content := must(fs.ReadFile(mappings.FS, dir+"/"+f.Name()))(t)
				last = gateway.SubmissionID(f.Name())
				if s, err := g.Submit(t.Context(), post, flow.Submission{ID: last, MediaType: flow.MediaType(content), Content: content}); err != nil || s.State == gateway.Faulty {
					t.Fatalf("%s: %s %v, %v", f.Name(), s.State, s.Faults.Report("en"), err)
				}
			}
			p, err := g.Print(t.Context(), tt.office, last, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			h, page, err := g.Trust.OpenCode(p.Code, w.clock.Now().Add(time.Minute))
			if err != nil || h.Sender != g.Own || page.MessageID != p.Message || page.Exit != string(g.Own)+" "+tt.office {
				t.Errorf("its code: %v %v, %v", h, page, err)
			}
			for _, word := range tt.words {
				if !bytes.Contains(p.HTML, []byte(word)) {
					t.Errorf("%q is not on the page", word)
				}
			}
			for _, word := range tt.forbidden {
				if bytes.Contains(p.HTML, []byte(word)) {
					t.Errorf("%q is on the page", word)
				}
			}
			for _, languages := range [][]string{{"tlh"}, {"en", "zh", "ru"}} {
				var faults gateway.Faults
				if _, err := g.Print(t.Context(), tt.office, last, "", languages); !errors.As(err, &faults) || faults[0].Path != "languages" {
					t.Errorf("in %v: %v", languages, err)
				}
			}
			if _, err := g.Print(t.Context(), "0000", last, "", nil); err == nil {
				t.Error("another office prints it")
			}
			if tt.samples == "kz-cn-manifest" { // of what was changed the version that stands is printed
				first := string(must(fs.ReadFile(mappings.FS, dir+"/manifest.json"))(t))
				content := []byte(strings.NewReplacer("2026-000101", "2026-000102", `"ORIGINAL"`, `"REPLACE", "references": [{"kind": "CHANGED", "id": "KZ-39899001-2026-000101"}]`, ": 120", ": 119").Replace(first))
				if s, err := g.Submit(t.Context(), post, flow.Submission{ID: "changed", MediaType: flow.MediaType(content), Content: content}); err != nil || s.State == gateway.Faulty {
					t.Fatalf("%s %v, %v", s.State, s.Faults.Report("en"), err)
				}
				again, err := g.Print(t.Context(), tt.office, last, "", nil)
				if err != nil || again.Message == p.Message || !bytes.Contains(again.HTML, []byte("119")) {
					t.Errorf("printed after a change: %s, %v", again.Message, err)
				}
			}
		})
	}
}
