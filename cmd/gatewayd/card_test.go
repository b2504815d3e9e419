package main

import (
	"testing"

	"customs.example/gateway"
)

// A card says what its administration exchanges with others: what carriers file with it stays there, and is no
// format of any partner's.
func TestACardHasNoFormatsOfFilings(t *testing.T) {
	c, err := loadOnce("")
	if err != nil {
		t.Fatal(err)
	}
	stays := map[gateway.Administration]bool{}
	for _, r := range c.Routes.All() {
		stays[r.From] = stays[r.From] || r.Stays()
	}
	for own, files := range stays {
		if !files {
			delete(stays, own)
			continue
		}
		all := formats(c, c.Routes, own)
		if len(all) == 0 {
			t.Errorf("%s has no formats", own)
		}
		for _, f := range all {
			if f.Partner == string(own) {
				t.Errorf("%s tells partners of its own %s of %s", own, f.Table, f.Kind)
			}
		}
	}
	if len(stays) < 3 {
		t.Errorf("carriers file with %v alone: this proves little", stays)
	}
}
