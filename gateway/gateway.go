// Package gateway owns the vocabulary of the customs gateway: identifiers, states
// and their transitions, faults and the catalogue of their texts. It refuses to
// know any other package of the project, and any technology.
//
// # Glossary
//
// The words of the trade are those of the WCO Data Model and of UN/CEFACT, those of what the
// gateway keeps stand in state.go and codes.go. Beyond these the project has a few of its own:
//
//	canonical document  the one form that every administration's documents are read into
//	table               what says how one format is read into a canonical document and written of it
//	row                 one line of a table: one value, or a group of rows with its element
//	profile             what one administration does otherwise in a format that several share
//	recipe              a join, which makes one document of several, or a split
//	whole, part         what a split divides, and each document or message that it makes of it
//	route               from whom to whom a document of a kind travels, on what ground, and what of it
//	place               where something stands in a document: a path, or an element of XML
//	trace, link         where each value of a translation was read and written
//	told, to tell       what those who announced goods are sent of their arrival
//	held, parked        what waits for something named, and what waits for an operator
//	remedy, to mend     who can change what a fault is of, and how
//	proof               a value that only its own package can make: Passed, Released, Encoded, Conforming
//
// Not used as identifiers, and what stands for them:
//
//	said:              seen for what is known already; else what it is: text, answer, entry
//	wrong:             errs, mistakes; errorf for a function that notes one; mismatch for a value
//	beside:            neighbour, sibling; background
//	spoilt, hindmost:  damaged, broken; last, least
//	fate, fortune:     what the outcome is of: LossKind, ValueLoss
//	wholly:            anchored, complete
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
