package trace

import (
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/program"
)

// Context is the message that canonical paths start from, and how it was reached. In decode
// its message is made when the first value arrives.
type Context struct {
	Up      *Context
	Via     *program.Row // the each or with that leads here
	Index   int          // in the list of each
	Message document.Node
	Text    string // of each over texts; the handle of what is collected
	Written int    // elements written by an each, for ordinals

	// Grew is told of each message whose list has got an element, by the contexts below too. Of the
	// outermost context alone; it may be nil.
	Grew func(holder document.Node)

	at    string // instance path, once asked for
	known bool
}

// Contexts hands out contexts from blocks: one allocation for many of them.
type Contexts struct{ free []Context }

// New returns a context like c.
func (s *Contexts) New(c Context) *Context {
	if len(s.free) == 0 {
		s.free = make([]Context, block)
	}
	made := &s.free[0]
	*made, s.free = c, s.free[1:]
	return made
}

// At returns a context like c whose instance path is known.
func At(path string, c Context) *Context {
	c.at, c.known = path, true
	return &c
}

// Out returns the context so many levels outwards.
func (c *Context) Out(levels int) *Context {
	for range levels {
		c = c.Up
	}
	return c
}

func (c *Context) outermost() *Context {
	for c.Up != nil {
		c = c.Up
	}
	return c
}

// Make returns the context's message and makes it if need be.
func (c *Context) Make() document.Node {
	switch {
	case c.Message.IsValid():
	case c.Via.Scalar:
		c.Message = c.Up.Make()
		c.Index = c.Via.Path.Len(c.Message)
	case c.Via.Each:
		up := c.Up.Make()
		c.Message = c.Via.Path.Append(up)
		c.Index = c.Via.Path.Len(up) - 1
		if grew := c.outermost().Grew; grew != nil {
			grew(c.Via.Path.Holder(up))
		}
	default:
		c.Message = c.Via.Path.Message(c.Up.Make(), true)
	}
	return c.Message
}

// Instance returns the instance path of the context: where it is, or would be made.
func (c *Context) Instance() string {
	if c.Up == nil || c.known {
		return c.at
	}
	at := c.Via.Path.Instance(c.Up.Message, c.Up.Instance())
	if c.Via.Each {
		index := c.Index
		if !c.Message.IsValid() && c.Up.Message.IsValid() {
			index = c.Via.Path.Len(c.Up.Message)
		}
		at = document.Element(at, index)
	}
	if c.Message.IsValid() {
		c.at, c.known = at, true
	}
	return at
}

// Path returns the instance path of a row's value in the context; index is the position of an
// appended element, else negative.
func (c *Context) Path(r *program.Row, index int) string {
	return string(c.appendPath(nil, r, index))
}

func (c *Context) appendPath(b []byte, r *program.Row, index int) []byte {
	b = append(b, c.Instance()...)
	switch {
	case r.Item && r.Each && index >= 0:
		return document.AppendIndex(r.Path.AppendInstance(b, c.Message), index)
	case r.Item && !r.Each, r.Path == nil:
		return b
	case r.Spread != nil && index >= 0: // read into an element of the list
		return append(append(document.AppendIndex(r.Spread.List.AppendInstance(b, c.Message), index), '.'), r.Spread.Leaf.String()...)
	case r.Derives(): // stands for all of a list
		return appendThrough(b, r)
	}
	b = r.Path.AppendInstance(b, c.Message)
	if r.Info.Language != nil && index >= 0 {
		return append(document.AppendIndex(b, index), ".value"...)
	}
	return b
}

// appendThrough appends the path of a row through its lists, without positions.
func appendThrough(b []byte, r *program.Row) []byte {
	for _, hop := range r.Hops {
		b = appendStep(b, hop.Path.String())
	}
	return appendStep(b, r.Path.String())
}

func appendStep(b []byte, step string) []byte {
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, step...)
}
