package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/metrics"
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
	db, err := store.Open(ctx, s.Database, time.Now)
	if err != nil {
		return err
	}
	defer db.Close()
	figures := metrics.New(metrics.Sources{Now: time.Now, Queues: s.queues(db), Validities: s.validities})
	log := event.NewLog(slog.New(s.Log.handler(std.err)), figures)
	server.TakeLibraries(log)
	registry, err := mtls.NewRegistry(time.Now, s.parties)
	if err != nil {
		return err
	}
	registry.Refused = func(certificate gateway.Digest, f gateway.Fault) {
		log.Tell(event.Event{Name: event.CertificateRefused, Code: f.Code, Certificate: certificate})
	}
	links, closeLinks, err := s.links(registry)
	if err != nil {
		return err
	}
	defer closeLinks()
	g := flow.New(flow.Options{
		Own: s.Administration, Chain: chain, Store: db, Keys: s.keys, Trust: s.trust, Tolerances: tolerances,
		Links: links, Caps: s.caps(), Now: time.Now, NewID: uuid.NewString, Jitter: rand.Float64, Log: log,
	})
	doors := server.New(server.Options{Flow: g, Registry: registry, Certificate: s.certificate, Callers: s.callers, Log: log})
	monitor := server.NewMonitor(log, time.Now, figures.Handler(log.Library("prometheus")), s.needs(db, chain)...)
	return s.listen(ctx, g, doors, monitor, log, std)
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
func (s *setup) listen(ctx context.Context, g *flow.Gateway, doors *server.Server, monitor *server.Monitor, log *event.Log, std stdio) error {
	var open []net.Listener
	listen := func(key, address string) (net.Listener, error) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, fmt.Errorf("listen.%s: %w", key, err)
		}
		open = append(open, l)
		return l, nil
	}
	grpcDoor, err := listen("grpc", s.Listen.GRPC)
	if err != nil {
		return err
	}
	restDoor, err := listen("rest", s.Listen.REST)
	if err != nil {
		return err
	}
	addresses := []string{"grpc " + grpcDoor.Addr().String(), "rest " + restDoor.Addr().String()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	if s.Listen.Monitor != "" {
		watched, err := listen("monitor", s.Listen.Monitor)
		if err != nil {
			return err
		}
		addresses = append(addresses, "monitor "+watched.Addr().String())
		running.Go(func() {
			if err := monitor.Serve(ctx, watched); err != nil {
				log.Tell(event.Event{Name: event.MonitorFailed, Cause: err})
			}
		})
	}
	fmt.Fprintf(std.out, "%s gateway: %s\n", s.Administration, strings.Join(addresses, ", "))
	log.Tell(event.Event{Name: event.GatewayStarted, Party: string(s.Administration), Address: addresses})
	running.Go(func() { g.Run(ctx) })
	err = doors.Serve(ctx, grpcDoor, restDoor)
	cancel()
	running.Wait()
	log.Tell(event.Event{Name: event.GatewayStopped, Party: string(s.Administration)})
	return err
}
