package encode

import (
	"slices"
	"strconv"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/trace"
)

// lookup is a list as a row looks elements up in it.
type lookup struct {
	row *program.Row
	in  document.Node
}

// match is an element that was looked up.
type match struct {
	m     document.Node
	path  string
	index int
}

func (f match) context(up *trace.Context, via *program.Row) *trace.Context {
	return trace.At(f.path, trace.Context{Up: up, Via: via, Message: f.m, Index: f.index})
}

// found returns the elements that the texts where the row stands name, in the order of
// their list. The list is walked once, however many rows of a document look into it.
func (e *encoder) found(r *program.Row, standing, at *trace.Context) []match {
	if r.In == nil {
		return nil
	}
	key := lookup{r, at.Message}
	byText, ok := e.lookups[key]
	if !ok {
		byText = map[string][]match{}
		n := 0
		for path, m := range r.First().Path.All(at.Message, at.Instance()) {
			if text, ok := r.By.Get(m); ok {
				byText[text] = append(byText[text], match{m, path, n})
			}
			n++
		}
		if e.lookups == nil {
			e.lookups = map[lookup]map[string][]match{}
		}
		e.lookups[key] = byText
	}
	var out []match
	texts := r.In.Texts(standing.Message)
	slices.Sort(texts)
	for _, text := range slices.Compact(texts) {
		out = append(out, byText[text]...)
	}
	slices.SortFunc(out, func(a, b match) int { return a.index - b.index })
	return out
}

// derived returns the count or sum that the row writes, "" where there is nothing to count.
func (e *encoder) derived(r *program.Row, standing, at *trace.Context) string {
	if r.In == nil {
		return r.Derive(at.Message)
	}
	n := 0
	for _, f := range e.found(r, standing, at) {
		n += r.Path.Count(f.m)
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
