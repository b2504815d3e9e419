package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
	"customs.example/gateway/expr"
	"customs.example/gateway/flow"
	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/validate"
	"customs.example/mappings"
	"customs.example/xsd"
)

// seeds are how many runs' draws the tests look at.
const seeds = 50

func TestCheckCharacters(t *testing.T) {
	for _, tt := range []struct{ name, got, want string }{
		{"ISO 6346, the standard's example", container("CSQU305438"), "CSQU3054383"},
		{"ISO 6346, a remainder of ten", container("ABCU001000"), "ABCU0010000"},
		{"GB 32100", creditCode("91440300192203821"), "914403001922038216"},
		{"GB 32100, a letter", creditCode("91330100799655058"), "91330100799655058B"},
		{"GB 11714", organisation("19220382"), "192203821"},
		{"GB 11714, X", organisation("71526726"), "71526726X"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestKilograms(t *testing.T) {
	for _, tt := range []struct {
		got  kilograms
		want string
	}{{1825050, "18250.5"}, {1825000, "18250"}, {5, "0.05"}, {10, "0.1"}, {100000, "1000"}, {0, "0"}, {weighedAt(1825050, 21), "18633.76"}} {
		if tt.got.String() != tt.want {
			t.Errorf("%d: got %s, want %s", int64(tt.got), tt.got, tt.want)
		}
	}
}

func TestXPath(t *testing.T) {
	got := xpath("Manifest/Declaration/Consignment[2]/ValueAmount/@currencyID")
	if want := "/d:Manifest[1]/d:Declaration[1]/d:Consignment[2]/d:ValueAmount[1]/@currencyID"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A seed draws the same run again.
func TestSeedRepeats(t *testing.T) {
	now := time.Now()
	var runs [2]string
	for i := range runs {
		d := roll(7)
		m := d.truck(now, 3, 4).Manifest
		d.inject(m, 11)
		content, err := render("mt2401.xml", m)
		if err != nil {
			t.Fatal(err)
		}
		runs[i] = string(content)
	}
	if runs[0] != runs[1] {
		t.Error("one seed drew two documents")
	}
}

// Whatever is drawn, every document is one that the gateway takes without a fault that
// refuses it.
func TestDocumentsAreInOrder(t *testing.T) {
	chain := loadChain(t)
	now := time.Now()
	for seed := range uint64(seeds) {
		d := roll(seed)
		truck := d.truck(now, d.between(2, 3), 3)
		for name, values := range map[string]any{
			"mt2401.xml":    truck.Manifest,
			"mt4402.xml":    truck,
			"arrival.json":  arrival{ID: "A", At: now.Format(time.RFC3339), Truck: truck, Seals: truck.Seals[1:], Weighed: weighedAt(truck.gross, outOfScale)},
			"manifest.json": d.shipment(now),
		} {
			content, err := render(name, values)
			if err != nil {
				t.Fatal(err)
			}
			if faults := faultsOf(t, chain, content, validate.Scope{At: now}); faults.Refuse() {
				t.Fatalf("seed %d, %s: %v\n%s", seed, name, faults, content)
			}
			wellFormed(t, name, content)
		}
	}
}

// faultsOf reads and judges a Chinese document.
func faultsOf(t *testing.T, chain *flow.Chain, content []byte, scope validate.Scope) gateway.Faults {
	t.Helper()
	read, err := chain.Read(t.Context(), content, flow.MediaType(content), "CN", scope.At)
	if err != nil {
		t.Fatal(err)
	}
	_, faults, err := chain.Validate(t.Context(), read, scope)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// Whatever faults are drawn, each is told once at its place, by its code, and no other
// place is.
func TestFaultsHideNoOthers(t *testing.T) {
	chain := loadChain(t)
	now := time.Now()
	drawn := make(map[string]bool)
	for seed := range uint64(seeds) {
		d := roll(seed)
		m := d.truck(now, 3, 4).Manifest
		want := d.inject(m, 11)
		content, err := render("mt2401.xml", m)
		if err != nil {
			t.Fatal(err)
		}
		faults := faultsOf(t, chain, content, validate.Scope{Own: "CN", At: now})
		first := make(map[string]gateway.Code)
		for _, f := range faults {
			if _, known := first[f.Location.Expr]; f.Severity == gateway.Error && !known {
				first[f.Location.Expr] = f.Code
			}
		}
		for _, w := range want {
			drawn[w.what] = true
			if first[w.place] != w.code {
				t.Errorf("seed %d: %s: got %q at %s, want %s", seed, w.what, first[w.place], w.place, w.code)
			}
			delete(first, w.place)
		}
		for place, code := range first {
			t.Errorf("seed %d: %s at %s, and nothing was put in there", seed, code, place)
		}
	}
	if len(drawn) != len(faults) {
		t.Errorf("%d kinds of faults were drawn of %d", len(drawn), len(faults))
	}
}

func wellFormed(t *testing.T, name string, content []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		if !json.Valid(content) {
			t.Errorf("%s is no JSON:\n%s", name, content)
		}
		return
	}
	for d := xml.NewDecoder(strings.NewReader(string(content))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, content)
		}
	}
}

func loadChain(t *testing.T) *flow.Chain {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	lists, err := codelist.Load(mappings.FS)
	must(err)
	env, err := expr.New(lists)
	must(err)
	c := &flow.Chain{Limits: schema.DefaultLimits}
	c.Rules, err = validate.Load(mappings.FS, env, lists)
	must(err)
	c.Tables, err = mapping.Load(mappings.FS, env, lists)
	must(err)
	c.Routes, err = release.Load(mappings.FS, c.Tables)
	must(err)
	c.Schemas, err = schema.Load(xsd.FS)
	must(err)
	return c
}
