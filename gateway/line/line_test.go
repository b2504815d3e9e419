package line_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/line"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
)

const cn, ru = "customs://CN/gateway/1", "customs://RU/gateway/1"

// behind is the gateway that a line stands before: it answers each delivery alike.
type behind struct {
	exchangev1.UnimplementedPeerServiceServer
	fails error
	other bool // each answer is another

	mu  sync.Mutex
	got []*exchangev1.DeliverRequest
}

func (b *behind) Deliver(_ context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.got = append(b.got, r); b.fails != nil {
		return nil, b.fails
	}
	signature := "signature of the receipt"
	if b.other {
		signature = fmt.Sprint(signature, len(b.got))
	}
	return &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{
		Header: []byte("header of the receipt"), Statement: []byte(`{"verdict":"PRS"}`), Signature: []byte(signature),
	}}, nil
}

func (b *behind) taken() []*exchangev1.DeliverRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// ServeHTTP answers each delivery by HTTPS alike.
func (b *behind) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	header, err2 := base64.StdEncoding.DecodeString(r.Header.Get(peer.HeaderHeader))
	signature, err3 := base64.StdEncoding.DecodeString(r.Header.Get(peer.HeaderSignature))
	if err := errors.Join(err, err2, err3); err != nil || r.URL.Path != peer.Deliveries {
		http.Error(w, "no delivery", http.StatusNotFound)
		return
	}
	answer, err := b.Deliver(r.Context(), &exchangev1.DeliverRequest{Header: header, Signature: signature, Payload: payload})
	if err != nil {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprintf(w, `{"faults":[{"code":%q}]}`, peer.CodeOf(err))
		return
	}
	w.Header().Set(peer.HeaderDuplicate, "DUPLICATE_SAME")
	w.Header().Set(peer.HeaderHeader, base64.StdEncoding.EncodeToString(answer.Receipt.Header))
	w.Header().Set(peer.HeaderSignature, base64.StdEncoding.EncodeToString(answer.Receipt.Signature))
	w.Write(answer.Receipt.Statement)
}

// doors are those of a gateway that a line stands before.
var doors = []string{"gRPC", "HTTPS"}

// world is China's gateway that calls Russia's over a line.
type world struct {
	t    *testing.T
	gw   *behind
	stop func() // the gateway behind
	line *line.Line
	told line.Told
	conn *grpc.ClientConn
	web  *http.Client // nil: it calls by gRPC
	dir  string
	at   string
	sent *exchangev1.DeliverRequest
}

func newWorld(t *testing.T, door string, odds line.Odds) *world {
	t.Helper()
	w := &world{t: t, gw: &behind{}, dir: t.TempDir()}
	check(t, mtls.GenerateDevPKI(filepath.Join(w.dir, "pki"), time.Now(), mtls.DevAuthorities()))
	parties := map[string]mtls.Party{cn: w.party("cn", cn), ru: w.party("ru", ru)}
	behind, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	own := w.certificate("ru", "gateway")
	calls := grpc.NewServer(grpc.Creds(peer.ServerCredentials(w.registry(parties[cn]), own)))
	exchangev1.RegisterPeerServiceServer(calls, w.gw)
	posts := &http.Server{Handler: w.gw, TLSConfig: w.registry(parties[cn]).ServerConfig(own), ErrorLog: log.New(io.Discard, "", 0)}
	w.stop = func() { calls.Stop(); posts.Close() }
	w.line, err = line.New(line.Options{
		Name: "CN-RU", Behind: behind.Addr().String(), Web: web.Addr().String(), Gateway: parties[ru], Certificate: own,
		Callers: []mtls.Party{parties[cn]}, As: map[string]tls.Certificate{cn: w.certificate("cn", "gateway")},
		Odds: odds, Seed: 7, Pause: 5 * time.Millisecond, Now: time.Now, Done: w.told.Note,
	})
	check(t, err)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	w.at = front.Addr().String()
	var running sync.WaitGroup
	running.Go(func() { calls.Serve(behind) })
	running.Go(func() { posts.ServeTLS(web, "", "") })
	if door == "HTTPS" {
		running.Go(func() { w.line.ServeWeb(front) })
		w.web = &http.Client{Transport: &http.Transport{TLSClientConfig: w.registry(w.party("ru", ru)).ClientConfig(w.certificate("cn", "gateway"), ru)}}
	} else {
		running.Go(func() { w.line.Serve(front) })
		w.conn = w.dial("cn", "gateway")
	}
	t.Cleanup(func() {
		if w.web != nil {
			w.web.CloseIdleConnections()
		} else {
			w.conn.Close()
		}
		w.line.Close()
		w.stop()
		running.Wait()
		goleak.VerifyNone(t)
	})
	file := filepath.Join(w.dir, "signing.pem")
	check(t, mtls.GenerateSigningKey(file))
	keys, err := seal.LoadKeyring("CN", []seal.KeyFile{{ID: "cn-1", File: file, Validity: seal.Validity{From: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}}})
	check(t, err)
	s, err := keys.Sign(seal.Header{MessageID: "M-1", Sender: "CN", Recipient: "RU", Created: time.Now()}, seal.BalanceQuery{Since: time.Now().UTC()})
	check(t, err)
	w.sent = &exchangev1.DeliverRequest{Header: s.HeaderBytes(), Signature: s.Signature(), Payload: bytes.Repeat([]byte("payload "), 100)}
	return w
}

func (w *world) registry(of mtls.Party) *mtls.Registry {
	w.t.Helper()
	r, err := mtls.NewRegistry(time.Now, []mtls.Party{of})
	check(w.t, err)
	return r
}

func (w *world) party(dir, uri string) mtls.Party {
	w.t.Helper()
	roots, err := mtls.LoadRoots(filepath.Join(w.dir, "pki", dir, "ca.pem"))
	check(w.t, err)
	return mtls.Party{URI: uri, Roots: roots}
}

func (w *world) certificate(dir, name string) tls.Certificate {
	w.t.Helper()
	of := filepath.Join(w.dir, "pki", dir, name)
	c, err := mtls.LoadCertificate(of+".pem", of+"-key.pem")
	check(w.t, err)
	return c
}

func (w *world) dial(dir, name string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+w.at, grpc.WithTransportCredentials(credentials.NewTLS(w.registry(w.party("ru", ru)).ClientConfig(w.certificate(dir, name), ru))))
	check(w.t, err)
	return conn
}

func (w *world) deliver() (*exchangev1.DeliverResponse, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if w.web == nil {
		return exchangev1.NewPeerServiceClient(w.conn).Deliver(ctx, w.sent, grpc.WaitForReady(true))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+w.at+peer.Deliveries, bytes.NewReader(w.sent.Payload))
	check(w.t, err)
	r.Header.Set(peer.HeaderHeader, base64.StdEncoding.EncodeToString(w.sent.Header))
	r.Header.Set(peer.HeaderSignature, base64.StdEncoding.EncodeToString(w.sent.Signature))
	answer, err := w.web.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", answer.Status, body)
	}
	header, err := base64.StdEncoding.DecodeString(answer.Header.Get(peer.HeaderHeader))
	check(w.t, err)
	signature, err := base64.StdEncoding.DecodeString(answer.Header.Get(peer.HeaderSignature))
	check(w.t, err)
	return &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{Header: header, Statement: body, Signature: signature}, Duplicate: &exchangev1.Fault{Code: answer.Header.Get(peer.HeaderDuplicate)}}, nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestParallelWithoutOddsALineChangesNothing: what is sent and answered is the same on both sides, refusals too.
func TestParallelWithoutOddsALineChangesNothing(t *testing.T) {
	w := newWorld(t, "gRPC", nil)
	answer, err := w.deliver()
	check(t, err)
	if got := w.gw.taken(); len(got) != 1 || !proto.Equal(got[0], w.sent) || string(answer.GetReceipt().GetSignature()) != "signature of the receipt" {
		t.Errorf("%d deliveries, answered by %v", len(got), answer)
	}
	refused, err := status.New(codes.FailedPrecondition, "no").WithDetails(&exchangev1.Fault{Code: "ID_REUSE"})
	check(t, err)
	w.gw.fails = refused.Err()
	if _, err = w.deliver(); status.Code(err) != codes.FailedPrecondition || peer.CodeOf(err) != "ID_REUSE" {
		t.Errorf("refused: %v", err)
	}
	if _, err := exchangev1.NewPeerServiceClient(w.conn).Introduce(t.Context(), &exchangev1.IntroduceRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("another call: %v", err)
	}
	if done, calls := w.line.Counts(); len(done) != 0 || calls != 3 {
		t.Errorf("%v of %d calls", done, calls)
	}
}

// TestParallelWithoutOddsNothingIsChangedByHTTPS likewise.
func TestParallelWithoutOddsNothingIsChangedByHTTPS(t *testing.T) {
	w := newWorld(t, "HTTPS", nil)
	answer, err := w.deliver()
	check(t, err)
	if got := w.gw.taken(); len(got) != 1 || !proto.Equal(got[0], w.sent) || string(answer.GetReceipt().GetSignature()) != "signature of the receipt" || answer.GetDuplicate().GetCode() != "DUPLICATE_SAME" {
		t.Errorf("%d deliveries, answered by %v", len(got), answer)
	}
	refused, err := status.New(codes.FailedPrecondition, "no").WithDetails(&exchangev1.Fault{Code: "ID_REUSE"})
	check(t, err)
	w.gw.fails = refused.Err()
	if _, err = w.deliver(); err == nil || !strings.Contains(err.Error(), `412 Precondition Failed: {"faults":[{"code":"ID_REUSE"}]}`) {
		t.Errorf("refused: %v", err)
	}
	other, err := w.web.Get("https://" + w.at + "/v1/deliveries/M-1/attachments/0?x=1")
	check(t, err)
	if other.Body.Close(); other.StatusCode != http.StatusNotFound {
		t.Errorf("another call: %s", other.Status)
	}
	if done, calls := w.line.Counts(); len(done) != 0 || calls != 3 {
		t.Errorf("%v of %d calls", done, calls)
	}
}

// TestParallelEachMisdeedIsSeenAndTold does one of them with each call.
func TestParallelEachMisdeedIsSeenAndTold(t *testing.T) {
	for _, door := range doors {
		for _, m := range line.Misdeeds {
			t.Run(door+" "+string(m), func(t *testing.T) { seenAndTold(t, door, m) })
		}
	}
}

func seenAndTold(t *testing.T, door string, m line.Misdeed) {
	const calls = 24
	w := newWorld(t, door, line.Odds{m: 1})
	struck := 0
	for range calls {
		before := len(w.gw.taken())
		answer, err := w.deliver()
		r := answer.GetReceipt()
		got := w.gw.taken()
		if err != nil || len(got) == before || !proto.Equal(got[before], w.sent) ||
			string(r.GetHeader()) != "header of the receipt" || string(r.GetStatement()) != `{"verdict":"PRS"}` || string(r.GetSignature()) != "signature of the receipt" {
			struck++
		}
	}
	switch m {
	case line.Truncation, line.BitFlip, line.ForgedSignature, line.LostReceipt:
		if struck < calls/2 {
			t.Errorf("%d of %d calls are struck", struck, calls)
		}
	default:
		if struck > 0 {
			t.Errorf("%d calls are damaged", struck)
		}
	}
	if done, _ := w.line.Counts(); done[m] < calls/2 || len(done) != 1 {
		t.Errorf("done: %v", done)
	}
	if m == line.Duplicate {
		w.line.Close() // what was to come later has come, or never will
		if n := len(w.gw.taken()); n <= calls || n > 2*calls {
			t.Errorf("%d deliveries of %d came", n, calls)
		}
		for _, got := range w.gw.taken() {
			if !proto.Equal(got, w.sent) {
				t.Error("a duplicate is another message")
			}
		}
	}
	text := w.told.String()
	if !strings.Contains(text, string(m)) || strings.Contains(text, "payload payload") || m != line.SlowRead && !strings.Contains(text, "message M-1") {
		t.Errorf("told:\n%s", text)
	}
	if found := w.line.Mismatches(); len(found) > 0 {
		t.Error(found)
	}
}

// TestParallelADamagedAnswerIsNoOther: what the line itself does to an answer is not held against the gateway, also
// when the duplicate is answered later.
func TestParallelADamagedAnswerIsNoOther(t *testing.T) {
	for _, door := range doors {
		t.Run(door, func(t *testing.T) {
			w := newWorld(t, door, line.Odds{line.Duplicate: 1, line.BitFlip: 1, line.ForgedSignature: 1})
			for range 24 {
				w.deliver() // or not: it is damaged
			}
			w.line.Close()
			if done, _ := w.line.Counts(); done[line.Duplicate] == 0 {
				t.Error("nothing came twice")
			}
			if found := w.line.Mismatches(); len(found) > 0 {
				t.Error(found)
			}
		})
	}
}

// TestParallelAVerdictThatChangesIsFound: a gateway that answers a duplicate by other bytes breaks what it MUST do.
func TestParallelAVerdictThatChangesIsFound(t *testing.T) {
	for _, door := range doors {
		t.Run(door, func(t *testing.T) {
			w := newWorld(t, door, line.Odds{line.Duplicate: 1})
			w.gw.other = true
			for range 12 {
				_, err := w.deliver()
				check(t, err)
			}
			if found := w.line.Mismatches(); len(found) == 0 || !strings.Contains(found[0], "the PRS of message M-1 is given in other bytes") {
				t.Error(found)
			}
		})
	}
}

// TestParallelALineIsNoGateway: where nobody is behind nobody is let in, so that nothing counts as handed over.
func TestParallelALineIsNoGateway(t *testing.T) {
	for _, door := range doors {
		t.Run(door, func(t *testing.T) {
			w := newWorld(t, door, nil)
			_, err := w.deliver()
			check(t, err)
			w.stop()
			conn, err := tls.Dial("tcp", w.at, w.registry(w.party("ru", ru)).ClientConfig(w.certificate("cn", "gateway"), ru))
			if err == nil {
				conn.Close()
				t.Error("somebody was let in")
			}
		})
	}
}

// TestParallelStrangersAreNotLedOn: who is not known does not reach the gateway behind.
func TestParallelStrangersAreNotLedOn(t *testing.T) {
	w := newWorld(t, "gRPC", nil)
	conn := w.dial("stranger", "copycat-post")
	defer conn.Close()
	if _, err := exchangev1.NewPeerServiceClient(conn).Deliver(t.Context(), w.sent); status.Code(err) != codes.Unavailable {
		t.Errorf("a stranger: %v", err)
	}
	if n := len(w.gw.taken()); n > 0 {
		t.Errorf("%d deliveries reach the gateway", n)
	}
}

func TestOddsAreReadAsPeopleGiveThem(t *testing.T) {
	for text, want := range map[string]line.Odds{
		"0.05": line.Each(0.05), "duplicate=0.2, delay=1": {line.Duplicate: 0.2, line.Delay: 1}, "wrong-signature=0": {line.ForgedSignature: 0},
		"1.5": nil, "-1": nil, "NaN": nil, "delay": nil, "delay=2": nil, "sleep=0.1": nil, "": nil,
	} {
		if got, err := line.ParseOdds(text); (err == nil) != (want != nil) || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := line.New(line.Options{Odds: line.Odds{line.Delay: 2}, Now: time.Now}); err == nil {
		t.Error("a line with odds of 2")
	}
}
