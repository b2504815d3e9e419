package mapping

import (
	"cmp"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/xmltree"
)

// localOffice is an office whose local time a format may write, and the rows that read it.
type localOffice struct {
	code, administration         *document.Path
	codeRows, administrationRows []*row
}

// zoneFor returns the time zone of the first office that a document names.
func (t *Table) zoneFor(m document.Node) *time.Location {
	for _, o := range t.body().offices {
		if code, ok := o.code.Get(m); ok {
			administration, _ := o.administration.Get(m)
			return t.zoneOf(administration, code)
		}
	}
	return nil
}

// zoneIn returns the time zone of the first office that an element names. It is asked
// before the element is read: the office may stand behind the times.
func (t *Table) zoneIn(root *xmltree.Element) *time.Location {
	for _, o := range t.body().offices {
		if code := first(o.codeRows, root); code != "" {
			return t.zoneOf(first(o.administrationRows, root), code)
		}
	}
	return nil
}

// zoneOf looks up an office's time zone; where the administration is not said the office
// is the format's own administration's.
func (t *Table) zoneOf(administration, code string) *time.Location {
	zone, _ := t.lists.Zone(gateway.Administration(cmp.Or(administration, t.Administration())), code)
	return zone
}

// first returns the first value that one of some rows reads from the root.
func first(rows []*row, root *xmltree.Element) string {
	for _, r := range rows {
		if r.job == setJob {
			return r.info.Const
		}
		text, ok := r.textIn(root)
		if !ok || text == "" || r.job != valueJob {
			continue
		}
		if value, _, fault := r.value.Decode([]string{text}, "", convert.Moment{}); fault == nil && value != "" {
			return value
		}
	}
	return ""
}

// textIn returns the text at the row's place in the first elements of the names that
// lead there.
func (r *row) textIn(root *xmltree.Element) (string, bool) {
	e := root
	for _, s := range r.route() {
		if e = child(e, s); e == nil {
			return "", false
		}
	}
	if r.attr != nil {
		return e.Attr(r.attr.name)
	}
	return strings.TrimSpace(e.Text), true
}

// local compiles the offices whose local time the table writes.
func (c *compiler) local(paths []string) {
	for _, p := range paths {
		var o localOffice
		for at, path := range map[string]**document.Path{p + ".code": &o.code, p + ".administration": &o.administration} {
			compiled, err := document.CompileFor(c.table.kind, at)
			if err != nil || compiled.Many() {
				c.At("$.zone_of", "%s is no office of a %s, expected the path of one", p, c.table.kind)
				return
			}
			*path = compiled
		}
		for _, r := range c.made.rows {
			switch {
			case r.noDecode:
			case r.info.From == p+".code":
				o.codeRows = append(o.codeRows, r)
			case r.info.From == p+".administration" || r.info.Set == p+".administration":
				o.administrationRows = append(o.administrationRows, r)
			}
		}
		c.made.offices = append(c.made.offices, o)
	}
}
