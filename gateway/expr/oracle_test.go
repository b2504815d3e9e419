package expr_test

import (
	"regexp"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping"
	"customs.example/gateway/validate"
	"customs.example/mappings"
)

// shipped are all conditions of the tables and rules that the project ships, and beside them
// those that say in other ways what a condition may.
func shipped(t testing.TB) []*expr.Judged {
	t.Helper()
	lists, err := codelist.Load(mappings.FS)
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := validate.Load(mappings.FS, env, lists); err != nil {
		t.Fatal(err)
	}
	if _, err := mapping.Load(mappings.FS, env, lists); err != nil {
		t.Fatal(err)
	}
	notice := (*customsv1.PreArrivalNotice)(nil).ProtoReflect().Descriptor()
	for _, source := range []string{
		`totals.grossMass.kilograms > decimal("9") || batch == ""`,
		`batch == "" || totals.grossMass.kilograms > decimal("9")`,
		`totals.grossMass.kilograms == totals.grossMass.kilograms && totals.items + totals.packages - totals.items == totals.packages`,
		`abs(totals.grossMass.kilograms - decimal("30")) <= decimal("0.5") ? batch != "" : consignments[0].items[0].packages[0].quantity > 1`,
		`consignments.all(c, c.items.all(i, i.grossMass.kilograms >= decimal("1")))`,
		`consignments.exists(c, c.items.exists(i, i.grossMass.kilograms < decimal("1")))`,
		`consignments.map(c, c.items.map(i, i.grossMass.kilograms).size()).exists(n, n > 1)`,
		`consignments.map(c, c.transportDocument.id).all(id, id.matches("^[A-Z]") && id.contains("1"))`,
		`sum(consignments.map(c, sum(c.items.map(i, i.grossMass.kilograms)))) == totals.grossMass.kilograms`,
		`consignments.all(c, c.transportDocument.date < day(now)) && expectedArrival - duration("1h") != now`,
		`expectedArrival - document.envelope.issued > duration("1h")`,
		`consignments.exists(c, c.transportDocument == consignments[1].transportDocument)`,
		`text(consignments[0].items[0].description, "zh").substring(0, 2).endsWith("a") || !known("country", batch, expectedArrival)`,
		`extension(this, "x1") == "1" || extension(consignments[0], "1") != extensions(carrier, "x2")[0]`,
		`extensions(this, "x1").size() > 1 || consignments.exists(c, extension(c, "x1") == "2" && c.items.all(i, extension(i, "2") == ""))`,
		`extensions.exists(e, e.name == "x1" && extension(e, "x1") == e.value)`,
		`[totals.items, totals.packages].exists(n, n in [1, 2, 3]) && batch in [document.envelope.documentId, "B1"]`,
	} {
		if _, err := env.Dated(notice, source); err != nil {
			t.Fatal(err)
		}
	}
	return env.Known()
}

// TestShippedConditionsAreCompiled: none is left to the interpreter, which is slower.
func TestShippedConditionsAreCompiled(t *testing.T) {
	all := shipped(t)
	if len(all) < 400 {
		t.Fatalf("%d conditions", len(all))
	}
	for _, c := range all {
		if ok, err := c.Ready(); err != nil || !ok {
			t.Errorf("%s: compiled %t, %v", c, ok, err)
		}
	}
}

// TestCompiledAsInterpreted asks every condition of made-up documents, some of whose values
// are spoilt or are those that conditions ask for, as a function and of CEL's interpreter:
// both answer the same, or both say that it cannot be answered.
func TestCompiledAsInterpreted(t *testing.T) {
	byType := make(map[protoreflect.FullName][]*expr.Judged)
	texts := []string{"", "0", "-1", "1e3", "2026-03-01", "2026-03-01T08:00:00Z", "蒙A12345"}
	quoted := regexp.MustCompile(`"([^"\\]*)"|'([^'\\]*)'`)
	for _, c := range shipped(t) {
		if _, err := c.Ready(); err != nil {
			t.Fatal(err)
		}
		on, _ := c.Message()
		byType[on] = append(byType[on], c)
		for _, m := range quoted.FindAllStringSubmatch(c.String(), -1) {
			texts = append(texts, m[1]+m[2])
		}
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	asked, held, failed := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(document.Kinds()).Draw(t, "kind")
		root := documenttest.Draw(t, kind, documenttest.Options{})
		extend(t, root.ProtoReflect())
		text := rapid.SampledFrom(texts)
		each(root.ProtoReflect(), nil, func(m, _ protoreflect.Message) {
			if rapid.IntRange(0, 2).Draw(t, "spoilt") == 0 {
				spoil(t, m, text)
			}
		})
		it := text.Draw(t, "it")
		each(root.ProtoReflect(), nil, func(m, parent protoreflect.Message) {
			var outer document.Node
			if parent != nil {
				outer = document.Of(parent.Interface())
			}
			for _, c := range byType[m.Descriptor().FullName()] {
				if _, want := c.Message(); want != "" && (parent == nil || parent.Descriptor().FullName() != want) {
					continue
				}
				ours, theirs, ourErr, theirErr := c.Both(document.Of(m.Interface()), outer, root, now, it)
				if ours != theirs || (ourErr == nil) != (theirErr == nil) {
					t.Fatalf("%s\ncompiled:    %t, %v\ninterpreted: %t, %v\nof %v", c, ours, ourErr, theirs, theirErr, m)
				}
				asked++
				switch {
				case ourErr != nil:
					failed++
				case ours:
					held++
				}
			}
		})
	})
	if held == 0 || failed == 0 || held+failed == asked {
		t.Errorf("of %d answers %d held and %d failed: some of each are wanted", asked, held, failed)
	}
}

// extend gives some messages extensions whose names are those that conditions ask for, or others.
func extend(t *rapid.T, m protoreflect.Message) {
	each(m, nil, func(m, _ protoreflect.Message) {
		f := m.Descriptor().Fields().ByName("extensions")
		if f == nil || rapid.IntRange(0, 9).Draw(t, "extended") > 0 {
			return
		}
		for range rapid.IntRange(1, 2).Draw(t, "extensions") {
			e := &customsv1.Extension{Name: rapid.SampledFrom([]string{"x1", "x2", "x3", ""}).Draw(t, "name"), Value: rapid.SampledFrom([]string{"1", "2", ""}).Draw(t, "value")}
			m.Mutable(f).List().Append(protoreflect.ValueOfMessage(e.ProtoReflect()))
		}
	})
}

// spoil gives one leaf of a message another value, or none.
func spoil(t *rapid.T, m protoreflect.Message, text *rapid.Generator[string]) {
	f := m.Descriptor().Fields().Get(rapid.IntRange(0, m.Descriptor().Fields().Len()-1).Draw(t, "field"))
	switch {
	case rapid.IntRange(0, 3).Draw(t, "unset") == 0:
		m.Clear(f)
	case f.IsList():
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString(text.Draw(t, "text")))
	case f.Kind() == protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, 30).Draw(t, "enum"))))
	}
}

// each calls visit for every message, with the one around it.
func each(m, parent protoreflect.Message, visit func(m, parent protoreflect.Message)) {
	visit(m, parent)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				each(v.List().Get(i).Message(), m, visit)
			}
		default:
			each(v.Message(), m, visit)
		}
		return true
	})
}
