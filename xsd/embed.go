// Package xsd holds the XML schemas of every administration the gateway speaks with, one embedded file tree.
// It interprets nothing and holds no official file: SOURCES.md says where each fact comes from, SHA256SUMS what was published.
package xsd

import "embed"

// FS holds the schemas. A document schema is named ADMINISTRATION/name.vN.xsd; directories named common hold what those
// import or include, relative to themselves, and no document of their own.
//
//go:embed ru cn eaeu xx mn
var FS embed.FS
