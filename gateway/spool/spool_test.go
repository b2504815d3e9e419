package spool

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
)

// post is a post with its folders, and the gateway that it hands in at.
type post struct {
	t       rapid.TB
	dir     string
	spool   *Spool
	clock   time.Time
	dropped int // how many were dropped, each later than the last
	said    []string

	line   bool
	broken map[string]bool // what the gateway cannot judge, by its content
	lose   int             // so many answers get lost, behind what was done
	first  []string        // contents as they came first, in order
	states map[string]bool // submissions, and whether they have ended
	papers map[string]string
}

func newPost(t rapid.TB, dir string) *post {
	p := &post{
		t: t, dir: dir, clock: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC), line: true,
		broken: make(map[string]bool), states: make(map[string]bool), papers: make(map[string]string),
	}
	p.open()
	return p
}

func (p *post) open() {
	p.t.Helper()
	s, err := Open(p.dir, "en", p, func() time.Time { return p.clock }, p.hears)
	if err != nil {
		p.t.Fatal(err)
	}
	p.spool = s
}

// hears notes what is told, and causes behind it.
func (p *post) hears(t Told) {
	p.said = append(p.said, t.What.In("en"))
	if t.Cause != nil {
		p.said = append(p.said, t.Cause.Error())
	}
}

// crash ends the spool wherever it is, and begins another.
func (p *post) crash() {
	p.t.Helper()
	if err := p.spool.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.open()
}

func (p *post) down() error {
	if !p.line {
		return &Temporary{Cause: errors.New("no route to host")}
	}
	return nil
}

func id(content []byte) string { return "S" + gateway.DigestOf(content).String()[:8] }

func (p *post) Submit(_ context.Context, content []byte) (Answer, error) {
	if err := p.down(); err != nil {
		return Answer{}, err
	}
	if p.broken[string(content)] {
		return Answer{}, &Temporary{Cause: errors.New("JUDGEMENT_PENDING")}
	}
	if !slices.Contains(p.first, string(content)) {
		p.first = append(p.first, string(content))
	}
	if p.lose > 0 {
		p.lose--
		return Answer{}, &Temporary{Cause: errors.New("connection reset")}
	}
	switch {
	case strings.Contains(string(content), "<refused"):
		return Answer{}, errors.New("ID_REUSE: used before")
	case strings.Contains(string(content), "<faulty"):
		return Answer{Submission: id(content), Refused: true, Ended: true, JSON: []byte(`{"state":"faulty"}`), Text: []byte("faulty\n")}, nil
	}
	if _, known := p.states[id(content)]; !known {
		p.states[id(content)] = false
	}
	return Answer{Submission: id(content), Received: p.clock.Add(-7 * time.Minute), JSON: []byte(`{"state":"held"}`), Text: []byte("held\n")}, nil
}

func (p *post) Status(_ context.Context, submission string) (Answer, error) {
	if err := p.down(); err != nil {
		return Answer{}, err
	}
	if _, known := p.states[submission]; !known {
		return Answer{}, ErrUnknown
	}
	return Answer{Submission: submission, Ended: p.states[submission], JSON: []byte(`{"state":"accepted"}`), Text: []byte("accepted\n")}, nil
}

func (p *post) Paper(_ context.Context, submission, page, reason string) error {
	if err := p.down(); err != nil {
		return err
	}
	if !p.states[submission] {
		return &Temporary{Cause: errors.New("no message yet")}
	}
	p.papers[submission] += page + "/" + reason
	return nil
}

func (p *post) drop(file, content string) {
	p.t.Helper()
	at := filepath.Join(p.dir, OutBox, file)
	if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.dropped++
	written := time.Date(2026, 3, 1, 20, 0, p.dropped, 0, time.UTC)
	if err := os.Chtimes(at, written, written); err != nil {
		p.t.Fatal(err)
	}
}

// round has time pass and the spool do a round.
func (p *post) round(d time.Duration) {
	p.t.Helper()
	p.clock = p.clock.Add(d)
	if err := p.spool.Round(context.Background()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) files(dir string) (all []string) {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.dir, dir))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func (p *post) text(dir, file string) string {
	p.t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, dir, file))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}

func TestADayWithoutLine(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.line = false
	var want []string
	for i := range 140 {
		p.clock = p.clock.Add(2 * time.Minute)
		content := fmt.Sprintf("<Manifest><ID>%d</ID></Manifest>", i)
		p.drop(fmt.Sprintf("T%03d.xml", 140-i), content) // names say nothing of the order
		want = append(want, content)
		p.round(time.Minute)
		p.round(time.Minute)
	}
	if len(p.first) > 0 || len(p.files(OutBox)) > 0 || len(p.files(InBox)) > 0 {
		t.Fatalf("without a line: %v", p.first)
	}
	p.drop("T100.paper", "\nno line all night\n")
	p.drop("T101.PAPER", "17\nno line all night")
	p.clock = p.clock.Add(-time.Hour) // somebody puts the clock right
	p.crash()
	p.line = true
	p.round(2 * time.Second)
	p.round(2 * time.Second)
	if diff := cmp.Diff(want, p.first); diff != "" {
		t.Errorf("what was handed in, in order (-want +got):\n%s", diff)
	}
	if len(p.files(InBox)) != 2*140 {
		t.Errorf("%d answers", len(p.files(InBox)))
	}
	if n := len(slices.DeleteFunc(slices.Clone(p.said), func(s string) bool { return s != "this machine's clock is 7m0s ahead of the gateway's" })); n == 0 {
		t.Errorf("nothing of the clock in %v", p.said[len(p.said)-5:])
	}
	for s := range p.states {
		p.states[s] = true
	}
	for range 6 {
		p.round(2 * time.Second)
	}
	if !p.spool.Idle() || len(p.files(InBox)) != 4*140+4 {
		t.Errorf("in the end %d answers", len(p.files(InBox)))
	}
	if got := []string{p.papers[id([]byte(want[40]))], p.papers[id([]byte(want[39]))]}; len(p.papers) != 2 || got[0] != "/no line all night" || got[1] != "17/no line all night" {
		t.Errorf("on paper: %v of %v", got, p.papers)
	}
	if got := p.files(kept); !slices.Equal(got, []string{done, "lock"}) {
		t.Errorf("there is left %v", got)
	}
	if got := p.text(InBox, "Receipt_T001.txt"); got != "accepted\n" {
		t.Errorf("the receipt says %q", got)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	zipped := func(name, content string, more ...string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range append(more, name) {
			f, err := z.Create(n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for file, tt := range map[string]struct{ content, want string }{
		"good.xml":               {"<a/>", ""},
		"good.XML":               {"\ufeff<?xml version=\"1.0\"?><!-- x --><a>\n</a>", ""},
		"good.json":              {" {}\n", ""},
		"good.zip":               {zipped("good.xml", "<a/>"), ""},
		"faulty.xml":             {"<faulty/>", "faulty\n"},
		"refused.xml":            {"<refused/>", "ID_REUSE: used before\n"},
		"half.xml":               {"<a>\n<b></a>", "Line 2: it is not well-formed XML.\n"},
		"two.xml":                {"<a/><b/>", "Line 1: want one root element with at most 64 levels.\n"},
		"deep.xml":               {strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), "Line 1: want one root element with at most 64 levels.\n"},
		"none.xml":               {"<!-- -->", "It holds no document.\n"},
		"empty.xml":              {"", "It holds no document.\n"},
		"empty.json":             {"", "It is no JSON object.\n"},
		"list.json":              {"[]", "It is no JSON object.\n"},
		"type.xml":               {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "Line 1: a document type is not allowed.\n"},
		"latin.xml":              {"<a>\xe9</a>", "It is not in UTF-8.\n"},
		"named.zip":              {zipped("other.xml", "<a/>"), "It must hold named.xml and nothing else.\n"},
		"more.zip":               {zipped("more.xml", "<a/>", "b.xml"), "It must hold more.xml and nothing else.\n"},
		"bomb.zip":               {zipped("bomb.xml", "<a>"+strings.Repeat(" ", MaxFile)+"</a>"), fmt.Sprintf("It has more than %d bytes.\n", MaxFile)},
		"no.zip":                 {"<a/>", "It is no ZIP archive.\n"},
		"big.xml":                {strings.Repeat(" ", MaxFile+1), fmt.Sprintf("It has more than %d bytes.\n", MaxFile)},
		"scan.pdf":               {"%PDF", "one of .xml, .json, .zip, .paper\n"},
		"a b.xml":                {"<a/>", "Its name may have letters, digits, dots, - and _, at most 150 of them.\n"},
		"..xml":                  {"<a/>", ""},
		"nobody.paper":           {"1\nwhy", "nobody was not handed in: nothing of that name was taken, or it was refused.\n"},
		"silent.paper":           {"1\n", "Want a line with the number of the page, which may be empty, and a line with the reason.\n"},
		strings.Repeat("n", 151): {"<a/>", "Its name may have letters, digits, dots, - and _, at most 150 of them.\n"},
	} {
		t.Run(file, func(t *testing.T) {
			p := newPost(t, t.TempDir())
			p.drop(file, tt.content)
			for range 3 {
				p.round(2 * time.Second)
			}
			if strings.HasPrefix(file, ".") {
				if !slices.Equal(p.files(OutBox), []string{file}) {
					t.Error("it does not stay")
				}
				return
			}
			name := strings.TrimSuffix(file, filepath.Ext(file))
			if strings.HasSuffix(file, "y.paper") {
				name = file
			}
			switch {
			case len(p.files(OutBox)) > 0:
				t.Errorf("%s stays", file)
			case tt.want == "" && p.text(InBox, "Success_"+name+".txt") != "held\n":
				t.Error("it is not handed in")
			case tt.want != "" && p.text(InBox, "Failed_"+name+".txt") != tt.want:
				t.Errorf("it says %q", p.text(InBox, "Failed_"+name+".txt"))
			}
		})
	}
}

// A name is used once; the same again is the same.
func TestANameIsUsedOnce(t *testing.T) {
	p := newPost(t, t.TempDir())
	put := func(content string) {
		t.Helper()
		p.drop("M.xml", content)
		for range 3 {
			p.round(2 * time.Second)
		}
	}
	put("<a/>")
	put("<a/>") // while it waits
	for s := range p.states {
		p.states[s] = true
	}
	put("<a/>")
	put("<a/>") // when it has ended
	if len(p.first) != 1 || len(p.files(Refused)) != 0 {
		t.Errorf("handed in: %v", p.first)
	}
	put("<b/>")
	if len(p.first) != 1 || !slices.Equal(p.files(Refused), []string{"M.xml"}) || !strings.Contains(p.text(InBox, "Failed_M.txt"), "used once") {
		t.Errorf("handed in: %v", p.first)
	}
}

// What is still being written is left alone, and so is what is not a file.
func TestWhatIsStillWritten(t *testing.T) {
	p := newPost(t, t.TempDir())
	if err := os.Mkdir(filepath.Join(p.dir, OutBox, "folder.xml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(p.dir, OutBox, "link.xml")); err != nil {
		t.Fatal(err)
	}
	p.drop("half.xml.tmp", "<a>")
	p.drop("M.xml", "<a>")
	p.round(2 * time.Second)
	p.drop("M.xml", "<a></a>")
	p.round(2 * time.Second)
	if len(p.first) != 0 {
		t.Errorf("handed in: %v", p.first)
	}
	p.round(2 * time.Second)
	p.round(2 * time.Second)
	if !slices.Equal(p.first, []string{"<a></a>"}) || len(p.files(OutBox)) != 3 {
		t.Errorf("handed in: %v, there is left %v", p.first, p.files(OutBox))
	}
}

// One document that the gateway cannot judge keeps no other back.
func TestOneThatIsStuck(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.broken["<a/>"] = true
	p.drop("A.xml", "<a/>")
	p.clock = p.clock.Add(time.Second)
	p.drop("B.xml", "<b/>")
	for range 20 {
		p.round(time.Minute)
	}
	if !slices.Equal(p.first, []string{"<b/>"}) {
		t.Fatalf("handed in: %v", p.first)
	}
	p.broken["<a/>"] = false
	p.round(time.Minute)
	if !slices.Equal(p.first, []string{"<b/>", "<a/>"}) {
		t.Errorf("handed in: %v", p.first)
	}
}

// Folders are one process's.
func TestFoldersAreOnes(t *testing.T) {
	p := newPost(t, t.TempDir())
	if _, err := Open(p.dir, "en", p, time.Now, func(Told) {}); err == nil || !strings.Contains(err.Error(), "another process works on these folders") {
		t.Errorf("a second one: %v", err)
	}
}

// What the disk has changed is not handed in.
func TestWhatTheDiskHasChanged(t *testing.T) {
	p := newPost(t, t.TempDir())
	p.line = false
	p.drop("A.xml", "<a/>")
	p.round(2 * time.Second)
	p.round(2 * time.Second)
	if err := os.WriteFile(filepath.Join(p.dir, kept, "0000000001.doc"), []byte("<b/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.line = true
	p.clock = p.clock.Add(time.Hour)
	if err := p.spool.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk has changed it") || len(p.first) > 0 {
		t.Errorf("handed in: %v, %v", p.first, err)
	}
}

// Whatever happens to line, process, answers and clock: each document comes to the gateway, in the order in
// which it was taken, is answered, and ends; and what a crash leaves half done is done once.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "post")
		if err != nil {
			rt.Fatal(err)
		}
		p := newPost(rt, dir)
		var want []string
		rt.Repeat(map[string]func(*rapid.T){
			"drop": func(rt *rapid.T) {
				content := fmt.Sprintf("<a>%d</a>", len(want))
				p.drop(fmt.Sprintf("D%d.xml", len(want)), content)
				want = append(want, content)
			},
			"again": func(rt *rapid.T) { // what a crash leaves in both places
				if len(want) > 0 {
					i := rapid.IntRange(0, len(want)-1).Draw(rt, "which")
					if !slices.Contains(p.files(OutBox), fmt.Sprintf("D%d.xml", i)) && slices.Contains(p.files(InBox), fmt.Sprintf("Success_D%d.json", i)) {
						p.drop(fmt.Sprintf("D%d.xml", i), want[i])
					}
				}
			},
			"line":  func(rt *rapid.T) { p.line = rapid.Bool().Draw(rt, "there") },
			"lose":  func(rt *rapid.T) { p.lose = rapid.IntRange(0, 3).Draw(rt, "answers") },
			"crash": func(rt *rapid.T) { p.crash() },
			"half": func(rt *rapid.T) {
				_ = os.WriteFile(filepath.Join(dir, kept, fmt.Sprintf("%010d.doc", p.spool.next)), []byte("<ha"), 0o600)
				p.crash()
			},
			"round": func(rt *rapid.T) {
				p.round(time.Duration(rapid.IntRange(-100, 1000).Draw(rt, "seconds")) * time.Second)
			},
			"end": func(rt *rapid.T) {
				for s := range p.states {
					p.states[s] = true
				}
			},
		})
		p.line, p.lose = true, 0
		for i := 0; !p.spool.Idle() || i < 2; i++ {
			if i > 200 {
				rt.Fatalf("%d wait", len(p.spool.waiting))
			}
			for s := range p.states {
				p.states[s] = true
			}
			p.round(2 * time.Minute)
		}
		if diff := cmp.Diff(want, p.first); diff != "" {
			rt.Fatalf("handed in (-want +got):\n%s", diff)
		}
		for i := range want {
			for _, how := range []string{"Success", "Receipt"} {
				p.text(InBox, fmt.Sprintf("%s_D%d.json", how, i))
			}
		}
		if n := len(p.files(InBox)); n != 4*len(want) {
			rt.Fatalf("%d answers of %d", n, len(want))
		}
		if err := p.spool.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}
