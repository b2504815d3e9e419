package peer

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/loopback"
)

// TestParallelALinkThatFailedIsDialledAnew: while nobody is there it waits as long as it may; once somebody is, a
// call goes through at once, and not only after the connection's own pause.
func TestParallelALinkThatFailedIsDialledAnew(t *testing.T) {
	pki := newPKI(t)
	addresses, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	link, err := NewLink(Partner{URI: ruURI, Address: addresses[0]}, pki.registry("ru", ruURI), pki.certificate("cn"))
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	for range 3 {
		if _, err := link.deliver(t.Context(), &exchangev1.DeliverRequest{}); !errors.As(err, new(*NotSentError)) {
			t.Fatalf("nobody is there: %v", err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := link.Redial(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody is there: %v", err)
	}
	l, err := net.Listen("tcp", addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(ServerCredentials(pki.registry("cn", cnURI), pki.certificate("ru"))))
	exchangev1.RegisterPeerServiceServer(server, hurried{})
	go server.Serve(l)
	defer server.Stop()
	long, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := link.Redial(long); err != nil {
		t.Fatal(err)
	}
	if _, err := link.deliver(t.Context(), &exchangev1.DeliverRequest{}); errors.As(err, new(*NotSentError)) {
		t.Errorf("somebody is there: %v", err)
	}
	link.Close()
	if err := link.Redial(t.Context()); err == nil {
		t.Error("a closed link stands")
	}
}
