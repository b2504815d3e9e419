package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
)

// Page sizes of lists.
const (
	DefaultPage = 50
	MaxPage     = 500
)

// pages makes the tokens that lists go on by. A token is good for one caller and one
// question, and says nothing but where the page ended that the caller has seen.
type pages struct{ key [32]byte }

// asked is a request for a page of a list.
type asked interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// page is a page that was asked for: how much of it, and behind which commit.
type page struct {
	size  int
	after gateway.Commit
	token func(last gateway.Commit) string // of the page behind one
	// Of a list that is in another order than that of commits: behind which place, and the token of
	// the page behind one.
	place   string
	tokenAt func(place string) string
}

// of reads a request for a page.
func (p *pages) of(ctx context.Context, r asked) (page, error) {
	question := proto.Clone(r).ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token"} {
		question.Clear(question.Descriptor().Fields().ByName(name))
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(question.Interface())
	if err != nil {
		return page{}, err
	}
	tokenAt := func(place string) string {
		mac, at := hmac.New(sha256.New, p.key[:]), []byte(place)
		for _, part := range [][]byte{at, []byte(question.Descriptor().FullName()), []byte(callerOf(ctx).URI), raw} {
			mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
			mac.Write(part)
		}
		return base64.RawURLEncoding.EncodeToString(mac.Sum(at))
	}
	out := page{size: DefaultPage, tokenAt: tokenAt, token: func(last gateway.Commit) string {
		return tokenAt(string(binary.BigEndian.AppendUint64(nil, uint64(last))))
	}}
	if n := int(r.GetPageSize()); n > 0 {
		out.size = min(n, MaxPage)
	}
	if r.GetPageToken() == "" {
		return out, nil
	}
	given, err := base64.RawURLEncoding.DecodeString(r.GetPageToken())
	if err == nil && len(given) > sha256.Size {
		out.place = string(given[:len(given)-sha256.Size])
		if hmac.Equal([]byte(tokenAt(out.place)), []byte(r.GetPageToken())) {
			if len(out.place) == 8 {
				out.after = gateway.Commit(binary.BigEndian.Uint64(given))
			}
			return out, nil
		}
	}
	return page{}, gateway.Fault{Code: gateway.PageToken, Severity: gateway.Error, Path: "pageToken"}
}
