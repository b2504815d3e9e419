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
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// russia is the gateway of a partner that fetches; kazakhstan, that of another.
var (
	russia     = flow.Caller{URI: "customs://RU/gateway/1", Speaks: []gateway.Administration{"RU"}}
	kazakhstan = flow.Caller{URI: "customs://KZ/gateway/1", Speaks: []gateway.Administration{"KZ"}}
)

// fetching is a world in which Russia and Kazakhstan fetch from China, which can call neither.
func fetching(t testing.TB, how flow.Fetches) *world {
	t.Helper()
	w := newWorld(t)
	w.cn.Fetches = map[gateway.Administration]flow.Fetches{"RU": how, "KZ": how}
	w.cn.Links["KZ"] = w.out
	w.out.trouble = func(int) error { return errors.New("nobody calls a partner that fetches") }
	w.cn = flow.New(w.cn.Options)
	return w
}

// subscribes has a partner fetch all that is for it.
func (w *world) subscribes(c flow.Caller, f store.FetchFilter) {
	w.t.Helper()
	must(w.cn.Subscribe(w.t.Context(), c, "all", f))(w.t)
}

func (w *world) fetched(c flow.Caller, most int) flow.Fetched {
	w.t.Helper()
	return must(w.cn.Fetch(w.t.Context(), c, "all", most, 0))(w.t)
}

// judges is the receipt by which Russia's gateway answers what it was handed.
func (w *world) judges(h flow.HandedOut) *store.Statement {
	w.t.Helper()
	r := must(w.ru.Receive(w.t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, h.Sealed.Header, h.Sealed.Signature, h.Sealed.Payload))(w.t)
	return &r
}

func (w *world) receipted(c flow.Caller, lease string, given ...flow.Receipted) ([]flow.HandedOut, error) {
	return w.cn.AcknowledgeReceipted(w.t.Context(), c, "all", lease, given)
}

// A partner that fetches gets what a delivery would carry, the same each time, and its signed receipt ends the
// message as one to a delivery does. Nobody calls it.
func TestWhatIsFetchedIsAcceptedByItsReceipt(t *testing.T) {
	w := fetching(t, flow.Fetches{})
	id := w.notice()
	w.deliver()
	m := w.message(id)
	if m.State != gateway.Queued || m.Attempts != 0 || w.out.tries != 0 {
		t.Fatalf("it is %s after %d attempts, and %d calls", m.State, m.Attempts, w.out.tries)
	}
	if got, want := flow.WhyWaits(m), "it waits to be fetched by RU since 2026-03-01T02:15:00Z"; got != want {
		t.Errorf("it waits because %q, want %q", got, want)
	}
	w.subscribes(russia, store.FetchFilter{Kinds: []string{"PreArrivalNotice"}, Offices: []string{"10719110"}})
	first := w.fetched(russia, 0)
	if len(first.Messages) != 1 || first.Lease == "" {
		t.Fatalf("fetched %+v", first)
	}
	one := first.Messages[0]
	if one.Message.ID != id || string(one.Sealed.Header) != string(m.Header) || string(one.Sealed.Signature) != string(m.Signature) || string(one.Sealed.Payload) != string(m.Payload) || one.Times != 1 {
		t.Errorf("fetched %+v", one.Message)
	}
	if got := w.message(id); got.State != gateway.Sending || got.Attempts != 1 || flow.WhyWaits(got) != "RU has fetched it and has not acknowledged it" {
		t.Errorf("fetched it is %s after %d, and waits because %q", got.State, got.Attempts, flow.WhyWaits(got))
	}
	if again := w.fetched(russia, 0); len(again.Messages) != 0 {
		t.Errorf("under a lease it is handed out again: %v", fetchedIDs(again.Messages))
	}
	w.clock.add(flow.DefaultLease) // the first has crashed
	again := w.fetched(russia, 0)
	if len(again.Messages) != 1 || again.Messages[0].Times != 2 || string(again.Messages[0].Sealed.Payload) != string(m.Payload) {
		t.Fatalf("handed out again: %+v", again)
	}
	receipt := w.judges(again.Messages[0])
	for range 2 { // the same again is answered alike
		done := must(w.receipted(russia, again.Lease, flow.Receipted{Receipt: receipt}))(t)
		if len(done) != 1 || done[0].Message.State != gateway.Accepted {
			t.Fatalf("acknowledged %+v", done)
		}
	}
	got := w.message(id)
	if got.State != gateway.Accepted || got.Receipt == nil || string(got.Receipt.Statement) != string(receipt.Statement) || got.Reason != "" {
		t.Errorf("it is %s, %q", got.State, got.Reason)
	}
	w.clock.add(flow.DefaultLease)
	if none := w.fetched(russia, 0); len(none.Messages) != 0 {
		t.Errorf("acknowledged it is handed out: %v", fetchedIDs(none.Messages))
	}
}

// What its sender takes back before it was fetched was never handed over; what was fetched is asked back.
func TestWhatIsTakenBackBeforeItIsFetchedWasNeverHandedOver(t *testing.T) {
	for _, fetched := range []bool{false, true} {
		t.Run(fmt.Sprint(fetched), func(t *testing.T) {
			w := fetching(t, flow.Fetches{})
			id := w.notice()
			w.subscribes(russia, store.FetchFilter{})
			if fetched {
				w.fetched(russia, 0)
			}
			s := w.cancel(borders[0], "C1", "V1")
			m := w.message(id)
			if fetched {
				if s.State != gateway.Sent && s.State != gateway.Held || m.State != gateway.Sending {
					t.Errorf("the cancellation is %s %v, the message %s", s.State, s.Faults, m.State)
				}
				return
			}
			if s.State != gateway.Done || m.State != gateway.TakenBack {
				t.Errorf("the cancellation is %s %v, the message %s", s.State, s.Faults, m.State)
			}
			if got := w.fetched(russia, 0); len(got.Messages) != 0 {
				t.Errorf("it is handed out: %v", fetchedIDs(got.Messages))
			}
		})
	}
}

// Validity ends what waits: never fetched is never handed over, fetched and not acknowledged nobody knows. A
// receipt that comes after that is refused.
func TestWhatIsNotFetchedInTimeEnds(t *testing.T) {
	for _, fetched := range []bool{false, true} {
		t.Run(fmt.Sprint(fetched), func(t *testing.T) {
			w := fetching(t, flow.Fetches{})
			id := w.notice()
			w.subscribes(russia, store.FetchFilter{})
			want := "expired: " + gateway.NeverHandedOver
			var got flow.Fetched
			if fetched {
				want = "expired: " + gateway.OutcomeUnknown
				got = w.fetched(russia, 0)
			}
			w.clock.add(flow.FetchLook)
			w.deliver()
			if m := w.message(id); m.State.Final() {
				t.Fatalf("it is %s before its time", m.State)
			}
			w.clock.add(w.message(id).ValidUntil.Sub(w.clock.Now()) + 2)
			w.deliver()
			if m := w.message(id); m.State != gateway.Dead || m.Reason != want {
				t.Errorf("it is %s, %q", m.State, m.Reason)
			}
			if !fetched {
				return
			}
			receipt := w.judges(got.Messages[0])
			if _, err := w.receipted(russia, got.Lease, flow.Receipted{Receipt: receipt}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.FetchedEnded}) {
				t.Errorf("a receipt too late: %v", err)
			}
			if none := w.fetched(russia, 0); len(none.Messages) != 0 {
				t.Errorf("what has ended is handed out: %v", fetchedIDs(none.Messages))
			}
			_, open, err := w.cn.Subscribed(t.Context(), russia, "all")
			if err != nil || len(open) != 0 {
				t.Errorf("what has ended stays open: %v, %v", open, err)
			}
		})
	}
}

// A dead letter that an operator sends again, or makes anew, is fetched however far the partner's cursor has come
// since; when it ends once more nothing of it stays open.
func TestWhatWaitsOnceMoreIsFetched(t *testing.T) {
	for name, c := range map[string]struct {
		fetched bool
		again   func(g *flow.Gateway, id gateway.MessageID) (flow.DeadLetter, error)
	}{
		"sent again, never fetched": {false, func(g *flow.Gateway, id gateway.MessageID) (flow.DeadLetter, error) {
			return g.Redrive(t.Context(), anna, id, 0)
		}},
		"sent again, fetched before": {true, func(g *flow.Gateway, id gateway.MessageID) (flow.DeadLetter, error) {
			return g.Redrive(t.Context(), anna, id, 0)
		}},
		"made anew": {false, func(g *flow.Gateway, id gateway.MessageID) (flow.DeadLetter, error) {
			return g.Repair(t.Context(), anna, id)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := fetching(t, flow.Fetches{})
			id := w.notice()
			w.subscribes(russia, store.FetchFilter{})
			must(w.cn.Subscribe(t.Context(), russia, "answers", store.FetchFilter{Kinds: []string{"InspectionResult"}}))(t)
			if c.fetched {
				w.fetched(russia, 0)
			}
			ends := func(id gateway.MessageID) {
				t.Helper()
				w.clock.add(w.message(id).ValidUntil.Sub(w.clock.Now()) + 2)
				w.deliver()
				if m := w.message(id); m.State != gateway.Dead {
					t.Fatalf("it is %s", m.State)
				}
			}
			ends(id)
			other := w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
				m.State, m.Attempts, m.Reason, m.ValidUntil = gateway.Queued, 0, "", m.ValidUntil.Add(1000*time.Hour)
			})[0]
			if got := w.fetched(russia, 0); !slices.Equal(fetchedIDs(got.Messages), []gateway.MessageID{other}) {
				t.Fatalf("fetched %v", fetchedIDs(got.Messages))
			}
			dead, err := c.again(w.cn, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.cn.Content(t.Context(), russia, "all", dead.ID); c.fetched == errors.Is(err, store.ErrNotFound) {
				t.Errorf("its document before it is handed out: %v", err)
			}
			if got := must(w.cn.Fetch(t.Context(), russia, "answers", 0, 0))(t); len(got.Messages) != 0 {
				t.Errorf("by a filter that it does not fit: %v", fetchedIDs(got.Messages))
			}
			ends(dead.ID)
			if got := w.fetched(russia, 0); slices.Contains(fetchedIDs(got.Messages), dead.ID) {
				t.Errorf("what has ended is handed out")
			}
			before := must(w.cn.Store.Read().LastCommit(t.Context()))(t)
			if got := w.fetched(russia, 0); len(got.Messages) != 0 || got.More || must(w.cn.Store.Read().LastCommit(t.Context()))(t) != before {
				t.Errorf("it stays open: %v, %v", fetchedIDs(got.Messages), got.More)
			}
			must(w.cn.Redrive(t.Context(), anna, dead.ID, 0))(t)
			got := w.fetched(russia, 0)
			if !slices.Equal(fetchedIDs(got.Messages), []gateway.MessageID{dead.ID}) {
				t.Fatalf("sent again it is fetched as %v", fetchedIDs(got.Messages))
			}
			must(w.receipted(russia, got.Lease, flow.Receipted{Receipt: w.judges(got.Messages[0])}))(t)
			if m := w.message(dead.ID); m.State != gateway.Accepted {
				t.Errorf("it is %s", m.State)
			}
		})
	}
}

// A plain receipt counts only where the partner's record allows it, for what the partner holds, and ends the message
// outside the promise.
func TestAPlainReceiptEndsAMessageOutsideThePromise(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint(plain), func(t *testing.T) {
			w := fetching(t, flow.Fetches{Plain: plain})
			id := w.notice()
			w.subscribes(russia, store.FetchFilter{})
			if left := onList(t, w.cn, flow.ListFilter{Worklist: flow.LeftUnaccepted}); len(left) != 1 {
				t.Errorf("left and not taken are %v", left)
			}
			got := w.fetched(russia, 0)
			digest := got.Messages[0].Message.PayloadDigest
			if plain {
				if _, err := w.receipted(russia, got.Lease, flow.Receipted{ID: id, Payload: gateway.DigestOf([]byte("x"))}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.SealReceipt}) {
					t.Errorf("another digest: %v", err)
				}
			}
			_, err := w.receipted(russia, got.Lease, flow.Receipted{ID: id, Payload: digest})
			if !plain {
				if !slices.Equal(faultCodes(err), []gateway.Code{gateway.ReceiptPlain}) || w.message(id).State != gateway.Sending {
					t.Errorf("a plain receipt: %v", err)
				}
				return
			}
			if err != nil || w.message(id).State != gateway.Unsigned {
				t.Errorf("it is %s, %v", w.message(id).State, err)
			}
			if left := onList(t, w.cn, flow.ListFilter{Worklist: flow.LeftUnaccepted}); len(left) != 0 {
				t.Errorf("the shift is told that it left untaken: %v", left)
			}
			if _, err := w.receipted(russia, got.Lease, flow.Receipted{ID: id, Payload: digest}); err != nil {
				t.Errorf("the same again: %v", err)
			}
			receipt := w.judges(got.Messages[0])
			if _, err := w.receipted(russia, got.Lease, flow.Receipted{Receipt: receipt}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.FetchedEnded}) {
				t.Errorf("a signed one behind it: %v", err)
			}
		})
	}
}

// What is not a partner's is not there for it, whatever it asks for; a receipt that is spoilt, another's, or of
// another message changes nothing, and is on record.
func TestAPartnerReachesOnlyWhatIsForIt(t *testing.T) {
	w := fetching(t, flow.Fetches{Plain: true})
	id := w.notice()
	w.subscribes(russia, store.FetchFilter{})
	w.subscribes(kazakhstan, store.FetchFilter{})
	if got := w.fetched(kazakhstan, 0); len(got.Messages) != 0 {
		t.Fatalf("Kazakhstan is handed %v", fetchedIDs(got.Messages))
	}
	got := w.fetched(russia, 0)
	receipt := w.judges(got.Messages[0])
	digest := got.Messages[0].Message.PayloadDigest
	spoilt := store.Statement{Header: receipt.Header, Statement: receipt.Statement, Signature: append(slices.Clone(receipt.Signature[:len(receipt.Signature)-1]), receipt.Signature[len(receipt.Signature)-1]^1)}
	outsider := flow.Caller{URI: "customs://MN/gateway/1", Speaks: []gateway.Administration{"MN"}}
	second := flow.Caller{URI: "customs://RU/gateway/2", Speaks: russia.Speaks}
	for name, c := range map[string]struct {
		by    flow.Caller
		lease string
		given flow.Receipted
		want  gateway.Code
	}{
		"another partner's":         {kazakhstan, got.Lease, flow.Receipted{Receipt: receipt}, gateway.LeaseLost},
		"another partner's, plain":  {kazakhstan, got.Lease, flow.Receipted{ID: id, Payload: digest}, gateway.LeaseLost},
		"another gateway's lease":   {second, got.Lease, flow.Receipted{Receipt: receipt}, gateway.LeaseLost},
		"without its lease":         {russia, "", flow.Receipted{Receipt: receipt}, gateway.LeaseLost},
		"under no lease":            {russia, "00000000-0000-4000-8000-000000000000", flow.Receipted{Receipt: receipt}, gateway.LeaseLost},
		"of a message that is none": {russia, got.Lease, flow.Receipted{ID: "00000000-0000-4000-8000-000000000000", Payload: digest}, gateway.LeaseLost},
		"a spoilt signature":        {russia, got.Lease, flow.Receipted{Receipt: &spoilt}, gateway.SealSignature},
		"no receipt at all":         {russia, got.Lease, flow.Receipted{Receipt: &store.Statement{}}, gateway.SealHeader},
	} {
		if _, err := w.receipted(c.by, c.lease, c.given); !slices.Equal(faultCodes(err), []gateway.Code{c.want}) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := w.receipted(outsider, got.Lease, flow.Receipted{Receipt: receipt}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who does not fetch: %v", err)
	}
	for name, by := range map[string]flow.Caller{"another partner": kazakhstan, "who does not fetch": outsider, "a system of ours": {URI: "customs://CN/system/national"}} {
		if _, _, err := w.cn.Content(t.Context(), by, "all", id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s reads it: %v", name, err)
		}
	}
	if m := w.message(id); m.State != gateway.Sending {
		t.Errorf("after all that it is %s", m.State)
	}
	must(w.receipted(russia, got.Lease, flow.Receipted{Receipt: receipt}))(t)
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("it is %s", m.State)
	}
	if told := w.events(w.cn); !strings.Contains(told, "refused at the door") {
		t.Errorf("no refusal is on record:\n%s", told)
	}
	// A receipt for one message is none for another.
	other := w.copies(w.cn, id, 1, func(_ int, m *store.Message) { m.State, m.Attempts = gateway.Queued, 0 })[0]
	more := w.fetched(russia, 0)
	if !slices.Equal(fetchedIDs(more.Messages), []gateway.MessageID{other}) {
		t.Fatalf("fetched %v", fetchedIDs(more.Messages))
	}
	if _, err := w.receipted(russia, more.Lease, flow.Receipted{Receipt: receipt}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.LeaseLost}) {
		t.Errorf("a receipt played again: %v", err)
	}
	if _, err := w.cn.Subscribe(t.Context(), russia, "others", store.FetchFilter{Senders: []gateway.Administration{"KZ"}}); !slices.Equal(faultCodes(err), []gateway.Code{gateway.SubscriptionUnfit}) {
		t.Errorf("what another sent: %v", err)
	}
}

// Ten thousand waiting messages are fetched in pages, each once, in the order in which they were made.
func TestAnAccumulatedQueueIsFetchedInBoundedPages(t *testing.T) {
	w := fetching(t, flow.Fetches{Plain: true})
	id := w.notice()
	const n = 10_000
	want := []gateway.MessageID{id}
	for len(want) < n {
		first := len(want)
		want = append(want, w.copies(w.cn, id, min(40, n-len(want)), func(i int, m *store.Message) {
			m.ID = gateway.MessageID(fmt.Sprintf("%s-%06d", id, first+i))
			m.Chain, m.Whole = m.ID, m.ID
		})...)
	}
	w.subscribes(russia, store.FetchFilter{})
	var all []gateway.MessageID
	for {
		got := w.fetched(russia, flow.MaxFetched)
		if len(got.Messages) == 0 {
			break
		}
		if len(got.Messages) > flow.MaxFetched+40 { // no commit is parted
			t.Fatalf("a page of %d", len(got.Messages))
		}
		ids := fetchedIDs(got.Messages)
		all = append(all, ids...)
		var bytes int
		var given []flow.Receipted
		for _, h := range got.Messages {
			bytes += len(h.Sealed.Payload)
			given = append(given, flow.Receipted{ID: h.Message.ID, Payload: h.Message.PayloadDigest})
		}
		if bytes > flow.MaxInlined {
			t.Fatalf("a page of %d bytes", bytes)
		}
		for some := range slices.Chunk(given, flow.MaxFetched) {
			must(w.receipted(russia, got.Lease, some...))(t)
		}
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("fetched (-want +got):\n%s", diff)
	}
}

// inProcess is the link by which Russia's gateway fetches from China's, with the trouble that a test puts on it.
type inProcess struct {
	mu      sync.Mutex
	cn      *flow.Gateway
	trouble func(step string) error // after it was done
}

func (l *inProcess) after(step string, err error) error {
	if err == nil && l.trouble != nil {
		return l.trouble(step)
	}
	return err
}

func (l *inProcess) Subscribe(ctx context.Context, name string) error {
	_, err := l.cn.Subscribe(ctx, russia, name, store.FetchFilter{})
	return l.after("subscribe", err)
}

func (l *inProcess) Fetch(ctx context.Context, name string, most int, lease time.Duration) (peer.Fetched, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	got, err := l.cn.Fetch(ctx, russia, name, most, lease)
	out := peer.Fetched{Lease: got.Lease, More: got.More}
	for _, h := range got.Messages {
		out.Messages = append(out.Messages, peer.FetchedMessage{ID: h.Message.ID, Header: h.Sealed.Header, Signature: h.Sealed.Signature, Size: int64(h.Sealed.Size)})
	}
	return out, l.after("fetch", err)
}

func (l *inProcess) Content(ctx context.Context, name string, m peer.FetchedMessage, most int) ([]byte, error) {
	found, release, err := l.cn.Content(ctx, russia, name, m.ID)
	if err != nil {
		return nil, err
	}
	release()
	return found.Payload, l.after("content", nil)
}

func (l *inProcess) Acknowledge(ctx context.Context, name, lease string, r peer.Receipt) error {
	given := store.Statement(r)
	_, err := l.cn.AcknowledgeReceipted(ctx, russia, name, lease, []flow.Receipted{{Receipt: &given}})
	return l.after("acknowledge", err)
}

// A gateway that fetches loses nothing and does nothing twice, wherever it breaks off: its next look goes on.
func TestAGatewayThatFetchesGoesOnWhereItBrokeOff(t *testing.T) {
	for _, step := range []string{"subscribe", "fetch", "content", "acknowledge"} {
		t.Run(step, func(t *testing.T) {
			w := fetching(t, flow.Fetches{})
			id := w.notice()
			broken := false
			link := &inProcess{cn: w.cn, trouble: func(at string) error {
				if at == step && !broken {
					broken = true
					return errors.New("broken off")
				}
				return nil
			}}
			source := flow.Source{URI: "customs://CN/gateway/1", Administrations: []gateway.Administration{"CN"}, Every: time.Second, Link: link}
			if _, err := w.ru.FetchFrom(t.Context(), source); err == nil || !broken {
				t.Fatalf("it did not break off: %v", err)
			}
			w.clock.add(flow.FetchLease)
			must(w.ru.FetchFrom(t.Context(), source))(t)
			if m := w.message(id); m.State != gateway.Accepted {
				t.Errorf("it is %s", m.State)
			}
			in := must(w.ru.Store.Read().Inbound(t.Context(), "CN", id))(t)
			if in.State != gateway.Accepted {
				t.Errorf("Russia holds it as %s", in.State)
			}
			w.clock.add(flow.FetchLease)
			if more, err := w.ru.FetchFrom(t.Context(), source); err != nil || more {
				t.Errorf("there is more: %v, %v", more, err)
			}
		})
	}
}

// What a gateway refuses of what it fetches stays with the partner, and keeps nothing that is behind it, however
// much that is.
func TestWhatIsRefusedOfWhatIsFetchedStopsNothing(t *testing.T) {
	w := fetching(t, flow.Fetches{})
	link := &inProcess{cn: w.cn}
	source := flow.Source{URI: "customs://CN/gateway/1", Administrations: []gateway.Administration{"CN"}, Every: time.Hour, Link: link}
	id := w.notice()
	must(w.ru.FetchFrom(t.Context(), source))(t)
	if m := w.message(id); m.State != gateway.Accepted {
		t.Fatalf("it is %s", m.State)
	}
	for range 2 * flow.FetchAtOne {
		id = w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
			m.State, m.Attempts, m.Receipt, m.Signature = gateway.Queued, 0, nil, []byte("spoilt")
		})[0]
	}
	s := w.inspection("C-1")
	for range 2 { // all that is refused comes again, and first
		pages := 0
		for more := true; more; pages++ {
			more = must(w.ru.FetchFrom(t.Context(), source))(t)
		}
		if pages > 4 {
			t.Errorf("%d pages", pages)
		}
		w.clock.add(flow.FetchLease)
	}
	if m := w.message(s.MessageID); m.State != gateway.Accepted {
		t.Errorf("what is behind is %s", m.State)
	}
	if m := w.message(id); m.State != gateway.Sending {
		t.Errorf("what is refused is %s", m.State)
	}
	after := w.inspection("C-2")
	must(w.ru.FetchFrom(t.Context(), source))(t)
	must(w.ru.FetchFrom(t.Context(), source))(t)
	must(w.ru.FetchFrom(t.Context(), source))(t)
	if m := w.message(after.MessageID); m.State != gateway.Accepted {
		t.Errorf("what comes later is %s", m.State)
	}
}

// What a partner that fetches has signed for and lost is handed out to it again, once it asks for that.
func TestWhatAPartnerThatFetchesHasLostIsHandedOutAgain(t *testing.T) {
	w := fetching(t, flow.Fetches{})
	own(t, w.ru)
	backup := w.backUp(w.ru)
	id := w.notice()
	source := flow.Source{URI: "customs://CN/gateway/1", Administrations: []gateway.Administration{"CN"}, Link: &inProcess{cn: w.cn}}
	must(w.ru.FetchFrom(t.Context(), source))(t)
	if m := w.message(id); m.State != gateway.Accepted {
		t.Fatalf("it is %s", m.State)
	}
	w.ru.Links = map[gateway.Administration]flow.Link{"CN": &wire{from: "RU", to: w.cn}}
	w.ru = w.restored(w.ru, backup)
	w.balance(w.ru, "CN")
	w.cn.BalanceLook(t.Context(), "RU", w.clock.Now())
	must(w.ru.FetchFrom(t.Context(), source))(t)
	if in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", id); err != nil || in.State != gateway.Accepted {
		t.Errorf("Russia holds %s, %v", in.State, err)
	}
	w.cn.BalanceLook(t.Context(), "RU", w.clock.Now())
	w.clock.add(flow.FetchLease)
	if more, err := w.ru.FetchFrom(t.Context(), source); err != nil || more {
		t.Errorf("it is handed out once more: %v, %v", more, err)
	}
	open := must(w.cn.Store.Read().OpenDifferences(t.Context(), "RU", 0, 10))(t)
	if len(open) != 0 {
		t.Errorf("differences left: %v", open)
	}
}

// Several systems of a partner fetch at once, and some of them die while they hold a lease: each message is accepted
// once, by one of them.
func TestParallelSystemsOfAPartnerShareWhatIsForIt(t *testing.T) {
	w := fetching(t, flow.Fetches{Plain: true})
	id := w.notice()
	const n, systems = 60, 6
	for i := range n - 1 {
		w.copies(w.cn, id, 1, func(_ int, m *store.Message) {
			m.ID = gateway.MessageID(fmt.Sprintf("%s-%03d", id, i))
			m.Chain, m.Whole = m.ID, m.ID
		})
	}
	w.subscribes(russia, store.FetchFilter{})
	var mu sync.Mutex
	held, done := map[gateway.MessageID]int{}, map[gateway.MessageID]int{}
	var wg sync.WaitGroup
	for i := range systems {
		wg.Go(func() {
			by := flow.Caller{URI: fmt.Sprintf("customs://RU/gateway/%d", i), Speaks: russia.Speaks}
			for round := 0; ; round++ {
				got, err := w.cn.Fetch(t.Context(), by, "all", 3, flow.MinLease)
				if err != nil {
					t.Error(err)
					return
				}
				if len(got.Messages) == 0 {
					return
				}
				mu.Lock()
				for _, h := range got.Messages {
					if held[h.Message.ID]++; held[h.Message.ID] > 1 {
						t.Errorf("%s is held by two", h.Message.ID)
					}
				}
				mu.Unlock()
				if i%2 == 1 && round == 1 {
					return // it dies
				}
				var given []flow.Receipted
				for _, h := range got.Messages {
					given = append(given, flow.Receipted{ID: h.Message.ID, Payload: h.Message.PayloadDigest})
				}
				if _, err := w.cn.AcknowledgeReceipted(t.Context(), by, "all", got.Lease, given); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, h := range got.Messages {
					done[h.Message.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	w.clock.add(flow.MinLease)
	for {
		got := w.fetched(russia, 0)
		if len(got.Messages) == 0 {
			break
		}
		for _, h := range got.Messages {
			must(w.receipted(russia, got.Lease, flow.Receipted{ID: h.Message.ID, Payload: h.Message.PayloadDigest}))(t)
			done[h.Message.ID]++
		}
	}
	if len(done) != n {
		t.Errorf("%d messages of %d are acknowledged", len(done), n)
	}
	for id, times := range done {
		if m := w.message(id); times != 1 || m.State != gateway.Unsigned {
			t.Errorf("%s is acknowledged %d times, and %s", id, times, m.State)
		}
	}
}

// After a restore of the side that hands out, what the backup held is handed out again and gets the same receipt; what
// was made since and is submitted again is the same message, which its partner has once.
func TestAfterARestoreWhatIsHandedOutAgainIsReceivedOnce(t *testing.T) {
	for name, made := range map[string]bool{"made before the backup": true, "made since": false} {
		t.Run(name, func(t *testing.T) {
			w := fetching(t, flow.Fetches{})
			own(t, w.cn)
			var id gateway.MessageID
			if made {
				id = w.notice()
			}
			backup := w.backUp(w.cn)
			if !made {
				id = w.notice()
			}
			source := flow.Source{URI: "customs://CN/gateway/1", Administrations: []gateway.Administration{"CN"}, Link: &inProcess{cn: w.cn}}
			must(w.ru.FetchFrom(t.Context(), source))(t)
			first := must(w.ru.Store.Read().Inbound(t.Context(), "CN", id))(t)
			fetches := w.cn.Fetches
			w.cn = w.restored(w.cn, backup)
			w.cn.Fetches = fetches
			w.cn = flow.New(w.cn.Options)
			w.clock.add(time.Minute)
			if !made {
				if again := w.notice(); again != id {
					t.Fatalf("submitted again it is %s, was %s", again, id)
				}
			}
			source.Link = &inProcess{cn: w.cn}
			must(w.ru.FetchFrom(t.Context(), source))(t)
			if m := w.message(id); m.State != gateway.Accepted {
				t.Errorf("it is %s", m.State)
			}
			if in := must(w.ru.Store.Read().Inbound(t.Context(), "CN", id))(t); in.PayloadDigest != first.PayloadDigest || in.Commit != first.Commit {
				t.Errorf("Russia has it twice: %+v", in)
			}
		})
	}
}

// Who is called by nobody is asked for no balance.
func TestAPartnerThatFetchesIsAskedForNoBalance(t *testing.T) {
	w := fetching(t, flow.Fetches{})
	if _, err := w.cn.Balance(t.Context(), "RU"); !slices.Equal(faultCodes(err), []gateway.Code{gateway.BalanceTheirs}) {
		t.Errorf("asked: %v", err)
	}
	w.clock.add(2 * flow.BalanceEvery)
	w.cn.BalanceLook(t.Context(), "RU", w.clock.Now().Add(-2*flow.BalanceEvery))
	if b := must(w.cn.Store.Read().Balance(t.Context(), "RU"))(t); !b.At.IsZero() {
		t.Errorf("balanced at %v", b.At)
	}
}
