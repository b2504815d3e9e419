package gateway

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// glossary is where the words stand that the project has for things of its own, and those that
// it does not use.
const glossary = "gateway/gateway.go"

// unheld are the packages whose identifiers are not held to the glossary yet.
var unheld = []string{"gateway/flow"}

// notUsed reads the words that the glossary says are not used.
func notUsed(t *testing.T, all []source) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, s := range all {
		if s.name != glossary {
			continue
		}
		_, list, _ := strings.Cut(s.file.Doc.Text(), "Not used")
		for _, m := range regexp.MustCompile(`(?m)^\s+([a-z, ]+):`).FindAllStringSubmatch(list, -1) {
			for word := range strings.SplitSeq(m[1], ",") {
				out[strings.TrimSpace(word)] = true
			}
		}
	}
	if len(out) < 5 {
		t.Fatalf("%s names %v as not used", glossary, slices.Sorted(maps.Keys(out)))
	}
	return out
}

// declared calls f for every name that a file declares, locals too.
func declared(file *ast.File, f func(*ast.Ident)) {
	names := func(list *ast.FieldList) {
		if list != nil {
			for _, field := range list.List {
				for _, id := range field.Names {
					f(id)
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f(n.Name)
		case *ast.FuncType:
			names(n.Params)
			names(n.Results)
		case *ast.StructType:
			names(n.Fields)
		case *ast.InterfaceType:
			names(n.Methods)
		case *ast.TypeSpec:
			f(n.Name)
		case *ast.ValueSpec:
			for _, id := range n.Names {
				f(id)
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					if id, ok := e.(*ast.Ident); ok {
						f(id)
					}
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					f(id)
				}
			}
		}
		return true
	})
}

// What a word of our own would say, Go's usual one says to everybody.
func TestIdentifiersAreInUse(t *testing.T) {
	all := sources(t)
	words := notUsed(t, all)
	for _, s := range all {
		if s.test || slices.Contains(unheld, s.pkg) {
			continue
		}
		declared(s.file, func(id *ast.Ident) {
			if words[strings.ToLower(id.Name)] {
				t.Errorf("%s: %s is a word that %s does not use", s.fset.Position(id.Pos()), id.Name, glossary)
			}
		})
	}
}
