// Command partnersim plays an awkward partner, for those who build the other side and for tests: the gateway
// of a configuration, gatewayd itself with a store of its own, behind lines that do to what travels what
// networks and partners do. It answers what certain waybill numbers ask for, as README.md beside it says. It
// refuses to listen on any address but this machine's, and to judge anything: its gateway does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"customs.example/gateway/line"
)

const usage = `usage: partnersim -config FILE [-seed N] [-all PERCENT] [-MISDEED PERCENT ...] [-pause TIME] [-late TIME] [-behind ADDRESS] [-behind-rest ADDRESS]

It takes the place of gatewayd serve -config FILE: partners call the same address. Each call of a partner, and
each call to a partner, meets each misdeed with the same odds; a seed repeats what was drawn. What certain
waybill numbers are answered by stands in cmd/partnersim/README.md.
`

// options are what a person asks for.
type options struct {
	config, gatewayd   string
	behind, behindREST string
	seed               uint64
	odds               line.Odds
	pause, late        time.Duration
}

// readOptions reads the command line strictly.
func readOptions(args []string, errs io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("partnersim", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.config, "config", "", "configuration `FILE` of the gateway that is played, as gatewayd takes it")
	flags.StringVar(&o.gatewayd, "gatewayd", "", "gatewayd to run; left out: the one beside partnersim, or of the PATH")
	flags.StringVar(&o.behind, "behind", "", "`ADDRESS` where the gateway itself listens, for its own administration's callers; left out: a free one")
	flags.StringVar(&o.behindREST, "behind-rest", "", "`ADDRESS` of its REST door, likewise")
	flags.Uint64Var(&o.seed, "seed", 0, "`N` by which is drawn; 0: another each time")
	flags.DurationVar(&o.pause, "pause", 200*time.Millisecond, "how long a call is held back at most")
	flags.DurationVar(&o.late, "late", 10*time.Second, "how long a late verdict is waited for")
	all := flags.Float64("all", 5, "`PERCENT` of the calls that each misdeed meets for which no other is given")
	each := make(map[line.Misdeed]*float64)
	for _, m := range line.Misdeeds {
		each[m] = flags.Float64(string(m), -1, "`PERCENT` of the calls that meet this; left out: as -all says")
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.odds = make(line.Odds)
	for m, percent := range each {
		if *percent == -1 {
			percent = all
		}
		if !(*percent >= 0 && *percent <= 100) {
			return o, fmt.Errorf("-%s %v: want a percentage, 0 to 100", m, *percent)
		}
		o.odds[m] = *percent / 100
	}
	switch {
	case o.config == "" || flags.NArg() > 0:
		return o, errors.New("give -config FILE")
	case o.pause < 0 || o.pause > maxPause:
		return o, fmt.Errorf("-pause %v: want 0 to %v", o.pause, maxPause)
	case o.late < 0 || o.late > maxLate:
		return o, fmt.Errorf("-late %v: want 0 to %v", o.late, maxLate)
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()%1_000_000) + 1
	}
	return o, nil
}

// maxPause and maxLate bound how long anybody is kept waiting.
const (
	maxPause = 10 * time.Second
	maxLate  = 24 * time.Hour
)

func main() {
	runtime.LockOSThread() // the gateway is told of the end of the thread that has started it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := readOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = play(ctx, o, &screen{w: os.Stdout})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "partnersim:", err)
		os.Exit(1)
	}
}

// screen prints lines that several have to say.
type screen struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// play plays the partner until the context ends.
func play(ctx context.Context, o options, out *screen) (err error) {
	s, err := newStage(o)
	if err != nil {
		return err
	}
	g, err := startGateway(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	a, err := newAnswers(s, o.late, out)
	if err != nil {
		return err
	}
	defer a.close()
	var told line.Told
	lines, err := s.lines(o, a.deliver, func(d line.Done) {
		told.Note(d)
		out.say("%s", d)
	})
	if err != nil {
		return err
	}
	failed := make(chan error, 2*len(lines))
	var serving sync.WaitGroup
	for _, l := range lines {
		for _, d := range l.doors {
			serving.Go(func() { failed <- d.serve(d.at) })
		}
	}
	out.say("seed %d: partnersim -seed %d repeats what is drawn", o.seed, o.seed)
	out.say("%s: partners call grpc %s, rest %s; its own administration calls grpc %s, rest %s", s.own, s.Listen.GRPC, s.Listen.REST, s.behind, s.rest)
	select {
	case <-ctx.Done():
	case err = <-failed:
	case err = <-g.exited:
		err = fmt.Errorf("the gateway has ended: %w\n%s", err, g.tail())
		g.exited = nil
	}
	var mismatches []string
	for _, l := range lines {
		l.Close()
		mismatches = append(mismatches, l.Mismatches()...)
	}
	serving.Wait()
	out.say("misdeeds: %s", told.Counts())
	slices.Sort(mismatches)
	for _, m := range mismatches {
		err = errors.Join(err, errors.New(m))
	}
	return err
}
