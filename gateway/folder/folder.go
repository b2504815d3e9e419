// Package folder owns the exchange with a partner that is reached by files: a message queue on either side, or a
// person, carries them. What is for the partner is laid into out, what came from it is taken from in, each in an
// envelope for its reader alone. It refuses to judge what lies in an envelope, and to say who made it: that is the
// signature's inside. What can be nothing is put aside, with why.
package folder

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/durable"
	"customs.example/gateway/envelope"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
)

// Folders of a partner.
const (
	Out   = "out"   // what is for it; whoever has it takes the file away
	In    = "in"    // what came from it, each file put there by renaming
	Aside = "aside" // what came and is nothing that could be taken, with why as text
)

// Ext is the end of the name of an envelope. Files with another are left alone.
const Ext = ".p7m"

// How a folder is looked at.
const (
	// Look is how often.
	Look = 2 * time.Second
	// MaxTaken is how many files are taken in one look.
	MaxTaken = 1000
	// Again is how long a receipt is waited for before the same message is laid there again.
	Again = time.Hour
	// LaterFirst and LaterMost are how long a message that is not judged yet, or could not be taken, is left alone: it
	// doubles.
	LaterFirst = 2 * time.Second
	LaterMost  = 5 * time.Minute
)

// Parcel is what lies in an envelope, as JSON: a message with its document, or a receipt with its statement. The
// bytes are those that were signed, in base64.
type Parcel struct {
	Header    []byte `json:"header"`
	Signature []byte `json:"signature"`
	Document  []byte `json:"document,omitempty"`
	Statement []byte `json:"statement,omitempty"`
}

// Door is where what came is handed in.
type Door interface {
	// Receive hands in a message, and returns the receipt for it, and whether that is a verdict.
	Receive(ctx context.Context, header, signature, document []byte) (receipt peer.Receipt, verdict bool, err error)
	// TakeReceipt hands in a receipt.
	TakeReceipt(ctx context.Context, r peer.Receipt) error
	// Refused reports whether an error refuses what was handed in for good; any other passes.
	Refused(err error) bool
}

// Options make a Folder. All are required.
type Options struct {
	Dir      string // holds Out, In and Aside
	Pair     *envelope.Pair
	Partner  peer.Partner
	Most     int64 // bytes of an envelope that is taken
	Door     Door
	Now      func() time.Time
	Log      *event.Log
	Interval time.Duration // between two looks; 0: Look
}

// Folder is the exchange with one partner.
type Folder struct {
	Options
	looked map[string]fs.FileInfo // files of the last look, by their names
	later  map[string]*later      // of those that are not judged yet, or could not be taken
	failed atomic.Bool            // the last look
}

// later is a file that is looked at again.
type later struct {
	next  time.Time
	tries int
	given gateway.Digest // of the receipt that was laid out last
}

// New makes the folders that are not there.
func New(o Options) (*Folder, error) {
	o.Interval = cmp.Or(o.Interval, Look)
	for _, dir := range []string{Out, In, Aside} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o770); err != nil {
			return nil, err
		}
	}
	return &Folder{Options: o, later: make(map[string]*later)}, nil
}

// Partner returns who is at the other end. Nobody calls it.
func (f *Folder) Partner() peer.Partner { return f.Options.Partner }

// State is folder, or failing while the folder cannot be looked at.
func (f *Folder) State() string {
	if f.failed.Load() {
		return "failing"
	}
	return "folder"
}

// Close ends nothing: there is no connection.
func (f *Folder) Close() error { return nil }

// Deliver lays a message out. Its receipt comes by itself.
func (f *Folder) Deliver(_ context.Context, m seal.Sealed) (peer.Answer, error) {
	if m.IsZero() {
		return peer.Answer{}, &peer.NotSentError{Cause: errors.New("message is not sealed")}
	}
	name := string(m.Header().MessageID) + ".message" // an id of our own
	if err := f.lay(name, Parcel{Header: m.HeaderBytes(), Signature: m.Signature(), Document: m.Payload()}); err != nil {
		return peer.Answer{}, &peer.NotSentError{Cause: err}
	}
	return peer.Answer{Later: Again}, nil
}

// lay puts a parcel into an envelope for the partner, unless it lies there still.
func (f *Folder) lay(name string, p Parcel) error {
	at := filepath.Join(f.Dir, Out, name+Ext)
	if _, err := os.Lstat(at); err == nil {
		return nil
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sealed, err := f.Pair.Seal(raw)
	if err != nil {
		return err
	}
	return durable.Put(at, sealed, 0o640)
}

// Run looks until the context ends.
func (f *Folder) Run(ctx context.Context) {
	for {
		err := f.Round(ctx)
		if failed := err != nil && ctx.Err() == nil; failed && !f.failed.Swap(failed) {
			f.Log.Tell(event.Event{Name: event.FolderFailed, Partner: f.administration(), Cause: err})
		} else if err == nil {
			f.failed.Store(false)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.Interval):
		}
	}
}

func (f *Folder) administration() gateway.Administration { return f.Options.Partner.Administrations[0] }

// Round takes what came, and is as it was in the round before. What is wrong with a file alone is noted with it and
// keeps no other waiting; the error is the first that may pass.
func (f *Folder) Round(ctx context.Context) error {
	found, err := f.found()
	if err != nil {
		return err
	}
	before := f.looked
	f.looked = make(map[string]fs.FileInfo, len(found))
	for _, info := range found {
		f.looked[info.Name()] = info
		if was := before[info.Name()]; was == nil || was.Size() != info.Size() || !was.ModTime().Equal(info.ModTime()) {
			continue // it may be coming still
		}
		switch failed := f.take(ctx, info.Name()); {
		case ctx.Err() != nil:
			return ctx.Err()
		case failed != nil:
			f.waits(info.Name())
			err = cmp.Or(err, failed)
		}
	}
	return err
}

// found are envelopes that have come and are due, the oldest first, at most MaxTaken of those that are listed first.
func (f *Folder) found() ([]fs.FileInfo, error) {
	dir, err := os.Open(filepath.Join(f.Dir, In))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var found []fs.FileInfo
	there := make(map[string]*later)
	for now := f.Now(); ; {
		entries, err := dir.ReadDir(listed)
		for _, e := range entries {
			if l := f.later[e.Name()]; l != nil {
				there[e.Name()] = l
				if now.Before(l.next) {
					continue
				}
			}
			if !strings.HasSuffix(e.Name(), Ext) || !e.Type().IsRegular() || len(found) == MaxTaken {
				continue
			}
			if info, err := e.Info(); err == nil { // or it is gone
				found = append(found, info)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	f.later = there
	slices.SortFunc(found, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	return found, nil
}

// listed is how many names are read at once.
const listed = 256

// waits has a file be left alone for a while, longer each time.
func (f *Folder) waits(file string) *later {
	l := cmp.Or(f.later[file], new(later))
	f.later[file] = l
	l.next = f.Now().Add(min(LaterFirst<<min(l.tries, 16), LaterMost))
	l.tries++
	return l
}

// take hands in what lies in one file, which goes when that is on disk.
func (f *Folder) take(ctx context.Context, name string) error {
	at := filepath.Join(f.Dir, In, name)
	raw, err := f.read(at)
	switch {
	case errors.Is(err, errTooLarge):
		return f.putAside(at, gateway.Digest{}, err)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return f.putAside(at, gateway.Digest{}, err)
	case err != nil:
		return err
	}
	digest := gateway.DigestOf(raw)
	p, err := f.parcel(raw)
	if err != nil {
		return f.putAside(at, digest, err)
	}
	verdict := true
	if p.Statement != nil {
		err = f.Door.TakeReceipt(ctx, peer.Receipt{Header: p.Header, Statement: p.Statement, Signature: p.Signature})
	} else {
		verdict, err = f.receive(ctx, name, p)
	}
	switch {
	case err != nil && f.Door.Refused(err):
		return f.putAside(at, digest, err)
	case err != nil:
		return err
	case !verdict:
		return nil
	}
	return durable.Remove(at)
}

// read reads a file of at most so many bytes, however large it has become since it was looked at.
func (f *Folder) read(at string) ([]byte, error) {
	file, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, f.Most+1))
	if err == nil && int64(len(raw)) > f.Most {
		return nil, errTooLarge
	}
	return raw, err
}

var (
	errTooLarge = errors.New("the envelope is larger than what is taken of this partner")
	errParcel   = errors.New("what lies in the envelope is neither a message nor a receipt")
)

// parcel reads what lies in an envelope.
func (f *Folder) parcel(raw []byte) (p Parcel, err error) {
	content, err := f.Pair.Open(raw)
	if err != nil {
		return p, err
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if d.Decode(&p) != nil || d.More() || (p.Statement == nil) == (p.Document == nil) {
		return p, errParcel
	}
	return p, nil
}

// receive hands in a message and lays its receipt out, and reports whether that is the verdict: until then the file
// stays, and is handed in again.
func (f *Folder) receive(ctx context.Context, file string, p Parcel) (verdict bool, err error) {
	receipt, verdict, err := f.Door.Receive(ctx, p.Header, p.Signature, p.Document)
	if err != nil {
		return false, err
	}
	l := f.waits(file)
	if given := gateway.DigestOf(receipt.Statement); given != l.given {
		if err := f.lay(given.String()+".receipt", Parcel{Header: receipt.Header, Signature: receipt.Signature, Statement: receipt.Statement}); err != nil {
			return false, err
		}
		l.given = given
	}
	return verdict, nil
}

// putAside puts a file aside that is nothing that could be taken, with why as text beside it.
func (f *Folder) putAside(at string, digest gateway.Digest, why error) error {
	name := filepath.Join(f.Dir, Aside, strings.TrimSuffix(filepath.Base(at), Ext)+"."+f.Now().UTC().Format("20060102T150405.000000000"))
	e := event.Event{Name: event.EnvelopeRefused, Partner: f.administration(), Digest: digest, Cause: why}
	text := why.Error()
	if faults := gateway.Faults(nil); errors.As(why, &faults) {
		e.Codes, text = event.CodesOf(faults), ""
		for _, fault := range faults {
			text += string(fault.Code) + ": " + fault.Text("en") + "\n"
		}
	}
	if err := errors.Join(durable.Put(name+".txt", []byte(strings.TrimSpace(text)+"\n"), 0o640), durable.Move(at, name+Ext)); err != nil {
		return err
	}
	f.Log.Tell(e)
	return nil
}
