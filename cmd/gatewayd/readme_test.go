package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadmeSession plays the README's session and compares what it prints.
func TestReadmeSession(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "## A session\n\n```\n")
	session, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("README.md has no session")
	}
	dir := t.TempDir()
	for _, name := range []string{"testdata", "xsd", "bin"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range strings.Split(strings.TrimPrefix(session, "$ "), "\n$ ") {
		command, want, _ := strings.Cut(step, "\n")
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		if command == "make build" {
			cmd.Dir = root
			// Under another make it would say so, and that is not the session.
			cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
		}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out // all that a person sees
		faulty := strings.Contains(command, "validate")
		if err := cmd.Run(); (err != nil) != faulty || faulty && cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("%s: %v\n%s", command, err, &out)
		}
		if got := strings.TrimSpace(out.String()); got != strings.TrimSpace(want) {
			t.Errorf("%s prints\n%s\nthe README says\n%s", command, got, want)
		}
	}
}
