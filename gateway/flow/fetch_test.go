package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// The systems of Russia that fetch.
var (
	clearance = flow.Caller{URI: "customs://RU/system/clearance", Office: "10719110"}
	risk      = flow.Caller{URI: "customs://RU/system/risk", Office: "10719110"}
)

// comes has a message be accepted from a partner at a gateway.
func comes(t testing.TB, g *flow.Gateway, in store.Inbound) gateway.MessageID {
	t.Helper()
	in.State, in.Faults, in.Unread, in.Answers, in.Receipt = gateway.Accepted, gateway.Faults{}, []string{}, []string{}, &store.Statement{}
	if in.Sender == "" {
		in.Sender = "CN"
	}
	if in.ID == "" {
		in.ID = gateway.MessageID(g.NewID())
	}
	if in.Received.IsZero() {
		in.Received = g.Now()
	}
	in.PayloadDigest = gateway.DigestOf([]byte(in.ID))
	if _, err := g.Store.Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.PutInbound(in), tx.Audit("test", "came", string(in.ID), in.PayloadDigest))
	}); err != nil {
		t.Fatal(err)
	}
	return in.ID
}

func subscribe(t testing.TB, g *flow.Gateway, name string, f store.FetchFilter) store.Subscription {
	t.Helper()
	return must(g.Subscribe(t.Context(), clearance, name, f))(t)
}

func fetch(t testing.TB, g *flow.Gateway, by flow.Caller, name string, most int) flow.Fetched {
	t.Helper()
	return must(g.Fetch(t.Context(), by, name, most, 0))(t)
}

func fetchedIDs(all []flow.HandedOut) (ids []gateway.MessageID) {
	for _, h := range all {
		ids = append(ids, h.Message.ID)
	}
	return ids
}

// done acknowledges all of a lease.
func done(t testing.TB, g *flow.Gateway, by flow.Caller, name string, got flow.Fetched) {
	t.Helper()
	if _, err := g.AcknowledgeFetched(t.Context(), by, name, got.Lease, "", fetchedIDs(got.Messages)); err != nil {
		t.Fatal(err)
	}
}

// codes are those of an error's faults.
func faultCodes(err error) (codes []gateway.Code) {
	var faults gateway.Faults
	errors.As(err, &faults)
	for _, f := range faults {
		codes = append(codes, f.Code)
	}
	return codes
}

// Systems of one subscription share what comes, those of another get all of it again; what is
// acknowledged is on record with who did it.
func TestSystemsOfOneSubscriptionShareWhatComes(t *testing.T) {
	w := newWorld(t)
	g := w.ru
	var sent []gateway.MessageID
	for range 5 {
		sent = append(sent, comes(t, g, store.Inbound{Kind: "PreArrivalNotice"}))
	}
	subscribe(t, g, "all", store.FetchFilter{})
	first := fetch(t, g, clearance, "all", 2)
	second := fetch(t, g, risk, "all", 2)
	third := fetch(t, g, clearance, "all", 2)
	none := fetch(t, g, risk, "all", 2)
	if diff := cmp.Diff([][]gateway.MessageID{sent[:2], sent[2:4], sent[4:], nil},
		[][]gateway.MessageID{fetchedIDs(first.Messages), fetchedIDs(second.Messages), fetchedIDs(third.Messages), fetchedIDs(none.Messages)}); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if !first.More || !second.More || third.More || none.More || none.Lease != "" || !first.Until.Equal(g.Now().Add(flow.DefaultLease)) {
		t.Errorf("%v %v %v %v", first, second, third, none)
	}
	done(t, g, clearance, "all", first)
	done(t, g, risk, "all", second)
	done(t, g, clearance, "all", third)
	again := subscribe(t, g, "again", store.FetchFilter{})
	all := fetch(t, g, risk, "again", 0)
	if !slices.Equal(fetchedIDs(all.Messages), sent) || again.Position != 0 {
		t.Errorf("another subscription gets %v", fetchedIDs(all.Messages))
	}
	w.clock.add(time.Second)
	done(t, g, risk, "again", all)
	in := must(g.Store.Read().Inbound(t.Context(), "CN", sent[0]))(t)
	if in.AcknowledgedBy != clearance.URI {
		t.Errorf("taken over by %s: the first counts", in.AcknowledgedBy)
	}
	taken := must(g.Acknowledgements(t.Context(), in))(t)
	want := []store.Acknowledgement{{Subscription: "again", At: w.clock.Now(), By: risk.URI}, {Subscription: "all", At: in.AcknowledgedAt, By: clearance.URI}}
	if diff := cmp.Diff(want, taken); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	found, _, _, err := g.Store.Read().AuditBy(t.Context(), store.AuditFilter{Subjects: []string{string(sent[0])}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range found {
		told = append(told, row.Actor+": "+row.Event)
	}
	if diff := cmp.Diff([]string{
		"test: came", clearance.URI + ": message handed out for all", clearance.URI + ": message acknowledged for all",
		risk.URI + ": message handed out for again", risk.URI + ": message acknowledged for again",
	}, told); diff != "" {
		t.Errorf("the audit trail (-want +got):\n%s", diff)
	}
	if got := fetch(t, g, risk, "all", 0); len(got.Messages) != 0 { // acknowledged changes move no cursor
		t.Errorf("what was acknowledged is handed out again: %v", got)
	}
}

// Who asks in vain leaves no trace, and what does not fit is passed by once.
func TestWhoFetchesNothingLeavesNoTrace(t *testing.T) {
	g := newWorld(t).ru
	for range 3 {
		comes(t, g, store.Inbound{Kind: "Manifest"})
	}
	subscribe(t, g, "answers", store.FetchFilter{Kinds: []string{"Answer"}})
	before := must(g.Store.Read().LastCommit(t.Context()))(t)
	for range 3 {
		if got := fetch(t, g, risk, "answers", 0); got.Lease != "" || got.More || len(got.Messages) != 0 {
			t.Errorf("fetched %v", got)
		}
	}
	sub, _, err := g.Subscribed(t.Context(), risk, "answers")
	if after := must(g.Store.Read().LastCommit(t.Context()))(t); err != nil || after != before || sub.Position != before-1 || !sub.Fetched.IsZero() {
		t.Errorf("commit %d became %d, the cursor is at %d, %v", before, after, sub.Position, err)
	}
	id := comes(t, g, store.Inbound{Kind: "Answer"})
	if got := fetch(t, g, risk, "answers", 0); !slices.Equal(fetchedIDs(got.Messages), []gateway.MessageID{id}) {
		t.Errorf("fetched %v", got)
	}
}

func TestFiltersOfSubscriptions(t *testing.T) {
	w := newWorld(t)
	g := w.ru
	begin := w.clock.Now()
	first := comes(t, g, store.Inbound{Kind: "Manifest", Offices: []string{"10719110"}})
	w.clock.add(24 * time.Hour)
	second := comes(t, g, store.Inbound{Kind: "Answer", Offices: []string{"10719110", "10716060"}})
	w.clock.add(24 * time.Hour)
	third := comes(t, g, store.Inbound{Kind: "Answer", Sender: "KZ", Offices: []string{store.Everybody}})
	fourth := comes(t, g, store.Inbound{Kind: "Manifest", Received: begin}) // parked since, and of no office
	for name, tt := range map[string]struct {
		f    store.FetchFilter
		want []gateway.MessageID
	}{
		"all":            {store.FetchFilter{}, []gateway.MessageID{first, second, third, fourth}},
		"sender":         {store.FetchFilter{Senders: []gateway.Administration{"CN"}}, []gateway.MessageID{first, second, fourth}},
		"office":         {store.FetchFilter{Offices: []string{"10716060"}}, []gateway.MessageID{second, third}},
		"office-as-said": {store.FetchFilter{Offices: []string{" 10719110"}}, []gateway.MessageID{first, second, third}},
		"kinds":          {store.FetchFilter{Kinds: []string{"Answer", "Cancellation"}}, []gateway.MessageID{second, third}},
		"since":          {store.FetchFilter{Since: begin.Add(24 * time.Hour)}, []gateway.MessageID{second, third}},
		"since-just":     {store.FetchFilter{Since: begin.Add(24*time.Hour + 1)}, []gateway.MessageID{third}},
		"until":          {store.FetchFilter{Until: begin.Add(24 * time.Hour)}, []gateway.MessageID{first, fourth}},
		"span":           {store.FetchFilter{Since: begin.Add(time.Hour), Until: begin.Add(24*time.Hour + 1)}, []gateway.MessageID{second}},
		"everything":     {store.FetchFilter{Senders: []gateway.Administration{"CN"}, Offices: []string{"10719110"}, Kinds: []string{"Answer"}, Since: begin}, []gateway.MessageID{second}},
		"later":          {store.FetchFilter{Since: begin.Add(72 * time.Hour)}, nil},
	} {
		subscribe(t, g, name, tt.f)
		if got := fetchedIDs(fetch(t, g, risk, name, 0).Messages); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// What comes by the routes concerns the offices on them: what is announced that of entry, and what is told of
// it, or answered, that of exit.
func TestWhatComesConcernsTheOfficesOfItsMovement(t *testing.T) {
	for name, c := range corridors(t) {
		t.Run(name, func(t *testing.T) {
			c.announce()
			c.w.carry()
			if _, err := c.seen("A1", "ORIGINAL", `, "totals": {"packages": "3"}`); err != nil {
				t.Fatal(err)
			}
			c.w.carry()
			exit := "0603"
			switch name {
			case "RU-CN":
				exit = "10719110"
			case "CN-KZ":
				exit = khorgos.Office
			case "CN-MN":
				exit = erenhot.exit.Office
			}
			for _, at := range []struct {
				g      *flow.Gateway
				office string
				kinds  []string
			}{{c.entry, c.entryPost.Office, nil}, {c.exit, exit, []string{"ArrivalReport"}}} {
				system := flow.Caller{URI: "customs://" + string(at.g.Own) + "/system/1", Office: at.office}
				for office, fits := range map[string]bool{at.office: true, "99999999": false} {
					name := "of-" + strings.ToLower(office)
					if _, err := at.g.Subscribe(t.Context(), system, name, store.FetchFilter{Offices: []string{office}, Kinds: at.kinds}); err != nil {
						t.Fatal(err)
					}
					if got := fetch(t, at.g, system, name, 0); len(got.Messages) > 0 != fits {
						t.Errorf("%s fetches %d messages for %s", at.g.Own, len(got.Messages), office)
					}
				}
			}
		})
	}
}

func TestAnAnswerConcernsTheOfficeThatHasSubmittedWhatItAnswers(t *testing.T) {
	w := newWorld(t)
	m := w.message(w.notice())
	w.deliver()
	s := w.answer("A1", m.DocumentID, registered)
	if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
		t.Fatal(err)
	}
	in := must(w.cn.Store.Read().Inbound(t.Context(), "RU", s.MessageID))(t)
	if in.State != gateway.Accepted || !slices.Equal(in.Offices, []string{"0603"}) || in.Accepted == 0 {
		t.Errorf("the answer is %s, concerns %v, accepted in %d", in.State, in.Offices, in.Accepted)
	}
}

// TestLeases tells in five languages what becomes of an acknowledgement that is late, doubled, of what is
// another's or was never fetched.
func TestLeases(t *testing.T) {
	w := newWorld(t)
	g, ctx := w.ru, t.Context()
	var out bytes.Buffer
	refused := func(title string, err error, want ...gateway.Code) {
		t.Helper()
		var faults gateway.Faults
		if errors.As(err, &faults); !slices.Equal(faultCodes(err), want) {
			t.Fatalf("%s: %v, want %v", title, err, want)
		}
		for _, f := range faults {
			inFiveLanguages(&out, title, f)
		}
	}
	acknowledge := func(by flow.Caller, lease string, ids ...gateway.MessageID) error {
		_, err := g.AcknowledgeFetched(ctx, by, "all", lease, "", ids)
		return err
	}
	open := func() int {
		_, handouts, err := g.Subscribed(ctx, risk, "all")
		if err != nil {
			t.Fatal(err)
		}
		return len(handouts)
	}
	ids := make([]gateway.MessageID, 6)
	for i := range ids {
		ids[i] = comes(t, g, store.Inbound{ID: gateway.MessageID(fmt.Sprintf("0000AAAA-0000-4000-8000-%012d", i))})
	}
	subscribe(t, g, "all", store.FetchFilter{})
	first := fetch(t, g, clearance, "all", 4)
	second := fetch(t, g, risk, "all", 1)

	refused("another's lease", acknowledge(risk, first.Lease, ids[0]), gateway.LeaseLost)
	refused("of another lease", acknowledge(risk, second.Lease, ids[0]), gateway.LeaseLost)
	refused("never fetched", acknowledge(clearance, first.Lease, ids[0], ids[5], "nothing"), gateway.LeaseLost, gateway.LeaseLost)
	refused("no lease", acknowledge(clearance, "", ids[0]), gateway.LeaseLost)
	if open() != 5 {
		t.Errorf("%d are not acknowledged: of what is refused nothing is done", open())
	}
	// Half a batch, twice, by an id in other letters.
	for range 2 {
		if err := acknowledge(clearance, first.Lease, ids[0], ids[1], "0000aaaa-0000-4000-8000-000000000000"); err != nil || open() != 3 {
			t.Errorf("half a batch: %d are open, %v", open(), err)
		}
	}
	refused("acknowledged by another", acknowledge(risk, second.Lease, ids[0]), gateway.LeaseLost)

	// The lease is over, and nobody has fetched since: what is done is done. A renewed one lasts.
	w.clock.add(flow.DefaultLease / 2)
	until, left, err := g.Renew(ctx, risk, "all", second.Lease, 2*time.Minute)
	if err != nil || !slices.Equal(left, ids[4:5]) || !until.Equal(w.clock.Now().Add(2*time.Minute)) {
		t.Errorf("renewed %v until %v, %v", left, until, err)
	}
	w.clock.add(flow.DefaultLease)
	if err := acknowledge(clearance, first.Lease, ids[2]); err != nil {
		t.Errorf("late, and nobody's: %v", err)
	}
	third := fetch(t, g, risk, "all", 1)
	if !slices.Equal(fetchedIDs(third.Messages), ids[3:4]) || third.Messages[0].Times != 2 || !third.More {
		t.Errorf("what is over is handed out before what has come: %+v", third)
	}
	refused("late, and another's", acknowledge(clearance, first.Lease, ids[3]), gateway.LeaseLost)
	if _, _, err = g.Renew(ctx, clearance, "all", first.Lease, 0); true {
		refused("renewed too late", err, gateway.LeaseOver)
	}
	if _, err := g.Release(ctx, clearance, "all", third.Lease); true {
		refused("given back by another", err, gateway.LeaseOver)
	}
	given, err := g.Release(ctx, risk, "all", third.Lease)
	if err != nil || !slices.Equal(given, ids[3:4]) {
		t.Errorf("given back %v, %v", given, err)
	}
	refused("given back", acknowledge(risk, third.Lease, ids[3]), gateway.LeaseLost)
	fourth := fetch(t, g, clearance, "all", 0)
	if !slices.Equal(fetchedIDs(fourth.Messages), []gateway.MessageID{ids[3], ids[5]}) || fourth.Messages[0].Times != 3 {
		t.Errorf("fetched %+v", fourth.Messages)
	}

	// One id of two senders is told apart by the lease, or by the sender.
	same := comes(t, g, store.Inbound{ID: ids[3], Sender: "KZ"})
	fifth := fetch(t, g, risk, "all", 0)
	if err := acknowledge(risk, fifth.Lease, same); err != nil {
		t.Error(err)
	}
	refused("of two senders", acknowledge(risk, "another", ids[3]), gateway.IDOfSeveral)
	if _, err := g.AcknowledgeFetched(ctx, clearance, "all", fourth.Lease, "CN", ids[3:4]); err != nil {
		t.Error(err)
	}

	// What is asked for has bounds.
	for _, ask := range []struct {
		most  int
		lease time.Duration
	}{{-1, 0}, {flow.MaxFetched + 1, 0}, {1, time.Second}, {1, flow.MaxLease + time.Second}} {
		_, err := g.Fetch(ctx, risk, "all", ask.most, ask.lease)
		refused(fmt.Sprintf("%d for %v", ask.most, ask.lease), err, gateway.FetchUnfit)
	}
	refused("none named", acknowledge(risk, "L"), gateway.FetchUnfit)
	refused("too many named", acknowledge(risk, "L", make([]gateway.MessageID, flow.MaxFetched+1)...), gateway.FetchUnfit)

	// A subscription is for one thing, for ever; its name too.
	subscribe(t, g, "one", store.FetchFilter{Kinds: []string{"Answer", "Manifest"}})
	subscribe(t, g, "one", store.FetchFilter{Kinds: []string{"Manifest", "Answer"}})
	_, err = g.Subscribe(ctx, risk, "one", store.FetchFilter{Kinds: []string{"Answer"}})
	refused("with another filter", err, gateway.SubscriptionOther)
	for _, bad := range []struct {
		name string
		f    store.FetchFilter
	}{
		{"Ändere", store.FetchFilter{}}, {"", store.FetchFilter{}}, {"b", store.FetchFilter{Senders: []gateway.Administration{"cn"}}},
		{"b", store.FetchFilter{Kinds: []string{"Notice"}}}, {"b", store.FetchFilter{Offices: []string{"*"}}}, {"b", store.FetchFilter{Offices: make([]string, flow.MaxNamed+1)}},
		{"b", store.FetchFilter{Since: w.clock.Now(), Until: w.clock.Now()}},
	} {
		_, err := g.Subscribe(ctx, risk, bad.name, bad.f)
		refused("unfit", err, gateway.SubscriptionUnfit)
	}
	if _, err := g.Unsubscribe(ctx, risk, "one"); err != nil {
		t.Fatal(err)
	}
	_, err = g.Subscribe(ctx, risk, "one", store.FetchFilter{Kinds: []string{"Answer", "Manifest"}})
	refused("ended", err, gateway.SubscriptionEnded)
	for what, call := range map[string]func(name string) error{
		"fetch":   func(name string) error { _, err := g.Fetch(ctx, risk, name, 1, 0); return err },
		"renew":   func(name string) error { _, _, err := g.Renew(ctx, risk, name, "L", 0); return err },
		"release": func(name string) error { _, err := g.Release(ctx, risk, name, "L"); return err },
		"end":     func(name string) error { _, err := g.Unsubscribe(ctx, risk, name); return err },
		"acknowledge": func(name string) error {
			_, err := g.AcknowledgeFetched(ctx, risk, name, "L", "", ids[:1])
			return err
		},
	} {
		if err := call("one"); !slices.Equal(faultCodes(err), []gateway.Code{gateway.SubscriptionEnded}) {
			t.Errorf("%s by one that has ended: %v", what, err)
		}
		if err := call("none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s by none: %v", what, err)
		}
	}
	for i := range flow.MaxSubscriptions - 1 {
		subscribe(t, g, fmt.Sprint("n", i), store.FetchFilter{})
	}
	_, err = g.Subscribe(ctx, risk, "b", store.FetchFilter{})
	refused("too many", err, gateway.SubscriptionsTooMany)

	// So many are handed out and not acknowledged, and no more, until some are.
	for range flow.MaxOpen + 1 {
		comes(t, g, store.Inbound{})
	}
	var last flow.Fetched
	for range flow.MaxOpen / flow.MaxFetched {
		last = must(g.Fetch(ctx, risk, "n0", flow.MaxFetched, flow.MaxLease))(t)
	}
	_, err = g.Fetch(ctx, risk, "n0", 1, 0)
	refused("all are out", err, gateway.FetchedTooMany)
	done(t, g, risk, "n0", last)
	if got := fetch(t, g, risk, "n0", 0); len(got.Messages) != 8 {
		t.Errorf("then %d are fetched", len(got.Messages))
	}
	golden(t, "testdata/fetch.txt", out.Bytes())
}

// A subscription that is for few of many passes so many at one call, and goes on from there.
func TestAFetchLooksAtSoManyOnly(t *testing.T) {
	w := newWorld(t)
	g := w.ru
	const commits, each = 106, 100
	for i := range commits {
		if _, err := g.Store.Do(t.Context(), func(tx *store.Tx) error {
			for j := range each {
				in := store.Inbound{ID: gateway.MessageID(fmt.Sprint("m", i, "-", j)), Sender: "CN", Kind: "Manifest", State: gateway.Accepted, Received: tx.Now(), Receipt: &store.Statement{}}
				if err := tx.PutInbound(in); err != nil {
					return err
				}
			}
			return tx.Audit("test", "came", "", gateway.Digest{})
		}); err != nil {
			t.Fatal(err)
		}
	}
	id := comes(t, g, store.Inbound{Kind: "Answer"})
	subscribe(t, g, "answers", store.FetchFilter{Kinds: []string{"Answer"}})
	if got := fetch(t, g, risk, "answers", 0); len(got.Messages) != 0 || !got.More {
		t.Errorf("first %v", got)
	}
	if got := fetch(t, g, risk, "answers", 0); !slices.Equal(fetchedIDs(got.Messages), []gateway.MessageID{id}) || got.More {
		t.Errorf("then %v", got)
	}
}

// TestParallelFourSystemsFetch: four systems fetch what comes, crash at any moment, are slow, give back,
// acknowledge halves and late: nothing is acknowledged twice or handed out after its acknowledgement,
// and in the end nothing is lost. On one process, and on two over one database whose clocks differ.
func TestParallelFourSystemsFetch(t *testing.T) {
	t.Run("one process", func(t *testing.T) {
		w := newWorld(t)
		fourSystemsFetch(t, w, w.ru, w.ru)
	})
	t.Run("two processes", func(t *testing.T) {
		s := newSeveral(t, 20*time.Second)
		fourSystemsFetch(t, s.world, s.cn, s.other)
	})
}

func fourSystemsFetch(t *testing.T, w *world, doors ...*flow.Gateway) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const messages, systems = 150, 4
	sender := map[gateway.Administration]gateway.Administration{"CN": "RU", "RU": "CN"}[doors[0].Own]
	subscribe(t, doors[0], "shared", store.FetchFilter{})
	var mu sync.Mutex
	by := make(map[gateway.MessageID]string) // acknowledged, under which lease
	var crashes, late int
	sent := make([]gateway.MessageID, messages)
	ctx := t.Context()
	var running sync.WaitGroup
	running.Go(func() { // the partner
		for i := range sent {
			id := comes(t, doors[i%len(doors)], store.Inbound{Sender: sender, ID: gateway.MessageID(fmt.Sprint("m", i))})
			mu.Lock()
			sent[i] = id
			mu.Unlock()
			w.clock.add(time.Second)
		}
	})
	for n := range systems {
		running.Go(func() {
			draw := rand.New(rand.NewPCG(seed, uint64(n)))
			me := flow.Caller{URI: fmt.Sprint("customs://", doors[0].Own, "/system/", n)}
			type batch struct {
				lease string
				ids   []gateway.MessageID
			}
			first := true
			var zombies []batch
			acknowledge := func(b batch) {
				door := doors[draw.IntN(len(doors))]
				_, err := door.AcknowledgeFetched(ctx, me, "shared", b.lease, sender, b.ids)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					if codes := faultCodes(err); len(codes) == 0 || slices.ContainsFunc(codes, func(c gateway.Code) bool { return c != gateway.LeaseLost }) {
						t.Errorf("acknowledge: %v", err)
					}
					late++
					return
				}
				for _, id := range b.ids {
					if other, ok := by[id]; ok && other != b.lease {
						t.Errorf("%s is acknowledged under %s and %s", id, other, b.lease)
					}
					by[id] = b.lease
				}
			}
			for {
				mu.Lock()
				settled := acknowledgedIn(by)
				mu.Unlock()
				if len(settled) == messages {
					return
				}
				door := doors[draw.IntN(len(doors))]
				got, err := door.Fetch(ctx, me, "shared", 1+draw.IntN(8), flow.MinLease+time.Duration(draw.IntN(20))*time.Second)
				if err != nil {
					t.Error(err)
					return
				}
				for _, h := range got.Messages {
					if settled[h.Message.ID] {
						t.Errorf("%s is handed out after its acknowledgement", h.Message.ID)
					}
				}
				if len(got.Messages) == 0 {
					w.clock.add(time.Second)
					continue
				}
				b := batch{got.Lease, fetchedIDs(got.Messages)}
				what := draw.IntN(8)
				if first {
					first, what = false, 0
				}
				switch what {
				case 0: // it crashes, and nobody hears of it again
					mu.Lock()
					crashes++
					mu.Unlock()
				case 1: // it is slow, and comes back
					zombies = append(zombies, b)
				case 2:
					if _, err := door.Release(ctx, me, "shared", b.lease); err != nil && !slices.Equal(faultCodes(err), []gateway.Code{gateway.LeaseOver}) {
						t.Error(err)
					}
				case 3: // half of it, and then it crashes
					acknowledge(batch{b.lease, b.ids[:(len(b.ids)+1)/2]})
				case 4: // it takes its time
					w.clock.add(2 * time.Second)
					if _, _, err := door.Renew(ctx, me, "shared", b.lease, 0); err != nil && !slices.Equal(faultCodes(err), []gateway.Code{gateway.LeaseOver}) {
						t.Error(err)
					}
					acknowledge(b)
				default:
					acknowledge(b)
				}
				if len(zombies) > 0 && draw.IntN(3) == 0 {
					acknowledge(zombies[0])
					zombies = zombies[1:]
				}
			}
		})
	}
	running.Wait()
	for _, id := range sent {
		if by[id] == "" {
			t.Errorf("%s is lost", id)
		}
	}
	_, open, err := doors[0].Subscribed(ctx, clearance, "shared")
	if err != nil || len(open) != 0 {
		t.Errorf("%d are open still, %v", len(open), err)
	}
	t.Logf("%d crashes, %d late acknowledgements refused", crashes, late)
	if crashes == 0 {
		t.Error("nothing went wrong: this proves nothing")
	}
}

// acknowledgedIn is what is acknowledged now.
func acknowledgedIn(by map[gateway.MessageID]string) map[gateway.MessageID]bool {
	out := make(map[gateway.MessageID]bool, len(by))
	for id := range by {
		out[id] = true
	}
	return out
}
