package instance_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"customs.example/xsd/instance"
	"github.com/google/go-cmp/cmp"
)

// schema wraps declarations for the namespace urn:a.
func schema(declarations string) string {
	return `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:a="urn:a" xmlns:b="urn:b" targetNamespace="urn:a" elementFormDefault="qualified">` +
		declarations + `</xs:schema>`
}

// files holds a document schema that imports one namespace and includes a part without one.
var files = fstest.MapFS{
	"x/letter.xsd": {Data: []byte(schema(`
		<xs:import namespace="urn:b" schemaLocation="common/b.xsd"/>
		<xs:include schemaLocation="common/part.xsd"/>
		<xs:element name="Letter">
			<xs:complexType>
				<xs:complexContent>
					<xs:extension base="b:Base">
						<xs:sequence>
							<xs:element name="To" type="a:Code"/>
							<xs:choice minOccurs="0">
								<xs:element name="Left" type="xs:boolean"/>
								<xs:element name="Right" type="xs:date"/>
							</xs:choice>
							<xs:element name="Line" minOccurs="0" maxOccurs="2">
								<xs:simpleType><xs:restriction base="xs:string"><xs:minLength value="1"/><xs:maxLength value="4"/></xs:restriction></xs:simpleType>
							</xs:element>
						</xs:sequence>
						<xs:attribute name="kind" type="xs:string" use="required" fixed="L"/>
						<xs:attribute name="note" type="a:Code"/>
					</xs:extension>
				</xs:complexContent>
			</xs:complexType>
		</xs:element>`))},
	"x/common/part.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
		<xs:simpleType name="Code"><xs:restriction base="Word"><xs:pattern value="[A-Z]{2}[0-9]"/></xs:restriction></xs:simpleType>
		<xs:simpleType name="Word"><xs:restriction base="xs:token"><xs:maxLength value="3"/></xs:restriction></xs:simpleType>
	</xs:schema>`)},
	"x/common/b.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:b" elementFormDefault="qualified">
		<xs:complexType name="Base"><xs:sequence>
			<xs:element name="Id"><xs:simpleType><xs:restriction base="xs:integer"><xs:totalDigits value="3"/><xs:minInclusive value="7"/></xs:restriction></xs:simpleType></xs:element>
		</xs:sequence></xs:complexType>
	</xs:schema>`)},
}

func TestGenerate(t *testing.T) {
	const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	for _, tt := range []struct {
		name string
		o    instance.Options
		want string
	}{
		{"smallest", instance.Options{}, head + `<Letter xmlns="urn:a" xmlns:n1="urn:b" kind="L">
<n1:Id>8</n1:Id>
<To>CP6</To>
</Letter>
`},
		{"everything optional, second branch", instance.Options{Optional: true, Branch: 1}, head + `<Letter xmlns="urn:a" xmlns:n1="urn:b" kind="L" note="FK2">
<n1:Id>8</n1:Id>
<To>CP6</To>
<Right>2026-01-04</Right>
<Line>T4</Line>
</Letter>
`},
		{"longest, repeated no further than allowed", instance.Options{Optional: true, Repeat: 9, Longest: true}, head + `<Letter xmlns="urn:a" xmlns:n1="urn:b" kind="L" note="GR1">
<n1:Id>999</n1:Id>
<To>CP6</To>
<Left>false</Left>
<Line>ЖЖT4</Line>
<Line>ЖЖT5</Line>
</Letter>
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := instance.Generate(files, "x/letter.xsd", "Letter", tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBranches(t *testing.T) {
	got, err := instance.Branches(files, "x/letter.xsd", "Letter")
	if err != nil || got != 2 {
		t.Errorf("got %d, %v; want 2", got, err)
	}
}

func TestBreakNamesEachFaultOnce(t *testing.T) {
	got := map[string]bool{}
	err := instance.Break(files, "x/letter.xsd", "Letter", func(b instance.Broken) bool {
		key := b.Fault + " " + b.Path
		if got[key] {
			t.Errorf("%s comes twice", key)
		}
		got[key] = true
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"missing Letter/Id", "missing Letter/To", "attribute Letter/@kind", "unknown Letter",
		"twice Letter/To", "twice Letter/Left", "twice Letter/Right", "order Letter/Id", "order Letter/To",
		"long Letter/Id", "long Letter/Line", "empty Letter/Line", "malformed Letter/Left",
		"longer Letter/To", "shorter Letter/To", "lower Letter/To",
	} {
		if !got[key] {
			t.Errorf("no document with fault %q", key)
		}
	}
	for _, key := range []string{"missing Letter/Left", "missing Letter/Line", "twice Letter/Line", "order Letter/Line", "attribute Letter/@note"} {
		if got[key] {
			t.Errorf("%q is no fault", key)
		}
	}
}

func TestBreakStopsWhenTold(t *testing.T) {
	calls := 0
	if err := instance.Break(files, "x/letter.xsd", "Letter", func(instance.Broken) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ schema, want string }{
		"missing root":      {schema(``), "no element Root"},
		"unknown type":      {schema(`<xs:element name="Root" type="a:None"/>`), "no type {urn:a}None"},
		"unbound prefix":    {schema(`<xs:element name="Root" type="z:None"/>`), "not bound"},
		"abstract element":  {schema(`<xs:element name="Root" abstract="true"/>`), "abstract"},
		"endless recursion": {schema(`<xs:element name="Root" type="a:T"/><xs:complexType name="T"><xs:sequence><xs:element name="In" type="a:T"/></xs:sequence></xs:complexType>`), "without end"},
		"mandatory any":     {schema(`<xs:element name="Root"><xs:complexType><xs:sequence><xs:any/></xs:sequence></xs:complexType></xs:element>`), "wildcard"},
		"impossible value":  {schema(`<xs:element name="Root"><xs:simpleType><xs:restriction base="xs:token"><xs:pattern value="[A-Z]{3}"/><xs:maxLength value="2"/></xs:restriction></xs:simpleType></xs:element>`), "no value found"},
		"list":              {schema(`<xs:element name="Root"><xs:simpleType><xs:list itemType="xs:token"/></xs:simpleType></xs:element>`), "neither restriction nor union"},
		"redefinition":      {schema(`<xs:redefine schemaLocation="y.xsd"/>`), "redefine"},
		"missing import":    {schema(`<xs:import namespace="urn:b" schemaLocation="y.xsd"/>`), "y.xsd"},
		"no schema":         {`<a/>`, "not a schema"},
		"broken file":       {`<a>`, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := instance.Generate(fstest.MapFS{"r.xsd": {Data: []byte(tt.schema)}}, "r.xsd", "Root", instance.Options{Optional: true})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOptionalRecursionEnds(t *testing.T) {
	s := schema(`<xs:element name="Root" type="a:T"/><xs:complexType name="T"><xs:sequence><xs:element name="In" type="a:T" minOccurs="0"/></xs:sequence></xs:complexType>`)
	got, err := instance.Generate(fstest.MapFS{"r.xsd": {Data: []byte(s)}}, "r.xsd", "Root", instance.Options{Optional: true, Repeat: 2})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "<In>"); n != 1 {
		t.Errorf("%d levels inside the root, want 1:\n%s", n, got)
	}
}
