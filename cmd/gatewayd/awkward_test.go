package main

import (
	"crypto/tls"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway/line"
	"customs.example/gateway/mtls"
)

// The gateways of the stories call each other over awkward lines. A story that is about an exact number of
// attempts, or about what the lines hide, says direct, and why.
const (
	// awkward are the odds of each misdeed with each call.
	awkward = 0.05
	// awkwardPause is how long a call is held back at most.
	awkwardPause = 40 * time.Millisecond
)

// lineSeed is what the lines of all stories draw by. It is the same each time, so that what fails is what was
// changed; LINE_SEED=n draws another, and 0 anew.
var lineSeed = sync.OnceValues(func() (uint64, error) {
	text := os.Getenv("LINE_SEED")
	if text == "" {
		return 11, nil
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if seed == 0 && err == nil {
		seed = uint64(time.Now().UnixNano() % 1_000_000)
	}
	return seed, err
})

// awkwardLines are the lines before the gateways of a story.
type awkwardLines struct {
	dir     string
	behind  map[string]string // addresses of the gateways, by their administrations
	web     map[string]string // of their doors by HTTPS
	seed    uint64
	direct  bool // the gateways call each other without them
	lines   []*line.Line
	address map[string]string // of the lines before them
	door    map[string]string // of the lines before their doors by HTTPS
	told    line.Told
}

type awkwardKey struct{}

// newAwkwardLines opens a line before each of the gateways of a story. What the lines have done is printed when the
// story fails.
func newAwkwardLines(env *testscript.Env, behind, web map[string]string) (*awkwardLines, error) {
	seed, err := lineSeed()
	if err != nil {
		return nil, fmt.Errorf("LINE_SEED: %w", err)
	}
	name := fnv.New64a()
	name.Write([]byte(filepath.Base(env.WorkDir)))
	a := &awkwardLines{dir: filepath.Join(env.WorkDir, "pki"), behind: behind, web: web, seed: seed ^ name.Sum64()}
	env.Values[awkwardKey{}] = a
	env.Defer(func() {
		for _, l := range a.lines {
			l.Close()
		}
		env.T().Log(fmt.Sprintf("LINE_SEED=%d repeats what the lines drew:\n%s", seed, a.told.String()))
		for _, l := range a.lines {
			for _, what := range l.Mismatches() {
				env.T().Log(what)
				env.T().FailNow()
			}
		}
	})
	return a, a.open()
}

// open opens lines with the keys that are there now.
func (a *awkwardLines) open() error {
	a.address, a.door = make(map[string]string), make(map[string]string)
	parties, certificates := make(map[string]mtls.Party), make(map[string]tls.Certificate)
	for own := range a.behind {
		of := filepath.Join(a.dir, strings.ToLower(own))
		uri := "customs://" + own + "/gateway/1"
		roots, err := mtls.LoadRoots(filepath.Join(of, "ca.pem"))
		if err != nil {
			return err
		}
		parties[own] = mtls.Party{URI: uri, Roots: roots}
		if certificates[uri], err = mtls.LoadCertificate(filepath.Join(of, "gateway.pem"), filepath.Join(of, "gateway-key.pem")); err != nil {
			return err
		}
	}
	for own, behind := range a.behind {
		o := line.Options{
			Name: "to " + own, Behind: behind, Web: a.web[own], Gateway: parties[own], Certificate: certificates[parties[own].URI], As: certificates,
			Odds: line.Each(awkward), Seed: a.seed, Pause: awkwardPause, Now: time.Now, Done: a.told.Note,
		}
		for other, p := range parties {
			if other != own {
				o.Callers = append(o.Callers, p)
			}
		}
		l, err := line.New(o)
		if err != nil {
			return err
		}
		at, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		door, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		a.lines = append(a.lines, l)
		a.address[own], a.door[own] = at.Addr().String(), door.Addr().String()
		go l.Serve(at)
		go l.ServeWeb(door)
	}
	return nil
}

// name has a story know the lines by $RU_LINE and, by HTTPS, $RU_DOOR.
func (a *awkwardLines) name(setenv func(name, value string)) {
	for own := range a.behind {
		setenv(own+"_LINE", a.address[own])
		setenv(own+"_DOOR", a.door[own])
	}
}

// newKeys opens lines with keys that were made anew, unless there are none.
func (a *awkwardLines) newKeys(ts *testscript.TestScript) {
	if a.direct {
		return
	}
	ts.Check(a.open())
	a.name(ts.Setenv)
}

// direct has the gateways call each other directly: direct. It stands before the first of them is started.
func direct(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: direct")
	}
	a := ts.Value(awkwardKey{}).(*awkwardLines)
	a.direct, a.address, a.door = true, a.behind, a.web
	a.name(ts.Setenv)
	ts.Check(ts.Value(directKey{}).(func() error)())
}

type directKey struct{}
