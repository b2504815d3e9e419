package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"customs.example/gateway"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
	"github.com/google/go-cmp/cmp"
)

// notice is a small format in three files and two namespaces.
var notice = fstest.MapFS{
	"xx/notice.v1.xsd": {Data: []byte(`<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:xx:notice" xmlns:c="urn:xx:cat"
	targetNamespace="urn:xx:notice" elementFormDefault="qualified">
	<xs:import namespace="urn:xx:cat" schemaLocation="common/cat.xsd"/>
	<xs:element name="Notice">
		<xs:complexType>
			<xs:sequence>
				<xs:element name="Office" type="c:Office"/>
				<xs:element name="Date" type="xs:date"/>
				<xs:element ref="c:Truck"/>
				<xs:element name="Item" minOccurs="0" maxOccurs="unbounded">
					<xs:complexType>
						<xs:sequence>
							<xs:element name="Text" type="c:Text"/>
							<xs:element name="Mass" minOccurs="0">
								<xs:complexType>
									<xs:simpleContent>
										<xs:extension base="c:Mass"><xs:attribute name="unitCode" type="c:Unit" use="required"/></xs:extension>
									</xs:simpleContent>
								</xs:complexType>
							</xs:element>
							<xs:element name="Count" minOccurs="0" type="c:Count"/>
							<xs:element name="Mark" minOccurs="0" fixed="X"/>
						</xs:sequence>
					</xs:complexType>
				</xs:element>
			</xs:sequence>
			<xs:attribute name="mode" fixed="1006"/>
		</xs:complexType>
		<xs:unique name="texts"><xs:selector xpath=".//*"/><xs:field xpath="@none"/></xs:unique>
	</xs:element>
</xs:schema>`)},
	"xx/common/cat.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:xx:cat" xmlns:l="urn:xx:leaf"
	targetNamespace="urn:xx:cat" elementFormDefault="qualified">
	<xs:import namespace="urn:xx:leaf" schemaLocation="../../yy/common/leaf.xsd"/>
	<xs:simpleType name="Office"><xs:restriction base="xs:string"><xs:pattern value="[0-9]{4}"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Text"><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="36"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Unit"><xs:restriction base="xs:token"><xs:enumeration value="166"/><xs:enumeration value="168"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Mass"><xs:restriction base="xs:decimal"><xs:minInclusive value="0"/><xs:totalDigits value="8"/><xs:fractionDigits value="3"/></xs:restriction></xs:simpleType>
	<xs:simpleType name="Count"><xs:restriction base="xs:integer"><xs:maxExclusive value="100"/></xs:restriction></xs:simpleType>
	<xs:element name="Truck">
		<xs:complexType><xs:sequence><xs:element name="Plate" type="l:Plate"/></xs:sequence></xs:complexType>
	</xs:element>
</xs:schema>`)},
	"yy/common/leaf.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:xx:leaf">
	<xs:simpleType name="Plate"><xs:restriction base="xs:string"><xs:length value="6"/></xs:restriction></xs:simpleType>
</xs:schema>`)},
	"yy/README.md": {Data: []byte("not a schema")},
}

const good = `<?xml version="1.0" encoding="UTF-8"?>
<Notice xmlns="urn:xx:notice" xmlns:c="urn:xx:cat" mode="1006">
  <Office>0603</Office>
  <Date>2024-03-01</Date>
  <c:Truck>
    <c:Plate>AB1234</c:Plate>
  </c:Truck>
  <Item>
    <Text>tea &amp; <![CDATA[<cups>]]><!-- a remark --> &#x8336;</Text>
    <Mass unitCode="166">18250.500</Mass>
  </Item>
</Notice>
`

// load loads schemas for the length of a test.
func load(t testing.TB, fsys fs.FS) *Set {
	t.Helper()
	set, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	return set
}

func noticeSchema(t testing.TB) *Schema {
	t.Helper()
	sc, ok := load(t, notice).Schema("xx/notice.v1")
	if !ok {
		t.Fatal("xx/notice.v1 is not loaded")
	}
	return sc
}

func TestGoodDocumentConforms(t *testing.T) {
	sc := noticeSchema(t)
	before := Denied()
	r := sc.Check([]byte(good), DefaultLimits)
	if r.Faults != nil {
		t.Fatal(r.Faults.Report("en"))
	}
	c := r.Conforming
	if c.IsZero() || c.Document() != gateway.DigestOf([]byte(good)) || c.Schema() != "xx/notice.v1" || c.SchemaDigest() != sc.Digest() {
		t.Errorf("the proof is %+v", c)
	}
	if Denied() != before {
		t.Error("a good document asked for something outside")
	}

	item := r.Document.Root.Children[3]
	if got, want := item.Children[0].Text, "tea & <cups> 茶"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	want := gateway.Location{Expr: "/d:Notice[1]/d:Item[1]/d:Mass[1]/@unitCode", Line: 10, Namespaces: map[string]string{"d": "urn:xx:notice"}}
	if diff := cmp.Diff(want, item.Children[1].AttrLocation(xmltree.Name{Local: "unitCode"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"": "urn:xx:notice", "c": "urn:xx:cat"}, r.Document.Root.Namespaces); diff != "" {
		t.Error(diff)
	}
	if root := r.Document.Root; root.Text != "" || root.Children[2].Prefix != "c" || root.Attrs[0].Value != "1006" {
		t.Errorf("root is %+v", root)
	}
}

func TestFaultsAgainstTheSchema(t *testing.T) {
	const item = "/d:Notice[1]/d:Item[1]"
	tests := []struct {
		name, old, new                  string // a change to the good document
		code                            gateway.Code
		place, value, expected, comment string
	}{
		{name: "unexpected element", old: "<Date>", new: "<Day>1</Day><Date>", code: gateway.XSDUnexpectedElement,
			place: "/d:Notice[1]/d:Day[1]", value: "Day", expected: "Date"},
		{name: "element left out in the middle", old: "<Date>2024-03-01</Date>", new: "", code: gateway.XSDUnexpectedElement,
			place: "/d:Notice[1]/c:Truck[1]", value: "c:Truck", expected: "Date"},
		{name: "element from another namespace", old: "<Date>2024-03-01</Date>", new: "<c:Date>2024-03-01</c:Date>", code: gateway.XSDUnexpectedElement,
			place: "/d:Notice[1]/c:Date[1]", value: "c:Date", expected: "Date"},
		{name: "one too many", old: "</Text>", new: "</Text><Text>more</Text>", code: gateway.XSDTooOften,
			place: item + "/d:Text[2]", value: "Text", expected: "at most 1 in succession"},
		{name: "nothing may follow", old: "</c:Plate>", new: "</c:Plate><c:Plate>CD5678</c:Plate>", code: gateway.XSDTooOften,
			place: "/d:Notice[1]/c:Truck[1]/c:Plate[2]", value: "c:Plate", expected: "at most 1 in succession"},
		{name: "missing child", old: "<c:Plate>AB1234</c:Plate>", new: "", code: gateway.XSDMissingElement,
			place: "/d:Notice[1]/c:Truck[1]", expected: "c:Plate"},
		{name: "missing attribute", old: ` unitCode="166"`, new: "", code: gateway.XSDAttributeMissing,
			place: item + "/d:Mass[1]", expected: "unitCode"},
		{name: "unknown attribute", old: "<Item>", new: `<Item colour="red">`, code: gateway.XSDAttributeUnknown,
			place: item + "/@colour", value: "colour"},
		{name: "not a date", old: "2024-03-01", new: "1 March", code: gateway.XSDType,
			place: "/d:Notice[1]/d:Date[1]", value: "1 March", expected: "a date"},
		{name: "not a number", old: "18250.500", new: "18250,500", code: gateway.XSDType,
			place: item + "/d:Mass[1]", value: "18250,500"},
		{name: "too long", old: "<![CDATA[<cups>]]>", new: strings.Repeat("x", 400), code: gateway.XSDLength,
			place: item + "/d:Text[1]", value: "tea & " + strings.Repeat("x", 194), expected: "at most 36 characters"},
		{name: "too short", old: "<Mass", new: "</Item><Item><Text/><Mass", code: gateway.XSDEmpty,
			place: "/d:Notice[1]/d:Item[2]/d:Text[1]", value: "Text", expected: "a text that is not empty, of valid characters"},
		{name: "wrong length", old: "AB1234", new: "AB12345", code: gateway.XSDLength,
			place: "/d:Notice[1]/c:Truck[1]/c:Plate[1]", value: "AB12345", expected: "exactly 6 characters"},
		{name: "pattern, with a value that speaks libxml2", old: "0603", new: "is not accepted by the pattern 'x'.", code: gateway.XSDPattern,
			place: "/d:Notice[1]/d:Office[1]", value: "is not accepted by the pattern 'x'.", expected: "a text of the pattern [0-9]{4}"},
		{name: "not in the list", old: `"166"`, new: `"999"`, code: gateway.XSDEnumeration,
			place: item + "/d:Mass[1]/@unitCode", value: "999", expected: "one of 166, 168"},
		{name: "too small", old: "18250.500", new: "-1", code: gateway.XSDRange, place: item + "/d:Mass[1]", value: "-1", expected: "at least 0"},
		{name: "too many digits", old: "18250.500", new: "1.2345", code: gateway.XSDRange, place: item + "/d:Mass[1]", value: "1.2345", expected: "at most 3 digits after the point"},
		{name: "too large", old: "</Item>", new: "<Count>100</Count></Item>", code: gateway.XSDRange, place: item + "/d:Count[1]", value: "100", expected: "less than 100"},
		{name: "fixed attribute", old: `mode="1006"`, new: `mode="x"`, code: gateway.XSDFixed, place: "/d:Notice[1]/@mode", value: "x", expected: "1006"},
		{name: "fixed element", old: "</Item>", new: "<Mark>Y</Mark></Item>", code: gateway.XSDFixed, place: item + "/d:Mark[1]", value: "Y", expected: "X"},
		{name: "text between elements", old: "<Item>", new: "<Item>stray", code: gateway.XSDUnexpectedText, place: item, value: "stray"},
		{name: "elements in a text", old: "0603", new: "<b>0603</b>", code: gateway.XSDUnexpectedElement,
			place: "/d:Notice[1]/d:Office[1]/d:b[1]", value: "b", expected: "text only"},
		{name: "root of another namespace", old: `xmlns="urn:xx:notice"`, new: `xmlns="urn:xx:other"`, code: gateway.XSDRoot,
			place: "/d:Notice[1]", value: "{urn:xx:other}Notice", expected: "{urn:xx:notice}Notice"},
	}
	sc := noticeSchema(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := strings.Replace(good, tt.old, tt.new, 1)
			if doc == good {
				t.Fatal("the change changes nothing")
			}
			r := sc.Check([]byte(doc), DefaultLimits)
			if r.Document == nil {
				t.Error("no document to decode")
			}
			if !r.Conforming.IsZero() {
				t.Error("a faulty document has a proof")
			}
			if len(r.Faults) != 1 {
				t.Fatalf("want one fault, got %+v", r.Faults)
			}
			f := r.Faults[0]
			got := []string{string(f.Code), f.Location.Expr, f.Value, f.Expected.String()}
			if tt.expected == "" {
				tt.expected = f.Expected.String()
			}
			if diff := cmp.Diff([]string{string(tt.code), tt.place, tt.value, tt.expected}, got); diff != "" {
				t.Error(diff)
			}
			if f.Severity != gateway.Error || f.Location.Line == 0 {
				t.Errorf("severity %q, line %d", f.Severity, f.Location.Line)
			}
		})
	}
}

func TestRootOfAnImportedFileIsRefused(t *testing.T) {
	r := noticeSchema(t).Check([]byte(`<Truck xmlns="urn:xx:cat"><Plate>AB1234</Plate></Truck>`), DefaultLimits)
	if len(r.Faults) != 1 || r.Faults[0].Code != gateway.XSDRoot {
		t.Errorf("faults: %v", r.Faults)
	}
}

// What libxml2 leaves unjudged after a broken content model is decoding's business;
// this pins down how much that is.
func TestSiblingsAfterUnexpectedElementAreNotJudged(t *testing.T) {
	doc := strings.NewReplacer("0603", "bad", "<Date>", "<Day>1</Day><Date>", "AB1234", "bad", "18250.500", "bad").Replace(good)
	var got []string
	for _, f := range noticeSchema(t).Check([]byte(doc), DefaultLimits).Faults {
		got = append(got, string(f.Code)+" "+f.Location.Expr)
	}
	want := []string{"XSD_PATTERN /d:Notice[1]/d:Office[1]", "XSD_UNEXPECTED_ELEMENT /d:Notice[1]/d:Day[1]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFaultIsListedUpToALimit(t *testing.T) {
	sc := noticeSchema(t)
	items := strings.Repeat(`<Item a="1" b="2"><Text/><Mass>x</Mass></Item>`, 100)
	doc := strings.Replace(good, "</Notice>", items+"</Notice>", 1)
	if got := len(sc.Check([]byte(doc), DefaultLimits).Faults); got != 500 {
		t.Errorf("%d faults, want 500: two attributes, a text, a missing attribute and a mass in each of 100 items", got)
	}
	doc = strings.Replace(good, "</Notice>", strings.Repeat(items, 10)+"</Notice>", 1)
	faults := sc.Check([]byte(doc), DefaultLimits).Faults
	if last := faults[len(faults)-1]; last.Code != gateway.XSDTooMany || len(faults) > MaxFaults+1 {
		t.Errorf("%d faults, the last is %v", len(faults), last)
	}
}

func TestInstanceCannotNameItsOwnSchema(t *testing.T) {
	before := Denied()
	doc := strings.Replace(good, "<Notice ", `<Notice xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:xx:notice file:///etc/passwd" `, 1)
	if r := noticeSchema(t).Check([]byte(doc), DefaultLimits); r.Faults != nil || Denied() != before {
		t.Errorf("faults %v, %d denied", r.Faults, Denied()-before)
	}
}

// A proven set compiles each schema once, when several ask for it at once, to the same as
// Load; of one that is not good it knows nothing, and the others are not touched by it.
func TestParallelProvenSchemasAreCompiledWhenAskedFor(t *testing.T) {
	files := fstest.MapFS{"xx/broken.v1.xsd": {Data: []byte("<broken")}}
	for name, f := range notice {
		files[name] = f
	}
	set, err := LoadProven(files)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var asking sync.WaitGroup
	var found [8]*Schema
	for i := range found {
		asking.Go(func() { found[i], _ = set.Schema("xx/notice.v1") })
	}
	asking.Wait()
	want, _ := load(t, notice).Schema("xx/notice.v1")
	for _, sc := range found {
		if sc == nil || sc != found[0] || sc.Digest() != want.Digest() {
			t.Fatalf("schema %v", sc)
		}
	}
	if _, ok := set.Schema("xx/broken.v1"); ok || len(set.compiled) != 1 {
		t.Error("a broken schema is there, or one was compiled twice")
	}
}

func TestLoadRefuses(t *testing.T) {
	with := func(name, from, to string) fs.FS {
		m := fstest.MapFS{}
		for n, f := range notice {
			m[n] = f
		}
		m[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(notice[name].Data), from, to, 1))}
		return m
	}
	tests := []struct {
		name string
		fsys fs.FS
		want string
	}{
		{"nothing to load", fstest.MapFS{}, "no file is named"},
		{"missing import", with("xx/notice.v1.xsd", "common/cat.xsd", "common/dog.xsd"), "xx/common/dog.xsd"},
		{"missing import of an import", with("xx/common/cat.xsd", "leaf.xsd", "elf.xsd"), "yy/common/elf.xsd"},
		{"a file of the machine", with("xx/common/cat.xsd", "../../yy/common/leaf.xsd", "file:///etc/passwd"), "/etc/passwd"},
		{"the network", with("xx/common/cat.xsd", "../../yy/common/leaf.xsd", "http://127.0.0.1:1/leaf.xsd"), "no such file: http://127.0.0.1:1/leaf.xsd"},
		{"unknown type", with("xx/notice.v1.xsd", `"c:Text"`, `"c:Prose"`), "Prose"},
		{"import not well-formed", with("xx/common/cat.xsd", "</xs:schema>", "</xs:schem>"), "xx/common/cat.xsd"},
		{"target not well-formed", with("xx/notice.v1.xsd", "</xs:schema>", "</xs:schem>"), "XML_MALFORMED"},
		{"no root", fstest.MapFS{"xx/cat.v1.xsd": notice["yy/common/leaf.xsd"]}, "no root element"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, err := Load(tt.fsys)
			if err == nil {
				set.Close()
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
	broken := errors.New("disk")
	if _, err := Load(brokenFS{broken}); !errors.Is(err, broken) {
		t.Errorf("error %v, want the disk's", err)
	}
}

type brokenFS struct{ err error }

func (b brokenFS) Open(string) (fs.File, error) { return nil, b.err }

func TestDigestCoversImportsAndNothingElse(t *testing.T) {
	digest := func(change string) gateway.Digest {
		m := fstest.MapFS{"xx/common/unused.xsd": {Data: []byte("<a/>")}}
		for n, f := range notice {
			m[n] = f
		}
		if change != "" {
			m[change] = &fstest.MapFile{Data: append([]byte(nil), string(m[change].Data)+"<!-- changed -->"...)}
		}
		sc, _ := load(t, m).Schema("xx/notice.v1")
		return sc.Digest()
	}
	same := noticeSchema(t).Digest()
	for change, differs := range map[string]bool{"": false, "xx/common/unused.xsd": false, "yy/common/leaf.xsd": true, "xx/notice.v1.xsd": true} {
		if got := digest(change) != same; got != differs {
			t.Errorf("after changing %q the digest differs: %v", change, got)
		}
	}
}

func TestParallelOneSchemaServesManyGoroutines(t *testing.T) {
	set := load(t, notice)
	if diff := cmp.Diff([]string{"xx/notice.v1"}, set.Names()); diff != "" {
		t.Error(diff)
	}
	sc, _ := set.Schema("xx/notice.v1")
	bad := strings.Replace(good, "0603", strings.Repeat("9", 60_000), 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if r := sc.Check([]byte(good), DefaultLimits); r.Faults != nil {
					t.Error(r.Faults)
				}
				if r := sc.Check([]byte(bad), DefaultLimits); len(r.Faults) != 1 || r.Faults[0].Code != gateway.XSDPattern {
					t.Error(r.Faults)
				}
			}
		})
	}
	wg.Go(func() { // another set comes and goes meanwhile
		for range 10 {
			other, err := Load(notice)
			if err != nil {
				t.Error(err)
				return
			}
			other.Close()
		}
	})
	wg.Wait()
}

func TestCheckAfterClosePanics(t *testing.T) {
	set, err := Load(notice)
	if err != nil {
		t.Fatal(err)
	}
	sc, _ := set.Schema("xx/notice.v1")
	set.Close()
	set.Close()
	defer func() {
		if recover() == nil {
			t.Error("freed memory was used")
		}
	}()
	sc.Check([]byte(good), DefaultLimits)
}

// Both killed the process through the library's own Validate.
func TestLongValuesAndLongEnumerations(t *testing.T) {
	var codes strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&codes, `<xs:enumeration value="CODE%04d"/>`, i)
	}
	sc, _ := load(t, fstest.MapFS{"a.v1.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>
		<xs:restriction base="xs:string">` + codes.String() + `</xs:restriction></xs:simpleType></xs:element></xs:schema>`)}}).Schema("a.v1")
	for _, value := range []string{"CODE", strings.Repeat("x", 60_000), strings.Repeat("ж", 30_000), strings.Repeat("%s%n", 2_000)} {
		r := sc.Check([]byte("<a>"+value+"</a>"), DefaultLimits)
		if len(r.Faults) != 1 || r.Faults[0].Code != gateway.XSDEnumeration {
			t.Fatalf("faults: %v", r.Faults)
		}
		f := r.Faults[0]
		if !strings.HasPrefix(f.Expected.String(), "one of CODE0000, CODE0001") || len([]rune(f.Expected.String())) > 250 || !strings.HasPrefix(value, f.Value) || len([]rune(f.Value)) > 200 {
			t.Errorf("fault: %+v", f)
		}
	}
}

// TestProveSaysWhatCheckSays: what is written to be sent is proven without a tree, and whatever
// is wrong with it is told as of a document that is read.
func TestProveSaysWhatCheckSays(t *testing.T) {
	sc := noticeSchema(t)
	proven := 0
	for _, raw := range []string{
		good,
		strings.Replace(good, `<?xml version="1.0" encoding="UTF-8"?>`, "", 1),
		strings.ReplaceAll(strings.ReplaceAll(strings.Replace(good, `xmlns="`, `xmlns:n="`, 1), "<Notice", "<n:Notice"), "</Notice", "</n:Notice"),
		strings.Replace(good, "urn:xx:notice", "urn:xx:other", 1),
		strings.ReplaceAll(good, "Notice", "Notize"),
		strings.Replace(good, "unitCode", "unitCoda", 1),
		strings.Replace(good, "</", "<", 1),
		"", "<a/>", "<!DOCTYPE a><a/>",
	} {
		want := sc.Check([]byte(raw), DefaultLimits)
		got, err := sc.Prove(pace.Endless(), []byte(raw), DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Faults, got.Faults); diff != "" || got.Conforming != want.Conforming {
			t.Errorf("%.200s: %s", raw, diff)
		}
		if got.Conforming.IsZero() == (got.Document == nil) && want.Document != nil {
			t.Errorf("%.200s: a document %t", raw, got.Document != nil)
		}
		if !got.Conforming.IsZero() {
			proven++
		}
	}
	if proven < 2 {
		t.Errorf("%d proven", proven)
	}
}
