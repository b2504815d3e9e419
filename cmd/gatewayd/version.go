package main

import (
	"fmt"
	"io"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	"customs.example/mappings"
	"customs.example/xsd"
)

// printVersion says what was built, and by which data.
func printVersion(w io.Writer) error {
	tables, err := analysis.TakeInventory(mappings.FS)
	if err != nil {
		return err
	}
	schemas, err := analysis.TakeInventory(xsd.FS)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "gatewayd %s\ntables  %s\nschemas %s\n", gateway.Version(), tables.Digest(), schemas.Digest())
	return err
}
