package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
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
// question, and nobody but the gateway can read where the page ended.
type pages struct{ key, nonces [32]byte }

// sealing is what tokens are encrypted by. Its nonce is made of all that a token says and is bound to: the
// same is the same token, and no other has its nonce.
func (p *pages) sealing() (cipher.AEAD, error) {
	block, err := aes.NewCipher(p.key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

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
	aead, err := p.sealing()
	if err != nil {
		return page{}, err
	}
	var bound []byte // what a token is bound to
	for _, part := range [][]byte{[]byte(question.Descriptor().FullName()), []byte(callerOf(ctx).URI), raw} {
		bound = append(binary.BigEndian.AppendUint64(bound, uint64(len(part))), part...)
	}
	tokenAt := func(place string) string {
		mac := hmac.New(sha256.New, p.nonces[:])
		mac.Write(bound)
		mac.Write([]byte(place))
		nonce := mac.Sum(nil)[:aead.NonceSize()]
		return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(place), bound))
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
	if n := aead.NonceSize(); err == nil && len(given) > n {
		if place, err := aead.Open(nil, given[:n], given[n:], bound); err == nil {
			if out.place = string(place); len(place) == 8 {
				out.after = gateway.Commit(binary.BigEndian.Uint64(place))
			}
			return out, nil
		}
	}
	return page{}, gateway.Fault{Code: gateway.PageToken, Severity: gateway.Error, Path: "pageToken"}
}
