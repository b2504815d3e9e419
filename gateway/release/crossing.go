package release

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Crossing is how long goods take from one office's exit to another's entry, if they leave
// within some hours of the day.
type Crossing struct {
	ID    string                 `yaml:"id"`
	From  gateway.Administration `yaml:"from"`
	Exit  string                 `yaml:"exit"` // its office
	To    gateway.Administration `yaml:"to"`
	Entry string                 `yaml:"entry"` // its office
	// Hours are the hours in which they leave, by the clock at the office of exit: from the
	// first, up to and without the second, over midnight if that is less. None is all day.
	Hours  []int         `yaml:"hours"`
	Takes  time.Duration `yaml:"takes"`
	Source string        `yaml:"source"`
	Status string        `yaml:"status"` // verified or inferred
}

// Inferred reports whether nobody has stated the figure.
func (c Crossing) Inferred() bool { return c.Status != "verified" }

// at reports whether the figure holds for what leaves in an hour of the day.
func (c Crossing) at(hour int) bool {
	if len(c.Hours) == 0 {
		return true
	}
	from, until := c.Hours[0], c.Hours[1]
	if from < until {
		return hour >= from && hour < until
	}
	return hour >= from || hour < until
}

// overlaps reports whether two figures of one pair of offices hold in one hour.
func (c Crossing) overlaps(o Crossing) bool {
	for hour := range 24 {
		if c.at(hour) && o.at(hour) {
			return true
		}
	}
	return false
}

func (c Crossing) between(from, to gateway.Office) bool {
	return gateway.Office{Administration: c.From, Code: c.Exit}.Same(from) && gateway.Office{Administration: c.To, Code: c.Entry}.Same(to)
}

// loadCrossings reads routes/crossings/*.yaml.
func loadCrossings(fsys fs.FS) (all []Crossing, err error) {
	names, err := fs.Glob(fsys, "routes/crossings/*.yaml")
	if err != nil {
		return nil, err
	}
	var mistakes []error
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var file struct {
			Rows []Crossing `yaml:"crossings"`
		}
		lines, err := document.ReadYAML(name, raw, &file)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for i, c := range file.Rows {
			errorf := func(format string, args ...any) {
				mistakes = append(mistakes, fmt.Errorf("%s:%d: crossing %s: %s", name, max(lines.Line(fmt.Sprintf("$.crossings[%d]", i)), 1), c.ID, fmt.Sprintf(format, args...)))
			}
			if c.ID == "" || c.From == "" || c.Exit == "" || c.To == "" || c.Entry == "" || c.Source == "" {
				errorf("want id, from, exit, to, entry and source")
			}
			if c.Status != "verified" && c.Status != "inferred" {
				errorf("status %q: want verified or inferred", c.Status)
			}
			if c.Takes <= 0 || c.Takes > 30*24*time.Hour {
				errorf("it takes %v: want more than nothing and at most 30 days", c.Takes)
			}
			if bad := func(hour int) bool { return hour < 0 || hour > 24 }; len(c.Hours) != 0 && (len(c.Hours) != 2 || slices.ContainsFunc(c.Hours, bad) || c.Hours[0] == c.Hours[1]) {
				errorf("hours %v: want two of 0 to 24, or none", c.Hours)
				continue
			}
			for _, o := range all {
				if o.ID == c.ID {
					errorf("the id is there twice")
				} else if o.between(gateway.Office{Administration: c.From, Code: c.Exit}, gateway.Office{Administration: c.To, Code: c.Entry}) && o.overlaps(c) {
					errorf("it and %s hold in one hour", o.ID)
				}
			}
			all = append(all, c)
		}
	}
	return all, errors.Join(mistakes...)
}

// CrossingOf is how long what leaves an own office at an instant takes to a partner's: as the
// table of crossings says of the two and the hour, else the route's own figure, which nobody
// has stated.
func (rt *Route) CrossingOf(exit, entry string, left time.Time) Crossing {
	from, to := gateway.Office{Administration: rt.From, Code: exit}, gateway.Office{Administration: rt.To, Code: entry}
	hour := left.In(rt.Zone(exit)).Hour()
	for _, c := range rt.crossings {
		if c.between(from, to) && c.at(hour) {
			return c
		}
	}
	return Crossing{ID: rt.Name, From: rt.From, Exit: exit, To: rt.To, Entry: entry, Takes: rt.Crossing, Status: "inferred"}
}
