package gateway

import (
	"strings"
	"unicode"
)

// Office is a customs office as a document, a route or a configuration names it. Whose it
// is may be left open.
type Office struct {
	Administration Administration
	Code           string
}

// unionCountries are the members of the Eurasian Economic Union whose offices have five
// digits at home: in the Union's documents the country's ISO 3166-1 number stands before
// them. Russia's have eight digits everywhere.
var unionCountries = map[Administration]string{"AM": "051", "BY": "112", "KG": "417", "KZ": "398"}

// Same reports whether two names are of one office. Blanks, hyphens and case do not count,
// and an office of the Union is the same by its five digits as by its eight. Where both say
// whose the office is, they must agree.
func (o Office) Same(p Office) bool {
	if o.Code == "" || p.Code == "" || o.Administration != "" && p.Administration != "" && o.Administration != p.Administration {
		return false
	}
	a, b := foldOffice(o.Code), foldOffice(p.Code)
	if len(a) < len(b) {
		a, b = b, a
	}
	if a == b {
		return true
	}
	const home, union = 5, 8
	if len(a) != union || len(b) != home || a[union-home:] != b || strings.Trim(a, "0123456789") != "" {
		return false
	}
	of := o.Administration
	if of == "" {
		of = p.Administration
	}
	for country, number := range unionCountries {
		if number == a[:union-home] && (of == "" || of == country) {
			return true
		}
	}
	return false
}

// Key is the office as it is looked up among those of its own administration: two names that are the
// Same office have one.
func (o Office) Key() string {
	code := foldOffice(o.Code)
	const home, union = 5, 8
	if number, ok := unionCountries[o.Administration]; ok && len(code) == union && strings.HasPrefix(code, number) && strings.Trim(code, "0123456789") == "" {
		return code[union-home:]
	}
	return code
}

func foldOffice(code string) string {
	return strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, code)
}
