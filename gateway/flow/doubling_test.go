package flow_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/pace"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/validate"
)

// cost is what some work takes: bytes allocated, and steps, which those that allocate
// nothing take too: elements, rows in elements and rules at places, as they ask whether
// to go on.
type cost struct{ bytes, steps uint64 }

// costOf is the least of some times: what work does once for all is not its own.
func costOf(t *testing.T, repeat int, work func(context.Context)) (least cost) {
	for i := range repeat {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		counting := leavesAfter(t, math.MaxInt)
		work(counting)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; i == 0 || n < least.bytes {
			least = cost{n, uint64(counting.asked.Load()) * pace.Every}
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

// TestWorkGrowsAsTheDocumentDoes: each dimension of a document is doubled, and no step of
// its way takes more than twice as much, but for a little.
func TestWorkGrowsAsTheDocumentDoes(t *testing.T) {
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
		"consignments": func(n int) string {
			_, rest, _ := strings.Cut(manifest, "<Consignment>")
			one, _, _ := strings.Cut(rest, "</Consignment>")
			return replace(manifest, one, many(replace(one, "CNRU26030001", "CN@")+"</Consignment><Consignment>", n/4)+one)
		},
		"items": func(n int) string {
			_, rest, _ := strings.Cut(manifest, "<ConsignmentItem>")
			one, _, _ := strings.Cut(rest, "</ConsignmentItem>")
			return replace(manifest, one, many(one+"</ConsignmentItem><ConsignmentItem>", n/4)+one)
		},
		"load units": func(n int) string {
			return replace(manifest, unit, many("<ID>A@</ID></TransportEquipment><TransportEquipment>", n)+unit)
		},
	}
	table, _ := w.cn.Chain.Tables.Table("ru/auto-preliminary.v1")
	route, _ := w.cn.Chain.Routes.Route("cn-ru-pre-arrival-notice")
	split, _ := w.cn.Chain.Tables.Split(route.Split)
	join, _ := w.cn.Chain.Tables.Join(route.Recipe)
	loads, _ := w.cn.Chain.Routes.Route("cn-mn-load-list")
	checklist, _ := w.cn.Chain.Tables.Split("mn/load-checklist.v1")
	report := w.content("mt4402.xml")
	scope := validate.Scope{Own: "CN", Partner: "RU", At: w.clock.Now()}
	// steps returns what each step of a document's way takes.
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(ctx context.Context, media string, raw []byte) *flow.Reading {
		r, err := w.cn.Chain.Read(ctx, raw, media, "CN", w.clock.Now())
		must(err)
		return r
	}
	translate := func(ctx context.Context, plan flow.Plan, parts ...flow.Part) *flow.Translation {
		out, err := w.cn.Chain.Translate(ctx, plan, parts, "m", scope)
		must(err)
		return out
	}
	steps := func(media string, raw []byte, repeat int) map[string]cost {
		out := map[string]cost{}
		var reading *flow.Reading
		out["read"] = costOf(t, repeat, func(ctx context.Context) { reading = read(ctx, media, raw) })
		var faults gateway.Faults
		out["validate"] = costOf(t, repeat, func(ctx context.Context) { // places are looked up once for a reading
			var err error
			_, faults, err = w.cn.Chain.Validate(ctx, read(ctx, media, raw), scope)
			must(err)
		})
		out["report"] = costOf(t, repeat, func(context.Context) { faults.Report("ru") })
		out["check"] = costOf(t, repeat, func(ctx context.Context) {
			if _, err := w.cn.Check(ctx, post, flow.Submission{MediaType: media, Content: raw}); err != nil {
				t.Fatal(err)
			}
		})
		if reading.Document == nil {
			return out
		}
		if media != flow.JSON {
			out["join"] = costOf(t, repeat, func(ctx context.Context) {
				parts := []flow.Part{{Name: "manifest", Reading: reading}, {Name: "vehicle", Submission: "V1", Reading: read(ctx, flow.XML, report)}}
				translate(ctx, flow.Plan{Route: route, Join: join}, parts...).Explain()
			})
			out["split"] = costOf(t, repeat, func(ctx context.Context) {
				translate(ctx, flow.Plan{Route: loads, Split: checklist}, flow.Part{Reading: reading}).Explain()
			})
			return out
		}
		out["encode"] = costOf(t, repeat, func(ctx context.Context) {
			_, _, _, err := table.EncodeWhile(pace.Of(ctx), reading.Document, true)
			must(err)
		})
		out["marshal"] = costOf(t, repeat, func(context.Context) { document.Marshal(reading.Document) })
		out["translate"] = costOf(t, repeat, func(ctx context.Context) {
			translate(ctx, flow.Plan{Route: route, Split: split}, flow.Part{Reading: reading}).Explain()
		})
		out["attach"] = costOf(t, repeat, func(context.Context) {
			m, err := reconcile.Attach(reconcile.Movement{}, reading.Document, reconcile.Origin{Message: "m"}, w.cn.Tolerances)
			if err != nil {
				return
			}
			reconcile.Match(reading.Document, reconcile.Origin{}, w.clock.Now(), []reconcile.Movement{m}, flow.Window)
		})
		return out
	}
	const n = 400
	little := cost{512 << 10, 100 * pace.Every}
	grew := func(once, twice, often, little uint64) bool {
		// By now what is linear has grown eight times, what is not 64 times.
		return often > 2*once+14*(max(twice, once)-once)+little && often > 12*once
	}
	for media, dimensions := range map[string]map[string]func(int) string{flow.JSON: json, flow.XML: xml} {
		for name, of := range dimensions {
			var wrong []string
			for _, repeat := range []int{1, 3} { // what seems to grow is measured again
				once, twice, often := steps(media, []byte(of(n)), repeat), steps(media, []byte(of(2*n)), repeat), steps(media, []byte(of(8*n)), repeat)
				wrong = nil
				for step, took := range often {
					one, two := once[step], twice[step]
					if grew(one.bytes, two.bytes, took.bytes, little.bytes) || grew(one.steps, two.steps, took.steps, little.steps) {
						wrong = append(wrong, fmt.Sprintf("%s, %s, %s: %+v, %+v and %+v for one, two and eight times as many", media, name, step, one, two, took))
					}
				}
				if wrong == nil {
					break
				}
			}
			for _, w := range wrong {
				t.Error(w)
			}
		}
	}
}
