package mapping

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// extended is a table whose format has values that the canonical document has no field for: at the
// document, at goods, inside each other and several times.
const extended = `mapping: xx/test
version: 1
document: Manifest
root: Manifest
system: test
zone: Asia/Shanghai
extensions:
  ".":
    - {name: shift, type: code, length: 2, list: transport-mode, source: made up}
    - {name: closed, type: boolean, source: made up}
    - {name: weighed, type: instant, source: made up}
  consignments.items:
    - name: quota
      type: text
      length: 8
      source: made up
      inside:
        - {name: year, type: date, source: made up}
        - {name: rest, type: decimal, length: 10, source: made up}
    - name: stamp
      type: whole
      length: 6
      repeats: true
      source: made up
      inside:
        - {name: colour, type: text, length: 5, source: made up}
  consignments.consignor:
    - {name: register, source: made up, personal: true, inside: [{name: court, type: text, length: 20, source: made up}]}
rows:
  - {id: R010, to: Batch, from: batch}
  - {id: R020, to: Shift, from: "extensions[name=shift].value", list: transport-mode}
  - {id: R030, to: Closed, from: "extensions[name=closed].value", use: bit}
  - {id: R040, to: Weighed, from: "extensions[name=weighed].value", time: yyyyMMddHHmm, lossy: seconds}
  - id: R100
    to: Consignment
    each: consignments
    rows:
      - {id: R110, to: "Consignor/@court", from: "consignor.extensions[name=register].extensions[name=court].value"}
      - id: R200
        to: Item
        each: items
        rows:
          - {id: R210, to: "@no", from: sequence, required: true}
          - {id: R220, to: "@first", from: "^.^.extensions[name=closed].value", direction: encode, when: "extension(this, 'quota') != ''"}
          - id: R230
            to: Quota
            with: extensions[name=quota]
            rows:
              - {id: R231, to: ".", from: value, max: 8}
              - {id: R232, to: "@year", from: "extensions[name=year].value", time: yyyyMMdd}
              - {id: R233, to: "@rest", from: "extensions[name=rest].value", use: comma}
          - id: R240
            to: Stamp
            each: extensions
            when: name == 'stamp'
            rows:
              - {id: R241, set: name, const: stamp}
              - {id: R242, to: "@colour", from: "extensions[name=colour].value"}
              - {id: R243, to: ".", from: value, required: true}
`

func TestExtensionsGoBothWays(t *testing.T) {
	tab := tableOf(t, extended)
	d := parse(t, `{"manifest": {
		"batch": "B1",
		"consignments": [{
			"consignor": {"extensions": [{"name": "register", "extensions": [{"name": "court", "value": "Tbilisi"}]}]},
			"items": [
				{"sequence": 1, "extensions": [
					{"name": "quota", "value": "Q 7", "extensions": [{"name": "year", "value": "2026-01-01"}, {"name": "rest", "value": "12.50"}]},
					{"name": "stamp", "value": "17", "extensions": [{"name": "colour", "value": "red"}]},
					{"name": "stamp", "value": "18"}]},
				{"sequence": 2, "extensions": [{"name": "stamp", "value": "19"}]}]}],
		"extensions": [{"name": "shift", "value": "3"}, {"name": "closed", "value": "true"}, {"name": "weighed", "value": "2026-03-01T08:30:00+08:00"}]}}`)
	encoded, traced, faults := tab.Encode(d, true)
	if faults != nil {
		t.Fatal(said(faults))
	}
	const want = `<Manifest><Batch>B1</Batch><Shift>30</Shift><Closed>1</Closed><Weighed>202603010830</Weighed>` +
		`<Consignment><Consignor court="Tbilisi"/>` +
		`<Item no="1" first="true"><Quota year="20260101" rest="12,50">Q 7</Quota><Stamp colour="red">17</Stamp><Stamp>18</Stamp></Item>` +
		`<Item no="2"><Stamp>19</Stamp></Item></Consignment></Manifest>`
	_, written, _ := strings.Cut(string(encoded.Bytes()), "?>")
	if diff := cmp.Diff(want, strings.TrimSpace(betweenElements.ReplaceAllString(written, "><"))); diff != "" {
		t.Fatal(diff)
	}
	back := tab.Decode(read(t, want))
	if back.Faults != nil {
		t.Fatal(said(back.Faults))
	}
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" {
		t.Error(diff)
	}
	const stamp = "consignments[0].items[0].extensions[2].value"
	if link, ok := traced.ByPath(stamp); !ok || link.Value != "18" || link.Row != "R243" {
		t.Errorf("%s was written as %+v", stamp, link)
	}
	if link, ok := back.Trace.ByPath(stamp); !ok || link.Place.Expr != "/Manifest[1]/Consignment[1]/Item[1]/Stamp[2]" {
		t.Errorf("%s was read from %+v", stamp, link)
	}
}

// What stands in a document is of the form that is declared, in both directions.
func TestExtensionsHaveTheirForm(t *testing.T) {
	tab := tableOf(t, extended)
	for xml, want := range map[string]string{
		`<Closed>x</Closed>`:   "MAP_TYPE /Manifest[1]/Closed[1]",
		`<Shift>40</Shift>`:    "LIST_UNKNOWN /Manifest[1]/Shift[1]",
		`<Weighed>2</Weighed>`: "MAP_TYPE /Manifest[1]/Weighed[1]",
		`<Consignment><Item no="1"><Stamp>seven</Stamp></Item></Consignment>`:             "MAP_TYPE /Manifest[1]/Consignment[1]/Item[1]/Stamp[1]",
		`<Consignment><Item no="1"><Quota rest="much">Q</Quota></Item></Consignment>`:     "MAP_TYPE /Manifest[1]/Consignment[1]/Item[1]/Quota[1]/@rest",
		`<Consignment><Item no="1"><Quota year="20260230">Q</Quota></Item></Consignment>`: "MAP_TYPE /Manifest[1]/Consignment[1]/Item[1]/Quota[1]/@year",
	} {
		faults := tab.Decode(read(t, "<Manifest>"+xml+"</Manifest>")).Faults
		if len(faults) != 1 || string(faults[0].Code)+" "+faults[0].Location.Expr != want {
			t.Errorf("%s: %v, want %s", xml, said(faults), want)
		}
	}
	d := parse(t, `{"manifest": {"consignments": [{"items": [{"sequence": 1, "extensions": [{"name": "quota", "value": "much too long"}]}]}]}}`)
	_, _, faults := tab.Encode(d, false)
	if len(faults) != 1 || faults[0].Code != gateway.MapOverflow || faults[0].Path != "consignments[0].items[0].extensions[0].value" {
		t.Error(said(faults))
	}
}

// Every misuse of a declaration is an error at its line.
func TestLoadSaysEveryMistakeOfExtensions(t *testing.T) {
	for name, tc := range map[string]struct{ old, new, want string }{
		"undeclared":       {"- {name: closed, type: boolean, source: made up}", "- {name: close, type: boolean, source: made up}", `:32: row R030: no extension extensions[name=closed] is declared, expected it below extensions: extensions[name=close]`},
		"unused":           {"- {id: R020,", "# - {id: R020,", ":9: no row uses extension extensions[name=shift], expected one that does"},
		"unused inside":    {`              - {id: R232,`, `              # - {id: R232,`, ":18: no row uses extension consignments.items.extensions[name=quota].extensions[name=year]"},
		"twice":            {"- {name: closed,", "- {name: shift,", ":10: extensions: shift is declared twice"},
		"place":            {"consignments.items:", "consignments.item:", `:12: extensions: path "consignments.item"`},
		"leaf":             {"consignments.items:", "batch:", ":12: extensions: batch takes no extensions"},
		"selector":         {"consignments.items:", "\"consignments[0].items\":", ":12: extensions: consignments[0].items takes no extensions"},
		"text":             {"consignments.items:", "consignments.items.description:", ":12: extensions: consignments.items.description takes no extensions"},
		"type":             {"type: boolean", "type: bool", `:10: extensions: closed: type "bool", expected one of boolean, code, date, decimal, instant, text, whole`},
		"no type":          {"type: boolean, ", "", ":10: extensions: closed: type is missing"},
		"length":           {"length: 8", "length: 5000", ":13: extensions: quota: length 5000 of a text, expected 1 to 4000"},
		"no length":        {"      length: 8\n", "", ":13: extensions: quota: length 0 of a text"},
		"length of a date": {"{name: year, type: date,", "{name: year, type: date, length: 8,", ":18: extensions: year: length fits text, code, decimal and whole alone"},
		"code":             {", list: transport-mode, source", ", source", ":9: extensions: shift: a code has a list"},
		"list":             {"list: transport-mode, source", "list: transport-mood, source", `:9: unknown code list "transport-mood"`},
		"source":           {"type: boolean, source: made up", "type: boolean", ":10: extensions: closed: source is missing"},
		"name":             {"name: closed", "name: \"clos.ed\"", `:10: extensions: clos.ed: name "clos.ed", expected a letter`},
		"key":              {"type: boolean,", "type: boolean, persnal: true,", `:10: unknown key "persnal": nearest is personal`},
		"no name":          {`from: "extensions[name=closed].value", use`, "from: \"extensions[0].value\", use", ":32: row R030: extensions[0].value names no extension"},
		"without selector": {`from: "extensions[name=closed].value", use`, "from: extensions.value, use", ":32: row R030: extensions.value names no extension"},
		"name as a value":  {`from: "extensions[name=closed].value", use`, "from: \"extensions[name=closed].name\", use", ":32: row R030: name of an extension as a value"},
		"group as a value": {"consignor.extensions[name=register].extensions[name=court].value", "consignor.extensions[name=register].value", ":38: row R110: extension consignments.consignor.extensions[name=register] has no value of its own"},
		"each of one":      {"      repeats: true\n", "", ":51: row R240: each over extension stamp, which may stand there once"},
		"one of several":   {`from: "extensions[name=colour].value"`, `from: "^.extensions[name=stamp].value"`, ":58: row R242: extension consignments.items.extensions[name=stamp] may stand there several times"},
		"each without set": {"              - {id: R241, set: name, const: stamp}\n", "", ":52: row R240: each over extensions, expected set: name with const"},
		"each of all":      {"            when: name == 'stamp'\n", "", ":52: row R240: each over extensions of all names, expected when: name == 'stamp'"},
		"condition":        {"extension(this, 'quota')", "extension(this, 'quote')", `:44: row R220: when asks for extension "quote" of a GoodsItem, which the table does not declare`},
		"condition's name": {"extension(this, 'quota')", "extension(this, quota)", `:44: row R220: condition`},
		"type of a row":    {"use: bit", "time: yyyyMMdd", ":32: row R030: time on a bool, expected an instant or a date"},
		"spelling":         {"use: comma", "use: comma, spelling: true", ":51: row R233: spelling does not fit this row"},
	} {
		text := strings.Replace(extended, tc.old, tc.new, 1)
		if text == extended {
			t.Errorf("%s: nothing replaced", name)
			continue
		}
		_, err := load(t, map[string]string{"xx/test.v1.yaml": text})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v\nwant %s", name, err, tc.want)
		}
	}
}

// TestExtensionsNestFourDeep, and no deeper.
func TestExtensionsNestFourDeep(t *testing.T) {
	deep := func(n int) string {
		declaration, path := "", ""
		for i := range n {
			name := string(rune('a' + i))
			declaration = strings.Replace(declaration, "INSIDE", ", inside: [{name: "+name+", type: text, length: 5, source: made up INSIDE}]", 1)
			if i == 0 {
				declaration = "{name: a, type: text, length: 5, source: made up INSIDE}"
			}
			path += "extensions[name=" + name + "]."
		}
		return "mapping: xx/test\nversion: 1\ndocument: Manifest\nroot: Manifest\nextensions:\n  \".\":\n    - " + strings.Replace(declaration, " INSIDE", "", 1) +
			"\nrows:\n  - {id: R1, to: A, from: \"" + path + "value\"}\n"
	}
	if _, err := load(t, map[string]string{"xx/test.v1.yaml": deep(4)}); err != nil {
		t.Error(err)
	}
	if _, err := load(t, map[string]string{"xx/test.v1.yaml": deep(5)}); err == nil || !strings.Contains(err.Error(), "xx/test.v1.yaml:7: extensions: d has others in it, expected extensions at most 4 deep") {
		t.Error(err)
	}
}

// Two tables that declare one extension say the same of it, wherever that comes from.
func TestTablesAgreeOnAnExtension(t *testing.T) {
	other := func(change ...string) string {
		text := strings.NewReplacer("xx/test", "yy/test", "root: Manifest", "root: Other").Replace(extended)
		return strings.NewReplacer(change...).Replace(text)
	}
	l, err := load(t, map[string]string{"xx/test.v1.yaml": extended, "yy/test.v1.yaml": other("type: boolean, source: made up", "type: boolean, source: elsewhere")})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := l.Extensions().Of("consignments.consignor.extensions[name=register]"); !ok || !d.Personal || d.HasValue() {
		t.Errorf("%+v", d)
	}
	if personal, price := l.Extensions().Marks("extensions[name=closed]"); personal || price {
		t.Error("what is declared open is not")
	}
	if personal, price := l.Extensions().Marks("extensions[name=other]"); !personal || !price {
		t.Error("what nobody declares is open")
	}
	_, err = load(t, map[string]string{"xx/test.v1.yaml": extended, "yy/test.v1.yaml": other("{name: closed, type: boolean,", "{name: closed, type: boolean, price: true,")})
	if err == nil || err.Error() != "yy/test.v1.yaml:10: extensions: closed is declared otherwise at xx/test.v1.yaml:10, expected the same type, length, list and marks" {
		t.Error(err)
	}
}

// TestGuidesExampleOfExtensions: what the guide shows is a table, exact both ways.
func TestGuidesExampleOfExtensions(t *testing.T) {
	raw, err := os.ReadFile("../../mappings/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "\n### Extensions\n")
	_, example, _ := strings.Cut(section, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	tab := tableOf(t, "mapping: xx/test\nversion: 1\ndocument: Manifest\nroot: Manifest\n"+example)
	d := parse(t, `{"manifest": {"loadUnits": [{"extensions": [{"name": "mark", "value": "m1"}, {"name": "mark", "value": "m2"}]}],
		"consignments": [{"items": [{"extensions": [{"name": "quota", "value": "Q-7", "extensions": [{"name": "year", "value": "2026"}]}, {"name": "fee", "value": "1.5"}]}]}],
		"extensions": [{"name": "watch", "value": "3"}]}}`)
	encoded, _, faults := tab.Encode(d, false)
	if faults != nil {
		t.Fatal(said(faults))
	}
	back := tab.Decode(read(t, string(encoded.Bytes())))
	if diff := cmp.Diff(marshal(d), marshal(back.Document)); diff != "" || back.Faults != nil {
		t.Errorf("%v %s", said(back.Faults), diff)
	}
}
