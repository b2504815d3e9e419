package server

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/klauspost/compress/gzhttp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// problemDetails is a refusal as JSON (RFC 9457), with all faults.
type problemDetails struct {
	Type   string            `json:"type"`
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Detail string            `json:"detail,omitempty"`
	Faults []json.RawMessage `json:"faults,omitempty"` // each a Fault of exchange.proto
}

// problem answers with the status of a call.
func problem(w http.ResponseWriter, st *status.Status) {
	retryAfter(w, st)
	var faults []json.RawMessage
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok {
			if raw, err := protojson.Marshal(f); err == nil {
				faults = append(faults, raw)
			}
		}
	}
	code := httpStatus(st)
	detail := st.Message()
	if st.Code() == codes.Unimplemented && detail == "" {
		detail = http.StatusText(code)
	}
	writeProblem(w, code, detail, faults)
}

// httpStatus is what a status is by REST.
func httpStatus(st *status.Status) int {
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok && f.Code == string(gateway.AttachmentGone) {
			return http.StatusGone
		}
	}
	return runtime.HTTPStatusFromCode(st.Code())
}

func writeProblem(w http.ResponseWriter, code int, detail string, faults []json.RawMessage) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(problemDetails{"about:blank", http.StatusText(code), code, detail, faults}) // whoever has left needs no answer
}

// misrouted answers what leads to no call: 404, or 405 with what may be asked there.
func misrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	allowed := verbsOf(r.URL.Path)
	if len(allowed) == 0 {
		writeProblem(w, http.StatusNotFound, "there is nothing at "+r.URL.Path, nil)
		return
	}
	if code == http.StatusMethodNotAllowed || code == http.StatusNotFound {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+strings.Join(allowed, ", "), nil)
		return
	}
	writeProblem(w, code, "", nil)
}

// deliveries is where partners post signed XML; fetchedContent, where they take what they have fetched as it
// was signed; openAPI, where the door is described.
const (
	deliveries     = "/v1/deliveries"
	fetchedContent = "/v1/subscriptions/{name}/messages/{message_id}"
	openAPI        = "/v1/openapi.json"
	// uploads is before the digest where the bytes of attachments are put as they are, and received where
	// they are taken: by the administration's system, and by a partner.
	uploads   = "/v1/attachments/"
	received  = "/v1/inbox/{message_id}/attachments/{sha256}"
	delivered = deliveries + "/{message_id}/attachments/{sha256}"
)

// path is one that the door knows, with the verb that it takes.
type path struct {
	verb   string
	like   *regexp.Regexp
	stream bool
}

var parameter = regexp.MustCompile(`\\\{[a-z0-9_]+\\\}`)

// pattern is what paths are like.
func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(text), "[^/]+") + "$")
}

// paths are those of all calls.
var paths = sync.OnceValue(func() []path {
	known := []path{
		{http.MethodPost, regexp.MustCompile("^" + regexp.QuoteMeta(deliveries) + "$"), false}, {http.MethodGet, regexp.MustCompile("^" + regexp.QuoteMeta(openAPI) + "$"), false},
		{http.MethodPost, pattern(Conversations), false}, {http.MethodGet, pattern(received), true}, {http.MethodGet, pattern(delivered), true},
		{http.MethodGet, pattern(fetchedContent), true},
	}
	services := exchangev1.File_exchange_v1_exchange_proto.Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
			verb, text := http.MethodGet, rule.GetGet()
			if rule.GetPost() != "" {
				verb, text = http.MethodPost, rule.GetPost()
			}
			if rule.GetPut() != "" {
				verb, text = http.MethodPut, rule.GetPut()
			}
			if text != "" {
				known = append(known, path{verb, pattern(text), methods.Get(j).IsStreamingServer()})
			}
		}
	}
	return known
})

// verbsOf are those that a path takes.
func verbsOf(asked string) (verbs []string) {
	for _, p := range paths() {
		if p.like.MatchString(asked) && !slices.Contains(verbs, p.verb) {
			verbs = append(verbs, p.verb)
		}
	}
	slices.Sort(verbs)
	return verbs
}

// streaming reports whether a request is answered by a stream: it lasts.
func streaming(r *http.Request) bool {
	return slices.ContainsFunc(paths(), func(p path) bool { return p.stream && p.verb == r.Method && p.like.MatchString(r.URL.Path) })
}

// zipped answers compressed whoever takes that, but for streams, whose parts go at once.
func zipped(next http.Handler) http.Handler {
	whole := gzhttp.GzipHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streaming(r) {
			next.ServeHTTP(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	})
}

// unzipped reads a body that was compressed, and no more of it than one that was not may have.
func (s *Server) unzipped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", ")) {
		case "", "identity":
			next.ServeHTTP(w, r)
			return
		case "gzip":
		default:
			w.Header().Set("Accept-Encoding", "gzip")
			writeProblem(w, http.StatusUnsupportedMediaType, "Content-Encoding: want gzip, or none", nil)
			return
		}
		reader, err := gzip.NewReader(r.Body)
		if err != nil {
			writeProblem(w, http.StatusBadRequest, "the body is no gzip", nil)
			return
		}
		body := r.Body
		r.Body = http.MaxBytesReader(w, struct {
			io.Reader
			io.Closer
		}{reader, body}, s.maxBody())
		r.ContentLength = -1
		r.Header.Del("Content-Encoding")
		next.ServeHTTP(w, r)
	})
}
