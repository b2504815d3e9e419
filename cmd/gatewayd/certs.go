package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"customs.example/gateway/mtls"
)

// certs makes the development PKI: certificates of every party, and the keys that
// gateways sign messages with.
func certs(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	dir := flags.String("dir", "", "new directory for the PKI")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || flags.NArg() > 0 {
		return errors.New("give -dir DIR")
	}
	authorities := mtls.DevAuthorities()
	if err := mtls.GenerateDevPKI(*dir, time.Now(), authorities); err != nil {
		return err
	}
	for _, a := range authorities {
		if err := mtls.GenerateSigningKey(filepath.Join(*dir, a.Dir, "signing.pem")); err != nil {
			return err
		}
		var names []string
		for _, id := range a.Identities {
			names = append(names, id.Name)
		}
		fmt.Fprintf(std.out, "%s: ca, signing key, %s\n", filepath.Join(*dir, a.Dir), strings.Join(names, ", "))
	}
	return nil
}
