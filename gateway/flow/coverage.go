package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// How the inspection of a crossing was taken.
const (
	recognised     = "recognised" // that of the side of exit was, and the side of entry made none
	inspectedAgain = "again"      // by the side of entry, after that of exit
)

// The code list that says what a crossing is counted as.
const (
	announcedBy    = "announced-by"
	coverageSystem = "coverage"
)

// MaxPairs is how many pairs of offices a report has.
const MaxPairs = 500

// Coverage is what has crossed from one office to another in a month, and what announced it.
type Coverage struct {
	Exit, Entry                                                        string // administration and code
	Crossings, Notice, Checklist, List, Other, None, Recognised, Again int64
}

// crossing is how a movement is counted: by the first arrival of it, in the month of the office that has
// seen it. What was announced by several kinds of document counts once, by the first that says what it is.
// It has no month while nothing has arrived, or nobody says where.
func (g *Gateway) crossing(m Movement) store.Crossing {
	arrivals := m.CountingArrivals()
	if !m.HasArrived() || len(arrivals) == 0 {
		return store.Crossing{}
	}
	first := arrivals[0]
	entry := officeIn(first.Facts.Office.Administration, first.Facts.Office.Code, first.Sender)
	if entry.Code == "" || first.At.IsZero() {
		return store.Crossing{}
	}
	zone, ok := g.Chain.Tables.Lists().Zone(entry.Administration, entry.Code)
	if !ok {
		zone = time.UTC
	}
	c := store.Crossing{Month: first.At.In(zone).Format("2006-01"), Entry: OfficeName(entry)}
	var exit gateway.Office
	for _, part := range []string{reconcile.ExitOffice, reconcile.DepartureOffice} {
		for _, o := range m.Route() {
			if of := officeIn(o.Administration, o.Code, ""); exit.Code == "" && o.Role == part && of.Code != "" && !of.Same(entry) {
				exit = of
			}
		}
	}
	for _, r := range m.Counting() {
		if exit.Administration == "" && r.Sender != entry.Administration { // not every form names the office
			exit.Administration = r.Sender
		}
	}
	c.Exit = OfficeName(exit)
	for _, r := range m.Counting() {
		as := g.countedAs(r.Kind, exit.Administration, entry.Administration, first.At)
		if c.Basis == "" || c.Basis == "other" {
			c.Basis = as
		}
	}
	var before, again bool
	for _, r := range m.Controls() {
		by := officeIn(r.Facts.Office.Administration, r.Facts.Office.Code, r.Sender)
		before = before || by.Administration != entry.Administration
		again = again || by.Administration == entry.Administration
	}
	switch {
	case before && again:
		c.Inspected = inspectedAgain
	case before && c.Basis != "":
		c.Inspected = recognised
	}
	return c
}

// OfficeName is an office as it is counted and asked for; without code its administration, of whose
// offices nobody has said which.
func OfficeName(o gateway.Office) string {
	return strings.TrimSpace(string(o.Administration) + " " + o.Key())
}

// officeIn is an office; without an administration of its own it is one of the sender's.
func officeIn(administration, code string, sender gateway.Administration) gateway.Office {
	o := gateway.Office{Administration: gateway.Administration(administration), Code: code}
	if o.Administration == "" {
		o.Administration = sender
	}
	return o
}

// countedAs is what a kind of document that announces counts as between two administrations.
func (g *Gateway) countedAs(kind string, exit, entry gateway.Administration, at time.Time) string {
	for _, code := range []string{strings.Join([]string{kind, string(exit), string(entry)}, "/"), kind} {
		if r, err := g.Chain.Tables.Lists().Translate(announcedBy, coverageSystem, code, at, codelist.Encode); err == nil {
			return r.Code
		}
	}
	return "other"
}

// Coverage counts what has crossed in a month, of one pair of offices or of all. It reports whether there
// are more pairs than it has room for.
func (g *Gateway) Coverage(ctx context.Context, month, exit, entry string) (all []Coverage, more bool, err error) {
	counts, err := g.Store.Read().Crossings(ctx, month, exit, entry, MaxPairs*countsOfAPair)
	if err != nil {
		return nil, false, err
	}
	for _, n := range counts {
		if len(all) == 0 || all[len(all)-1].Exit != n.Exit || all[len(all)-1].Entry != n.Entry {
			if len(all) == MaxPairs {
				return all, true, nil
			}
			all = append(all, Coverage{Exit: n.Exit, Entry: n.Entry})
		}
		c := &all[len(all)-1]
		c.Crossings += n.N
		switch n.Basis {
		case "":
			c.None += n.N
		case "notice":
			c.Notice += n.N
		case "checklist":
			c.Checklist += n.N
		case "list":
			c.List += n.N
		default:
			c.Other += n.N
		}
		switch n.Inspected {
		case recognised:
			c.Recognised += n.N
		case inspectedAgain:
			c.Again += n.N
		}
	}
	if more = len(counts) == MaxPairs*countsOfAPair; more { // the last may not be whole
		all = all[:len(all)-1]
	}
	return slices.Clip(all), more, nil
}

// countsOfAPair is how many counts a pair may have: five ways to be announced, three to be inspected.
const countsOfAPair = 15
