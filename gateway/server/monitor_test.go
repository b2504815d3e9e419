package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/grpclog"

	"customs.example/gateway/event"
	"customs.example/gateway/metrics"
	"customs.example/gateway/store"
)

// told collects the names of events.
type told struct {
	mu     sync.Mutex
	events []event.Event
}

func (t *told) Observe(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

func (t *told) names() (names []event.Name) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.events {
		names = append(names, e.Name)
	}
	return names
}

func (t *told) log() *event.Log { return event.NewLog(slog.New(slog.DiscardHandler), t) }

// catalogued holds every line to the catalogue of events: its name, its level, and what may
// be said of it.
type catalogued struct{ t testing.TB }

func (catalogued) Enabled(context.Context, slog.Level) bool { return true }
func (c catalogued) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c catalogued) WithGroup(string) slog.Handler          { return c }

func (c catalogued) Handle(_ context.Context, r slog.Record) error {
	i := slices.IndexFunc(event.Kinds, func(k event.Kind) bool { return string(k.Name) == r.Message && k.Level == r.Level })
	if i < 0 {
		c.t.Errorf("%v %q is no event of the catalogue", r.Level, r.Message)
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(event.Kinds[i].Attributes, a.Key) {
			c.t.Errorf("%q does not say %s", r.Message, a.Key)
		}
		return true
	})
	return nil
}

// TestReadySaysWhatIsNotThere, and tells of it once, however often it is asked.
func TestReadySaysWhatIsNotThere(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var seen told
	made := 0
	missing := map[string]error{}
	check := func(name string) Check {
		return Check{name, func(context.Context) error { made++; return missing[name] }}
	}
	m := NewMonitor(seen.log(), func() time.Time { return now }, http.NotFoundHandler(), check("store"), check("signing key"))
	ask := func() (int, Readiness) {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		var r Readiness
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return w.Code, r
	}
	if code, r := ask(); code != 200 || !r.Ready || len(r.Checks) != 2 {
		t.Errorf("all is there, and it is %d %+v", code, r)
	}
	for range 100 {
		ask()
	}
	if made != 2 {
		t.Errorf("within a second %d checks were made", made)
	}
	missing["store"] = errors.New(`disk full at "Иванов"`)
	for range 3 {
		now = now.Add(CheckEvery)
		code, r := ask()
		if code != 503 || r.Ready || r.Checks[0].There || r.Checks[0].Trouble != "disk full at ***" || !r.Checks[1].There {
			t.Errorf("the store is full, and it is %d %+v", code, r)
		}
	}
	missing["signing key"] = errors.New("none is valid")
	now = now.Add(CheckEvery)
	ask()
	missing = map[string]error{}
	now = now.Add(CheckEvery)
	if code, _ := ask(); code != 200 {
		t.Errorf("all is there again, and it is %d", code)
	}
	if got := seen.names(); !slices.Equal(got, []event.Name{event.GatewayReady, event.GatewayNotReady, event.GatewayNotReady, event.GatewayReady}) {
		t.Errorf("told: %v", got)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("it lives, and says %d %s", w.Code, w.Body)
	}
	for method, path := range map[string]string{"POST": "/readyz", "GET": "/debug/pprof/"} {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != 404 && w.Code != 405 {
			t.Errorf("%s %s answers %d", method, path, w.Code)
		}
	}
}

// TestReadyNeedsAStoreThatWrites: one that is closed, or that does not answer, is none.
func TestReadyNeedsAStoreThatWrites(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "gateway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMonitor(nil, time.Now, http.NotFoundHandler(), Check{"store", db.Writable})
	if r := m.Readiness(t.Context()); !r.Ready {
		t.Errorf("an open store: %+v", r)
	}
	if rows, err := db.Read().Audit(t.Context(), 0, 10); err != nil || len(rows) != 0 {
		t.Errorf("asking left %v, %v", rows, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m.asked = time.Time{}
	if r := m.Readiness(t.Context()); r.Ready || r.Checks[0].Trouble == "" {
		t.Errorf("a closed store: %+v", r)
	}
	m = NewMonitor(nil, time.Now, http.NotFoundHandler(), Check{"slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if r := m.Readiness(gone); r.Ready {
		t.Errorf("what does not answer is there: %+v", r)
	}
}

// TestParallelMonitorStopsWithItsContext and leaves no goroutine.
func TestParallelMonitorStopsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	figures := metrics.New(metrics.Sources{Now: time.Now})
	m := NewMonitor(nil, time.Now, figures.Handler((*event.Log)(nil).Library("prometheus")))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, l) }()
	answer, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLibrariesTellEvents whatever way they say it; what only informs is dropped.
func TestLibrariesTellEvents(t *testing.T) {
	var b bytes.Buffer
	l := grpcLog{event.NewLog(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))}
	var _ grpclog.LoggerV2 = l
	l.Info("a")
	l.Infof("%s", "b")
	l.Infoln("c")
	l.Warning("d")
	l.Warningf("%s", "e")
	l.Warningln("f")
	l.Error("g")
	l.Errorf("%s", "h")
	l.Errorln("i \"Иванов\"")
	if got := b.String(); strings.Count(got, "\n") != 6 || strings.Count(got, `"msg":"library said","library":"grpc"`) != 6 || strings.Contains(got, "Иванов") {
		t.Errorf("the log has\n%s", got)
	}
}
