package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
)

const (
	// callTimeout bounds every call but the watching ones.
	callTimeout = time.Minute
	// maxAnswer is the largest answer taken: a document with what is said of it.
	maxAnswer = 64 << 20
	// resumeAfter is the pause before a watch that lost its connection goes on.
	resumeAfter = time.Second
)

const environmentHelp = `The connection may come from the environment; flags win. No other variable is read:
  GATEWAY_ADDR    -addr
  GATEWAY_CERT    -cert
  GATEWAY_KEY     -key
  GATEWAY_CA      -ca
  GATEWAY_SERVER  -server
`

// options are the flags of every command. None of the connection has a default: a
// misspelt variable shows as a missing flag.
type options struct {
	addr, cert, key, ca, server string
	lang, output, zone          string
	charts                      bool // the command draws a chart, too
}

func (o *options) register(fs *flag.FlagSet, env func(string) string) {
	fs.StringVar(&o.addr, "addr", env("GATEWAY_ADDR"), "the gateway, as `HOST:PORT`")
	fs.StringVar(&o.cert, "cert", env("GATEWAY_CERT"), "own certificate, a PEM `FILE`")
	fs.StringVar(&o.key, "key", env("GATEWAY_KEY"), "own private key, a PEM `FILE`")
	fs.StringVar(&o.ca, "ca", env("GATEWAY_CA"), "CA of the gateway's certificate, a PEM `FILE`")
	fs.StringVar(&o.server, "server", env("GATEWAY_SERVER"), "the gateway's identity, a `URI` such as customs://CN/gateway/1")
	fs.StringVar(&o.lang, "lang", "en", "`LANGUAGE` of all that is printed as text: "+strings.Join(gateway.Languages, ", "))
	fs.StringVar(&o.zone, "zone", "", "`ZONE` of the times that are printed, such as Asia/Shanghai; without it this machine's")
	fs.StringVar(&o.output, "o", "text", "`FORMAT` of output: text, or json with one object on each line")
}

func (o *options) check() error {
	for _, f := range []struct{ name, value string }{
		{"addr", o.addr}, {"cert", o.cert}, {"key", o.key}, {"ca", o.ca}, {"server", o.server},
	} {
		if f.value == "" {
			return fmt.Errorf("-%s or GATEWAY_%s is missing", f.name, strings.ToUpper(f.name))
		}
	}
	if !slices.Contains(gateway.Languages, o.lang) {
		return fmt.Errorf("-lang %q: want one of %s", o.lang, strings.Join(gateway.Languages, ", "))
	}
	if o.output != "text" && o.output != "json" && !(o.output == "svg" && o.charts) {
		return fmt.Errorf("-o %q: want text or json", o.output)
	}
	if _, err := time.LoadLocation(o.zone); err != nil || o.zone == "Local" {
		return fmt.Errorf("-zone %q: want an IANA name such as Asia/Shanghai", o.zone)
	}
	return nil
}

// session is one run's connection and how it prints.
type session struct {
	world
	conn          *grpc.ClientConn
	door          *door
	submissions   exchangev1.SubmissionServiceClient
	inbox         exchangev1.InboxServiceClient
	subscriptions exchangev1.SubscriptionServiceClient
	movements     exchangev1.MovementServiceClient
	balances      exchangev1.BalanceServiceClient
	outbox        exchangev1.OutboxServiceClient
	partners      exchangev1.PartnerServiceClient
	messages      exchangev1.MessageServiceClient
	mappings      exchangev1.MappingServiceClient
	audits        exchangev1.AuditServiceClient
	reports       exchangev1.ReportServiceClient
	numbers       exchangev1.NumberServiceClient
	attachments   exchangev1.AttachmentServiceClient
	lang          string
	json          bool
	chart         bool
}

// open prepares the connection; it is made with the first call.
func (o *options) open(w world) (*session, error) {
	cert, err := mtls.LoadCertificate(o.cert, o.key)
	if err != nil {
		return nil, err
	}
	roots, err := mtls.LoadRoots(o.ca)
	if err != nil {
		return nil, fmt.Errorf("load CA: %w", err)
	}
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: o.server, Roots: roots}})
	if err != nil {
		return nil, err
	}
	door := &door{TransportCredentials: credentials.NewTLS(registry.ClientConfig(cert, o.server))}
	conn, err := grpc.NewClient(o.addr,
		grpc.WithTransportCredentials(door),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithUnaryInterceptor(bounded))
	if err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	return &session{
		world: w, conn: conn, door: door, lang: o.lang, json: o.output == "json", chart: o.output == "svg",
		submissions:   exchangev1.NewSubmissionServiceClient(conn),
		inbox:         exchangev1.NewInboxServiceClient(conn),
		subscriptions: exchangev1.NewSubscriptionServiceClient(conn),
		movements:     exchangev1.NewMovementServiceClient(conn),
		balances:      exchangev1.NewBalanceServiceClient(conn),
		outbox:        exchangev1.NewOutboxServiceClient(conn),
		partners:      exchangev1.NewPartnerServiceClient(conn),
		messages:      exchangev1.NewMessageServiceClient(conn),
		mappings:      exchangev1.NewMappingServiceClient(conn),
		audits:        exchangev1.NewAuditServiceClient(conn),
		reports:       exchangev1.NewReportServiceClient(conn),
		numbers:       exchangev1.NewNumberServiceClient(conn),
		attachments:   exchangev1.NewAttachmentServiceClient(conn),
	}, nil
}

func bounded(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return invoke(ctx, method, req, reply, conn, opts...)
}

func (s *session) language(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "accept-language", s.lang)
}

// refusals are the codes with which a gateway says no. Others mean that the question
// did not reach it, or that it could not answer.
var refusals = []codes.Code{
	codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition,
	codes.PermissionDenied, codes.Unauthenticated, codes.OutOfRange, codes.ResourceExhausted,
}

// answer prints a refusal of the gateway, which becomes errRefused, and returns any
// other error as it is.
func (s *session) answer(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok || !slices.Contains(refusals, st.Code()) {
		return err
	}
	refused := errRefused
	if st.Code() == codes.NotFound {
		refused = errUnknown
	}
	return cmp.Or(s.show(st.Proto(), func(p *page) { p.refusal(st) }), refused)
}

// outages are what gRPC and the system say of a gateway that cannot be asked, and the word of the
// catalogue for what that means at an address.
var outages = []struct{ text, means string }{
	{"connection refused", "outageAway"},
	{"no such host", "outageName"},
	{"no route to host", "outageWay"},
	{"network is unreachable", "outageWay"},
	{"i/o timeout", "outageSilent"},
	{"first record does not look like a TLS handshake", "outagePlain"},
	{"error reading server preface", "outageClosed"},
	{"connection reset", "outageBroke"},
	{"EOF", "outageBroke"},
}

// plainly says why the gateway could not be asked, in one sentence.
func (o *options) plainly(err error) string {
	st, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	text := st.Message()
	if st.Code() == codes.DeadlineExceeded {
		return (&page{lang: o.lang}).say("outageSlow", o.addr, callTimeout.String())
	}
	if st.Code() != codes.Unavailable {
		return text
	}
	if _, why, ok := strings.Cut(text, "authentication handshake failed: "); ok && !strings.HasPrefix(why, "EOF") {
		text = strings.TrimSuffix(why, `"`)
	}
	for _, out := range outages {
		if strings.Contains(text, out.text) {
			return (&page{lang: o.lang}).say(out.means, o.addr)
		}
	}
	return text
}

// resume calls watch, which returns when its stream ends, again and again: gateways
// renew their connections. It ends with the context, or with an error that is more
// than a lost connection; a first connection that cannot be made is such an error, and
// so is that the gateway does not let this caller in any more.
func (s *session) resume(ctx context.Context, watch func() error) error {
	s.conn.Connect()
	for state := s.conn.GetState(); state == connectivity.Idle || state == connectivity.Connecting; state = s.conn.GetState() {
		if !s.conn.WaitForStateChange(ctx, state) {
			return nil
		}
	}
	met := s.conn.GetState() == connectivity.Ready
	for {
		err := watch()
		lost := errors.Is(err, io.EOF) || status.Code(err) == codes.Unavailable
		switch {
		case ctx.Err() != nil:
			return nil
		case !met || !lost:
			return err
		}
		if err := s.door.turnedAway(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resumeAfter):
		}
	}
}

// progress tells whoever sits at a terminal how far a run is.
func (s *session) progress(format string, args ...any) {
	if f, ok := s.stderr.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprintln(f, clean(fmt.Sprintf(format, args...)))
		}
	}
}

// read returns the content of a file, or of the standard input for "-".
func (s *session) read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(s.stdin)
	}
	return os.ReadFile(file)
}

// instant reads an instant, or a day that begins in the zone of the run.
func (s *session) instant(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, s.zone)
	if err != nil {
		return t, fmt.Errorf("%q is neither an RFC 3339 instant nor a day such as 2026-03-02", text)
	}
	return t, nil
}
