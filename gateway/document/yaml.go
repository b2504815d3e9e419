package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"
)

// DecodeYAML reads one YAML document into a struct. Unknown keys, keys that stand
// twice, values of a wrong type, aliases and second documents are errors, each as
// "name:line: message", all of them joined.
func DecodeYAML(name string, raw []byte, into any) error {
	y, err := ParseYAML(name, raw)
	if err != nil {
		return err
	}
	return y.Decode(into)
}

// ReadYAML is DecodeYAML for those who also want the lines of the text's nodes: none if
// it is no YAML.
func ReadYAML(name string, raw []byte, into any) (Lines, error) {
	y, err := ParseYAML(name, raw)
	if err != nil {
		return Lines{}, err
	}
	return y.Lines(), y.Decode(into)
}

// YAML is one YAML document, parsed, for those who decode it more than once.
type YAML struct {
	name string
	body *yaml.Node // nil is nothing, or comments alone
}

// ParseYAML parses one YAML document. What is no YAML and second documents are errors.
func ParseYAML(name string, raw []byte) (YAML, error) {
	body, err := bodyOf(name, raw)
	return YAML{name, body}, err
}

// Decode is DecodeYAML of what is parsed.
func (y YAML) Decode(into any) error { return decodeYAML(y.name, y.body, into) }

// Lines are where its nodes stand.
func (y YAML) Lines() Lines { return linesOf(y.body) }

// Key is what stands at a key of a mapping, as a document of its own; false if it is not there.
func (y YAML) Key(name string) (YAML, bool) {
	if y.body != nil && y.body.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(y.body.Content); i += 2 {
			if y.body.Content[i].Value == name {
				return YAML{y.name, y.body.Content[i+1]}, true
			}
		}
	}
	return YAML{name: y.name}, false
}

// bodyOf parses one YAML document; nil is nothing, or comments alone.
func bodyOf(name string, raw []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	var body *yaml.Node
	for {
		var doc yaml.Node
		switch err := loader.Load(&doc); {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, locateYAML(name, err)
		}
		switch content := slices.IndexFunc(doc.Content, func(n *yaml.Node) bool { return !nothing(n) }); {
		case content >= 0 && body != nil:
			return nil, fmt.Errorf("%s:%d: more than one YAML document", name, doc.Content[content].Line)
		case content >= 0:
			body = doc.Content[content]
		}
	}
}

// nothing reports whether a document is empty, or comments alone.
func nothing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 }

func decodeYAML(name string, body *yaml.Node, into any) error {
	if body == nil {
		return nil
	}
	var errs []error
	unreadable(body, reflect.TypeOf(into), func(at *yaml.Node, text string) {
		errs = append(errs, fmt.Errorf("%s:%d: %s", name, at.Line, text))
	})
	if err := body.Load(into); err != nil {
		errs = append(errs, locateYAML(name, err))
	}
	return errors.Join(errs...)
}

func locateYAML(name string, err error) error {
	var all *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &all):
		var errs []error
		for _, e := range all.Errors {
			errs = append(errs, locateYAML(name, e))
		}
		return errors.Join(errs...)
	case errors.As(err, &one) && one.ContextMsg != "":
		return fmt.Errorf("%s:%d: %s: %s", name, one.ContextMark.Line, one.ContextMsg, one.Message)
	case errors.As(err, &one):
		return fmt.Errorf("%s:%d: %s", name, one.Mark.Line, one.Message)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// unreadable reports the keys of n that a value of type t has no field for, which the
// library does not name together with what else is wrong, and aliases: a file that people
// review says what it means where it means it.
func unreadable(n *yaml.Node, t reflect.Type, report func(at *yaml.Node, text string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Tag == "!!timestamp" && t != reflect.TypeFor[time.Time]() {
		n.Tag = "!!str" // YAML 1.2 knows no days, and the library would write one otherwise than it stands
	}
	switch {
	case n.Kind == yaml.AliasNode:
		report(n, fmt.Sprintf("alias *%s, expected what it stands for", n.Value))
	case decodesItself(t):
	case n.Kind == yaml.SequenceNode:
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		for _, v := range n.Content {
			unreadable(v, t, report)
		}
	case n.Kind == yaml.MappingNode:
		fields, names := yamlFields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch ft, ok := fields[key.Value]; {
			case t.Kind() == reflect.Map:
				unreadable(value, t.Elem(), report)
			case t.Kind() == reflect.Interface:
				unreadable(value, t, report)
			case ok:
				unreadable(value, ft, report)
			case t.Kind() == reflect.Struct:
				report(key, fmt.Sprintf("unknown key %q: nearest is %s", key.Value, nearest(key.Value, names)))
			}
		}
	}
}

// reads is what decodes itself: the reader of a type of ours.
type reads interface{ UnmarshalYAML(func(any) error) error }

// decodesItself reports whether values of t have a YAML reader of their own.
func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[reads]())
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
	body, err := bodyOf("", raw)
	if err != nil {
		return Lines{}
	}
	return linesOf(body)
}

func linesOf(body *yaml.Node) Lines {
	lines := Lines{}
	if body != nil {
		lines.add("$", body)
	}
	return lines
}

func (l Lines) add(path string, n *yaml.Node) {
	if _, ok := l[path]; !ok {
		l[path] = n.Line
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, v := range n.Content {
			l.add(path+"["+strconv.Itoa(i)+"]", v)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			at := path + "." + n.Content[i].Value
			l[at] = n.Content[i].Line
			l.add(at, n.Content[i+1])
		}
	}
}
