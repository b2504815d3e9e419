package schema

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"customs.example/gateway/pace"
)

// sized returns a good document of about n bytes.
func sized(n int) []byte {
	item := good[strings.Index(good, "  <Item>"):strings.Index(good, "</Notice>")]
	return []byte(strings.Replace(good, item, strings.Repeat(item, max(1, (n-len(good))/len(item)+1)), 1))
}

var sizes = []struct {
	name  string
	bytes int
}{{"2kB", 2 << 10}, {"20kB", 20 << 10}, {"1MB", 1 << 20}}

func benchmark(b *testing.B, f func(raw []byte) error) {
	for _, s := range sizes {
		raw := sized(s.bytes)
		b.Run(s.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGate(b *testing.B) {
	benchmark(b, func(raw []byte) error { _, faults := passes(pace.Endless(), raw, DefaultLimits); return faults.Err() })
}

func BenchmarkLibxmlParseOnly(b *testing.B) {
	benchmark(b, func(raw []byte) error {
		doc, err := parse(raw)
		if err == nil {
			doc.Free()
		}
		return err
	})
}

func BenchmarkParse(b *testing.B) {
	benchmark(b, func(raw []byte) error { _, faults := Parse(raw, DefaultLimits); return faults.Err() })
}

func BenchmarkCheck(b *testing.B) {
	sc := noticeSchema(b)
	benchmark(b, func(raw []byte) error { return sc.Check(raw, DefaultLimits).Faults.Err() })
}

// Go's own figures do not show what C forgets to free: watch the whole process.
func TestMemoryIsGivenBack(t *testing.T) {
	sc := noticeSchema(t)
	fine, faulty := sized(100<<10), []byte(strings.ReplaceAll(string(sized(100<<10)), "166", "999"))
	round := func() {
		for range 60 {
			sc.Check(fine, DefaultLimits)
			sc.Check(faulty, DefaultLimits)
			sc.Check([]byte("<a\u00A0b/>"), DefaultLimits)
		}
		set, err := Load(notice)
		if err != nil {
			t.Fatal(err)
		}
		set.Close()
	}
	for range 3 {
		round()
	}
	before := resident(t)
	for range 4 {
		round()
	}
	// One leaked document is 0.5 MB, of 480 in these rounds.
	if grown := resident(t) - before; grown > 40<<20 {
		t.Errorf("the process grew by %d MB", grown>>20)
	}
}

func resident(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(data))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(fmt.Errorf("statm: %w", err))
	}
	return pages * int64(os.Getpagesize())
}
