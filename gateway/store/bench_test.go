package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"customs.example/gateway"
)

func benchUnit(b *testing.B, s *Store, n int64, content []byte) {
	a := Arrival{Door: DoorSubmit, Party: "0603", ID: fmt.Sprint(n), Content: content, Received: now}
	_, err := s.Do(context.Background(), func(tx *Tx) error {
		return errors.Join(tx.PutArrival(a), tx.Audit("bench", "arrived", a.ID, gateway.Digest{}))
	})
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkDo measures a unit of work that waits for its own commit on disk, without a counter beside the database
// and with one.
func BenchmarkDo(b *testing.B) {
	for name, counter := range map[string]string{"alone": "", "counted": filepath.Join(b.TempDir(), "counter")} {
		b.Run(name, func(b *testing.B) {
			s, content := must(OpenCounted(b.Context(), filepath.Join(b.TempDir(), "gateway.db"), counter, clock))(b), make([]byte, 8<<10)
			closes(b, s)
			for n := int64(0); b.Loop(); n++ {
				benchUnit(b, s, n, content)
			}
		})
	}
}

// BenchmarkDoParallel measures units of many callers, which share commits.
func BenchmarkDoParallel(b *testing.B) {
	s, content := open(b), make([]byte, 8<<10)
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			benchUnit(b, s, n.Add(1), content)
		}
	})
}

// BenchmarkRead measures what a message with 2 kB documents costs to read.
func BenchmarkRead(b *testing.B) {
	s := open(b)
	doc := func(n byte) []byte { return bytes.Repeat([]byte{n}, 2<<10) }
	m := Message{ID: "m", Payload: doc(1), Canonical: doc(2), Header: doc(3)[:400], Created: now}
	do(b, s, func(tx *Tx) error {
		return errors.Join(tx.PutMessage(m), tx.PutReceipt(b.Context(), m.ID, Receipt{Statement: Statement{Statement: doc(4)}, Verdict: gateway.PRS}))
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Read().Message(b.Context(), "m"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnit measures the statements of a unit of work that others share a commit with:
// an arrival of 2 kB, its message, and two audit rows.
func BenchmarkUnit(b *testing.B) {
	s := open(b)
	doc := func(n int) []byte { return append(bytes.Repeat([]byte{1}, 2<<10), fmt.Sprint(n)...) }
	b.ReportAllocs()
	do(b, s, func(tx *Tx) error {
		for n := 0; b.Loop(); n++ {
			id := fmt.Sprint(n)
			if err := errors.Join(
				tx.PutArrival(Arrival{Door: DoorSubmit, Party: "0603", ID: id, Content: doc(n), Received: now}),
				tx.PutMessage(Message{ID: gateway.MessageID(id), Payload: doc(-n), Canonical: doc(n), Header: doc(3)[:400], Created: now}),
				tx.Audit("bench", "arrived", id, gateway.Digest{}), tx.Audit("bench", "queued", id, gateway.Digest{})); err != nil {
				return err
			}
		}
		return nil
	})
}
