package mapping

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/xmltree"
)

const modes = `
list: transport-mode
version: 1
source: made up
status: own
codes: [{code: "1", en: sea}, {code: "3", en: road}]
systems:
  test:
    source: made up
    status: own
    rows: [{code: "3", is: "30"}, {code: "3", is: "31", direction: decode}]
`

// header opens a table of the kind Manifest with namespace urn:m as default.
const header = `
mapping: xx/test
version: 1
document: Manifest
root: m:Manifest
namespaces: {m: "urn:m", x: "urn:x"}
default: m
system: test
zone: Asia/Shanghai
rows:
`

const notice = header + `
  - {id: R000, to: "@x:mode", const: "A1"}
  - {id: R001, to: m:Head/m:MessageID, from: envelope.documentId, required: true}
  - {id: R002, to: m:Head/m:Type, const: "MT2401"}
  - {id: R003, to: m:Head/m:SendTime, from: envelope.issued, time: yyyyMMddHHmmssSSS}
  - {id: R004, set: direction, const: EXPORT}
  - {id: R005, to: m:Office, from: office.code, max: 4}
  - {id: R006, to: m:Mode, from: transport.mode, list: transport-mode}
  - {id: R007, to: m:Lead, from: "transport.vehicles[role=TRACTOR].registration"}
  - {id: R008, to: m:Boxed, from: transport.containerised, use: bit}
  - {id: R009, to: m:Count, count: consignments}
  - {id: R020, to: m:Mass, sum: consignments.totals.grossMass.kilograms}
  - id: R010
    to: m:Consignment
    each: consignments
    rows:
      - {id: R011, to: m:Weight, from: totals.grossMass.kilograms, required: true}
      - {id: R012, to: "m:Weight/@unitCode", const: "KGM"}
      - id: R030
        to: m:Consignee
        with: consignee
        rows:
          - {id: R031, to: m:Name, from: name, language: [zh, en, ru], required: true}
          - id: R013
            to: m:Communication
            with: communications[kind=TE]
            rows:
              - {id: R014, to: m:ID, from: value}
              - {id: R015, to: m:TypeID, const: "TE"}
          - id: R033
            to: m:Communication
            with: communications[kind=EM]
            rows:
              - {id: R034, to: m:ID, from: value}
              - {id: R035, to: m:TypeID, const: "EM"}
      - id: R016
        to: m:Item
        each: items
        rows:
          - {id: R017, to: m:Number, ordinal: true}
          - {id: R018, to: m:Text, from: description, language: [zh, en], use: "split(10,4)"}
          - id: R040
            to: m:Measure
            rows:
              - {id: R041, to: m:Gross, from: grossMass.kilograms, required: true}
              - {id: R042, to: m:Net, from: netMass.kilograms}
      - {id: R019, to: m:Container, each: loadUnits, from: "."}
`

func load(t testing.TB, files map[string]string) (*Library, error) {
	t.Helper()
	fsys := fstest.MapFS{"codelists/transport-mode.yaml": {Data: []byte(modes)}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	lists, err := codelist.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	return Load(fsys, env, lists)
}

func tableOf(t testing.TB, text string) *Table {
	t.Helper()
	l, err := load(t, map[string]string{"xx/test.v1.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	out, ok := l.Table("xx/test.v1")
	if !ok {
		t.Fatal("no table")
	}
	return out
}

// read builds the tree of a document, as a parser of the real ones does.
func read(t testing.TB, raw string) *xmltree.Document {
	t.Helper()
	b := xmltree.NewBuilder(0, 0)
	decoder := xml.NewDecoder(strings.NewReader(raw))
	var stack []*xmltree.Element
	for {
		line, _ := decoder.InputPos()
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := b.Open(xmltree.Name(token.Name), "", 0, 0)
			e.Line = line
			for _, a := range token.Attr {
				switch {
				case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
				default:
					prefix := ""
					if a.Name.Space == "urn:x" {
						prefix = "x"
					}
					b.Attr(xmltree.Attr{Name: xmltree.Name(a.Name), Prefix: prefix, Value: a.Value})
				}
			}
			stack = append(stack, e)
		case xml.EndElement:
			b.Close()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(bytes.Clone(token))
			}
		}
	}
	return b.Document()
}

func parse(t testing.TB, json string) *customsv1.Document {
	t.Helper()
	p := document.Parse([]byte(json))
	if err := p.Faults.Err(); err != nil {
		t.Fatal(err)
	}
	return p.Document
}

// unread makes a document of values that no reader would leave so.
func unread(t testing.TB, json string) *customsv1.Document {
	t.Helper()
	d := &customsv1.Document{}
	if err := protojson.Unmarshal([]byte(json), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// said writes faults as "CODE path location value|expected".
func said(faults gateway.Faults) []string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.Join([]string{string(f.Code), f.Path, f.Location.Expr, f.Value + "|" + f.Expected.String()}, " "))
	}
	return out
}

// indents takes the line breaks between elements away.
var indents = strings.NewReplacer(">\n      <", "><", ">\n    <", "><", ">\n  <", "><", ">\n<", "><")

func marshal(d *customsv1.Document) string { return string(document.MarshalIndent(d)) }
