package flow_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/validate"
	"customs.example/mappings"
	"customs.example/xsd"
)

// TestLongOwnOutputSaysWhoseValueIsWrong makes the partner's form wrong by each of those who
// can have made it so.
func TestLongOwnOutputSaysWhoseValueIsWrong(t *testing.T) {
	const route, table = "routes/bases/notice-to-ru.yaml", "ru/auto-preliminary.v1.yaml"
	w := newWorld(t)
	for _, tt := range []struct {
		name, file, old, replacement string
		manifest                     [2]string // an edit
		remedy                       gateway.Remedy
	}{
		{"the route's value", route, `"2536000006"`, `"25360000061234567"`, [2]string{}, gateway.ByRoute},
		{"the table's constant", table, `const: "1006826E"`, `const: "1006826X"`, [2]string{}, gateway.ByTable},
		{"the sender's value", table, `const: "1006826E"`, `const: "1006826E"`, [2]string{"ABCU1234560<", "ABCU12345601234567890123<"}, gateway.BySender},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed, err := chainOf(layered(t, mappings.FS, map[string]string{tt.file: text(t, mappings.FS, tt.file, tt.old, tt.replacement)}), xsd.FS)
			if err != nil {
				t.Fatal(err)
			}
			c := patient{changed, t}
			defer c.Schemas.Close()
			rt, _ := c.Routes.Route("cn-ru-pre-arrival-notice")
			scope := validate.Scope{Own: "CN", Partner: "RU", At: w.clock.Now()}
			var parts []flow.Part
			var plan flow.Plan
			for _, name := range []string{"mt2401.xml", "mt4402.xml"} {
				raw := string(w.content(name))
				if tt.manifest[0] != "" {
					raw = strings.ReplaceAll(raw, tt.manifest[0], tt.manifest[1])
				}
				r := c.Read([]byte(raw), flow.XML, "CN", scope.At, rt.Sources...)
				p, ok := c.PlanFor(rt, r)
				if !ok {
					t.Fatalf("%s is no part: %v", name, r.Faults.Report("en"))
				}
				plan = p
				parts = append(parts, flow.Part{Name: p.Part, Submission: name, Reading: r})
			}
			faults := c.Translate(plan, parts, "00000000-0000-4000-8000-000000000001", scope).Faults
			i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Severity == gateway.Error })
			if i < 0 || faults[i].Mender() != tt.remedy {
				t.Errorf("%+v, want %s", faults.Report("en"), tt.remedy)
			}
		})
	}
}

// TestPartnersFaultIsThePartnersToMendAndThenOurs follows a document that is faulty to
// its recipient alone: there the partner can mend it, and back at the sender's gateway
// the receipt says who of this side can, in its own languages.
func TestPartnersFaultIsThePartnersToMendAndThenOurs(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.out.trouble = func(int) error { return errors.New("kept") }
	w.deliver()
	sent := w.out.sent[0]
	faulty := strings.Replace(string(sent.Payload()), "18250.5", "18250,5", 1)
	h := sent.Header()
	h.MessageID = "00000000-0000-4000-8000-999999999998"
	signed := w.sign(h, []byte(faulty))
	receipt, err := w.ru.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, []byte(faulty))
	if err != nil {
		t.Fatal(err)
	}
	var statement seal.Receipt
	if err := json.Unmarshal(receipt.Statement, &statement); err != nil {
		t.Fatal(err)
	}
	in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID)
	if err != nil || len(in.Faults) == 0 {
		t.Fatalf("%+v, %v", in, err)
	}
	for _, f := range in.Faults {
		if f.Mender() != gateway.ByPartner {
			t.Errorf("%s is mended by the %s", f.Code, f.Mender())
		}
	}
	reported := slices.IndexFunc(statement.Faults, func(r gateway.Report) bool { return r.Code == gateway.XSDType })
	if reported < 0 || statement.Faults[reported].Remedy != gateway.ByPartner {
		t.Fatalf("the receipt says %+v", statement.Faults)
	}

	// Back here: the value is the sender's, and the words are in any language.
	back := w.cn.Relocate(t.Context(), w.message(id), statement.Faults)
	f := back[reported]
	if f.Mender() != gateway.BySender || f.Location.Expr == statement.Faults[reported].Location || !strings.Contains(f.Text("zh"), "十进制数") || f.Place.IsZero() {
		t.Errorf("%+v: %s", f, f.Text("zh"))
	}
	// What has no place in the document is the operator's; what the partner has to mend at home stays the partner's.
	for _, tt := range []struct {
		report gateway.Report
		want   gateway.Remedy
	}{
		{gateway.Report{Code: gateway.SealSignature, Remedy: gateway.ByPartner}, gateway.ByOperator},
		{gateway.Report{Code: gateway.Internal, Remedy: gateway.ByOperator}, gateway.ByPartner},
		{gateway.Report{Code: gateway.MapWhen, Remedy: gateway.ByTable, Location: statement.Faults[reported].Location}, gateway.ByPartner},
	} {
		if got := w.cn.Relocate(t.Context(), w.message(id), []gateway.Report{tt.report})[0].Mender(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.report.Code, got, tt.want)
		}
	}
}
