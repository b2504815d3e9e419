package program

import (
	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Key is the key of an element of a list: as it is compared, UUIDs without regard to case, and
// as people read it. The zero Key is none.
type Key struct{ Folded, Text string }

// Add appends the value of one more key row.
func (k *Key) Add(value string) {
	if k.Text != "" {
		k.Text += " "
	}
	k.Text += value
	k.Folded += gateway.FoldID(value) + "\x00"
}

// KeyOf returns the key of a canonical element, none if part of it is missing.
func KeyOf(keys []*Row, m document.Node) (all Key) {
	for _, k := range keys {
		text, _ := k.Path.Get(m)
		if document.Blank(text) {
			return Key{}
		}
		all.Add(text)
	}
	return all
}
