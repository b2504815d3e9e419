package release

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
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
func (b *branch) prune(m protoreflect.Message, prefix string) (withheld []string) {
	m.SetUnknown(nil)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := prefix + fd.JSONName()
		if fd.ContainingOneof() != nil && fd.ContainingOneof().Name() == "kind" {
			withheld = append(withheld, b.prune(v.Message(), prefix)...)
			return true
		}
		child, ok := b.children[fd.JSONName()]
		switch {
		case !ok:
			m.Clear(fd)
			withheld = append(withheld, path)
		case child.children == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				withheld = append(withheld, child.prune(v.List().Get(i).Message(), path+".")...)
			}
		default:
			withheld = append(withheld, child.prune(v.Message(), path+".")...)
			if empty(v.Message()) {
				m.Clear(fd)
			}
		}
		return true
	})
	return withheld
}

// sweep removes list elements that releasing has emptied. It comes last, because
// faults name elements by their place in the document as sent.
func sweep(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			list, kept := v.List(), 0
			for i := range list.Len() {
				e := list.Get(i)
				if sweep(e.Message()); !empty(e.Message()) {
					list.Set(kept, e)
					kept++
				}
			}
			list.Truncate(kept)
		default:
			sweep(v.Message())
		}
		return true
	})
}

func empty(m protoreflect.Message) bool {
	is := true
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		is = false
		return false
	})
	return is
}
