package document

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// DecodeYAML reads one YAML document into a struct. Unknown keys, keys that stand
// twice, values of a wrong type and second documents are errors, each as
// "name:line: message"; all unknown keys and the first of the other errors are joined.
func DecodeYAML(name string, raw []byte, into any) error {
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return locateYAML(name, err)
	}
	return decodeYAML(name, file, into)
}

// ReadYAML is DecodeYAML for those who also want the lines of the text's nodes: none if
// it is no YAML.
func ReadYAML(name string, raw []byte, into any) (Lines, error) {
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return Lines{}, locateYAML(name, err)
	}
	return linesOf(file), decodeYAML(name, file, into)
}

func decodeYAML(name string, file *ast.File, into any) error {
	file.Docs = slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil }) // nothing, or comments alone
	if len(file.Docs) > 1 {
		return fmt.Errorf("%s:%d: more than one YAML document", name, file.Docs[1].Body.GetToken().Position.Line)
	}
	var errs []error
	for _, doc := range file.Docs {
		unknownKeys(doc.Body, reflect.TypeOf(into), func(key ast.Node, names []string) {
			text := key.GetToken().Value
			errs = append(errs, fmt.Errorf("%s:%d: unknown key %q: nearest is %s", name, key.GetToken().Position.Line, text, nearest(text, names)))
		})
	}
	for _, doc := range file.Docs {
		if err := yaml.NewDecoder(strings.NewReader("")).DecodeFromNode(doc.Body, into); err != nil {
			errs = append(errs, locateYAML(name, err))
		}
	}
	return errors.Join(errs...)
}

func locateYAML(name string, err error) error {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", name, located.GetToken().Position.Line, located.GetMessage())
	}
	return fmt.Errorf("%s: %w", name, err)
}

// unknownKeys reports the keys of n that a value of type t has no field for. The
// YAML library stops at the first; people who write tables want to see them all.
func unknownKeys(n ast.Node, t reflect.Type, report func(key ast.Node, names []string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if decodesItself(t) {
		return
	}
	switch node := n.(type) {
	case *ast.AnchorNode:
		unknownKeys(node.Value, t, report)
	case *ast.TagNode:
		unknownKeys(node.Value, t, report)
	case *ast.SequenceNode:
		if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
			for _, v := range node.Values {
				unknownKeys(v, t.Elem(), report)
			}
		}
	case ast.MapNode:
		fields, names := yamlFields(t)
		for i := node.MapRange(); i.Next(); {
			if t.Kind() == reflect.Map {
				unknownKeys(i.Value(), t.Elem(), report)
			}
			if t.Kind() != reflect.Struct {
				continue
			}
			if ft, ok := fields[i.Key().GetToken().Value]; ok {
				unknownKeys(i.Value(), ft, report)
			} else {
				report(i.Key(), names)
			}
		}
	}
}

// decodesItself reports whether values of t have a YAML reader of their own.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[yaml.NodeUnmarshaler]())
}

// keyed is the types of a struct's fields by key, and the keys as declared.
type keyed struct {
	fields map[string]reflect.Type
	names  []string
}

var keysOf sync.Map // reflect.Type -> keyed

// yamlFields returns the types of a struct's fields by key, and the keys as declared.
func yamlFields(t reflect.Type) (map[string]reflect.Type, []string) {
	known, ok := keysOf.Load(t)
	if !ok {
		fields, names := declaredKeys(t)
		known, _ = keysOf.LoadOrStore(t, keyed{fields, names})
	}
	return known.(keyed).fields, known.(keyed).names
}

func declaredKeys(t reflect.Type) (map[string]reflect.Type, []string) {
	fields := map[string]reflect.Type{}
	var names []string
	if t.Kind() != reflect.Struct {
		return fields, nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case tag == "-" || f.PkgPath != "" && !f.Anonymous:
		case options == "inline":
			inner, innerNames := yamlFields(f.Type)
			for k, v := range inner {
				fields[k] = v
			}
			names = append(names, innerNames...)
		default:
			if tag == "" {
				tag = strings.ToLower(f.Name)
			}
			fields[tag] = f.Type
			names = append(names, tag)
		}
	}
	return fields, names
}

// Lines tells the line of each node of a YAML text by its path, such as
// "$.rows[3].rows[1].id". A mapping's line is that of its first key.
type Lines map[string]int

// Line returns the line of a node, or of its nearest ancestor that is there; 0 if
// there is none.
func (l Lines) Line(path string) int {
	for path != "" {
		if line := l[path]; line > 0 {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// YAMLLines returns the lines of raw's nodes; none if raw is no YAML.
func YAMLLines(raw []byte) Lines {
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return Lines{}
	}
	return linesOf(file)
}

func linesOf(file *ast.File) Lines {
	lines := Lines{}
	for _, doc := range file.Docs {
		lines.add("$", doc.Body)
	}
	return lines
}

func (l Lines) add(path string, n ast.Node) {
	if n == nil {
		return
	}
	if _, ok := l[path]; !ok {
		l[path] = n.GetToken().Position.Line
	}
	switch node := n.(type) {
	case *ast.AnchorNode:
		l.add(path, node.Value)
	case *ast.TagNode:
		l.add(path, node.Value)
	case *ast.SequenceNode:
		for i, v := range node.Values {
			l.add(fmt.Sprintf("%s[%d]", path, i), v)
		}
	case ast.MapNode:
		for i := node.MapRange(); i.Next(); {
			at := path + "." + i.Key().GetToken().Value
			l[at] = i.Key().GetToken().Position.Line
			l.add(at, i.Value())
		}
	}
}
