package recipe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
)

// splitFile is a split as it is written.
type splitFile struct {
	Split    string         `yaml:"split"`
	Version  int            `yaml:"version"`
	Document string         `yaml:"document"`
	Source   string         `yaml:"source"`
	Limit    limitFile      `yaml:"limit"`
	Rows     []splitRowFile `yaml:"rows"`
	Answers  []outcomeFile  `yaml:"answers"`
}

type limitFile struct {
	List   string `yaml:"list"`
	Max    int    `yaml:"max"`
	Whole  bool   `yaml:"whole"`
	Starts string `yaml:"starts"`
}

type splitRowFile struct {
	ID      string          `yaml:"id"`
	To      string          `yaml:"to"`
	From    string          `yaml:"from"`
	Use     string          `yaml:"use"`
	Const   datafile.Quoted `yaml:"const"`
	Count   string          `yaml:"count"`
	Sum     string          `yaml:"sum"`
	Ordinal bool            `yaml:"ordinal"`
	Only    string          `yaml:"only"`
	When    string          `yaml:"when"`
	By      string          `yaml:"by"`
	In      []string        `yaml:"in"`
	Note    string          `yaml:"note"`
	Source  string          `yaml:"source"`
}

type outcomeFile struct {
	Outcome string `yaml:"outcome"`
	When    string `yaml:"when"`
	Of      string `yaml:"of"`
}

// splitCompiler compiles one split.
type splitCompiler struct {
	*datafile.File
	split *Split
	env   *expr.Env
}

func loadSplit(m *datafile.File, raw []byte, env *expr.Env) *Split {
	var f splitFile
	if err := m.Read(raw, &f); err != nil {
		if m.Errs = append(m.Errs, err); f.Split == "" {
			return &Split{}
		}
	}
	s := &Split{name: f.Split, version: f.Version, kind: f.Document, source: f.Source, digest: gateway.DigestOf(raw), max: f.Limit.Max, whole: f.Limit.Whole}
	c := &splitCompiler{m, s, env}
	if _, version, ok := strings.Cut(m.Name, ".v"); f.Split == "" || !ok || version != fmt.Sprintf("%d.yaml", f.Version) {
		m.At("$.split", "this is %s, expected a name, and the version that the file says", s.ID())
	}
	if !slices.Contains(document.Kinds(), f.Document) {
		m.At("$.document", "unknown kind %q, expected one of %v", f.Document, document.Kinds())
		return s
	}
	c.limit(f.Limit)
	ids := map[string]bool{}
	for i := range f.Rows {
		row := &f.Rows[i]
		node := fmt.Sprintf("$.rows[%d]", i)
		if row.ID == "" || ids[row.ID] {
			m.Row(node, row.ID, "id %q, expected one that is unique in the split", row.ID)
		}
		ids[row.ID] = true
		s.rows = append(s.rows, c.one(node, row))
	}
	for i, o := range f.Answers {
		s.outcomes = append(s.outcomes, c.outcome(fmt.Sprintf("$.answers[%d]", i), o))
	}
	return s
}

// limit compiles the list that is dealt out, as the lists on the way to it.
func (c *splitCompiler) limit(f limitFile) {
	if f.Max < 1 {
		c.At("$.limit.max", "max %d, expected a number from 1", f.Max)
	}
	steps := document.Steps(f.List)
	from := 0
	for i := range steps {
		path, err := c.step(strings.Join(steps[from:i+1], "."))
		if err != nil {
			c.At("$.limit.list", "%v", err)
			return
		}
		if path.Repeated() && !path.Leaf() {
			c.split.lists, from = append(c.split.lists, path), i+1
		}
	}
	if from < len(steps) || len(c.split.lists) == 0 {
		c.At("$.limit.list", "limit %q, expected a list of messages", f.List)
	}
	if f.Whole && len(c.split.lists) < 2 {
		c.At("$.limit.whole", "whole, and %s is in no other list, expected a list in a list", f.List)
	}
	if f.Starts != "" && len(c.split.lists) > 0 {
		c.split.starts = c.condition(func(format string, args ...any) {
			c.At("$.limit.starts", "starts: "+format, args...)
		}, c.split.lists[len(c.split.lists)-1], f.Starts)
		if f.Whole {
			c.At("$.limit.starts", "starts and whole, expected one")
		}
	}
}

// step compiles a path from the element of the last list so far.
func (c *splitCompiler) step(path string) (*document.Path, error) {
	if n := len(c.split.lists); n > 0 {
		return document.Compile(c.split.lists[n-1].Descriptor(), path)
	}
	return document.CompileFor(c.split.kind, path)
}

func (c *splitCompiler) one(node string, f *splitRowFile) *splitRow {
	errorf := func(format string, args ...any) { c.Row(node, f.ID, format, args...) }
	r := &splitRow{job: partOnly, fixed: f.Const.Text, messageID: f.From != ""}
	path := func(source string) *document.Path {
		p, err := document.CompileFor(c.split.kind, source)
		if err != nil {
			errorf("%v", err)
		}
		return p
	}
	jobs := 0
	add := func(is bool, job partJob) {
		if is {
			jobs, r.job = jobs+1, job
		}
	}
	add(f.Use != "", partNumber)
	add(f.Const.Given, partConst)
	add(f.Count != "", partTotal)
	add(f.Sum != "", partTotal)
	add(f.Ordinal, partOrdinal)
	add(f.Only != "", partOnly)
	add(f.When != "" && !f.Const.Given, partKeep)
	add(f.In != nil, partKeep)
	if jobs != 1 {
		errorf("has %d of use, const, count, sum, ordinal, only, when and in, expected exactly one", jobs)
	}
	if r.to = path(f.To); r.to == nil {
		return r
	}
	leaf := r.to.Leaf() && !r.to.Many()
	switch r.job {
	case partNumber:
		var called bool
		r.mark, called = strings.CutPrefix(f.Use, "suffix(")
		r.mark = strings.TrimSuffix(r.mark, ")")
		if !called && f.Use != "uuid" || called && !strings.HasSuffix(f.Use, ")") {
			errorf("use %q, expected suffix(x) or uuid", f.Use)
		}
		r.uuid = f.Use == "uuid"
		if f.From != "" && f.From != gatewayPart+".messageId" {
			errorf("from %q, expected %s.messageId, or nothing for the whole's own value", f.From, gatewayPart)
		}
		if !leaf || r.to.Field().Type != document.String {
			errorf("use for %s, expected a single string", f.To)
		}
	case partConst:
		if err := r.to.Field().Check(f.Const.Text); !leaf || err != nil || f.Const.Bad {
			errorf("const %q for %s, expected %s, in quotes", f.Const.Text, f.To, r.to.Field().Expected())
		}
		if f.When != "" {
			body, _ := document.CompileFor(c.split.kind, ".") // of a kind that there is
			r.when = c.condition(errorf, body, f.When)
		}
	case partTotal:
		from := path(f.Count + f.Sum)
		r.total, r.sums = from, f.Sum != ""
		switch {
		case !leaf || r.to.Field().Type != document.Uint && r.to.Field().Type != document.Decimal:
			errorf("total %s, expected a single number", f.To)
		case from == nil:
		case f.Count != "" && !from.Many():
			errorf("count %s, expected a list", f.Count)
		case f.Sum != "" && from.Field().Type != document.Decimal && from.Field().Type != document.Uint:
			errorf("sum %s, expected a number", f.Sum)
		}
	case partOrdinal:
		steps := document.Steps(f.To)
		list := path(strings.Join(steps[:len(steps)-1], "."))
		if list == nil || !list.Repeated() || r.to.Field().Type != document.Uint {
			errorf("ordinal %s, expected a number of the elements of a list", f.To)
			break
		}
		r.list = list
		r.to, _ = document.Compile(list.Descriptor(), steps[len(steps)-1])
	case partOnly:
		if f.Only != "first" && f.Only != "last" {
			errorf("only %q, expected first or last", f.Only)
		}
		r.last = f.Only == "last"
	case partKeep:
		if f.In != nil && len(f.In) == 0 {
			c.Row(node+".in", f.ID, "in nothing, expected the values that name what a part keeps")
		}
		for _, in := range f.In {
			if p := path(in); p != nil && !p.Leaf() {
				errorf("in %s, expected values", in)
			} else if p != nil {
				r.in = append(r.in, p)
			}
		}
		if r.to.Leaf() && r.to.Repeated() && f.In != nil && f.By == "" {
			r.holder, r.to = held(c.split.kind, f.To)
			break
		}
		if r.to.Leaf() || !r.to.Repeated() || strings.Count(r.to.String(), ".") > 0 {
			errorf("when or in for %s, expected a list of messages of the document itself, or in without by for a list of texts", f.To)
			break
		}
		if lists := c.split.lists; len(lists) > 0 && lists[0].String() == r.to.String() {
			errorf("when or in for %s, which the limit deals out, expected another list", f.To)
			break
		}
		if f.When != "" {
			r.when = c.condition(errorf, r.to, f.When)
			break
		}
		var err error
		if r.by, err = document.Compile(r.to.Descriptor(), f.By); err != nil || !r.by.Leaf() || r.by.Many() {
			errorf("in by %q, expected a value of the elements of %s", f.By, f.To)
		}
	}
	if f.By != "" && f.In == nil {
		errorf("by without in, expected both")
	}
	if f.From != "" && r.job != partNumber {
		errorf("from without use, expected it with use")
	}
	return r
}

// held cuts the path of a list of texts, which is right as a whole, into that of the
// messages that hold it and the rest.
func held(kind, list string) (holder, rest *document.Path) {
	steps := document.Steps(list)
	last := len(steps) - 1
	holder, _ = document.CompileFor(kind, cmp.Or(strings.Join(steps[:last], "."), "."))
	rest, _ = document.Compile(holder.Descriptor(), steps[last])
	return holder, rest
}

// condition compiles a condition on a path's messages; what is wrong with it is said by
// what holds it.
func (c *splitCompiler) condition(errorf func(format string, args ...any), of *document.Path, when string) *expr.Condition {
	if c.env == nil {
		errorf("when %q, expected a loader that knows conditions", when)
		return nil
	}
	holds, err := c.env.Condition(of.Descriptor(), when)
	if err != nil {
		errorf("%s, expected a condition on %s", strings.Join(strings.Fields(err.Error()), " "), of.Descriptor().Name())
	}
	return holds
}

func (c *splitCompiler) outcome(node string, f outcomeFile) outcome {
	answer, err := document.CompileFor("Answer", ".")
	if err != nil {
		c.At(node, "%v", err)
		return outcome{}
	}
	if f.Of != "any" && f.Of != "all" {
		c.At(node, "outcome %s of %q, expected any or all", f.Outcome, f.Of)
	}
	errorf := func(format string, args ...any) {
		c.At(node, "outcome %s: %s", f.Outcome, fmt.Sprintf(format, args...))
	}
	return outcome{f.Of == "all", c.condition(errorf, answer, f.When)}
}
