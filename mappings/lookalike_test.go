package mappings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
)

// A code with one letter of the other script reads the same and is refused, both ways
// and at its place, by every row with a code list; in an enumeration before that, when
// the document is read. Lists without such letters have nothing to mistake.
func TestLookAlikesAreRefusedByEveryRow(t *testing.T) {
	d := load(t)
	d.each(t, func(t *testing.T, table *mapping.Table) {
		s := d.scenes(t, table)
		for _, r := range table.Rows() {
			if r.List == "" {
				continue
			}
			ours, theirs := d.mistakable(t, r.List, table.System())
			for _, code := range ours {
				if s.way(r.ID) != "decode" && len(s.written[r.ID]) > 0 {
					if said := s.mistaken(t, table, s.written[r.ID][0], code); said != "" {
						t.Errorf("%s:%d: row %s writes %s for %s: %s", table.ID(), r.Line, r.ID, alike(code), code, said)
					}
				}
			}
			for _, code := range theirs {
				if s.way(r.ID) != "encode" && len(s.read[r.ID]) > 0 {
					l := s.read[r.ID][0]
					text := strings.Replace(l.Value, s.theirs(l), alike(code), 1)
					faults := table.Decode(s.saying(l, text)).Faults
					if !slices.ContainsFunc(faults, func(f gateway.Fault) bool {
						return f.Code == gateway.ListLookAlike && f.Location.Expr == l.Place.Expr
					}) {
						t.Errorf("%s:%d: row %s reads %q for %s: %s", table.ID(), r.Line, r.ID, text, code, lines(faults))
					}
				}
			}
		}
	})
}

// theirs is the code in the text that a row read: all of it, but for what another row
// reads of the same text.
func (s *scenes) theirs(l link) string {
	if use := s.said[l.Row].text("use"); strings.HasPrefix(use, "before(") {
		code, _, _ := strings.Cut(l.Value, use[len("before("):len(use)-1])
		return code
	}
	return l.Value
}

// mistaken says how a look-alike of a code is taken where a row wrote one, "" if it is
// refused there.
func (s *scenes) mistaken(t tester, table *mapping.Table, l link, code string) string {
	t.Helper()
	path := compiled(t, l.scene.doc, l.Path)
	if path.Field().Type == document.Enum {
		doc := changed(t, l.scene.doc, l.Path, code)
		raw := string(document.MarshalIndent(doc))
		member := fmt.Sprintf("%q: ", path.Field().Name)
		parsed := document.Parse([]byte(strings.ReplaceAll(raw, member+fmt.Sprintf("%q", code), member+fmt.Sprintf("%q", alike(code)))))
		if slices.ContainsFunc(parsed.Faults, func(f gateway.Fault) bool { return f.Code == gateway.JSONEnum && f.Path == l.Path }) {
			return ""
		}
		return lines(parsed.Faults)
	}
	_, _, faults := table.Encode(changed(t, l.scene.doc, l.Path, alike(code)), false)
	if slices.ContainsFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.ListLookAlike && f.Path == l.Path }) {
		return ""
	}
	return lines(faults)
}

// mistakable are codes of a list, ours and those of a system, with letters that have
// doubles: the first, one in the middle and the last of those that have a counterpart.
func (d *data) mistakable(t testing.TB, name, system string) (ours, theirs []string) {
	t.Helper()
	l, ok := d.lists.List(name)
	if !ok {
		t.Fatalf("no list %s", name)
	}
	for _, c := range l.Codes {
		if alike(c.Code) != "" && c.From == "" && c.To == "" {
			ours = append(ours, c.Code)
		}
	}
	if column := l.Systems[system]; column == nil {
		theirs = ours
	} else {
		for _, r := range column.Rows {
			if alike(r.Is) != "" && r.Direction != codelist.Encode && r.From == "" && r.To == "" {
				theirs = append(theirs, r.Is)
			}
		}
		if column.Identity {
			theirs = append(theirs, ours...)
		}
	}
	return ends(ours), ends(theirs)
}

func ends(all []string) []string {
	if len(all) <= 3 {
		return all
	}
	return []string{all[0], all[len(all)/2], all[len(all)-1]}
}

// pairs are letters of Latin and Cyrillic that look alike.
var pairs = [][2]rune{
	{'A', 'А'}, {'B', 'В'}, {'E', 'Е'}, {'K', 'К'}, {'M', 'М'}, {'H', 'Н'}, {'O', 'О'}, {'P', 'Р'}, {'C', 'С'}, {'T', 'Т'}, {'X', 'Х'}, {'Y', 'У'},
	{'a', 'а'}, {'e', 'е'}, {'o', 'о'}, {'p', 'р'}, {'c', 'с'}, {'y', 'у'}, {'x', 'х'}, {'I', 'І'}, {'S', 'Ѕ'}, {'J', 'Ј'},
}

// alike is a text with its first letter that has a double replaced by that; "" if none has.
func alike(text string) string {
	for i, r := range text {
		for _, p := range pairs {
			for side := range p {
				if r == p[side] {
					return text[:i] + string(p[1-side]) + strings.TrimPrefix(text[i:], string(r))
				}
			}
		}
	}
	return ""
}
