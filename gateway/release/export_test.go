package release

import (
	"testing"

	"customs.example/gateway/document"
	"customs.example/gateway/document/documenttest"
)

// EveryExtensionIsPruned releases full documents of every kind, once all of them and once each of
// their fields, and looks for extensions in what is left.
func EveryExtensionIsPruned(t *testing.T) {
	for _, kind := range document.Kinds() {
		whole := documenttest.Extend(documenttest.Full(kind))
		paths := []string{}
		for _, f := range document.Body(whole).Fields() {
			if !f.Extends() {
				paths = append(paths, f.Name)
			}
		}
		extended := 0
		document.Walk(whole, func(_ string, f document.Field, marks document.Marks, _ string) {
			if marks.Extension != "" {
				extended++
			}
		})
		for only := -1; only < len(paths); only++ {
			allowed := new(branch)
			for i, path := range append(paths, "envelope") {
				if only < 0 || i == only {
					allowed.add(path)
				}
			}
			d := document.Clone(whole)
			withheld := allowed.prune(document.Of(d), "")
			if document.Extended(document.Of(d)) || len(withheld) == 0 || extended == 0 {
				t.Errorf("%s: of %d extensions some leave", kind, extended)
			}
		}
	}
}

// EveryLaterFieldIsPruned releases full documents of every kind, once all of them and once each of their
// messages, and looks for what is released by name alone in what is left.
func EveryLaterFieldIsPruned(t *testing.T) {
	for _, kind := range document.Kinds() {
		full := documenttest.Full(kind)
		named, around := byName(kind)
		check := func(paths ...string) {
			allowed := new(branch)
			for _, path := range paths {
				for _, at := range whole(kind, path) {
					if !allowed.add(at) {
						t.Errorf("%s: %s is released twice", path, at)
					}
				}
			}
			d, kept := document.Clone(full), 0
			allowed.prune(document.Of(d), "")
			document.Walk(d, func(path string, _ document.Field, _ document.Marks, _ string) {
				if kept++; leadsByName(named, plain(path), "") {
					t.Errorf("%s: %v take %s along", kind, paths, path)
				}
			})
			if kept == 0 {
				t.Errorf("%s: %v release nothing", kind, paths)
			}
		}
		var all []string
		for _, f := range document.Body(full).Fields() {
			if !f.Extends() && !named[f.Name] {
				all = append(all, f.Name)
			}
		}
		check(all...)
		for path := range around {
			if !leadsByName(named, path, "") {
				check(path)
			}
		}
	}
}
