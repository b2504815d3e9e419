package flow_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/mappings"
	"customs.example/xsd"
)

// chain is the pure part of a gateway with the delivered data.
var chain = sync.OnceValues(func() (*flow.Chain, error) { return chainOf(mappings.FS, xsd.FS) })

func chainOf(tables, schemas fs.FS) (*flow.Chain, error) {
	c := &flow.Chain{Limits: schema.DefaultLimits}
	lists, err := codelist.Load(tables)
	if err != nil {
		return nil, err
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, err
	}
	if c.Rules, err = validate.Load(tables, env, lists); err != nil {
		return nil, err
	}
	if c.Tables, err = mapping.Load(tables, env, lists); err != nil {
		return nil, err
	}
	if c.Routes, err = release.Load(tables, c.Tables); err != nil {
		return nil, err
	}
	c.Schemas, err = schema.Load(schemas)
	return c, err
}

func loadChain(t testing.TB) patient {
	t.Helper()
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	return patient{c, t}
}

// silent is the chain of a gateway that is configured to answer in no form of the project's own, so
// that its receipts decide, and tells nothing of arrivals.
var silent = sync.OnceValues(func() (*flow.Chain, error) {
	all, err := chain()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, rt := range all.Routes.All() {
		if rt.Table != "xx/answer.v1" && rt.Table != "xx/arrival.v1" {
			names = append(names, rt.Name)
		}
	}
	c := *all
	c.Routes, err = all.Routes.Only(names)
	return &c, err
})

func loadSilent(t testing.TB) *flow.Chain {
	t.Helper()
	c, err := silent()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patient is a chain for those who wait for all that it does.
type patient struct {
	*flow.Chain
	t testing.TB
}

func (p patient) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p patient) Read(raw []byte, media string, sender gateway.Administration, at time.Time, agreed ...string) *flow.Reading {
	p.t.Helper()
	r, err := p.Chain.Read(context.Background(), raw, media, sender, at, agreed...)
	p.must(err)
	return r
}

func (p patient) Validate(r *flow.Reading, s validate.Scope) (validate.Passed, gateway.Faults) {
	p.t.Helper()
	passed, faults, err := p.Chain.Validate(context.Background(), r, s)
	p.must(err)
	return passed, faults
}

func (p patient) Translate(plan flow.Plan, parts []flow.Part, id gateway.MessageID, s validate.Scope) *flow.Translation {
	p.t.Helper()
	t, err := p.Chain.Translate(context.Background(), plan, parts, id, s)
	p.must(err)
	return t
}

// manifest is a valid MT2401 of about n bytes: the case's goods lines, repeated over
// as many waybills as it takes.
func manifest(t testing.TB, n int) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		t.Fatal(err)
	}
	const item = "      <ConsignmentItem>"
	const lines = 500 // goods lines of one waybill
	text := string(raw)
	head, rest, _ := strings.Cut(text, "    <Consignment>")
	consignment, tail, _ := strings.Cut(rest, "    </Consignment>\n")
	before, rest, _ := strings.Cut(consignment, item)
	first, _, _ := strings.Cut(rest, "</ConsignmentItem>\n")
	_, after, _ := strings.Cut(consignment, "</ConsignmentItem>\n      <Consignor>")
	first = strings.Replace(first, "220</QuantityQuantity>", "1</QuantityQuantity>", 1)
	first = strings.Replace(first, ">10250.5<", ">1.5<", 1)

	var b strings.Builder
	b.WriteString(head)
	for waybill := 1; b.Len() < n-len(tail); waybill++ {
		var goods strings.Builder
		count := 0
		for ; count < lines && (count == 0 || b.Len()+goods.Len() < n-len(tail)-len(after)); count++ {
			goods.WriteString(item + strings.Replace(first, "<SequenceNumeric>1<", fmt.Sprintf("<SequenceNumeric>%d<", count+1), 1) + "</ConsignmentItem>\n")
		}
		mass := fmt.Sprintf(">%d.%d<", count*3/2, count%2*5)
		c := strings.Replace(before, ">420<", fmt.Sprintf(">%d<", count), 1) + goods.String() + "      <Consignor>" + after
		c = strings.Replace(c, ">18250.5<", mass, 1)
		b.WriteString("    <Consignment>" + strings.Replace(c, "CNRU26030001", fmt.Sprintf("CNRU2603%04d", waybill), 1) + "    </Consignment>\n")
	}
	b.WriteString(tail)
	return []byte(b.String())
}

var sizes = []int{2_000, 20_000, 1_000_000}

// run measures work and reports documents per second beside the rest.
func run(b *testing.B, work func(b *testing.B, raw []byte)) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dkB", size/1000), func(b *testing.B) {
			raw := manifest(b, size)
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			b.ResetTimer()
			for b.Loop() {
				work(b, raw)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
		})
	}
}

func BenchmarkValidateXSD(b *testing.B) {
	c := loadChain(b)
	sc, _ := c.Schemas.Schema("cn/mt2401.v1")
	run(b, func(b *testing.B, raw []byte) {
		if r := sc.Check(raw, c.Limits); r.Faults.Refuse() {
			b.Fatal(r.Faults)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	c := loadChain(b)
	table, _ := c.Tables.Table("cn/mt2401.v1")
	run(b, func(b *testing.B, raw []byte) {
		doc, faults := schema.Parse(raw, c.Limits)
		if faults.Refuse() {
			b.Fatal(faults)
		}
		if d := table.Decode(doc); d.Faults.Refuse() {
			b.Fatal(d.Faults)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	c := loadChain(b)
	table, _ := c.Tables.Table("cn/mt2401.v1")
	for _, trace := range []bool{false, true} {
		b.Run(fmt.Sprintf("trace=%v", trace), func(b *testing.B) {
			run(b, func(b *testing.B, raw []byte) {
				b.StopTimer()
				d := c.Read(raw, flow.XML, "CN", time.Now()).Document
				b.StartTimer()
				if _, _, faults := table.Encode(d, trace); faults.Refuse() {
					b.Fatal(faults)
				}
			})
		})
	}
}

func BenchmarkRules(b *testing.B) {
	c := loadChain(b)
	run(b, func(b *testing.B, raw []byte) {
		b.StopTimer()
		d := c.Read(raw, flow.XML, "CN", time.Now()).Document
		b.StartTimer()
		if _, faults := c.Rules.Check(d, validate.Scope{Own: "CN", At: time.Now()}); faults.Refuse() {
			b.Fatal(faults)
		}
	})
}

// BenchmarkTranslate is the whole chain: both national documents read, joined, judged,
// released, encoded and checked by the schema, traced.
func BenchmarkTranslate(b *testing.B) {
	c := loadChain(b)
	report, err := os.ReadFile("../../testdata/cases/mt4402.xml")
	if err != nil {
		b.Fatal(err)
	}
	rt, _ := c.Routes.Route("cn-ru-pre-arrival-notice")
	run(b, func(b *testing.B, raw []byte) {
		var parts []flow.Part
		var plan flow.Plan
		for _, content := range [][]byte{raw, report} {
			r := c.Read(content, flow.XML, "CN", time.Now())
			plan, _ = c.PlanFor(rt, r)
			parts = append(parts, flow.Part{Name: plan.Part, Submission: plan.Part, Reading: r})
		}
		t := c.Translate(plan, parts, "0f7e6a54-2b8c-4d55-9d3c-5b0f6a7c8d90", validate.Scope{Own: "CN", Partner: "RU", At: time.Now()})
		if t.Faults.Refuse() {
			b.Fatal(t.Faults)
		}
	})
}

// TestManifestOfAnySize holds what the benchmarks measure: a valid document of the size.
func TestManifestOfAnySize(t *testing.T) {
	c := loadChain(t)
	for _, size := range sizes {
		raw := manifest(t, size)
		if len(raw) < size*9/10-3000 || len(raw) > size+4000 {
			t.Errorf("asked for %d bytes, got %d", size, len(raw))
		}
		r := c.Read(raw, flow.XML, "CN", time.Now())
		if _, faults := c.Validate(r, validate.Scope{Own: "CN", At: time.Now()}); faults.Refuse() {
			t.Errorf("%d bytes: %v", size, faults)
		}
	}
}
