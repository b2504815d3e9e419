package document

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// SetYAML puts another value in the place of a field's in the item at a position, from 0, of
// a list that stands at the outermost level of a YAML text. Every other character stays,
// comments too. The value is YAML of one line. One that is not there, or takes several lines,
// is an error, and so is a text that would say anything else than before and the value.
func SetYAML(name string, raw []byte, list string, at int, field, value string) ([]byte, error) {
	body, err := bodyOf(name, raw)
	if err != nil {
		return nil, err
	}
	var before map[string]any
	if body != nil {
		if err := body.Load(&before); err != nil {
			return nil, locateYAML(name, err)
		}
	}
	var next any
	if err := yaml.Unmarshal([]byte(value), &next); err != nil {
		return nil, fmt.Errorf("%s of %s: %w", field, list, err)
	}
	there, item := fieldOf(body, list, at, field)
	if there == nil {
		return nil, fmt.Errorf("%s: %s has no item %d with %s", name, list, at, field)
	}
	lines := strings.Split(string(raw), "\n")
	line := []rune(lines[there.Line-1])
	end, ok := endOf(line, there.Column-1, item.Style&yaml.FlowStyle != 0)
	if !ok || there.Line != lastLine(there) {
		return nil, fmt.Errorf("%s:%d: %s, expected it on one line", name, there.Line, field)
	}
	lines[there.Line-1] = string(slices.Concat(line[:there.Column-1], []rune(value), line[end:]))
	out := []byte(strings.Join(lines, "\n"))

	before[list].([]any)[at].(map[string]any)[field] = next
	var after map[string]any
	if err := yaml.Unmarshal(out, &after); err != nil || !reflect.DeepEqual(before, after) {
		return nil, fmt.Errorf("%s:%d: %s cannot be changed there", name, there.Line, field)
	}
	return out, nil
}

// fieldOf is the value of a field of an item of a list, with the item; nil if there is none.
func fieldOf(body *yaml.Node, list string, at int, field string) (value, item *yaml.Node) {
	items := valueOf(body, list)
	if items == nil || items.Kind != yaml.SequenceNode || at < 0 || at >= len(items.Content) {
		return nil, nil
	}
	item = items.Content[at]
	return valueOf(item, field), item
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// endOf is where the value that begins at a place of a line ends, if it does on the line:
// behind its quote or bracket, or before what ends a plain text, in a mapping between braces
// or on lines of its own.
func endOf(line []rune, from int, braces bool) (end int, ok bool) {
	if from < 0 || from >= len(line) {
		return 0, false
	}
	switch line[from] {
	case '"', '\'':
		return behindQuote(line, from)
	case '[':
		for i := from + 1; i < len(line); i++ {
			switch line[i] {
			case ']':
				return i + 1, true
			case '"', '\'':
				if i, ok = behindQuote(line, i); !ok {
					return 0, false
				}
				i--
			}
		}
		return 0, false
	}
	for end = from; end < len(line); end++ {
		if braces && (line[end] == ',' || line[end] == '}') || line[end] == '#' && line[end-1] == ' ' {
			break
		}
	}
	for end > from && (line[end-1] == ' ' || line[end-1] == '\r') {
		end--
	}
	return end, end > from
}

func behindQuote(line []rune, from int) (end int, ok bool) {
	for i := from + 1; i < len(line); i++ {
		switch {
		case line[from] == '"' && line[i] == '\\':
			i++
		case line[i] == line[from]:
			return i + 1, true
		}
	}
	return 0, false
}
