package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// Beside a database lies a marker from the moment it is whole: what was here and is not,
// or is empty, was lost, and is never taken for the beginning of a new one. A database is
// made under another name and gets its own when it is whole, so that none is ever found
// empty for any other reason.
const (
	markerSuffix = ".kept"
	makingSuffix = ".making"
)

const markerText = "A gateway keeps its database beside this file. Remove both to begin anew, and only then:\nwhat was acknowledged is nowhere else.\n"

// Begun reports whether a gateway has begun a database, and changes nothing. What is wrong
// with its place is a gateway.Fault: a file that was there and is gone, is empty, or is cut
// off; a server that does not answer. No database where none was is right: Open makes it.
func Begun(place string) (bool, error) {
	if IsPostgres(place) {
		return begunPostgres(place)
	}
	if err := inspect(place); err != nil {
		return false, err
	}
	_, err := os.Stat(place)
	return err == nil, nil
}

// Examine looks into a database that a gateway has begun, and changes nothing: tables of a
// later version and another administration's are refused with a gateway.Fault.
func Examine(ctx context.Context, place string, own gateway.Administration) error {
	if begun, err := Begun(place); err != nil || !begun {
		return err
	}
	var err error
	e := sqliteEngine(place)
	e.connect = func(purpose) (*sql.DB, error) { return sql.Open("sqlite", unchanged(place)) }
	if IsPostgres(place) {
		if e, err = postgresEngine(place); err != nil {
			return fmt.Errorf("examine database: %w", err)
		}
	}
	db, err := e.connect(toRead)
	if err != nil {
		return fmt.Errorf("examine database: %w", err)
	}
	defer db.Close()
	var version, last int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&version); err != nil {
		return fmt.Errorf("examine database: %w", err)
	}
	files, err := fs.Glob(migrations, e.tables+"/*.sql")
	if err != nil {
		return fmt.Errorf("examine database: %w", err)
	}
	if last = int64(len(files)); version > last { // they are numbered from 1
		return trouble(gateway.StoreNewer, place, versions(version, last))
	}
	owner, err := rows.New(db).Owner(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("examine database: %w", err)
	}
	return owned(place, owner, own)
}

// unchanged is how a database file is read without a trace: one without a journal is not
// in use.
func unchanged(file string) string {
	name := "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + "?mode=ro"
	if _, err := os.Stat(file + "-wal"); errors.Is(err, fs.ErrNotExist) {
		name += "&immutable=1"
	}
	return name
}

func versions(theirs, ours int64) error {
	return fmt.Errorf("its tables have version %d, these are %d", theirs, ours)
}

func owned(place, owner string, own gateway.Administration) error {
	if owner != string(own) {
		return gateway.Fault{Code: gateway.StoreForeign, Severity: gateway.Error, Value: Redacted(place), Expected: gateway.Term(owner)}
	}
	return nil
}

func begunPostgres(place string) (bool, error) {
	e, err := postgresEngine(place)
	if err != nil {
		return false, gateway.Fault{Code: gateway.ConfigAddress, Severity: gateway.Error, Value: Redacted(place), Expected: gateway.Term("postgres://gateway@db.example:5432/gateway")}
	}
	db, err := e.connect(toRead)
	if err != nil {
		return false, fmt.Errorf("open database: %w", err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	var tables int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'numbers' AND table_schema = current_schema()").Scan(&tables)
	if err != nil {
		return false, trouble(gateway.StoreUnreachable, place, err)
	}
	return tables > 0, nil
}

func inspect(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(file + markerSuffix); err == nil {
			return misplaced(gateway.StoreGone, file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("open database: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if info.Size() == 0 {
		return misplaced(gateway.StoreEmpty, file)
	}
	// The first 100 bytes tell the size: https://www.sqlite.org/fileformat.html, 1.3.
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); err != nil || string(header[:16]) != "SQLite format 3\x00" {
		return misplaced(gateway.StoreDamaged, file)
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 1 << 16
	}
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	// While its journal is there the file may be short of what the journal still holds.
	journal, err := os.Stat(file + "-wal")
	if info.Size() < page*pages && (err != nil || journal.Size() == 0) {
		return misplaced(gateway.StoreDamaged, file)
	}
	return nil
}

func misplaced(code gateway.Code, file string) gateway.Fault {
	f := gateway.Fault{Code: code, Severity: gateway.Error, Value: file}
	if code != gateway.StoreDamaged { // is only to be restored
		f.Expected = gateway.Term(file + markerSuffix)
	}
	return f
}

// place makes the database where none was, and its marker.
func place(ctx context.Context, file string) error {
	if err := inspect(file); err != nil {
		return err
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := makeAt(ctx, file); err != nil {
			return err
		}
	}
	marker, err := os.OpenFile(file+markerSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	_, err = marker.WriteString(markerText)
	if err := errors.Join(err, marker.Sync(), marker.Close(), syncDirectory(filepath.Dir(file))); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// hold keeps every other process from working on a database until it is closed, or this
// process ends: nobody claims what they work on there. It is the marker that is locked, which
// nothing else opens.
func hold(file string) (io.Closer, error) {
	marker, err := os.Open(file + markerSuffix)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := syscall.Flock(int(marker.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		marker.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = gateway.Fault{Code: gateway.StoreInUse, Severity: gateway.Error, Value: file}
		}
		return nil, fmt.Errorf("open database: %w", err)
	}
	return marker, nil
}

// makeAt makes a database with all its tables under another name and gives it its own.
func makeAt(ctx context.Context, file string) error {
	making := file + makingSuffix
	for _, left := range []string{making, making + "-wal", making + "-shm", making + "-journal"} { // by one that was killed
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make database: %w", err)
		}
	}
	// SQLite gives its journal the mode of the database.
	f, err := os.OpenFile(making, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := sqliteEngine(making).migrate(ctx); err != nil { // closing empties the journal
		return err
	}
	if err := os.Rename(making, file); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	return syncDirectory(filepath.Dir(file))
}

func syncDirectory(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
