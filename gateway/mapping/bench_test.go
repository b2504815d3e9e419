package mapping

import (
	"fmt"
	"testing"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// sized returns a manifest whose XML has about so many bytes.
func sized(b *testing.B, tab *Table, bytes int) (*customsv1.Document, []byte) {
	d := parse(b, sample)
	m := d.GetManifest()
	m.Consignments = m.Consignments[:1]
	one, _, _ := tab.Encode(d, false)
	item := m.Consignments[0].Items[1]
	for range max(bytes-len(one.Bytes()), 0) / 120 {
		m.Consignments[0].Items = append(m.Consignments[0].Items, item)
	}
	out, _, faults := tab.Encode(d, false)
	if faults != nil {
		b.Fatal(said(faults))
	}
	return d, out.Bytes()
}

var sizes = []int{2_000, 20_000, 1_000_000}

func BenchmarkDecode(b *testing.B) {
	tab := tableOf(b, notice)
	for _, size := range sizes {
		_, raw := sized(b, tab, size)
		doc := read(b, string(raw))
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				tab.Decode(doc)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	tab := tableOf(b, notice)
	for _, size := range sizes {
		d, raw := sized(b, tab, size)
		for _, trace := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dB/trace=%v", size, trace), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(raw)))
				for b.Loop() {
					tab.Encode(d, trace)
				}
			})
		}
		b.Run(fmt.Sprintf("%dB/digest", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				document.Digest(d)
			}
		})
	}
}
