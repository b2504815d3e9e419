package event

import (
	"errors"
	"io"
	"log"
	"strings"
)

// Library is a logger for a library that would otherwise write lines of its own.
func (l *Log) Library(name string) *log.Logger {
	return log.New(library{l, name}, "", 0)
}

type library struct {
	log  *Log
	name string
}

func (w library) Write(line []byte) (int, error) {
	w.log.Tell(Event{Name: LibraryMessage, Library: w.name, Cause: errors.New(strings.TrimSpace(string(line)))})
	return len(line), nil
}

// Nowhere is a logger for a library whose lines nobody reads.
func Nowhere() *log.Logger { return log.New(io.Discard, "", 0) }
