package release

import (
	"strconv"
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
// faults name elements by their place in the document as sent. It notes in moved, by the place of
// a list now, where its elements stood, if any is gone. Path is the place of m now, "" or ending in
// a dot.
func sweep(m document.Node, path string, moved map[string][]int) {
	for _, f := range m.Fields() {
		if f.Type != document.Message || !f.Has(m) {
			continue
		}
		at := path + f.Name
		if f.Kind() {
			at = strings.TrimSuffix(path, ".")
		}
		if !f.Repeated {
			if at != "" {
				at += "."
			}
			sweep(f.Message(m), at, moved)
			continue
		}
		list := f.Messages(m)
		var kept []int
		n := list.Len()
		f.Keep(m, func(i int) bool {
			now := at + "[" + strconv.Itoa(len(kept)) + "]."
			sweep(list.At(i), now, moved)
			if !list.At(i).Empty() {
				kept = append(kept, i)
				return true
			}
			for list := range moved {
				if strings.HasPrefix(list, now) {
					delete(moved, list)
				}
			}
			return false
		})
		if len(kept) < n {
			moved[at] = kept
		}
	}
}

// sentPath is the place in the document as sent of what stands at a place now.
func sentPath(path string, moved map[string][]int) string {
	if len(moved) == 0 {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); {
		if path[i] != '[' {
			b.WriteByte(path[i])
			i++
			continue
		}
		digits, _, ok := strings.Cut(path[i+1:], "]")
		n, err := strconv.Atoi(digits)
		if was := moved[path[:i]]; ok && err == nil && n < len(was) {
			n = was[n]
		}
		b.WriteString("[" + strconv.Itoa(n) + "]")
		i += len(digits) + 2
	}
	return b.String()
}
