package flow_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/validate"
)

// bytesOf is how many bytes some work allocates, the least of three times: what it does
// once for all is not its own.
func bytesOf(work func()) (least uint64) {
	for i := range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		work()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; i == 0 || n < least {
			least = n
		}
	}
	return least
}

// times repeats a text, with a number of seven digits for each @, between commas.
func times(text string, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ReplaceAll(text, "@", fmt.Sprint(1_000_000+i)))
	}
	return b.String()
}

// TestLongWorkGrowsAsTheDocumentDoes: each dimension of a document is doubled, and no step of
// its way allocates more than twice as much, but for a little.
func TestLongWorkGrowsAsTheDocumentDoes(t *testing.T) {
	w := newWorld(t)
	notice := string(w.message(w.notice()).Canonical)
	manifest := string(w.content("mt2401.xml"))
	between := func(from, to string) string {
		_, rest, ok := strings.Cut(notice, from)
		inner, _, ok2 := strings.Cut(rest, to)
		if !ok || !ok2 {
			t.Fatalf("the notice has no %s ... %s", from, to)
		}
		return inner
	}
	replace := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	consignments := between(`"consignments":[`, `],"declarant"`)
	items := between(`"items":[`, `],"loadUnits":["ABCU`)
	item, _, _ := strings.Cut(items, `,{"classifications":[{"code":"0707`)
	const load = `{"fullness":"5","id":"ABCU1234560"`
	json := map[string]func(n int) string{
		"consignments": func(n int) string {
			return replace(notice, consignments, times(replace(consignments, "CNRU26030001", "CN@"), n/4))
		},
		"items": func(n int) string { return replace(notice, items, times(item, n/4)) },
		"faulty items": func(n int) string {
			return replace(notice, items, times(replace(item, `"code":"0702000000"`, `"code":"99@"`), n/4))
		},
		"broken items": func(n int) string { return replace(notice, items, times(replace(item, "10250.5", "x@"), n/4)) },
		"load units": func(n int) string {
			return replace(replace(notice, `"loadUnits":["ABCU1234560"]`, `"loadUnits":[`+times(`"A@"`, n)+`]`), load, times(`{"fullness":"5","id":"A@"}`, n)+","+load)
		},
		"seals": func(n int) string {
			return replace(notice, `{"id":"CNSEAL0000017","kind":"M"}`, times(`{"id":"SEAL@","kind":"M"}`, n))
		},
		"vehicles": func(n int) string {
			return replace(notice, `"vehicles":[`, `"vehicles":[`+times(`{"role":"TRAILER","registration":"蒙E@"}`, n)+",")
		},
		"references": func(n int) string {
			return replace(notice, `"references":[`, `"references":[`+times(`{"id":"R@","kind":"PART"}`, n)+",")
		},
		"remarks": func(n int) string {
			return replace(notice, `"remarks":[`, `"remarks":[`+times(`{"language":"zh","value":"出口@"}`, n)+",")
		},
		"text":          func(n int) string { return replace(notice, "鲜番茄", strings.Repeat("番茄 ", 10*n)) },
		"digits":        func(n int) string { return replace(notice, "10250.5", strings.Repeat("1", 10*n)) },
		"an identifier": func(n int) string { return replace(notice, "CNRU26030001", strings.Repeat("A", 10*n)) },
		"blanks":        func(n int) string { return replace(notice, `"envelope"`, strings.Repeat(" \n", 10*n)+`"envelope"`) },
		"strange names": func(n int) string { return replace(notice, `"envelope"`, times(`"u@":{"a":[1,2]}`, n)+`,"envelope"`) },
		"names twice":   func(n int) string { return replace(notice, `"batch"`, times(`"batch":"@"`, n)+`,"batch"`) },
		// Each value within would carry it in its own place.
		"a long name": func(n int) string {
			return replace(notice, `"envelope"`, `"`+strings.Repeat("k", 10*n)+`":{`+times(`"u@":1`, n)+`},"envelope"`)
		},
		"nested": func(n int) string {
			return replace(notice, `"envelope"`, `"u":`+strings.Repeat("[", n)+strings.Repeat("]", n)+`,"envelope"`)
		},
	}
	root := manifest[:strings.Index(manifest, "<Head>")]
	inRoot := func(what string) string { return replace(manifest, "<Head>", what+"<Head>") }
	many := func(text string, n int) string { return strings.ReplaceAll(times(text, n), ",", "") }
	unit := "<ID>ABCU1234560</ID>"
	xml := map[string]func(n int) string{
		"comments":         func(n int) string { return inRoot(many("<!-- @ -->", 10*n)) },
		"a comment":        func(n int) string { return inRoot("<!--" + strings.Repeat(" x", 10*n) + "-->") },
		"blanks":           func(n int) string { return inRoot(strings.Repeat(" \n", 10*n)) },
		"blanks in a text": func(n int) string { return replace(manifest, "鲜番茄", "鲜"+strings.Repeat(" \n", 10*n)+"番茄") },
		"text":             func(n int) string { return replace(manifest, "鲜番茄", strings.Repeat("番茄 ", 10*n)) },
		"references":       func(n int) string { return replace(manifest, "鲜番茄", strings.Repeat("&#30058;&amp;", n)) },
		"strange elements": func(n int) string { return inRoot(many("<x@/>", n)) },
		"namespaces": func(n int) string {
			return replace(manifest, root, replace(root, " xmlns=", many(` xmlns:n@="urn:@"`, n)+" xmlns="))
		},
		"attributes": func(n int) string { return replace(manifest, "<Head>", "<Head "+many(` a@="1"`, n)+">") },
		"nested":     func(n int) string { return inRoot(strings.Repeat("<a>", n) + strings.Repeat("</a>", n)) },
		"digits":     func(n int) string { return replace(manifest, ">10250.5<", ">"+strings.Repeat("1", 10*n)+"<") },
		"load units": func(n int) string {
			return replace(manifest, unit, many("<ID>A@</ID></TransportEquipment><TransportEquipment>", n)+unit)
		},
	}
	table, _ := w.cn.Chain.Tables.Table("ru/auto-preliminary.v1")
	route, _ := w.cn.Chain.Routes.Route("cn-ru-pre-arrival-notice")
	split, _ := w.cn.Chain.Tables.Split(route.Split)
	scope := validate.Scope{Own: "CN", Partner: "RU", At: w.clock.Now()}
	// steps returns what each step of a document's way takes.
	steps := func(media string, raw []byte) map[string]uint64 {
		out := map[string]uint64{}
		var read *flow.Reading
		out["read"] = bytesOf(func() { read = w.cn.Chain.Read(raw, media, "CN", w.clock.Now()) })
		var faults gateway.Faults
		out["validate"] = bytesOf(func() { // places are looked up once for a reading
			_, faults = w.cn.Chain.Validate(w.cn.Chain.Read(raw, media, "CN", w.clock.Now()), scope)
		})
		out["report"] = bytesOf(func() { faults.Report("ru") })
		out["check"] = bytesOf(func() {
			if _, err := w.cn.Check(t.Context(), post, flow.Submission{MediaType: media, Content: raw}); err != nil {
				t.Fatal(err)
			}
		})
		if read.Document == nil || media != flow.JSON {
			return out
		}
		out["encode"] = bytesOf(func() { table.Encode(read.Document, true) })
		out["marshal"] = bytesOf(func() { document.Marshal(read.Document) })
		out["translate"] = bytesOf(func() {
			w.cn.Chain.Translate(flow.Plan{Route: route, Split: split}, []flow.Part{{Reading: read}}, "m", scope)
		})
		out["attach"] = bytesOf(func() {
			m, err := reconcile.Attach(reconcile.Movement{}, read.Document, reconcile.Origin{Message: "m"}, w.cn.Tolerances)
			if err != nil {
				return
			}
			reconcile.Match(read.Document, reconcile.Origin{}, w.clock.Now(), []reconcile.Movement{m}, flow.Window)
		})
		return out
	}
	const n = 400
	const little = 512 << 10
	for media, dimensions := range map[string]map[string]func(int) string{flow.JSON: json, flow.XML: xml} {
		for name, of := range dimensions {
			once, twice, often := steps(media, []byte(of(n))), steps(media, []byte(of(2*n))), steps(media, []byte(of(8*n)))
			for step, took := range often {
				// By now what is linear has grown eight times, what is not 64 times.
				if most := 2*once[step] + 14*(max(twice[step], once[step])-once[step]) + little; took > most && took > 12*once[step] {
					t.Errorf("%s, %s, %s: %d, %d and %d bytes for one, two and eight times as many", media, name, step, once[step], twice[step], took)
				}
			}
		}
	}
}
