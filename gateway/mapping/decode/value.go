package decode

import (
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/xmltree"
)

// take reads a text by one row; nothing is changed if there is a fault.
func (d *decoder) take(r *program.Row, e *xmltree.Element, child int, text string, at *trace.Context) *gateway.Fault {
	inner, at := at, at.Out(r.Reach)
	written := strings.TrimSpace(text)
	text, warnings := document.Legible(text, r.Value.Prose)
	if r.Value.Codec.After {
		warnings = nil // the before that it follows has told it
	}
	link := trace.Record{Row: r, Context: at, Index: -1, Text: text, Element: e}
	switch r.Job {
	case program.Ordinal, program.Handle:
		return nil
	case program.Const:
		if text != r.Info.Const {
			return &gateway.Fault{Code: gateway.MapConst, Value: gateway.Clip(text), Expected: gateway.Term(r.Info.Const)}
		}
		d.records.Add(link)
		return nil
	}
	if text == "" && r.Value.Codec.Many { // blanks that the value begins with may fill its first piece
		text, warnings = document.Legible(strings.Join(gather(e, child), ""), r.Value.Prose)
	}
	if r.Info.Empty != "" && isEmpty(e, child, written) {
		return d.read(r, inner, at, link, r.Info.Empty)
	}
	if text == "" {
		d.warn(warnings, link)
		if r.Requires(d.document) && r.When == nil {
			fault := r.Missing()
			return &fault
		}
		return nil
	}
	if r.Job == program.Refer {
		at.Make() // so that the elements after it keep their positions
		d.values++
		d.warn(warnings, link)
		d.refers = append(d.refers, link)
		d.records.Add(link)
		return nil
	}
	if r.Job != program.Value {
		d.derived = append(d.derived, derived{link, text})
		if r.Spread == nil {
			d.records.Add(link)
		}
		if r.Job == program.Every {
			d.values++
		}
		return nil
	}
	d.one[0] = text
	texts := d.one[:]
	if r.Value.Codec.Many {
		texts = gather(e, child)
	}
	before := ""
	if r.Shared || r.Value.Half() > 0 {
		before, _ = r.Path.Get(at.Make()) // what another row read
	}
	value, listRow, fault := r.Value.Decode(texts, before, d.at)
	if fault != nil {
		if fault.Value == gateway.Clip(text) {
			fault.Value = gateway.Clip(written)
		}
		return fault
	}
	if r.Value.Codec.Many {
		value, warnings = document.Legible(value, r.Value.Prose)
	}
	if value == "" && r.Value.Codec.Separator != "" {
		return nil // its half of the text is not there
	}
	if assumed := r.Value.Assumed(texts[0], d.at); assumed != nil {
		assumed.Path, assumed.Location = at.Path(r, -1), link.Read()
		d.faults = append(d.faults, *assumed)
	}
	switch {
	case !r.Shared:
	case before == "":
		d.yields(r, link)
	case d.sameValue(r, link, before, value) || d.conflict(r, link, before, value):
		value = before
	}
	if r.Info.Language != nil && r.Reach > 0 {
		if i, text := tagged(r, at, convert.Tag(value, r.Info.Language)); i >= 0 {
			if link.Index = int32(i); text != value {
				d.fault(gateway.Fault{Code: gateway.MapConflict, Value: gateway.Clip(link.Text), Expected: gateway.Term(gateway.Clip(text))}, link)
			} else {
				d.values++
				d.records.Add(link)
			}
			return nil
		}
	}
	value, more := r.Path.Field().Read(value)
	link.ListRow = listRow
	if fault := d.read(r, inner, at, link, value); fault != nil {
		return fault
	}
	if spelling := r.Value.Spelling(text, value); spelling != "" && before == "" {
		if err := r.Path.Spell(at.Message, spelling); err != nil {
			return convert.NotConverted(err, text)
		}
	}
	d.warn(document.MergeWarnings(warnings, more), link)
	return nil
}

// read sets the value that a row has read and links it to its place.
func (d *decoder) read(r *program.Row, inner, at *trace.Context, link trace.Record, value string) *gateway.Fault {
	if r.Extends {
		if err := r.Value.Leaf.Check(value); err != nil {
			return convert.NotConverted(err, link.Text)
		}
	}
	index, err := put(r, at, value)
	if err != nil {
		return convert.NotConverted(err, link.Text)
	}
	if r.Info.Key {
		inner.Make() // an element that has nothing but its keys
	}
	d.values++
	link.Index = int32(index)
	d.records.Add(link)
	return nil
}

// isEmpty reports whether nothing stands at a place, which is there; child is negative for an
// attribute.
func isEmpty(e *xmltree.Element, child int, text string) bool {
	return text == "" && (child < 0 || len(e.Children) == 0)
}

// tagged finds the text in a language that another element has said where a row reads it too.
func tagged(r *program.Row, at *trace.Context, tag string) (int, string) {
	if !at.Message.IsValid() {
		return -1, ""
	}
	texts := r.Path.Elements(at.Message)
	for i := range texts.Len() {
		if is, _ := r.Tag.Get(texts.At(i)); is == tag {
			text, _ := r.Text.Get(texts.At(i))
			return i, text
		}
	}
	return -1, ""
}

// sameValue reports whether a field that is read at two places is the same at both, be it that the
// second says it shorter.
func (d *decoder) sameValue(r *program.Row, link trace.Record, before, value string) bool {
	written, _, fault := r.Value.Encode(nil, before, d.at)
	return gateway.SameID(before, value) || fault == nil && len(written) == 1 && written[0] == link.Text
}

// put sets the row's canonical value, and returns its position where it was appended.
func put(r *program.Row, at *trace.Context, value string) (int, error) {
	switch {
	case r.Item && r.Each:
		m := at.Make()
		if err := r.Path.AppendText(m, value); err != nil {
			return -1, err
		}
		return r.Path.Len(m) - 1, nil
	case r.Item:
		up := at
		for !up.Via.Scalar {
			up = up.Up
		}
		return -1, r.Path.AppendText(up.Make(), value)
	case r.Info.Language != nil:
		m := at.Make()
		text := r.Path.Append(m)
		if err := r.Tag.Set(text, convert.Tag(value, r.Info.Language)); err != nil {
			return -1, err
		}
		return r.Path.Len(m) - 1, r.Text.Set(text, value)
	}
	return -1, r.Path.Set(at.Make(), value)
}

// gather returns the texts of an element and of those of its name behind it.
func gather(e *xmltree.Element, child int) []string {
	texts := []string{e.Text}
	if child < 0 {
		return texts
	}
	for _, s := range e.Parent.Children[child+1:] {
		if s.Name == e.Name {
			texts = append(texts, s.Text)
		}
	}
	return texts
}
