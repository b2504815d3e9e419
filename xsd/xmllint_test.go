package xsd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"customs.example/xsd/instance"
)

// verdicts validates documents with xmllint, an implementation none of our code has a part in, and gives for each what is
// wrong with it; nothing if it fits.
func verdicts(t *testing.T, schema string, docs map[string][]byte) map[string]string {
	t.Helper()
	dir := t.TempDir()
	keys := map[string]string{}
	args := []string{"--nonet", "--noout", "--schema", schema}
	for key, doc := range docs {
		file := filepath.Join(dir, fmt.Sprintf("%05d.xml", len(keys)))
		if err := os.WriteFile(file, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		keys[file] = key
		args = append(args, file)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("xmllint", args...)
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	// 3 and 4 say that a document does not fit; anything else is trouble with xmllint or the schema.
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3 && exit.ExitCode() != 4) {
		t.Fatalf("xmllint (package libxml2-utils) with %s: %v\n%.2000s", schema, err, stderr.String())
	}
	out := map[string]string{}
	for line := range strings.Lines(stderr.String()) {
		file, _, _ := strings.Cut(line, ".xml")
		file += ".xml"
		key, known := keys[file]
		switch {
		case !known:
		case strings.HasSuffix(line, " validates\n"):
			delete(keys, file)
			out[key] = ""
		default:
			out[key] += line
		}
	}
	if len(out) != len(docs) {
		t.Fatalf("xmllint judged %d of %d documents", len(out), len(docs))
	}
	return out
}

// shapes are documents that between them hold every element, every branch, repetition and the limits of every value.
func shapes(t *testing.T, dir, file, root string) map[string][]byte {
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
	return docs
}

// faulty are documents with one fault each, by fault and path: about as many as asked for at most, spread over all places,
// and at least one of each fault.
func faulty(t *testing.T, dir, file, root string, most int) map[string][]byte {
	t.Helper()
	each := func(do func(instance.Broken)) {
		err := instance.Break(os.DirFS(dir), file, root, func(b instance.Broken) bool {
			do(b)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	total, i := 0, 0
	each(func(instance.Broken) { total++ })
	step := (total + most - 1) / most
	docs, seen := map[string][]byte{}, map[string]bool{}
	each(func(b instance.Broken) {
		if i%step == 0 || !seen[b.Fault] {
			docs[b.Fault+" "+b.Path] = b.Document()
		}
		seen[b.Fault] = true
		i++
	})
	return docs
}

func wantAccepted(t *testing.T, schema string, docs map[string][]byte) {
	t.Helper()
	for key, wrong := range verdicts(t, schema, docs) {
		if wrong != "" {
			t.Errorf("%s refuses %s:\n%.600s", schema, key, wrong)
		}
	}
}

func wantRefused(t *testing.T, schema string, docs map[string][]byte) {
	t.Helper()
	for key, wrong := range verdicts(t, schema, docs) {
		if wrong == "" {
			t.Errorf("%s accepts %s", schema, key)
		}
	}
}
