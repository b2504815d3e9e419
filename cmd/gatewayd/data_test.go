package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestParallelOutputTakesNothingsPlace: a pipe, as a device, is written to and stays what it is; a link
// leads where it led, and a file has its new content at once.
func TestParallelOutputTakesNothingsPlace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Mkfifo(at("pipe"), 0o600))
	read := make(chan string)
	go func() {
		b, err := os.ReadFile(at("pipe"))
		if err != nil {
			b = []byte(err.Error())
		}
		read <- string(b)
	}()
	must(writeFile(at("pipe"), io.Discard, []byte("through the pipe")))
	if got := <-read; got != "through the pipe" {
		t.Errorf("the pipe gave %q", got)
	}
	if info, err := os.Stat(at("pipe")); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is now %v, %v", info.Mode(), err)
	}
	must(os.WriteFile(at("file"), []byte("before"), 0o600))
	must(os.Symlink("file", at("link")))
	must(writeFile(at("link"), io.Discard, []byte("behind the link")))
	info, err := os.Lstat(at("link"))
	must(err)
	content, err := os.ReadFile(at("file"))
	if info.Mode()&os.ModeSymlink == 0 || err != nil || string(content) != "behind the link" {
		t.Errorf("the link is %v, the file has %q, %v", info.Mode(), content, err)
	}
	if left, err := filepath.Glob(at("*.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
