package server

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"customs.example/gateway/event"
)

// Check is one thing that a gateway needs to work, and whether it is there. Its error says
// what is missing.
type Check struct {
	Name  string
	There func(context.Context) error
}

const (
	// CheckTimeout bounds all checks of one answer.
	CheckTimeout = 2 * time.Second
	// CheckEvery is how long an answer stands: whoever asks more often costs nothing.
	CheckEvery = time.Second
)

// Monitor is the door for who watches over the gateway's process: whether it lives, whether
// it can work, and its figures. It knows no callers and MUST listen on this machine only.
type Monitor struct {
	log     *event.Log
	now     func() time.Time
	metrics http.Handler

	checks []Check

	mu    sync.Mutex
	asked time.Time
	last  Readiness
}

// Readiness says whether the gateway can work, and what is missing.
type Readiness struct {
	Ready  bool     `json:"ready"`
	Checks []Result `json:"checks"`
}

// Result is what came of one check.
type Result struct {
	Name    string `json:"name"`
	There   bool   `json:"there"`
	Trouble string `json:"trouble,omitempty"`
}

// NewMonitor returns the monitor of a gateway that needs all that the checks look for.
func NewMonitor(log *event.Log, now func() time.Time, metrics http.Handler, checks ...Check) *Monitor {
	return &Monitor{log: log, now: now, metrics: metrics, checks: checks}
}

// Readiness makes every check, at most once in CheckEvery. A change is told. Without a
// monitor nothing is needed.
func (m *Monitor) Readiness(ctx context.Context) Readiness {
	if m == nil {
		return Readiness{Ready: true}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.asked.IsZero() || now.Sub(m.asked) >= CheckEvery || now.Before(m.asked) {
		// Not the asker's context: one that leaves must not make the gateway unready.
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), CheckTimeout)
		defer cancel()
		before := m.last
		m.asked, m.last = now, Readiness{Ready: true, Checks: []Result{}}
		for _, c := range m.checks {
			err := c.There(bounded)
			m.last.Checks = append(m.last.Checks, Result{c.Name, err == nil, event.Cause(err)})
			m.last.Ready = m.last.Ready && err == nil
			if err != nil && !before.lacks(c.Name) {
				m.log.Tell(event.Event{Name: event.GatewayNotReady, Check: c.Name, Cause: err})
			}
		}
		if m.last.Ready && !before.Ready {
			m.log.Tell(event.Event{Name: event.GatewayReady})
		}
	}
	return m.last
}

// lacks reports whether a check has failed already.
func (r Readiness) lacks(name string) bool {
	for _, c := range r.Checks {
		if c.Name == name {
			return !c.There
		}
	}
	return false
}

// Handler answers at /healthz, /readyz and /metrics.
func (m *Monitor) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready := m.Readiness(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if !ready.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		json.NewEncoder(w).Encode(ready)
	})
	mux.Handle("GET /metrics", m.metrics)
	return mux
}

// Serve answers until the context ends.
func (m *Monitor) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler: m.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: MaxHeaders, ErrorLog: m.log.Library("net/http"),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		web.Close() // whoever watches over the gateway asks again
		<-failed
		return nil
	}
}
