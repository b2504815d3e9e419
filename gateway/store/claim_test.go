package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/storetest"
)

// sharing opens stores of several processes on one database.
func sharing(t *testing.T, n int) []*Store {
	t.Helper()
	url := storetest.Copy(t, migratedPostgres(t))
	out := make([]*Store, n)
	for i := range out {
		out[i] = openFile(t, url)
		closes(t, out[i])
	}
	return out
}

// loses takes the lease of a process away, which goes on without knowing it, and has
// another look for its work.
func loses(t *testing.T, s, another *Store) {
	t.Helper()
	if _, err := another.claim(t.Context(), endLease, s.owner); err != nil {
		t.Fatal(err)
	}
	if err := another.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func free(id string, at time.Time) Message {
	return Message{ID: gateway.MessageID(id), Recipient: "RU", Chain: gateway.MessageID(id), State: gateway.Queued, NextAttempt: at}
}

func puts(t *testing.T, s *Store, ms ...Message) {
	t.Helper()
	do(t, s, func(tx *Tx) error {
		for _, m := range ms {
			if err := tx.PutMessage(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestParallelSeveralBeginAtOnceOnAnEmptyDatabase: one makes the tables, and all work with them.
func TestParallelSeveralBeginAtOnceOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	url := storetest.Postgres(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), url, clock)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Own(t.Context(), "CN"); err != nil {
				t.Error(err)
			}
			do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint(i))) })
		})
	}
	wg.Wait()
	s := openFile(t, url)
	defer s.Close()
	if rows := must(s.Read().Audit(t.Context(), 0, 100))(t); len(rows) != 4 || rows[3].Leaf != 3 {
		t.Errorf("%d audit rows", len(rows))
	}
}

// TestParallelWhatOneHasClaimedIsNotTheOthers: each of much work is one process's alone.
func TestParallelWhatOneHasClaimedIsNotTheOthers(t *testing.T) {
	t.Parallel()
	stores := sharing(t, 3)
	const work = 60
	for i := range work {
		puts(t, stores[0], free(fmt.Sprint(i), now))
		do(t, stores[0], func(tx *Tx) error { return tx.PutArrival(Arrival{Door: DoorPeer, Party: "RU", ID: fmt.Sprint(i)}) })
	}
	var mu sync.Mutex
	var messages, arrivals []string
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			for n := 5; n <= work; n += 5 { // ever more are its own
				turns := must(s.Turns(t.Context(), "RU", now, n))(t)
				keys := must(s.Unjudged(t.Context(), now, n))(t)
				if n < work {
					continue
				}
				mu.Lock()
				messages = append(messages, ids(turns, func(m Turn) string { return string(m.ID) })...)
				arrivals = append(arrivals, ids(keys, func(k ArrivalKey) string { return k.ID })...)
				mu.Unlock()
				for _, m := range turns {
					if !s.Holds(m.Claim) || m.Claim.Token != 1 {
						t.Errorf("%s is claimed by %v", m.ID, m.Claim)
					}
				}
			}
		})
	}
	wg.Wait()
	var all []string
	for i := range work {
		all = append(all, fmt.Sprint(i))
	}
	slices.Sort(all)
	for what, got := range map[string][]string{"messages": messages, "arrivals": arrivals} {
		slices.Sort(got)
		want(t, what, all, got)
	}
}

// TestWorkOfOneWithoutALeaseGoesBackToAll: it is due at once, whatever the clock of who had
// it said, and what that one makes of it afterwards is refused.
func TestWorkOfOneWithoutALeaseGoesBackToAll(t *testing.T) {
	t.Parallel()
	stores := sharing(t, 2)
	slow, other := stores[0], stores[1]
	hour := now.Add(time.Hour) // its clock is ahead
	puts(t, slow, free("m", hour), free("x", hour))
	a := Arrival{Door: DoorSubmit, Party: "0603", ID: "a"}
	do(t, slow, func(tx *Tx) error {
		a.Claim = tx.Claim(a.Claim)
		return tx.PutArrival(a)
	})
	if turns := must(other.Turns(t.Context(), "RU", now, 9))(t); len(turns) != 0 {
		t.Errorf("not due yet: %v", turns)
	}
	turns := must(slow.Turns(t.Context(), "RU", hour, 9))(t)
	if len(turns) != 2 {
		t.Fatalf("claimed %v", turns)
	}
	progress := func(s *Store, c Claim, keep bool) error {
		_, err := s.Do(t.Context(), func(tx *Tx) error {
			m, err := tx.Message(t.Context(), "m")
			if err != nil {
				return err
			}
			m.Claim, m.State = c, gateway.Sending
			return errors.Join(tx.PutProgress(m, keep), tx.Audit("test", "progress", "m", gateway.Digest{}))
		})
		return err
	}
	judged := func(s *Store, a Arrival) error {
		_, err := s.Do(t.Context(), func(tx *Tx) error {
			a.Judged = true
			return errors.Join(tx.PutJudging(a), tx.Audit("test", "judged", "a", gateway.Digest{}))
		})
		return err
	}
	if err := progress(slow, turns[0].Claim, true); err != nil {
		t.Fatalf("while it is its own: %v", err)
	}
	loses(t, slow, other)
	for what, err := range map[string]error{
		"before another claims it": progress(slow, turns[0].Claim, false), "a judgement": judged(slow, a),
	} {
		if !errors.Is(err, ErrTaken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	taken := must(other.Turns(t.Context(), "RU", now, 9))(t)
	keys := must(other.Unjudged(t.Context(), now, 9))(t)
	if len(taken) != 2 || len(keys) != 1 || taken[0].Claim.Token <= turns[0].Claim.Token {
		t.Fatalf("taken over: %v, %v", taken, keys)
	}
	if err := progress(slow, turns[0].Claim, false); !errors.Is(err, ErrTaken) {
		t.Errorf("after another claimed it: %v", err)
	}
	i := slices.IndexFunc(taken, func(m Turn) bool { return m.ID == "m" })
	if err := progress(other, taken[i].Claim, false); err != nil {
		t.Errorf("whoever took it over: %v", err)
	}
	a = must(other.Read().Arrival(t.Context(), DoorSubmit, "0603", "a"))(t)
	if err := judged(other, a); err != nil || !other.Holds(a.Claim) {
		t.Errorf("whoever took it over: %v, %v", err, a.Claim)
	}
	// Free again, it is the first one's again, under another token.
	again := must(slow.Turns(t.Context(), "RU", hour, 9))(t)
	if len(again) != 1 || again[0].ID != "m" || again[0].Claim.Token <= taken[i].Claim.Token {
		t.Errorf("again: %v", again)
	}
	if err := progress(slow, turns[0].Claim, false); !errors.Is(err, ErrTaken) {
		t.Errorf("its own later claim does not cover what it did under an earlier one: %v", err)
	}
}

// TestParallelASilentProcessIsTakenOver: whether it has been killed or stopped in the middle of a
// unit, which holds up whoever writes, others have its work within five seconds, and a
// process that ends in good order leaves it at once.
func TestParallelASilentProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	takes := func(s *Store, id gateway.MessageID, within time.Duration) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			turns := must(s.Turns(t.Context(), "RU", now, 9))(t)
			if slices.ContainsFunc(turns, func(m Turn) bool { return m.ID == id }) {
				return
			}
			if time.Since(began) > within {
				t.Errorf("%s is not taken over", id)
				return
			}
		}
	}
	stores := sharing(t, 3)
	puts(t, stores[0], free("ended", now))
	must(stores[0].Turns(t.Context(), "RU", now, 9))(t)
	if err := stores[0].Close(); err != nil {
		t.Fatal(err)
	}
	takes(stores[1], "ended", 2*LeaseEvery+time.Second)

	puts(t, stores[2], free("stopped", now))
	must(stores[2].Turns(t.Context(), "RU", now, 9))(t)
	stopped, goOn, result := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := stores[2].Do(t.Context(), func(tx *Tx) error {
			close(stopped)
			<-goOn
			return tx.Audit("test", "stopped", "", gateway.Digest{})
		})
		result <- err
	}()
	<-stopped
	stores[2].stop() // nobody renews its lease
	began := time.Now()
	do(t, stores[1], func(tx *Tx) error { return tx.PutSubmission(submission("beside")) })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it held another up for %v", took)
	}
	takes(stores[1], "stopped", 5*time.Second-time.Since(began))
	close(goOn)
	if err := <-result; !Unavailable(err) {
		t.Errorf("its unit after it went on: %v", err)
	}
}

// TestParallelChangesOfOthersAreTold: whoever waits for a change learns of every other process's, and
// reads each once in order by its number.
func TestParallelChangesOfOthersAreTold(t *testing.T) {
	t.Parallel()
	stores := sharing(t, 2)
	const each = 30
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			for j := range each {
				do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission(fmt.Sprint(i, " ", j))) })
			}
		})
		wg.Go(func() {
			var last gateway.Commit
			for last < 2*each {
				changed := s.Changed()
				page := must(s.Read().SubmissionsAfter(t.Context(), []string{"0603"}, last, 7))(t)
				for _, sub := range page {
					if sub.Commit != last+1 {
						t.Errorf("commit %d after %d", sub.Commit, last)
					}
					last = sub.Commit
				}
				if len(page) > 0 {
					continue
				}
				select {
				case <-changed:
				case <-time.After(20 * time.Second):
					t.Errorf("nothing is told after commit %d", last)
					return
				}
			}
		})
	}
	wg.Wait()
}
