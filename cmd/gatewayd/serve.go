package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

func serve(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	file := flags.String("config", "", "configuration file")
	check := flags.Bool("check", false, "check the configuration and all data, print every fault, and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() > 0 {
		return errors.New("give -config FILE")
	}
	s, chain, tolerances, err := prepare(*file)
	if err != nil {
		if *check {
			fmt.Fprintln(std.out, err)
			return errFaulty
		}
		return err
	}
	if *check {
		fmt.Fprintln(std.out, "the configuration is in order")
		return nil
	}
	log := slog.New(slog.NewJSONHandler(std.err, nil))
	registry, err := mtls.NewRegistry(time.Now, s.parties)
	if err != nil {
		return err
	}
	registry.Refused = func(certificate gateway.Digest, f gateway.Fault) {
		log.Warn("certificate refused", "code", f.Code, "certificate", certificate)
	}
	db, err := store.Open(ctx, s.Database, time.Now)
	if err != nil {
		return err
	}
	defer db.Close()
	links, closeLinks, err := s.links(registry)
	if err != nil {
		return err
	}
	defer closeLinks()
	collectEarly(s.limits)
	g := flow.New(flow.Options{
		Own: s.Administration, Chain: chain, Store: db, Keys: s.keys, Trust: s.trust, Tolerances: tolerances,
		Links: links, Caps: s.caps(), Budget: budget.New(s.limits), Disk: diskOf(s.Database), Now: time.Now, NewID: uuid.NewString, Jitter: rand.Float64, Log: log,
	})
	doors := server.New(server.Options{Flow: g, Registry: registry, Certificate: s.certificate, Callers: s.callers, Log: log})
	return s.listen(ctx, g, doors, std)
}

// prepare loads the configuration and all data; its error holds the faults of both.
func prepare(file string) (*setup, *flow.Chain, reconcile.Tolerances, error) {
	s, err := loadConfig(file)
	if s == nil {
		return nil, nil, reconcile.Tolerances{}, err
	}
	chain, chainErr := loadChain(s.Data)
	tables, _, dataErr := data(s.Data)
	if dataErr != nil {
		return nil, nil, reconcile.Tolerances{}, errors.Join(err, dataErr)
	}
	tolerances, tolErr := reconcile.LoadTolerances(tables)
	if chainErr == nil {
		chain.Routes, chainErr = chain.Routes.Only(s.Routes)
	}
	return s, chain, tolerances, errors.Join(err, chainErr, tolErr)
}

// links prepares a link for every administration that a partner speaks for.
func (s *setup) links(registry *mtls.Registry) (map[gateway.Administration]flow.Link, func(), error) {
	links := make(map[gateway.Administration]flow.Link)
	var open []*peer.Link
	closeAll := func() {
		for _, l := range open {
			l.Close()
		}
	}
	for _, p := range s.partners {
		link, err := peer.NewLink(p, registry.ClientConfig(s.certificate, p.URI))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		open = append(open, link)
		for _, a := range p.Administrations {
			links[a] = link
		}
	}
	return links, closeAll, nil
}

// caps are those of the administrations that partners speak for.
func (s *setup) caps() map[gateway.Administration]int {
	caps := make(map[gateway.Administration]int)
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			caps[a] = int(p.Cap)
		}
	}
	return caps
}

// listen opens the doors and runs the couriers until the context ends.
func (s *setup) listen(ctx context.Context, g *flow.Gateway, doors *server.Server, std stdio) error {
	grpcDoor, err := net.Listen("tcp", s.Listen.GRPC)
	if err != nil {
		return fmt.Errorf("listen.grpc: %w", err)
	}
	restDoor, err := net.Listen("tcp", s.Listen.REST)
	if err != nil {
		grpcDoor.Close()
		return fmt.Errorf("listen.rest: %w", err)
	}
	fmt.Fprintf(std.out, "%s gateway: grpc %s, rest %s\n", s.Administration, grpcDoor.Addr(), restDoor.Addr())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { g.Run(ctx) })
	err = doors.Serve(ctx, grpcDoor, restDoor)
	cancel()
	running.Wait()
	return err
}
