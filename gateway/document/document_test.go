package document_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

func TestEveryMarshalledDocumentReadsBackEqual(t *testing.T) {
	check := func(t rapid.TB, d *customsv1.Document) {
		raw := document.Marshal(d)
		for _, form := range [][]byte{raw, document.MarshalIndent(d)} {
			p := document.Parse(form)
			if err := p.Faults.Err(); err != nil {
				t.Fatalf("%v in %s", p.Faults, form)
			}
			if !proto.Equal(d, p.Document) {
				t.Fatal(cmp.Diff(d, p.Document, protocmp.Transform()))
			}
		}
		if again := document.Marshal(document.Parse(raw).Document); !bytes.Equal(again, raw) {
			t.Fatalf("written again: %s\nwant: %s", again, raw)
		}
	}
	for _, kind := range document.Kinds() {
		check(t, documenttest.Full(kind))
	}
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(document.Kinds()).Draw(r, "kind")
		check(r, documenttest.Draw(r, kind, documenttest.Options{}))
	})
}

func TestMarshalIsRFC8785(t *testing.T) {
	d := &customsv1.Document{
		Envelope: &customsv1.Envelope{DocumentId: "a\"\\/\b\f\n\r\t\x01<&>é货😀\u2028"},
		Kind: &customsv1.Document_PreArrivalNotice{PreArrivalNotice: &customsv1.PreArrivalNotice{
			DeclarantIsCarrier: proto.Bool(false),
			Totals:             &customsv1.Totals{Items: proto.Uint64(1 << 60), GrossMass: &customsv1.Weight{Kilograms: &customsv1.Decimal{Value: "18250.50"}, Method: customsv1.WeightMethod_WEIGHBRIDGE}},
			Consignments:       []*customsv1.Consignment{{Sequence: proto.Uint32(0)}, {}},
			Departed:           &customsv1.Instant{},
		}},
	}
	want := `{"envelope":{"documentId":"a\"\\/\b\f\n\r\t\u0001<&>é货😀` + "\u2028" + `"},"preArrivalNotice":{"consignments":[{"sequence":0},{}],` +
		`"declarantIsCarrier":false,"totals":{"grossMass":{"kilograms":"18250.50","method":"WEIGHBRIDGE"},"items":"1152921504606846976"}}}`
	if got := string(document.Marshal(d)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := document.Digest(d), gateway.DigestOf([]byte(want)); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestMarshalSortsKeys(t *testing.T) {
	for _, kind := range document.Kinds() {
		raw := document.Marshal(documenttest.Full(kind))
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		var sorted bytes.Buffer
		e := json.NewEncoder(&sorted)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got := string(raw) + "\n"; got != sorted.String() {
			t.Errorf("%s: keys are not sorted: %s", kind, cmp.Diff(sorted.String(), got))
		}
	}
}

func TestMarshalIndentKeepsTheSchemasOrder(t *testing.T) {
	d, err := document.New("PreArrivalNotice")
	if err != nil {
		t.Fatal(err)
	}
	set(t, d, "totals.items", "3")
	set(t, d, "batch", "B1")
	set(t, d, "purposes[0]", "01")
	want := `{
  "preArrivalNotice": {
    "batch": "B1",
    "purposes": [
      "01"
    ],
    "totals": {
      "items": "3"
    }
  }
}
`
	if diff := cmp.Diff(want, string(document.MarshalIndent(d))); diff != "" {
		t.Error(diff)
	}
}

func TestKinds(t *testing.T) {
	if got := document.Kind(&customsv1.Document{}); got != "" || document.Body(&customsv1.Document{}).IsValid() {
		t.Errorf("an empty document is a %q", got)
	}
	for _, kind := range document.Kinds() {
		d, err := document.New(kind)
		if err != nil || document.Kind(d) != kind || string(document.Body(d).Descriptor().Name()) != kind {
			t.Errorf("New(%s) made a %s: %v", kind, document.Kind(d), err)
		}
	}
	if _, err := document.New("Manifesto"); err == nil || !strings.Contains(err.Error(), "nearest is Manifest") {
		t.Errorf("New(Manifesto): %v", err)
	}
}

func TestTheDictionaryLimitsEverything(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var walk func(md protoreflect.MessageDescriptor)
	walk = func(md protoreflect.MessageDescriptor) {
		if seen[md.FullName()] {
			return
		}
		seen[md.FullName()] = true
		if md.Fields().Len() > 64 {
			t.Errorf("%s has more fields than a set of 64 holds", md.Name())
		}
		for i := range md.Fields().Len() {
			p, err := document.Compile(md, md.Fields().Get(i).JSONName())
			if err != nil {
				t.Fatal(err)
			}
			f := p.Field()
			if f.Repeated && f.Rule.Items == 0 {
				t.Errorf("%s.%s is repeated without a limit", md.Name(), f.Name)
			}
			if f.Type == document.String && f.Rule.Length == 0 && f.Rule.List == "" {
				t.Errorf("%s.%s is a text without length or list", md.Name(), f.Name)
			}
			if f.Type == document.Decimal && f.Rule.Digits == 0 {
				t.Errorf("%s.%s is a decimal without digits", md.Name(), f.Name)
			}
			if f.Rule.Languages != (f.Repeated && f.Type == document.Message && p.Descriptor().Name() == "Text") {
				t.Errorf("%s.%s: only and all repeated texts have languages", md.Name(), f.Name)
			}
			if f.Type == document.Message {
				walk(p.Descriptor())
			}
		}
	}
	walk((*customsv1.Document)(nil).ProtoReflect().Descriptor())
	if len(seen) < 40 {
		t.Errorf("only %d messages seen", len(seen))
	}
}

func TestWalkVisitsEachLeafWithItsMarks(t *testing.T) {
	for _, kind := range document.Kinds() {
		d := documenttest.Full(kind)
		leaves := 0
		document.Walk(d, func(path string, f document.Field, _ document.Marks, text string) {
			leaves++
			p, err := document.CompileFor(kind, path)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := p.Get(document.Of(d)); !ok || got != text || p.Field().Name != f.Name {
				t.Errorf("%s: Get says %q, Walk says %q", path, got, text)
			}
			if at := p.Instance(document.Of(d), ""); at != path {
				t.Errorf("Instance of %s is %s", path, at)
			}
		})
		reached := 0
		for _, e := range document.Dictionary(kind) {
			p, err := document.CompileFor(kind, e.Path)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Has(document.Of(d)) {
				t.Errorf("%s is not set in a full %s", e.Path, kind)
			}
			reached += len(p.Texts(document.Of(d)))
			less := document.Clone(d)
			p.Clear(document.Of(less))
			if p.Has(document.Of(less)) {
				t.Errorf("%s is there after Clear", e.Path)
			}
		}
		if reached != leaves || leaves == 0 {
			t.Errorf("%s: Walk sees %d leaves, the dictionary reaches %d", kind, leaves, reached)
		}
	}
}

func TestDictionaryInheritsMarks(t *testing.T) {
	entries := map[string]document.Entry{}
	for _, e := range document.Dictionary("PreArrivalNotice") {
		entries[e.Path] = e
	}
	type row struct {
		Personal, Price bool
		Class, WCO      string
	}
	for path, want := range map[string]row{
		"envelope.documentId":               {Class: "Declaration", WCO: "D014"},
		"envelope.function":                 {Class: "Declaration", WCO: "017"},
		"consignments.consignor.name":       {Personal: true, Class: "Consignor", WCO: "R020"},
		"consignments.consignor.ids.value":  {Personal: true, Class: "Consignor", WCO: "R021"},
		"consignments.consignor.name.value": {Personal: true},
		"consignments.items.value.amount":   {Price: true},
		"transport.vehicles.registration":   {Class: "BorderTransportMeans", WCO: "T006"},
		"exitOffice.code":                   {},
		"loadUnits.seals.id":                {Class: "Seal", WCO: "165"},
	} {
		e := entries[path]
		if diff := cmp.Diff(want, row{e.Marks.Personal, e.Marks.Price, e.Marks.Class, e.WCO}); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if document.Dictionary("Nothing") != nil {
		t.Error("an unknown kind has a dictionary")
	}
}

func set(t testing.TB, d *customsv1.Document, path, text string) {
	t.Helper()
	p, err := document.CompileFor(document.Kind(d), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Set(document.Of(d), text); err != nil {
		t.Fatal(err)
	}
}
