package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/flow"
	"customs.example/gateway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deliver = "/exchange.v1.PeerService/Deliver"

// slowPeers answers when it is let go on, and at once what has no payload.
type slowPeers struct {
	exchangev1.UnimplementedPeerServiceServer
	s      *Server
	goOn   chan struct{}
	began  chan struct{}
	mu     sync.Mutex
	bodies int64 // the most that was counted
}

func (p *slowPeers) Deliver(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	p.mu.Lock()
	p.bodies = max(p.bodies, p.s.budget.Bodies.Usage().Used)
	p.mu.Unlock()
	if string(r.Header) == "panic" {
		panic("Иванов")
	}
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("no deadline is imposed")
	}
	if len(r.Payload) > 0 {
		p.began <- struct{}{}
		select {
		case <-p.goOn:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{Header: []byte(callerOf(ctx).URI)}}, nil
}

// door is a server whose callers say in a header who they are.
func door(t *testing.T, l budget.Limits) (*slowPeers, func() *grpc.ClientConn) {
	t.Helper()
	s := &Server{budget: budget.New(l), repeated: repeated{now: time.Now}}
	who := func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		md, _ := metadata.FromIncomingContext(ss.Context())
		if md.Get("who") == nil {
			return status.Error(codes.Unauthenticated, "nobody")
		}
		return handler(srv, admitted{ss, context.WithValue(ss.Context(), callerKey{}, Caller{URI: md.Get("who")[0]})})
	}
	g := admitting{s: s, Server: grpc.NewServer(grpc.ChainStreamInterceptor(s.stream, who, s.admit), grpc.InitialWindowSize(StreamWindow))}
	impl := &slowPeers{s: s, goOn: make(chan struct{}), began: make(chan struct{}, 10_000)}
	exchangev1.RegisterPeerServiceServer(g, impl)
	l2, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go g.Serve(l2)
	t.Cleanup(g.Stop)
	return impl, func() *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:///"+l2.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func as(ctx context.Context, who string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "who", who)
}

func retryOf(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// TestParallelOneCallersCallsLeaveRoomForOthers: 20 connections of one caller open what they can.
// It holds its share, is told when to try again, and another is answered at once; in the
// end nothing is held.
func TestParallelOneCallersCallsLeaveRoomForOthers(t *testing.T) {
	impl, dial := door(t, budget.Limits{Memory: 64 << 20, Calls: 64, Wait: 50 * time.Millisecond, Body: 10 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[codes.Code]int{}
	var refused error
	for range 20 {
		peers := exchangev1.NewPeerServiceClient(dial())
		for range 64 {
			wg.Go(func() {
				_, err := peers.Deliver(as(ctx, "flood"), &exchangev1.DeliverRequest{Payload: make([]byte, 1000)})
				mu.Lock()
				defer mu.Unlock()
				if answers[status.Code(err)]++; status.Code(err) == codes.ResourceExhausted {
					refused = err
				}
			})
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		n, all := answers[codes.ResourceExhausted], fmt.Sprint(answers)
		mu.Unlock()
		if n >= 20*64-36 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("answers %s, %d run, %+v", all, len(impl.began), impl.s.budget.Usage())
		}
	}
	if n := len(impl.began); n > 36 || n < 32 {
		t.Errorf("%d handlers run for one caller", n)
	}
	if retryOf(refused) < time.Second || !strings.Contains(refused.Error(), "GATEWAY_BUSY") {
		t.Errorf("refused: %v", refused)
	}
	start := time.Now()
	other, err := exchangev1.NewPeerServiceClient(dial()).Deliver(as(ctx, "other"), &exchangev1.DeliverRequest{})
	if err != nil || string(other.Receipt.Header) != "other" {
		t.Errorf("another: %v", err)
	}
	t.Logf("another is answered in %v", time.Since(start))
	close(impl.goOn)
	wg.Wait()
	if answers[codes.OK] != len(impl.began) || answers[codes.OK]+answers[codes.ResourceExhausted] != 20*64 {
		t.Errorf("%v", answers)
	}
	if impl.bodies < 32*1000 {
		t.Errorf("at most %d bytes of bodies are counted", impl.bodies)
	}
	for _, u := range impl.s.budget.Usage() {
		if u.Used != 0 || u.Waiting != 0 {
			t.Errorf("in the end %+v", u)
		}
	}
}

// TestParallelAMessageThatDoesNotComeIn: a call that is opened and not gone on with, and one that
// breaks off in its middle, end, each with what its caller can do.
func TestParallelAMessageThatDoesNotComeIn(t *testing.T) {
	impl, dial := door(t, budget.Limits{Memory: 64 << 20, Calls: 8, Wait: 10 * time.Millisecond, Body: 100 * time.Millisecond})
	conn := dial()
	open := func(who string) grpc.ClientStream {
		t.Helper()
		stream, err := conn.NewStream(as(t.Context(), who), &grpc.StreamDesc{ClientStreams: true}, deliver)
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	silent := open("slow")
	start := time.Now()
	err := silent.RecvMsg(new(exchangev1.DeliverResponse))
	if status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "BODY_SLOW") || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	// Who may not call is refused before anything is read.
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, deliver)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(exchangev1.DeliverResponse)); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a stranger: %v", err)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := open("slow").RecvMsg(new(exchangev1.DeliverResponse)); status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.ResourceExhausted {
				t.Errorf("one of many: %v", err)
			}
		})
	}
	if _, err := exchangev1.NewPeerServiceClient(conn).Deliver(as(t.Context(), "other"), &exchangev1.DeliverRequest{}); err != nil {
		t.Errorf("another on the same connection: %v", err)
	}
	if _, err := exchangev1.NewPeerServiceClient(conn).Deliver(as(t.Context(), "other"), &exchangev1.DeliverRequest{Header: []byte("panic")}); status.Code(err) != codes.Internal {
		t.Errorf("a call that breaks off: %v", err)
	}
	wg.Wait()
	for _, u := range impl.s.budget.Usage() {
		if u.Used != 0 {
			t.Errorf("in the end %+v", u)
		}
	}
}

// TestParallelBodiesAreCounted: messages that find no room are refused, and may come again.
func TestParallelBodiesAreCounted(t *testing.T) {
	impl, dial := door(t, budget.Limits{Memory: 16 << 20, Calls: 64, Wait: 50 * time.Millisecond, Body: 10 * time.Second})
	peers := exchangev1.NewPeerServiceClient(dial())
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for range 10 {
		wg.Go(func() {
			_, err := peers.Deliver(as(t.Context(), "flood"), &exchangev1.DeliverRequest{Payload: make([]byte, 1<<20)})
			mu.Lock()
			defer mu.Unlock()
			if status.Code(err) == codes.ResourceExhausted && retryOf(err) > 0 {
				refused++
			}
		})
	}
	for done := false; !done; time.Sleep(time.Millisecond) {
		mu.Lock()
		done = refused == 9 // two of 1 MiB and a little are more than half of 4 MiB
		mu.Unlock()
	}
	close(impl.goOn)
	wg.Wait()
	if _, err := peers.Deliver(as(t.Context(), "flood"), &exchangev1.DeliverRequest{Payload: make([]byte, 1<<20)}); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestParallelRESTSaysWhenToTryAgain: 429 with Retry-After, in the caller's language, before a body
// is read.
func TestParallelRESTSaysWhenToTryAgain(t *testing.T) {
	s := &Server{
		flow: &flow.Gateway{Options: flow.Options{Chain: &flow.Chain{Limits: schema.Limits{Bytes: 8 << 20}}}}, access: newAccess(nil, nil, nil), repeated: repeated{now: time.Now},
		budget: budget.New(budget.Limits{Memory: 1 << 20, Calls: 2, Wait: time.Millisecond, Body: time.Second}),
	}
	goOn, began := make(chan struct{}), make(chan struct{}, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), identityKey{}, r.Header.Get("Who"))
		s.admitREST(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { began <- struct{}{}; <-goOn })).ServeHTTP(w, r.WithContext(ctx))
	}))
	defer web.Close()
	ask := func(who, path string, size int) (*http.Response, error) {
		r, err := http.NewRequest(http.MethodPost, web.URL+path, bytes.NewReader(make([]byte, size)))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Who", who)
		r.Header.Set("Accept-Language", "ru")
		return http.DefaultClient.Do(r)
	}
	done := make(chan error, 1)
	go func() {
		answer, err := ask("a", "/v1/deliveries", 20_000)
		if err == nil {
			answer.Body.Close()
		}
		done <- err
	}()
	<-began
	for i, size := range []int{20_000, 200_000} {
		answer, err := ask("a", "/v1/deliveries", size)
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		said.ReadFrom(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != "1" || !strings.Contains(said.String(), "Шлюз сейчас перегружен") {
			t.Errorf("%d: %s, %v, %s", i, answer.Status, answer.Header, said.String())
		}
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if u := fmt.Sprint(s.budget.Calls.Usage().Used, s.budget.Bodies.Usage().Used); u != "0 0" {
		t.Errorf("in the end %s are held", u)
	}
}
