package flow

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// destination is where a document says that goods go: an administration, and an office of it where it
// names one.
type destination struct {
	administration gateway.Administration
	office         string
	path           string // of what says it
}

func (d destination) String() string {
	if d.office == "" {
		return string(d.administration)
	}
	return string(d.administration) + "/" + d.office
}

// unlocode is a place by its UN/LOCODE (UN/ECE Recommendation 16), its country first, and what a
// sender writes behind that: RUOVB, CNSZG230303/2303.
var unlocode = regexp.MustCompile(`^([A-Z]{2})[A-Z2-9]{3}([^A-Za-z]|$)`)

// destinations are where a document says that its goods go, each once: of each waybill the office where its
// transit ends, its place, country or else place of unloading; where no waybill says any, of all that the
// document tells of. This is the one place that knows where in the canonical document they stand.
func (c *Chain) destinations(d *customsv1.Document, at time.Time) (all []destination) {
	known := make(map[string]bool)
	add := func(found destination) bool {
		if found.administration == "" {
			return false
		}
		if key := found.String(); !known[key] {
			known[key], all = true, append(all, found)
		}
		return true
	}
	office := func(o *customsv1.Office, path string) bool {
		return add(destination{gateway.Administration(o.GetAdministration()), o.GetCode(), path})
	}
	place := func(l *customsv1.Location, path string) bool {
		if office(l.GetOffice(), path+".office") {
			return true
		}
		if l.GetCountry() != "" {
			return add(destination{administration: gateway.Administration(l.Country), path: path + ".country"})
		}
		if m := unlocode.FindStringSubmatch(l.GetId()); m != nil && c.Tables.Lists().Known("country", m[1], at) {
			return add(destination{administration: gateway.Administration(m[1]), path: path + ".id"})
		}
		return false
	}
	for i, cons := range consignmentsOf(d) {
		path := fmt.Sprintf("%s[%d].", waybillList, i)
		if office(cons.GetTransit().GetDestination(), path+"transit.destination") || place(cons.Destination, path+"destination") {
			continue
		}
		if !add(destination{administration: gateway.Administration(cons.DestinationCountry), path: path + "destinationCountry"}) {
			place(cons.Unloading, path+"unloading")
		}
	}
	if len(all) > 0 {
		return all
	}
	office(d.GetPreArrivalNotice().GetTransit().GetDestination(), "transit.destination")
	place(d.GetManifest().GetUnloading(), "unloading")
	place(d.GetVehicleReport().GetUnloading(), "unloading")
	return all
}

// LeadThere reports whether documents say where their goods go, and a route is for all of that.
func (c *Chain) LeadThere(rt *release.Route, readings []*Reading, at time.Time) bool {
	said := false
	for _, r := range readings {
		for _, d := range c.destinations(r.Document, at) {
			if said = true; !rt.LeadsTo(d.administration, d.office) {
				return false
			}
		}
	}
	return said
}

// planFor finds the one route that takes a document: for its second addressee, the one that the route of
// the first names. None or several is a fault that lists them.
func (g *Gateway) planFor(ctx context.Context, r *Reading, a store.Arrival, first *judgement) (Plan, gateway.Faults, error) {
	if a.SecondOf != "" {
		return g.planSecond(ctx, r, a, first)
	}
	to := Addressing{Own: g.Own, Office: a.Party, To: administrations(a.Recipients), At: g.Now(), Duty: a.Asks.Duty}
	plans, err := g.addressed(ctx, g.Chain.Plans(r, to), r)
	if err != nil {
		return Plan{}, nil, err
	}
	beside, err := g.beside(ctx, plans, r, a)
	if err != nil {
		return Plan{}, nil, err
	}
	plan, faults := g.Chain.choose(r, plans, beside, to)
	return plan, faults, nil
}

// addressed leaves of plans that lead to several administrations those whose addressee has to do with what
// a document speaks of: it has sent the document that this one answers or tells a control of, or the transit of
// which this tells was declared by it or to it. Where that says nothing, or of several, all are left.
func (g *Gateway) addressed(ctx context.Context, plans []Plan, r *Reading) ([]Plan, error) {
	if !slices.ContainsFunc(plans, func(p Plan) bool { return p.Route.To != plans[0].Route.To }) {
		return plans, nil
	}
	read, with := g.Store.Read(), make(map[gateway.Administration]bool)
	about := answered(r.Document)
	if subject := r.Document.GetInspectionResult().GetSubject().GetId(); subject != "" {
		about = append(about, subject)
	}
	for _, p := range plans {
		for _, id := range about {
			_, err := read.InboundByDocument(ctx, p.Route.To, id)
			if store.IgnoreNotFound(err) != nil {
				return nil, err
			}
			with[p.Route.To] = with[p.Route.To] || err == nil
		}
	}
	if r.Document.GetTransitEvent() != nil {
		from := reconcile.Origin{Received: g.Now()}
		near, err := g.candidates(ctx, read, r.Document, from, timeOf(r.Document, from), Window)
		if err != nil {
			return nil, err
		}
		for _, m := range near {
			for _, partner := range m.TransitWith() {
				with[partner] = true
			}
		}
	}
	fit := slices.DeleteFunc(slices.Clone(plans), func(p Plan) bool { return !with[p.Route.To] })
	if len(fit) == 0 {
		return plans, nil
	}
	return fit, nil
}

// beside is where what a document goes with stands already.
type beside struct {
	route string
	whole bool // it was announced; else it waits
}

// beside finds where what a document goes with stands, in the routes that may take it: what it names,
// else the parts of its message that wait, else what was announced of them.
func (g *Gateway) beside(ctx context.Context, plans []Plan, r *Reading, a store.Arrival) (beside, error) {
	if len(plans) == 0 || len(plans) == 1 && len(plans[0].Route.Destinations) == 0 {
		return beside{}, nil
	}
	read := g.Store.Read()
	in := func(route string) bool {
		return slices.ContainsFunc(plans, func(p Plan) bool { return p.Route.Name == route })
	}
	acts := slices.Contains(revisable, r.Kind) && actOf(r.Document, a.Asks) != adds
	if acts {
		for _, id := range (&step{Part: Part{Reading: r}, asks: a.Asks}).names() {
			named, err := read.Submission(ctx, a.Party, id)
			if store.IgnoreNotFound(err) != nil {
				return beside{}, err
			}
			if err == nil && in(named.Route) {
				return beside{named.Route, named.MessageID != ""}, nil
			}
		}
	}
	announced, last := "", ""
	for _, p := range plans {
		if p.Key == "" {
			continue
		}
		held, err := read.Held(ctx, p.Route.Name, p.Key)
		if err != nil {
			return beside{}, err
		}
		others := slices.ContainsFunc(held, func(h store.Submission) bool { return h.Office != a.Party || !gateway.SameID(h.ID, a.ID) })
		if others && len(p.Route.Destinations) > 0 {
			return beside{route: p.Route.Name}, nil
		}
		wholes, err := read.WholesOf(ctx, p.Route.Name, p.Key, 1)
		if err != nil {
			return beside{}, err
		}
		for _, id := range wholes {
			o, err := openWhole(ctx, read, id)
			if err != nil {
				return beside{}, err
			}
			if last = p.Route.Name; o.announces {
				announced = p.Route.Name
			}
		}
	}
	if announced == "" && acts { // the first addressee may have refused what the second has
		announced = last
	}
	return beside{announced, announced != ""}, nil
}

// choose is the one of plans that a document takes: by what it goes with where it says no destination, by
// its destination where a route is for that, else the one that is for any.
func (c *Chain) choose(r *Reading, plans []Plan, with beside, a Addressing) (Plan, gateway.Faults) {
	stated := c.destinations(r.Document, a.At)
	leads := func(p Plan, d destination) bool { return p.Route.LeadsTo(d.administration, d.office) }
	var general, fitting []Plan
	some := false // of the destinations is one of a route's
	for _, p := range plans {
		n := 0
		for _, d := range stated {
			if leads(p, d) {
				n++
			}
		}
		some = some || n > 0
		switch {
		case len(p.Route.Destinations) == 0:
			general = append(general, p)
		case n > 0 && n == len(stated):
			fitting = append(fitting, p)
		}
	}
	at := func(code gateway.Code, expected string) gateway.Faults {
		said := make([]string, len(stated))
		for i, d := range stated {
			said[i] = d.String()
		}
		f := fault(code, strings.Join(said[:min(len(said), maxNamed)], ", "), expected)
		f.Path = stated[len(stated)-1].path
		f.Location, f.Place = r.locate(f.Path), document.PlaceOf(r.Document, f.Path)
		return gateway.Faults{f}
	}
	named := func(plans []Plan) string {
		names := make([]string, len(plans))
		for i, p := range plans {
			names[i] = p.Route.Name
		}
		return strings.Join(names, ", ")
	}
	found := fitting
	if i := slices.IndexFunc(plans, func(p Plan) bool { return p.Route.Name == with.route }); i >= 0 && len(stated) == 0 {
		found = plans[i : i+1]
	}
	switch {
	case len(found) == 0 && len(plans) > 0 && len(stated) > 0 && (some || len(general) == 0):
		return Plan{}, at(gateway.RouteDestinations, named(plans))
	case len(found) == 0 && len(general) == 0 && len(plans) == 1 && len(a.To) > 0:
		found = plans // its sender says whom it is for
	case len(found) == 0:
		found = general
	}
	switch len(found) {
	case 1:
	case 0:
		return Plan{}, gateway.Faults{fault(gateway.RouteNone, r.Kind, c.routesFor(a))}
	default:
		return Plan{}, gateway.Faults{fault(gateway.RouteSeveral, r.Kind, named(found))}
	}
	p := found[0]
	if with.route != "" && with.route != p.Route.Name && p.alike(plans, with.route) {
		return Plan{}, at(gateway.RouteDestination, with.route)
	}
	for _, o := range plans {
		if p.Join != nil && p.alike(plans, o.Route.Name) {
			p.kin = append(p.kin, o.Route.Name)
		}
	}
	return p, nil
}

// alike reports whether a route makes the same of the same parts for the same addressee.
func (p Plan) alike(plans []Plan, route string) bool {
	return slices.ContainsFunc(plans, func(o Plan) bool {
		return o.Route.Name == route && o.Join == p.Join && o.Key == p.Key && o.Route.To == p.Route.To
	})
}

// held are the parts that wait for the others of the plan's message, in whichever of its routes: what one
// part says decides for those that say nothing.
func (p Plan) held(ctx context.Context, read heldReader) (all []store.Submission, err error) {
	for _, route := range p.kin {
		held, err := read.Held(ctx, route, p.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, held...)
	}
	return all, nil
}

// otherDestination finds that a part which waits, in another route than a document's, has a destination
// that is not of the document's route.
func (c *Chain) otherDestination(r *Reading, p Plan, held []store.Submission, steps []step, at time.Time) (f gateway.Fault, other bool) {
	if len(p.Route.Destinations) == 0 || len(p.kin) < 2 {
		return f, false
	}
	own := c.destinations(r.Document, at)
	for i, s := range steps {
		for _, d := range c.destinations(s.Document, at) {
			if !p.Route.LeadsTo(d.administration, d.office) && len(own) > 0 {
				f = fault(gateway.RouteDestination, own[0].String(), held[i].Route)
				f.Path = own[0].path
				f.Location, f.Place = r.locate(f.Path), document.PlaceOf(r.Document, f.Path)
				return f, true
			}
		}
	}
	return f, false
}
