package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// steps counts what a call allocates, a measure of its work that no other load of the
// machine changes.
func steps(t *testing.T, call func()) uint64 {
	t.Helper()
	call() // what is made once is made now
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// TestDigitsCostNoSteps doubles the digits of every decimal of a document, in JSON and in
// XML, at each door that reads one: more digits are refused, and cost nothing but to read.
func TestDigitsCostNoSteps(t *testing.T) {
	_, notice := sealedNotice(t)
	w := newWorld(t)
	manifest := func(digits string) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(longManifest(1), []byte(`"1500.5"`), []byte(`"`+digits+`"`)), []byte(`"1000.50"`), []byte(`"0.`+digits+`"`))
	}
	check := func(g *flow.Gateway, c flow.Caller, mediaType string, content func(digits string) []byte) func(string) gateway.Faults {
		return func(digits string) gateway.Faults {
			res, err := g.Check(t.Context(), c, flow.Submission{MediaType: mediaType, Content: content(digits)})
			if err != nil {
				t.Fatal(err)
			}
			return res.Faults
		}
	}
	doors := map[string]func(digits string) gateway.Faults{
		"a manifest in JSON": check(w.ru, russianPost, flow.JSON, manifest),
		"a manifest in XML": check(w.cn, post, flow.XML, func(digits string) []byte {
			return bytes.ReplaceAll(w.content("mt2401.xml"), []byte(">18250.5<"), []byte(">"+digits+"<"))
		}),
		"a notice of a partner": func(digits string) gateway.Faults {
			payload := bytes.ReplaceAll(notice, []byte(">18250.5<"), []byte(">"+digits+"<"))
			reading := patient{w.ru.Chain, t}.Read(payload, flow.XML, "CN", w.clock.Now())
			return reading.Faults
		},
		"an arrival": func(digits string) gateway.Faults {
			content := bytes.Replace(w.content("arrival.json"), []byte(`"18633.76"`), []byte(`"`+digits+`"`), 1)
			_, err := w.ru.RecordArrival(t.Context(), russianPost, flow.Record{ID: fmt.Sprint("A", len(digits), w.ids.Add(1)), Content: content})
			var faults gateway.Faults
			if err != nil && !errors.As(err, &faults) {
				t.Fatal(err)
			}
			return faults
		},
	}
	for name, call := range doors {
		t.Run(name, func(t *testing.T) {
			var least uint64
			for n := 128; n <= 1<<20; n *= 2 {
				digits := strings.Repeat("7", min(n, 1_000_000))
				faults := call(digits)
				if !faults.Refuse() {
					t.Fatalf("%d digits are taken: %v", n, faults)
				}
				for _, f := range faults {
					if f.Code == gateway.Internal || f.Code == gateway.RuleNotJudged {
						t.Errorf("%d digits: %v", n, f)
					}
				}
				count := steps(t, func() { call(digits) })
				if least == 0 {
					least = count
				}
				if count > least+least/4+500 {
					t.Errorf("%d digits cost %d steps, 128 cost %d", n, count, least)
				}
			}
		})
	}
}

// TestNobodyWaitsForNothing: a check ends where its caller has left, and so does what an
// arrival comes to; a stored one is judged later.
func TestNobodyWaitsForNothing(t *testing.T) {
	w := newWorld(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.cn.Check(gone, post, flow.Submission{MediaType: flow.XML, Content: w.content("mt2401.xml")}); !errors.Is(err, context.Canceled) {
		t.Errorf("a check: %v", err)
	}
	left := seen("A1", "京A00001")
	w.leave(w.ru, store.Arrival{Door: store.DoorBorder, Party: russianPost.Office, ID: "A1", MediaType: flow.JSON, Content: left})
	if _, err := w.ru.RecordArrival(gone, russianPost, flow.Record{ID: "A1", Content: left}); !errors.Is(err, context.Canceled) {
		t.Errorf("an arrival: %v", err)
	}
	if err := w.ru.JudgeDue(t.Context()); err != nil || !w.arrival(w.ru, store.DoorBorder, russianPost.Office, "A1").Judged {
		t.Errorf("then it is not judged, %v", err)
	}
}
