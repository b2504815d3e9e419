package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/seal"
)

// checklist is about pages that were printed for a driver.
func checklist(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	if len(args) == 0 || args[0] != "verify" {
		fmt.Fprintln(std.err, "gatewayd checklist verify -keys FILE [-lang LANG] [-o json] TEXT")
		return flag.ErrHelp
	}
	return verifyPage(ctx, flags, args[1:], std)
}

// verified is what the code of a page says, and whether that holds.
type verified struct {
	Holds bool       `json:"holds"`
	By    string     `json:"by,omitempty"`
	KeyID string     `json:"keyId,omitempty"`
	Page  *seal.Page `json:"page,omitempty"`
}

// verifyPage proves what stands in the code of a page, with files alone.
func verifyPage(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	var trustFile string
	var cards []string
	flags.Func("keys", "`FILE` with the trusted keys: a configuration, or a partner card; may be given several times, one configuration alone", func(name string) error {
		raw, err := os.ReadFile(name)
		switch {
		case err != nil:
			return err
		case bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")):
			cards = append(cards, name)
		case trustFile != "":
			return errors.New("one configuration is enough")
		default:
			trustFile = name
		}
		return nil
	})
	var how told
	how.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := how.check(); err != nil {
		return err
	}
	if flags.NArg() != 1 || trustFile == "" && len(cards) == 0 {
		return errors.New("give -keys FILE, and TEXT that a scanner has read from the page, or - to read it here")
	}
	text := flags.Arg(0)
	if text == "-" {
		raw, err := io.ReadAll(io.LimitReader(std.in, 4*seal.MaxCode))
		if err != nil {
			return err
		}
		text = string(raw)
	}
	trust, err := readTrust(trustFile, cards)
	if err != nil {
		return err
	}
	h, p, err := trust.OpenCode(text, time.Now())
	var fault gateway.Fault
	switch {
	case err != nil && !errors.As(err, &fault):
		return err
	case how.form == "json":
		v := verified{Holds: err == nil}
		if err == nil {
			v.By, v.KeyID, v.Page = string(h.Sender), h.KeyID, &p
		}
		return errors.Join(writeJSON(std.out, v), faulty(err))
	case err != nil:
		fmt.Fprintln(std.out, gateway.Faults{fault}.Report(how.lang))
		return errFaulty
	}
	for _, text := range []*string{&p.Number, &p.Batch, &p.Exit, &p.Entry, &p.Packages, &p.GrossMass} {
		*text = onOneLine(*text)
	}
	for _, f := range [][2]string{
		{"label.Manifest.number", p.Number}, {"place.batch", p.Batch}, {"word.pageVehicles", more(p, how.lang)}, {"word.pageFrom", p.Exit}, {"word.pageTo", p.Entry},
		{"word.pageItems", fmt.Sprint(p.Items)}, {"label.GoodsItem.packages", p.Packages}, {"label.GoodsItem.grossMass", p.GrossMass}, {"word.pageAt", p.At.Format(time.RFC3339)},
		{"word.message", onOneLine(string(p.MessageID))},
	} {
		if f[1] != "" {
			fmt.Fprintf(std.out, "%s: %s\n", wordOf(f[0], how.lang), f[1])
		}
	}
	fmt.Fprintln(std.out, wordOf("word.pageHolds", how.lang, string(h.Sender)))
	return nil
}

func faulty(err error) error {
	if err != nil {
		return errFaulty
	}
	return nil
}

// onOneLine is a text of a page as it is shown: whoever has signed it, it makes no line of its own, and what
// nobody sees in it is written as a code point.
func onOneLine(text string) string { return gateway.Clip(strings.Join(strings.Fields(text), " ")) }

// more are the vehicles of a page, and how many it does not name.
func more(p seal.Page, lang string) string {
	vehicles := make([]string, len(p.Vehicles))
	for i, v := range p.Vehicles {
		vehicles[i] = onOneLine(v)
	}
	all := strings.Join(vehicles, ", ")
	if p.More > 0 {
		all += "; " + wordOf("word.pageMore", lang, fmt.Sprint(p.More))
	}
	return all
}

func wordOf(key, lang string, terms ...string) string {
	t, _ := gateway.TextOf(key, lang)
	for i, term := range terms {
		t.Text = strings.ReplaceAll(t.Text, fmt.Sprintf("{%d}", i+1), term)
	}
	return t.Text
}
