// Package expr owns conditions over the canonical document: CEL with the document's
// own types, decimals, days and check digits. It refuses, at load, what would
// compare a decimal as text, name an unknown field or cost too much.
//
// The fields of the message a condition stands on are variables by their JSON names;
// this is the message itself and document the root. A field whose name is one of
// CEL's reserved words, or this, document, now, it or outer, is reached through this. Enums are
// texts, "" when unset; unsigned numbers are int; Decimal and Date have their own
// operators; Instant is a timestamp. has(this.x) asks whether x is set; reading an
// unset Decimal, Date or Instant is an error.
//
// CEL parses and checks a condition, and estimates what it can cost. What answers it are
// functions made of the checked tree, in which a field is found once and no value is boxed:
// a comparison of a field takes a tenth of the interpreter's time, a walk over lists a third.
// The interpreter answers what they do not know, and is their oracle in the tests.
//
// Functions: see [Functions], and CEL's string extensions (substring, split ...).
package expr

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

const (
	// MaxCost is the most that a condition may cost, in CEL's units, on the largest
	// document that the dictionary allows. Two nested walks over consignments and
	// their goods fit; comparing goods with each other does not.
	MaxCost = 10_000_000_000
	// runCost is the most that one evaluation by CEL's interpreter may cost, some seconds of
	// work. What can never cost more than freeCost runs without counting, three times as fast.
	runCost  = 50_000_000
	freeCost = 1_000_000
)

var rootDescriptor = (*customsv1.Document)(nil).ProtoReflect().Descriptor()

// Env makes conditions. It is safe for concurrent use.
type Env struct {
	base     *cel.Env
	lists    *codelist.Lists
	contexts sync.Map // context -> *cel.Env
	compiled sync.Map // compiledKey -> *Condition: tables say the same of many parties
	proven   bool
}

// context is what a condition can see: the fields of a message type, and what else.
type context struct {
	message protoreflect.FullName
	sees    more
	outer   protoreflect.FullName // "" for none
}

// more is what a condition can see beside the document.
type more int

const (
	nothing   more = iota
	anInstant      // now
	aText          // it
)

type compiledKey struct {
	context
	source string
}

// New returns an environment whose function known reads lists.
func New(lists *codelist.Lists) (*Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(), ext.Strings(), cel.CustomTypeProvider(types), cel.CustomTypeAdapter(types),
		cel.Variable("document", types.object(rootDescriptor)),
	}
	base, err := cel.NewCustomEnv(append(options, functions(lists)...)...)
	if err != nil {
		return nil, fmt.Errorf("conditions: %w", err)
	}
	return &Env{base: base, lists: lists}, nil
}

// Proven returns an environment for conditions that are known to be good, as those of the
// embedded data, all of which its tests compile: each is compiled when it is first asked,
// which spares a command that asks few of them most of its start. One that is not good
// after all is an error then.
func (e *Env) Proven() *Env { return &Env{base: e.base, lists: e.lists, proven: true} }

// Condition is a condition. It is safe for concurrent use.
type Condition struct {
	source   string
	program  func() (code[bool], error)
	presence *document.Field // of a condition that only asks whether a field is set
	unset    bool            // or whether it is not
	asked    []Asked         // of data that are not proven
}

// Extensions are those that the condition asks for; of data that are proven, none.
func (c *Condition) Extensions() []Asked { return c.asked }

// Condition compiles a condition on messages of one type. It does not know what time
// it is: the same message always gives the same answer.
func (e *Env) Condition(md protoreflect.MessageDescriptor, source string) (*Condition, error) {
	return e.cached(md, nil, source, nothing)
}

// Within compiles a condition on a message that is judged from another one, outer: an
// element of a list from what stands around it.
func (e *Env) Within(md, outer protoreflect.MessageDescriptor, source string) (*Condition, error) {
	return e.cached(md, outer, source, nothing)
}

// OfText compiles a condition on one text of a list in a message of one type: it.
func (e *Env) OfText(md protoreflect.MessageDescriptor, source string) (*Condition, error) {
	return e.cached(md, nil, source, aText)
}

// Dated compiles a condition that may also read now, the instant it is judged at.
func (e *Env) Dated(md protoreflect.MessageDescriptor, source string) (*Condition, error) {
	return e.cached(md, nil, source, anInstant)
}

// cached compiles a condition once for each context.
func (e *Env) cached(md, outer protoreflect.MessageDescriptor, source string, sees more) (*Condition, error) {
	at := context{message: md.FullName(), sees: sees}
	if outer != nil {
		at.outer = outer.FullName()
	}
	key := compiledKey{at, source}
	if c, ok := e.compiled.Load(key); ok {
		return c.(*Condition), nil
	}
	c := &Condition{source: source}
	c.asks(md)
	asked := &c.asked
	if e.proven {
		asked = nil
	}
	c.program = sync.OnceValues(func() (code[bool], error) { return e.compile(md, outer, source, at, asked) })
	if !e.proven {
		if _, err := c.program(); err != nil {
			return nil, err
		}
	}
	e.compiled.Store(key, c)
	return c, nil
}

// in returns the environment of a context.
func (e *Env) in(md, outer protoreflect.MessageDescriptor, key context) (*cel.Env, error) {
	if env, ok := e.contexts.Load(key); ok {
		return env.(*cel.Env), nil
	}
	options := []cel.EnvOption{cel.Variable("this", types.object(md))}
	if outer != nil {
		options = append(options, cel.Variable("outer", types.object(outer)))
	}
	switch key.sees {
	case anInstant:
		options = append(options, cel.Variable("now", cel.TimestampType))
	case aText:
		options = append(options, cel.Variable("it", cel.StringType))
	}
	for name, f := range visible(md) {
		options = append(options, cel.Variable(name, types.field(f)))
	}
	env, err := e.base.Extend(options...)
	if err == nil {
		e.contexts.Store(key, env)
	}
	return env, err
}

var visibleOf sync.Map // protoreflect.FullName -> map[string]protoreflect.FieldDescriptor

// visible are the fields that stand as variables of their own.
func visible(md protoreflect.MessageDescriptor) map[string]protoreflect.FieldDescriptor {
	if known, ok := visibleOf.Load(md.FullName()); ok {
		return known.(map[string]protoreflect.FieldDescriptor)
	}
	fields := make(map[string]protoreflect.FieldDescriptor)
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if name := f.JSONName(); !slices.Contains(reserved, name) {
			fields[name] = f
		}
	}
	visibleOf.Store(md.FullName(), fields)
	return fields
}

func (e *Env) compile(md, outer protoreflect.MessageDescriptor, source string, at context, asks *[]Asked) (code[bool], error) {
	env, err := e.in(md, outer, at)
	if err != nil {
		return nil, fmt.Errorf("condition %q: %w", source, err)
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("condition %q: %w", source, inWords(issues))
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("condition %q: gives %s: want bool", source, ast.OutputType())
	}
	if err := e.checkConstants(ast, md); err != nil {
		return nil, fmt.Errorf("condition %q: %w", source, err)
	}
	if asks != nil {
		*asks = asked(ast)
	}
	cost, err := env.EstimateCost(ast, sizes{md, outer})
	if err != nil {
		return nil, fmt.Errorf("condition %q: %w", source, err)
	}
	if cost.Max > MaxCost {
		return nil, fmt.Errorf("condition %q: costs up to %d: want at most %d", source, cost.Max, uint64(MaxCost))
	}
	if program := compiled(ast, e.lists, visible(md)); program != nil {
		return program, nil
	}
	return interpreted(env, ast, visible(md), cost.Max > freeCost)
}

// interpreted leaves a condition to CEL's own interpreter.
func interpreted(env *cel.Env, checked *cel.Ast, fields map[string]protoreflect.FieldDescriptor, limited bool) (code[bool], error) {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if limited {
		options = append(options, cel.CostLimit(runCost))
	}
	program, err := env.Program(checked, options...)
	if err != nil {
		return nil, err
	}
	return func(f *frame) (bool, error) {
		out, _, err := program.Eval(&activation{f, fields})
		if err != nil {
			return false, err
		}
		return out.Value().(bool), nil
	}, nil
}

// asks recognises has(this.field) and !has(this.field): the commonest conditions, and
// a look at the field answers them a hundred times faster.
func (c *Condition) asks(md protoreflect.MessageDescriptor) {
	source, unset := strings.CutPrefix(c.source, "!")
	name, ok := strings.CutPrefix(source, "has(this.")
	if name, closed := strings.CutSuffix(name, ")"); ok && closed {
		if f := md.Fields().ByJSONName(name); f != nil {
			c.presence, c.unset = document.FieldOf(f), unset
		}
	}
}

// String returns the condition as it was written.
func (c *Condition) String() string { return c.source }

// Holds reports whether the condition holds for a message of root, which may be nil
// if the condition does not read document.
func (c *Condition) Holds(this document.Node, root *customsv1.Document) (bool, error) {
	return c.eval(this, document.Node{}, root, time.Time{}, "")
}

// HoldsAt is Holds for a condition that reads now.
func (c *Condition) HoldsAt(this document.Node, root *customsv1.Document, now time.Time) (bool, error) {
	return c.eval(this, document.Node{}, root, now, "")
}

// HoldsOf is Holds for a condition that reads it.
func (c *Condition) HoldsOf(this document.Node, root *customsv1.Document, it string) (bool, error) {
	return c.eval(this, document.Node{}, root, time.Time{}, it)
}

// HoldsWithin is Holds for a condition that may read outer.
func (c *Condition) HoldsWithin(this, outer document.Node, root *customsv1.Document) (bool, error) {
	return c.eval(this, outer, root, time.Time{}, "")
}

func (c *Condition) eval(this, outer document.Node, root *customsv1.Document, now time.Time, it string) (bool, error) {
	if c.presence != nil {
		return c.presence.Has(this) != c.unset, nil
	}
	program, err := c.program()
	if err != nil {
		return false, err
	}
	f := frames.Get().(*frame)
	f.this, f.outer, f.root, f.now, f.it = this, outer, root, now, it
	holds, err := program(f)
	*f = frame{}
	frames.Put(f)
	if err != nil {
		return false, fmt.Errorf("condition %q: %w", c.source, err)
	}
	return holds, nil
}

// activation is what CEL's interpreter asks for the values of variables.
type activation struct {
	*frame
	fields map[string]protoreflect.FieldDescriptor
}

// Parent says that there is no outer scope.
func (*activation) Parent() cel.Activation { return nil }

// ResolveName returns the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "this":
		return objectOf(a.this), true
	case "document":
		return &object{a.root.ProtoReflect()}, true
	case "now":
		return a.now, true
	case "it":
		return a.it, true
	case "outer":
		return objectOf(a.outer), true
	}
	f, ok := a.fields[name]
	if !ok {
		return nil, false
	}
	return get(a.this.Interface().ProtoReflect(), f), true
}

// reserved are the names that cannot be variables of a message's fields.
var reserved = []string{
	"this", "document", "now", "it", "outer",
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
	"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
}
