package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/conversation"
	"customs.example/gateway/event"
	"customs.example/gateway/expr"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
	"customs.example/gateway/validate"
	"customs.example/mappings"
	"customs.example/xsd"
)

var update = flag.Bool("update", false, "rewrite expected results")

var chain = sync.OnceValues(func() (*flow.Chain, error) {
	c := &flow.Chain{Limits: schema.DefaultLimits}
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		return nil, err
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, err
	}
	if c.Rules, err = validate.Load(mappings.FS, env, lists); err != nil {
		return nil, err
	}
	if c.Tables, err = mapping.Load(mappings.FS, env, lists); err != nil {
		return nil, err
	}
	if c.Routes, err = release.Load(mappings.FS, c.Tables); err != nil {
		return nil, err
	}
	c.Schemas, err = schema.Load(xsd.FS)
	return c, err
})

// house is a running gateway of China, at both doors, with callers of every role.
type house struct {
	t       testing.TB
	flow    *flow.Gateway
	ru      *seal.Keyring // to sign as Russia does
	told    *told
	dir     string
	grpc    map[string]*grpc.ClientConn
	web     map[string]*http.Client
	rest    string       // the address of the door
	address string       // of the other, of gRPC
	n       atomic.Int64 // for ids that are used once
	// joined is the id of a submission that became a message.
	joined string
	// system is who the administration's own system is.
	system flow.Caller
}

// who are the callers of the matrix, by the names of their certificates. The gateway's own
// certificate is good, and bound to no role.
var who = map[string]string{
	"post": "cn/post", "system": "cn/national", "supervisor": "cn/supervisor", "analyst": "cn/analyst", "operator": "cn/operator",
	"auditor": "cn/auditor", "partner": "ru/gateway", "unbound": "cn/gateway",
}

func newHouse(t testing.TB) *house { return newHouseWith(t, nil, nil) }

// newHouseWith is a house whose partner fetches, if that is said, or is spoken to by envelopes.
func newHouseWith(t testing.TB, fetches map[gateway.Administration]flow.Fetches, with *conversation.Partner) *house {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "pki"), told: new(told), grpc: map[string]*grpc.ClientConn{}, web: map[string]*http.Client{}}
	must(mtls.GenerateDevPKI(h.dir, time.Now(), mtls.DevAuthorities()))
	always := seal.Validity{From: time.Unix(0, 0), Until: time.Now().AddDate(50, 0, 0)}
	var trusted []seal.TrustFile
	keys := map[string]*seal.Keyring{}
	for _, a := range []string{"cn", "ru"} {
		own := gateway.Administration(strings.ToUpper(a))
		must(mtls.GenerateSigningKey(filepath.Join(h.dir, a, "signing.pem")))
		k, err := seal.LoadKeyring(own, []seal.KeyFile{{ID: a + "-1", File: filepath.Join(h.dir, a, "signing.pem"), Validity: always}})
		must(err)
		keys[a] = k
		trusted = append(trusted, seal.TrustFile{ID: a + "-1", Administration: own, File: filepath.Join(h.dir, a, "signing.pub.pem"), Validity: always})
	}
	h.ru = keys["ru"]
	trust, err := seal.LoadTrust(trusted)
	must(err)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "gateway.db"), time.Now)
	must(err)
	t.Cleanup(func() { db.Close() })
	tolerances, err := reconcile.LoadTolerances(mappings.FS)
	must(err)
	c, err := chain()
	must(err)
	log := event.NewLog(slog.New(catalogued{t}), h.told)
	h.flow = flow.New(flow.Options{
		Own: "CN", Chain: c, Store: db, Keys: keys["cn"], Trust: trust, Tolerances: tolerances, Now: time.Now,
		Links: map[gateway.Administration]flow.Link{"RU": deaf{}}, Fetches: fetches,
		NewID: h.fresh, Jitter: func() float64 { return 0 }, Log: log,
	})
	roots := func(side string) (p mtls.Party) {
		certs, err := mtls.LoadRoots(filepath.Join(h.dir, side, "ca.pem"))
		must(err)
		p.Roots = certs
		return p
	}
	var parties []mtls.Party
	var callers []Caller
	uris := map[string]string{}
	for name, cert := range who {
		pair, err := mtls.LoadCertificate(h.cert(cert))
		must(err)
		uri, err := mtls.URI(pair.Leaf)
		must(err)
		uris[name] = uri
		side, _, _ := strings.Cut(cert, "/")
		p := roots(side)
		p.URI = uri
		parties = append(parties, p)
		switch name {
		case "partner":
			callers = append(callers, Caller{URI: uri, Role: Partner, Administrations: []gateway.Administration{"RU"}, Fetches: fetches != nil})
		case "unbound":
		default:
			c := Caller{URI: uri, Role: Role(name)}
			if c.Role == System {
				h.system = flow.Caller{URI: uri, Office: "0603"}
			}
			if NeedsOffice(c.Role) {
				c.Offices = []string{"0603"}
			}
			callers = append(callers, c)
		}
	}
	registry, err := mtls.NewRegistry(time.Now, parties)
	must(err)
	own, err := mtls.LoadCertificate(h.cert("cn/gateway"))
	must(err)
	link, err := peer.NewLink(peer.Partner{URI: uris["partner"], Address: "127.0.0.1:1"}, registry, own) // where nobody listens
	must(err)
	t.Cleanup(func() { link.Close() })
	loaded, err := analysis.TakeInventory(mappings.FS)
	must(err)
	conversations := map[string]*conversation.Partner{}
	if with != nil {
		conversations[uris["partner"]] = with
	}
	doors := New(Options{Flow: h.flow, Conversations: conversations, Registry: registry, Certificate: own, Callers: callers, Log: log, Loaded: loaded, Introduction: Introduction{
		URI: uris["unbound"], Ends: registry.Expiries,
		Card:  func() ([]byte, gateway.Digest, error) { return []byte("card"), gateway.DigestOf([]byte("card")), nil },
		Links: map[gateway.Administration]Link{"RU": link}, Known: c.Routes, Samples: func(string) []flow.File { return nil },
	}})
	var listeners [2]net.Listener
	for i := range listeners {
		listeners[i], err = net.Listen("tcp", "127.0.0.1:0")
		must(err)
	}
	h.rest, h.address = "https://"+listeners[1].Addr().String(), listeners[0].Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- doors.Serve(ctx, listeners[0], listeners[1]) }()
	for name, cert := range who {
		pair, err := mtls.LoadCertificate(h.cert(cert))
		must(err)
		p := roots("cn")
		p.URI = "customs://CN/gateway/1"
		server, err := mtls.NewRegistry(time.Now, []mtls.Party{p})
		must(err)
		h.grpc[name], err = grpc.NewClient("passthrough:///"+listeners[0].Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(server.ClientConfig(pair, p.URI))))
		must(err)
		h.web[name] = &http.Client{Transport: &http.Transport{TLSClientConfig: server.ClientConfig(pair, p.URI)}, Timeout: 30 * time.Second}
	}
	t.Cleanup(func() {
		for name := range who {
			h.grpc[name].Close()
			h.web[name].CloseIdleConnections()
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) cert(name string) (cert, key string) {
	return filepath.Join(h.dir, name+".pem"), filepath.Join(h.dir, name+"-key.pem")
}

// fresh is an id that nothing has yet.
func (h *house) fresh() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", h.n.Add(1)) }

func (h *house) do(work func(*store.Tx) error) {
	h.t.Helper()
	if _, err := h.flow.Store.Do(h.t.Context(), func(tx *store.Tx) error {
		return errors.Join(work(tx), tx.Audit("test", "put", "", gateway.Digest{}))
	}); err != nil {
		h.t.Fatal(err)
	}
}

// submission puts a held part of an office on the record and returns its id.
func (h *house) submission(office string) string {
	id := h.fresh()
	h.do(func(tx *store.Tx) error {
		return tx.PutSubmission(store.Submission{
			Office: office, ID: id, Kind: "Manifest", State: gateway.Held, Received: time.Now(), Batch: "B-" + office, Faults: gateway.Faults{}, WaitsFor: []string{"vehicle"},
		})
	})
	return id
}

// inbound puts a message from Russia into the inbox and returns its id.
func (h *house) inbound(state gateway.MessageState) string {
	id := h.fresh()
	h.do(func(tx *store.Tx) error {
		in := store.Inbound{
			ID: gateway.MessageID(id), Sender: "RU", Kind: map[gateway.MessageState]string{gateway.Accepted: "Answer"}[state], State: state,
			Faults: gateway.Faults{}, Unread: []string{}, Answers: []string{}, Receipt: &store.Statement{}, Received: time.Now(),
		}
		a := store.Arrival{
			Door: store.DoorPeer, Party: "RU", ID: id, Caller: "customs://RU/gateway/1", MediaType: flow.XML, Recipients: []string{}, Judged: true,
			Header: []byte("{}"), Received: time.Now(), Digest: gateway.DigestOf([]byte(id)),
		}
		return errors.Join(tx.PutInbound(in), tx.PutArrival(a))
	})
	return id
}

// handedIn puts an attachment of an office on the record.
func (h *house) handedIn(office string, content []byte) {
	h.do(func(tx *store.Tx) error { return putAttachment(tx, store.DoorSubmit, office, content) })
}

func putAttachment(tx *store.Tx, door, party string, content []byte) error {
	a := store.Attachment{
		Door: door, Party: party, Digest: gateway.DigestOf(content), MediaType: "image/png", Size: int64(len(content)), Received: int64(len(content)),
		State: store.AttachmentHere, Created: tx.Now(), Until: tx.Now().Add(time.Hour),
	}
	return errors.Join(tx.PutAttachment(a), tx.PutChunk(a, 0, content))
}

// attached puts a message from Russia into the inbox that names an attachment, which is here: one that is handed
// out, one that is not, and none.
func (h *house) attached(of object) (id string, digest gateway.Digest) {
	id = messageID(h, of)
	content := []byte("scan of " + id)
	digest = gateway.DigestOf(content)
	if of == unknown {
		return id, digest
	}
	h.do(func(tx *store.Tx) error {
		u := store.AttachmentUse{Door: store.DoorPeer, Party: "RU", Message: gateway.MessageID(id), Digest: digest, Kind: "SCAN", Size: int64(len(content)), Until: time.Now().Add(time.Hour)}
		return errors.Join(putAttachment(tx, store.DoorPeer, "RU", content), tx.PutAttachmentUse(u))
	})
	return id, digest
}

// outgoing puts a message of ours on the record and returns its id; a foreign one is one that Russia has sent.
func (h *house) outgoing(of object, state gateway.MessageState) string {
	switch of {
	case foreign:
		return h.inbound(gateway.Accepted)
	case unknown:
		return h.fresh()
	}
	id := gateway.MessageID(h.fresh())
	h.do(func(tx *store.Tx) error {
		return tx.PutMessage(store.Message{
			ID: id, Chain: id, Route: "cn-ru-pre-arrival-notice", Kind: "PreArrivalNotice", Recipient: "RU", State: state, Created: time.Now(),
			NextAttempt: time.Now().Add(time.Hour), ValidUntil: time.Now().Add(time.Hour), Canonical: []byte("{}"), PayloadDigest: gateway.DigestOf([]byte(id)), Answers: []store.Answer{},
		})
	})
	return string(id)
}

// named puts a message to an administration on the record that names an attachment; to none, none.
func (h *house) named(to gateway.Administration) (id string, digest gateway.Digest) {
	id, content := h.fresh(), []byte("scan")
	digest = gateway.DigestOf(content)
	if to == "" {
		return id, digest
	}
	h.handedIn("0603", content)
	h.do(func(tx *store.Tx) error {
		m := store.Message{ID: gateway.MessageID(id), Recipient: to, Route: "cn-" + strings.ToLower(string(to)) + "-inspection", State: gateway.Accepted, Answers: []store.Answer{}}
		u := store.AttachmentUse{Door: store.DoorSubmit, Party: "0603", Message: m.ID, Digest: digest, Kind: "SCAN", Until: time.Now().Add(time.Hour)}
		return errors.Join(tx.PutMessage(m), tx.PutAttachmentUse(u))
	})
	return id, digest
}

// subscription puts a subscription of one's own administration, or of another, on the record and returns its
// name; one that is nobody's is not there. Those before have ended: there is room for so many.
func (h *house) subscription(of object) string {
	name := "s" + h.fresh()
	owner := map[object]gateway.Administration{own: "CN", foreign: "KZ"}[of]
	if owner == "" {
		return name
	}
	h.do(func(tx *store.Tx) error {
		all, err := tx.Subscriptions(h.t.Context(), owner, flow.MaxSubscriptions)
		for _, sub := range all {
			if strings.HasPrefix(sub.Name, "s") {
				sub.Ended = time.Now()
				err = errors.Join(err, tx.PutSubscription(sub))
			}
		}
		return errors.Join(err, tx.PutSubscription(store.Subscription{Owner: owner, Name: name, Created: time.Now()}))
	})
	return name
}

// lease has a message fetched by the administration's system, by another system of the administration, or
// by nobody.
func (h *house) lease(of object) (name, lease, message string) {
	name = h.subscription(own)
	if of == unknown {
		return name, h.fresh(), h.fresh()
	}
	h.inbound(gateway.Accepted)
	by := h.system
	if of == foreign {
		by.URI = "customs://CN/system/second"
	}
	got, err := h.flow.Fetch(h.t.Context(), by, name, 1, 0)
	if err != nil || len(got.Messages) != 1 {
		h.t.Fatal(got, err)
	}
	return name, got.Lease, string(got.Messages[0].Message.ID)
}

// signed is a message as Russia signs it.
func (h *house) signed(header seal.Header, payload []byte) *exchangev1.DeliverRequest {
	h.t.Helper()
	header.Payload = gateway.DigestOf(payload)
	raw, err := json.Marshal(header)
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := h.ru.Current(time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	digest := gateway.DigestOf(raw)
	signature, err := key.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		h.t.Fatal(err)
	}
	return &exchangev1.DeliverRequest{Header: raw, Signature: signature, Payload: payload}
}

// notice submits both parts of a notice and returns the id of the second.
func (h *house) notice() string {
	for id, name := range map[string]string{"M-0": "mt2401.xml", "V-0": "mt4402.xml"} {
		raw, err := os.ReadFile("../../testdata/cases/" + name)
		if err != nil {
			h.t.Fatal(err)
		}
		if s, err := h.flow.Submit(h.t.Context(), flow.Caller{URI: "customs://CN/office/0603/post/1", Office: "0603"},
			flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: raw}); err != nil || s.Faults.Refuse() {
			h.t.Fatal(s.Faults, err)
		}
	}
	return "V-0"
}

// seen is a report of a container at an office.
func seen(id, office, unit string) []byte {
	return []byte(`{"envelope": {"documentId": "` + id + `", "issued": "` + time.Now().UTC().Format(time.RFC3339) + `"},
		"arrivalReport": {"office": {"administration": "CN", "code": "` + office + `"}, "at": "` + time.Now().UTC().Format(time.RFC3339) + `", "loadUnits": [{"id": "` + unit + `"}]}}`)
}

// movement has a container seen at an office and returns the movement's id.
func (h *house) movement(office, unit string) string {
	id := h.fresh()
	m, err := h.flow.RecordArrival(h.t.Context(), flow.Caller{URI: "customs://CN/office/" + office + "/post/1", Office: office}, flow.Record{ID: id, Content: seen(id, office, unit)})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(m.ID)
}

// object is whose a call's object is.
type object string

const (
	own     object = "own"     // the caller's to see
	foreign object = "foreign" // there, and not the caller's to see
	unknown object = "unknown" // not there
)

var objects = []object{own, foreign, unknown}

// The containers of the house's movements.
const (
	ownUnit, foreignUnit, unknownUnit = "ABCU1234560", "CSQU3054383", "ABCU7654320"
)

var units = map[object]string{own: ownUnit, foreign: foreignUnit, unknown: unknownUnit}

// line is how an RPC is asked for each object. The answers for foreign and unknown objects MUST
// NOT differ, unless a reason stands beside it.
type line struct {
	ask   func(h *house, of object) proto.Message
	apart string   // why foreign and unknown may be told apart
	sees  []string // roles to which nothing of this administration is foreign
}

// content is a document: for one's own office, for another, and none.
func content(h *house, of object) []byte {
	raw, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		h.t.Fatal(err)
	}
	switch of {
	case foreign:
		return bytes.ReplaceAll(raw, []byte(">0603<"), []byte(">9402<"))
	case unknown:
		return []byte("<nothing/>")
	}
	return bytes.ReplaceAll(raw, []byte("0603260301001"), fmt.Appendf(nil, "06032603%05d", h.n.Add(1))) // another batch, waybill by waybill
}

const byContent = "the document is the caller's own: its faults are told"

// submissionID is the id of a submission of one's own office, of another, and of none.
func submissionID(h *house, of object) string {
	switch of {
	case own:
		return h.submission("0603")
	case foreign:
		return h.submission("9402")
	}
	return h.fresh()
}

// messageID is the id of a message that is handed out, of one that is not, and of none.
func messageID(h *house, of object) string {
	switch of {
	case own:
		return h.inbound(gateway.Accepted)
	case foreign:
		return h.inbound(gateway.Refused)
	}
	return h.fresh()
}

// partners are one that there is a link to, one of others, and none.
var partners = map[object]string{own: "RU", foreign: "KZ", unknown: "XX"}

// deaf is a link to a partner that does not answer.
type deaf struct{}

func (deaf) Deliver(context.Context, seal.Sealed) (peer.Answer, error) {
	return peer.Answer{}, &peer.NotSentError{Cause: errors.New("nobody there")}
}

func (deaf) Attachment(context.Context, gateway.MessageID, gateway.Digest, int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(nil, errors.New("nobody there")) }
}

func (deaf) Status(context.Context, seal.Signed) (peer.Receipt, error) {
	return peer.Receipt{}, errors.New("nobody there")
}

func (deaf) Balance(context.Context, seal.Signed) (peer.Receipt, error) {
	return peer.Receipt{}, errors.New("nobody there")
}

var batches = map[object]string{own: "B-0603", foreign: "B-9402", unknown: "B-1"}

// lines are the RPCs.
var lines = map[string]line{
	"SubmissionService/Submit": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.SubmitRequest{SubmissionId: h.fresh(), Content: content(h, of)}
	}, apart: byContent},
	"SubmissionService/Check": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.CheckRequest{Content: content(h, of)}
	}, apart: byContent},
	"SubmissionService/Withdraw": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.WithdrawRequest{SubmissionId: submissionID(h, of), Reason: "not needed"}
	}},
	"SubmissionService/Choose": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ChooseRequest{SubmissionId: submissionID(h, of), All: true}
	}},
	"SubmissionService/Approve": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ApproveRequest{SubmissionId: submissionID(h, of), Office: map[object]string{foreign: "9402", unknown: "9402"}[of], Reason: "the truck broke down"}
	}},
	"SubmissionService/Rule": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.RuleRequest{SubmissionId: submissionID(h, of), Office: map[object]string{foreign: "9402", unknown: "9402"}[of], Verdict: "no-price", Reason: "it is a model number"}
	}},
	"ReportService/Coverage": {ask: func(h *house, of object) proto.Message {
		if of == own {
			return &exchangev1.CoverageRequest{Month: "2026-03"}
		}
		return &exchangev1.CoverageRequest{Month: "2026-03", ExitOffice: "CN 9402", EntryOffice: "KZ 39899001"}
	}},
	"SubmissionService/Get": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.GetSubmissionRequest{SubmissionId: submissionID(h, of), Office: map[object]string{foreign: "9402", unknown: "9402"}[of]}
	}},
	"SubmissionService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListSubmissionsRequest{Batch: batches[of], PageSize: 1}
	}},
	"SubmissionService/Watch": {ask: func(h *house, of object) proto.Message {
		if of == foreign {
			h.submission("9402")
		}
		return &exchangev1.WatchRequest{After: map[object]int64{own: 0, foreign: 1 << 40, unknown: 1 << 40}[of]}
	}},
	"SubmissionService/Sent": {ask: func(h *house, of object) proto.Message {
		if of == own {
			return &exchangev1.SentRequest{SubmissionId: h.joined}
		}
		return &exchangev1.SentRequest{SubmissionId: h.fresh(), Office: map[object]string{foreign: "9402", unknown: "9402"}[of]}
	}},
	"SubmissionService/Print": {ask: func(h *house, of object) proto.Message {
		if of == own {
			return &exchangev1.PrintRequest{SubmissionId: h.joined}
		}
		return &exchangev1.PrintRequest{SubmissionId: h.fresh()}
	}},
	"AttachmentService/Put": {ask: func(h *house, of object) proto.Message {
		content := fmt.Appendf(nil, "\x89PNG\r\n\x1a\n%d", h.n.Add(1))
		if of == foreign {
			h.handedIn("9402", content)
		}
		r := &exchangev1.PutAttachmentRequest{Sha256: gateway.DigestOf(content).String(), Size: uint64(len(content)), Content: content}
		if of == unknown {
			r.Sha256 = "0"
		}
		return r
	}, apart: byContent},
	"AttachmentService/Get": {ask: func(h *house, of object) proto.Message {
		content := fmt.Appendf(nil, "scan %d", h.n.Add(1))
		if office := (map[object]string{own: "0603", foreign: "9402"})[of]; office != "" {
			h.handedIn(office, content)
		}
		return &exchangev1.GetUploadRequest{Sha256: gateway.DigestOf(content).String()}
	}},
	"AttachmentService/List": {ask: func(h *house, of object) proto.Message {
		id, _ := h.attached(of)
		return &exchangev1.ListAttachmentsRequest{MessageId: id}
	}},
	"AttachmentService/Read": {ask: func(h *house, of object) proto.Message {
		id, digest := h.attached(of)
		return &exchangev1.ReadAttachmentRequest{MessageId: id, Sha256: digest.String()}
	}},
	"PeerService/Attachment": {ask: func(h *house, of object) proto.Message {
		id, digest := h.named(map[object]gateway.Administration{own: "RU", foreign: "KZ"}[of])
		return &exchangev1.PeerAttachmentRequest{MessageId: id, Sha256: digest.String()}
	}},
	"NumberService/HandOver": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.HandOverNumbersRequest{Office: map[object]string{own: "0603", foreign: "9402", unknown: "0000"}[of], First: "C26060300001", Last: "C26060300009"}
	}, apart: "an operator speaks for no office: which offices take numbers stands in the routes"},
	"NumberService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListNumberBlocksRequest{Office: map[object]string{own: "0603", foreign: "9402", unknown: "0000"}[of]}
	}},
	"NumberService/Uses": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListNumberUsesRequest{Office: map[object]string{own: "0603", foreign: "9402", unknown: "0000"}[of]}
	}},
	"MessageService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListMessagesRequest{PageSize: 1}
	}},
	"MessageService/Explain": {ask: func(h *house, of object) proto.Message {
		if of == own {
			s, err := h.flow.Store.Read().Submission(h.t.Context(), "0603", h.joined)
			if err != nil {
				h.t.Fatal(err)
			}
			return &exchangev1.ExplainMessageRequest{MessageId: string(s.MessageID), Xpath: "//GrossWeightQuantity"}
		}
		return &exchangev1.ExplainMessageRequest{MessageId: h.fresh(), Sender: map[object]string{foreign: "KZ"}[of]}
	}},
	"InboxService/Explain": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ExplainMessageRequest{MessageId: messageID(h, of)}
	}},
	"MappingService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListMappingsRequest{PageSize: 1}
	}},
	"MappingService/Get": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.GetMappingRequest{Id: map[object]string{own: "ru/auto-preliminary.v1", foreign: "zz/notice.v1", unknown: "../gateway"}[of]}
	}},
	"AuditService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListAuditRequest{Subject: map[object]string{own: h.joined, foreign: "V-9", unknown: "V-8"}[of], PageSize: 1}
	}},
	"PartnerService/List":   {ask: func(h *house, of object) proto.Message { return &exchangev1.ListPartnersRequest{} }},
	"PartnerService/Queues": {ask: func(h *house, of object) proto.Message { return &exchangev1.ListQueuesRequest{} }},
	"SubmissionService/Explain": {ask: func(h *house, of object) proto.Message {
		if of == own {
			return &exchangev1.ExplainRequest{SubmissionId: h.joined}
		}
		return &exchangev1.ExplainRequest{SubmissionId: submissionID(h, of)}
	}},
	"InboxService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListInboxRequest{Kind: map[object]string{own: "Answer", foreign: "Manifest", unknown: "Nothing"}[of], PageSize: 1}
	}},
	"InboxService/Get": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.GetInboxRequest{MessageId: messageID(h, of)}
	}},
	"InboxService/Watch": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.WatchRequest{After: map[object]int64{own: 0, foreign: 1 << 40, unknown: 1 << 40}[of]}
	}},
	"InboxService/Acknowledge": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.AcknowledgeRequest{MessageId: messageID(h, of)}
	}},
	"SubscriptionService/Create": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.CreateSubscriptionRequest{Name: "made-" + string(of)}
	}},
	"SubscriptionService/Get": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.GetSubscriptionRequest{Name: h.subscription(of)}
	}},
	"SubscriptionService/List": {ask: func(h *house, of object) proto.Message { return &exchangev1.ListSubscriptionsRequest{} }},
	"SubscriptionService/End": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.EndSubscriptionRequest{Name: h.subscription(of)}
	}},
	"SubscriptionService/Fetch": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.FetchRequest{Name: h.subscription(of)}
	}},
	"SubscriptionService/Acknowledge": {ask: func(h *house, of object) proto.Message {
		name, lease, id := h.lease(of)
		return &exchangev1.AcknowledgeFetchedRequest{Name: name, Lease: lease, MessageIds: []string{id}}
	}, apart: "systems of one administration share a subscription: who has a message is told"},
	"SubscriptionService/Renew": {ask: func(h *house, of object) proto.Message {
		name, lease, _ := h.lease(of)
		return &exchangev1.RenewLeaseRequest{Name: name, Lease: lease}
	}},
	"SubscriptionService/Release": {ask: func(h *house, of object) proto.Message {
		name, lease, _ := h.lease(of)
		return &exchangev1.ReleaseLeaseRequest{Name: name, Lease: lease}
	}},
	"SubscriptionService/Follow": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.FetchRequest{Name: h.subscription(of)}
	}},
	"SubscriptionService/Content": {ask: func(h *house, of object) proto.Message { // of what a partner has fetched alone
		name, _, message := h.lease(of)
		return &exchangev1.FetchedContentRequest{Name: name, MessageId: message}
	}},
	"InboxService/Parked": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListParkedRequest{PageSize: 1}
	}},
	"InboxService/Decode": {ask: func(h *house, of object) proto.Message {
		id := h.fresh()
		switch of {
		case own:
			id = h.inbound(gateway.Parked)
		case foreign:
			id = h.inbound(gateway.Refused)
		}
		return &exchangev1.DecodeRequest{MessageIds: []string{id}}
	}, apart: "an operator works the queue of all, and is told that another was faster"},
	"PeerService/Deliver": {ask: func(h *house, of object) proto.Message {
		id := gateway.MessageID(h.fresh())
		to := map[object]gateway.Administration{own: "CN", foreign: "KZ"}[of]
		if of == unknown {
			return &exchangev1.DeliverRequest{Header: []byte("{}"), Signature: []byte("x"), Payload: []byte("x")}
		}
		return h.signed(seal.Header{MessageID: id, Kind: "Answer", Sender: "RU", Recipient: to, KeyID: "ru-1", Conversation: "c", Created: time.Now().UTC()}, []byte("<nothing/>"))
	}, apart: "the header is the caller's own: what is wrong with it is told"},
	"PeerService/Balance": {ask: func(h *house, of object) proto.Message {
		to := map[object]gateway.Administration{own: "CN", foreign: "KZ"}[of]
		if of == unknown {
			return &exchangev1.PeerBalanceRequest{}
		}
		signed, err := h.ru.Sign(seal.Header{MessageID: gateway.MessageID(h.fresh()), Sender: "RU", Recipient: to, Created: time.Now().UTC()},
			seal.BalanceQuery{Since: time.Now().Add(-time.Hour).UTC()})
		if err != nil {
			h.t.Fatal(err)
		}
		return &exchangev1.PeerBalanceRequest{Query: &exchangev1.SignedStatement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}}
	}, apart: "the question is the caller's own: what is wrong with it is told"},
	"PeerService/Status": {ask: func(h *house, of object) proto.Message {
		to := map[object]gateway.Administration{own: "CN", foreign: "KZ"}[of]
		if of == unknown {
			return &exchangev1.PeerStatusRequest{}
		}
		signed, err := h.ru.Sign(seal.Header{MessageID: gateway.MessageID(h.fresh()), Sender: "RU", Recipient: to, Created: time.Now().UTC()},
			seal.StatusQuery{MessageIDs: []gateway.MessageID{gateway.MessageID(h.fresh())}})
		if err != nil {
			h.t.Fatal(err)
		}
		return &exchangev1.PeerStatusRequest{Query: &exchangev1.SignedStatement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}}
	}, apart: "the question is the caller's own: what is wrong with it is told"},
	"PeerService/Receipt": {ask: func(h *house, of object) proto.Message {
		m := store.Message{ID: gateway.MessageID(h.fresh()), Recipient: map[object]gateway.Administration{own: "RU", foreign: "KZ"}[of], Route: "r", Kind: "k",
			State: gateway.Sending, NextAttempt: time.Now().Add(time.Hour), ValidUntil: time.Now().Add(time.Hour), Canonical: []byte("{}"), Answers: []store.Answer{}}
		about := h.signed(seal.Header{MessageID: m.ID, Kind: "k", Sender: "CN", Recipient: m.Recipient, KeyID: "ru-1", Conversation: "c", Created: time.Now().UTC()}, []byte(m.ID))
		if m.Chain, m.Header = m.ID, about.Header; of != unknown {
			h.do(func(tx *store.Tx) error { return tx.PutMessage(m) })
		}
		signed, err := h.ru.Sign(seal.Header{MessageID: gateway.MessageID(h.fresh()), Sender: "RU", Recipient: "CN", Conversation: "c", RelatesTo: m.ID, Created: time.Now().UTC()},
			seal.Receipt{MessageID: m.ID, Verdict: gateway.RCV, Received: gateway.DigestOf(about.Payload), At: time.Now().UTC()})
		if err != nil {
			h.t.Fatal(err)
		}
		return &exchangev1.PeerReceiptRequest{Receipt: &exchangev1.SignedStatement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}}
	}},
	"BalanceService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListBalancesRequest{}
	}},
	"OutboxService/Waits": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListWaitsRequest{MessageId: h.outgoing(of, gateway.Queued)}
	}},
	"OutboxService/Try": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.TryRequest{MessageIds: []string{h.outgoing(of, gateway.Queued)}}
	}, apart: "the operator is told which of several ids is not known: it is in the answer"},
	"OutboxService/DeadLetters": {ask: func(h *house, of object) proto.Message {
		h.outgoing(of, gateway.Dead)
		return &exchangev1.ListDeadLettersRequest{PageSize: 1}
	}},
	"OutboxService/Redrive": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.RedriveRequest{MessageId: h.outgoing(of, gateway.Dead)}
	}},
	"OutboxService/Repair": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.RepairRequest{MessageId: h.outgoing(of, gateway.Accepted)}
	}},
	"OutboxService/Settle": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.SettleRequest{MessageId: h.outgoing(of, gateway.Dead), Reason: "told by telephone", EvidenceDigest: strings.Repeat("ab", 32)}
	}},
	"OutboxService/ConfirmSettlement": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ConfirmSettlementRequest{MessageId: h.outgoing(of, gateway.Dead)}
	}},
	"BalanceService/Run": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.RunBalanceRequest{Partner: partners[of]}
	}},
	"BalanceService/Differences": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListDifferencesRequest{Partner: partners[of]}
	}},
	"PeerService/Introduce": {ask: func(h *house, of object) proto.Message { return &exchangev1.IntroduceRequest{} }},
	"PartnerService/Card":   {ask: func(h *house, of object) proto.Message { return &exchangev1.CardRequest{} }},
	"PartnerService/Check": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.CheckPartnerRequest{Partner: partners[of]}
	}},
	"MovementService/Find": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.FindMovementsRequest{Text: units[of], PageSize: 1}
	}, sees: []string{"system"}},
	"MovementService/Get": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.GetMovementRequest{MovementId: movementID(h, of)}
	}, sees: []string{"system"}},
	"MovementService/List": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ListMovementsRequest{Text: units[of], PageSize: 1}
	}, sees: []string{"system"}},
	"MovementService/Timeline": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.TimelineRequest{MovementId: movementID(h, of)}
	}, sees: []string{"system"}},
	"MovementService/Announced": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.AnnouncedRequest{MovementId: movementID(h, of)}
	}, sees: []string{"system"}},
	"MovementService/RecordArrival": {ask: func(h *house, of object) proto.Message {
		id := h.fresh()
		return &exchangev1.RecordArrivalRequest{RecordId: id, Content: seen(id, "0603", units[of])}
	}},

	// Nothing is announced to other offices by a partner: nobody finds it, or can open what is others'.
	"MovementService/Elsewhere": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.ElsewhereRequest{Text: units[of], Reason: "it stands here"}
	}},
	"MovementService/Open": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.OpenMovementRequest{MovementId: movementID(h, of), Reason: "it stands here"}
	}},
	"MovementService/HandleOnPaper": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.HandleOnPaperRequest{MovementId: movementID(h, of), Reason: "no line tonight"}
	}},
	"MovementService/Overrides": {ask: func(h *house, of object) proto.Message {
		return &exchangev1.OverridesRequest{Office: map[object]string{own: "0603", foreign: "9402", unknown: "0000"}[of], Shift: "2026-03-01"}
	}},
	"MovementService/RecordDeparture": {ask: func(h *house, of object) proto.Message {
		id := h.fresh()
		return &exchangev1.RecordDepartureRequest{RecordId: id, Content: gone(id, map[object]string{own: "0603", foreign: "9402", unknown: "0000"}[of])}
	}, apart: byContent},
}

// movementID is the id of a movement of one's own office, of another, and of none.
func movementID(h *house, of object) string {
	switch of {
	case own:
		return h.movement("0603", ownUnit)
	case foreign:
		return h.movement("9402", foreignUnit)
	}
	return h.fresh()
}

// gone is a report of a truck that left an office.
func gone(id, office string) []byte {
	at := time.Now().UTC().Format(time.RFC3339)
	return []byte(`{"envelope": {"documentId": "` + id + `", "issued": "` + at + `", "function": "ORIGINAL"}, "vehicleReport": {"kind": "LADEN_EXIT",
		"office": {"administration": "CN", "code": "` + office + `"}, "at": "` + at + `", "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": "蒙E54321", "country": "CN"}]}}}`)
}

// method is an RPC as its proto describes it.
func method(name string) protoreflect.MethodDescriptor {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll("exchange.v1."+name, "/", ".")))
	if err != nil {
		panic(err)
	}
	return d.(protoreflect.MethodDescriptor)
}

// outcome is what a call comes to: a code, the codes of its faults, and how much is shown.
type outcome struct {
	code  string
	whole string // everything that the caller can read
}

func (o outcome) String() string { return o.code }

// call calls an RPC by gRPC.
func (h *house) call(as, name string, req proto.Message) outcome {
	m := method(name)
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	answer := dynamicpb.NewMessage(m.Output())
	if !m.IsStreamingServer() {
		err := h.grpc[as].Invoke(ctx, "/exchange.v1."+name, req, answer)
		return concluded(err, answer)
	}
	s, err := h.grpc[as].NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/exchange.v1."+name)
	if err != nil {
		return concluded(err, answer)
	}
	if err := errors.Join(s.SendMsg(req), s.CloseSend()); err != nil {
		return concluded(err, answer)
	}
	opened, err := s.Header() // of one that is refused there is none
	if err == nil && opened != nil {
		defer time.AfterFunc(h.patience(req), cancel).Stop()
	}
	err = s.RecvMsg(answer)
	switch {
	case err == nil:
		return outcome{code: "OK some"}
	case opened != nil && status.Code(err) == codes.Canceled:
		return outcome{code: "OK none"}
	}
	return concluded(err, answer)
}

// patience is how long an open stream is listened to: what is there comes, what is not
// does not.
func (h *house) patience(req proto.Message) time.Duration {
	if w, ok := req.(*exchangev1.WatchRequest); ok && w.After == 0 {
		return 20 * time.Second
	}
	return 150 * time.Millisecond
}

func concluded(err error, answer proto.Message) outcome {
	if err == nil {
		n := listed(answer)
		return outcome{code: "OK" + n, whole: "OK" + n}
	}
	st := status.Convert(err)
	return outcome{code: strings.TrimSpace(st.Code().String() + " " + faultCodes(st)), whole: st.Code().String() + " " + protojson.Format(st.Proto())}
}

// listed says whether the lists of an answer hold anything, and whether more follows.
func listed(answer proto.Message) (said string) {
	answer.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Name() == "next_page_token" {
			said += " more"
		}
		return true
	})
	for i := range answer.ProtoReflect().Descriptor().Fields().Len() {
		f := answer.ProtoReflect().Descriptor().Fields().Get(i)
		switch f.Name() {
		case "submissions", "movements", "messages", "arrivals", "entries", "mappings", "origins", "partners", "queues", "subscriptions", "attachments":
			if slices.Contains([]protoreflect.Name{"Submission", "Movement", "InboxMessage"}, answer.ProtoReflect().Descriptor().Name()) {
				continue
			}
			if answer.ProtoReflect().Has(f) {
				said = " some" + said
			} else if !strings.Contains(said, "none") && !strings.Contains(said, "some") {
				said = " none" + said
			}
		case "outcome":
			said += " " + answer.ProtoReflect().Get(f).String()
		}
	}
	return said
}

func faultCodes(st *status.Status) string {
	var codes []string
	for _, d := range st.Details() {
		if f, ok := d.(*exchangev1.Fault); ok && !slices.Contains(codes, f.Code) {
			codes = append(codes, f.Code)
		}
	}
	return strings.Join(codes, " ")
}

// ask asks for an RPC by the REST table of its proto.
func (h *house) ask(as, name string, req proto.Message) outcome {
	m := method(name)
	if name == "PeerService/Deliver" {
		return h.post(as, req.(*exchangev1.DeliverRequest))
	}
	rule := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	verb, path := http.MethodGet, rule.GetGet()
	if rule.GetPost() != "" {
		verb, path = http.MethodPost, rule.GetPost()
	}
	if rule.GetPut() != "" {
		verb, path = http.MethodPut, rule.GetPut()
	}
	if path == "" { // between gateways
		return outcome{code: "no path", whole: "no path"}
	}
	rest := proto.Clone(req).ProtoReflect()
	query := url.Values{}
	for i := range m.Input().Fields().Len() {
		f := m.Input().Fields().Get(i)
		if in := "{" + string(f.Name()) + "}"; strings.Contains(path, in) {
			path = strings.ReplaceAll(path, in, url.PathEscape(rest.Get(f).String()))
			rest.Clear(f)
		} else if rest.Has(f) && verb == http.MethodGet {
			query.Set(f.JSONName(), rest.Get(f).String())
		}
	}
	var body io.Reader
	if rule.GetBody() == "*" {
		raw, err := protojson.Marshal(rest.Interface())
		if err != nil {
			h.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	var listen time.Duration
	if m.IsStreamingServer() {
		listen = h.patience(req)
	}
	return h.send(as, verb, path+"?"+query.Encode(), body, listen, m.Output())
}

// send sends a request; to a stream that was opened it listens for a first answer only.
func (h *house) send(as, verb, path string, body io.Reader, listen time.Duration, out protoreflect.MessageDescriptor) outcome {
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, verb, h.rest+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if verb == http.MethodPost || verb == http.MethodPut {
		r.Header.Set("Content-Type", RequestJSON)
	}
	answer, err := h.web[as].Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	if listen > 0 && answer.StatusCode == http.StatusOK {
		defer time.AfterFunc(listen, cancel).Stop()
		if n, _ := answer.Body.Read(make([]byte, 1)); n == 0 || ctx.Err() != nil { // it may still be told that it left
			return outcome{code: "200 none"}
		}
		return outcome{code: "200 some"}
	}
	if answer.StatusCode == http.StatusOK {
		raw, _ := io.ReadAll(answer.Body)
		shown, said := dynamicpb.NewMessage(out), ""
		if protojson.Unmarshal(raw, shown) == nil {
			said = listed(shown)
		}
		return outcome{code: "200" + said, whole: "200" + said}
	}
	return h.refusal(answer)
}

// exchangeStatus is a refusal as JSON.
type exchangeStatus struct {
	Status int     `json:"status"`
	Faults []coded `json:"faults"`
}

// refusal is an answer that refuses, which is problem details whatever was asked for.
func (h *house) refusal(answer *http.Response) outcome {
	h.t.Helper()
	raw, _ := io.ReadAll(answer.Body)
	st := new(exchangeStatus)
	_ = json.Unmarshal(raw, st)
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode >= http.StatusBadRequest && (kind != "application/problem+json" || st.Status != answer.StatusCode) {
		h.t.Errorf("%s answers %d with %s: %s", answer.Request.URL.Path, answer.StatusCode, kind, raw)
	}
	return outcome{code: strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", st.codes())), whole: string(raw)}
}

type coded struct {
	Code string `json:"code"`
}

func (s exchangeStatus) codes() string {
	var codes []string
	for _, d := range s.Faults {
		if d.Code != "" && !slices.Contains(codes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	return strings.Join(codes, " ")
}

// post is a delivery by plain HTTPS.
func (h *house) post(as string, req *exchangev1.DeliverRequest) outcome {
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.rest+"/v1/deliveries", bytes.NewReader(req.Payload))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set(peer.HeaderHeader, base64.StdEncoding.EncodeToString(req.Header))
	r.Header.Set(peer.HeaderSignature, base64.StdEncoding.EncodeToString(req.Signature))
	if parsed, err := seal.ParseHeader(req.Header); err == nil {
		r.Header.Set(peer.HeaderMessageID, string(parsed.MessageID))
		r.Header.Set(peer.HeaderKind, parsed.Kind)
	}
	answer, err := h.web[as].Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	return h.refusal(answer)
}

// TestParallelAccess walks every RPC of the protos, at both doors, by every role, for what is the
// caller's, what is others' and what is not there. A new RPC has no line and fails; what
// changes in the file is a change of policy.
func TestParallelAccess(t *testing.T) {
	h := newHouse(t)
	var names []string
	for _, m := range methods() {
		names = append(names, strings.TrimPrefix(m, "/exchange.v1."))
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is no RPC", name)
		}
	}
	h.joined = h.notice()
	h.submission("0603")
	h.submission("0603") // two of one batch, so that a page has a next
	h.submission("9402")
	h.inbound(gateway.Accepted)
	h.movement("0603", ownUnit)
	h.movement("9402", foreignUnit)
	var b strings.Builder
	for _, name := range names {
		l, ok := lines[name]
		if !ok {
			t.Errorf("%s has no line in the matrix", name)
			continue
		}
		for _, role := range slices.Sorted(maps.Keys(who)) {
			fmt.Fprintf(&b, "%-32s %-9s", name, role)
			for _, door := range []struct {
				name string
				ask  func(as, name string, req proto.Message) outcome
			}{{"grpc", h.call}, {"rest", h.ask}} {
				got := map[object]outcome{}
				for _, of := range objects {
					req := l.ask(h, of)
					o := door.ask(role, name, req)
					got[of] = outcome{code: o.code, whole: nameless(o.whole, req)}
				}
				fmt.Fprintf(&b, "\t%s own: %s | foreign: %s | unknown: %s", door.name, got[own], got[foreign], got[unknown])
				if diff := gocmp.Diff(got[unknown].whole, got[foreign].whole); diff != "" && l.apart == "" && !slices.Contains(l.sees, role) {
					t.Errorf("%s by a %s at %s tells what is there from what is not (-unknown +foreign):\n%s", name, role, door.name, diff)
				}
			}
			b.WriteByte('\n')
		}
	}
	const file = "testdata/access.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// nameless is an answer without the ids that were asked for, which a refusal repeats.
func nameless(whole string, req proto.Message) string {
	req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() == protoreflect.StringKind && !f.IsList() {
			whole = strings.ReplaceAll(whole, v.String(), "ASKED")
		}
		return true
	})
	return strings.Join(strings.Fields(whole), " ") // protojson varies its blanks
}
