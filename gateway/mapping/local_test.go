package mapping

import (
	"strings"
	"testing"
	"testing/fstest"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
)

// local is a table whose local times are its office's, which stands behind them.
const local = `
mapping: xx/test
version: 1
document: Manifest
root: m:Manifest
namespaces: {m: "urn:m"}
default: m
zone: Asia/Chita
zone_of: [office, partnerOffice]
rows:
  - {id: R001, to: m:Sent, from: envelope.issued, time: instant}
  - {id: R002, to: m:Day, from: loading.at, time: xs-date}
  - {id: R003, to: m:Hour, from: loading.at, time: xs-time}
  - {id: R004, to: m:Country, from: office.administration}
  - {id: R005, to: m:Office, from: office.code}
  - {id: R006, to: m:Partner, from: partnerOffice.code}
`

const zones = `
list: office-zone
version: 1
source: x
status: own
codes:
  - {code: "RU/10719110", en: a}
  - {code: "RU/10702*", en: b}
  - {code: "KZ/*", en: c}
systems:
  iana:
    source: x
    status: own
    rows:
      - {code: "RU/10719110", is: Asia/Chita, direction: encode}
      - {code: "RU/10702*", is: Asia/Vladivostok, direction: encode}
      - {code: "KZ/*", is: Asia/Almaty, direction: encode}
`

func localTable(t *testing.T, text string) (*Table, error) {
	t.Helper()
	fsys := fstest.MapFS{"codelists/office-zone.yaml": {Data: []byte(zones)}, "xx/test.v1.yaml": {Data: []byte(text)}}
	lists, err := codelist.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(fsys, env, lists)
	if err != nil {
		return nil, err
	}
	table, _ := l.Table("xx/test.v1")
	return table, nil
}

func TestLocalTimesAreTheOfficesThatIsNamed(t *testing.T) {
	table, err := localTable(t, local)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		offices, issued, loaded string
		told                    []string
	}{
		"its own zone":                   {"<Country>RU</Country><Office>10702030</Office>", "2026-03-01T09:30:00+10:00", "2026-03-01T23:30:00+10:00", nil},
		"that of its country":            {"<Country>KZ</Country><Office>39850502</Office>", "2026-03-01T09:30:00+05:00", "2026-03-01T23:30:00+05:00", nil},
		"the second office":              {"<Country>RU</Country><Partner>10702030</Partner>", "2026-03-01T09:30:00+09:00", "2026-03-01T23:30:00+09:00", []string{"envelope.issued", "loading.at"}}, // of nobody's administration
		"the first, where both are":      {"<Country>RU</Country><Office>10719110</Office><Partner>39850502</Partner>", "2026-03-01T09:30:00+09:00", "2026-03-01T23:30:00+09:00", nil},
		"an office whose zone is open":   {"<Country>RU</Country><Office>10508010</Office>", "2026-03-01T09:30:00+09:00", "2026-03-01T23:30:00+09:00", []string{"envelope.issued", "loading.at"}},
		"no office":                      {"", "2026-03-01T09:30:00+09:00", "2026-03-01T23:30:00+09:00", []string{"envelope.issued", "loading.at"}},
		"an office of no administration": {"<Office>10702030</Office>", "2026-03-01T09:30:00+09:00", "2026-03-01T23:30:00+09:00", []string{"envelope.issued", "loading.at"}},
	} {
		t.Run(name, func(t *testing.T) {
			xml := `<Manifest xmlns="urn:m"><Sent>2026-03-01T09:30:00</Sent><Day>2026-03-01</Day><Hour>23:30:00</Hour>` + tt.offices + `</Manifest>`
			decoded := table.Decode(read(t, xml))
			var told []string
			for _, f := range decoded.Faults {
				if f.Code != gateway.TimeZoneAssumed || f.Severity != gateway.Warning || f.Location.Expr == "" || f.Expected.String() != "Asia/Chita" {
					t.Errorf("%v", f)
				}
				told = append(told, f.Path)
			}
			m := decoded.Document
			if got := m.GetEnvelope().GetIssued().GetValue() + " " + m.GetManifest().GetLoading().GetAt().GetValue(); got != tt.issued+" "+tt.loaded {
				t.Errorf("read as %s, want %s %s", got, tt.issued, tt.loaded)
			}
			if strings.Join(told, " ") != strings.Join(tt.told, " ") {
				t.Errorf("told at %v, want %v", told, tt.told)
			}
			encoded, _, faults := table.Encode(m, false)
			if faults.Refuse() || len(faults) != len(tt.told)/2 { // the instant is written with its offset
				t.Errorf("written with %v", faults)
			}
			if !strings.Contains(string(encoded.Bytes()), "<Day>2026-03-01</Day>") || !strings.Contains(string(encoded.Bytes()), "<Hour>23:30:00</Hour>") {
				t.Errorf("written as %s", encoded.Bytes())
			}
			if back := table.Decode(read(t, string(encoded.Bytes()))).Document; document.Digest(back) != document.Digest(m) {
				t.Errorf("comes back as %s", document.Marshal(back))
			}
		})
	}
	offset := table.Decode(read(t, `<Manifest xmlns="urn:m"><Sent>2026-03-01T09:30:00+03:00</Sent></Manifest>`))
	if got := offset.Document.GetEnvelope().GetIssued().GetValue(); got != "2026-03-01T09:30:00+03:00" || len(offset.Faults) > 0 {
		t.Errorf("a time with its offset is read as %s with %v", got, offset.Faults)
	}
}

func TestOfficesOfLocalTimesAreChecked(t *testing.T) {
	for change, want := range map[[2]string]string{
		{"[office, partnerOffice]", "[batch]"}:                      `xx/test.v1.yaml:9: batch is no office of a Manifest`,
		{"[office, partnerOffice]", "[consignments.transitOffice]"}: `xx/test.v1.yaml:9: consignments.transitOffice is no office of a Manifest`,
		{"zone: Asia/Chita\n", ""}:                                  `xx/test.v1.yaml:8: zone_of without zone`,
	} {
		if _, err := localTable(t, strings.Replace(local, change[0], change[1], 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", change, err, want)
		}
	}
}
