package flow_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// watching is the delivered data with rules that find something in every vehicle, in the mass of every
// waybill, and in every waybill's number; which of them by their ids.
func watching(t *testing.T, ids ...string) *flow.Chain {
	t.Helper()
	rules := "rules: test\nversion: 1\nrows:\n"
	for _, r := range []struct{ id, each, at string }{
		{"TST-0011", "transport.vehicles", "registration"},
		{"TST-0012", "consignments", "totals.grossMass.kilograms"},
		{"TST-0013", "consignments", "transportDocument.id"},
	} {
		if slices.Contains(ids, r.id) {
			rules += fmt.Sprintf(`  - id: %s
    class: F
    kinds: [PreArrivalNotice, Manifest]
    each: %s
    check: 'false'
    at: %s
    severity: warning
    basis: verified
    source: made up
    text: {en: "{value} is looked at.", zh: "{value} 受关注。", ru: "{value} на контроле.", kk: "{value} бақылауда.", mn: "{value} хяналтад."}
`, r.id, r.each, r.at)
		}
	}
	c, err := chainOf(layered(t, mappings.FS, map[string]string{"rules/test.v1.yaml": rules}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// warnedOf writes what a submission is told of what its partner warns of.
func warnedOf(out *bytes.Buffer, s store.Submission) {
	fmt.Fprintf(out, "%s\n", s.ID)
	faults := slices.DeleteFunc(slices.Clone(s.Faults), func(f gateway.Fault) bool { return !strings.HasPrefix(string(f.Code), "TST-") })
	slices.SortFunc(faults, func(a, b gateway.Fault) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Value, b.Value))
	})
	for _, f := range faults {
		fmt.Fprintf(out, "  %s %s, mended by the %s, %s\n    at %q %s\n", f.Code, f.Severity, f.Mender(), f.Path, f.Location.Document, f.Location.Expr)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(out, "    %s %s: %s\n", lang, f.Place.In(lang), f.Text(lang))
		}
	}
}

// A partner's warnings reach every submission that a message was made of, each at the value in the document
// that says it: those of several messages of one whole beside each other, what all messages repeat once, and
// not again what the sender's own gateway has told. They are the same whether the message is still in memory
// when its receipt comes or its translation is made again.
func TestParallelAPartnersWarningIsToldAtItsValue(t *testing.T) {
	partner, sender := watching(t, "TST-0011", "TST-0012", "TST-0013"), watching(t, "TST-0013")
	other := next(t, "2026-01-01", true) // by which nothing is made again
	parts := func(documents ...flow.Submission) []flow.Submission { return documents }
	xml := func(id string, content []byte) flow.Submission {
		return flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: content}
	}
	json := func(id string, content []byte) flow.Submission {
		return flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: content}
	}
	var out bytes.Buffer
	for _, c := range []struct {
		name      string
		to        gateway.Administration
		office    flow.Caller
		documents func(w *world) []flow.Submission
		messages  int
	}{
		{"a split", "RU", post, func(w *world) []flow.Submission {
			manifest := strings.ReplaceAll(string(w.content("mt2401.xml")), "ABCU1234560", "ABCU1234561")
			return parts(xml("M1", []byte(manifest)), json("V1", []byte(trucks(2))))
		}, 2},
		{"one truck", "RU", post, func(w *world) []flow.Submission {
			return parts(xml("M1", w.content("mt2401.xml")), xml("V1", w.content("mt4402.xml")))
		}, 1},
		{"the report first", "RU", post, func(w *world) []flow.Submission {
			return parts(xml("V1", w.content("mt4402.xml")), xml("M1", w.content("mt2401.xml")))
		}, 1},
		{"a convoy", "KZ", khorgos, func(w *world) []flow.Submission {
			b := borders[1]
			x := convoyOf(w, 1, "ABCU1234560", "CSQU3054383")
			return parts(xml("M1", x.manifest(w, b)), xml("V1", x.report(w, b, 1, 0)), xml("V2", x.report(w, b, 2, time.Hour)))
		}, 2},
		{"the way back", "CN", russianPost, func(*world) []flow.Submission { return parts(json("R1", back("R1", "ORIGINAL", "12"))) }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := make(map[bool]string)
			for _, kept := range []bool{true, false} {
				w := newWorld(t)
				from, to := &w.cn, &w.ru
				switch c.to {
				case "CN":
					from, to = to, from
				case "KZ":
					w = newPair(t, c.to)
					from, to = &w.cn, &w.ru
				}
				(*to).Chain, (*from).Chain = partner, sender
				messages := func(whole gateway.MessageID) []store.Message {
					all, err := (*from).Store.Read().Messages(t.Context(), whole)
					if err != nil || whole != "" && len(all) > c.messages {
						t.Fatalf("%d messages, %v", len(all), err)
					}
					return all
				}
				submit := func() (whole gateway.MessageID) {
					for _, d := range c.documents(w) {
						s, err := (*from).Submit(t.Context(), c.office, d)
						if err != nil || s.State == gateway.Faulty {
							t.Fatal(s.State, err, s.Faults.Report("en"))
						}
						whole = s.MessageID
					}
					return whole
				}
				var whole gateway.MessageID
				if kept {
					if open, err := (*from).Open(t.Context(), c.to); err != nil || !open {
						t.Fatal(open, err)
					}
					if c.to == "RU" { // from when it leaves it cannot be made again
						w.out.trouble = func(int) error { w.cn.Chain = other; return nil }
					}
					whileRunning(w, *from, func() {
						time.Sleep(50 * time.Millisecond) // its couriers are there
						whole = submit()
						for range 2000 {
							if !slices.ContainsFunc(messages(whole), func(m store.Message) bool { return m.State != gateway.Accepted }) {
								return
							}
							time.Sleep(5 * time.Millisecond)
						}
					})
				} else {
					whole = submit()
					for range c.messages {
						if err := (*from).DeliverDue(t.Context(), c.to); err != nil {
							t.Fatal(err)
						}
					}
				}
				all := messages(whole)
				if len(all) != c.messages || slices.ContainsFunc(all, func(m store.Message) bool { return m.State != gateway.Accepted || m.Attempts != 1 }) {
					t.Fatalf("the messages are %+v", all)
				}
				var got bytes.Buffer
				for _, d := range c.documents(w) {
					s, err := (*from).Store.Read().Submission(t.Context(), c.office.Office, string(d.ID))
					if err != nil {
						t.Fatal(err)
					}
					warnedOf(&got, s)
				}
				told[kept] = got.String()
			}
			if diff := gocmp.Diff(told[true], told[false]); diff != "" {
				t.Errorf("kept, and made again:\n%s", diff)
			}
			fmt.Fprintf(&out, "-- %s --\n%s", c.name, told[false])
		})
	}
	golden(t, "testdata/warned.txt", out.Bytes())
}
