package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
)

// File is a document with the name that its faults are told by.
type File struct {
	Name    string
	Content []byte
}

// Rehearse runs documents through a route, from reading to the schema of the partner's form,
// and has no effect. The translation is nil where a fault refuses the documents, or one that
// the route wants is missing; the faults are all that were found.
func (c *Chain) Rehearse(ctx context.Context, rt *release.Route, files []File, id gateway.MessageID, at time.Time) (*Translation, gateway.Faults, error) {
	scope := validate.Scope{Own: rt.From, Partner: rt.To, At: at}
	var plan Plan
	var parts []Part
	var faults gateway.Faults
	for _, f := range files {
		r, err := c.Read(ctx, f.Content, MediaType(f.Content), rt.From, at, rt.Sources...)
		if err != nil {
			return nil, nil, err
		}
		_, found, err := c.Validate(ctx, r, scope)
		if err != nil {
			return nil, nil, err
		}
		if r.Document != nil {
			p, ok := c.PlanFor(rt, r)
			if !ok {
				found = append(found, gateway.Fault{Code: gateway.RouteNone, Severity: gateway.Error, Value: r.Kind, Expected: gateway.Term(rt.Name)})
			}
			plan = p
			if i := slices.IndexFunc(parts, func(o Part) bool { return o.Name == p.Part }); ok && i >= 0 && !p.several() {
				found = append(found, fault(gateway.PartAgain, p.Part, parts[i].Submission))
			}
			parts = append(parts, Part{Name: p.Part, Submission: f.Name, Reading: r})
		}
		for _, one := range found {
			if len(files) > 1 {
				one.Location.Document = f.Name
			}
			faults = append(faults, one)
		}
	}
	if !faults.Refuse() {
		if missing := plan.Missing(parts); len(missing) > 0 {
			faults = append(faults, gateway.Fault{Code: gateway.PartMissing, Severity: gateway.Error, Value: strings.Join(missing, ", "), Expected: gateway.Term(rt.Name)})
		}
	}
	if faults.Refuse() {
		return nil, faults, nil
	}
	plan.Number = SampleNumbers(plan.Route)
	t, err := c.Translate(ctx, plan, parts, id, scope)
	if err != nil {
		return nil, nil, err
	}
	for i := range t.Faults {
		if at := &t.Faults[i].Location; at.Document == "" && len(files) > 1 {
			at.Document = files[0].Name
		}
	}
	if t.Faults.Refuse() {
		return nil, t.Faults, nil
	}
	return t, append(faults, Unsaid(faults, t.Faults)...), nil
}
