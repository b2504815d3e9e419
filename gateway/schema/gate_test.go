package schema

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"customs.example/gateway"
	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGateRefuses(t *testing.T) {
	utf16le := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(good)) {
		utf16le = append(utf16le, byte(u), byte(u>>8))
	}
	laughs := `<!DOCTYPE a [<!ENTITY a "ha">` + strings.Repeat(`<!ENTITY b "&a;&a;">`, 10) + `]><a>&b;</a>`
	many := func(n int, f string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, f, i)
		}
		return b.String()
	}
	tests := []struct {
		name, doc string
		code      gateway.Code
		line      int
	}{
		{"nothing", "", gateway.XMLEmpty, 1},
		{"9 MiB", "<a>" + strings.Repeat("x", 9<<20) + "</a>", gateway.XMLTooLarge, 1},
		{"blanks", " \n ", gateway.NotXML, 2},
		{"a byte order mark alone", "\uFEFF", gateway.NotXML, 1},
		{"JSON", `{"a": 1}`, gateway.NotXML, 1},
		{"a declaration alone", `<?xml version="1.0"?>`, gateway.NotXML, 1},
		{"UTF-16", string(utf16le), gateway.XMLEncoding, 1},
		{"UTF-16 without mark", "<\x00a\x00/\x00>\x00", gateway.XMLEncoding, 1},
		{"another declared encoding", `<?xml version="1.0" encoding="windows-1251"?><a/>`, gateway.XMLEncoding, 1},
		{"UTF-8 declared, another sent", "<a>\n\xCF\xF0\xE8</a>", gateway.XMLEncoding, 2},
		{"overlong UTF-8", "<a>\xC0\xBC</a>", gateway.XMLEncoding, 1},
		{"NUL", "<a>\n\x00</a>", gateway.XMLCharacter, 2},
		{"control character in an attribute", "<a b='\x01'/>", gateway.XMLCharacter, 1},
		{"U+FFFF", "<a>\uFFFF</a>", gateway.XMLCharacter, 1},
		{"reference to NUL", "<a>&#0;</a>", gateway.XMLCharacter, 1},
		{"reference to a surrogate", "<a b='&#xD800;'/>", gateway.XMLCharacter, 1},
		{"reference beyond Unicode", "<a>&#x110000;</a>", gateway.XMLCharacter, 1},
		{"reference with a sign", "<a>&#+65;</a>", gateway.XMLCharacter, 1},
		{"billion laughs", laughs, gateway.XMLDoctype, 1},
		{"DOCTYPE after a comment", "<!-- a -->\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", gateway.XMLDoctype, 2},
		{"processing instruction behind", "<a/>\n<?php?>", gateway.XMLPI, 2},
		{"endless processing instruction", "\n<?php <a/>", gateway.XMLPI, 2},
		{"processing instruction without name", "<??><a/>", gateway.XMLPI, 1},
		{"processing instruction with a prefix", "<?a:b?><a/>", gateway.XMLPI, 1},
		{"processing instruction and no blank", "<?a\"b?><a/>", gateway.XMLPI, 1},
		{"control character in a processing instruction", "<?a \x01?><a/>", gateway.XMLCharacter, 1},
		{"declaration behind a processing instruction", `<?a?><?xml version="1.0"?><a/>`, gateway.XMLPI, 1},
		{"declaration in capitals", `<?XML version="1.0"?><a/>`, gateway.XMLPI, 1},
		{"processing instruction inside", "<a>\n<?php?></a>", gateway.XMLPI, 2},
		{"second declaration", `<a><?xml version="1.0"?></a>`, gateway.XMLPI, 1},
		{"entity", "<a>&nbsp;</a>", gateway.XMLEntity, 1},
		{"entity in an attribute", `<a b="&x;"/>`, gateway.XMLEntity, 1},
		{"bare ampersand", "<a>Li & Co</a>", gateway.XMLEntity, 1},
		{"too deep", strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65), gateway.XMLDepth, 1},
		{"a million levels", strings.Repeat("<a>", 1_000_000), gateway.XMLDepth, 1},
		{"60,000 attributes", "<a " + many(60_000, `a%d="" `) + "/>", gateway.XMLAttributes, 1},
		{"long attribute", `<a b="` + strings.Repeat("x", 5000) + `"/>`, gateway.XMLAttributeLength, 1},
		{"long text", "<a>" + strings.Repeat("x", 1<<20+1) + "</a>", gateway.XMLTextLength, 1},
		{"too many nodes", "<a>" + strings.Repeat("<b/>", 1_000_000) + "</a>", gateway.XMLNodes, 1},
		{"too many processing instructions", strings.Repeat("<?p?>", 1_000_000) + "<a/>", gateway.XMLNodes, 1},
		{"a processing instruction that is too long", "<?p " + strings.Repeat("x", DefaultLimits.TextLen) + "?><a/>", gateway.XMLTextLength, 1},
		{"too many declarations in force", strings.Repeat("<a "+many(50, `xmlns:p%d="u" `)+">", 3), gateway.XMLNamespaces, 1},
		{"undeclared prefix", "<a><p:b/></a>", gateway.XMLPrefix, 1},
		{"undeclared prefix of an attribute", "<a p:b=''/>", gateway.XMLPrefix, 1},
		{"prefix out of scope", "<a><b xmlns:p='u'/><p:b/></a>", gateway.XMLPrefix, 1},
		{"prefix taken back", "<a xmlns:p='u'><b xmlns:p=''/></a>", gateway.XMLPrefix, 1},
		{"xmlns declared", "<a xmlns:xmlns='u'/>", gateway.XMLPrefix, 1},
		{"xml rebound", "<a xmlns:xml='u'/>", gateway.XMLPrefix, 1},
		{"the namespace of xml under another name", "<a xmlns:p='" + xmltree.XMLSpace + "'/>", gateway.XMLPrefix, 1},
		{"reference in a namespace", "<a xmlns='u&amp;v'/>", gateway.XMLPrefix, 1},
		{"same attribute", "<a b='1' b='2'/>", gateway.XMLDuplicateAttribute, 1},
		{"same declaration", "<a xmlns='u' xmlns='u'/>", gateway.XMLDuplicateAttribute, 1},
		{"same attribute by two prefixes", "<a p:b='1' xmlns:p='u' xmlns:q='u' q:b='2'/>", gateway.XMLDuplicateAttribute, 1},
		{"truncated", good[:len(good)/2], gateway.XMLMalformed, 6},
		{"two roots", "<a/><b/>", gateway.XMLMalformed, 1},
		{"text after the root", "<a/>b", gateway.XMLMalformed, 1},
		{"CDATA after the root", "<a/><![CDATA[b]]>", gateway.XMLMalformed, 1},
		{"crossed tags", "<a><b></a></b>", gateway.XMLMalformed, 1},
		{"end without start", "</a>", gateway.XMLMalformed, 1},
		{"no name", "< a/>", gateway.XMLMalformed, 1},
		{"name of three parts", "<a:b:c xmlns:a='u'/>", gateway.XMLMalformed, 1},
		{"name begins with a digit", "<1/>", gateway.XMLMalformed, 1},
		{"a space that is no space in a name", "<a\u00A0b/>", gateway.XMLMalformed, 0},
		{"attribute without value", "<a b/>", gateway.XMLMalformed, 1},
		{"attribute without quotes", "<a b=1/>", gateway.XMLMalformed, 1},
		{"attributes without a blank between", "<a b='1'c='2'/>", gateway.XMLMalformed, 1},
		{"< in an attribute", "<a b='<'/>", gateway.XMLMalformed, 1},
		{"]]> in text", "<a>]]></a>", gateway.XMLMalformed, 1},
		{"-- in a comment", "<a><!-- -- --></a>", gateway.XMLMalformed, 1},
		{"comment of three dashes", "<a><!--a---></a>", gateway.XMLMalformed, 1},
		{"endless comment", "<a><!-- ", gateway.XMLMalformed, 1},
		{"endless CDATA", "<a><![CDATA[ </a>", gateway.XMLMalformed, 1},
		{"declaration without version", `<?xml encoding="UTF-8"?><a/>`, gateway.XMLMalformed, 1},
		{"version 1.1", `<?xml version="1.1"?><a/>`, gateway.XMLMalformed, 1},
		{"declaration in the wrong order", `<?xml version="1.0" standalone="yes" encoding="UTF-8"?><a/>`, gateway.XMLMalformed, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := Denied()
			doc, faults := Parse([]byte(tt.doc), DefaultLimits)
			if doc != nil || len(faults) != 1 {
				t.Fatalf("document %v, faults %v", doc, faults)
			}
			f := faults[0]
			if f.Code != tt.code || f.Location.Line != tt.line || f.Severity != gateway.Error {
				t.Errorf("%s in line %d (%s), want %s in line %d", f.Code, f.Location.Line, f.Value, tt.code, tt.line)
			}
			if len([]rune(f.Value)) > maxReceivedRunes {
				t.Errorf("the fault holds %d characters", len([]rune(f.Value)))
			}
			if Denied() != before {
				t.Error("something outside was asked for")
			}
		})
	}
}

func TestGatePasses(t *testing.T) {
	tests := []struct{ name, doc, text string }{
		{"byte order mark", "\uFEFF<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<a>x</a>", "x"},
		{"processing instructions before the root", "<?xml version='1.0'?>\n<?xml-stylesheet href='a.xsl'?><!-- & --><?p?>\n<?q a<b&c ? > ?><a>x</a>", "x"},
		{"comments around", "<!-- - --><a>x</a>\n<!--&--> ", "x"},
		{"comments inside a text", "<a>x<!-- & < -->y<!----></a>", "xy"},
		{"blanks before the root", "\n\n<a>x</a>", "x"},
		{"the five entities", "<a>&lt;&gt;&amp;&apos;&quot;</a>", `<>&'"`},
		{"character references", "<a>&#65;&#x42;&#x1F69A;</a>", "AB🚚"},
		{"CDATA", "<a>x<![CDATA[]]]]><![CDATA[>&a;<b>]]></a>", "x]]>&a;<b>"},
		{"line ends", "<a>x\r\ny\rz</a>", "x\ny\nz"},
		{"names of the world", "<товар имя='1'>x</товар>", "x"},
		{"xml:lang", "<a xml:lang='ru' xmlns:xml='" + xmltree.XMLSpace + "'>x</a>", "x"},
		{"same local name in two namespaces", "<a b='' p:b='' xmlns:p='u'>x</a>", "x"},
		{"default namespace taken back", "<p:a xmlns:p='u' xmlns=''>x</p:a>", "x"},
		{"64 levels", strings.Repeat("<a>", 63) + "<a>x</a>" + strings.Repeat("</a>", 63), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc, faults := Parse([]byte(tt.doc), DefaultLimits)
			if faults != nil {
				t.Fatal(faults.Report("en"))
			}
			if doc.Root.Text != tt.text {
				t.Errorf("text %q, want %q", doc.Root.Text, tt.text)
			}
		})
	}
}

func TestAttributeValues(t *testing.T) {
	doc, faults := Parse([]byte("<a xmlns:p='urn:p' b=\"&lt;&amp;'&#10;\n&#x1F69A;\" p:c='' xml:lang='ru'/>"), DefaultLimits)
	if faults != nil {
		t.Fatal(faults)
	}
	want := []xmltree.Attr{
		{Name: xmltree.Name{Local: "b"}, Value: "<&'\n 🚚"},
		{Name: xmltree.Name{Space: "urn:p", Local: "c"}, Prefix: "p"},
		{Name: xmltree.Name{Space: xmltree.XMLSpace, Local: "lang"}, Prefix: "xml", Value: "ru"},
	}
	if diff := cmp.Diff(want, doc.Root.Attrs); diff != "" {
		t.Error(diff)
	}
}

func TestLinesBeyondSixteenBits(t *testing.T) {
	doc, faults := Parse([]byte("<a>"+strings.Repeat("\n", 70_000)+"<b\n/><c/></a>"), DefaultLimits)
	if faults != nil {
		t.Fatal(faults)
	}
	if got := []int{doc.Root.Children[0].Line, doc.Root.Children[1].Line}; got[0] != 70_001 || got[1] != 70_002 {
		t.Errorf("lines %v", got)
	}
}

func TestZeroLimitsLetNothingThrough(t *testing.T) {
	if doc, faults := Parse([]byte("<a/>"), Limits{}); doc != nil || !faults.Refuse() {
		t.Error("zero limits let a document through")
	}
}

// Whatever is done to a document, it is either refused with one fault or read the
// same by both readers, and never with an answer from outside.
func TestMutatedDocuments(t *testing.T) {
	sc := noticeSchema(t)
	snippets := []string{"<", ">", "/>", "</", "&", ";", "&#x", "<!--", "-->", "<![CDATA[", "]]>", "\"", "'", "=", " ", "\n", "\x00", "\xEF\xBF\xBF",
		"xmlns:c='u' ", "xmlns='' ", "c:", ":", "<a>", "</a>", "<a/>", "<?x?>", "<!DOCTYPE a>", "\r", "ж", "\u0085", "\u2028", "\u00B7", "\u00D7", "xml:"}
	before := Denied()
	rapid.Check(t, func(t *rapid.T) {
		doc := []byte(good)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			at := rapid.IntRange(0, len(doc)-1).Draw(t, "at")
			to := min(len(doc), at+rapid.IntRange(0, 12).Draw(t, "length"))
			var piece []byte
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				piece = []byte(rapid.SampledFrom(snippets).Draw(t, "snippet"))
			case 1:
				piece = []byte{rapid.Byte().Draw(t, "byte")}
			case 2:
				piece = append(append(piece, doc[at:to]...), doc[at:to]...)
			}
			doc = append(append(append([]byte(nil), doc[:at]...), piece...), doc[to:]...)
		}
		_, closed := passes(pace.Endless(), doc, DefaultLimits)
		r := sc.Check(doc, DefaultLimits)
		switch {
		case closed != nil:
			if r.Document != nil || len(r.Faults) != 1 {
				t.Fatalf("%q passed a closed gate", doc)
			}
		case r.Document == nil:
			if len(r.Faults) != 1 || r.Faults[0].Code != gateway.XMLMalformed || r.Faults[0].Value == errCensus.Error() {
				t.Fatalf("%q: %v", doc, r.Faults)
			}
		}
		if r.Conforming.IsZero() == (r.Faults == nil) {
			t.Fatalf("%q: proof and faults disagree: %v", doc, r.Faults)
		}
	})
	if Denied() != before {
		t.Error("something outside was asked for")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, closed := passes(pace.Endless(), raw, DefaultLimits)
		doc, faults := Parse(raw, DefaultLimits)
		if (doc == nil) != (faults != nil) || closed != nil && doc != nil {
			t.Fatalf("document %v, faults %v, gate %v", doc, faults, closed)
		}
		if closed == nil && faults != nil && (faults[0].Code != gateway.XMLMalformed || faults[0].Value == errCensus.Error()) {
			t.Fatal(faults)
		}
	})
}
