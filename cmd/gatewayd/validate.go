package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/validate"
)

func validateFile(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	as := flags.String("as", "", "table whose format the file must have (default: told by its root)")
	var t told
	t.flags(flags)
	dir := flags.String("data", "", "directory with more mappings/ and xsd/")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("give one FILE (- is standard input)")
	}
	if err := t.check(); err != nil {
		return err
	}
	chain, err := loadChain(*dir)
	if err != nil {
		return err
	}
	raw, err := readFile(flags.Arg(0), std.in)
	if err != nil {
		return err
	}
	r, own, err := readAs(ctx, chain, raw, *as)
	if err != nil {
		return err
	}
	_, faults, err := chain.Validate(ctx, r, validate.Scope{Own: own, At: time.Now(), Alone: true})
	if err != nil {
		return err
	}
	return t.refuse(std.out, faults)
}

// readAs reads a document as the table says, or by what it is. The administration
// whose format it is has its own rules.
func readAs(ctx context.Context, c *flow.Chain, raw []byte, as string) (*flow.Reading, gateway.Administration, error) {
	if as == "" {
		r, err := c.Read(ctx, raw, flow.MediaType(raw), "", time.Now())
		if err != nil || r.Table == nil {
			return r, "", err
		}
		return r, gateway.Administration(r.Table.Administration()), nil
	}
	table, ok := c.Tables.Table(as)
	if !ok {
		return nil, "", none("table", as, tableNames(c))
	}
	r, err := c.ReadAs(ctx, raw, table)
	return r, gateway.Administration(table.Administration()), err
}
