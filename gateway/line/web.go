package line

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
)

// web is a line's way by HTTPS: to the same gateway, for the same callers, with the same misdeeds.
type web struct {
	*Line
	server  *http.Server
	clients map[string]*http.Client // to the gateway behind, by who has called
}

// headerWithin is how long the header of a request may take.
const headerWithin = 10 * time.Second

func newWeb(l *Line, callers *mtls.Registry) *web {
	w := &web{Line: l, clients: make(map[string]*http.Client)}
	for uri, as := range l.As {
		w.clients[uri] = &http.Client{
			Transport:     &http.Transport{TLSClientConfig: l.gateway.ClientConfig(as, l.Gateway.URI), DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	w.server = &http.Server{
		Handler: w, TLSConfig: callers.ServerConfig(l.Certificate).Clone(), ReadHeaderTimeout: headerWithin,
		TLSNextProto: make(map[string]func(*http.Server, *tls.Conn, http.Handler)), // a connection is one wire, as HTTP/1.1 has it
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, wireKey{}, c.(*tls.Conn).NetConn())
		},
		ErrorLog: event.Nowhere(), // that a connection breaks is what the line is for
	}
	w.server.TLSConfig.NextProtos = []string{"http/1.1"}
	w.server.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		behind, err := net.DialTimeout("tcp", l.Web, dialTimeout)
		if err != nil {
			return nil, err // where nobody listens behind, nobody is let in before
		}
		return nil, behind.Close()
	}
	return w
}

type wireKey struct{}

// ServeWeb takes calls by HTTPS, for the gateway's door of that kind, until the line is closed.
func (l *Line) ServeWeb(at net.Listener) error {
	if l.Web == "" {
		return fmt.Errorf("line %s: no door by HTTPS is behind", l.Name)
	}
	if err := l.web.server.ServeTLS(wires{at}, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close breaks all connections.
func (w *web) close() {
	w.server.Close()
	for _, c := range w.clients {
		c.CloseIdleConnections()
	}
}

// wires makes each connection that comes one to whose bytes something can be done.
type wires struct{ net.Listener }

func (w wires) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn}, nil
}

// webAnswer is what the gateway behind has answered. As an error it is one without a signed receipt.
type webAnswer struct {
	code   int
	header http.Header
	body   []byte
}

func (a *webAnswer) Error() string { return http.StatusText(a.code) }

// ServeHTTP leads one call on.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	uri, err := mtls.URI(r.TLS.PeerCertificates[0])
	client := w.clients[uri]
	if err != nil || client == nil {
		http.Error(out, "who calls is led on under no certificate", http.StatusForbidden)
		return
	}
	front := r.Context().Value(wireKey{}).(*wire)
	d := w.began()
	if d.does[SlowRead] {
		w.did(d, SlowRead, "", "")
		front.readSlowly(w.Pause)
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, MaxFrame))
	if err != nil {
		panic(http.ErrAbortHandler) // who has called is gone, or sends more than is taken
	}
	onward := func(ctx context.Context, header http.Header, body []byte) (*webAnswer, error) {
		return w.onward(ctx, client, r, header, body)
	}
	answer, err := w.answer(r, body, front, d, onward)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.header {
		out.Header()[name] = values
	}
	out.Header().Del("Content-Length")
	out.WriteHeader(answer.code)
	out.Write(answer.body)
}

// led leads a call on with a header and a body.
type led func(ctx context.Context, header http.Header, body []byte) (*webAnswer, error)

// onward leads a call on. What is not answered breaks the line.
func (w *web) onward(ctx context.Context, client *http.Client, r *http.Request, header http.Header, body []byte) (*webAnswer, error) {
	ask, err := http.NewRequestWithContext(ctx, r.Method, "https://"+w.Web+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	ask.Header = header.Clone()
	answer, err := client.Do(ask)
	if err != nil {
		return nil, ErrBroken
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(io.LimitReader(answer.Body, MaxFrame))
	if err != nil {
		return nil, ErrBroken
	}
	return &webAnswer{answer.StatusCode, answer.Header, got}, nil
}

// answer answers a call, a delivery or another. An error breaks the connection.
func (w *web) answer(r *http.Request, body []byte, front *wire, d draw, onward led) (*webAnswer, error) {
	ctx := r.Context()
	asked, err := signedIn(r.Header, nil)
	if r.Method != http.MethodPost || r.URL.Path != peer.Deliveries || err != nil {
		return w.otherAnswer(ctx, r, body, front, d, onward)
	}
	next := func(ctx context.Context, r2 *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		header := r.Header.Clone()
		peer.SetSigned(header, r2.Header, r2.Signature)
		got, err := onward(ctx, header, r2.Payload)
		if err != nil {
			return nil, err
		}
		receipt, err := signedIn(got.header, got.body)
		if err != nil || got.code != http.StatusOK {
			return nil, got
		}
		answer := &exchangev1.DeliverResponse{Receipt: receipt}
		if code := got.header.Get(peer.HeaderDuplicate); code != "" {
			answer.Duplicate = &exchangev1.Fault{Code: code, Expected: got.header.Get("Retry-After")}
		}
		return answer, nil
	}
	answer, err := w.deliver(ctx, front, d, &exchangev1.DeliverRequest{Header: asked.Header, Signature: asked.Signature, Payload: body}, next)
	if unsigned := new(webAnswer); errors.As(err, &unsigned) {
		return w.damaged(d, front, unsigned, r)
	}
	if err != nil {
		return nil, err
	}
	out := &webAnswer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, answer.Receipt.Statement}
	peer.SetSigned(out.header, answer.Receipt.Header, answer.Receipt.Signature)
	if answer.Duplicate != nil {
		out.header.Set(peer.HeaderDuplicate, answer.Duplicate.Code)
		if after := answer.Duplicate.Expected; after != "" {
			out.header.Set("Retry-After", after)
		}
	}
	return out, nil
}

// otherAnswer leads on a call of which only the bytes are known. What it may be asked twice is asked twice.
func (w *web) otherAnswer(ctx context.Context, r *http.Request, body []byte, front *wire, d draw, onward led) (*webAnswer, error) {
	w.holdBack(ctx, d, "")
	if d.does[Duplicate] && r.URL.Path == peer.Deliveries+":balance" {
		w.did(d, Duplicate, "", "balance")
		_, _ = onward(ctx, r.Header, body) // who is asked twice answers twice
	}
	answer, err := onward(ctx, r.Header, body)
	w.passed()
	if err != nil {
		return nil, err
	}
	return w.damaged(d, front, answer, r)
}

// damaged is an answer of which only the bytes are known, lost or with what is drawn done to it.
func (w *web) damaged(d draw, front *wire, answer *webAnswer, r *http.Request) (*webAnswer, error) {
	if d.does[LostReceipt] {
		w.did(d, LostReceipt, "", "answer to "+r.Method+" "+r.URL.Path)
		return nil, ErrBroken
	}
	answer.body = w.damageBytes(d, front, answer.body)
	return answer, nil
}

// signedIn is what is signed, whose header and signature stand beside it.
func signedIn(h http.Header, statement []byte) (*exchangev1.SignedStatement, error) {
	r, err := peer.SignedBy(h, statement)
	if err != nil || len(r.Signature) == 0 {
		return nil, errors.Join(err, errors.New("nothing is signed"))
	}
	return &exchangev1.SignedStatement{Header: r.Header, Statement: r.Statement, Signature: r.Signature}, nil
}
