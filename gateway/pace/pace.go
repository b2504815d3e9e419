// Package pace owns how long work that nobody waits for any more goes on: its steps are
// counted, and after every so many the caller's context is asked. It refuses to do any
// work, and to stop what does not ask.
package pace

import "context"

// Every is how many steps are done before the context is asked again: a step is the least
// that a document can have many of (an element, a row in an element, a rule at a place),
// takes some microseconds at most, and asking takes nanoseconds.
const Every = 64

// Steps are those of one piece of work, which one goroutine does. What is made of a work
// whose steps were ended is incomplete: it MUST be thrown away for [Steps.Err].
type Steps struct {
	ctx   context.Context
	count int
	err   error
}

// Of returns the steps of work that is done for as long as a context lasts.
func Of(ctx context.Context) *Steps { return &Steps{ctx: ctx} }

// Endless returns the steps of work that is done to its end.
func Endless() *Steps { return Of(context.Background()) }

// Next counts a step and reports whether it is to be done. Once it says no it never says
// yes again.
func (s *Steps) Next() bool {
	if s.count++; s.count%Every == 0 {
		return s.Ask() == nil
	}
	return s.err == nil
}

// Ask asks the context at once: before something that takes long and asks nobody.
func (s *Steps) Ask() error {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	return s.err
}

// Err is nil for as long as the steps go on, and then what ended the context.
func (s *Steps) Err() error { return s.err }

// Count returns how many steps were asked for, those included that were not to be done.
func (s *Steps) Count() int { return s.count }
