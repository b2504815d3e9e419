package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"customs.example/gateway/durable"
)

// No name of a file keeps others back, however it is written.
func TestNamesOfFiles(t *testing.T) {
	for _, file := range []string{
		"x." + strings.Repeat("\u023a", 20),   // longer in lower case
		"x." + strings.Repeat("\u212a", 20),   // shorter in lower case
		strings.Repeat("n", 251) + ".xml",     // an answer's name would be longer than a name may be
		strings.Repeat("\u4e00", 80) + ".xml", // likewise, and cut between two characters
		"\xff\xfe.xml", "a\nb.xml", "-.xml", "~", "A.paper.xml", "A.PAPER.json", "A.PAPER.zip",
	} {
		t.Run(file[:min(len(file), 20)], func(t *testing.T) {
			p := newPost(t, t.TempDir())
			p.drop(file, "<b/>")
			p.drop("A.xml", "<a/>")
			for range 3 {
				p.round(2 * time.Second)
			}
			if !slices.Equal(p.first, []string{"<a/>"}) || !slices.Equal(p.files(Refused), []string{file}) || len(p.files(InBox)) != 4 {
				t.Errorf("handed in: %v; refused %q; answers %q", p.first, p.files(Refused), p.files(InBox))
			}
		})
	}
}

// Documents that the gateway cannot judge keep no others back, and neither does a line that is not there
// cost more than a few tries at once.
func TestSeveralThatAreStuck(t *testing.T) {
	p := newPost(t, t.TempDir())
	for _, stuck := range []string{"<a/>", "<b/>", "<c/>"} {
		p.broken[stuck] = true
	}
	for i, content := range []string{"<a/>", "<b/>", "<c/>", "<d/>", "<e/>"} {
		p.drop(fmt.Sprintf("D%d.xml", i), content)
	}
	for range 40 {
		p.round(2 * time.Minute)
	}
	if !slices.Equal(p.first, []string{"<d/>", "<e/>"}) {
		t.Fatalf("handed in: %v", p.first)
	}
	clear(p.broken)
	p.round(2 * time.Minute)
	if !slices.Equal(p.first, []string{"<d/>", "<e/>", "<a/>", "<b/>", "<c/>"}) {
		t.Errorf("handed in: %v", p.first)
	}
}

// Names that differ in upper and lower case are one: so they are on the disks of many a post.
func TestNamesInUpperAndLowerCase(t *testing.T) {
	for _, waits := range []bool{true, false} {
		p := newPost(t, t.TempDir())
		p.drop("Manifest.xml", "<a/>")
		p.round(2 * time.Second)
		p.round(2 * time.Second)
		if !waits {
			for s := range p.states {
				p.states[s] = true
			}
			p.round(2 * time.Second)
		}
		p.crash()
		p.drop("MANIFEST.XML", "<b/>")
		p.drop("manifest.paper", "\nno line")
		for range 3 {
			p.round(2 * time.Second)
		}
		if !slices.Equal(p.first, []string{"<a/>"}) || !slices.Equal(p.files(Refused), []string{"MANIFEST.XML"}) {
			t.Errorf("handed in: %v; refused %v", p.first, p.files(Refused))
		}
		if len(p.papers) == 1 == waits {
			t.Errorf("on paper: %v", p.papers)
		}
	}
}

// What is said of a document that was never handed in can be said again when it is.
func TestPaperBeforeItsDocument(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.drop("A.paper", "17\nno line")
	for range 3 {
		p.round(2 * time.Second)
	}
	if !strings.Contains(p.text(InBox, "Failed_A.paper.txt"), "was not handed in") {
		t.Fatal(p.files(InBox))
	}
	p.drop("A.xml", "<a/>")
	p.drop("A.paper", "17\nno line")
	for range 4 {
		for s := range p.states {
			p.states[s] = true
		}
		p.round(2 * time.Second)
	}
	if p.papers[id([]byte("<a/>"))] != "17/no line" || !p.spool.Idle() {
		t.Errorf("on paper: %v", p.papers)
	}
}

// What takes the place of a file between the look and the taking is looked at anew, and nothing is followed out
// of the folder.
func TestWhatIsReplaced(t *testing.T) {
	p := newPost(t, t.TempDir())
	at := filepath.Join(p.dir, OutBox, "A.xml")
	looked := func() fs.FileInfo {
		t.Helper()
		info, err := os.Lstat(at)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	secret := filepath.Join(p.dir, "secret")
	if err := os.WriteFile(secret, []byte("<secret/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, replace := range map[string]func() error{
		"by nothing":     func() error { return nil },
		"by a link":      func() error { return os.Symlink(secret, at) },
		"by a pipe":      func() error { return syscall.Mkfifo(at, 0o600) },
		"by a folder":    func() error { return os.Mkdir(at, 0o700) },
		"by other bytes": func() error { return os.WriteFile(at, []byte("<ab/>"), 0o600) },
	} {
		p.drop("A.xml", "<a/>")
		before := looked()
		if err := errors.Join(os.Remove(at), replace()); err != nil {
			t.Fatal(err)
		}
		if err := p.spool.takeFile(before); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(p.spool.waiting)+len(p.files(InBox))+len(p.files(Refused)) > 0 {
			t.Errorf("%s: it is taken", name)
		}
		if err := os.RemoveAll(at); err != nil {
			t.Fatal(err)
		}
	}
}

// A gateway that was restored from before a document was handed in has it again.
func TestWhatTheGatewayHasLost(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.drop("A.xml", "<a/>")
	p.round(2 * time.Second)
	p.round(2 * time.Second)
	clear(p.states)
	p.first = nil
	for range 3 {
		p.round(2 * time.Second)
	}
	if !slices.Equal(p.first, []string{"<a/>"}) {
		t.Fatalf("handed in: %v", p.first)
	}
	p.states[id([]byte("<a/>"))] = true
	p.round(2 * time.Second)
	if !p.spool.Idle() {
		t.Error("it does not end")
	}
}

// What cannot be taken keeps nothing back that was, and no crash or full disk leaves anything behind.
func TestWhatCannotBeTaken(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.drop("A.xml", "<a/>")
	p.line = false
	p.round(2 * time.Second)
	p.round(2 * time.Second)
	p.line = true
	p.drop("B.xml", "<b/>")
	p.drop("C.xml", "<c/>")
	p.round(time.Hour)
	block := filepath.Join(p.dir, kept, "0000000002.doc"+durable.TempExt) // of B; as if there were no room for it
	if err := os.Mkdir(block, 0o700); err != nil {
		t.Fatal(err)
	}
	p.clock = p.clock.Add(time.Hour)
	if err := p.spool.Round(t.Context()); err == nil {
		t.Error("nothing is told of B")
	}
	if !slices.Equal(p.first, []string{"<a/>", "<c/>"}) || !slices.Equal(p.files(OutBox), []string{"B.xml"}) {
		t.Errorf("handed in: %v; waits %v", p.first, p.files(OutBox))
	}
	for _, left := range []string{"0000000099.doc", "0000000098.json" + durable.TempExt} {
		if err := os.WriteFile(filepath.Join(p.dir, kept, left), []byte("<ha"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.crash()
	if got := p.files(kept); slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "000000009") || strings.HasSuffix(f, durable.TempExt) }) {
		t.Errorf("there is left %v", got)
	}
}

// Why nothing is handed in is told, once for as long as it lasts.
func TestWhyNothingIsHandedIn(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.line = false
	p.drop("A.xml", "<a/>")
	for range 5 {
		p.round(2 * time.Minute)
	}
	if n := len(slices.DeleteFunc(slices.Clone(p.said), func(s string) bool { return s != "no route to host" })); n != 1 {
		t.Errorf("it is told %d times: %v", n, p.said)
	}
}
