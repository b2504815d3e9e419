package mapping

import (
	"cmp"

	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
)

// time compiles how a row writes an instant or a day.
func (c *compiler) time(r *row, f *rowFile, node string, wrong func(string, ...any)) {
	form := f.Time
	switch r.value.Field {
	case document.Instant:
		form = cmp.Or(form, "instant")
	case document.Date:
		form = cmp.Or(form, "xs-date")
	default:
		if form != "" {
			wrong("time on a %s, expected an instant or a date", r.value.Field)
		}
		return
	}
	zone := c.zone
	if f.Zone != "" {
		zone = c.location(node+".zone", f.ID, f.Zone)
	}
	t, err := convert.NewTimeForm(form, zone)
	if err != nil {
		wrong("%v", err)
		return
	}
	t.Office = f.Zone == "" && len(c.offices) > 0
	instant := r.value.Field == document.Instant
	moment := !instant && t.Offset && zone != nil && (f.Lossy != "" || r.noDecode) // of which the day alone is kept
	switch {
	case instant && zone == nil && !t.Offset:
		wrong("time %s of an instant without zone, expected zone on the row or the table", form)
	case !instant && !moment && (t.Clock || !t.Date):
		wrong("time %s of a date, expected a form of a day, or instant with a zone and lossy", form)
	}
	r.value.Time = t
}
