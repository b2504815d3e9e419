package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
	"customs.example/gateway/store/storetest"
)

// several is a world in which two processes are China's gateway, on one database: cn and other.
type several struct {
	*world
	other  *flow.Gateway
	beside *wire // from the other to Russia
	place  string
}

// newSeveral is one in which the other's clock is ahead.
func newSeveral(t *testing.T, ahead time.Duration) *several {
	t.Helper()
	w := newWorld(t)
	s := &several{world: w, beside: &wire{from: "CN", to: w.ru}, place: storetest.Copy(t, must(migratedPostgres())(t))}
	alone := w.cn.Options
	process := func(link flow.Link, ahead time.Duration) *flow.Gateway {
		o := alone
		o.Links = map[gateway.Administration]flow.Link{"RU": link}
		o.Now = func() time.Time { return w.clock.Now().Add(ahead) }
		o.Store = must(store.Open(t.Context(), s.place, o.Now))(t)
		t.Cleanup(func() { o.Store.Close() })
		return flow.New(o)
	}
	w.cn, s.other = process(w.out, 0), process(s.beside, ahead)
	return s
}

func (s *several) submitAt(g *flow.Gateway, id, name string) (store.Submission, error) {
	return g.Submit(context.Background(), post, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: s.content(name)})
}

func (s *several) mustSubmitAt(g *flow.Gateway, id, name string) store.Submission {
	s.t.Helper()
	out, err := s.submitAt(g, id, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// loses takes the lease of a process away until something that it claims is its no more, and, if
// somebody waits to take that over, until it is that one's: the process takes a new lease meanwhile.
func (s *several) loses(what string, g *flow.Gateway, claim func() store.Claim, taken <-chan struct{}) {
	s.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		now := claim()
		holds := g.Store.Holds(now)
		if holds {
			storetest.EndLease(s.t, s.place, now.Owner)
		}
		select {
		case <-taken:
			return
		default:
		}
		if !holds && taken == nil {
			return
		}
		if time.Since(began) > 20*time.Second {
			s.t.Fatalf("%s is not given back", what)
		}
	}
}

// hold lets who calls it wait until it is let go.
type hold struct{ held, let chan struct{} }

func newHold() *hold { return &hold{make(chan struct{}), make(chan struct{})} }

func (h *hold) wait() { close(h.held); <-h.let }

// TestEitherGatewayAnswersTheSame: parts that come through two doors become one message, and
// who asks again, at either, is told the same; whoever has room delivers it, once.
func TestEitherGatewayAnswersTheSame(t *testing.T) {
	s := newSeveral(t, 0)
	if held := s.mustSubmitAt(s.cn, "M1", "mt2401.xml"); held.State != gateway.Held {
		t.Fatalf("the manifest alone is %s", held.State)
	}
	joined := s.mustSubmitAt(s.other, "V1", "mt4402.xml")
	if joined.State != gateway.Joined {
		t.Fatalf("both parts are %s: %v", joined.State, joined.Faults)
	}
	for _, g := range []*flow.Gateway{s.cn, s.other} {
		for id, name := range map[string]string{"M1": "mt2401.xml", "V1": "mt4402.xml"} {
			if again := s.mustSubmitAt(g, id, name); again.State != gateway.Joined || again.MessageID != joined.MessageID {
				t.Errorf("%s again is %s in %s", id, again.State, again.MessageID)
			}
		}
		if _, err := s.submitAt(g, "M1", "mt4402.xml"); !errors.As(err, new(gateway.Faults)) {
			t.Errorf("the same id with other bytes: %v", err)
		}
	}
	s.deliver()
	if err := s.other.DeliverDue(t.Context(), "RU"); err != nil {
		t.Fatal(err)
	}
	if m := s.message(joined.MessageID); m.State != gateway.Accepted || m.Attempts != 1 || s.out.tries+s.beside.tries != 1 || s.cn.Store.Holds(m.Claim) || s.other.Store.Holds(m.Claim) {
		t.Errorf("the message is %s after %d attempts, %v", m.State, m.Attempts, m.Claim)
	}
}

// TestParallelManySubmitToBothAtOnce: each id at both gateways at the same time is answered alike by
// both, and arrives once.
func TestParallelManySubmitToBothAtOnce(t *testing.T) {
	s := newSeveral(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	var running, asking sync.WaitGroup
	for _, g := range []*flow.Gateway{s.cn, s.other} {
		running.Go(func() { g.Run(ctx) })
	}
	const trucks = 6
	answers := make([][2]store.Submission, trucks)
	for i := range trucks {
		parts := map[string][]byte{}
		for id, name := range map[string]string{"M": "mt2401.xml", "V": "mt4402.xml"} {
			text := string(s.content(name))
			for old, fresh := range map[string]string{"0603260301001": fmt.Sprintf("0603260301%03d", 700+i), "CNRU26030001": fmt.Sprintf("CNRU2607%04d", i)} {
				text = strings.ReplaceAll(text, old, fresh)
			}
			parts[id] = []byte(text)
		}
		for g, at := range []*flow.Gateway{s.cn, s.other} {
			for id, content := range parts {
				asking.Go(func() {
					sub, err := at.Submit(ctx, post, flow.Submission{ID: gateway.SubmissionID(fmt.Sprint(id, i)), MediaType: flow.XML, Content: content})
					if err != nil {
						t.Errorf("%s%d at %d: %v", id, i, g, err)
					}
					if id == "V" {
						answers[i][g] = sub
					}
				})
			}
		}
	}
	asking.Wait()
	messages := make(map[gateway.MessageID]bool)
	for i := range trucks {
		sub := must(s.cn.Store.Read().Submission(ctx, "0603", fmt.Sprint("V", i)))(t)
		if sub.State != gateway.Joined {
			t.Errorf("truck %d is %s: %v", i, sub.State, sub.Faults)
			continue
		}
		messages[sub.MessageID] = true
		for began := time.Now(); s.message(sub.MessageID).State != gateway.Accepted; time.Sleep(20 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("truck %d is %s", i, s.message(sub.MessageID).State)
			}
		}
	}
	cancel()
	running.Wait()
	inbox := must(s.ru.Store.Read().Inbox(context.Background(), store.InboxFilter{Limit: 100}))(t)
	if len(inbox) != trucks || len(messages) != trucks {
		t.Errorf("%d messages arrived of %d", len(inbox), len(messages))
	}
}

// TestParallelALateReceiptIsNotWritten: the claim of who delivers is over while it does, and another
// delivers again: the partner has the message once, and what the first makes of its receipt
// is refused. So it is although their clocks differ.
func TestParallelALateReceiptIsNotWritten(t *testing.T) {
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			s := newSeveral(t, ahead)
			s.mustSubmitAt(s.other, "M1", "mt2401.xml")
			id := s.mustSubmitAt(s.other, "V1", "mt4402.xml").MessageID
			h := newHold()
			var wires sync.Once
			s.beside.lose = func(int) bool { wires.Do(h.wait); return false }
			late := make(chan error)
			other, log := logged(s.other)
			go func() { late <- other.DeliverDue(context.Background(), "RU") }()
			select {
			case <-h.held:
			case err := <-late:
				t.Fatalf("nothing is handed over: %v", err)
			}
			s.loses("the message", s.other, func() store.Claim { return s.message(id).Claim }, nil)
			s.deliver()
			m := s.message(id)
			if m.State != gateway.Accepted || m.Attempts != 2 || s.out.tries != 1 {
				t.Fatalf("taken over, the message is %s after %d attempts: %s", m.State, m.Attempts, m.LastError)
			}
			close(h.let)
			if err := <-late; err != nil {
				t.Error(err)
			}
			if now := s.message(id); now.Commit != m.Commit || string(now.Receipt.Statement) != string(m.Receipt.Statement) {
				t.Error("the late outcome was written")
			}
			if n := len(log.of("delivery taken over")); n != 1 {
				t.Errorf("it is told %d times", n)
			}
			a := must(s.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id)))(t)
			if inbox := must(s.ru.Store.Read().Inbox(t.Context(), store.InboxFilter{Limit: 9}))(t); len(inbox) != 1 || a.Attempts != 2 {
				t.Errorf("Russia holds %d messages after %d deliveries", len(inbox), a.Attempts)
			}
		})
	}
}

// TestParallelALateJudgementIsNotWritten: of two processes that judge the same, whose claim is over
// is refused, whatever it comes to, and told that it is being judged; asked again it answers
// as the other. Who asks the other while the first is alive waits for its answer.
func TestParallelALateJudgementIsNotWritten(t *testing.T) {
	s := newSeveral(t, 0)
	s.mustSubmitAt(s.cn, "M1", "mt2401.xml")
	first, second := newHold(), newHold()
	held := func(g *flow.Gateway, h *hold) *flow.Gateway {
		o := g.Options
		var once sync.Once
		newID := o.NewID
		o.NewID = func() string { once.Do(h.wait); return newID() } // its judgement makes a message
		return flow.New(o)
	}
	cn, other := held(s.cn, first), held(s.other, second)
	type answer struct {
		store.Submission
		err error
	}
	ask := func(g *flow.Gateway) chan answer {
		out := make(chan answer, 1)
		go func() {
			sub, err := s.submitAt(g, "V1", "mt4402.xml")
			out <- answer{sub, err}
		}()
		return out
	}
	late := ask(cn)
	<-first.held
	waiting := ask(other) // it takes it over
	claim := func() store.Claim {
		return must(s.cn.Store.Read().Arrival(t.Context(), store.DoorSubmit, "0603", "V1"))(t).Claim
	}
	select {
	case a := <-waiting:
		t.Errorf("answered while it is judged elsewhere: %s, %v", a.State, a.err)
	case <-time.After(50 * time.Millisecond):
	}
	s.loses("the judgement", s.cn, claim, second.held)
	if !s.other.Store.Holds(claim()) {
		t.Errorf("it is claimed by %v", claim())
	}
	close(first.let)
	var faults gateway.Faults
	if a := <-late; !errors.As(a.err, &faults) || faults[0].Code != gateway.JudgementPending {
		t.Errorf("the late one is answered %s, %v", a.State, a.err)
	}
	close(second.let)
	a := <-waiting
	again := s.mustSubmitAt(s.cn, "V1", "mt4402.xml")
	if a.err != nil || a.State != gateway.Joined || again.MessageID != a.MessageID {
		t.Errorf("who waited is answered %s, %v, and the late one then %s", a.State, a.err, again.MessageID)
	}
	if subs := must(s.cn.Store.Read().Judgements(t.Context(), "0603", "V1", 9))(t); len(subs) != 1 {
		t.Errorf("%d judgements", len(subs))
	}
}

// TestParallelHeldPartsExpireOnce: two processes look through them at the same time.
func TestParallelHeldPartsExpireOnce(t *testing.T) {
	s := newSeveral(t, 0)
	s.mustSubmitAt(s.cn, "M1", "mt2401.xml")
	s.clock.add(30 * 24 * time.Hour)
	var wg sync.WaitGroup
	for _, g := range []*flow.Gateway{s.cn, s.other, s.cn, s.other} {
		wg.Go(func() {
			if err := g.ExpireHeld(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rows := must(s.cn.Store.Read().Audit(t.Context(), 0, 100))(t)
	n := 0
	for _, row := range rows {
		if row.Event == "held parts expired" {
			n++
		}
	}
	if sub := must(s.cn.Store.Read().Submission(t.Context(), "0603", "M1"))(t); sub.State != gateway.Expired || n != 1 {
		t.Errorf("it is %s, told %d times", sub.State, n)
	}
}

// migratedPostgres is an empty database with all migrations, made once.
var migratedPostgres = sync.OnceValues(func() (string, error) {
	place, err := storetest.New()
	if err != nil {
		return "", err
	}
	db, err := store.Open(context.Background(), place, time.Now)
	if err != nil {
		return "", err
	}
	return place, db.Close()
})

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
