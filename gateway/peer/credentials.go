package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"

	"customs.example/gateway/mtls"
)

// ServerCredentials are those of a gRPC server whose connections the registry watches, so
// that they are closed once their peer would no longer be admitted.
func ServerCredentials(registry *mtls.Registry, own tls.Certificate) credentials.TransportCredentials {
	return watched{credentials.NewTLS(registry.ServerConfig(own)), registry}
}

// clientCredentials are those of a link, watched likewise.
func clientCredentials(registry *mtls.Registry, own tls.Certificate, uri string) credentials.TransportCredentials {
	return watched{credentials.NewTLS(registry.ClientConfig(own, uri)), registry}
}

// watched hands every connection that it makes to a registry.
type watched struct {
	credentials.TransportCredentials
	registry *mtls.Registry
}

func (w watched) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ServerHandshake(raw)
	return w.watch(conn, info, err, mtls.AsClient)
}

func (w watched) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	return w.watch(conn, info, err, mtls.AsServer)
}

func (w watched) watch(conn net.Conn, info credentials.AuthInfo, err error, usage mtls.Usage) (net.Conn, credentials.AuthInfo, error) {
	if err != nil {
		return nil, nil, err
	}
	shown, ok := info.(credentials.TLSInfo)
	if !ok {
		conn.Close()
		return nil, nil, fmt.Errorf("connection without TLS: %T", info)
	}
	stop, err := w.registry.Watch(conn, shown.State, usage)
	if err != nil {
		return nil, nil, err
	}
	return watchedConn{conn, stop}, info, nil
}

func (w watched) Clone() credentials.TransportCredentials {
	return watched{w.TransportCredentials.Clone(), w.registry}
}

// watchedConn is watched until it is closed.
type watchedConn struct {
	net.Conn
	stop func()
}

func (c watchedConn) Close() error {
	c.stop()
	return c.Conn.Close()
}
