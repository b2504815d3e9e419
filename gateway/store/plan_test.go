package store

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statements are all that is asked, by their names, as sqlc leaves them in rows.
func statements(t *testing.T, engine string) map[string]string {
	t.Helper()
	out := map[string]string{"SeekByCommit": seekByCommit(terms), "SeekByLast": seekByLast(terms), "SeekMovements": movementsIn}
	if engine == "PostgreSQL" {
		maps.Copy(out, map[string]string{
			"ClaimMessages": claimMessages, "ClaimNearest": claimNearest, "ClaimLapsed": claimLapsed, "ClaimArrivals": claimArrivals, "ClaimArrival": claimArrival, "RescueMessages": rescueMessages, "RescueArrivals": rescueArrivals,
			"ClaimAttachments": claimAttachments, "RescueAttachments": rescueAttachments,
			"BeginLease": beginLease, "RenewLease": renewLease, "EndLease": endLease, "DropLeases": dropLeases, "Leases": leases,
		})
	}
	source := string(must(os.ReadFile("rows/queries.sql.go"))(t))
	for _, m := range regexp.MustCompile("(?s)= `-- name: (\\w+) :\\w+\n(.*?)`").FindAllStringSubmatch(source, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// TestPlans holds every statement to its plan on both engines: a change of an index or of
// a statement shows in review. None reads a whole table, and none sorts but the few rows of
// one unit of work or one key.
func TestPlans(t *testing.T) {
	for name, open := range map[string]opener{"SQLite": open, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			all := statements(t, name)
			if len(all) < 40 {
				t.Fatalf("%d statements", len(all))
			}
			var names []string
			for name := range all {
				names = append(names, name)
			}
			slices.Sort(names)
			var out strings.Builder
			explain := explainSQLite
			if name == "PostgreSQL" {
				explain = explainPostgres
			}
			for _, name := range names {
				plan := explain(t, s, all[name])
				fmt.Fprintf(&out, "%s\n", name)
				for i, line := range plan { // of many equal walks one is told
					if strings.HasPrefix(name, "Seek") {
						line = walk.ReplaceAllString(line, "*")
					}
					plan[i] = line
					if !slices.Contains(plan[:i], line) {
						fmt.Fprintf(&out, "    %s\n", line)
					}
					if wholeTable.MatchString(line) && !strings.Contains(line, "CONSTANT ROW") && !slices.Contains(few, strings.TrimSpace(line)) {
						t.Errorf("%s reads a whole table: %s", name, line)
					}
				}
			}
			golden(t, "testdata/plans-"+strings.ToLower(name)+".txt", out.String())
		})
	}
}

// few are read whole: all that waits for a verdict, which is counted, of which the index
// holds nothing else; the leases, one for each process that is alive; and the balances, one for each partner.
var few = []string{"SCAN d USING INDEX delivery_valid", "Seq Scan on lease", "->  Seq Scan on balance", "->  Seq Scan on lease", "->  Seq Scan on lease s"}

var (
	// walk names one walk of a statement of many.
	walk = regexp.MustCompile(`\bt\d+$| movement_identifier_\d+$|\$\d+`)
	// wholeTable is what the engines say where no index leads.
	wholeTable = regexp.MustCompile(`^SCAN [^*]|Seq Scan`)
)

func explainSQLite(t *testing.T, s *Store, query string) (plan []string) {
	t.Helper()
	found, err := s.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, params(query))...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	for found.Next() {
		var id, parent, unused int
		var detail string
		if err := found.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	return plan
}

// params is how many parameters a statement has.
func params(query string) (n int) {
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(query, -1) {
		var i int
		fmt.Sscan(m[1], &i)
		n = max(n, i)
	}
	return n
}

// explainPostgres tells the plan for whatever parameters, of tables that are too large to
// be read whole.
func explainPostgres(t *testing.T, s *Store, query string) (plan []string) {
	t.Helper()
	ctx := context.Background()
	conn := must(s.readers.Conn(ctx))(t)
	defer conn.Close()
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", params(query)), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	for _, statement := range []string{"SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off",
		"PREPARE explained AS " + query} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	found, err := conn.QueryContext(ctx, "EXPLAIN (COSTS OFF) EXECUTE explained"+nulls)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for found.Next() {
		var line string
		if err := found.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := found.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "DEALLOCATE explained"); err != nil {
		t.Fatal(err)
	}
	return plan
}
