package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

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

// DerivedID is the UUID (RFC 9562, version 8) that names what is made of named things: the
// same of the same, in their order.
func DerivedID(of ...string) string {
	h := sha256.New()
	for _, s := range of {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	x := hex.EncodeToString(b)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
