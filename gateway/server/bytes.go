package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// The bytes of attachments go through the REST door as they are: a part is put with Content-Range (RFC 9110,
// section 14.5), and asked for with Range (section 14.2).

var contentRange = regexp.MustCompile(`^bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})$`)

// putRange is which bytes of how many a request puts.
type putRange struct{ offset, length, size int64 }

// putRangeOf reads what a request puts: the whole, or what Content-Range says.
func putRangeOf(r *http.Request) (p putRange, err error) {
	if err := once(r.Header, "Content-Range", "Content-Type"); err != nil {
		return p, err
	}
	if r.ContentLength < 0 {
		return p, errors.New("Content-Length: want it, of bytes that are not compressed")
	}
	text := r.Header.Get("Content-Range")
	if text == "" {
		return putRange{0, r.ContentLength, r.ContentLength}, nil
	}
	m := contentRange.FindStringSubmatch(text)
	if m == nil {
		return p, errors.New("Content-Range: want bytes FIRST-LAST/SIZE")
	}
	var last int64
	for i, n := range []*int64{&p.offset, &last, &p.size} {
		if *n, err = strconv.ParseInt(m[i+1], 10, 64); err != nil {
			return p, err
		}
	}
	if p.length = last - p.offset + 1; p.length != r.ContentLength || last >= p.size {
		return p, errors.New("Content-Range: it is not of as many bytes as the body, or beyond the size")
	}
	return p, nil
}

// putBytes takes bytes of an attachment as they come, a piece at a time: of a request that breaks off the whole
// pieces are there, and so are those of one that ends within a piece.
func (s *Server) putBytes(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn, digest string) {
	if most := s.maxBody(); r.ContentLength > most {
		writeProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("want parts of at most %d bytes, with Content-Range", most/store.ChunkBytes*store.ChunkBytes), nil)
		return
	}
	p, err := putRangeOf(r)
	mediaType := ""
	if kind := r.Header.Get("Content-Type"); err == nil && kind != "" {
		if mediaType, _, err = mime.ParseMediaType(kind); mediaType == "application/octet-stream" {
			mediaType = ""
		}
	}
	if err != nil {
		problem(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	ctx, attachments := passingOn(r), exchangev1.NewAttachmentServiceClient(conn)
	var there *exchangev1.Upload
	piece := make([]byte, flow.MaxPiece)
	for dropped := false; there == nil || p.length > 0 && !dropped && there.State != string(store.AttachmentHere); {
		n, broken := io.ReadFull(r.Body, piece[:min(p.length, flow.MaxPiece)])
		p.length -= int64(n)
		if rest := n % store.ChunkBytes; p.offset+int64(n) < p.size && rest > 0 {
			n, dropped = n-rest, true
		}
		if n > 0 || broken == nil {
			if there, err = attachments.Put(ctx, &exchangev1.PutAttachmentRequest{
				Sha256: digest, Size: uint64(p.size), MediaType: mediaType, Offset: uint64(p.offset), Content: piece[:n],
			}); err != nil {
				problem(w, status.Convert(err))
				return
			}
			p.offset += int64(n)
		}
		if broken != nil {
			problem(w, status.New(codes.InvalidArgument, "the body breaks off"))
			return
		}
	}
	body, err := restJSON.Marshal(there)
	if err != nil {
		problem(w, status.New(codes.Internal, "answer"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// bytesWanted is what Range may ask for here: all from a byte on, or to another.
var bytesWanted = regexp.MustCompile(`^bytes=([0-9]{1,18})-([0-9]{0,18})$`)

// sendTimeout is how long one part may take to be sent.
const sendTimeout = 2 * time.Minute

// parts are the bytes of an attachment as a call brings them, some after the other.
type parts = grpc.ServerStreamingClient[exchangev1.AttachmentPart]

// getReceived sends the bytes of an attachment that a partner's message names.
func (s *Server) getReceived(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	query, err := posting{query: []string{"sender"}}.parameters(r.URL.RawQuery)
	s.getBytes(w, r, err, func(ctx context.Context, id, digest string, offset uint64) (parts, error) {
		return exchangev1.NewAttachmentServiceClient(conn).Read(ctx, &exchangev1.ReadAttachmentRequest{MessageId: id, Sha256: digest, Sender: query.Get("sender"), Offset: offset})
	})
}

// getDelivered sends a partner the bytes of an attachment that a message to it names.
func (s *Server) getDelivered(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	_, err := posting{}.parameters(r.URL.RawQuery)
	s.getBytes(w, r, err, func(ctx context.Context, id, digest string, offset uint64) (parts, error) {
		return exchangev1.NewPeerServiceClient(conn).Attachment(ctx, &exchangev1.PeerAttachmentRequest{MessageId: id, Sha256: digest, Offset: offset})
	})
}

// getBytes sends the bytes of an attachment as they are, if nothing is wrong with the request.
func (s *Server) getBytes(w http.ResponseWriter, r *http.Request, err error, ask func(ctx context.Context, id, digest string, offset uint64) (parts, error)) {
	digest := r.PathValue("sha256")
	var first, last int64 = 0, -1
	ranged := r.Header.Get("Range") != ""
	if ranged && err == nil {
		if m := bytesWanted.FindStringSubmatch(r.Header.Get("Range")); m == nil || once(r.Header, "Range") != nil {
			err = errors.New("Range: want bytes=FIRST- or bytes=FIRST-LAST")
		} else {
			first, _ = strconv.ParseInt(m[1], 10, 64) // of 18 digits
			if m[2] != "" {
				last, _ = strconv.ParseInt(m[2], 10, 64)
			}
			if last >= 0 && last < first {
				err = errors.New("Range: the last byte comes before the first")
			}
		}
	}
	if err != nil {
		problem(w, status.New(codes.InvalidArgument, err.Error()))
		return
	}
	stream, err := ask(passingOn(r), r.PathValue("message_id"), digest, uint64(first))
	if err != nil {
		problem(w, status.Convert(err))
		return
	}
	part, err := stream.Recv()
	if errors.Is(err, io.EOF) || status.Code(err) == codes.OutOfRange {
		writeProblem(w, http.StatusRequestedRangeNotSatisfiable, "there is nothing behind the last byte", nil)
		return
	}
	if err != nil {
		problem(w, status.Convert(err))
		return
	}
	size := int64(part.Size)
	if last < 0 || last >= size {
		last = size - 1
	}
	left := last - first + 1
	h := w.Header()
	h.Set("Content-Type", part.MediaType)
	h.Set("Content-Length", strconv.FormatInt(left, 10))
	h.Set("Content-Disposition", "attachment")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", strconv.Quote(digest))
	if ranged {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	defer http.NewResponseController(w).SetWriteDeadline(time.Time{})
	for err == nil && left > 0 { // what has begun and ends too soon is cut off
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTimeout))
		content := part.Content[:min(int64(len(part.Content)), left)]
		if _, err = w.Write(content); err != nil {
			return // whoever asks has left
		}
		if left -= int64(len(content)); left > 0 {
			part, err = stream.Recv()
		}
	}
}
