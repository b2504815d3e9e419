package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/durable"
)

// entry is a file that was taken.
type entry struct {
	Number     int64          `json:"number"` // the order
	Name       string         `json:"name"`   // without what says its kind; a paper's keeps it
	File       string         `json:"file"`   // as it stood in OutBox
	Digest     gateway.Digest `json:"digest"` // of what is handed in
	Taken      time.Time      `json:"taken"`  // by this machine's clock
	State      string         `json:"state"`
	Tries      int            `json:"tries"`
	Submission string         `json:"submission,omitempty"` // once it is handed in
	Paper      *paper         `json:"paper,omitempty"`      // nil: it is a document
}

// paper says of a file that what it announces is handled on paper.
type paper struct {
	Of     string `json:"of"` // its name
	Page   string `json:"page,omitempty"`
	Reason string `json:"reason"`
}

// The states of an entry.
const (
	queuedState = "queued"
	handedIn    = "handed in"
	endedState  = "ended"
)

func (s *Spool) path(e *entry, ext string) string {
	return filepath.Join(s.dir, kept, fmt.Sprintf("%010d%s", e.Number, ext))
}

func (s *Spool) donePath(name string) string {
	return filepath.Join(s.dir, kept, done, folded(name)+".json")
}

// folded is what names have in common that differ in upper and lower case: on many disks they are one.
func folded(name string) string { return strings.ToLower(name) }

// read reads what waits. What a crash has left half written was never taken from OutBox.
func (s *Spool) read() error {
	files, err := os.ReadDir(filepath.Join(s.dir, kept))
	if err != nil {
		return err
	}
	contents := make(map[int64]bool) // without what says that they are there
	for _, f := range files {
		base, ext := split(f.Name())
		if ext == durable.TempExt {
			if err := durable.Remove(filepath.Join(s.dir, kept, f.Name())); err != nil {
				return err
			}
			continue
		}
		number, err := strconv.ParseInt(base, 10, 64)
		if err != nil || !f.Type().IsRegular() {
			continue
		}
		s.next = max(s.next, number+1)
		if ext != ".json" {
			contents[number] = true
			continue
		}
		e, err := readEntry(filepath.Join(s.dir, kept, f.Name()))
		if err != nil {
			return err
		}
		if e.Number != number {
			return fmt.Errorf("%s: says that it is number %d", f.Name(), e.Number)
		}
		if ended, err := readEntry(s.donePath(e.Name)); err == nil && ended.Number == e.Number { // a crash came between
			if err := s.forget(e); err != nil {
				return err
			}
			continue
		}
		delete(contents, number)
		s.waiting, s.named[folded(e.Name)] = append(s.waiting, e), e
	}
	for number := range contents {
		if err := durable.Remove(s.path(&entry{Number: number}, ".doc")); err != nil {
			return err
		}
	}
	slices.SortFunc(s.waiting, func(a, b *entry) int { return int(a.Number - b.Number) })
	ended, err := os.ReadDir(filepath.Join(s.dir, kept, done))
	if err != nil {
		return err
	}
	for _, f := range ended { // a number is used once too
		if e, err := readEntry(filepath.Join(s.dir, kept, done, f.Name())); err == nil {
			s.next = max(s.next, e.Number+1)
		}
	}
	return nil
}

func readEntry(file string) (*entry, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	e := new(entry)
	if err := json.Unmarshal(raw, e); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return e, nil
}

// find is what was taken under a name; nil: nothing.
func (s *Spool) find(name string) (*entry, error) {
	if e := s.named[folded(name)]; e != nil {
		return e, nil
	}
	e, err := readEntry(s.donePath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return e, err
}

// keep writes a file that is taken: first what it says, then that it is there.
func (s *Spool) keep(e *entry, content []byte) error {
	e.Number, e.Taken, e.State = s.next, s.now(), queuedState
	s.next++
	if err := durable.Put(s.path(e, ".doc"), content, 0o600); err != nil {
		return err
	}
	if err := s.write(e); err != nil {
		return err
	}
	s.waiting, s.named[folded(e.Name)] = append(s.waiting, e), e
	return nil
}

func (s *Spool) write(e *entry) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return durable.Put(s.path(e, ".json"), raw, 0o600)
}

// content is the document, as it was taken.
func (s *Spool) content(e *entry) ([]byte, error) {
	raw, err := os.ReadFile(s.path(e, ".doc"))
	if err != nil {
		return nil, err
	}
	if gateway.DigestOf(raw) != e.Digest {
		return nil, fmt.Errorf("%s: is not what was taken: the disk has changed it", s.path(e, ".doc"))
	}
	return raw, nil
}

// end answers for the last time, and forgets the document. What could not be said of another is forgotten
// too: it may be said again.
func (s *Spool) end(e *entry, how string, asJSON, asText []byte) error {
	if err := s.answer(how, e.Name, asJSON, asText); err != nil {
		return err
	}
	e.State = endedState
	if e.Paper == nil || how != failed {
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if err := durable.Put(s.donePath(e.Name), raw, 0o600); err != nil {
			return err
		}
	}
	delete(s.named, folded(e.Name))
	s.waiting = slices.DeleteFunc(s.waiting, func(o *entry) bool { return o == e })
	s.tell(Told{File: e.File, What: gateway.Say(gateway.WordSpoolEnded, answerFile(how, e.Name))})
	return s.forget(e)
}

func (s *Spool) forget(e *entry) error {
	return errors.Join(durable.Remove(s.path(e, ".json")), durable.Remove(s.path(e, ".doc")))
}

// How the names of answers begin.
const (
	success = "Success"
	failed  = "Failed"
	receipt = "Receipt"
)

// answerable is the name under which a file is answered that nothing can be made of: its own, unless an
// answer could not be called by it.
func answerable(file string) string {
	name, _ := split(file)
	if len(name) <= maxAnswered {
		return name
	}
	return strings.ToValidUTF8(name[:maxAnswered], "") + "_" + gateway.DigestOf([]byte(name)).String()[:8]
}

// answerFile is the answer that people read.
func answerFile(how, name string) string { return filepath.Join(InBox, how+"_"+name+".txt") }

// text is what is wrong, for people.
func (s *Spool) text(err error) []byte {
	text := err.Error()
	var u unfitError
	if errors.As(err, &u) {
		text = u.In(s.lang)
	}
	return []byte(strings.TrimSpace(text) + "\n")
}

// answer writes an answer: for people first, so that whoever waits for the other finds both.
func (s *Spool) answer(how, name string, asJSON, asText []byte) error {
	at := filepath.Join(s.dir, InBox, how+"_"+name)
	if err := durable.Put(at+".txt", asText, 0o600); err != nil {
		return err
	}
	return durable.Put(at+".json", asJSON, 0o600)
}

// asJSON is the answer to a file that the gateway says nothing of.
func asJSON(file string, err error) []byte {
	v := struct {
		File  string `json:"file"`
		Error string `json:"error,omitempty"`
	}{File: file}
	if err != nil {
		v.Error = err.Error()
	}
	raw, _ := json.Marshal(v)
	return append(raw, '\n')
}
