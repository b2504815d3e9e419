package gateway

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "customs.example/"

// order is every package, low to high: a package imports only packages before it. The
// commands come after all of these. When this fails, move the code, not the line.
var order = []string{
	"gateway",
	"gateway/manual",
	"gateway/pace",
	"gateway/durable",
	"gateway/spool",
	"gateway/loopback",
	"gateway/event",
	"gateway/budget",
	"gateway/metrics",
	"gateway/api/customs/v1",
	"gateway/api/exchange/v1",
	"gateway/document",
	"gateway/document/documenttest",
	"gateway/mtls",
	"gateway/codelist",
	"gateway/recognition",
	"gateway/xmltree",
	"gateway/extension",
	"gateway/expr",
	"gateway/validate",
	"gateway/mapping/datafile",
	"gateway/mapping/recipe",
	"gateway/mapping/convert",
	"gateway/mapping/table",
	"gateway/mapping/program",
	"gateway/mapping/trace",
	"gateway/mapping/encode",
	"gateway/mapping/decode",
	"gateway/mapping",
	"gateway/release",
	"gateway/reconcile",
	"gateway/schema",
	"gateway/analysis",
	"gateway/seal",
	"gateway/page",
	"gateway/card",
	"gateway/conversation",
	"gateway/peer",
	"gateway/line",
	"gateway/envelope",
	"gateway/folder",
	"gateway/store/rows",
	"gateway/store/postgres",
	"gateway/store/storetest",
	"gateway/store",
	"gateway/invariant",
	"gateway/flow",
	"gateway/server",
}

// data are the embedded files with their test tools: they import nothing of ours, and
// only commands import them.
var data = []string{"mappings", "xsd", "xsd/instance"}

// narrow are the commands that may not import whatever they like.
var narrow = map[string][]string{
	"cmd/gatewayctl": {"gateway", "gateway/manual", "gateway/spool", "gateway/api/exchange/v1", "gateway/mtls"},
}

// testOnly are the packages that exist for the tests of others.
var testOnly = []string{"gateway/document/documenttest", "gateway/store/storetest", "xsd/instance"}

// owners says which packages may import a technology, by the beginning of its path, or which
// file alone. A path that ends in a slash stands for every package below it.
var owners = []struct {
	technology string
	packages   []string
}{
	{"C", []string{"gateway/schema"}},
	// One file alone knows how documents lie in memory, and one how C's do.
	{"unsafe", []string{"gateway/document/memory.go", "gateway/schema/libxml.go", "gateway/api/"}},
	{"github.com/lestrrat-go/libxml2", []string{"gateway/schema"}},
	{"github.com/beevik/etree", []string{"gateway/mapping/encode"}},
	{"cel.dev/", []string{"gateway/expr"}},
	{"database/sql", []string{"gateway/store", "gateway/store/"}},
	{"modernc.org/sqlite", []string{"gateway/store", "gateway/store/storetest"}},
	{"github.com/jackc/pgx", []string{"gateway/store", "gateway/store/postgres"}},
	{"github.com/pressly/goose", []string{"gateway/store"}},
	{"go.yaml.in/yaml/v4", []string{"gateway/document", "cmd/"}},
	// peer, line, server and the commands hand on configurations that mtls has made.
	{"crypto/tls", []string{"gateway/mtls", "gateway/peer", "gateway/line", "gateway/server", "cmd/"}},
	// document bounds the digits that anything is reckoned with.
	{"math/big", []string{"gateway/document", "gateway/mtls"}},
	// seal reads the keys of signatures, and envelope those of envelopes, which are no TLS keys.
	{"crypto/x509", []string{"gateway/mtls", "gateway/seal", "gateway/envelope", "cmd/"}},
	{"github.com/smallstep/pkcs7", []string{"gateway/envelope"}},
	{"net/http", []string{"gateway/peer", "gateway/line", "gateway/server", "gateway/metrics", "gateway/api/exchange/v1", "cmd/"}},
	{"google.golang.org/grpc", []string{"gateway/peer", "gateway/line", "gateway/server", "gateway/api/exchange/v1", "cmd/"}},
	{"github.com/grpc-ecosystem/grpc-gateway", []string{"gateway/server", "gateway/api/exchange/v1"}},
	{"google.golang.org/genproto", []string{"gateway/api/exchange/v1", "gateway/peer", "gateway/server", "cmd/"}},
	{"google.golang.org/protobuf", []string{"gateway/", "cmd/"}},
	{"github.com/prometheus", []string{"gateway/metrics"}},
	{"github.com/klauspost/compress", []string{"gateway/server"}},
	// Whoever has something to say says it as an event; the commands choose how it is written.
	{"log/slog", []string{"gateway/event", "cmd/"}},
	{"log", []string{"gateway/event", "gateway/metrics", "gateway/server", "cmd/"}},
	{"github.com/piglig/go-qr", []string{"gateway/page"}},
	{"html/template", []string{"gateway/page", "gateway/analysis"}},
	{"golang.org/x/text/width", []string{"gateway"}},
	{"github.com/google/uuid", []string{"cmd/"}},
	{"pgregory.net/rapid", testOnly},
	{"github.com/google/go-cmp", testOnly},
}

// partnerNames are words of the partners' formats, which belong in tables and schemas.
var partnerNames = regexp.MustCompile(`Pakage|Palleite|Palletei|AutoPreliminary|RwPreliminary|RWPreliminary|ESADout|NotifPI|Notif_|ReqPI|ReqPIDelete|` +
	`PIATTransport|PITransit|TDSolution|catpi|EECEDoc|KGOrganization|RFOrganization|MT[1-9][0-9]{3}`)

// source is one Go file of the module.
type source struct {
	name string // from the module's root
	pkg  string // its directory
	test bool
	file *ast.File
	fset *token.FileSet // has its positions
}

// sources parses every Go file of the module, whatever directory it lies in.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); len(base) > 1 && base[0] == '.' || name == "bin" || name == "out" {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, filepath.Join("..", name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has read it
		}
		out = append(out, p)
	}
	return out
}

// ours is the directory of an imported package of the module.
func ours(imported string) (string, bool) {
	return strings.CutPrefix(imported, module)
}

// mayImport explains why a package may not import another of ours, if so.
func mayImport(pkg, imported string) error {
	switch {
	case slices.Contains(testOnly, imported):
		return fmt.Errorf("%s is for tests", imported)
	case slices.Contains(data, pkg):
		return fmt.Errorf("data imports nothing of ours")
	case narrow[pkg] != nil:
		if !slices.Contains(narrow[pkg], imported) {
			return fmt.Errorf("it may import only %v", narrow[pkg])
		}
	case strings.HasPrefix(imported, "cmd/"):
		return fmt.Errorf("nothing imports a command")
	case strings.HasPrefix(pkg, "cmd/"):
	case slices.Contains(data, imported):
		return fmt.Errorf("only commands import data")
	case slices.Index(order, imported) >= slices.Index(order, pkg):
		return fmt.Errorf("%s comes later in the order", imported)
	}
	return nil
}

func TestLayers(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, i := range s.imports() {
			if dir, ok := ours(i); ok {
				if err := mayImport(s.pkg, dir); err != nil {
					t.Errorf("%s imports %s: %v", s.name, dir, err)
				}
			}
		}
	}
}

func TestLayersRefuse(t *testing.T) {
	for _, tt := range []struct {
		pkg, imported string
		ok            bool
	}{
		{"gateway/store", "gateway/document", true},
		{"gateway/document", "gateway/store", false},
		{"gateway/document", "gateway/document", false},
		{"gateway/flow", "mappings", false},
		{"gateway/flow", "gateway/unknown", true}, // is told by TestPlaces
		{"mappings", "gateway", false},
		{"xsd/instance", "xsd", false},
		{"cmd/gatewayd", "mappings", true},
		{"cmd/gatewayd", "xsd/instance", false},
		{"cmd/gatewayd", "cmd/gatewayctl", false},
		{"cmd/gatewayctl", "gateway/mtls", true},
		{"cmd/gatewayctl", "gateway/document", false},
	} {
		if err := mayImport(tt.pkg, tt.imported); (err == nil) != tt.ok {
			t.Errorf("%s imports %s: %v", tt.pkg, tt.imported, err)
		}
	}
}

// TestOwners holds every technology from outside, and some of the standard library, to
// its owners.
func TestOwners(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, i := range s.imports() {
			if _, ok := ours(i); ok {
				continue
			}
			known := !strings.Contains(strings.Split(i, "/")[0], ".") // the standard library's have no dot
			for _, o := range owners {
				if i != o.technology && !strings.HasPrefix(i, strings.TrimSuffix(o.technology, "/")+"/") {
					continue
				}
				known = true
				if !slices.ContainsFunc(o.packages, func(p string) bool {
					return p == s.pkg || p == s.name || strings.HasSuffix(p, "/") && strings.HasPrefix(s.pkg, p)
				}) {
					t.Errorf("%s imports %s, which belongs to %v", s.name, i, o.packages)
				}
			}
			if !known {
				t.Errorf("%s imports %s, which has no owner", s.name, i)
			}
		}
	}
}

// TestPlaces holds Go files to known packages, and C to its only one.
func TestPlaces(t *testing.T) {
	for _, s := range sources(t) {
		switch {
		case slices.Contains(order, s.pkg), slices.Contains(data, s.pkg):
		case path.Dir(s.pkg) == "cmd":
		case s.test && s.pkg == "gateway/api":
		default:
			t.Errorf("%s: its package is not in the order", s.name)
		}
	}
	for _, pkg := range slices.Concat(order, data) {
		if _, err := os.Stat(filepath.Join("..", pkg)); err != nil {
			t.Errorf("in the order, and nowhere else: %v", err)
		}
	}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); (ext == ".c" || ext == ".h") && filepath.Dir(name) != "schema" && filepath.Dir(name) != filepath.Join("..", "gateway", "schema") {
			t.Errorf("%s: C belongs to schema", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A package comment says what the package owns and what it refuses.
func TestPackageComments(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if s.test && s.pkg != "gateway/api" || ast.IsGenerated(s.file) {
			continue
		}
		if doc := s.file.Doc.Text(); doc != "" {
			comments[s.pkg] = append(comments[s.pkg], doc)
		} else if comments[s.pkg] == nil {
			comments[s.pkg] = []string{}
		}
	}
	for pkg, docs := range comments {
		if len(docs) != 1 {
			t.Errorf("%s has %d package comments", pkg, len(docs))
			continue
		}
		if !strings.HasPrefix(docs[0], "Package ") && !strings.HasPrefix(docs[0], "Command ") {
			t.Errorf("%s: its comment begins with %.20q", pkg, docs[0])
		}
		if text := strings.Join(strings.Fields(docs[0]), " "); strings.Count(text+" ", ". ") < 2 {
			t.Errorf("%s: its comment is one sentence", pkg)
		}
	}
}

func TestGoSpeaksNoPartnersLanguage(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "cmd/demo" || s.pkg == "cmd/partnersim" || ast.IsGenerated(s.file) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if partnerNames.MatchString(n.Name) {
					t.Errorf("%s: identifier %s", s.name, n.Name)
				}
			case *ast.BasicLit:
				if partnerNames.MatchString(n.Value) {
					t.Errorf("%s: text %s", s.name, n.Value)
				}
			}
			return true
		})
	}
}

// The top level is the house's front: six directories, and what tools demand.
func TestTopLevel(t *testing.T) {
	house := []string{"cmd", "gateway", "mappings", "xsd", "testdata", "certs", "go.mod", "README.md"}
	demanded := []string{
		".git", ".gitignore", ".gitattributes", ".golangci.yml", ".ci", "Makefile", "LICENSE", "go.sum",
		"bin", "out", // built, never committed
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
		tool := !e.IsDir() && (strings.HasSuffix(e.Name(), ".mod") || strings.HasSuffix(e.Name(), ".sum"))
		if !tool && !slices.Contains(house, e.Name()) && !slices.Contains(demanded, e.Name()) {
			t.Errorf("%s has no place at the top level", e.Name())
		}
	}
	for _, name := range house {
		if !slices.Contains(found, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// parallel is what the names of the tests begin with that the Makefile runs with the race
// detector, which makes them several times slower: those with several goroutines at work. All
// others run without it.
const parallel = "TestParallel"

// undetected are tests with several goroutines that run without the detector all the same, by
// package or by package and name.
var undetected = map[string]string{
	"mappings":                                               "proofs of many rows, several at once; tables are shared in the tests of flow, server and the commands",
	"cmd/gatewayd TestStories":                               "the gateways are processes of their own",
	"cmd/gatewayd TestReadmeFirstHour":                       "the gateways are processes of their own",
	"cmd/gatewayd TestReadmeRehearsal":                       "the gateways are processes of their own",
	"cmd/gatewayd TestThePartnersPageByHand":                 "the gateway is a process of its own",
	"cmd/gatewayd TestThePartnersProgramGetsItsFirstReceipt": "the gateway and the program are processes of their own",
	"cmd/gatewayd TestAGatewayUnderLoadStaysSmallAndAnswers": "the gateway is a process of its own",
}

// TestNamesSayWhatIsParallel: a test that starts a goroutine, by itself or by what the tests of
// its package share, is called parallel, and each package that starts goroutines has such tests.
func TestNamesSayWhatIsParallel(t *testing.T) {
	starting := map[string]bool{} // packages
	tests := map[string][]*ast.File{}
	for _, s := range sources(t) {
		if s.test {
			tests[s.pkg] = append(tests[s.pkg], s.file)
		} else if !ast.IsGenerated(s.file) && startsGoroutine(s.file) {
			starting[s.pkg] = true
		}
	}
	known := map[string]bool{}
	for pkg, files := range tests {
		reach := reaching(files)
		detected := false
		for name, starts := range reach {
			if !strings.HasPrefix(name, "Test") || name == "TestMain" {
				continue
			}
			if strings.HasPrefix(name, parallel) {
				detected = true
				if !starts && !starting[pkg] {
					t.Errorf("%s: %s starts no goroutine", pkg, name)
				}
				continue
			}
			for _, key := range []string{pkg, pkg + " " + name} {
				if starts && undetected[key] != "" {
					known[key], starts = true, false
				}
			}
			if starts {
				t.Errorf("%s: %s has several goroutines at work, expected a name that begins with %s", pkg, name, parallel)
			}
		}
		if starting[pkg] && !detected {
			t.Errorf("%s starts goroutines, and none of its tests is called %s", pkg, parallel)
		}
	}
	for key := range undetected {
		if !known[key] {
			t.Errorf("%s has no goroutine that runs undetected", key)
		}
	}
}

// reaching are the functions and variables of the files, by name, with whether they start a
// goroutine or use one that does; methods of one name are one.
func reaching(files []*ast.File) map[string]bool {
	starts, uses := map[string]bool{}, map[string]map[string]bool{}
	add := func(name string, node ast.Node) {
		starts[name] = starts[name] || startsGoroutine(node)
		if uses[name] == nil {
			uses[name] = map[string]bool{}
		}
		ast.Inspect(node, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				uses[name]["."+n.Sel.Name] = true
			case *ast.Ident:
				uses[name][n.Name] = true
			}
			return true
		})
	}
	for _, f := range files {
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv != nil {
					add("."+decl.Name.Name, decl.Body)
				} else {
					add(decl.Name.Name, decl.Body)
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							add(name.Name, v)
						}
					}
				}
			}
		}
	}
	for more := true; more; {
		more = false
		for name, used := range uses {
			for other := range used {
				if !starts[name] && starts[other] {
					starts[name], more = true, true
				}
			}
		}
	}
	return starts
}

// startsGoroutine reports whether a go statement stands there, or the call of a group's Go.
func startsGoroutine(node ast.Node) (starts bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			starts = true
		case *ast.SelectorExpr:
			starts = starts || n.Sel.Name == "Go"
		}
		return true
	})
	return starts
}

// directed are the packages whose files call each other one way: no file calls another one
// that, be it by way of others, calls it back. So a reader may begin at any file and read on
// in one direction.
var directed = []string{
	"gateway/mapping/datafile",
	"gateway/mapping/recipe",
	"gateway/mapping/convert",
	"gateway/mapping/table",
	"gateway/mapping/program",
	"gateway/mapping/trace",
	"gateway/mapping/encode",
	"gateway/mapping/decode",
	"gateway/mapping",
}

// TestFilesCallOneWay names each call that runs back, with the file that it comes from.
func TestFilesCallOneWay(t *testing.T) {
	packages := map[string][]source{}
	for _, s := range sources(t) {
		if !s.test {
			packages[s.pkg] = append(packages[s.pkg], s)
		}
	}
	for _, pkg := range directed {
		if len(packages[pkg]) == 0 {
			t.Errorf("%s has no files", pkg)
		}
		calls, circles := callsBetween(packages[pkg])
		for _, c := range circles {
			t.Errorf("%s: %s, which is called back", pkg, c)
		}
		t.Logf("%s: %d calls between files, %d of them in circles", pkg, calls, len(circles))
	}
}

// callsBetween counts the calls that a package's files make of each other's functions and
// methods, and names those that are part of a circle.
func callsBetween(files []source) (calls int, circles []string) {
	in := map[types.Object]string{}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	var trees []*ast.File
	for _, s := range files {
		trees = append(trees, s.file)
	}
	// What is imported is not known: a call of another file's method needs its type alone.
	check := types.Config{Importer: unknown{}, Error: func(error) {}}
	_, _ = check.Check(files[0].pkg, files[0].fset, trees, info)
	idents := func(s source, f func(*ast.Ident)) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				f(id)
			}
			return true
		})
	}
	for _, s := range files {
		idents(s, func(id *ast.Ident) {
			if f, ok := info.Defs[id].(*types.Func); ok {
				in[f] = s.name
			}
		})
	}
	type call struct{ from, to string }
	names := map[call][]string{}
	for _, s := range files {
		idents(s, func(id *ast.Ident) {
			if to := in[info.Uses[id]]; to != "" && to != s.name {
				calls++
				c := call{s.name, to}
				names[c] = append(names[c], id.Name)
			}
		})
	}
	reaches := func(from, to string) bool {
		seen := map[string]bool{}
		var walk func(at string) bool
		walk = func(at string) bool {
			seen[at] = true
			for c := range names {
				if c.from == at && (c.to == to || !seen[c.to] && walk(c.to)) {
					return true
				}
			}
			return false
		}
		return walk(from)
	}
	for c, called := range names {
		if reaches(c.to, c.from) {
			for _, name := range called {
				circles = append(circles, fmt.Sprintf("%s calls %s of %s", c.from, name, c.to))
			}
		}
	}
	slices.Sort(circles)
	return calls, circles
}

// unknown imports packages of which nothing is known.
type unknown struct{}

func (unknown) Import(name string) (*types.Package, error) {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p, nil
}

func TestCallsThatRunBackAreFound(t *testing.T) {
	fset := token.NewFileSet()
	parse := func(name, text string) source {
		f, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		return source{name: name, pkg: "p", file: f, fset: fset}
	}
	a := parse("a.go", "package p\ntype T struct{ next *T }\nfunc (t *T) A() { t.next.B() }\n")
	b := parse("b.go", "package p\nimport \"x\"\nfunc (t *T) B() { x.A(); c() }\n")
	for back, want := range map[string][]string{
		"func c() {}":                      nil,
		"func c() { (&T{}).A() }":          {"a.go calls B of b.go", "b.go calls c of c.go", "c.go calls A of a.go"},
		"func c() { f := (*T).A; f(nil) }": {"a.go calls B of b.go", "b.go calls c of c.go", "c.go calls A of a.go"},
	} {
		if _, got := callsBetween([]source{a, b, parse("c.go", "package p\n"+back)}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", back, got, want)
		}
	}
}
