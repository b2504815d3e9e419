package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
)

// flaws are the rows of a place that are not as they were written.
func flaws(t testing.TB, s *Store) (found []Damage) {
	t.Helper()
	if err := s.Flaws(t.Context(), func(d Damage) { found = append(found, d) }); err != nil {
		t.Fatal(err)
	}
	return found
}

// fallen is another value of the kind of one.
func fallen(v any) any {
	switch v := v.(type) {
	case int64:
		return v ^ 1
	case bool:
		return !v
	case string:
		if v == "" {
			return "x"
		}
		return string(v[0]^1) + v[1:]
	case []byte:
		b := slices.Clone(v)
		b[len(b)/2] ^= 4
		return b
	}
	return []byte{1}
}

// TestEachColumnIsCoveredOrListed changes each column of a row of each table that has digests: it is found,
// unless it is on the list of those that none covers, and nothing is on that list that is not there.
func TestEachColumnIsCoveredOrListed(t *testing.T) {
	for name := range places {
		t.Run(name, func(t *testing.T) {
			place := furnished(t, name)
			s := openFile(t, place)
			closes(t, s)
			if found := flaws(t, s); len(found) > 0 {
				t.Fatalf("before anything happened: %v", found)
			}
			l := must(look(t.Context(), place, false))(t)
			defer l.close()
			listed := make(map[string]bool)
			for _, tab := range recorded {
				if !slices.Contains(digestedTables, tab.name) {
					continue
				}
				var columns []string
				var values []any
				var written bool
				err := l.each(t.Context(), tab, nil, func(c []string, v []any) error {
					if v[slices.Index(c, "row_digest")] != int64(0) {
						columns, values, written = slices.Clone(c), slices.Clone(v), true
					}
					return nil
				})
				if err != nil || !written {
					t.Errorf("%s: no row with a digest, %v", tab.name, err)
					continue
				}
				for i, column := range columns {
					if column == "row_digest" || slices.Contains(tab.key, column) {
						continue // who changes a digest has the row refused; a key is another row's
					}
					for why := range undigested {
						if why == tab.name+"."+column || why == column && !covers(tab.name, column) {
							listed[why] = true
						}
					}
					other := slices.Clone(values)
					other[i] = fallen(values[i])
					if found := !whole(tab.name, columns, other); found != covers(tab.name, column) {
						t.Errorf("%s.%s: found: %v", tab.name, column, found)
					}
				}
				if !whole(tab.name, columns, values) {
					t.Errorf("%s: %v", tab.name, values)
				}
			}
			listed["row_digest"], listed["judgement.number"] = true, true // a digest's own, a key's
			for why := range undigested {
				if !listed[why] {
					t.Errorf("%s is on the list of what no digest covers, and nothing is called so", why)
				}
			}
		})
	}
}

// TestADamagedRowIsRefusedAlone: it is told of once, nothing is read out of it or written over it, and all
// others go on, after a start too.
func TestADamagedRowIsRefusedAlone(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			place := place(t)
			s := openFile(t, place)
			for i := range 3 {
				do(t, s, func(tx *Tx) error {
					id := gateway.MessageID(fmt.Sprint("M-", i))
					m := Message{ID: id, Chain: id, Recipient: "RU", State: gateway.Queued, Created: now, ValidUntil: now.Add(time.Hour)}
					return errors.Join(tx.PutSubmission(submission(fmt.Sprint(i))), tx.PutMessage(m))
				})
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			asTool(t, place, "UPDATE submission SET batch = 'another' WHERE id = '1'")
			asTool(t, place, "UPDATE delivery SET valid_until = '2999' WHERE id_key = 'M-1'")
			s = openFile(t, place)
			closes(t, s)
			var told []Damage
			s.OnDamage(func(d Damage) { told = append(told, d) })
			for range 2 {
				if _, err := s.Read().Submission(t.Context(), "0603", "1"); !errors.Is(err, ErrDamaged) || Unavailable(err) {
					t.Errorf("a damaged submission: %v", err)
				}
			}
			for _, limit := range []int{1, 2, 3, 10} {
				var seen []string
				var before gateway.Commit
				for {
					page := must(s.Read().Submissions(t.Context(), SubmissionFilter{Offices: []string{"0603"}, Before: before, Limit: limit}))(t)
					for _, one := range page {
						seen, before = append(seen, one.ID), one.Commit
					}
					if len(page) == 0 {
						break
					}
				}
				if want := []string{"2", "0"}; limit > 1 && !slices.Equal(seen, want) {
					t.Errorf("listed by %d: %v", limit, seen)
				}
			}
			id := gateway.MessageID("M-1")
			_, err := s.Do(t.Context(), func(tx *Tx) error {
				return errors.Join(tx.PutAnswers(Message{ID: id, Whole: id}), tx.Audit("test", "put", "", gateway.Digest{}))
			})
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("written over: %v", err)
			}
			do(t, s, func(tx *Tx) error { return tx.PutAnswers(Message{ID: "M-2", Whole: "M-2"}) })
			if want := []Damage{{"submission", "1"}, {"delivery", "M-1"}}; !slices.Equal(told, want) {
				t.Errorf("told of %v, want %v", told, want)
			}
			if found := flaws(t, s); len(found) != 2 {
				t.Errorf("a look at everything: %v", found)
			}
		})
	}
}

// TestABitThatFallsOverIsFoundOrChangesNothingCovered flips one bit after the other of a database file: it is refused, or
// a look at everything tells of it, or what is covered is as it was.
func TestABitThatFallsOverIsFoundOrChangesNothingCovered(t *testing.T) {
	sound := must(os.ReadFile(furnished(t, "SQLite")))(t)
	file := filepath.Join(t.TempDir(), "gateway.db")
	if err := os.WriteFile(file, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	want := must(coveredOf(t.Context(), file))(t)
	const seed = 15
	d := rand.New(rand.NewPCG(seed, seed))
	refused, found, harmless := 0, 0, 0
	for range 250 {
		at, bit := d.IntN(len(sound)), d.IntN(8)
		raw := slices.Clone(sound)
		raw[at] ^= 1 << bit
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		told := 0
		s := &Store{engine: sqliteEngine(file)}
		err := s.Flaws(t.Context(), func(Damage) { told++ })
		got, err2 := coveredOf(t.Context(), file)
		switch {
		case err != nil || err2 != nil:
			refused++
		case told > 0:
			found++
		case got != want:
			t.Errorf("seed %d: bit %d of byte %d changes what is covered, and nothing tells of it", seed, bit, at)
		default:
			harmless++
		}
	}
	t.Logf("%d refused, %d found, %d harmless, of a file of %d bytes", refused, found, harmless, len(sound))
	if refused == 0 && found == 0 || found < 20 || harmless == 0 {
		t.Errorf("%d refused, %d found, %d harmless: that tries nothing", refused, found, harmless)
	}
}

// coveredOf digests all that digests cover.
func coveredOf(ctx context.Context, place string) (gateway.Digest, error) {
	l, err := look(ctx, place, false)
	if err != nil {
		return gateway.Digest{}, err
	}
	defer l.close()
	d := newDigester("covered")
	for _, tab := range recorded {
		if tab.name != "content" && !slices.Contains(digestedTables, tab.name) {
			continue
		}
		err := l.each(ctx, tab, nil, func(columns []string, values []any) error {
			for i, c := range columns {
				if tab.name == "content" || covers(tab.name, c) {
					d.row([]any{c, values[i]})
				}
			}
			return nil
		})
		if err != nil {
			return gateway.Digest{}, err
		}
	}
	return d.sum(), nil
}

// TestDigestsCoverTablesThatAreThere: each table is named once, carries a digest or says why not.
func TestDigestsCoverTablesThatAreThere(t *testing.T) {
	without := []string{"content", "attachment_chunk", "numbers", "awaited", "early", "movement_identifier", "crossing", "unaccepted",
		"attachment", "attachment_use", "difference", "owner", "restoration"}
	var all []string
	for _, tab := range recorded {
		all = append(all, tab.name)
	}
	if got := slices.Concat(digestedTables, without); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(all))) {
		t.Errorf("%s\nwant %s", strings.Join(got, " "), strings.Join(all, " "))
	}
}

var (
	// statement is one of queries.sql.
	statement = regexp.MustCompile(`(?s)-- name: (\w+) :\w+\n(.*?);`)
	// writes are the table and the columns that a statement writes: those of an INSERT, of what it does on a
	// conflict, or of an UPDATE.
	inserts  = regexp.MustCompile(`(?s)INSERT INTO (\w+)(?: AS \w+)? \((.*?)\)`)
	conflict = regexp.MustCompile(`(?s)DO UPDATE SET (.*)`)
	updates  = regexp.MustCompile(`(?s)UPDATE (\w+)(?: AS \w+)? SET (.*?)(?:\s+WHERE|$)`)
	assigned = regexp.MustCompile(`(?:^|,)\s*(\w+) = `)
)

// TestWhoWritesWhatIsCoveredWritesTheDigest holds each statement to it that writes a column which a digest covers: a
// row that it has written would be taken for damaged.
func TestWhoWritesWhatIsCoveredWritesTheDigest(t *testing.T) {
	writers := 0
	for _, m := range statement.FindAllStringSubmatch(string(must(os.ReadFile("queries.sql"))(t)), -1) {
		check := func(table string, columns []string) {
			if !slices.Contains(digestedTables, table) || !slices.ContainsFunc(columns, func(c string) bool { return covers(table, c) }) {
				return
			}
			if writers++; !slices.Contains(columns, "row_digest") {
				t.Errorf("%s writes %s of %s and no digest", m[1], strings.Join(columns, ", "), table)
			}
		}
		names := func(set string) (columns []string) {
			for _, a := range assigned.FindAllStringSubmatch(set, -1) {
				columns = append(columns, a[1])
			}
			return columns
		}
		if in := inserts.FindStringSubmatch(m[2]); in != nil {
			check(in[1], strings.FieldsFunc(in[2], func(r rune) bool { return strings.ContainsRune(", \n", r) }))
			if on := conflict.FindStringSubmatch(m[2]); on != nil {
				check(in[1], names(on[1]))
			}
		} else if up := updates.FindStringSubmatch(m[2]); up != nil {
			check(up[1], names(up[2]))
		}
	}
	if writers < 45 {
		t.Errorf("%d statements were looked at", writers)
	}
}
