package encode

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway/mapping/table"
	"customs.example/gateway/xmltree"
)

func step(prefix, local string) *table.Step {
	return &table.Step{Name: xmltree.Name{Space: "urn:x", Local: local}, Prefix: prefix}
}

func TestWrittenAsCanonicalXMLEscapes(t *testing.T) {
	var made slabs
	top := made.element(step("x", "Top"))
	top.CreateAttr("xmlns:x", "urn:x")
	top.CreateAttr("a", "<&>\"'\t\n\r")
	made.text(made.child(step("x", "Text"), top), "<&>\"'\t\n\r")
	made.child(step("x", "Empty"), made.child(step("x", "Inner"), top))
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<x:Top xmlns:x="urn:x" a="&lt;&amp;>&quot;'&#x9;&#xA;&#xD;">
  <x:Text>&lt;&amp;&gt;"'` + "\t\n" + `&#xD;</x:Text>
  <x:Inner>
    <x:Empty/>
  </x:Inner>
</x:Top>
`
	if diff := cmp.Diff(want, string(write(top))); diff != "" {
		t.Error(diff)
	}
}

// Another writer's reader finds every text and attribute again, in elements that share blocks.
func TestWrittenTreesAreReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-z<>&"'\t\r\n é中]{1,12}`), 1, 3*slab).Draw(t, "texts")
		var made slabs
		top := made.element(step("", "Top"))
		for _, text := range texts {
			e := made.child(step("", "E"), top)
			e.Attr = append(e.Attr, etree.Attr{Key: "a", Value: text})
			made.text(e, text)
		}
		var got struct {
			E []struct {
				Text string `xml:",chardata"`
				A    string `xml:"a,attr"`
			}
		}
		if err := xml.NewDecoder(strings.NewReader(string(write(top)))).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if len(got.E) != len(texts) {
			t.Fatalf("%d elements, want %d", len(got.E), len(texts))
		}
		for i, e := range got.E {
			if e.Text != texts[i] || e.A != texts[i] {
				t.Fatalf("element %d: %q and %q, want %q", i, e.Text, e.A, texts[i])
			}
		}
	})
}
