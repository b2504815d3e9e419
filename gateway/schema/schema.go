// Package schema owns the inbound door for XML: a byte gate in pure Go, then libxml2,
// which parses, validates and hands out the very tree it validated; it alone makes a
// Conforming. It refuses to let outside bytes reach C unseen, to read anything but the
// bytes given, and to know what a document means. It is large for one package because
// gate, parser and judge must not come apart: no door leads around the gate.
package schema

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// Set is every schema of a file system.
type Set struct {
	compile map[string]func() (*Schema, error) // by name, once

	mu       sync.Mutex
	compiled []*Schema
}

// Schema is one compiled schema. Any number of goroutines may use it.
type Schema struct {
	name   string
	digest gateway.Digest
	roots  []xmltree.Name
	types  map[string]string // named types and what each is derived from

	contents map[xmltree.Name]*content // of every element that stands alone

	mu       sync.RWMutex // held for reading while C uses compiled
	compiled uintptr
}

// Conforming proves that certain bytes conform to a certain schema. The zero value
// proves nothing.
type Conforming struct {
	document, schemaDigest gateway.Digest
	schema                 string
}

// Document returns the digest of the bytes that conform.
func (c Conforming) Document() gateway.Digest { return c.document }

// Schema returns the name of the schema they conform to.
func (c Conforming) Schema() string { return c.schema }

// SchemaDigest returns the digest of that schema.
func (c Conforming) SchemaDigest() gateway.Digest { return c.schemaDigest }

// IsZero reports whether c proves nothing.
func (c Conforming) IsZero() bool { return c == Conforming{} }

// Result is what Check found out. Document is nil when the bytes are not well-formed
// or were refused by the byte gate; it is there when they break the schema, so that
// decoding can find further faults. Conforming is zero when any fault is an error.
type Result struct {
	Document   *xmltree.Document
	Faults     gateway.Faults
	Conforming Conforming
}

var target = regexp.MustCompile(`^[a-z0-9-]+\.v[0-9]+\.xsd$`)

// Load compiles every DIR/name.vN.xsd of fsys under the name DIR/name.vN. Any .xsd
// file may be imported by its relative path; those in a directory named common are
// imported only. A file that is missing, faulty or declares no root is an error.
func Load(fsys fs.FS) (*Set, error) {
	set, err := LoadProven(fsys)
	if err != nil {
		return nil, err
	}
	names := set.Names()
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			_, errs[i] = set.compile[name]()
			<-slots
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		set.Close()
		return nil, err
	}
	return set, nil
}

// LoadProven is Load for schemas that are known to be good, as the embedded ones, all of
// which their tests compile: each is compiled when it is first asked for, which spares a
// command that needs few of them most of its start. One that is not good after all is as
// if it were not there.
func LoadProven(fsys fs.FS) (*Set, error) {
	lib := new(library)
	sources := make(map[string]func() source)
	var targets []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".xsd" {
			return err
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		lib.add(p, data)
		sources[p] = sync.OnceValue(func() source { return sourceOf(data) })
		if target.MatchString(path.Base(p)) && path.Base(path.Dir(p)) != "common" {
			targets = append(targets, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schemas: %w", err)
	}
	if len(targets) == 0 {
		return nil, errors.New("read schemas: no file is named name.vN.xsd")
	}
	set := &Set{compile: make(map[string]func() (*Schema, error), len(targets))}
	for _, p := range targets {
		set.compile[nameOf(p)] = sync.OnceValues(func() (*Schema, error) {
			sc, err := compile(lib, sources, p)
			if err == nil {
				set.mu.Lock()
				defer set.mu.Unlock()
				set.compiled = append(set.compiled, sc)
			}
			return sc, err
		})
	}
	return set, nil
}

func nameOf(file string) string { return strings.TrimSuffix(file, ".xsd") }

// source is a schema file: its bytes and its tree, or what is wrong with it.
type source struct {
	raw    []byte
	tree   *xmltree.Document
	faults gateway.Faults
}

func sourceOf(raw []byte) source {
	lim := DefaultLimits
	lim.Attributes, lim.AttributeLen = 1<<10, 1<<20 // our own file: long patterns are fine
	tree, faults := Parse(raw, lim)
	return source{raw, tree, faults}
}

func compile(lib *library, sources map[string]func() source, p string) (*Schema, error) {
	roots, err := sources[p]().roots()
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", p, err)
	}
	ptr, parts, err := lib.compile(p)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", p, err)
	}
	types := make(map[string]string)
	trees := []*xmltree.Document{sources[p]().tree}
	for _, part := range parts {
		if tree := sources[part]().tree; part != p && tree != nil {
			trees = append(trees, tree)
		}
	}
	for _, tree := range trees {
		typesOf(tree, types)
	}
	h := sha256.New()
	slices.Sort(parts)
	fmt.Fprintln(h, p)
	for _, part := range parts {
		fmt.Fprintln(h, part, gateway.DigestOf(sources[part]().raw))
	}
	return &Schema{
		name: nameOf(p), digest: gateway.Digest(h.Sum(nil)),
		roots: roots, types: types, contents: contentsOf(trees), compiled: ptr,
	}, nil
}

const xsdSpace = "http://www.w3.org/2001/XMLSchema"

// roots returns the elements that a schema file itself declares at its top. libxml2
// would take as root any global element of an imported file as well.
func (src source) roots() ([]xmltree.Name, error) {
	if src.tree == nil {
		return nil, src.faults
	}
	space, _ := src.tree.Root.Attr(xmltree.Name{Local: "targetNamespace"})
	var roots []xmltree.Name
	for _, e := range src.tree.Root.Children {
		if name, ok := e.Attr(xmltree.Name{Local: "name"}); ok && e.Name == (xmltree.Name{Space: xsdSpace, Local: "element"}) {
			roots = append(roots, xmltree.Name{Space: space, Local: name})
		}
	}
	if len(roots) == 0 {
		return nil, errors.New("no root element is declared")
	}
	return roots, nil
}

// Schema returns a schema by name.
func (s *Set) Schema(name string) (*Schema, bool) {
	compile, ok := s.compile[name]
	if !ok {
		return nil, false
	}
	sc, err := compile()
	return sc, err == nil
}

// Names returns the names of all schemas, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.compile)) }

// Close frees the compiled schemas. It waits for running checks; a later Check panics.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sc := range s.compiled {
		sc.mu.Lock()
		if sc.compiled != 0 {
			free(sc.compiled)
			sc.compiled = 0
		}
		sc.mu.Unlock()
	}
}

// Name returns the schema's name.
func (sc *Schema) Name() string { return sc.name }

// Digest returns the digest over the schema file and everything it imports.
func (sc *Schema) Digest() gateway.Digest { return sc.digest }

// Gate is the byte gate alone: whether a document may be read at all, before anybody parses it. It gives the fault that
// closes it.
func Gate(raw []byte, lim Limits) gateway.Faults {
	_, faults := passes(pace.Endless(), raw, lim)
	return faults
}

// Parse reads a document without judging it by any schema. The document is nil when
// there are faults.
func Parse(raw []byte, lim Limits) (*xmltree.Document, gateway.Faults) {
	r := read(pace.Endless(), raw, lim, func(root *xmltree.Element) (*Schema, *xmltree.Element, gateway.Faults) { return nil, root, nil })
	return r.Document, r.Faults
}

// Check reads a document and judges it by the schema.
func (sc *Schema) Check(raw []byte, lim Limits) Result {
	return read(pace.Endless(), raw, lim, func(root *xmltree.Element) (*Schema, *xmltree.Element, gateway.Faults) { return sc, root, nil })
}

// Prove judges a document that is written to be sent, and reads it only to say what is wrong:
// where nothing is, the result has no Document. Where the steps end it returns as CheckBy does.
func (sc *Schema) Prove(steps *pace.Steps, raw []byte, lim Limits) (Result, error) {
	if c := sc.prove(steps, raw, lim); !c.IsZero() && steps.Err() == nil {
		return Result{Conforming: c}, nil
	}
	return CheckBy(steps, raw, lim, func(root *xmltree.Element) (*Schema, *xmltree.Element, gateway.Faults) { return sc, root, nil })
}

// prove is zero where anything is wrong.
func (sc *Schema) prove(steps *pace.Steps, raw []byte, lim Limits) Conforming {
	count, faults := passes(steps, raw, lim)
	if steps.Ask() != nil || faults != nil || !slices.Contains(sc.roots, count.root) {
		return Conforming{}
	}
	doc, err := parse(raw)
	if err != nil {
		return Conforming{}
	}
	defer doc.Free()
	if steps.Ask() != nil {
		return Conforming{}
	}
	sc.mu.RLock()
	defer sc.mu.RUnlock()
	if sc.compiled == 0 {
		panic("schema: Prove after Close")
	}
	if found, more, err := validate(sc.compiled, doc, 0); err != nil || len(found) > 0 || more {
		return Conforming{}
	}
	return sc.proof(raw)
}

func (sc *Schema) proof(raw []byte) Conforming {
	return Conforming{document: gateway.DigestOf(raw), schema: sc.name, schemaDigest: sc.digest}
}

// Choice is the schema that a document is judged by, and the element that it is: the
// root, or one inside a container. Without schema the faults say why.
type Choice func(root *xmltree.Element) (sc *Schema, at *xmltree.Element, faults gateway.Faults)

// CheckBy reads a document and judges it by the schema that choose finds for it. Where
// choose finds none, its faults are the result's. A document inside a container is judged
// where it stands, so that its places are the container's; nothing proves that it
// conforms, because its bytes are not what was read.
//
// Where the steps end it returns the error of what ended them, and nothing of the document.
// In C nothing asks for them: what was begun there is finished, in a time that grows as the
// document does.
func CheckBy(steps *pace.Steps, raw []byte, lim Limits, choose Choice) (Result, error) {
	r := read(steps, raw, lim, choose)
	if err := steps.Err(); err != nil {
		return Result{}, err
	}
	return r, nil
}

// read returns at once, with whatever there is, where it finds the steps ended.
func read(steps *pace.Steps, raw []byte, lim Limits, choose Choice) Result {
	count, faults := passes(steps, raw, lim)
	if steps.Ask() != nil {
		return Result{}
	}
	if faults != nil {
		return Result{Faults: faults}
	}
	doc, err := parse(raw)
	if err != nil {
		return malformed()
	}
	defer doc.Free()
	if steps.Ask() != nil {
		return Result{}
	}
	f, err := flatten(doc, raw, count)
	if err != nil {
		return malformed()
	}
	tree := f.tree(steps, count.lines)
	if steps.Ask() != nil {
		return Result{}
	}
	r := Result{Document: tree}
	outer := r.Document
	sc, at, faults := choose(outer.Root)
	if sc == nil {
		r.Faults = faults
		return r
	}
	r.Document = &xmltree.Document{Root: at}
	sc.mu.RLock()
	defer sc.mu.RUnlock()
	if sc.compiled == 0 {
		panic("schema: Check after Close")
	}
	if root := r.Document.Root; !slices.Contains(sc.roots, root.Name) {
		r.Faults = gateway.Faults{sc.rootFault(root)}
		return r
	}
	sc.contents[at.Name].settle(at)
	inside := 0
	if at != outer.Root {
		inside = orderOf(outer.Root, at)
	}
	if steps.Ask() != nil {
		return Result{}
	}
	found, more, err := validate(sc.compiled, doc, inside)
	if err != nil {
		r.Faults = gateway.Faults{{
			Code: gateway.Internal, Severity: gateway.Error, Location: r.Document.Root.Location(),
		}}
		return r
	}
	if r.Faults = explain(outer, found, more); r.Faults != nil {
		sc.nameTypes(r.Faults)
	} else if inside == 0 {
		r.Conforming = sc.proof(raw)
	}
	return r
}

// orderOf is the place of an element in document order, from 1.
func orderOf(root, e *xmltree.Element) int {
	n := 0
	for other := range root.Walk() {
		if n++; other == e {
			return n
		}
	}
	panic("schema: an element of another document")
}

func malformed() Result {
	return Result{Faults: gateway.Faults{{
		Code: gateway.XMLMalformed, Severity: gateway.Error,
		Location: gateway.Location{Expr: "/"}, Found: gateway.Say(gateway.WordUnreadableXML),
	}}}
}
