package reconcile

import (
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// TestOneTripIsOneMovement: which movement a document belongs to, of the trips of one tractor.
func TestOneTripIsOneMovement(t *testing.T) {
	tol := tolerances(t)
	window := Window{Before: 12 * time.Hour, After: 36 * time.Hour, Apart: 6 * time.Hour}
	truck := func(trailer string) string {
		return `"transport":{"vehicles":[{"role":"TRACTOR","registration":"蒙E12345"},{"role":"TRAILER","registration":"` + trailer + `"}]}`
	}
	const entry = `"entryOffice":{"administration":"RU","code":"10719110"},`
	goods := func(waybill string) string {
		return `,"consignments":[{"transportDocument":{"id":"` + waybill + `"}}]`
	}
	due := func(at time.Time) string { return `,"expectedArrival":"` + at.Format(time.RFC3339) + `"` }
	day := noon.AddDate(0, 0, 1)
	open := func(id string, bodies ...string) Movement {
		m := Movement{ID: gateway.MovementID(id)}
		for i, body := range bodies {
			m = attach(t, m, tol, message{id + string(rune('0'+i)), notice(t, body)})
		}
		return m
	}
	seen := func(m Movement, at time.Time, body string) Movement {
		return attach(t, m, tol, message{"seen-" + string(m.ID), arrival(t, `"at":"`+at.Format(time.RFC3339)+`",`+body)})
	}
	all := func(id, body string) Movement {
		return told{id: id, body: body, whole: true}.attach(t, Movement{ID: gateway.MovementID(id)}, noon, tol)
	}
	one := open("one", entry+truck("蒙E1挂")+goods("WB-1")+due(noon))
	next := open("next", entry+truck("蒙E1挂")+goods("WB-2")+due(day))
	swapped := open("swapped", entry+truck("蒙E2挂")+goods("WB-3")+due(noon.Add(8*time.Hour)))
	for _, tt := range []struct {
		name       string
		doc        *customsv1.Document
		from       Origin
		at         time.Time
		candidates []Movement
		movement   gateway.MovementID
		outcome    Outcome
	}{
		{"the next day's notice is another trip", notice(t, entry+truck("蒙E1挂")+goods("WB-2")+due(day)), Origin{}, day, []Movement{one}, "", NoMatch},
		{"the next day's notice of the same waybill, which goes in parts", notice(t, entry+truck("蒙E1挂")+goods("WB-1")+due(day)), Origin{}, day, []Movement{one}, "", NoMatch},
		{"another truck's notice of all of a waybill, the next day", notice(t, entry+truck("蒙E7挂")+goods("WB-1")+due(day)), Origin{WholeGoods: true}, day, []Movement{all("whole", entry+truck("蒙E1挂")+goods("WB-1")+due(noon))}, "whole", OneMatch},
		{"all of a waybill, and a share of it the next day", notice(t, entry+truck("蒙E7挂")+goods("WB-1")+due(day)), Origin{}, day, []Movement{all("whole", entry+truck("蒙E1挂")+goods("WB-1")+due(noon))}, "", NoMatch},
		{"all of a waybill under another batch", notice(t, entry+truck("蒙E7挂")+goods("WB-1")+due(noon)), Origin{WholeGoods: true, Batch: "B-2"}, noon, []Movement{all("whole", `"batch":"B1",`+entry+truck("蒙E1挂")+goods("WB-1")+due(noon))}, "", NoMatch},
		{"all of a waybill the other way", notice(t, `"entryOffice":{"administration":"CN","code":"0603"},`+truck("蒙E7挂")+goods("WB-1")+due(noon)), Origin{WholeGoods: true}, noon, []Movement{all("whole", entry+truck("蒙E1挂")+goods("WB-1")+due(noon))}, "", NoMatch},
		{"another waybill of the same truck at the same time", notice(t, entry+truck("蒙E1挂")+goods("WB-9")+due(noon.Add(2*time.Hour))), Origin{}, noon, []Movement{one, next}, "one", OneMatch},
		{"the tractor with another trailer two hours later", notice(t, entry+truck("蒙E2挂")+goods("WB-9")+due(noon.Add(2*time.Hour))), Origin{}, noon, []Movement{one}, "", NoMatch},
		{"the way back two hours later", notice(t, `"entryOffice":{"administration":"CN","code":"0603"},`+truck("蒙E1挂")+goods("WB-9")+due(noon.Add(2*time.Hour))), Origin{}, noon, []Movement{one}, "", NoMatch},
		{"the batch of a header", notice(t, truck("蒙E7挂")+goods("WB-9")), Origin{Batch: "B-1"}, day, []Movement{open("b", `"batch":"B1",`+truck("蒙E1挂")), one}, "b", OneMatch},
		{"another batch in the header", notice(t, entry+truck("蒙E1挂")+goods("WB-9")+due(noon)), Origin{Batch: "B-2"}, noon, []Movement{open("b", `"batch":"B1",`+truck("蒙E1挂")+due(noon))}, "", NoMatch},
		{"several waybills of one batch", notice(t, goods("WB-9")[1:]), Origin{Batch: "B1"}, noon, []Movement{open("b", `"batch":"B1"`+goods("WB-8")), one}, "b", OneMatch},
		{"a notice after the unannounced arrival", notice(t, entry+truck("蒙E1挂")+goods("WB-1")+due(noon)), Origin{}, noon, []Movement{seen(Movement{ID: "u"}, noon.Add(time.Hour), truck("蒙E1挂"))}, "u", OneMatch},
		{"the next day's notice after it", notice(t, entry+truck("蒙E1挂")+goods("WB-1")+due(day)), Origin{}, day, []Movement{seen(Movement{ID: "u"}, noon.Add(time.Hour), truck("蒙E1挂"))}, "", NoMatch},

		{"an arrival in time", arrival(t, truck("蒙E1挂")), Origin{}, noon, []Movement{next, one}, "one", OneMatch},
		{"an arrival the next day", arrival(t, truck("蒙E1挂")), Origin{}, day, []Movement{one, next}, "next", OneMatch},
		{"an arrival eleven hours late is no arrival that is early", arrival(t, truck("蒙E1挂")), Origin{}, noon.Add(11 * time.Hour), []Movement{next, one}, "one", OneMatch},
		{"another trailer", arrival(t, truck("蒙E2挂")), Origin{}, noon.Add(time.Hour), []Movement{one, swapped}, "swapped", OneMatch},
		{"the first has arrived", arrival(t, `"at":"2026-03-03T02:00:00Z",`+truck("蒙E1挂")), Origin{}, noon.Add(14 * time.Hour), []Movement{seen(one, noon, truck("蒙E1挂")), next}, "next", OneMatch},
		{"all has arrived the day before", arrival(t, `"at":"2026-03-03T12:00:00Z",`+truck("蒙E1挂")), Origin{}, day, []Movement{seen(one, noon, truck("蒙E1挂"))}, "", NoMatch},
		{"seen again within the hour", arrival(t, `"at":"2026-03-02T13:00:00Z",`+truck("蒙E1挂")), Origin{}, noon.Add(time.Hour), []Movement{seen(one, noon, truck("蒙E1挂"))}, "one", OneMatch},
		{"two trips at one time", arrival(t, `"transport":{"vehicles":[{"registration":"蒙E12345"}]}`), Origin{}, noon, []Movement{one, open("same", entry+truck("蒙E1挂")+due(noon.Add(10*time.Minute)))}, "", Ambiguous},
		{"judged again", arrival(t, truck("蒙E1挂")), Origin{Message: "seen-one"}, noon, []Movement{next, seen(one, noon, truck("蒙E1挂"))}, "one", OneMatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := Match(tt.doc, tt.from, tt.at, tt.candidates, window); r.Outcome != tt.outcome || r.Movement() != tt.movement {
				t.Errorf("%+v", r)
			}
		})
	}
}
