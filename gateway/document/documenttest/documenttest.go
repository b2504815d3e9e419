// Package documenttest owns made-up canonical documents for tests: random ones that
// keep within the dictionary, and full ones with every leaf set. It refuses to know
// business rules: its documents are well-formed, not plausible.
package documenttest

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Options narrow what Draw makes.
type Options struct {
	// List returns codes of a code list, so that coded values are known ones. Nil, or
	// no codes: any text of the right length.
	List func(list string) []string
	// MaxItems bounds repeated fields below the dictionary's limits; 0 means 3.
	MaxItems int
}

// Draw makes a random document of a kind, within the dictionary's lengths, digits,
// repetitions, languages and the lists of the options.
func Draw(t *rapid.T, kind string, o Options) *customsv1.Document {
	if o.MaxItems == 0 {
		o.MaxItems = 3
	}
	return build(kind, &random{t, o})
}

// Full makes the same document each time: every leaf is set, and every repeated
// field has two elements.
func Full(kind string) *customsv1.Document {
	return build(kind, &full{})
}

// source decides what goes into a document.
type source interface {
	present() bool
	items(rule *customsv1.Rule) int
	leaf(f document.Field) string
	languages(n int) []string
}

func build(kind string, s source) *customsv1.Document {
	d, err := document.New(kind)
	must(err)
	if s.present() {
		d.Envelope = &customsv1.Envelope{}
		fill(document.Of(d.Envelope), s)
	}
	fill(document.Body(d), s)
	return d
}

func fill(m document.Node, s source) {
	for _, f := range m.Fields() {
		if f.Extends() { // no table declares any
			continue
		}
		path, err := document.Compile(m.Descriptor(), f.Name)
		must(err)
		switch f := path.Field(); {
		case f.Rule.Languages:
			for _, language := range s.languages(s.items(f.Rule)) {
				text := path.Append(m).Interface().(*customsv1.Text)
				text.Language, text.Value = language, legible(textValue, s.leaf(textValue))
			}
		case f.Repeated:
			for range s.items(f.Rule) {
				if path.Leaf() {
					must(path.AppendText(m, legible(f, s.leaf(f))))
				} else {
					fill(path.Append(m), s)
				}
			}
		case !s.present():
		case path.Leaf():
			must(path.Set(m, legible(f, s.leaf(f))))
		default:
			fill(path.Message(m, true), s)
		}
	}
}

// Extend gives every message of a document that takes extensions some, one inside the other as deep as
// they may stand. No table declares them.
func Extend(d *customsv1.Document) *customsv1.Document {
	n := 0
	var into func(m protoreflect.Message, depth int)
	into = func(m protoreflect.Message, depth int) {
		fields := m.Descriptor().Fields()
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case f.Message() == nil:
			case f.IsList():
				for i := range v.List().Len() {
					into(v.List().Get(i).Message(), depth)
				}
			default:
				into(v.Message(), depth)
			}
			return true
		})
		if f := fields.ByName("extensions"); f != nil && depth < document.MaxExtensionDepth {
			n++
			e := &customsv1.Extension{Name: "x" + strconv.Itoa(n), Value: strconv.Itoa(n)}
			into(e.ProtoReflect(), depth+1)
			m.Mutable(f).List().Append(protoreflect.ValueOfMessage(e.ProtoReflect()))
		}
	}
	into(d.ProtoReflect(), 0)
	return d
}

// legible is a text as a reader of it leaves it.
func legible(f document.Field, text string) string {
	if f.Type != document.String {
		return text
	}
	text, _ = document.Legible(text, f.Prose())
	if text == "" {
		return "x"
	}
	text, _ = f.Read(text)
	return text
}

// textValue is the entry of Text.value.
var textValue = func() document.Field {
	path, err := document.Compile((*customsv1.Text)(nil).ProtoReflect().Descriptor(), "value")
	must(err)
	return path.Field()
}()

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// decimalLimits returns the digits before and behind the point.
func decimalLimits(r *customsv1.Rule) (integer, fraction int) {
	if r.Digits == 0 {
		return 12, 3
	}
	return int(r.Digits - r.Fraction), int(r.Fraction)
}

var tags = []string{"zh", "ru", "kk", "mn", "en", "latin", "und", "de"}

type random struct {
	t *rapid.T
	o Options
}

func (r *random) present() bool { return rapid.IntRange(0, 3).Draw(r.t, "present") > 0 }

func (r *random) items(rule *customsv1.Rule) int {
	return rapid.IntRange(0, min(r.o.MaxItems, int(rule.Items))).Draw(r.t, "items")
}

func (r *random) languages(n int) []string {
	return rapid.Permutation(tags).Draw(r.t, "languages")[:min(n, len(tags))]
}

var letters = []rune("ABCXYZabcxyz0189 -/.\"\\<>&'\t\nАБЯжё中文货物Өүқ😀é")

func (r *random) leaf(f document.Field) string {
	switch f.Type {
	case document.Enum:
		return rapid.SampledFrom(f.Enum).Draw(r.t, f.Name)
	case document.Bool:
		return fmt.Sprint(rapid.Bool().Draw(r.t, f.Name))
	case document.Uint:
		if f.Descriptor().Kind() == protoreflect.Uint64Kind {
			return fmt.Sprint(rapid.Uint64().Draw(r.t, f.Name))
		}
		return fmt.Sprint(rapid.Uint32().Draw(r.t, f.Name))
	case document.Decimal:
		integer, fraction := decimalLimits(f.Rule)
		s := fmt.Sprint(rapid.Uint64Range(0, power(integer)-1).Draw(r.t, f.Name))
		if n := rapid.IntRange(0, fraction).Draw(r.t, "fraction"); n > 0 {
			s += fmt.Sprintf(".%0*d", n, rapid.Uint64Range(0, power(n)-1).Draw(r.t, "behind"))
		}
		return s
	case document.Instant:
		zone := time.FixedZone("", 1800*rapid.IntRange(-24, 28).Draw(r.t, "zone"))
		ms := rapid.Int64Range(946684800000, 4102444800000).Draw(r.t, f.Name)
		return document.FormatInstant(time.UnixMilli(ms).In(zone))
	case document.Date:
		return time.Unix(86400*rapid.Int64Range(10957, 47482).Draw(r.t, f.Name), 0).UTC().Format(time.DateOnly)
	}
	if f.Rule.List != "" && r.o.List != nil {
		if codes := r.o.List(f.Rule.List); len(codes) > 0 {
			return rapid.SampledFrom(codes).Draw(r.t, f.Name)
		}
	}
	return rapid.StringOfN(rapid.SampledFrom(letters), 1, min(int(f.Rule.Length), 40), -1).Draw(r.t, f.Name)
}

func power(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// full numbers its values, so that texts long enough are all different.
type full struct{ n int }

func (*full) present() bool { return true }

func (*full) items(rule *customsv1.Rule) int { return min(2, int(rule.Items)) }

func (*full) languages(n int) []string { return []string{"ru", "zh"}[:n] }

func (c *full) leaf(f document.Field) string {
	c.n++
	switch f.Type {
	case document.Enum:
		return f.Enum[c.n%len(f.Enum)]
	case document.Bool:
		return "true"
	case document.Uint:
		return strconv.Itoa(c.n)
	case document.Decimal:
		if _, fraction := decimalLimits(f.Rule); fraction > 0 {
			return strconv.Itoa(c.n) + ".5"
		}
		return strconv.Itoa(c.n)
	case document.Instant:
		return document.FormatInstant(epoch.Add(time.Duration(c.n) * time.Minute))
	case document.Date:
		return epoch.AddDate(0, 0, c.n).Format(time.DateOnly)
	}
	number := strconv.Itoa(c.n)
	if length := int(f.Rule.Length); len(number) > length {
		return number[len(number)-length:]
	} else if room := length - len(number); room > len(f.Name) {
		return f.Name + " " + number
	}
	return number
}

var epoch = time.Date(2026, 3, 1, 8, 30, 0, 0, time.FixedZone("", 8*3600))
