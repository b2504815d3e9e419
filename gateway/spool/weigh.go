package spool

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"customs.example/gateway"
)

// unfitError says why nothing can be made of a file.
type unfitError struct{ gateway.Phrase }

func (u unfitError) Error() string { return u.String() }

func unfit(w gateway.Wording, terms ...string) error { return unfitError{gateway.Say(w, terms...)} }

// names are those that a file may have, without what says its kind.
var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// split is a file's name and what says its kind, in lower case.
func split(file string) (name, ext string) {
	ext = filepath.Ext(file)
	return strings.TrimSuffix(file, ext), strings.ToLower(ext)
}

// maxName is how many bytes it has at most.
const maxName = 150

// maxAnswered is how many bytes of a name that is longer stand in that of the answer.
const maxAnswered = 200

// paperExt is the end of the name of a file that says that another is handled on paper.
const paperExt = ".paper"

// maxPaper is how many bytes the file has that says that something is handled on paper.
const maxPaper = 4096

// weigh looks at a file: its name, its size, and whether it can be read at all.
// One that is not as it was when it was looked at is refused with errChanged.
func (s *Spool) weigh(looked fs.FileInfo) (*entry, []byte, error) {
	file := looked.Name()
	name, ext := split(file)
	if !names.MatchString(name) || len(name) > maxName {
		return nil, nil, unfit(gateway.WordSpoolName, strconv.Itoa(maxName))
	}
	if isPaper(name) > 0 {
		return nil, nil, unfit(gateway.WordSpoolPaperName, paperExt)
	}
	raw, err := readAsSeen(filepath.Join(s.dir, OutBox, file), looked)
	if err != nil {
		return nil, nil, err
	}
	e := &entry{Name: name, File: file}
	switch ext {
	case ".zip":
		if raw, err = unzip(raw, name); err == nil {
			err = readableXML(raw)
		}
	case ".xml":
		err = readableXML(raw)
	case ".json":
		if trimmed := bytes.TrimSpace(raw); !json.Valid(raw) || trimmed[0] != '{' {
			err = unfit(gateway.WordSpoolJSON)
		}
	case paperExt:
		e.Name = file // beside the file that it is about
		e.Paper, err = readPaper(name, raw)
	default:
		err = unfit(gateway.WordOneOf, ".xml, .json, .zip, "+paperExt)
	}
	e.Digest = gateway.DigestOf(raw)
	return e, raw, err
}

// errChanged says that a file is another than that which was looked at.
var errChanged = errors.New("it has changed")

// readAsSeen reads a file that is as it was when it was looked at: what is another meanwhile, or a link or
// pipe, is looked at again.
func readAsSeen(name string, looked fs.FileInfo) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil, errChanged
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if before, err := f.Stat(); err != nil || !same(before, looked) {
		return nil, errors.Join(errChanged, err)
	}
	raw, unfit := bounded(f, MaxFile)
	if after, err := f.Stat(); err != nil || !same(after, looked) {
		return nil, errors.Join(errChanged, err)
	}
	return raw, unfit
}

// same reports whether a file is as it was.
func same(now, looked fs.FileInfo) bool {
	return os.SameFile(now, looked) && now.Size() == looked.Size() && now.ModTime().Equal(looked.ModTime())
}

// unchanged reports whether a file stands where it was looked at, as it was.
func unchanged(name string, looked fs.FileInfo) bool {
	now, err := os.Lstat(name)
	return err == nil && same(now, looked)
}

func bounded(r io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(raw)) > most {
		err = unfit(gateway.WordSpoolSize, strconv.FormatInt(most, 10))
	}
	return raw, err
}

// unzip is the one document of an archive.
func unzip(raw []byte, name string) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, unfit(gateway.WordSpoolZIP)
	}
	if len(z.File) != 1 || z.File[0].Name != name+".xml" {
		return nil, unfit(gateway.WordSpoolZIPContent, name+".xml")
	}
	f, err := z.File[0].Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded(f, MaxFile)
}

// maxDepth is how deep elements may lie in each other.
const maxDepth = 64

// readableXML reports what keeps a document from being read at all. The gateway, which reads it with its
// schema, has the last word.
func readableXML(raw []byte) error {
	if !utf8.Valid(raw) {
		return unfit(gateway.WordSpoolUTF8)
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	depth, roots := 0, 0
	for {
		t, err := d.Token()
		line, _ := d.InputPos()
		switch {
		case errors.Is(err, io.EOF) && roots == 1:
			return nil
		case errors.Is(err, io.EOF):
			return unfit(gateway.WordSpoolEmpty)
		case err != nil:
			return unfit(gateway.WordSpoolBroken, strconv.Itoa(line))
		}
		switch t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			if depth++; depth > maxDepth || roots > 1 {
				return unfit(gateway.WordSpoolLevels, strconv.Itoa(line), strconv.Itoa(maxDepth))
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return unfit(gateway.WordSpoolDoctype, strconv.Itoa(line))
		}
	}
}

func readPaper(of string, raw []byte) (*paper, error) {
	page, reason, _ := strings.Cut(string(raw), "\n")
	reason = strings.TrimSpace(reason)
	if len(raw) > maxPaper || !utf8.Valid(raw) || reason == "" || strings.Contains(reason, "\n") {
		return nil, unfit(gateway.WordSpoolPaper)
	}
	return &paper{Of: of, Page: strings.TrimSpace(page), Reason: reason}, nil
}
