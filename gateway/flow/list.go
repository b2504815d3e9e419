package flow

import (
	"context"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// The lists that a shift works by. Each movement is in one of them at most.
const (
	LeftUnaccepted = "left unaccepted" // and the other side has not accepted what announces it, or nothing does
	LeftRefused    = "left refused"    // and what announced it was refused or taken back
	NotArrived     = "not arrived"     // of what is announced, or not all of it
)

// maxListed is how many offices of ours a movement is listed for; of a train's goods others find it.
const maxListed = 99

// stateReader tells where our messages stand.
type stateReader interface {
	DeliveryState(ctx context.Context, id gateway.MessageID) (gateway.MessageState, error)
}

// accept notes which of our announcements in a movement the partner has accepted, and returns
// those that count and that it has not.
func (g *Gateway) accept(ctx context.Context, read stateReader, m *Movement) (unaccepted []gateway.MessageID, err error) {
	counting := make(map[gateway.MessageID]bool)
	for _, r := range m.Counting() {
		counting[r.Message] = r.Sender == ""
	}
	m.Announced = slices.Clone(m.Announced)
	for i := range m.Announced {
		r := &m.Announced[i]
		if !counting[r.Message] || r.Sender != "" || r.Accepted {
			continue
		}
		state, err := read.DeliveryState(ctx, r.Message)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if r.Accepted = err == nil && taken(state); !r.Accepted {
			unaccepted = append(unaccepted, r.Message)
		}
	}
	return unaccepted, nil
}

// worklist is the list of a shift that a movement is in at an instant, given whether the partner has
// accepted all that announces it, and since when.
func worklist(m Movement, accepted bool, at time.Time) (list string, since time.Time) {
	left := m.Left(at)
	stands := len(m.Counting()) > 0
	switch state := m.State(); {
	case state == reconcile.StateOnPaper:
		return "", m.Since()
	case m.HasArrived() && state != reconcile.StatePartlyArrived:
		return "", m.Since()
	case !left.IsZero() && !stands && len(m.Announced) > 0:
		return LeftRefused, left
	case !left.IsZero() && (!stands || !accepted && !m.HasArrived()):
		return LeftUnaccepted, left
	case stands:
		return NotArrived, m.Since()
	}
	return "", m.Since()
}

// list puts a movement on the lists of its offices.
func (g *Gateway) list(tx *store.Tx, m *Movement) error {
	unaccepted, err := g.accept(context.Background(), tx, m)
	if err != nil {
		return err
	}
	now := *m
	now.Movement = m.AsOf(tx.Now(), g.Tolerances)
	list, since := worklist(now, len(unaccepted) == 0, tx.Now())
	if now.Left(tx.Now()).IsZero() {
		unaccepted = nil
	}
	row := store.Listed{Office: store.Everybody, State: string(now.State()), Worklist: list, Since: since, Expected: now.Expected(), Differs: now.Differs()}
	for _, kind := range now.Kinds() {
		row.Kinds = append(row.Kinds, kind)
	}
	all := []store.Listed{row}
	for _, o := range now.Route() {
		if o.Administration != "" && o.Administration != string(g.Own) {
			continue
		}
		key := gateway.Office{Administration: g.Own, Code: o.Code}.Key()
		i := slices.IndexFunc(all, func(l store.Listed) bool { return l.Office == key })
		if i < 0 {
			if len(all) > maxListed {
				continue
			}
			i = len(all)
			own := row
			own.Office, own.Roles = key, nil
			all = append(all, own)
		}
		if !slices.Contains(all[i].Roles, o.Role) {
			all[i].Roles = append(all[i].Roles, o.Role)
			if !slices.Contains(all[0].Roles, o.Role) {
				all[0].Roles = append(all[0].Roles, o.Role)
			}
		}
	}
	return tx.PutListed(m.ID, all, unaccepted)
}

// look is when a movement is to be looked at again: when its wait is over, when the rest of its convoy
// is expected no more, or when it leaves by its report.
func (g *Gateway) look(m Movement, now time.Time) time.Time {
	next := g.Due(m)
	for _, at := range []time.Time{m.Deadline(g.Tolerances), m.Leaves()} {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at.Add(time.Second)
		}
	}
	return next
}

// acceptedNow moves a movement that has left to the list of what has not arrived, once the partner
// has accepted what announces it.
func (g *Gateway) acceptedNow(ctx context.Context, tx *store.Tx, id gateway.MessageID) error {
	of, err := tx.Accepted(id)
	if err != nil || of == "" {
		return err
	}
	m, err := movementIn(ctx, tx, of)
	if err != nil {
		return err
	}
	list, since := worklist(m, true, tx.Now())
	return tx.PutWorklist(of, list, since)
}

// ListFilter says which movements are listed; zero fields do not filter.
type ListFilter struct {
	Offices     []string // keys of the offices whose movements are listed; nil: all movements
	Worklist    string
	State, Role string
	From, Until time.Time // expected, not before the one and before the other
	// Day is when it is expected, YYYY-MM-DD, in the local time of the office whose list it is; of who sees
	// all, of the office of ours at which it is to arrive, or else has another part in it.
	Day        string
	Differing  bool
	Kind, Text string
	Limit      int
}

// The zones that are farthest from UTC: a day has begun somewhere, and has not ended everywhere.
const (
	firstDay = 14 * time.Hour
	lastDay  = 12 * time.Hour
)

// span is when what an office's list holds is expected, as a filter asks for: of who sees all, at any
// office.
func (g *Gateway) span(f ListFilter, office string) (from, until time.Time, err error) {
	from, until = f.From, f.Until
	if f.Day == "" {
		return from, until, nil
	}
	day, err := g.ShiftAt(office, f.Day)
	if err != nil {
		return from, until, err
	}
	if office == store.Everybody {
		day.From, day.Until = day.From.Add(-firstDay), day.Until.Add(lastDay)
	}
	if from.Before(day.From) {
		from = day.From
	}
	if until.IsZero() || until.After(day.Until) {
		until = day.Until
	}
	return from, until, nil
}

// onDay reports whether a movement is expected on the day that a filter asks for, as its office of ours
// counts them.
func (g *Gateway) onDay(f ListFilter, m Movement) bool {
	if f.Day == "" {
		return true
	}
	var at string
	for _, o := range m.Route() {
		if (o.Administration == "" || o.Administration == string(g.Own)) && (at == "" || o.Role == reconcile.EntryOffice) {
			if at = o.Code; o.Role == reconcile.EntryOffice {
				break
			}
		}
	}
	day, err := g.ShiftAt(at, f.Day)
	expected := m.Expected()
	return err == nil && !expected.Before(day.From) && expected.Before(day.Until)
}

// ListExamined is how many movements one page of a list looks at.
const ListExamined = 2_000

// ListPlace is where a page of a list ended.
type ListPlace struct {
	store.ListCursor
	Commit gateway.Commit // of what was found by a text
}

// List returns movements in the order of the filter behind a place, and, if there may be more, where
// it has stopped. It looks at ListExamined at most.
func (g *Gateway) List(ctx context.Context, f ListFilter, after ListPlace) (out []Movement, next *ListPlace, err error) {
	if f.Text != "" {
		return g.listFound(ctx, f, after)
	}
	offices := f.Offices
	if offices == nil {
		offices = []string{store.Everybody}
	}
	by := store.ListFilter{Worklist: f.Worklist, Differing: f.Differing, State: f.State, Limit: max(f.Limit, 50)}
	type listed struct {
		store.Listed
		at store.ListCursor
	}
	var last store.ListCursor
	place, seen := after.ListCursor, make(map[gateway.MovementID]bool)
	for examined := 0; ; {
		var some []listed
		more := false
		for _, office := range offices { // each is as long as all at most
			by.Office = office
			if by.From, by.Until, err = g.span(f, office); err != nil {
				return nil, nil, err
			}
			page, at, err := g.Store.Read().MovementList(ctx, by, place)
			if err != nil {
				return nil, nil, err
			}
			more = more || len(page) == by.Limit
			for i := range page {
				some = append(some, listed{page[i], at[i]})
			}
		}
		slices.SortStableFunc(some, func(a, b listed) int { return b2i(by.Before(b.at, a.at)) - b2i(by.Before(a.at, b.at)) })
		if more && len(some) > by.Limit {
			some = some[:by.Limit]
		}
		fitting := make([]bool, len(some))
		var ids []gateway.MovementID
		for i, l := range some {
			if fitting[i], err = g.fits(f, l.Listed); err != nil {
				return nil, nil, err
			}
			if fitting[i] = fitting[i] && !seen[l.Movement]; fitting[i] {
				seen[l.Movement] = true
				ids = append(ids, l.Movement)
			}
		}
		rows, err := g.Store.Read().Movements(ctx, ids) // all at once
		if err != nil {
			return nil, nil, err
		}
		for i, l := range some {
			if len(out) == f.Limit || examined == ListExamined {
				return out, &ListPlace{ListCursor: last}, nil
			}
			examined++
			last = l.at
			if !fitting[i] {
				continue
			}
			m, err := movementOf(rows[0])
			if err != nil {
				return nil, nil, err
			}
			m.Movement = m.AsOf(g.Now(), g.Tolerances)
			if rows = rows[1:]; l.Office != store.Everybody || g.onDay(f, m) {
				out = append(out, m)
			}
		}
		if !more {
			return out, nil, nil
		}
		place = last
	}
}

// fits reports whether a movement on an office's list is what the filter asks for, whatever index has led to
// it.
func (g *Gateway) fits(f ListFilter, l store.Listed) (bool, error) {
	from, until, err := g.span(f, l.Office)
	return err == nil && (f.Worklist == "" || l.Worklist == f.Worklist) && (f.State == "" || l.State == f.State) && (f.Role == "" || slices.Contains(l.Roles, f.Role)) &&
		(from.IsZero() || !l.Expected.Before(from)) && (until.IsZero() || !l.Expected.IsZero() && l.Expected.Before(until)) &&
		(!f.Differing || l.Differs) && (f.Kind == "" || slices.ContainsFunc(l.Kinds, func(k string) bool { return strings.EqualFold(k, f.Kind) })), err
}

// listFound lists what a text finds, by what it is listed by for the caller.
func (g *Gateway) listFound(ctx context.Context, f ListFilter, after ListPlace) (out []Movement, next *ListPlace, err error) {
	offices := f.Offices
	if offices == nil {
		offices = []string{store.Everybody}
	}
	// What others' offices have to do with moves no page's end, and costs no question.
	before, shown, looked := after.Commit, gateway.Commit(0), gateway.Commit(0)
	for examined := 0; ; {
		found, upto, more, err := g.Find(ctx, f.Text, before, max(f.Limit, 50))
		if err != nil {
			return nil, nil, err
		}
		for _, m := range found {
			if examined >= ListExamined && m.Commit != looked {
				return out, &ListPlace{Commit: looked}, nil
			}
			examined++
			looked = m.Commit
			fits, err := g.listedFor(ctx, m, offices, f)
			if err != nil {
				return nil, nil, err
			}
			if !fits {
				continue
			}
			if len(out) >= f.Limit && m.Commit != shown {
				return out, &ListPlace{Commit: shown}, nil
			}
			shown = m.Commit
			out = append(out, m)
		}
		if before = upto; !more {
			return out, nil, nil
		}
		if examined >= ListExamined {
			return out, &ListPlace{Commit: before}, nil
		}
	}
}

// listedFor reports whether a movement is on one of some offices' lists as a filter asks for.
func (g *Gateway) listedFor(ctx context.Context, m Movement, offices []string, f ListFilter) (bool, error) {
	for _, office := range offices {
		if office != store.Everybody && !slices.Contains(g.ownOffices(m), office) {
			continue
		}
		l, err := g.Store.Read().Listed(ctx, m.ID, office)
		if store.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err != nil {
			continue
		}
		if fits, err := g.fits(f, l); err != nil || fits && (office != store.Everybody || g.onDay(f, m)) {
			return err == nil, err
		}
	}
	return false, nil
}

// ownOffices are the keys of the offices of ours on the route of a movement.
func (g *Gateway) ownOffices(m Movement) (keys []string) {
	for _, o := range m.Route() {
		if o.Administration == "" || o.Administration == string(g.Own) {
			keys = append(keys, gateway.Office{Administration: g.Own, Code: o.Code}.Key())
		}
	}
	return keys
}

// Worklist is the list of a shift that a movement is in now.
func (g *Gateway) Worklist(ctx context.Context, m Movement) (string, error) {
	unaccepted, err := g.accept(ctx, g.Store.Read(), &m)
	list, _ := worklist(m, len(unaccepted) == 0, g.Now())
	return list, err
}
