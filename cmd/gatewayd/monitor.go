package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/metrics"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// needs are what this gateway needs to work.
func (s *setup) needs(db *store.Store, keys *keeper) []server.Check {
	return []server.Check{
		{Name: "store", There: db.Writable},
		{Name: "tables", There: func(context.Context) error {
			for _, name := range s.Routes {
				rt, ok := s.chain.Routes.Route(name)
				if !ok {
					return fmt.Errorf("route %s is not loaded", name)
				}
				if _, ok := s.chain.Tables.Table(rt.Table); !ok {
					return fmt.Errorf("table %s of route %s is not loaded", rt.Table, name)
				}
			}
			return nil
		}},
		{Name: "signing key", There: func(context.Context) error {
			_, err := s.keys.Current(time.Now())
			return err
		}},
		{Name: "certificate", There: func(context.Context) error {
			switch leaf, now := keys.own(), time.Now(); {
			case now.Before(leaf.NotBefore):
				return fmt.Errorf("it begins at %s", leaf.NotBefore.UTC().Format(time.RFC3339))
			case now.After(leaf.NotAfter):
				return fmt.Errorf("it ended at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
			}
			return nil
		}},
	}
}

// queues counts what waits for a verdict of each partner, nothing too.
func (s *setup) queues(db *store.Store) func(context.Context) ([]metrics.Queue, error) {
	return func(ctx context.Context) ([]metrics.Queue, error) {
		waiting, err := db.Read().Waiting(ctx)
		var out []metrics.Queue
		for _, p := range s.Partners {
			for _, a := range p.Administrations {
				out = append(out, metrics.Queue{Partner: a})
			}
		}
		for _, w := range waiting {
			out = append(out, metrics.Queue{Partner: w.Recipient, Route: w.Route, State: string(w.State), Count: w.Count, Oldest: w.Oldest})
		}
		return out, err
	}
}

// deliveries are how messages go to each administration that a partner speaks for.
func (s *setup) deliveries(g *flow.Gateway) (out []metrics.Link) {
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			if l, ok := g.LinkState(a); ok {
				out = append(out, metrics.Link{Partner: a, Closed: l.Breaker == flow.BreakerClosed, Underway: l.Underway, Window: l.Window})
			}
		}
	}
	return out
}

// balances are how the balance with each partner stands.
func balances(ctx context.Context, g *flow.Gateway) ([]metrics.Balance, error) {
	all, err := g.BalanceStates(ctx)
	var out []metrics.Balance
	for _, b := range all {
		m := metrics.Balance{Partner: b.Partner, Open: b.Open, Struck: b.At, Differences: map[gateway.Code]int{}}
		for _, d := range b.Differences {
			m.Differences[d.Code]++
		}
		out = append(out, m)
	}
	return out, err
}

// validities are when what the gateway depends on now ends: of several of a kind and party,
// the first that does.
func validities(keys *keeper) (out []metrics.Validity) {
	for _, e := range keys.Ends() {
		one := metrics.Validity{Kind: e.Kind, Name: e.Party, Until: e.End}
		i := slices.IndexFunc(out, func(v metrics.Validity) bool { return v.Kind == one.Kind && v.Name == one.Name })
		switch {
		case i < 0:
			out = append(out, one)
		case one.Until.Before(out[i].Until):
			out[i] = one
		}
	}
	return out
}
