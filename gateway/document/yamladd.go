package document

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// AddYAML adds items to a list that stands at the outermost level of a YAML text, and leaves
// every other line as it stands, comments too. An item is YAML, its further lines indented as
// below a dash. A list that is not there is begun at the end. The list must be empty or
// have a line for each item: else, and where the text would say anything else than before
// and the items, it is an error.
func AddYAML(name string, raw []byte, list string, items ...string) ([]byte, error) {
	body, err := bodyOf(name, raw)
	if err != nil {
		return nil, err
	}
	before := map[string]any{}
	if body != nil {
		if err := body.Load(&before); err != nil {
			return nil, locateYAML(name, err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	at, indent, err := placeOf(name, body, list, lines)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		at, lines = len(lines)+2, append(lines, "", list+":")
	}
	added := []any{}
	var text []string
	for _, item := range items {
		var value any
		if err := yaml.Unmarshal([]byte(item), &value); err != nil {
			return nil, fmt.Errorf("item of %s: %w", list, err)
		}
		added = append(added, value)
		first, rest, more := strings.Cut(item, "\n")
		text = append(text, indent+"- "+first)
		for line := ""; more; text = append(text, indent+"  "+line) {
			line, rest, more = strings.Cut(rest, "\n")
		}
	}
	out := []byte(strings.Join(slices.Insert(lines, at, text...), "\n") + "\n")

	known, _ := before[list].([]any)
	before[list] = append(slices.Clip(known), added...)
	after := map[string]any{}
	if err := yaml.Unmarshal(out, &after); err != nil || !reflect.DeepEqual(before, after) {
		return nil, fmt.Errorf("%s: %s cannot be added to, expected it empty or with a line for each item", name, list)
	}
	return out, nil
}

// placeOf returns behind how many lines the next item of a list belongs, -1 if there is no
// such list, and how its items are indented. An empty list gives way to what will stand there.
func placeOf(name string, body *yaml.Node, list string, lines []string) (at int, indent string, err error) {
	if body == nil {
		return -1, "  ", nil
	}
	for i := 0; i+1 < len(body.Content); i += 2 {
		key, value := body.Content[i], body.Content[i+1]
		if key.Value != list {
			continue
		}
		switch {
		case value.Kind == yaml.SequenceNode && len(value.Content) == 0:
			line := lines[key.Line-1]
			lines[key.Line-1] = strings.Replace(line, " []", "", 1)
			return key.Line, "  ", nil
		case value.Kind == yaml.SequenceNode && value.Style&yaml.FlowStyle == 0:
			return lastLine(value), strings.Repeat(" ", value.Column-1), nil
		}
		return 0, "", fmt.Errorf("%s:%d: %s, expected it empty or with a line for each item", name, value.Line, list)
	}
	return -1, "  ", nil
}

// lastLine is the last line on which something of a node begins.
func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}
