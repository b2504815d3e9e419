package flow_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// TestAChangeOverAnotherOfficeIsToldAsOne: a change of what an office has announced that says another
// office is told what is wrong with the change, at the office that it says; by function code or as
// a full version, of goods or of a vehicle, in XML and in JSON, at each pair of posts, as it is
// checked and as it is submitted. A document that changes nothing of its office's is not its own.
func TestAChangeOverAnotherOfficeIsToldAsOne(t *testing.T) {
	var out bytes.Buffer
	elsewhere := func(b border, content []byte) []byte {
		return bytes.ReplaceAll(content, []byte(">"+b.exit.Office+"<"), []byte(">0605<"))
	}
	json := func(x batched, function string) []byte {
		at := x.w.clock.Now().Format(time.RFC3339)
		return []byte(fmt.Sprintf(`{"envelope": {"documentId": "X", "issued": %q, "function": %q}, "vehicleReport": {"batch": %q, "kind": "LADEN_EXIT", "office": {"administration": "CN", "code": "0605"},
			"at": %q, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": %q, "country": "CN"}]}}}`, at, function, x.p.batch(x.b), at, x.p.tractor))
	}
	const office, element = "/vehicleReport/office/code", "/d:DeclarationOfficeID[1]"
	for _, b := range append(slices.Clone(borders), erenhot) {
		for _, tt := range []struct {
			name   string
			act    func(x batched) []byte
			amends string
			code   gateway.Code
			place  string
		}{
			{"goods, by function code", func(x batched) []byte { return elsewhere(b, x.manifest("5", 2, map[int]string{1: "421"})) }, "", gateway.AmendOffices, element},
			{"goods, as a full version", func(x batched) []byte { return elsewhere(b, x.manifest("9", 2, map[int]string{1: "421"})) }, "M1", gateway.AmendOffices, element},
			{"a vehicle, as a full version", func(x batched) []byte { return elsewhere(b, x.report("2", 2, x.p.tractor, "蒙E9999挂")) }, "V1", gateway.AmendOffices, element},
			{"a vehicle, in JSON", func(x batched) []byte { return json(x, "REPLACE") }, "", gateway.AmendOffices, office},
			{"a vehicle, in JSON, of what nobody announced", func(x batched) []byte {
				return bytes.Replace(json(x, "REPLACE"), []byte(x.p.batch(b)), []byte("0603260309999"), 1)
			}, "", gateway.NotOwnOffice, office},
			{"goods that are announced, not changed", func(x batched) []byte { return elsewhere(b, x.manifest("9", 2, map[int]string{1: "421"})) }, "", gateway.NotOwnOffice, element},
			{"goods that are taken out", func(x batched) []byte { return elsewhere(b, x.manifest("3", 2, map[int]string{1: "421"})) }, "", gateway.NotOwnOffice, element},
		} {
			t.Run(string(b.to)+" "+tt.name, func(t *testing.T) {
				x := newBatch(t, b, 30*time.Minute)
				if b.to == erenhot.to {
					if _, err := x.p.depart(x.w, b, "G1", x.w.clock.Now(), true); err != nil {
						t.Fatal(err)
					}
				}
				x.submit("M1", x.manifest("9", 1, map[int]string{1: "420"}), gateway.Held)
				if b.to == erenhot.to {
					x.submitAs(flow.Submission{ID: "D1", MediaType: flow.JSON, Content: x.p.declaration(b)}, gateway.Held)
				}
				x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
				x.w.send(b)
				content := tt.act(x)
				act := flow.Submission{ID: "X", MediaType: flow.MediaType(content), Content: content, Asks: store.Asks{Amends: tt.amends, Reason: "004"}}
				checked, err := x.w.cn.Check(t.Context(), b.exit, act)
				if err != nil {
					t.Fatal(err)
				}
				s, err := x.w.cn.Submit(t.Context(), b.exit, act)
				if err != nil || s.State != gateway.Faulty {
					t.Fatalf("it is %s, %v", s.State, err)
				}
				for _, faults := range []gateway.Faults{checked.Faults, s.Faults} {
					i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.AmendOffices || f.Code == gateway.NotOwnOffice })
					if i < 0 || faults[i].Code != tt.code || !strings.HasSuffix(faults[i].Location.Expr, tt.place) {
						t.Fatalf("it is told %v", faults.Report("en"))
					}
				}
				i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == tt.code })
				inFiveLanguages(&out, string(b.to)+": "+tt.name, s.Faults[i])
			})
		}
	}
	golden(t, "testdata/offices.txt", out.Bytes())
}
