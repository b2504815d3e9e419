package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

// TestEveryMessageTakesExtensions: all but those that are a value themselves, by one number.
func TestEveryMessageTakesExtensions(t *testing.T) {
	var without []string
	messages := (*customsv1.Document)(nil).ProtoReflect().Descriptor().ParentFile().Messages()
	for i := range messages.Len() {
		md := messages.Get(i)
		f := md.Fields().ByName("extensions")
		if f == nil {
			without = append(without, string(md.Name()))
			continue
		}
		if f.Number() != 100 || document.FieldOf(f) == nil || !document.FieldOf(f).Extends() || document.FieldOf(f).Rule.Items != 50 {
			t.Errorf("%s: %v", md.Name(), f)
		}
	}
	if diff := cmp.Diff("Document HeaderValue Decimal Instant Date Text", strings.Join(without, " ")); diff != "" {
		t.Error(diff)
	}
}

// TestExtensionsAreContent: they come back from JSON, and one that is otherwise, wherever it stands, is
// another digest and a change that is told in words.
func TestExtensionsAreContent(t *testing.T) {
	for _, kind := range document.Kinds() {
		d := documenttest.Extend(documenttest.Full(kind))
		back := document.Parse(document.Marshal(d))
		if back.Faults != nil || document.Digest(back.Document) != document.Digest(d) {
			t.Fatalf("%s: %v", kind, back.Faults)
		}
		total, all := 0, 0
		document.Walk(d, func(_ string, _ document.Field, marks document.Marks, _ string) {
			if marks.Extension != "" {
				all++
			}
		})
		each := all/10 | 1 // names and values take turns
		document.Walk(d, func(path string, f document.Field, marks document.Marks, _ string) {
			if (marks.Extension != "") != strings.Contains(path, "extensions[") {
				t.Fatalf("%s is of %q", path, marks.Extension)
			}
			if marks.Extension == "" {
				return
			}
			if !marks.Personal || !marks.Price {
				t.Fatalf("%s is shown, and no declaration is known", path)
			}
			if total++; f.Name != "value" || total%each != 0 {
				return
			}
			other := document.Clone(d)
			p, err := document.CompileFor(kind, path)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Set(document.Of(other), "else"); err != nil {
				t.Fatal(err)
			}
			if document.Digest(other) == document.Digest(d) {
				t.Fatalf("%s does not count", path)
			}
			changes, _ := document.Diff(d, other)
			if strings.HasPrefix(path, "envelope.") {
				return // what it says of itself is no change
			}
			if len(changes) != 1 || changes[0].Path != path || changes[0].After != "else" || !changes[0].Marks.Price || changes[0].Place.IsZero() {
				t.Fatalf("%s: %+v", path, changes)
			}
		})
		if total < 10 {
			t.Errorf("%s: %d values", kind, total)
		}
	}
}

// TestExtensionsHaveMarks: those of the declaration, of what they stand in and of those around them.
func TestExtensionsHaveMarks(t *testing.T) {
	p := document.Parse([]byte(`{"manifest": {"extensions": [{"name": "a", "value": "1"}], "consignments": [{}, {
		"consignor": {"extensions": [{"name": "b", "value": "2"}]},
		"items": [{"extensions": [{"name": "c", "value": "3", "extensions": [{"name": "d", "value": "4"}]}]}]}]}}`))
	if p.Faults != nil {
		t.Fatal(p.Faults)
	}
	var got []string
	declared := func(key string) (personal, price bool) {
		return false, key == "consignments.items.extensions[name=c]"
	}
	document.WalkDeclared(p.Document, declared, func(path string, f document.Field, marks document.Marks, text string) {
		if f.Name != "value" {
			return
		}
		line := path + " = " + text + " of " + marks.Extension
		if marks.Personal {
			line += " personal"
		}
		if marks.Price {
			line += " price"
		}
		got = append(got, line+": "+document.PlaceOf(p.Document, path).In("en"))
	})
	if diff := cmp.Diff([]string{
		"consignments[1].consignor.extensions[0].value = 2 of consignments.consignor.extensions[name=b] personal: consignment #2, consignor, extension b, extension value",
		"consignments[1].items[0].extensions[0].value = 3 of consignments.items.extensions[name=c] price: consignment #2, goods item #1, extension c, extension value",
		"consignments[1].items[0].extensions[0].extensions[0].value = 4 of consignments.items.extensions[name=c].extensions[name=d] price: consignment #2, goods item #1, extension c, extension d, extension value",
		"extensions[0].value = 1 of extensions[name=a]: extension a, extension value",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// TestExtensionsAreBounded: as deep and as many as they may be, and no more.
func TestExtensionsAreBounded(t *testing.T) {
	nested := func(depth int) string { return `{"manifest": ` + inner(depth) + `}` }
	if p := document.Parse([]byte(nested(document.MaxExtensionDepth))); p.Faults != nil {
		t.Fatal(p.Faults)
	}
	p := document.Parse([]byte(nested(document.MaxExtensionDepth + 1)))
	if len(p.Faults) != 1 || p.Faults[0].Code != gateway.ExtensionDepth || p.Faults[0].Location.Expr != "/manifest"+strings.Repeat("/extensions/0", 4)+"/extensions" {
		t.Fatal(p.Faults)
	}
	p = document.Parse([]byte(`{"manifest": {"extensions": [` + strings.Repeat(`{"name": "n"},`, 50) + `{"name": "n"}]}}`))
	if len(p.Faults) != 1 || p.Faults[0].Code != gateway.JSONItems {
		t.Fatal(p.Faults)
	}
}

// inner is a message with extensions as deep as said.
func inner(depth int) string {
	if depth == 0 {
		return `{}`
	}
	in := strings.TrimPrefix(inner(depth-1), "{")
	if in != "}" {
		in = ", " + in
	}
	return `{"extensions": [{"name": "n", "value": "v"` + in + `]}`
}

func TestKeysOfExtensions(t *testing.T) {
	for path, want := range map[string][2]string{
		"extensions[name=a].value":                                         {"extensions[name=a]", "value"},
		"consignments[0].items[sequence=1].extensions[name=a]":             {"consignments.items.extensions[name=a]", ""},
		"consignments.extensions[name=a].extensions[name=b].value":         {"consignments.extensions[name=a].extensions[name=b]", "value"},
		"loadUnits[kind=CONTAINER].extensions[name=a].extensions[1].value": {"loadUnits.extensions[name=a]", "extensions[1].value"},
	} {
		key, rest, ok := document.ExtensionOf(path)
		if !ok || key != want[0] || rest != want[1] {
			t.Errorf("%s: %q, %q, %t", path, key, rest, ok)
		}
	}
	if got := document.Key("consignments[3]", "a].extensions[name=b"); got != "consignments.extensions[name=?]" {
		t.Error(got)
	}
	for _, path := range []string{"batch", "extensions", "extensions[0].value", "consignments.items"} {
		if key, _, ok := document.ExtensionOf(path); ok {
			t.Errorf("%s: %q", path, key)
		}
	}
	if got := document.Key("consignments[3].items[12]", "a"); got != "consignments.items.extensions[name=a]" {
		t.Error(got)
	}
}
