package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

const sample = `{
  "envelope": {"documentId": "CN_1", "issued": "2026-03-01T08:30:00.250+08:00"},
  "manifest": {
    "direction": "EXPORT",
    "office": {"code": "0603"},
    "transport": {"mode": "3", "containerised": true, "vehicles": [{"role": "TRACTOR", "registration": "蒙A12345"}]},
    "consignments": [
      {
        "totals": {"grossMass": {"kilograms": "1250.5"}},
        "consignee": {
          "name": [{"language": "ru", "value": "ООО Пример"}],
          "communications": [{"kind": "EM", "value": "a@b.example"}]
        },
        "items": [
          {"description": [{"language": "en", "value": "Spare parts"}], "grossMass": {"kilograms": "1000"}},
          {"description": [{"language": "zh", "value": "汽车零件"}]}
        ],
        "loadUnits": ["MSCU1234566", "MSCU7654321"]
      },
      {"totals": {"grossMass": {"kilograms": "0.5"}}}
    ]
  }
}`

const sampleXML = `<?xml version="1.0" encoding="UTF-8"?>
<Manifest xmlns="urn:m" xmlns:x="urn:x" x:mode="A1">
  <Head>
    <MessageID>CN_1</MessageID>
    <Type>MT2401</Type>
    <SendTime>20260301083000250</SendTime>
  </Head>
  <Office>0603</Office>
  <Mode>30</Mode>
  <Lead>蒙A12345</Lead>
  <Boxed>1</Boxed>
  <Count>2</Count>
  <Mass>1251</Mass>
  <Consignment>
    <Weight unitCode="KGM">1250.5</Weight>
    <Consignee>
      <Name>ООО Пример</Name>
      <Communication>
        <ID>a@b.example</ID>
        <TypeID>EM</TypeID>
      </Communication>
    </Consignee>
    <Item>
      <Number>1</Number>
      <Text>Spare part</Text>
      <Text>s</Text>
      <Measure>
        <Gross>1000</Gross>
      </Measure>
    </Item>
    <Item>
      <Number>2</Number>
      <Text>汽车零件</Text>
    </Item>
    <Container>MSCU1234566</Container>
    <Container>MSCU7654321</Container>
  </Consignment>
  <Consignment>
    <Weight unitCode="KGM">0.5</Weight>
  </Consignment>
</Manifest>
`

func TestThereAndBack(t *testing.T) {
	tab := tableOf(t, notice)
	d := parse(t, sample)
	out, trace, faults := tab.Encode(d, true)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	if diff := cmp.Diff(sampleXML, string(out.Bytes())); diff != "" {
		t.Fatal(diff)
	}
	if out.Input() != document.Digest(d) || out.Digest() != gateway.DigestOf(out.Bytes()) || out.TableDigest() != tab.Digest() || out.IsZero() {
		t.Error("Encoded names something else than what it was made of")
	}
	again, none, _ := tab.Encode(d, false)
	if len(none.Links(true)) != 0 || again.Digest() != out.Digest() {
		t.Error("encoding without trace differs")
	}
	back := tab.Decode(read(t, sampleXML))
	if diff := cmp.Diff(string(document.MarshalIndent(d)), string(document.MarshalIndent(back.Document))); diff != "" {
		t.Error(diff)
	}
	if len(back.Faults)+len(back.Unread) > 0 {
		t.Error(said(back.Faults), back.Unread)
	}
	for _, l := range trace.Links(false) {
		if l.Path == "" {
			continue
		}
		read, ok := back.Trace.ByPath(l.Path)
		if !ok || read.Place.Expr != l.Place.Expr && l.Row != "R018" || read.Row != l.Row {
			t.Errorf("%s was written to %s by %s and read from %s by %s", l.Path, l.Place.Expr, l.Row, read.Place.Expr, read.Row)
		}
	}
}

func TestTraceFindsTheNearest(t *testing.T) {
	back := tableOf(t, notice).Decode(read(t, sampleXML))
	for path, want := range map[string]string{
		"transport.mode":                          "R006 /d:Manifest[1]/d:Mode[1] 30 transport-mode.v1:3->30",
		"consignments[0].items[1].netMass":        "R016 /d:Manifest[1]/d:Consignment[1]/d:Item[2]  ",
		"consignments[1].totals.grossMass":        "R011 /d:Manifest[1]/d:Consignment[2]  ", // where its kilograms stand
		"consignments[0].loadUnits[1]":            "R019 /d:Manifest[1]/d:Consignment[1]/d:Container[2] MSCU7654321 ",
		"consignments[0].consignee.name[0].value": "R031 /d:Manifest[1]/d:Consignment[1]/d:Consignee[1]/d:Name[1] ООО Пример ",
		"carrier": "root /d:Manifest[1]  ",
	} {
		l, ok := back.Trace.ByPath(path)
		if got := strings.Join([]string{l.Row, l.Place.Expr, l.Value, l.ListRow}, " "); !ok || got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		found, ok := back.Trace.ByPlace(l.Place.Expr + "/d:None[1]")
		if !ok || found.Place.Expr != l.Place.Expr {
			t.Errorf("%s leads to %s", l.Place.Expr, found.Place.Expr)
		}
	}
}

func TestEncodeSaysAllFaultsAtOnce(t *testing.T) {
	d := parse(t, `{"manifest": {
	  "direction": "IMPORT", "office": {"code": "060300"},
	  "transport": {"mode": "1"},
	  "consignments": [{"consignee": {"country": "KZ"}, "items": [{"netMass": {"kilograms": "1"}}, {"description": [{"language": "en", "value": "12345678901234567890123456789012345678901"}]}]}]
	}}`)
	out, _, faults := tableOf(t, notice).Encode(d, true)
	want := []string{
		"MAP_REQUIRED envelope.documentId  |Head/MessageID",
		"MAP_CONST direction  IMPORT|EXPORT",
		"MAP_OVERFLOW office.code  060300|4",
		"LIST_NO_COUNTERPART transport.mode  1|transport-mode, test",
		"MAP_REQUIRED consignments[0].totals.grossMass.kilograms  |Weight",
		"MAP_REQUIRED consignments[0].consignee.name  |Name",
		"MAP_REQUIRED consignments[0].items[0].grossMass.kilograms  |Gross",
		"MAP_OVERFLOW consignments[0].items[1].description[0].value  12345678901234567890123456789012345678901|40",
	}
	if diff := cmp.Diff(want, said(faults)); diff != "" || !out.IsZero() {
		t.Error(diff)
	}
	if _, _, faults := tableOf(t, notice).Encode(parse(t, `{"answer": {}}`), false); len(faults) != 1 || faults[0].Code != gateway.MapKind {
		t.Error(said(faults))
	}
	d.GetManifest().Office.Code = "\x01"
	_, _, faults = tableOf(t, notice).Encode(d, true)
	if faults[2].Code != gateway.MapControlCharacter {
		t.Error(said(faults))
	}
}

// Decode drops blanks, so a text of nothing else would be written and then be missing.
func TestEncodeTakesATextOfBlanksForNone(t *testing.T) {
	tab := tableOf(t, header+`
  - {id: R001, to: m:ID, from: envelope.documentId, required: true}
  - {id: R002, to: m:Office, from: office.code}
  - {id: R003, to: "m:Office/@name", from: partnerOffice.code}
  - {id: R004, to: m:Batch, from: batch, default: "none"}
  - {id: R005, to: m:Remark, from: remarks, language: [zh, ru], required: true}
  - {id: R006, to: m:Count, count: consignments.loadUnits}
  - id: R010
    to: m:Consignment
    each: consignments
    rows:
      - {id: R011, to: m:UCR, from: ucr, max: 2, on_overflow: truncate, lossy: "two"}
      - {id: R012, to: m:Unit, each: loadUnits, from: "."}
      - {id: R013, to: m:Number, ordinal: true}
`)
	d := unread(t, `{"envelope": {"documentId": "X"}, "manifest": {"office": {"code": " "}, "partnerOffice": {"code": "\u3000"}, "batch": "\t",
		"remarks": [{"language": "zh", "value": " "}, {"language": "ru", "value": "да"}],
		"consignments": [{"ucr": "  x", "loadUnits": [" ", "A", "\u00a0"]}, {"ucr": "b", "loadUnits": [" "]}]}}`)
	out, trace, faults := tab.Encode(d, true)
	want := `<?xml version="1.0" encoding="UTF-8"?><Manifest xmlns="urn:m" xmlns:x="urn:x"><ID>X</ID><Batch>none</Batch><Remark>да</Remark><Count>1</Count>` +
		`<Consignment><UCR>x</UCR><Unit>A</Unit><Number>1</Number></Consignment><Consignment><UCR>b</UCR><Number>2</Number></Consignment></Manifest>`
	if diff := cmp.Diff(want, strings.TrimSpace(indents.Replace(string(out.Bytes())))); diff != "" || len(faults) > 0 {
		t.Error(diff, said(faults))
	}
	if l, ok := trace.ByPath("consignments[0].loadUnits[1]"); !ok || l.Value != "A" {
		t.Errorf("the text behind the blank one is %+v", l)
	}
	if back := tab.Decode(read(t, string(out.Bytes()))); len(back.Faults)+len(back.Unread) > 0 {
		t.Error(said(back.Faults), back.Unread)
	}
	d.GetEnvelope().DocumentId, d.GetManifest().Remarks[1].Value = "  ", "\n"
	out, _, faults = tab.Encode(d, false)
	if diff := cmp.Diff([]string{"MAP_REQUIRED envelope.documentId  |ID", "MAP_REQUIRED remarks  |Remark"}, said(faults)); diff != "" || !out.IsZero() {
		t.Error(diff)
	}
}

func TestDecodeReadsPastAFirstPieceOfBlanks(t *testing.T) {
	tab := tableOf(t, header+`  - {id: R001, to: m:Text, from: remarks, language: [zh], use: "split(2,4)", required: true}`)
	out, _, faults := tab.Encode(parse(t, `{"manifest": {"remarks": [{"language": "zh", "value": "  汽车"}]}}`), false)
	if len(faults) > 0 {
		t.Fatal(said(faults))
	}
	back := tab.Decode(read(t, string(out.Bytes())))
	if got := back.Document.GetManifest().GetRemarks(); len(back.Faults)+len(back.Unread) > 0 || len(got) != 1 || got[0].Value != "汽车" {
		t.Error(got, said(back.Faults), back.Unread)
	}
}

func TestDecodeSaysAllFaultsAtOnce(t *testing.T) {
	got := tableOf(t, notice).Decode(read(t, `<Manifest xmlns="urn:m" xmlns:x="urn:x" x:mode="B" y="1">
	<Head><Type>MT1401</Type><SendTime>2026</SendTime></Head>
	<Head><Type>MT1401</Type></Head>
	<Mode>３</Mode><Boxed>yes</Boxed><Count>5</Count><Mass>x</Mass><Strange><a/></Strange>
	<Consignment>loose<Weight>+012.50</Weight><Weight>1</Weight></Consignment>
	<Consignment><Weight unitCode="LBR">1e3</Weight><Consignee><Name> </Name><Communication><TypeID>FX</TypeID><ID>1</ID></Communication></Consignee></Consignment>
	<Consignment/>
	<Consignment><Weight>7</Weight></Consignment>
	</Manifest>`))
	want := []string{
		"MAP_CONST  /d:Manifest[1]/@x:mode B|A1",
		"MAP_CONST  /d:Manifest[1]/d:Head[1]/d:Type[1] MT1401|MT2401",
		"MAP_TYPE envelope.issued /d:Manifest[1]/d:Head[1]/d:SendTime[1] 2026|a time written as yyyyMMddHHmmssSSS, for example 20260301083000000",
		"MAP_REPEATED  /d:Manifest[1]/d:Head[2] |Head only once",
		"LIST_UNKNOWN transport.mode /d:Manifest[1]/d:Mode[1] ３|transport-mode, test",
		"MAP_TYPE transport.containerised /d:Manifest[1]/d:Boxed[1] yes|1 or 0",
		"MAP_REPEATED consignments[0].totals.grossMass.kilograms /d:Manifest[1]/d:Consignment[1]/d:Weight[2] |Weight only once",
		"MAP_TYPE consignments[1].totals.grossMass.kilograms /d:Manifest[1]/d:Consignment[2]/d:Weight[1] 1e3|a decimal number with a point and without blanks or exponent, such as 18250.5",
		"MAP_CONST consignments[1] /d:Manifest[1]/d:Consignment[2]/d:Weight[1]/@unitCode LBR|KGM",
		"MAP_REQUIRED consignments[1].consignee.name /d:Manifest[1]/d:Consignment[2]/d:Consignee[1]/d:Name[1] |Name",
		"MAP_CONST consignments[1].consignee.communications[0] /d:Manifest[1]/d:Consignment[2]/d:Consignee[1]/d:Communication[1]/d:TypeID[1] FX|TE",
		"MAP_REQUIRED envelope.documentId /d:Manifest[1]/d:Head[1] |MessageID",
		"MAP_DERIVED consignments /d:Manifest[1]/d:Count[1] 5|3",
		"MAP_DERIVED consignments.totals.grossMass.kilograms /d:Manifest[1]/d:Mass[1] x|19.5",
	}
	if diff := cmp.Diff(want, said(got.Faults)); diff != "" {
		t.Error(diff)
	}
	var unread []string
	for _, l := range got.Unread {
		unread = append(unread, l.Expr)
	}
	all := []string{"/d:Manifest[1]/@y", "/d:Manifest[1]/d:Head[2]", "/d:Manifest[1]/d:Strange[1]", "/d:Manifest[1]/d:Consignment[1]", "/d:Manifest[1]/d:Consignment[1]/d:Weight[2]"}
	if diff := cmp.Diff(all, unread); diff != "" {
		t.Error(diff)
	}
	if n := len(got.Document.GetManifest().Consignments); n != 3 {
		t.Errorf("%d consignments, want 3: the empty one is nothing", n)
	}
	before := string(document.Marshal(got.Document))
	got.Trace.Links(true)
	got.Trace.ByPath("consignments[2]")
	if after := string(document.Marshal(got.Document)); before != after {
		t.Error("reading the trace changed the document")
	}
	other := tableOf(t, notice).Decode(read(t, `<Manifest xmlns="urn:other"/>`))
	if other.Document != nil || len(other.Faults) != 1 || other.Faults[0].Code != gateway.MapRoot {
		t.Error(said(other.Faults))
	}
}

func TestRowsSayWhatTheyDo(t *testing.T) {
	l, err := load(t, map[string]string{"xx/test.v1.yaml": notice})
	if err != nil {
		t.Fatal(err)
	}
	tab, _ := l.Table("xx/test.v1")
	for _, r := range tab.Rows() {
		if r.ID == "R018" {
			want := table.RowInfo{ID: "R018", Line: 57, Target: "/m:Manifest/m:Consignment/m:Item/m:Text", From: "consignments.items.description", Use: "split(10,4)", Language: []string{"zh", "en"}, Prose: true, Inside: "R016"}
			want.Line = r.Line
			if diff := cmp.Diff(want, r); diff != "" {
				t.Error(diff)
			}
			if got := strings.Split(notice, "\n")[r.Line-1]; !strings.Contains(got, "R018") {
				t.Errorf("line %d is %q", r.Line, got)
			}
		}
	}
	root := xmltree.Name{Space: "urn:m", Local: "Manifest"}
	if got := l.Match(root); len(got) != 1 || got[0] != tab {
		t.Error("Match does not find the table")
	}
	for doc, want := range map[string]bool{
		`<manifest xmlns="urn:n"/>`:                                     true,  // the root's name
		`<Sheet><Head><Type>MT2401</Type></Head></Sheet>`:               true,  // what only this format says
		`<Sheet><Head><Type>MT9999</Type></Head></Sheet>`:               false, // another
		`<Sheet xmlns="urn:n"><Head><Kind>MT2401</Kind></Head></Sheet>`: false,
	} {
		if got, ok := l.Nearest(read(t, doc).Root); ok != want || ok && got != tab {
			t.Errorf("%s is like %v, %v", doc, got, ok)
		}
	}
}
