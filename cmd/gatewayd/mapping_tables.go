package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"customs.example/gateway/analysis"
)

// listed is a line of mapping list.
type listed struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Status  string `json:"status,omitempty"`
	From    string `json:"validFrom,omitempty"`
	To      string `json:"validTo,omitempty"`
	Rows    int    `json:"rows"`
	Digest  string `json:"sha256"`
}

func listTables(b *bench, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	if err := b.load(); err != nil {
		return err
	}
	subjects, err := readSubjects(b.chain, b.tables)
	if err != nil {
		return err
	}
	var all []listed
	for _, s := range subjects {
		l := listed{
			ID: s.ID, Type: s.kind(), Kind: s.Get("document"), Status: s.Get("status"), From: s.Get("valid.from"), To: s.Get("valid.to"),
			Rows: len(s.Rows), Digest: s.Digest.String(),
		}
		l.Version, _ = strconv.Atoi(s.Get("version"))
		if s.Type == "profile" {
			l.Kind = "over " + s.Get("over")
		}
		all = append(all, l)
	}
	r := analysis.Report{Title: "tables, profiles, joins and splits", Sections: []analysis.Section{{
		Columns: []string{"id", "type", "status", "valid", "rows", "sha256", "kind"},
	}}}
	for _, l := range all {
		valid := "always"
		if l.From != "" || l.To != "" {
			valid = cmp.Or(l.From, "…") + " to " + cmp.Or(l.To, "…")
		}
		r.Sections[0].Rows = append(r.Sections[0].Rows, []string{l.ID, l.Type, l.Status, valid, strconv.Itoa(l.Rows), l.Digest[:12], l.Kind})
	}
	return b.print(r, all)
}

func showTable(b *bench, args []string) error {
	if len(args) != 1 {
		return errors.New("give one ID, of a table, profile, join or split")
	}
	if err := b.load(); err != nil {
		return err
	}
	s, err := b.subject(args[0])
	if err != nil {
		return err
	}
	var r analysis.Report
	var tables []analysis.ProfileTable
	switch s.Type {
	case "join":
		r = analysis.ShowJoin(s.Source)
	case "split":
		r = analysis.ShowSplit(s.Source)
	case "profile":
		if tables, err = b.profiled(s.Source); err == nil {
			r, err = analysis.ShowProfile(b.tables, s.Source, tables)
		}
	default:
		r = analysis.Show(s.table, s.Source)
	}
	if err != nil {
		return err
	}
	return b.print(r, struct {
		ID     string                  `json:"id"`
		Type   string                  `json:"type"`
		Digest string                  `json:"sha256"`
		Header []analysis.Key          `json:"header"`
		Rows   []analysis.Row          `json:"rows"`
		Tables []analysis.ProfileTable `json:"tables,omitempty"` // of a profile
	}{s.ID, s.kind(), s.Digest.String(), s.Header, s.Rows, tables})
}

// profiled returns what a profile changes, table by table.
func (b *bench) profiled(s *analysis.Source) (out []analysis.ProfileTable, err error) {
	suffix := "+" + strings.TrimSuffix(s.ID, ".v1")
	for _, t := range b.chain.Tables.Tables() {
		if t.ID() != t.Base()+suffix {
			continue
		}
		changes, err := analysis.ProfileChanges(b.tables, s.ID, t.Base())
		if err != nil {
			return nil, err
		}
		out = append(out, changes)
	}
	return out, nil
}

func coverTable(b *bench, args []string) error {
	t, s, err := b.one(args)
	if err != nil {
		return err
	}
	c, err := analysis.Cover(t, s, b.schema)
	if err != nil {
		return err
	}
	return b.print(c.Report(b.all), c)
}
