// Package gateway owns the vocabulary of the customs gateway: identifiers, states
// and their transitions, faults and the catalogue of their texts. It refuses to
// know any other package of the project, and any technology.
package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Administration is a customs administration by its ISO 3166 alpha-2 country code.
type Administration string

// IsCode reports whether it is written as such a code is: two capital letters.
func (a Administration) IsCode() bool {
	return len(a) == 2 && a[0] >= 'A' && a[0] <= 'Z' && a[1] >= 'A' && a[1] <= 'Z'
}

// SubmissionID is the client's own id of what it submits, unique per office.
// For national XML it is by default the document's own id.
type SubmissionID string

// MessageID names one message between two gateways. It is allocated once, in the
// unit of work that creates the message, and repeated with every retry.
type MessageID string

// MovementID names one movement: a crossing of goods and vehicles at one border.
type MovementID string

// Commit is the position of a unit of work in the gateway's own history. It is
// assigned inside the committing transaction; every cursor reads it.
type Commit int64

// Digest is a SHA-256 digest. The zero Digest digests nothing and is never valid.
type Digest [sha256.Size]byte

// DigestOf returns the SHA-256 digest of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// ParseDigest reads a digest from 64 hexadecimal digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("digest %q: want %d hexadecimal digits", s, 2*len(d))
	}
	return Digest(b), nil
}

// String returns the digest as 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Spoken returns the digest as two people read it to each other: groups of four digits.
func (d Digest) Spoken() string {
	var groups []string
	for four := range slices.Chunk([]byte(d.String()), 4) {
		groups = append(groups, string(four))
	}
	return strings.Join(groups, " ")
}

// IsZero reports whether d digests nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the digest as hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}
