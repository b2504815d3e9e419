package gateway

import (
	"maps"
	"slices"
	"testing"
)

// reach returns every state that can be reached, the start included.
func reach[S ~string](start S, next map[S][]S) []S {
	seen := []S{start}
	for i := 0; i < len(seen); i++ {
		for _, s := range next[seen[i]] {
			if !slices.Contains(seen, s) {
				seen = append(seen, s)
			}
		}
	}
	slices.Sort(seen)
	return seen
}

// machine holds transitions to the states that are declared, all of them reachable,
// and none leading back: a history never repeats a state.
func machine[S ~string](t *testing.T, typeName string, start S, next map[S][]S) {
	t.Helper()
	var declared []S
	for _, v := range constants(t, "state.go", typeName) {
		declared = append(declared, S(v))
	}
	slices.Sort(declared)
	if got := reach(start, next); !slices.Equal(got, declared) {
		t.Errorf("%s: reachable %v, declared %v", typeName, got, declared)
	}
	for s := range maps.Keys(next) {
		for _, n := range next[s] {
			if slices.Contains(reach(n, next), s) {
				t.Errorf("%s: from %s back to %s", typeName, n, s)
			}
		}
	}
}

func TestStateMachines(t *testing.T) {
	machine(t, "SubmissionState", Arrived, submissionNext)
	machine(t, "MessageState", Queued, messageNext)
}

func TestFinalStates(t *testing.T) {
	for _, v := range constants(t, "state.go", "SubmissionState") {
		s := SubmissionState(v)
		if want := s != Arrived && s != Held && s != SetAside; s.Final() != want {
			t.Errorf("%s is final: %v", s, s.Final())
		}
	}
	final := []MessageState{Accepted, Refused, Dead, TakenBack, Unsigned, Settled}
	for _, v := range constants(t, "state.go", "MessageState") {
		s := MessageState(v)
		if s.Final() != slices.Contains(final, s) {
			t.Errorf("%s is final: %v", s, s.Final())
		}
		// Only people's hands move a final message, and only a dead one.
		if s.Final() && s != Dead && len(messageNext[s]) > 0 || s == Dead && !slices.Equal(messageNext[s], []MessageState{Settled}) {
			t.Errorf("%s is final and goes on to %v", s, messageNext[s])
		}
	}
}

func TestCanBecome(t *testing.T) {
	for _, tt := range []struct {
		from, to SubmissionState
		want     bool
	}{
		{Arrived, Held, true}, {Held, Joined, true}, {Held, Withdrawn, true},
		{Held, Sent, true}, {Joined, Withdrawn, true}, {Sent, Withdrawn, true}, {Faulty, Held, false}, {Withdrawn, Held, false}, {Done, Withdrawn, false}, {Held, Held, false}, {"", Arrived, false}, {Arrived, "", false},
	} {
		if got := tt.from.CanBecome(tt.to); got != tt.want {
			t.Errorf("%q to %q: %v", tt.from, tt.to, got)
		}
	}
	for _, tt := range []struct {
		from, to MessageState
		want     bool
	}{
		{Queued, Sending, true}, {Sending, Received, true}, {Received, Accepted, true}, {Dead, Settled, true},
		{Accepted, Refused, false}, {Refused, Accepted, false}, {Received, Sending, false}, {Received, Received, false}, {"", Queued, false},
	} {
		if got := tt.from.CanBecome(tt.to); got != tt.want {
			t.Errorf("%q to %q: %v", tt.from, tt.to, got)
		}
	}
}

func TestVerdictGivesAState(t *testing.T) {
	for v, want := range map[Verdict]MessageState{RCV: Received, PRS: Accepted, ERR: Refused, "": "", "prs": ""} {
		if got := v.State(); got != want {
			t.Errorf("%q: got %q, want %q", v, got, want)
		}
	}
}
