// Package recognition owns the agreements under which one administration recognises the controls of
// another, as data: which kinds of control, of which offices, and on which days. It refuses to decide:
// it says what the agreements say of a control on its own day, and an administration does with that
// what it will.
package recognition

import (
	"slices"
	"time"

	"customs.example/gateway"
)

// Agreements are all that is loaded. They are read from files and MUST NOT be changed. The zero
// Agreements recognise nothing.
type Agreements struct{ rows []row }

// row is what one agreement says of some controls.
type row struct {
	id        string // with the file it stands in: recognition/cn-ru.v1:RC010
	agreement string
	status    string
	by, in    gateway.Administration // who has controlled, and who recognises it
	offices   []gateway.Office       // of either; none of one: all of that
	controls  []string
	from, to  time.Time // days, both included; zero: open-ended
}

// Control is a control as it is judged.
type Control struct {
	Office gateway.Office         // where it was made, with whose it is
	In     gateway.Administration // who is to recognise it
	At     []gateway.Office       // the offices of that on the goods' route; none: nobody knows
	Kind   string                 // a code of the list control-kind
	Day    time.Time              // when it was made, in the local time of its office; zero: nobody knows
}

// Why a control is not recognised.
type Why int

// The reasons, each of a row that comes nearer than those of the reasons before.
const (
	NoAgreement Why = 1 + iota // between the two administrations
	OtherKind                  // of control
	OtherOffice
	OtherDay // before the agreement holds, after it, or on a day that nobody knows
)

// Verdict is what the agreements say of a control.
type Verdict struct {
	Recognised bool
	Why        Why // of what is not recognised
	// By what, or what comes nearest; empty with NoAgreement.
	Agreement, Row, Status string
	From, Until            time.Time // days; zero: open-ended
}

// Of returns what the agreements say of a control on its day: whoever asks later is told the same, as
// long as the data are the same. Of several rows that recognise it, it is the one that does so longest.
func (a Agreements) Of(c Control) Verdict {
	best := Verdict{Why: NoAgreement}
	for _, r := range a.rows {
		v := r.of(c)
		longer := v.Recognised && best.Recognised && !best.Until.IsZero() && (v.Until.IsZero() || v.Until.After(best.Until))
		if v.Recognised && !best.Recognised || longer || !best.Recognised && v.Why > best.Why {
			best = v
		}
	}
	return best
}

func (r row) of(c Control) Verdict {
	v := Verdict{Agreement: r.agreement, Row: r.id, Status: r.status, From: r.from, Until: r.to}
	switch {
	case r.by != c.Office.Administration || r.in != c.In:
		return Verdict{Why: NoAgreement}
	case !slices.Contains(r.controls, c.Kind):
		v.Why = OtherKind
	case !r.serves(c.Office) || len(c.At) > 0 && !slices.ContainsFunc(c.At, r.serves):
		v.Why = OtherOffice
	case c.Day.IsZero() || before(c.Day, r.from) || !r.to.IsZero() && before(r.to, c.Day):
		v.Why = OtherDay
	default:
		v.Recognised = true
	}
	return v
}

// serves reports whether an office is one of the row's, or the row names none of its administration.
func (r row) serves(o gateway.Office) bool {
	named := false
	for _, of := range r.offices {
		if of.Administration == o.Administration {
			if named = true; of.Same(o) {
				return true
			}
		}
	}
	return !named
}

// before reports whether a day is before another, each as its own place counts them.
func before(a, b time.Time) bool { return a.Format(time.DateOnly) < b.Format(time.DateOnly) }
