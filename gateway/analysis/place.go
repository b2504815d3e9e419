package analysis

import (
	"fmt"
	"strings"
)

// Pattern finds places by an XPath as people type it: steps with or without prefix and
// position, "//" in front for a path that may begin anywhere. It matches a place and
// everything in it. Other XPath is refused.
type Pattern struct {
	steps    []patternStep
	anywhere bool
}

type patternStep struct{ name, position string }

// ParsePattern reads an XPath.
func ParsePattern(xpath string) (Pattern, error) {
	p := Pattern{}
	rest, ok := strings.CutPrefix(xpath, "/")
	if rest, p.anywhere = strings.CutPrefix(rest, "/"); !ok || rest == "" {
		return p, fmt.Errorf("%q is no path, expected /root/element[1]/@attribute or //element", xpath)
	}
	for _, part := range strings.Split(rest, "/") {
		s := readStep(part)
		if s.name == "" || strings.ContainsAny(s.name, "[]()* \t'\"=") || strings.Trim(s.position, "0123456789") != "" {
			return p, fmt.Errorf("step %q of %q is no name with a position, expected prefix:Name[1]", part, xpath)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

func readStep(part string) patternStep {
	name, position, ok := strings.Cut(part, "[")
	if ok && strings.HasSuffix(position, "]") {
		return patternStep{name, strings.TrimSuffix(position, "]")}
	}
	return patternStep{part, ""}
}

// Match reports whether a place is what the pattern names, or lies in it.
func (p Pattern) Match(place string) bool {
	var steps []patternStep
	for _, part := range strings.Split(strings.TrimPrefix(place, "/"), "/") {
		steps = append(steps, readStep(part))
	}
	for from := 0; from+len(p.steps) <= len(steps); from++ {
		if p.fits(steps[from:]) {
			return true
		}
		if !p.anywhere {
			break
		}
	}
	return false
}

func (p Pattern) fits(steps []patternStep) bool {
	for i, want := range p.steps {
		name := steps[i].name
		if !strings.Contains(want.name, ":") {
			attr := strings.HasPrefix(name, "@")
			if _, local, ok := strings.Cut(name, ":"); ok {
				if name = local; attr {
					name = "@" + local
				}
			}
		}
		if want.name != name || want.position != "" && want.position != steps[i].position {
			return false
		}
	}
	return true
}
