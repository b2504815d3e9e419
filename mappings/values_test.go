package mappings_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// inner are the texts and attributes of a document in which a blank stands.
var inner = regexp.MustCompile(`>[^<>]*[^<>\s] [^<>\s][^<>]*<|="[^"<>]* [^"<>]*"`)

// wrapped breaks every line of a document's texts where a blank stands.
func wrapped(raw string) string {
	head, body, _ := strings.Cut(raw, "?>")
	return head + "?>" + inner.ReplaceAllStringFunc(body, func(text string) string { return strings.ReplaceAll(text, " ", "&#10;") })
}

// In every table a line break in a text is the blank that it is to people: the document
// read is the same, but for the lines of prose where the schema keeps them, and so is what
// is written of it.
func TestWrappedTextsAreReadAsBlanks(t *testing.T) {
	d := load(t)
	said := 0
	for _, g := range goldens(t) {
		table := d.table(t, g.table)
		file, err := os.ReadFile(g.file(".xml"))
		if err != nil {
			t.Fatal(err)
		}
		raw := string(file)
		broken := wrapped(raw)
		if broken == raw {
			continue
		}
		said++
		doc := d.conforming(t, table, []byte(broken))
		if doc == nil {
			continue
		}
		want, got := d.read(t, table, []byte(raw)), table.Decode(doc)
		if diff := cmp.Diff(text(want.Document), strings.ReplaceAll(text(got.Document), `\n`, " ")); diff != "" {
			t.Errorf("%s: -as it was +wrapped\n%s", g.name, diff)
		}
		if diff := cmp.Diff(lines(want.Faults), lines(got.Faults)); diff != "" {
			t.Errorf("%s: told -as it was +wrapped\n%s", g.name, diff)
		}
		first, _, _ := table.Encode(want.Document, false)
		second, _, faults := table.Encode(got.Document, false)
		if faults.Refuse() != first.IsZero() {
			t.Errorf("%s: %s", g.name, lines(faults))
		}
		if first.IsZero() {
			continue
		}
		again := canonical(d.conforming(t, table, second.Bytes()).Root)
		for i := range again {
			again[i] = strings.ReplaceAll(again[i], "\n", " ")
		}
		if diff := cmp.Diff(canonical(d.conforming(t, table, first.Bytes()).Root), again); diff != "" {
			t.Errorf("%s: written -as it was +wrapped\n%s", g.name, diff)
		}
	}
	if said < 10 {
		t.Errorf("%d goldens have a blank in a text: too few to show anything", said)
	}
}

// Codes, numbers and texts as people and programs write them: what the table reads of the
// text in place of the first that is as old, what it tells there, and that what it then
// writes is read the same, with nothing told.
func TestValuesAsPeopleWriteThem(t *testing.T) {
	d := load(t)
	const code = "consignments[0].items[0].classifications[0].code"
	for _, tt := range []struct{ table, old, new, path, read, told string }{
		{"cn/mt2401.v1", "<ID>0702000000<", "<ID>0702.00.00.00<", code, "0702000000", "READ_OTHERWISE 0702.00.00.00"},
		{"cn/mt2401.v1", "<ID>0702000000<", "<ID>税号\n 0702 0000<", code, "07020000", "READ_OTHERWISE 税号 0702 0000"},
		{"cn/mt1401.v1", "<ID>0702000000<", "<ID>HS0702000000<", code, "0702000000", "READ_OTHERWISE HS0702000000"},
		{"cn/mt1401.v1", "<ID>0702000000<", "<ID>０７０２００００００<", code, "0702000000", "READ_OTHERWISE ０７０２００００００"},
		{"mn/load-list.v1", "ClassificationID>6907210000<", "ClassificationID>6907-21-0000<", code, "6907210000", "READ_OTHERWISE 6907-21-0000"},
		{"xx/declaration-extract.v1", "<SchemeCode>CN</SchemeCode>", "<SchemeCode>C\u200bN</SchemeCode>", "items[0].classifications[0].scheme", "CN", "TEXT_INVISIBLE C⟨U+200B⟩N"},
		{"cn/mt2401.v1", "<ID>1263<", "<ID>UN 1263<", "consignments[1].items[0].dangerous[0].unNumber", "1263", "READ_OTHERWISE UN 1263"},
		{"cn/mt1401.v1", "<ID>1263<", "<ID>１２６３<", "consignments[1].items[0].dangerous[0].unNumber", "1263", "READ_OTHERWISE １２６３"},
		{"ru/auto-preliminary.v1", "PrDocumentNumber>CN-RU-26-000123<", "PrDocumentNumber>CN-RU\u00ad-26-000123<", "consignments[0].transportDocument.id", "CN-RU-26-000123", "TEXT_INVISIBLE CN-RU⟨U+00AD⟩-26-000123"},
		{"ru/auto-preliminary.v1", "GrossWeightQuantity>8250.5<", "GrossWeightQuantity>-0.00<", "consignments[0].items[0].grossMass.kilograms", "0", ""},
		{"xx/train-list.v1", ">1050.125<", ">+0<", "", "", ""},
	} {
		t.Run(tt.table+" "+tt.new, func(t *testing.T) {
			table := d.table(t, tt.table)
			raw, err := os.ReadFile(golden{tt.table, "full"}.file(".xml"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(raw), tt.old) {
				t.Fatalf("the golden has no %s", tt.old)
			}
			before := leaves(d.read(t, table, raw).Document)
			decoded := d.read(t, table, []byte(strings.Replace(string(raw), tt.old, tt.new, 1)))
			after := leaves(decoded.Document)
			if tt.path != "" {
				path, err := document.CompileFor(table.Kind(), tt.path)
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := path.Get(document.Of(decoded.Document)); got != tt.read {
					t.Errorf("read %q, want %q", got, tt.read)
				}
			} else if cmp.Equal(before, after) || strings.Contains(text(decoded.Document), `"-0`) {
				t.Error("the zero is not read as one")
			}
			said := ""
			for _, f := range decoded.Faults {
				if f.Code != gateway.MapDerived {
					said += string(f.Code) + " " + f.Value
				}
				if f.Severity != gateway.Warning || f.Location.Line == 0 {
					t.Errorf("%v at %v", f, f.Location)
				}
			}
			if said != tt.told {
				t.Errorf("told %q, want %q", said, tt.told)
			}
			encoded, _, faults := table.Encode(decoded.Document, false)
			if len(faults) > 0 {
				t.Fatal(lines(faults))
			}
			back := d.read(t, table, encoded.Bytes())
			if diff := cmp.Diff(text(decoded.Document), text(back.Document)); diff != "" || len(back.Faults) > 0 {
				t.Error(diff, lines(back.Faults))
			}
		})
	}
}

// A number that may be one of dangerous goods is never a tariff code, in whatever order
// they stand, and no code reaches a partner but as digits.
func TestNumbersOfDangerousGoodsAreNoTariffCodes(t *testing.T) {
	d := load(t)
	for _, tt := range []struct {
		codes []string
		read  string // scheme and code of each classification, then the UN numbers
		sent  string // tariff code to Russia
	}{
		{[]string{"1005", "2814100000"}, "UNDG 1005, CN 2814100000", "281410"},
		{[]string{"2814100000", "1005"}, "CN 2814100000, UNDG 1005", "281410"},
		{[]string{"UN 1005", "2814100000"}, "CN 2814100000, dangerous 1005", "281410"},
		{[]string{"联合国编号1005", "2814.1000"}, "CN 28141000, dangerous 1005", "281410"},
		{[]string{"1005"}, "UNDG 1005", ""},
		{[]string{"4407"}, "CN 4407", ""},
		{[]string{"4407", "4407119300"}, "CN 4407, CN 4407119300", "440711"},
		{[]string{"2814100000", "2814100000"}, "CN 2814100000, CN 2814100000", "281410"},
		{[]string{"28x4 1"}, "CN 28x4 1", ""},
	} {
		for _, id := range []string{"cn/mt2401.v1", "cn/mt1401.v1"} {
			table := d.table(t, id)
			raw, err := os.ReadFile(golden{id, "full"}.file(".xml"))
			if err != nil {
				t.Fatal(err)
			}
			var codes strings.Builder
			for _, c := range tt.codes {
				codes.WriteString("<Classification><ID>" + c + "</ID></Classification>")
			}
			first := regexp.MustCompile(`<Classification>\s*<ID>0702000000</ID>\s*</Classification>`)
			decoded := d.read(t, table, []byte(strings.Replace(string(raw), first.FindString(string(raw)), codes.String(), 1)))
			item := decoded.Document.GetManifest().GetConsignments()[0].GetItems()[0]
			var read []string
			for _, c := range item.GetClassifications() {
				read = append(read, c.GetScheme()+" "+c.GetCode())
			}
			for _, g := range item.GetDangerous() {
				read = append(read, "dangerous "+g.GetUnNumber())
			}
			if got := strings.Join(read, ", "); got != tt.read {
				t.Errorf("%s %q: read %q, want %q", id, tt.codes, got, tt.read)
			}
			for _, partner := range []string{"ru/auto-preliminary.v1", "ru/rw-preliminary.v1", "eaeu/auto-preliminary.v1", "eaeu/rail-preliminary.v1"} {
				notice := golden{partner, "full"}.document(t, ".json")
				notice.GetPreArrivalNotice().GetConsignments()[0].GetItems()[0].Classifications = item.GetClassifications()
				encoded, _, faults := d.table(t, partner).Encode(notice, false)
				if faults.Refuse() {
					t.Fatalf("%s: %s", partner, lines(faults))
				}
				sent := ""
				for e := range d.conforming(t, d.table(t, partner), encoded.Bytes()).Root.Walk() {
					if e.Name.Local == "GoodsTNVEDCode" || e.Name.Local == "CommodityCode" {
						sent = e.Text
						break
					}
				}
				if first := notice.GetPreArrivalNotice().GetConsignments()[0].GetItems()[0]; len(first.Classifications) > 0 && tt.sent != "" && sent != tt.sent {
					t.Errorf("%s %q: %s gets %q, want %q", id, tt.codes, partner, sent, tt.sent)
				}
				if strings.Contains(string(encoded.Bytes()), ">1005<") || strings.Contains(string(encoded.Bytes()), "28x4") {
					t.Errorf("%s %q: %s gets what is no tariff code", id, tt.codes, partner)
				}
			}
		}
	}
}

// What nobody sees is no value: a required text of it is missing, at its element.
func TestWhatNobodySeesIsNoValue(t *testing.T) {
	d := load(t)
	for _, tt := range []struct{ table, element, told string }{
		{"cn/mt2401.v1", "Name", "TEXT_NOTHING_VISIBLE, MAP_REQUIRED"},
		{"ru/auto-preliminary.v1", "PrDocumentNumber", "TEXT_NOTHING_VISIBLE"},
		{"eaeu/auto-preliminary.v1", "GoodsDescriptionText", "TEXT_NOTHING_VISIBLE"},
		{"xx/declaration-extract.v1", "MarksNumbersID", "TEXT_NOTHING_VISIBLE"},
	} {
		for _, nothing := range []string{"\u200b", "\ufeff\u00ad", "&#x202E;\u200f", "\u00a0\u2060"} {
			table := d.table(t, tt.table)
			raw, err := os.ReadFile(golden{tt.table, "full"}.file(".xml"))
			if err != nil {
				t.Fatal(err)
			}
			at := regexp.MustCompile(`(<(?:\w+:)?` + tt.element + `[^>]*>)[^<]+<`).FindStringSubmatchIndex(string(raw))
			if at == nil {
				t.Fatalf("%s has no %s", tt.table, tt.element)
			}
			decoded := d.read(t, table, []byte(string(raw[:at[3]])+nothing+string(raw[at[1]-1:])))
			var said []string
			for _, f := range decoded.Faults {
				if !strings.Contains(f.Location.Expr, tt.element) {
					t.Errorf("%s %q: %v at %s", tt.table, nothing, f, f.Location.Expr)
				}
				said = append(said, string(f.Code))
			}
			if got := strings.Join(said, ", "); got != tt.told {
				t.Errorf("%s %q: told %s, want %s", tt.table, nothing, got, tt.told)
			}
		}
	}
}
