package encode

import (
	"strings"

	"github.com/beevik/etree"

	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
)

// variants refuses a document that the table would not read again, for what stands at a place
// that decides between tables of one root.
func (e *encoder) variants(p *program.Program, top *etree.Element) {
	for i := range p.Variants {
		v := &p.Variants[i]
		text, found := textAt(v, top)
		if v.Takes(text, found) {
			continue
		}
		f := &gateway.Fault{Code: gateway.MapVariant, Value: gateway.Clip(text), Expected: gateway.Phrase{Terms: v.Texts}}
		switch {
		case !v.Present:
			f.Value, f.Expected = v.Place, gateway.Say(gateway.WordNotThere, v.Place)
		case !found:
			f = &gateway.Fault{Code: gateway.MapRequired, Expected: gateway.Term(v.Place)}
		}
		path := ""
		if v.Row != nil {
			path = v.Row.Info.From
		}
		e.fault(f, new(program.Row), trace.At(path, trace.Context{}), -1)
	}
}

// textAt returns the text at a place in what was written.
func textAt(v *program.Variant, at *etree.Element) (text string, found bool) {
	for i := range v.Steps {
		if at = written(at, &v.Steps[i]); at == nil {
			return "", false
		}
	}
	if v.Attr == nil {
		return strings.TrimSpace(at.Text()), true
	}
	for _, a := range at.Attr {
		if a.Space == v.Attr.Prefix && a.Key == v.Attr.Name.Local {
			return strings.TrimSpace(a.Value), true
		}
	}
	return "", false
}
