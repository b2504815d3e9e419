package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway/event"
)

// get URL prints the status and the body of what a monitor answers.
func get(ts *testscript.TestScript, _ bool, args []string) {
	status, body := fetch(ts, args[0])
	fmt.Fprintf(ts.Stdout(), "%s\n%s", status, body)
}

func fetch(ts *testscript.TestScript, url string) (status, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	ts.Check(err)
	answer, err := new(http.Client).Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	ts.Check(err)
	return answer.Status, string(raw)
}

// promtool URL has Prometheus's own tool check the figures at a URL. Where it is missing the
// story fails: `make test-deps` fetches it.
func promtool(ts *testscript.TestScript, _ bool, args []string) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if tool, err = filepath.Abs("../../bin/promtool"); err == nil {
			_, err = os.Stat(tool)
		}
	}
	if err != nil {
		ts.Fatalf("promtool is neither in PATH nor in bin: make test-deps fetches it")
	}
	_, figures := fetch(ts, args[0])
	check := exec.Command(tool, "check", "metrics")
	check.Stdin = strings.NewReader(figures)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		ts.Fatalf("promtool: %v\n%s", err, out)
	}
}

// noise ADDRESS sends to a door what no door understands: words, a bare HTTP request, and
// nothing at all.
func noise(ts *testscript.TestScript, _ bool, args []string) {
	for _, said := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00", "\x16\x03\x01\xff\xff", ""} {
		c, err := net.Dial("tcp", args[0])
		ts.Check(err)
		_, err = io.WriteString(c, said)
		ts.Check(err)
		ts.Check(c.SetReadDeadline(time.Now().Add(time.Second)))
		_, _ = io.ReadAll(c)
		ts.Check(c.Close())
	}
}

// events prints the log of the gateway that was waited for last, without what differs from
// run to run, and fails at a line that is no event of the catalogue.
func events(ts *testscript.TestScript, _ bool, args []string) {
	kinds := make(map[string]event.Kind)
	for _, k := range event.Kinds {
		kinds[string(k.Name)] = k
	}
	own := []string{"time", "level", "msg"}
	varies := map[string]bool{"took": true, "skew": true, "certificate": true, "digest": true, "address": true, "bytes": true}
	uuids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	known, last := make(map[string]string), ""
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		var said map[string]any
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&said); err != nil {
			ts.Fatalf("a line of its own: %s", line)
		}
		k, ok := kinds[fmt.Sprint(said["msg"])]
		if !ok || said["level"] != k.Level.String() {
			ts.Fatalf("no event of the catalogue: %s", line)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s", said["level"], said["msg"])
		for _, key := range sortedKeys(said) {
			switch {
			case slices.Contains(own, key):
				continue
			case !slices.Contains(k.Attributes, key):
				ts.Fatalf("%q does not say %s: %s", k.Name, key, line)
			case varies[key]:
				fmt.Fprintf(&b, " %s=~", key)
				continue
			}
			value := uuids.ReplaceAllStringFunc(fmt.Sprint(said[key]), func(id string) string {
				if known[id] == "" {
					known[id] = fmt.Sprint("id-", len(known)+1)
				}
				return known[id]
			})
			fmt.Fprintf(&b, " %s=%s", key, value)
		}
		if b.String() != last { // a client that is refused may come again at once
			fmt.Fprintln(ts.Stdout(), b.String())
		}
		last = b.String()
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
