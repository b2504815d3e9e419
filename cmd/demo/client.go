package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
)

// client is somebody who speaks to a gateway: a post or a national system, with a
// certificate of its own. It has the three ways in that a gateway offers.
type client struct {
	conn        *grpc.ClientConn
	submissions exchangev1.SubmissionServiceClient
	inbox       exchangev1.InboxServiceClient
	movements   exchangev1.MovementServiceClient
	outbox      exchangev1.OutboxServiceClient

	web  *http.Client
	rest string // address of the REST door
	ctl  []string
	tool string
}

// dial prepares a client of a gateway with the certificate in certs, a directory and
// base name below the PKI such as cn/post.
func dial(s *side, bin, certs string) (*client, error) {
	pki := filepath.Join(s.dir, "pki")
	cert, key := filepath.Join(pki, certs+".pem"), filepath.Join(pki, certs+"-key.pem")
	ca := filepath.Join(pki, s.Side, "ca.pem")
	own, err := mtls.LoadCertificate(cert, key)
	if err != nil {
		return nil, err
	}
	roots, err := mtls.LoadRoots(ca)
	if err != nil {
		return nil, err
	}
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: s.uri(), Roots: roots}})
	if err != nil {
		return nil, err
	}
	config := func() *tls.Config { return registry.ClientConfig(own, s.uri()) }
	conn, err := grpc.NewClient("passthrough:///"+s.GRPC,
		grpc.WithTransportCredentials(credentials.NewTLS(config())),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.2, MaxDelay: 500 * time.Millisecond}, MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, err
	}
	return &client{
		conn:        conn,
		submissions: exchangev1.NewSubmissionServiceClient(conn),
		inbox:       exchangev1.NewInboxServiceClient(conn),
		movements:   exchangev1.NewMovementServiceClient(conn),
		outbox:      exchangev1.NewOutboxServiceClient(conn),
		web:         &http.Client{Transport: &http.Transport{TLSClientConfig: config(), ForceAttemptHTTP2: true}},
		rest:        s.REST,
		tool:        filepath.Join(bin, "gatewayctl"),
		ctl: []string{
			"GATEWAY_ADDR=" + s.GRPC, "GATEWAY_SERVER=" + s.uri(),
			"GATEWAY_CA=" + ca, "GATEWAY_CERT=" + cert, "GATEWAY_KEY=" + key,
		},
	}, nil
}

func (c *client) close() {
	c.conn.Close()
	c.web.CloseIdleConnections()
}

// submit hands a document in by gRPC; its id is the document's own.
func (c *client) submit(ctx context.Context, content []byte) (*exchangev1.Submission, error) {
	return c.submissions.Submit(ctx, &exchangev1.SubmitRequest{Content: content})
}

// status asks what became of a submission.
func (c *client) status(ctx context.Context, id string) (*exchangev1.Submission, error) {
	return c.submissions.Get(ctx, &exchangev1.GetSubmissionRequest{SubmissionId: id})
}

// post hands a document in at the REST door, as what it is.
func (c *client) post(ctx context.Context, path, mediaType string, content []byte, answer proto.Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+c.rest+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := c.web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s: %s", path, resp.Status, raw)
	}
	return protojson.Unmarshal(raw, answer)
}

// run calls gatewayctl for a JSON answer.
func (c *client) run(ctx context.Context, answer proto.Message, args ...string) error {
	cmd := exec.CommandContext(ctx, c.tool, append(args, "-o", "json")...)
	cmd.Env = append(os.Environ(), c.ctl...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("gatewayctl %s: %w: %s%s", args[0], err, out.Bytes(), complaint.Bytes())
	}
	return protojson.Unmarshal(out.Bytes(), answer)
}

// inLanguage asks for texts in a language.
func inLanguage(ctx context.Context, lang string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "accept-language", lang)
}

// until calls get until what it returns is as wanted.
func until[T any](ctx context.Context, what string, get func() (T, error), wanted func(T) bool) (T, error) {
	for {
		v, err := get()
		if err != nil || wanted(v) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("%s never came: %w; last: %v", what, ctx.Err(), v)
		case <-time.After(30 * time.Millisecond):
		}
	}
}
