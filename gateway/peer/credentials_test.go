package peer

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cnURI, ruURI = "customs://CN/gateway/1", "customs://RU/gateway/1"

// waiting is a partner's gateway that answers only when its caller leaves.
type waiting struct {
	exchangev1.UnimplementedPeerServiceServer
	called, left chan struct{}
}

func (w waiting) Deliver(ctx context.Context, _ *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	w.called <- struct{}{}
	<-ctx.Done()
	w.left <- struct{}{}
	return nil, ctx.Err()
}

// pki is the keys of two gateways in a directory.
type pki struct {
	t   *testing.T
	dir string
}

func newPKI(t *testing.T) pki { return pkiAt(t, time.Now()) }

func pkiAt(t *testing.T, now time.Time) pki {
	t.Helper()
	dir := t.TempDir()
	if err := mtls.GenerateDevPKI(dir, now, mtls.DevAuthorities()[:2]); err != nil {
		t.Fatal(err)
	}
	return pki{t, dir}
}

// party is the gateway of a side, as its lists now say.
func (p pki) party(side, uri string) []mtls.Party {
	p.t.Helper()
	roots, err := mtls.LoadRoots(filepath.Join(p.dir, side, "ca.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	lists, err := mtls.LoadCRLs(filepath.Join(p.dir, side, "crl.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	return []mtls.Party{{URI: uri, Roots: roots, CRLs: lists, CRLRequired: true}}
}

func (p pki) certificate(side string) tls.Certificate {
	p.t.Helper()
	c, err := mtls.LoadCertificate(filepath.Join(p.dir, side, "gateway.pem"), filepath.Join(p.dir, side, "gateway-key.pem"))
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// registry knows the gateway of a side.
func (p pki) registry(side, uri string) *mtls.Registry {
	p.t.Helper()
	r, err := mtls.NewRegistry(time.Now, p.party(side, uri))
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestParallelRevocationClosesTheOpenConnection revokes one end of a link while a call is under
// way, and has only the other end told.
func TestParallelRevocationClosesTheOpenConnection(t *testing.T) {
	for _, revoked := range []string{"cn", "ru"} {
		t.Run(revoked, func(t *testing.T) {
			now := time.Now()
			pki := pkiAt(t, now)
			calling, serving := pki.registry("ru", ruURI), pki.registry("cn", cnURI)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			w := waiting{called: make(chan struct{}, 1), left: make(chan struct{}, 1)}
			server := grpc.NewServer(grpc.Creds(ServerCredentials(serving, pki.certificate("ru"))))
			exchangev1.RegisterPeerServiceServer(server, w)
			go server.Serve(l)
			defer server.Stop()
			link, err := NewLink(Partner{URI: ruURI, Address: l.Addr().String()}, calling, pki.certificate("cn"))
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close()

			ended := make(chan error, 1)
			go func() {
				_, err := exchangev1.NewPeerServiceClient(link.conn).Deliver(t.Context(), &exchangev1.DeliverRequest{})
				ended <- err
			}()
			<-w.called
			judging, uri := serving, cnURI // who has to notice
			if revoked == "ru" {
				judging, uri = calling, ruURI
			}
			if n := judging.Rejudge(); n != 0 {
				t.Fatalf("%d closed while all was well", n)
			}
			select {
			case err := <-ended:
				t.Fatalf("the call ended with %v while all was well", err)
			default:
			}
			if peers := judging.Peers(); len(peers) != 1 || peers[0].Party != uri {
				t.Errorf("peers %v", peers)
			}
			if err := mtls.RevokeDev(filepath.Join(pki.dir, revoked), now, "gateway"); err != nil {
				t.Fatal(err)
			}
			if err := judging.Replace(pki.party(revoked, uri)); err != nil {
				t.Fatal(err)
			}
			if n := judging.Rejudge(); n != 1 {
				t.Errorf("%d connections closed, want 1", n)
			}
			if err := <-ended; status.Code(err) != codes.Unavailable {
				t.Errorf("the call ended with %v", err)
			}
			<-w.left // the server's work has ended too
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := exchangev1.NewPeerServiceClient(link.conn).Deliver(ctx, &exchangev1.DeliverRequest{}); status.Code(err) != codes.Unavailable {
				t.Errorf("the next call ended with %v", err)
			}
			if n := len(judging.Peers()); n != 0 {
				t.Errorf("%d connections are watched still", n)
			}
		})
	}
}
