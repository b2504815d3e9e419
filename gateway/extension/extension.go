// Package extension owns what the tables declare of extensions, the values of national formats for
// which the canonical document has no field: where each may stand, of which type and how long it is,
// and whether it is data of a person or a price. It refuses what two tables declare otherwise, and
// reads no document: whoever judges, shows or releases one asks by the extension's key
// ([document.Key]).
//
// An extension is known by its place and name in documents of every kind that have the place, so that
// it stays what it is when documents are joined.
package extension

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway/document"
)

// Declaration is what a table says of one extension.
type Declaration struct {
	Name     string `yaml:"name"`
	Type     string `yaml:"type"`   // one of Types; none where it has only others in it
	Length   int    `yaml:"length"` // characters at most; of texts, codes and numbers
	List     string `yaml:"list"`   // code list, of a code
	Personal bool   `yaml:"personal"`
	Price    bool   `yaml:"price"`
	Repeats  bool   `yaml:"repeats"` // several of the name may stand at one place
	Source   string `yaml:"source"`

	Inside []Declaration `yaml:"inside"` // those that may stand in it
}

// MaxName and MaxLength are the most characters of a name and of a value.
const (
	MaxName   = 80
	MaxLength = 4000
)

// most is how many may be declared for one place.
const most = 50

var types = map[string]document.FieldType{
	"text": document.String, "code": document.String, "decimal": document.Decimal, "whole": document.Uint,
	"boolean": document.Bool, "date": document.Date, "instant": document.Instant,
}

// Types are the types of values, in alphabetical order.
func Types() []string { return slices.Sorted(maps.Keys(types)) }

// Field is the dictionary entry of the extension's value.
func (d Declaration) Field() *document.Field {
	return document.ExtensionValue(types[d.Type], d.Length, d.List)
}

// HasValue reports whether it may have a value, and not only others in it.
func (d Declaration) HasValue() bool { return d.Type != "" }

// Declared is all that tables declare. Nil declares nothing.
type Declared struct {
	byKey    map[string]declared
	messages map[protoreflect.FullName]map[string]bool // names by the type of what they stand in
	places   map[string][]string                       // and by its path, or key
}

type declared struct {
	Declaration
	at string // file and line
}

// Of returns the declaration of a key.
func (d *Declared) Of(key string) (Declaration, bool) {
	if d == nil {
		return Declaration{}, false
	}
	found, ok := d.byKey[key]
	return found.Declaration, ok
}

// Marks are those of a key by its declaration: of one that nobody declares, both. It is a
// [document.Declared].
func (d *Declared) Marks(key string) (personal, price bool) {
	if found, ok := d.Of(key); ok {
		return found.Personal, found.Price
	}
	return true, true
}

// Keys returns the keys of all that is declared, in alphabetical order.
func (d *Declared) Keys() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.byKey))
}

// Names returns the names that are declared for a place, a message's path or an extension's key, in
// alphabetical order.
func (d *Declared) Names(in string) []string {
	if d == nil {
		return nil
	}
	return d.places[document.PlaceKey(in)]
}

// On returns the names that are declared for messages of a type, wherever these stand, in
// alphabetical order.
func (d *Declared) On(message protoreflect.FullName) []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.messages[message]))
}

// Load reads what all tables of the data declare. The error names every mistake, each with its file
// and line; what is declared without mistake is returned all the same.
func Load(fsys fs.FS) (*Declared, error) {
	files, err := fs.Glob(fsys, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	d := newDeclared()
	var mistakes []error
	for _, name := range files {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(raw, []byte("extensions")) {
			continue // as most, which need not be read twice
		}
		mistakes = append(mistakes, d.read(name, raw))
	}
	return d, errors.Join(mistakes...)
}

// read adds what one table's file declares. What is no YAML is the mistake of whoever reads all of it.
func (d *Declared) read(name string, raw []byte) error {
	y, err := document.ParseYAML(name, raw)
	if err != nil {
		return nil
	}
	var kind string
	if at, ok := y.Key("document"); ok && at.Decode(&kind) != nil {
		return nil
	}
	part, _ := y.Key("extensions")
	var places map[string][]Declaration
	if part.Decode(&places) != nil {
		return nil // said there too
	}
	lines := y.Lines()
	var errs []error
	d.add(kind, places, func(node, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s:%d: extensions: %s", name, max(lines.Line("$.extensions"+node), 1), fmt.Sprintf(format, args...)))
	}, func(node string) string { return fmt.Sprintf("%s:%d", name, lines.Line("$.extensions"+node)) })
	return errors.Join(errs...)
}

// Of is what one table declares, of documents of a kind, as far as it is without mistake.
func Of(kind string, places map[string][]Declaration) *Declared {
	d := newDeclared()
	d.add(kind, places, func(string, string, ...any) {}, func(node string) string { return node })
	return d
}

func newDeclared() *Declared {
	return &Declared{map[string]declared{}, map[protoreflect.FullName]map[string]bool{}, map[string][]string{}}
}

// adder adds the declarations of one table. A node is where something stands in what it declares.
type adder struct {
	*Declared
	mistake func(node, format string, args ...any)
	at      func(node string) string
}

func (d *Declared) add(kind string, places map[string][]Declaration, mistake func(node, format string, args ...any), at func(string) string) {
	a := adder{d, mistake, at}
	for _, place := range slices.Sorted(maps.Keys(places)) {
		node := "." + place
		path, err := document.CompileFor(kind, place)
		switch {
		case err != nil:
			mistake(node, "%v", err)
			continue
		case path.Descriptor() == nil || strings.Contains(place, "[") || path.Descriptor().Fields().ByName("extensions") == nil || path.Extends():
			mistake(node, "%s takes no extensions, expected the path of a message without selectors, or \".\" for the document itself", place)
			continue
		}
		a.list(node, strings.TrimSuffix(place, "."), path.Descriptor().FullName(), places[place], 1)
	}
}

var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// list adds the declarations that stand at a node, of what may stand in a message or in another
// extension.
func (a adder) list(node, in string, message protoreflect.FullName, all []Declaration, depth int) {
	if len(all) == 0 || len(all) > most {
		a.mistake(node, "%d declarations, expected 1 to %d", len(all), most)
	}
	here := map[string]bool{}
	for i, d := range all {
		node := fmt.Sprintf("%s[%d]", node, i)
		if mistake := d.check(); mistake != "" {
			a.mistake(node, "%s: %s", cmp.Or(d.Name, "without name"), mistake)
			continue
		}
		if here[d.Name] {
			a.mistake(node, "%s is declared twice, expected each name once at a place", d.Name)
			continue
		}
		here[d.Name] = true
		key := document.Key(in, d.Name)
		if known, ok := a.byKey[key]; ok && !d.same(known.Declaration) {
			a.mistake(node, "%s is declared otherwise at %s, expected the same type, length, list and marks", d.Name, known.at)
			continue
		} else if !ok {
			a.byKey[key] = declared{d, a.at(node)}
			a.places[in] = append(a.places[in], d.Name)
			slices.Sort(a.places[in])
		}
		if a.messages[message] == nil {
			a.messages[message] = map[string]bool{}
		}
		a.messages[message][d.Name] = true
		switch {
		case len(d.Inside) == 0:
		case depth == document.MaxExtensionDepth:
			a.mistake(node+".inside", "%s has others in it, expected extensions at most %d deep", d.Name, document.MaxExtensionDepth)
		default:
			a.list(node+".inside", key, extensionName, d.Inside, depth+1)
		}
	}
}

var extensionName = document.ExtensionValue(document.String, 0, "").Descriptor().Parent().FullName()

// check says what is wrong with a declaration by itself, "" if nothing is.
func (d Declaration) check() string {
	of, known := types[d.Type]
	counted := known && (of == document.String || of == document.Decimal || of == document.Uint)
	switch {
	case !nameForm.MatchString(d.Name) || len(d.Name) > MaxName:
		return fmt.Sprintf("name %q, expected a letter and then letters, digits, - and _, at most %d", d.Name, MaxName)
	case d.Type == "" && len(d.Inside) == 0:
		return fmt.Sprintf("type is missing, expected one of %s, or others inside", strings.Join(Types(), ", "))
	case d.Type != "" && !known:
		return fmt.Sprintf("type %q, expected one of %s", d.Type, strings.Join(Types(), ", "))
	case counted && (d.Length < 1 || d.Length > MaxLength):
		return fmt.Sprintf("length %d of a %s, expected 1 to %d characters", d.Length, d.Type, MaxLength)
	case !counted && d.Length != 0:
		return "length fits text, code, decimal and whole alone"
	case (d.Type == "code") != (d.List != ""):
		return "a code has a list, and nothing else has one"
	case d.Source == "":
		return "source is missing, expected where the format says so"
	}
	return ""
}

// same reports whether two declarations of one key say the same, wherever they come from.
func (d Declaration) same(o Declaration) bool {
	return d.Type == o.Type && d.Length == o.Length && d.List == o.List && d.Personal == o.Personal && d.Price == o.Price && d.Repeats == o.Repeats
}
