package mapping

import (
	"cmp"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/xmltree"
)

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
