// Package customsv1 owns the canonical document that every national format is
// translated to and from, and its data dictionary, generated from the protos. It
// refuses to hold logic: reading, writing and paths are in document.
package customsv1
