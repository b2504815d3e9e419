package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/pace"
	"customs.example/gateway/schema"
	"customs.example/gateway/store"
	"customs.example/gateway/validate"
	"customs.example/gateway/xmltree"
)

// leaving is the context of a caller who leaves when it is asked for the n-th time.
type leaving struct {
	context.Context
	leave context.CancelFunc
	asked atomic.Int64 // database/sql asks too, from goroutines of its own
	after int64
}

func leavesAfter(t *testing.T, n int) *leaving {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &leaving{Context: ctx, leave: cancel, after: int64(n)}
}

func (l *leaving) Err() error {
	if l.asked.Add(1) >= l.after {
		l.leave()
	}
	return l.Context.Err()
}

// stopWithin is how many steps may follow on the one that ended the work: what stands
// open around it is closed, whatever the document's size.
const stopWithin = 200

// TestWorkEndsSoonAfterItsCallerLeft: of a document of 16,000 goods lines, whenever its
// caller leaves. Steps are counted, not time. A join has none worth counting: it copies lists
// whole.
func TestWorkEndsSoonAfterItsCallerLeft(t *testing.T) {
	wide := *loadChain(t).Chain
	wide.Limits.Bytes, wide.Limits.Nodes = 64<<20, 1<<24
	c := patient{&wide, t}
	raw := manifest(t, 16_000*500)
	at := time.Now()
	reading := c.Read(raw, flow.XML, "CN", at)
	if n := linesOf(reading.Document); n < 16_000 {
		t.Fatalf("a document of %d lines", n)
	}
	report, err := os.ReadFile("../../testdata/cases/mt4402.xml")
	if err != nil {
		t.Fatal(err)
	}
	join, _ := c.Tables.Join("cn/road-export.v1")
	parts := map[string]*customsv1.Document{}
	for i, p := range join.Parts() {
		parts[p.Name] = []*customsv1.Document{reading.Document, c.Read(report, flow.XML, "CN", at).Document}[i]
	}
	joined := join.Run(parts, "m").Document
	format, _ := c.Tables.Table("cn/mt2401.v1")
	partner, _ := c.Tables.Table("ru/auto-preliminary.v1")
	list, _ := c.Tables.Split("mn/load-checklist.v1")
	tree, faults := schema.Parse(raw, c.Limits)
	if faults != nil {
		t.Fatal(faults)
	}
	text := document.Marshal(reading.Document)
	scope := validate.Scope{Own: "CN", Partner: "RU", At: at}
	for name, work := range map[string]func(*pace.Steps) error{
		"gate and tree": func(steps *pace.Steps) error {
			r, err := schema.CheckBy(steps, raw, c.Limits, func(root *xmltree.Element) (*schema.Schema, *xmltree.Element, gateway.Faults) { return nil, root, nil })
			return ended(err, r.Document == nil && r.Faults == nil)
		},
		"parse": func(steps *pace.Steps) error {
			p, err := document.ParseWhile(steps, text)
			return ended(err, p == nil)
		},
		"decode": func(steps *pace.Steps) error {
			d, err := format.DecodeWhile(steps, tree)
			return ended(err, d.Document == nil && d.Faults == nil)
		},
		"rules": func(steps *pace.Steps) error {
			passed, faults, err := c.Rules.CheckWhile(steps, joined, scope)
			return ended(err, passed.IsZero() && faults == nil)
		},
		"split": func(steps *pace.Steps) error {
			s, err := list.RunWhile(steps, reading.Document, "m")
			return ended(err, s.Parts == nil && s.Faults == nil)
		},
		"encode": func(steps *pace.Steps) error {
			encoded, _, faults, err := partner.EncodeWhile(steps, joined, true)
			return ended(err, encoded.IsZero() && faults == nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			whole := pace.Endless()
			if err := work(whole); err != nil {
				t.Fatal(err)
			}
			if whole.Count() < 1000 {
				t.Fatalf("it asks after %d steps only", whole.Count())
			}
			for _, polls := range []int{1, whole.Count() / pace.Every / 2} {
				ctx := leavesAfter(t, polls)
				steps := pace.Of(ctx)
				if err := work(steps); !errors.Is(err, context.Canceled) {
					t.Errorf("left when asked for the %d. time: %v", polls, err)
				}
				if more := steps.Count() - polls*pace.Every; more > stopWithin {
					t.Errorf("left when asked for the %d. time: %d steps more, of %d", polls, more, whole.Count())
				}
				if asked := int(ctx.asked.Load()); asked > polls {
					t.Errorf("asked %d times after it had left", asked-polls)
				}
			}
		})
	}
}

// ended is the error of work, or that it returned something beside one.
func ended(err error, nothing bool) error {
	if err != nil && !nothing {
		return fmt.Errorf("beside something of the document: %v", err)
	}
	return err
}

func linesOf(d *customsv1.Document) (n int) {
	for _, c := range d.GetManifest().GetConsignments() {
		n += len(c.GetItems())
	}
	return n
}

// TestWhatACallerLeftIsJudgedAsIfItHadNot: at whatever point of the work the caller of a
// door leaves, nothing is said of the document that the whole would not say.
func TestWhatACallerLeftIsJudgedAsIfItHadNot(t *testing.T) {
	points := func(t *testing.T, call func(ctx context.Context) error) (asked []int) {
		t.Helper()
		whole := leavesAfter(t, 1<<30)
		if err := call(whole); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			asked = append(asked, max(1, int(whole.asked.Load())*i/8))
		}
		return slices.Compact(asked)
	}
	content := manifest(t, 100_000)
	submission := flow.Submission{ID: "M1", MediaType: flow.XML, Content: content}
	t.Run("submit", func(t *testing.T) {
		for _, n := range points(t, func(ctx context.Context) error {
			_, err := newWorld(t).cn.Submit(ctx, post, submission)
			return err
		}) {
			w := newWorld(t)
			s, err := w.cn.Submit(leavesAfter(t, n), post, submission)
			if err == nil || errors.As(err, new(gateway.Faults)) {
				t.Errorf("left when asked for the %d. time: %s, %v", n, s.State, err)
			}
			if err := w.cn.JudgeDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			s, err = w.cn.Store.Read().Submission(t.Context(), post.Office, "M1")
			if store.IgnoreNotFound(err) != nil || err == nil && s.State != gateway.Held {
				t.Errorf("left when asked for the %d. time: in the end it is %s: %v, %v", n, s.State, s.Faults, err)
			}
		}
	})
	t.Run("check", func(t *testing.T) {
		w := newWorld(t)
		for _, n := range points(t, func(ctx context.Context) error {
			_, err := w.cn.Check(ctx, post, submission)
			return err
		}) {
			if r, err := w.cn.Check(leavesAfter(t, n), post, submission); !errors.Is(err, context.Canceled) {
				t.Errorf("left when asked for the %d. time: %s %v, %v", n, r.State, r.Faults, err)
			}
		}
	})
	t.Run("receive", func(t *testing.T) {
		receive := func(ctx context.Context, w *world) (store.Statement, gateway.MessageID, error) {
			if _, err := w.cn.Submit(t.Context(), post, submission); err != nil {
				t.Fatal(err)
			}
			w.submit("V1", "mt4402.xml")
			w.out.trouble = func(int) error { return errors.New("nobody is there") }
			w.deliver()
			sent := w.out.sent[0]
			receipt, err := w.ru.Receive(ctx, "customs://CN/gateway/1", []gateway.Administration{"CN"}, sent.HeaderBytes(), sent.Signature(), sent.Payload())
			return receipt, sent.Header().MessageID, err
		}
		for _, n := range points(t, func(ctx context.Context) error {
			_, _, err := receive(ctx, newWorld(t))
			return err
		}) {
			w := newWorld(t)
			receipt, id, err := receive(leavesAfter(t, n), w)
			if err == nil && verdictOf(t, receipt) == gateway.ERR {
				t.Errorf("left when asked for the %d. time: refused by %s", n, receipt.Statement)
			}
			if err := w.ru.JudgeDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id)
			if store.IgnoreNotFound(err) != nil || err == nil && in.State != gateway.Accepted {
				t.Errorf("left when asked for the %d. time: in the end it is %s: %v, %v", n, in.State, in.Faults, err)
			}
		}
	})
}

func verdictOf(t *testing.T, receipt store.Statement) gateway.Verdict {
	t.Helper()
	var said struct{ Verdict gateway.Verdict }
	if err := json.Unmarshal(receipt.Statement, &said); err != nil || said.Verdict == "" {
		t.Fatalf("a receipt says %s: %v", receipt.Statement, err)
	}
	return said.Verdict
}
