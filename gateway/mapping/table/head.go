package table

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/xmltree"
)

// Head is what a table says before its rows: whose format it is, of which document, and when
// it applies.
type Head struct {
	name, kind, schema, system, status, source string
	file                                       string // for mistakes
	version                                    int
	changesNamed                               bool
	profile, administration                    string
	profileVersion                             int
	from, to                                   string // first and last day, "" is open
	digest                                     gateway.Digest
	rootName                                   Step
	namespaces                                 []Namespace // as declared
	fallback                                   string      // prefix written as the default namespace
	wheres                                     []Where     // on what it reads a document of its root, by place
	asks                                       string      // file and line where it says so
}

// NewHead reads the head of a table; its mistakes are the file's.
func NewHead(s *Source, lists *codelist.Lists) *Head {
	f := s.Content
	h := &Head{
		name: f.Mapping, version: f.Version, kind: f.Document, system: f.System, changesNamed: f.Changes == changesNamed, file: s.File.Name,
		schema: cmp.Or(f.Schema, datafile.Versioned(f.Mapping, f.Version)), status: f.Status, source: f.Source,
		from: f.Valid.From, to: f.Valid.To, fallback: f.Default, administration: s.administration, digest: s.digest,
	}
	if s.profile != nil {
		h.file, h.profile, h.profileVersion = s.profile.Name, s.profile.Profile, s.profile.Version
	}
	for _, prefix := range slices.Sorted(maps.Keys(f.Namespaces)) {
		if f.Namespaces[prefix] == "" {
			s.At("$.namespaces."+prefix, "namespace of %s is empty, expected its name", prefix)
		}
		h.namespaces = append(h.namespaces, Namespace{prefix, f.Namespaces[prefix]})
	}
	slices.SortStableFunc(h.namespaces, func(a, b Namespace) int {
		return s.Lines["$.namespaces."+a.Prefix] - s.Lines["$.namespaces."+b.Prefix]
	})
	if f.Default != "" && f.Namespaces[f.Default] == "" {
		s.At("$.default", "prefix %q is not declared, expected one of %v", f.Default, slices.Sorted(maps.Keys(f.Namespaces)))
	}
	if f.Changes != "" && f.Changes != changesNamed {
		s.At("$.changes", "changes %q, expected %s, or nothing: then a change is a full version", f.Changes, changesNamed)
	}
	if f.System != "" && !hasSystem(lists, f.System) {
		s.At("$.system", "no code list has the system %q, expected one that some list has", f.System)
	}
	h.rootName = h.qname(s.File, "$.root", "root", f.Root, false)
	h.where(s)
	return h
}

// Precedes reports whether a sender means h rather than o, of two that both fit its document:
// what a document says of itself decides before the version. Of equals, the first by id stays.
func (h *Head) Precedes(o *Head, sender string) bool {
	return cmp.Or(
		cmp.Compare(h.nearness(sender), o.nearness(sender)), h.unasked()-o.unasked(),
		cmp.Compare(o.version, h.version), cmp.Compare(o.profileVersion, h.profileVersion),
	) < 0
}

// unasked is 1 for a table that reads every document of its root.
func (h *Head) unasked() int {
	if len(h.wheres) == 0 {
		return 1
	}
	return 0
}

// nearness says how near a table is to a sender, nearest first.
func (h *Head) nearness(sender string) int {
	own := h.Administration() == sender
	switch {
	case own && h.profile != "":
		return 0
	case own:
		return 1
	case h.profile == "":
		return 2
	}
	return 3
}

// Name returns the mapping's name without its version.
func (h *Head) Name() string { return h.name }

// ID returns name and version, "ru/auto-preliminary.v1", and the profile behind them,
// "+kz"; a profile's version stands there from the second on: "+kz.v2".
func (h *Head) ID() string {
	switch h.profileVersion {
	case 0:
		return h.Base()
	case 1:
		return h.Base() + "+" + h.profile
	}
	return h.Base() + "+" + datafile.Versioned(h.profile, h.profileVersion)
}

// Base returns the id without the profile: the table as it is written.
func (h *Head) Base() string { return datafile.Versioned(h.name, h.version) }

// Profile returns the name of the profile that made the table of another, "" if none.
func (h *Head) Profile() string { return h.profile }

// Administration returns whose format the table is, "KZ": the profile's, else the
// first part of the name.
func (h *Head) Administration() string {
	whose, _, _ := strings.Cut(h.name, "/")
	return cmp.Or(h.administration, strings.ToUpper(whose))
}

// Version returns the version.
func (h *Head) Version() int { return h.version }

// Kind returns the kind of canonical document.
func (h *Head) Kind() string { return h.kind }

// Schema returns the name of the XSD.
func (h *Head) Schema() string { return h.schema }

// System returns the column of the code lists that the table translates by.
func (h *Head) System() string { return h.system }

// changesNamed is what a table says of a format whose changes act only on what they name.
const changesNamed = "named"

// ChangesNamed reports whether a document of the format that changes an earlier one acts only
// on the waybills that it names; else it is a full version.
func (h *Head) ChangesNamed() bool { return h.changesNamed }

// Status says how well the format is known; Source, where it comes from.
func (h *Head) Status() string { return h.status }

// Source returns where the format comes from.
func (h *Head) Source() string { return h.source }

// Digest returns the digest of the table's file; of a profile's table, one over the
// digests of the table and of every profile over it.
func (h *Head) Digest() gateway.Digest { return h.digest }

// Root returns the name of the root element.
func (h *Head) Root() xmltree.Name { return h.rootName.Name }

// RootStep returns the root element as a target names it.
func (h *Head) RootStep() *Step { return &h.rootName }

// Namespaces returns the namespaces that every document declares, in their order.
func (h *Head) Namespaces() []Namespace { return h.namespaces }

// Default returns the prefix that is written as the default namespace, "" for none.
func (h *Head) Default() string { return h.fallback }

// Written returns the name of the file that makes the table, the profile's where there is one.
func (h *Head) Written() string { return h.file }

// Valid reports whether the table may be used on a day.
func (h *Head) Valid(on time.Time) bool {
	day := on.Format(time.DateOnly)
	return (h.from == "" || h.from <= day) && (h.to == "" || day <= h.to)
}

// Conflict says why nothing decides between two tables on some day, nil if something does. What
// asks for something that stands in the document precedes what asks for nothing: so an edition
// that was published before there were others stays as it is.
func (h *Head) Conflict(o *Head) error {
	switch {
	case o.rootName.Name != h.rootName.Name || o.version != h.version ||
		(o.profile == "") != (h.profile == "") || o.profileVersion != h.profileVersion ||
		h.profile != "" && (h.administration == "" || h.administration != o.administration) ||
		h.to != "" && o.from > h.to || o.to != "" && h.from > o.to || h.unasked() != o.unasked() || h.exclude(o):
		return nil
	case len(h.wheres) == 0:
		return fmt.Errorf("%s:1: root %s, version %d is also %s's, expected another version or validity, or where", h.file, h.Root(), h.version, o.ID())
	}
	return fmt.Errorf("%s: root %s, version %d: where and that of %s at %s could both hold for one document, expected other texts at one place", h.asks, h.Root(), h.version, o.ID(), o.asks)
}

func hasSystem(lists *codelist.Lists, system string) bool {
	return slices.ContainsFunc(lists.Names(), func(list string) bool { return lists.HasSystem(list, system) })
}

// Namespace is a namespace that a table declares.
type Namespace struct{ Prefix, URI string }

// Declares reports whether documents declare a prefix; the default namespace has none there.
func (h *Head) Declares(prefix string) bool {
	for _, n := range h.namespaces {
		if n.Prefix == prefix && prefix != h.fallback {
			return true
		}
	}
	return false
}
