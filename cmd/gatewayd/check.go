package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/recognition"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// prepare reads the configuration and everything it names. What it finds wrong with them is
// in the findings; an error says that the configuration or the data are not readable at
// all, with every fault of the data, which load reads. It changes nothing.
func prepare(file string, now time.Time, load func(dir string) (*flow.Chain, error)) (*setup, gateway.Faults, error) {
	config, lines, err := readConfig(file)
	if err != nil {
		return nil, nil, err
	}
	s := &setup{Config: config, file: file}
	f := &findings{lines: lines}
	f.mode("administration", file, public)
	f.need("administration", string(s.Administration))
	s.checkListeners(f)
	s.checkLog(f)
	s.limits = s.Limits.limits(f)
	s.checkDatabase(f)
	s.checkParties(f)
	s.certificate = s.readCertificate(f, now)
	for _, v := range s.vouched() {
		s.parties = append(s.parties, v.vouch.read(f, v.key, v.uri, v.partner, now))
	}
	s.readSigning(f, now)
	s.checkTrust(f)
	err = s.loadData(f, load)
	if err == nil {
		s.checkRoutes(f, now)
		err = s.readConversations(f)
	}
	return s, f.sorted(), err
}

// address reads host:port with a port that something can listen on.
func address(text string) (host string, port int, ok bool) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.Atoi(digits)
	ok = err == nil && port >= 1 && port <= 65535 && digits == strconv.Itoa(port)
	return host, port, ok && (host == "" || isHost(host))
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// isHost reports whether it is an IP address or may be the name of a host, whose last part
// is never a number.
func isHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return len(host) <= 253 && hostName.MatchString(host) && strings.Trim(last, "0123456789") != ""
}

// everywhere reports whether a listener's host stands for all addresses.
func everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// here reports whether a host is this machine, as far as its name says so.
func here(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return false
	}
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

func sameHost(a, b string) bool {
	x, y := net.ParseIP(a), net.ParseIP(b)
	return strings.EqualFold(a, b) || x != nil && x.Equal(y) || here(a) && here(b) && (everywhere(a) || everywhere(b) || a == "localhost" || b == "localhost")
}

// listener is an address that the gateway listens on.
type listener struct{ key, address string }

func (c *Config) listeners() []listener {
	all := []listener{{"listen.grpc", c.Listen.GRPC}, {"listen.rest", c.Listen.REST}}
	if c.Listen.Monitor != "" {
		all = append(all, listener{"listen.monitor", c.Listen.Monitor})
	}
	return all
}

func (s *setup) checkListeners(f *findings) {
	type taken struct {
		key, host string
		port      int
	}
	var all []taken
	claim := func(key, host string, port int, address string) {
		if i := slices.IndexFunc(all, func(t taken) bool { return t.port == port && sameHost(t.host, host) }); i >= 0 {
			f.refuse(key, gateway.ConfigAddressTaken, address, all[i].key)
			return
		}
		all = append(all, taken{key, host, port})
	}
	for _, l := range s.listeners() {
		if !f.need(l.key, l.address) {
			continue
		}
		host, port, ok := address(l.address)
		switch {
		case !ok:
			f.refuse(l.key, gateway.ConfigAddress, l.address, "127.0.0.1:8443")
			continue
		case l.key == "listen.monitor" && host != "localhost" && !net.ParseIP(host).IsLoopback():
			f.refuse(l.key, gateway.ConfigAddressOpen, l.address, "127.0.0.1:9464")
		case host != "" && net.ParseIP(host) != nil && !here(host):
			f.refuse(l.key, gateway.ConfigAddressForeign, host)
		}
		if everywhere(host) {
			host = "0.0.0.0"
		}
		claim(l.key, host, port, l.address)
	}
	f.retention("retention", s.Retention)
	for i, p := range s.Partners {
		f.retention(fmt.Sprintf("partners[%d].retention", i), p.Retention)
		if p.InFlight < 0 || p.InFlight > flow.MaxInFlight {
			f.refuse(fmt.Sprintf("partners[%d].in_flight", i), gateway.ConfigLimit, strconv.Itoa(p.InFlight), fmt.Sprintf("1 … %d", flow.MaxInFlight))
		}
		key := fmt.Sprintf("partners[%d].address", i)
		if (p.pulls() || p.files()) && p.Address == "" { // nobody calls it
			continue
		}
		if !f.need(key, p.Address) {
			continue
		}
		host, port, ok := address(p.Address)
		if !ok || everywhere(host) {
			f.refuse(key, gateway.ConfigAddress, p.Address, "gateway.example:8443")
			continue
		}
		claim(key, host, port, p.Address)
	}
}

func (s *setup) checkLog(f *findings) {
	if l := s.Log.Format; l != "" && l != "json" && l != "text" {
		f.refuse("log.format", gateway.ConfigChoice, l, "json", "text")
	}
	if _, ok := logLevels[s.Log.Level]; !ok && s.Log.Level != "" {
		f.refuse("log.level", gateway.ConfigChoice, s.Log.Level, "debug", "info", "warn", "error")
	}
}

// checkDatabase looks at the place of the database without making one.
func (s *setup) checkDatabase(f *findings) {
	if !f.need("database", s.Database) {
		return
	}
	if strings.Contains(s.Database, "://") {
		s.checkServer(f)
		return
	}
	dir := filepath.Dir(s.Database)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		f.refuse("database", gateway.ConfigDirectory, dir)
		return
	}
	trial, err := os.CreateTemp(dir, filepath.Base(s.Database)+".check*") // the rights alone do not tell
	if err != nil {
		f.refuse("database", gateway.ConfigUnwritable, dir)
	} else if err := errors.Join(trial.Close(), os.Remove(trial.Name())); err != nil {
		f.refuse("database", gateway.ConfigUnwritable, dir)
	}
	var fault gateway.Fault
	switch err := store.Examine(context.Background(), s.Database, s.Administration); {
	case errors.As(err, &fault):
		f.add("database", fault)
	case err != nil:
		f.refuse("database", gateway.ConfigUnreadable, s.Database)
	default:
		f.mode("database", s.Database, secret)
		f.mode("database", anchorsFile(s.trustBase()), public)
		f.mode("database", confirmationsFile(s.trustBase()), public)
		if file, err := os.OpenFile(s.Database, os.O_RDWR, 0); err == nil {
			file.Close()
		} else if !errors.Is(err, os.ErrNotExist) {
			f.refuse("database", gateway.ConfigUnwritable, s.Database)
		}
	}
}

// checkServer looks whether a server has the database.
func (s *setup) checkServer(f *findings) {
	if !store.IsPostgres(s.Database) {
		scheme, _, _ := strings.Cut(s.Database, "://")
		f.refuse("database", gateway.ConfigAddress, scheme+"://", "postgres://gateway@db.example:5432/gateway")
		return
	}
	var fault gateway.Fault
	if err := store.Examine(context.Background(), s.Database, s.Administration); errors.As(err, &fault) {
		f.add("database", fault)
	} else if err != nil {
		f.refuse("database", gateway.StoreUnreachable, store.Redacted(s.Database))
	}
	f.mode("database", anchorsFile(s.trustBase()), public)
	f.mode("database", confirmationsFile(s.trustBase()), public)
}

// checkParties looks at who is listed, before anything of theirs is read.
func (s *setup) checkParties(f *findings) {
	if len(s.Callers) == 0 {
		f.refuse("callers", gateway.ConfigMissing, "")
	}
	uris := map[string]string{}
	listed := func(v vouched) {
		if f.need(v.key+".uri", v.uri) {
			if first, twice := uris[v.uri]; twice {
				f.refuse(v.key+".uri", gateway.ConfigTwice, v.uri, first)
			}
			uris[v.uri] = v.key
		}
		f.need(v.key+".roots", v.vouch.Roots)
		if v.partner {
			f.need(v.key+".crls", v.vouch.CRLs)
			if len(v.vouch.Pins) == 0 {
				f.refuse(v.key+".pins", gateway.ConfigMissing, "")
			}
		}
	}
	for _, v := range s.vouched() {
		listed(v)
	}
	for i, c := range s.Callers {
		key := fmt.Sprintf("callers[%d]", i)
		needs := server.NeedsOffice(c.Role)
		switch _, ok := server.Roles[c.Role]; {
		case !ok || c.Role == server.Partner:
			f.refuse(key+".role", gateway.ConfigRole, string(c.Role), callerRoles()...)
		case needs && len(c.Offices) == 0:
			f.refuse(key+".offices", gateway.ConfigOfficeNeeded, "", string(c.Role))
		case !needs && len(c.Offices) > 0:
			f.warn(key+".offices", gateway.ConfigOfficeUnused, strings.Join(c.Offices, ", "), string(c.Role))
			c.Offices = nil
		}
		s.callers = append(s.callers, server.Caller{URI: c.URI, Role: c.Role, Offices: c.Offices})
	}
	speaks := map[gateway.Administration]string{}
	for i, p := range s.Partners {
		key := fmt.Sprintf("partners[%d]", i)
		if len(p.Administrations) == 0 {
			f.refuse(key+".administrations", gateway.ConfigMissing, "")
		}
		for _, a := range p.Administrations {
			if a == s.Administration {
				f.refuse(key+".administrations", gateway.ConfigOwnPartner, string(a))
			}
			if first, twice := speaks[a]; twice {
				f.refuse(key+".administrations", gateway.ConfigPartnerTwice, string(a), first)
			}
			speaks[a] = key
		}
		p.Attachments.check(f, key+".attachments")
		p.checkLink(f, key)
		if p.files() {
			s.readEnvelope(f, key, p)
		} else {
			s.callers = append(s.callers, server.Caller{URI: p.URI, Role: server.Partner, Administrations: p.Administrations, Fetches: p.pulls()})
		}
		s.partners = append(s.partners, peer.Partner{URI: p.URI, Address: p.Address, Administrations: p.Administrations})
	}
}

// checkLink looks at how the partner is reached.
func (p PartnerConfig) checkLink(f *findings, key string) {
	choose := func(name, value string, choices ...string) {
		if value != "" && !slices.Contains(choices, value) {
			f.refuse(key+"."+name, gateway.ConfigChoice, value, choices...)
		}
	}
	choose("mode", p.Mode, modePush, modeHTTPS, modePull, modeFolder)
	unfit := func(name, value string) {
		if value != "" {
			f.refuse(key+"."+name, gateway.ConfigMode, value, cmp.Or(p.Mode, modePush))
		}
	}
	if p.files() {
		unfit("address", p.Address)
		unfit("roots", p.Roots)
		unfit("crls", p.CRLs)
		if len(p.Pins) > 0 {
			unfit("pins", p.Pins[0].String())
		}
		if !p.Attachments.none() {
			unfit("attachments", strings.Join(p.Attachments.Kinds, ", "))
		}
	} else {
		unfit("folder", p.Folder)
		unfit("envelope.recipient", p.Envelope.Recipient)
		unfit("envelope.cert", p.Envelope.Cert)
		unfit("envelope.key", p.Envelope.Key)
	}
	if p.Mode != modeHTTPS && !p.Conversation.none() {
		unfit("conversation", cmp.Or(p.Conversation.Profile, p.Conversation.Own, p.Conversation.Theirs, p.Conversation.Path, "messages"))
	}
	if p.Mode == modePull || p.Mode == modeHTTPS {
		choose("receipts", p.Receipts, receiptsSigned, receiptsPlain)
	} else {
		choose("receipts", p.Receipts, receiptsSigned)
	}
	if p.Mode == modeHTTPS {
		choose("questions", p.Questions, questionsAnswered, questionsNone)
	} else {
		choose("questions", p.Questions, questionsAnswered)
	}
	switch {
	case p.Fetch != 0 && (p.Mode == modeHTTPS || p.files()): // what it has for us it brings
		f.refuse(key+".mode", gateway.ConfigChoice, p.Mode, modePush, modePull)
	case p.Fetch != 0 && (p.Fetch < minFetch || p.Fetch > maxFetch):
		f.refuse(key+".fetch", gateway.ConfigChoice, p.Fetch.String(), minFetch.String()+" - "+maxFetch.String())
	case (p.Fetch != 0 || p.pulls() && !p.Attachments.none()) && p.Address == "": // it is called for that
		f.refuse(key+".address", gateway.ConfigMissing, "")
	case p.Questions == questionsNone && !p.Attachments.none():
		f.refuse(key+".questions", gateway.ConfigChoice, p.Questions, questionsAnswered)
	}
}

// check looks at what is said of fetching: all of it, or nothing.
func (c FetchConfig) check(f *findings, key string) {
	if c.none() {
		return
	}
	if len(c.Kinds) == 0 {
		f.refuse(key+".kinds", gateway.ConfigMissing, "")
	}
	if c.Each < 1 || c.Each > largestAttachment {
		f.refuse(key+".each", gateway.ConfigLimit, c.Each.String(), "1MiB … 64MiB")
	}
	if c.Total < c.Each {
		f.refuse(key+".total", gateway.ConfigLimit, c.Total.String(), ">= "+c.Each.String())
	}
	if c.Retention < time.Hour {
		f.refuse(key+".retention", gateway.ConfigLimit, c.Retention.String(), ">= 1h")
	}
}

// attachmentKinds are what images and scans may show.
func attachmentKinds(chain *flow.Chain) (kinds []string) {
	list, _ := chain.Tables.Lists().List("attachment-kind")
	if list != nil {
		for _, c := range list.Codes {
			kinds = append(kinds, c.Code)
		}
	}
	return kinds
}

// callerRoles are the roles that a caller may have.
func callerRoles() (roles []string) {
	for role := range server.Roles {
		if role != server.Partner {
			roles = append(roles, string(role))
		}
	}
	slices.Sort(roles)
	return roles
}

// officeRoles are those that need an office.
func officeRoles() []string {
	return slices.DeleteFunc(callerRoles(), func(role string) bool { return !server.NeedsOffice(server.Role(role)) })
}

// loadData loads tables, rules, schemas and routes.
func (s *setup) loadData(f *findings, load func(dir string) (*flow.Chain, error)) error {
	if s.Data != "" {
		if info, err := os.Stat(s.Data); err != nil || !info.IsDir() {
			f.refuse("data", gateway.ConfigDirectory, s.Data)
			return nil
		}
	}
	tables, _, err := data(s.Data)
	if err != nil {
		return err
	}
	var tolerancesErr error
	s.tolerances, tolerancesErr = reconcile.LoadTolerances(tables)
	s.loaded, err = analysis.TakeInventory(tables)
	if err != nil {
		return err
	}
	chain, err := load(s.Data)
	if err == nil {
		own := *chain
		s.chain, s.known = &own, own.Routes
		if s.agreements, err = recognition.Load(tables, own.Tables.Lists()); err != nil {
			err = fmt.Errorf("recognition: %w", err)
		}
	}
	return errors.Join(err, tolerancesErr)
}

// checkRoutes leaves the active routes in force, and says which of them and which office
// lead nowhere.
func (s *setup) checkRoutes(f *findings, now time.Time) {
	if s.chain == nil {
		return
	}
	kinds := attachmentKinds(s.chain)
	for i, p := range s.Partners {
		for j, kind := range p.Attachments.Kinds {
			if !slices.Contains(kinds, kind) {
				f.refuse(fmt.Sprintf("partners[%d].attachments.kinds[%d]", i, j), gateway.ConfigChoice, kind, kinds...)
			}
		}
	}
	all := s.chain.Routes
	if s.Administration == "" {
		return // whose routes they are cannot be said
	}
	var active []string
	unknown := false
	names := map[string]string{}
	for i, name := range s.Routes {
		key := fmt.Sprintf("routes[%d]", i)
		route, ok := all.Route(name)
		if !ok {
			f.refuse(key, gateway.ConfigRouteUnknown, name, s.ownRoutes(all)...)
			unknown = true
			continue
		}
		if first, twice := names[name]; twice {
			f.refuse(key, gateway.ConfigTwice, name, first)
			continue
		}
		names[name] = key
		active = append(active, name)
		if slices.Contains(s.Routes, route.InsteadOf) {
			f.refuse(key, gateway.ConfigTwice, name, route.InsteadOf)
		}
		switch {
		case route.From != s.Administration:
			f.refuse(key, gateway.ConfigRouteForeign, name, string(route.From))
		case route.Stays():
		case !slices.ContainsFunc(s.Partners, func(p PartnerConfig) bool { return slices.Contains(p.Administrations, route.To) }):
			f.refuse(key, gateway.ConfigRoutePartner, name, string(route.To))
		}
		if route.Also != "" && !slices.Contains(s.Routes, route.Also) {
			f.refuse(key, gateway.ConfigRouteSecond, name, route.Also)
		}
		if !route.Valid.Contains(now) {
			f.add(key, gateway.Fault{Code: gateway.ConfigRoutePeriod, Severity: gateway.Warning, Value: name, Expected: days(route.Valid)})
		}
	}
	only, err := all.Only(active)
	if err != nil {
		return // only names that are there were asked for
	}
	s.chain.Routes = only
	if len(s.Routes) == 0 {
		f.warn("routes", gateway.ConfigNoRoute, "")
	}
	if unknown || len(s.Routes) == 0 {
		return // whether an office is served is open
	}
	for i, c := range s.Callers {
		if !slices.Contains(server.Roles[c.Role], exchangev1.Right_SUBMIT) {
			continue
		}
		for j, office := range c.Offices {
			if !slices.ContainsFunc(only.All(), func(r *release.Route) bool { return r.From == s.Administration && r.Serves(office) }) {
				f.warn(fmt.Sprintf("callers[%d].offices[%d]", i, j), gateway.ConfigOffice, office)
			}
		}
	}
}

func (s *setup) ownRoutes(all *release.Routes) (names []string) {
	for _, r := range all.All() {
		if r.From == s.Administration {
			names = append(names, r.Name)
		}
	}
	return names
}

func days(p release.Period) gateway.Phrase {
	to := "…"
	if !p.To.IsZero() {
		to = p.To.Format(time.DateOnly)
	}
	return gateway.Say(gateway.WordValidSpan, p.From.Format(time.DateOnly), to)
}
