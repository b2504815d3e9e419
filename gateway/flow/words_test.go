package flow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/validate"
)

// TestFaultShowsTheValueThatItsSenderWrote: not what the canonical document has for it.
func TestFaultShowsTheValueThatItsSenderWrote(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 3, 1, 2, 15, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, file, old, replacement string
		code                         gateway.Code
		want                         string
	}{
		{"an instant", "mt2401.xml", "<SendTime>20260301093000123", "<SendTime>20990101093000123", "GEN-0103", "20990101093000123"},
		{"an instant of another form", "mt4402.xml", "<SendTime>20260301101500456", "<SendTime>20990101101500456", "GEN-0103", "20990101101500456"},
		{"a code of a list", "mt2401.xml", "<FunctionCode>9<", "<FunctionCode>3<", "GEN-0108", "3"},
		{"a code of a list with blanks", "mt4402.xml", "<FunctionCode>2<", "<FunctionCode> 3 <", "GEN-0108", "3"},
		{"a number", "mt2401.xml", ">18250.5<", ">018250.400<", "GEN-0301", "018250.400"},
		{"a count", "mt2401.xml", ">420<", ">0421<", "GEN-0303", "0421"},
		{"a text as it is", "mt2401.xml", ">0702000000<", ">0702000<", "CN-0207", "0702000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := strings.Replace(string(w.content(tt.file)), tt.old, tt.replacement, 1)
			r := patient{w.cn.Chain, t}.Read([]byte(raw), flow.XML, "CN", at)
			_, faults := patient{w.cn.Chain, t}.Validate(r, validate.Scope{Own: "CN", At: at})
			wants(t, faults, tt.code, tt.want)

			// The same of the whole that it is joined into, and of what travels as JSON.
			rt, _ := w.cn.Chain.Routes.Route("cn-ru-pre-arrival-notice")
			parts := []flow.Part{{Submission: tt.file, Reading: r}}
			for _, other := range []string{"mt2401.xml", "mt4402.xml"} {
				if other != tt.file {
					parts = append(parts, flow.Part{Submission: other, Reading: patient{w.cn.Chain, t}.Read(w.content(other), flow.XML, "CN", at)})
				}
			}
			var plan flow.Plan
			for i := range parts {
				plan, _ = w.cn.Chain.PlanFor(rt, parts[i].Reading)
				parts[i].Name = plan.Part
			}
			out := patient{w.cn.Chain, t}.Translate(plan, parts, "00000000-0000-4000-8000-000000000001", validate.Scope{Own: "CN", Partner: "RU", At: at})
			if slices.ContainsFunc(out.Faults, func(f gateway.Fault) bool { return f.Code == tt.code }) {
				wants(t, out.Faults, tt.code, tt.want)
			}
			js := patient{w.cn.Chain, t}.Read(document.Marshal(r.Document), flow.JSON, "CN", at)
			_, again := patient{w.cn.Chain, t}.Validate(js, validate.Scope{Own: "CN", At: at})
			for _, f := range again {
				if f.Code == tt.code && f.Value != leafOf(t, js, f.Path) {
					t.Errorf("in JSON %s stands as %q", f.Path, f.Value)
				}
			}
		})
	}
}

func leafOf(t *testing.T, r *flow.Reading, path string) string {
	t.Helper()
	p, err := document.CompileFor(r.Kind, path)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := p.Get(document.Of(r.Document))
	return text
}

func wants(t *testing.T, faults gateway.Faults, code gateway.Code, want string) {
	t.Helper()
	var got []string
	for _, f := range faults {
		if f.Code == code {
			got = append(got, f.Value)
		}
	}
	if diff := cmp.Diff([]string{want}, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s%v", code, diff, faults.Report("en"))
	}
}
