package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/mtls"
)

// served is a link to a partner of our own making that is reached by HTTPS, over connections that its registry watches.
func served(t *testing.T, plain bool, serve http.HandlerFunc) (*HTTPS, *mtls.Registry) {
	t.Helper()
	pki := newPKI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: serve}
	go s.Serve(tls.NewListener(l, pki.registry("cn", cnURI).ServerConfig(pki.certificate("ru"))))
	registry := pki.registry("ru", ruURI)
	link := NewHTTPS(Partner{URI: ruURI, Address: l.Addr().String()}, registry, pki.certificate("cn"), plain, func() time.Time { return clock })
	t.Cleanup(func() {
		link.Close()
		s.Close()
	})
	return link, registry
}

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestParallelAnAnswerByHTTPSIsOneOfThree: what a partner answers to what is posted is its receipt, its word that the
// bytes came where its record allows that, or that it answers later; anything else leaves open whether it has the
// message, unless no connection came about.
func TestParallelAnAnswerByHTTPSIsOneOfThree(t *testing.T) {
	payload := []byte("<Manifest/>")
	b64 := base64.StdEncoding.EncodeToString
	signed := func(w http.ResponseWriter) {
		w.Header().Set(HeaderHeader, b64([]byte("header")))
		w.Header().Set(HeaderSignature, b64([]byte("signature")))
	}
	received := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set(HeaderReceived, strings.ToUpper(gateway.DigestOf(body).String()))
	}
	refused := func(code int, faults string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"status": %d, "faults": [%s]}`, code, faults)
		}
	}
	for name, c := range map[string]struct {
		plain   bool
		serve   http.HandlerFunc
		want    Answer
		code    codes.Code    // of the error
		busy    time.Duration // that the partner asks for
		refused bool          // it is the partner's word on this message
		fault   gateway.Code
	}{
		"a receipt": {serve: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != Deliveries || r.Method != http.MethodPost || r.Header.Get(HeaderKind) != "k" {
				w.WriteHeader(http.StatusTeapot)
			}
			signed(w)
			w.Write([]byte("statement"))
		}, want: Answer{Receipt: Receipt{[]byte("header"), []byte("statement"), []byte("signature")}}},
		"a receipt with 202":        {serve: func(w http.ResponseWriter, r *http.Request) { signed(w); w.WriteHeader(http.StatusAccepted) }, want: Answer{Receipt: Receipt{[]byte("header"), []byte{}, []byte("signature")}}},
		"later":                     {serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, want: Answer{Later: LaterInterval}},
		"unsigned":                  {plain: true, serve: func(w http.ResponseWriter, r *http.Request) { received(w, r); w.WriteHeader(http.StatusNoContent) }, want: Answer{Unsigned: true}},
		"unsigned, and not allowed": {serve: func(w http.ResponseWriter, r *http.Request) { received(w, r) }, code: codes.Unknown},
		"unsigned, of other bytes": {plain: true, serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(HeaderReceived, gateway.DigestOf([]byte("x")).String())
		}, code: codes.Unknown},
		"a page of something in between": {plain: true, serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Please log in</html>") }, code: codes.Unknown},
		"a signature that is no base64":  {serve: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(HeaderSignature, "*") }, code: codes.Unknown},
		"an answer without end":          {serve: func(w http.ResponseWriter, _ *http.Request) { signed(w); w.Write(make([]byte, MaxReceipt+1)) }, code: codes.Unknown},
		"it breaks off": {serve: func(w http.ResponseWriter, _ *http.Request) {
			signed(w)
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("a"))
		}, code: codes.Unavailable},
		"elsewhere":                          {serve: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v2", http.StatusTemporaryRedirect) }, code: codes.Unknown},
		"busy, for seconds":                  {serve: refused(429, "", "Retry-After", "7"), code: codes.ResourceExhausted, busy: 7 * time.Second},
		"busy, until an instant":             {serve: refused(503, "", "Retry-After", "Sun, 01 Mar 2026 12:01:00 GMT"), code: codes.Unavailable, busy: time.Minute},
		"busy for ever":                      {serve: refused(503, "", "Retry-After", "2000000000"), code: codes.Unavailable, busy: MaxBusyInterval},
		"busy until before now":              {serve: refused(429, "", "Retry-After", "Sun, 01 Mar 2020 12:01:00 GMT"), code: codes.ResourceExhausted, busy: time.Second},
		"away":                               {serve: refused(503, ""), code: codes.Unavailable},
		"broken":                             {serve: refused(500, ""), code: codes.Unknown},
		"no such door":                       {serve: func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, code: codes.Unimplemented},
		"refused":                            {serve: refused(400, `{"code": "ID_REUSE", "more": 1}, {"code": 5}, 7`), code: codes.InvalidArgument, refused: true, fault: gateway.IDReuse},
		"nobody whom it knows":               {serve: refused(403, `{"code": "CALLER_UNKNOWN"}`), code: codes.PermissionDenied, fault: gateway.CallerUnknown},
		"more faults than anybody reads":     {serve: refused(400, strings.Repeat(`{"code": "A"},`, 5000)+`{"code": "A"}`), code: codes.InvalidArgument, refused: true},
		"refused in words that are no fault": {serve: refused(422, `"蒙E12345"`), code: codes.InvalidArgument, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			link, _ := served(t, c.plain, c.serve)
			got, err := link.deliver(t.Context(), payload, http.Header{HeaderKind: {"k"}})
			var busy *BusyError
			switch {
			case errors.As(err, new(*NotSentError)):
				t.Errorf("it was sent, for all that is known: %v", err)
			case errors.As(err, &busy) != (c.busy > 0) || busy != nil && busy.After != c.busy:
				t.Errorf("whether it is busy: %v", err)
			case status.Code(errors.Unwrap(err)) != c.code:
				t.Errorf("it came to %v, want %s", err, c.code)
			case Refused(errors.Unwrap(err)) != c.refused || CodeOf(errors.Unwrap(err)) != c.fault && c.fault != "":
				t.Errorf("whether it is refused: %v, %s", err, CodeOf(errors.Unwrap(err)))
			case got.Unsigned != c.want.Unsigned || got.Later != c.want.Later || !bytes.Equal(got.Statement, c.want.Statement) ||
				!bytes.Equal(got.Header, c.want.Header) || !bytes.Equal(got.Signature, c.want.Signature):
				t.Errorf("it is answered with %+v", got)
			case err != nil && strings.Contains(event.Cause(err), "蒙E12345"):
				t.Errorf("what a document holds is logged: %s", event.Cause(err))
			}
			if link.State() != "connected" {
				t.Errorf("the link is %s", link.State())
			}
		})
	}
}

// TestParallelWhatCannotBeConnectedIsNotSent: nobody there, or another than is to be spoken to.
func TestParallelWhatCannotBeConnectedIsNotSent(t *testing.T) {
	pki := newPKI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })}
	go other.Serve(tls.NewListener(l, pki.registry("cn", cnURI).ServerConfig(pki.certificate("cn"))))
	defer other.Close()
	for name, address := range map[string]string{"another": l.Addr().String(), "nobody": "127.0.0.1:1"} {
		link := NewHTTPS(Partner{URI: ruURI, Address: address}, pki.registry("ru", ruURI), pki.certificate("cn"), true, time.Now)
		if _, err := link.deliver(t.Context(), nil, http.Header{}); !errors.As(err, new(*NotSentError)) {
			t.Errorf("%s: %v", name, err)
		}
		if link.State() != "failing" {
			t.Errorf("%s: the link is %s", name, link.State())
		}
		link.Close()
	}
}

// TestParallelAHTTPSConnectionIsWatched: one whose partner would no longer be admitted ends.
func TestParallelAHTTPSConnectionIsWatched(t *testing.T) {
	called, left := make(chan struct{}), make(chan struct{})
	link, registry := served(t, false, func(_ http.ResponseWriter, r *http.Request) {
		close(called)
		<-r.Context().Done()
		close(left)
	})
	ended := make(chan error)
	go func() {
		_, err := link.deliver(context.Background(), nil, http.Header{})
		ended <- err
	}()
	<-called
	if err := registry.Replace(nil); err != nil {
		t.Fatal(err)
	}
	registry.Rejudge()
	if err := <-ended; err == nil || errors.As(err, new(*NotSentError)) {
		t.Errorf("it ends with %v", err)
	}
	<-left
}

// TestParallelBytesByHTTPSFollowEachOther: an attachment goes on where it broke off, and nowhere else.
func TestParallelBytesByHTTPSFollowEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		offset int64
		serve  http.HandlerFunc
		want   string
		fails  bool
	}{
		"whole": {0, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", clock, strings.NewReader("abcdef"))
		}, "abcdef", false},
		"the end": {4, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", clock, strings.NewReader("abcdef"))
		}, "ef", false},
		"all, for the end": {4, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "abcdef") }, "", true},
		"another place": {4, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 3-5/6")
			w.WriteHeader(http.StatusPartialContent)
		}, "", true},
		"behind the end": {9, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", clock, strings.NewReader("abcdef"))
		}, "", true},
		"it breaks off": {0, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "6")
			fmt.Fprint(w, "abc")
		}, "abc", true},
	} {
		t.Run(name, func(t *testing.T) {
			link, _ := served(t, false, func(w http.ResponseWriter, r *http.Request) {
				if want := Deliveries + "/a%2Fb/attachments/" + gateway.DigestOf(nil).String(); r.URL.EscapedPath() != want {
					t.Errorf("it asks for %s", r.URL.EscapedPath())
				}
				c.serve(w, r)
			})
			var got []byte
			var err error
			for part, failed := range link.Attachment(t.Context(), "a/b", gateway.DigestOf(nil), c.offset) {
				if err = failed; err != nil {
					break
				}
				got = append(got, part...)
			}
			if string(got) != c.want || (err != nil) != c.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
