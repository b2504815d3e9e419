package flow_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/validate"
)

// attack is a document that is meant to cost its reader much.
type attack struct {
	name, media string
	content     string
	code        gateway.Code // that it is refused with; none: it is read
}

// attacks are the slowest of each class that the byte gate, the parser, the reader of JSON
// and the tables meet, as large as a document may be: what is wrong stands at the end.
func attacks(t testing.TB, manifest string) (all []attack) {
	const size = 8<<20 - 16<<10 // as much as is let in, with the rest of the document
	_, body, ok := strings.Cut(manifest, "<Head>")
	if !ok {
		t.Fatal("the manifest has no head")
	}
	root := strings.TrimSuffix(manifest, "<Head>"+body)
	fill := func(text string, bytes int) string { return strings.Repeat(text, bytes/len(text)) }
	number := func(text string, n int) string { return strings.ReplaceAll(times(text, n), ",", "") }
	xml := func(name string, code gateway.Code, content string) {
		all = append(all, attack{name, flow.XML, content, code})
	}
	in := func(inside string) string { return root + inside + "<Head>" + body }
	last := func(wrong string) string { // behind as much of what is right
		return strings.Replace(manifest, "</Manifest>", fill("<!-- - -->", size)+wrong+"</Manifest>", 1)
	}
	xml("larger than the cap", gateway.XMLTooLarge, in(fill(" ", 9<<20)))
	xml("a byte that is no UTF-8", gateway.XMLEncoding, in(fill("番", size)+"\xff"))
	xml("UTF-16", gateway.XMLEncoding, "\xff\xfe"+fill("<\x00", size))
	xml("DOCTYPE behind comments", gateway.XMLDoctype, fill("<!-- - -->", size)+`<!DOCTYPE a [<!ENTITY b "b">]>`+manifest)
	xml("instruction in the root", gateway.XMLPI, last("<?a b?>"))
	xml("entity", gateway.XMLEntity, last("&b;"))
	xml("entities", gateway.XMLEntity, in(fill("&amp;&#30058;", size)+"&b;"))
	xml("depth", gateway.XMLDepth, in(fill("<a>", size)))
	xml("attributes", gateway.XMLAttributes, in("<a "+number(` a@="1"`, size/13)+"/>"))
	xml("a long attribute", gateway.XMLAttributeLength, in(`<a b="`+fill("番", size)+`"/>`))
	xml("elements", gateway.XMLNodes, in(fill("<a/>", size)))
	xml("namespaces", gateway.XMLNamespaces, in(fill(`<a xmlns:b="u" xmlns:c="v" xmlns:d="w"/>`, size)+strings.Repeat("<a"+number(` xmlns:p@="u"`, 60)+">", 3)))
	xml("prefix", gateway.XMLPrefix, last("<b:a/>"))
	xml("an attribute twice", gateway.XMLDuplicateAttribute, last(`<a xmlns:b="u" xmlns:c="u" b:d="1" c:d="2"/>`))
	xml("two roots", gateway.XMLMalformed, manifest+fill("<!-- - -->", size)+"<a/>")
	xml("end tag", gateway.XMLMalformed, last("</a>"))
	xml("comments of 6 MB", "", in(fill("<!-- - -->", 6<<20)))
	xml("a comment of 6 MB", "", in("<!--"+fill(" -", 6<<20)+" -->"))
	xml("blanks of 6 MB", "", in(fill(" \n", 6<<20)))
	xml("blanks of 6 MB in a text", "", strings.Replace(manifest, "鲜番茄", "鲜"+fill(" \n", 6<<20)+"番茄", 1))
	_, rest, _ := strings.Cut(manifest, "<ConsignmentItem>")
	item, _, _ := strings.Cut(rest, "</ConsignmentItem>")
	seven := strings.Replace(manifest, item, fill(item+"</ConsignmentItem><ConsignmentItem>", 6*len(item+"</ConsignmentItem><ConsignmentItem>"))+item, 1)
	xml("seven numbers of a million digits", "", strings.ReplaceAll(seven, ">10250.5<", ">"+fill("1", 1_000_000)+"<"))
	xml("another format's root", "", "<a>"+fill("<b>1</b>", size/8)+"</a>")

	json := func(name, content string) { all = append(all, attack{name: name, media: flow.JSON, content: content}) }
	one := func(inside string) string { return `{"manifest":{` + inside + `}}` }
	json("JSON of 3 MB, strange names", one(times(`"a@":{"b":[1,2]}`, 150_000)))
	json("JSON of 3 MB, wrong values", one(`"consignments":[`+times(`{"sequence":"x@"}`, 140_000)+`]`))
	json("JSON of 3 MB, one digit string", one(`"totals":{"grossMass":{"kilograms":"`+fill("1", 3<<20)+`"}}`))
	json("JSON of 8 MB, nested", one(`"a":`+fill("[", size/2)+fill("]", size/2)))
	json("JSON of 8 MB, a long name", one(`"`+fill("k", size)+`":1`))
	json("JSON of 8 MB, blanks", one(fill(" \n", size)))
	return all
}

// BenchmarkAttack is what the slowest document of each class of attack costs the door: to
// read it, to judge it, to say what is wrong with it.
func BenchmarkAttack(b *testing.B) {
	c := loadChain(b)
	for _, a := range attacks(b, crossing(b)) {
		b.Run(strings.ReplaceAll(a.name, " ", "_"), func(b *testing.B) {
			b.SetBytes(int64(len(a.content)))
			raw := []byte(a.content)
			var faults gateway.Faults
			began := processorTime(b)
			for b.Loop() {
				r := c.Read(raw, a.media, "CN", time.Now())
				_, faults = c.Validate(r, validate.Scope{Own: "CN", At: time.Now()})
				faults.Report("ru")
			}
			// Whatever else the machine does; what clears up behind it included.
			b.ReportMetric(float64((processorTime(b)-began).Milliseconds())/float64(b.N), "processor-ms/op")
			b.ReportMetric(float64(len(faults)), "faults")
		})
	}
}

// processorTime is what this process has used of the machine's processors.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkContainers is what 2,000 containers cost the partner's table.
func BenchmarkContainers(b *testing.B) {
	c := loadChain(b)
	table, _ := c.Tables.Table("ru/auto-preliminary.v1")
	notice := fmt.Sprintf(`{"envelope":{"documentId":"N"},"preArrivalNotice":{"loadUnits":[%s],"consignments":[{"loadUnits":[%s]}]}}`,
		times(`{"id":"ABCU@","kind":"CONTAINER","fullness":"5","seals":[{"id":"S@"}]}`, 2000), times(`"ABCU@"`, 2000))
	d := document.Parse([]byte(notice)).Document
	if n := len(d.GetPreArrivalNotice().GetLoadUnits()); n != 2000 {
		b.Fatalf("%d containers", n)
	}
	for b.Loop() {
		table.Encode(d, true)
	}
}

// TestAttacksAreRefusedForWhatTheyAre, lest the benchmark measures something else.
func TestAttacksAreRefusedForWhatTheyAre(t *testing.T) {
	c := loadChain(t)
	for _, a := range attacks(t, crossing(t)) {
		r, err := c.Chain.Read(context.Background(), []byte(a.content), a.media, "CN", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if a.code != "" && (len(r.Faults) != 1 || r.Faults[0].Code != a.code) {
			t.Errorf("%s: %.300v, want %s", a.name, r.Faults.Report("en"), a.code)
		}
		if len(r.Faults) > 3000 {
			t.Errorf("%s: %d faults", a.name, len(r.Faults))
		}
	}
}

// crossing is the case's own manifest.
func crossing(t testing.TB) string {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
