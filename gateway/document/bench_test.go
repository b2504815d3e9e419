package document_test

import (
	"testing"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

// dense returns a notice with most fields set: 32 kB of canonical JSON.
func dense(b *testing.B) *customsv1.Document {
	d := documenttest.Full("PreArrivalNotice")
	item := d.GetPreArrivalNotice().Consignments[0].Items[0]
	d.GetPreArrivalNotice().Consignments[0].Items = nil
	d.GetPreArrivalNotice().Consignments = d.GetPreArrivalNotice().Consignments[:1]
	for len(document.Marshal(d)) < 20_000 {
		c := d.GetPreArrivalNotice().Consignments[0]
		c.Items = append(c.Items, item)
	}
	b.Logf("%d bytes", len(document.Marshal(d)))
	return document.Clone(d)
}

func BenchmarkParse(b *testing.B) {
	raw := document.Marshal(dense(b))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		document.Parse(raw)
	}
}

func BenchmarkMarshal(b *testing.B) {
	d := dense(b)
	b.SetBytes(int64(len(document.Marshal(d))))
	b.ReportAllocs()
	for b.Loop() {
		document.Marshal(d)
	}
}

func BenchmarkClone(b *testing.B) {
	d := dense(b)
	for b.Loop() {
		document.Clone(d)
	}
}

func BenchmarkGetSet(b *testing.B) {
	d := documenttest.Full("PreArrivalNotice")
	for _, path := range []string{"totals.grossMass.kilograms", "carrier.ids[scheme=INN].value", "consignments[1].items[0].originCountry"} {
		p := compile(b, "PreArrivalNotice", path)
		text := "1"
		if err := p.Set(document.Of(d), text); err != nil {
			b.Fatal(err)
		}
		b.Run("Get "+path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Get(document.Of(d))
			}
		})
		b.Run("Set "+path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Set(document.Of(d), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
