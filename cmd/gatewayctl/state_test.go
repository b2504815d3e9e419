package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestEveryStateOfAMovementHasAWord, in each language.
func TestEveryStateOfAMovementHasAWord(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../gateway/reconcile/state.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		state, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := texts[state]; !ok {
			t.Errorf("%q has no word", state)
		}
		fmt.Fprintln(&out, state)
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "  %s %s\n", lang, (&page{lang: lang}).word(state))
		}
		return true
	})
	const file = "testdata/states.golden"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
