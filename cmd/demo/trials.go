package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/invariant"
	"customs.example/gateway/store"
)

// pair are a gateway of China and one of Russia, each on a file of its own, while clients hand in at both.
type pair struct {
	bin, dir string
	seed     uint64
	cn, ru   *side
	load     *load
	// operators are one of each gateway.
	operators []*client

	ahead time.Duration // the most that the clock of either was

	over   atomic.Bool
	loaded chan error
}

// trial is one way in which gateways are treated badly while clients hand in. It returns what was done, in words.
type trial struct {
	name    string
	play    func(ctx context.Context, p *pair, how extent) (string, error)
	earlier bool // both begin as they were at an earlier commit
	expires bool // messages may wait longer than they are valid, and end as dead letters
}

// extent is how long and how badly.
type extent struct {
	earlier string        // directory of the programs of an earlier commit
	clients int           // who hand in at once
	steps   int           // that are tried; 0: all that are met
	synced  int           // times at least, before a disk fails
	cuts    int64         // of connections, on either way
	locked  time.Duration // a database
	backlog int           // messages that wait
	room    int64         // bytes of a disk that is filled; 0: none is
}

var trials = []trial{
	{name: "each step", play: eachStep},
	{name: "no sync", play: notSynced},
	{name: "older copy", play: olderCopy},
	{name: "backup", play: fromBackup},
	{name: "cut answers", play: cutAnswers},
	{name: "locked", play: locked},
	{name: "clock", play: clockJumps},
	{name: "days down", play: daysDown},
	{name: "too long down", play: tooLongDown, expires: true},
	{name: "backlog", play: backlog},
	{name: "upgrade", play: upgraded, earlier: true},
	{name: "disk full", play: diskFull},
}

// trialFor is how long a trial may take on average.
const trialFor = 4 * time.Minute

func trialNames() string {
	var names []string
	for _, t := range trials {
		names = append(names, t.name)
	}
	return strings.Join(names, ",")
}

// chosenTrials are those of a list, in its words.
func chosenTrials(list string) ([]string, error) {
	if list == "all" {
		list = trialNames()
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.ContainsFunc(trials, func(t trial) bool { return t.name == name }) {
			return nil, fmt.Errorf("no trial is called %q; there are %s", name, trialNames())
		}
	}
	return names, nil
}

// tried plays trials, each with gateways of its own, and has what is promised checked after each.
func tried(ctx context.Context, out *screen, bin, dir string, seed uint64, names []string, how extent) error {
	var errs []error
	for _, t := range trials {
		if !slices.Contains(names, t.name) {
			continue
		}
		own := filepath.Join(dir, strings.ReplaceAll(t.name, " ", "-"))
		began := time.Now()
		told, c, err := t.run(ctx, bin, own, seed, how)
		var ends []gateway.MessageState
		if t.expires {
			ends = append(ends, gateway.Dead)
			if !slices.ContainsFunc(c.Sides, func(s invariant.Count) bool { return s.Messages[gateway.Dead] > 0 }) {
				err = errors.Join(err, errors.New("nothing has expired"))
			}
		}
		if err = errors.Join(err, c.err(ends...)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.name, err))
		}
		var acknowledged, accepted int
		for _, s := range c.Sides {
			acknowledged, accepted = acknowledged+s.Acknowledged, accepted+s.Messages[gateway.Accepted]
		}
		out.say("%-13s %3d s  %5d acknowledged, %5d messages accepted, %d violations: %s", t.name, int(time.Since(began).Seconds()), acknowledged, accepted, c.Total, told)
	}
	return errors.Join(append(errs, out.err)...)
}

// run plays one trial. What has become of everything is checked whatever went wrong before.
func (t trial) run(ctx context.Context, bin, dir string, seed uint64, how extent) (told string, c counted, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", c, err
	}
	first := bin
	if t.earlier {
		first = how.earlier
	}
	p, err := startPair(ctx, first, dir, seed, how.clients)
	if err != nil {
		return "", c, err
	}
	p.bin = bin
	told, failure := t.play(ctx, p, how)
	p.over.Store(true)
	failure = errors.Join(failure, <-p.loaded)
	if failure == nil {
		failure = errors.Join(p.load.settleTried(ctx, p.sides(), p.operators), p.balanced(ctx))
	}
	for _, g := range p.sides() {
		if failure != nil {
			failure = errors.Join(failure, g.kill())
			continue
		}
		failure = g.stop()
	}
	p.close()
	databases := map[gateway.Administration]string{"CN": filepath.Join(dir, p.cn.Database), "RU": filepath.Join(dir, p.ru.Database)}
	c, err = check(context.WithoutCancel(ctx), time.Now(), p.ahead, p.load.list, databases, p.sides()...)
	return told, c, errors.Join(failure, err)
}

func (p *pair) sides() []*side { return []*side{p.cn, p.ru} }

func (p *pair) close() {
	for _, c := range p.operators {
		c.close()
	}
	for _, doors := range p.load.doors {
		for _, c := range doors {
			c.close()
		}
	}
}

// startPair starts both, and clients who hand in.
func startPair(ctx context.Context, bin, dir string, seed uint64, clients int) (p *pair, err error) {
	cn, ru, err := newSides(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && p != nil {
			err = errors.Join(err, cn.kill(), ru.kill())
		}
	}()
	p = &pair{bin: bin, dir: dir, seed: seed, cn: cn, ru: ru, loaded: make(chan error, 1)}
	p.load = &load{dice: roll(seed), doors: make(map[gateway.Administration][]*client), now: time.Now}
	for _, g := range p.sides() {
		g.env = p.environment(g, "")
		if err := g.start(bin); err != nil {
			return p, err
		}
	}
	for _, g := range p.sides() {
		c, err := dial(g, bin, g.Side+"/post")
		if err != nil {
			return p, err
		}
		p.load.doors[g.Own] = append(p.load.doors[g.Own], c)
		if err := g.ready(ctx, c); err != nil {
			return p, err
		}
		operator, err := dial(g, bin, g.Side+"/operator")
		if err != nil {
			return p, err
		}
		p.operators = append(p.operators, operator)
	}
	go func() { p.loaded <- p.load.run(ctx, clients, func(int) bool { return !p.over.Load() }) }()
	return p, nil
}

// answered waits until clients were answered so often since.
func (p *pair) answered(ctx context.Context, more int64) error {
	for upto := p.load.answers.Load() + more; p.load.answers.Load() < upto; {
		select {
		case err := <-p.loaded:
			p.loaded <- err
			return cmp.Or(err, errors.New("nothing is handed in any more"))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// balanced waits until both sides say that neither misses anything that the other holds.
func (p *pair) balanced(ctx context.Context) error {
	for i, g := range p.sides() {
		balances := exchangev1.NewBalanceServiceClient(p.operators[i].conn)
		for {
			answer, err := balances.List(ctx, &exchangev1.ListBalancesRequest{})
			if err == nil && len(answer.Balances) > 0 && !slices.ContainsFunc(answer.Balances, func(b *exchangev1.Balance) bool { return !b.Open || b.Differences > 0 }) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("what %s holds does not come to what its partner does: %v, %w", g.Name, answer.GetBalances(), errors.Join(err, ctx.Err()))
			case <-time.After(lookEvery):
			}
		}
	}
	return nil
}

// lookEvery is how often it is looked whether something has happened.
const lookEvery = 20 * time.Millisecond

// ends waits until a gateway has ended by itself, and reports whether it has in time.
func ends(ctx context.Context, g *side, within time.Duration) (bool, error) {
	select {
	case err := <-g.exited:
		g.exited = nil
		return true, err
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(within):
		return false, nil
	}
}

// names is the file of the steps that a gateway has met, and clock that of how wrong its clock is.
func (p *pair) names(g *side) string { return filepath.Join(p.dir, g.Name+".steps") }
func (p *pair) clock(g *side) string { return filepath.Join(p.dir, g.Name+".clock") }

// environment is that of a gateway, which ends at a step, if one is named.
func (p *pair) environment(g *side, step string) []string {
	return []string{"CUSTOMS_STEPS=" + p.names(g) + ";" + step, "CUSTOMS_CLOCK=" + p.clock(g)}
}

// stepWithin is how long it is waited for a step, under load.
const stepWithin = 10 * time.Second

// eachStep has each gateway end before and after the commit of each kind of unit of work, in turn.
func eachStep(ctx context.Context, p *pair, how extent) (string, error) {
	if err := p.answered(ctx, 12); err != nil {
		return "", err
	}
	done := make(map[string]bool)
	var missed []string
	ended := 0
	for more := true; more; {
		more = false
		for _, g := range p.sides() {
			raw, err := os.ReadFile(p.names(g))
			if err != nil {
				return "", fmt.Errorf("the gateway was not linked for torture: %w", err)
			}
			met := strings.Split(strings.TrimSpace(string(raw)), "\n")
			if d := roll(p.seed); how.steps > 0 {
				d.Shuffle(len(met), func(i, j int) { met[i], met[j] = met[j], met[i] })
			}
			for _, step := range met {
				key := g.Name + " " + step
				if done[key] || how.steps > 0 && ended >= how.steps*(1+slices.Index(p.sides(), g))/2 {
					continue
				}
				done[key], more = true, true
				if err := g.kill(); err != nil {
					return "", err
				}
				g.env = p.environment(g, step)
				if err := g.start(p.bin); err != nil {
					return "", err
				}
				over, err := ends(ctx, g, stepWithin)
				switch {
				case ctx.Err() != nil:
					return "", err
				case over && killed(err):
					ended++
				case over:
					return "", fmt.Errorf("%s ended by itself: %w\n%s", g.Name, err, g.tail())
				default:
					missed = append(missed, key)
				}
				g.env = p.environment(g, "")
				if err := p.again(g); err != nil {
					return "", err
				}
			}
		}
	}
	told := fmt.Sprintf("%d ends, each before or after the commit of another kind of unit", ended)
	if len(missed) > 0 {
		told += "; not met again: " + strings.Join(missed, ", ")
	}
	if ended == 0 {
		return told, errors.New("no step was taken")
	}
	return told, nil
}

// again starts a gateway that has ended, or kills it first.
func (p *pair) again(g *side) error {
	if err := g.kill(); err != nil {
		return err
	}
	return g.start(p.bin)
}

// killed reports whether a process was killed, as it does itself at a step.
func killed(err error) bool {
	var exit interface{ Sys() any }
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// notSynced has each gateway's disk fail to keep what is written, from one call on: it acknowledges nothing more,
// says so and ends.
func notSynced(ctx context.Context, p *pair, how extent) (string, error) {
	d := roll(p.seed)
	for _, g := range p.sides() {
		if err := g.kill(); err != nil {
			return "", err
		}
		at := how.synced + d.IntN(how.synced)
		g.under = []string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "signal=none",
			"-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", at)}
		err := g.start(p.bin)
		g.under = nil
		if err != nil {
			return "", err
		}
		over, err := ends(ctx, g, time.Minute)
		if !over {
			return "", errors.Join(fmt.Errorf("%s goes on although nothing is kept", g.Name), err)
		}
		record, told := g.logged("store failed")
		if told != nil || err == nil {
			return "", errors.Join(fmt.Errorf("%s ended with %v", g.Name, err), told)
		}
		if cause, _ := record["cause"].(string); !strings.Contains(cause, "the disk has failed to keep") {
			return "", fmt.Errorf("%s: %v", g.Name, record)
		}
		if err := g.start(p.bin); err != nil {
			return "", err
		}
		if err := p.answered(ctx, 10); err != nil {
			return "", err
		}
	}
	return "both said so and ended; started again they went on", nil
}

// databaseFiles are those of a gateway's database.
func (p *pair) databaseFiles(g *side) (names []string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		names = append(names, filepath.Join(p.dir, g.Database+suffix))
	}
	return names
}

// olderCopy puts an older copy of a database's files in the place of it: the start says so, and clients hand in again
// what was acknowledged since.
func olderCopy(ctx context.Context, p *pair, _ extent) (string, error) {
	var told []string
	for _, g := range p.sides() {
		if err := p.answered(ctx, 12); err != nil {
			return "", err
		}
		if err := g.kill(); err != nil {
			return "", err
		}
		at := time.Now()
		copies := make(map[string][]byte)
		for _, name := range p.databaseFiles(g) {
			raw, err := os.ReadFile(name)
			if err != nil {
				return "", err
			}
			copies[name] = raw
		}
		if err := g.start(p.bin); err != nil {
			return "", err
		}
		if err := p.answered(ctx, 24); err != nil {
			return "", err
		}
		if err := g.kill(); err != nil {
			return "", err
		}
		for name, raw := range copies {
			if err := os.WriteFile(name, raw, 0o600); err != nil {
				return "", err
			}
		}
		again := p.load.again(g.Own, at)
		if err := g.start(p.bin); err != nil {
			return "", err
		}
		if err := p.load.handIn(ctx, again); err != nil {
			return "", err
		}
		record, err := g.logged("database behind")
		if err != nil {
			return "", err
		}
		if cause, _ := record["cause"].(string); !strings.HasPrefix(cause, "the database ends with commit ") {
			return "", fmt.Errorf("%s: %v", g.Name, record)
		}
		told = append(told, fmt.Sprintf("%s said so, and %d submissions were handed in again", country[g.Own], len(again)))
	}
	return strings.Join(told, "; "), nil
}

// again are the submissions of an administration that were answered after an instant, to be handed in again.
func (l *load) again(own gateway.Administration, since time.Time) (all consignment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.list {
		if s.from == own && s.acknowledged.After(since) {
			other := *s
			other.acknowledged = time.Time{}
			all = append(all, &other)
		}
	}
	return all
}

// fromBackup restores each gateway from a backup that was made while it worked.
func fromBackup(ctx context.Context, p *pair, _ extent) (string, error) {
	var told []string
	for _, g := range p.sides() {
		if err := p.answered(ctx, 12); err != nil {
			return "", err
		}
		at := time.Now()
		file := filepath.Join(p.dir, g.Name+".backup")
		if err := g.tool(ctx, p.bin, "backup", "-to", file); err != nil {
			return "", err
		}
		if err := p.answered(ctx, 24); err != nil {
			return "", err
		}
		if err := g.kill(); err != nil {
			return "", err
		}
		for _, name := range append(p.databaseFiles(g), filepath.Join(p.dir, g.Database+".trust"), filepath.Join(p.dir, g.Database+".kept")) {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
		if err := g.tool(ctx, p.bin, "restore", "-from", file); err != nil {
			return "", err
		}
		again := p.load.again(g.Own, at)
		if err := g.start(p.bin); err != nil {
			return "", err
		}
		if err := p.load.handIn(ctx, again); err != nil {
			return "", err
		}
		told = append(told, fmt.Sprintf("of %s %d submissions were handed in again", country[g.Own], len(again)))
	}
	return strings.Join(told, "; "), nil
}

// locked keeps a database locked for a time: who hands in is told to come again.
func locked(ctx context.Context, p *pair, how extent) (string, error) {
	for _, g := range p.sides() {
		if err := p.answered(ctx, 12); err != nil {
			return "", err
		}
		release, err := store.Lock(ctx, filepath.Join(p.dir, g.Database))
		if err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
		case <-time.After(how.locked):
		}
		if err := release(); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("each database for %s", how.locked), p.answered(ctx, 12)
}

// Each connection is cut after so many bytes of answers more than the one before, from behind its handshake on: a
// receipt, of which a connection carries some, is cut in other places each time.
const (
	cutFrom = 9000
	cutStep = 23
)

// cutAnswers cuts the connections between both, each a little later than the one before: the receipt that is under
// way is lost at another byte, and its message comes again.
func cutAnswers(ctx context.Context, p *pair, how extent) (string, error) {
	var cut [2]atomic.Int64
	for i, g := range p.sides() {
		door, err := newCutter(func() int64 { return cutFrom + cutStep*cut[i].Add(1) }, g.PartnerGRPC)
		if err != nil {
			return "", err
		}
		defer door.close()
		g.PartnerGRPC = door.address()
		if err := p.again(g); err != nil {
			return "", err
		}
	}
	for cut[0].Load() < how.cuts || cut[1].Load() < how.cuts {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%d and %d connections were cut: %w", cut[0].Load(), cut[1].Load(), ctx.Err())
		case <-time.After(lookEvery):
		}
	}
	for i, g := range p.sides() {
		g.PartnerGRPC = p.sides()[1-i].GRPC
		if err := p.again(g); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d connections to Russia and %d to China, each after %d bytes more", cut[0].Load(), cut[1].Load(), cutStep), nil
}

// set sets the clock of a gateway.
func (p *pair) set(g *side, ahead time.Duration) error {
	p.ahead = max(p.ahead, ahead)
	if err := os.WriteFile(p.clock(g)+".new", []byte(ahead.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(p.clock(g)+".new", p.clock(g))
}

// tryAll has the operator of each gateway have tried what waits.
func (p *pair) tryAll(ctx context.Context) error {
	for i, g := range p.sides() {
		if _, err := p.operators[i].outbox.Try(ctx, &exchangev1.TryRequest{Partner: string(g.Partner)}); err != nil {
			return err
		}
	}
	return nil
}

// clockAhead is how far the clocks of both are ahead in the end.
const clockAhead = 3 * time.Hour

// clockJumps sets the clocks of both, forward and back so far that they accept each other; then one by hours, when
// what is under way waits until the other is as far and an operator has it tried.
func clockJumps(ctx context.Context, p *pair, _ extent) (string, error) {
	for _, ahead := range []time.Duration{10 * time.Minute, -4 * time.Minute, 0, clockAhead} {
		for _, g := range p.sides() {
			if err := p.set(g, ahead); err != nil {
				return "", err
			}
			if err := p.answered(ctx, 12); err != nil {
				return "", fmt.Errorf("%s by %s: %w", g.Name, ahead, err)
			}
		}
	}
	if err := p.tryAll(ctx); err != nil {
		return "", err
	}
	return "each by ten minutes forward and by fourteen back, then one after the other by three hours", nil
}

// diskFull fills the disk of China's gateway, a small one, for a time.
func diskFull(ctx context.Context, p *pair, how extent) (told string, err error) {
	g := p.cn
	disk := filepath.Join(p.dir, "disk")
	if err := errors.Join(g.kill(), os.Mkdir(disk, 0o700)); err != nil {
		return "", err
	}
	if err := syscall.Mount("customs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", how.room)); err != nil {
		return "", fmt.Errorf("mount a small disk, which root may: %w", err)
	}
	own := filepath.Join(p.dir, "cn.db*")
	if err := carry(own, disk); err != nil {
		return "", err
	}
	g.Database = filepath.Join("disk", "cn.db")
	if err := g.start(p.bin); err != nil {
		return "", err
	}
	defer func() { // its files are checked where they were
		err = errors.Join(err, g.stop(), carry(filepath.Join(disk, "cn.db*"), p.dir), syscall.Unmount(disk, 0))
		g.Database = "cn.db"
		err = errors.Join(err, g.start(p.bin))
	}()
	refused := 0
	for range 3 {
		if err := p.answered(ctx, 12); err != nil {
			return "", err
		}
		ballast := filepath.Join(disk, "ballast")
		if err := fill(ballast); err != nil {
			return "", err
		}
		before := p.load.asked.Load()
		for upto := p.load.asked.Load() + 60; p.load.asked.Load() < upto; {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(lookEvery):
			}
		}
		refused += int(p.load.asked.Load() - before)
		if err := os.Remove(ballast); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("three times to the last byte, while clients asked %d times", refused), p.answered(ctx, 12)
}

// carry moves files into another directory, on whatever disk that is.
func carry(pattern, dir string) error {
	files, err := filepath.Glob(pattern)
	for _, name := range files {
		raw, err2 := os.ReadFile(name)
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(dir, filepath.Base(name)), raw, 0o600), os.Remove(name))
	}
	return err
}

// fill writes into a file until there is no room.
func fill(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for block := bytes.Repeat([]byte{1}, 64<<10); len(block) > 0; {
		if _, err = f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				break
			}
			block, err = block[:len(block)/2], nil
		}
	}
	return errors.Join(err, f.Close())
}
