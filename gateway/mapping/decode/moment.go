package decode

import (
	"time"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/xmltree"
)

// issued finds the day that the document's codes are judged on: when it was issued.
func issued(p *program.Program, root *xmltree.Element, zone *time.Location) time.Time {
	if p.Issued == nil {
		return time.Time{}
	}
	text, ok := textIn(p.Issued, root)
	if !ok {
		return time.Time{}
	}
	instant, _, fault := p.Issued.Value.Decode([]string{text}, "", convert.Moment{Zone: zone})
	if fault != nil {
		return time.Time{}
	}
	on, _ := document.ParseInstant(instant)
	return on
}

// zoneIn returns the time zone of the first office that an element names. It is asked
// before the element is read: the office may stand behind the times.
func zoneIn(p *program.Program, root *xmltree.Element) *time.Location {
	for _, o := range p.Offices {
		if code := first(o.CodeRows, root); code != "" {
			return p.Zone(first(o.AdministrationRows, root), code)
		}
	}
	return nil
}

// first returns the first value that one of some rows reads from the root.
func first(rows []*program.Row, root *xmltree.Element) string {
	for _, r := range rows {
		if r.Job == program.Set {
			return r.Info.Const
		}
		text, ok := textIn(r, root)
		if !ok || text == "" || r.Job != program.Value {
			continue
		}
		if value, _, fault := r.Value.Decode([]string{text}, "", convert.Moment{}); fault == nil && value != "" {
			return value
		}
	}
	return ""
}
