package invariant

import (
	"strings"
	"testing"
)

const figures = `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 36
go_memstats_next_gc_bytes 4.0403132e+07
gateway_messages_total{route="a",state="dead"} 2
process_open_fds 21
`

func TestUsageIsReadFromFigures(t *testing.T) {
	got, err := ReadUsage(strings.NewReader(figures))
	if want := (Usage{Goroutines: 36, Descriptors: 21, Memory: 40403132}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"": "there is no figure", strings.Replace(figures, "process_open_fds", "open_fds", 1): "there is no figure process_open_fds",
		strings.Replace(figures, "36", "many", 1): "figure go_goroutines", "go_goroutines 36\n" + strings.Repeat("x", 100_000): "token too long",
	} {
		if _, err := ReadUsage(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func TestUsageAboveWhatItWasIsNamed(t *testing.T) {
	before := Usage{Goroutines: 36, Descriptors: 21, Memory: 40 << 20}
	for _, tt := range []struct {
		now  Usage
		want string
	}{
		{before, ""},
		{Usage{}, ""},
		{Usage{36 + moreGoroutines, 21 + moreDescriptors, 40<<20 + moreMemory}, ""},
		{Usage{37 + moreGoroutines, 21, 0}, "77 goroutines, 36 before anything came"},
		{Usage{36, 22 + moreDescriptors, 0}, "42 open descriptors, 21 before anything came"},
		{Usage{36, 21, 200 << 20}, "200 MiB of memory, 40 before anything came"},
	} {
		if got := strings.Join(tt.now.Above(before), "; "); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.now, got, tt.want)
		}
	}
}
