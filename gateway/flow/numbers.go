package flow

import (
	"context"
	"errors"
	"slices"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// Numbers that documents of a route bear are allocated by the administration's own system, which hands them
// over in blocks. A judgement looks at the next ones of its office, and takes them in the unit of work that
// creates its messages: if another has been faster, it is judged again. So a check takes none, and what is
// refused for want of numbers is judged anew when it is sent again. A number that was taken stays that
// message's, whatever becomes of it; a document that takes the place of another bears the same.

// maxNumberBlocks is how many blocks of an office are told.
const maxNumberBlocks = 100

// numbering gives new documents the next numbers of an office; nil where the route asks for none.
func (g *Gateway) numbering(ctx context.Context, p Plan, office string) func([]*customsv1.Document) (*gateway.Fault, error) {
	if p.Route.Numbers == nil {
		return nil
	}
	return func(documents []*customsv1.Document) (*gateway.Fault, error) {
		return g.number(ctx, p, office, documents)
	}
}

// number gives documents the next numbers of an office, each its own, but for those that the messages to the
// first addressee take.
func (g *Gateway) number(ctx context.Context, p Plan, office string, documents []*customsv1.Document) (*gateway.Fault, error) {
	if len(documents) == 0 {
		return nil, nil
	}
	rt := p.Route
	blocks, err := g.Store.Read().NumberBlocksLeft(ctx, g.officeKey(office), len(documents)+len(p.spoken))
	if err != nil {
		return nil, err
	}
	fits := rt.Numbers.Fits(office)
	var next []string
	for _, b := range blocks {
		for i := b.Taken; i < b.Size && len(next) < len(documents); i++ {
			if n := b.Number(i); !slices.Contains(p.spoken, n) && fits(n) {
				next = append(next, n)
			}
		}
	}
	if len(next) < len(documents) {
		f := fault(gateway.NumbersNone, office, string(g.Own))
		return &f, nil
	}
	for i, d := range documents {
		if err := rt.Numbers.Set(d, next[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (g *Gateway) officeKey(code string) string {
	return gateway.Office{Administration: g.Own, Code: code}.Key()
}

// SampleNumbers gives documents numbers that are made up: they are only tried.
func SampleNumbers(rt *release.Route) func([]*customsv1.Document) (*gateway.Fault, error) {
	if rt == nil || rt.Numbers == nil {
		return nil
	}
	return func(documents []*customsv1.Document) (*gateway.Fault, error) {
		b := store.NumberBlock{First: rt.Numbers.Sample}
		for i, d := range documents {
			if err := rt.Numbers.Set(d, b.Number(int64(i))); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

// numberAgain gives documents the numbers that messages of theirs bear.
func (g *Gateway) numberAgain(ctx context.Context, rt *release.Route, messages []store.Message) (func([]*customsv1.Document) (*gateway.Fault, error), error) {
	if rt.Numbers == nil {
		return nil, nil
	}
	borne := make(map[string]string, len(messages))
	for _, m := range messages {
		full, err := g.Store.Read().Message(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		borne[gateway.FoldID(m.DocumentID)] = rt.Numbers.Of(document.Parse(full.Canonical).Document)
	}
	return func(documents []*customsv1.Document) (*gateway.Fault, error) {
		for _, d := range documents {
			if n := borne[gateway.FoldID(d.GetEnvelope().GetDocumentId())]; n != "" {
				if err := rt.Numbers.Set(d, n); err != nil {
					return nil, err
				}
			}
		}
		return nil, nil
	}, nil
}

// numbered gives the documents of a version their numbers: those that take the place of another bear its, and
// of those that are new each takes its own.
func (v *versioned) numbered(ctx context.Context, c *composition, documents []*customsv1.Document) (*gateway.Fault, error) {
	rt := v.plan.Route
	var fresh []*customsv1.Document
	for i, d := range documents {
		if l := c.pairs[i]; l != nil && l.stands() != nil {
			if n := rt.Numbers.Of(v.of.told[l.stands().ID]); n != "" {
				if err := rt.Numbers.Set(d, n); err != nil {
					return nil, err
				}
				v.j.borne = append(v.j.borne, n)
				continue
			}
		}
		fresh = append(fresh, d)
	}
	return v.g.number(ctx, v.plan, v.j.submission.Office, fresh)
}

// taken are the numbers that a judgement's messages take, in the order of the messages; those that take the
// place of others bear what these have taken, be these handed over or not.
func (j *judgement) taken() (numbers []string) {
	numbers = make([]string, len(j.messages))
	rt := j.plan.Route
	if rt == nil || rt.Numbers == nil {
		return numbers
	}
	for i, m := range j.messages {
		if m.Kind != rt.Kind {
			continue
		}
		if n := rt.Numbers.Of(j.notices[i]); !slices.Contains(j.borne, n) {
			numbers[i] = n
		}
	}
	return numbers
}

// numbersFree reports whether nobody has taken the numbers that a judgement's messages take.
func (g *Gateway) numbersFree(tx *store.Tx, j *judgement) (bool, error) {
	for _, n := range j.taken() {
		if n == "" {
			continue
		}
		if err := tx.NumberFree(g.officeKey(j.submission.Office), n); errors.Is(err, store.ErrNumberTaken) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

// numberedRoutes are those that take numbers, from an office; of any, if it is empty.
func (g *Gateway) numberedRoutes(office string) (routes []*release.Route) {
	for _, rt := range g.Chain.Routes.All() {
		if rt.From == g.Own && rt.Numbers != nil && (office == "" || rt.Serves(office)) {
			routes = append(routes, rt)
		}
	}
	return routes
}

// HandOverNumbers takes a block of numbers for an office, from the first to the last. The same block again
// changes nothing.
func (g *Gateway) HandOverNumbers(ctx context.Context, c Caller, office, first, last string) (store.NumberBlock, error) {
	span := first + " - " + last
	refuse := func(f gateway.Fault, path string) (store.NumberBlock, error) {
		f.Path = path
		return store.NumberBlock{}, gateway.Faults{f}
	}
	routes := g.numberedRoutes(office)
	if len(routes) == 0 {
		return refuse(fault(gateway.NumbersOffice, office, ""), "office")
	}
	size, ok := store.NumberSpan(first, last)
	if !ok || size > store.MaxNumberBlock {
		return refuse(fault(gateway.NumbersUnfit, span, "100000"), "last")
	}
	if !slices.ContainsFunc(routes, func(rt *release.Route) bool {
		fits := rt.Numbers.Fits(office)
		return fits(first) && fits(last)
	}) {
		return refuse(fault(gateway.NumbersForm, span, routes[0].Numbers.Sample), "first")
	}
	block := store.NumberBlock{Office: g.officeKey(office), First: first, Size: size, HandedOverBy: c.URI}
	var overlaps *gateway.Fault
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		overlaps = nil
		block.HandedOver = tx.Now()
		before, err := tx.NumberBlockUpto(ctx, last)
		switch {
		case store.IgnoreNotFound(err) != nil:
			return err
		case err == nil && before.First == first && before.Size == size && before.Office == block.Office:
			block = before
			return tx.Audit(c.URI, "numbers handed over again", block.Office+" "+span, gateway.Digest{})
		case err == nil && before.Last() >= first:
			f := fault(gateway.NumbersOverlap, span, before.First+" - "+before.Last())
			f.Path = "first"
			overlaps = &f
			return gateway.Faults{f}
		}
		return errors.Join(tx.PutNumberBlock(block), tx.Audit(c.URI, "numbers handed over", block.Office+" "+span, gateway.Digest{}))
	})
	if overlaps != nil {
		return store.NumberBlock{}, gateway.Faults{*overlaps}
	}
	return block, err
}

// NumberBlocks are the blocks that were handed over for an office, or for all that have a route that takes
// numbers, the latest of each first.
func (g *Gateway) NumberBlocks(ctx context.Context, offices []string) (blocks []store.NumberBlock, err error) {
	if offices == nil {
		for _, rt := range g.numberedRoutes("") {
			for _, o := range rt.Offices {
				offices = append(offices, o.Code)
			}
		}
	}
	seen := make(map[string]bool)
	for _, o := range offices {
		key := g.officeKey(o)
		if seen[key] {
			continue
		}
		seen[key] = true
		some, err := g.Store.Read().NumberBlocks(ctx, key, maxNumberBlocks)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, some...)
	}
	return blocks, nil
}

// NumberUse is a number that a message has taken, and where that stands.
type NumberUse struct {
	store.NumberUse
	State gateway.MessageState
	Burnt bool // nothing that is announced bears it, and nothing ever will
}

// NumberUses tells which messages of an office have taken numbers, the latest first, behind a use.
func (g *Gateway) NumberUses(ctx context.Context, office string, before store.NumberUse, limit int) ([]NumberUse, error) {
	read := g.Store.Read()
	uses, err := read.NumberUses(ctx, g.officeKey(office), before, limit)
	if err != nil {
		return nil, err
	}
	out := make([]NumberUse, len(uses))
	for i, u := range uses {
		m, err := read.Message(ctx, u.Message)
		if err != nil {
			return nil, err
		}
		bearer, err := g.bearerOf(ctx, u.Number, m)
		if err != nil {
			return nil, err
		}
		out[i] = NumberUse{u, bearer.State, !live(bearer)}
		out[i].Message = bearer.ID
	}
	return out, nil
}

// bearerOf is the message that bears a number which a message has taken: that itself, or where it is nothing any
// more the latest that has taken its place and counts.
func (g *Gateway) bearerOf(ctx context.Context, number string, taker store.Message) (store.Message, error) {
	rt, ok := g.Chain.Routes.Route(taker.Route)
	if live(taker) || !ok || rt.Numbers == nil {
		return taker, nil
	}
	read := g.Store.Read()
	all, err := read.Messages(ctx, taker.Whole)
	if err != nil {
		return taker, err
	}
	bearer := taker
	for _, m := range all {
		if m.Kind != taker.Kind || m.Version <= bearer.Version || !live(m) {
			continue
		}
		full, err := read.Message(ctx, m.ID)
		if err != nil {
			return taker, err
		}
		if rt.Numbers.Of(document.Parse(full.Canonical).Document) == number {
			bearer = m
		}
	}
	return bearer, nil
}
