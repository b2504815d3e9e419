package decode

import (
	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
)

// spread reads a value that stands once into the elements of its list: into every one, or
// into the only one that lacks it. Where there is none it makes one. It reports whether it
// did.
func (d *decoder) spread(c derived) bool {
	s, m := c.Row.Spread, c.Context.Make()
	elements := s.List.List(m)
	if s.Lone {
		if len(elements) > 1 {
			return false
		}
		if len(elements) == 1 {
			if _, has := s.Leaf.Get(elements[0]); has {
				return false
			}
		}
	}
	if len(elements) == 0 {
		elements = append(elements, s.List.Append(m))
	}
	value, listRow, fault := c.Row.Value.Decode([]string{c.text}, "", d.at)
	for i := range elements {
		c.Index, c.ListRow = int32(i), listRow
		if before, _ := s.Leaf.Get(elements[i]); fault == nil && before != "" && !sameText(s.Leaf.Field(), before, value) && d.conflict(c.Row, c.Record, before, value) {
			continue
		}
		if fault == nil {
			if err := s.Leaf.Set(elements[i], value); err != nil {
				fault = convert.NotConverted(err, c.text)
			}
		}
		if fault != nil {
			d.fault(*fault, c.Record)
			return true
		}
		d.records.Add(c.Record)
	}
	return true
}

// sameText reports whether two texts of a field are one value.
func sameText(of document.Field, a, b string) bool {
	if of.Type == document.Decimal || of.Type == document.Uint {
		one, err := document.ParseNumber(a)
		other, otherErr := document.ParseNumber(b)
		return err == nil && otherErr == nil && one.Cmp(other) == 0
	}
	return gateway.SameID(a, b)
}

// check compares a count or sum with what was read.
func (d *decoder) check(c derived) {
	if c.Row.Spread != nil {
		if d.spread(c) {
			return
		}
		d.records.Add(c.Record)
	}
	want := ""
	if c.Context.Message.IsValid() {
		want = c.Row.Derive(c.Context.Message)
	}
	if want == "" {
		want = "0"
	}
	text, _, fault := c.Row.Value.Decode([]string{c.text}, "", d.at)
	stated, err := document.ParseNumber(text)
	is, _ := document.ParseNumber(want)
	if fault != nil || err != nil || stated.Cmp(is) != 0 {
		if written, _, fault := c.Row.Value.Encode(nil, want, d.at); fault == nil {
			want = written[0]
		}
		d.faults = append(d.faults, gateway.Fault{
			Code: gateway.MapDerived, Severity: gateway.Warning, Path: c.Context.Path(c.Row, -1),
			Location: c.Record.Read(), Value: gateway.Clip(c.text), Expected: gateway.Term(want),
		})
	}
}
