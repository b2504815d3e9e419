package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"customs.example/gateway/flow"
	"customs.example/gateway/metrics"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// needs are what this gateway needs to work.
func (s *setup) needs(db *store.Store, chain *flow.Chain) []server.Check {
	return []server.Check{
		{Name: "store", There: db.Writable},
		{Name: "tables", There: func(context.Context) error {
			for _, name := range s.Routes {
				rt, ok := chain.Routes.Route(name)
				if !ok {
					return fmt.Errorf("route %s is not loaded", name)
				}
				if _, ok := chain.Tables.Table(rt.Table); !ok {
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
			switch leaf, now := s.certificate.Leaf, time.Now(); {
			case leaf == nil:
				return errors.New("there is none")
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

// validities are when what the configuration names ends: of several roots or lists of one
// party, the first that does.
func (s *setup) validities() (out []metrics.Validity) {
	if leaf := s.certificate.Leaf; leaf != nil {
		out = append(out, metrics.Validity{Kind: "certificate", Name: "own", Until: leaf.NotAfter})
	}
	for _, k := range s.Signing {
		out = append(out, metrics.Validity{Kind: "signing key", Name: k.ID, Until: k.Until})
	}
	for _, k := range s.Trust {
		out = append(out, metrics.Validity{Kind: "trusted key", Name: k.ID, Until: k.Until})
	}
	for _, p := range s.parties {
		add := func(kind string, ends []time.Time) {
			if len(ends) == 0 {
				return
			}
			first := ends[0]
			for _, end := range ends[1:] {
				if end.Before(first) {
					first = end
				}
			}
			out = append(out, metrics.Validity{Kind: kind, Name: p.URI, Until: first})
		}
		var roots, lists []time.Time
		for _, c := range p.Roots {
			roots = append(roots, c.NotAfter)
		}
		for _, l := range p.CRLs {
			lists = append(lists, l.NextUpdate)
		}
		add("root", roots)
		add("revocation list", lists)
	}
	return out
}
