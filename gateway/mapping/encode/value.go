package encode

import (
	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
)

// isData reports whether what a row writes is data of the document; fallback says that it is the
// row's default.
func isData(r *program.Row, fallback bool) bool {
	switch r.Job {
	case program.Const:
		return r.When != nil || r.Always
	case program.Ordinal:
		return r.Always
	}
	return !fallback || r.Always
}

// value writes the row's canonical text, its default, or nothing. Where there is
// nothing to write the condition, which costs far more than the look, is not asked.
func (e *encoder) value(r *program.Row, inner *trace.Context, s *scope) {
	at := inner.Out(r.Reach)
	index := -1
	var text string
	switch {
	case r.Item:
		text = at.Text
	case r.Info.Language != nil:
		text, index = preferred(r, at.Message)
	default:
		text, _ = r.Path.Get(at.Message)
	}
	if document.Blank(text) {
		text = ""
	}
	silent := text == "" && r.Info.Default == "" && !r.Requires(e.root.d) && !r.Always
	if silent {
		return
	}
	if r.When != nil && !e.holds(r, inner.Message, inner, inner) {
		e.withhold(r, r, inner)
		return
	}
	switch {
	case text != "" && text == r.Info.Empty:
		e.put(r, at, s, "", trace.Record{Index: int32(index)}, true)
	case text != "":
		e.write(r, at, s, text, index)
	case r.Info.Default != "":
		e.put(r, at, s, r.Info.Default, trace.Record{Index: -1, Filled: true}, isData(r, true))
	case r.Requires(e.root.d):
		e.fault(nil, r, at, -1)
	case r.Always && len(r.Steps) > 0 && r.Attr == nil:
		s.target(r.Steps, e)
		s.mark(true, true)
	}
}

// write converts a canonical text and writes what comes of it.
func (e *encoder) write(r *program.Row, at *trace.Context, s *scope, text string, index int) {
	spelling := ""
	if r.Value.Spelled {
		spelling = r.Path.Spelling(at.Message)
	}
	texts, listRow, fault := r.Value.EncodeSpelled(e.texts[:0], text, spelling, e.at)
	if fault != nil {
		e.fault(fault, r, at, index)
		return
	}
	e.texts = texts
	if len(texts) == 1 && document.Blank(texts[0]) { // only the blanks before a cut
		if r.Requires(e.root.d) {
			e.fault(nil, r, at, index)
		}
		return
	}
	if assumed := r.Value.Assumed(texts[0], e.at); assumed != nil {
		e.assumed = append(e.assumed, pending{assumed, r, at, index})
	}
	for _, t := range texts {
		e.put(r, at, s, t, trace.Record{Index: int32(index), ListRow: listRow}, true)
	}
}

// put writes one text to the row's element or attribute.
func (e *encoder) put(r *program.Row, at *trace.Context, s *scope, text string, link trace.Record, filled bool) {
	link.Row, link.Context, link.Text = r, at, text
	switch before := e.begun; {
	case r.Value.Codec.After && before.row != nil && before.row.Second == r:
		link.Text, link.Element = before.text+text, before.element
		if r.Attr != nil {
			before.element.Attr[len(before.element.Attr)-1].Value = link.Text
		} else {
			e.made.text(before.element, text)
		}
		e.trace(link)
		return
	case r.Value.Codec.After && r.Value.AfterAlone(text, e.at.Day) != text:
		e.fault(convert.NotConverted(convert.Wanted(gateway.WordWithout, r.Value.Codec.Separator), text), r, at, int(link.Index))
		return
	}
	into := s.element
	if r.Attr != nil {
		into = s.enter(r.Steps, e)
		into.Attr = append(into.Attr, etree.Attr{Space: r.Attr.Prefix, Key: r.Attr.Name.Local, Value: text})
		s.mark(filled, false)
	} else {
		if len(r.Steps) > 0 {
			into = s.target(r.Steps, e)
		} else {
			s.close(0, e)
		}
		if text != "" {
			e.made.text(into, text)
		}
		s.mark(filled, true)
	}
	if r.Second != nil {
		e.begun = begun{r, text, into}
	}
	link.Element = into
	e.trace(link)
	if r.Equal && e.tracing { // all elements say it
		for i := 1; i < len(r.Spread.List.List(at.Message)); i++ {
			link.Index = int32(i)
			e.trace(link)
		}
	}
}

// preferred returns the text in the first language that the row lists, else one whose
// language the sender does not say, and its place in the list.
func preferred(r *program.Row, m document.Node) (string, int) {
	texts := r.Path.Elements(m)
	if texts.Len() == 0 {
		return "", -1
	}
	for _, listed := range r.Info.Language {
		for i := range texts.Len() {
			t := texts.At(i)
			if tag, _ := r.Tag.Get(t); convert.SameLanguage(tag, listed) {
				if text, _ := r.Text.Get(t); !document.Blank(text) {
					return text, i
				}
			}
		}
	}
	for i := range texts.Len() {
		t := texts.At(i)
		if tag, _ := r.Tag.Get(t); tag == convert.Undetermined {
			if text, _ := r.Text.Get(t); !document.Blank(text) {
				return text, i
			}
		}
	}
	return "", -1
}
