package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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

var postings = map[string]posting{
	"/v1/submissions": {[]string{"to"}, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		made, err := exchangev1.NewSubmissionServiceClient(conn).Submit(ctx, &exchangev1.SubmitRequest{
			SubmissionId: p.id, MediaType: p.mediaType, Content: p.content, To: p.to(),
		})
		return made, "/v1/submissions/" + url.PathEscape(made.GetSubmissionId()), err
	}},
	"/v1/submissions:check": {[]string{"to"}, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		said, err := exchangev1.NewSubmissionServiceClient(conn).Check(ctx, &exchangev1.CheckRequest{
			SubmissionId: p.id, MediaType: p.mediaType, Content: p.content, To: p.to(),
		})
		return said, "", err
	}},
	"/v1/arrivals": {[]string{"reason"}, func(ctx context.Context, conn *grpc.ClientConn, p posted) (proto.Message, string, error) {
		m, err := exchangev1.NewMovementServiceClient(conn).RecordArrival(ctx, &exchangev1.RecordArrivalRequest{
			RecordId: p.id, Content: p.content, Reason: p.query.Get("reason"),
		})
		return m, "/v1/movements/" + url.PathEscape(m.GetMovementId()), err
	}},
}

// plain takes documents as what they are; whole requests, and what is posted elsewhere, it
// leaves to others.
func (s *Server) plain(conn *grpc.ClientConn, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		target, ok := postings[r.URL.Path]
		mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch {
		case r.URL.Path == deliveries || !ok && err != nil && r.ContentLength == 0: // XML as signed, or nothing at all
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
		for name := range r.URL.Query() {
			if !slices.Contains(target.query, name) {
				problem(w, status.Newf(codes.InvalidArgument, "no parameter %q here: there are %s", name, strings.Join(target.query, ", ")))
				return
			}
		}
		content, err := readBody(r)
		if err != nil {
			problem(w, status.New(codes.InvalidArgument, err.Error()))
			return
		}
		uri, _ := r.Context().Value(identityKey{}).(string)
		ctx := metadata.AppendToOutgoingContext(r.Context(), identityHeader, uri)
		if lang := r.Header.Get("Accept-Language"); lang != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "accept-language", lang)
		}
		if mediaType == "text/xml" {
			mediaType = "application/xml"
		}
		answer, made, err := target.call(ctx, conn, posted{r.Header.Get(HeaderIdempotencyKey), mediaType, content, r.URL.Query()})
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
