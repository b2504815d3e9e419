package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/line"
	"customs.example/gateway/store/postgres"
)

// several are two gateways of China at work on one PostgreSQL database of their own, before
// which a balancer stands for the partner, and one of Russia on a file.
type several struct {
	bin, dir string
	server   *postgres.Server
	balancer *balancer
	cn       [2]*side
	ru       *side
	lines    lines
	load     *load
	// operators are one of each gateway.
	operators []*client

	mu     sync.Mutex // over what is begun and ended
	ending bool
	kept   sync.WaitGroup
}

// startSeveral starts all of them, and connects clients to each door. The gateways call each other over lines on
// which each misdeed has these odds; without any, directly.
func startSeveral(ctx context.Context, bin, dir string, seed uint64, odds line.Odds) (s *several, err error) {
	s = &several{bin: bin, dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	if s.server, err = postgres.Start(postgres.Hasty...); err != nil {
		return s, err
	}
	cn, ru, err := newSides(dir)
	if err != nil {
		return s, err
	}
	if cn.Database, err = s.server.Database("cn"); err != nil {
		return s, err
	}
	cn.Name = "cn-1"
	other, err := cn.another("cn-2")
	if err != nil {
		return s, err
	}
	s.cn, s.ru = [2]*side{cn, other}, ru
	if s.balancer, err = newBalancer(cn.GRPC, other.GRPC); err != nil {
		return s, err
	}
	ru.PartnerGRPC = s.balancer.address()
	if len(odds) > 0 {
		if ru.PartnerGRPC, err = s.lines.lead(cn, ru, s.balancer.address(), odds, seed); err != nil {
			return s, err
		}
		if cn.PartnerGRPC, err = s.lines.lead(ru, cn, ru.GRPC, odds, seed+1); err != nil {
			return s, err
		}
		other.PartnerGRPC = cn.PartnerGRPC
	}
	s.load = &load{dice: roll(seed), doors: make(map[gateway.Administration][]*client), now: time.Now}
	for _, g := range s.gateways() { // all at once on an empty database
		if err := g.start(bin); err != nil {
			return s, err
		}
	}
	for _, g := range s.gateways() {
		c, err := dial(g, bin, g.Side+"/post")
		if err != nil {
			return s, err
		}
		s.load.doors[g.Own] = append(s.load.doors[g.Own], c)
		if err := g.ready(ctx, c); err != nil {
			return s, err
		}
	}
	for _, g := range s.gateways() {
		c, err := dial(g, bin, g.Side+"/operator")
		if err != nil {
			return s, err
		}
		s.operators = append(s.operators, c)
	}
	for _, g := range s.gateways() {
		if g.idle, err = g.usage(ctx); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *several) gateways() []*side {
	if s.ru == nil {
		return nil
	}
	return []*side{s.cn[0], s.cn[1], s.ru}
}

// keep starts gateways again that have ended by themselves, as those do that find no database:
// whatever a system starts its services with does so.
func (s *several) keep() {
	s.kept.Go(func() {
		for ; ; time.Sleep(keepEvery) {
			s.mu.Lock()
			for _, g := range s.gateways() {
				select {
				case <-g.exited:
					g.exited = nil
					_ = g.start(s.bin) // or it is tried again
				default:
				}
			}
			over := s.ending
			s.mu.Unlock()
			if over {
				return
			}
		}
	})
}

// keepEvery is how often it is looked for gateways that have ended.
const keepEvery = 200 * time.Millisecond

// settle waits until everything has come to its end.
func (s *several) settle(ctx context.Context) error {
	return s.load.settleTried(ctx, s.gateways(), s.operators)
}

// stop ends the gateways in good order, when they have let go of what they used.
func (s *several) stop() error {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.kept.Wait()
	var errs []error
	for _, g := range s.gateways() {
		errs = append(errs, g.rest(context.Background()))
	}
	for _, g := range s.gateways() {
		errs = append(errs, g.stop())
	}
	return errors.Join(errs...)
}

// end closes and stops whatever has been begun.
func (s *several) end() error {
	errs := []error{s.stop()}
	if s.load != nil {
		for _, doors := range s.load.doors {
			for _, c := range doors {
				c.close()
			}
		}
	}
	for _, c := range s.operators {
		c.close()
	}
	errs = append(errs, s.lines.close())
	if s.balancer != nil {
		errs = append(errs, s.balancer.close())
	}
	if s.server != nil {
		errs = append(errs, s.server.Stop())
	}
	return errors.Join(errs...)
}

// count has what is promised checked after the gateways have ended.
func (s *several) count(ctx context.Context, at time.Time) (counted, error) {
	databases := map[gateway.Administration]string{"CN": s.cn[0].Database, "RU": filepath.Join(s.dir, s.ru.Database)}
	return check(ctx, at, 0, s.load.list, databases, s.gateways()...)
}

// temporarily gives work a directory, which stays if it fails.
func temporarily(name string, work func(dir string) error) error {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return err
	}
	if err := work(dir); err != nil {
		return errors.Join(err, errors.New("(the gateways' files are in "+dir+")"))
	}
	return os.RemoveAll(dir)
}
