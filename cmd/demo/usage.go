package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"customs.example/gateway/invariant"
)

const (
	// restFor is how long a gateway has, when everything has ended, to let go of what it used.
	restFor = 10 * time.Second
	// figuresFor bounds how long figures are waited for.
	figuresFor = 2 * time.Second
)

// usage is what the gateway's process uses now, by its own figures.
func (s *side) usage(ctx context.Context) (u invariant.Usage, err error) {
	ctx, cancel := context.WithTimeout(ctx, figuresFor)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Monitor+"/metrics", nil)
	if err != nil {
		return u, err
	}
	r.Close = true // a connection that stays open would be one of its own
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return u, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return u, fmt.Errorf("figures of %s: %s", s.Name, answer.Status)
	}
	return invariant.ReadUsage(answer.Body)
}

// rest waits until the gateway uses no more than before anything came, or that is over, and notes what it uses then.
// One that does not run has nothing to let go of.
func (s *side) rest(ctx context.Context) error {
	if s.exited == nil || s.idle == (invariant.Usage{}) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, restFor)
	defer cancel()
	for {
		now, err := s.usage(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if len(now.Above(s.idle)) == 0 || ctx.Err() != nil {
			s.process = &invariant.Process{Name: s.Name, Before: s.idle, After: now}
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(tryEvery):
		}
	}
}
