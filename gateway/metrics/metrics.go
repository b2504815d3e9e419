// Package metrics owns the figures that a gateway shows of its work, in the format of
// Prometheus: it counts events, and asks for what stands in the store and in the
// configuration when it is read. It refuses labels that a document or a caller could
// choose: every label is one of a set that the configuration or the code has closed.
package metrics

import (
	"context"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
)

// ReadTimeout bounds what is asked for when the figures are read.
const ReadTimeout = 5 * time.Second

// Queue is what waits for a verdict of one partner, on one route and in one state.
type Queue struct {
	Partner gateway.Administration
	Route   string
	State   string
	Count   int
	Oldest  time.Time
}

// Link is how messages go to one partner.
type Link struct {
	Partner  gateway.Administration
	Closed   bool // its circuit breaker is: messages travel
	Underway int
	Window   int // messages that may travel at once
}

// Balance is how the balance with one partner stands.
type Balance struct {
	Partner     gateway.Administration
	Open        bool      // messages go to the partner
	Struck      time.Time // the last; zero: never
	Differences map[gateway.Code]int
}

// Validity is when something ends that the gateway works with: a certificate, a signing key
// or a revocation list, by a name out of the configuration.
type Validity struct {
	Kind, Name string
	Until      time.Time
}

// Sources are asked when the figures are read. All but Now may be nil: what is not there is
// not shown.
type Sources struct {
	Now        func() time.Time
	Queues     func(context.Context) ([]Queue, error)
	Links      func() []Link
	Validities func() []Validity
	Budget     func() []budget.Usage // what callers use at once
	Balances   func(context.Context) ([]Balance, error)
}

// Metrics counts. It is an event.Observer, safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	sources  Sources

	events, messages, attempts, refusals *prometheus.CounterVec
	verdicts, judgements                 *prometheus.HistogramVec
	skew                                 *prometheus.GaugeVec
	failures                             prometheus.Counter
}

// seconds are the bounds of what takes from a moment to a day.
var seconds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}

// New returns metrics that ask these sources.
func New(s Sources) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "gateway", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "gateway", Name: name, Help: help, Buckets: seconds}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), sources: s,
		events:     counter("events_total", "Events of the log, whatever its level.", "event"),
		messages:   counter("messages_total", "Messages to partners by what they became: queued, accepted, refused or dead.", "route", "state"),
		attempts:   counter("delivery_attempts_total", "Attempts to deliver by what they brought: a receipt by its verdict, or none.", "partner", "outcome"),
		refusals:   counter("refusals_total", "Calls, requests and handshakes that were refused at a door, by code.", "door", "code"),
		verdicts:   histogram("verdict_seconds", "From a message's creation to the partner's verified verdict.", "partner", "verdict"),
		judgements: histogram("judgement_seconds", "From an arrival to its judgement.", "door", "state"),
		skew: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "gateway", Name: "clock_skew_seconds", Help: "By how much a partner's clock was ahead of ours at its last receipt.",
		}, []string{"partner"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "gateway", Name: "metrics_failures_total", Help: "Figures that could not be asked for.",
		}),
	}
	m.registry.MustRegister(m.events, m.messages, m.attempts, m.refusals, m.verdicts, m.judgements, m.skew, m.failures, asked{m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers with all figures. The library's own complaints go to complaints.
func (m *Metrics) Handler(complaints *log.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: complaints, MaxRequestsInFlight: 2, Timeout: 2 * ReadTimeout})
}

// Observe counts an event.
func (m *Metrics) Observe(e event.Event) {
	m.events.WithLabelValues(string(e.Name)).Inc()
	partner := string(e.Partner)
	switch e.Name {
	case event.MessageQueued, event.MessageExpired:
		m.messages.WithLabelValues(e.Route, e.State).Inc()
	case event.DeliveryFailed:
		m.attempts.WithLabelValues(partner, e.Outcome).Inc()
	case event.ReceiptRefused:
		m.attempts.WithLabelValues(partner, "receipt refused").Inc()
	case event.ReceiptVerified:
		m.attempts.WithLabelValues(partner, e.Verdict).Inc()
		m.skew.WithLabelValues(partner).Set(e.Skew.Seconds())
		if e.Verdict != string(gateway.RCV) {
			m.messages.WithLabelValues(e.Route, e.State).Inc()
			m.verdicts.WithLabelValues(partner, e.Verdict).Observe(e.Took.Seconds())
		}
	case event.SubmissionJudged, event.MessageJudged, event.BorderJudged:
		m.judgements.WithLabelValues(e.Door, e.State).Observe(e.Took.Seconds())
	case event.CallRefused, event.CertificateRefused, event.IDReused:
		m.refusals.WithLabelValues(door(e), codeLabel(e.Code)).Inc()
	}
}

// doors are the labels of doors, by how their calls' names begin.
var doors = []struct{ begins, door string }{
	{"/exchange.v1.SubmissionService/", "submissions"},
	{"/exchange.v1.InboxService/", "inbox"},
	{"/exchange.v1.PeerService/", "peer"},
	{"/exchange.v1.MovementService/", "movements"},
	{"/exchange.v1.BalanceService/", "balances"},
	{"/exchange.v1.AttachmentService/", "attachments"},
	{"/exchange.v1.OutboxService/", "outbox"},
	{"rest", "rest"},
}

func door(e event.Event) string {
	if e.Name == event.CertificateRefused {
		return "tls"
	}
	for _, d := range doors {
		if strings.HasPrefix(e.Method, d.begins) {
			return d.door
		}
	}
	switch e.Door {
	case "submit":
		return "submissions"
	case "peer":
		return "peer"
	case "border", "gate":
		return "movements"
	}
	return "other"
}

// protocol are the codes that doors refuse with and that are no faults of the catalogue.
var protocol = map[gateway.Code]bool{
	"INVALID_ARGUMENT": true, "NOT_FOUND": true, "UNIMPLEMENTED": true, "UNAUTHENTICATED": true, "RESOURCE_EXHAUSTED": true,
	"UNAVAILABLE": true, "DEADLINE_EXCEEDED": true, "CANCELED": true, "UNKNOWN": true, "INTERNAL": true,
}

// known are the codes of the catalogue.
var known = sync.OnceValue(func() map[gateway.Code]bool {
	m := make(map[gateway.Code]bool)
	for _, c := range gateway.Codes() {
		m[c] = true
	}
	return m
})

// codeLabel is a code as a label: one that no closed set has is one of the others.
func codeLabel(c gateway.Code) string {
	if known()[c] || protocol[c] {
		return string(c)
	}
	return "OTHER"
}

// asked collects what the sources say.
type asked struct{ m *Metrics }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gateway_"+name, help, labels, nil)
}

var (
	waiting  = describe("messages_waiting", "Messages to partners that have no verdict yet.", "partner", "route", "state")
	depth    = describe("queue_messages", "Messages to a partner that have no verdict yet.", "partner")
	oldest   = describe("queue_oldest_seconds", "Age of the oldest message to a partner that has no verdict yet.", "partner")
	validity = describe("validity_remaining_seconds", "Time until a certificate, signing key or revocation list ends; a day has 86400.", "kind", "name")
	used     = describe("budget_used", "What is in use of a budget: bytes of memory for bodies, work and deliveries, else calls.", "budget")
	limit    = describe("budget_limit", "What all callers together may use of it.", "budget")
	queued   = describe("budget_waiting", "Who waits for room in it.", "budget")
	opened   = describe("balance_open", "1 if messages go to the partner; 0 after a restore, before what both hold was compared.", "partner")
	struck   = describe("balance_age_seconds", "Time since what both hold was last compared.", "partner")
	differs  = describe("balance_differences", "Messages that the two gateways hold differently.", "partner", "code")
	breaker  = describe("breaker_open", "1 if the circuit breaker of the link to a partner is open, or tries one message at a time; 0 if it is closed.", "partner")
	flying   = describe("deliveries_underway", "Messages that travel to a partner now.", "partner")
	window   = describe("deliveries_window", "Messages that may travel to it at once.", "partner")
	turned   = describe("budget_refused_total", "Who found no room in it.", "budget")
)

func (a asked) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waiting, depth, oldest, validity, used, limit, queued, turned, opened, struck, differs, breaker, flying, window} {
		out <- d
	}
}

func (a asked) Collect(out chan<- prometheus.Metric) {
	s := a.m.sources
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if s.Queues != nil {
		ctx, cancel := context.WithTimeout(context.Background(), ReadTimeout)
		defer cancel()
		queues, err := s.Queues(ctx)
		if err != nil {
			a.m.failures.Inc()
		}
		counts, first := make(map[gateway.Administration]int), make(map[gateway.Administration]time.Time)
		for _, q := range queues {
			if q.Count > 0 {
				gauge(waiting, float64(q.Count), string(q.Partner), q.Route, q.State)
				if f := first[q.Partner]; f.IsZero() || q.Oldest.Before(f) {
					first[q.Partner] = q.Oldest
				}
			}
			counts[q.Partner] += q.Count
		}
		for partner, n := range counts {
			gauge(depth, float64(n), string(partner))
			age := 0.0
			if n > 0 {
				age = s.Now().Sub(first[partner]).Seconds()
			}
			gauge(oldest, age, string(partner))
		}
	}
	if s.Balances != nil {
		ctx, cancel := context.WithTimeout(context.Background(), ReadTimeout)
		defer cancel()
		balances, err := s.Balances(ctx)
		if err != nil {
			a.m.failures.Inc()
		}
		for _, b := range balances {
			open := 0.0
			if b.Open {
				open = 1
			}
			gauge(opened, open, string(b.Partner))
			if !b.Struck.IsZero() {
				gauge(struck, s.Now().Sub(b.Struck).Seconds(), string(b.Partner))
			}
			for code, n := range b.Differences {
				gauge(differs, float64(n), string(b.Partner), codeLabel(code))
			}
		}
	}
	if s.Links != nil {
		for _, l := range s.Links() {
			open := 1.0
			if l.Closed {
				open = 0
			}
			gauge(breaker, open, string(l.Partner))
			gauge(flying, float64(l.Underway), string(l.Partner))
			gauge(window, float64(l.Window), string(l.Partner))
		}
	}
	if s.Validities != nil {
		for _, v := range s.Validities() {
			gauge(validity, v.Until.Sub(s.Now()).Seconds(), v.Kind, v.Name)
		}
	}
	if s.Budget != nil {
		for _, u := range s.Budget() {
			gauge(used, float64(u.Used), u.Name)
			gauge(limit, float64(u.Limit), u.Name)
			gauge(queued, float64(u.Waiting), u.Name)
			out <- prometheus.MustNewConstMetric(turned, prometheus.CounterValue, float64(u.Refused), u.Name)
		}
	}
}
