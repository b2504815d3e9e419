package flow_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
)

// roadNotice makes the Russian notice of a manifest and the exit report of its truck by
// the tables: parse, decode, join, encode, without rules, route and XSD.
type roadNotice struct {
	manifest, report, notice *mapping.Table
	join                     *mapping.Join
	exit                     []byte // the report
	supplied                 []supplied
}

// supplied is what no national document says: the stylesheet has the same constants.
type supplied struct {
	path *document.Path
	text string
}

const noticeID = "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90"

func newRoadNotice(t testing.TB) *roadNotice {
	t.Helper()
	c := loadChain(t)
	n := &roadNotice{exit: readCase(t, "mt4402.xml")}
	n.manifest, _ = c.Tables.Table("cn/mt2401.v1")
	n.report, _ = c.Tables.Table("cn/mt4402.v1")
	n.notice, _ = c.Tables.Table("ru/auto-preliminary.v1")
	n.join, _ = c.Tables.Join("cn/road-export.v1")
	for path, text := range map[string]string{
		"structure": "R.042", "language": "RU", "entryOffice.administration": "RU", "entryOffice.code": "10719110",
		"entryOffice.checkpointName[language=ru].value": "МАПП Забайкальск", "declarant.name[language=ru].value": "ООО ПРИМЕР-БРОКЕР",
		"declarant.country": "RU", "declarantIsCarrier": "false", "transport.purpose": "3", "purposes[0]": "01",
	} {
		p, err := document.CompileFor("PreArrivalNotice", path)
		if err != nil {
			t.Fatal(err)
		}
		n.supplied = append(n.supplied, supplied{p, text})
	}
	return n
}

func readCase(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../testdata/cases", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (n *roadNotice) read(t testing.TB, table *mapping.Table, raw []byte, lim schema.Limits) *customsv1.Document {
	doc, faults := schema.Parse(raw, lim)
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
func (n *roadNotice) write(t testing.TB, raw []byte, lim schema.Limits, trace bool) ([]byte, mapping.Trace) {
	joined := n.join.Run(map[string]*customsv1.Document{
		"manifest": n.read(t, n.manifest, raw, lim), "vehicle": n.read(t, n.report, n.exit, lim),
	}, noticeID)
	if joined.Faults.Refuse() {
		t.Fatal(joined.Faults)
	}
	for _, s := range n.supplied {
		if err := s.path.Set(joined.Document.ProtoReflect(), s.text); err != nil {
			t.Fatal(err)
		}
	}
	encoded, links, faults := n.notice.Encode(joined.Document, trace)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	return encoded.Bytes(), links
}

// stylesheet runs xsltproc once over files and writes what it makes of them, one behind
// the other.
func stylesheet(t testing.TB, into io.Writer, files ...string) {
	t.Helper()
	report, err := filepath.Abs("../../testdata/cases/mt4402.xml")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command("xsltproc", append([]string{"--stringparam", "report", report, "--stringparam", "id", noticeID, "testdata/road-notice.xsl"}, files...)...)
	cmd.Stdout, cmd.Stderr = into, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("xsltproc (make deps installs it): %v\n%s", err, said.String())
	}
}

// The yardstick does the same work: what the stylesheet writes is what the tables write.
func TestStylesheetWritesTheSameNotice(t *testing.T) {
	c, n := loadChain(t), newRoadNotice(t)
	file := filepath.Join(t.TempDir(), "manifest.xml")
	for _, size := range []int{2_000, 20_000, 400_000} {
		raw := manifest(t, size)
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var theirs bytes.Buffer
		stylesheet(t, &theirs, file)
		ours, _ := n.write(t, raw, c.Limits, false)
		if diff := cmp.Diff(elements(t, c, theirs.Bytes()), elements(t, c, ours)); diff != "" {
			t.Errorf("%d bytes (-stylesheet +tables):\n%.3000s", size, diff)
		}
	}
}

// elements are a document's elements, one a line.
func elements(t *testing.T, c *flow.Chain, raw []byte) []string {
	t.Helper()
	doc, faults := schema.Parse(raw, c.Limits)
	if faults.Refuse() {
		t.Fatal(faults)
	}
	var out []string
	for e := range doc.Root.Walk() {
		out = append(out, line(e))
	}
	return out
}

func line(e *xmltree.Element) string {
	text := e.Name.String()
	for _, a := range e.Attrs {
		text += " " + a.Name.Local + "=" + a.Value
	}
	return text + " " + strings.TrimSpace(e.Text)
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
	c, n := loadChain(b), newRoadNotice(b)
	for _, size := range []int{20_000, 1_000_000} {
		b.Run(fmt.Sprintf("%dkB", size/1000), func(b *testing.B) {
			dir := b.TempDir()
			raw := manifest(b, size)
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
					written, _ := n.write(b, raw, c.Limits, trace)
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

// The peak of live memory, Go's and C's, is at most PeakTimes the document's size. It is
// what a process of its own, which collects its garbage as soon as there is some, holds
// at its highest beyond what it held before.
func TestPeakMemoryOfANotice(t *testing.T) {
	if size := os.Getenv("NOTICE_BYTES"); size != "" {
		peak(t, size)
		return
	}
	for _, size := range []int{1_000_000, 4_000_000, 16_000_000} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPeakMemoryOfANotice$", "-test.v")
		cmd.Env = append(os.Environ(), fmt.Sprint("NOTICE_BYTES=", size), "GOGC=10")
		out, err := cmd.CombinedOutput()
		t.Logf("%v %s", err, out)
	}
}

func peak(t *testing.T, size string) {
	bytes, err := strconv.Atoi(size)
	if err != nil {
		t.Fatal(err)
	}
	c, n := loadChain(t), newRoadNotice(t)
	lim := c.Limits
	lim.Bytes = 64 << 20
	lim.Nodes = 1 << 30
	n.write(t, manifest(t, 2_000), lim, true)
	raw := manifest(t, bytes)
	debug.FreeOSMemory()
	before := held(t, "VmRSS")
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	written, _ := n.write(t, raw, lim, os.Getenv("TRACE") != "")
	fmt.Printf("in %d out %d: %.1f times\n", len(raw), len(written), float64(held(t, "VmHWM")-before)/float64(len(raw)))
}

func held(t *testing.T, what string) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), what+":")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
