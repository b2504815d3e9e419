package encode

import (
	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
)

// equal refuses a list of which not every element says what is written once for all of them: read
// back, each would say it.
func (e *encoder) equal(r *program.Row, at *trace.Context, text string) {
	number := r.Value.Field == document.Decimal || r.Value.Field == document.Uint
	for i, m := range r.Spread.List.List(at.Message) {
		is, _ := r.Spread.Leaf.Get(m)
		if is == text || number && sameNumber(is, text) {
			continue
		}
		f := &gateway.Fault{Code: gateway.MapUnequal, Value: gateway.Clip(is), Expected: gateway.Term(gateway.Clip(text))}
		if is == "" {
			f = &gateway.Fault{Code: gateway.MapRequired, Expected: gateway.Term(gateway.Clip(text))}
		}
		e.fault(f, r, at, i)
	}
}

func sameNumber(a, b string) bool {
	one, err := document.ParseNumber(a)
	other, otherErr := document.ParseNumber(b)
	return err == nil && otherErr == nil && one.Cmp(other) == 0
}
