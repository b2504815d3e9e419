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
