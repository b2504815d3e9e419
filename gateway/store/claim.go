package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"customs.example/gateway"
)

// One process alone works on a file, which it has locked. Several may work on one PostgreSQL
// database. What one of them works on it has claimed before: the row says whose it is and how
// often it has been taken, and what is worked out is written only where both still are as
// they were. A process lives by a lease that it renews; the work of one that has none goes
// back to all. Instants of leases are the database's own, so that no process's clock matters.
const (
	// LeaseFor is how long a lease lasts that is not renewed.
	LeaseFor = 3 * time.Second
	// LeaseEvery is how often a process renews its lease and looks for the work of others
	// that have none.
	LeaseEvery = 500 * time.Millisecond
	// PollEvery is how often it is looked for what other processes have written.
	PollEvery = 100 * time.Millisecond
	// ClaimAhead is how long before its time a message is claimed: who claims it waits for it.
	ClaimAhead = time.Second
	// rescued is how many rows one statement gives back.
	rescued = 500
)

// ErrTaken says that somebody else has taken over what was worked on.
var ErrTaken = errors.New("another process has taken it over")

// The statements of claims are written here and not by sqlc: SQLite, where one process works
// alone, knows neither row locks nor a clock. Those that take what is due pass by what a unit
// of work has locked, and none locks the numbers: claims change nothing that anybody else reads.
const (
	atNow = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"

	beginLease = "INSERT INTO lease (owner, until) VALUES (CAST(gen_random_uuid() AS TEXT), " + atNow + " + $1) RETURNING owner"
	renewLease = "INSERT INTO lease (owner, until) VALUES ($1, " + atNow + " + $2) ON CONFLICT (owner) DO UPDATE SET until = excluded.until"
	endLease   = "DELETE FROM lease WHERE owner = $1"
	dropLeases = "DELETE FROM lease WHERE until < " + atNow
	leases     = "SELECT count(*) FROM lease"

	claimMessages = `WITH free AS MATERIALIZED (SELECT f.id_key FROM delivery AS f
    WHERE f.owner = '' AND f.recipient = $2 AND f.state IN ('queued', 'sent', 'received') AND f.next_attempt <= $3
        AND NOT EXISTS (SELECT 1 FROM delivery AS older WHERE older.chain = f.chain AND older.state IN ('queued', 'sent', 'received')
            AND (older.sequence, older.id_key) < (f.sequence, f.id_key))
    ORDER BY f.next_attempt, f.sequence, f.id_key LIMIT $4 FOR UPDATE OF f SKIP LOCKED)
UPDATE delivery AS d SET owner = $1, token = d.token + 1 FROM free WHERE d.id_key = free.id_key`

	// Of what is needed from an instant on, and of that whose validity is over.
	claimNearest = `WITH free AS MATERIALIZED (SELECT f.id_key FROM delivery AS f
    WHERE f.id_key IN (SELECT n.id_key FROM delivery AS n WHERE n.recipient = $2 AND n.state IN ('queued', 'sent', 'received')
            AND n.needed >= $5 ORDER BY n.needed, n.id_key LIMIT $6)
        AND f.owner = '' AND f.next_attempt <= $3
        AND NOT EXISTS (SELECT 1 FROM delivery AS older WHERE older.chain = f.chain AND older.state IN ('queued', 'sent', 'received')
            AND (older.sequence, older.id_key) < (f.sequence, f.id_key))
    ORDER BY f.needed, f.id_key LIMIT $4 FOR UPDATE OF f SKIP LOCKED)
UPDATE delivery AS d SET owner = $1, token = d.token + 1 FROM free WHERE d.id_key = free.id_key`
	claimLapsed = `WITH free AS MATERIALIZED (SELECT f.id_key FROM delivery AS f
    WHERE f.recipient = $2 AND f.state IN ('queued', 'sent', 'received') AND f.valid_until < $3 AND f.next_attempt <= $3 AND f.owner = ''
    ORDER BY f.valid_until, f.id_key LIMIT $4 FOR UPDATE OF f SKIP LOCKED)
UPDATE delivery AS d SET owner = $1, token = d.token + 1 FROM free WHERE d.id_key = free.id_key`

	claimArrivals = `WITH free AS MATERIALIZED (SELECT f.door, f.party, f.id_key FROM judging AS f
    WHERE f.owner = '' AND NOT f.judged AND NOT f.parked AND f.next_try <= $2
    ORDER BY f.next_try, f.commit_no LIMIT $3 FOR UPDATE OF f SKIP LOCKED)
UPDATE judging AS j SET owner = $1, token = j.token + 1 FROM free WHERE j.door = free.door AND j.party = free.party AND j.id_key = free.id_key`

	claimArrival = `UPDATE judging SET owner = $1, token = token + 1
WHERE door = $2 AND party = $3 AND id_key = $4 AND owner = '' AND NOT judged AND NOT parked`

	claimAttachments = `WITH free AS MATERIALIZED (SELECT f.door, f.party, f.digest FROM attachment AS f
    WHERE f.owner = '' AND f.door = 'peer' AND f.party = $2 AND f.state = 'coming' AND f.next_try <= $3
    ORDER BY f.next_try, f.digest LIMIT $4 FOR UPDATE OF f SKIP LOCKED)
UPDATE attachment AS a SET owner = $1, token = a.token + 1 FROM free WHERE a.door = free.door AND a.party = free.party AND a.digest = free.digest`

	// What is given back is due at once, whatever anybody's clock says.
	rescueMessages = `WITH lost AS MATERIALIZED (SELECT l.id_key FROM delivery AS l
    WHERE l.owner > '' AND l.state IN ('queued', 'sent', 'received') AND NOT EXISTS (SELECT 1 FROM lease AS s WHERE s.owner = l.owner)
    LIMIT $1 FOR UPDATE OF l SKIP LOCKED)
UPDATE delivery AS d SET owner = '', token = d.token + 1, next_attempt = CASE WHEN d.parked THEN d.next_attempt ELSE '' END
FROM lost WHERE d.id_key = lost.id_key`

	rescueArrivals = `WITH lost AS MATERIALIZED (SELECT l.door, l.party, l.id_key FROM judging AS l
    WHERE l.owner > '' AND NOT l.judged AND NOT l.parked AND NOT EXISTS (SELECT 1 FROM lease AS s WHERE s.owner = l.owner)
    LIMIT $1 FOR UPDATE OF l SKIP LOCKED)
UPDATE judging AS j SET owner = '', token = j.token + 1, next_try = ''
FROM lost WHERE j.door = lost.door AND j.party = lost.party AND j.id_key = lost.id_key`

	rescueAttachments = `WITH lost AS MATERIALIZED (SELECT l.door, l.party, l.digest FROM attachment AS l
    WHERE l.owner > '' AND l.door = 'peer' AND l.state = 'coming' AND NOT EXISTS (SELECT 1 FROM lease AS s WHERE s.owner = l.owner)
    LIMIT $1 FOR UPDATE OF l SKIP LOCKED)
UPDATE attachment AS a SET owner = '', token = a.token + 1, next_try = ''
FROM lost WHERE a.door = lost.door AND a.party = lost.party AND a.digest = lost.digest`
)

// claims is what a store has where several processes work on one database.
type claims struct {
	db     *sql.DB
	others atomic.Bool  // somebody else has a lease
	seen   atomic.Int64 // the last commit that was told
}

// Holds reports whether a claim is this process's.
func (s *Store) Holds(c Claim) bool { return c.Owner == s.owner }

// Free reports whether a claim is nobody's, where it would have to be somebody's.
func (s *Store) Free(c Claim) bool { return c.Owner == "" && s.claims != nil }

// join takes a lease and an owner's name from the database.
func (s *Store) join(ctx context.Context) error {
	if err := s.claims.db.QueryRowContext(ctx, beginLease, LeaseFor.Milliseconds()).Scan(&s.owner); err != nil {
		return fmt.Errorf("begin a lease: %w", err)
	}
	return s.beat(ctx)
}

// beat renews the lease, and gives back the work of those that have none. A lease that is
// over is taken away first: whoever wakes up without one begins anew with what is its own
// still.
func (s *Store) beat(ctx context.Context) error {
	if _, err := s.claim(ctx, renewLease, s.owner, LeaseFor.Milliseconds()); err != nil {
		return err
	}
	if _, err := s.claim(ctx, dropLeases); err != nil {
		return err
	}
	for _, statement := range []string{rescueMessages, rescueArrivals, rescueAttachments} {
		for {
			n, err := s.claim(ctx, statement, rescued)
			if err != nil {
				return err
			}
			if n > 0 {
				s.byOthers.ring()
			}
			if n < rescued {
				break
			}
		}
	}
	var n int
	if err := s.claims.db.QueryRowContext(ctx, leases).Scan(&n); err != nil {
		return err
	}
	s.claims.others.Store(n > 1)
	return nil
}

// claim runs one of the statements of claims and returns how many rows it took.
func (s *Store) claim(ctx context.Context, statement string, args ...any) (int, error) {
	done, err := s.claims.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	n, err := done.RowsAffected()
	return int(n), err
}

// keep renews the lease and tells what others have written until it is stopped. Where the
// database does not answer there is no lease, and nothing to be told.
func (s *Store) keep(ctx context.Context) {
	renew, poll := time.NewTicker(LeaseEvery), time.NewTicker(PollEvery)
	defer renew.Stop()
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			_ = s.within(ctx, s.beat)
		case <-poll.C:
			if s.claims.others.Load() {
				_ = s.within(ctx, s.poll)
			}
		}
	}
}

func (s *Store) within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, LeaseFor)
	defer cancel()
	return do(ctx)
}

// poll tells what others have committed.
func (s *Store) poll(ctx context.Context) error {
	last, err := s.read.LastCommit(ctx)
	if err != nil {
		return err
	}
	if s.told(last) {
		s.changed.ring()
		s.byOthers.ring()
	}
	return nil
}

// told notes that commits up to one are told, and reports whether any was not.
func (s *Store) told(last int64) bool {
	for {
		seen := s.claims.seen.Load()
		if last <= seen {
			return false
		}
		if s.claims.seen.CompareAndSwap(seen, last) {
			return true
		}
	}
}

// Turns names the messages that wait for a partner and are this process's to deliver, the
// earliest due first, at most as many as given. What is nobody's and due soon it claims.
func (s *Store) Turns(ctx context.Context, to gateway.Administration, at time.Time, limit int) ([]Turn, error) {
	turns, err := s.Read().turns(ctx, to, limit)
	if err != nil || s.claims == nil || len(turns) >= limit {
		return turns, err
	}
	n, err := s.claim(ctx, claimMessages, s.owner, string(to), formatTime(at.Add(ClaimAhead)), limit-len(turns))
	if err != nil || n == 0 {
		return turns, err
	}
	return s.Read().turns(ctx, to, limit)
}

// nearestLooked is how many of the messages that are needed first are looked at for those that are due.
const nearestLooked = 500

// Nearest names, of the messages that Turns names, those that their addressee needs from an instant on,
// what it needs first before all others: of the first so many that wait.
func (s *Store) Nearest(ctx context.Context, to gateway.Administration, needed, at time.Time, limit int) ([]Turn, error) {
	if s.claims != nil {
		if _, err := s.claim(ctx, claimNearest, s.owner, string(to), formatTime(at), limit, formatTime(needed), nearestLooked); err != nil {
			return nil, err
		}
	}
	return s.Read().nearest(ctx, to, needed, at, limit)
}

// Lapsed names messages whose validity ended before an instant without a verdict, that are due then, and that are this
// process's to end, whatever of their chain comes first.
func (s *Store) Lapsed(ctx context.Context, to gateway.Administration, at time.Time, limit int) ([]Turn, error) {
	if s.claims != nil {
		if _, err := s.claim(ctx, claimLapsed, s.owner, string(to), formatTime(at), limit); err != nil {
			return nil, err
		}
	}
	return s.Read().lapsed(ctx, to, at, limit)
}

// Unjudged names arrivals that are this process's to judge now, those that have waited
// longest first, at most as many as given. What is nobody's it claims.
func (s *Store) Unjudged(ctx context.Context, at time.Time, limit int) ([]ArrivalKey, error) {
	keys, err := s.Read().unjudged(ctx, at, limit)
	if err != nil || s.claims == nil || len(keys) >= limit {
		return keys, err
	}
	n, err := s.claim(ctx, claimArrivals, s.owner, formatTime(at), limit-len(keys))
	if err != nil || n == 0 {
		return keys, err
	}
	return s.Read().unjudged(ctx, at, limit)
}

// ClaimArrival makes it this process's to judge an arrival, if it is nobody's.
func (s *Store) ClaimArrival(ctx context.Context, k ArrivalKey) error {
	if s.claims == nil {
		return nil
	}
	_, err := s.claim(ctx, claimArrival, s.owner, k.Door, k.Party, gateway.FoldID(k.ID))
	return err
}

// bell wakes all who wait for it, each time that it rings.
type bell struct {
	mu   sync.Mutex
	rung chan struct{} // closed and replaced
}

// next returns a channel that is closed when it rings next.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// Changed returns a channel that is closed at the next commit, whichever process makes it.
func (s *Store) Changed() <-chan struct{} { return s.changed.next() }

// ChangedByOthers returns a channel that is closed when there may be work of another process:
// what it has committed, or what is given back.
func (s *Store) ChangedByOthers() <-chan struct{} { return s.byOthers.next() }
