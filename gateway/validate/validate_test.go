package validate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/pace"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

var now = time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)

var loaded = sync.OnceValues(func() (*validate.Rules, error) {
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		return nil, err
	}
	env, err := expr.New(lists)
	if err != nil {
		return nil, err
	}
	return validate.Load(mappings.FS, env, lists)
})

func rules(t testing.TB) *validate.Rules {
	t.Helper()
	r, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// base returns a document of a kind that has no fault.
func base(t testing.TB, kind string) *customsv1.Document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/base", kind+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p := document.Parse(raw)
	if len(p.Faults) > 0 {
		t.Fatal(p.Faults)
	}
	return p.Document
}

// edit changes a document: "path = value" sets, "path" clears.
func edit(t testing.TB, d *customsv1.Document, edits ...string) {
	t.Helper()
	for _, e := range edits {
		path, value, set := strings.Cut(e, " = ")
		p, err := document.CompileFor(document.Kind(d), path)
		if err != nil {
			t.Fatal(err)
		}
		if !set {
			p.Clear(document.Of(d))
		} else if err := p.Set(document.Of(d), value); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
	}
}

func scope(partner gateway.Administration) validate.Scope {
	return validate.Scope{Own: "CN", Partner: partner, At: now}
}

func TestBaseDocumentsPass(t *testing.T) {
	for _, kind := range document.Kinds() {
		for _, partner := range []gateway.Administration{"RU", "KZ", "MN"} {
			d := base(t, kind)
			passed, faults := rules(t).Check(d, scope(partner))
			if len(faults) > 0 || passed.IsZero() {
				t.Errorf("%s to %s: %v", kind, partner, faults.Report("en"))
				continue
			}
			if passed.Digest() != document.Digest(d) {
				t.Errorf("%s: digest of another document", kind)
			}
		}
	}
}

type ruleCase struct {
	rule    gateway.Code
	kind    string
	path    string
	partner gateway.Administration
	edits   []string
}

// cases break one rule each: by these edits of the base document of a kind, the
// rule's fault stands at the path.
var cases = []ruleCase{
	{"GEN-0101", "Manifest", "envelope.documentId", "RU", []string{"envelope.documentId"}},
	{"GEN-0102", "Manifest", "envelope.issued", "RU", []string{"envelope.issued"}},
	{"GEN-0103", "Manifest", "envelope.issued", "RU", []string{"envelope.issued = 2026-03-01T09:00:00+08:00"}},
	{"GEN-0104", "Answer", "envelope.references", "RU", []string{"envelope.references[0].kind = PART"}},
	{"GEN-0105", "PreArrivalNotice", "envelope.references", "RU", []string{"envelope.function = CHANGE", "batch"}},
	{"GEN-0106", "Cancellation", "subject", "RU", []string{"subject"}},
	{"GEN-0107", "TransitEvent", "transit", "RU", []string{"transit", "tir"}},
	{"GEN-0108", "Manifest", "envelope.function", "RU", []string{"envelope.function = DELETION"}},
	{"GEN-0109", "TransitDeclaration", "envelope.function", "RU", []string{"envelope.function = REPLACE"}},
	{"GEN-0110", "PreArrivalNotice", "envelope.function", "RU", []string{"envelope.function = ADDITION"}},
	{"GEN-0111", "VehicleReport", "envelope.function", "RU", []string{"envelope.function = DUPLICATE"}},
	{"GEN-0112", "Answer", "envelope.function", "RU", []string{"envelope.function = ADDITION"}},
	{"GEN-0113", "TransitEvent", "envelope.function", "RU", []string{"envelope.function = CONFIRMATION"}},
	{"GEN-0114", "Cancellation", "envelope.function", "RU", []string{"envelope.function = STATUS"}},
	{"GEN-0115", "Manifest", "envelope.references", "RU", []string{"envelope.references[0].kind = CHANGED", "envelope.references[0].id = M-1"}},
	{"GEN-0116", "PreArrivalNotice", "changes", "RU", []string{"changes.number = 000000123"}},
	{"GEN-0117", "ArrivalReport", "envelope.function", "RU", []string{"envelope.function = REPLACE"}},
	{"GEN-0201", "Manifest", "consignments", "RU", []string{"consignments[1].sequence = 1"}},
	{"GEN-0202", "Manifest", "consignments[0].items", "RU", []string{"consignments[0].items[1].sequence = 1"}},
	{"GEN-0203", "Manifest", "consignments", "RU", []string{"consignments[1].transportDocument.id = CMR-000123", "consignments[1].transportDocument.kind = 02015"}},
	{"GEN-0204", "Manifest", "consignments[0].transportDocument.id", "RU", []string{"consignments[0].transportDocument.id"}},
	{"GEN-0205", "Manifest", "consignments[0].transportDocument.date", "RU", []string{"consignments[0].transportDocument.date = 2026-03-02"}},
	{"GEN-0301", "Manifest", "consignments[0].totals.grossMass.kilograms", "RU", []string{"consignments[0].items[1].grossMass.kilograms = 20.41"}},
	{"GEN-0302", "Manifest", "totals.grossMass.kilograms", "RU", []string{"totals.grossMass.kilograms = 30.49"}},
	{"GEN-0303", "Manifest", "consignments[0].totals.packages", "RU", []string{"consignments[0].items[1].packages[0].quantity = 21"}},
	{"GEN-0304", "Manifest", "totals.packages", "RU", []string{"totals.packages = 31"}},
	{"GEN-0305", "Manifest", "totals.items", "RU", []string{"totals.items = 3"}},
	{"GEN-0306", "Manifest", "consignments[0].totals.items", "RU", []string{"consignments[0].totals.items = 1"}},
	{"GEN-0307", "GoodsDeclarationExtract", "items[0].grossMass.kilograms", "RU", []string{"items[0].grossMass.kilograms = 0.00"}},
	{"GEN-0308", "Manifest", "consignments[0].items[0].netMass.kilograms", "RU", []string{"consignments[0].items[0].netMass.kilograms = 10.11"}},
	{"GEN-0309", "Manifest", "totals.value.amount", "RU", []string{"totals.value.amount = -1"}},
	{"GEN-0310", "Manifest", "consignments[0].items[0].value.currency", "RU", []string{"consignments[0].items[0].value.currency"}},
	{"GEN-0311", "Manifest", "consignments[0].items[0].packages[0].type", "RU", []string{"consignments[0].items[0].packages[0].type"}},
	{"GEN-0401", "PreArrivalNotice", "loadUnits", "RU", []string{"loadUnits"}},
	{"GEN-0402", "PreArrivalNotice", "transport.containerised", "RU", []string{"transport.containerised = false"}},
	{"GEN-0403", "VehicleReport", "loadUnits[0].id", "RU", []string{"loadUnits[0].id = ABCU1234561"}},
	{"GEN-0404", "Manifest", "loadUnits[0].seals[0].id", "RU", []string{"loadUnits[0].seals[0].id", "loadUnits[0].seals[0].kind = M"}},
	{"GEN-0405", "Manifest", "loadUnits", "RU", []string{"loadUnits[1].id = ABCU1234560"}},
	{"GEN-0501", "PreArrivalNotice", "transport.vehicles", "RU", []string{"transport.vehicles"}},
	{"GEN-0551", "VehicleReport", "transport.vehicles", "RU", []string{"transport.vehicles[0].registration = A1", "transport.vehicles[1].registration = A1"}},
	{"GEN-0502", "VehicleReport", "transport.vehicles", "RU", []string{"transport.vehicles"}},
	{"GEN-0503", "Manifest", "transport.vehicles[1].registration", "RU", []string{"transport.vehicles[1].registration"}},
	{"GEN-0504", "Manifest", "transport.vehicles[0].registration", "RU", []string{"transport.vehicles[0].registration = 蒙E12_345"}},
	{"GEN-0505", "PreArrivalNotice", "expectedArrival", "RU", []string{"expectedArrival = 2026-03-01T11:00:00+09:00"}},
	{"GEN-0506", "Manifest", "transport.empty", "RU", []string{"transport.empty = true"}},
	{"GEN-0511", "Manifest", "consignments[0].items[0].classifications[1].code", "RU", []string{"consignments[0].items[0].classifications[1].code = 4407 1x"}},
	{"GEN-0512", "Manifest", "consignments[0].items[0].classifications[1].code", "RU", []string{"consignments[0].items[0].classifications[1].code = 0000000000"}},
	{"GEN-0512", "Manifest", "consignments[0].items[0].classifications[1].code", "KZ", []string{"consignments[0].items[0].classifications[1].code = 99999999"}},
	{"GEN-0512", "Manifest", "consignments[0].items[0].classifications[0].code", "RU", []string{"consignments[0].items[0].classifications[0].scheme = HS", "consignments[0].items[0].classifications[0].code = 980100"}},
	{"GEN-0513", "Manifest", "consignments[0].items[0].classifications", "RU", []string{"consignments[0].items[0].dangerous"}},
	{"GEN-0514", "Manifest", "totals.grossMass.kilograms", "RU", []string{"totals.grossMass.kilograms = -1"}},
	{"GEN-0514", "GoodsDeclarationExtract", "items[0].netMass.kilograms", "MN", []string{"items[0].netMass.kilograms = -0.5"}},
	{"GEN-0515", "Manifest", "totals.volume.quantity", "RU", []string{"totals.volume.quantity = -3"}},
	{"GEN-0516", "Manifest", "transport.mode", "RU", []string{"transport.mode = 0"}},
	{"GEN-0521", "Manifest", "consignments[0].consignee.ids[0].value", "RU", []string{"consignments[0].consignee.ids[0].value = 0000000000"}},
	{"GEN-0521", "Manifest", "consignments[0].consignee.ids[0].value", "KZ", []string{"consignments[0].consignee.ids[0].value = 1234567890"}},
	{"GEN-0522", "Manifest", "loadUnits[0].seals[0].id", "RU", []string{"loadUnits[0].seals[0].id = N/A"}},
	{"GEN-0523", "Manifest", "loadUnits[0].id", "RU", []string{"loadUnits[0].id = 无"}},
	{"GEN-0524", "VehicleReport", "transport.vehicles[0].registration", "RU", []string{"transport.vehicles[0].registration = нет"}},
	{"GEN-0525", "Manifest", "consignments[0].transportDocument.id", "RU", []string{"consignments[0].transportDocument.id = -"}},
	{"GEN-0526", "Manifest", "batch", "RU", []string{"batch = 999999999"}},
	{"GEN-0527", "Manifest", "envelope.documentId", "RU", []string{"envelope.documentId = TEST"}},
	{"GEN-0528", "Manifest", "consignments[0].consignor.name", "RU", []string{"consignments[0].consignor.name", "consignments[0].consignor.name[0].value = ---", "consignments[0].consignor.name[0].language = zh"}},
	{"GEN-0601", "Manifest", "consignments[0].consignor.name", "RU", []string{"consignments[0].consignor"}},
	{"GEN-0602", "Manifest", "consignments[0].consignee.name", "RU", []string{"consignments[0].consignee.name"}},
	{"GEN-0603", "Manifest", "consignments[0].items[1].description", "RU", []string{"consignments[0].items[1].description"}},
	{"GEN-0604", "Manifest", "consignments[0].items[1].classifications", "RU", []string{"consignments[0].items[1].classifications"}},
	{"GEN-0605", "Manifest", "consignments[0].items[0].classifications[2].code", "RU", []string{"consignments[0].items[0].classifications[2].code = UN1263"}},
	{"GEN-0701", "ArrivalReport", "office.code", "RU", []string{"office"}},
	{"GEN-0702", "ArrivalReport", "at", "RU", []string{"at"}},
	{"GEN-0703", "ArrivalReport", "batch", "RU", []string{"batch", "transport", "loadUnits", "transportDocuments"}},
	{"GEN-0704", "ArrivalReport", "at", "RU", []string{"at = 2026-03-01T08:50:00+08:00"}},
	{"GEN-0705", "InspectionResult", "subject.id", "RU", []string{"subject"}},
	{"GEN-0706", "InspectionResult", "outcome", "RU", []string{"outcome"}},
	{"GEN-0707", "InspectionResult", "attachments[0].name", "RU", []string{"attachments[0].name = ../scan.jpg"}},
	{"GEN-0708", "InspectionResult", "attachments[0].sha256", "RU", []string{"attachments[0].sha256 = 00AA"}},
	{"GEN-0709", "InspectionResult", "attachments[0].size", "RU", []string{"attachments[0].size"}},
	{"GEN-0710", "InspectionResult", "attachments[0].kind", "RU", []string{"attachments[0].kind"}},
	{"GEN-0711", "InspectionResult", "attachments", "RU", []string{"attachments[1].name = scan.jpg"}},
	{"GEN-0721", "TransitEvent", "territory", "RU", []string{"kind = STARTED"}},
	{"GEN-0722", "TransitEvent", "totals.packages", "RU", []string{"partial = true"}},
	{"GEN-0723", "TransitEvent", "ending", "RU", []string{"kind = TERMINATED", "territory = EAEU"}},
	{"GEN-0724", "TransitEvent", "at", "RU", []string{"at"}},
	{"CN-0101", "VehicleReport", "batch", "RU", []string{"batch"}},
	{"CN-0102", "Manifest", "office.code", "RU", []string{"office"}},
	{"CN-0103", "PreArrivalNotice", "exitOffice.code", "RU", []string{"exitOffice.code = 603"}},
	{"CN-0104", "Manifest", "carrier.ids[0].value", "RU", []string{"carrier.ids[0].value = 91150781123456788M"}},
	{"CN-0105", "Manifest", "carrier.ids[1].value", "RU", []string{"carrier.ids[1].value = 15059612"}},
	{"CN-0106", "Manifest", "envelope.sender", "RU", []string{"office.code = 0705"}},
	{"CN-0107", "Manifest", "envelope.sender", "RU", []string{"envelope.sender = 0603123456789_DXPESW0000000001"}},
	{"CN-0201", "VehicleReport", "procedure", "RU", []string{"kind = EMPTY_EXIT"}},
	{"CN-0202", "VehicleReport", "loadUnits", "RU", []string{"loadUnits"}},
	{"CN-0203", "VehicleReport", "transport.crew", "RU", []string{"transport.crew"}},
	{"CN-0204", "VehicleReport", "at", "RU", []string{"at"}},
	{"CN-0205", "Manifest", "consignments[0].totals.packages", "RU", []string{"consignments[0].totals.packages"}},
	{"CN-0206", "Manifest", "consignments[0].procedure", "RU", []string{"consignments[0].procedure"}},
	{"CN-0207", "Manifest", "consignments[0].items[0].classifications[1].code", "RU", []string{"consignments[0].items[0].classifications[1].code = 080810"}},
	{"EAEU-0101", "Manifest", "consignments[0].consignee.ids[0].value", "RU", []string{"consignments[0].consignee.ids[0].value = 253600000"}},
	{"EAEU-0102", "Manifest", "consignments[0].consignee.ids[0].value", "MN", []string{"consignments[0].consignee.ids[0].value = 2536000007"}},
	{"EAEU-0103", "Manifest", "consignments[0].consignee.ids[2].value", "KZ", []string{"consignments[0].consignee.ids[2].value = 124250000000"}},
	{"EAEU-0104", "Manifest", "consignments[0].consignee.ids[2].value", "RU", []string{"consignments[0].consignee.ids[2].value = 1242500000006"}},
	{"EAEU-0105", "Manifest", "consignments[0].consignee.ids[1].value", "RU", []string{"consignments[0].consignee.ids[1].value = 25360100"}},
	{"EAEU-0106", "Manifest", "consignments[0].consignee.ids[3].value", "KZ", []string{"consignments[0].consignee.ids[3].value = 24014000000"}},
	{"EAEU-0107", "Manifest", "consignments[0].consignee.ids[4].value", "KZ", []string{"consignments[0].consignee.ids[4].value = 24014000001"}},
	{"EAEU-0108", "Manifest", "consignments[0].consignee.ids[4].value", "KZ", []string{"consignments[0].consignee.ids[4].value = 240140000012"}},
	{"EAEU-0109", "Manifest", "consignments[0].consignee.ids[5].value", "RU", []string{"consignments[0].consignee.ids[5].value = 19000000"}},
	{"EAEU-0110", "Manifest", "consignments[0].consignee.ids[6].value", "RU", []string{"consignments[0].consignee.ids[6].value = 000000190"}},
	{"EAEU-0111", "Manifest", "consignments[0].consignee.ids[7].value", "RU", []string{"consignments[0].consignee.ids[7].value = 0000000000001"}},
	{"EAEU-0201", "PreArrivalNotice", "transport.vehicles", "RU", []string{"transport.vehicles[2].registration = A1", "transport.vehicles[3].registration = A2"}},
	{"EAEU-0202", "TransitEvent", "tir.carnet", "MN", []string{"tir.carnet = AA45000448"}},
	{"EAEU-0203", "PreArrivalNotice", "transit.tir.carnet", "RU", []string{"transit.tir.carnet = XA450004480"}},
	{"EAEU-0204", "PreArrivalNotice", "transit.direction", "RU", []string{"transit.direction"}},
	{"EAEU-0205", "TransitDeclaration", "transit.direction", "KZ", []string{"transit.direction"}},
	{"EAEU-0206", "PreArrivalNotice", "expectedArrival", "RU", []string{"expectedArrival = 2026-04-30T10:00:00+09:00"}},
	{"EAEU-0207", "PreArrivalNotice", "consignments[0].dispatchCountry", "RU", []string{"consignments[0].dispatchCountry"}},
	{"EAEU-0208", "PreArrivalNotice", "transport.vehicles[0].country", "RU", []string{"transport.vehicles[0].country"}},
	{"EAEU-0209", "PreArrivalNotice", "consignments[0].totals.grossMass", "RU", []string{"consignments[0].totals.grossMass", "consignments[0].items[0].grossMass", "consignments[0].items[0].netMass"}},
	{"EAEU-0210", "PreArrivalNotice", "consignments[0].items[1].packages", "RU", []string{"consignments[0].items[1].packages"}},
	{"EAEU-0211", "PreArrivalNotice", "consignments[0].transportDocument.id", "RU", []string{"transport.mode = 2", "consignments[0].transportDocument"}},
	{"EAEU-0212", "PreArrivalNotice", "changes.number", "RU", []string{"changes.number = 00000123"}},
	{"EAEU-0213", "PreArrivalNotice", "entryOffice.code", "RU", []string{"entryOffice.code = 1071911"}},
	{"EAEU-0214", "PreArrivalNotice", "transport.vehicles[0].registration", "RU", []string{"transport.vehicles[0].role = WAGON", "transport.vehicles[0].registration = 52362416"}},
	{"EAEU-0215", "PreArrivalNotice", "consignments[0].loading.station", "RU", []string{"consignments[0].loading.station = 936702"}},
	{"EAEU-0216", "PreArrivalNotice", "consignments", "RU", []string{"transport.empty = true"}},
	{"EAEU-0217", "PreArrivalNotice", "consignments[0].items[0].classifications[0].code", "RU", []string{"consignments[0].items[0].classifications[0].code = 08081"}},
	{"EAEU-0218", "PreArrivalNotice", "consignments[0].consignee.ids", "RU", []string{"consignments[0].consignee.ids[0]"}},
	{"EAEU-0219", "PreArrivalNotice", "consignments[0].consignor.ids", "KZ", []string{"consignments[0].consignor.country = KZ"}},
	{"EAEU-0220", "PreArrivalNotice", "loadUnits[0].id", "KZ", []string{"loadUnits[0].fullness = 4", "consignments[0].loadUnits", "consignments[0].items[0].loadUnits"}},
	{"MN-0101", "Manifest", "consignments[0].items[1].classifications", "MN", []string{"consignments[0].items[1].classifications"}},
	{"MN-0102", "Manifest", "number", "MN", []string{"number = C0907050001"}},
}

func TestEveryRuleHasARejectedCase(t *testing.T) {
	byID := map[gateway.Code]*validate.Rule{}
	for _, r := range rules(t).All() {
		byID[r.ID] = r
		if !slices.ContainsFunc(cases, func(c ruleCase) bool { return c.rule == r.ID }) {
			t.Errorf("%s has no case", r.ID)
		}
	}
	for _, tt := range cases {
		d := base(t, tt.kind)
		edit(t, d, tt.edits...)
		passed, faults := rules(t).Check(d, scope(tt.partner))
		i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == tt.rule && f.Path == tt.path })
		if i < 0 {
			t.Errorf("%s: not among %v at %s", tt.rule, faults.Report("en"), tt.path)
			continue
		}
		if refuses := byID[tt.rule].Severity == gateway.Error; faults[i].Severity != byID[tt.rule].Severity || refuses && !passed.IsZero() {
			t.Errorf("%s: severity %s, passed %v", tt.rule, faults[i].Severity, !passed.IsZero())
		}
	}
}

func TestRulesCanBeJudgedWhateverIsMissing(t *testing.T) {
	for _, kind := range document.Kinds() {
		for _, entry := range document.Dictionary(kind) {
			d := base(t, kind)
			p, err := document.CompileFor(kind, entry.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Has(document.Of(d)) {
				continue
			}
			p.Clear(document.Of(d))
			_, faults := rules(t).Check(d, scope("RU"))
			for _, f := range faults {
				if f.Code == gateway.RuleNotJudged {
					t.Errorf("%s without %s: %s at %s", kind, entry.Path, f.Expected, f.Path)
				}
			}
		}
	}
}

func TestDictionary(t *testing.T) {
	tests := []struct {
		edits []string
		code  gateway.Code
		path  string
		value string
	}{
		{[]string{"batch = " + strings.Repeat("批", 36)}, gateway.DictionaryLength, "batch", strings.Repeat("批", 36)},
		{[]string{"totals.grossMass.kilograms = 1.0000001"}, gateway.DictionaryDigits, "totals.grossMass.kilograms", "1.0000001"},
		{[]string{"totals.grossMass.kilograms = 12345678901"}, gateway.DictionaryDigits, "totals.grossMass.kilograms", "12345678901"},
		{[]string{"carrier.name[1].language = zh", "carrier.name[1].value = x"}, gateway.DictionaryLanguage, "carrier.name[1].language", "zh"},
		{[]string{"carrier.country = XX"}, gateway.ListUnknown, "carrier.country", "XX"},
		{[]string{"transport.mode = З"}, gateway.ListUnknown, "transport.mode", "З"},
		{[]string{"consignments[0].items[0].packages[0].type = СТ"}, gateway.ListLookAlike, "consignments[0].items[0].packages[0].type", "СТ"},
		{[]string{"consignments[0].items[0].packages[0].type = Q9"}, gateway.ListOpen, "consignments[0].items[0].packages[0].type", "Q9"},
		{[]string{"totals.value.currency = HRK"}, gateway.ListNotValid, "totals.value.currency", "HRK"},
	}
	for _, tt := range tests {
		d := base(t, "Manifest")
		edit(t, d, tt.edits...)
		_, faults := rules(t).Check(d, scope("RU"))
		i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == tt.code })
		if i < 0 || faults[i].Path != tt.path || faults[i].Value != tt.value {
			t.Errorf("%v: %v, want %s at %s", tt.edits, faults.Report("en"), tt.code, tt.path)
		}
	}
}

func TestTooManyRepetitions(t *testing.T) {
	d := base(t, "Manifest")
	body := d.GetManifest()
	for range 200 {
		body.Transport.Vehicles = append(body.Transport.Vehicles, &customsv1.Vehicle{Registration: "A1", Country: "CN"})
	}
	_, faults := rules(t).Check(d, scope("RU"))
	if i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.DictionaryItems }); i < 0 || faults[i].Path != "transport.vehicles" || faults[i].Value != "202" {
		t.Errorf("202 vehicles: %v", faults.Report("en"))
	}
}

func TestTextOutsideTheDictionaryIsRefused(t *testing.T) {
	d := base(t, "Manifest")
	d.GetManifest().Totals.GrossMass.Kilograms.Value = "1e6"
	passed, faults := rules(t).Check(d, scope("RU"))
	if i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.DictionaryForm }); i < 0 || !passed.IsZero() {
		t.Errorf("1e6 as a decimal: %v", faults.Report("en"))
	}
}

func TestCodesAreJudgedByTheDayOfTheDocument(t *testing.T) {
	d := base(t, "Manifest")
	edit(t, d, "totals.value.currency = HRK", "envelope.issued = 2022-12-31T23:00:00+08:00")
	if _, faults := rules(t).Check(d, scope("RU")); faults.Refuse() {
		t.Errorf("a currency of 2022 in a document of 2022: %v", faults.Report("en"))
	}
}

func TestAllFaultsComeAtOnce(t *testing.T) {
	d := base(t, "Manifest")
	edit(t, d, "batch", "carrier.country = XX", "loadUnits[0].id = ABCU1234561", "totals.items = 3")
	_, faults := rules(t).Check(d, scope("RU"))
	var got []gateway.Code
	for _, f := range faults {
		got = append(got, f.Code)
	}
	if diff := cmp.Diff([]gateway.Code{gateway.ListUnknown, "CN-0101", "GEN-0305", "GEN-0403"}, got); diff != "" {
		t.Error(diff)
	}
	if faults[1].Text("zh") != "没有货物运输批次号。" || faults[1].Expected.String() != "the cargo transport batch number" || faults[1].Expected.In("ru") != "номер партии перевозки" {
		t.Errorf("fault without its texts: %v", faults[1])
	}
}

func TestPassedOwnsItsDocument(t *testing.T) {
	d := base(t, "Manifest")
	passed, _ := rules(t).Check(d, scope("RU"))
	before := passed.Digest()
	edit(t, d, "batch = changed")
	edit(t, passed.Document(), "batch = changed")
	if document.Digest(passed.Document()) != before {
		t.Error("the document changed behind the proof")
	}
}

func TestEmptyDocumentIsRefused(t *testing.T) {
	passed, faults := rules(t).Check(&customsv1.Document{}, scope("RU"))
	if !passed.IsZero() || !faults.Refuse() {
		t.Errorf("an empty document passed: %v", faults)
	}
}

func TestRuleAppliesOnItsDaysAndInItsScope(t *testing.T) {
	const row = `
    valid: {from: "2026-01-01", to: "2026-03-01"}
    own: [CN]
    partner: [MN]
`
	r, err := load(t, strings.Replace(rule, "\n    at:", row+"    at:", 1))
	if err != nil {
		t.Fatal(err)
	}
	d := &customsv1.Document{Kind: &customsv1.Document_Manifest{Manifest: &customsv1.Manifest{Batch: "x"}}}
	for day, want := range map[string]bool{"2025-12-31": false, "2026-01-01": true, "2026-03-01": true, "2026-03-02": false} {
		at, _ := time.Parse(time.DateOnly, day)
		for _, s := range []validate.Scope{{Own: "CN", Partner: "MN", At: at}, {Own: "CN", Partner: "RU", At: at}, {Own: "MN", Partner: "CN", At: at}} {
			_, faults := r.Check(d, s)
			if applies := want && s.Own == "CN" && s.Partner == "MN"; (len(faults) > 0) != applies {
				t.Errorf("%s, %s to %s: %v", day, s.Own, s.Partner, faults)
			}
		}
	}
}

const rule = `rules: x
version: 1
rows:
  - id: TST-0001
    class: R
    kinds: [Manifest]
    check: batch == ""
    at: batch
    severity: warning
    basis: own
    source: test
    text: {en: A batch., zh: 批次, ru: Партия., kk: Топтама., mn: Багц.}
`

func load(t *testing.T, file string) (*validate.Rules, error) {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	return validate.Load(fstest.MapFS{"rules/x.v1.yaml": {Data: []byte(file)}}, env, lists)
}

func TestLoadRefuses(t *testing.T) {
	if _, err := load(t, rule); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ old, new, want string }{
		{"basis: own", "basis: recalled\n    severity: error", "mapping key"},
		{"severity: warning\n    basis: own", "severity: error\n    basis: recalled", "recalled may only warn"},
		{"severity: warning\n    basis: own", "severity: error\n    basis: inferred", "inferred may only warn"},
		{"severity: warning\n    basis: own", "severity: error\n    basis: own", "only in class P"},
		{"basis: own", "basis: rumour", `basis "rumour"`},
		{"severity: warning", "severity: info", `severity "info"`},
		{"class: R", "class: X", `class "X"`},
		{"id: TST-0001", "id: tst", "id: want"},
		{"source: test", "source: ''", "want a source"},
		{`check: batch == ""`, `check: bach == ""`, "unknown name bach: nearest is batch"},
		{`check: batch == ""`, `check: totals.grossMass.kilograms > "1"`, "type mismatch: decimal > string"},
		{`check: batch == ""`, `check: batch`, "want bool"},
		{"at: batch", "at: bach", "no field \"bach\": nearest is batch"},
		{"kinds: [Manifest]", "kinds: [Manifest]\n    each: consignment", "nearest is consignments"},
		{"kinds: [Manifest]", "kinds: [Manifest]\n    each: batch", "is no message"},
		{"kinds: [Manifest]", "kinds: [Manifest]\n    every: Lorry", `no message "Lorry"`},
		{"kinds: [Manifest]", "kinds: [Manifest]\n    every: Seal\n    each: loadUnits", "not both"},
		{"kinds: [Manifest]", "kinds: [Manifesto]", `unknown kind of document "Manifesto"`},
		{"kinds: [Manifest]", "kind: [Manifest]", "unknown key \"kind\""},
		{"kinds: [Manifest]", "kinds: [Manifest]\n    valid: {from: soon}", `"soon" is no day`},
		{"zh: 批次", "zh: A batch.", "text zh: want a sentence"},
		{"ru: Партия.", "ru: Batch.", "text ru: want a sentence"},
		{"kk: Топтама.", "kk: Партия.", "text kk is the same as ru"},
		{"mn: Багц.", "mn: ''", "text mn: want a sentence"},
		{"{en: A batch., zh", "{de: Partie., en: A batch., zh", `"de" is no language`},
		{"{en: A batch., zh: 批次, ru: Партия., kk: Топтама., mn: Багц.}", "{en: A batch.}", "text ru: the catalogue has none for this English"},
		{"    text:", "    expected: {en: a number, zh: 数, ru: число, kk: сан}\n    text:", "expected mn: want a sentence"},
		{"    text:", "    remedy: nobody\n    text:", `remedy "nobody"`},
		{"rules: x", "rules: y", "want the file y.v1.yaml"},
		{"mn: Багц.}\n", "mn: Багц.}\n" + strings.SplitAfter(rule, "rows:\n")[1], "this id is taken"},
	}
	for _, tt := range tests {
		if !strings.Contains(rule, tt.old) {
			t.Fatalf("%q is not in the rule", tt.old)
		}
		_, err := load(t, strings.Replace(rule, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "rules/x.v1.yaml:") {
			t.Errorf("%q: error %v, want %q with file and line", tt.new, err, tt.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	r := rules(b)
	d := base(b, "PreArrivalNotice")
	for b.Loop() {
		if passed, _ := r.Check(d, scope("RU")); passed.IsZero() {
			b.Fatal("refused")
		}
	}
}

// A default date or a slip is told at the value, wherever an instant or a day stands, and
// refuses nothing.
func TestTimesThatNobodyMeansAreTold(t *testing.T) {
	for _, tt := range []struct {
		kind, path, value string
		told              bool
	}{
		{"VehicleReport", "at", "0001-01-01T00:00:00Z", true},
		{"VehicleReport", "at", "1900-01-01T00:00:00+08:05", true},
		{"VehicleReport", "at", "2099-12-31T00:00:00+08:00", true},
		{"VehicleReport", "at", "9999-12-31T23:59:59Z", true},
		{"VehicleReport", "at", "2027-04-06T00:00:00Z", true}, // 401 days after 1 March 2026
		{"VehicleReport", "at", "2027-04-04T00:00:00Z", false},
		{"PreArrivalNotice", "expectedArrival", "2024-12-31T00:00:00Z", true},
		{"PreArrivalNotice", "departed", "1970-01-01T00:00:00Z", true},
		{"PreArrivalNotice", "departed", "2025-12-31T00:00:00Z", false},
		{"ArrivalReport", "at", "2126-03-01T00:00:00Z", true},
		{"Manifest", "loading.at", "0001-01-01T00:00:00Z", true},
		{"Manifest", "consignments[0].transportDocument.date", "0001-01-01", true},
		{"Manifest", "consignments[0].transportDocument.date", "1900-01-01", true},
		{"TransitDeclaration", "consignments[0].transportDocument.date", "1999-05-01", false}, // papers may be old
		{"Manifest", "envelope.issued", "0001-01-01T00:00:00Z", true},
		{"Manifest", "envelope.issued", "2099-01-01T00:00:00Z", true},
	} {
		d := base(t, tt.kind)
		edit(t, d, tt.path+" = "+tt.value)
		_, faults := rules(t).Check(d, scope("RU"))
		i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.InstantImplausible })
		if (i >= 0) != tt.told || faults.Refuse() {
			t.Errorf("%s %s = %s: %v", tt.kind, tt.path, tt.value, faults.Report("en"))
		} else if tt.told && (faults[i].Path != tt.path || faults[i].Value != tt.value) {
			t.Errorf("%s %s = %s is told at %s of %s", tt.kind, tt.path, tt.value, faults[i].Path, faults[i].Value)
		}
	}
}

// TestFurtherRulesAreTheOthers: what has passed alone and is then judged for a partner is
// told what one judgement for the partner tells, each fault once, whatever rule is broken.
func TestFurtherRulesAreTheOthers(t *testing.T) {
	further := 0
	for _, tt := range cases {
		d := base(t, tt.kind)
		edit(t, d, tt.edits...)
		_, integer := rules(t).Check(d, scope(tt.partner))
		before, seen := rules(t).Check(d, scope(""))
		if before.IsZero() {
			continue
		}
		if before.Within(validate.Scope{Own: "RU", Partner: tt.partner, At: now}) || before.Within(validate.Scope{Own: "CN", Part: true, At: now}) || before.Within(validate.Scope{Own: "CN", At: now.AddDate(0, 0, 1)}) {
			t.Fatal("one scope is taken for another")
		}
		passed, more, err := rules(t).CheckFurther(pace.Endless(), before, scope(tt.partner))
		if err != nil {
			t.Fatal(err)
		}
		further += len(more)
		count := map[string]int{}
		for _, f := range integer {
			count[string(f.Code)+" "+f.Path]++
		}
		for _, f := range append(seen, more...) {
			count[string(f.Code)+" "+f.Path]--
		}
		for what, n := range count {
			if n != 0 {
				t.Errorf("%s: %s is told %d times too few", tt.rule, what, n)
			}
		}
		if passed.IsZero() != integer.Refuse() || !passed.IsZero() && (passed.Digest() != before.Digest() || !passed.Within(scope(tt.partner))) {
			t.Errorf("%s: passed %v, refused %v", tt.rule, !passed.IsZero(), integer.Refuse())
		}
	}
	if further < 20 {
		t.Errorf("%d faults of further rules", further)
	}
}
