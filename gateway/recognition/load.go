package recognition

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

// The bounds of what is loaded.
const (
	maxFiles = 1_000
	maxRows  = 1_000 // of a file
)

// controlKinds is the code list of the kinds of control.
const controlKinds = "control-kind"

// statuses are how well known an agreement is.
var statuses = []string{"demonstration", "recalled", "verified"}

type file struct {
	Recognition string    `yaml:"recognition"`
	Version     int       `yaml:"version"`
	Agreement   string    `yaml:"agreement"`
	Status      string    `yaml:"status"`
	Source      string    `yaml:"source"`
	Rows        []fileRow `yaml:"rows"`
}

type fileRow struct {
	ID       string                              `yaml:"id"`
	By       gateway.Administration              `yaml:"by"`
	In       gateway.Administration              `yaml:"in"`
	Offices  map[gateway.Administration][]string `yaml:"offices"`
	Controls []string                            `yaml:"controls"`
	Valid    struct {
		From time.Time `yaml:"from"`
		To   time.Time `yaml:"to"`
	} `yaml:"valid"`
	Note string `yaml:"note"`
}

// Load reads recognition/*.yaml of fsys, NAME.vN.yaml. A control MUST be a code of the list
// control-kind, and an office one whose zone is known. Without a file nothing is recognised. The error
// names every mistake with its file and line.
func Load(fsys fs.FS, lists *codelist.Lists) (Agreements, error) {
	names, err := fs.Glob(fsys, "recognition/*.yaml")
	if err != nil {
		return Agreements{}, fmt.Errorf("list agreements: %w", err)
	}
	if len(names) > maxFiles {
		return Agreements{}, fmt.Errorf("recognition/: %d files, at most %d", len(names), maxFiles)
	}
	l := loader{lists: lists}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return Agreements{}, fmt.Errorf("read agreements: %w", err)
		}
		var f file
		lines, err := document.ReadYAML(name, raw, &f)
		if err != nil {
			l.errs = append(l.errs, err)
			continue
		}
		l.file(name, lines, f)
	}
	if err := errors.Join(l.errs...); err != nil {
		return Agreements{}, err
	}
	return l.out, nil
}

type loader struct {
	lists *codelist.Lists
	out   Agreements
	errs  []error
}

func (l *loader) file(name string, lines document.Lines, f file) {
	fail := func(at, format string, args ...any) {
		l.errs = append(l.errs, fmt.Errorf("%s:%d: %s", name, max(lines.Line(at), 1), fmt.Sprintf(format, args...)))
	}
	id := fmt.Sprintf("%s.v%d", f.Recognition, f.Version)
	if f.Version < 1 || path.Base(name) != id+".yaml" {
		fail("$.recognition", "%s is the name of %s.yaml, with a version from 1", id, id)
	}
	if strings.TrimSpace(f.Agreement) == "" || f.Source == "" {
		fail("$", "agreement, status and source are needed")
	}
	if !slices.Contains(statuses, f.Status) {
		fail("$.status", "unknown status %q: want %s", f.Status, strings.Join(statuses, ", "))
	}
	if len(f.Rows) == 0 || len(f.Rows) > maxRows {
		fail("$.rows", "%d rows: want 1 to %d", len(f.Rows), maxRows)
		return
	}
	ids := make(map[string]bool)
	for i, r := range f.Rows {
		at := fmt.Sprintf("$.rows[%d]", i)
		if r.ID == "" || ids[r.ID] {
			fail(at, "row %q: want an id of its own", r.ID)
		}
		ids[r.ID] = true
		if !r.By.IsCode() || !r.In.IsCode() || r.By == r.In {
			fail(at, "row %s: by and in are two administrations, by their two letters", r.ID)
		}
		if len(r.Controls) == 0 {
			fail(at, "row %s: no kind of control", r.ID)
		}
		for j, c := range r.Controls {
			if !l.lists.Known(controlKinds, c, r.Valid.From) || slices.Contains(r.Controls[:j], c) {
				fail(fmt.Sprintf("%s.controls[%d]", at, j), "row %s: %q is no code of the list %s, or stands twice", r.ID, c, controlKinds)
			}
		}
		if r.Valid.From.IsZero() || !r.Valid.To.IsZero() && r.Valid.To.Before(r.Valid.From) {
			fail(at+".valid", "row %s: valid needs a day from which it holds, and none before that to which", r.ID)
		}
		row := row{
			id: "recognition/" + id + ":" + r.ID, agreement: f.Agreement, status: f.Status, by: r.By, in: r.In,
			controls: r.Controls, from: r.Valid.From, to: r.Valid.To,
		}
		for _, a := range []gateway.Administration{r.By, r.In} {
			for j, code := range r.Offices[a] {
				if _, known := l.lists.Zone(a, code); !known {
					fail(fmt.Sprintf("%s.offices.%s[%d]", at, a, j), "row %s: nobody knows an office %q of %s", r.ID, code, a)
				}
				row.offices = append(row.offices, gateway.Office{Administration: a, Code: code})
			}
		}
		for _, a := range slices.Sorted(maps.Keys(r.Offices)) {
			if a != r.By && a != r.In || len(r.Offices[a]) == 0 {
				fail(at+".offices", "row %s: offices of %s: want offices of by or in, or none of them", r.ID, a)
			}
		}
		l.out.rows = append(l.out.rows, row)
	}
}
