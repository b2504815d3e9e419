package table

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/xmltree"
)

// Bounds of what one table may ask of a document before it reads it.
const (
	maxWhere      = 8  // places
	maxWhereTexts = 32 // texts of one place
)

// wanted is what the key where asks of one place, as it is written: a text in quotes, a list of
// them, or true or false for whether the place is there.
type wanted struct {
	texts   []string
	present bool
	bad     bool
}

// UnmarshalYAML reads a text, a list of texts, true or false.
func (w *wanted) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	if present, ok := v.(bool); ok {
		w.present = present
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, v := range list {
		text, ok := v.(string)
		w.texts = append(w.texts, text)
		w.bad = w.bad || !ok || text == "" || !convert.Writable(text) || strings.TrimSpace(text) != text
	}
	w.present, w.bad = true, w.bad || len(list) == 0 || len(list) > maxWhereTexts
	return nil
}

// Where is one condition on which a table reads a document of its root: what stands at a place.
// Of several elements of one name the first counts.
type Where struct {
	Place   string // as the table writes it, from the root: m:Head/@edition
	Line    int
	Steps   []Step
	Attr    *Step
	Texts   []string // one of which stands there; none where only presence counts
	Present bool     // the place is there
}

// where compiles the conditions of the head.
func (h *Head) where(s *Source) {
	h.asks = fmt.Sprintf("%s:%d", s.File.Name, max(s.Lines.Line("$.where"), 1))
	if s.profile != nil && s.profile.Where != nil {
		h.asks = fmt.Sprintf("%s:%d", s.profile.Name, s.profile.Lines.Line("$.where"))
	}
	if len(s.Where) > maxWhere {
		s.At("$.where", "%d places, expected at most %d", len(s.Where), maxWhere)
		return
	}
	for _, at := range slices.Sorted(maps.Keys(s.Where)) {
		node, is := "$.where."+at, s.Where[at]
		if is.bad {
			s.At(node, "where %s, expected a text in quotes, a list of at most %d, or true or false for whether it is there", at, maxWhereTexts)
		}
		if at == "" || at == "." {
			s.At(node, "where %q is the root itself, expected a place in it", at)
			continue
		}
		w := Where{Place: at, Line: s.Lines.Line(node), Texts: is.texts, Present: is.present}
		w.Steps, w.Attr = h.Target(s.File, node, "where", at)
		h.wheres = append(h.wheres, w)
	}
}

// Where returns the conditions on which the table reads a document of its root, by place.
func (h *Head) Where() []Where { return slices.Clone(h.wheres) }

// Fits reports whether all that the table asks of a document of its root is so.
func (h *Head) Fits(root *xmltree.Element) bool {
	for i := range h.wheres {
		if !h.wheres[i].holds(root) {
			return false
		}
	}
	return true
}

// Misfit returns the fault of a document of the root that the table does not read, false if it
// does.
func (h *Head) Misfit(root *xmltree.Element) (gateway.Fault, bool) { return Misfit(root, h) }

// Misfit returns the fault of a document that none of the tables of its root reads: at the
// first place where it differs from the table that it is most like, with what the tables know
// there. It is false if one of them reads it, or there are none.
func Misfit(root *xmltree.Element, tables ...*Head) (gateway.Fault, bool) {
	var at *Where
	least := 0
	for _, h := range tables {
		var first *Where
		differ := 0
		for i := range h.wheres {
			if w := &h.wheres[i]; !w.holds(root) {
				if differ++; first == nil {
					first = w
				}
			}
		}
		if differ == 0 {
			return gateway.Fault{}, false
		}
		if at == nil || differ < least {
			at, least = first, differ
		}
	}
	if at == nil {
		return gateway.Fault{}, false
	}
	var known []string
	for _, h := range tables {
		for i := range h.wheres {
			if w := &h.wheres[i]; w.key() == at.key() {
				known = append(known, w.Texts...)
			}
		}
	}
	slices.Sort(known)
	return at.fault(root, slices.Compact(known)), true
}

// fault says what stands at the place, or that it is not there, and what would be known.
func (w *Where) fault(root *xmltree.Element, known []string) gateway.Fault {
	text, near, found := w.find(root)
	f := gateway.Fault{Code: gateway.FormatVariant, Severity: gateway.Error, Location: near.Location(), Value: gateway.Clip(text), Expected: gateway.Phrase{Terms: known}}
	switch {
	case !w.Present:
		f.Value, f.Expected = w.Place, gateway.Say(gateway.WordNotThere, w.Place)
	case !found:
		f.Code, f.Value = gateway.FormatVariantMissing, w.Place
		if len(known) == 0 {
			f.Expected = gateway.Term(w.Place)
		}
	}
	if found && w.Attr != nil {
		f.Location = near.AttrLocation(w.Attr.Name)
	}
	return f
}

// find returns the text at the place and the element that has it, or the nearest one that is
// there.
func (w *Where) find(root *xmltree.Element) (text string, near *xmltree.Element, found bool) {
	near = root
	for i := range w.Steps {
		at := slices.IndexFunc(near.Children, func(c *xmltree.Element) bool { return c.Name == w.Steps[i].Name })
		if at < 0 {
			return "", near, false
		}
		near = near.Children[at]
	}
	text = near.Text
	if w.Attr != nil {
		if text, found = near.Attr(w.Attr.Name); !found {
			return "", near, false
		}
	}
	text, _ = document.Legible(text, false)
	return text, near, true
}

func (w *Where) holds(root *xmltree.Element) bool {
	text, _, found := w.find(root)
	return w.Takes(text, found)
}

// Takes reports whether the condition holds where a text stands at the place, or nothing does.
func (w *Where) Takes(text string, found bool) bool {
	return found == w.Present && (len(w.Texts) == 0 || slices.Contains(w.Texts, text))
}

// key is the place in names that do not depend on prefixes.
func (w *Where) key() string {
	var b strings.Builder
	for i := range w.Steps {
		b.WriteString("/" + w.Steps[i].Name.String())
	}
	if w.Attr != nil {
		b.WriteString("/@" + w.Attr.Name.String())
	}
	return b.String()
}

// excludes reports whether no document can satisfy both conditions: other texts at one place, or
// one wants what lies at or below a place that the other wants absent.
func (w *Where) excludes(o *Where) bool {
	if w.Present && o.Present {
		return len(w.Texts) > 0 && len(o.Texts) > 0 && w.key() == o.key() &&
			!slices.ContainsFunc(w.Texts, func(text string) bool { return slices.Contains(o.Texts, text) })
	}
	absent, present := w, o
	if w.Present {
		absent, present = o, w
	}
	return !absent.Present && present.Present && strings.HasPrefix(present.key()+"/", absent.key()+"/")
}

// exclude reports whether no document fits both tables.
func (h *Head) exclude(o *Head) bool {
	return slices.ContainsFunc(h.wheres, func(w Where) bool {
		return slices.ContainsFunc(o.wheres, func(other Where) bool { return w.excludes(&other) })
	})
}
