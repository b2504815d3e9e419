package store

import (
	"context"
	"errors"
	"fmt"
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

// BenchmarkDo measures a unit of work that waits for its own commit on disk.
func BenchmarkDo(b *testing.B) {
	s, content := open(b), make([]byte, 8<<10)
	for n := int64(0); b.Loop(); n++ {
		benchUnit(b, s, n, content)
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
