package mapping

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/mapping/datafile"
	"customs.example/gateway/mapping/table"
)

var update = flag.Bool("update", false, "rewrite what mappings/KEYS.md takes from the loader")

// keysFile is the reference of the keys of a table: what each is, and an example.
const keysFile = "../../mappings/KEYS.md"

// keyed is a key of the reference.
type keyed struct{ heading, kind, text, yaml, canonical, xml, back string }

var (
	keySection = regexp.MustCompile(`(?s)\n### ([a-z_]+)\n\n\*([^*]*)\*\n\n(.*?)\n\n(.*?)\n(?:\n|$)`)
	codeBlock  = regexp.MustCompile("(?s)```([a-z]+)\n(.*?)\n```")
)

// keysOf reads the reference.
func keysOf(t *testing.T, text string) (out []keyed) {
	t.Helper()
	for _, part := range strings.Split(text, "\n## ")[1:] {
		heading, rest, _ := strings.Cut(part, "\n")
		for _, m := range keySection.FindAllStringSubmatch(strings.ReplaceAll(rest, "\n### ", "\n\n### ")+"\n", -1) {
			k := keyed{heading: heading + ": " + m[1], kind: m[2], text: m[3]}
			for _, block := range codeBlock.FindAllStringSubmatch(m[4], -1) {
				switch {
				case block[1] == "yaml":
					k.yaml = block[2]
				case block[1] == "xml":
					k.xml = block[2]
				case k.canonical == "":
					k.canonical = block[2]
				default:
					k.back = block[2]
				}
			}
			out = append(out, k)
		}
	}
	return out
}

// kindOf names what a key takes.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[datafile.Quoted]():
		return "text in quotes"
	case t == reflect.TypeFor[[]table.Row]():
		return "rows"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true"
	case reflect.Int:
		return "number"
	case reflect.Slice:
		return "list"
	}
	return "mapping"
}

// inLoader are the keys that the loader knows, as the reference heads them, and what each takes.
func inLoader(t *testing.T) (headings []string, kinds map[string]string) {
	t.Helper()
	kinds = map[string]string{}
	for heading, of := range map[string]reflect.Type{"In a table": reflect.TypeFor[table.Content](), "In a row": reflect.TypeFor[table.Row]()} {
		for i := range of.NumField() {
			name := of.Field(i).Tag.Get("yaml")
			if name == "-" {
				continue
			}
			profile := fmt.Sprintf("profile: p\nversion: 1\nover: [xx/test.v1]\n%s: 1\n", name)
			if heading == "In a row" {
				profile = fmt.Sprintf("profile: p\nversion: 1\nover: [xx/test.v1]\nrows: {R1: {%s: 1}}\n", name)
			}
			_, err := load(t, map[string]string{"xx/test.v1.yaml": sampleTable("- {id: R1, to: Batch, from: batch}"), "profiles/p.v1.yaml": profile})
			kind := kindOf(of.Field(i).Type)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("unknown key %q", name)) {
				kind += "; in profiles too"
			}
			headings = append(headings, heading+": "+name)
			kinds[heading+": "+name] = kind
		}
	}
	return headings, kinds
}

// sampleTable is a table of what an example says: keys of the table before the first row.
func sampleTable(yaml string) string {
	keys := map[string]string{"mapping": "xx/test", "version": "1", "document": "Manifest", "root": "Manifest"}
	lines := strings.Split(yaml, "\n")
	var head, rows strings.Builder
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		if strings.HasPrefix(line, "- ") {
			rows.WriteString("  " + line + "\n")
			continue
		}
		delete(keys, name)
		head.WriteString(line + "\n")
	}
	for _, name := range []string{"mapping", "version", "document", "root"} {
		if keys[name] != "" {
			head.WriteString(name + ": " + keys[name] + "\n")
		}
	}
	return head.String() + "rows:\n" + rows.String()
}

// The reference has every key that the loader knows, and no other; what each takes is the
// loader's.
func TestKeysOfTheReferenceAreTheLoaders(t *testing.T) {
	raw, err := os.ReadFile(keysFile)
	if err != nil {
		t.Fatal(err)
	}
	want, kinds := inLoader(t)
	text := string(raw)
	all := map[string]bool{}
	for _, k := range keysOf(t, text) {
		if all[k.heading] || k.text == "" || k.yaml == "" || k.canonical == "" || k.xml == "" {
			t.Errorf("%s stands twice, or without words or example", k.heading)
		}
		all[k.heading] = true
		if kinds[k.heading] == "" {
			t.Errorf("%s: the loader knows no such key", k.heading)
		}
	}
	for _, heading := range want {
		if !all[heading] {
			t.Errorf("%s is not in the reference", heading)
		}
	}
	heading := ""
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if section, ok := strings.CutPrefix(line, "## "); ok {
			heading = section + ": "
		}
		if name, ok := strings.CutPrefix(line, "### "); ok && i+2 < len(lines) {
			lines[i+2] = "*" + kinds[heading+name] + "*"
		}
	}
	made := strings.Join(lines, "\n")
	if *update {
		if err := os.WriteFile(keysFile, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(made, text); diff != "" {
		t.Errorf("run with -update:\n%s", diff)
	}
}

var betweenElements = regexp.MustCompile(`>\s+<`)

func TestKeysDoWhatTheirExamplesSay(t *testing.T) {
	raw, err := os.ReadFile(keysFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keysOf(t, string(raw)) {
		t.Run(k.heading, func(t *testing.T) {
			name := k.heading[strings.LastIndexByte(k.heading, ' ')+1:]
			if !regexp.MustCompile(`\b` + name + `:`).MatchString(sampleTable(k.yaml)) {
				t.Errorf("the example does not use %s", name)
			}
			tab := tableOf(t, sampleTable(k.yaml))
			for _, trial := range tab.Try() {
				if trial.Mismatch != "" {
					t.Errorf("%s: %s", trial.Row, trial.Mismatch)
				}
			}
			d := parse(t, k.canonical)
			encoded, _, faults := tab.Encode(d, false)
			for _, f := range faults {
				if f.Severity == "error" {
					t.Fatal(said(faults))
				}
			}
			_, written, _ := strings.Cut(string(encoded.Bytes()), "?>")
			if diff := cmp.Diff(strings.TrimSpace(betweenElements.ReplaceAllString(k.xml, "><")), strings.TrimSpace(betweenElements.ReplaceAllString(written, "><"))); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			back := tab.Decode(read(t, k.xml))
			want := d
			if k.back != "" {
				want = parse(t, k.back)
			}
			if diff := cmp.Diff(marshal(want), marshal(back.Document)); diff != "" || back.Faults.Refuse() {
				t.Errorf("read: %v (-want +got):\n%s", said(back.Faults), diff)
			}
		})
	}
}
