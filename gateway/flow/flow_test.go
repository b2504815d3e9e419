package flow_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
	"customs.example/gateway/store/storetest"
	"customs.example/mappings"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// wire is the link to another gateway in the same process, with the trouble that a
// test puts on it.
type wire struct {
	mu         sync.Mutex
	to         *flow.Gateway
	from       gateway.Administration
	trouble    func(try int) error // before the message is handed over
	lose       func(try int) bool  // the receipt, after it
	spoil      func(*peer.Receipt)
	away       bool // to a question about the balance, or about one message
	asked      int  // about one message
	spoilPage  func(*peer.Receipt)
	spoilBytes func(offset int64, yield func([]byte, error) bool) // instead of an attachment's
	silent     bool                                               // it sends nothing of an attachment, and goes on doing so
	breakAfter int                                                // pieces of one
	tries      int
	sent       []seal.Sealed
}

func (w *wire) Deliver(ctx context.Context, m seal.Sealed) (peer.Answer, error) {
	receipt, err := w.carry(ctx, m)
	return peer.Answer{Receipt: receipt}, err
}

// carry is Deliver, of which a receipt is all that comes.
func (w *wire) carry(ctx context.Context, m seal.Sealed) (peer.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	w.sent = append(w.sent, m)
	if w.trouble != nil {
		if err := w.trouble(w.tries); err != nil {
			return peer.Receipt{}, err
		}
	}
	receipt, err := w.to.Receive(ctx, "customs://"+string(w.from)+"/gateway/1", []gateway.Administration{w.from}, m.HeaderBytes(), m.Signature(), m.Payload())
	if err != nil {
		return peer.Receipt{}, err
	}
	if w.lose != nil && w.lose(w.tries) {
		return peer.Receipt{}, errors.New("connection lost")
	}
	out := peer.Receipt{Header: receipt.Header, Statement: receipt.Statement, Signature: receipt.Signature}
	if w.spoil != nil {
		w.spoil(&out)
	}
	return out, nil
}

// Balance asks the other gateway, as the link over the wire does.
func (w *wire) Balance(ctx context.Context, query seal.Signed) (peer.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return peer.Receipt{}, errors.New("no connection")
	}
	page, err := w.to.StateBalance(ctx, "customs://"+string(w.from)+"/gateway/1", []gateway.Administration{w.from}, query.HeaderBytes(), query.Statement(), query.Signature())
	out := peer.Receipt(page)
	if w.spoilPage != nil {
		w.spoilPage(&out)
	}
	return out, err
}

// Status asks the other gateway, as the link over the wire does.
func (w *wire) Status(ctx context.Context, query seal.Signed) (peer.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.away {
		return peer.Receipt{}, errors.New("no connection")
	}
	status, err := w.to.StateStatus(ctx, "customs://"+string(w.from)+"/gateway/1", []gateway.Administration{w.from}, query.HeaderBytes(), query.Statement(), query.Signature())
	out := peer.Receipt(status)
	if w.spoilPage != nil {
		w.spoilPage(&out)
	}
	return out, err
}

// Attachment hands out what the other gateway has, as the link over the wire does.
func (w *wire) Attachment(ctx context.Context, id gateway.MessageID, digest gateway.Digest, offset int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if w.silent {
			<-ctx.Done()
			yield(nil, ctx.Err())
			return
		}
		if w.spoilBytes != nil {
			w.spoilBytes(offset, yield)
			return
		}
		left := errors.New("left")
		err := w.to.HandOutAttachment(ctx, "customs://"+string(w.from)+"/gateway/1", []gateway.Administration{w.from}, id, digest, offset, func(_ store.Attachment, _ int64, content []byte) error {
			if w.breakAfter--; w.breakAfter == 0 {
				return errors.New("the line broke")
			}
			if !yield(content, nil) {
				return left
			}
			return nil
		})
		if err != nil && !errors.Is(err, left) {
			yield(nil, err)
		}
	}
}

// nothingAttached is a link over which no attachment comes, and no status.
type nothingAttached struct{}

func (nothingAttached) Status(context.Context, seal.Signed) (peer.Receipt, error) {
	return peer.Receipt{}, errors.New("nobody there")
}

func (nothingAttached) Attachment(context.Context, gateway.MessageID, gateway.Digest, int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(nil, errors.New("nobody there")) }
}

// world is two gateways on one clock.
type world struct {
	t      testing.TB
	clock  *clock
	cn, ru *flow.Gateway
	out    *wire // from China to Russia
	ids    atomic.Int64
	files  map[*store.Store]string // where each database is
}

func newWorld(t testing.TB) *world { return newPair(t, "RU") }

// newPair is China and another administration, which stands where Russia does.
func newPair(t testing.TB, partner gateway.Administration) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 3, 1, 2, 15, 0, 0, time.UTC)}, out: &wire{from: "CN"}, files: make(map[*store.Store]string)}
	dir := signingKeys(t)
	trust, err := seal.LoadTrust([]seal.TrustFile{
		{ID: "cn-1", Administration: "CN", File: filepath.Join(dir, "cn", "signing.pub.pem"), Validity: always},
		{ID: strings.ToLower(string(partner)) + "-1", Administration: partner, File: filepath.Join(dir, "ru", "signing.pub.pem"), Validity: always},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.cn = w.gateway("CN", filepath.Join(dir, "cn", "signing.pem"), trust, map[gateway.Administration]flow.Link{partner: w.out})
	w.ru = w.gateway(partner, filepath.Join(dir, "ru", "signing.pem"), trust, map[gateway.Administration]flow.Link{"CN": &wire{from: partner, to: w.cn}})
	w.out.to = w.ru
	return w
}

func (w *world) gateway(own gateway.Administration, key string, trust *seal.Trust, links map[gateway.Administration]flow.Link) *flow.Gateway {
	w.t.Helper()
	keys, err := seal.LoadKeyring(own, []seal.KeyFile{{ID: strings.ToLower(string(own)) + "-1", File: key, Validity: always}})
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "gateway.db")
	empty, err := migrated()
	if err == nil {
		err = os.WriteFile(file, empty, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return w.over(file, own, keys, trust, links)
}

// over is a gateway over a database that there is.
func (w *world) over(file string, own gateway.Administration, keys *seal.Keyring, trust *seal.Trust, links map[gateway.Administration]flow.Link) *flow.Gateway {
	w.t.Helper()
	db, err := store.Open(context.Background(), file, w.clock.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.files[db] = file
	w.t.Cleanup(func() { db.Close() })
	tolerances, err := loadTolerances()
	if err != nil {
		w.t.Fatal(err)
	}
	return flow.New(flow.Options{
		Own: own, Chain: loadSilent(w.t), Store: db, Keys: keys, Trust: trust, Tolerances: tolerances, Links: links,
		Now: w.clock.Now, Jitter: func() float64 { return 0 }, Drain: 50 * time.Millisecond, Log: event.NewLog(slog.New(catalogued{w.t})),
		NewID: func() string {
			return fmt.Sprintf("000000ab-0000-4000-8000-%012d", w.ids.Add(1))
		},
	})
}

var loadTolerances = sync.OnceValues(func() (reconcile.Tolerances, error) { return reconcile.LoadTolerances(mappings.FS) })

// migrated is an empty database with all migrations, made once: each test starts with a copy.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "gateway.db")
	db, err := store.Open(context.Background(), file, time.Now)
	if err != nil {
		return nil, err
	}
	db.Close()
	return os.ReadFile(file)
})

var post = flow.Caller{URI: "customs://CN/office/0603/post/1", Office: "0603"}

func (w *world) content(name string) []byte {
	w.t.Helper()
	raw, err := os.ReadFile("../../testdata/cases/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func (w *world) submit(id, name string) store.Submission {
	w.t.Helper()
	s, err := w.cn.Submit(context.Background(), post, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.XML, Content: w.content(name)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// notice submits both parts and returns the message they became.
func (w *world) notice() gateway.MessageID {
	w.t.Helper()
	if s := w.submit("M1", "mt2401.xml"); s.State != gateway.Held {
		w.t.Fatalf("the manifest alone is %s: %v", s.State, s.Faults)
	}
	s := w.submit("V1", "mt4402.xml")
	if s.State != gateway.Joined {
		w.t.Fatalf("both parts are %s: %v", s.State, s.Faults)
	}
	return s.MessageID
}

// deliver makes every attempt that is due now.
func (w *world) deliver() {
	w.t.Helper()
	if err := w.cn.DeliverDue(context.Background(), "RU"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) message(id gateway.MessageID) store.Message {
	w.t.Helper()
	m, err := w.cn.Store.Read().Message(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	dir, _ := signing()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestNoticeIsAcceptedWithAVerifiedReceipt(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	m := w.message(id)
	if want := time.Date(2026, 3, 1, 2, 50, 0, 0, time.UTC); !m.ExpectedArrival.Equal(want) || m.LateBy != 85*time.Minute {
		t.Errorf("expected %v, late by %v: the exit report says 10:10, crossing takes 40 minutes, notices are due 2 hours ahead", m.ExpectedArrival, m.LateBy)
	}
	w.deliver()
	if m = w.message(id); m.State != gateway.Accepted || m.Receipt == nil {
		t.Fatalf("the message is %s, last error %q", m.State, m.LastError)
	}
	in, err := w.ru.Store.Read().Inbound(context.Background(), "CN", id)
	if err != nil || in.State != gateway.Accepted || in.CanonicalDigest.IsZero() || in.MovementID == "" {
		t.Errorf("Russia holds %+v, %v", in, err)
	}
}

// A program's default date in the exit report is told to the post at its own element, and
// no arrival is expected of it.
func TestADefaultDateExpectsNoArrival(t *testing.T) {
	for _, year := range []string{"00010101000000", "20991231000000", "99991231235959"} {
		w := newWorld(t)
		w.submit("M1", "mt2401.xml")
		content := bytes.Replace(w.content("mt4402.xml"), []byte("20260301101000"), []byte(year), 1)
		s, err := w.cn.Submit(context.Background(), post, flow.Submission{ID: "V1", MediaType: flow.XML, Content: content})
		if err != nil || s.State != gateway.Joined {
			t.Fatalf("%s: %s, %v, %v", year, s.State, s.Faults, err)
		}
		i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.InstantImplausible })
		if i < 0 || !strings.HasSuffix(s.Faults[i].Location.Expr, "ArrivalDateTime[1]") || s.Faults[i].Severity != gateway.Warning {
			t.Errorf("%s: %v", year, s.Faults)
		}
		if m := w.message(s.MessageID); !m.ExpectedArrival.IsZero() || m.LateBy != 0 {
			t.Errorf("%s: expected at %v, late by %v", year, m.ExpectedArrival, m.LateBy)
		}
	}
}

func TestLostReceiptIsGivenAgainByteForByte(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.out.lose = func(try int) bool { return try < 3 }
	for range 3 {
		w.deliver()
		w.clock.add(flow.QuickInterval)
	}
	if m := w.message(id); m.State != gateway.Accepted || m.Attempts != 3 {
		t.Fatalf("after two lost receipts the message is %s after %d attempts", m.State, m.Attempts)
	}
	for _, s := range w.out.sent[1:] {
		if string(s.HeaderBytes()) != string(w.out.sent[0].HeaderBytes()) || string(s.Payload()) != string(w.out.sent[0].Payload()) {
			t.Error("a retry has other bytes")
		}
	}
	a, err := w.ru.Store.Read().Arrival(context.Background(), store.DoorPeer, "CN", string(id))
	if err != nil || a.Attempts != 3 {
		t.Errorf("Russia counts %d attempts, %v", a.Attempts, err)
	}
}

func TestMessageEndsAsADeadLetter(t *testing.T) {
	for name, c := range map[string]struct {
		trouble error
		want    string
	}{
		"nothing was handed over": {&peer.NotSentError{Cause: errors.New("refused")}, gateway.NeverHandedOver},
		"nobody knows":            {errors.New("reset in mid-air"), gateway.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			w.out.trouble, w.out.away = func(int) error { return c.trouble }, true
			for range 30 {
				w.deliver()
				w.clock.add(flow.MaxInterval)
			}
			w.clock.add(72 * time.Hour)
			w.deliver()
			w.deliver()
			m := w.message(id)
			if m.State != gateway.Dead || !strings.Contains(m.Reason, c.want) || !strings.Contains(m.Reason, "expired") {
				t.Errorf("after its validity the message is %s (%s)", m.State, m.Reason)
			}
			if w.out.tries != 30 {
				t.Errorf("%d tries, want one each time it was due and none after its validity", w.out.tries)
			}
		})
	}
}

func TestBadReceiptsChangeNothing(t *testing.T) {
	flip := func(b []byte) []byte {
		out := append([]byte(nil), b...)
		out[len(out)/2] ^= 1
		return out
	}
	for name, spoil := range map[string]func(*peer.Receipt){
		"header":    func(r *peer.Receipt) { r.Header = flip(r.Header) },
		"statement": func(r *peer.Receipt) { r.Statement = flip(r.Statement) },
		"signature": func(r *peer.Receipt) { r.Signature = flip(r.Signature) },
		"nothing":   func(r *peer.Receipt) { *r = peer.Receipt{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			w.out.spoil = spoil
			w.deliver()
			if m := w.message(id); m.State != gateway.Sending || m.LastError == "" || m.Receipt != nil {
				t.Errorf("the message is %s, last error %q", m.State, m.LastError)
			}
			w.out.spoil = nil
			w.clock.add(flow.QuickInterval)
			w.deliver()
			if m := w.message(id); m.State != gateway.Accepted {
				t.Errorf("then the message is %s: %s", m.State, m.LastError)
			}
		})
	}
}

func TestReceiveRefusesAtTheDoor(t *testing.T) {
	w := newWorld(t)
	w.notice()
	w.out.trouble = func(int) error { return errors.New("kept") }
	w.deliver()
	m := w.out.sent[0]
	ctx := context.Background()
	cn := []gateway.Administration{"CN"}
	for name, call := range map[string]func() error{
		"another administration's message": func() error {
			_, err := w.ru.Receive(ctx, "customs://KZ/gateway/1", []gateway.Administration{"KZ"}, m.HeaderBytes(), m.Signature(), m.Payload())
			return err
		},
		"a message for somebody else": func() error {
			_, err := w.cn.Receive(ctx, "customs://CN/gateway/1", cn, m.HeaderBytes(), m.Signature(), m.Payload())
			return err
		},
		"no header": func() error {
			_, err := w.ru.Receive(ctx, "customs://CN/gateway/1", cn, []byte("{}"), m.Signature(), m.Payload())
			return err
		},
		"9 MiB": func() error {
			_, err := w.ru.Receive(ctx, "customs://CN/gateway/1", cn, m.HeaderBytes(), m.Signature(), make([]byte, 9<<20))
			return err
		},
	} {
		if err := call(); !errors.As(err, new(gateway.Faults)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if in, err := w.ru.Store.Read().Inbox(ctx, store.InboxFilter{Limit: 10}); err != nil || len(in) != 0 {
		t.Errorf("the inbox holds %d messages, %v", len(in), err)
	}
}

func TestUnknownFormatIsParkedAndReceipted(t *testing.T) {
	w := newWorld(t)
	w.notice()
	w.out.trouble = func(int) error { return errors.New("kept") }
	w.deliver()
	h := w.out.sent[0].Header()
	payload := []byte(`<a:Next xmlns:a="urn:example:next:9"/>`)
	h.MessageID = "00000000-0000-4000-8000-999999999999"
	signed := w.sign(h, payload)
	ctx := context.Background()
	receipt, err := w.ru.Receive(ctx, "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, payload)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(receipt.Statement), `"RCV"`) {
		t.Errorf("the receipt is %s", receipt.Statement)
	}
	in, err := w.ru.Store.Read().Inbound(ctx, "CN", h.MessageID)
	if err != nil || in.State != gateway.Parked || len(in.Faults) != 1 || in.Faults[0].Code != gateway.FormatUnknown || in.Faults[0].Mender() != gateway.ByOperator {
		t.Errorf("Russia holds %+v, %v", in, err)
	}
}

func TestParallelArrivalsWithoutJudgementAreJudgedAtStart(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	raw := w.content("mt2401.xml")
	_, err := w.cn.Store.Do(ctx, func(tx *store.Tx) error {
		err := tx.PutArrival(store.Arrival{
			Door: store.DoorSubmit, Party: "0603", ID: "M1", Caller: post.URI, MediaType: flow.XML, Recipients: []string{},
			Content: raw, Digest: gateway.DigestOf(raw), Received: w.clock.Now(), Attempts: 1,
		})
		if err != nil {
			return err
		}
		return tx.Audit(post.URI, "arrived", "M1", gateway.DigestOf(raw))
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { w.cn.Run(stopped); close(done) }()
	for {
		s, err := w.cn.Store.Read().Submission(ctx, "0603", "M1")
		if err == nil && s.State == gateway.Held {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

func TestHeldPartsExpire(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	w.clock.add(25 * time.Hour)
	if err := w.cn.ExpireHeld(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, err := w.cn.Store.Read().Submission(context.Background(), "0603", "M1")
	if err != nil || s.State != gateway.Expired || s.Reason == "" {
		t.Errorf("after its time the part is %s (%s), %v", s.State, s.Reason, err)
	}
}

func TestParallelPartsSubmittedAtOnceBecomeOneMessage(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { w.submit("M1", "mt2401.xml") })
		wg.Go(func() { w.submit("V1", "mt4402.xml") })
	}
	wg.Wait()
	m, err := w.cn.Store.Read().Submission(context.Background(), "0603", "M1")
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.cn.Store.Read().Submission(context.Background(), "0603", "V1")
	if err != nil {
		t.Fatal(err)
	}
	if m.State != gateway.Joined || v.State != gateway.Joined || m.MessageID != v.MessageID {
		t.Errorf("manifest %s in %q, report %s in %q", m.State, m.MessageID, v.State, v.MessageID)
	}
	w.deliver()
	if in, err := w.ru.Store.Read().Inbox(context.Background(), store.InboxFilter{Limit: 10}); err != nil || len(in) != 1 {
		t.Errorf("Russia got %d messages, %v", len(in), err)
	}
}

// TestRefusedNoticeAnnouncesNothing: one of its waybills is announced already, so the other
// is not by it.
func TestRefusedNoticeAnnouncesNothing(t *testing.T) {
	w := newWorld(t)
	one := string(w.content("mt2401.xml"))
	i, j := strings.Index(one, "    <Consignment>"), strings.Index(one, "    </Consignment>\n")+len("    </Consignment>\n")
	other := strings.Replace(one, "CNRU26030001", "CNRU26030002", 1)
	both := one[:j] + strings.Replace(one[i:j], "CNRU26030001", "CNRU26030002", 1) + one[j:]
	for n, tt := range []struct {
		manifest string
		want     gateway.SubmissionState
	}{{other, gateway.Joined}, {both, gateway.Faulty}, {one, gateway.Joined}, {both, gateway.Faulty}} {
		m := gateway.SubmissionID(fmt.Sprint("M", n))
		if _, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: m, MediaType: flow.XML, Content: []byte(tt.manifest)}); err != nil {
			t.Fatal(err)
		}
		s := w.submit(fmt.Sprint("V", n), "mt4402.xml")
		if s.State != tt.want {
			t.Errorf("number %d is %s: %v", n, s.State, s.Faults)
		}
		if s.State == gateway.Faulty {
			if _, err := w.cn.Withdraw(t.Context(), post, m, "test"); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestExplainNamesTheSourceOfEveryValue(t *testing.T) {
	w := newWorld(t)
	w.notice()
	explained, err := w.cn.Explain(context.Background(), post, "V1")
	origins := explained.Origins
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]flow.Origin)
	for _, o := range origins {
		found[o.Value] = o
		switch o.Provenance {
		case flow.FromDocument:
			if o.Source == "" || o.SourceSubmission == "" {
				t.Errorf("%s has no source", o.Target)
			}
		case flow.FromRoute:
			if o.Note == "" {
				t.Errorf("%s is the route's, and no row of the route is named", o.Target)
			}
		}
	}
	if o := found["蒙E12345"]; o.SourceSubmission != "V1" || !strings.HasSuffix(o.Source, "/d:BorderTransportMeans[1]/d:ID[1]") {
		t.Errorf("the plate comes from %+v", o)
	}
	if o := found["МАПП Забайкальск"]; o.Provenance != flow.FromRoute {
		t.Errorf("the checkpoint comes from %+v", o)
	}
}

// signature is a header with the signature that a test has made for it.
type signature struct{ header, signature []byte }

// sign signs a header as its sender would, for payloads that no proof stands behind. The
// statement's own signing is of no use here: its kind is fixed.
func (w *world) sign(h seal.Header, payload []byte) signature {
	w.t.Helper()
	h.Payload = gateway.DigestOf(payload)
	raw, err := json.Marshal(h)
	if err != nil {
		w.t.Fatal(err)
	}
	signer := w.cn
	if h.Sender == w.ru.Own {
		signer = w.ru
	}
	key, err := signer.Keys.Current(w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	digest := gateway.DigestOf(raw)
	signed, err := key.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	return signature{raw, signed}
}
