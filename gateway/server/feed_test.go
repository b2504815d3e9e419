package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"customs.example/gateway"
)

// change is what a row of an office became in a commit.
type change struct {
	row, office string
	commit      gateway.Commit
}

// ledger is rows as a store keeps them: each stands once, under its last change.
type ledger struct {
	mu      sync.Mutex
	rows    []change // in order of commit
	changed chan struct{}
	last    gateway.Commit
	reads   atomic.Int64
	broken  atomic.Bool
}

func newLedger() *ledger { return &ledger{changed: make(chan struct{})} }

// commit changes rows in one commit.
func (l *ledger) commit(rows ...change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	for _, r := range rows {
		l.rows = slices.DeleteFunc(l.rows, func(o change) bool { return o.row == r.row })
		r.commit = l.last
		l.rows = append(l.rows, r)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *ledger) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

var errBroken = errors.New("it cannot be read")

// read returns ten changes at most, and the rest of their last commit.
func (l *ledger) read(_ context.Context, offices []string, after gateway.Commit) (out []change, err error) {
	l.reads.Add(1)
	if l.broken.Load() {
		return nil, errBroken
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rows {
		if r.commit > after && slices.Contains(offices, r.office) {
			if len(out) >= 10 && out[len(out)-1].commit != r.commit {
				break
			}
			out = append(out, r)
		}
	}
	return out, nil
}

func (l *ledger) lastCommit(context.Context) (gateway.Commit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, nil
}

func (l *ledger) feed() *feed[change] {
	return &feed[change]{changed: l.next, last: l.lastCommit, read: l.read, commit: func(c change) gateway.Commit { return c.commit }, office: func(c change) string { return c.office }}
}

// stream is one that nothing is sent on.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s stream) Context() context.Context     { return s.ctx }
func (s stream) SendHeader(metadata.MD) error { return nil }

// sent is what one watcher was sent.
type sent struct {
	mu      sync.Mutex
	changes []change
}

func (s *sent) add(c change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, c)
	return nil
}

func (s *sent) until(t *testing.T, last gateway.Commit) []change {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		out := slices.Clone(s.changes)
		s.mu.Unlock()
		if len(out) > 0 && out[len(out)-1].commit == last {
			return out
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("commit %d was never sent; %d changes were", last, len(out))
		}
	}
}

// inOrder fails unless changes come in the order of their commits, each once, and all rows
// of the offices as they are in the end.
func (l *ledger) inOrder(t *testing.T, changes []change, offices ...string) {
	t.Helper()
	told := make(map[change]bool)
	for i, c := range changes {
		if told[c] {
			t.Fatalf("%v was sent twice", c)
		}
		told[c] = true
		if i > 0 && c.commit < changes[i-1].commit {
			t.Fatalf("%v was sent after %v", c, changes[i-1])
		}
		if !slices.Contains(offices, c.office) {
			t.Fatalf("%v was sent to %v", c, offices)
		}
	}
	for _, r := range l.rows {
		if slices.Contains(offices, r.office) && !told[r] {
			t.Fatalf("%v was not sent to %v", r, offices)
		}
	}
}

// TestParallelEachWatcherSeesEachChangeOnceInOrder has watchers come and go, from the beginning and
// from now on, while rows of three offices change, alone and together.
func TestParallelEachWatcherSeesEachChangeOnceInOrder(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLedger()
	f := l.feed()
	s := &Server{stop: t.Context(), repeated: repeated{now: time.Now}}
	var wg sync.WaitGroup
	var all []*sent
	var of [][]string
	ctx, cancel := context.WithCancel(t.Context())
	const commits = 1500
	for i := range commits {
		if i%100 == 0 {
			offices := [][]string{{"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"}}[i/100%4]
			to := new(sent)
			all, of = append(all, to), append(of, offices)
			wg.Go(func() {
				if err := watch(s, f, stream{ctx: ctx}, offices, 0, to.add); err != nil {
					t.Error(err)
				}
			})
			gone, leave := context.WithCancel(ctx)
			wg.Go(func() { _ = watch(s, f, stream{ctx: gone}, []string{"c"}, 0, new(sent).add) })
			time.AfterFunc(3*time.Millisecond, leave)
		}
		row := func(n int) change { return change{row: fmt.Sprint(n % 97), office: []string{"a", "b", "c"}[n%97%3]} }
		if i%7 == 0 {
			l.commit(row(i), row(i+1), row(i+50))
		} else {
			l.commit(row(i))
		}
		if i%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	l.commit(change{row: "end a", office: "a"}, change{row: "end b", office: "b"})
	for i, to := range all {
		l.inOrder(t, to.until(t, l.last), of[i]...)
	}
	cancel()
	wg.Wait()
	f.ended.Wait()
}

// TestParallelOneReadsForAll: a hundred watchers of what changes have it read for them once.
func TestParallelOneReadsForAll(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLedger()
	f := l.feed()
	s := &Server{stop: t.Context(), repeated: repeated{now: time.Now}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	all := make([]*sent, 100)
	l.commit(change{row: "first", office: "a"})
	for i := range all {
		all[i] = new(sent)
		wg.Go(func() { _ = watch(s, f, stream{ctx: ctx}, []string{"a"}, 0, all[i].add) })
	}
	for _, to := range all {
		to.until(t, 1)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until each has joined and looked
		before := l.reads.Load()
		time.Sleep(30 * time.Millisecond)
		if l.reads.Load() == before || time.Now().After(deadline) {
			break
		}
	}
	before := l.reads.Load()
	const commits = 20
	for i := range commits {
		l.commit(change{row: fmt.Sprint(i), office: "a"})
		time.Sleep(2 * FeedInterval)
	}
	for _, to := range all {
		l.inOrder(t, to.until(t, l.last), "a")
	}
	if n := l.reads.Load() - before; n > 3*commits {
		t.Errorf("%d commits were read %d times for %d watchers", commits, n, len(all))
	}
	cancel()
	wg.Wait()
	f.ended.Wait()
}

// TestParallelASlowWatcherHurtsNobody: one that takes nothing is bounded and passed by; when it goes
// on it misses nothing.
func TestParallelASlowWatcherHurtsNobody(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLedger()
	f := l.feed()
	s := &Server{stop: t.Context(), repeated: repeated{now: time.Now}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	quick, slow := new(sent), new(sent)
	goOn := make(chan struct{})
	wg.Go(func() { _ = watch(s, f, stream{ctx: ctx}, []string{"a"}, 0, quick.add) })
	wg.Go(func() {
		_ = watch(s, f, stream{ctx: ctx}, []string{"a"}, 0, func(c change) error {
			<-goOn
			return slow.add(c)
		})
	})
	for i := range 4 * MaxNews {
		l.commit(change{row: fmt.Sprint(i), office: "a"})
	}
	l.inOrder(t, quick.until(t, l.last), "a")
	f.mu.Lock()
	for w := range f.watchers {
		if len(w.news) > MaxNews {
			t.Errorf("%d changes wait for one watcher", len(w.news))
		}
	}
	f.mu.Unlock()
	close(goOn)
	l.inOrder(t, slow.until(t, l.last), "a")
	cancel()
	wg.Wait()
	f.ended.Wait()
}

// TestParallelWatchersAreToldThatNothingCanBeRead: each ends with the error, and one that comes
// afterwards has missed nothing.
func TestParallelWatchersAreToldThatNothingCanBeRead(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLedger()
	f := l.feed()
	s := &Server{stop: t.Context(), repeated: repeated{now: time.Now}}
	l.commit(change{row: "1", office: "a"})
	to := new(sent)
	ended := make(chan error, 1)
	go func() { ended <- watch(s, f, stream{ctx: t.Context()}, []string{"a"}, 0, to.add) }()
	to.until(t, 1)
	l.broken.Store(true)
	l.commit(change{row: "2", office: "a"})
	if err := <-ended; err == nil {
		t.Error("the watcher ended well")
	}
	l.broken.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- watch(s, f, stream{ctx: ctx}, []string{"a"}, 1, to.add) }()
	l.inOrder(t, to.until(t, 2), "a")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	f.ended.Wait()
}

// TestParallelWhereOneBeginsIsNothingToOthers: the first to watch begins behind everything that will
// ever be, and who comes after it is told of each change all the same.
func TestParallelWhereOneBeginsIsNothingToOthers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLedger()
	f := l.feed()
	s := &Server{stop: t.Context(), repeated: repeated{now: time.Now}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	to := new(sent)
	begin := func(from int64, send func(change) error) {
		wg.Go(func() {
			if err := watch(s, f, stream{ctx: ctx}, []string{"a"}, from, send); err != nil {
				t.Error(err)
			}
		})
	}
	watchers := func(n int) {
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			f.mu.Lock()
			there := len(f.watchers)
			f.mu.Unlock()
			if there == n {
				return
			}
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%d watch", there)
			}
		}
	}
	begin(1<<40, func(c change) error { return fmt.Errorf("it is told %v", c) })
	watchers(1)
	begin(0, to.add)
	watchers(2)
	for i := range 5 {
		l.commit(change{row: fmt.Sprint(i), office: "a"})
		to.until(t, gateway.Commit(i+1)) // after the first there is nothing left to catch up with
	}
	l.inOrder(t, to.until(t, 5), "a")
	cancel()
	wg.Wait()
	f.ended.Wait()
}
