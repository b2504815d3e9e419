package store

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// anew are prepared each time: what people ask for, of which one state has an index of its
// own; and what has so many parameters that the last share a mark with others.
var anew = []string{"SubmissionsInState", "SeekByCommit", "SeekByLast"}

var limit = regexp.MustCompile(`LIMIT \$\d+`)

// TestPreparedOnce asks every statement again and again, with other values each time. SQLite
// prepares one anew, which takes longer than most take to run, when it compares with a value
// a column that a partial index compares with a value of its own: whether the index serves
// depends on the value then. A LIMIT matters too, but is mostly the same.
//
//go:nocheckptr
func TestPreparedOnce(t *testing.T) {
	s := open(t)
	tls := libc.NewTLS()
	defer tls.Close()
	text := func(s string) uintptr {
		p, err := libc.CString(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { libc.Xfree(tls, p) })
		return p
	}
	// What C writes its pointers to: on the heap, where Go moves nothing.
	db, statement := new(uintptr), new(uintptr)
	defer runtime.KeepAlive(db)
	defer runtime.KeepAlive(statement)
	well := func(code int32, what string) {
		t.Helper()
		if code != sqlite3.SQLITE_OK {
			t.Fatalf("%s: code %d, %s", what, code, libc.GoString(sqlite3.Xsqlite3_errmsg(tls, *db)))
		}
	}
	well(sqlite3.Xsqlite3_open_v2(tls, text(s.engine.place), uintptr(unsafe.Pointer(db)), sqlite3.SQLITE_OPEN_READWRITE, 0), "open")
	defer func() { sqlite3.Xsqlite3_close_v2(tls, *db) }()
	sqlite3.Xsqlite3_exec(tls, *db, text("BEGIN"), 0, 0, 0)
	for name, query := range statements(t, "SQLite") {
		well(sqlite3.Xsqlite3_prepare_v2(tls, *db, text(query), -1, uintptr(unsafe.Pointer(statement)), 0), name)
		again, limits := int32(0), limit.FindAllString(query, -1)
		for _, value := range []int64{5, 7, 8} {
			for i := range sqlite3.Xsqlite3_bind_parameter_count(tls, *statement) {
				bound := value
				if slices.Contains(limits, fmt.Sprintf("LIMIT $%d", i+1)) {
					bound = 100
				}
				sqlite3.Xsqlite3_bind_int64(tls, *statement, i+1, bound)
			}
			sqlite3.Xsqlite3_step(tls, *statement) // whatever comes of it
			sqlite3.Xsqlite3_reset(tls, *statement)
			again = sqlite3.Xsqlite3_stmt_status(tls, *statement, sqlite3.SQLITE_STMTSTATUS_REPREPARE, 1) // and counts from 0
		}
		if again > 0 && !slices.Contains(anew, name) {
			t.Errorf("%s is prepared anew when it is asked with other values:\n%s", name, strings.TrimSpace(query))
		}
		sqlite3.Xsqlite3_finalize(tls, *statement)
	}
}
