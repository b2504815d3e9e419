package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/mappings"
	"customs.example/xsd"
)

// border is a pair of posts that a truck passes.
type border struct {
	to    gateway.Administration
	exit  flow.Caller
	entry flow.Caller
}

var borders = []border{
	{"RU", post, russianPost},
	{"KZ", khorgos, flow.Caller{URI: "customs://KZ/office/39899001/post/1", Office: "39899001"}},
}

// trip is one crossing as its posts tell of it.
type trip struct {
	n                int
	tractor, trailer string
	departs          time.Time
}

func (p trip) batch(b border) string { return fmt.Sprintf("%s2603010%02d", b.exit.Office, p.n) }

func (p trip) waybills() []string {
	return []string{fmt.Sprintf("CNRU27%02d0001", p.n)}
}

// document is a trip's manifest or exit report.
func (p trip) document(w *world, b border, name string) []byte {
	w.t.Helper()
	local := p.departs.In(time.FixedZone("", 8*3600)).Format("20060102150405")
	write := strings.NewReplacer("093000123", fmt.Sprintf("093000%03d", p.n), "101500456", fmt.Sprintf("101500%03d", p.n),
		"0603260301001", p.batch(b), ">0603<", ">"+b.exit.Office+"<", "CNRU2603", fmt.Sprintf("CNRU27%02d", p.n),
		"20260301101000", local, "蒙E12345", p.tractor, "蒙E6789挂", p.trailer, "CNSEAL00000", fmt.Sprintf("CNSEAL%02d000", p.n))
	return []byte(write.Replace(string(w.content(name))))
}

// announce submits a trip's manifest and exit report.
func (p trip) announce(w *world, b border) {
	w.t.Helper()
	for name, state := range map[string]gateway.SubmissionState{"mt2401.xml": gateway.Held, "mt4402.xml": gateway.Held} {
		s, err := w.cn.Submit(w.t.Context(), b.exit, flow.Submission{MediaType: flow.XML, Content: p.document(w, b, name)})
		if err != nil || s.State != state && s.State != gateway.Joined {
			w.t.Fatalf("trip %d, %s is %s: %v, %v", p.n, name, s.State, s.Faults.Report("en"), err)
		}
	}
}

// arrive records that a trip's vehicles are seen, by their plates alone.
func (p trip) arrive(w *world, b border, at time.Time) flow.Movement {
	w.t.Helper()
	id := fmt.Sprint("A", p.n)
	m, err := w.ru.RecordArrival(w.t.Context(), b.entry, flow.Record{ID: id, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q},
		"arrivalReport": {"office": {"administration": %q, "code": %q}, "at": %q, "transport": {"vehicles": [
		{"role": "TRACTOR", "registration": %q}, {"role": "TRAILER", "registration": %q}]}}}`,
		id, at.Format(time.RFC3339), b.to, b.entry.Office, at.Format(time.RFC3339), p.tractor, p.trailer))})

	if err != nil {
		w.t.Fatalf("trip %d: %v", p.n, err)
	}
	return m
}

// found is the one movement that a text finds on a side.
func found(w *world, g *flow.Gateway, text string) flow.Movement {
	w.t.Helper()
	ms, _, _, err := g.Find(w.t.Context(), text, 0, 10)
	if err != nil || len(ms) != 1 {
		w.t.Fatalf("%s finds %d movements, %v", text, len(ms), err)
	}
	return ms[0]
}

// withoutBatch is the delivered data, but no route lets the batch number travel.
func withoutBatch(t *testing.T) *flow.Chain {
	t.Helper()
	over := map[string]string{}
	for _, pair := range []string{"cn-ru", "cn-kz"} {
		name := "routes/" + pair + "-pre-arrival-notice.yaml"
		over[name] = text(t, mappings.FS, name, "crossing: 40m\n", "crossing: 40m\nwithhold: [batch]\n")
	}
	c, err := chainOf(layered(t, mappings.FS, over), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOneTripIsOneMovement: trucks go and come back, announced in any order and delivered
// twice with restarts between; each arrival meets its own announcement, and both sides hold the
// same movements, found by batch and waybill.
func TestOneTripIsOneMovement(t *testing.T) {
	chains := map[bool]*flow.Chain{true: loadChain(t).Chain, false: withoutBatch(t)}
	rapid.Check(t, func(r *rapid.T) {
		b, batches := rapid.SampledFrom(borders).Draw(r, "border"), rapid.Bool().Draw(r, "the batch travels")
		w := newPair(t, b.to)
		w.cn.Chain = chains[batches]
		day := w.clock.Now().Add(3 * time.Hour)
		trips := make([]trip, rapid.IntRange(2, 4).Draw(r, "trips"))
		for i := range trips {
			trips[i] = trip{i + 1, "蒙E12345", rapid.SampledFrom([]string{"蒙E6789挂", "蒙E6790挂"}).Draw(r, "trailer"), day}
			day = day.Add(time.Duration(rapid.IntRange(14, 30).Draw(r, "hours to the next")) * time.Hour)
		}
		w.out.lose = func(try int) bool { return try%2 == rapid.IntRange(0, 1).Draw(r, "lost") }
		deliver := func() {
			for range 4 {
				if err := w.cn.DeliverDue(t.Context(), b.to); err != nil {
					t.Fatal(err)
				}
				w.clock.add(flow.QuickInterval)
			}
			w.out.lose = nil
			if err := w.cn.DeliverDue(t.Context(), b.to); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(r, "restart") {
				w.ru, w.cn = restarted(w.ru), restarted(w.cn)
				w.out.to = w.ru
			}
		}
		first := rapid.IntRange(1, len(trips)).Draw(r, "announced before the first arrives")
		order := rapid.Permutation(trips[:first]).Draw(r, "order")
		for _, p := range order {
			p.announce(w, b)
		}
		deliver()
		for i, p := range trips {
			if i >= first {
				p.announce(w, b)
				deliver()
			}
			at := p.departs.Add(time.Duration(rapid.IntRange(0, 300).Draw(r, "minutes after it left")) * time.Minute)
			if now := w.clock.Now(); now.Before(at) {
				w.clock.add(at.Sub(now))
			}
			m := p.arrive(w, b, at)
			if len(m.AmbiguousWith) > 0 || len(m.Announced) != 1 || len(m.Arrivals) != 1 {
				r.Fatalf("trip %d: %d announcements, %d arrivals, could also be %v", p.n, len(m.Announced), len(m.Arrivals), m.AmbiguousWith)
			}
			for _, waybill := range p.waybills() {
				if there := found(w, w.ru, waybill); there.ID != m.ID {
					r.Fatalf("trip %d arrived as another: %s is in %s, the arrival in %s", p.n, waybill, there.ID, m.ID)
				}
			}
			if again := p.arrive(w, b, at); again.ID != m.ID || len(again.Arrivals) != 1 {
				r.Fatalf("the same arrival of trip %d again is in movement %s, was in %s", p.n, again.ID, m.ID)
			}
		}
		for _, p := range trips {
			here := found(w, w.cn, p.waybills()[0])
			there := found(w, w.ru, p.waybills()[0])
			if len(here.Announced) != 1 || here.Announced[0].Message != there.Announced[0].Message {
				r.Fatalf("trip %d is %d announcements in China", p.n, len(here.Announced))
			}
			if batches {
				if one, other := found(w, w.cn, p.batch(b)), found(w, w.ru, p.batch(b)); one.ID != here.ID || other.ID != there.ID {
					r.Fatalf("batch %s is found in %s and %s", p.batch(b), one.ID, other.ID)
				}
			} else if ms, _, _, err := w.ru.Find(t.Context(), p.batch(b), 0, 10); err != nil || len(ms) != 0 {
				r.Fatalf("a batch that no route lets travel finds %d movements, %v", len(ms), err)
			}
		}
	})
}
