package server

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/peer"
)

// content is the document of a message that a partner has fetched, with the named headers of a delivery. What
// broke off goes on with a Range, as long as the ETag is the same.
func (s *Server) content(w http.ResponseWriter, r *http.Request, conn *grpc.ClientConn) {
	uri, _ := r.Context().Value(identityKey{}).(string)
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(r.Context(), identityHeader, uri))
	defer cancel()
	if lang := r.Header.Get("Accept-Language"); lang != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "accept-language", lang)
	}
	c := &fetchedParts{
		ctx: ctx, client: exchangev1.NewSubscriptionServiceClient(conn),
		asked: &exchangev1.FetchedContentRequest{Name: r.PathValue("name"), MessageId: r.PathValue("message_id")},
	}
	defer c.close()
	first, err := c.open(0)
	if err != nil {
		problem(w, status.Convert(err))
		return
	}
	c.size = first.GetSealed().GetSize()
	for name, value := range map[string]string{
		"Content-Type": "application/xml", "ETag": `"` + first.GetPayloadDigest() + `"`, "Cache-Control": "no-store",
		peer.HeaderMessageID: first.GetMessageId(), peer.HeaderKind: first.GetKind(),
		peer.HeaderHeader:    base64.StdEncoding.EncodeToString(first.GetSealed().GetHeader()),
		peer.HeaderSignature: base64.StdEncoding.EncodeToString(first.GetSealed().GetSignature()),
	} {
		w.Header().Set(name, value)
	}
	if strings.Contains(r.Header.Get("Range"), ",") { // each piece would be read by itself: then the whole goes
		r.Header.Del("Range")
	}
	out := http.NewResponseController(w)
	if out.SetWriteDeadline(time.Now().Add(ContentTimeout)) == nil { // who comes no further goes on by a range
		defer func() { _ = out.SetWriteDeadline(time.Time{}) }() // the connection serves others
	}
	http.ServeContent(w, r, "", time.Time{}, c)
}

// ContentTimeout is how long a document may take to go out. What has not by then goes on from where it is.
const ContentTimeout = 5 * time.Minute

// fetchedParts reads the parts of a document, from wherever it is to be read.
type fetchedParts struct {
	ctx    context.Context
	client exchangev1.SubscriptionServiceClient
	asked  *exchangev1.FetchedContentRequest
	size   int64

	at    int64 // of what is read next
	parts grpc.ServerStreamingClient[exchangev1.ContentPart]
	stop  context.CancelFunc
	begun int64  // of what parts brings next, behind left
	left  []byte // of the part that has come
}

// open asks for the parts from a byte on, and returns the one that says what they are of.
func (c *fetchedParts) open(at int64) (*exchangev1.ContentPart, error) {
	c.close()
	ctx, stop := context.WithCancel(c.ctx)
	c.stop, c.begun, c.left = stop, at, nil
	c.asked.Offset = at
	parts, err := c.client.Content(ctx, c.asked)
	if err != nil {
		return nil, err
	}
	c.parts = parts
	return parts.Recv()
}

func (c *fetchedParts) close() {
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

func (c *fetchedParts) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("before the first byte")
	}
	c.at = offset
	return offset, nil
}

func (c *fetchedParts) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	if c.begun != c.at {
		if _, err := c.open(c.at); err != nil {
			return 0, err
		}
	}
	for len(c.left) == 0 {
		part, err := c.parts.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		c.left = part.GetContent()
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	c.at += int64(n)
	c.begun += int64(n)
	return n, nil
}
