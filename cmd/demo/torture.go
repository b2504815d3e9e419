package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"customs.example/gateway/line"
)

// victim is what can be killed or stopped, and goes on afterwards.
type victim struct {
	name   string
	strike func(ctx context.Context) error
}

// victims are each gateway, the database server, and a gateway that is stopped for a time and
// goes on: others take its work over, and what it then makes of it is refused.
func (s *several) victims(pause time.Duration) []victim {
	kills := func(g *side) func(context.Context) error {
		return func(context.Context) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := g.kill(); err != nil {
				return err
			}
			return g.start(s.bin)
		}
	}
	return []victim{
		{"China 1 killed", kills(s.cn[0])},
		{"China 2 killed", kills(s.cn[1])},
		{"Russia killed", kills(s.ru)},
		{"PostgreSQL killed", func(context.Context) error {
			if err := s.server.Kill(); err != nil {
				return err
			}
			return s.server.Begin()
		}},
		{"China 1 stopped for a time", func(ctx context.Context) error {
			s.mu.Lock()
			p := s.cn[0].cmd.Process
			s.mu.Unlock()
			if err := p.Signal(syscall.SIGSTOP); err != nil {
				return ignoreDone(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			return ignoreDone(p.Signal(syscall.SIGCONT))
		}},
	}
}

// ignoreDone returns nil for a process that has ended by itself: it is started again.
func ignoreDone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// plan is how long and how badly gateways are treated.
type plan struct {
	kills int
	pause time.Duration // of a gateway that is stopped and goes on
	// The time between two strikes is drawn between these.
	shortest, longest time.Duration
	// odds are those of each misdeed with each call between the gateways; without any they call each other directly.
	odds line.Odds
}

// torture strikes one after the other under load, and has what is promised checked.
func torture(ctx context.Context, out *screen, bin, dir string, seed uint64, p plan) error {
	c, err := tortured(ctx, out, bin, dir, seed, p)
	return errors.Join(err, c.err(), out.err)
}

// tortured is what has become of everything after the strikes. It is told whatever went wrong before.
func tortured(ctx context.Context, out *screen, bin, dir string, seed uint64, p plan) (c counted, err error) {
	s, err := startSeveral(ctx, bin, dir, seed, p.odds)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	s.keep()
	struck, failure := s.strikes(ctx, seed, p)
	if failure == nil {
		failure = s.settle(ctx)
	}
	failure = errors.Join(failure, s.stop())
	c, err = s.count(context.WithoutCancel(ctx), time.Now())
	if err != nil {
		return c, errors.Join(failure, err)
	}
	for _, name := range slices.Sorted(maps.Keys(struck)) {
		out.say("%-28s %3d times", name, struck[name])
	}
	if len(p.odds) > 0 {
		out.say("%s", s.lines.done())
	}
	c.say(out)
	return c, failure
}

// strikes strikes while clients hand in, and returns how often each was struck when all is answered.
func (s *several) strikes(ctx context.Context, seed uint64, p plan) (map[string]int, error) {
	struck := make(map[string]int)
	var over atomic.Bool
	loaded := make(chan error, 1)
	go func() { loaded <- s.load.run(ctx, clients, func(int) bool { return !over.Load() }) }()
	d := roll(seed + 1)
	victims := s.victims(p.pause)
	for i := 0; i < p.kills; i++ {
		select {
		case err := <-loaded:
			return struck, fmt.Errorf("after %d strikes: %w", i, err)
		case <-ctx.Done():
			return struck, errors.Join(fmt.Errorf("after %d strikes: %w", i, ctx.Err()), <-loaded)
		case <-time.After(p.shortest + time.Duration(d.Float64()*float64(p.longest-p.shortest))):
		}
		v := victims[(i+int(seed))%len(victims)] // each in its turn, at a moment that is drawn
		if err := v.strike(ctx); err != nil {
			over.Store(true)
			return struck, errors.Join(fmt.Errorf("%s: %w", v.name, err), <-loaded)
		}
		struck[v.name]++
	}
	over.Store(true)
	return struck, <-loaded
}
