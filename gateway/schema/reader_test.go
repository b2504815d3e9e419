package schema

import (
	"strings"
	"testing"
	"testing/fstest"

	"customs.example/gateway"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// everything is a schema in which each of libxml2's codes can be met.
const everything = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:all" xmlns:a="urn:all" targetNamespace="urn:all" elementFormDefault="qualified">
	<xs:element name="All">
		<xs:complexType>
			<xs:sequence>
				<xs:element name="Day" type="xs:date" minOccurs="0"/>
				<xs:element name="Moment" type="xs:dateTime" minOccurs="0"/>
				<xs:element name="Clock" type="xs:time" minOccurs="0"/>
				<xs:element name="Yes" type="xs:boolean" minOccurs="0"/>
				<xs:element name="Exact" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="Between" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:minLength value="2"/><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="From" minOccurs="0"><xs:simpleType><xs:restriction base="xs:decimal"><xs:minInclusive value="1"/><xs:maxInclusive value="9"/><xs:totalDigits value="3"/><xs:fractionDigits value="2"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="Above" minOccurs="0"><xs:simpleType><xs:restriction base="xs:decimal"><xs:minExclusive value="1"/><xs:maxExclusive value="9"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="Like" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[A-Z]{2}"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="Listed" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value="B"/></xs:restriction></xs:simpleType></xs:element>
				<xs:element name="Nothing" minOccurs="0"><xs:complexType/></xs:element>
				<xs:element name="Nil" type="xs:string" nillable="true" minOccurs="0"/>
				<xs:element name="NilFixed" type="xs:string" nillable="true" fixed="X" minOccurs="0"/>
				<xs:element name="Mixed" fixed="X" minOccurs="0"><xs:complexType mixed="true"><xs:sequence><xs:element name="B" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
				<xs:element name="Twice" type="xs:string" minOccurs="0" maxOccurs="2"/>
				<xs:element name="Attrs" minOccurs="0"><xs:complexType><xs:attribute name="must" use="required"/><xs:attribute name="fixed" fixed="F"/><xs:attribute name="n" type="xs:int"/></xs:complexType></xs:element>
				<xs:element name="Open" minOccurs="0"><xs:complexType><xs:sequence><xs:any namespace="##other" processContents="strict"/></xs:sequence></xs:complexType></xs:element>
				<xs:element name="Must"/>
				<xs:element name="Row" minOccurs="0" maxOccurs="9"><xs:complexType><xs:attribute name="id"/></xs:complexType></xs:element>
				<xs:element name="Ref" minOccurs="0"><xs:complexType><xs:attribute name="id"/></xs:complexType></xs:element>
			</xs:sequence>
		</xs:complexType>
		<xs:key name="rows"><xs:selector xpath="a:Row"/><xs:field xpath="@id"/></xs:key>
	</xs:element>
</xs:schema>`

// TestEveryCodeOfTheSchemaReaderHasItsOwnWords makes a document for each code that
// libxml2 can answer with, and looks for its words in what is said.
func TestEveryCodeOfTheSchemaReaderHasItsOwnWords(t *testing.T) {
	set, err := Load(fstest.MapFS{"xx/all.v1.xsd": {Data: []byte(everything)}})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	sc, _ := set.Schema("xx/all.v1")
	const xsi = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" `
	for _, tt := range []struct {
		name, inside string
		code         gateway.Code
		chinese      string // a part of what is said
	}{
		{"a day that does not exist", "<Day>2026-02-30</Day>", gateway.XSDType, "2026-02 只有 28 天"},
		{"no such day with an offset", "<Day>2025-02-29+08:00</Day>", gateway.XSDType, "2025-02 只有 28 天"},
		{"no such month", "<Moment>2026-13-01T10:00:00</Moment>", gateway.XSDType, "01 至 12 的月份"},
		{"no such hour", "<Moment>2026-12-01T25:00:00Z</Moment>", gateway.XSDType, "小时 00 至 23"},
		{"no such minute", "<Clock>10:61:00</Clock>", gateway.XSDType, "小时 00 至 23"},
		{"no date at all", "<Day>yesterday</Day>", gateway.XSDType, "不是 日期"},
		{"no boolean", "<Yes>ja</Yes>", gateway.XSDType, "true、false、1 或 0"},
		{"exact length", "<Exact>ab</Exact>", gateway.XSDLength, "正好 3 个字符"},
		{"too short", "<Between>a</Between>", gateway.XSDLength, "至少 2 个字符"},
		{"too long", "<Between>abcd</Between>", gateway.XSDLength, "最多 3 个字符"},
		{"below", "<From>0</From>", gateway.XSDRange, "不小于 1"},
		{"above", "<From>9.5</From>", gateway.XSDRange, "不大于 9"},
		{"too many digits", "<From>2.123</From>", gateway.XSDRange, "最多"},
		{"not above", "<Above>1</Above>", gateway.XSDRange, "大于 1"},
		{"not below", "<Above>9</Above>", gateway.XSDRange, "小于 9"},
		{"pattern", "<Like>a1</Like>", gateway.XSDPattern, "[A-Z]{2}"},
		{"not listed", "<Listed>C</Listed>", gateway.XSDEnumeration, "以下之一：A, B"},
		{"text in an empty element", "<Nothing>x</Nothing>", gateway.XSDUnexpectedText, "x"},
		{"element in an empty element", "<Nothing><B/></Nothing>", gateway.XSDUnexpectedElement, ""},
		{"text between elements", "<Must/>stray", gateway.XSDUnexpectedText, "stray"},
		{"elements in a text", "<Like><B/></Like>", gateway.XSDUnexpectedElement, "只能是文本"},
		{"attribute on a simple type", `<Like b="1">AB</Like>`, gateway.XSDAttributeUnknown, "b"},
		{"nil that is not allowed", "<Like" + xsi + `xsi:nil="true"/>`, gateway.XSDNil, "请不要填写整个元素"},
		{"nil false that is not allowed", "<Like" + xsi + `xsi:nil="false">AB</Like>`, gateway.XSDNil, "请去掉该属性"},
		{"nil with content", "<Nil" + xsi + `xsi:nil="true">x</Nil>`, gateway.XSDNil, "Nil"},
		{"nil with a fixed value", "<NilFixed" + xsi + `xsi:nil="true"/>`, gateway.XSDNil, "NilFixed"},
		{"xsi:type of no name", "<Like" + xsi + `xsi:type="1 2">AB</Like>`, gateway.XSDTypeAttribute, "xsi:type"},
		{"xsi:type unknown", "<Like" + xsi + `xsi:type="Nobody">AB</Like>`, gateway.XSDTypeAttribute, "xsi:type"},
		{"xsi:type of another type", "<Day" + xsi + `xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:int">1</Day>`, gateway.XSDTypeAttribute, "xsi:type"},
		{"fixed element", "<NilFixed>Y</NilFixed>", gateway.XSDFixed, "X"},
		{"fixed mixed element", "<Mixed>Y</Mixed>", gateway.XSDFixed, "X"},
		{"too often", "<Twice>1</Twice><Twice>2</Twice><Twice>3</Twice><Must/>", gateway.XSDTooOften, "连续最多 2 个"},
		{"unknown attribute", `<Attrs must="1" b="2"/>`, gateway.XSDAttributeUnknown, "b"},
		{"missing attribute", "<Attrs/>", gateway.XSDAttributeMissing, "must"},
		{"fixed attribute", `<Attrs must="1" fixed="G"/>`, gateway.XSDFixed, "F"},
		{"attribute of the wrong type", `<Attrs must="1" n="x"/>`, gateway.XSDType, "整数"},
		{"strict wildcard", `<Open><B xmlns="urn:b"/></Open>`, gateway.XSDUnexpectedElement, "B"},
		{"nothing in a wildcard", "<Open/>", gateway.XSDMissingElement, "其他命名空间的元素"},
		{"unknown element", "<Unknown/>", gateway.XSDUnexpectedElement, "Unknown"},
		{"missing element", "", gateway.XSDMissingElement, "Day"},
		{"empty element of a pattern", "<Like/>", gateway.XSDEmpty, "请不要填写该元素"},
		{"empty element of a type", "<Day/>", gateway.XSDEmpty, "日期"},
		{"empty element of a list", "<Listed></Listed>", gateway.XSDEmpty, "A, B"},
		{"empty element of a length", "<Exact></Exact>", gateway.XSDEmpty, "正好 3 个字符"},
		{"repeated key", `<Must/><Row id="1"/><Row id="1"/>`, gateway.XSDKey, "1"},
		{"missing key", `<Must/><Row/>`, gateway.XSDKey, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inside := tt.inside
			if !strings.Contains(inside, "<Must/>") && inside != "" {
				inside += "<Must/>"
			}
			r := sc.Check([]byte(`<All xmlns="urn:all">`+inside+`</All>`), DefaultLimits)
			if len(r.Faults) == 0 {
				t.Fatal("no fault")
			}
			f := r.Faults[0]
			if said := f.Text("zh"); f.Code != tt.code || !strings.Contains(said, tt.chinese) {
				t.Errorf("%s: %s, want %s and %q", f.Code, said, tt.code, tt.chinese)
			}
			for _, lang := range gateway.Languages {
				if said := f.Text(lang); strings.Contains(said, "libxml") || strings.Contains(said, "Element '") || strings.ContainsAny(said, "{}") && tt.code != gateway.XSDPattern && tt.code != gateway.XSDEmpty {
					t.Errorf("%s: %s", lang, said)
				}
			}
		})
	}
}

func TestEncodingsAreNamed(t *testing.T) {
	for _, name := range []string{"UTF-8", "utf-8", "utf8", "UTF8", "csUTF8", "unicode-1-1-utf-8", "UTF_8"} {
		doc, faults := Parse([]byte(`<?xml version="1.0" encoding="`+name+`"?><a>货物</a>`), DefaultLimits)
		if faults != nil || doc.Root.Text != "货物" {
			t.Errorf("%s: %v", name, faults)
		}
	}
	for _, tt := range []struct{ name, doc, want string }{
		{"GBK", "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<a>\xBB\xF5</a>", "文件声明编码为 GBK；请转换为 UTF-8"},
		{"windows-1251 in single quotes", "<?xml version='1.0' encoding='windows-1251'?><a>\xCF\xF0</a>", "文件声明编码为 windows-1251；请转换为 UTF-8"},
		{"GB18030 said of UTF-8", `<?xml version="1.0" encoding="GB18030"?><a>货物</a>`, "声明编码为 GB18030，但实际内容是 UTF-8"},
		{"nothing said", "<a>\xBB\xF5</a>", "字节 0xBB 不能出现在 UTF-8 中"},
		{"UTF-8 said of another", "<?xml version=\"1.0\" encoding=\"utf8\"?><a>\xCF</a>", "字节 0xCF"},
		{"UTF-16", "\xFF\xFE<\x00a\x00", "UTF-16 或 UTF-32"},
	} {
		_, faults := Parse([]byte(tt.doc), DefaultLimits)
		if len(faults) != 1 || faults[0].Code != gateway.XMLEncoding || !strings.Contains(faults[0].Text("zh"), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, faults.Report("zh"), tt.want)
		}
	}
}

func TestDocumentInsideAnotherIsJudgedWhereItStands(t *testing.T) {
	sc := noticeSchema(t)
	inner := strings.Replace(good, `<?xml version="1.0" encoding="UTF-8"?>`, "", 1)
	check := func(inner string) Result {
		r, err := CheckBy(pace.Endless(), []byte("<Box>\n<Held>"+inner+"</Held></Box>"), DefaultLimits, func(root *xmltree.Element) (*Schema, *xmltree.Element, gateway.Faults) {
			return sc, root.Children[0].Children[0], nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(inner); r.Faults != nil || r.Document.Root.Name.Local != "Notice" || !r.Conforming.IsZero() {
		t.Errorf("%v, %+v", r.Faults.Report("en"), r)
	}
	r := check(strings.Replace(inner, "0603", "06", 1))
	if len(r.Faults) != 1 || r.Faults[0].Code != gateway.XSDPattern || r.Faults[0].Location.Expr != "/Box[1]/Held[1]/d:Notice[1]/d:Office[1]" || r.Faults[0].Location.Line != 4 {
		t.Errorf("%+v", r.Faults.Report("en"))
	}
	// Another document, beside which the container's own names are not judged.
	if r := check("<Other/>"); len(r.Faults) != 1 || r.Faults[0].Code != gateway.XSDRoot {
		t.Errorf("%+v", r.Faults.Report("en"))
	}
}
