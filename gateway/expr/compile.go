package expr

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	celtypes "cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

// compiler makes functions of CEL's checked syntax tree. They answer as CEL's own
// interpreter does, errors too, and several times faster: fields are found once, and no value
// is boxed. What it does not know, it leaves to the interpreter.
type compiler struct {
	tree   *ast.AST
	lists  *codelist.Lists
	fields map[string]protoreflect.FieldDescriptor
	loops  []string // the variables of the loops around, the outermost first
}

// beyond ends the compilation of what the compiler does not know.
type beyond struct{}

// compiled makes a function of a checked condition; nil if the interpreter has to answer it.
func compiled(checked *cel.Ast, lists *codelist.Lists, fields map[string]protoreflect.FieldDescriptor) (out code[bool]) {
	defer func() {
		switch p := recover().(type) {
		case nil, beyond:
		default:
			panic(p)
		}
	}()
	c := &compiler{tree: checked.NativeRep(), lists: lists, fields: fields}
	return as[bool](c.expr(c.tree.Expr()))
}

// as is an expression that gives a T.
func as[T any](e any) code[T] {
	if c, ok := e.(code[T]); ok {
		return c
	}
	panic(beyond{})
}

// expr is a code of the expression's type.
func (c *compiler) expr(e ast.Expr) any {
	switch e.Kind() {
	case ast.LiteralKind:
		return literal(e.AsLiteral())
	case ast.IdentKind:
		return c.variable(e)
	case ast.SelectKind:
		s := e.AsSelect()
		f := c.field(s.Operand(), s.FieldName())
		of := as[document.Node](c.expr(s.Operand()))
		if s.IsTestOnly() {
			return has(of, f)
		}
		return read(of, f)
	case ast.ListKind:
		return c.list(e)
	case ast.ComprehensionKind:
		return c.loop(e.AsComprehension())
	case ast.CallKind:
		return c.call(e)
	}
	panic(beyond{})
}

func literal(v ref.Val) any {
	switch v := v.(type) {
	case celtypes.Bool:
		return always(bool(v))
	case celtypes.Int:
		return always(int64(v))
	case celtypes.String:
		return always(string(v))
	}
	panic(beyond{})
}

func always[T any](v T) code[T] { return func(*frame) (T, error) { return v, nil } }

func (c *compiler) variable(e ast.Expr) any {
	name := e.AsIdent()
	if depth := slices.Index(c.loops, name); depth >= 0 {
		switch c.tree.GetType(e.ID()).Kind() {
		case celtypes.StringKind:
			return code[string](func(f *frame) (string, error) { return f.elements[depth].text, nil })
		case celtypes.IntKind:
			return code[int64](func(f *frame) (int64, error) { return f.elements[depth].number, nil })
		}
		return code[document.Node](func(f *frame) (document.Node, error) { return f.elements[depth].message, nil })
	}
	switch name {
	case "this":
		return code[document.Node](this)
	case "outer":
		return code[document.Node](func(f *frame) (document.Node, error) { return f.outer, nil })
	case "document":
		return code[document.Node](func(f *frame) (document.Node, error) { return document.Of(f.root), nil })
	case "now":
		return code[time.Time](func(f *frame) (time.Time, error) { return f.now, nil })
	case "it":
		return code[string](func(f *frame) (string, error) { return f.it, nil })
	}
	if f := c.fields[name]; f != nil {
		return read(this, fieldOf(f))
	}
	panic(beyond{})
}

func this(f *frame) (document.Node, error) { return f.this, nil }

// field is the field that is read of an operand.
func (c *compiler) field(operand ast.Expr, name string) *document.Field {
	if md := types.messages[c.tree.GetType(operand.ID()).TypeName()]; md != nil {
		if f := md.Fields().ByJSONName(name); f != nil {
			return fieldOf(f)
		}
	}
	panic(beyond{})
}

// fieldOf is a field of a message of the document. What is inside a decimal, an instant or a day
// is none.
func fieldOf(f protoreflect.FieldDescriptor) *document.Field {
	if field := document.FieldOf(f); field != nil {
		return field
	}
	panic(beyond{})
}

func has(of code[document.Node], f *document.Field) any {
	return code[bool](func(fr *frame) (bool, error) {
		m, err := of(fr)
		return err == nil && f.Has(m), err
	})
}

// read is the value of a field: see [get], which reads it for the interpreter.
func read(of code[document.Node], f *document.Field) any {
	switch {
	case f.Repeated && f.Type == document.String:
		return reads(of, func(m document.Node) (list[string], error) { return list[string]{made: f.Strings(m)}, nil })
	case f.Repeated && f.Type == document.Message:
		return reads(of, func(m document.Node) (list[document.Node], error) {
			return list[document.Node]{field: f.Messages(m), read: document.List.At}, nil
		})
	case f.Repeated:
		panic(beyond{})
	}
	switch f.Type {
	case document.String, document.Enum:
		return reads(of, func(m document.Node) (string, error) { return f.Text(m), nil })
	case document.Bool:
		return reads(of, func(m document.Node) (bool, error) { return f.Bool(m), nil })
	case document.Uint:
		return reads(of, func(m document.Node) (int64, error) { return int64(min(f.Uint(m), math.MaxInt64)), nil })
	case document.Decimal:
		return reads(of, func(m document.Node) (document.Number, error) { return decimalOf(f.Name, f.Text(m)) })
	case document.Instant:
		return reads(of, func(m document.Node) (time.Time, error) { return instantOf(f.Name, f.Text(m)) })
	case document.Date:
		return reads(of, func(m document.Node) (date, error) { return dateOf(f.Name, f.Text(m)) })
	}
	return reads(of, func(m document.Node) (document.Node, error) { return f.Message(m), nil })
}

func reads[T any](of code[document.Node], value func(document.Node) (T, error)) code[T] {
	return func(fr *frame) (none T, err error) {
		m, err := of(fr)
		if err != nil {
			return none, err
		}
		return value(m)
	}
}

// list is a list of texts or whole numbers that is written out.
func (c *compiler) list(e ast.Expr) any {
	elements := e.AsList().Elements()
	if len(e.AsList().OptionalIndices()) > 0 || len(elements) == 0 {
		panic(beyond{})
	}
	codes := make([]any, len(elements))
	for i, element := range elements {
		codes[i] = c.expr(element)
	}
	switch codes[0].(type) {
	case code[string]:
		return written[string](codes, constants(e))
	case code[int64]:
		return written[int64](codes, nil)
	}
	panic(beyond{})
}

// walked is a list of which all elements are looked at.
func walked[T any](of code[list[T]]) code[list[T]] {
	return func(f *frame) (list[T], error) {
		l, err := of(f)
		if err == nil {
			err = f.spend(l.len())
		}
		return l, err
	}
}

// weighed is a text all of which is looked at: the longer, the more steps it is.
func weighed(of code[string]) code[string] {
	return func(f *frame) (string, error) {
		s, err := of(f)
		if err == nil {
			err = f.spend(len(s) / 32)
		}
		return s, err
	}
}

// written is a list of elements; constant are all of them, if they are.
func written[T any](elements []any, constant []T) code[list[T]] {
	if len(constant) == len(elements) {
		return always(list[T]{made: constant})
	}
	codes := make([]code[T], len(elements))
	for i, element := range elements {
		codes[i] = as[T](element)
	}
	return func(f *frame) (list[T], error) {
		made := make([]T, len(codes))
		for i, element := range codes {
			var err error
			if made[i], err = element(f); err != nil {
				return list[T]{}, err
			}
		}
		return list[T]{made: made}, nil
	}
}

// loop is one of CEL's macros over a list, of which its parser made this.
func (c *compiler) loop(l ast.ComprehensionExpr) any {
	if l.HasIterVar2() || len(c.loops) == maxLoops {
		panic(beyond{})
	}
	over := c.expr(l.IterRange())
	depth := len(c.loops)
	c.loops = append(c.loops, l.IterVar())
	defer func() { c.loops = c.loops[:depth] }()
	switch over := over.(type) {
	case code[list[document.Node]]:
		return loopOver(c, l, over, func(f *frame, v document.Node) { f.elements[depth].message = v })
	case code[list[string]]:
		return loopOver(c, l, over, func(f *frame, v string) { f.elements[depth].text = v })
	case code[list[int64]]:
		return loopOver(c, l, over, func(f *frame, v int64) { f.elements[depth].number = v })
	}
	panic(beyond{})
}

func loopOver[T any](c *compiler, l ast.ComprehensionExpr, over code[list[T]], stand func(*frame, T)) any {
	step := l.LoopStep()
	if step.Kind() != ast.CallKind || l.Result().Kind() != ast.IdentKind {
		panic(beyond{}) // exists_one too
	}
	args := step.AsCall().Args()
	switch step.AsCall().FunctionName() {
	case operators.LogicalAnd: // all
		if isAccumulator(l, args[0]) {
			return quantified(over, stand, as[bool](c.expr(args[1])), false)
		}
	case operators.LogicalOr: // exists
		if isAccumulator(l, args[0]) {
			return quantified(over, stand, as[bool](c.expr(args[1])), true)
		}
	case operators.Add: // map
		return c.mapped(l, nil, step, func(where code[bool], to any) any { return mapsTo(over, stand, where, to) })
	case operators.Conditional: // filter, or map with a filter
		where := as[bool](c.expr(args[0]))
		if isAccumulator(l, args[2]) {
			return c.mapped(l, where, args[1], func(where code[bool], to any) any { return mapsTo(over, stand, where, to) })
		}
	}
	panic(beyond{})
}

func isAccumulator(l ast.ComprehensionExpr, e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == l.AccuVar()
}

// mapped is what the step of a map or filter, accumulator + [element], makes of each element.
func (c *compiler) mapped(l ast.ComprehensionExpr, where code[bool], step ast.Expr, make func(code[bool], any) any) any {
	if step.Kind() != ast.CallKind || step.AsCall().FunctionName() != operators.Add {
		panic(beyond{})
	}
	args := step.AsCall().Args()
	if len(args) != 2 || !isAccumulator(l, args[0]) || args[1].Kind() != ast.ListKind || args[1].AsList().Size() != 1 {
		panic(beyond{})
	}
	return make(where, c.expr(args[1].AsList().Elements()[0]))
}

// quantified is whether a condition is until for any element: exists, or the contrary of all.
// What goes wrong at one element counts only where no other decides.
func quantified[T any](over code[list[T]], stand func(*frame, T), holds code[bool], until bool) code[bool] {
	return func(f *frame) (bool, error) {
		l, err := over(f)
		if err != nil {
			return false, err
		}
		var first error
		for i := range l.len() {
			if err := f.spend(1); err != nil {
				return false, err
			}
			stand(f, l.at(i))
			switch held, err := holds(f); {
			case err != nil:
				first = earlier(first, err)
			case held == until:
				return until, nil
			}
		}
		return !until && first == nil, first
	}
}

// earlier is the first of two errors.
func earlier(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func mapsTo[T any](over code[list[T]], stand func(*frame, T), where code[bool], to any) any {
	switch to := to.(type) {
	case code[document.Node]:
		return collected(over, stand, where, to)
	case code[string]:
		return collected(over, stand, where, to)
	case code[int64]:
		return collected(over, stand, where, to)
	case code[document.Number]:
		return collected(over, stand, where, to)
	}
	panic(beyond{})
}

func collected[T, U any](over code[list[T]], stand func(*frame, T), where code[bool], to code[U]) code[list[U]] {
	return func(f *frame) (out list[U], err error) {
		l, err := over(f)
		if err != nil {
			return out, err
		}
		for i := range l.len() {
			if err := f.spend(1); err != nil {
				return list[U]{}, err
			}
			stand(f, l.at(i))
			if where != nil {
				switch take, err := where(f); {
				case err != nil:
					return list[U]{}, err
				case !take:
					continue
				}
			}
			v, err := to(f)
			if err != nil {
				return list[U]{}, err
			}
			out.made = append(out.made, v)
		}
		return out, nil
	}
}

// call is a call of an operator or function, by its name and the types of its arguments.
func (c *compiler) call(e ast.Expr) any {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = slices.Concat([]ast.Expr{call.Target()}, args)
	}
	name := call.FunctionName()
	switch name { // what reads its arguments in its own way
	case "matches":
		pattern, ok := constant(args[1])
		re, err := regexp.Compile(pattern)
		if !ok || err != nil {
			panic(beyond{})
		}
		return function1(weighed(as[string](c.expr(args[0]))), func(s string) (bool, error) { return re.MatchString(s), nil })
	case "duration":
		s, ok := constant(args[0])
		d, err := time.ParseDuration(s)
		if !ok || err != nil {
			panic(beyond{})
		}
		return always(d)
	case "decimal":
		s, ok := constant(args[0])
		n, err := document.ParseNumber(s)
		if !ok || err != nil {
			panic(beyond{})
		}
		return always(n)
	case "extension", "extensions":
		extension, ok := constant(args[1])
		if !ok {
			panic(beyond{})
		}
		values := reads(as[document.Node](c.expr(args[0])), func(m document.Node) (list[string], error) {
			return list[string]{made: named(m, extension)}, nil
		})
		if name == "extensions" {
			return values
		}
		return function1(values, func(l list[string]) (string, error) {
			if l.len() == 0 {
				return "", nil
			}
			return l.at(0), nil
		})
	case "date":
		s, ok := constant(args[0])
		if _, err := document.ParseDate(s); !ok || err != nil {
			panic(beyond{})
		}
		return always(date(s))
	}
	of := make([]any, len(args))
	for i, arg := range args {
		of[i] = c.expr(arg)
	}
	switch name {
	case operators.LogicalAnd:
		return decided(of, false)
	case operators.LogicalOr:
		return decided(of, true)
	case operators.LogicalNot:
		return function1(as[bool](of[0]), func(v bool) (bool, error) { return !v, nil })
	case operators.Conditional:
		return conditional(as[bool](of[0]), of[1], of[2])
	case operators.Equals:
		return equal(of[0], of[1], true)
	case operators.NotEquals:
		return equal(of[0], of[1], false)
	case operators.Less:
		return ordered(of[0], of[1], func(n int) bool { return n < 0 })
	case operators.LessEquals:
		return ordered(of[0], of[1], func(n int) bool { return n <= 0 })
	case operators.Greater:
		return ordered(of[0], of[1], func(n int) bool { return n > 0 })
	case operators.GreaterEquals:
		return ordered(of[0], of[1], func(n int) bool { return n >= 0 })
	case operators.In:
		return within(of[0], of[1])
	case operators.Index:
		return indexed(of[0], as[int64](of[1]))
	case operators.Add:
		return added(of[0], of[1])
	case operators.Subtract:
		return subtracted(of[0], of[1])
	case "size":
		return sized(of[0])
	case "startsWith":
		return function2(as[string](of[0]), as[string](of[1]), func(s, prefix string) (bool, error) { return strings.HasPrefix(s, prefix), nil })
	case "endsWith":
		return function2(as[string](of[0]), as[string](of[1]), func(s, suffix string) (bool, error) { return strings.HasSuffix(s, suffix), nil })
	case "contains":
		return function2(weighed(as[string](of[0])), as[string](of[1]), func(s, part string) (bool, error) { return strings.Contains(s, part), nil })
	case "substring":
		if len(of) == 3 {
			return substring(weighed(as[string](of[0])), as[int64](of[1]), as[int64](of[2]))
		}
	case "abs":
		return function1(as[document.Number](of[0]), func(n document.Number) (document.Number, error) { return n.Abs(), nil })
	case "day":
		return function1(as[time.Time](of[0]), func(t time.Time) (date, error) { return date(t.UTC().Format(time.DateOnly)), nil })
	case "sum":
		return summed(of[0])
	case "unique":
		return distinct(of[0])
	case "text":
		return function2(walked(as[list[document.Node]](of[0])), as[string](of[1]), textIn)
	case "known":
		return c.known(of)
	}
	if check := checkDigits[name]; check != nil {
		return function1(as[string](of[0]), func(s string) (bool, error) { return check(s), nil })
	}
	panic(beyond{})
}

func function1[A, T any](a code[A], do func(A) (T, error)) code[T] {
	return func(f *frame) (none T, err error) {
		v, err := a(f)
		if err != nil {
			return none, err
		}
		return do(v)
	}
}

func function2[A, B, T any](a code[A], b code[B], do func(A, B) (T, error)) code[T] {
	return func(f *frame) (none T, err error) {
		v, err := a(f)
		if err != nil {
			return none, err
		}
		w, err := b(f)
		if err != nil {
			return none, err
		}
		return do(v, w)
	}
}

// decided is a chain of && or ||: by one operand that is by, whatever goes wrong in others.
func decided(operands []any, by bool) code[bool] {
	codes := make([]code[bool], len(operands))
	for i, o := range operands {
		codes[i] = as[bool](o)
	}
	return func(f *frame) (bool, error) {
		var first error
		for _, operand := range codes {
			switch v, err := operand(f); {
			case err != nil:
				first = earlier(first, err)
			case v == by:
				return by, nil
			}
		}
		return !by && first == nil, first
	}
}

func conditional(condition code[bool], yes, no any) any {
	switch yes := yes.(type) {
	case code[bool]:
		return either(condition, yes, as[bool](no))
	case code[string]:
		return either(condition, yes, as[string](no))
	case code[int64]:
		return either(condition, yes, as[int64](no))
	case code[document.Number]:
		return either(condition, yes, as[document.Number](no))
	}
	panic(beyond{})
}

func either[T any](condition code[bool], yes, no code[T]) code[T] {
	return func(f *frame) (none T, err error) {
		switch v, err := condition(f); {
		case err != nil:
			return none, err
		case v:
			return yes(f)
		}
		return no(f)
	}
}

func equal(a, b any, want bool) any {
	switch a := a.(type) {
	case code[bool]:
		return function2(a, as[bool](b), func(v, w bool) (bool, error) { return (v == w) == want, nil })
	case code[string]:
		return function2(a, as[string](b), func(v, w string) (bool, error) { return (v == w) == want, nil })
	case code[int64]:
		return function2(a, as[int64](b), func(v, w int64) (bool, error) { return (v == w) == want, nil })
	case code[document.Number]:
		return function2(a, as[document.Number](b), func(v, w document.Number) (bool, error) { return (v.Cmp(w) == 0) == want, nil })
	case code[date]:
		return function2(a, as[date](b), func(v, w date) (bool, error) { return (v == w) == want, nil })
	case code[time.Time]:
		return function2(a, as[time.Time](b), func(v, w time.Time) (bool, error) { return v.Equal(w) == want, nil })
	case code[time.Duration]:
		return function2(a, as[time.Duration](b), func(v, w time.Duration) (bool, error) { return (v == w) == want, nil })
	case code[document.Node]:
		return function2(a, as[document.Node](b), func(v, w document.Node) (bool, error) {
			return proto.Equal(v.Interface(), w.Interface()) == want, nil
		})
	}
	panic(beyond{})
}

func ordered(a, b any, want func(int) bool) any {
	switch a := a.(type) {
	case code[string]:
		return function2(a, as[string](b), func(v, w string) (bool, error) { return want(strings.Compare(v, w)), nil })
	case code[int64]:
		return function2(a, as[int64](b), func(v, w int64) (bool, error) {
			switch {
			case v < w:
				return want(-1), nil
			case v > w:
				return want(1), nil
			}
			return want(0), nil
		})
	case code[document.Number]:
		return function2(a, as[document.Number](b), func(v, w document.Number) (bool, error) { return want(v.Cmp(w)), nil })
	case code[date]:
		return function2(a, as[date](b), func(v, w date) (bool, error) { return want(strings.Compare(string(v), string(w))), nil })
	case code[time.Time]:
		return function2(a, as[time.Time](b), func(v, w time.Time) (bool, error) { return want(v.Compare(w)), nil })
	case code[time.Duration]:
		return ordered(nanoseconds(a), nanoseconds(as[time.Duration](b)), want)
	}
	panic(beyond{})
}

func nanoseconds(d code[time.Duration]) code[int64] {
	return function1(d, func(d time.Duration) (int64, error) { return int64(d), nil })
}

func within(a, b any) any {
	switch a := a.(type) {
	case code[string]:
		return memberOf(a, as[list[string]](b))
	case code[int64]:
		return memberOf(a, as[list[int64]](b))
	}
	panic(beyond{})
}

func memberOf[T comparable](a code[T], b code[list[T]]) code[bool] {
	return function2(a, walked(b), func(v T, l list[T]) (bool, error) {
		for i := range l.len() {
			if l.at(i) == v {
				return true, nil
			}
		}
		return false, nil
	})
}

func indexed(a any, b code[int64]) any {
	switch a := a.(type) {
	case code[list[document.Node]]:
		return function2(a, b, elementAt)
	case code[list[string]]:
		return function2(a, b, elementAt)
	}
	panic(beyond{})
}

func elementAt[T any](l list[T], i int64) (none T, err error) {
	if i < 0 || i >= int64(l.len()) {
		return none, fmt.Errorf("index out of bounds: %d", i)
	}
	return l.at(int(i)), nil
}

var errOverflow = errors.New("integer overflow")

func added(a, b any) any {
	switch a := a.(type) {
	case code[string]:
		return function2(a, as[string](b), func(v, w string) (string, error) { return v + w, nil })
	case code[int64]:
		return function2(a, as[int64](b), func(v, w int64) (int64, error) {
			if sum := v + w; (sum > v) == (w > 0) {
				return sum, nil
			}
			return 0, errOverflow
		})
	case code[document.Number]:
		return function2(a, as[document.Number](b), func(v, w document.Number) (document.Number, error) { return v.Add(w), nil })
	case code[time.Time]:
		return function2(a, as[time.Duration](b), later)
	}
	panic(beyond{})
}

// later is an instant and a time behind it, within what CEL has: the years 1 to 9999.
func later(t time.Time, d time.Duration) (time.Time, error) {
	if v, ok := (celtypes.Timestamp{Time: t}).Add(celtypes.Duration{Duration: d}).(celtypes.Timestamp); ok {
		return v.Time, nil
	}
	return time.Time{}, errOverflow
}

func subtracted(a, b any) any {
	switch a := a.(type) {
	case code[int64]:
		return function2(a, as[int64](b), func(v, w int64) (int64, error) {
			if difference := v - w; (difference < v) == (w > 0) {
				return difference, nil
			}
			return 0, errOverflow
		})
	case code[document.Number]:
		return function2(a, as[document.Number](b), func(v, w document.Number) (document.Number, error) { return v.Sub(w), nil })
	case code[time.Time]:
		if b, ok := b.(code[time.Time]); ok {
			return function2(a, b, func(t, from time.Time) (time.Duration, error) {
				if v, ok := (celtypes.Timestamp{Time: t}).Subtract(celtypes.Timestamp{Time: from}).(celtypes.Duration); ok {
					return v.Duration, nil
				}
				return 0, errOverflow
			})
		}
		return function2(a, as[time.Duration](b), func(t time.Time, d time.Duration) (time.Time, error) { return later(t, -d) })
	}
	panic(beyond{})
}

func sized(of any) any {
	switch of := of.(type) {
	case code[string]:
		return function1(weighed(of), func(s string) (int64, error) { return int64(utf8.RuneCountInString(s)), nil })
	case code[list[document.Node]]:
		return function1(of, lengthOf)
	case code[list[string]]:
		return function1(of, lengthOf)
	case code[list[int64]]:
		return function1(of, lengthOf)
	case code[list[document.Number]]:
		return function1(of, lengthOf)
	}
	panic(beyond{})
}

func lengthOf[T any](l list[T]) (int64, error) { return int64(l.len()), nil }

func substring(of code[string], from, to code[int64]) code[string] {
	return func(f *frame) (string, error) {
		s, err := of(f)
		if err != nil {
			return "", err
		}
		i, err := from(f)
		if err != nil {
			return "", err
		}
		j, err := to(f)
		if err != nil {
			return "", err
		}
		runes := []rune(s)
		if i < 0 || j < i || j > int64(len(runes)) {
			return "", fmt.Errorf("index out of range: %d, %d", i, j)
		}
		return string(runes[i:j]), nil
	}
}

func summed(of any) any {
	switch of := of.(type) {
	case code[list[int64]]:
		return function1(walked(of), func(l list[int64]) (sum int64, err error) {
			for i := range l.len() {
				sum = plus(sum, l.at(i))
			}
			return sum, nil
		})
	case code[list[document.Number]]:
		return function1(walked(of), func(l list[document.Number]) (sum document.Number, err error) {
			for i := range l.len() {
				sum = sum.Add(l.at(i))
			}
			return sum, nil
		})
	}
	panic(beyond{})
}

func distinct(of any) any {
	switch of := of.(type) {
	case code[list[string]]:
		return function1(walked(of), noneTwice)
	case code[list[int64]]:
		return function1(walked(of), noneTwice)
	}
	panic(beyond{})
}

func noneTwice[T comparable](l list[T]) (bool, error) {
	if l.len() < 2 {
		return true, nil
	}
	seen := make(map[T]bool, l.len())
	for i := range l.len() {
		if seen[l.at(i)] {
			return false, nil
		}
		seen[l.at(i)] = true
	}
	return true, nil
}

func textIn(l list[document.Node], language string) (string, error) {
	for i := range l.len() {
		if t := l.at(i); textLanguage.Text(t) == language {
			return textValue.Text(t), nil
		}
	}
	return "", nil
}

var textLanguage, textValue = fieldOfText("language"), fieldOfText("value")

func fieldOfText(name protoreflect.Name) *document.Field {
	return document.FieldOf((*customsv1.Text)(nil).ProtoReflect().Descriptor().Fields().ByName(name))
}

func (c *compiler) known(of []any) any {
	name, entry, on := as[string](of[0]), as[string](of[1]), always(time.Time{})
	if len(of) == 3 {
		on = as[time.Time](of[2])
	}
	return code[bool](func(f *frame) (bool, error) {
		list, err := name(f)
		if err != nil {
			return false, err
		}
		code, err := entry(f)
		if err != nil {
			return false, err
		}
		at, err := on(f)
		if err != nil {
			return false, err
		}
		return isKnown(c.lists, list, code, at)
	})
}
