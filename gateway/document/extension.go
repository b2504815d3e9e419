package document

import (
	"strings"

	customsv1 "customs.example/gateway/api/customs/v1"
)

// Extensions are values of national formats for which a message has no field of its own. The
// dictionary has none of them: tables declare them, and whoever judges, shows or releases one asks
// by its key.

// MaxExtensionDepth is how deep extensions may stand in each other.
const MaxExtensionDepth = 4

var extensionName = (*customsv1.Extension)(nil).ProtoReflect().Descriptor().FullName()

// extensionsField is the name of the field that holds extensions, in every message.
const extensionsField = "extensions"

// Extends reports whether the field holds extensions.
func (f *Field) Extends() bool { return f.ext }

// Key names an extension by the path of what it stands in, a message or another extension's key, and
// by its name: "consignments.items.extensions[name=quota]". Positions in the path are left out, and
// "" is the message of the document's kind. A name that could pass for a path has a key that no
// declaration has.
func Key(in, name string) string {
	if strings.ContainsAny(name, "[].=") {
		name = "?"
	}
	key := extensionsField + "[name=" + name + "]"
	if in == "" {
		return key
	}
	return PlaceKey(in) + "." + key
}

// PlaceKey is the path of what extensions stand in without positions, as their keys begin.
func PlaceKey(in string) string {
	if !strings.Contains(in, "[") {
		return in
	}
	var b strings.Builder
	for i := 0; i < len(in); i++ {
		if in[i] == '[' && i+1 < len(in) && in[i+1] >= '0' && in[i+1] <= '9' {
			end := strings.IndexByte(in[i:], ']')
			if end < 0 {
				break
			}
			i += end
			continue
		}
		b.WriteByte(in[i])
	}
	return b.String()
}

// ExtensionOf cuts a schema path behind the last step that names an extension: its key, as [Key] has
// it, and the rest of the path. It is false for a path that names none.
func ExtensionOf(path string) (key, rest string, ok bool) {
	i := strings.LastIndex(path, extensionsField+"[name=")
	if i < 0 || i > 0 && path[i-1] != '.' {
		return "", path, false
	}
	end := strings.IndexByte(path[i:], ']')
	if end < 0 {
		return "", path, false
	}
	in := strings.TrimSuffix(path[:i], ".")
	name := path[i+len(extensionsField+"[name=") : i+end]
	return Key(unselected(in), name), strings.TrimPrefix(path[i+end+1:], "."), true
}

// unselected is a schema path without the selectors of all steps but those that name extensions.
func unselected(path string) string {
	if path == "" {
		return ""
	}
	steps := Steps(path)
	for i, step := range steps {
		if field, _, ok := strings.Cut(step, "["); ok && !strings.HasPrefix(step, extensionsField+"[name=") {
			steps[i] = field
		}
	}
	return strings.Join(steps, ".")
}

// Extended reports whether a message or one below it has extensions.
func Extended(m Node) bool {
	for _, f := range m.schema.fields {
		switch {
		case f.Type != Message || !f.Has(m):
		case f.ext:
			return true
		case !f.Repeated:
			if Extended(f.Message(m)) {
				return true
			}
		default:
			list := f.Messages(m)
			for i := range list.Len() {
				if Extended(list.At(i)) {
					return true
				}
			}
		}
	}
	return false
}

// Extends reports whether the path ends at extensions: all of a message, or one of them.
func (p *Path) Extends() bool { return len(p.steps) > 0 && p.last().field.ext }

// Held returns the messages that a field holds, be it one.
func (f *Field) Held(m Node) (all []Node) {
	switch {
	case f.Type != Message:
	case f.Repeated:
		list := f.Messages(m)
		for i := range list.Len() {
			all = append(all, list.At(i))
		}
	case f.Has(m):
		all = append(all, f.Message(m))
	}
	return all
}

// ExtensionsOf returns the field of a message that holds extensions, nil if it has none.
func ExtensionsOf(m Node) *Field { return m.schema.byName[extensionsField] }

// Named returns the extensions of a message, which takes some, that have a name, in their order.
func Named(m Node, name string) (found []*customsv1.Extension) {
	list := ExtensionsOf(m).Messages(m)
	for i := range list.Len() {
		if e := list.At(i).Interface().(*customsv1.Extension); e.GetName() == name {
			found = append(found, e)
		}
	}
	return found
}

// ExtensionValue is the entry of the value of an extension that is declared with a type, a greatest
// number of characters, 0 where the type has its own form, and a code list, "" for none.
func ExtensionValue(t FieldType, length int, list string) *Field {
	f := *extensionSchema.byName["value"]
	f.Type, f.wide = t, true
	f.Rule = &customsv1.Rule{Length: uint32(length), List: list}
	return &f
}

var extensionSchema = schemas[extensionName]
