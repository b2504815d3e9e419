package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// RequestJSON is the media type of a whole request as exchange.proto has it, with the document
// in base64. Where a document is taken, every other media type is the document's own.
const RequestJSON = "application/vnd.exchange.v1+json"

// HeaderIdempotencyKey is the id of a submission, or of a record of what was seen.
const HeaderIdempotencyKey = "Idempotency-Key"

// documentTypes are the media types in which a document may be posted as it is.
var documentTypes = []string{"application/xml", "text/xml", "application/json"}

// posting is one path where a document is posted as it is.
type posting struct {
	query []string // parameters that it takes
	call  func(ctx context.Context, conn *grpc.ClientConn, p posted) (answer proto.Message, made string, err error)
}

// posted is a document as it came.
type posted struct {
	id, mediaType string
	content       []byte
	query         url.Values
}

func (p posted) to() (all []string) {
	for _, list := range p.query["to"] {
		all = append(all, strings.FieldsFunc(list, func(r rune) bool { return r == ',' })...)
	}
	return all
}

// eta is when the goods are expected; nil if nothing is said.
func (p posted) eta() (*timestamppb.Timestamp, error) {
	text := p.query.Get("eta")
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "eta: want an instant such as 2026-03-02T14:00:00+08:00")
	}
	return timestamppb.New(at), nil
}

// duties are what a document may discharge, as the parameter names it.
var duties = map[string]exchangev1.Duty{"": exchangev1.Duty_DUTY_UNSPECIFIED, "filing": exchangev1.Duty_FILING}

// duty is what the document discharges.
func (p posted) duty() (exchangev1.Duty, error) {
	d, ok := duties[p.query.Get("duty")]
	if !ok {
		return d, status.Errorf(codes.InvalidArgument, "duty: want filing, or none")
	}
	return d, nil
}

// ofSubmission are the parameters of what is submitted, or checked as if it were.
var ofSubmission = []string{"to", "amends", "reason", "eta", "duty"}

var postings = map[string]posting{
	"/v1/submissions": {ofSubmission, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		eta, err := p.eta()
		if err != nil {
			return nil, "", err
		}
		duty, err := p.duty()
		if err != nil {
			return nil, "", err
		}
		made, err := exchangev1.NewSubmissionServiceClient(conn).Submit(ctx, &exchangev1.SubmitRequest{
			SubmissionId: p.id, MediaType: p.mediaType, Content: p.content, To: p.to(),
			Amends: p.query.Get("amends"), Reason: p.query.Get("reason"), ExpectedArrival: eta, Duty: duty,
		})
		return made, "/v1/submissions/" + url.PathEscape(made.GetSubmissionId()), err
	}},
	"/v1/submissions:check": {ofSubmission, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		eta, err := p.eta()
		if err != nil {
			return nil, "", err
		}
		duty, err := p.duty()
		if err != nil {
			return nil, "", err
		}
		answer, err := exchangev1.NewSubmissionServiceClient(conn).Check(ctx, &exchangev1.CheckRequest{
			SubmissionId: p.id, MediaType: p.mediaType, Content: p.content, To: p.to(),
			Amends: p.query.Get("amends"), Reason: p.query.Get("reason"), ExpectedArrival: eta, Duty: duty,
		})
		return answer, "", err
	}},
	"/v1/arrivals": {[]string{"reason"}, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		m, err := exchangev1.NewMovementServiceClient(conn).RecordArrival(ctx, &exchangev1.RecordArrivalRequest{
			RecordId: p.id, MediaType: p.mediaType, Content: p.content, Reason: p.query.Get("reason"),
		})
		return m, "/v1/movements/" + url.PathEscape(m.GetMovementId()), err
	}},
	"/v1/departures": {nil, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		m, err := exchangev1.NewMovementServiceClient(conn).RecordDeparture(ctx, &exchangev1.RecordDepartureRequest{RecordId: p.id, MediaType: p.mediaType, Content: p.content})
		return m, "/v1/movements/" + url.PathEscape(m.GetMovementId()), err
	}},
}

// plain takes documents as what they are; whole requests, and what is posted elsewhere, it
// leaves to others.
func (s *Server) plain(conn *grpc.ClientConn, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if digest, ok := strings.CutPrefix(r.URL.Path, uploads); ok && r.Method == http.MethodPut && !isJSON(r.Header) {
			s.putBytes(w, r, conn, digest)
			return
		}
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		target, ok := postings[r.URL.Path]
		mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case r.URL.Path == deliveries || r.URL.Path == Conversations || !ok && err != nil && r.ContentLength == 0: // XML as signed, or nothing at all
			next.ServeHTTP(w, r)
			return
		case err == nil && (mediaType == RequestJSON || !ok && mediaType == "application/json"):
			next.ServeHTTP(w, r)
			return
		case !ok:
			unsupported(w, r, "application/json")
			return
		case err != nil || !slices.Contains(documentTypes, mediaType):
			unsupported(w, r, append(slices.Clone(documentTypes), RequestJSON)...)
			return
		}
		query, err := target.parameters(r.URL.RawQuery)
		if err == nil {
			err = once(r.Header, HeaderIdempotencyKey, "Content-Type")
		}
		if err == nil {
			err = inUTF8(params)
		}
		if err != nil {
			problem(w, status.New(codes.InvalidArgument, err.Error()))
			return
		}
		content, err := readBody(r)
		if err != nil {
			problem(w, status.New(codes.InvalidArgument, err.Error()))
			return
		}
		ctx := passingOn(r)
		if mediaType == "text/xml" {
			mediaType = "application/xml"
		}
		answer, made, err := target.call(ctx, conn, posted{r.Header.Get(HeaderIdempotencyKey), mediaType, content, query})
		if err != nil {
			problem(w, status.Convert(err))
			return
		}
		body, err := restJSON.Marshal(answer)
		if err != nil {
			problem(w, status.New(codes.Internal, "answer"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if made != "" {
			w.Header().Set("Location", made)
			w.WriteHeader(http.StatusCreated)
		}
		w.Write(body)
	})
}

// passingOn is the context of calls that a request becomes: with who asks, and in which language.
func passingOn(r *http.Request) context.Context {
	uri, _ := r.Context().Value(identityKey{}).(string)
	ctx := metadata.AppendToOutgoingContext(r.Context(), identityHeader, uri)
	if lang := r.Header.Get("Accept-Language"); lang != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "accept-language", lang)
	}
	return ctx
}

// isJSON reports whether a request is a whole one as exchange.proto has it.
func isJSON(h http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (mediaType == RequestJSON || mediaType == "application/json")
}

// parameters reads a query strictly: each parameter is one of the path's and is said once, but for
// the recipients, so that nothing that its sender said is left out.
func (p posting) parameters(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query is not of the form name=value&name=value, escaped by %")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(p.query, name) && len(p.query) == 0:
			return nil, fmt.Errorf("no parameter %q here: there are none", gateway.Clip(name))
		case !slices.Contains(p.query, name):
			return nil, fmt.Errorf("no parameter %q here: there are %s", gateway.Clip(name), strings.Join(p.query, ", "))
		case name != "to" && len(query[name]) > 1:
			return nil, fmt.Errorf("parameter %s: only once", name)
		}
	}
	return query, nil
}

// once refuses headers that are there several times: none of them is the one meant.
func once(h http.Header, names ...string) error {
	for _, name := range names {
		if len(h.Values(name)) > 1 {
			return fmt.Errorf("%s: only once", name)
		}
	}
	return nil
}

// inUTF8 refuses a document of which its media type says that it is of other characters.
func inUTF8(params map[string]string) error {
	if set, ok := params["charset"]; ok && !strings.EqualFold(set, "utf-8") {
		return errors.New("Content-Type: want no charset but UTF-8")
	}
	return nil
}

// readBody reads what came, which is bounded.
func readBody(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, errors.New("the body is too large")
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	}
	return raw, nil
}

// unsupported says which media types are taken.
func unsupported(w http.ResponseWriter, r *http.Request, taken ...string) {
	w.Header().Set("Accept-Post", strings.Join(taken, ", "))
	writeProblem(w, http.StatusUnsupportedMediaType, fmt.Sprintf("%s takes %s", r.URL.Path, strings.Join(taken, ", ")), nil)
}
