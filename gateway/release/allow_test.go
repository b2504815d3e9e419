package release

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
)

// published are the routes and tables that are delivered.
func published(t *testing.T) (*Routes, *mapping.Library) {
	t.Helper()
	fsys := os.DirFS("../../mappings")
	lists, err := codelist.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	lib, err := mapping.Load(fsys, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := Load(fsys, lib)
	if err != nil {
		t.Fatal(err)
	}
	return routes, lib
}

// full is a document of a kind with every field set, and the value of each leaf by
// its schema path, of those that are long enough to be all different.
func full(t *testing.T, kind string) (*customsv1.Document, map[string]string) {
	t.Helper()
	d, err := document.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, e := range document.Dictionary(kind) {
		p, err := document.CompileFor(kind, e.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Leaf() {
			continue
		}
		var text string
		switch f := p.Field(); f.Type {
		case document.String:
			if text = "zh"; f.Rule.GetLength() >= 6 && f.Name != "language" {
				text = fmt.Sprintf("Q%04dQ", i)
			}
		case document.Enum:
			text = f.Enum[0]
		case document.Bool:
			text = "true"
		case document.Uint:
			text = fmt.Sprint(900000 + i)
		case document.Decimal:
			text = fmt.Sprintf("7%05d.5", i)
		case document.Instant:
			text = document.FormatInstant(day.Add(time.Duration(i) * time.Minute))
		case document.Date:
			text = day.AddDate(0, 0, i).Format(time.DateOnly)
		}
		set := p.Set
		if p.Repeated() {
			set = p.AppendText
		}
		if err := set(document.Of(d), text); err != nil {
			t.Fatal(err)
		}
		if len(text) >= 6 && p.Field().Type != document.Enum {
			values[e.Path] = text
		}
	}
	return d, values
}

func TestFieldTakenOffTheListIsGone(t *testing.T) {
	routes, _ := published(t)
	for _, rt := range routes.All() {
		whole, values := full(t, rt.Kind)
		for without := -1; without < len(rt.Allow); without++ {
			allowed, off := new(branch), ""
			for i, path := range rt.Allow {
				if i == without {
					off = path
				} else if !allowed.add(path) {
					t.Fatal(path)
				}
			}
			d := document.Clone(whole)
			withheld := allowed.prune(document.Of(d), "")
			sweep(d)
			raw := string(document.Marshal(d))
			for path, value := range values {
				if found := strings.Contains(raw, value); found != allowed.covers(path) {
					t.Errorf("%s without %q: %s (%s) found: %v", rt.Name, off, path, value, found)
				}
			}
			if off != "" && !slices.ContainsFunc(withheld, func(w string) bool { return leads(w, off) }) {
				t.Errorf("%s: %s is not among what was withheld", rt.Name, off)
			}
		}
	}
}

func TestAllowListsHoldWhatTheTablesReadButPrices(t *testing.T) {
	routes, lib := published(t)
	for _, rt := range routes.All() {
		prices := make(map[string]bool)
		for _, e := range document.Dictionary(rt.Kind) {
			prices[e.Path] = e.Marks.Price
			if price := pricesOnPurpose[rt.Table]; e.Marks.Price && rt.allowed.covers(e.Path) && !(price != "" && leads(price, e.Path)) {
				t.Errorf("%s releases the price %s", rt.Name, e.Path)
			}
		}
		if rt.Stays() { // it is written in no form: it keeps what is compared, and nothing of persons
			for _, e := range document.Dictionary(rt.Kind) {
				if e.Marks.Personal && rt.allowed.covers(e.Path) {
					t.Errorf("%s keeps %s, which is data of a person", rt.Name, e.Path)
				}
			}
			continue
		}
		table, _ := lib.Table(rt.Table)
		var missing []string
		for _, row := range table.Rows() {
			if path := plain(row.From); !strings.HasPrefix(path, attachments+".") && row.Direction != "decode" && path != "" && !prices[path] && !rt.allowed.covers(path) {
				if p, err := document.CompileFor(rt.Kind, path); err == nil && p.Leaf() {
					missing = append(missing, path)
				}
			}
		}
		whole := make(map[string]bool) // branches of which nothing is released
		for _, path := range withheldOnPurpose[rt.Table] {
			if branch, ok := strings.CutSuffix(path, ".*"); ok {
				missing = slices.DeleteFunc(missing, func(p string) bool {
					within := strings.HasPrefix(p, branch+".")
					whole[path] = whole[path] || within
					return within
				})
				if whole[path] {
					missing = append(missing, path)
				}
			}
		}
		slices.Sort(missing)
		if diff := cmp.Diff(withheldOnPurpose[rt.Table], slices.Compact(missing)); diff != "" {
			t.Errorf("%s: read by %s and not released:\n%s", rt.Name, rt.Table, diff)
		}
	}
}

// pricesOnPurpose are the prices that the basis of a table's routes names.
var pricesOnPurpose = map[string]string{"mn/load-list.v1": "consignments.items.value"}

// withheldOnPurpose are the paths beside prices that a table could carry and none of its routes
// releases. Which attachments a route releases says its key attachments.
var withheldOnPurpose = map[string][]string{
	"mn/load-list.v1": {"envelope.recipient", "envelope.sender"},
	"xx/answer.v1": { // no carnet: TIR movements are not agreed on
		"envelope.recipient", "envelope.sender", "relatedArrival", "tir.carnet", "tir.holder", "tir.page", "tir.volets", "tirGreenPage",
		"transferNumber",
	},
	"xx/arrival.v1": { // the gateway makes the report: no system of the office's
		"envelope.recipient", "envelope.sender",
	},
	"xx/cancellation.v1": { // no carnet: the answers bring none
		"envelope.recipient", "envelope.references.date", "envelope.references.id", "envelope.references.kind", "envelope.sender",
		"remarks.language", "remarks.value", "tir.carnet", "tir.holder", "tir.page", "tir.volets", "tirGreenPage",
	},
	"xx/inspection-result.v1": {
		"envelope.recipient", "envelope.sender", "remarks.language", "remarks.value",
	},
	"xx/train-list.v1": {"envelope.recipient", "envelope.sender"},
	"xx/load-checklist.v1": { // of parties the name and country, and no papers beside the list
		"agent.*", "consignments.consignee.addresses.*", "consignments.consignee.communications.*", "consignments.consignee.contacts.*", "consignments.consignee.ids.*",
		"consignments.consignee.shortName.*", "consignments.consignor.addresses.*", "consignments.consignor.communications.*", "consignments.consignor.contacts.*",
		"consignments.consignor.ids.*", "consignments.consignor.shortName.*", "consignments.exportDeclaration.*", "consignments.items.documents.*",
		"consignments.items.preceding.*", "envelope.recipient", "envelope.sender", "remarks.*", "submitter.*", "transport.conveyanceReference",
		"transport.crew.*", "transport.itinerary.*", "transport.permits.*", "transport.purpose",
	},
	"xx/transit-event.v1": {"envelope.recipient", "envelope.sender", "remarks.language", "remarks.value"},
	"eaeu/transit-declaration.v1+kz": { // no persons
		"signatory.givenName", "signatory.middleName", "signatory.surname", "transport.crew.givenName",
		"transport.crew.middleName", "transport.crew.name", "transport.crew.role", "transport.crew.surname",
	},
	"ru/esadout-transit.v1": {
		"signatory.givenName", "signatory.middleName", "signatory.surname", "transport.crew.givenName",
		"transport.crew.middleName", "transport.crew.role", "transport.crew.surname",
	},
	"eaeu/rail-preliminary.v1+kz": {"consignments.transit.guarantees.reference"},
	"ru/rw-preliminary.v1": {
		"consignments.transit.guarantees.reference", "transport.crew.givenName", "transport.crew.middleName", "transport.crew.name",
		"transport.crew.role", "transport.crew.surname",
	},
	"eaeu/auto-preliminary.v1+kz": {
		"transit.guarantees.reference", "transport.crew.givenName", "transport.crew.middleName", "transport.crew.name",
		"transport.crew.role", "transport.crew.surname",
	},
	"ru/auto-preliminary.v1": {
		"transit.guarantees.reference", "transport.crew.givenName", "transport.crew.middleName", "transport.crew.name",
		"transport.crew.role", "transport.crew.surname",
	},
}

func TestGapsSayWhoGivesEveryValue(t *testing.T) {
	routes, lib := published(t)
	for _, rt := range routes.All() {
		gaps := rt.Gaps(lib)
		if len(gaps) == 0 {
			t.Errorf("%s: no rows", rt.Name)
		}
		for _, g := range gaps {
			if g.Detail == "" || (g.From == FromRoute) == (g.Status == "") {
				t.Errorf("%s: %+v", rt.Name, g)
			}
		}
		if diff := cmp.Diff(gaps, rt.Gaps(lib)); diff != "" {
			t.Error(diff)
		}
		if lines := strings.Count(Markdown(gaps), "\n"); lines != len(gaps)+2 {
			t.Errorf("%s: %d lines for %d gaps", rt.Name, lines, len(gaps))
		}
	}
	// A group that nothing demands makes its rows needed where it is, and one that the
	// route always fills makes them needed always.
	need := map[string]string{}
	for _, route := range []string{"cn-ru-pre-arrival-notice", "cn-kz-pre-arrival-notice", "cn-mn-load-list"} {
		rt, _ := routes.Route(route)
		for _, g := range rt.Gaps(lib) {
			need[route+" "+g.Row] = g.Need()
			if g.Required && g.From == Nobody {
				t.Errorf("%s: nobody gives %s", route, g.Target)
			}
		}
	}
	for row, want := range map[string]string{
		"cn-ru-pre-arrival-notice R020": "yes", "cn-ru-pre-arrival-notice R030": "", "cn-ru-pre-arrival-notice R150": "if RegNumber is there",
		"cn-kz-pre-arrival-notice R180": "if size(code) != 5", "cn-mn-load-list R290": "yes",
	} {
		if need[row] != want {
			t.Errorf("%s: %q, want %q", row, need[row], want)
		}
	}
	rt, _ := routes.Route("cn-ru-pre-arrival-notice")
	of := make(map[string]Gap)
	for _, g := range rt.Gaps(lib) {
		of[g.Target[strings.LastIndex(g.Target, "AutoPreliminary")+len("AutoPreliminary"):]] = g
	}
	const item = "/autop:MainConsignmentDetails/autop:ConsignmentDetails/autop:GoodsItem"
	for target, want := range map[string]struct {
		from   Origin
		detail string
	}{
		"/cat_ru:DocumentID": {Gateway, "J010"},
		"/autop:EntryCheckPointDetails/autop:CustomsOfficeCode":                               {FromRoute, "S01"},
		"/autop:BorderTransportDetails/autop:TransportModeCode":                               {Crosswalk, "cn/mt4402.v1"},
		"/autop:BorderTransportDetails/autop:ContainerIndicator":                              {Gateway, "J1"},
		"/autop:MainConsignmentDetails/autop:TotalAmount/RUScat_ru:Amount":                    {Nobody, "not released"},
		"/autop:MainConsignmentDetails/autop:ConsignmentDetails/autop:DestinationCountryCode": {FromRoute, "S09"},
		item + "/catpi_ru:GrossWeightQuantity":                                                {National, "cn/mt2401.v1 R470"},
		item + "/catpi_ru:NetWeightQuantity":                                                  {Nobody, "no national element"},
		item + "/catpi_ru:GoodsDescription":                                                   {National, "cn/mt2401.v1 R420"},
	} {
		if g := of[target]; g.From != want.from || !strings.Contains(g.Detail, want.detail) {
			t.Errorf("%s: %+v, want %+v", target, g, want)
		}
	}
}

func TestPartsFindTheRouteOfTheirRecipe(t *testing.T) {
	routes, _ := published(t)
	for table, want := range map[string]int{"cn/mt2401.v1": 1, "": 1, "cn/mt1401.v1": 0} {
		found := routes.Find(Query{From: "CN", Office: "0603", Kind: "Manifest", Table: table, At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
		if len(found) != want || want == 1 && found[0].Name != "cn-ru-pre-arrival-notice" {
			t.Errorf("a manifest in %q finds %d routes, want %d", table, len(found), want)
		}
	}
}
