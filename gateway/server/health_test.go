package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"customs.example/gateway/budget"
	"customs.example/gateway/flow"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
)

// TestParallelHealthSaysWhatReadinessDoes, at the gateway's own door: once asked, and to who watches.
func TestParallelHealthSaysWhatReadinessDoes(t *testing.T) {
	var full atomic.Bool
	var passed atomic.Int64 // seconds
	m := NewMonitor(nil, func() time.Time { return time.Unix(passed.Load(), 0) }, http.NotFoundHandler(), Check{"store", func(context.Context) error {
		if full.Load() {
			return errors.New("disk full")
		}
		return nil
	}})
	stop, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &Server{flow: flow.New(flow.Options{Chain: &flow.Chain{Routes: &release.Routes{}, Limits: schema.DefaultLimits}, Budget: budget.New(budget.Default)}), monitor: m, stop: stop}
	s.budget = s.flow.Budget
	s.access = newAccess(nil, []Caller{{URI: "customs://CN/operator/1", Role: Operator}}, s.refusal)
	g := s.services()
	l := bufconn.Listen(1 << 16)
	go g.Serve(l)
	defer g.Stop()
	conn, err := grpc.NewClient("passthrough:///"+inMemory, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), identityHeader, "customs://CN/operator/1")
	client := healthv1.NewHealthClient(conn)
	watch, err := client.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := client.Watch(ctx, &healthv1.HealthCheckRequest{Service: "unknown"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := stranger.Recv(); err != nil || r.Status != healthv1.HealthCheckResponse_SERVICE_UNKNOWN {
		t.Errorf("of what is no service it says %v, %v", r, err)
	}
	if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{Service: "unknown"}); status.Code(err) != codes.NotFound {
		t.Errorf("of what is no service it says %v", err)
	}
	for _, step := range []struct {
		full bool
		want healthv1.HealthCheckResponse_ServingStatus
		code int
	}{
		{false, healthv1.HealthCheckResponse_SERVING, 200},
		{true, healthv1.HealthCheckResponse_NOT_SERVING, 503},
		{false, healthv1.HealthCheckResponse_SERVING, 200},
	} {
		full.Store(step.full)
		passed.Add(1)
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		if r, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil || r.Status != step.want || w.Code != step.code {
			t.Errorf("with a full disk %v it says %v, %v, and readyz %d", step.full, r, err, w.Code)
		}
		if r, err := watch.Recv(); err != nil || r.Status != step.want {
			t.Errorf("with a full disk %v who watches is told %v, %v", step.full, r, err)
		}
	}
	cancel()
	if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("when the gateway stops who watches is told %v", err)
	}
}
