// Package server owns the doors: gRPC and REST, who may call what, what each caller
// sees, and how faults become statuses. It refuses to decide about documents: it asks
// flow, and shows what the store holds.
package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/budget"
	"customs.example/gateway/conversation"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// Limits of the doors; see each for why.
const (
	// Envelope is the room for what goes with a document.
	Envelope = 1 << 20
	// MaxStreams bounds the handlers that one connection can keep running.
	MaxStreams = 64
	// MaxHeaders bounds the header of a call or a request.
	MaxHeaders = 8 << 10
	// DrainTime is how long a stop waits for calls under way.
	DrainTime = 10 * time.Second
)

// inMemory is the network name of the listener between the REST door and gRPC.
const inMemory = "bufconn"

// Options make a Server. All are required but Log, Introduction, without which the gateway
// has no card and looks at no partner, and Monitor: a gateway without one is always ready.
// Loaded is the data that Flow's chain was loaded from. Conversations are the partners that speak by envelopes, by their URIs.
type Options struct {
	Flow        *flow.Gateway
	Registry    *mtls.Registry
	Certificate tls.Certificate
	Callers     []Caller
	Monitor     *Monitor
	Log         *event.Log
	Loaded      *analysis.Inventory

	Conversations map[string]*conversation.Partner
	Introduction  Introduction
}

// Server is both doors of one gateway.
type Server struct {
	flow    *flow.Gateway
	access  *access
	log     *event.Log
	pages   pages
	tls     *tls.Config
	monitor *Monitor
	budget  *budget.Process
	loaded  *analysis.Inventory

	introduction  Introduction
	conversations map[string]*conversation.Partner // by URI

	repeated repeated
	changes  feed[whole]         // of submissions
	accepted feed[store.Inbound] // of the inbox

	public, memory *grpc.Server // the same services: over TLS, and behind REST
	pipe           *bufconn.Listener
	stop           context.Context // ends the streams of watchers
	cancel         context.CancelFunc
}

// New prepares the doors.
func New(o Options) *Server {
	s := &Server{
		flow: o.Flow, log: o.Log, monitor: o.Monitor, tls: o.Registry.ServerConfig(o.Certificate), pipe: bufconn.Listen(1 << 20),
		budget: o.Flow.Budget, repeated: repeated{now: o.Flow.Now}, introduction: o.Introduction,
		loaded: o.Loaded, conversations: o.Conversations,
	}
	if s.introduction.Card == nil {
		s.introduction.Card = func() ([]byte, gateway.Digest, error) {
			return nil, gateway.Digest{}, errors.New("this gateway has no card")
		}
	}
	s.changes = feed[whole]{
		changed: o.Flow.Store.Changed, last: o.Flow.Store.Read().LastCommit, read: s.changed,
		commit: func(w whole) gateway.Commit { return w.Commit }, office: func(w whole) string { return w.Office },
	}
	s.accepted = feed[store.Inbound]{
		changed: o.Flow.Store.Changed, last: o.Flow.Store.Read().LastCommit, commit: func(in store.Inbound) gateway.Commit { return in.Commit },
		read: func(ctx context.Context, _ []string, after gateway.Commit) ([]store.Inbound, error) {
			return o.Flow.Store.Read().Inbox(ctx, store.InboxFilter{After: after, Limit: MaxPage})
		},
	}
	s.access = newAccess(o.Registry, o.Callers, s.refusal)
	rand.Read(s.pages.key[:])
	rand.Read(s.pages.nonces[:])
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.public = s.services(grpc.Creds(peer.ServerCredentials(o.Registry, o.Certificate)))
	s.memory = s.services()
	return s
}

// maxMessage is the room for the greatest document and its envelope.
func (s *Server) maxMessage() int { return s.flow.Cap() + Envelope }

// maxBody is the room for it in a request's JSON, where it stands in base64.
func (s *Server) maxBody() int64 { return int64(s.maxMessage()) * 4 / 3 }

// services is a gRPC server with every service on it.
func (s *Server) services(more ...grpc.ServerOption) *grpc.Server {
	g := admitting{s: s}
	g.Server = grpc.NewServer(append(more,
		// What is not there is asked for by nobody who has no right to it.
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return status.Error(codes.Unimplemented, "no such call") }),
		grpc.ChainStreamInterceptor(s.stream, s.access.stream, s.admit, s.readable), grpc.InitialWindowSize(StreamWindow),
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2("proto")}),
		grpc.MaxRecvMsgSize(s.maxMessage()), grpc.MaxSendMsgSize(s.maxMessage()+Envelope),
		grpc.MaxConcurrentStreams(MaxStreams), grpc.MaxHeaderListSize(MaxHeaders), grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 5 * time.Minute, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute,
		}))...)
	exchangev1.RegisterSubmissionServiceServer(g, submissions{Server: s})
	exchangev1.RegisterInboxServiceServer(g, inbox{Server: s})
	exchangev1.RegisterSubscriptionServiceServer(g, subscriptions{Server: s})
	exchangev1.RegisterAttachmentServiceServer(g, attachments{Server: s})
	exchangev1.RegisterPeerServiceServer(g, peers{Server: s})
	exchangev1.RegisterMovementServiceServer(g, movements{Server: s})
	exchangev1.RegisterReportServiceServer(g, reports{Server: s})
	exchangev1.RegisterNumberServiceServer(g, numbers{Server: s})
	exchangev1.RegisterOutboxServiceServer(g, outbox{Server: s})
	exchangev1.RegisterBalanceServiceServer(g, balances{Server: s})
	exchangev1.RegisterPartnerServiceServer(g, introductions{Server: s})
	exchangev1.RegisterMessageServiceServer(g, messages{Server: s})
	exchangev1.RegisterMappingServiceServer(g, holdings{Server: s})
	exchangev1.RegisterAuditServiceServer(g, audits{Server: s})
	healthv1.RegisterHealthServer(g, health{monitor: s.monitor, stop: s.stop})
	reflection.Register(g)
	return g.Server
}

// watchConnections hands those of the REST door to the registry, which closes them once
// their peer would no longer be admitted: each after its handshake, until it ends.
func (s *Server) watchConnections() func(net.Conn, http.ConnState) {
	var watched sync.Map // net.Conn -> func()
	return func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			if stop, ok := watched.LoadAndDelete(conn); ok {
				stop.(func())()
			}
			return
		}
		secured, ok := conn.(*tls.Conn)
		if _, known := watched.Load(conn); !ok || known || state != http.StateActive {
			return
		}
		if stop, err := s.access.registry.Watch(conn, secured.ConnectionState(), mtls.AsClient); err == nil {
			watched.Store(conn, stop)
		}
	}
}

// Serve answers on both listeners until the context ends, then lets calls under way
// finish.
func (s *Server) Serve(ctx context.Context, grpcListener, restListener net.Listener) error {
	handler, closeREST, err := s.rest()
	if err != nil {
		return err
	}
	defer closeREST()
	web := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5*time.Second + s.budget.Limits.Body, IdleTimeout: time.Minute,
		ConnState:      s.watchConnections(),
		MaxHeaderBytes: MaxHeaders, ErrorLog: s.log.Library("net/http"),
	}
	failed := make(chan error, 3)
	go func() { failed <- s.public.Serve(grpcListener) }()
	go func() { failed <- s.memory.Serve(s.pipe) }()
	go func() { failed <- web.Serve(tls.NewListener(restListener, s.tls)) }()

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.cancel()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTime)
	defer cancel()
	if web.Shutdown(bounded) != nil {
		web.Close()
	}
	for _, g := range []*grpc.Server{s.public, s.memory} {
		drained := make(chan struct{})
		go func() { g.GracefulStop(); close(drained) }()
		select {
		case <-drained:
		case <-bounded.Done():
			g.Stop()
			<-drained
		}
	}
	s.changes.ended.Wait()
	s.accepted.ended.Wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}
