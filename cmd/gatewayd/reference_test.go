package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway/document"
)

// TestEveryKeyIsExplained holds the reference to the code: each key of a configuration is
// explained once, its type is known, and what the example says can be read.
func TestEveryKeyIsExplained(t *testing.T) {
	leaves := make(map[string]reflect.Type)
	configLeaves(reflect.TypeFor[Config](), "", leaves)
	seen := map[string]bool{}
	for _, k := range configKeys {
		leaf, ok := leaves[k.path]
		switch {
		case !ok:
			t.Errorf("%s is explained, and no key", k.path)
			continue
		case seen[k.path]:
			t.Errorf("%s is explained twice", k.path)
		case k.example == "" || !strings.HasSuffix(k.meaning, "."):
			t.Errorf("%s: want an example, and a meaning that is a sentence", k.path)
		case k.kind != "" && leaf.Kind() != reflect.String:
			t.Errorf("%s is a %s in the code, explained as %s", k.path, leaf, k.kind)
		}
		seen[k.path] = true
		var c Config
		if _, err := document.ReadYAML(k.path, []byte(written(k.path, k.example)), &c); err != nil {
			t.Errorf("the example of %s: %v", k.path, err)
		} else if reflect.DeepEqual(c, Config{}) {
			t.Errorf("the example of %s says nothing", k.path)
		}
	}
	for path := range leaves {
		if !seen[path] {
			t.Errorf("%s is not explained", path)
		}
	}
}

// written is YAML that says one value at the path of a key.
func written(path, value string) string {
	names := strings.Split(path, ".")
	for _, name := range slices.Backward(names) {
		if list, ok := strings.CutSuffix(name, "[]"); ok {
			value = "{" + list + ": [" + value + "]}"
		} else {
			value = "{" + name + ": " + value + "}"
		}
	}
	return value
}

func TestReference(t *testing.T) {
	var out strings.Builder
	if err := printReference(&out, ""); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/config.txt", out.String())
	out.Reset()
	if err := printReference(&out, "partners"); err != nil || !strings.HasPrefix(out.String(), "partners[].uri: ") || strings.Contains(out.String(), "callers") {
		t.Errorf("of partners alone: %v\n%s", err, &out)
	}
	if err := printReference(&out, "partner"); err == nil || !strings.Contains(err.Error(), `no key "partner": the outermost are administration, database`) {
		t.Errorf("of an unknown key: %v", err)
	}
}
