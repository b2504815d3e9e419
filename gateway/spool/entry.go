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
		if ext == tmpExt {
			if err := remove(filepath.Join(s.dir, kept, f.Name())); err != nil {
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
		if err := remove(s.path(&entry{Number: number}, ".doc")); err != nil {
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
	if err := put(s.path(e, ".doc"), content); err != nil {
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
	return put(s.path(e, ".json"), raw)
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
		if err := put(s.donePath(e.Name), raw); err != nil {
			return err
		}
	}
	delete(s.named, folded(e.Name))
	s.waiting = slices.DeleteFunc(s.waiting, func(o *entry) bool { return o == e })
	s.tell(Told{File: e.File, What: gateway.Say(gateway.WordSpoolEnded, answerFile(how, e.Name))})
	return s.forget(e)
}

func (s *Spool) forget(e *entry) error {
	return errors.Join(remove(s.path(e, ".json")), remove(s.path(e, ".doc")))
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
	if err := put(at+".txt", asText); err != nil {
		return err
	}
	return put(at+".json", asJSON)
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

// tmpExt is the end of the name of a file that is not yet whole.
const tmpExt = ".tmp"

// put writes a file whole and on disk, or not at all.
func put(name string, content []byte) error {
	tmp := name + tmpExt
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(tmp) // on a full disk it is room for others
		return err
	}
	return move(tmp, name)
}

// move renames a file, and has that on disk.
func move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if filepath.Dir(to) == filepath.Dir(from) {
		return synced(filepath.Dir(to))
	}
	return errors.Join(synced(filepath.Dir(to)), synced(filepath.Dir(from)))
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return synced(filepath.Dir(name))
}

func synced(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
