package analysis_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/analysis"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping"
	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
	"customs.example/mappings"
)

// losing is a table of a few rows.
func losing(t *testing.T, rows string) *mapping.Table {
	t.Helper()
	head, _, _ := strings.Cut(made, "rows:\n")
	table, ok := load(t, fstest.MapFS{"xx/made.v1.yaml": {Data: []byte(head + "zone: Asia/Shanghai\nrows:\n" + rows)}}).Table("xx/made.v1")
	if !ok {
		t.Fatal("no table")
	}
	return table
}

// what is lost of a document, XML or canonical JSON, each value with its note.
func lost(t *testing.T, table *mapping.Table, raw string) *analysis.Loss {
	t.Helper()
	if strings.HasPrefix(raw, "{") {
		p := document.Parse([]byte(raw))
		if err := p.Faults.Err(); err != nil {
			t.Fatal(err)
		}
		loss, faults := analysis.DocumentLoss(table, p.Document)
		if loss == nil {
			t.Fatal(faults)
		}
		return loss
	}
	doc, faults := schema.Parse([]byte(`<Manifest xmlns="urn:made">`+raw+`</Manifest>`), schema.DefaultLimits)
	if doc == nil {
		t.Fatal(faults)
	}
	loss, faults := analysis.XMLLoss(table, doc)
	if loss == nil {
		t.Fatal(faults)
	}
	return loss
}

// Each value is judged by its own text at its own place.
func TestLossIsJudgedByValueAndPlace(t *testing.T) {
	const item = "  - {id: R6, to: m:Item, each: consignments, rows: [{id: R7, to: m:Number, ordinal: true}, {id: R8, to: m:Ucr, from: ucr}]}\n"
	for _, tt := range []struct {
		name, rows, raw string
		want            []string
	}{
		{"an ordinal stands in for a number", item, `<Item><Number>7</Number><Ucr>A</Ucr></Item>`,
			[]string{"changed Item[1]/Number[1]: 7  1 "}},
		{"a constant stands in for a value", `  - {id: R1, to: m:Office, from: office.code, direction: decode, lossy: "the office"}
  - {id: R2, to: m:Office, const: "1", direction: encode, always: true}
`, `<Office>7</Office>`, []string{"changed Office[1]: 7 7 1 R1; the office"}},
		{"a moment of which the day is kept", `  - {id: R1, to: m:Day, from: loading.date, time: instant, lossy: "the time of day"}
`, `<Day>2026-03-01T15:00:00+08:00</Day>`, []string{"changed Day[1]: 2026-03-01T15:00:00+08:00 2026-03-01 2026-03-01T00:00:00+08:00 R1; the time of day"}},
		{"the same moment elsewhere", `  - {id: R1, to: m:Sent, from: envelope.issued}
`, `<Sent>2026-03-01T02:00:00Z</Sent>`, []string{"respelled Sent[1]: 2026-03-01T02:00:00Z 2026-03-01T02:00:00Z 2026-03-01T10:00:00+08:00 R1"}},
		{"a number with a sign", `  - {id: R1, to: m:Mass, from: transport.grossMass.kilograms}
`, `<Mass>+5</Mass>`, []string{"respelled Mass[1]: +5 5 5 R1"}},
		{"a spelling that is kept", `  - {id: R1, to: m:Mass, from: transport.grossMass.kilograms, spelling: true}
`, `<Mass>+5</Mass>`, nil},
		{"a text that is whole again", `  - {id: R1, to: m:Text, from: remarks, language: [en], use: "split(8,4)"}
`, `{"manifest": {"remarks": [{"language": "en", "value": "aaaa bbbbb cccc"}]}}`, nil},
		{"pieces that become one", `  - {id: R1, to: m:Text, from: batch, max: 8, on_overflow: split}
`, `<Text>abc</Text><Text>defgh</Text>`, []string{"merged Text[1]: abc abc defgh abc defg R1", "merged Text[2]: defgh abc defgh h R1"}},
		{"pieces that stay", `  - {id: R1, to: m:Text, from: batch, max: 8, on_overflow: split}
`, `<Text>abcdefgh</Text><Text>i</Text>`, nil},
		{"one value of all that say it", `  - {id: R1, to: m:Country, every: consignments.dispatchCountry}
` + item, `{"manifest": {"consignments": [{"ucr": "A", "dispatchCountry": "GE"}, {"ucr": "B", "dispatchCountry": "GE"}]}}`, nil},
		{"one value of all that say another", `  - {id: R1, to: m:Country, every: consignments.dispatchCountry, lossy: "what others say"}
` + item, `{"manifest": {"consignments": [{"ucr": "A", "dispatchCountry": "GE"}, {"ucr": "B", "dispatchCountry": "CN"}, {"ucr": "C"}]}}`, []string{
			"changed consignments[1].dispatchCountry: CN GE GE R1; what others say",
			"defaulted consignments[2].dispatchCountry:  GE GE R1; what others say",
		}},
		{"a sum", `  - {id: R1, to: m:Mass, sum: consignments.totals.packages}
` + item, `{"manifest": {"consignments": [{"ucr": "A", "totals": {"packages": "2"}}, {"ucr": "B", "totals": {"packages": "3"}}]}}`, []string{
			"merged consignments[0].totals.packages: 2 5  R1", "merged consignments[1].totals.packages: 3 5  R1",
		}},
		{"elements that go into one", `  - {id: R1, to: m:Line, each: consignments.items, lossy: "whose they are", rows: [{id: R2, to: m:N, from: sequence}]}
`, `{"manifest": {"consignments": [{"items": [{"sequence": 1}]}, {"items": [{"sequence": 2}]}]}}`, []string{
			"merged consignments[1].items[0].sequence: 2 2 2 R2; comes back as consignments[0].items[1].sequence",
		}},
		{"elements behind one that is not written", `  - {id: R1, to: m:Line, each: consignments, when: "ucr != 'A'", lossy: "A", rows: [{id: R2, to: m:Ucr, from: ucr}]}
`, `{"manifest": {"consignments": [{"ucr": "A"}, {"ucr": "B"}]}}`, []string{"dropped consignments[0].ucr: A   R1; when ucr != 'A' does not hold; A"}},
		{"lines of one waybill that are apart", `  - {id: R1, to: m:L, each: consignments.items, lossy: "waybills without lines", rows: [{id: R2, to: "@w", from: ^.ucr, key: true, required: true}, {id: R3, to: "@n", from: sequence}]}
`, `<L w="A" n="1"/><L w="B" n="2"/><L w="A" n="3"/>`, []string{
			"respelled L[3]/@w: A A A R2; comes back as L[2]/@w", "respelled L[3]/@n: 3 3 3 R3; comes back as L[2]/@n",
		}},
		{"elements that another row reads", `  - {id: R1, to: m:V, each: transport.vehicles, when: "role == 'TRAILER'", rows: [{id: R2, to: "@n", from: registration}]}
  - {id: R3, to: m:V, each: transport.vehicles, when: "role != 'TRAILER'", rows: [{id: R4, to: "@n", from: registration}]}
`, `{"manifest": {"transport": {"vehicles": [{"registration": "A"}, {"role": "TRAILER", "registration": "B"}, {"registration": "C"}]}}}`, []string{
			"dropped transport.vehicles[1].role: TRAILER   ",
			"respelled transport.vehicles[1].registration: B B B R2; comes back as transport.vehicles[0].registration",
		}},
		{"read at one place and written at another", `  - {id: R1, to: m:Old, from: batch, direction: decode}
  - {id: R2, to: m:New, from: batch, direction: encode}
`, `<Old>B</Old>`, []string{"respelled Old[1]: B B B R1; comes back as New[1]"}},
		{"read and not written", `  - {id: R1, to: m:Old, from: batch, direction: decode}
`, `<Old>B</Old>`, []string{"dropped Old[1]: B B  R1; read, and not written again"}},
		{"written and not read", `  - {id: R1, to: m:New, from: batch, direction: encode}
`, `{"manifest": {"batch": "B"}}`, []string{"dropped batch: B B  R1; written, and not read again"}},
		{"firms that are one", `  - {id: R1, to: m:Line, each: consignments, rows: [{id: R2, to: "@by", refer: consignor}]}
  - {id: R3, to: m:Firm, collect: [consignments.consignor], rows: [{id: R4, to: "@id", handle: F}, {id: R5, to: "@country", from: country}]}
`, `<Line by="A"/><Line by="B"/><Firm id="A" country="CN"/><Firm id="B" country="CN"/>`, []string{
			"respelled Line[1]/@by: A  F1 R2", "respelled Line[2]/@by: B  F1 R2", "respelled Firm[1]/@id: A  F1 ",
			"dropped Firm[2]/@id: B   ", "merged Firm[2]/@country: CN CN  R5; is said once, elsewhere",
		}},
		{"an empty element that says something", `  - {id: R1, to: m:Shut, from: transport.containerised, empty: "true", use: bit, when: "batch != 'B'", lossy: "of batch B"}
  - {id: R2, to: m:Batch, from: batch}
`, `<Shut/><Batch>B</Batch>`, []string{"dropped Shut[1]:  true  R1; R1 is not written again: when batch != 'B' does not hold; of batch B"}},
		{"what cannot be read", `  - {id: R1, to: m:Mass, from: transport.grossMass.kilograms}
  - {id: R2, to: m:Batch, from: batch}
`, `<Mass>five</Mass><Batch>B</Batch><Other>x</Other>`, []string{"unread Mass[1]: five   ; MAP_TYPE", "unread Other[1]: x   "}},
		{"a default and a set", `  - {id: R1, to: m:Office, from: office.code, default: "0603"}
  - {id: R2, set: direction, const: EXPORT}
  - {id: R3, to: m:Batch, from: batch}
`, `{"manifest": {"batch": "B", "direction": "EXPORT"}}`, []string{"defaulted office.code:  0603 0603 R1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			loss := lost(t, losing(t, tt.rows), tt.raw)
			short := strings.NewReplacer("/d:Manifest[1]/d:", "", "/d:", "/")
			var got []string
			for _, v := range loss.Values {
				if v.Kind != analysis.Kept {
					note := ""
					if v.Note != "" {
						note = "; " + v.Note
					}
					got = append(got, short.Replace(fmt.Sprintf("%s %s: %s %s %s %s%s", v.Kind, v.At, v.Before, v.Between, v.After, v.Row, note)))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			var b bytes.Buffer
			if err := loss.Report(false).Text(&b); err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("loss in xx/made.v1: nothing is lost of %d values\n", len(loss.Values))
			if is := b.String() == line; is != (tt.want == nil) {
				t.Errorf("it says %s", b.String())
			}
		})
	}
}

// plainly is whether every text of a document stands at the very place where it stood, as no trace
// was asked.
func plainly(a, b *xmltree.Document) bool {
	of := func(d *xmltree.Document) map[string]string {
		out := map[string]string{}
		for e := range d.Root.Walk() {
			for _, attr := range e.Attrs {
				out[e.AttrLocation(attr.Name).Expr] = attr.Value
			}
			if text := strings.TrimSpace(e.Text); text != "" {
				out[e.Location().Expr] = text
			}
		}
		return out
	}
	return cmp.Equal(of(a), of(b))
}

// What loss says of documents of every table agrees with a comparison that knows nothing of rows: nothing
// is lost exactly where the same texts stand at the same places again. So it is with what the tables
// write, with what partners write otherwise, and where one text is another.
func TestLossAgreesWithAPlainComparison(t *testing.T) {
	library := load(t, mappings.FS)
	var files []string
	for _, dir := range []string{"goldens", "inbound"} {
		found, err := filepath.Glob("../../mappings/testdata/" + dir + "/*/*/*.xml")
		if err != nil || len(found) == 0 {
			t.Fatal(dir, err)
		}
		files = append(files, found...)
	}
	whole, told := 0, 0
	judge := func(name string, table *mapping.Table, doc *xmltree.Document) {
		loss, _ := analysis.XMLLoss(table, doc)
		if loss == nil || loss.Uncompared > 0 {
			return // it cannot be written again
		}
		written, faults := schema.Parse(loss.Written, schema.DefaultLimits)
		if written == nil {
			t.Fatal(name, faults)
		}
		same := plainly(doc, written)
		if is := loss.Counts[analysis.Kept] == len(loss.Values); is != same {
			var b strings.Builder
			_ = loss.Report(false).Text(&b)
			t.Errorf("%s: the same texts at the same places: %t\n%s", name, same, b.String())
		}
		if told++; same {
			whole++
		}
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Join(strings.Split(filepath.ToSlash(filepath.Dir(file)), "/")[5:], "/")
		table, ok := library.Table(id)
		if !ok {
			continue // of a profile
		}
		doc, faults := schema.Parse(raw, schema.DefaultLimits)
		if doc == nil {
			t.Fatal(file, faults)
		}
		judge(file, table, doc)
		n := 0
		for e := range doc.Root.Walk() { // each third text is another
			if text := strings.TrimSpace(e.Text); text != "" && len(e.Children) == 0 {
				if n++; n%3 == 0 {
					e.Text = text + "7"
				}
			}
		}
		judge(file+", with other texts", table, doc)
	}
	documents, err := filepath.Glob("../../mappings/testdata/goldens/*/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range documents { // each third, the other way
		table, ok := library.Table(strings.Join(strings.Split(filepath.ToSlash(filepath.Dir(file)), "/")[5:], "/"))
		if i%3 > 0 || !ok || strings.HasSuffix(file, ".back.json") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := document.Parse(raw)
		loss, faults := analysis.DocumentLoss(table, p.Document)
		if loss == nil {
			t.Fatal(file, faults)
		}
		doc, _ := schema.Parse(loss.Written, schema.DefaultLimits)
		same := bytes.Equal(document.MarshalIndent(p.Document), document.MarshalIndent(table.Decode(doc).Document))
		if is := loss.Counts[analysis.Kept] == len(loss.Values); is != same {
			t.Errorf("%s comes back: %t, %v", file, same, loss.Counts)
		}
		if told++; same {
			whole++
		}
	}
	if whole < 80 || told-whole < 20 {
		t.Errorf("of %d documents nothing is lost of %d", told, whole)
	}
}
