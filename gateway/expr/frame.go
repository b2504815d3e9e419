package expr

import (
	"errors"
	"sync"
	"time"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// code is a checked expression as a function of what it is asked about. Which T stands for
// which type of CEL: bool, string, int64, document.Number for decimal, date, time.Time for
// timestamp, time.Duration, document.Node for a message, and list of those.
type code[T any] func(*frame) (T, error)

// frame is what a condition is asked about, and what its loops stand on.
type frame struct {
	this, outer document.Node
	root        *customsv1.Document
	now         time.Time
	it          string

	elements [maxLoops]element // of the loops that run, the outermost first
	steps    int               // of all loops so far
}

// element is what a loop stands on: one of them, as its list has it.
type element struct {
	message document.Node
	text    string
	number  int64
}

const (
	// maxLoops is how deep loops may stand in each other to be compiled.
	maxLoops = 4
	// maxSteps is the most that the loops of one evaluation may do, some seconds of work.
	maxSteps = 5_000_000
)

var errSteps = errors.New("it takes too many steps")

// spend counts elements that are looked at, and what takes as long.
func (f *frame) spend(n int) error {
	if f.steps += n; f.steps > maxSteps {
		return errSteps
	}
	return nil
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// list is a list of a document, or one that was made of such.
type list[T any] struct {
	field document.List
	read  func(document.List, int) T // an element of field; nil: it is made
	made  []T
}

func (l *list[T]) len() int {
	if l.read != nil {
		return l.field.Len()
	}
	return len(l.made)
}

func (l *list[T]) at(i int) T {
	if l.read != nil {
		return l.read(l.field, i)
	}
	return l.made[i]
}
