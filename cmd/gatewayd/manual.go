package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"strings"

	"customs.example/gateway/manual"
)

// describe writes the manual page, or what a shell completes by.
func describe(args []string, w io.Writer) error {
	switch {
	case args[0] == "man" && len(args) == 1:
		return allDescribed().Man(w)
	case args[0] == "completion" && len(args) == 2:
		return allDescribed().Complete(w, args[1])
	}
	return errors.New("want gatewayd man, or gatewayd completion bash|zsh")
}

// allDescribed are all commands and the tools of mapping, with their flags.
func allDescribed() manual.Program {
	p := manual.Program{Name: "gatewayd", Short: "the customs gateway, and the tools that need its files", Notes: []manual.Note{
		{Title: "exit status", Text: "0 no error\n1 the content is wrong (faults are printed)\n2 could not run"},
	}}
	silent := stdio{strings.NewReader(""), io.Discard, io.Discard}
	for _, c := range commands {
		flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		_ = c.run(context.Background(), flags, []string{"-h"}, silent) // which sets its flags, and does nothing else
		short, operands, _ := strings.Cut(c.summary, ": ")
		p.Commands = append(p.Commands, manual.Command{Name: c.name, Operands: operands, Short: short, Flags: flags})
		if c.name != "mapping" {
			continue
		}
		for _, t := range tools {
			p.Commands = append(p.Commands, manual.Command{Name: "mapping " + t.name, Operands: t.args, Short: t.summary, Flags: t.flagSet(new(bench), silent)})
		}
	}
	return p
}
