package flow_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// BenchmarkPageOfAList reads a page of 50 of each list of a post, as it is shown, among 200,000 movements:
// half of them have arrived, and one in a hundred is what a worklist holds.
func BenchmarkPageOfAList(b *testing.B) {
	w := newWorld(b)
	tellsOfArrivals(w)
	br := borders[0]
	p := tripOf(1, w)
	m, _ := w.announced(br, p)
	is := found(w, w.cn, p.waybills()[0])
	row, err := w.cn.Store.Read().Movement(b.Context(), is.ID)
	if err != nil {
		b.Fatal(err)
	}
	const movements, each = 200_000, 500
	for from := 0; from < movements; from += each {
		if _, err := w.cn.Store.Do(context.Background(), func(tx *store.Tx) error {
			for i := from; i < from+each; i++ {
				row.ID = gateway.MovementID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
				l := store.Listed{Office: "0603", Roles: []string{"exit"}, Kinds: []string{"PreArrivalNotice"}, State: "arrived", Since: m.Created.Add(time.Duration(i) * time.Second), Expected: m.Created.Add(time.Duration(i) * time.Minute)}
				switch {
				case i%100 == 0:
					l.State, l.Worklist = "departed", flow.LeftUnaccepted
				case i%100 == 1:
					l.State, l.Worklist, l.Differs = "not accepted", flow.LeftRefused, true
				case i%2 == 0:
					l.State, l.Worklist = "announced", flow.NotArrived
				}
				all := l
				all.Office = store.Everybody
				if err := tx.PutMovement(row, []store.Identifier{{Kind: "batch", Folded: fmt.Sprint("0603", i)}}); err != nil {
					return err
				}
				if err := tx.PutListed(row.ID, []store.Listed{l, all}, nil); err != nil {
					return err
				}
			}
			return tx.Audit("bench", "filled", "", gateway.Digest{})
		}); err != nil {
			b.Fatal(err)
		}
	}
	for name, f := range map[string]flow.ListFilter{
		"left unaccepted": {Worklist: flow.LeftUnaccepted}, "left refused": {Worklist: flow.LeftRefused}, "not arrived": {Worklist: flow.NotArrived},
		"arrived": {State: "arrived"}, "differing": {Differing: true}, "a day": {Day: "2026-03-20"}, "all": {}, "an administration's": {Offices: []string{store.Everybody}},
	} {
		if f.Offices == nil {
			f.Offices = []string{"0603"}
		}
		f.Limit = 50
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				found, _, err := w.cn.List(b.Context(), f, flow.ListPlace{})
				if err != nil || len(found) != f.Limit {
					b.Fatal(len(found), err)
				}
				for _, m := range found {
					if _, err := w.cn.Worklist(b.Context(), m); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
