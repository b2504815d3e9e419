package release

import (
	"strings"

	"customs.example/gateway/document"
)

// split divides a path behind its last repeated step without selector, so that what
// follows is done in each of its elements. Context is nil for the document itself.
func split(kind, path string) (context *document.Path, rest string, err error) {
	all := steps(path)
	rest = path
	for i := 1; i < len(all); i++ {
		p, err := document.CompileFor(kind, strings.Join(all[:i], "."))
		if err != nil {
			return nil, "", err
		}
		if p.Repeated() {
			context, rest = p, strings.Join(all[i:], ".")
		}
	}
	return context, rest, nil
}

func within(kind string, context *document.Path, path string) (*document.Path, error) {
	if context == nil {
		return document.CompileFor(kind, path)
	}
	return document.Compile(context.Descriptor(), path)
}

// plain is a path without selectors, but those that name extensions.
func plain(path string) string {
	all := steps(path)
	for i := range all {
		if !strings.HasPrefix(all[i], "extensions[name=") {
			all[i], _, _ = strings.Cut(all[i], "[")
		}
	}
	return strings.Join(all, ".")
}

// leads reports whether the steps of a are the first of b, selectors that do not
// contradict each other included.
func leads(a, b string) bool {
	as, bs := steps(a), steps(b)
	if len(as) > len(bs) {
		return false
	}
	for i := range as {
		an, ak, av := selector(as[i])
		bn, bk, bv := selector(bs[i])
		if an != bn || ak == bk && ak != "" && av != bv {
			return false
		}
	}
	return true
}

// steps divides a path at its dots, those within a selector apart.
func steps(path string) (out []string) {
	depth, from := 0, 0
	for i, c := range path {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case '.':
			if depth == 0 {
				out, from = append(out, path[from:i]), i+1
			}
		}
	}
	return append(out, path[from:])
}

func selector(step string) (name, key, value string) {
	name, rest, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	key, value, _ = strings.Cut(rest, "=")
	return name, key, value
}
