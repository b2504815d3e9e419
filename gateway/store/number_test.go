package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

func TestNumbersOfABlock(t *testing.T) {
	for _, tt := range []struct {
		first, last string
		size        int64
		ok          bool
	}{
		{"C26070500001", "C26070500500", 500, true},
		{"C26070500001", "C26070500001", 1, true},
		{"C26070500001", "C27070500001", 1_000_000_001, true},
		{"C26070500002", "C26070500001", 0, false},
		{"C26070500001", "K26070500002", 0, false},
		{"C1", "C10", 0, false},
		{"C", "C", 0, false},
		{"", "", 0, false},
		{"99999999999999999999", "99999999999999999999", 1, true},
	} {
		if size, ok := NumberSpan(tt.first, tt.last); ok != tt.ok || ok && size != tt.size {
			t.Errorf("%s to %s: %d, %v", tt.first, tt.last, size, ok)
		}
	}
	b := NumberBlock{First: "C26070500099", Size: 3}
	if got := strings.Join([]string{b.Number(0), b.Number(2), b.Last()}, " "); got != "C26070500099 C26070500101 C26070500101" {
		t.Error(got)
	}
}

// A number is taken once, in its order, by its office alone; where several gateways work on one database,
// too. A restored database takes none that it had when it was saved.
func TestNumberIsTakenOnce(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			s := openFile(t, newPlace(t))
			closes(t, s)
			block := func(office, first string, size int64) {
				do(t, s, func(tx *Tx) error {
					return errors.Join(tx.PutNumberBlock(NumberBlock{Office: office, First: first, Size: size, HandedOver: tx.Now(), HandedOverBy: "national"}), tx.Audit("national", "numbers", first, gateway.Digest{}))
				})
			}
			take := func(office, number string) error {
				_, err := s.Do(t.Context(), func(tx *Tx) error {
					if err := tx.NumberFree(office, number); err != nil {
						return err
					}
					return errors.Join(tx.TakeNumber(office, number, gateway.MessageID("m "+number)), tx.Audit("gateway", "taken", number, gateway.Digest{}))
				})
				return err
			}
			block("CN 0705", "C26070500001", 3)
			block("CN 0705", "C26070500101", 2)
			block("CN 9402", "C26940200001", 2)
			for _, tt := range []struct {
				office, number string
				want           error
			}{
				{"CN 0705", "C26070500001", nil},
				{"CN 0705", "C26070500001", ErrNumberTaken},
				{"CN 9402", "C26070500002", ErrNumberTaken},
				{"CN 0705", "C26070500003", nil}, // what is passed over is not taken later
				{"CN 0705", "C26070500002", ErrNumberTaken},
				{"CN 0705", "C26070500004", ErrNumberTaken},
				{"CN 0705", "C26070500000", ErrNumberTaken},
				{"CN 0705", "K26070500001", ErrNumberTaken},
				{"CN 0705", "C26070500102", nil},
			} {
				if err := take(tt.office, tt.number); !errors.Is(err, tt.want) {
					t.Errorf("%s takes %s: %v, want %v", tt.office, tt.number, err, tt.want)
				}
			}
			read := s.Read()
			left := must(read.NumberBlocksLeft(t.Context(), "CN 0705", 10))(t)
			if len(left) != 0 {
				t.Errorf("left %v", left)
			}
			if left = must(read.NumberBlocksLeft(t.Context(), "CN 9402", 10))(t); len(left) != 1 || left[0].Left() != 2 {
				t.Errorf("left %v", left)
			}
			var uses []string
			for before := (NumberUse{}); ; {
				page := must(read.NumberUses(t.Context(), "CN 0705", before, 2))(t)
				if len(page) == 0 {
					break
				}
				for _, u := range page {
					uses = append(uses, u.Number+" "+string(u.Message))
				}
				before = page[len(page)-1]
			}
			if diff := cmp.Diff([]string{"C26070500102 m C26070500102", "C26070500003 m C26070500003", "C26070500001 m C26070500001"}, uses); diff != "" {
				t.Errorf("uses (-want +got):\n%s", diff)
			}
		})
	}
}

// After a restore what is left is handed over anew, over blocks of which some had been taken, and some had not:
// all of it is taken, and what had been taken before is not.
func TestNumbersHandedOverAfterARestore(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			const office = "CN 0705"
			place, file, target := newPlace(t), filepath.Join(t.TempDir(), "backup.db"), newPlace(t)
			s := openFile(t, place)
			closes(t, s)
			if err := s.Own(t.Context(), "CN"); err != nil {
				t.Fatal(err)
			}
			hand := func(s *Store, first string, size int64) {
				do(t, s, func(tx *Tx) error {
					return errors.Join(tx.PutNumberBlock(NumberBlock{Office: office, First: first, Size: size, HandedOver: tx.Now()}), tx.Audit("national", "numbers", first, gateway.Digest{}))
				})
			}
			take := func(s *Store, number string) error {
				_, err := s.Do(t.Context(), func(tx *Tx) error {
					return errors.Join(tx.TakeNumber(office, number, gateway.MessageID("m "+number)), tx.Audit("gateway", "taken", number, gateway.Digest{}))
				})
				return err
			}
			hand(s, "C26070500001", 5)
			hand(s, "C26070500006", 5)
			if err := take(s, "C26070500002"); err != nil {
				t.Fatal(err)
			}
			must(Backup(t.Context(), place, file, undisturbed))(t)
			if name == "SQLite" { // it was lost
				if err := os.WriteFile(target+markerSuffix, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Restore(t.Context(), file, target, "CN", undisturbed); err != nil {
				t.Fatal(err)
			}
			s = openFile(t, target)
			closes(t, s)
			if left := must(s.Read().NumberBlocksLeft(t.Context(), office, 10))(t); len(left) > 0 {
				t.Fatalf("restored with %v", left)
			}
			if before := must(s.Read().NumberBlockUpto(t.Context(), "C26070500010"))(t); before.Last() != "C26070500002" {
				t.Errorf("what is handed over anew may begin behind %s", before.Last())
			}
			hand(s, "C26070500003", 8)
			for _, number := range []string{"C26070500003", "C26070500006", "C26070500010"} {
				if err := take(s, number); err != nil {
					t.Errorf("%s: %v", number, err)
				}
			}
			if err := take(s, "C26070500001"); !errors.Is(err, ErrNumberTaken) {
				t.Errorf("one that was taken before: %v", err)
			}
		})
	}
}

// Two gateways on one database that want the same number: one has it.
func TestParallelNumbersOfTwoGateways(t *testing.T) {
	place := places["PostgreSQL"](t)
	stores := []*Store{openFile(t, place), openFile(t, place)}
	for _, s := range stores {
		defer s.Close()
	}
	const office, size = "CN 0705", 40
	do(t, stores[0], func(tx *Tx) error {
		return errors.Join(tx.PutNumberBlock(NumberBlock{Office: office, First: "C26070500001", Size: size, HandedOver: tx.Now()}), tx.Audit("national", "numbers", "", gateway.Digest{}))
	})
	var wg sync.WaitGroup
	for i, s := range stores {
		for k := range 4 {
			wg.Go(func() {
				for n := 0; ; {
					left, err := s.Read().NumberBlocksLeft(t.Context(), office, 1)
					if err != nil {
						t.Error(err)
					}
					if err != nil || len(left) == 0 {
						return
					}
					next := left[0].Number(left[0].Taken)
					_, err = s.Do(t.Context(), func(tx *Tx) error {
						return errors.Join(tx.TakeNumber(office, next, gateway.MessageID(fmt.Sprintf("%d %d %d", i, k, n))), tx.Audit("gateway", "taken", next, gateway.Digest{}))
					})
					if n++; err != nil && !errors.Is(err, ErrNumberTaken) {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	uses := must(stores[0].Read().NumberUses(t.Context(), office, NumberUse{}, 2*size))(t)
	seen := make(map[string]bool)
	for _, u := range uses {
		seen[u.Number] = true
	}
	if len(uses) != size || len(seen) != size {
		t.Errorf("%d uses of %d numbers, want %d", len(uses), len(seen), size)
	}
}
