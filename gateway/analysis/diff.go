package analysis

import (
	"cmp"
	"slices"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/mapping"
	"customs.example/gateway/xmltree"
)

// What a difference is.
const (
	Added   = "added"
	Removed = "removed"
	Altered = "changed"
	Moved   = "moved"
)

// RowChange is a row that two tables do not have in common, or not alike.
type RowChange struct {
	Row  string      `json:"row"` // "header" for the keys above the rows
	What string      `json:"what"`
	Keys []KeyChange `json:"keys,omitempty"`
}

// KeyChange is a key whose value differs; "" is a key that is not there.
type KeyChange struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// Compare returns what differs between the files of two tables, key by key.
func Compare(a, b *Source) (out []RowChange) {
	if keys := compareKeys(a.Header, b.Header); len(keys) > 0 {
		out = append(out, RowChange{"header", Altered, keys})
	}
	for _, row := range a.Rows {
		if b.row(row.ID).ID == "" {
			out = append(out, RowChange{row.ID, Removed, compareKeys(row.Keys, nil)})
		}
	}
	stays := common(a.Rows, b.Rows)
	for _, row := range b.Rows {
		was := a.row(row.ID)
		if was.ID == "" {
			out = append(out, RowChange{row.ID, Added, compareKeys(nil, row.Keys)})
			continue
		}
		keys := compareKeys(was.Keys, row.Keys)
		if was.Group != row.Group || was.Inside != row.Inside {
			keys = append(keys, KeyChange{"inside", was.Inside, row.Inside})
		}
		if len(keys) > 0 {
			out = append(out, RowChange{row.ID, Altered, keys})
		} else if !stays[row.ID] {
			out = append(out, RowChange{row.ID, Moved, nil})
		}
	}
	return out
}

func compareKeys(a, b []Key) (out []KeyChange) {
	for _, k := range a {
		if v := get(b, k.Name); v != k.Value {
			out = append(out, KeyChange{k.Name, k.Value, v})
		}
	}
	for _, k := range b {
		if !slices.ContainsFunc(a, func(o Key) bool { return o.Name == k.Name }) {
			out = append(out, KeyChange{k.Name, "", k.Value})
		}
	}
	return out
}

// common returns the ids of a longest sequence of rows that both tables have in this
// order: the other common rows have moved.
func common(a, b []Row) map[string]bool {
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].ID == b[j].ID {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	out := map[string]bool{}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].ID == b[j].ID:
			out[a[i].ID] = true
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return out
}

// OutputChange is a value of the output that two tables do not write alike: an element
// or attribute for a canonical document, a field for XML.
type OutputChange struct {
	At   string `json:"at"`
	What string `json:"what"`
	A    string `json:"a"`
	B    string `json:"b"`
	RowA string `json:"rowA,omitempty"`
	RowB string `json:"rowB,omitempty"`
}

// Outputs is what two tables make of one document, and why one of them makes nothing.
type Outputs struct {
	Changes []OutputChange `json:"changes"`
	FaultsA gateway.Faults `json:"-"`
	FaultsB gateway.Faults `json:"-"`
}

// Written returns which elements of the output change from a to b.
func Written(a, b *mapping.Table, d *customsv1.Document) Outputs {
	write := func(t *mapping.Table) ([]value, map[string]string, gateway.Faults) {
		_, trace, faults := t.Encode(d, true)
		var values []value
		rows := map[string]string{}
		if faults.Refuse() {
			return nil, rows, faults
		}
		for _, l := range trace.Links(false) {
			at := l.Place.Expr
			if row, ok := rows[at]; ok { // two rows share a text; the last link has all of it
				values = slices.DeleteFunc(values, func(v value) bool { return v.at == at })
				l.Row = row + ", " + l.Row
			}
			values, rows[at] = append(values, value{at, l.Value}), l.Row
		}
		return values, rows, faults
	}
	return outputs(write, a, b)
}

// Understood returns which fields change from a to b when they read a document.
func Understood(a, b *mapping.Table, doc *xmltree.Document) Outputs {
	read := func(t *mapping.Table) ([]value, map[string]string, gateway.Faults) {
		decoded := t.Decode(doc)
		rows := map[string]string{}
		if decoded.Document == nil {
			return nil, rows, decoded.Faults
		}
		for _, l := range decoded.Trace.Links(false) {
			rows[l.Path] = l.Row
		}
		return leaves(decoded.Document), rows, decoded.Faults
	}
	return outputs(read, a, b)
}

func outputs(of func(*mapping.Table) ([]value, map[string]string, gateway.Faults), a, b *mapping.Table) (out Outputs) {
	before, rowsA, faultsA := of(a)
	after, rowsB, faultsB := of(b)
	out.FaultsA, out.FaultsB = faultsA, faultsB
	if faultsA.Refuse() || faultsB.Refuse() { // there is nothing to compare
		return out
	}
	out.Changes = differences(before, after)
	for i := range out.Changes {
		c := &out.Changes[i]
		c.RowA, c.RowB = rowsA[c.At], rowsB[c.At]
	}
	return out
}

// differences compares values by their places.
func differences(before, after []value) (out []OutputChange) {
	was, is := index(before), index(after)
	for _, v := range before {
		if text, ok := is[v.at]; !ok {
			out = append(out, OutputChange{At: v.at, What: Removed, A: v.text})
		} else if text != v.text {
			out = append(out, OutputChange{At: v.at, What: Altered, A: v.text, B: text})
		}
	}
	for _, v := range after {
		if _, ok := was[v.at]; !ok {
			out = append(out, OutputChange{At: v.at, What: Added, B: v.text})
		}
	}
	return out
}

// ChangedRows lays row changes out for people.
func ChangedRows(changes []RowChange) Section {
	s := Section{Heading: "Rows", Columns: []string{"row", "change", "key", "a", "b"}}
	for _, c := range changes {
		if len(c.Keys) == 0 {
			s.Rows = append(s.Rows, []string{c.Row, c.What, "", "", ""})
		}
		for _, k := range c.Keys {
			s.Rows = append(s.Rows, []string{c.Row, c.What, k.Name, k.A, k.B})
		}
	}
	return s
}

// Refused lays out for people why one of two tables makes nothing of a document.
func Refused(heading string, o Outputs) Section {
	s := Section{Heading: heading, Columns: []string{"by", "fault", "place", "says"}}
	for _, side := range []struct {
		name   string
		faults gateway.Faults
	}{{"a", o.FaultsA}, {"b", o.FaultsB}} {
		for _, f := range side.faults {
			if f.Severity == gateway.Error {
				s.Rows = append(s.Rows, []string{side.name, string(f.Code), cmp.Or(f.Location.Expr, f.Path), f.Text("en")})
			}
		}
	}
	return s
}

// ChangedOutput lays out for people what changes of one document.
func ChangedOutput(heading string, changes []OutputChange) Section {
	s := Section{Heading: heading, Columns: []string{"place", "change", "a", "b", "row a", "row b"}}
	for _, c := range changes {
		s.Rows = append(s.Rows, []string{c.At, c.What, gateway.Clip(c.A), gateway.Clip(c.B), c.RowA, c.RowB})
	}
	return s
}
