package server

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"customs.example/gateway/mtls"
)

// TestParallelRevocationClosesTheOpenRESTConnection holds a connection open between two requests,
// and revokes its caller.
func TestParallelRevocationClosesTheOpenRESTConnection(t *testing.T) {
	const cn, ru = "customs://CN/gateway/1", "customs://RU/gateway/1"
	now, pki := time.Now(), t.TempDir()
	if err := mtls.GenerateDevPKI(pki, now, mtls.DevAuthorities()[:2]); err != nil {
		t.Fatal(err)
	}
	load := func(side string) (cert tls.Certificate, roots []*x509.Certificate, lists []*x509.RevocationList) {
		var err error
		if cert, err = mtls.LoadCertificate(filepath.Join(pki, side, "gateway.pem"), filepath.Join(pki, side, "gateway-key.pem")); err != nil {
			t.Fatal(err)
		}
		if roots, err = mtls.LoadRoots(filepath.Join(pki, side, "ca.pem")); err != nil {
			t.Fatal(err)
		}
		if lists, err = mtls.LoadCRLs(filepath.Join(pki, side, "crl.pem")); err != nil {
			t.Fatal(err)
		}
		return cert, roots, lists
	}
	own, roots, _ := load("cn")
	theirs, theirRoots, lists := load("ru")
	serving, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: ru, Roots: theirRoots, CRLs: lists}})
	if err != nil {
		t.Fatal(err)
	}
	calling, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: cn, Roots: roots}})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{access: newAccess(serving, nil, nil)}
	var conns []string
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{
		Handler:   http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { conns = append(conns, r.RemoteAddr) }),
		ConnState: s.watchConnections(), ErrorLog: log.New(io.Discard, "", 0),
	}
	go web.Serve(tls.NewListener(listener, serving.ServerConfig(own)))
	defer web.Close()
	transport := &http.Transport{TLSClientConfig: calling.ClientConfig(theirs, cn)}
	defer transport.CloseIdleConnections()
	ask := func() error {
		answer, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get("https://" + listener.Addr().String())
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
		return err
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if len(conns) != 2 || conns[0] != conns[1] {
		t.Fatalf("the connection was not kept: %v", conns)
	}
	if peers := serving.Peers(); len(peers) != 1 || peers[0].Party != ru {
		t.Errorf("peers %v", peers)
	}
	if n := serving.Rejudge(); n != 0 {
		t.Errorf("%d good connections closed", n)
	}
	if err := mtls.RevokeDev(filepath.Join(pki, "ru"), now, "gateway"); err != nil {
		t.Fatal(err)
	}
	_, _, lists = load("ru")
	if err := serving.Replace([]mtls.Party{{URI: ru, Roots: theirRoots, CRLs: lists}}); err != nil {
		t.Fatal(err)
	}
	if n := serving.Rejudge(); n != 1 {
		t.Errorf("%d connections closed, want 1", n)
	}
	if err := ask(); err == nil || len(conns) != 2 {
		t.Errorf("the revoked caller was served: %v, %v", err, conns)
	}
	if n := len(serving.Peers()); n != 0 {
		t.Errorf("%d connections are watched still", n)
	}
}
