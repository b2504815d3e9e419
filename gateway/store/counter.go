package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Beside a database lies a counter: a file of its own with the number of the last commit. A database that at a
// start holds less than that has lost its tail, or is an older copy put in its place: it is gone on with as after a
// restore. The counter is written after each commit and brought to disk a moment later, never before an answer: what
// is acknowledged is on disk in the database. So a power cut may leave it a moment behind, and a tail of that last
// moment is lost unseen; it is never ahead.

// counterEvery is how long after the counter was brought to disk it is brought there again at the earliest.
const counterEvery = 250 * time.Millisecond

// A counter has two records, each in a sector of its own. The one that is older is written over: of a record that
// was half written the other is left.
const (
	counterRecord = 512
	counterForm   = "customs gateway commits 1\ndatabase %s\ncommit %d\n"
)

// TailLost says that a database holds less than was committed in it.
type TailLost struct {
	Counted, Found gateway.Commit // the last that was on disk, and that is there
	Since          time.Time      // of the last that is there: from then on something may be missing; zero: there is none
}

func (l TailLost) Error() string {
	since := "since " + l.Since.UTC().Format(time.RFC3339)
	if l.Since.IsZero() {
		since = "in it"
	}
	return fmt.Sprintf("the database ends with commit %d, and %d was on disk: what was committed %s may be missing, and it is gone on as after a restore", l.Found, l.Counted, since)
}

// What may be wrong with a counter. None of it keeps a gateway from its work.
var (
	errCounterMissing = errors.New("it is not there, and the database is not new: that what was committed is there is not known this time")
	errCounterDamaged = errors.New("it is damaged: that what was committed is there is not known this time")
	errCounterOther   = errors.New("it is of another database: of this one it is begun anew")
)

// counted is what a counter says.
type counted struct {
	database gateway.Digest // the first row of its audit trail, which stays for good; zero: it has none yet
	commit   int64
}

func (c counted) record() []byte {
	b := fmt.Appendf(make([]byte, 0, counterRecord), counterForm, c.database, c.commit)
	sum := sha256.Sum256(b)
	b = fmt.Appendf(b, "sum %x\n", sum[:])
	return append(b, bytes.Repeat([]byte{'\n'}, counterRecord-len(b))...)
}

// readCounter reads the larger of a counter's records.
func readCounter(name string) (last counted, at int, err error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return last, 0, err
	}
	err = errCounterDamaged
	for i := 0; (i+1)*counterRecord <= len(raw) && i < 2; i++ {
		var c counted
		var database string
		slot := raw[i*counterRecord : (i+1)*counterRecord]
		if n, _ := fmt.Sscanf(string(slot), counterForm, &database, &c.commit); n != 2 {
			continue
		}
		var invalid error
		if c.database, invalid = gateway.ParseDigest(database); invalid != nil || !bytes.Equal(slot, c.record()) {
			continue
		}
		if err != nil || c.commit > last.commit {
			last, at, err = c, i, nil
		}
	}
	return last, at, err
}

// counter is the file while a store is open.
type counter struct {
	name string
	wake chan struct{}

	mu      sync.Mutex
	known   bool     // which database it is of: one that is new has no audit row yet
	file    *os.File // nil: it is not begun yet, or cannot be
	now     counted
	at      int // the record that was written last
	told    []error
	tell    func(error)
	failing bool // told of
}

// note tells what is wrong, or keeps it until somebody asks.
func (c *counter) note(err error) {
	if err == nil {
		return
	}
	if !errors.As(err, new(TailLost)) {
		err = fmt.Errorf("counter %s: %w", c.name, err)
	}
	if c.told = append(c.told, err); c.tell != nil {
		c.tell(err)
	}
}

// begin writes the counter of a database anew, whole or not at all.
func (c *counter) begin(of counted) error {
	making := c.name + makingSuffix
	file, err := os.OpenFile(making, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(of.record(), of.record()...))
	if err := errors.Join(err, file.Sync()); err == nil {
		err = os.Rename(making, c.name)
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(c.name))
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	c.file, c.now, c.at = file, of, 0
	return nil
}

// count writes the number of a commit that is on disk. A file that cannot be written is told of once.
func (c *counter) count(commit int64) {
	if c.file == nil || commit <= c.now.commit {
		return
	}
	c.now.commit, c.at = commit, 1-c.at
	_, err := c.file.WriteAt(c.now.record(), int64(c.at*counterRecord))
	c.failed(err)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *counter) failed(err error) {
	if err != nil && !c.failing {
		c.note(err)
	}
	c.failing = err != nil
}

// sync brings the counter to disk.
func (c *counter) sync() {
	c.mu.Lock()
	file := c.file
	c.mu.Unlock()
	if file == nil {
		return
	}
	if err := file.Sync(); err != nil { // without the lock: commits go on
		c.mu.Lock()
		c.failed(err)
		c.mu.Unlock()
	}
}

// run brings the counter to disk soon after each commit, until the context ends.
func (c *counter) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		c.sync()
		select {
		case <-ctx.Done():
			return
		case <-time.After(counterEvery):
		}
	}
}

func (c *counter) close() error {
	if c == nil || c.file == nil {
		return nil
	}
	c.sync()
	return c.file.Close()
}

// OnCounter has whoever asks be told what the counter says that is not as it should be: a [TailLost], or what is
// wrong with the counter itself, those too that were found at the start. It MUST NOT ask the store.
func (s *Store) OnCounter(tell func(error)) {
	c := s.counter
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell = tell
	for _, err := range c.told {
		tell(err)
	}
}

// compareCounter compares the database with its counter, goes on as after a restore if it has lost its tail, and
// begins the counter anew. What is wrong with the counter alone is told, and no more.
func (s *Store) compareCounter(ctx context.Context, name string) error {
	c := &counter{name: name, wake: make(chan struct{}, 1)}
	is, err := s.counts(ctx)
	if err != nil {
		return err
	}
	was, _, err := readCounter(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if is.commit > 0 {
			c.note(errCounterMissing)
		}
	case err != nil:
		c.note(err)
	case was.database != is.database && is.commit > 0:
		c.note(errCounterOther)
	case was.commit > is.commit:
		lost, err := s.afterLoss(ctx, was.commit)
		if err != nil {
			return fmt.Errorf("what the database has lost: %w", err)
		}
		if lost != nil { // or another gateway was faster
			c.note(*lost)
		}
		if is, err = s.counts(ctx); err != nil {
			return err
		}
	}
	if c.known = !is.database.IsZero(); c.known {
		c.note(c.begin(is))
	}
	s.counter = c
	return nil
}

// counts is what the counter of the database should say.
func (s *Store) counts(ctx context.Context) (is counted, err error) {
	if is.database, err = s.firstRow(ctx); err != nil {
		return is, err
	}
	if is.commit, err = s.read.LastCommit(ctx); err != nil {
		return is, fmt.Errorf("last commit number: %w", err)
	}
	return is, nil
}

// firstRow is the digest of the first row of the audit trail, by which a database is known whatever has been done
// to it; zero if it has none yet.
func (s *Store) firstRow(ctx context.Context) (gateway.Digest, error) {
	row, err := s.read.AuditLeaf(ctx, 0)
	if err := IgnoreNotFound(notFound(err)); err != nil {
		return gateway.Digest{}, fmt.Errorf("first audit row: %w", err)
	}
	if row.At == "" {
		return gateway.Digest{}, nil
	}
	return gateway.DigestOf(fmt.Appendf(nil, "%q %q %q %q %x", row.At, row.Actor, row.Event, row.Subject, row.Digest)), nil
}

// count counts a commit that is on disk.
func (s *Store) count(commit int64) {
	c := s.counter
	if c == nil || commit == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		database, err := s.firstRow(context.Background())
		if err == nil {
			c.known, err = true, c.begin(counted{database, commit})
		}
		c.failed(err)
		return
	}
	c.count(commit)
}

// afterLoss has a database that has lost what follows its last commit be gone on with as after a restore. Of
// several gateways the first does it.
func (s *Store) afterLoss(ctx context.Context, was int64) (_ *TailLost, err error) {
	c, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { // the writer takes its own
		c.close(err)
		s.conn = nil
	}()
	last, err := s.begin(ctx, c)
	if err != nil {
		return nil, err
	}
	if last.CommitNo >= was {
		return nil, c.step(ctx, rollback)
	}
	since, err := heldUpto(ctx, c.q, last.Leaf)
	if err != nil {
		return nil, err
	}
	next := (was/restoredNumbers + 1) * restoredNumbers
	for _, st := range restoredUnit(restoredAs{backup: since, at: s.now(), actor: "gateway", held: last.CommitNo, next: next, leaf: last.Leaf}) {
		if _, err = c.conn.ExecContext(ctx, st.statement, st.args...); err != nil {
			return nil, err
		}
	}
	if err = c.step(ctx, commit); err != nil {
		return nil, err
	}
	return &TailLost{Counted: gateway.Commit(was), Found: gateway.Commit(last.CommitNo), Since: since}, nil
}

// heldUpto is the time of the last unit of work that a database holds, or of the last backup it was restored from,
// if not all partners were compared with since.
func heldUpto(ctx context.Context, q *rows.Queries, leaves int64) (at time.Time, err error) {
	var read reading
	for leaf := leaves - 1; leaf >= 0; leaf-- {
		row, err := q.AuditLeaf(ctx, leaf)
		if err != nil {
			return at, fmt.Errorf("last audit row: %w", err)
		}
		if at = read.time(row.At); row.Event != restoredEvent {
			break
		}
		at = read.time(row.Subject) // of the backup
	}
	if err := read.err("audit"); err != nil {
		return at, err
	}
	restored, err := q.Restored(ctx)
	if err := IgnoreNotFound(notFound(err)); err != nil || restored.Number == 0 {
		return at, err
	}
	covered, err := q.BalancedUpto(ctx)
	if err != nil {
		return at, fmt.Errorf("balances: %w", err)
	}
	if backup := read.time(restored.Backup); covered < restored.Number && backup.Before(at) {
		at = backup
	}
	return at, read.err("restoration")
}
