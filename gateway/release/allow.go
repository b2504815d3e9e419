package release

import (
	"strconv"
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// branch is a tree of released fields. A branch without children is released whole, but for its
// extensions: of these only what is named is released. No field that is released by name alone is in one.
type branch struct {
	children map[string]*branch
	named    map[string]bool // keys of extensions; of the root alone
}

// name adds an extension by its key, and what it stands in as far as it is not released.
func (b *branch) name(key string) bool {
	if b.named[key] {
		return false
	}
	if b.named == nil {
		b.named = make(map[string]bool)
	}
	b.named[key] = true
	all := steps(key)
	for _, step := range all {
		if strings.Contains(step, "[") {
			break
		}
		child, ok := b.children[step]
		if !ok {
			child = &branch{children: make(map[string]*branch)}
			if b.children == nil {
				b.children = make(map[string]*branch)
			}
			b.children[step] = child
		}
		if child.children == nil {
			break
		}
		b = child
	}
	return true
}

// byName are the paths of a kind of document at which a field is that is released by name alone, and those
// that lead there.
func byName(kind string) (named, around map[string]bool) {
	named, around = make(map[string]bool), make(map[string]bool)
	for _, e := range document.Dictionary(kind) {
		if !e.Field.Rule.GetByName() {
			continue
		}
		named[e.Path] = true
		for at := e.Path; ; {
			cut := strings.LastIndexByte(at, '.')
			if cut < 0 {
				break
			}
			at = at[:cut]
			around[at] = true
		}
	}
	return named, around
}

// whole are the paths that releasing the one of a field stands for: itself, or all in it but what is
// released by name alone.
func whole(kind, path string) (paths []string) {
	named, around := byName(kind)
	if !around[path] {
		return []string{path}
	}
	for _, e := range document.Dictionary(kind) {
		at := e.Path
		if cut := strings.LastIndexByte(at, '.'); named[at] || around[at] || !strings.HasPrefix(at, path+".") {
			continue
		} else if in := at[:cut]; in == path || around[in] && !leadsByName(named, in, path) {
			paths = append(paths, at)
		}
	}
	return paths
}

// leadsByName reports whether a path is, or leads through, one that is released by name alone, below
// another: "" is the document.
func leadsByName(named map[string]bool, path, below string) bool {
	for len(path) > len(below) {
		if named[path] {
			return true
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return false
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
	if key, rest, ok := document.ExtensionOf(path); ok {
		return b.named[key] && (rest == "" || rest == "value" || rest == "name")
	}
	if strings.Contains("."+path+".", ".extensions.") { // of whatever name
		for key := range b.named {
			if all := unnamed(key); path == all || path == all+".value" || path == all+".name" {
				return true
			}
		}
		return false
	}
	head, rest, deeper := strings.Cut(path, ".")
	child, ok := b.children[head]
	if !ok {
		return false
	}
	return child.children == nil || deeper && child.covers(rest)
}

// unnamed is the key of an extension without names.
func unnamed(key string) string {
	all := steps(key)
	for i := range all {
		all[i], _, _ = strings.Cut(all[i], "[")
	}
	return strings.Join(all, ".")
}

// prune clears what is not released from m and returns the schema paths it cleared, of extensions
// their keys.
func (b *branch) prune(m document.Node, prefix string) (withheld []string) {
	return b.pruned(m, prefix, b.named)
}

func (b *branch) pruned(m document.Node, prefix string, named keys) (withheld []string) {
	m.ForgetUnknown()
	for _, f := range m.Fields() {
		if !f.Has(m) {
			continue
		}
		if f.Kind() {
			withheld = append(withheld, b.pruned(f.Message(m), prefix, named)...)
			continue
		}
		if f.Extends() {
			withheld = append(withheld, named.prune(m, strings.TrimSuffix(prefix, "."))...)
			continue
		}
		child, ok := b.children[f.Name]
		switch {
		case !ok:
			f.Clear(m)
			withheld = append(withheld, prefix+f.Name)
		case child.children == nil:
			withheld = append(withheld, named.strip(f, m, prefix+f.Name)...)
		case f.Repeated:
			list := f.Messages(m)
			for i := range list.Len() {
				withheld = append(withheld, child.pruned(list.At(i), prefix+f.Name+".", named)...)
			}
		default:
			inner := f.Message(m)
			withheld = append(withheld, child.pruned(inner, prefix+f.Name+".", named)...)
			if inner.Empty() {
				f.Clear(m)
			}
		}
	}
	return withheld
}

// unnamed are the places of the extensions that are not released; of one that others in it are
// released of, that of its value.
func (b *branch) unnamed(d *customsv1.Document) (places []string) {
	if !document.Extended(document.Of(d)) {
		return nil
	}
	named := keys(b.named)
	document.Walk(d, func(path string, f document.Field, marks document.Marks, _ string) {
		switch at, leaf := path[:max(strings.LastIndexByte(path, '.'), 0)], f.Name; {
		case marks.Extension == "" || named[marks.Extension]:
		case !named.within(marks.Extension) && leaf == "name":
			places = append(places, at)
		case leaf == "value" && named.within(marks.Extension):
			places = append(places, path)
		}
	})
	return places
}

// keys are those of the extensions that are released.
type keys map[string]bool

// strip takes the extensions that are not released out of what a field at a path holds, which is
// released otherwise.
func (named keys) strip(f *document.Field, m document.Node, path string) (withheld []string) {
	for _, inner := range f.Held(m) {
		if !document.Extended(inner) {
			continue
		}
		inner.ForgetUnknown()
		for _, f := range inner.Fields() {
			switch {
			case f.Type != document.Message || !f.Has(inner):
			case f.Extends():
				withheld = append(withheld, named.prune(inner, path)...)
			default:
				withheld = append(withheld, named.strip(f, inner, path+"."+f.Name)...)
			}
		}
	}
	return withheld
}

// prune takes those extensions out of a message, or out of another extension, that are not released.
// One that is not, but has others in it that are, keeps its name alone.
func (named keys) prune(m document.Node, in string) (withheld []string) {
	f := document.ExtensionsOf(m)
	list := f.Messages(m)
	f.Keep(m, func(i int) bool {
		e := list.At(i).Interface().(*customsv1.Extension)
		key := document.Key(in, e.GetName())
		if !named[key] {
			withheld = append(withheld, key)
			e.Value = ""
			if !named.within(key) {
				return false
			}
		}
		list.At(i).ForgetUnknown()
		withheld = append(withheld, named.prune(list.At(i), key)...)
		return named[key] || len(e.Extensions) > 0
	})
	return withheld
}

// within reports whether some extension in one with a key is released.
func (named keys) within(key string) bool {
	for k := range named {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// sweep removes list elements that releasing has emptied. It comes last, because
// faults name elements by their place in the document as sent. It returns, by the place of
// a list now, where its elements stood, if any is gone.
func sweep(d *customsv1.Document) (moved map[string][]int) {
	s := sweeper{moved: make(map[string][]int)}
	s.message(document.Of(d), "")
	return s.moved
}

type sweeper struct {
	moved map[string][]int
	lists []string // in moved, in the order in which they came
}

// message sweeps a message; path is its place now, "" or ending in a dot.
func (s *sweeper) message(m document.Node, path string) {
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
			s.message(f.Message(m), at)
			continue
		}
		list := f.Messages(m)
		var kept []int
		n := list.Len()
		f.Keep(m, func(i int) bool {
			before := len(s.lists)
			s.message(list.At(i), at+"["+strconv.Itoa(len(kept))+"].")
			if !list.At(i).Empty() {
				kept = append(kept, i)
				return true
			}
			for _, within := range s.lists[before:] {
				delete(s.moved, within)
			}
			s.lists = s.lists[:before]
			return false
		})
		if len(kept) < n {
			s.moved[at], s.lists = kept, append(s.lists, at)
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
