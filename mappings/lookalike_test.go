package mappings_test

import "strings"

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
