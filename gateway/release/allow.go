package release

import (
	"strings"

	"customs.example/gateway/document"
)

// branch is a tree of released fields. A branch without children is released whole.
type branch struct {
	children map[string]*branch
}

// add reports false if the path is covered already or covers another.
func (b *branch) add(path string) bool {
	head, rest, deeper := strings.Cut(path, ".")
	child, ok := b.children[head]
	if ok && (!deeper || child.children == nil) {
		return false
	}
	if !ok {
		child = new(branch)
		if b.children == nil {
			b.children = make(map[string]*branch)
		}
		b.children[head] = child
	}
	return !deeper || child.add(rest)
}

// covers reports whether the whole of what stands at the path is released.
func (b *branch) covers(path string) bool {
	head, rest, deeper := strings.Cut(path, ".")
	child, ok := b.children[head]
	if !ok {
		return false
	}
	return child.children == nil || deeper && child.covers(rest)
}

// prune clears what is not released from m and returns the schema paths it cleared.
func (b *branch) prune(m document.Node, prefix string) (withheld []string) {
	m.ForgetUnknown()
	for _, f := range m.Fields() {
		if !f.Has(m) {
			continue
		}
		if f.Kind() {
			withheld = append(withheld, b.prune(f.Message(m), prefix)...)
			continue
		}
		child, ok := b.children[f.Name]
		switch {
		case !ok:
			f.Clear(m)
			withheld = append(withheld, prefix+f.Name)
		case child.children == nil:
		case f.Repeated:
			list := f.Messages(m)
			for i := range list.Len() {
				withheld = append(withheld, child.prune(list.At(i), prefix+f.Name+".")...)
			}
		default:
			inner := f.Message(m)
			withheld = append(withheld, child.prune(inner, prefix+f.Name+".")...)
			if inner.Empty() {
				f.Clear(m)
			}
		}
	}
	return withheld
}

// sweep removes list elements that releasing has emptied. It comes last, because
// faults name elements by their place in the document as sent.
func sweep(m document.Node) {
	for _, f := range m.Fields() {
		switch {
		case f.Type != document.Message || !f.Has(m):
		case f.Repeated:
			list := f.Messages(m)
			f.Keep(m, func(i int) bool {
				sweep(list.At(i))
				return !list.At(i).Empty()
			})
		default:
			sweep(f.Message(m))
		}
	}
}
