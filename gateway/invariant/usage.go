package invariant

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Process is a gateway's process at rest: before anything came, and when everything had ended. A process that was
// killed and started again is compared with what it used when it was first at rest.
type Process struct {
	Name          string
	Before, After Usage
}

// Usage is what a process uses, by its own figures.
type Usage struct {
	Goroutines  float64
	Descriptors float64
	Memory      float64 // bytes of heap at which it collects next: a multiple of what lived when it last did
}

// What a process may use more at rest than before anything came: connections to partners and clients that stay
// open, the store's connections, and what was read once and is kept, such as compiled queries.
const (
	moreGoroutines  = 40
	moreDescriptors = 20
	moreMemory      = 64 << 20
)

// maxFigures bounds the figures that are read, in bytes.
const maxFigures = 4 << 20

// ReadUsage reads what a process uses from its figures in the text format of Prometheus, as /metrics shows them.
func ReadUsage(r io.Reader) (u Usage, err error) {
	wanted := map[string]*float64{"go_goroutines": &u.Goroutines, "process_open_fds": &u.Descriptors, "go_memstats_next_gc_bytes": &u.Memory}
	lines := bufio.NewScanner(io.LimitReader(r, maxFigures))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := wanted[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return u, fmt.Errorf("figure %s: %w", name, err)
		}
		delete(wanted, name)
	}
	if err := lines.Err(); err != nil {
		return u, err
	}
	for name := range wanted {
		return u, fmt.Errorf("there is no figure %s", name)
	}
	return u, nil
}

// Above says what a process uses more of than it may, given what it used before anything came; nothing, if it has
// come back to that.
func (u Usage) Above(before Usage) (what []string) {
	for _, f := range []struct {
		name              string
		was, is, at, most float64
	}{
		{"goroutines", before.Goroutines, u.Goroutines, 1, before.Goroutines + moreGoroutines},
		{"open descriptors", before.Descriptors, u.Descriptors, 1, before.Descriptors + moreDescriptors},
		{"MiB of memory", before.Memory, u.Memory, 1 << 20, before.Memory + moreMemory},
	} {
		if !(f.is <= f.most) {
			what = append(what, fmt.Sprintf("%.0f %s, %.0f before anything came", f.is/f.at, f.name, f.was/f.at))
		}
	}
	return what
}

// processes checks that what a side's processes used has come back to what it was.
func (k *checker) processes(s Side) {
	for _, p := range s.Processes {
		k.counts[s.Own].Processes++
		for _, what := range p.After.Above(p.Before) {
			k.broken("I9", s.Own, p.Name, "has %s", what)
		}
	}
}
