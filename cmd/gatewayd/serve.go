package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"customs.example/gateway"
	"customs.example/gateway/budget"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/folder"
	"customs.example/gateway/metrics"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

func serve(ctx context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	file := flags.String("config", "", "configuration file")
	check := flags.Bool("check", false, "check the configuration and all that it names, print everything that is found, and exit; nothing is changed")
	var how told
	how.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || flags.NArg() > 0 {
		return errors.New("give -config FILE")
	}
	if err := how.check(); err != nil {
		return err
	}
	out := std.err
	if *check {
		out = std.out
	}
	now := clock()
	s, found, err := prepare(*file, now(), loadChain)
	if *check && len(found) > 0 || found.Refuse() {
		if err := how.print(out, found); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if found.Refuse() {
		return errors.New("this configuration will not work")
	}
	if *check {
		if len(found) > 0 {
			return nil
		}
		return how.print(out, nil)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	db, err := store.OpenCounted(ctx, s.Database, counterFile(s.trustBase()), now)
	if err != nil {
		return how.done(std, err)
	}
	defer db.Close()
	if err := db.Own(ctx, s.Administration); err != nil {
		return how.done(std, err)
	}
	var keys *keeper
	room := budget.New(s.limits)
	var g *flow.Gateway
	figures := metrics.New(metrics.Sources{
		Now: now, Queues: s.queues(db), Budget: room.Usage, Validities: func() []metrics.Validity { return validities(keys) },
		Balances: func(ctx context.Context) ([]metrics.Balance, error) { return balances(ctx, g) },
		Links:    func() []metrics.Link { return s.deliveries(g) },
	})
	log := event.NewLog(slog.New(s.Log.handler(std.err)), figures)
	server.TakeLibraries(log)
	db.OnDamage(func(d store.Damage) { log.Tell(event.Event{Name: event.RowDamaged, Cause: d}) })
	db.OnCounter(func(err error) {
		name := event.CounterOfNoUse
		if errors.As(err, new(store.TailLost)) {
			name = event.DatabaseBehind
		}
		log.Tell(event.Event{Name: name, Cause: err})
	})
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-ctx.Done():
		case <-db.Failed():
			log.Tell(event.Event{Name: event.StoreFailed, Cause: db.Failure()})
			end()
		}
	}()
	for _, f := range found {
		log.Tell(event.Event{Name: event.ConfigurationNoted, Code: f.Code, What: f.Path})
	}
	if keys, err = newKeeper(s, log, now); err != nil {
		return err
	}
	keys.registry.Refused = func(certificate gateway.Digest, f gateway.Fault) {
		log.Tell(event.Event{Name: event.CertificateRefused, Code: f.Code, Certificate: certificate})
	}
	keys.unit = func(ctx context.Context, work func(*store.Tx) error) error {
		_, err := db.Do(ctx, work)
		return err
	}
	if err := keys.begin(ctx); err != nil {
		return err
	}
	folders, err := s.folders(log, func() *flow.Gateway { return g })
	if err != nil {
		return err
	}
	links, closeLinks, err := s.links(keys.registry, folders)
	if err != nil {
		return err
	}
	defer closeLinks()
	collectEarly(s.limits)
	g = flow.New(flow.Options{
		Own: s.Administration, Chain: s.chain, Store: db, Keys: s.keys, Trust: s.trust, Tolerances: s.tolerances, Agreements: s.agreements,
		Links: s.carrying(links), Fetches: s.fetches(), Sources: s.sources(links), Caps: s.caps(), InFlight: s.inFlight(), AttachmentTerms: s.attachmentTerms(), Retention: s.retention(), Budget: room, Disk: diskOf(s.trustBase()),
		Now: now, NewID: uuid.NewString, Jitter: rand.Float64, Log: log,
	})
	monitor := server.NewMonitor(log, now, figures.Handler(log.Library("prometheus")), s.needs(db, keys)...)
	own, err := mtls.URI(s.certificate.Leaf)
	if err != nil {
		return err
	}
	doors := server.New(server.Options{Flow: g, Registry: keys.registry, Certificate: s.certificate, Callers: s.callers, Monitor: monitor, Log: log, Loaded: s.loaded, Conversations: s.conversations,
		Introduction: server.Introduction{URI: own, Ends: keys.Ends, Card: func() ([]byte, gateway.Digest, error) { return s.signedCard(now()) }, Links: lookedAfter(links), Known: s.known, Samples: s.samples},
	})
	background := []func(context.Context){g.Run, func(ctx context.Context) { keys.run(ctx, hangup) }}
	for _, f := range folders {
		background = append(background, f.Run)
	}
	return errors.Join(s.listen(ctx, std, doors, monitor, log, background...), db.Failure())
}

// partnerLink is the way to a partner: by gRPC, by plain HTTPS or by files.
type partnerLink interface {
	flow.Link
	server.Link
	Close() error
}

// links prepares a link for every administration that a partner speaks for.
func (s *setup) links(registry *mtls.Registry, folders map[string]*folder.Folder) (map[gateway.Administration]partnerLink, func(), error) {
	links := make(map[gateway.Administration]partnerLink)
	var open []partnerLink
	closeAll := func() {
		for _, l := range open {
			l.Close()
		}
	}
	for i, p := range s.partners {
		var link partnerLink
		switch c := s.Partners[i]; c.Mode {
		case modeFolder:
			link = folders[p.URI]
		case modeHTTPS:
			if with := s.conversations[p.URI]; with != nil {
				link = peer.NewSOAP(p, registry, s.certificate, *with, time.Now)
				break
			}
			link = peer.NewHTTPS(p, registry, s.certificate, c.Receipts == receiptsPlain, time.Now)
		default:
			var err error
			if link, err = peer.NewLink(p, registry, s.certificate); err != nil {
				closeAll()
				return nil, nil, err
			}
		}
		open = append(open, link)
		for _, a := range p.Administrations {
			links[a] = link
		}
	}
	return links, closeAll, nil
}

// carrying are links as those who deliver see them.
func (s *setup) carrying(links map[gateway.Administration]partnerLink) map[gateway.Administration]flow.Link {
	out := make(map[gateway.Administration]flow.Link, len(links))
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			out[a] = links[a]
			if p.Questions == questionsNone {
				out[a] = unasked{links[a]}
			}
		}
	}
	return out
}

// unasked is a link over which nothing is asked.
type unasked struct{ flow.Link }

// lookedAfter are links as those who look after them see them.
func lookedAfter(links map[gateway.Administration]partnerLink) map[gateway.Administration]server.Link {
	out := make(map[gateway.Administration]server.Link, len(links))
	for a, l := range links {
		out[a] = l
	}
	return out
}

// fetches are the administrations whose partners fetch what is for them.
func (s *setup) fetches() map[gateway.Administration]flow.Fetches {
	out := make(map[gateway.Administration]flow.Fetches)
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			if p.pulls() {
				out[a] = flow.Fetches{Plain: p.Receipts == receiptsPlain}
			}
		}
	}
	return out
}

// sources are the partners from which is fetched what they have for us.
func (s *setup) sources(links map[gateway.Administration]partnerLink) (out []flow.Source) {
	for _, p := range s.Partners {
		if link, ok := links[p.Administrations[0]].(*peer.Link); ok && p.Fetch > 0 {
			out = append(out, flow.Source{URI: p.URI, Administrations: p.Administrations, Every: p.Fetch, Link: link})
		}
	}
	return out
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

// attachmentTerms are which attachments are fetched of the administrations that partners speak for.
func (s *setup) attachmentTerms() map[gateway.Administration]flow.AttachmentTerms {
	out := make(map[gateway.Administration]flow.AttachmentTerms)
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			f := p.Attachments
			out[a] = flow.AttachmentTerms{Kinds: f.Kinds, Each: int64(f.Each), Total: int64(f.Total), Retention: f.Retention}
		}
	}
	return out
}

// retention is how long documents are kept of which no route says it.
func (s *setup) retention() flow.Retention {
	r := flow.Retention{Own: s.Retention, Of: make(map[gateway.Administration]time.Duration)}
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			r.Of[a] = p.Retention
		}
	}
	return r
}

// inFlight is how many messages travel at once to the administrations that partners speak for, where the
// configuration says it.
func (s *setup) inFlight() map[gateway.Administration]int {
	most := make(map[gateway.Administration]int)
	for _, p := range s.Partners {
		for _, a := range p.Administrations {
			most[a] = p.InFlight
		}
	}
	return most
}

// listen opens the doors, and runs what runs beside them until the context ends.
func (s *setup) listen(ctx context.Context, std stdio, doors *server.Server, monitor *server.Monitor, log *event.Log, background ...func(context.Context)) error {
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
	for _, work := range background {
		running.Go(func() { work(ctx) })
	}
	err = doors.Serve(ctx, grpcDoor, restDoor)
	cancel()
	running.Wait()
	log.Tell(event.Event{Name: event.GatewayStopped, Party: string(s.Administration)})
	return err
}
