package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
)

// joinFile is a join as it is written.
type joinFile struct {
	Join     string              `yaml:"join"`
	Version  int                 `yaml:"version"`
	Document string              `yaml:"document"`
	Source   string              `yaml:"source"`
	Parts    []partFile          `yaml:"parts"`
	Key      []map[string]string `yaml:"key"`
	Rows     []joinRowFile       `yaml:"rows"`
}

type partFile struct {
	Name     string `yaml:"name"`
	Kind     string `yaml:"kind"`
	Table    string `yaml:"table"`
	Required bool   `yaml:"required"`
	Several  bool   `yaml:"several"`
	When     string `yaml:"when"`

	For string              `yaml:"for"`
	By  []map[string]string `yaml:"by"`
}

type joinRowFile struct {
	ID         string            `yaml:"id"`
	To         string            `yaml:"to"`
	From       []string          `yaml:"from"`
	Const      datafile.Quoted   `yaml:"const"`
	Each       string            `yaml:"each"`
	In         []string          `yaml:"in"`
	When       map[string]string `yaml:"when"`
	Precedence bool              `yaml:"precedence"`
	Merge      bool              `yaml:"merge"`
	Note       string            `yaml:"note"`
	Source     string            `yaml:"source"`
	Rows       []joinRowFile     `yaml:"rows"`
}

// joinCompiler compiles the rows of one join.
type joinCompiler struct {
	*datafile.File
	join *Join
	env  *expr.Env
	ids  map[string]bool
}

func loadJoin(m *datafile.File, raw []byte, env *expr.Env) *Join {
	var f joinFile
	if err := m.Read(raw, &f); err != nil {
		if m.Errs = append(m.Errs, err); f.Join == "" {
			return &Join{}
		}
	}
	j := &Join{name: f.Join, version: f.Version, kind: f.Document, source: f.Source, digest: gateway.DigestOf(raw)}
	c := &joinCompiler{m, j, env, map[string]bool{}}
	if _, version, ok := strings.Cut(path.Base(m.Name), ".v"); f.Join == "" || !ok || version != fmt.Sprintf("%d.yaml", f.Version) {
		m.At("$.join", "this is %s, expected a name, and the version that the file says", j.ID())
	}
	for i, p := range f.Parts {
		node := fmt.Sprintf("$.parts[%d]", i)
		if !slices.Contains(document.Kinds(), p.Kind) {
			m.At(node, "part %s: unknown kind %q, expected one of %v", p.Name, p.Kind, document.Kinds())
		}
		if p.Name == "" || p.Name == gatewayPart || p.Name == elementPart || c.part(p.Name) != nil {
			m.At(node, "part name %q, expected one of its own, not %s or %s", p.Name, gatewayPart, elementPart)
		}
		if p.Several && p.For != "" {
			m.At(node, "part %s comes several times by being for a list, expected no several", p.Name)
		}
		if p.Several && slices.ContainsFunc(j.parts, func(o Part) bool { return o.Several && o.For == "" }) {
			m.At(node, "part %s may come several times, expected that of one part alone", p.Name)
		}
		j.parts = append(j.parts, Part{p.Name, p.Kind, p.Table, p.Required, p.Several || p.For != "", p.For})
		if p.For != "" || len(p.By) > 0 {
			c.assign(node, p)
		}
		if p.When != "" {
			if j.takes == nil {
				j.takes = map[string]*expr.Condition{}
			}
			j.takes[p.Name] = c.condition(p.Name, p.When, joinPlace{}, func(format string, args ...any) {
				m.At(node, "part "+p.Name+": "+format, args...)
			}).holds
		}
	}
	c.keys(f.Key)
	body, err := document.CompileFor(f.Document, ".")
	if err != nil {
		m.At("$.document", "%v", err)
		return j
	}
	j.rows = c.rows("$.rows", f.Rows, joinPlace{root: true, md: body.Descriptor()})
	return j
}

func (c *joinCompiler) part(name string) *Part {
	i := slices.IndexFunc(c.join.parts, func(p Part) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &c.join.parts[i]
}

func (c *joinCompiler) keys(columns []map[string]string) {
	if len(columns) == 0 && len(c.join.parts) > 1 {
		c.At("$.key", "no key, expected the paths by which the parts find each other")
	}
	for i, column := range columns {
		node := fmt.Sprintf("$.key[%d]", i)
		paths := map[string]*document.Path{}
		for _, p := range c.join.parts {
			if column[p.Name] == "" {
				c.At(node, "key has no path for part %s, expected one for each part", p.Name)
				continue
			}
			compiled, err := document.CompileFor(p.Kind, column[p.Name])
			switch {
			case err != nil:
				c.At(node, "part %s: %v", p.Name, err)
			case !compiled.Leaf() || compiled.Many():
				c.At(node, "part %s: %s is no single value, expected a leaf", p.Name, column[p.Name])
			}
			paths[p.Name] = compiled
		}
		for name := range column {
			if c.part(name) == nil {
				c.At(node, "key of unknown part %q, expected one of the parts", name)
			}
		}
		c.join.keys = append(c.join.keys, paths)
	}
}

// joinPlace is where rows of a join stand: the target's message, and in each the
// source's.
type joinPlace struct {
	root    bool
	md      protoreflect.MessageDescriptor
	element protoreflect.MessageDescriptor
}

func (c *joinCompiler) rows(node string, files []joinRowFile, p joinPlace) []*joinRow {
	if len(files) == 0 {
		c.At(node, "no rows, expected at least one")
	}
	var out []*joinRow
	for i := range files {
		out = append(out, c.one(fmt.Sprintf("%s[%d]", node, i), &files[i], p))
	}
	return out
}

func (c *joinCompiler) one(node string, f *joinRowFile, p joinPlace) *joinRow {
	errorf := func(format string, args ...any) { c.Row(node, f.ID, format, args...) }
	r := &joinRow{id: f.ID, fixed: f.Const.Text, precedence: f.Precedence, merge: f.Merge}
	if f.ID == "" || c.ids[f.ID] {
		errorf("id %q, expected one that is unique in the join", f.ID)
	}
	c.ids[f.ID] = true
	if n := min(len(f.From), 1) + min(len(f.Const.Text), 1) + min(len(f.Each), 1) + min(len(f.In), 1); n != 1 || (f.Each != "") != (len(f.Rows) > 0) {
		errorf("has %d of from, const, each and in, expected exactly one, and rows with each", n)
	}
	var err error
	if p.root {
		r.to, err = document.CompileFor(c.join.kind, f.To)
	} else {
		r.to, err = document.Compile(p.md, f.To)
	}
	if err != nil {
		errorf("%v", err)
		return r
	}
	if f.In != nil {
		c.keep(r, f, p, errorf)
		return r
	}
	if r.to.Many() && !r.to.Repeated() {
		errorf("to %s passes through a list, expected a selector such as [0]", f.To)
	}
	for part, condition := range f.When {
		r.when = append(r.when, c.condition(part, condition, p, errorf))
	}
	slices.SortFunc(r.when, func(a, b joinCondition) int { return strings.Compare(a.part, b.part) })
	for _, from := range f.From {
		r.sources = append(r.sources, c.source(from, r.to, p, errorf))
	}
	switch {
	case f.Const.Given:
		if err := r.to.Field().Check(f.Const.Text); err != nil || f.Const.Bad || !r.to.Leaf() || r.to.Repeated() {
			errorf("const %q for %s, expected %s, in quotes", f.Const.Text, f.To, r.to.Field().Expected())
		}
	case f.Merge && (!r.to.Repeated() || f.Precedence):
		errorf("merge into %s, expected a list, and no precedence", f.To)
	case f.Each != "":
		each := c.source(f.Each, nil, p, errorf)
		if each.path == nil || each.path.Leaf() || !each.path.Repeated() || r.to.Leaf() || !r.to.Repeated() {
			errorf("each %s to %s, expected a list of messages on both sides", f.Each, f.To)
			break
		}
		r.each = &each
		r.rows = c.rows(node+".rows", f.Rows, joinPlace{md: r.to.Descriptor(), element: each.path.Descriptor()})
	}
	return r
}

// keep compiles a row that leaves in lists of texts those that parts name.
func (c *joinCompiler) keep(r *joinRow, f *joinRowFile, p joinPlace, errorf func(string, ...any)) {
	if !p.root || !r.to.Leaf() || !r.to.Repeated() || r.to.Field().Type != document.String || f.Precedence || f.Merge {
		errorf("in for %s, expected a list of texts of the document, and neither precedence nor merge", f.To)
		return
	}
	for part, condition := range f.When {
		r.when = append(r.when, c.condition(part, condition, p, errorf))
	}
	slices.SortFunc(r.when, func(a, b joinCondition) int { return strings.Compare(a.part, b.part) })
	for _, in := range f.In {
		s := c.source(in, nil, p, errorf)
		if s.path == nil || !s.path.Leaf() {
			errorf("in %s, expected values of a part", in)
			continue
		}
		r.in = append(r.in, s)
	}
	r.holder, r.to = held(c.join.kind, f.To)
}

// source compiles "part.path", or inside each a path of the element, where "$.part.path" leads out
// of it, and checks that its type is the target's.
func (c *joinCompiler) source(from string, to *document.Path, p joinPlace, errorf func(string, ...any)) joinSource {
	if from == gatewayPart+".messageId" {
		if to != nil && (to.Field().Type != document.String || to.Repeated()) {
			errorf("%s to a %s, expected a string", from, to.Field().Type)
		}
		return joinSource{part: gatewayPart}
	}
	s := joinSource{part: elementPart}
	var err error
	of, outside := strings.CutPrefix(from, "$.")
	if p.element != nil && !outside {
		s.path, err = document.Compile(p.element, from)
	} else {
		if p.element != nil {
			from = of
		}
		name, rest, _ := strings.Cut(from, ".")
		part := c.part(name)
		if part == nil {
			errorf("from %q names no part, expected part.path with one of %v", from, c.join.parts)
			return s
		}
		s.part = name
		s.path, err = document.CompileFor(part.Kind, rest)
	}
	switch {
	case err != nil:
		errorf("%v", err)
		s.path = nil
	case to == nil:
	case s.path.Many() && !s.path.Repeated():
		errorf("from %s passes through a list, expected a selector such as [0], or each", from)
	case s.path.Repeated() != to.Repeated() || s.path.Field().Type != to.Field().Type || s.path.Descriptor() != to.Descriptor() || !sameEnum(s.path, to):
		errorf("from %s is %s, expected %s as in %s", from, typeOf(s.path), typeOf(to), to)
	}
	return s
}

func sameEnum(a, b *document.Path) bool {
	return a.Field().Type != document.Enum || a.Field().Descriptor().Enum() == b.Field().Descriptor().Enum()
}

func typeOf(p *document.Path) string {
	name := p.Field().Type.String()
	if md := p.Descriptor(); md != nil {
		name = string(md.Name())
	}
	if p.Repeated() {
		return "a list of " + name
	}
	return name
}

func (c *joinCompiler) condition(part, condition string, p joinPlace, errorf func(string, ...any)) joinCondition {
	md := p.element
	if known := c.part(part); known != nil {
		body, err := document.CompileFor(known.Kind, ".")
		if err != nil {
			return joinCondition{part: part} // said where the part is declared
		}
		md = body.Descriptor()
		if known.For != "" && p.element == nil && p.md != nil {
			errorf("when asks %s outside of each %s, expected it inside", part, known.For)
		}
	} else if part != elementPart || md == nil {
		errorf("when asks %q, expected a part, or %s inside each", part, elementPart)
		return joinCondition{part: part}
	}
	if c.env == nil {
		errorf("when %q, expected a loader that knows conditions", condition)
		return joinCondition{part: part}
	}
	holds, err := c.env.Condition(md, condition)
	if err != nil {
		errorf("%s, expected a condition on %s", strings.Join(strings.Fields(err.Error()), " "), md.Name())
	}
	return joinCondition{part, holds}
}

// assign compiles what a part is for, and by what each of its documents finds its element.
func (c *joinCompiler) assign(node string, p partFile) {
	a := &assignment{part: p.Name}
	name, rest, _ := strings.Cut(p.For, ".")
	list := c.part(name)
	if list == nil || list.For != "" || list.Several || name == p.Name {
		c.At(node, "part %s is for %q, expected a list of a part before it, of which there is one", p.Name, p.For)
		return
	}
	a.list = name
	var err error
	if a.path, err = document.CompileFor(list.Kind, rest); err != nil || a.path.Leaf() || !a.path.Repeated() {
		c.At(node, "part %s is for %q, expected a list of messages", p.Name, p.For)
		return
	}
	for _, columns := range p.By {
		element, err1 := document.Compile(a.path.Descriptor(), columns[name])
		of, err2 := document.CompileFor(p.Kind, columns[p.Name])
		if err1 != nil || err2 != nil || len(columns) != 2 || !element.Leaf() || element.Many() || !of.Leaf() {
			c.At(node, "part %s is found by %v, expected a value of the element and one, or a list of them, of the part", p.Name, columns)
			return
		}
		a.by = append(a.by, pair{element, of})
	}
	if len(a.by) == 0 {
		c.At(node, "part %s is for %s, expected by: what both name", p.Name, p.For)
		return
	}
	c.join.assigns = append(c.join.assigns, a)
}
