package mappings_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/recipe"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/schema"
)

// roadNotice makes the Russian notice of a manifest and the exit report of its truck by
// the tables: parse, decode, join, encode, without rules, route and XSD.
type roadNotice struct {
	manifest, report, notice *mapping.Table
	join                     *recipe.Join
	exit                     []byte // the report
	supplied                 []said
}

// said is what no national document says: the stylesheet has the same constants.
type said struct {
	path *document.Path
	text string
}

// wide lets documents in that only a route with a cap of its own takes.
var wide = func() schema.Limits {
	lim := schema.DefaultLimits
	lim.Bytes, lim.Nodes = 4*lim.Bytes, 4*lim.Nodes
	return lim
}()

const noticeID = "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90"

func newRoadNotice(t testing.TB) *roadNotice {
	t.Helper()
	d := load(t)
	n := &roadNotice{
		manifest: d.table(t, "cn/mt2401.v1"), report: d.table(t, "cn/mt4402.v1"), notice: d.table(t, "ru/auto-preliminary.v1"),
		exit: readCase(t, "mt4402.xml"),
	}
	n.join, _ = d.library.Join("cn/road-export.v1")
	for path, text := range map[string]string{
		"structure": "R.042", "language": "RU", "entryOffice.administration": "RU", "entryOffice.code": "10719110",
		"entryOffice.checkpointName[language=ru].value": "МАПП Забайкальск", "declarant.name[language=ru].value": "ООО ПРИМЕР-БРОКЕР",
		"declarant.country": "RU", "declarantIsCarrier": "false", "transport.purpose": "3", "purposes[0]": "01",
	} {
		p, err := document.CompileFor("PreArrivalNotice", path)
		if err != nil {
			t.Fatal(err)
		}
		n.supplied = append(n.supplied, said{p, text})
	}
	return n
}

func readCase(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../testdata/cases", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (n *roadNotice) read(t testing.TB, table *mapping.Table, raw []byte) *customsv1.Document {
	t.Helper()
	doc, faults := schema.Parse(raw, wide)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	decoded := table.Decode(doc)
	if decoded.Faults.Refuse() {
		t.Fatal(decoded.Faults)
	}
	return decoded.Document
}

// write returns the notice of a manifest.
func (n *roadNotice) write(t testing.TB, raw []byte, tracing bool) ([]byte, trace.Trace) {
	t.Helper()
	joined := n.join.Run(map[string]*customsv1.Document{
		"manifest": n.read(t, n.manifest, raw), "vehicle": n.read(t, n.report, n.exit),
	}, noticeID)
	if joined.Faults.Refuse() {
		t.Fatal(joined.Faults)
	}
	for _, s := range n.supplied {
		if err := s.path.Set(document.Of(joined.Document), s.text); err != nil {
			t.Fatal(err)
		}
	}
	encoded, links, faults := n.notice.Encode(joined.Document, tracing)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	return encoded.Bytes(), links
}

// stylesheet runs xsltproc once over files and writes what it makes of them, one behind
// the other.
func stylesheet(t testing.TB, into io.Writer, files ...string) {
	t.Helper()
	report, err := filepath.Abs("../testdata/cases/mt4402.xml")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command("xsltproc", append([]string{"--stringparam", "report", report, "--stringparam", "id", noticeID, "testdata/road-notice.xsl"}, files...)...)
	cmd.Stdout, cmd.Stderr = into, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("xsltproc (make test-deps installs it): %v\n%s", err, said.String())
	}
}

// of returns a manifest of so many goods lines, 500 of them on a waybill.
func (n *roadNotice) of(t testing.TB, lines int) []byte {
	t.Helper()
	d := n.read(t, n.manifest, readCase(t, "mt2401.xml"))
	one := d.GetManifest().Consignments[0]
	d.GetManifest().Consignments = nil
	for left := lines; left > 0; left -= 500 {
		c := proto.CloneOf(one)
		c.TransportDocument.Id = fmt.Sprintf("CNRU2603%04d", len(d.GetManifest().Consignments)+1)
		c.Items = nil
		for i := range min(left, 500) {
			item := proto.CloneOf(one.Items[i%2])
			item.Sequence = proto.Uint32(uint32(i + 1))
			c.Items = append(c.Items, item)
		}
		d.GetManifest().Consignments = append(d.GetManifest().Consignments, c)
	}
	encoded, _, faults := n.manifest.Encode(d, false)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	return encoded.Bytes()
}

// The yardstick does the same work: what the stylesheet writes is what the tables write.
func TestStylesheetWritesTheSameNotice(t *testing.T) {
	n := newRoadNotice(t)
	file := filepath.Join(t.TempDir(), "manifest.xml")
	for _, lines := range []int{1, 40, 1200} {
		raw := n.of(t, lines)
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var theirs bytes.Buffer
		stylesheet(t, &theirs, file)
		ours, _ := n.write(t, raw, false)
		if diff := cmp.Diff(elements(t, theirs.Bytes()), elements(t, ours)); diff != "" {
			t.Errorf("%d lines (-stylesheet +tables):\n%.3000s", lines, diff)
		}
	}
}

// elements are a document's elements, one a line.
func elements(t *testing.T, raw []byte) []string {
	t.Helper()
	doc, faults := schema.Parse(raw, wide)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	return canonical(doc.Root)
}

// cost is what some work took: of the clock, and of the processors.
type cost struct{ wall, cpu time.Duration }

// measure adds what work costs, that of processes it started and waited for included.
func (c *cost) measure(b *testing.B, work func()) {
	cpu := func() (sum time.Duration) {
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var used syscall.Rusage
			if err := syscall.Getrusage(who, &used); err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
		return sum
	}
	start, before := time.Now(), cpu()
	work()
	c.wall, c.cpu = c.wall+time.Since(start), c.cpu+cpu()-before
}

// BenchmarkAgainstXSLT makes the notices of 200 manifests in files: one xsltproc process
// over all of them, then the tables without and with trace, one goroutine, all in one
// run. The ratios are what the tables took by what xsltproc took, of the clock and, for
// busy machines, of the processors, garbage collection included.
func BenchmarkAgainstXSLT(b *testing.B) {
	const count = 200
	n := newRoadNotice(b)
	for _, lines := range []int{37, 2_000} {
		raw := n.of(b, lines)
		b.Run(fmt.Sprintf("%dkB", len(raw)/1000), func(b *testing.B) {
			dir := b.TempDir()
			var files []string
			for i := range count {
				files = append(files, filepath.Join(dir, fmt.Sprintf("%03d.xml", i)))
				if err := os.WriteFile(files[i], raw, 0o600); err != nil {
					b.Fatal(err)
				}
			}
			out, err := os.Create(filepath.Join(dir, "out"))
			if err != nil {
				b.Fatal(err)
			}
			defer out.Close()
			tables := func(trace bool) {
				if _, err := out.Seek(0, io.SeekStart); err != nil {
					b.Fatal(err)
				}
				for _, file := range files {
					raw, err := os.ReadFile(file)
					if err != nil {
						b.Fatal(err)
					}
					written, _ := n.write(b, raw, trace)
					if _, err := out.Write(written); err != nil {
						b.Fatal(err)
					}
				}
			}
			var theirs, plain, traced cost
			for b.Loop() {
				theirs.measure(b, func() { stylesheet(b, out, files...) })
				plain.measure(b, func() { tables(false) })
				traced.measure(b, func() { tables(true) })
			}
			b.ReportMetric(theirs.wall.Seconds()/float64(b.N*count)*1e6, "xsltproc-µs/doc")
			b.ReportMetric(plain.wall.Seconds()/theirs.wall.Seconds(), "plain-wall")
			b.ReportMetric(traced.wall.Seconds()/theirs.wall.Seconds(), "traced-wall")
			b.ReportMetric(plain.cpu.Seconds()/theirs.cpu.Seconds(), "plain-cpu")
			b.ReportMetric(traced.cpu.Seconds()/theirs.cpu.Seconds(), "traced-cpu")
		})
	}
}

// Without and with trace, the peak of live memory, Go's and C's, is at most peakTimes the
// document's size, however large it is: what a process of its own that collects its
// garbage at once holds at its highest beyond what it held before.
func TestPeakMemoryOfANotice(t *testing.T) {
	if lines := os.Getenv("NOTICE_LINES"); lines != "" {
		holdsAtMost(t, lines)
		return
	}
	const peakTimes = 25
	for _, lines := range []int{1_000, 8_000} {
		for _, trace := range []bool{false, true} {
			times := math.Inf(1)
			for try := 0; try < 3 && times > peakTimes; try++ { // a busy machine collects garbage late
				times = min(times, heldBy(t, lines, trace))
			}
			if t.Logf("%d lines, trace %t: %.1f times the document", lines, trace, times); times > peakTimes {
				t.Errorf("%d lines, trace %t: %.1f times the document's size, want at most %d", lines, trace, times, peakTimes)
			}
		}
	}
}

// heldBy is what a process that writes one notice holds at its highest, in times its size.
func heldBy(t *testing.T, lines int, trace bool) (times float64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPeakMemoryOfANotice$", "-test.v")
	cmd.Env = append(os.Environ(), fmt.Sprint("NOTICE_LINES=", lines), fmt.Sprint("NOTICE_TRACE=", trace))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, said, _ := strings.Cut(string(out), heldTimes)
	if _, err := fmt.Sscan(said, &times); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return times
}

// Sixteen thousand goods lines arrive, each of them.
func TestSixteenThousandLinesInOneDocument(t *testing.T) {
	d, n := load(t), newRoadNotice(t)
	written, _ := n.write(t, n.of(t, 16_000), false)
	s, _ := d.schemas.Schema(n.notice.Schema())
	result := s.Check(written, wide)
	if result.Conforming.IsZero() {
		t.Fatal(lines(result.Faults))
	}
	count := 0
	for _, c := range n.notice.Decode(result.Document).Document.GetPreArrivalNotice().GetConsignments() {
		count += len(c.GetItems())
	}
	if count != 16_000 {
		t.Errorf("%d lines arrive", count)
	}
}

// heldTimes begins the line in which the process of its own says what it held.
const heldTimes = "held times "

// holdsAtMost translates one manifest and says how much memory that took.
func holdsAtMost(t *testing.T, lines string) {
	count, err := strconv.Atoi(lines)
	if err != nil {
		t.Fatal(err)
	}
	n := newRoadNotice(t)
	n.write(t, n.of(t, 1), true)
	raw := n.of(t, count)
	debug.SetGCPercent(5) // live memory, not garbage
	debug.FreeOSMemory()
	before := memory(t, "VmRSS:")
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // forget the peak so far
		t.Fatal(err)
	}
	written, links := n.write(t, raw, os.Getenv("NOTICE_TRACE") == "true")
	fmt.Println(heldTimes, float64(memory(t, "VmHWM:")-before)/float64(len(raw)))
	runtime.KeepAlive(written)
	runtime.KeepAlive(links)
}

// memory returns a figure of this process in bytes.
func memory(t *testing.T, what string) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), what)
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
