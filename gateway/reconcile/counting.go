package reconcile

import (
	"slices"

	"customs.example/gateway"
)

// Counting are the records that announce, and that nothing takes back or takes the place of.
func (m Movement) Counting() []Record { return m.counting(m.Announced) }

// counting returns the records of rs that count: that were not refused, and that nothing in m
// takes back or replaces.
func (m Movement) counting(rs []Record) []Record {
	v := versionsOf(m.records())
	return slices.DeleteFunc(slices.Clone(rs), func(r Record) bool { return r.Withdraws || r.undecided() || v.past(r) })
}

// documentKey is a document by its sender's id for it. A document's id is its sender's: nobody
// else's takes its place.
type documentKey struct {
	sender gateway.Administration
	id     string
}

func (r Record) document() documentKey { return documentKey{r.Sender, gateway.FoldID(r.DocumentID)} }

// versions are the documents of a movement by those that take their place.
type versions struct {
	of   map[documentKey][]Record // by their document
	by   map[documentKey][]Record // by the documents that they name to change or take back
	gone map[documentKey]bool     // documents that one which holds names, be it by one that was refused
}

func versionsOf(rs []Record) versions {
	v := versions{make(map[documentKey][]Record, len(rs)), make(map[documentKey][]Record), make(map[documentKey]bool)}
	var gone []documentKey
	for _, r := range rs {
		if r.DocumentID != "" {
			v.of[r.document()] = append(v.of[r.document()], r)
		}
		for _, d := range r.replaces() {
			v.by[d] = append(v.by[d], r)
			if !r.undecided() {
				gone = append(gone, d)
			}
		}
	}
	for len(gone) > 0 {
		d := gone[0]
		if gone = gone[1:]; v.gone[d] {
			continue
		}
		v.gone[d] = true
		for _, r := range v.of[d] {
			gone = append(gone, r.replaces()...)
		}
	}
	return v
}

// replaces are the other documents that r changes or takes back.
func (r Record) replaces() (all []documentKey) {
	for _, id := range r.Replaces {
		if d := (documentKey{r.Sender, gateway.FoldID(id)}); d.id != "" && (r.DocumentID == "" || d != r.document()) {
			all = append(all, d)
		}
	}
	return all
}

// past reports whether something that holds takes r's place: it names r's document, or it is a
// later message of the same document.
func (v versions) past(r Record) bool {
	if r.DocumentID == "" {
		return false
	}
	return v.gone[r.document()] || slices.ContainsFunc(v.of[r.document()], r.againIn)
}

// againIn reports whether o is a later message of r's document, or takes it back.
func (r Record) againIn(o Record) bool {
	return !r.sameMessage(o) && !o.undecided() && (r.Kind == o.Kind || o.Withdraws) && order(o, r) > 0
}

// replacedBy reports whether o takes r's place, unless it was refused.
func (r Record) replacedBy(o Record) bool {
	if r.DocumentID == "" || r.Sender != o.Sender || r.sameMessage(o) || o.undecided() {
		return false
	}
	return r.document() == o.document() && r.againIn(o) || slices.Contains(o.replaces(), r.document())
}

// undecided reports whether what r says is not so, or not yet: its receiver has refused it, or is
// to decide.
func (r Record) undecided() bool {
	return r.Asks == gateway.WithdrawalAsked || r.Asks == gateway.WithdrawalRefused
}

// changes reports whether r takes the place of another and announces itself.
func (r Record) changes() bool { return !r.Withdraws && len(r.Replaces) > 0 }

// Newest is the message that counts of the versions of an announcement, by one of them; false if
// none counts any more.
func (m Movement) Newest(id gateway.MessageID, sender gateway.Administration) (gateway.MessageID, bool) {
	return m.newest(slices.Concat(m.Announced, m.Inspections), id, sender)
}

func (m Movement) newest(rs []Record, id gateway.MessageID, sender gateway.Administration) (gateway.MessageID, bool) {
	at := slices.IndexFunc(rs, func(r Record) bool { return r.sameMessage(Record{Message: id, Sender: sender}) })
	if at < 0 {
		return id, false
	}
	v := versionsOf(m.records())
	seen := make(map[documentKey]bool)
	later := []Record{rs[at]} // it, and what came in its place
	for i := 0; i < len(later); i++ {
		r := later[i]
		if !r.Withdraws && !r.undecided() && !v.past(r) {
			return r.Message, true
		}
		if d := r.document(); r.DocumentID != "" && !seen[d] {
			seen[d] = true
			later = append(append(later, v.of[d]...), v.by[d]...)
		}
	}
	return id, false
}
