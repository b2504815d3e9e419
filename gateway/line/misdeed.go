package line

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"customs.example/gateway"
)

// Misdeed is a way in which a line fails those who call over it.
type Misdeed string

// The misdeeds. None of them is one that networks and partners do not do.
const (
	// Duplicate brings the same call again: at the same time, behind it, or some time later.
	Duplicate Misdeed = "duplicate"
	// Reordering holds a call back until a later one has passed.
	Reordering Misdeed = "reordering"
	// Delay holds a call back for a time.
	Delay Misdeed = "delay"
	// Truncation cuts a delivery or its answer short, or breaks the connection in the middle of the answer.
	Truncation Misdeed = "truncation"
	// BitFlip changes one bit of a delivery or its answer.
	BitFlip Misdeed = "bit-flip"
	// LostReceipt breaks the connection when the answer is there, and brings nothing of it.
	LostReceipt Misdeed = "lost-receipt"
	// ForgedSignature has a delivery or its answer signed by a key that nobody knows.
	ForgedSignature Misdeed = "wrong-signature"
	// SlowRead reads what comes next over the connection in small pieces.
	SlowRead Misdeed = "slow-read"
)

// Misdeeds are all of them, in the order in which they are drawn.
var Misdeeds = []Misdeed{Duplicate, Reordering, Delay, Truncation, BitFlip, LostReceipt, ForgedSignature, SlowRead}

// Odds say how probable each misdeed is with each call: 0 to 1. One that is not there never happens.
type Odds map[Misdeed]float64

// Each are odds of all misdeeds alike.
func Each(p float64) Odds {
	o := make(Odds)
	for _, m := range Misdeeds {
		o[m] = p
	}
	return o
}

// ParseOdds reads odds as a person gives them: one number for all, or of each what is named, as in
// 0.05, or duplicate=0.2,delay=1.
func ParseOdds(text string) (Odds, error) {
	if p, err := odd(text); err == nil {
		return Each(p), nil
	}
	o := make(Odds)
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		p, err := odd(value)
		if !ok || err != nil || !slices.Contains(Misdeeds, Misdeed(name)) {
			return nil, fmt.Errorf("%q: want 0 to 1, or NAME=0.05 of some of %s", part, names())
		}
		o[Misdeed(name)] = p
	}
	return o, nil
}

func odd(text string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err == nil && !(p >= 0 && p <= 1) {
		err = strconv.ErrRange
	}
	return p, err
}

func names() string {
	var all []string
	for _, m := range Misdeeds {
		all = append(all, string(m))
	}
	return strings.Join(all, ", ")
}

// Counts say how often each misdeed was done.
type Counts map[Misdeed]int

// Add adds those of another line.
func (c Counts) Add(other Counts) {
	for m, n := range other {
		c[m] += n
	}
}

func (c Counts) String() string {
	var all []string
	for _, m := range Misdeeds {
		if c[m] > 0 {
			all = append(all, fmt.Sprintf("%d %s", c[m], m))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// Done is one misdeed, as it is told: nothing of what travels but its id.
type Done struct {
	Line    string            // between whom
	Call    int64             // which call over the line, from 1
	Misdeed Misdeed           //
	What    string            // was done to which part
	Message gateway.MessageID // empty: it was no delivery, or cannot be read
}

func (d Done) String() string {
	text := fmt.Sprintf("%s call %d: %s", d.Line, d.Call, d.Misdeed)
	if d.What != "" {
		text += " " + d.What
	}
	if d.Message != "" {
		text += ", message " + string(d.Message)
	}
	return text
}

// draw is what is done with one call. It depends on the seed and on how many calls came before, and on nothing else.
type draw struct {
	*rand.Rand
	call int64
	does map[Misdeed]bool
}

// drawn draws what is done with a call.
func (o Odds) drawn(seed uint64, call int64) draw {
	d := draw{rand.New(rand.NewPCG(seed, uint64(call))), call, make(map[Misdeed]bool)}
	for _, m := range Misdeeds {
		if p := d.Float64(); p < o[m] { // drawn whatever the odds: those of one change nothing of another
			d.does[m] = true
		}
	}
	return d
}

// check says what is unfit of odds.
func (o Odds) check() error {
	for _, m := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(Misdeeds, m) || !(o[m] >= 0 && o[m] <= 1) {
			return fmt.Errorf("odds of %q: %v", m, o[m])
		}
	}
	return nil
}

// Told keeps what lines tell, to be printed. The zero Told is ready to use.
type Told struct {
	mu   sync.Mutex
	last []Done
	all  Counts
}

// Note takes one misdeed.
func (t *Told) Note(d Done) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(Counts)
	}
	t.all[d.Misdeed]++
	if t.last = append(t.last, d); len(t.last) > maxTold {
		t.last = t.last[1:]
	}
}

// Counts are how often each misdeed was done.
func (t *Told) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.all)
}

// String is how often each misdeed was done, and the last of them line by line.
func (t *Told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	text.WriteString(t.all.String() + "\n")
	for _, d := range t.last {
		text.WriteString(d.String() + "\n")
	}
	return text.String()
}
