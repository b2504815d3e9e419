package peer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
)

// lookTimeout bounds each step of looking at the way to a partner.
const lookTimeout = 10 * time.Second

// Introduction is what a partner's gateway says of itself.
type Introduction struct {
	Card  []byte        // its partner card, not verified
	Now   time.Time     // its clock when it answered
	Asked time.Time     // our clock then: half way between question and answer
	Took  time.Duration // there and back
}

// way is where a partner is reached, and who both ends are.
type way struct {
	partner  Partner
	registry *mtls.Registry
	own      tls.Certificate
}

// Partner returns who is at the other end.
func (w *way) Partner() Partner { return w.partner }

// Resolve returns the addresses that the partner's name stands for; of an address, itself.
func (w *way) Resolve(ctx context.Context) ([]string, error) {
	host, _, err := net.SplitHostPort(w.partner.Address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return net.DefaultResolver.LookupHost(ctx, host)
}

// Connect returns how long a connection to the partner takes to open.
func (w *way) Connect(ctx context.Context) (time.Duration, error) {
	conn, took, err := w.dial(ctx)
	if err != nil {
		return 0, err
	}
	return took, conn.Close()
}

// Greet opens a connection with both certificates, and returns the partner's. Whether it
// takes ours shows with the first call.
func (w *way) Greet(ctx context.Context) (mtls.Shown, error) {
	conn, _, err := w.dial(ctx)
	if err != nil {
		return mtls.Shown{}, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	secured := tls.Client(conn, w.registry.ClientConfig(w.own, w.partner.URI))
	if err := secured.HandshakeContext(ctx); err != nil {
		return mtls.Shown{}, err
	}
	return mtls.ShownOf(secured.ConnectionState().PeerCertificates[0]), nil
}

// Own is our own certificate, as the partner sees it.
func (w *way) Own() mtls.Shown {
	return mtls.ShownOf(w.registry.Own(&w.own).Leaf)
}

func (w *way) dial(ctx context.Context) (net.Conn, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	begun := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", w.partner.Address)
	return conn, time.Since(begun), err
}

// Introduce asks the partner's gateway for its clock and card, over a connection of its own:
// that of the link may wait before it tries again.
func (l *Link) Introduce(ctx context.Context, now func() time.Time) (Introduction, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	conn, err := l.open()
	if err != nil {
		return Introduction{}, err
	}
	defer conn.Close()
	echo := make([]byte, 16)
	rand.Read(echo)
	begun, clock := time.Now(), now()
	answer, err := exchangev1.NewPeerServiceClient(conn).Introduce(ctx, &exchangev1.IntroduceRequest{Echo: echo})
	switch {
	case err != nil:
		return Introduction{}, &answeredError{"introduce", err}
	case !slices.Equal(answer.GetEcho(), echo):
		return Introduction{}, errors.New("introduce: another echo")
	}
	took := time.Since(begun)
	return Introduction{answer.GetCard(), answer.GetNow().AsTime(), clock.Add(took / 2), took}, nil
}
