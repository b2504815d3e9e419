package flow

import (
	"context"
	"slices"
	"strconv"
	"time"
	"unicode"

	"customs.example/gateway"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// Of a search for what is announced to other offices.
const (
	MinSearched = 4   // letters and digits, at least
	MaxSearched = 100 // characters, at most
	MaxGlimpses = 20
	searchSpan  = time.Hour // in which so many are answered to one caller
	// searchExamined is how many movements one search looks at.
	searchExamined = 512
)

// Glimpse is what is shown of a movement that is not opened: where and when it is announced.
type Glimpse struct {
	Movement gateway.MovementID
	Entry    []string
	Expected time.Time
}

// supervised is what a caller does beyond its routes.
func (g *Gateway) supervised(c Caller, kind, reason string, of gateway.MovementID, subject string) store.Supervised {
	return store.Supervised{
		Office: gateway.Office{Administration: g.Own, Code: c.Office}.Key(), Kind: kind, Caller: c.URI, Reason: reason, Movement: of, Subject: subject,
	}
}

// Elsewhere looks for what is announced to other offices of ours and has not arrived, the last changed
// first, for a stated reason, and reports whether there is more. It is on the record before
// anything is looked for, whatever is found.
func (g *Gateway) Elsewhere(ctx context.Context, c Caller, text, reason string) (out []Glimpse, more bool, err error) {
	reason, unfit := neededReason(reason)
	switch n, all := countable(text); {
	case len(unfit) > 0:
		return nil, false, g.refuse(ctx, c, []byte(text), unfit...)
	case n < MinSearched || all > MaxSearched:
		f := fault(gateway.SearchShort, gateway.Clip(text), strconv.Itoa(MinSearched))
		f.Path = "text"
		return nil, false, g.refuse(ctx, c, []byte(text), f)
	}
	most, often := g.Budget.Limits.Searches, false
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		before, err := tx.SupervisedBy(ctx, c.URI, store.Searched, tx.Now().Add(-searchSpan), most)
		if err != nil {
			return err
		}
		if often = len(before) >= most; often {
			return gateway.Faults{fault(gateway.SearchTooOften, strconv.Itoa(most), "")}
		}
		return tx.Supervise(g.supervised(c, store.Searched, reason, "", gateway.Clip(text)), "searched elsewhere", c.Office)
	}); err != nil {
		if often {
			return nil, false, g.refuse(ctx, c, []byte(text), fault(gateway.SearchTooOften, strconv.Itoa(most), ""))
		}
		return nil, false, err
	}
	rows, err := g.Store.Read().MovementsSought(ctx, index(reconcile.Sought(text)), searchExamined)
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		m, err := movementOf(row)
		if err != nil {
			return nil, false, err
		}
		if !m.Meets(text) {
			continue
		}
		m.Movement = m.AsOf(g.Now(), g.Tolerances)
		if !g.elsewhere(m, c.Office) || m.HasArrived() && m.State() != reconcile.StatePartlyArrived {
			continue
		}
		if len(out) == MaxGlimpses {
			return out, true, nil
		}
		glimpse := Glimpse{Movement: m.ID, Expected: m.Expected()}
		for _, o := range m.Route() {
			if o.Role == reconcile.EntryOffice && !slices.Contains(glimpse.Entry, o.Code) {
				glimpse.Entry = append(glimpse.Entry, o.Code)
			}
		}
		out = append(out, glimpse)
	}
	return out, len(rows) == searchExamined, nil
}

// elsewhere reports whether a movement is announced by a partner to other offices of ours than one.
func (g *Gateway) elsewhere(m Movement, office string) bool {
	return m.Incoming() && g.ofOthers(m) && !g.onRoute(m, office)
}

// OpenMovement puts the caller's office on the route of a movement that is announced to others, for a stated
// reason. Where it is on the route already nothing changes. A movement that no search of the
// caller could find is not there.
func (g *Gateway) OpenMovement(ctx context.Context, c Caller, id gateway.MovementID, reason string) (Movement, error) {
	reason, unfit := neededReason(reason)
	if len(unfit) > 0 {
		return Movement{}, g.refuse(ctx, c, []byte(id), unfit...)
	}
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		m, err := movementIn(ctx, tx, id)
		if err != nil {
			return err
		}
		if g.onRoute(m, c.Office) {
			return tx.Audit(c.URI, "opened already", string(m.ID), gateway.DigestOf([]byte(reason)))
		}
		if !g.elsewhere(m, c.Office) {
			return store.ErrNotFound
		}
		m.Openings = append(m.Openings, Opening{Of: g.Own, Office: c.Office, Caller: c.URI, Reason: reason, At: tx.Now()})
		if err := g.keep(tx, m); err != nil {
			return err
		}
		return tx.Supervise(g.supervised(c, store.Opened, reason, m.ID, ""), "movement opened", c.Office+" "+string(m.ID))
	}); err != nil {
		return Movement{}, err
	}
	return g.Movement(ctx, id)
}

// countable is how many letters and digits a text has, and how many characters.
func countable(text string) (n, all int) {
	for _, r := range text {
		if all++; unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n, all
}

// Shift is a span of time at an office, from the one instant to before the other.
type Shift struct {
	From, Until time.Time
	zone        *time.Location
}

// Local is an instant of the shift in the local time of its office, RFC 3339.
func (s Shift) Local(at time.Time) string { return at.In(s.zone).Format(time.RFC3339) }

// ShiftAt reads a shift in the local time of an office of ours: YYYY-MM-DDTHH:MM-HH:MM, or a whole
// day, YYYY-MM-DD. One that ends before it begins ends on the next day.
func (g *Gateway) ShiftAt(office, text string) (Shift, error) {
	zone, ok := g.Chain.Tables.Lists().Zone(g.Own, office)
	if !ok {
		zone = time.UTC
	}
	s := Shift{zone: zone}
	const day, minute = "2006-01-02", "2006-01-02T15:04"
	var err error
	if len(text) == len(day) {
		if s.From, err = time.ParseInLocation(day, text, zone); err == nil {
			s.Until = s.From.AddDate(0, 0, 1)
			return s, nil
		}
	}
	if len(text) == len(minute)+len("-15:04") && text[len(minute)] == '-' {
		from, errFrom := time.ParseInLocation(minute, text[:len(minute)], zone)
		until, errUntil := time.ParseInLocation(minute, text[:len(day)+1]+text[len(minute)+1:], zone)
		if errFrom == nil && errUntil == nil {
			if !until.After(from) {
				until = until.AddDate(0, 0, 1)
			}
			return Shift{from, until, zone}, nil
		}
	}
	f := fault(gateway.ShiftUnfit, gateway.Clip(text), "2026-03-01, 2026-03-01T08:00-20:00")
	f.Path = "shift"
	return Shift{}, gateway.Faults{f}
}

// Overrides is what posts of an office did beyond their routes in a shift, in order, behind one of
// them, the last of which returned is the next's.
func (g *Gateway) Overrides(ctx context.Context, office string, s Shift, after OverridePlace, limit int) ([]store.Supervised, error) {
	from, leaf := s.From, int64(-1)
	if !after.At.IsZero() {
		from, leaf = after.At, after.Leaf
	}
	return g.Store.Read().SupervisedOf(ctx, gateway.Office{Administration: g.Own, Code: office}.Key(), from, s.Until, leaf, limit)
}

// OverridePlace is where a page of overrides ended.
type OverridePlace struct {
	At   time.Time
	Leaf int64
}
