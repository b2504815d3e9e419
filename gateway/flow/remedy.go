package flow

import (
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/mapping/trace"
	"customs.example/gateway/release"
)

// mender says who can mend what is wrong with what the message of an output says at a path
// of its own: what the route supplied the route, what a split made the table, all else the
// sender.
func (o *Output) mender(path string) gateway.Remedy {
	switch whole := o.whole(path); {
	case slices.ContainsFunc(o.Released.Supplied(), func(s release.Supply) bool { return whole != "" && o.whole(s.Path) == whole }):
		return gateway.ByRoute
	case o.made != nil && path != "" && o.made(path):
		return gateway.ByTable
	}
	return gateway.BySender
}

// menderOf says the same of a place in the output: what no value of the document was
// written to is the table's.
func (o *Output) menderOf(link trace.Link, ok bool) gateway.Remedy {
	if !ok || link.Const || link.Path == "" {
		return gateway.ByTable
	}
	return o.mender(link.Path)
}

// mended says of what the usual remedy leaves to the sender who it is of that made the
// value.
func (o *Output) mended(faults gateway.Faults) gateway.Faults {
	for i := range faults {
		if f := &faults[i]; f.Mender() == gateway.BySender {
			f.Remedy = o.mender(f.Path)
		}
	}
	return faults
}

// fromPartner leaves to the partner what the sender of a document can mend: it has sent
// the document. What is parked waits for the operator to install its table.
func fromPartner(faults gateway.Faults, state gateway.MessageState) gateway.Faults {
	for i := range faults {
		switch {
		case faults[i].Mender() != gateway.BySender:
		case state == gateway.Parked:
			faults[i].Remedy = gateway.ByOperator
		default:
			faults[i].Remedy = gateway.ByPartner
		}
	}
	return faults
}
