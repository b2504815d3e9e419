package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/extension"
	"customs.example/gateway/mapping/table"
)

// field is the dictionary entry of what a row's path ends at: of the value of an extension, what the
// table declares. What a row says of extensions MUST name one that is declared.
func (c *compiler) field(r *Row, f *table.Row, path *document.Path, full string, errorf func(string, ...any)) document.Field {
	field := path.Field()
	key, rest, extends := document.ExtensionOf(full)
	switch {
	case !extends && !strings.Contains("."+full+".", ".extensions.") && !strings.Contains(full, "extensions["):
		return field
	case field.Extends() && f.Each != "" && !strings.HasSuffix(full, "]"):
		return field // its rows name the extension
	case !extends || strings.Contains(rest, "extensions"):
		errorf("%s names no extension, expected extensions[name=NAME], or each with set: name in it", full)
		return field
	}
	declared, ok := c.uses(key)
	switch {
	case !ok:
		errorf("no extension %s is declared, expected it below extensions: %s", key, strings.Join(c.nearest(key), ", "))
	case rest == "name" && r.Job != Set:
		errorf("name of an extension as a value, expected set: name in an each, or extensions[name=NAME]")
	case rest == "name" || rest == "":
	case !declared.HasValue():
		errorf("extension %s has no value of its own, expected one of those in it", key)
	}
	for at := full; ; {
		key, rest, ok := document.ExtensionOf(at)
		if !ok || len(at)-len(rest) <= len(full)-len(path.String()) {
			break // what is left of it the rows around say
		}
		if declared, _ := c.declared.Of(key); declared.Repeats {
			errorf("extension %s may stand there several times, expected each: extensions with set: name in it", key)
		}
		at = at[:strings.LastIndex(at, "extensions[name=")]
	}
	if ok && rest == "value" {
		r.Extends, r.declared = true, declared.Field()
		return *r.declared
	}
	return field
}

// uses notes that a row uses an extension, and those that it stands in.
func (c *compiler) uses(key string) (extension.Declaration, bool) {
	declared, ok := c.declared.Of(key)
	for at := key; ok && at != ""; {
		c.used[at] = true
		cut := strings.LastIndex(at, ".extensions[name=")
		if cut < 0 {
			break
		}
		at = at[:cut]
	}
	return declared, ok
}

// nearest are the declared keys that are most like one.
func (c *compiler) nearest(key string) []string {
	keys := c.declared.Keys()
	if len(keys) == 0 {
		return []string{"none is"}
	}
	return document.Nearest(key, keys, 1)
}

// repeated returns the name that the rows of an each over extensions set.
func (c *compiler) repeated(f *table.Row, prefix string, errorf func(string, ...any)) string {
	for _, row := range f.Rows {
		if row.Set != "name" || row.Const.Text == "" {
			continue
		}
		name := row.Const.Text
		declared, ok := c.declared.Of(document.Key(strings.TrimSuffix(strings.TrimSuffix(prefix, "extensions"), "."), name))
		switch {
		case ok && !declared.Repeats:
			errorf("each over extension %s, which may stand there once, expected repeats in its declaration", name)
		case f.When == "" || !strings.Contains(f.When, fmt.Sprintf("%q", name)) && !strings.Contains(f.When, "'"+name+"'"):
			errorf("each over extensions of all names, expected when: name == '%s'", name)
		}
		return name
	}
	errorf("each over extensions, expected set: name with const among its rows")
	return ""
}

// unused finds what is declared and no row uses, and lists of codes that are not there.
func (c *compiler) unused(node string, f table.Content) {
	var check func(node, in string, all []extension.Declaration)
	check = func(node, in string, all []extension.Declaration) {
		for i, d := range all {
			at, key := fmt.Sprintf("%s[%d]", node, i), document.Key(in, d.Name)
			if _, ok := c.declared.Of(key); ok && !c.used[key] && !f.Altered {
				c.At(at, "no row uses extension %s, expected one that does", key)
			}
			if d.List != "" && !c.lists.Has(d.List) {
				c.At(at, "unknown code list %q, expected one that there is: nearest are %v", d.List, document.Nearest(d.List, c.lists.Names(), 3))
			}
			check(at+".inside", key, d.Inside)
		}
	}
	for _, place := range slices.Sorted(maps.Keys(f.Extensions)) {
		check(node+"."+place, strings.TrimSuffix(place, "."), f.Extensions[place])
	}
}
