package encode

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
)

// unique refuses an element of a list whose key another one has: what is written
// would mean both.
func (e *encoder) unique(keys []*program.Row, at *trace.Context, seen map[string]bool) {
	key := program.KeyOf(keys, at.Message)
	if seen[key.Folded] {
		e.fault(&gateway.Fault{Code: gateway.MapKey, Value: gateway.Clip(key.Text)}, keys[0], at, -1)
	}
	seen[key.Folded] = key.Folded != ""
}

// collect gives every message that is referred to a handle, equal ones the same.
func (e *encoder) collect(r *program.Row, at *trace.Context) {
	known := map[string]*trace.Context{}
	for _, path := range r.Collect {
		for where, m := range path.All(at.Message, "") {
			if !e.steps.Next() {
				return
			}
			content, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
			if err != nil {
				e.fault(&gateway.Fault{Code: gateway.MapType, Expected: gateway.Say(gateway.WordDeclaredValue)}, r, at, -1)
				continue
			}
			c := known[string(content)]
			if c == nil {
				n := len(known)
				c = trace.At(where, trace.Context{Up: at, Via: r, Message: m, Index: n, Text: r.Handle.Info.Handle + strconv.Itoa(n+1)})
				known[string(content)] = c
				e.stored[r] = append(e.stored[r], c)
			}
			e.handles[m] = c.Text
		}
	}
}
