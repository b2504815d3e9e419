package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
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
}

// torture strikes one after the other under load, and then counts.
func torture(ctx context.Context, out *screen, bin, dir string, seed uint64, p plan) (err error) {
	s, err := startSeveral(ctx, bin, dir, seed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	s.keep()
	var over atomic.Bool
	loaded := make(chan error, 1)
	go func() { loaded <- s.load.run(ctx, clients, func(int) bool { return !over.Load() }) }()
	d := roll(seed + 1)
	struck := make(map[string]int)
	victims := s.victims(p.pause)
	for i := 0; i < p.kills; i++ {
		select {
		case err := <-loaded:
			return fmt.Errorf("after %d strikes: %w", i, err)
		case <-ctx.Done():
			return fmt.Errorf("after %d strikes: %w", i, ctx.Err())
		case <-time.After(p.shortest + time.Duration(d.Float64()*float64(p.longest-p.shortest))):
		}
		v := victims[(i+int(seed))%len(victims)] // each in its turn, at a moment that is drawn
		if err := v.strike(ctx); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		struck[v.name]++
	}
	over.Store(true)
	if err := <-loaded; err != nil {
		return err
	}
	if err := s.load.settle(ctx); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	c, err := s.count(ctx, time.Now())
	if err != nil {
		return err
	}
	for _, v := range victims {
		out.say("%-28s %3d times", v.name, struck[v.name])
	}
	c.say(out)
	return errors.Join(c.err(), out.err)
}
