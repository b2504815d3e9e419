package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway/document"
)

// checkConstants finds constants that could only go wrong when the condition runs:
// malformed decimals and days, code lists that do not exist, names that an enum does
// not have. The error names all of them.
func (e *Env) checkConstants(compiled *cel.Ast, this protoreflect.MessageDescriptor) error {
	var errs []error
	root := ast.NavigateAST(compiled.NativeRep())
	for _, call := range ast.MatchDescendants(root, ast.KindMatcher(ast.CallKind)) {
		args := call.AsCall().Args()
		switch call.AsCall().FunctionName() {
		case "decimal":
			if s, ok := constant(args[0]); ok && !document.IsNumber(s) {
				errs = append(errs, fmt.Errorf("decimal(%q): want plain notation, such as 1.5", s))
			}
		case "extension", "extensions":
			if _, ok := constant(args[1]); !ok {
				errs = append(errs, fmt.Errorf("%s: want a constant name", call.AsCall().FunctionName()))
			}
		case "date":
			if s, ok := constant(args[0]); ok {
				if _, err := document.ParseDate(s); err != nil {
					errs = append(errs, fmt.Errorf("date(%q): %w", s, err))
				}
			}
		case "known":
			if s, ok := constant(args[0]); ok && !e.lists.Has(s) {
				errs = append(errs, fmt.Errorf("known(%q, ...): there is no such code list", s))
			}
		case operators.Equals, operators.NotEquals, operators.In:
			for i, arg := range args {
				names := enumNames(compiled, this, arg)
				for _, s := range constants(args[1-i]) {
					if names != nil && s != "" && !slices.Contains(names, s) {
						errs = append(errs, fmt.Errorf("%q: want one of %s", s, strings.Join(names, ", ")))
					}
				}
			}
		}
	}
	return errors.Join(errs...)
}

// Asked is an extension that a condition asks of messages of a type.
type Asked struct {
	Message protoreflect.FullName
	Name    string
}

// asked are the extensions that a checked condition asks for, in its order.
func asked(compiled *cel.Ast) (all []Asked) {
	root := ast.NavigateAST(compiled.NativeRep())
	for _, call := range ast.MatchDescendants(root, ast.KindMatcher(ast.CallKind)) {
		if name := call.AsCall().FunctionName(); name != "extension" && name != "extensions" {
			continue
		}
		args := call.AsCall().Args()
		if name, ok := constant(args[1]); ok {
			all = append(all, Asked{protoreflect.FullName(compiled.NativeRep().GetType(args[0].ID()).TypeName()), name})
		}
	}
	return all
}

func constant(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

// constants returns the text e is, or the texts in the list it is.
func constants(e ast.Expr) []string {
	if s, ok := constant(e); ok {
		return []string{s}
	}
	var out []string
	if e.Kind() == ast.ListKind {
		for _, element := range e.AsList().Elements() {
			out = append(out, constants(element)...)
		}
	}
	return out
}

// enumNames returns the names of the enum that e reads, nil if it reads none.
func enumNames(compiled *cel.Ast, this protoreflect.MessageDescriptor, e ast.Expr) []string {
	var f protoreflect.FieldDescriptor
	switch e.Kind() {
	case ast.IdentKind:
		f = this.Fields().ByJSONName(e.AsIdent())
	case ast.SelectKind:
		of := compiled.NativeRep().GetType(e.AsSelect().Operand().ID())
		if md := types.messages[of.TypeName()]; md != nil {
			f = md.Fields().ByJSONName(e.AsSelect().FieldName())
		}
	}
	if f == nil || f.Kind() != protoreflect.EnumKind {
		return nil
	}
	var names []string
	for i := 1; i < f.Enum().Values().Len(); i++ {
		names = append(names, string(f.Enum().Values().Get(i).Name()))
	}
	return names
}
