package schema_test

import (
	"testing"
	"testing/fstest"

	"customs.example/gateway/schema"
	"customs.example/gateway/xmltree"
)

// spaced is a format of every kind of type, in two files: one takes the namespace of the
// other.
var spaced = fstest.MapFS{
	"xx/sheet.v1.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:s="urn:s" targetNamespace="urn:s" elementFormDefault="qualified">
 <xs:include schemaLocation="common/parts.xsd"/>
 <xs:element name="Sheet"><xs:complexType><xs:sequence>
  <xs:element name="Token" type="xs:token"/>
  <xs:element name="Line" type="xs:normalizedString"/>
  <xs:element name="Text" type="xs:string"/>
  <xs:element name="Own" type="s:Own"/>
  <xs:element name="List"><xs:simpleType><xs:list itemType="xs:token"/></xs:simpleType></xs:element>
  <xs:element name="Extended" type="s:Extended"/>
  <xs:element name="Number" type="xs:decimal"/>
  <xs:element ref="s:Note"/>
  <xs:element name="Part" type="s:Part"/>
 </xs:sequence></xs:complexType></xs:element>
 <xs:element name="Note"><xs:simpleType><xs:restriction base="s:Short"><xs:pattern value="a b"/></xs:restriction></xs:simpleType></xs:element>
</xs:schema>`)},
	"xx/common/parts.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
 <xs:simpleType name="Short"><xs:restriction base="xs:token"><xs:maxLength value="3"/></xs:restriction></xs:simpleType>
 <xs:simpleType name="Own"><xs:restriction base="xs:string"><xs:whiteSpace value="collapse"/></xs:restriction></xs:simpleType>
 <xs:complexType name="Plain"><xs:simpleContent><xs:extension base="xs:string"><xs:attribute name="kind" type="Short"/></xs:extension></xs:simpleContent></xs:complexType>
 <xs:complexType name="Extended"><xs:simpleContent><xs:extension base="Plain"><xs:attributeGroup ref="Marks"/></xs:extension></xs:simpleContent></xs:complexType>
 <xs:attributeGroup name="Marks"><xs:attribute name="mark" type="xs:string"/></xs:attributeGroup>
 <xs:group name="Inner"><xs:choice><xs:element name="Token" type="Short"/></xs:choice></xs:group>
 <xs:complexType name="Base"><xs:sequence><xs:element name="Text" type="xs:string"/></xs:sequence></xs:complexType>
 <xs:complexType name="Part"><xs:complexContent><xs:extension base="Base"><xs:sequence>
  <xs:group ref="Inner"/><xs:element name="Part" type="Part" minOccurs="0"/>
 </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
</xs:schema>`)},
}

// The tree holds the values that libxml2 judged: a token of three characters may be
// written in seven.
func TestWhiteSpaceIsWhatTheTypeMakesOfIt(t *testing.T) {
	set, err := schema.Load(spaced)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	sc, _ := set.Schema("xx/sheet.v1")
	r := sc.Check([]byte(`<Sheet xmlns="urn:s"><Token> a
	b </Token><Line> a
	b </Line><Text> a
	b </Text><Own> a
	b </Own><List> a
	b </List><Extended kind=" a  b " mark=" a&#10;b "> a
	b </Extended><Number>
	1.5 </Number><Note> a
	b </Note><Part><Text>
c </Text><Token> a
  b </Token><Part><Text> </Text><Token>a  b</Token></Part></Part></Sheet>`), schema.DefaultLimits)
	if len(r.Faults) > 0 {
		t.Fatal(r.Faults.Report("en"))
	}
	texts := map[string]string{}
	for e := range r.Document.Root.Walk() {
		name := e.Name.Local
		if e.Parent != nil && e.Parent.Name.Local == "Part" {
			name = e.Parent.Parent.Name.Local + "/" + name
		}
		if len(e.Children) == 0 {
			texts[name] = e.Text
		}
		for _, a := range e.Attrs {
			texts["@"+a.Name.Local] = a.Value
		}
	}
	for name, want := range map[string]string{
		"Token": "a b", "Line": " a  b ", "Text": " a\n\tb ", "Own": "a b", "List": "a b", "Extended": " a\n\tb ",
		"@kind": "a b", "@mark": " a\nb ", "Number": "1.5", "Note": "a b",
		"Sheet/Text": "\nc ", "Sheet/Token": "a b", "Part/Text": " ", "Part/Token": "a b",
	} {
		if texts[name] != want {
			t.Errorf("%s: %q, want %q", name, texts[name], want)
		}
	}
	for _, tt := range []struct {
		preserves, known bool
		attr             string
		steps            []string
	}{
		{false, true, "", []string{"Sheet", "Token"}}, {true, true, "", []string{"Sheet", "Text"}}, {true, true, "mark", []string{"Sheet", "Extended"}},
		{true, true, "", []string{"Sheet", "Part", "Part", "Text"}}, {false, false, "", []string{"Sheet", "Part", "Nothing"}}, {false, false, "no", []string{"Sheet", "Extended"}},
	} {
		var steps []xmltree.Name
		for _, s := range tt.steps {
			steps = append(steps, xmltree.Name{Space: "urn:s", Local: s})
		}
		var attr *xmltree.Name
		if tt.attr != "" {
			attr = &xmltree.Name{Local: tt.attr}
		}
		if preserves, known := sc.Preserves(steps, attr); preserves != tt.preserves || known != tt.known {
			t.Errorf("%v @%s: preserves %v, known %v", tt.steps, tt.attr, preserves, known)
		}
	}
}
