package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// TestEveryDoorAsksForRoom: what finds none is refused with a time to come again, and
// leaves nothing behind; who leaves while it waits is not answered; in the end nothing is
// held.
func TestEveryDoorAsksForRoom(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	joined := w.submit("V1", "mt4402.xml")
	m := w.message(joined.MessageID)
	limits := budget.Default
	limits.Wait = 10 * time.Millisecond
	for name, ask := range map[string]func(ctx context.Context, cn, ru *flow.Gateway) error{
		"submit": func(ctx context.Context, cn, _ *flow.Gateway) error {
			_, err := cn.Submit(ctx, post, flow.Submission{ID: "M2", MediaType: flow.XML, Content: w.content("mt2401.xml")})
			return err
		},
		"check": func(ctx context.Context, cn, _ *flow.Gateway) error {
			_, err := cn.Check(ctx, post, flow.Submission{MediaType: flow.XML, Content: w.content("mt2401.xml")})
			return err
		},
		"explain": func(ctx context.Context, cn, _ *flow.Gateway) error {
			_, err := cn.Explain(ctx, post, "V1")
			return err
		},
		"receive": func(ctx context.Context, _, ru *flow.Gateway) error {
			_, err := ru.Receive(ctx, "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.Header, m.Signature, m.Payload)
			return err
		},
		"arrival": func(ctx context.Context, _, ru *flow.Gateway) error {
			_, err := ru.RecordArrival(ctx, russianPost, flow.Record{ID: "A1", Content: seen("A1", "京A00001")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.cn.Budget, w.ru.Budget = budget.New(limits), budget.New(limits)
			cn, ru := flow.New(w.cn.Options), flow.New(w.ru.Options)
			before := w.events(cn) + w.events(ru)
			var held []*budget.Lease
			for _, g := range []*flow.Gateway{cn, ru} {
				l, err := g.Budget.Work.Take(t.Context(), "another", 1)
				if err != nil {
					t.Fatal(err)
				}
				l.Add(limits.Memory) // small things, too, find none
				held = append(held, l)
			}
			var full *budget.ExhaustedError
			if err := ask(t.Context(), cn, ru); !errors.As(err, &full) || full.After <= 0 {
				t.Fatalf("without room: %v", err)
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			if err := ask(gone, cn, ru); !errors.Is(err, context.Canceled) {
				t.Errorf("after it has left: %v", err)
			}
			if after := w.events(cn) + w.events(ru); after != before {
				t.Errorf("it left behind\n%s", strings.TrimPrefix(after, before))
			}
			for _, l := range held {
				l.Release()
			}
			if err := ask(t.Context(), cn, ru); errors.As(err, &full) {
				t.Errorf("with room: %v", err)
			}
			for _, g := range []*flow.Gateway{cn, ru} {
				for _, u := range g.Budget.Usage() {
					if u.Used != 0 {
						t.Errorf("in the end %+v", u)
					}
				}
			}
		})
	}
}

// TestANearlyFullDiskTakesNothingNew: offices first, then partners and the border; what is
// stored already is answered as ever, receipts are written, and the log says it once.
func TestANearlyFullDiskTakesNothingNew(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	used := 0.5
	disk := func() (float64, error) { return used, nil }
	w.cn.Disk, w.ru.Disk = disk, disk
	cn, log := logged(w.cn)
	w.cn = cn
	submit := func(sub string, content []byte) gateway.Code {
		s, err := cn.Submit(t.Context(), post, flow.Submission{ID: gateway.SubmissionID(sub), MediaType: flow.XML, Content: content})
		if err == nil {
			return gateway.Code(s.State)
		}
		return codeOf(err)
	}
	arrive := func(arrival string) gateway.Code {
		if _, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: arrival, Content: seen(arrival, "京A00001")}); err != nil {
			return codeOf(err)
		}
		return "recorded"
	}
	for _, c := range []struct {
		used             float64
		submit, again    gateway.Code
		arrival          gateway.Code
		arrivalID, docID string
	}{
		{0.89, "faulty", "joined", "recorded", "A1", "X1"},
		{0.90, gateway.StorageShort, "joined", "recorded", "A2", "X2"},
		{0.949, gateway.StorageShort, "joined", "recorded", "A3", "X3"},
		{0.95, gateway.StorageShort, "joined", gateway.StorageShort, "A4", "X4"},
		{0.999, gateway.StorageShort, "joined", gateway.StorageShort, "A5", "X5"},
		{0.5, "faulty", "joined", "recorded", "A6", "X6"},
	} {
		used = c.used
		if got := submit(c.docID, []byte("<nothing/>")); got != c.submit {
			t.Errorf("at %v a new document is %s, want %s", c.used, got, c.submit)
		}
		if got := submit("V1", w.content("mt4402.xml")); got != c.again {
			t.Errorf("at %v one that is stored is %s, want %s", c.used, got, c.again)
		}
		if got := arrive(c.arrivalID); got != c.arrival {
			t.Errorf("at %v an arrival is %s, want %s", c.used, got, c.arrival)
		}
	}
	if n := len(log.of("level=ERROR")); n != 1 || len(log.of("room on the disk again")) != 1 {
		t.Errorf("the log says\n%s", log.buf.String())
	}
	// What a partner delivers waits with its sender, and is taken when there is room.
	used = 0.96
	w.deliver()
	if m := w.message(id); m.State != gateway.Sending || !strings.Contains(m.LastError, "STORAGE_SHORT") {
		t.Fatalf("delivered to a full disk: %s, %s", m.State, m.LastError)
	}
	if _, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is stored: %v", err)
	}
	used = 0.94
	w.clock.add(flow.MaxInterval)
	w.deliver()
	if m := w.message(id); m.State != gateway.Accepted {
		t.Errorf("then: %s, %s", m.State, m.LastError)
	}
	w.cn.Disk = func() (float64, error) { return 0, errors.New("no such device") }
	cn, log = logged(w.cn)
	for _, sub := range []string{"Y1", "Y2"} {
		if got := submit(sub, []byte("<nothing/>")); got != "faulty" {
			t.Errorf("without a look at the disk a document is %s", got)
		}
	}
	if n := len(log.of("level=ERROR")); n != 1 {
		t.Errorf("the log says\n%s", log.buf.String())
	}
}
