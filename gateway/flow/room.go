package flow

import (
	"context"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
	"customs.example/gateway/store"
)

// own is the party of what the gateway does by itself.
const own = "gateway"

func workOf(size int) int64 { return budget.WorkBase + budget.WorkFactor*int64(size) }

// room takes memory for the work on a document of a size, for whoever asks for it; it
// refuses with a *budget.ExhaustedError.
func (g *Gateway) room(ctx context.Context, party string, size int) (*budget.Lease, error) {
	return g.Budget.Work.Take(ctx, party, workOf(size))
}

// ownRoom takes memory for work that nobody waits for, whenever there is some.
func (g *Gateway) ownRoom(ctx context.Context, size int) (*budget.Lease, error) {
	return g.Budget.Work.Await(ctx, own, workOf(size))
}

type roomKey struct{}

// within is a context in which work holds room.
func within(ctx context.Context, room *budget.Lease) context.Context {
	return context.WithValue(ctx, roomKey{}, room)
}

// moreRoom takes memory for a further document that the work under way has come upon.
func moreRoom(ctx context.Context, size int) {
	if room, ok := ctx.Value(roomKey{}).(*budget.Lease); ok {
		room.Add(workOf(size))
	}
}

// receiptRoom is the part of the free disk, from where nothing new is taken, that is left
// to what partners deliver: half of it. The rest is for receipts and the audit trail.
const receiptRoom = 0.5

// short refuses what is new if the disk is nearly full: documents of offices first, then
// what partners and posts at the border bring, so that there is always room to write that
// a message was received.
func (g *Gateway) short(door string) gateway.Faults {
	if g.Disk == nil {
		return nil
	}
	used, err := g.Disk()
	if err != nil {
		if g.diskUnknown.failed() {
			g.Log.Tell(event.Event{Name: event.DiskUnknown, Cause: err})
		}
		return nil
	}
	g.diskUnknown.resumed()
	most := g.Budget.Limits.Disk
	if door != store.DoorSubmit {
		most = 1 - (1-most)*receiptRoom
	}
	if used < most {
		if used < g.Budget.Limits.Disk && g.diskFull.resumed() > 0 {
			g.Log.Tell(event.Event{Name: event.DiskFree, Percent: percent(used)})
		}
		return nil
	}
	if g.diskFull.failed() {
		g.Log.Tell(event.Event{Name: event.DiskShort, Door: door, Percent: percent(used)})
	}
	return gateway.Faults{fault(gateway.StorageShort, "", "")}
}

func percent(part float64) int { return int(part * 100) }
