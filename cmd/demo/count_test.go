package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/invariant"
)

// played are two gateways on files of their own that have exchanged something and have ended.
type played struct {
	dir  string
	load *load
	side map[gateway.Administration]*side
}

func playTwo(t *testing.T, bin string, consignments int) *played {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	cn, ru, err := newSides(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &played{dir: dir, side: map[gateway.Administration]*side{"CN": cn, "RU": ru}}
	p.load = &load{dice: roll(1), doors: make(map[gateway.Administration][]*client), now: time.Now}
	for _, g := range p.side {
		if err := g.start(bin); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.kill() })
	}
	for _, g := range p.side {
		c, err := dial(g, bin, g.Side+"/post")
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		p.load.doors[g.Own] = append(p.load.doors[g.Own], c)
		if err := g.ready(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range p.side {
		var err error
		if g.idle, err = g.usage(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.load.run(ctx, 2, func(made int) bool { return made < consignments }); err != nil {
		t.Fatal(err)
	}
	if err := p.load.settle(ctx); err != nil {
		t.Fatal(err)
	}
	for _, g := range p.side {
		if err := errors.Join(g.rest(ctx), g.stop()); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// undigested takes the digests away from the rows of a database: what is changed in it is as if a gateway had
// written it so.
func undigested(t *testing.T, db *sql.DB) {
	t.Helper()
	tables, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%row_digest%'")
	if err != nil {
		t.Fatal(err)
	}
	var statements strings.Builder
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&statements, "UPDATE %s SET row_digest = 0; ", name)
	}
	if err := errors.Join(tables.Err(), tables.Close()); err != nil || statements.Len() == 0 {
		t.Fatal("no rows with digests", err)
	}
	if _, err := db.Exec(statements.String()); err != nil {
		t.Fatal(err)
	}
}

// check checks copies of both databases in which something was changed meanwhile, by a gateway or past it.
func (p *played) check(t *testing.T, list []*sent, changed map[gateway.Administration]string, log string, past bool) invariant.Report {
	t.Helper()
	dir := t.TempDir()
	databases := make(map[gateway.Administration]string)
	var sides []*side
	for own, s := range p.side {
		raw, err := os.ReadFile(filepath.Join(p.dir, s.Database))
		if err != nil {
			t.Fatal(err)
		}
		databases[own] = filepath.Join(dir, s.Database)
		if err := os.WriteFile(databases[own], raw, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", "file:"+databases[own])
		if err != nil {
			t.Fatal(err)
		}
		if statements := changed[own]; statements != "" {
			if !past {
				undigested(t, db)
			}
			done, err := db.Exec(statements)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := done.RowsAffected(); err != nil || n == 0 {
				t.Fatalf("%s changes %d rows, %v", statements, n, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		copied := *s
		copied.dir = dir
		if err := os.WriteFile(copied.log(), []byte(strings.Join(s.lines(), "\n")+"\n"+log), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(dir, "pki"), os.DirFS(filepath.Join(p.dir, "pki"))); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		sides = append(sides, &copied)
	}
	c, err := check(t.Context(), time.Time{}, 0, list, databases, sides...)
	if err != nil {
		t.Fatal(err)
	}
	return c.Report
}

// TestParallelWhatIsBrokenIsFound changes one thing in what two gateways have written down: each breaks what is
// promised, and is found by the invariant that says so.
func TestParallelWhatIsBrokenIsFound(t *testing.T) {
	p := playTwo(t, built(t), 6)
	if whole := p.check(t, p.load.list, nil, "", false); whole.Total != 0 || len(whole.Sides) != 2 || whole.Sides[0].Acknowledged == 0 || whole.Sides[0].LogLines == 0 || whole.Sides[0].Processes != 1 {
		t.Fatalf("what nobody has changed: %+v", whole)
	}
	const (
		oneMessage = "(SELECT id_key FROM message ORDER BY id_key LIMIT 1)"
		oneInbound = "(SELECT id_key FROM inbox ORDER BY id_key LIMIT 1)"
		other      = "(SELECT id_key FROM inbox ORDER BY id_key LIMIT 1 OFFSET 1)"
		flipped    = "UPDATE content SET bytes = CAST(substr(bytes, 1, 20) || x'21' || substr(bytes, 22) AS BLOB) WHERE digest = "
	)
	for _, tt := range []struct {
		name, want string
		what       string // that is told; empty: whatever
		cn, ru     string
		list       func(list []*sent) []*sent
		log        string
		uses       func(now *invariant.Usage) // of China's gateway
		past       bool                       // the gateway, which has written it otherwise
	}{
		{name: "an arrival is lost", want: "I1", cn: "DELETE FROM arrival WHERE door = 'submit' AND id = 'MANIFEST-00001'"},
		{name: "a submission is lost", want: "I1", cn: "DELETE FROM submission WHERE id = 'MANIFEST-00001'"},
		{name: "what was handed in is stored otherwise", want: "I1", cn: flipped + "(SELECT content FROM arrival WHERE door = 'submit' LIMIT 1)"},
		{name: "a client was acknowledged what nobody has", want: "I1", list: func(list []*sent) []*sent {
			return append(list, &sent{from: "CN", office: manzhouli, id: "MANIFEST-99999", acknowledged: time.Now()})
		}},
		{name: "a part waits for ever", want: "I2", cn: "UPDATE submission SET state = 'held' WHERE id = 'MANIFEST-00001'"},
		{name: "a message waits for ever", want: "I2", cn: "UPDATE delivery SET state = 'received' WHERE id_key = " + oneMessage},
		{name: "nothing ends what a part waits for", want: "I2", what: "nothing ends that", cn: "UPDATE submission SET (state, waits_for, expires) = ('held', '[\"exit\"]', '') WHERE id = 'MANIFEST-00001'"},
		{name: "a part is held for nothing", want: "I2", what: "nothing ends that", cn: "UPDATE submission SET (state, expires) = ('held', '2099-01-01T00:00:00.000000000Z') WHERE id = 'MANIFEST-00001'"},
		{name: "nobody judges what was put aside", want: "I2", what: "nobody judges it", cn: "UPDATE submission SET state = 'parked' WHERE id = 'MANIFEST-00001'"},
		{name: "a message is in no known state", want: "I2", what: "nobody knows how it ends", cn: "UPDATE delivery SET state = 'resting' WHERE id_key = " + oneMessage},
		{name: "a message is tried at no time", want: "I2", what: "nothing ends that", cn: "UPDATE delivery SET (state, next_attempt) = ('sent', '') WHERE id_key = " + oneMessage},
		{name: "a message is valid for ever", want: "I2", what: "nothing ends that", cn: "UPDATE delivery SET (state, valid_until) = ('sent', '') WHERE id_key = " + oneMessage},
		{name: "a message is dead for no reason", want: "I2", what: "nobody is told why", cn: "UPDATE delivery SET (state, reason) = ('dead', '') WHERE id_key = " + oneMessage},
		{name: "nobody is told what is parked", want: "I2", what: "nobody is told for what", ru: "UPDATE inbox SET state = 'parked' WHERE id_key = " + oneInbound},
		{name: "a submission became no message", want: "I2", cn: "UPDATE submission SET message_id = '' WHERE id = 'MANIFEST-00001'"},
		{name: "what was accepted is not there", want: "I3", ru: "DELETE FROM inbox WHERE id_key = " + oneInbound},
		{name: "what was accepted is refused there", want: "I3", ru: "UPDATE inbox SET state = 'refused' WHERE id_key = " + oneInbound},
		{name: "nobody has sent what came", want: "I3", cn: "DELETE FROM message WHERE id_key = " + oneMessage},
		{name: "one document is accepted twice", want: "I3", ru: "UPDATE inbox SET (document_id, document_key) = (SELECT document_id, document_key FROM inbox WHERE id_key = " + other + ") WHERE id_key = " + oneInbound},
		{name: "one consignment became two messages", want: "I3", list: func(list []*sent) []*sent {
			i := slices.IndexFunc(list, func(s *sent) bool { return s.from == "CN" })
			j := i + slices.IndexFunc(list[i:], func(s *sent) bool { return s.from == "CN" && s.of != list[i].of })
			one := *list[j]
			one.of = list[i].of
			return append(list, &one)
		}},
		{name: "what was taken back is there", want: "I3", cn: "UPDATE delivery SET state = 'withdrawn' WHERE id_key = " + oneMessage},
		{name: "what was never handed over is there", want: "I3", cn: "UPDATE delivery SET state = 'dead', reason = 'expired: never handed over' WHERE id_key = " + oneMessage},
		{name: "a payload is stored otherwise", want: "I4", cn: flipped + "(SELECT payload FROM message WHERE id_key = " + oneMessage + ")"},
		{name: "a released document is stored otherwise", want: "I4", cn: flipped + "(SELECT canonical FROM message WHERE id_key = " + oneMessage + ")"},
		{name: "what came is stored otherwise", want: "I4", ru: flipped + "(SELECT content FROM arrival WHERE door = 'peer' LIMIT 1)"},
		{name: "what was understood is stored otherwise", want: "I4", ru: flipped + "(SELECT canonical FROM inbox WHERE id_key = " + oneInbound + ")"},
		{name: "a header is signed otherwise", want: "I4", cn: "UPDATE message SET signature = x'00' WHERE id_key = " + oneMessage},
		{name: "a document goes by another id", want: "I4", cn: "UPDATE message SET document_id = 'X-1' WHERE id_key = " + oneMessage},
		{name: "a message is to another", want: "I4", cn: "UPDATE delivery SET recipient = 'KZ' WHERE id_key = " + oneMessage},
		{name: "what came goes by another id", want: "I4", ru: "UPDATE inbox SET document_id = 'X-1' WHERE id_key = " + oneInbound},
		{name: "what came is expected at another time", want: "I4", ru: "UPDATE inbox SET expected_arrival = '2020-01-01T00:00:00.000000000Z' WHERE id_key = " + oneInbound},
		{name: "somebody has acted, says the disk", want: "I4", cn: "UPDATE audit SET actor = 'x' WHERE leaf = 3", past: true},
		{name: "a message is valid for longer, says the disk", want: "I4", cn: "UPDATE delivery SET valid_until = '2999' WHERE id_key = " + oneMessage, past: true},
		{name: "nobody has settled it", want: "I5", cn: "UPDATE delivery SET state = 'settled' WHERE id_key = " + oneMessage},
		{name: "one person has settled it", want: "I5", cn: "UPDATE audit SET event = 'settlement by hand said', actor = 'anna' WHERE event = 'message queued' AND subject = (SELECT id FROM message ORDER BY id_key LIMIT 1); " +
			"UPDATE audit SET event = 'message settled', actor = 'anna' WHERE event = 'message accepted' AND subject = (SELECT id FROM message ORDER BY id_key LIMIT 1); " +
			"INSERT INTO settlement SELECT id_key, 'RU', 'told', zeroblob(31) || x'01', '2026-03-01T00:00:00.000000000Z', 'anna', '2026-03-01T00:00:01.000000000Z', 'anna', 1, 0 FROM message ORDER BY id_key LIMIT 1; " +
			"UPDATE delivery SET state = 'settled' WHERE id_key = " + oneMessage},
		{name: "what was made anew stands for what is there", want: "I3", cn: "UPDATE message SET repairs = (SELECT id FROM message ORDER BY id_key DESC LIMIT 1) WHERE id_key = " + oneMessage},
		{name: "a part became what is not there", want: "I2", ru: "UPDATE submission SET message_id = '00000000-0000-4000-8000-000000000000' WHERE message_id <> ''"},
		{name: "the trail names other bytes", want: "I6", cn: "UPDATE audit SET digest = (SELECT digest FROM audit WHERE leaf = 0) WHERE event = 'message accepted'"},
		{name: "the trail names other bytes of what came", want: "I6", ru: "UPDATE audit SET digest = (SELECT digest FROM audit WHERE leaf = 0) WHERE event = 'received accepted'"},
		{name: "a receipt is lost", want: "I5", cn: "DELETE FROM receipt WHERE id_key = " + oneMessage},
		{name: "a receipt is of another message", want: "I5", cn: "UPDATE receipt SET statement = (SELECT r.statement FROM receipt AS r ORDER BY r.id_key DESC LIMIT 1) WHERE id_key = " + oneMessage},
		{name: "what is refused was accepted", want: "I5", cn: "UPDATE delivery SET state = 'refused' WHERE id_key = " + oneMessage},
		{name: "a receipt is given for nothing", want: "I5", ru: "DELETE FROM arrival WHERE door = 'peer'"},
		{name: "a verdict has no receipt", want: "I5", ru: "UPDATE inbox SET receipt = NULL WHERE id_key = " + oneInbound},
		{name: "an audit row is lost", want: "I6", cn: "DELETE FROM audit WHERE leaf = 7"},
		{name: "the first audit row is lost", want: "I6", ru: "DELETE FROM audit WHERE leaf = 0"},
		{name: "commits are numbered otherwise", want: "I6", cn: "UPDATE audit SET commit_no = commit_no + 100000 WHERE commit_no > 3"},
		{name: "a message ends otherwise in the trail", want: "I6", cn: "UPDATE audit SET event = 'message refused' WHERE event = 'message accepted'"},
		{name: "a message was never queued", want: "I6", cn: "UPDATE audit SET event = 'seen', subject = 'x' WHERE event = 'message queued' OR event = 'message accepted'"},
		{name: "a verdict is not in the trail", want: "I6", ru: "UPDATE audit SET event = 'seen' WHERE event = 'received accepted'"},
		{name: "a part was joined unseen", want: "I6", cn: "UPDATE audit SET event = 'seen' WHERE event = 'submission joined'"},
		{name: "a change came first", want: "I7", ru: "UPDATE inbox SET replaces = '00000000-0000-4000-8000-000000000000' WHERE id_key = " + oneInbound},
		{name: "a log names a person", want: "I8", log: "%s\n"},
		{name: "something of each call goes on", want: "I9", uses: func(now *invariant.Usage) { now.Goroutines += 100 }},
		{name: "files stay open", want: "I9", uses: func(now *invariant.Usage) { now.Descriptors += 100 }},
		{name: "memory is not given back", want: "I9", uses: func(now *invariant.Usage) { now.Memory += 1 << 30 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := slices.Clone(p.load.list)
			if tt.list != nil {
				list = tt.list(list)
			}
			if tt.uses != nil {
				was := p.side["CN"].process
				now := *was
				tt.uses(&now.After)
				p.side["CN"].process = &now
				defer func() { p.side["CN"].process = was }()
			}
			log := tt.log
			if log != "" {
				log = fmt.Sprintf(log, p.operator(t))
			}
			got := p.check(t, list, map[gateway.Administration]string{"CN": tt.cn, "RU": tt.ru}, log, tt.past)
			if !slices.ContainsFunc(got.Violations, func(v invariant.Violation) bool { return v.Invariant == tt.want && strings.Contains(v.What, tt.what) }) {
				t.Errorf("%d violations, none of %s %s: %v", got.Total, tt.want, tt.what, got.Violations)
			}
		})
	}
}

// operator is the identity paper of somebody who drove.
func (p *played) operator(t *testing.T) string {
	t.Helper()
	for _, s := range p.load.list {
		if _, rest, ok := strings.Cut(string(s.content), "<Master>"); ok {
			_, rest, _ = strings.Cut(rest, "<ID>")
			id, _, _ := strings.Cut(rest, "<")
			return id
		}
	}
	t.Fatal("nobody drives")
	return ""
}

// TestMutationsAreOfTheGateway: each change of the list is of a line that is there once.
func TestMutationsAreOfTheGateway(t *testing.T) {
	all, err := readMutations("testdata/mutations.txt")
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	for _, m := range all {
		if _, err := m.apply("../.."); err != nil {
			t.Error(err)
		}
	}
}
