package line

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
)

// dialTimeout bounds how long the gateway behind is tried before who calls is turned away.
const dialTimeout = 5 * time.Second

// lane is one connection of who calls, with the one that leads on from it to the gateway behind. They
// live and end together: where nobody listens behind, nobody is let in before.
type lane struct {
	front  *wire
	behind *grpc.ClientConn
}

// end breaks the connection of who calls; what is underway over it is broken off.
func (n *lane) end() { n.front.Close() }

// gone reports whether the connection to the gateway behind has ended.
func (n *lane) gone() bool { return n.behind.GetState() != connectivity.Ready }

// credentialed makes a lane of each connection that comes.
type credentialed struct {
	credentials.TransportCredentials // of the gateway behind, towards who calls
	l                                *Line
}

// shown is who calls, by its certificate, and its lane.
type shown struct {
	credentials.AuthInfo
	lane *lane
}

func (c credentialed) Clone() credentials.TransportCredentials {
	return credentialed{c.TransportCredentials.Clone(), c.l}
}

// ServerHandshake lets somebody in, and connects on as the same.
func (c credentialed) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	onward, err := (&net.Dialer{Timeout: dialTimeout}).Dial("tcp", c.l.Behind)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	n := &lane{front: &wire{Conn: raw}}
	conn, info, err := c.TransportCredentials.ServerHandshake(n.front)
	if err != nil {
		onward.Close()
		return nil, nil, err
	}
	if err = n.connect(c.l, info, onward); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return laneConn{conn, c.l, n}, shown{info, n}, nil
}

// connect leads on to the gateway behind over a connection that stands, as who has come. It is the only
// one: when that ends, so does the lane.
func (n *lane) connect(l *Line, info credentials.AuthInfo, onward net.Conn) error {
	state, ok := info.(credentials.TLSInfo)
	if !ok {
		onward.Close()
		return fmt.Errorf("connection without TLS: %T", info)
	}
	uri, err := mtls.URI(state.State.PeerCertificates[0])
	if err != nil {
		onward.Close()
		return err
	}
	once := make(chan net.Conn, 1)
	once <- onward
	n.behind, err = grpc.NewClient("passthrough:///"+l.Behind,
		grpc.WithTransportCredentials(credentials.NewTLS(l.gateway.ClientConfig(l.As[uri], l.Gateway.URI))),
		grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			select {
			case conn := <-once:
				return conn, nil
			default:
				return nil, errors.New("the lane has ended")
			}
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(frames{}), grpc.MaxCallRecvMsgSize(MaxFrame), grpc.MaxCallSendMsgSize(MaxFrame)))
	if err != nil {
		onward.Close()
		return err
	}
	if !l.keep(n) {
		n.behind.Close()
		return errors.New("the line is closed")
	}
	n.behind.Connect()
	l.background.Go(func() { n.watch(l.stop) })
	return nil
}

// watch ends the lane when the connection to the gateway behind does.
func (n *lane) watch(ctx context.Context) {
	for state := n.behind.GetState(); state == connectivity.Idle || state == connectivity.Connecting || state == connectivity.Ready; {
		ready := state == connectivity.Ready
		if !n.behind.WaitForStateChange(ctx, state) {
			break
		}
		if state = n.behind.GetState(); ready && state != connectivity.Ready {
			break
		}
	}
	n.end()
}

// laneConn is the connection of who calls as gRPC has it.
type laneConn struct {
	net.Conn
	l    *Line
	lane *lane
}

// Close ends the lane on both sides.
func (c laneConn) Close() error {
	c.l.drop(c.lane)
	return errors.Join(c.Conn.Close(), c.lane.behind.Close())
}

// wire is the bare connection of who calls: what is done to bytes is done here, below TLS.
type wire struct {
	net.Conn

	mu      sync.Mutex
	slow    int           // bytes still to be read in small pieces
	pause   time.Duration // before each
	bounded bool
	left    int // bytes that are still written, if bounded
}

// piece is how many bytes a slow reader takes at once.
const piece = 256

// readSlowly has the next bytes read in pieces with a pause before each, for about as long as given.
func (w *wire) readSlowly(about time.Duration) {
	const pieces = 16
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow, w.pause = pieces*piece, about/pieces
}

// cutAfter breaks the connection when so many more bytes have been written.
func (w *wire) cutAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bounded, w.left = true, n
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	pause := w.pause
	if w.slow > 0 {
		p = p[:min(len(p), piece)]
		w.slow -= len(p)
	} else {
		pause = 0
	}
	w.mu.Unlock()
	if pause > 0 {
		time.Sleep(pause)
	}
	return w.Conn.Read(p)
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	cut := w.bounded && w.left < len(p)
	if cut {
		p = p[:w.left]
	}
	w.left -= min(len(p), w.left)
	w.mu.Unlock()
	n, err := w.Conn.Write(p)
	if cut {
		w.Conn.Close()
		return n, net.ErrClosed
	}
	return n, err
}

// front are the credentials towards who calls.
func (l *Line) front(registry *mtls.Registry, own tls.Certificate) credentials.TransportCredentials {
	return credentialed{peer.ServerCredentials(registry, own), l}
}
