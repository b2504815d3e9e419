package metrics

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func read(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(log.Default()).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func full() *Metrics {
	return New(Sources{
		Now: func() time.Time { return now },
		Queues: func(context.Context) ([]Queue, error) {
			return []Queue{
				{Partner: "RU"}, {Partner: "KZ"},
				{Partner: "RU", Route: "a", State: "queued", Count: 3, Oldest: now.Add(-time.Minute)},
				{Partner: "RU", Route: "b", State: "sent", Count: 1, Oldest: now.Add(-time.Hour)},
			}, nil
		},
		Links: func() []Link {
			return []Link{{Partner: "RU", Underway: 1, Window: 8}, {Partner: "KZ", Closed: true, Underway: 3, Window: 16}}
		},
		Validities: func() []Validity { return []Validity{{"certificate", "own", now.Add(24 * time.Hour)}} },
		Budget: func() []budget.Usage {
			return []budget.Usage{{Name: "work", Used: 3, Limit: 400, Waiting: 2, Refused: 7}}
		},
	})
}

// everything is one of each event, in all its variants that are counted apart.
func everything() (out []event.Event) {
	for _, k := range event.Kinds {
		out = append(out, event.Event{Name: k.Name, Partner: "RU", Route: "a", State: "accepted", Verdict: "PRS", Door: "peer", Outcome: "not sent", Code: gateway.NotFound, Took: time.Second, Skew: -3 * time.Second})
	}
	return append(out, event.Event{Name: event.ReceiptVerified, Partner: "RU", Route: "a", State: "received", Verdict: "RCV"})
}

func TestFigures(t *testing.T) {
	m := full()
	for _, e := range everything() {
		m.Observe(e)
	}
	got := read(t, m)
	for _, want := range []string{
		`gateway_messages_waiting{partner="RU",route="a",state="queued"} 3`,
		`gateway_queue_messages{partner="RU"} 4`,
		`gateway_queue_messages{partner="KZ"} 0`,
		`gateway_queue_oldest_seconds{partner="RU"} 3600`,
		`gateway_queue_oldest_seconds{partner="KZ"} 0`,
		`gateway_breaker_open{partner="RU"} 1`,
		`gateway_breaker_open{partner="KZ"} 0`,
		`gateway_deliveries_underway{partner="KZ"} 3`,
		`gateway_deliveries_window{partner="RU"} 8`,
		`gateway_validity_remaining_seconds{kind="certificate",name="own"} 86400`,
		`gateway_budget_used{budget="work"} 3`,
		`gateway_budget_limit{budget="work"} 400`,
		`gateway_budget_waiting{budget="work"} 2`,
		`gateway_budget_refused_total{budget="work"} 7`,
		`gateway_messages_total{route="a",state="accepted"} 3`, // queued, expired, accepted; a receipt alone is no end
		`gateway_delivery_attempts_total{outcome="RCV",partner="RU"} 1`,
		`gateway_delivery_attempts_total{outcome="not sent",partner="RU"} 1`,
		`gateway_delivery_attempts_total{outcome="receipt refused",partner="RU"} 1`,
		`gateway_verdict_seconds_count{partner="RU",verdict="PRS"} 1`,
		`gateway_clock_skew_seconds{partner="RU"} 0`,
		`gateway_refusals_total{code="NOT_FOUND",door="tls"} 1`,
		`gateway_events_total{event="parked"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
}

// TestPromtoolFindsNothing wrong with any figure. Where the tool is missing the test fails.
func TestPromtoolFindsNothing(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if tool, err = filepath.Abs("../../bin/promtool"); err == nil {
			_, err = os.Stat(tool)
		}
	}
	if err != nil {
		t.Fatal("promtool is neither in PATH nor in bin: make test-deps fetches it")
	}
	m := full()
	for _, e := range everything() {
		m.Observe(e)
	}
	check := exec.Command(tool, "check", "metrics")
	check.Stdin = strings.NewReader(read(t, m))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNobodyChoosesALabel: 10,000 callers that call what there is not, with codes that are
// none, and ids of their own, leave as many figures as one.
func TestNobodyChoosesALabel(t *testing.T) {
	m := full()
	count := func() int { return strings.Count(read(t, m), "\ngateway_") }
	noise := func(i int) {
		x := fmt.Sprint("x", i)
		for _, k := range event.Kinds {
			m.Observe(event.Event{
				Name: k.Name, Door: "peer", Method: "/" + x + "/Y", Caller: "customs://" + x, ID: x, Party: x, Message: gateway.MessageID(x),
				Code: gateway.Code(x), Codes: []gateway.Code{gateway.Code(x)}, Movement: gateway.MovementID(x), Kind: x, Check: x, Library: x,
				Cause: errors.New(x), Partner: "RU", Route: "a", State: "accepted", Verdict: "PRS", Outcome: "not sent",
			})
		}
	}
	noise(0)
	before := count()
	for i := range 10_000 {
		noise(i)
	}
	if after := count(); after != before {
		t.Errorf("there were %d figures, and are %d", before, after)
	}
}

// TestADoorIsItsService for every call there is.
func TestADoorIsItsService(t *testing.T) {
	for e, want := range map[string]string{
		"/exchange.v1.SubmissionService/Get": "submissions", "/exchange.v1.InboxService/List": "inbox",
		"/exchange.v1.PeerService/Deliver": "peer", "/exchange.v1.MovementService/Find": "movements", "/exchange.v1.OutboxService/Try": "outbox", "rest": "rest", "/grpc.x/Y": "other", "": "other",
	} {
		if got := door(event.Event{Name: event.CallRefused, Method: e}); got != want {
			t.Errorf("%q is at the door %s, want %s", e, got, want)
		}
	}
}

// TestWhatCannotBeAskedForIsCounted, and hides no other figure.
func TestWhatCannotBeAskedForIsCounted(t *testing.T) {
	m := New(Sources{Now: time.Now, Queues: func(context.Context) ([]Queue, error) { return nil, errors.New("the store is closed") }})
	read(t, m)
	if got := read(t, m); !strings.Contains(got, "gateway_metrics_failures_total 1") && !strings.Contains(got, "gateway_metrics_failures_total 2") {
		t.Errorf("got %s", got)
	}
	if got := read(t, New(Sources{Now: time.Now})); strings.Contains(got, "gateway_budget") || strings.Contains(got, "validity") {
		t.Errorf("what nobody is asked for is shown: %s", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, all := full(), everything()
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range all {
			m.Observe(e)
		}
	}
}
