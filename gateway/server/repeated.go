package server

import (
	"sync"
	"time"
)

// RepeatInterval is how long the same error of many calls is counted before it is logged
// again, with how often it was repeated.
const RepeatInterval = time.Minute

// maxRepeated bounds the errors that are told apart.
const maxRepeated = 100

// repeated has an error told once and then counted: callers decide how often it happens.
type repeated struct {
	mu   sync.Mutex
	now  func() time.Time
	seen map[string]*repetition
}

type repetition struct {
	logged time.Time
	n      int // since then
}

// count returns how often something was repeated since it was logged last, and whether it
// is to be logged now.
func (r *repeated) count(what string) (n int, log bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.now()
	if r.seen == nil {
		r.seen = make(map[string]*repetition)
	}
	known, ok := r.seen[what]
	if !ok && len(r.seen) >= maxRepeated {
		for k, v := range r.seen {
			if at.Sub(v.logged) >= RepeatInterval && v.n == 0 {
				delete(r.seen, k)
			}
		}
		if len(r.seen) >= maxRepeated {
			what = "others"
			known, ok = r.seen[what]
		}
	}
	if !ok {
		r.seen[what] = &repetition{logged: at}
		return 0, true
	}
	if known.n++; at.Sub(known.logged) < RepeatInterval {
		return 0, false
	}
	n = known.n
	*known = repetition{logged: at}
	return n, true
}
