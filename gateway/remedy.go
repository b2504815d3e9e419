package gateway

// Remedy says who can mend what a fault is about.
type Remedy string

// The remedies. A fault that names none has the usual one of its code; a rule that says
// nothing else is the sender's to follow.
const (
	BySender   Remedy = "sender"   // the document is to be changed by whoever wrote it
	ByRoute    Remedy = "route"    // the value comes from the route, or the route decides
	ByTable    Remedy = "table"    // a mapping table or a rule is wrong or lacks something
	ByPartner  Remedy = "partner"  // the partner administration has to change what it sent
	ByOperator Remedy = "operator" // the gateway's own settings or state
)

// Remedies are all of them.
var Remedies = []Remedy{BySender, ByRoute, ByTable, ByPartner, ByOperator}

// In returns who can mend it, as a sentence in a language of the catalogue.
func (r Remedy) In(lang string) string { return textOf("remedy."+string(r), lang) }

// Mender says who can mend the fault. It is never empty.
func (f Fault) Mender() Remedy {
	if f.Remedy != "" {
		return f.Remedy
	}
	if r := texts().remedies[f.Code]; r != "" {
		return r
	}
	return BySender
}
