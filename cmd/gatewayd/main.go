// Command gatewayd is the customs gateway and the tools that need its files: it
// serves, translates, validates and makes a development PKI. It refuses to start on a
// configuration or data that it does not fully understand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // offices' zones must not depend on the machine

	"customs.example/gateway"
)

// Exit codes of every command.
const (
	exitOK     = 0
	exitFaulty = 1 // the content is wrong; the faults are printed
	exitFailed = 2 // the command could not run
)

// command is one of gatewayd's commands.
type command struct {
	name, summary string
	run           runner
}

type runner func(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error

// stdio is where a command reads and prints.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

var commands = []command{
	{"init", "make a gateway of one's own: -administration CC [-office CODE] [-dir DIR] [-port N] [-with DIR]", initialize},
	{"sample", "write documents that make one message of a route; without one, list what there is: [ROUTE] [-dir DIR] [-data DIR]", writeSample},
	{"config", "explain every key of the configuration, or those below one: [KEY]", configReference},
	{"serve", "run the gateway: -config FILE [-check [-lang LANG] [-o json]]", untilStopped(serve)},
	{"backup", "write what a gateway holds into a file, while it works: -config FILE -to FILE", backUp},
	{"restore", "put a backup in the place of a database that is empty or lost: -config FILE -from FILE", restore},
	{"migrate", "move a database to another place, SQLite or PostgreSQL: -from PLACE -to PLACE", migrate},
	{"digest", "print what a database holds, by digests that are the same on every engine: -of PLACE", digest},
	{"partner", "make who gives a signed card a partner: show | add | confirm", partner},
	{"trust", "see which change of roots and pins waits, and confirm it: show | confirm", trust},
	{"verify-receipt", "prove what partners signed, with files alone: (-trust FILE | -card FILE ...) [-at WHEN] [-lang LANG] [-o json] FILE...", verifyReceipts},
	{"verify-exchange", "prove over databases, logs, lists and figures that what was promised was kept: -config FILE ... [-list FILE] [-log CN=FILE] [-figures CN=FILE,FILE] [-ended] [-o json]", verifyExchange},
	{"checklist", "prove what stands in the code of a printed page, without network: verify -keys FILE [-lang LANG] [-o json] TEXT", checklist},
	{"translate", "translate documents offline: (-mapping TABLE | -route ROUTE) -in FILE -out FILE [-trace FILE] [-data DIR]", translate},
	{"validate", "judge a document: [-as TABLE] [-lang LANG] [-data DIR] FILE", validateFile},
	{"mapping", "tools for tables: list, show, lint, test, coverage, loss, diff, explain, gaps", mappingTools},
	{"certs", "make a development PKI: -dir DIR", certs},
}

// errFaulty ends a command whose faults are printed already.
var errFaulty = errors.New("the content has faults")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		usage(std.err)
		return exitFailed
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		args := args[1:]
		if asksHelp(args) { // wherever it stands, and nothing else is done
			args, std.err = helpFor(c.name, args), std.out
		}
		flags := flag.NewFlagSet("gatewayd "+c.name, flag.ContinueOnError)
		flags.SetOutput(std.err)
		flags.Usage = func() {
			fmt.Fprintf(std.err, "gatewayd %s: %s\n", c.name, c.summary)
			flags.PrintDefaults()
			fmt.Fprintln(std.err, "exit: 0 no error, 1 the content is wrong (faults are printed), 2 could not run")
		}
		err := c.run(ctx, flags, args, std)
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return exitOK
		case errors.Is(err, errFaulty):
			return exitFaulty
		}
		fmt.Fprintf(std.err, "gatewayd %s: %v\n", c.name, err)
		return exitFailed
	}
	if args[0] == "man" || args[0] == "completion" {
		if err := describe(args, std.out); err != nil {
			fmt.Fprintf(std.err, "gatewayd %s: %v\n", args[0], err)
			return exitFailed
		}
		return exitOK
	}
	if args[0] == "version" || args[0] == "-version" || args[0] == "--version" {
		if err := printVersion(std.out); err != nil {
			fmt.Fprintf(std.err, "gatewayd version: %v\n", err)
			return exitFailed
		}
		return exitOK
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		usage(std.out)
		return exitOK
	}
	fmt.Fprintf(std.err, "gatewayd: unknown command %q\n", args[0])
	usage(std.err)
	return exitFailed
}

// several are the commands that are made of others: mapping list.
var several = []string{"checklist", "mapping", "trust", "partner"}

// asksHelp reports whether help is asked for, before a "--".
func asksHelp(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" })
}

// helpFor is a command line that asks for the help of a command, or of one of those that it
// is made of, and for nothing else.
func helpFor(name string, args []string) []string {
	if slices.Contains(several, name) && !strings.HasPrefix(args[0], "-") {
		return []string{args[0], "-h"}
	}
	return []string{"-h"}
}

// untilStopped is a command that is meant to be stopped: that it was is no failure.
func untilStopped(run runner) runner {
	return func(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
		err := run(ctx, flags, args, std)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: gatewayd COMMAND [flags]; gatewayd COMMAND -h says more")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-14s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(w, "also: gatewayd version, man (a page for man), completion bash|zsh")
}

// told is how faults are printed: in which language, and as text or JSON.
type told struct {
	lang string
	form string
}

// inEnglish is how the tools of analysts print them.
var inEnglish = told{"en", "text"}

func (t *told) flags(flags *flag.FlagSet) {
	flags.StringVar(&t.lang, "lang", "en", "`LANGUAGE` of the messages: "+strings.Join(gateway.Languages, ", "))
	flags.StringVar(&t.form, "o", "text", "how faults are printed: text or json")
}

func (t *told) check() error {
	if !slices.Contains(gateway.Languages, t.lang) {
		return fmt.Errorf("-lang %q: want one of %s", t.lang, strings.Join(gateway.Languages, ", "))
	}
	if t.form != "text" && t.form != "json" {
		return fmt.Errorf("-o %q: want text or json", t.form)
	}
	return nil
}

// print prints faults, none too.
func (t *told) print(w io.Writer, faults gateway.Faults) error {
	if t.form == "json" {
		return writeJSON(w, faults.Report(t.lang))
	}
	return gateway.PrintReports(w, faults.Report(t.lang), t.lang)
}

// refuse prints faults and returns errFaulty if they refuse.
func (t *told) refuse(w io.Writer, faults gateway.Faults) error {
	if err := t.print(w, faults); err != nil {
		return err
	}
	if faults.Refuse() {
		return errFaulty
	}
	return nil
}
