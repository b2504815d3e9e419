// Command gatewayctl owns the command line of a gateway's clients: what a border post
// or a national system asks of its gateway, answered readably or as JSON. It refuses to
// judge, translate or remember anything itself: that is the gateway's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // -zone must not depend on the machine

	"customs.example/gateway"
	"customs.example/gateway/manual"
)

// Exit codes.
const (
	exitOK      = 0
	exitRefused = 1
	exitNotRun  = 2
)

const exitHelp = `Exit codes:
  0  done
  1  the gateway refused; the faults are printed
  2  could not run: wrong usage, an id that is not known, or no connection to the gateway
`

// errRefused ends a command whose answer, already printed, is a refusal.
var errRefused = errors.New("refused")

// errUnknown ends one whose answer, already printed, is that there is no such thing.
var errUnknown = errors.New("unknown")

// A command is one or two words, its operands, and its own flags.
type command struct {
	name, operands, short string
	least, most           int // operands
	flags                 func(*flag.FlagSet) action
}

// action is what a command does once its flags are read and the connection is made.
type action func(ctx context.Context, s *session, operands []string) error

var commands = []command{
	{"submit", "FILE...", "hand documents in, those of a folder too; the gateway sends, holds or refuses each", 1, 10000, submit},
	{"spool", "DIR", "work on the folders of a post: hand in what stands in DIR/OutBox, in order, whenever there is a line, and write answers to DIR/InBox", 1, 1, spooling},
	{"check", "FILE", "have a document judged as submit would, without any effect", 1, 1, check},
	{"status", "ID", "show a submission: its state, what it waits for and why", 1, 1, showStatus},
	{"list", "", "list submissions, the last changed first", 0, 0, list},
	{"watch", "", "follow submissions as they change", 0, 0, watch},
	{"withdraw", "ID", "take back a part that is held", 1, 1, withdraw},
	{"amend", "ID FILE", "put a full new version in the place of what was submitted under the id", 2, 2, amend},
	{"choose", "ID [PLATE...]", "say which vehicles a deletion means, or which waybill a declaration is for (-waybill), that is held because it names none of several", 1, 200, choose},
	{"cancel", "ID", "take back what was submitted: before it is handed over nothing is sent, after that the partner is asked", 1, 1, cancel},
	{"rule", "ID", "rule on texts in which a price was found that the route withholds (supervisor)", 1, 1, rule},
	{"approve", "ID", "approve or refuse what changes or takes back what has left (supervisor)", 1, 1, approve},
	{"explain", "ID", "say where the values of the message came from that a submission became", 1, 1, explain},
	{"sent", "ID", "take the XML that a submission became, and the partner's receipts for it", 1, 1, sent},
	{"print", "ID", "make a page, one A4 in HTML, of what a submission announces, for the driver to hand over where there is no line", 1, 1, printPage},
	{"checklist-numbers add", "FIRST LAST", "hand over a block of numbers for the load checklists of an office (national system, operator)", 2, 2, numbersAdd},
	{"checklist-numbers list", "", "list the blocks that were handed over, and what is left of each (national system, operator)", 0, 0, numbersList},
	{"checklist-numbers used", "", "list which message has taken which number (national system, operator)", 0, 0, numbersUsed},
	{"attach", "FILE...", "hand images and scans in, before the document that names them is submitted, and print what it says of them; goes on where it was interrupted", 1, 100, attach},
	{"attachment list", "MESSAGE", "show how the images and scans stand that a message names, one sent or received", 1, 1, attachmentList},
	{"attachment get", "MESSAGE SHA256", "take the bytes of an image or a scan that a received message names; goes on where it was interrupted (national system)", 2, 2, attachmentGet},
	{"inbox list", "", "list what partners sent", 0, 0, inboxList},
	{"inbox get", "MESSAGE", "show a message, or take its document", 1, 1, inboxGet},
	{"inbox ack", "MESSAGE...", "note that messages were taken over", 1, 1000, inboxAck},
	{"inbox explain", "MESSAGE", "say what the values of a received document were read as", 1, 1, inboxExplain},
	{"inbox watch", "", "follow what partners send", 0, 0, inboxWatch},
	{"subscription create", "NAME", "begin a subscription, by which systems share what partners sent", 1, 1, subscriptionCreate},
	{"subscription list", "", "list the subscriptions, and who has fetched by them last", 0, 0, subscriptionList},
	{"subscription show", "NAME", "show a subscription, and who has what is not acknowledged, until when", 1, 1, subscriptionShow},
	{"subscription end", "NAME", "end a subscription for good; its name is not used again", 1, 1, subscriptionEnd},
	{"fetch", "NAME", "fetch by a subscription what no other system has, and hold it under a lease", 1, 1, fetch},
	{"acknowledge", "NAME MESSAGE...", "note that messages of a lease are dealt with: all that are named, or none", 2, 101, acknowledge},
	{"lease renew", "NAME", "hold on to what is left of a lease", 1, 1, leaseRenew},
	{"lease release", "NAME", "give back what is left of a lease: whoever fetches next gets it at once", 1, 1, leaseRelease},
	{"report coverage", "", "count what has crossed in a month, and what announced it (supervisor, analyst); -o svg draws it", 0, 0, coverage},
	{"parked", "", "list what could not be read, judged or handed over, and why (operator)", 0, 0, parked},
	{"decode", "[ID...]", "judge again what is parked, by the tables now loaded; without ids, all (operator)", 0, 1000, decode},
	{"balance", "[PARTNER]", "show how what partners hold compares with what is held here; of one partner, compare now (operator)", 0, 1, balance},
	{"message list", "", "list all messages, sent and received, without their documents (analyst)", 0, 0, messageList},
	{"message explain", "MESSAGE", "explain any message, without data of persons and prices (analyst)", 1, 1, messageExplain},
	{"mapping list", "", "list the tables, rules, code lists and routes that are loaded (analyst)", 0, 0, mappingList},
	{"mapping show", "ID", "print one of them as it was loaded (analyst)", 1, 1, mappingShow},
	{"audit", "", "list who did what and when, in order (auditor)", 0, 0, audit},
	{"queues", "", "count what waits for the partners' verdicts, and since when (operator)", 0, 0, queues},
	{"waits", "MESSAGE|PARTNER", "say why a message, or each that waits for a partner, waits, and when it is tried next (operator)", 1, 1, waits},
	{"try", "[MESSAGE...]", "have messages, or all that waits for a partner (-partner), tried now (operator)", 0, 100, try},
	{"dead list", "", "list what ended without the partner's verdict, and why, the last first (operator)", 0, 0, deadList},
	{"redrive", "MESSAGE", "send again, under its id and with its bytes, what ended without the partner's verdict (operator)", 1, 1, redrive},
	{"repair", "MESSAGE", "make anew, under an id of its own, a message that the partner never had: with the route, table and key as they are now (operator)", 1, 1, repair},
	{"settle", "MESSAGE", "say, with reason and evidence, that what ended without the partner's verdict is settled by hand, or confirm it; it takes two persons (operator)", 1, 1, settle},
	{"partner list", "", "show the partners: their links, and what of them is valid how long (operator)", 0, 0, partnerList},
	{"partner card", "", "write this gateway's signed partner card, and print its fingerprint (operator)", 0, 0, partnerCard},
	{"partner check", "PARTNER", "try all that an exchange with a partner needs (operator)", 1, 1, partnerCheck},
	{"find", "TEXT", "find movements by a plate, container, seal, waybill, batch or carnet", 1, 1, find},
	{"movement list", "", "list movements: what a shift works by (-list), or by where they stand and when they are expected", 0, 0, movementList},
	{"movement timeline", "ID", "tell every step of a movement: when, where, who and what, and what it waits for", 1, 1, movementTimeline},
	{"movement goods", "ID", "show what was announced of a movement, as it was released", 1, 1, movementGoods},
	{"elsewhere", "TEXT", "look, for a stated reason, for what is announced to other offices: where and when", 1, 1, elsewhere},
	{"movement open", "ID", "open, for a stated reason, a movement that is announced to another office", 1, 1, movementOpen},
	{"movement paper", "ID", "say, for a stated reason, that what was announced is handled on paper: no list asks for it any more", 1, 1, movementPaper},
	{"report overrides", "", "report what posts of one's office looked for and opened beyond their routes in a shift, and why (supervisor)", 0, 0, overrides},
	{"movement", "ID", "show a movement and how it compares with what arrived", 1, 1, movement},
	{"departure", "FILE", "record that a vehicle has left (VehicleReport of an exit: national XML or canonical JSON)", 1, 1, departure},
	{"arrival", "FILE", "record what is seen at the border (ArrivalReport, or VehicleReport of an entry: national XML or canonical JSON)", 1, 1, arrival},
}

// world is what a run may touch besides files and the network.
type world struct {
	env            func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	zone           *time.Location
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := world{os.Getenv, os.Stdin, os.Stdout, os.Stderr, time.Local}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func (w world) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		overview(w.stderr)
		return exitNotRun
	}
	if args[0] == "help" {
		args = append(args[1:], "-h")
	}
	if args[0] == "-version" || args[0] == "--version" || args[0] == "version" {
		fmt.Fprintln(w.stdout, "gatewayctl", gateway.Version())
		return exitOK
	}
	if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		overview(w.stdout)
		return exitOK
	}
	if args[0] == "man" || args[0] == "completion" {
		if err := w.describe(args); err != nil {
			fmt.Fprintf(w.stderr, "gatewayctl %s: %v\n", args[0], err)
			return exitNotRun
		}
		return exitOK
	}
	cmd, rest, ok := lookUp(args)
	if !ok {
		fmt.Fprintf(w.stderr, "gatewayctl: no command %q; see gatewayctl help\n", args[0])
		return exitNotRun
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	o := options{charts: cmd.name == "report coverage"}
	do := cmd.flags(fs)
	o.register(fs, w.env)
	operands, err := parse(fs, rest)
	if errors.Is(err, flag.ErrHelp) {
		cmd.help(w.stdout, fs)
		return exitOK
	}
	if err == nil && (len(operands) < cmd.least || len(operands) > cmd.most) {
		err = fmt.Errorf("want %s", strings.TrimSpace("gatewayctl "+cmd.name+" "+cmd.operands))
	}
	if err == nil {
		err = o.check()
	}
	if err != nil {
		fmt.Fprintf(w.stderr, "gatewayctl %s: %v; see gatewayctl help %s\n", cmd.name, err, cmd.name)
		return exitNotRun
	}
	if o.zone != "" {
		w.zone, _ = time.LoadLocation(o.zone) // it is checked
	}
	s, err := o.open(w)
	if err == nil {
		defer s.conn.Close()
		err = s.answer(do(s.language(ctx), s, operands))
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitRefused
	case errors.Is(err, errUnknown):
		return exitNotRun
	}
	if s != nil && s.door.turnedAway() != nil {
		err = s.door.turnedAway()
	}
	fmt.Fprintf(w.stderr, "gatewayctl %s: %s\n", cmd.name, clean(o.plainly(err)))
	return exitNotRun
}

// lookUp finds the command that args begin with.
func lookUp(args []string) (command, []string, bool) {
	for n := min(2, len(args)); n > 0; n-- {
		for _, c := range commands {
			if c.name == strings.Join(args[:n], " ") {
				return c, args[n:], true
			}
		}
	}
	return command{}, nil, false
}

// parse reads flags before, between and after the operands, up to a "--".
func parse(fs *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		read := len(args) - fs.NArg()
		if fs.NArg() == 0 || read > 0 && args[read-1] == "--" {
			return append(operands, fs.Args()...), nil
		}
		operands, args = append(operands, fs.Arg(0)), fs.Args()[1:]
	}
}

// described are all commands, with their flags.
func described() manual.Program {
	p := manual.Program{Name: "gatewayctl", Short: "ask a customs gateway", Notes: []manual.Note{{Title: "environment", Text: environmentHelp}, {Title: "exit status", Text: exitHelp}}}
	for _, c := range commands {
		fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
		c.flags(fs)
		new(options).register(fs, func(string) string { return "" })
		p.Commands = append(p.Commands, manual.Command{Name: c.name, Operands: c.operands, Short: c.short, Flags: fs})
	}
	return p
}

// describe writes the manual page, or what a shell completes by.
func (w world) describe(args []string) error {
	switch {
	case args[0] == "man" && len(args) == 1:
		return described().Man(w.stdout)
	case args[0] == "completion" && len(args) == 2:
		return described().Complete(w.stdout, args[1])
	}
	return errors.New("want gatewayctl man, or gatewayctl completion bash|zsh")
}

func overview(w io.Writer) {
	fmt.Fprint(w, "gatewayctl asks a customs gateway.\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-24s %s\n", strings.TrimSpace(c.name+" "+c.operands), c.short)
	}
	fmt.Fprintf(w, "\nFlags of a command: gatewayctl help COMMAND\nAlso: gatewayctl version, man (a page for man), completion bash|zsh\n\n%s\n%s", environmentHelp, exitHelp)
}

func (c command) help(w io.Writer, fs *flag.FlagSet) {
	usage := strings.Join(strings.Fields("gatewayctl "+c.name+" [flags] "+c.operands), " ")
	fmt.Fprintf(w, "%s\n\n%s%s.\n\nFlags:\n", usage, strings.ToUpper(c.short[:1]), c.short[1:])
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprintf(w, "\n%s\n%s", environmentHelp, exitHelp)
}
