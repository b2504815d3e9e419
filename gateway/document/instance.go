package document

import (
	"strconv"
	"strings"
)

// Element is the instance path of an element of a list: "items[2]".
func Element(list string, index int) string {
	return string(AppendIndex(append(make([]byte, 0, len(list)+8), list...), index))
}

// AppendIndex adds the position of an element to the instance path of its list.
func AppendIndex(list []byte, index int) []byte {
	return append(strconv.AppendInt(append(list, '['), int64(index), 10), ']')
}

// Ancestor cuts the last step or position off an instance path; "" is the whole document.
func Ancestor(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// Steps cuts a schema path at its dots, not at those inside a selector.
func Steps(path string) []string {
	var out []string
	from, inside := 0, false
	for i, c := range path {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '.' && !inside:
			out, from = append(out, path[from:i]), i+1
		}
	}
	return append(out, path[from:])
}

// Blank reports whether a text says nothing: readers drop the blanks around a text, so one
// of nothing else would be written and read as missing.
func Blank(text string) bool { return strings.TrimSpace(text) == "" }

// Count returns how many elements the path's list has in a message, or how many texts that
// are not blank.
func (p *Path) Count(m Node) int {
	if !p.Leaf() {
		return len(p.List(m))
	}
	n := 0
	for _, text := range p.Texts(m) {
		if !Blank(text) {
			n++
		}
	}
	return n
}

// Sum returns the sum of the numbers that the path leads to in a message, be it through
// lists; "" where there is none or one of them is no number.
func (p *Path) Sum(m Node) string {
	texts := p.Texts(m)
	if len(texts) == 0 {
		return ""
	}
	var sum Number
	for _, text := range texts {
		n, err := ParseNumber(text)
		if err != nil {
			return ""
		}
		sum = sum.Add(n)
	}
	return sum.String()
}
