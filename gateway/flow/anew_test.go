package flow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/mappings"
	"customs.example/xsd"
)

// khorgos is a post of China on the way to Kazakhstan.
var khorgos = flow.Caller{URI: "customs://CN/office/9402/post/1", Office: "9402"}

// ofPost is a document of the post at Manzhouli as another post would write it.
func ofPost(c flow.Caller, content []byte) []byte {
	return []byte(strings.NewReplacer(">0603<", ">"+c.Office+"<", ">0603260301001<", ">"+c.Office+"260301001<").Replace(string(content)))
}

func (w *world) judgements(office, id string) (states []string) {
	w.t.Helper()
	js, err := w.cn.Store.Read().Judgements(w.t.Context(), office, id, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, j := range js {
		if j.Number != len(js)-i {
			w.t.Errorf("judgement %d of %d has number %d", i, len(js), j.Number)
		}
		states = append(states, string(j.State))
	}
	return states
}

// TestARefusalIsJudgedAnew: what was refused because of something that is not so any more is
// taken under the same id with the same bytes; what made something is final.
func TestARefusalIsJudgedAnew(t *testing.T) {
	for _, from := range []flow.Caller{post, khorgos} {
		for name, tt := range map[string]struct {
			before func(w *world) // makes it refused
			code   gateway.Code   // why
			mend   func(w *world, sub *flow.Submission)
		}{
			"another part waits, and is withdrawn": {
				func(w *world) {
					first := strings.Replace(string(ofPost(from, w.content("mt2401.xml"))), "093000123", "093000124", 2)
					if s, err := w.cn.Submit(t.Context(), from, flow.Submission{ID: "FIRST", MediaType: flow.XML, Content: []byte(first)}); err != nil || s.State != gateway.Held {
						t.Fatal(s.State, s.Faults, err)
					}
				},
				gateway.PartAgain,
				func(w *world, _ *flow.Submission) {
					if _, err := w.cn.Withdraw(t.Context(), from, "FIRST", "it was the wrong one"); err != nil {
						t.Fatal(err)
					}
				},
			},
			"another part waits, and expires": {
				func(w *world) {
					first := strings.Replace(string(ofPost(from, w.content("mt2401.xml"))), "093000123", "093000124", 2)
					if _, err := w.cn.Submit(t.Context(), from, flow.Submission{ID: "FIRST", MediaType: flow.XML, Content: []byte(first)}); err != nil {
						t.Fatal(err)
					}
				},
				gateway.PartAgain,
				func(w *world, _ *flow.Submission) {
					w.clock.add(25 * time.Hour)
					if err := w.cn.ExpireHeld(t.Context()); err != nil {
						t.Fatal(err)
					}
				},
			},
			"no table reads it, and one is installed": {
				func(w *world) {
					without, err := chainOf(layered(t, mappings.FS, map[string]string{
						"routes/cn-ru-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-ru-pre-arrival-notice.yaml", `"0603"`, `"0605"`),
						"routes/cn-kz-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-kz-pre-arrival-notice.yaml", `"9402"`, `"9404"`),
					}), xsd.FS)
					if err != nil {
						t.Fatal(err)
					}
					w.cn.Chain = without
				},
				gateway.RouteNone,
				func(w *world, _ *flow.Submission) { w.cn.Chain = loadChain(t).Chain },
			},
			"it is for nobody there is, and then for the right one": {
				func(w *world) {},
				gateway.RouteNone,
				func(w *world, sub *flow.Submission) { sub.To = nil },
			},
		} {
			t.Run(from.Office+" "+name, func(t *testing.T) {
				w := newWorld(t)
				tt.before(w)
				sub := flow.Submission{ID: "X", MediaType: flow.XML, Content: ofPost(from, w.content("mt2401.xml"))}
				if strings.HasPrefix(name, "it is for nobody") {
					sub.To = []gateway.Administration{"MN"}
				}
				for range 2 { // nothing has changed: it is judged, and refused again
					s, err := w.cn.Submit(t.Context(), from, sub)
					if err != nil || s.State != gateway.Faulty || !slices.ContainsFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == tt.code }) {
						t.Fatalf("it is %s: %v, %v", s.State, s.Faults.Report("en"), err)
					}
				}
				tt.mend(w, &sub)
				s, err := w.cn.Submit(t.Context(), from, sub)
				if err != nil || s.State != gateway.Held {
					t.Fatalf("judged anew it is %s: %v, %v", s.State, s.Faults.Report("en"), err)
				}
				if want := w.clock.Now().Add(24 * time.Hour); !s.Expires.Equal(want) {
					t.Errorf("it waits until %v, want %v", s.Expires, want)
				}
				if again, err := w.cn.Submit(t.Context(), from, sub); err != nil || again.Commit != s.Commit {
					t.Errorf("what made something is judged again: commit %d, was %d, %v", again.Commit, s.Commit, err)
				}
				if got, want := w.judgements(from.Office, "X"), []string{"held", "faulty", "faulty"}; !slices.Equal(got, want) {
					t.Errorf("judgements %v, want %v", got, want)
				}
			})
		}
	}
}

// TestJudgingAnewOutlivesAStop: what was asked for again and not judged is judged at the start.
func TestJudgingAnewOutlivesAStop(t *testing.T) {
	w := newWorld(t)
	first := strings.Replace(string(w.content("mt2401.xml")), "093000123", "093000124", 2)
	if _, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "FIRST", MediaType: flow.XML, Content: []byte(first)}); err != nil {
		t.Fatal(err)
	}
	if s := w.submit("X", "mt2401.xml"); s.State != gateway.Faulty {
		t.Fatal(s.State)
	}
	if _, err := w.cn.Withdraw(t.Context(), post, "FIRST", ""); err != nil {
		t.Fatal(err)
	}
	whole, broken := w.cn.Chain, *w.cn.Chain
	broken.Rules = nil // every judgement breaks off in the middle
	w.cn.Chain = &broken
	if _, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "X", MediaType: flow.XML, Content: w.content("mt2401.xml")}); err == nil {
		t.Fatal("it was judged")
	}
	w.cn.Chain = whole
	w.clock.add(time.Minute)
	if err := w.cn.JudgeDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := w.cn.Store.Read().Submission(t.Context(), "0603", "X"); err != nil || s.State != gateway.Held {
		t.Errorf("it is %s, %v", s.State, err)
	}
}

// answerOf is what Submit and Check have to agree in.
type answerOf struct {
	Kind, State string
	Waits       []string
	Faults      string
	Refused     string // the faults of the request itself
}

func answered(kind string, state gateway.SubmissionState, waits []string, faults gateway.Faults, err error) answerOf {
	out := answerOf{Kind: kind, State: string(state), Waits: append([]string{}, waits...), Faults: "null"}
	var refused gateway.Faults
	if errors.As(err, &refused) {
		return answerOf{Refused: fmt.Sprint(refused.Report("en")), Faults: "null", Waits: []string{}}
	}
	if err != nil {
		return answerOf{Refused: err.Error(), Faults: "null", Waits: []string{}}
	}
	raw, _ := json.Marshal(faults.Report("en"))
	out.Faults = string(raw)
	return out
}

// TestCheckAgreesWithSubmit does what posts do in any order, and asks before each document
// what Submit would answer.
func TestCheckAgreesWithSubmit(t *testing.T) {
	file := newWorld(t)
	manifest, report := string(file.content("mt2401.xml")), string(file.content("mt4402.xml"))
	documents := []string{
		manifest, report,
		strings.Replace(manifest, "093000123", "093000124", 2), // another of the same crossing
		strings.Replace(report, "101500456", "101500457", 2),
		strings.Replace(manifest, "<FunctionCode>9", "<FunctionCode>3", 1), // refused whatever there is
		strings.ReplaceAll(manifest, "0603260301001", "0603260301002"),     // another crossing, the same waybills
		strings.ReplaceAll(report, "0603260301001", "0603260301002"),
		"<a/>", "{}",
	}
	ids := []gateway.SubmissionID{"A", "B", "C", ""}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 9).Draw(r, "acts") {
			switch rapid.IntRange(0, 9).Draw(r, "act") {
			case 0:
				_, _ = w.cn.Withdraw(t.Context(), post, rapid.SampledFrom(ids).Draw(r, "withdraw"), "")
				continue
			case 1:
				_ = w.cn.DeliverDue(t.Context(), "RU")
				continue
			case 2:
				w.clock.add(time.Duration(rapid.IntRange(1, 80).Draw(r, "hours")) * time.Hour)
				_ = w.cn.ExpireHeld(t.Context())
				_ = w.cn.DeliverDue(t.Context(), "RU")
				continue
			}
			sub := flow.Submission{
				ID: rapid.SampledFrom(ids).Draw(r, "id"), Content: []byte(rapid.SampledFrom(documents).Draw(r, "document")),
				MediaType: rapid.SampledFrom([]string{flow.XML, flow.XML, flow.XML, flow.XML, flow.JSON}).Draw(r, "media"),
				To:        rapid.SampledFrom([][]gateway.Administration{nil, nil, nil, {"RU"}, {"MN"}}).Draw(r, "to"),
			}
			before := rows(w)
			c, err := w.cn.Check(t.Context(), post, sub)
			said := answered(c.Kind, c.State, c.WaitsFor, c.Faults, err)
			if after := rows(w); after != before {
				r.Fatalf("a check left %d audit rows", after-before)
			}
			s, err := w.cn.Submit(t.Context(), post, sub)
			if diff := cmp.Diff(answered(s.Kind, s.State, s.WaitsFor, s.Faults, err), said); diff != "" {
				r.Fatalf("check (+) does not agree with submit (-):\n%s", diff)
			}
		}
	})
}

func rows(w *world) int {
	all, err := w.cn.Store.Read().Audit(w.t.Context(), 0, 10000)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}
