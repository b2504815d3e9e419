package gateway

import "strings"

// IsUUID reports whether an id is written as a UUID (RFC 9562, section 4), in either case
// of its letters, with or without urn:uuid: before it.
func IsUUID(id string) bool {
	const prefix = "urn:uuid:"
	if len(id) > len(prefix) && strings.EqualFold(id[:len(prefix)], prefix) {
		id = id[len(prefix):]
	}
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'):
			return false
		}
	}
	return true
}

// FoldID returns an id as it is compared: the letters of a UUID in lower case, any other
// id as it is. What is stored and shown stays as received.
func FoldID(id string) string {
	if IsUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

// SameID reports whether two ids name the same: UUIDs whatever the case of their letters.
func SameID[A, B ~string](a A, b B) bool {
	return string(a) == string(b) || FoldID(string(a)) == FoldID(string(b))
}
