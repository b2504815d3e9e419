package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the databases are filled without the store
	_ "modernc.org/sqlite"

	"customs.example/gateway/loopback"
	"customs.example/gateway/store"
)

// BenchmarkStore prints what a store that holds many messages does beside an empty one, as
// make bench-store shows it: see BENCHMARKS.md. BENCH_MESSAGES is how many it holds, ten
// million unless it is said; the last BENCH_KEPT of them still have their documents.
func BenchmarkStore(b *testing.B) {
	for b.Loop() {
	}
	number := func(variable string, otherwise int) int {
		n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(otherwise)))
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	messages, kept := number("BENCH_MESSAGES", 10_000_000), number("BENCH_KEPT", 100_000)
	p := newParts(b)
	defer p.close()
	s := p.sample(2000)
	fmt.Printf("%d messages, %d with documents; load average %s\n\n", messages, kept, loadAverage())
	fmt.Println("database    store   filled in   size MB   messages/s  of empty   processor ms   opens in ms   gateway starts in ms   its memory MB")
	for _, engine := range chosen("BENCH_ENGINES", "SQLite", "PostgreSQL") {
		stores := []*filledStore{{name: "empty"}, {name: "full"}}
		for _, f := range stores {
			f.place, _ = p.database(engine, f.name)
			f.measureOpen(p) // makes the tables
			began := time.Now()
			if f.name == "full" {
				f.fill(p, engine, messages, kept)
			}
			f.filled = time.Since(began)
		}
		// In turns, and the better of each: the machine has other things to do.
		for range 3 {
			for _, f := range stores {
				f.measureOpen(p)
				f.measureRate(p, s)
			}
		}
		for _, f := range stores {
			f.measureGateway(p)
			fmt.Printf("%-10s  %-6s %9.0f s %9.0f %12.0f %8.0f%% %14.2f %13.0f %22.0f %15.0f\n", engine, f.name, f.filled.Seconds(), f.size,
				f.rate, 100*f.rate/stores[0].rate, f.ms, f.opens, f.starts, f.memory)
		}
		for _, f := range stores {
			f.drop(p)
		}
	}
	fmt.Printf("\nload average %s\n", loadAverage())
}

// TestAFullStoreIsFilled: the statements that fill a store fit its tables on each database.
func TestAFullStoreIsFilled(t *testing.T) {
	p := &parts{b: t, dir: t.TempDir()}
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		f := &filledStore{name: "full"}
		f.place, _ = p.database(engine, "filled")
		f.measureOpen(p)
		f.fill(p, engine, 300, 30)
		db, err := store.Open(t.Context(), f.place, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if rows, err := db.Read().Audit(t.Context(), 0, 5000); err != nil || len(rows) != 4*300 {
			t.Errorf("%s: %d audit rows, %v: want four for each message", engine, len(rows), err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// filledStore is a store and what was measured of it.
type filledStore struct {
	name, place string
	filled      time.Duration
	size        float64 // MB
	rate, ms    float64 // messages a second, and processor milliseconds of each
	opens       float64 // milliseconds
	starts      float64 // milliseconds, of a gateway
	memory      float64 // MB, of it
}

func (f *filledStore) measureOpen(p *parts) {
	began := time.Now()
	db, err := store.Open(context.Background(), f.place, time.Now)
	p.must(err)
	took := time.Since(began).Seconds() * 1000
	if f.opens == 0 || took < f.opens {
		f.opens = took
	}
	p.must(db.Close())
}

func (f *filledStore) measureRate(p *parts, s sample) {
	db, err := store.Open(context.Background(), f.place, time.Now)
	p.must(err)
	defer db.Close()
	one := p.units(db, s)
	together(one, time.Second)
	before := processor()
	n, seconds := together(one, 4*time.Second)
	if rate := n / seconds; rate > f.rate {
		f.rate, f.ms = rate, (processor()-before)/n
	}
}

// measureGateway starts a gateway on the store, asks it something, and looks at its memory.
func (f *filledStore) measureGateway(p *parts) {
	ports, err := loopback.Addresses(4)
	p.must(err)
	p.must(writeConfig(p.dir, "ru", "CN", ports[2:], ports[0], "10719110", "ru-cn-answer", "ru-cn-manifest"))
	config := filepath.Join(p.dir, "ru.yaml")
	raw, err := os.ReadFile(config)
	p.must(err)
	p.must(os.WriteFile(config, bytes.Replace(raw, []byte("database: ru.db"), []byte("database: "+strconv.Quote(f.place)), 1), 0o600))
	var log bytes.Buffer
	cmd := exec.Command(filepath.Join(builtIn(p.b), "gatewayd"), "serve", "-config", config)
	cmd.Stderr = &log
	began := time.Now()
	p.must(cmd.Start())
	for {
		c, err := net.Dial("tcp", ports[3])
		if err == nil {
			c.Close()
			break
		}
		if time.Since(began) > patience {
			cmd.Process.Kill()
			cmd.Wait()
			p.must(fmt.Errorf("the gateway does not start: %s", log.Bytes()))
		}
		time.Sleep(time.Millisecond)
	}
	f.starts = time.Since(began).Seconds() * 1000
	time.Sleep(3 * time.Second) // it looks for what is due
	f.memory = spentBy(cmd.Process.Pid).mb
	p.must(cmd.Process.Signal(syscall.SIGTERM))
	p.must(cmd.Wait())
}

func (f *filledStore) raw(p *parts) *sql.DB {
	driver, place := "sqlite", "file:"+f.place+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-200000)"
	if store.IsPostgres(f.place) {
		driver, place = "pgx", f.place+"&synchronous_commit=off"
	}
	db, err := sql.Open(driver, place)
	p.must(err)
	db.SetMaxOpenConns(1)
	return db
}

func (f *filledStore) drop(p *parts) {
	if !store.IsPostgres(f.place) {
		p.must(os.Remove(f.place))
		return
	}
	db := f.raw(p)
	defer db.Close()
	_, err := db.Exec("DROP SCHEMA public CASCADE")
	p.must(err)
}

// fill writes messages as they stand when all is said and done: every second one was sent,
// the others came. Their ids are in order and spread over all that there may be, so that what
// comes later falls between them. Only the last have documents, and what is signed is short:
// it is rows and their indexes that a store is to be full of, and a disk has its limits.
func (f *filledStore) fill(p *parts, engine string, messages, kept int) {
	db := f.raw(p)
	defer db.Close()
	const batch = 250_000
	for from := 0; from < messages; from += batch {
		upto := min(from+batch, messages) - 1
		for _, statement := range fillStatements(engine, messages) {
			if _, err := db.Exec(strings.NewReplacer("@from", strconv.Itoa(from), "@upto", strconv.Itoa(upto)).Replace(statement)); err != nil {
				p.must(fmt.Errorf("%w: %s", err, statement))
			}
		}
	}
	finish := []string{
		"INSERT INTO content (digest, bytes) SELECT @digest, @document FROM (@n) AS n",
		"UPDATE numbers SET commit_no = 4 * @messages, leaf = 4 * @messages",
	}
	if engine == "PostgreSQL" {
		finish = append(finish, "VACUUM ANALYZE", "CHECKPOINT")
	}
	for _, statement := range finish {
		statement = strings.NewReplacer("@from", strconv.Itoa(max(0, messages-kept)), "@upto", strconv.Itoa(messages-1)).Replace(fillWords(engine, messages).Replace(statement))
		if _, err := db.Exec(statement); err != nil {
			p.must(fmt.Errorf("%w: %s", err, statement))
		}
	}
	if engine == "PostgreSQL" {
		p.must(db.QueryRow("SELECT pg_database_size(current_database()) / 1e6").Scan(&f.size))
		return
	}
	info, err := os.Stat(f.place)
	p.must(err)
	f.size = float64(info.Size()) / 1e6
}

// fillWords says in each database's words what the statements below are made of.
func fillWords(engine string, messages int) *strings.Replacer {
	step := strconv.Itoa(max(1, 1<<32/messages))
	words := map[string]string{
		"@n":        "WITH RECURSIVE n(i) AS (SELECT @from UNION ALL SELECT i + 1 FROM n WHERE i < @upto) SELECT i FROM n",
		"@id":       "printf('%08x-1111-4000-8000-%012x', i * " + step + ", i)",
		"@digest":   "CAST(printf('%08x%024d', i * " + step + ", i) AS BLOB)",
		"@header":   "zeroblob(120)",
		"@sig":      "zeroblob(71)",
		"@receipt":  "zeroblob(120)",
		"@document": "randomblob(2000)",
		"@body":     "zeroblob(120)",
		"@time":     "'2026-03-01T00:00:00.000000000Z'",
		"@messages": strconv.Itoa(messages),
		"@true":     "1", "@false": "0",
	}
	if engine == "PostgreSQL" {
		for word, is := range map[string]string{
			"@n":        "SELECT i FROM generate_series(@from::bigint, @upto::bigint) AS i",
			"@id":       "lpad(to_hex(i * " + step + "), 8, '0') || '-1111-4000-8000-' || lpad(to_hex(i), 12, '0')",
			"@digest":   "convert_to(lpad(to_hex(i * " + step + "), 8, '0') || lpad(i::text, 24, '0'), 'UTF8')",
			"@header":   "decode(repeat('00', 120), 'hex')",
			"@sig":      "decode(repeat('00', 71), 'hex')",
			"@receipt":  "decode(repeat('00', 120), 'hex')",
			"@document": "decode(repeat(md5(i::text), 125), 'hex')",
			"@body":     "decode(repeat('00', 120), 'hex')",
			"@true":     "true", "@false": "false",
		} {
			words[word] = is
		}
	}
	var pairs []string
	for _, word := range slices.Sorted(func(yield func(string) bool) {
		for word := range words {
			if !yield(word) {
				return
			}
		}
	}) {
		pairs = append(pairs, word, words[word])
	}
	slices.Reverse(pairs) // so that of two words with one beginning the longer goes first
	for i := 0; i < len(pairs); i += 2 {
		pairs[i], pairs[i+1] = pairs[i+1], pairs[i]
	}
	return strings.NewReplacer(pairs...)
}

func fillStatements(engine string, messages int) (out []string) {
	const sent, came = "(@n) AS n WHERE i % 2 = 0", "(@n) AS n WHERE i % 2 = 1"
	words := fillWords(engine, messages)
	for _, statement := range []string{
		`INSERT INTO arrival (door, party, id_key, id, caller, media_type, recipients, header, signature, content, digest, received, receipt, reason)
			SELECT 'submit', '10719110', @id, @id, 'customs://RU/office/10719110/post/1', 'application/json', '[]', NULL, NULL, @digest, @digest, @time, NULL, '' FROM ` + sent,
		`INSERT INTO arrival (door, party, id_key, id, caller, media_type, recipients, header, signature, content, digest, received, receipt, reason)
			SELECT 'peer', 'CN', @id, @id, 'customs://CN/gateway/1', 'application/xml', '["RU"]', @header, @sig, @digest, @digest, @time, @receipt, '' FROM ` + came,
		`INSERT INTO judging (door, party, id_key, attempts, judged, tries, next_try, trouble, parked, owner, token, commit_no)
			SELECT 'submit', '10719110', @id, 1, @true, 0, '', '', @false, '', 1, 4 * i + 2 FROM ` + sent,
		`INSERT INTO judging (door, party, id_key, attempts, judged, tries, next_try, trouble, parked, owner, token, commit_no)
			SELECT 'peer', 'CN', @id, 1, @true, 0, '', '', @false, '', 1, 4 * i + 2 FROM ` + came,
		`INSERT INTO submission (office, id_key, id, kind, state, reason, received, digest, batch, batch_key, document_id, mapping, route, part,
			join_key, waits_for, expires, message_id, faults, canonical, commit_no)
			SELECT '10719110', @id, @id, 'Manifest', 'message', '', @time, @digest, '', '', @id, '', 'ru-cn-manifest', '', '', '[]', '', @id, NULL, @digest, 4 * i + 4 FROM ` + sent,
		`INSERT INTO judgement (office, id_key, number, id, digest, state, caller, at, faults, commit_no)
			SELECT '10719110', @id, 1, @id, @digest, 'message', 'customs://RU/office/10719110/post/1', @time, NULL, 4 * i + 2 FROM ` + sent,
		`INSERT INTO message (id_key, id, route, kind, conversation, document_id, document_key, created, expected_arrival, late_by,
			header, signature, payload, payload_size, payload_digest, canonical, canonical_digest, mapping, mapping_digest, schema_digest, whole, whole_key, part, split)
			SELECT @id, @id, 'ru-cn-manifest', 'Manifest', '', @id, @id, @time, '', 0, @header, @sig, @digest, 2000, @digest, @digest, @digest, 'cn/mt1401.v1', @digest, @digest, @id, @id, 1, '' FROM ` + sent,
		`INSERT INTO delivery (id_key, recipient, chain, sequence, state, reason, attempts, tries, troubles, parked, next_attempt, last_error, answers, answered, withdrawal, owner, token, valid_until, needed, commit_no)
			SELECT @id, 'CN', @id, 4 * i + 2, 'accepted', '', 1, 1, 0, @false, @time, '', '[]', @time, '', '', 2, @time, @time, 4 * i + 4 FROM ` + sent,
		`INSERT INTO receipt (id_key, number, verdict, verified, statement) SELECT @id, 1, 'PRS', @time, @receipt FROM ` + sent,
		`INSERT INTO announced (route, subject, message_id) SELECT 'ru-cn-manifest', @id, @id FROM ` + sent,
		`INSERT INTO inbox (sender, id_key, id, kind, document_id, document_key, state, received, expected_arrival, late_by, payload_digest, canonical, canonical_digest,
			mapping, faults, unread, answers, receipt, acknowledged_by, acknowledged_at, movement_id, conversation, batch, commit_no)
			SELECT 'CN', @id, @id, 'Manifest', @id, @id, 'accepted', @time, '', 0, @digest, @digest, @digest, 'cn/mt2401.v1', NULL, NULL, '[]', NULL,
			'customs://RU/system/national', @time, @id, '', '', 4 * i + 3 FROM ` + came,
		`INSERT INTO movement (id_key, id, opened, first_time, last_time, body, commit_no) SELECT @id, @id, @time, @time, @time, @body, 4 * i + 3 FROM (@n) AS n`,
		`INSERT INTO movement_identifier (id_key, kind, folded, first_time, last_time, commit_no) SELECT @id, 'batch', @id, @time, @time, 4 * i + 3 FROM (@n) AS n`,
		`INSERT INTO movement_identifier (id_key, kind, folded, first_time, last_time, commit_no) SELECT @id, 'waybill', @id, @time, @time, 4 * i + 3 FROM (@n) AS n`,
		`INSERT INTO audit (leaf, commit_no, ordinal, at, actor, event, subject, digest)
			SELECT 4 * i + k, 4 * i + k + 1, 1, @time, 'gateway', 'message accepted', @id, @digest
			FROM (@n) AS n, (SELECT 0 AS k UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS four ORDER BY i, k`,
	} {
		out = append(out, words.Replace(statement))
	}
	return out
}
