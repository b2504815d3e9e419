package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
	"customs.example/gateway/store/storetest"
	"customs.example/gateway/validate"
)

// cost is what one message takes of processors, in milliseconds, by its parts, each
// measured alone and counted as often as a message needs it, and not as often as it is done.
type cost struct {
	rpc, json, xml, translation, rules, crypto float64
	commit                                     map[string]float64 // by database, whose server's own is in it
}

func (c cost) all(engine string) float64 {
	return c.rpc + c.json + c.xml + c.translation + c.rules + c.crypto + c.commit[engine]
}

// ceiling is how many messages a second all processors could do of it, if nothing else were
// to be done and nothing ever waited.
func (c cost) ceiling(engine string) float64 { return float64(runtime.NumCPU()) * 1000 / c.all(engine) }

// benchParts measures the parts, and the plain transport, prints them and returns the costs
// by the size of the document in kB.
func benchParts(b *testing.B) map[int]cost {
	p := newParts(b)
	defer p.close()
	costs := make(map[int]cost)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	engines := chosen("BENCH_ENGINES", "SQLite", "PostgreSQL")
	fmt.Fprint(out, "document\tcalls\tJSON\tXML, XSD\ttranslation\trules\tcrypto\t")
	for _, e := range engines {
		fmt.Fprintf(out, "%s\tall\tceiling/s\t", e)
	}
	fmt.Fprint(out, "\n\tms\tms\tms\tms\tms\tms\t")
	for range engines {
		fmt.Fprint(out, "ms\tms\t\t")
	}
	fmt.Fprintln(out)
	for _, size := range chosen("BENCH_SIZES", "2", "10") {
		n, err := strconv.Atoi(size)
		p.must(err)
		c := p.cost(n*1000, engines)
		costs[n] = c
		fmt.Fprintf(out, "%d kB\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t", n, c.rpc, c.json, c.xml, c.translation, c.rules, c.crypto)
		for _, e := range engines {
			fmt.Fprintf(out, "%.2f\t%.2f\t%.0f\t", c.commit[e], c.all(e), c.ceiling(e))
		}
		fmt.Fprintln(out)
	}
	out.Flush()
	fmt.Println()
	fmt.Fprintln(out, "plain transport\tclients\tdelivered/s\tall ms\t")
	for _, size := range chosen("BENCH_SIZES", "2", "10") {
		n, err := strconv.Atoi(size)
		p.must(err)
		for _, clients := range []int{1, 8, 64} {
			rate, ms := p.relay(n*1000, clients)
			fmt.Fprintf(out, "%d kB\t%d\t%.0f\t%.2f\t\n", n, clients, rate, ms)
		}
	}
	out.Flush()
	return costs
}

// parts has what the parts need.
type parts struct {
	b        testing.TB
	dir      string
	chain    *flow.Chain
	own      *seal.Keyring // of the sender
	theirs   *seal.Keyring // of the receiver
	trust    *seal.Trust
	registry map[string]*mtls.Registry // what each side knows of the other
	closing  []func()
}

func newParts(b testing.TB) *parts {
	p := &parts{b: b, registry: make(map[string]*mtls.Registry)}
	var err error
	p.dir, err = os.MkdirTemp("", "parts")
	p.must(err)
	p.must(makePKI(filepath.Join(p.dir, "pki")))
	p.chain, err = loadChain("")
	p.must(err)
	life := seal.Validity{From: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}
	var trusted []seal.TrustFile
	keyring := func(side string, a gateway.Administration) *seal.Keyring {
		file := filepath.Join(p.dir, "pki", side, "signing")
		trusted = append(trusted, seal.TrustFile{ID: side, Administration: a, File: file + ".pub.pem", Validity: life})
		k, err := seal.LoadKeyring(a, []seal.KeyFile{{ID: side, File: file + ".pem", Validity: life}})
		p.must(err)
		return k
	}
	p.own, p.theirs = keyring("ru", "RU"), keyring("cn", "CN")
	p.trust, err = seal.LoadTrust(trusted)
	p.must(err)
	for side, other := range map[string]string{"ru": "CN", "cn": "RU"} {
		roots, err := mtls.LoadRoots(filepath.Join(p.dir, "pki", map[string]string{"ru": "cn", "cn": "ru"}[side], "ca.pem"))
		p.must(err)
		p.registry[side], err = mtls.NewRegistry(time.Now, []mtls.Party{{URI: "customs://" + other + "/gateway/1", Roots: roots}})
		p.must(err)
	}
	return p
}

func (p *parts) must(err error) {
	if err != nil {
		p.close()
		panic(err)
	}
}

func (p *parts) close() {
	for _, c := range p.closing {
		c()
	}
	p.closing = nil
	os.RemoveAll(p.dir)
}

// processor is what this process has used so far, in milliseconds.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

// alone is what a piece of work takes of processors, in milliseconds, garbage collection
// included.
func alone(work func()) float64 {
	for range 5 {
		work()
	}
	runtime.GC()
	n, before := 0, processor()
	for began := time.Now(); time.Since(began) < 400*time.Millisecond; n++ {
		work()
	}
	return (processor() - before) / float64(n)
}

// sample is one message in all its forms.
type sample struct {
	raw      []byte // canonical JSON, as a post has it
	doc      *customsv1.Document
	passed   validate.Passed
	route    *release.Route
	released release.Released
	table    *mapping.Table
	encoded  mapping.Encoded
	payload  []byte // the receiver's XML
	schema   *schema.Schema
	parsed   schema.Result
	header   seal.Header
	sealed   seal.Sealed
	receipt  seal.Signed
}

// sample makes a message of a document of a size.
func (p *parts) sample(size int) (s sample) {
	now := time.Now()
	s.raw = benchManifest("5f3c1a00-0000-4000-8000-000000000000", 1, size)
	read, err := p.chain.Read(context.Background(), s.raw, flow.JSON, "RU", now)
	p.must(err)
	s.doc = read.Document
	var faults gateway.Faults
	s.passed, faults = p.chain.Rules.Check(s.doc, validate.Scope{Own: "RU", Partner: "CN", At: now})
	p.must(faults.Err())
	s.route, _ = p.chain.Routes.Route("ru-cn-manifest")
	s.released, faults = s.route.Release(s.passed)
	p.must(faults.Err())
	s.table, _ = p.chain.Tables.Table(s.route.Table)
	s.encoded, _, faults = s.table.Encode(s.released.Document(), true)
	p.must(faults.Err())
	s.payload = s.encoded.Bytes()
	s.schema, _ = p.chain.Schemas.Schema(s.table.Schema())
	s.parsed = s.schema.Check(s.payload, p.chain.Limits)
	p.must(s.parsed.Faults.Err())
	s.header = seal.Header{MessageID: "5f3c1a00-0000-4000-8000-000000000001", Kind: s.route.Kind, Sender: "RU", Recipient: "CN", Created: now, Conversation: "c", DocumentID: "d"}
	s.sealed, err = p.own.Seal(s.header, s.released, s.encoded, s.parsed.Conforming)
	p.must(err)
	s.receipt = p.sign(s)
	return s
}

// sign is the receiver's receipt for a message.
func (p *parts) sign(s sample) seal.Signed {
	signed, err := p.theirs.Sign(seal.Header{MessageID: "5f3c1a00-0000-4000-8000-000000000002", Sender: "CN", Recipient: "RU", Conversation: "c", Created: s.header.Created},
		seal.Receipt{MessageID: s.header.MessageID, Verdict: gateway.PRS, Received: gateway.DigestOf(s.payload), Canonical: s.passed.Digest(), Mapping: s.table.ID(), At: s.header.Created})
	p.must(err)
	return signed
}

// cost measures the parts for documents of a size.
func (p *parts) cost(size int, engines []string) (c cost) {
	ctx, now, s := context.Background(), time.Now(), p.sample(size)
	c.json = alone(func() {
		_, err := p.chain.Read(ctx, s.raw, flow.JSON, "RU", now)
		p.must(err)
	})
	check := func(d *customsv1.Document, own, partner gateway.Administration) {
		_, faults := p.chain.Rules.Check(d, validate.Scope{Own: own, Partner: partner, At: now})
		p.must(faults.Err())
	}
	c.rules = alone(func() { check(s.doc, "RU", "CN") })
	c.translation = alone(func() {
		released, _ := s.route.Release(s.passed)
		s.table.Encode(released.Document(), true)
	})
	c.xml = 2 * alone(func() { s.schema.Check(s.payload, p.chain.Limits) }) // before it is sent, and as it comes
	c.translation += alone(func() { s.table.Decode(s.parsed.Document) })
	received := s.table.Decode(s.parsed.Document).Document
	c.rules += alone(func() { check(received, "CN", "RU") })
	c.crypto = alone(func() {
		_, err := p.own.Seal(s.header, s.released, s.encoded, s.parsed.Conforming)
		p.must(err)
		_, err = p.trust.Open(s.sealed.HeaderBytes(), s.sealed.Signature(), s.payload, now)
		p.must(err)
		p.sign(s) // that it has come, and what it came to
		p.sign(s)
		_, err = p.trust.OpenReceipt(s.receipt.HeaderBytes(), s.receipt.Statement(), s.receipt.Signature(), s.sealed.Header(), now)
		p.must(err)
	})
	c.rpc = p.calls(s)
	c.commit = make(map[string]float64)
	for _, e := range engines {
		c.commit[e] = p.commits(e, s)
	}
	return c
}

// echo answers every delivery with one receipt.
type echo struct {
	exchangev1.UnimplementedPeerServiceServer
	answer func(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error)
}

func (e echo) Deliver(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	return e.answer(ctx, r)
}

// serve starts a server with the certificate of a gateway, which the other side dials.
func (p *parts) serve(side string, e echo) (address string) {
	cert, err := mtls.LoadCertificate(filepath.Join(p.dir, "pki", side, "gateway.pem"), filepath.Join(p.dir, "pki", side, "gateway-key.pem"))
	p.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	s := grpc.NewServer(grpc.Creds(peer.ServerCredentials(p.registry[side], cert)))
	exchangev1.RegisterPeerServiceServer(s, e)
	go s.Serve(l)
	p.closing = append(p.closing, s.Stop)
	return l.Addr().String()
}

// dial returns a connection of one gateway to the other.
func (p *parts) dial(side, uri, address string) exchangev1.PeerServiceClient {
	cert, err := mtls.LoadCertificate(filepath.Join(p.dir, "pki", side, "gateway.pem"), filepath.Join(p.dir, "pki", side, "gateway-key.pem"))
	p.must(err)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(p.registry[side].ClientConfig(cert, uri))))
	p.must(err)
	p.closing = append(p.closing, func() { conn.Close() })
	return exchangev1.NewPeerServiceClient(conn)
}

// calls is what the two calls of a message take at both of their ends, the submission and
// the delivery, with answers as long as those given.
func (p *parts) calls(s sample) float64 {
	answer := &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{
		Header: s.receipt.HeaderBytes(), Statement: s.receipt.Statement(), Signature: s.receipt.Signature(),
	}}
	address := p.serve("cn", echo{answer: func(context.Context, *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		return answer, nil
	}})
	c := p.dial("ru", "customs://CN/gateway/1", address)
	one := func(payload []byte) func() {
		return func() {
			_, err := c.Deliver(context.Background(), &exchangev1.DeliverRequest{Header: answer.Receipt.Header, Signature: answer.Receipt.Signature, Payload: payload})
			p.must(err)
		}
	}
	return alone(one(s.raw)) + alone(one(s.payload))
}

// commits is what the units of work of one message take: the sender's three and the
// receiver's two, of eight messages at once, on disk.
func (p *parts) commits(engine string, s sample) float64 {
	place, pid := p.database(engine, fmt.Sprintf("commits%d", len(s.raw)))
	db, err := store.Open(context.Background(), place, time.Now)
	p.must(err)
	defer db.Close()
	one := p.units(db, s)
	server := func() (ms float64) {
		if pid != 0 {
			ms = spentByServer(pid).ms
		}
		return ms
	}
	together(one, time.Second/2)
	before, theirs := processor(), server()
	n, _ := together(one, 3*time.Second/2)
	return (processor() - before + server() - theirs) / n
}

// together does a piece of work in eight goroutines for a time, and returns how often it was
// done and in how many seconds.
func together(work func(), lasting time.Duration) (n, seconds float64) {
	var wg sync.WaitGroup
	var done atomic.Int64
	began := time.Now()
	for range 8 {
		wg.Go(func() {
			for time.Since(began) < lasting {
				work()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()), time.Since(began).Seconds()
}

// database is the place of a new one, and the process of its server.
func (p *parts) database(engine, name string) (place string, pid int) {
	if engine != "PostgreSQL" {
		return filepath.Join(p.dir, name+".db"), 0
	}
	place, pid, err := storetest.Durable()
	p.must(err)
	return place, pid
}

// units does the units of work of one message.
func (p *parts) units(db *store.Store, s sample) func() {
	raw, payload, sealed, receipt := s.raw, s.payload, s.sealed, s.receipt
	var made atomic.Int64
	now := time.Now()
	signed := &store.Statement{Header: receipt.HeaderBytes(), Statement: receipt.Statement(), Signature: receipt.Signature()}
	return func() {
		n := made.Add(1)
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n*2654435761), n) // anywhere among all that are there
		own := func(document []byte) []byte { return append([]byte(id), document...) }
		m := store.Message{
			ID: gateway.MessageID(id), Route: "ru-cn-manifest", Kind: "Manifest", Recipient: "CN", Conversation: id, Chain: gateway.MessageID(id), DocumentID: id,
			State: gateway.Queued, Created: now, ValidUntil: now, Header: sealed.HeaderBytes(), Signature: sealed.Signature(), Payload: own(payload),
			Canonical: own(raw), NextAttempt: now, Answers: []store.Answer{},
		}
		arrival := store.Arrival{Door: store.DoorSubmit, Party: "10719110", ID: id, Content: own(raw[1:]), Received: now, Recipients: []string{}}
		inbound := store.Arrival{
			Door: store.DoorPeer, Party: "RU", ID: id, Header: m.Header, Signature: m.Signature, Content: own(payload[1:]), Received: now, Recipients: []string{}, Receipt: signed,
		}
		movement := func(tx *store.Tx, id string) error {
			return tx.PutMovement(store.Movement{ID: gateway.MovementID(id), Opened: now, First: now, Last: now, Body: raw[:min(len(raw), 1500)]},
				[]store.Identifier{{Kind: "batch", Folded: id}, {Kind: "waybill", Folded: id}, {Kind: "unit", Folded: id}})
		}
		audit := func(tx *store.Tx) error { return tx.Audit("gateway", "message queued", id, gateway.Digest{}) }
		for _, unit := range []func(tx *store.Tx) error{
			func(tx *store.Tx) error { return errors.Join(tx.PutArrival(arrival), audit(tx)) },
			func(tx *store.Tx) error {
				s := store.Submission{Office: "10719110", ID: id, State: gateway.Sent, Received: now, MessageID: m.ID, Canonical: m.Canonical, WaitsFor: []string{}}
				return errors.Join(tx.PutJudging(arrival), tx.PutAnnounced("ru-cn-manifest", id, m.ID), tx.PutSubmission(s),
					tx.PutJudgement(store.Judgement{Office: s.Office, ID: id, State: s.State, At: now}), tx.PutMessage(m), movement(tx, id), audit(tx), audit(tx), audit(tx))
			},
			func(tx *store.Tx) error {
				m.State = gateway.Accepted
				return errors.Join(tx.PutProgress(m, false), tx.PutReceipt(context.Background(), m.ID, store.Receipt{Statement: *signed, Verdict: gateway.PRS, Verified: now}), audit(tx))
			},
			func(tx *store.Tx) error { return errors.Join(tx.PutArrival(inbound), audit(tx)) },
			func(tx *store.Tx) error {
				in := store.Inbound{ID: m.ID, Sender: "RU", Kind: m.Kind, DocumentID: id, State: gateway.Accepted, Received: now, Canonical: own(raw[2:]), Receipt: signed, Unread: []string{}, Answers: []string{}}
				return errors.Join(tx.PutJudging(inbound), movement(tx, id+"-in"), tx.PutInbound(in), audit(tx), audit(tx))
			},
		} {
			_, err := db.Do(context.Background(), unit)
			p.must(err)
		}
	}
}

// journal is a file that bytes are added to, on disk for many at once when it returns.
type journal struct {
	file  *os.File
	units chan journalUnit
	done  sync.WaitGroup
}

type journalUnit struct {
	bytes []byte
	done  chan struct{}
}

func (p *parts) journal(name string) *journal {
	f, err := os.Create(filepath.Join(p.dir, name))
	p.must(err)
	j := &journal{file: f, units: make(chan journalUnit, store.MaxGroup)}
	j.done.Go(func() {
		for u := range j.units {
			group := []journalUnit{u}
			for more := true; more && len(group) < store.MaxGroup; {
				select {
				case u, more = <-j.units:
					if more {
						group = append(group, u)
					}
				default:
					more = false
				}
			}
			for _, u := range group {
				_, err := j.file.Write(u.bytes)
				p.must(err)
			}
			p.must(j.file.Sync())
			for _, u := range group {
				close(u.done)
			}
		}
	})
	return j
}

func (j *journal) write(b []byte) {
	u := journalUnit{b, make(chan struct{})}
	j.units <- u
	<-u.done
}

func (j *journal) close() {
	close(j.units)
	j.done.Wait()
	j.file.Close()
}

// relay is the plain transport: what is submitted is written to a journal three times and
// handed on over the same mutual TLS to a receiver, which writes it twice, as often as the
// gateways do, and nobody looks at it. It returns how many a second are delivered, and what
// each takes of processors, of all in one process.
func (p *parts) relay(size, clients int) (rate, ms float64) {
	payload := make([]byte, size)
	far, near := p.journal("far"), p.journal("near")
	defer far.close()
	defer near.close()
	receipt := &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{Header: payload[:400], Statement: payload[:400], Signature: payload[:70]}}
	farAddress := p.serve("cn", echo{answer: func(_ context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		far.write(r.Payload)
		far.write(r.Header)
		return receipt, nil
	}})
	onward := p.dial("ru", "customs://CN/gateway/1", farAddress)
	nearAddress := p.serve("ru", echo{answer: func(ctx context.Context, r *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		near.write(r.Payload)
		near.write(r.Payload)
		answer, err := onward.Deliver(ctx, r)
		near.write(r.Header)
		return answer, err
	}})
	var wg sync.WaitGroup
	var done atomic.Int64
	var before float64
	began := time.Now()
	for range clients {
		c := p.dial("cn", "customs://RU/gateway/1", nearAddress)
		wg.Go(func() {
			for time.Since(began) < time.Second {
				_, err := c.Deliver(context.Background(), &exchangev1.DeliverRequest{Header: payload[:400], Signature: payload[:70], Payload: payload})
				if err != nil && !errors.Is(err, io.EOF) {
					p.must(err)
				}
				done.Add(1)
			}
		})
	}
	before = processor()
	wg.Wait()
	n := float64(done.Load())
	return n / time.Since(began).Seconds(), (processor() - before) / n
}
