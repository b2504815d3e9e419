// Package spool owns the folders of a post that has no line for a time: what its system puts into OutBox
// is checked, kept on disk and handed in, in order, when there is a line, and every answer stands in InBox
// as a file. It refuses to know what a document says: it looks at names, sizes and whether a file can be
// read at all, and the gateway judges.
//
// The names are those of the Single Window client: a file is NAME.xml, NAME.json, or NAME.zip with
// NAME.xml in it; answers are Success_NAME (taken by the gateway), Failed_NAME (refused, with every
// fault) and Receipt_NAME (what became of it), each as .json for programs and .txt for people. NAME.paper
// says of NAME that it is handled on paper by now: a line with the number of the page, which may be
// empty, and a line with the reason.
//
// What was taken from OutBox is lost by no crash and handed in once: it stands in Spool until it has
// ended, under a number that says the order: that in which files were seen, and of those seen at once that of
// their times. A name is used once, in upper or lower case.
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/durable"
)

// The folders.
const (
	OutBox  = "OutBox"  // what is to be handed in
	InBox   = "InBox"   // answers
	Refused = "Refused" // files that nothing can be made of; InBox says why
	kept    = "Spool"   // what waits; nobody else's
	done    = "done"    // below it: what has ended, by its name, without the document
)

// Bounds.
const (
	MaxFile    = 8 << 20 // bytes of a document
	MaxWaiting = 100_000 // documents that have not ended
	// settling is how long a file in OutBox is left alone that may still be written.
	settling = time.Second
	// followed is how many answers are asked for in one round.
	followed = 50
	// Retries begin after backOff and come to maxBackOff.
	backOff    = time.Second
	maxBackOff = time.Minute
	// stuckAfter is how often one document may fail before the next is tried beside it, and maxStuck how
	// many may fail one behind the other before it is taken to be the line.
	stuckAfter = 5
	maxStuck   = 16
	// maxFailed is how many files of OutBox may fail in one look before it ends.
	maxFailed = 16
	// skewTold is how far this machine's clock may be from the gateway's without being told.
	skewTold = time.Minute
)

// Door is the gateway, as a post hands in.
type Door interface {
	// Submit hands a document in. An error is Temporary where the same may go well later.
	Submit(ctx context.Context, content []byte) (Answer, error)
	// Status is what became of a submission; ErrUnknown, if the gateway has lost it.
	Status(ctx context.Context, submission string) (Answer, error)
	// Paper says that what a submission announces is handled on paper. It is Temporary of one that
	// has become no message yet.
	Paper(ctx context.Context, submission, page, reason string) error
}

// Told is what happens, for whoever watches.
type Told struct {
	File  string // of which; empty: of all
	What  gateway.Phrase
	Cause error // as the gateway or the line says it, such as that the certificate is refused; nil: none
}

// Answer is what the gateway says of a submission.
type Answer struct {
	Submission string // its id
	Refused    bool   // it is faulty, and judged anew when it is handed in again under another name
	Ended      bool   // nothing more is waited for
	Received   time.Time
	JSON, Text []byte // what programs read, and people
}

// ErrUnknown says that the gateway knows nothing of a submission.
var ErrUnknown = errors.New("the gateway does not know the submission")

// Temporary is an error after which the same is tried again.
type Temporary struct {
	Cause error
	After time.Duration // not before; 0: whenever
}

func (t *Temporary) Error() string { return t.Cause.Error() }

// Unwrap returns the cause.
func (t *Temporary) Unwrap() error { return t.Cause }

// Spool is the folders of one post. One process alone works on them.
type Spool struct {
	dir  string
	door Door
	now  func() time.Time
	lang string
	tell func(Told) // whoever watches

	lock    *os.File
	waiting []*entry // that have not ended, in order
	named   map[string]*entry
	next    int64
	looked  map[string]look // files of OutBox as they were when they were last looked at
	looks   int             // how often it was looked
	pause   time.Duration   // before the next try, after one that failed
	notYet  time.Time       // when that is
	cursor  int             // who was asked for last
}

// look is how a file was.
type look struct {
	size    int64
	changed time.Time
	at      time.Time // since when it is so
	first   int       // in which look it was seen first
}

// Open opens the folders, or makes them, and reads what waits. Folders on which another process works are
// refused.
func Open(dir, lang string, door Door, now func() time.Time, tell func(Told)) (*Spool, error) {
	s := &Spool{dir: dir, lang: lang, door: door, now: now, tell: tell, named: make(map[string]*entry), looked: make(map[string]look), next: 1}
	for _, d := range []string{OutBox, InBox, Refused, filepath.Join(kept, done)} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, kept, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: another process works on these folders: %w", dir, err), lock.Close())
	}
	s.lock = lock
	if err := s.read(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Close leaves the folders to others.
func (s *Spool) Close() error { return s.lock.Close() }

// Idle reports whether nothing waits any more, nor stood in OutBox when it was last looked at.
func (s *Spool) Idle() bool { return len(s.waiting) == 0 && len(s.looked) == 0 }

// Round takes what is new in OutBox, hands in what is due, and asks for answers. What the gateway cannot
// do for now waits; the error is one of these folders.
func (s *Spool) Round(ctx context.Context) error {
	taken := s.take() // what fails there keeps nothing back that was taken before
	return errors.Join(taken, s.exchange(ctx))
}

// exchange hands in what is due, and asks for answers.
func (s *Spool) exchange(ctx context.Context) error {
	if s.now().Before(s.notYet) && s.notYet.Sub(s.now()) <= maxBackOff { // else the clock was put back
		return nil
	}
	line, err := s.handIn(ctx)
	if err == nil && line {
		line, err = s.follow(ctx)
	}
	if line && err == nil {
		s.pause, s.notYet = 0, time.Time{}
	}
	return err
}

// take takes every file that has settled: what was seen first, and of that the oldest.
func (s *Spool) take() error {
	files, err := os.ReadDir(filepath.Join(s.dir, OutBox))
	if err != nil {
		return err
	}
	var settled []fs.FileInfo
	seen := make(map[string]look)
	s.looks++
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(f.Name(), ".") || slices.Contains([]string{".tmp", ".part"}, strings.ToLower(filepath.Ext(f.Name()))) {
			continue
		}
		before, now := s.looked[f.Name()], look{info.Size(), info.ModTime(), s.now(), s.looks}
		if before.first > 0 {
			now.first = before.first
		}
		if before.size == now.size && before.changed.Equal(now.changed) && !before.at.IsZero() {
			now.at = before.at
			if since := s.now().Sub(now.at); since >= settling || since < 0 {
				settled = append(settled, info)
			}
		}
		seen[f.Name()] = now
	}
	s.looked = seen
	slices.SortFunc(settled, func(a, b fs.FileInfo) int {
		return cmp.Or(isPaper(a.Name())-isPaper(b.Name()), s.looked[a.Name()].first-s.looked[b.Name()].first, a.ModTime().Compare(b.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	var failures []error
	for _, f := range settled {
		if len(s.waiting) >= MaxWaiting {
			s.tell(Told{File: f.Name(), What: gateway.Say(gateway.WordSpoolFull, strconv.Itoa(MaxWaiting), OutBox)})
			break
		}
		if err := s.takeFile(f); err != nil {
			failures = append(failures, err)
			if len(failures) == maxFailed {
				break
			}
			continue
		}
		delete(s.looked, f.Name())
	}
	return errors.Join(failures...)
}

// isPaper is 1 of a file that says that another is handled on paper, which it is taken behind.
func isPaper(file string) int {
	if strings.EqualFold(filepath.Ext(file), paperExt) {
		return 1
	}
	return 0
}

// takeFile keeps one file, and then takes it from OutBox: what a crash leaves in both is the same. What has
// taken its place meanwhile stays.
func (s *Spool) takeFile(looked fs.FileInfo) error {
	file := looked.Name()
	from := filepath.Join(s.dir, OutBox, file)
	taken := func() error {
		if !unchanged(from, looked) {
			return nil
		}
		return durable.Remove(from)
	}
	e, content, bad := s.weigh(looked)
	if errors.Is(bad, errChanged) {
		return nil
	}
	if bad == nil {
		known, err := s.find(e.Name)
		if err != nil {
			return err
		}
		switch {
		case known == nil:
			if err := s.keep(e, content); err != nil {
				return err
			}
			s.tell(Told{File: file, What: gateway.Say(gateway.WordSpoolTaken)})
			return taken()
		case known.Digest == e.Digest:
			s.tell(Told{File: file, What: gateway.Say(gateway.WordSpoolAgain)})
			return taken()
		}
		bad = unfit(gateway.WordSpoolUsed)
	}
	name := answerable(file)
	s.tell(Told{File: file, What: gateway.Say(gateway.WordSpoolRefused, answerFile(failed, name))})
	if err := s.answer(failed, name, asJSON(file, bad), s.text(bad)); err != nil {
		return err
	}
	if !unchanged(from, looked) {
		return nil
	}
	return durable.Move(from, filepath.Join(s.dir, Refused, file))
}

// handIn hands in what waits, in order, and says on paper what is. It reports whether there is a line.
func (s *Spool) handIn(ctx context.Context) (line bool, err error) {
	stuck := 0 // one behind the other
	for _, e := range slices.Clone(s.waiting) {
		if ctx.Err() != nil {
			return false, nil
		}
		if e.State != queuedState {
			continue
		}
		if e.Paper != nil {
			if err := s.onPaper(ctx, e); err != nil {
				return false, err
			}
			continue
		}
		content, err := s.content(e)
		if err != nil {
			return false, err
		}
		e.Tries++
		if err := s.write(e); err != nil {
			return false, err
		}
		answer, err := s.door.Submit(ctx, content)
		var temporary *Temporary
		switch {
		case errors.As(err, &temporary):
			if stuck++; e.Tries >= stuckAfter && stuck < maxStuck { // is it the line, or this one alone?
				continue
			}
			s.later(temporary)
			return false, nil
		case err != nil:
			if err := s.end(e, failed, asJSON(e.File, err), s.text(err)); err != nil {
				return false, err
			}
			continue
		}
		stuck = 0
		s.clock(e, answer)
		if answer.Refused {
			if err := s.end(e, failed, answer.JSON, answer.Text); err != nil {
				return false, err
			}
			continue
		}
		if err := s.answer(success, e.Name, answer.JSON, answer.Text); err != nil {
			return false, err
		}
		e.State, e.Submission = handedIn, answer.Submission
		if err := s.write(e); err != nil {
			return false, err
		}
		s.tell(Told{File: e.File, What: gateway.Say(gateway.WordSpoolHandedIn, answer.Submission)})
		if answer.Ended {
			if err := s.end(e, receipt, answer.JSON, answer.Text); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// onPaper says of what was handed in that it is handled on paper. Until it is a message, that waits.
func (s *Spool) onPaper(ctx context.Context, e *entry) error {
	of, err := s.find(e.Paper.Of)
	if err != nil {
		return err
	}
	switch {
	case of != nil && of.State == queuedState, of == nil && s.comes(e.Paper.Of):
		return nil
	case of == nil || of.Submission == "":
		err = unfit(gateway.WordSpoolUnknown, e.Paper.Of)
	default:
		err = s.door.Paper(ctx, of.Submission, e.Paper.Page, e.Paper.Reason)
	}
	switch temporary := new(Temporary); {
	case errors.As(err, &temporary):
		return nil
	case err != nil:
		return s.end(e, failed, asJSON(e.File, err), s.text(err))
	}
	return s.end(e, success, asJSON(e.File, nil), s.text(unfit(gateway.WordSpoolOnPaper, e.Paper.Of)))
}

// comes reports whether a file of a name stands in OutBox and has not settled.
func (s *Spool) comes(name string) bool {
	for file := range s.looked {
		if is, _ := split(file); isPaper(file) == 0 && folded(is) == folded(name) {
			return true
		}
	}
	return false
}

// follow asks what became of some of what was handed in.
func (s *Spool) follow(ctx context.Context) (line bool, err error) {
	var open []*entry
	for _, e := range s.waiting {
		if e.State == handedIn {
			open = append(open, e)
		}
	}
	n := min(len(open), followed)
	for i := range n {
		e := open[(s.cursor+i)%len(open)]
		answer, err := s.door.Status(ctx, e.Submission)
		var temporary *Temporary
		switch {
		case ctx.Err() != nil:
			return false, nil
		case errors.As(err, &temporary):
			s.later(temporary)
			return false, nil
		case errors.Is(err, ErrUnknown): // it was restored from before: what it lost it has again
			e.State, e.Tries = queuedState, 0
			if err := s.write(e); err != nil {
				return false, err
			}
			continue
		case err != nil:
			s.tell(Told{File: e.File, What: gateway.Say(gateway.WordSpoolSilent)})
			continue
		case !answer.Ended:
			continue
		}
		if err := s.end(e, receipt, answer.JSON, answer.Text); err != nil {
			return false, err
		}
	}
	s.cursor += n
	return true, nil
}

// later puts the next try off.
func (s *Spool) later(t *Temporary) {
	if s.pause == 0 {
		s.tell(Told{What: gateway.Say(gateway.WordSpoolNoLine), Cause: t.Cause})
	}
	s.pause = min(max(2*s.pause, backOff, t.After), maxBackOff)
	s.notYet = s.now().Add(s.pause)
}

// clock tells when this machine's clock is wrong. Of what came before, the gateway says when that was.
func (s *Spool) clock(e *entry, a Answer) {
	skew := s.now().Sub(a.Received)
	if e.Tries > 1 || a.Received.IsZero() || skew.Abs() < skewTold {
		return
	}
	how := gateway.WordSpoolAhead
	if skew < 0 {
		how = gateway.WordSpoolBehind
	}
	s.tell(Told{What: gateway.Say(how, skew.Abs().Round(time.Second).String())})
}
