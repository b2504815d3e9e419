// Package line owns an awkward way between two gateways: it stands before one with that one's TLS identity,
// takes the calls of others, and leads them on as the same, but brings some twice, late, out of turn, cut
// short, with a bit changed, or signed by nobody known, and loses answers. It refuses to decide about
// documents, to sign for anybody, and to answer for a gateway that is not there.
//
// What is done with a call depends on a seed and on how many calls came before it, so that a run can be
// repeated; each misdeed is counted and told with the message's id, and nothing else of what travels.
package line

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// MaxFrame is the greatest message in bytes that a line takes: more than a gateway behind it does.
const MaxFrame = 80 << 20

// maxTold bounds what a line remembers of what it has found.
const maxTold = 100

// Options make a Line. All are required but Odds, without which nothing is done, Pause, Done and Deliver.
type Options struct {
	// Name says between whom the line is, such as CN-RU.
	Name string
	// Behind is the address of the gateway that the line stands before, and Gateway who that must be. Web is that of its
	// door by HTTPS; empty: the line has none.
	Behind  string
	Web     string
	Gateway mtls.Party
	// Certificate is shown to who calls: one of the gateway behind.
	Certificate tls.Certificate
	// Callers are who may call. As are their certificates, by URI: each is led on under its own.
	Callers []mtls.Party
	As      map[string]tls.Certificate
	Odds    Odds
	Seed    uint64
	// Pause is how long a call is held back at most.
	Pause time.Duration
	Now   func() time.Time
	// Done is told of each misdeed. It MUST NOT block.
	Done func(Done)
	// Deliver, when set, is asked for the answer to each delivery, in place of the gateway behind, which next asks.
	Deliver Answer
}

// Answer answers a delivery. ErrBroken breaks the connection: nobody gets an answer.
type Answer func(ctx context.Context, r *exchangev1.DeliverRequest, next Next) (*exchangev1.DeliverResponse, error)

// Next brings a delivery to the gateway behind and returns its answer.
type Next func(context.Context, *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error)

// Line is the way to one gateway.
type Line struct {
	Options
	server     *grpc.Server
	web        *web
	gateway    *mtls.Registry
	forger     *ecdsa.PrivateKey
	stop       context.Context
	cancel     context.CancelFunc
	background sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	lanes    map[*lane]bool
	calls    int64
	counts   Counts
	held     []chan struct{} // calls that wait until another has passed
	mismatch []string
}

// New prepares a line.
func New(o Options) (*Line, error) {
	if err := o.Odds.check(); err != nil {
		return nil, err
	}
	callers, err := mtls.NewRegistry(o.Now, o.Callers)
	if err != nil {
		return nil, fmt.Errorf("line %s: callers: %w", o.Name, err)
	}
	for _, c := range o.Callers {
		if _, ok := o.As[c.URI]; !ok {
			return nil, fmt.Errorf("line %s: %s is led on under no certificate", o.Name, c.URI)
		}
	}
	l := &Line{Options: o, lanes: make(map[*lane]bool), counts: make(Counts)}
	if l.gateway, err = mtls.NewRegistry(o.Now, []mtls.Party{o.Gateway}); err != nil {
		return nil, fmt.Errorf("line %s: gateway: %w", o.Name, err)
	}
	if l.forger, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	l.stop, l.cancel = context.WithCancel(context.Background())
	l.server = grpc.NewServer(grpc.Creds(l.front(callers, o.Certificate)), grpc.ForceServerCodecV2(frames{}), grpc.UnknownServiceHandler(l.call),
		grpc.MaxRecvMsgSize(MaxFrame), grpc.MaxSendMsgSize(MaxFrame), grpc.ConnectionTimeout(2*dialTimeout))
	l.web = newWeb(l, callers)
	return l, nil
}

// Serve takes calls until the line is closed.
func (l *Line) Serve(at net.Listener) error {
	if err := l.server.Serve(at); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Close breaks every connection, and returns when nothing of the line is at work any more.
func (l *Line) Close() {
	l.mu.Lock()
	l.closed = true
	lanes := maps.Clone(l.lanes)
	l.mu.Unlock()
	l.cancel()
	for n := range lanes {
		n.end()
	}
	l.web.close()
	l.server.Stop()
	l.background.Wait()
}

// Counts say how often each misdeed was done, and of how many calls.
func (l *Line) Counts() (done Counts, calls int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts), l.calls
}

// Mismatches are what the gateway behind has answered a duplicate otherwise than it MUST: the first of them.
func (l *Line) Mismatches() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.mismatch...)
}

// keep notes a lane as long as it lives, unless the line is closed.
func (l *Line) keep(n *lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.lanes[n] = true
	}
	return !l.closed
}

func (l *Line) drop(n *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lanes, n)
}

// began counts a call and draws what is done with it.
func (l *Line) began() draw {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	return l.Odds.drawn(l.Seed, l.calls)
}

// did counts and tells a misdeed.
func (l *Line) did(d draw, m Misdeed, of gateway.MessageID, what string) {
	l.mu.Lock()
	l.counts[m]++
	l.mu.Unlock()
	if l.Done != nil {
		l.Done(Done{l.Name, d.call, m, what, of})
	}
}

// deliverMethod is the call whose parts the line knows; of all others it knows the bytes.
const deliverMethod = exchangev1.PeerService_Deliver_FullMethodName

// balanceMethod is the only other one that may come twice without being asked for twice.
const balanceMethod = exchangev1.PeerService_Balance_FullMethodName

// call leads one call on.
func (l *Line) call(_ any, stream grpc.ServerStream) error {
	ctx := stream.Context()
	method, _ := grpc.MethodFromServerStream(stream)
	from, _ := grpcpeer.FromContext(ctx)
	n := from.AuthInfo.(shown).lane
	d := l.began()
	if d.does[SlowRead] {
		l.did(d, SlowRead, "", "")
		n.front.readSlowly(l.Pause)
	}
	var asked []byte
	if err := stream.RecvMsg(&asked); err != nil {
		return err
	}
	ctx = onward(ctx)
	if method != deliverMethod {
		return l.other(ctx, n, d, method, asked, stream)
	}
	r := new(exchangev1.DeliverRequest)
	if err := proto.Unmarshal(asked, r); err != nil {
		return status.Error(codes.Internal, "a delivery that cannot be read")
	}
	next := func(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		answer := new(exchangev1.DeliverResponse)
		return answer, n.ask(ctx, deliverMethod, r, answer)
	}
	answer, err := l.deliver(ctx, n.front, d, r, next)
	if err != nil {
		return l.failed(n, err)
	}
	content, err := proto.Marshal(answer)
	if err != nil {
		return err
	}
	return stream.SendMsg(&content)
}

// failed is how a call fails: if the gateway behind is gone, so is the connection.
func (l *Line) failed(n *lane, err error) error {
	if errors.Is(err, ErrBroken) {
		n.end()
	}
	return err
}

// ErrBroken ends a call whose connection is broken: nobody gets it.
var ErrBroken = status.Error(codes.Unavailable, "the line breaks")

// onward is the context in which a call is led on, with all that came with it.
func onward(ctx context.Context) context.Context {
	in, _ := metadata.FromIncomingContext(ctx)
	out := make(metadata.MD)
	for key, values := range in {
		switch {
		case key[0] == ':', key == "content-type", key == "user-agent", key == "te", len(key) > 5 && key[:5] == "grpc-":
		default:
			out[key] = values
		}
	}
	return metadata.NewOutgoingContext(ctx, out)
}

// deliver leads a delivery on to what is next, and does with it what is drawn.
func (l *Line) deliver(ctx context.Context, front *wire, d draw, r *exchangev1.DeliverRequest, next Next) (*exchangev1.DeliverResponse, error) {
	var id gateway.MessageID
	if h, err := seal.ParseHeader(r.Header); err == nil {
		id = h.MessageID
	}
	bring := func(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		if l.Deliver != nil {
			return l.Deliver(ctx, r, next)
		}
		return next(ctx, r)
	}
	l.holdBack(ctx, d, id)
	sent, inAnswer := l.damageRequest(d, id, r)
	again := l.again(ctx, d, id, r, bring)
	answer, err := bring(ctx, sent)
	l.passed()
	again(answer)
	if err != nil {
		return nil, err
	}
	if d.does[LostReceipt] {
		l.did(d, LostReceipt, id, "")
		return nil, ErrBroken
	}
	return l.damageAnswer(d, id, front, answer, inAnswer), nil
}

// ask asks the gateway behind for a single answer. If it is gone while it is asked, the line breaks too.
func (n *lane) ask(ctx context.Context, method string, r, answer proto.Message) error {
	asked, err := proto.Marshal(r)
	if err != nil {
		return err
	}
	var got []byte
	if err := n.behind.Invoke(ctx, method, &asked, &got); err != nil {
		if n.gone() {
			return ErrBroken
		}
		return err
	}
	return proto.Unmarshal(got, answer)
}

// holdBack holds a call back for a time, or until another has passed.
func (l *Line) holdBack(ctx context.Context, d draw, id gateway.MessageID) {
	after, overtaken := l.fraction(d), l.fraction(d)
	if d.does[Delay] {
		l.did(d, Delay, id, after.String())
		pause(ctx, after, nil)
	}
	if d.does[Reordering] {
		l.did(d, Reordering, id, "")
		passed := make(chan struct{})
		l.mu.Lock()
		l.held = append(l.held, passed)
		l.mu.Unlock()
		pause(ctx, overtaken, passed)
	}
}

// fraction draws a part of the longest pause.
func (l *Line) fraction(d draw) time.Duration {
	return time.Duration(d.Float64() * float64(l.Pause)).Round(100 * time.Microsecond)
}

func pause(ctx context.Context, t time.Duration, until <-chan struct{}) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-until:
	case <-timer.C:
	}
}

// passed lets those go on that waited for another.
func (l *Line) passed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.held {
		close(c)
	}
	l.held = nil
}

// again brings a delivery once more if that is drawn: at the same time as the first, behind it, or when who
// has sent it has long had its answer. What it returns is called with the answer to the first.
func (l *Line) again(ctx context.Context, d draw, id gateway.MessageID, r *exchangev1.DeliverRequest, bring Next) func(first *exchangev1.DeliverResponse) {
	way, late := d.IntN(3), l.fraction(d)
	if !d.does[Duplicate] {
		return func(*exchangev1.DeliverResponse) {}
	}
	// Who has sent it may leave; this one stays until it is answered.
	apart := metadata.NewOutgoingContext(l.stop, mdOf(ctx))
	second := make(chan *exchangev1.DeliverResponse, 1)
	ask := func(after time.Duration) {
		l.background.Go(func() {
			pause(l.stop, after, nil)
			answer, err := bring(apart, r)
			if err != nil {
				answer = nil
			}
			second <- answer
		})
	}
	l.did(d, Duplicate, id, [...]string{"at the same time", "behind it", "later"}[way])
	if way == 0 {
		ask(0)
	}
	return func(first *exchangev1.DeliverResponse) {
		switch way {
		case 1:
			ask(0)
		case 2:
			ask(late)
		}
		compare := func() { l.compare(id, first, <-second, way > 0) }
		if way == 2 {
			l.background.Go(compare)
			return
		}
		compare()
	}
}

func mdOf(ctx context.Context) metadata.MD {
	md, _ := metadata.FromOutgoingContext(ctx)
	return md.Copy()
}

// compare holds the answers to a delivery and to its duplicate against each other: a verdict is given once, in
// the same bytes however often it is asked for, and is never taken back.
func (l *Line) compare(id gateway.MessageID, first, second *exchangev1.DeliverResponse, inOrder bool) {
	one, other := first.GetReceipt(), second.GetReceipt()
	before, after := verdictOf(one), verdictOf(other)
	final := func(v gateway.Verdict) bool { return v == gateway.PRS || v == gateway.ERR }
	var what string
	switch {
	case before == "" || after == "" || !final(before) && !(final(after) && !inOrder):
		return
	case before == after && !(bytes.Equal(one.GetHeader(), other.GetHeader()) && bytes.Equal(one.GetStatement(), other.GetStatement()) && bytes.Equal(one.GetSignature(), other.GetSignature())):
		what = "is given in other bytes to its duplicate"
	case final(before) && final(after) && before != after, inOrder && before != after:
		what = fmt.Sprintf("is answered by %s when it comes again", after)
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mismatch) < maxTold {
		l.mismatch = append(l.mismatch, fmt.Sprintf("%s: the %s of message %s %s", l.Name, before, id, what))
	}
}

// verdictOf is what a receipt says, not verified; empty: nothing.
func verdictOf(s *exchangev1.SignedStatement) gateway.Verdict {
	var r struct {
		Verdict gateway.Verdict `json:"verdict"`
	}
	if json.Unmarshal(s.GetStatement(), &r) != nil {
		return ""
	}
	return r.Verdict
}

// other leads on a call of which only the bytes are known. What it may be asked twice is asked twice.
func (l *Line) other(ctx context.Context, n *lane, d draw, method string, asked []byte, stream grpc.ServerStream) error {
	l.holdBack(ctx, d, "")
	if d.does[Duplicate] && method == balanceMethod {
		l.did(d, Duplicate, "", "balance")
		var unheard []byte
		_ = n.behind.Invoke(ctx, method, &asked, &unheard) // who is asked twice answers twice
	}
	behind, err := n.behind.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err == nil {
		err = behind.SendMsg(&asked)
	}
	if err == nil {
		err = behind.CloseSend()
	}
	if err != nil && !errors.Is(err, io.EOF) { // the answer says why
		return l.streamFailed(n, err)
	}
	for part := 0; ; part++ {
		var got []byte
		if err := behind.RecvMsg(&got); errors.Is(err, io.EOF) {
			stream.SetTrailer(behind.Trailer())
			return nil
		} else if err != nil {
			return l.streamFailed(n, err)
		}
		l.passed()
		if part == 0 {
			if header, err := behind.Header(); err == nil {
				if err := stream.SetHeader(plain(header)); err != nil {
					return err
				}
			}
			if d.does[LostReceipt] {
				l.did(d, LostReceipt, "", "answer to "+method)
				return l.failed(n, ErrBroken)
			}
			got = l.damageBytes(d, n.front, got)
		}
		if err := stream.SendMsg(&got); err != nil {
			return err
		}
	}
}

func (l *Line) streamFailed(n *lane, err error) error {
	if n.gone() {
		err = ErrBroken
	}
	return l.failed(n, err)
}

// plain is the header of an answer without what each connection has of its own.
func plain(md metadata.MD) metadata.MD {
	md = md.Copy()
	delete(md, "content-type")
	return md
}

// forge signs bytes as a gateway does, by a key that nobody knows.
func (l *Line) forge(header []byte) []byte {
	digest := sha256.Sum256(header)
	signature, err := ecdsa.SignASN1(rand.Reader, l.forger, digest[:])
	if err != nil {
		panic(err) // it reads random bytes, which do not fail
	}
	return signature
}

// frames hands messages on as their bytes.
type frames struct{}

// Name is the codec's name on the wire, the same as that of what it hands on.
func (frames) Name() string { return "proto" }

// Marshal returns the bytes that a *[]byte points to.
func (frames) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("frame of %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal copies the bytes to where a *[]byte points.
func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("frame into %T", v)
	}
	*b = data.Materialize()
	return nil
}
