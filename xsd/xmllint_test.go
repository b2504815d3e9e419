package xsd_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"customs.example/xsd/instance"
)

// scratch is where documents lie for xmllint: in memory where the system has such a place, as there are tens of thousands.
var scratch string

func TestMain(m *testing.M) {
	in := "/dev/shm"
	if _, err := os.Stat(in); err != nil {
		in = ""
	}
	var err error
	if scratch, err = os.MkdirTemp(in, "xsd"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// set is documents as files, by file what each is.
type set map[string]string

// written writes documents, by what each is.
func written(t *testing.T, docs map[string][]byte) set {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "set")
	if err != nil {
		t.Fatal(err)
	}
	out := set{}
	for key, doc := range docs {
		file := filepath.Join(dir, fmt.Sprintf("%05d.xml", len(out)))
		if err := os.WriteFile(file, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		out[file] = key
	}
	return out
}

// verdicts validates documents with xmllint, an implementation none of our code has a part in, and gives for each what is
// wrong with it; nothing if it fits.
func verdicts(t *testing.T, schema string, docs set) map[string]string {
	t.Helper()
	args := append([]string{"--nonet", "--noout", "--schema", schema}, slices.Sorted(maps.Keys(docs))...)
	var stderr bytes.Buffer
	cmd := exec.Command("xmllint", args...)
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	// 3 and 4 say that a document does not fit; anything else is trouble with xmllint or the schema.
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3 && exit.ExitCode() != 4) {
		t.Fatalf("xmllint (package libxml2-utils) with %s: %v\n%.2000s", schema, err, stderr.String())
	}
	out, fits := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(stderr.String()) {
		file, _, _ := strings.Cut(line, ".xml")
		file += ".xml"
		key, known := docs[file]
		switch {
		case !known || fits[file]:
		case strings.HasSuffix(line, " validates\n"):
			fits[file], out[key] = true, ""
		default:
			out[key] += line
		}
	}
	if len(out) != len(docs) {
		t.Fatalf("xmllint judged %d of %d documents", len(out), len(docs))
	}
	return out
}

// made holds what is made once and used by several tests.
var made sync.Map // of call to func() any

// once returns what do makes, made at the first call with that key.
func once[T any](key string, do func() T) T {
	f, _ := made.LoadOrStore(key, sync.OnceValue(do))
	return f.(func() T)()
}

// shapes are documents that between them hold every element, every branch, repetition and the limits of every value.
func shapes(t *testing.T, dir, file, root string) set {
	t.Helper()
	return once("shapes "+filepath.Join(dir, file), func() set { return makeShapes(t, dir, file, root) })
}

func makeShapes(t *testing.T, dir, file, root string) set {
	t.Helper()
	branches, err := instance.Branches(os.DirFS(dir), file, root)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string][]byte{}
	for _, o := range []instance.Options{
		{},
		{Longest: true},
		{Repeat: 2},
		{Optional: true},
		{Optional: true, Repeat: 2, Longest: true},
	} {
		for o.Branch = range branches {
			doc, err := instance.Generate(os.DirFS(dir), file, root, o)
			if err != nil {
				t.Fatal(err)
			}
			docs[fmt.Sprintf("%+v", o)] = doc
		}
	}
	return written(t, docs)
}

// faulty are documents with one fault each, by fault and path: every fault at every declaration that a document can reach.
// Fitting are the same documents without their faults: that a document is refused is proof of its fault only if these fit.
func faulty(t *testing.T, dir, file, root string) (docs, fitting set) {
	t.Helper()
	pair := once("faulty "+filepath.Join(dir, file), func() [2]set { return makeFaulty(t, dir, file, root) })
	return pair[0], pair[1]
}

func makeFaulty(t *testing.T, dir, file, root string) [2]set {
	t.Helper()
	docs, fitting := map[string][]byte{}, map[string][]byte{}
	seen := map[string]bool{}
	err := instance.Break(os.DirFS(dir), file, root, func(b instance.Broken) bool {
		docs[b.Fault+" "+b.Path] = b.Document()
		if doc := b.Fitting(); !seen[string(doc)] {
			seen[string(doc)], fitting["around "+b.Path] = true, doc
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return [2]set{written(t, docs), written(t, fitting)}
}

func wantAccepted(t *testing.T, schema string, docs set) {
	t.Helper()
	for key, wrong := range verdicts(t, schema, docs) {
		if wrong != "" {
			t.Errorf("%s refuses %s:\n%.600s", schema, key, wrong)
		}
	}
}

func wantRefused(t *testing.T, schema string, docs set) {
	t.Helper()
	for key, wrong := range verdicts(t, schema, docs) {
		if wrong == "" {
			t.Errorf("%s accepts %s", schema, key)
		}
	}
}
