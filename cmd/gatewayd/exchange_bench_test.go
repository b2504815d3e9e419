package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
	"customs.example/gateway/store/storetest"
)

// BenchmarkExchange prints what two gateways exchange and what it costs them, as
// make bench-exchange shows it: see BENCHMARKS.md for what each figure is. Each gateway is a
// process of its own, the Russian one sends; a post's clients submit over mutual TLS, each
// the next document when the receipt for the last is verified, which the post's one watcher
// tells. BENCH_SECONDS is how long each line is measured, BENCH_BIN a gatewayd to compare,
// BENCH_ENGINES, BENCH_SIZES and BENCH_CLIENTS are what to leave the rest out for, and
// BENCH_PARTS=0 leaves out the parts.
func BenchmarkExchange(b *testing.B) {
	for b.Loop() {
	}
	lasting := 4 * time.Second
	if s := os.Getenv("BENCH_SECONDS"); s != "" {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			b.Fatal(err)
		}
		lasting = time.Duration(n * float64(time.Second))
	}
	fmt.Printf("%d processors, load average %s\n\n", runtime.NumCPU(), loadAverage())
	var costs map[int]cost
	if os.Getenv("BENCH_PARTS") != "0" {
		costs = benchParts(b)
		fmt.Println()
	}
	fmt.Println("                                   submit to receipt  processor ms a message                     memory MB         written     of")
	fmt.Println("database    document   clients  confirmed/s  p50 ms  p99 ms  sender receiver database client   all  sender receiver  kB a msg ceiling  busy")
	for _, engine := range chosen("BENCH_ENGINES", "SQLite", "PostgreSQL") {
		x := newExchange(b, engine)
		for _, size := range chosen("BENCH_SIZES", "2", "10") {
			n, err := strconv.Atoi(size)
			if err != nil {
				b.Fatal(err)
			}
			var eight float64
			for _, clients := range chosen("BENCH_CLIENTS", "1", "8", "64") {
				many, err := strconv.Atoi(clients)
				if err != nil {
					b.Fatal(err)
				}
				r := x.run(n*1000, many, 0, lasting)
				r.print(engine, n, clients, costs[n])
				if many == 8 {
					eight = r.rate
				}
			}
			if eight > 0 {
				x.run(n*1000, 8, eight/2, lasting).print(engine, n, "8, half", costs[n])
			}
		}
		x.end()
	}
	fmt.Printf("\nload average %s\n", loadAverage())
}

// chosen is what a variable names, or everything.
func chosen(variable string, all ...string) []string {
	if s := os.Getenv(variable); s != "" {
		return strings.Fields(s)
	}
	return all
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(raw))[:3], " ")
}

// exchange is two gateways and those who submit to the sender.
type exchange struct {
	b   *testing.B
	dir string
	processes
	clients []exchangev1.SubmissionServiceClient
	conns   []*grpc.ClientConn
	stop    context.CancelFunc
	watcher sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]chan<- gateway.MessageState // by submission
	made    int

	busy atomic.Int64
}

// processes are those whose use is told, by what they do.
type processes struct {
	sender, receiver *exec.Cmd
	database         int // its server; 0: within the gateways
}

func newExchange(b *testing.B, engine string) *exchange {
	dir, err := os.MkdirTemp("", "exchange")
	if err != nil {
		b.Fatal(err)
	}
	x := &exchange{b: b, dir: dir, waiting: make(map[string]chan<- gateway.MessageState)}
	ports, err := loopback.Addresses(4)
	x.must(err)
	x.must(makePKI(filepath.Join(dir, "pki")))
	x.must(writeConfig(dir, "cn", "RU", ports[:2], ports[2], "0603", "cn-ru-pre-arrival-notice"))
	x.must(writeConfig(dir, "ru", "CN", ports[2:], ports[0], "10719110", "ru-cn-answer", "ru-cn-manifest"))
	start := func(side string) *exec.Cmd {
		config := filepath.Join(dir, side+".yaml")
		if engine == "PostgreSQL" {
			place, server, err := storetest.Durable()
			x.must(err)
			x.database = server
			raw, err := os.ReadFile(config)
			x.must(err)
			x.must(os.WriteFile(config, bytes.Replace(raw, []byte("database: "+side+".db"), []byte("database: "+strconv.Quote(place)), 1), 0o600))
		}
		binary := filepath.Join(builtIn(x.b), "gatewayd")
		if other := os.Getenv("BENCH_BIN"); other != "" {
			binary = other
		}
		log, err := os.Create(filepath.Join(dir, side+".log"))
		x.must(err)
		defer log.Close()
		cmd := exec.Command(binary, "serve", "-config", config)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(os.Environ(), "BENCH_SIDE="+side)
		x.must(cmd.Start())
		return cmd
	}
	x.receiver = start("cn")
	x.sender = start("ru")
	var ctx context.Context
	ctx, x.stop = context.WithCancel(context.Background())
	watch := x.dial(ports[2])
	var stream grpc.ServerStreamingClient[exchangev1.SubmissionEvent]
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, err = watch.List(ctx, &exchangev1.ListSubmissionsRequest{}); err == nil {
			break
		}
		if time.Since(began) > patience {
			x.fail("it does not answer: %v", err)
		}
	}
	stream, err = watch.Watch(ctx, &exchangev1.WatchRequest{})
	x.must(err)
	x.watcher.Go(func() { x.watch(stream) })
	for range 64 {
		x.clients = append(x.clients, x.dial(ports[2]))
	}
	return x
}

func (x *exchange) dial(address string) exchangev1.SubmissionServiceClient {
	dir := filepath.Join(x.dir, "pki", "ru")
	cert, err := mtls.LoadCertificate(filepath.Join(dir, "post.pem"), filepath.Join(dir, "post-key.pem"))
	x.must(err)
	roots, err := mtls.LoadRoots(filepath.Join(dir, "ca.pem"))
	x.must(err)
	const uri = "customs://RU/gateway/1"
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: uri, Roots: roots}})
	x.must(err)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(registry.ClientConfig(cert, uri))))
	x.must(err)
	x.conns = append(x.conns, conn)
	return exchangev1.NewSubmissionServiceClient(conn)
}

// watch tells who waits for a submission how its message ended.
func (x *exchange) watch(stream grpc.ServerStreamingClient[exchangev1.SubmissionEvent]) {
	for {
		e, err := stream.Recv()
		if err != nil {
			return
		}
		state := gateway.MessageState(e.Submission.GetMessage().GetState())
		if !state.Final() {
			continue
		}
		x.mu.Lock()
		if c, ok := x.waiting[e.Submission.SubmissionId]; ok {
			delete(x.waiting, e.Submission.SubmissionId)
			c <- state
		}
		x.mu.Unlock()
	}
}

// outcome is one line of the table.
type outcome struct {
	rate, p50, p99                     float64 // a second; milliseconds
	sender, receiver, database, client float64 // milliseconds of processor a message
	senderMB, receiverMB               float64
	written                            float64 // kB a message
	busy                               int     // submissions that were asked to come again
}

// run has clients submit documents of a size for a time: as fast as each gets its receipts,
// or at a rate.
func (x *exchange) run(size, clients int, rate float64, lasting time.Duration) outcome {
	x.load(size, clients, rate, lasting/4) // connections, caches, garbage
	before, busy := x.spent(), x.busy.Load()
	took, elapsed := x.load(size, clients, rate, lasting)
	after := x.spent()
	slices.Sort(took)
	at := func(part float64) float64 { return took[int(part*float64(len(took)-1))].Seconds() * 1000 }
	n := float64(len(took))
	return outcome{
		rate: n / elapsed.Seconds(), p50: at(0.5), p99: at(0.99),
		sender: (after.sender.ms - before.sender.ms) / n, receiver: (after.receiver.ms - before.receiver.ms) / n,
		database: (after.database.ms - before.database.ms) / n, client: (after.client.ms - before.client.ms) / n,
		senderMB: after.sender.mb, receiverMB: after.receiver.mb,
		written: (after.sender.written + after.receiver.written + after.database.written -
			before.sender.written - before.receiver.written - before.database.written) / n / 1000,
		busy: int(x.busy.Load() - busy),
	}
}

func (o outcome) print(engine string, size int, clients string, c cost) {
	all := o.sender + o.receiver + o.database + o.client
	fmt.Printf("%-10s %6d kB %9s %12.0f %7.1f %7.1f %7.2f %8.2f %8.2f %6.2f %5.2f %7.0f %8.0f %9.1f %6.0f%% %5d\n", engine, size, clients, o.rate, o.p50, o.p99,
		o.sender, o.receiver, o.database, o.client, all, o.senderMB, o.receiverMB, o.written, 100*o.rate/c.ceiling(engine), o.busy)
}

// load submits, and returns how long each message took from its submission to its receipt.
func (x *exchange) load(size, clients int, rate float64, lasting time.Duration) (took []time.Duration, elapsed time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	last := began
	one := func(c exchangev1.SubmissionServiceClient) {
		from := time.Now()
		ended := x.submit(c, size)
		mu.Lock()
		defer mu.Unlock()
		took, last = append(took, ended.Sub(from)), maxInstant(last, ended)
	}
	for i := range clients {
		wg.Go(func() {
			if rate == 0 {
				for time.Since(began) < lasting {
					one(x.clients[i])
				}
				return
			}
			// Each submits when it is its turn, whether the last has its receipt or not.
			every := time.Duration(float64(clients) / rate * float64(time.Second))
			for at := every * time.Duration(i) / time.Duration(clients); at < lasting; at += every {
				time.Sleep(time.Until(began.Add(at)))
				wg.Go(func() { one(x.clients[i]) })
			}
		})
	}
	wg.Wait()
	return took, last.Sub(began)
}

func maxInstant(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// submit hands in one document and waits for its receipt.
func (x *exchange) submit(c exchangev1.SubmissionServiceClient, size int) time.Time {
	x.mu.Lock()
	x.made++
	id := fmt.Sprintf("5f3c1a00-0000-4000-8000-%012x", x.made)
	ended := make(chan gateway.MessageState, 1)
	x.waiting[id] = ended
	number := x.made
	x.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := &exchangev1.SubmitRequest{Content: benchManifest(id, number, size)}
	_, err := c.Submit(ctx, request)
	for status.Code(err) == codes.ResourceExhausted {
		x.busy.Add(1)
		for _, d := range status.Convert(err).Details() {
			if info, ok := d.(*errdetails.RetryInfo); ok {
				time.Sleep(info.GetRetryDelay().AsDuration())
			}
		}
		_, err = c.Submit(ctx, request)
	}
	if err != nil {
		x.fail("submit: %v", err)
	}
	select {
	case state := <-ended:
		if state != gateway.Accepted {
			x.fail("message of %s: %s", id, state)
		}
	case <-ctx.Done():
		x.fail("no receipt for %s", id)
	}
	return time.Now()
}

// benchManifest is a manifest in canonical JSON of about as many bytes, with identifiers of
// its own: what it announces is announced by no other.
func benchManifest(id string, number, size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"envelope":{"documentId":%q,"issued":%q,"function":"ORIGINAL"},"manifest":{"batch":"10719%08d","direction":"EXPORT",`+
		`"office":{"administration":"RU","code":"10719110"},"carrier":{"name":[{"language":"ru","value":"ООО \"Пример-Транс\""}],"ids":[{"scheme":"CUSTOMS","value":"RUEX000001"}],"country":"RU"},`+
		`"transport":{"mode":"3"},"departed":%[2]q,"consignments":[`, id, time.Now().UTC().Truncate(time.Second).Format(time.RFC3339), number)
	const line = `{"sequence":%d,"description":[{"language":"ru","value":"Пиломатериалы хвойные обрезные"}],"classifications":[{"scheme":"TNVED","code":"4407119300"}],` +
		`"grossMass":{"kilograms":"100.5","method":"DECLARED"},"packages":[{"type":"PK","quantity":10}]}`
	const perWaybill = 12
	for waybill := 1; waybill == 1 || b.Len() < size; waybill++ {
		if waybill > 1 {
			b.WriteByte(',')
		}
		var lines bytes.Buffer
		n := 0
		for ; n < perWaybill && (n == 0 || b.Len()+lines.Len()+700 < size); n++ {
			if n > 0 {
				lines.WriteByte(',')
			}
			fmt.Fprintf(&lines, line, n+1)
		}
		fmt.Fprintf(&b, `{"sequence":%d,"transportDocument":{"id":"RUCN%08d%02d"},"dispatchCountry":"RU","destinationCountry":"CN","totals":{"packages":%d,"packageType":"PK",`+
			`"grossMass":{"kilograms":"%d.%d","method":"DECLARED"},"value":{"amount":"123456.78","currency":"RUB"}},`+
			`"consignor":{"name":[{"language":"ru","value":"ООО \"Пример-Лес\""}],"country":"RU"},`+
			`"consignee":{"name":[{"language":"en","value":"MANZHOULI EXAMPLE TRADE CO LTD"}],"country":"CN"},"loadUnits":[%q],"items":[%s]}`,
			waybill, number, waybill, 10*n, n*201/2, n%2*5, containerNumber(number), lines.Bytes())
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

// containerNumber is one with its check digit, by ISO 6346.
func containerNumber(n int) string {
	ten, sum := fmt.Sprintf("EXMU%06d", n%1_000_000), 0
	for i, c := range []byte(ten) {
		v := int(c - '0')
		if c >= 'A' {
			v = int(c) - 'A' + 10
			v += (v - 1) / 10
		}
		sum += v << i
	}
	return ten + strconv.Itoa(sum%11%10)
}

// spent is what processes have used since they began, and the memory they hold.
type spent struct {
	ms, mb  float64
	written float64 // bytes, to disk
}

type allSpent struct{ sender, receiver, database, client spent }

func (x *exchange) spent() (u allSpent) {
	u.sender, u.receiver, u.client = spentBy(x.sender.Process.Pid), spentBy(x.receiver.Process.Pid), spentBy(os.Getpid())
	if x.database != 0 {
		u.database = spentByServer(x.database)
	}
	return u
}

// spentByServer is what a process and its children have used; the memory that they share is
// counted with each.
func spentByServer(pid int) spent {
	sum := spentBy(pid)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	for _, text := range strings.Fields(string(children)) {
		child, _ := strconv.Atoi(text)
		s := spentBy(child)
		sum = spent{sum.ms + s.ms, sum.mb + s.mb, sum.written + s.written}
	}
	return sum
}

// tick is the unit of times in /proc.
const tick = 10 // milliseconds

// spentBy reads what one process has used; nothing of one that has ended.
func spentBy(pid int) (s spent) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err1 := os.ReadFile(dir + "stat")
	io, err2 := os.ReadFile(dir + "io")
	if errors.Join(err1, err2) != nil {
		return spent{}
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the state on, the third
	number := func(text string) float64 {
		n, _ := strconv.ParseFloat(text, 64)
		return n
	}
	s.ms = (number(fields[11]) + number(fields[12])) * tick
	s.mb = number(fields[21]) * float64(os.Getpagesize()) / 1e6
	for line := range strings.Lines(string(io)) {
		if bytes, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			s.written = number(strings.TrimSpace(bytes))
		}
	}
	return s
}

func (x *exchange) must(err error) {
	if err != nil {
		x.fail("%v", err)
	}
}

// fail ends everything: nothing that follows would mean anything.
func (x *exchange) fail(format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	for _, side := range []string{"ru", "cn"} {
		raw, _ := os.ReadFile(filepath.Join(x.dir, side+".log"))
		said += fmt.Sprintf("\n%s: %s", side, raw[max(0, len(raw)-2000):])
	}
	x.end()
	panic(said)
}

func (x *exchange) end() {
	if x.stop != nil {
		x.stop()
	}
	for _, c := range x.conns {
		c.Close()
	}
	x.watcher.Wait()
	for _, cmd := range []*exec.Cmd{x.sender, x.receiver} {
		if cmd != nil && cmd.ProcessState == nil {
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait()
		}
	}
	if keep := os.Getenv("BENCH_KEEP"); keep != "" {
		return
	}
	os.RemoveAll(x.dir)
}
