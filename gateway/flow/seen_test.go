package flow_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/metrics"
)

// exchange sends one truck's notice, numbered, from submission to verified receipt.
func (w *world) exchange(n int) {
	w.t.Helper()
	number := strings.NewReplacer("0603260301001", fmt.Sprintf("06032%08d", n), "CNRU26030001", fmt.Sprintf("CNRU%08d", n),
		"E12345", fmt.Sprintf("E%05d", n), "E6789", fmt.Sprintf("E%04d", n), "ABCU1234560", fmt.Sprintf("ABCU%07d", n), "CNSEAL", fmt.Sprint("CNSEAL", n))
	for id, name := range []string{"mt2401.xml", "mt4402.xml"} {
		s, err := w.cn.Submit(context.Background(), post, flow.Submission{
			ID: gateway.SubmissionID(fmt.Sprintf("S%d-%d", n, id)), MediaType: flow.XML, Content: []byte(number.Replace(string(w.content(name)))),
		})
		if err != nil || s.Faults.Refuse() {
			w.t.Fatal(s.State, s.Faults, err)
		}
	}
	w.deliver()
}

// TestLinesOfAnExchange holds how much is written: eight lines for a notice that two documents
// become, on both sides together, and so 8,000 for 1,000 messages; none holds anything out of
// the documents but their ids.
func TestLinesOfAnExchange(t *testing.T) {
	w := newWorld(t)
	var log bytes.Buffer
	w.cn.Log = event.NewLog(slog.New(slog.NewJSONHandler(&log, nil)))
	w.ru.Log = w.cn.Log
	const n = 20
	for i := range n {
		w.exchange(i)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 8*n {
		t.Errorf("%d exchanges are told in %d lines:\n%s", n, lines, log.String())
	}
	if perLine := log.Len() / (8 * n); perLine > 400 {
		t.Errorf("a line has %d bytes", perLine)
	}
	for _, secret := range []string{"蒙E", "ABCU", "CNSEAL", "CNRU0", "06032", "Забайкальск"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// BenchmarkSeen is an exchange with logs and figures and without, turn by turn in one run,
// and by how much the one is slower.
func BenchmarkSeen(b *testing.B) {
	plain, seen := newWorld(b), newWorld(b)
	plain.cn.Log, plain.ru.Log = nil, nil
	seen.cn.Log = event.NewLog(slog.New(slog.NewJSONHandler(io.Discard, nil)), metrics.New(metrics.Sources{Now: time.Now}))
	seen.ru.Log = event.NewLog(slog.New(slog.NewJSONHandler(io.Discard, nil)), metrics.New(metrics.Sources{Now: time.Now}))
	var took [2]time.Duration
	n := 0
	for b.Loop() {
		order := []int{n % 2, 1 - n%2}
		for _, i := range order {
			began := time.Now()
			[]*world{plain, seen}[i].exchange(n)
			took[i] += time.Since(began)
		}
		n++
	}
	b.ReportMetric(float64(took[0].Microseconds())/float64(n), "plain-us")
	b.ReportMetric(float64(took[1].Microseconds())/float64(n), "seen-us")
	b.ReportMetric(100*(float64(took[1])/float64(took[0])-1), "%-slower")
}

// catalogued holds every line to the catalogue of events: its name, its level, and what may
// be said of it.
type catalogued struct{ t testing.TB }

func (catalogued) Enabled(context.Context, slog.Level) bool { return true }
func (c catalogued) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c catalogued) WithGroup(string) slog.Handler          { return c }

func (c catalogued) Handle(_ context.Context, r slog.Record) error {
	i := slices.IndexFunc(event.Kinds, func(k event.Kind) bool { return string(k.Name) == r.Message && k.Level == r.Level })
	if i < 0 {
		c.t.Errorf("%v %q is no event of the catalogue", r.Level, r.Message)
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(event.Kinds[i].Attributes, a.Key) {
			c.t.Errorf("%q does not say %s", r.Message, a.Key)
		}
		return true
	})
	return nil
}
