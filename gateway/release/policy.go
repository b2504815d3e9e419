package release

import (
	"regexp"
	"slices"
	"strconv"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/validate"
)

// Released is a document that a route lets go. Only Release makes one; its zero
// value is refused by whoever takes one.
type Released struct {
	doc       *customsv1.Document
	digest    gateway.Digest
	route     string
	kind      string
	recipient gateway.Administration
	supplied  []Supply
	withheld  []string
	denied    []string
	moved     map[string][]int // see sweep
}

// Supply is one value that the route wrote into the document.
type Supply struct {
	Path   string // instance path
	Row    string // id of the route's row, HS and the heading, or ByApprover
	Source string
	Status string
}

// Document returns a copy of the released document.
func (r Released) Document() *customsv1.Document { return document.Clone(r.doc) }

// View returns the released document itself, to be read: it MUST NOT be changed.
func (r Released) View() *customsv1.Document { return r.doc }

// Digest is the digest of the released document's canonical JSON.
func (r Released) Digest() gateway.Digest { return r.digest }

// Route is the route's name.
func (r Released) Route() string { return r.route }

// Kind is the kind of document.
func (r Released) Kind() string { return r.kind }

// Recipient is the administration that the document is released to.
func (r Released) Recipient() gateway.Administration { return r.recipient }

// Supplied are the values that the route wrote.
func (r Released) Supplied() []Supply { return slices.Clone(r.supplied) }

// Withheld are the schema paths that were in the document and are not released, in
// alphabetical order.
func (r Released) Withheld() []string { return slices.Clone(r.withheld) }

// Denied are the places, in the document as it was, of attachments of kinds that the route does not
// release, and of extensions that it does not name.
func (r Released) Denied() []string { return slices.Clone(r.denied) }

// SentPath is the place, in the document as it was sent, of what the released document has at a place:
// elements that releasing has emptied are in its lists no more.
func (r Released) SentPath(path string) string { return sentPath(path, r.moved) }

// IsZero reports whether nothing is released.
func (r Released) IsZero() bool { return r.doc == nil }

// Release applies the route to a document that has passed validation: it clears
// every field that is not on the allow-list, then writes what the route supplies. Where the route
// withholds prices, a text that seems to hold one refuses the document unless it was ruled on.
// Faults name places of the document as it was; on an error Released is zero.
func (rt *Route) Release(p validate.Passed, rulings ...Ruling) (Released, gateway.Faults) {
	if p.IsZero() {
		return Released{}, gateway.Faults{{Code: gateway.ReleaseUnjudged, Severity: gateway.Error}}
	}
	d := p.Document()
	if kind := document.Kind(d); kind != rt.Kind {
		return Released{}, gateway.Faults{{Code: gateway.ReleaseKind, Severity: gateway.Error, Value: kind, Expected: gateway.Term(rt.Kind)}}
	}
	r := Released{doc: d, route: rt.Name, kind: rt.Kind, recipient: rt.To}
	extensions := rt.allowed.unnamed(d)
	r.withheld = rt.allowed.prune(document.Of(d), "")
	slices.Sort(r.withheld)
	r.withheld = slices.Compact(r.withheld)

	var faults gateway.Faults
	if rt.noPrices {
		r.supplied, faults = rt.prices.rule(d, rt.extensions, rulings)
	}
	denied, refused := rt.Attachments.release(d)
	r.denied, faults = append(extensions, denied...), append(faults, refused...)
	for _, s := range rt.supplies {
		r.supplied = append(r.supplied, s.write(d)...)
	}
	for _, t := range rt.texts {
		supplied, fs := t.apply(d)
		r.supplied = append(r.supplied, supplied...)
		faults = append(faults, fs...)
	}
	if faults.Refuse() {
		return Released{}, faults
	}
	r.moved = sweep(d)
	r.digest = document.Digest(d)
	return r, faults
}

// supplier is a supply row, compiled. Whole is the message it makes, if it makes one.
type supplier struct {
	row     SupplyRow
	context *document.Path
	message *document.Path
	values  []value
}

type value struct {
	path *document.Path
	text string
}

func (s supplier) write(d *customsv1.Document) (written []Supply) {
	for prefix, m := range contexts(s.context, d) {
		if s.message != nil && s.message.Has(m) {
			if !s.row.Override {
				continue
			}
			s.message.Clear(m)
		}
		for _, v := range s.values {
			if v.path.Has(m) {
				if !s.row.Override {
					continue
				}
				v.path.Clear(m)
			}
			at := v.path.Instance(m, prefix)
			set := v.path.Set
			if v.path.Repeated() {
				at, set = at+"[0]", v.path.AppendText
			}
			// The text was checked when the route was loaded, so set cannot refuse it.
			if set(m, v.text) == nil {
				written = append(written, Supply{Path: at, Row: s.row.ID, Source: s.row.Source, Status: s.row.Status})
			}
		}
	}
	return written
}

// contexts yields the messages that a path stands for; without path the document.
func contexts(p *document.Path, d *customsv1.Document) func(func(string, document.Node) bool) {
	if p != nil {
		return p.All(document.Of(d), "")
	}
	return func(yield func(string, document.Node) bool) { yield("", document.Of(d)) }
}

// texter is a text policy for one field, compiled.
type texter struct {
	lang, policy, field, name string

	parent   *document.Path
	text     *document.Path
	goods    *document.Path // classifications, and the scheme and code of each
	scheme   *document.Path
	code     *document.Path
	headings headings
}

func (t texter) apply(d *customsv1.Document) (supplied []Supply, faults gateway.Faults) {
	if t.policy == AsSent {
		return nil, nil
	}
	for prefix, m := range t.parent.All(document.Of(d), "") {
		if t.text.Has(m) || m.Empty() {
			continue
		}
		at := t.text.Instance(m, prefix)
		if t.policy == Supplied {
			faults = append(faults, gateway.Fault{Code: gateway.ReleaseTextMissing, Severity: gateway.Error, Path: at, Expected: gateway.Term(t.lang)})
			continue
		}
		heading := t.heading(m)
		text, ok := t.headings[heading][t.lang]
		if !ok || t.text.Set(m, "[HS "+heading+"] "+text) != nil {
			faults = append(faults, gateway.Fault{Code: gateway.ReleaseNoHeading, Severity: gateway.Warning, Path: at,
				Value: strconv.Quote(heading), Expected: gateway.Term(t.lang)})
			continue
		}
		supplied = append(supplied, Supply{Path: at, Row: "HS " + heading, Source: "list of HS heading texts", Status: "own"})
	}
	return supplied, faults
}

// headed are the nomenclatures whose first four digits are a heading of the Harmonized
// System, the surest first.
var headed = []string{"HS", "TNVED", "CN"}

// heading returns the HS heading of the goods: the first four digits of a code that is
// certainly one of a nomenclature. Four digits alone may be a UN number, and are none.
func (t texter) heading(m document.Node) string {
	classifications := t.goods.List(m)
	for _, scheme := range headed {
		for _, c := range classifications {
			if of, _ := t.scheme.Get(c); of != scheme {
				continue
			}
			if code, _ := t.code.Get(c); tariffCode.MatchString(code) {
				return code[:4]
			}
		}
	}
	return ""
}

// tariffCode is a subheading or more of it.
var tariffCode = regexp.MustCompile(`^[0-9]{6,}$`)
