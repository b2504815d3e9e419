package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLossOfEveryRoute holds what of documents of each route does not travel, whatever they say: routes of
// which the same is so stand together.
func TestLossOfEveryRoute(t *testing.T) {
	c, err := loadChain("")
	if err != nil {
		t.Fatal(err)
	}
	loss := func(route, form string) string {
		var out bytes.Buffer
		err := mappingTools(context.Background(), flag.NewFlagSet("mapping", flag.ContinueOnError), []string{"loss", "-o", form, "-route", route}, stdio{out: &out, err: io.Discard})
		if err != nil {
			t.Fatal(route, err)
		}
		return out.String()
	}
	var order []string
	alike := make(map[string][]string)
	for _, route := range routeNames(c) {
		_, told, _ := strings.Cut(loss(route, "markdown"), "\n")
		if alike[told] == nil {
			order = append(order, told)
		}
		alike[told] = append(alike[told], route)
	}
	var all strings.Builder
	for _, told := range order {
		fmt.Fprintf(&all, "== %s\n%s\n", strings.Join(alike[told], ", "), told)
	}
	const golden = "testdata/route-losses.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if told := loss("cn-ru-pre-arrival-notice", "json"); !strings.Contains(told, `"reason": "WITHHELD"`) || !strings.Contains(told, `"path": "transport.crew.*"`) {
		t.Errorf("as JSON it is %s", told)
	}
}
