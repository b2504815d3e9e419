package recipe

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"testing/fstest"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/expr"
	"customs.example/gateway/mapping/datafile"
)

// load reads recipes by the names of their files.
func load(t testing.TB, files map[string]string) (*Library, error) {
	t.Helper()
	lists, err := codelist.Load(fstest.MapFS{"codelists/sides.yaml": {Data: []byte("list: sides\nversion: 1\nsource: made up\nstatus: own\ncodes: [{code: \"1\", en: left}]\n")}})
	if err != nil {
		t.Fatal(err)
	}
	env, err := expr.New(lists)
	if err != nil {
		t.Fatal(err)
	}
	var l Library
	var mistakes []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := &datafile.File{Name: name}
		l.Read(f, []byte(files[name]), env)
		mistakes = append(mistakes, f.Errs...)
	}
	return &l, errors.Join(mistakes...)
}

func parse(t testing.TB, json string) *customsv1.Document {
	t.Helper()
	p := document.Parse([]byte(json))
	if err := p.Faults.Err(); err != nil {
		t.Fatal(err)
	}
	return p.Document
}

// said writes faults as "CODE path location value|expected".
func said(faults gateway.Faults) []string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.Join([]string{string(f.Code), f.Path, f.Location.Expr, f.Value + "|" + f.Expected.String()}, " "))
	}
	return out
}

func marshal(d *customsv1.Document) string { return string(document.MarshalIndent(d)) }
