package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/card"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

const partnerUsage = `usage:
  gatewayd partner show CARD -config FILE
  gatewayd partner add CARD -config FILE -fingerprint DIGITS [-as ADMINISTRATOR -key FILE]
  gatewayd partner confirm CARD -config FILE -fingerprint DIGITS -as ADMINISTRATOR -key FILE
show says what a partner card would change: of one that is known, a newer card renews address,
roots, pins and keys. add writes that into the configuration: roots and pins count when two
administrators have compared the fingerprint on another channel than the card came by, one
with add and one with confirm. A development PKI needs none.`

// partner makes the one who gives a card a partner. It needs no running gateway; one that
// runs takes roots and pins within a minute, and all else when it is started again.
func partner(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	return addPartner(flags, args, std, time.Now())
}

func addPartner(flags *flag.FlagSet, args []string, std stdio, now time.Time) error {
	flags.Usage = func() { fmt.Fprintln(std.err, partnerUsage); flags.PrintDefaults() }
	file := flags.String("config", "", "configuration `FILE`")
	given := flags.String("fingerprint", "", "`DIGITS` as the partner reads them out, with or without blanks")
	who := flags.String("as", "", "who confirms: id of an `ADMINISTRATOR`")
	keyFile := flags.String("key", "", "`FILE` of the administrator's private key")
	if len(args) == 0 || !slices.Contains([]string{"show", "add", "confirm"}, args[0]) {
		flags.Usage()
		return flag.ErrHelp
	}
	name, err := operand(flags, args[1:])
	if err != nil {
		return err
	}
	if name == "" || *file == "" {
		return errors.New("give a CARD and -config FILE")
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	theirs, fingerprint, err := card.Parse(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if args[0] != "show" {
		digits, err := gateway.ParseDigest(strings.ToLower(strings.Join(strings.Fields(*given), "")))
		if err != nil {
			return errors.New("give -fingerprint, as the partner reads it out to you: 64 hexadecimal digits")
		}
		if digits != fingerprint {
			return errors.New("this is not the fingerprint of the card: it is another card than the partner's, or was misheard")
		}
	}
	if args[0] == "confirm" {
		if *who == "" || *keyFile == "" {
			return errors.New("give -as ADMINISTRATOR -key FILE")
		}
		return confirmPartner(*file, theirs, *who, *keyFile, std.out, now)
	}
	chain, m, err := meetBy(*file, theirs)
	if err != nil {
		return err
	}
	if err := tellCard(std.out, theirs, fingerprint, m, chain); err != nil || args[0] == "show" {
		return err
	}
	if bytes.Equal(m.before, m.config) && len(m.files) == 0 {
		return nil // nothing to write
	}
	if (*who == "") != (*keyFile == "") {
		return errors.New("give -as and -key together")
	}
	if *who != "" {
		if _, err := seal.LoadSigner(seal.KeyFile{ID: *who, File: *keyFile}); err != nil {
			return err
		}
	}
	if err := m.write(); err != nil {
		return errors.Join(err, m.undo())
	}
	s, err := pendingTrust(*file, now)
	if err != nil { // a configuration that no gateway starts with is none
		return errors.Join(err, m.undo())
	}
	files := proposed(s.parties, s.administrators)
	switch {
	case s.anchors.Number == 0 || s.anchors.Same(files) || s.anchors.Allows(s.anchors.Then(files), s.confirmations):
		_, err = fmt.Fprintf(std.out, "written into %s; start the gateway again\n", *file)
		return err
	case *who == "":
		_, err = fmt.Fprintf(std.out, "written into %s; its roots and pins count when two administrators have confirmed the card:\n  gatewayd partner confirm %s -config %s -fingerprint ... -as ADMINISTRATOR -key FILE\n", *file, name, *file)
		return err
	}
	return s.confirmTrust(std.out, *who, *keyFile, s.anchors.Then(files).Digest().String(), now)
}

// meetBy says what a card changes in a configuration.
func meetBy(file string, theirs card.Card) (*flow.Chain, meeting, error) {
	config, _, err := readConfig(file)
	if err != nil {
		return nil, meeting{}, err
	}
	if theirs.Administration == config.Administration {
		return nil, meeting{}, fmt.Errorf("this is a card of %s, whose gateway this is", theirs.Administration)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, meeting{}, err
	}
	chain, err := loadChain(config.Data)
	if err != nil {
		return nil, meeting{}, err
	}
	known := slices.IndexFunc(config.Partners, func(p PartnerConfig) bool {
		return p.URI == theirs.URI && slices.Contains(p.Administrations, theirs.Administration)
	})
	var m meeting
	if known >= 0 {
		m, err = renew(file, config, raw, known, theirs, chain)
	} else {
		m, err = meet(file, config, raw, theirs, chain)
	}
	return chain, m, err
}

// confirmPartner confirms the pending change of roots and pins, if it is what the card says
// and nothing else of others.
func confirmPartner(file string, theirs card.Card, who, keyFile string, w io.Writer, now time.Time) error {
	s, err := pendingTrust(file, now)
	if err != nil {
		return err
	}
	files := proposed(s.parties, s.administrators)
	next := s.anchors.Then(files)
	roots, err := mtls.ReadRoots(theirs.Roots)
	if err != nil {
		return err
	}
	there := mtls.AnchorOf(mtls.Party{URI: theirs.URI, Roots: roots, Pins: theirs.Pins})
	before, after := described(s.anchors), described(next)
	of := described(mtls.Anchors{Parties: map[string]mtls.Anchor{theirs.URI: there}})
	for line := range after {
		if !before[line] && !of[line] {
			return fmt.Errorf("more is pending than the card says: %s; look at it with gatewayd trust show", line)
		}
	}
	for line := range before {
		if !after[line] && (of[line] || !strings.HasPrefix(line, theirs.URI+" ")) { // its card names all that vouches for it
			return fmt.Errorf("the pending change also takes away %s; look at it with gatewayd trust show", line)
		}
	}
	for line := range of {
		if !after[line] {
			return fmt.Errorf("the pending change does not hold what the card says: %s", line)
		}
	}
	return s.confirmTrust(w, who, keyFile, next.Digest().String(), now)
}

// tellCard prints in words what a card says and changes.
func tellCard(w io.Writer, c card.Card, fingerprint gateway.Digest, m meeting, chain *flow.Chain) error {
	var b strings.Builder
	fmt.Fprintf(&b, "card of %s, issued %s\nfingerprint %s\n", c.Administration, instant(c.Issued), fingerprint.Spoken())
	for _, change := range m.changes {
		fmt.Fprintf(&b, "  %s\n", change)
	}
	if len(m.changes) == 0 {
		b.WriteString("    it says what is known here already\n")
	}
	if len(m.routes) > 0 {
		fmt.Fprintf(&b, "  + routes on which this gateway sends: %s\n", strings.Join(m.routes, ", "))
	}
	for _, note := range m.notes {
		fmt.Fprintf(&b, "    %s\n", note)
	}
	for _, f := range c.Formats {
		digest, ok := chain.SchemaDigest(f.Table)
		switch {
		case !ok:
			fmt.Fprintf(&b, "    it %s %s as %s, which is not known here\n", f.Direction, f.Kind, f.Table)
		case digest != f.Schema:
			fmt.Fprintf(&b, "    it %s %s as %s by ANOTHER schema than here\n", f.Direction, f.Kind, f.Table)
		}
	}
	fmt.Fprintf(&b, "    it takes messages of up to %d MiB; duty desk: %s\n", c.MaxMessage>>20, c.DutyDesk)
	_, err := io.WriteString(w, b.String())
	return err
}
