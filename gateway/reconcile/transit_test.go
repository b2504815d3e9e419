package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"customs.example/gateway"
)

// transit is a declaration of 100 packages under a carnet, which is to end at one of two offices.
const transit = `{"envelope":{"documentId":"TD-1"},"transitDeclaration":{
	"transit":{"kind":"TT","destination":{"administration":"RU","code":"10702030"},"timeLimit":"2026-03-10","tir":{"carnet":"XA45000448"}},
	"totals":{"packages":"100"},"transport":{"vehicles":[{"role":"TRACTOR","registration":"新F12345"}]},
	"consignments":[{"transportDocument":{"id":"WB1"}},{"transportDocument":{"id":"WB2"},"transit":{"destination":{"administration":"RU","code":"10130090"}}}]}}`

// event is what an office tells of it, on a day of March.
func event(kind, office string, day int, more string) string {
	return fmt.Sprintf(`{"transitEvent":{"kind":%q,"tir":{"carnet":"XA 45000448"},"territory":"EAEU","office":{"administration":"RU","code":%q},"at":"2026-03-%02dT12:00:00+03:00"%s}}`,
		kind, office, day, more)
}

const (
	unloads = `,"ending":"DESTINATION"`
	leaves  = `,"ending":"EXIT"`
	part    = `,"ending":"DESTINATION","partial":true`
)

// attached is a movement of documents, each message with its position as its id.
func attached(t testing.TB, order []int, documents ...string) Movement {
	t.Helper()
	var m Movement
	for _, i := range order {
		var err error
		m, err = Attach(m, parse(t, documents[i]), Origin{Message: gateway.MessageID(fmt.Sprint("M", i)), Sender: "RU", Received: noon.Add(time.Duration(i) * time.Hour)}, tolerances(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func inOrder(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestTransits(t *testing.T) {
	count := func(n string) string { return `,"totals":{"packages":"` + n + `"}` }
	for name, tt := range map[string]struct {
		documents []string
		want      []string // state, terminated of packages, codes; for each transit
	}{
		"declared":          {[]string{transit}, []string{"transit declared of 100"}},
		"started":           {[]string{transit, event("STARTED", "10719110", 2, "")}, []string{"EAEU transit started of 100"}},
		"started with more": {[]string{transit, event("STARTED", "10719110", 2, count("120"))}, []string{"EAEU transit started of 120"}},
		"part here, the rest there": {[]string{transit, event("STARTED", "10719110", 2, ""), event("TERMINATED", "10702030", 4, part+count("40")),
			event("TERMINATED", "10130090", 8, unloads+count("60"))}, []string{"EAEU transit terminated 100 of 100"}},
		"part here": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40"))}, []string{"EAEU transit partly terminated 40 of 100"}},
		"part here, and it goes on": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40")), event("STARTED", "10702030", 5, "")},
			[]string{"EAEU transit partly terminated 40 of 100"}},
		"some are missing":    {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40")), event("TERMINATED", "10130090", 8, unloads+count("59"))}, []string{"EAEU transit terminated 99 of 100 TRN_PACKAGES"}},
		"more than there are": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("101"))}, []string{"EAEU transit partly terminated 101 of 100 TRN_PACKAGES"}},
		"packages not counted at one office": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40")), event("TERMINATED", "10130090", 8, unloads)},
			[]string{"EAEU transit terminated of 100"}},
		"with a reservation":                   {[]string{transit, event("TERMINATED", "10702030", 4, unloads+count("100")+`,"reservations":["eine Kiste offen"]`)}, []string{"EAEU transit terminated 100 of 100 TRN_RESERVED"}},
		"elsewhere":                            {[]string{transit, event("TERMINATED", "10005030", 4, unloads)}, []string{"EAEU transit terminated of 100 TRN_OFFICE"}},
		"at the exit, which is no destination": {[]string{transit, event("TERMINATED", "10719110", 4, leaves)}, []string{"EAEU transit terminated of 100"}},
		"on its last day":                      {[]string{transit, event("TERMINATED", "10702030", 10, unloads)}, []string{"EAEU transit terminated of 100"}},
		"too late":                             {[]string{transit, event("ARRIVED", "10702030", 11, "")}, []string{"EAEU transit arrived of 100 TRN_LATE"}},
		"in time, as the limit was put off":    {[]string{transit, event("TR_ALLOWED", "10719110", 2, `,"timeLimit":"2026-03-20"`), event("ARRIVED", "10702030", 11, "")}, []string{"EAEU transit arrived of 100"}},
		"to another office, as was decided": {[]string{transit, event("TR_ALLOWED", "10719110", 2, `,"destination":{"administration":"RU","code":"10005030"}`), event("TERMINATED", "10005030", 4, unloads)},
			[]string{"EAEU transit terminated of 100"}},
		"told to be late before it was put off": {[]string{transit, event("ARRIVED", "10702030", 11, ""), event("TR_ALLOWED", "10719110", 12, `,"timeLimit":"2026-03-20"`)}, []string{"EAEU transit arrived of 100"}},
		"some are missing, and it was decided that it has ended": {[]string{transit, event("TERMINATED", "10702030", 4, unloads+count("99")), event("TR_COMPLETED", "10702030", 5, "")},
			[]string{"EAEU transit discharged 99 of 100 TRN_PACKAGES"}},
		"all have come, and it was decided so with their number": {[]string{transit, event("TERMINATED", "10702030", 4, unloads+count("100")), event("TR_COMPLETED", "10702030", 5, count("100"))},
			[]string{"EAEU transit discharged 100 of 100"}},
		"part here, and it was decided that the rest has ended": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40")), event("TR_COMPLETED", "10130090", 5, count("59"))},
			[]string{"EAEU transit discharged 99 of 100 TRN_PACKAGES"}},
		"part here, and the rest was not counted": {[]string{transit, event("TERMINATED", "10702030", 4, part+count("40")), event("TR_COMPLETED", "10130090", 5, "")},
			[]string{"EAEU transit discharged of 100"}},
		"discharged, and told of again": {[]string{transit, event("TERMINATED", "10702030", 4, unloads), event("DISCHARGED", "10702030", 5, ""), event("ARRIVED", "10702030", 6, "")}, []string{"EAEU transit discharged of 100"}},
		"an operation in each territory": {[]string{transit, strings.Replace(event("TERMINATED", "0603", 2, leaves+count("100")), "EAEU", "CN", 1), event("STARTED", "10719110", 3, "")},
			[]string{"CN transit terminated 100 of 100", "EAEU transit started of 100"}},
		"decided by number, which answers it": {[]string{transit, `{"envelope":{"references":[{"kind":"ANSWERED","id":"TD-1"}]},"transitEvent":{"kind":"TR_ALLOWED","transit":{"number":"0000123","office":"10719110","date":"2026-03-02"}}}`,
			`{"transitEvent":{"kind":"TR_COMPLETED_W_RESERVATION","transit":{"number":"0000123","office":"10719110","date":"2026-03-02"},"office":{"code":"10702030"},"ended":"2026-03-09"}}`},
			[]string{"transit discharged of 100 TRN_RESERVED"}},
		"an event that names no territory is of the only one": {[]string{transit, event("STARTED", "10719110", 2, ""), strings.Replace(event("ARRIVED", "10702030", 4, ""), `"territory":"EAEU",`, "", 1)},
			[]string{"EAEU transit arrived of 100"}},
		"an event that names none of several is of none": {[]string{transit, strings.Replace(event("STARTED", "0603", 1, ""), "EAEU", "CN", 1), event("STARTED", "10719110", 2, ""),
			strings.Replace(event("ARRIVED", "10702030", 4, ""), `"territory":"EAEU",`, "", 1)}, []string{"CN transit started of 100", "EAEU transit started of 100", "transit arrived of 100"}},
		"a guarantee is no state": {[]string{event("CERT_ALLOWED", "10719110", 2, "")}, []string{"EAEU transit declared of "}},
		"two transits":            {[]string{transit, strings.ReplaceAll(event("STARTED", "10719110", 2, ""), "448", "449")}, []string{"transit declared of 100", "EAEU transit started of "}},
	} {
		t.Run(name, func(t *testing.T) {
			told := func(m Movement) (all []string) {
				for _, tr := range m.Transits() {
					words := []string{tr.Territory, string(tr.State), tr.Terminated.Value, "of", tr.Packages.Value, strings.Join(codes(tr.Discrepancies), " ")}
					all = append(all, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
				}
				return all
			}
			want := slices.Clone(tt.want)
			for i := range want {
				want[i] = strings.TrimSpace(want[i])
			}
			if diff := cmp.Diff(want, told(attached(t, inOrder(len(tt.documents)), tt.documents...))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// How a transit stands does not depend on the order in which its documents come.
func TestTransitsInAnyOrder(t *testing.T) {
	all := []string{
		transit, event("STARTED", "10719110", 2, ""), event("TERMINATED", "10702030", 4, part+`,"totals":{"packages":"40"}`),
		event("TERMINATED", "10130090", 8, unloads+`,"totals":{"packages":"59"},"reservations":["x"]`), event("DISCHARGED", "10719110", 9, ""),
		strings.Replace(event("STARTED", "0603", 1, ""), "EAEU", "CN", 1),
	}
	want := attached(t, inOrder(len(all)), all...).Transits()
	rapid.Check(t, func(rt *rapid.T) {
		got := attached(t, rapid.Permutation(inOrder(len(all))).Draw(rt, "order"), all...).Transits()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Of several territories, an event that names none is of the one that its sender's other events name.
func TestTerritoryBySender(t *testing.T) {
	of := func(sender gateway.Administration, e string) Record {
		r := attached(t, []int{0}, e).TransitEvents[0]
		r.Sender = sender
		return r
	}
	chinese, russian := strings.Replace(event("STARTED", "0603", 1, ""), "EAEU", "CN", 1), event("STARTED", "10719110", 2, "")
	silent := strings.Replace(russian, `"territory":"EAEU",`, "", 1)
	named := make(territories)
	for _, r := range []Record{of("CN", chinese), of("RU", russian), of("RU", silent)} {
		named.add("T", r)
	}
	for sender, want := range map[gateway.Administration]string{"CN": "CN", "RU": "EAEU", "KZ": ""} {
		if got := named.of("T", of(sender, silent)); got != want {
			t.Errorf("an event of %s is of %q, want %q", sender, got, want)
		}
	}
	if got := named.of("U", of("RU", silent)); got != "" {
		t.Errorf("an event of another transit is of %q", got)
	}
}

// A transit is one journey, however long it takes; what tells of it first opens its movement.
func TestTransitMatches(t *testing.T) {
	window := Window{Before: 6 * time.Hour, After: 48 * time.Hour, Apart: 6 * time.Hour}
	declared := attached(t, []int{0}, transit)
	declared.ID = "A"
	later := noon.Add(20 * 24 * time.Hour)
	for name, tt := range map[string]struct {
		document string
		want     Outcome
	}{
		"by its carnet, after weeks":   {event("TERMINATED", "10702030", 22, unloads), OneMatch},
		"by another carnet":            {strings.ReplaceAll(event("TERMINATED", "10702030", 22, unloads), "448", "449"), NoMatch},
		"by its vehicle, after weeks":  {`{"transitEvent":{"kind":"ARRIVED","vehicles":["新F12345"]}}`, NoMatch},
		"an inspection of its waybill": {`{"arrivalReport":{"transportDocuments":["WB2"]}}`, OneMatch},
	} {
		t.Run(name, func(t *testing.T) {
			r := Match(parse(t, tt.document), Origin{Message: "E", Sender: "RU", Received: later}, later, []Movement{declared}, window)
			if r.Outcome != tt.want {
				t.Errorf("%v, want %s", r, tt.want)
			}
		})
	}
	first := attached(t, []int{0}, event("STARTED", "10719110", 2, ""))
	if first.ID = "B"; first.State() != StateTransit || first.Since() != time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) {
		t.Errorf("%s since %s", first.State(), first.Since())
	}
	if r := Match(parse(t, transit), Origin{Message: "D", Sender: "RU", Received: noon}, noon, []Movement{first}, window); r.Movement() != "B" {
		t.Errorf("the declaration that comes after its event: %v", r)
	}
}

// What one sender tells of one transit, however much, is looked at in time that grows with it.
func TestManyTransitEvents(t *testing.T) {
	var m Movement
	for i := range 600 {
		e := parse(t, event("TERMINATED", fmt.Sprint(10000000+i), 1+i%28, part+`,"totals":{"packages":"1"}`))
		e.GetTransitEvent().Tir.Carnet = fmt.Sprint("XA", 45000000+i/2)
		m.TransitEvents = append(m.TransitEvents, record(e, Origin{Message: gateway.MessageID(fmt.Sprint("M", i)), Received: noon}))
	}
	if got := len(m.Transits()); got != 300 {
		t.Errorf("%d transits", got)
	}
}

// An office that is not on the route of what is announced gets on none by what it tells of its transit, be it
// before or after; one that is on it may say where it is to end.
func TestATransitEventOpensNoRoute(t *testing.T) {
	first := event("STARTED", "10005030", 2, `,"destination":{"administration":"RU","code":"10702030"}`)
	later := event("TR_ALLOWED", "10702030", 3, `,"destination":{"administration":"RU","code":"10317110"}`)
	documents := []string{transit, first, later}
	want := []RouteOffice{{DestinationOffice, "RU", "10702030"}, {DestinationOffice, "RU", "10130090"}, {SeenOffice, "RU", "10702030"}, {DestinationOffice, "RU", "10317110"}}
	byCode := cmpopts.SortSlices(func(a, b RouteOffice) bool { return a.Role+a.Code < b.Role+b.Code })
	rapid.Check(t, func(rt *rapid.T) {
		got := attached(t, rapid.Permutation(inOrder(len(documents))).Draw(rt, "order"), documents...).Route()
		if diff := cmp.Diff(want, got, byCode); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
	if alone := attached(t, []int{0}, first).Route(); len(alone) != 2 {
		t.Errorf("an event alone: %v", alone)
	}
}
