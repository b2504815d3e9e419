package flow_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// filingOf is what a carrier files of a trip: canonical JSON of a kind, with what identifies the crossing, and
// so many packages, kilograms and a commodity code of its one waybill.
type filingOf struct {
	id, kind, function, replaces string
	batch, carnet, waybill       string
	packages, kilograms, code    string
	plates                       []string
	office                       gateway.Office
}

func (f filingOf) content(at time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"envelope": {"documentId": %q, "issued": %q, "function": %q`, f.id, at.Format(time.RFC3339), f.function)
	if f.replaces != "" {
		fmt.Fprintf(&b, `, "references": [{"kind": "CHANGED", "id": %q}]`, f.replaces)
	}
	fmt.Fprintf(&b, `}, %q: {"carrier": {"name": [{"language": "ru", "value": "ООО Пример Транс"}]}`, f.kind)
	office := fmt.Sprintf(`{"administration": %q, "code": %q}`, f.office.Administration, f.office.Code)
	switch f.kind {
	case "manifest":
		fmt.Fprintf(&b, `, "direction": "IMPORT", "office": %s`, office)
	default:
		fmt.Fprintf(&b, `, "entryOffice": %s`, office)
	}
	if f.batch != "" {
		fmt.Fprintf(&b, `, "batch": %q`, f.batch)
	}
	if f.carnet != "" {
		fmt.Fprintf(&b, `, "transit": {"tir": {"carnet": %q}}`, f.carnet)
	}
	if len(f.plates) > 0 {
		fmt.Fprintf(&b, `, "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": %q}]}`, f.plates[0])
	}
	waybill := ""
	if f.waybill != "" {
		waybill = fmt.Sprintf(`"transportDocument": {"id": %q}, `, f.waybill)
	}
	fmt.Fprintf(&b, `, "consignments": [{%s"totals": {"packages": %q, "grossMass": {"kilograms": %q}}, "items": [{"sequence": 1, "classifications": [{"scheme": "HS", "code": %q}]}]}]}}`,
		waybill, f.packages, f.kilograms, f.code)
	return []byte(b.String())
}

// file hands a filing in.
func (w *world) file(g *flow.Gateway, by flow.Caller, f filingOf, amends string) store.Submission {
	w.t.Helper()
	s, err := g.Submit(w.t.Context(), by, flow.Submission{MediaType: flow.JSON, Content: f.content(w.clock.Now()), Asks: store.Asks{Duty: flow.DutyFiling, Amends: amends}})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// only is the one movement of a gateway.
func (w *world) only(g *flow.Gateway, text string) flow.Movement {
	w.t.Helper()
	all, _, _, err := g.Find(w.t.Context(), text, 1<<62, 10)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d movements by %s, %v", len(all), text, err)
	}
	return all[0]
}

// noticed is a filing that says what the notice of a trip does.
func noticed(w *world, b border, p trip) filingOf {
	return filingOf{
		id: "F1", kind: "preArrivalNotice", function: "ORIGINAL", waybill: p.waybills()[0], packages: "420", kilograms: "18250.5", code: "070200",
		plates: []string{p.tractor}, office: gateway.Office{Administration: b.to, Code: b.entry.Office},
	}
}

// A filing is paired with the notice of the same crossing, whichever comes first and by whatever names it: the
// batch, a waybill or the plates; and what differs is a comparison of its own, which changes nothing of what
// the notice announces.
func TestAFilingIsPairedWithTheNoticeOfItsCrossing(t *testing.T) {
	for _, b := range borders {
		for name, change := range map[string]func(f *filingOf, p trip){
			"a waybill":                  func(*filingOf, trip) {},
			"a waybill otherwise":        func(f *filingOf, _ trip) { f.waybill = strings.ToLower(f.waybill[:4]) + "-" + f.waybill[4:] },
			"the batch":                  func(f *filingOf, p trip) { f.batch = p.batch(b); f.waybill = "" },
			"the plate alone":            func(f *filingOf, _ trip) { f.waybill = "" },
			"the transit of its waybill": func(f *filingOf, _ trip) { f.kind, f.carnet = "transitDeclaration", "XA12345678" },
		} {
			for _, first := range []bool{true, false} {
				t.Run(fmt.Sprint(b.to, " ", name, " first ", first), func(t *testing.T) {
					w := newPair(t, b.to)
					p := tripOf(1, w)
					f := noticed(w, b, p)
					change(&f, p)
					f.packages, f.kilograms, f.code = "421", "18000", "080300"
					file := func() {
						if s := w.file(w.ru, b.entry, f, ""); s.State != gateway.Done {
							t.Fatalf("it is %s: %v", s.State, s.Faults.Report("en"))
						}
					}
					if first {
						file()
						m := w.only(w.ru, p.tractor)
						if m.State() != reconcile.StateFiled || len(m.Announced) > 0 || m.Filed[0].Result != reconcile.NothingToCompare {
							t.Errorf("filed alone it is %s: %+v", m.State(), m.Filed)
						}
					}
					p.announce(w, b)
					w.send(b)
					if !first {
						file()
					}
					m := w.only(w.ru, p.tractor)
					if m.State() != reconcile.StateAnnounced || len(m.Counting()) != 1 || len(m.Filed) != 1 {
						t.Fatalf("it is %s, announced by %d, filed %+v", m.State(), len(m.Counting()), m.Filed)
					}
					var codes []gateway.Code
					for _, d := range m.Filed[0].Discrepancies {
						if codes = append(codes, d.Code); d.Message != m.Announced[0].Message || d.Path == "" || d.FoundPlace.Message != m.Filings[0].Message || d.FoundPlace.Path == "" {
							t.Errorf("its places are %+v", d)
						}
					}
					if want := []gateway.Code{gateway.FilGrossMass, gateway.FilPackages, gateway.FilCodes}; m.Filed[0].Result != reconcile.Differs || !slices.Equal(codes, want) {
						t.Errorf("it %s: %v, want %v", m.Filed[0].Result, codes, want)
					}
					if len(m.Comparisons) > 0 {
						t.Error("it is compared as an arrival")
					}
				})
			}
		}
	}
}

// Neither discharges the other's duty: a filing announces nothing, so what arrives with it alone is
// unannounced and counts without notice; and a notice that is accepted, taken back or changed leaves the filing
// as it stands.
func TestAFilingAndANoticeStayApart(t *testing.T) {
	b := borders[0]
	t.Run("filed and not announced", func(t *testing.T) {
		w := newPair(t, b.to)
		p := tripOf(1, w)
		w.file(w.ru, b.entry, noticed(w, b, p), "")
		m := p.arrive(w, b, w.clock.Now())
		if m.State() != reconcile.StateArrivedUnannounced || len(m.Filings) != 1 || m.Comparisons[0].Discrepancies[0].Code != gateway.CmpUnannounced {
			t.Fatalf("it is %s: %+v", m.State(), m.Comparisons)
		}
		if kinds := m.Kinds(); slices.Contains(kinds, "PreArrivalNotice") {
			t.Errorf("it counts as told by %v", kinds)
		}
		if list, err := w.ru.Worklist(t.Context(), m); err != nil || list != "" {
			t.Errorf("it is in the list %q, %v", list, err)
		}
	})
	t.Run("announced and taken back", func(t *testing.T) {
		w := newPair(t, b.to)
		w.ru.Chain, w.cn.Chain = loadChain(t).Chain, loadSilent(t)
		p := tripOf(1, w)
		w.file(w.ru, b.entry, noticed(w, b, p), "")
		p.announce(w, b)
		w.send(b)
		if m := w.only(w.ru, p.tractor); m.FilingStanding(m.Filings[0]) != reconcile.FilingStands || m.Filed[0].Result == reconcile.NothingToCompare {
			t.Errorf("an accepted notice: it %s, %s", m.FilingStanding(m.Filings[0]), m.Filed[0].Result)
		}
	})
	t.Run("two filings, one changed and one taken back", func(t *testing.T) {
		w := newPair(t, b.to)
		p := tripOf(1, w)
		p.announce(w, b)
		w.send(b)
		first := noticed(w, b, p)
		first.packages = "400"
		second := first
		second.id, second.packages = "F2", "419"
		w.file(w.ru, b.entry, first, "")
		w.file(w.ru, b.entry, second, "")
		results := func() (all []string) {
			m := w.only(w.ru, p.tractor)
			for _, r := range m.Filings {
				c, _ := m.Filing(r)
				all = append(all, fmt.Sprint(r.DocumentID, " ", m.FilingStanding(r), " ", c.Result, " ", len(c.Discrepancies)))
			}
			return all
		}
		if diff := cmp.Diff([]string{"F1 stands differs 2", "F2 stands differs 2"}, results()); diff != "" {
			t.Error(diff)
		}
		w.clock.add(time.Minute)
		changed := first
		changed.id, changed.function, changed.packages, changed.replaces = "F3", "REPLACE", "420", "F1"
		if s := w.file(w.ru, b.entry, changed, ""); s.State != gateway.Done {
			t.Fatalf("the change is %s: %v", s.State, s.Faults.Report("en"))
		}
		w.clock.add(time.Minute)
		cancel := []byte(`{"envelope": {"documentId": "F4", "function": "CANCELLATION"}, "cancellation": {"subject": {"id": "F2"}}}`)
		s, err := w.ru.Submit(t.Context(), b.entry, flow.Submission{MediaType: flow.JSON, Content: cancel, Asks: store.Asks{Duty: flow.DutyFiling}})
		if err != nil || s.State != gateway.Done {
			t.Fatalf("the cancellation is %s: %v, %v", s.State, s.Faults.Report("en"), err)
		}
		if diff := cmp.Diff([]string{"F1 changed  0", "F2 taken back  0", "F3 stands differs 1", "F4 taken back  0"}, results()); diff != "" {
			t.Error(diff)
		}
		if m := w.only(w.ru, p.tractor); m.State() != reconcile.StateAnnounced || len(m.Counting()) != 1 {
			t.Errorf("what is announced is %s", m.State())
		}
		s, err = w.ru.Submit(t.Context(), b.entry, flow.Submission{ID: "F5", MediaType: flow.JSON, Content: cancel, Asks: store.Asks{Duty: flow.DutyFiling}})
		if err != nil || s.State != gateway.Faulty || s.Faults[0].Code != gateway.FilingUnknown {
			t.Errorf("again it is %s: %v, %v", s.State, s.Faults.Report("en"), err)
		}
	})
}

// A filing is refused that names no carrier, that no route of filings takes, or that says another duty; and what
// is no filing takes no route of filings.
func TestAFilingIsRefused(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	f := noticed(w, b, p)
	var out bytes.Buffer
	refused := func(title string, want gateway.Code, g *flow.Gateway, by flow.Caller, content []byte, duty string) {
		t.Helper()
		s, err := g.Submit(t.Context(), by, flow.Submission{ID: gateway.SubmissionID(title), MediaType: flow.JSON, Content: content, Asks: store.Asks{Duty: duty}})
		i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == want })
		if err != nil || s.State != gateway.Faulty || i < 0 {
			t.Errorf("%s: %s %v, %v", title, s.State, s.Faults.Report("en"), err)
			return
		}
		inFiveLanguages(&out, title, s.Faults[i])
	}
	content := f.content(w.clock.Now())
	refused("no carrier", gateway.FilingCarrier, w.ru, b.entry, bytes.Replace(content, []byte(`"carrier": {"name": [{"language": "ru", "value": "ООО Пример Транс"}]}, `), nil, 1), flow.DutyFiling)
	refused("no filing", gateway.RouteNone, w.ru, b.entry, content, "")
	refused("another duty", gateway.ListUnknown, w.ru, b.entry, content, "levy")
	changed := f
	changed.id, changed.function, changed.replaces = "F9", "REPLACE", "F8"
	refused("changes what is not there", gateway.FilingUnknown, w.ru, b.entry, changed.content(w.clock.Now()), flow.DutyFiling)
	golden(t, "testdata/filing-refused.txt", out.Bytes())
}

// The comparison and the timeline are told in five languages.
func TestAFilingIsToldInFiveLanguages(t *testing.T) {
	b := borders[0]
	w := newPair(t, b.to)
	p := tripOf(1, w)
	f := noticed(w, b, p)
	f.packages, f.kilograms, f.code = "421", "18000", "080300"
	w.file(w.ru, b.entry, f, "")
	other := f
	other.id, other.waybill, other.batch = "F2", "CNRU279999", p.batch(b)
	w.file(w.ru, b.entry, other, "")
	p.announce(w, b)
	w.send(b)
	m := w.only(w.ru, p.tractor)
	var out bytes.Buffer
	for _, c := range m.Filed {
		for _, d := range c.Discrepancies {
			inFiveLanguages(&out, string(c.Filing)+" "+d.Path+" "+d.FoundPlace.Path, d.Fault())
		}
		for _, n := range c.NotCompared {
			for _, lang := range gateway.Languages {
				fmt.Fprintf(&out, "%s: %s: %s\n", lang, n.Subject.In(lang), n.Reason.In(lang))
			}
		}
	}
	steps, _, err := w.ru.Timeline(t.Context(), m, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		for _, lang := range gateway.Languages {
			fmt.Fprintf(&out, "%s: %s %s\n", lang, s.Text.In(lang), s.Subject)
		}
	}
	golden(t, "testdata/filing.txt", out.Bytes())
}
