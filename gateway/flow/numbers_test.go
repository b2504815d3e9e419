package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
	"customs.example/mappings"
)

// checklists is China and a neighbour, where what leaves at an office goes as a load checklist.
type checklists struct {
	*world
	post   flow.Caller
	prefix string // of the office's numbers
}

func newChecklists(t *testing.T, to gateway.Administration, office string) *checklists {
	w := newPair(t, to)
	side := strings.ToLower(string(to))
	w.cn.Chain.Routes = must(w.cn.Chain.Routes.Only([]string{"cn-" + side + "-load-checklist", "cn-" + side + "-cancellation"}))(t)
	return &checklists{w, flow.Caller{URI: "customs://CN/office/" + office + "/post/1", Office: office}, "C26" + office}
}

func (c *checklists) number(n int) string { return fmt.Sprintf("%s%05d", c.prefix, n) }

// hand hands over numbers, from the first to the last.
func (c *checklists) hand(from, to int) error {
	_, err := c.cn.HandOverNumbers(c.t.Context(), flow.Caller{URI: "customs://CN/operator/1"}, c.post.Office, c.number(from), c.number(to))
	return err
}

// rewritten is a document of a crossing.
func (c *checklists) rewritten(name string, n int) string {
	return strings.NewReplacer(">0603<", ">"+c.post.Office+"<", "0603260301001", fmt.Sprintf("%s26030%05d", c.post.Office, n), "CNRU26030001", fmt.Sprintf("CN%d", n),
		"蒙E12345", fmt.Sprintf("蒙E%05d", 20000+n), "蒙E6789挂", fmt.Sprintf("蒙E%04d挂", 1000+n)).Replace(string(c.content(name)))
}

// cross submits the manifest and the report of a crossing, and returns what the report becomes.
func (c *checklists) cross(n int) (store.Submission, error) {
	var out store.Submission
	for _, name := range []string{"mt2401.xml", "mt4402.xml"} {
		content, err := c.rewritten(name, n), error(nil)
		if out, err = c.cn.Submit(context.Background(), c.post, flow.Submission{ID: gateway.SubmissionID(fmt.Sprint(name, n)), MediaType: flow.XML, Content: []byte(content)}); err != nil {
			return out, err
		}
	}
	return out, nil
}

// used are the numbers that were taken, the first first, with a mark on those that are burnt.
func (c *checklists) used() (numbers []string) {
	for _, u := range must(c.cn.NumberUses(c.t.Context(), c.post.Office, store.NumberUse{}, 100))(c.t) {
		mark := ""
		if u.Burnt {
			mark = " burnt"
		}
		numbers = append(numbers, u.Number+mark)
	}
	slices.Sort(numbers)
	return numbers
}

var checklistPairs = []struct {
	to     gateway.Administration
	office string
}{{"KZ", "9402"}, {"MN", "0705"}}

// A list has a number that was handed over or none: without one nothing is sent, and what was refused is
// judged anew when numbers have come. A number that was taken is never taken again, whatever becomes of its
// message.
func TestChecklistTakesNumbersHandedOver(t *testing.T) {
	for _, pair := range checklistPairs {
		t.Run(string(pair.to), func(t *testing.T) {
			c := newChecklists(t, pair.to, pair.office)
			none := must(c.cross(1))(t)
			if none.State != gateway.Faulty || none.Faults[len(none.Faults)-1].Code != gateway.NumbersNone {
				t.Fatalf("without numbers it is %s: %v", none.State, none.Faults.Report("en"))
			}
			if err := c.hand(1, 2); err != nil {
				t.Fatal(err)
			}
			first := must(c.cross(1))(t)
			if first.State != gateway.Joined {
				t.Fatalf("with numbers it is %s: %v", first.State, first.Faults.Report("en"))
			}
			if again := must(c.cross(1))(t); again.MessageID != first.MessageID {
				t.Errorf("submitted again it is %s", again.MessageID)
			}
			checked, err := c.cn.Check(t.Context(), c.post, flow.Submission{ID: "x", MediaType: flow.XML, Content: c.content("mt4402.xml")})
			if err != nil || len(checked.Faults) == 0 {
				t.Error(checked, err)
			}
			if diff := cmp.Diff([]string{c.number(1)}, c.used()); diff != "" {
				t.Errorf("taken (-want +got):\n%s", diff)
			}
			// Taken back before it is handed over.
			if _, err := c.cn.Submit(t.Context(), c.post, flow.Submission{ID: "C", MediaType: flow.JSON, Content: []byte(`{"envelope": {"documentId": "C", "issued": "2026-03-01T10:20:00+08:00", "function": "CANCELLATION"},
				"cancellation": {"subject": {"id": "mt2401.xml1"}, "reason": "004"}}`)}); err != nil {
				t.Fatal(err)
			}
			if second := must(c.cross(2))(t); second.State != gateway.Joined {
				t.Fatalf("the second is %s: %v", second.State, second.Faults.Report("en"))
			}
			if diff := cmp.Diff([]string{c.number(1) + " burnt", c.number(2)}, c.used()); diff != "" {
				t.Errorf("taken (-want +got):\n%s", diff)
			}
			if third := must(c.cross(3))(t); third.State != gateway.Faulty {
				t.Errorf("without numbers left it is %s", third.State)
			}
			if err := c.cn.DeliverDue(t.Context(), pair.to); err != nil {
				t.Fatal(err)
			}
			if m := c.message(must(c.cn.Store.Read().Submission(t.Context(), c.post.Office, "mt4402.xml2"))(t).MessageID); m.State != gateway.Accepted {
				t.Errorf("the message is %s", m.State)
			}
			explained, err := c.cn.Explain(t.Context(), c.post, "mt4402.xml2")
			if err != nil || len(explained.Origins) == 0 {
				t.Errorf("its values are explained: %v", err)
			}
		})
	}
}

// What is handed over is looked at before it counts.
func TestChecklistNumbersAreRefused(t *testing.T) {
	c := newChecklists(t, "KZ", "9402")
	if err := errors.Join(c.hand(1, 10), c.hand(1, 10), c.hand(11, 12)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		office, first, last string
		code                gateway.Code
	}{
		{"9402", c.number(10), c.number(20), gateway.NumbersOverlap},
		{"9402", c.number(1), c.number(20), gateway.NumbersOverlap},
		{"9402", c.number(3), c.number(4), gateway.NumbersOverlap},
		{"9402", c.number(1), c.number(9), gateway.NumbersOverlap},
		{"9402", c.number(30), c.number(29), gateway.NumbersUnfit},
		{"9402", "C26940200100", "C27940200100", gateway.NumbersUnfit},
		{"9402", "", "", gateway.NumbersUnfit},
		{"9402", "C26070500001", "C26070500002", gateway.NumbersForm},
		{"9402", "K26940200001", "K26940200002", gateway.NumbersForm},
		{"0603", "C26060300001", "C26060300002", gateway.NumbersOffice},
	} {
		_, err := c.cn.HandOverNumbers(t.Context(), flow.Caller{URI: "customs://CN/operator/1"}, tt.office, tt.first, tt.last)
		var faults gateway.Faults
		if !errors.As(err, &faults) || faults[0].Code != tt.code {
			t.Errorf("%s %s - %s: %v, want %s", tt.office, tt.first, tt.last, err, tt.code)
		}
	}
}

// Crossings that are submitted all at once have each a number of its own, and none is passed over.
func TestParallelChecklistNumbers(t *testing.T) {
	c := newChecklists(t, "KZ", "9402")
	const n = 8
	if err := c.hand(1, n); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if s, err := c.cross(i + 1); err != nil || s.State != gateway.Joined {
				t.Errorf("crossing %d is %s: %v, %v", i+1, s.State, s.Faults.Report("en"), err)
			}
		})
	}
	wg.Wait()
	want := make([]string, n)
	for i := range want {
		want[i] = c.number(i + 1)
	}
	if diff := cmp.Diff(want, c.used()); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

// change submits the manifest of a crossing once more, with other packages, in the place of one.
func (c *checklists) change(id, amends string, n int, packages uint64) (store.Submission, error) {
	r, err := c.cn.Chain.Read(c.t.Context(), []byte(c.rewritten("mt2401.xml", n)), flow.XML, "CN", c.clock.Now())
	if err != nil || r.Document == nil {
		c.t.Fatal(err)
	}
	r.Document.Envelope.Function = customsv1.FunctionCode_REPLACE
	cons := r.Document.GetManifest().Consignments[0]
	first := packages
	for _, it := range cons.Items[1:] {
		first -= *it.Packages[0].Quantity
	}
	cons.Totals.Packages, cons.Items[0].Packages[0].Quantity = &packages, &first
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return c.cn.Submit(ctx, c.post, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: document.Marshal(r.Document), Asks: store.Asks{Amends: amends}})
}

// A list that takes the place of another bears its number, be the other handed over or not; whatever becomes of
// the other, that is no burnt one as long as something that counts bears it.
func TestAChangedChecklistBearsItsNumber(t *testing.T) {
	for _, pair := range checklistPairs {
		for name, handedOver := range map[string]bool{"handed over": true, "not handed over": false} {
			t.Run(fmt.Sprint(pair.to, " ", name), func(t *testing.T) {
				c := newChecklists(t, pair.to, pair.office)
				if err := c.hand(1, 3); err != nil {
					t.Fatal(err)
				}
				if s := must(c.cross(1))(t); s.State != gateway.Joined {
					t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
				}
				deliver := func() {
					if err := c.cn.DeliverDue(t.Context(), pair.to); err != nil {
						t.Fatal(err)
					}
				}
				if handedOver {
					deliver()
				}
				for i, id := range []string{"M2", "M3"} {
					s, err := c.change(id, "mt2401.xml1", 1, uint64(600+i))
					if err != nil || s.State != gateway.Joined && s.State != gateway.Done {
						t.Fatalf("%s is %s: %v, %v", id, s.State, s.Faults.Report("en"), err)
					}
					if handedOver {
						deliver()
					}
				}
				if diff := cmp.Diff([]string{c.number(1)}, c.used()); diff != "" {
					t.Errorf("taken (-want +got):\n%s", diff)
				}
				if s := must(c.cross(2))(t); s.State != gateway.Joined {
					t.Fatalf("the next is %s: %v", s.State, s.Faults.Report("en"))
				}
				if diff := cmp.Diff([]string{c.number(1), c.number(2)}, c.used()); diff != "" {
					t.Errorf("taken (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Where both addressees of a document are told by lists that bear numbers, each list has its own.
func TestChecklistsToTwoAddressees(t *testing.T) {
	const also = "cn-ru-load-checklist"
	routes := layered(t, mappings.FS, map[string]string{
		"routes/cn-kz-load-checklist.yaml": text(t, mappings.FS, "routes/cn-kz-load-checklist.yaml", "to: KZ\n", "to: KZ\nalso: "+also+"\n"),
		"routes/" + also + ".yaml": text(t, mappings.FS, "routes/cn-kz-load-checklist.yaml", "route: cn-kz-load-checklist", "route: "+also,
			"instead_of: cn-kz-pre-arrival-notice\n", "", "to: KZ\n", "to: RU\n"),
	})
	o := newOnward(t)
	chain := *o.cn.Chain
	chain.Routes = must(must(release.Load(routes, chain.Tables))(t).Only([]string{"cn-kz-load-checklist", also}))(t)
	options := o.cn.Options
	options.Chain = &chain
	o.cn = flow.New(options)
	c := &checklists{o.world, khorgos, "C269402"}
	if err := c.hand(1, 1); err != nil {
		t.Fatal(err)
	}
	if s := must(c.cross(1))(t); s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.NumbersNone) {
		t.Fatalf("with one number for two lists it is %s: %v", s.State, s.Faults.Report("en"))
	}
	if err := c.hand(2, 4); err != nil {
		t.Fatal(err)
	}
	if s := must(c.cross(1))(t); s.State != gateway.Joined {
		t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
	}
	o.stand("mt4402.xml1", "KZ joined queued, RU joined queued")
	if diff := cmp.Diff([]string{c.number(1), c.number(2)}, c.used()); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	if s, err := c.change("M2", "mt2401.xml1", 1, 600); err != nil || s.State == gateway.Faulty {
		t.Fatalf("a change is %s: %v, %v", s.State, s.Faults.Report("en"), err)
	}
	if s := must(c.cross(2))(t); s.State != gateway.Joined {
		t.Fatalf("the next is %s: %v", s.State, s.Faults.Report("en"))
	}
	if diff := cmp.Diff([]string{c.number(1), c.number(2), c.number(3), c.number(4)}, c.used()); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}
