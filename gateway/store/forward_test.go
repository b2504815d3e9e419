package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// kept are the records that a version of the tables held: rows of every table, as a store of
// that version wrote them. The file of a version that was released is never written again.
type kept struct {
	Tables []keptTable `json:"tables"`
}

type keptTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"` // bytes as {"x": base64}
}

func keptFile(version int64) string { return fmt.Sprintf("testdata/records-v%d.json", version) }

// TestMigrationsRunForward fills the tables of each version there was with what that version
// kept, on each engine, and brings them up to date: every row is there still, can be copied
// and read, and the store goes on.
func TestMigrationsRunForward(t *testing.T) {
	versions := must(sqliteEngine("").versions())(t)
	if *update {
		writeKept(t, keptFile(versions[len(versions)-1]))
	}
	for _, version := range versions {
		var all kept
		in := json.NewDecoder(bytes.NewReader(must(os.ReadFile(keptFile(version)))(t)))
		in.UseNumber()
		if err := in.Decode(&all); err != nil {
			t.Fatal(err)
		}
		digests := map[string][]Contents{}
		for name, place := range places {
			t.Run(fmt.Sprint(name, " from version ", version), func(t *testing.T) {
				place := place(t)
				e := must(engineOf(place))(t)
				if !IsPostgres(place) {
					if err := os.WriteFile(place, nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				db := must(e.connect(toWrite))(t)
				if _, err := must(e.migrations(db))(t).UpTo(t.Context(), version); err != nil {
					t.Fatal(err)
				}
				rows := map[string]int64{}
				for _, tab := range all.Tables {
					for _, row := range tab.Rows {
						rows[tab.Name]++
						if at := slices.Index(tab.Columns, "receipt"); tab.Name == "delivery" && at >= 0 && row[at] != nil {
							rows["receipt"]++ // where it is now
						}
						marks, values := make([]string, len(row)), make([]any, len(row))
						for i, v := range row {
							marks[i], values[i] = fmt.Sprintf("$%d", i+1), unkept(t, v)
						}
						statement := "INSERT INTO " + tab.Name + " (" + strings.Join(tab.Columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
						if tab.Name == numbers.name {
							statement = "UPDATE numbers SET commit_no = $2, leaf = $3 WHERE one = $1"
						}
						if _, err := db.Exec(statement, values...); err != nil {
							t.Fatalf("%s: %v", statement, err)
						}
					}
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				s := openFile(t, place)
				if err := s.Own(t.Context(), "CN"); err != nil {
					t.Error(err)
				}
				audit := must(s.Read().Audit(t.Context(), 0, 100))(t)
				if no := do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("after")) }); no != audit[len(audit)-1].Commit+1 {
					t.Errorf("goes on at %d", no)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				snap := must(Digests(t.Context(), place, clock))(t)
				digests[name] = snap.Tables
				for _, c := range snap.Tables {
					want := rows[c.Table]
					if c.Table == "audit" || c.Table == "submission" {
						want++
					}
					kept := slices.ContainsFunc(all.Tables, func(k keptTable) bool { return k.Name == c.Table }) // else it is newer
					if c.Rows < want || want == 0 && kept && c.Table != "restoration" {
						t.Errorf("%s has %d rows of %d", c.Table, c.Rows, want)
					}
				}
			})
		}
		if diff := cmp.Diff(digests["SQLite"], digests["PostgreSQL"]); diff != "" {
			t.Errorf("version %d (-SQLite +PostgreSQL):\n%s", version, diff)
		}
	}
}

// writeKept writes what this version keeps.
func writeKept(t *testing.T, file string) {
	t.Helper()
	s := must(look(t.Context(), furnished(t, "SQLite"), false))(t)
	defer s.close()
	var all kept
	for _, tab := range recorded {
		k := keptTable{Name: tab.name, Rows: [][]any{}}
		err := s.each(t.Context(), tab, nil, func(columns []string, values []any) error {
			k.Columns = append([]string(nil), columns...)
			row := make([]any, len(values))
			for i, v := range values {
				row[i] = v
				if b, ok := v.([]byte); ok {
					if len(b) > 1<<16 {
						return nil // one of a size is enough for what copies it
					}
					row[i] = map[string]string{"x": base64.StdEncoding.EncodeToString(b)}
				}
			}
			if len(k.Rows) < 20 {
				k.Rows = append(k.Rows, row)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all.Tables = append(all.Tables, k)
	}
	raw := must(json.MarshalIndent(all, "", " "))(t)
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unkept is a value as it was.
func unkept(t *testing.T, v any) any {
	switch v := v.(type) {
	case json.Number:
		return must(v.Int64())(t)
	case map[string]any:
		return must(base64.StdEncoding.DecodeString(v["x"].(string)))(t)
	}
	return v
}

// TestALaterVersionIsNotTouched: a gateway of before that finds tables that a later one has
// changed leaves them alone.
func TestALaterVersionIsNotTouched(t *testing.T) {
	for name := range places {
		place := furnished(t, name)
		versioned(t, place, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)")
		before := must(tables(place))(t)
		s, err := Open(t.Context(), place, clock)
		if err == nil {
			s.Close()
		}
		refused(t, name, err, gateway.StoreNewer)
		if diff := cmp.Diff(before, must(tables(place))(t)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", name, diff)
		}
	}
}

// tables digests what a place holds, whatever its version.
func tables(place string) ([]Contents, error) {
	e, err := engineOf(place)
	if err != nil {
		return nil, err
	}
	s := &still{engine: e}
	if s.db, err = e.tool(false); err != nil {
		return nil, err
	}
	defer s.close()
	if s.conn, err = s.db.Conn(context.Background()); err != nil {
		return nil, err
	}
	return s.contents(context.Background())
}
