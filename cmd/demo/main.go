// Command demo plays the exchange of trucks' data between gateways on this
// machine, and compares everything that comes out with what it has put in. It refuses
// to say OK to anything that it has not seen happen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"customs.example/gateway/line"
)

// patience bounds the whole play; where gateways are killed it is longer by perStrike each
// time.
const (
	patience  = 55 * time.Second
	perStrike = 6 * time.Second
)

const usage = `usage: demo [-bin DIR] [-ha N | -torture N [-mutations FILE] | -trials NAME,...]

The environment says the rest:
  SEED=n    draw what the run n drew; without it every run draws anew
  OUT=dir   leave every message, receipt, trace and comparison there as files
  KEEP=1    leave the gateways running, and say how to talk to them
`

func main() {
	bin := flag.String("bin", "bin", "directory of gatewayd and gatewayctl")
	ha := flag.Int("ha", 0, "instead, hand in so many consignments to two gateways on one PostgreSQL database, and kill one in mid-stream")
	kills := flag.Int("torture", 0, "instead, kill or stop gateways and their PostgreSQL so many times under load")
	changes := flag.String("mutations", "", "instead, so often as -torture says, strike gateways that were made with each change in `FILE`, and want it found")
	names := flag.String("trials", "", "instead, treat two gateways on files badly, in each of these ways: "+trialNames()+"; or all")
	earlier := flag.String("earlier", "bin/earlier", "directory of gatewayd as it was at an earlier commit, which the trial upgrade begins with")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name, bound, play := "demo", patience, run
	switch {
	case *changes != "":
		name, bound = "torture-check", time.Hour
		play = func(ctx context.Context, _ string, seed uint64) error {
			return mutants(ctx, &screen{w: os.Stdout}, *changes, seed, plan{max(*kills, 1), 6 * time.Second, time.Second, 3 * time.Second, nil})
		}
	case *names != "":
		name, bound = "torture", trialFor*time.Duration(len(trials))
		play = func(ctx context.Context, bin string, seed uint64) error {
			which, err := chosenTrials(*names)
			if err != nil {
				return err
			}
			return temporarily("customs-trials-", func(dir string) error {
				return tried(ctx, &screen{w: os.Stdout}, bin, dir, seed, which, extent{earlier: *earlier, clients: clients, synced: 150, cuts: 40, locked: time.Minute, backlog: 10_000, room: 96 << 20})
			})
		}
	case *kills > 0:
		name, bound = "torture-store", patience+time.Duration(*kills)*perStrike
		play = func(ctx context.Context, bin string, seed uint64) error {
			return temporarily("customs-torture-", func(dir string) error {
				return torture(ctx, &screen{w: os.Stdout}, bin, dir, seed, plan{*kills, 10 * time.Second, 200 * time.Millisecond, time.Second, line.Each(awkward)})
			})
		}
	case *ha > 0:
		name = "demo-ha"
		play = func(ctx context.Context, bin string, seed uint64) error {
			return temporarily("customs-demo-ha-", func(dir string) error {
				return highlyAvailable(ctx, &screen{w: os.Stdout}, bin, dir, seed, *ha)
			})
		}
	}
	seed, err := seeded()
	if err == nil {
		fmt.Printf("SEED=%d repeats what this run draws.\n", seed)
		ctx, cancel := context.WithTimeout(ctx, bound)
		err = play(ctx, *bin, seed)
		cancel()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	fmt.Println(name + ": OK")
}

// seeded is the seed of what a run draws.
func seeded() (uint64, error) {
	text := os.Getenv("SEED")
	if text == "" {
		return uint64(time.Now().UnixNano() % 1_000_000), nil
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("SEED: %w", err)
	}
	return seed, nil
}

func run(ctx context.Context, bin string, seed uint64) (err error) {
	keep := os.Getenv("KEEP") == "1"
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "customs-demo-")
	if err != nil {
		return err
	}
	out := os.Getenv("OUT")
	if out != "" {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return fmt.Errorf("OUT: %w", err)
		}
	}
	p := &play{screen: &screen{w: os.Stdout}, dice: roll(seed), bin: bin, dir: dir, out: out, now: time.Now}
	p.printf("Customs gateways of China, Russia and Kazakhstan exchange trucks' data. All data are invented.\n")
	defer func() {
		if keep && err == nil {
			p.howToTalk()
			return
		}
		if err = errors.Join(err, p.end()); err != nil {
			err = fmt.Errorf("%w\n(the gateways' files are in %s)", err, dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	for _, step := range []func(context.Context) error{
		p.startGateways,
		p.manifestIsHeld, p.exitReportCompletes, p.noticeIsRight, p.traceIsRight,
		p.russiaAnswers, p.truckArrives, p.russiaSends, p.truckDoesNotGo, p.waybillIsChanged,
		p.elevenFaults, p.strangerIsRefused, p.sameIDOtherContent, p.priceStaysHome, p.kazakhstanFetches,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("step %d: %w", p.steps, err)
		}
	}
	return p.screen.err
}
