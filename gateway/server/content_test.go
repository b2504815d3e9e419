package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// waits has a message of so many bytes wait for an administration, and returns it.
func (h *house) waits(to gateway.Administration, size int) store.Message {
	h.t.Helper()
	return h.waitTogether(to, size)[0]
}

// waitTogether has messages of so many bytes wait that one commit has made.
func (h *house) waitTogether(to gateway.Administration, sizes ...int) (all []store.Message) {
	h.t.Helper()
	for _, size := range sizes {
		all = append(all, h.sealed(to, size))
	}
	h.do(func(tx *store.Tx) (err error) {
		for _, m := range all {
			err = errors.Join(err, tx.PutMessage(m), tx.Audit("test", "queued", string(m.ID), m.PayloadDigest))
		}
		return err
	})
	return all
}

func (h *house) sealed(to gateway.Administration, size int) store.Message {
	h.t.Helper()
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = "abcdefghijklmnopqrstuvwxyz<>"[rand.IntN(28)]
	}
	now := time.Now().UTC()
	id := gateway.MessageID(h.fresh())
	signed := h.signed(seal.Header{MessageID: id, Kind: "PreArrivalNotice", Sender: "CN", Recipient: to, KeyID: "cn-1", Conversation: "c", Created: now}, payload)
	return store.Message{
		ID: id, Route: "cn-ru-pre-arrival-notice", Kind: "PreArrivalNotice", Recipient: to, Chain: id, Whole: id, State: gateway.Queued, Created: now, ValidUntil: now.Add(time.Hour),
		Header: signed.Header, Signature: signed.Signature, Payload: payload, PayloadDigest: gateway.DigestOf(payload), NextAttempt: now.Add(time.Hour), Answers: []store.Answer{}, Part: 1, Version: 1,
	}
}

// asks sends a request to the REST door and returns its answer with the whole body.
func (h *house) asks(as, verb, path, body string, header ...string) (*http.Response, []byte) {
	h.t.Helper()
	r, err := http.NewRequest(verb, h.rest+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := h.web[as].Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer, raw
}

// TestParallelAFetchedDocumentGoesOnAtAnyByte: by HTTPS with Range, by gRPC with an offset, a document that
// broke off goes on where it did; what is not the caller's, or was not handed out to it, is not there.
func TestParallelAFetchedDocumentGoesOnAtAnyByte(t *testing.T) {
	h := newHouseWith(t, map[gateway.Administration]flow.Fetches{"RU": {}, "KZ": {}}, nil)
	h.flow.Links["KZ"] = deaf{}
	const size = 700_000
	m, foreign := h.waits("RU", size), h.waits("KZ", 100)
	path := "/v1/subscriptions/all/messages/" + string(m.ID)
	if answer, raw := h.asks("partner", "POST", "/v1/subscriptions", `{"name": "all", "kinds": ["PreArrivalNotice"]}`); answer.StatusCode != 200 {
		t.Fatalf("%s\n%s", answer.Status, raw)
	}
	for range 2 { // commits count what all send
		h.waits("KZ", 10)
	}
	before, said := h.asks("partner", "GET", path, "") // it was not handed out
	if before.StatusCode != 404 {
		t.Errorf("before it is fetched: %s\n%s", before.Status, said)
	}
	answer, raw := h.asks("partner", "POST", "/v1/subscriptions/all:fetch", "{}")
	got := new(exchangev1.FetchResponse)
	if err := protojson.Unmarshal(raw, got); err != nil || len(got.Messages) != 1 {
		t.Fatalf("%s, %v\n%.300s", answer.Status, err, raw)
	}
	if s := got.Messages[0].Sealed; !bytes.Equal(s.Payload, m.Payload) || !bytes.Equal(s.Header, m.Header) || !bytes.Equal(s.Signature, m.Signature) || s.Size != size {
		t.Errorf("another message: %d bytes of %d", len(s.Payload), s.Size)
	}
	whole, raw := h.asks("partner", "GET", path, "", "Accept-Encoding", "gzip")
	etag := `"` + m.PayloadDigest.String() + `"`
	if whole.StatusCode != 200 || !bytes.Equal(raw, m.Payload) || whole.Header.Get("ETag") != etag || whole.Header.Get(peer.HeaderMessageID) != string(m.ID) || whole.Header.Get(peer.HeaderKind) != m.Kind ||
		whole.Header.Get("Content-Length") != strconv.Itoa(size) || whole.Header.Get("Content-Encoding") != "" {
		t.Errorf("%s, %d bytes, %v", whole.Status, len(raw), whole.Header)
	}
	client := exchangev1.NewSubscriptionServiceClient(h.grpc["partner"])
	for _, at := range []int{0, 1, 4095, contentPart - 1, contentPart, contentPart + 1, 2*contentPart + 7, size - 1} {
		part, raw := h.asks("partner", "GET", path, "", "Range", fmt.Sprintf("bytes=%d-", at), "If-Range", etag)
		if part.StatusCode != 206 || !bytes.Equal(raw, m.Payload[at:]) {
			t.Errorf("from byte %d: %s, %d bytes", at, part.Status, len(raw))
		}
		stream, err := client.Content(t.Context(), &exchangev1.FetchedContentRequest{Name: "all", MessageId: string(m.ID), Offset: int64(at)})
		if err != nil {
			t.Fatal(err)
		}
		var rest []byte
		for first := true; ; first = false {
			part, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if first && (part.GetPayloadDigest() != m.PayloadDigest.String() || part.GetSealed().GetSize() != size) {
				t.Errorf("the first part is %v", part)
			}
			rest = append(rest, part.Content...)
		}
		if !bytes.Equal(rest, m.Payload[at:]) {
			t.Errorf("from byte %d by gRPC: %d bytes", at, len(rest))
		}
	}
	for name, tt := range map[string]struct {
		header []string
		status int
		bytes  int
	}{
		"behind the end":       {[]string{"Range", fmt.Sprintf("bytes=%d-", size)}, 416, -1},
		"of another document":  {[]string{"Range", "bytes=5-", "If-Range", `"0000"`}, 200, size},
		"the end":              {[]string{"Range", "bytes=-10"}, 206, 10},
		"a piece":              {[]string{"Range", "bytes=10-19"}, 206, 10},
		"what the caller has":  {[]string{"If-None-Match", etag}, 304, 0},
		"two pieces":           {[]string{"Range", "bytes=0-0,5-9"}, 200, size},
		"a range of no number": {[]string{"Range", "bytes=x-"}, 416, -1},
	} {
		got, raw := h.asks("partner", "GET", path, "", tt.header...)
		if got.StatusCode != tt.status || tt.bytes >= 0 && len(raw) != tt.bytes {
			t.Errorf("%s: %s, %d bytes", name, got.Status, len(raw))
		}
	}
	for _, offset := range []int64{-1, size + 1} {
		stream, err := client.Content(t.Context(), &exchangev1.FetchedContentRequest{Name: "all", MessageId: string(m.ID), Offset: offset})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("from byte %d: %v", offset, err)
		}
	}
	for _, path := range []string{"/v1/subscriptions", "/v1/subscriptions/all"} {
		if answer, raw := h.asks("partner", "GET", path, ""); answer.StatusCode != 200 || !bytes.Contains(raw, []byte(`"name":"all"`)) || bytes.Contains(raw, []byte("position")) {
			t.Errorf("%s says how much there is: %s\n%s", path, answer.Status, raw)
		}
	}
	unknown, one := h.asks("partner", "GET", "/v1/subscriptions/all/messages/"+h.fresh(), "")
	others, two := h.asks("partner", "GET", "/v1/subscriptions/all/messages/"+string(foreign.ID), "")
	if unknown.StatusCode != 404 || others.StatusCode != 404 || !bytes.Equal(one, two) {
		t.Errorf("what is another's differs from what is not there:\n%s\n%s", one, two)
	}
	for as, want := range map[string]int{"post": 403, "operator": 403, "system": 404} {
		if got, raw := h.asks(as, "GET", path, ""); got.StatusCode != want {
			t.Errorf("%s: %s\n%s", as, got.Status, raw)
		}
	}
	if got, raw := h.asks("partner", "POST", path, "{}"); got.StatusCode != 405 || got.Header.Get("Allow") != "GET" {
		t.Errorf("posted: %s %v\n%s", got.Status, got.Header, raw)
	}
}

// partner is whom a partner's gateway knows, and what it shows.
func (h *house) partner() (*mtls.Registry, tls.Certificate) {
	h.t.Helper()
	pair, err := mtls.LoadCertificate(h.cert("ru/gateway"))
	if err != nil {
		h.t.Fatal(err)
	}
	roots, err := mtls.LoadRoots(h.dir + "/cn/ca.pem")
	if err != nil {
		h.t.Fatal(err)
	}
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: "customs://CN/gateway/1", Roots: roots}})
	if err != nil {
		h.t.Fatal(err)
	}
	return registry, pair
}

// TestParallelEitherLinkAsksTheSame: a partner's gateway asks by gRPC and by plain HTTPS, and gets the same statements.
func TestParallelEitherLinkAsksTheSame(t *testing.T) {
	h := newHouse(t)
	registry, pair := h.partner()
	at := peer.Partner{URI: "customs://CN/gateway/1", Address: h.address}
	call, err := peer.NewLink(at, registry, pair)
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	at.Address = strings.TrimPrefix(h.rest, "https://")
	post := peer.NewHTTPS(at, registry, pair, false, time.Now)
	defer post.Close()
	came := h.inbound(gateway.Accepted)
	for name, link := range map[string]flow.Asked{"grpc": call, "https": post} {
		header := seal.Header{MessageID: gateway.MessageID(h.fresh()), Sender: "RU", Recipient: "CN", Created: time.Now().UTC()}
		query := seal.StatusQuery{MessageIDs: []gateway.MessageID{gateway.MessageID(came), "never"}}
		asked, err := h.ru.Sign(header, query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := link.Status(t.Context(), asked)
		if err != nil {
			t.Fatal(name, err)
		}
		status, err := h.flow.Trust.OpenStatus(got.Header, got.Statement, got.Signature, asked.Header(), query, time.Now())
		if err != nil || status.Entries[0].Status != seal.StatusAccepted || status.Entries[1].Status != seal.StatusNeverReceived {
			t.Errorf("%s: %+v, %v", name, status, err)
		}
		header.MessageID = gateway.MessageID(h.fresh())
		if asked, err = h.ru.Sign(header, seal.BalanceQuery{Since: time.Now().Add(-time.Hour).UTC()}); err != nil {
			t.Fatal(err)
		}
		if got, err = link.Balance(t.Context(), asked); err != nil {
			t.Fatal(name, err)
		}
		page, err := h.flow.Trust.OpenBalance(got.Header, got.Statement, got.Signature, asked.Header(), time.Now())
		if err != nil || len(page.Entries) != 1 {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
	}
}

// TestParallelAPartnersGatewayFetchesOverTheWire: by the link that a gateway has, also what has no room in an
// answer, and as it comes.
func TestParallelAPartnersGatewayFetchesOverTheWire(t *testing.T) {
	h := newHouseWith(t, map[gateway.Administration]flow.Fetches{"RU": {}}, nil)
	registry, pair := h.partner()
	link, err := peer.NewLink(peer.Partner{URI: "customs://CN/gateway/1", Address: h.address}, registry, pair)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()
	small, big := h.waits("RU", 1000), h.waits("RU", flow.MaxInlined+1)
	for range 2 {
		if err := link.Subscribe(t.Context(), "gateway", "RU"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := link.Fetch(t.Context(), "gateway", 10, time.Minute)
	if err != nil || len(got.Messages) != 2 {
		t.Fatalf("%d messages, %v", len(got.Messages), err)
	}
	if a, b := got.Messages[0], got.Messages[1]; !bytes.Equal(a.Payload, small.Payload) || b.Payload != nil || b.Size != int64(len(big.Payload)) {
		t.Errorf("%d bytes of %d, %d bytes of %d", len(a.Payload), a.Size, len(b.Payload), b.Size)
	}
	content, err := link.Content(t.Context(), "gateway", got.Messages[1], 8<<20)
	if err != nil || !bytes.Equal(content, big.Payload) {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	if _, err := link.Content(t.Context(), "gateway", got.Messages[1], 1<<20); err == nil {
		t.Error("more bytes were taken than may be")
	}
	if err := link.Acknowledge(t.Context(), "gateway", got.Lease, peer.Receipt{Header: small.Header, Statement: small.Payload, Signature: small.Signature}); status.Code(errors.Unwrap(err)) != codes.FailedPrecondition {
		t.Errorf("what is no receipt: %v", err)
	}
	convoy := h.waitTogether("RU", slices.Repeat([]int{10}, 25)...)
	if got, err = link.Fetch(t.Context(), "gateway", 10, time.Minute); err != nil || len(got.Messages) != len(convoy) {
		t.Errorf("of a convoy of %d come %d, %v", len(convoy), len(got.Messages), err)
	}
	follow, err := exchangev1.NewSubscriptionServiceClient(h.grpc["partner"]).Follow(t.Context(), &exchangev1.FetchRequest{Name: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := follow.Header(); err != nil {
		t.Fatal(err)
	}
	later := h.waits("RU", 10)
	part, err := follow.Recv()
	if err != nil || len(part.Messages) != 1 || part.Messages[0].Message.MessageId != string(later.ID) || part.Lease == "" {
		t.Errorf("as it comes: %v, %v", part, err)
	}
}
