package analysis

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
)

// LintList looks for codes that mix scripts, or are written in Cyrillic letters that read
// as Latin where others of their column are Latin.
func LintList(fsys fs.FS, list *codelist.List) ([]Remark, error) {
	var l linter
	column := func(file, name string, codes []string, node string) error {
		raw, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		lines := document.YAMLLines(raw)
		l.source = &Source{File: file}
		latin := slices.ContainsFunc(codes, func(code string) bool { return letters(code, unicode.Latin) })
		for i, code := range codes {
			line := lines.Line(fmt.Sprintf(node, i))
			switch word := mixed(code); {
			case word != "":
				l.add(line, "", gateway.Error, "%s: code %q mixes Latin and Cyrillic letters", name, code)
			case latin && posing(code):
				l.add(line, "", gateway.Warning, "%s: code %q is written in Cyrillic letters and reads as %s", name, code, codelist.Latin(code))
			}
		}
		return nil
	}
	var codes []string
	for _, c := range list.Codes {
		codes = append(codes, c.Code)
	}
	if err := column("codelists/"+list.Name+".yaml", list.Name, codes, "$.codes[%d]"); err != nil {
		return nil, err
	}
	for _, system := range slices.Sorted(maps.Keys(list.Systems)) {
		codes = nil
		s, node := list.Systems[system], "$.systems."+system+".rows[%d]"
		if s.File != "codelists/"+list.Name+".yaml" {
			node = "$.rows[%d]"
		}
		for _, r := range s.Rows {
			codes = append(codes, r.Is)
		}
		if err := column(s.File, list.Name+", "+system, codes, node); err != nil {
			return nil, err
		}
	}
	return l.sorted(), nil
}

// scripts looks for constants whose letters are not what they look like. What the schema
// itself says is right.
func (l *linter) scripts(info table.RowInfo, n *Node) {
	if n != nil && (n.Fixed == info.Const || slices.Contains(n.Enum, info.Const)) {
		return
	}
	if mixed(info.Const) != "" {
		l.add(info.Line, info.ID, gateway.Error, "const %q mixes Latin and Cyrillic letters: it reads as %s", info.Const, codelist.Latin(info.Const))
	} else if posing(info.Const) {
		l.add(info.Line, info.ID, gateway.Warning, "const %q is written in Cyrillic letters and reads as %s", info.Const, codelist.Latin(info.Const))
	}
}

func letters(text string, script *unicode.RangeTable) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(script, r) })
}

// mixed returns the first word with letters of both scripts.
func mixed(text string) string {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if letters(word, unicode.Latin) && letters(word, unicode.Cyrillic) {
			return word
		}
	}
	return ""
}

// posing reports whether a text in Cyrillic letters reads as a Latin one.
func posing(text string) bool {
	return letters(text, unicode.Cyrillic) && !letters(codelist.Latin(text), unicode.Cyrillic)
}
