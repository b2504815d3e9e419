package mappings_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mapping/decode"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
)

// Every required row has a twin of a golden without its value, and that is refused at
// the place where the value would be.
func TestWithoutARequiredValueNothingIsWritten(t *testing.T) {
	d := load(t)
	d.each(t, func(t *testing.T, table *mapping.Table) {
		s := d.scenes(t, table)
		for _, r := range table.Rows() {
			if !r.Required || s.way(r.ID) == "decode" || s.never(r) {
				continue
			}
			var tried []string
			refused := slices.ContainsFunc(s.written[r.ID], func(l link) bool {
				doc, want := s.without(t, r, l)
				_, traced, faults := table.Encode(doc, true)
				faults = timed(faults)
				tried = append(tried, fmt.Sprintf("%s without %s: %v", l.scene.name, l.Path, lines(faults)))
				return missing(faults, r, want) || l.Group && r.Each+r.With == "" && s.missingInside(table, faults, r) ||
					len(faults) == 0 && s.unasked(r, l, traced)
			})
			if !refused {
				t.Errorf("%s:%d: row %s is required and no golden without it is refused\n%s", table.ID(), r.Line, r.ID, strings.Join(tried, "\n"))
			}
		}
	})
}

// unasked reports whether a row is not required in a twin: a condition that asks for
// its value leaves out the element around it.
func (s *scenes) unasked(r table.RowInfo, l link, traced trace.Trace) bool {
	for id, around := range s.around(r.ID) {
		if around.text("when") == "" || id == r.ID {
			continue
		}
		return !slices.ContainsFunc(traced.Links(true), func(other trace.Link) bool {
			return other.Row == id && strings.HasPrefix(l.Place.Expr, other.Place.Expr+"/")
		})
	}
	return false
}

// never reports whether a document cannot lack a row's value where the row is written:
// the texts of a list are never empty.
func (s *scenes) never(r table.RowInfo) bool {
	return s.said[r.ID].text("from") == "." && r.Each == ""
}

// without is the scene's document without what a row wrote there, and the path where
// it is missed.
func (s *scenes) without(t tester, r table.RowInfo, l link) (doc *customsv1.Document, want string) {
	switch {
	case r.Each != "" || r.Language != nil:
		want = ending.ReplaceAllString(l.Path, "")
		return cleared(t, l.scene.doc, want), want
	case l.Group && r.With == "": // all that stands in the element
		var inside []string
		for _, v := range l.scene.written {
			if !v.Group && !v.Const && v.Path != "" && strings.HasPrefix(v.Place.Expr, l.Place.Expr+"/") {
				inside = append(inside, ending.ReplaceAllString(v.Path, ""))
			}
		}
		return cleared(t, l.scene.doc, inside...), l.Path
	}
	return cleared(t, l.scene.doc, l.Path), l.Path
}

// ending is what stands behind the list's own name in the path of its element or text.
var ending = regexp.MustCompile(`\[[0-9]+\](\.value)?$`)

// missing reports whether faults say that a row's value is missing at a path.
func missing(faults gateway.Faults, r table.RowInfo, path string) bool {
	return slices.ContainsFunc(faults, func(f gateway.Fault) bool {
		expected := prefix.ReplaceAllString(f.Expected.String(), "$1")
		return f.Code == gateway.MapRequired && f.Path == path && (f.Expected.Wording == gateway.WordElementText || strings.HasSuffix(prefix.ReplaceAllString(r.Target, "$1"), expected))
	})
}

var prefix = regexp.MustCompile(`(^|/|@)[A-Za-z_0-9]+:`)

// missingInside reports whether faults say that a required row of a group is missing:
// what makes the group required.
func (s *scenes) missingInside(tab *mapping.Table, faults gateway.Faults, group table.RowInfo) bool {
	return slices.ContainsFunc(tab.Rows(), func(r table.RowInfo) bool {
		return r.Required && strings.HasPrefix(r.Target, group.Target+"/") && slices.ContainsFunc(faults, func(f gateway.Fault) bool { return missing(gateway.Faults{f}, r, f.Path) })
	})
}

// Every required element and attribute has a twin of a golden's XML without it, and
// that is refused at the element that should hold it. Where nothing else stands in that
// element it is empty and no value by itself: then nothing is read of it.
func TestWithoutARequiredElementNothingIsTaken(t *testing.T) {
	d := load(t)
	d.each(t, func(t *testing.T, table *mapping.Table) {
		s := d.scenes(t, table)
		for _, r := range table.Rows() {
			if !r.Required || r.When != "" || s.way(r.ID) == "encode" {
				continue
			}
			read := s.read[r.ID]
			if read == nil {
				read = s.written[r.ID] // a position is read past
			}
			var tried []string
			refused := slices.ContainsFunc(read, func(l link) bool {
				tree, place, empty := s.lacking(r, l)
				decoded := table.Decode(tree)
				tried = append(tried, fmt.Sprintf("%s without %s: %v", l.scene.name, l.Place.Expr, lines(decoded.Faults)))
				if empty {
					return !reads(decoded, r.ID, l) && s.alone(r, l)
				}
				return slices.ContainsFunc(decoded.Faults, func(f gateway.Fault) bool {
					return missing(gateway.Faults{f}, r, f.Path) && list(f.Path) == list(ended(r, l.Path)) && f.Location.Expr == place
				})
			})
			if !refused {
				t.Errorf("%s:%d: row %s is required and no golden's XML without it is refused\n%s", table.ID(), r.Line, r.ID, strings.Join(tried, "\n"))
			}
		}
	})
}

func ended(r table.RowInfo, path string) string {
	if r.Each != "" || r.Language != nil {
		return ending.ReplaceAllString(path, "")
	}
	return path
}

// lacking is the scene's tree without what a row read at a place, and the place of
// the element that should hold it; whether nothing is left there.
func (s *scenes) lacking(r table.RowInfo, l link) (tree *xmltree.Document, place string, empty bool) {
	place = l.Place.Expr
	text := s.said[r.ID].text("to") == "."
	if !text {
		place = parent(place)
	}
	gone, attrs := map[*xmltree.Element]bool{}, map[string]bool{}
	leave := func(place string) {
		if e, attr := l.scene.find(place); attr < 0 {
			gone[e] = true
		} else {
			attrs[e.Attrs[attr].Name.String()] = true
		}
	}
	leave(l.Place.Expr)
	for _, other := range l.scene.read {
		if other.Row == r.ID && parent(other.Place.Expr) == parent(l.Place.Expr) {
			leave(other.Place.Expr)
		}
	}
	holder := l.scene.places[place]
	tree = edited(l.scene.tree, func(e *xmltree.Element) (string, []xmltree.Attr, bool) {
		switch {
		case e == holder && len(attrs) > 0:
			return e.Text, slices.DeleteFunc(slices.Clone(e.Attrs), func(a xmltree.Attr) bool { return attrs[a.Name.String()] }), true
		case gone[e]:
			return "", e.Attrs, text
		}
		return e.Text, e.Attrs, true
	})
	left := tree.Root
	for _, e := range route(holder) {
		i := 0
		for _, c := range e.Parent.Children[:slices.Index(e.Parent.Children, e)] {
			if !gone[c] || text {
				i++
			}
		}
		left = left.Children[i]
	}
	return tree, place, len(left.Children)+len(left.Attrs) == 0 && left.Text == ""
}

// route are the elements from below the root to one.
func route(to *xmltree.Element) []*xmltree.Element {
	if to.Parent == nil {
		return nil
	}
	return append(route(to.Parent), to)
}

// alone reports whether a row's value stands alone in its element in every scene.
func (s *scenes) alone(r table.RowInfo, of link) bool {
	return !slices.ContainsFunc(s.read[r.ID], func(l link) bool {
		_, _, empty := s.lacking(r, l)
		return !empty
	})
}

// reads reports whether a row still reads something at a place.
func reads(decoded decode.Decoded, row string, at link) bool {
	return slices.ContainsFunc(decoded.Trace.Links(true), func(l trace.Link) bool { return l.Row == row && l.Place.Expr == at.Place.Expr })
}

// Every row with a limit takes a value of just that length both ways, and its schema
// bears it; one more is refused at the place, or cut or left out where the row says so.
func TestLimitsAreKeptToTheCharacter(t *testing.T) {
	d := load(t)
	d.each(t, func(t *testing.T, table *mapping.Table) {
		s := d.scenes(t, table)
		for _, r := range table.Rows() {
			limit := s.limit(r.ID)
			if limit == 0 || s.way(r.ID) == "decode" {
				continue
			}
			var tried []string
			kept := slices.ContainsFunc(s.written[r.ID], func(l link) bool {
				why := d.keeps(t, table, s, l, limit)
				tried = append(tried, l.scene.name+" "+l.Path+": "+why)
				return why == ""
			})
			if !kept {
				t.Errorf("%s:%d: row %s does not keep its limit of %d\n%s", table.ID(), r.Line, r.ID, limit, strings.Join(tried, "\n"))
			}
		}
	})
}

// limit is the greatest number of characters that a row writes of a value, 0 for any.
func (s *scenes) limit(id string) int {
	r := s.said[id]
	if m := pieces.FindStringSubmatch(r.text("use")); m != nil {
		n, _ := strconv.Atoi(m[1])
		most, _ := strconv.Atoi(m[2])
		return n * most
	}
	return r.number("max")
}

var (
	pieces = regexp.MustCompile(`^split\(([0-9]+), *([0-9]+)\)$`)
	rest   = regexp.MustCompile(`^rest\(([0-9]+)\)$`)
)

// long is the document with a value of so many characters as a row writes it: what the
// scene has, cut or with its last character again and again.
func (s *scenes) long(t tester, l link, length int) *customsv1.Document {
	t.Helper()
	if m := rest.FindStringSubmatch(s.said[l.Row].text("use")); m != nil {
		n, _ := strconv.Atoi(m[1])
		length += n
	}
	value := []rune(leaf(t, l.scene.doc, l.Path))
	for len(value) < length {
		value = append(value, value[len(value)-1])
	}
	return changed(t, l.scene.doc, l.Path, string(value[:length]))
}

// leaf is the text at a path.
func leaf(t tester, doc *customsv1.Document, path string) string {
	t.Helper()
	text, _ := compiled(t, doc, path).Get(document.Of(doc))
	return text
}

// keeps says how a row does not keep its limit at a place of a scene, "" if it does.
func (d *data) keeps(t tester, table *mapping.Table, s *scenes, l link, limit int) string {
	t.Helper()
	longest, over := s.long(t, l, limit), s.long(t, l, limit+1)
	if longest == nil || over == nil {
		return "no value of that length"
	}
	encoded, traced, faults := table.Encode(longest, true)
	faults = timed(faults)
	if len(faults) > 0 {
		return "the longest value: " + lines(faults)
	}
	if !wrote(traced, l) {
		return "the longest value is not written"
	}
	own, _ := d.schemas.Schema(table.Schema())
	result := own.Check(encoded.Bytes(), schema.DefaultLimits)
	if result.Faults.Refuse() {
		return "the longest value: " + lines(result.Faults)
	}
	back := leaves(table.Decode(result.Document).Document)[selector.ReplaceAllString(l.Path, "")]
	if s.way(l.Row) == "" && s.said[l.Row].text("lossy") == "" && !slices.Contains(back, leaf(t, longest, l.Path)) {
		return "the longest value does not come back"
	}
	cut, traced, faults := table.Encode(over, true)
	faults = timed(faults)
	switch said := s.said[l.Row]; {
	case said.text("when") != "" && said.text("lossy") != "" && len(faults) == 0 && !wrote(traced, l):
		// what the row says is lost
	case said.text("on_overflow") == "truncate":
		if len(faults) > 0 || string(cut.Bytes()) != string(encoded.Bytes()) {
			return "one more is not cut: " + lines(faults)
		}
	case !slices.ContainsFunc(faults, func(f gateway.Fault) bool {
		return f.Code == gateway.MapOverflow && f.Path == l.Path && f.Expected.String() == strconv.Itoa(limit)
	}):
		return "one more: " + lines(faults)
	}
	return ""
}

// wrote reports whether a row wrote the value at a path.
func wrote(traced trace.Trace, l link) bool {
	return slices.ContainsFunc(traced.Links(false), func(o trace.Link) bool { return o.Row == l.Row && o.Path == l.Path })
}
