package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/card"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
)

// Introduction is what a gateway tells of itself, and how it looks at its partners.
type Introduction struct {
	// URI is the gateway's own identity.
	URI string
	// Card returns the gateway's own card, signed now, and its fingerprint.
	Card func() ([]byte, gateway.Digest, error)
	// Ends returns when what this gateway and its partners depend on ends.
	Ends func() []mtls.Expiry
	// Links are the ways to partners, by the administrations for which they speak.
	Links map[gateway.Administration]Link
	// Known are all routes, those of partners too.
	Known *release.Routes
	// Samples returns documents that make one message of a route; none: it has no sample.
	Samples func(route string) []flow.File
}

// Link is the way to a partner, for who looks after it.
type Link interface {
	Partner() peer.Partner
	// State is how it stands: connected, connecting, failing or idle, or folder where there is no connection.
	State() string
}

// connecting is a way by a connection.
type connecting interface {
	Resolve(context.Context) ([]string, error)
	Connect(context.Context) (time.Duration, error)
	Greet(context.Context) (mtls.Shown, error)
	// Own is our own certificate, as the partner sees it.
	Own() mtls.Shown
}

// introducing is a way over which a partner's gateway says who it is.
type introducing interface {
	Introduce(context.Context, func() time.Time) (peer.Introduction, error)
}

// maxEcho is how many bytes come back to who asks for an introduction.
const maxEcho = 64

// Introduce tells a partner the clock and the card, which is empty as long as it cannot be made.
func (s peers) Introduce(ctx context.Context, r *exchangev1.IntroduceRequest) (*exchangev1.IntroduceResponse, error) {
	if len(r.Echo) > maxEcho {
		return nil, status.Errorf(codes.InvalidArgument, "echo: want at most %d bytes", maxEcho)
	}
	own, _, err := s.introduction.Card()
	if err != nil { // that there is none says enough: what is wrong with our files is not the partner's to know
		s.log.Tell(callOf(ctx).attributed(event.Event{Name: event.InternalError, Cause: fmt.Errorf("own card: %w", err)}))
	}
	return &exchangev1.IntroduceResponse{Echo: r.Echo, Now: timestamppb.New(s.flow.Now()), Card: own}, nil
}

type introductions struct {
	exchangev1.UnimplementedPartnerServiceServer
	*Server
}

func (s introductions) Card(ctx context.Context, _ *exchangev1.CardRequest) (*exchangev1.PartnerCard, error) {
	raw, fingerprint, err := s.introduction.Card()
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.PartnerCard{Card: raw, Fingerprint: fingerprint.String()}, nil
}

// List shows each partner once, whatever administrations it speaks for.
func (s introductions) List(ctx context.Context, _ *exchangev1.ListPartnersRequest) (*exchangev1.ListPartnersResponse, error) {
	waiting, err := s.flow.Store.Read().Waiting(ctx)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	states, err := s.flow.BalanceStates(ctx)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	ends := s.introduction.Ends()
	out := &exchangev1.ListPartnersResponse{Own: s.validities(ends, s.introduction.URI, string(s.flow.Own))}
	for _, a := range slices.Sorted(maps.Keys(s.introduction.Links)) {
		link := s.introduction.Links[a]
		at := link.Partner()
		if slices.ContainsFunc(out.Partners, func(p *exchangev1.Partner) bool { return p.Uri == at.URI }) {
			continue
		}
		p := &exchangev1.Partner{Uri: at.URI, Address: at.Address, Link: link.State(), Open: true}
		if s.flow.Pulls(a) {
			p.Link = "fetches" // nobody calls it
		}
		parties := []string{at.URI}
		for _, of := range slices.Sorted(slices.Values(at.Administrations)) {
			p.Administrations = append(p.Administrations, string(of))
			parties = append(parties, string(of))
			if d := s.delivering(of); d != nil {
				p.Delivering = append(p.Delivering, d)
			}
			for _, w := range waiting {
				if w.Recipient != of {
					continue
				}
				p.Waiting += int32(w.Count)
				if p.Oldest == nil || w.Oldest.Before(p.Oldest.AsTime()) {
					p.Oldest = stamp(w.Oldest)
				}
			}
			for _, b := range states {
				p.Open = p.Open && (b.Partner != of || b.Open)
			}
		}
		p.Validities = s.validities(ends, parties...)
		out.Partners = append(out.Partners, p)
	}
	return out, nil
}

// validities are what of some parties ends when.
func (s introductions) validities(ends []mtls.Expiry, parties ...string) (out []*exchangev1.Validity) {
	for _, e := range ends {
		if slices.Contains(parties, e.Party) {
			left := int32(math.Floor(e.End.Sub(s.flow.Now()).Hours() / 24))
			out = append(out, &exchangev1.Validity{Kind: e.Kind, Subject: e.Subject, Until: stamp(e.End), DaysLeft: left})
		}
	}
	return out
}

func (s introductions) Queues(ctx context.Context, _ *exchangev1.ListQueuesRequest) (*exchangev1.ListQueuesResponse, error) {
	waiting, err := s.flow.Store.Read().Waiting(ctx)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListQueuesResponse{}
	for _, w := range waiting {
		out.Queues = append(out.Queues, &exchangev1.Queue{
			Partner: string(w.Recipient), Route: w.Route, State: string(w.State), Messages: int32(w.Count), Oldest: stamp(w.Oldest),
			Age: int64(max(s.flow.Now().Sub(w.Oldest), 0) / time.Second), Fetched: s.flow.Pulls(w.Recipient),
		})
		known := slices.ContainsFunc(out.Delivering, func(d *exchangev1.Delivering) bool { return d.Partner == string(w.Recipient) })
		if d := s.delivering(w.Recipient); d != nil && !known {
			out.Delivering = append(out.Delivering, d)
		}
	}
	return out, nil
}

func (s introductions) Check(r *exchangev1.CheckPartnerRequest, stream exchangev1.PartnerService_CheckServer) error {
	ctx := stream.Context()
	with := gateway.Administration(strings.ToUpper(r.Partner))
	link, ok := s.introduction.Links[with]
	if !ok {
		var names []string
		for _, a := range slices.Sorted(maps.Keys(s.introduction.Links)) {
			names = append(names, string(a))
		}
		return s.refusal(ctx, gateway.Fault{
			Code: gateway.PartnerUnknown, Severity: gateway.Error, Value: r.Partner, Expected: gateway.Term(strings.Join(names, ", ")),
		})
	}
	c := &partnerCheck{Server: s.Server, with: with, link: link, stream: stream}
	c.way(ctx)
	c.samples(ctx)
	return c.broken
}

// partnerCheck tries one step after the other. What needs a step that failed is left out.
type partnerCheck struct {
	*Server
	with   gateway.Administration
	link   Link
	stream exchangev1.PartnerService_CheckServer
	desk   string // whom to call at the partner's
	broken error  // of the stream
}

func (c *partnerCheck) send(step *exchangev1.PartnerCheck) {
	if c.broken == nil {
		c.broken = c.stream.Send(step)
	}
}

func (c *partnerCheck) well(step, subject, found string) {
	c.send(&exchangev1.PartnerCheck{Step: step, Subject: subject, Found: found})
}

func (c *partnerCheck) report(step, subject string, f gateway.Fault) {
	if f.Severity == "" {
		f.Severity = gateway.Error
	}
	out := &exchangev1.PartnerCheck{Step: step, Subject: subject, Fault: presentFaults(gateway.Faults{f}, language(c.stream.Context()))[0]}
	if f.Mender() == gateway.ByPartner {
		out.DutyDesk = c.desk
	}
	c.send(out)
}

// endsSoon is how many days before its end a certificate or key is told.
const endsSoon = 30

// days tells how long something is valid still.
func (c *partnerCheck) days(step, subject string, end time.Time) {
	left := int(end.Sub(c.flow.Now()).Hours() / 24)
	if left < endsSoon {
		c.report(step, subject, gateway.Fault{Code: gateway.PartnerEnds, Severity: gateway.Warning, Value: subject, Found: gateway.Term(strconv.Itoa(left))})
		return
	}
	c.well(step, subject, strconv.Itoa(left)+" d")
}

// way goes from the partner's name to its card.
func (c *partnerCheck) way(ctx context.Context) {
	at := c.link.Partner()
	if c.flow.Pulls(c.with) && at.Address == "" { // nobody calls it
		c.well("connection", at.URI, "pull")
		for _, e := range c.access.registry.Expiries() {
			if e.Party == at.URI {
				c.days("certificate", e.Kind+" "+e.Subject, e.End)
			}
		}
		return
	}
	link, ok := c.link.(connecting)
	if !ok {
		c.well("connection", at.URI, c.link.State())
		return
	}
	addresses, err := link.Resolve(ctx)
	if err != nil {
		c.report("name", at.Address, gateway.Fault{Code: gateway.PartnerName, Value: at.Address})
		return
	}
	c.well("name", at.Address, strings.Join(addresses, ", "))
	took, err := link.Connect(ctx)
	if err != nil {
		c.report("connection", at.Address, gateway.Fault{Code: gateway.PartnerConnect, Value: at.Address})
		return
	}
	c.well("connection", at.Address, span(took))
	shown, err := link.Greet(ctx)
	var refused gateway.Fault
	switch {
	case errors.As(err, &refused):
		c.report("tls", at.URI, refused)
		return
	case err != nil:
		c.report("tls", at.URI, gateway.Fault{Code: gateway.PartnerTLS, Value: at.Address, Expected: gateway.Term(at.URI)})
		return
	}
	c.well("tls", at.URI, "TLS 1.3")
	c.days("certificate", at.URI, shown.Ends)
	for _, e := range c.access.registry.Expiries() {
		if e.Party == at.URI {
			c.days("certificate", e.Kind+" "+e.Subject, e.End)
		}
	}
	own := link.Own()
	c.days("certificate", own.URI, own.Ends)
	asked, ok := c.link.(introducing)
	if !ok { // by plain HTTPS nobody is asked who they are
		c.well("call", at.URI, "https")
		return
	}
	told, err := asked.Introduce(ctx, c.flow.Now)
	if err != nil {
		c.report("call", at.URI, gateway.Fault{Code: gateway.PartnerCall, Value: at.URI})
		return
	}
	c.well("call", at.URI, span(told.Took))
	c.clock(told)
	theirs, _, err := card.Parse(told.Card)
	if err != nil || theirs.Administration != c.with && !slices.Contains(at.Administrations, theirs.Administration) || theirs.URI != at.URI {
		c.report("card", at.URI, gateway.Fault{Code: gateway.PartnerCard, Value: string(c.with)})
		return
	}
	c.well("card", at.URI, theirs.Issued.Format(time.RFC3339))
	c.desk = theirs.DutyDesk
	c.keys(theirs, shown.Pin)
	c.formats(theirs)
}

// clock compares the two clocks; less than half a journey apart nothing can be told.
func (c *partnerCheck) clock(told peer.Introduction) {
	apart := told.Now.Sub(told.Asked).Abs()
	if apart > seal.NoticedSkew && apart > told.Took {
		c.report("clock", "", gateway.Fault{
			Code: gateway.PartnerClock, Severity: gateway.Warning, Value: apart.Round(time.Second).String(), Expected: gateway.Term(seal.Skew.String()),
		})
		return
	}
	c.well("clock", "", span(apart))
}

// keys compares what the partner shows and signs with to what is believed here.
func (c *partnerCheck) keys(theirs card.Card, shown gateway.Digest) {
	here := c.access.registry.Pins(theirs.URI)
	for _, pin := range theirs.Pins {
		if len(here) > 0 && !slices.Contains(here, pin) {
			c.report("pin", pin.String(), gateway.Fault{Code: gateway.PartnerPin, Value: pin.String()})
			continue
		}
		c.well("pin", pin.String(), map[bool]string{true: "shown"}[pin == shown])
	}
	if !slices.Contains(theirs.Pins, shown) {
		c.report("pin", shown.String(), gateway.Fault{Code: gateway.PartnerCard, Value: string(c.with)})
	}
	for _, k := range theirs.Keys {
		v, err := k.Verifier(theirs.Administration)
		if err != nil || !v.Until.After(c.flow.Now()) {
			continue // what ended proves nothing new
		}
		if !c.flow.Trust.Has(v) {
			c.report("key", k.ID, gateway.Fault{Code: gateway.PartnerKey, Value: k.ID})
			continue
		}
		c.days("key", k.ID, k.Until)
	}
}

// formats compares the schemas that documents are checked by at both ends.
func (c *partnerCheck) formats(theirs card.Card) {
	own := c.flow.Own
	compare := func(r *release.Route, direction string, partner gateway.Administration) {
		digest, ok := c.flow.Chain.SchemaDigest(r.Table)
		same := slices.ContainsFunc(theirs.Formats, func(f card.Format) bool {
			return f.Direction == direction && f.Partner == string(partner) && f.Kind == r.Kind && f.Table == r.Table && f.Schema == digest
		})
		if !ok || !same {
			c.report("format", r.Name, gateway.Fault{Code: gateway.PartnerFormat, Value: r.Name, Expected: gateway.Term(r.Table)})
			return
		}
		c.well("format", r.Name, r.Table)
	}
	for _, r := range c.introduction.Known.All() {
		switch {
		case r.From == own && r.To == c.with && c.active(r):
			compare(r, card.Reads, own)
		case r.From == c.with && r.To == own:
			compare(r, card.Sends, own)
		}
	}
}

func (c *partnerCheck) active(r *release.Route) bool {
	_, ok := c.flow.Chain.Routes.Route(r.Name)
	return ok
}

// samples translates a sample of each active route to the partner.
func (c *partnerCheck) samples(ctx context.Context) {
	for _, r := range c.flow.Chain.Routes.All() {
		if r.From != c.flow.Own || r.To != c.with {
			continue
		}
		files := c.introduction.Samples(r.Name)
		if len(files) == 0 {
			continue
		}
		t, faults, err := c.flow.Chain.Rehearse(ctx, r, files, "00000000-0000-4000-8000-000000000000", c.flow.Now())
		switch {
		case ctx.Err() != nil:
			c.broken = ctx.Err()
			return
		case err != nil:
			c.broken = c.refusal(ctx, err)
			return
		case t == nil:
			var codes []string
			for _, f := range faults {
				if f.Severity == gateway.Error && !slices.Contains(codes, string(f.Code)) {
					codes = append(codes, string(f.Code))
				}
			}
			c.report("sample", r.Name, gateway.Fault{Code: gateway.PartnerSample, Value: r.Name, Found: gateway.Term(strings.Join(codes, ", "))})
		default:
			c.well("sample", r.Name, r.Table)
		}
	}
}

// span is a short time as people read it.
func span(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), 0), 10) + " ms" }
