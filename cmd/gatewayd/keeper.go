package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/event"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// LookEvery is how often key files are looked at and open connections judged again.
const LookEvery = 15 * time.Second

// keeper keeps the keys of a running gateway as its files say: the certificate, revocation
// lists, roots and pins. What is new counts from the next handshake and call on, and open
// connections are judged by it. A file that will not do never replaces what is in force,
// and a change of roots and pins waits for its confirmations.
type keeper struct {
	setup    *setup
	registry *mtls.Registry
	log      *event.Log
	now      func() time.Time
	// unit runs a unit of work of the store.
	unit func(context.Context, func(*store.Tx) error) error

	seen    gateway.Digest    // of all files at the last look
	told    map[string]string // the troubles that were logged and last, by what they are about
	files   []mtls.Party      // as the files last said where they would do
	parties []mtls.Party      // in force
	warned  map[ending]int    // the narrowest threshold in days that was logged, -1 for the end itself

	mu          sync.Mutex
	certificate tls.Certificate // our own, in force
}

// ending is something that ends. A root or list is the same for all who depend on it.
type ending struct {
	party, kind, subject string
	end                  time.Time
}

// newKeeper puts the keys of a configuration in force, in a registry of its own.
func newKeeper(s *setup, log *event.Log, now func() time.Time) (*keeper, error) {
	k := &keeper{
		setup: s, log: log, now: now, told: map[string]string{}, warned: map[ending]int{},
		files: s.parties, certificate: s.certificate,
	}
	anchors := s.anchors
	if anchors.Number == 0 {
		anchors = proposed(s.parties, s.administrators)
	}
	var err error
	if k.parties, err = under(anchors, s.parties, nil); err != nil {
		return nil, err
	}
	k.registry, err = mtls.NewRegistry(now, k.parties)
	return k, err
}

// under returns the parties with the roots and pins that are in force, and with the lists of
// these roots that the files no longer hold. A party that has no root in force is nobody.
func under(anchors mtls.Anchors, files, before []mtls.Party) (out []mtls.Party, err error) {
	for _, p := range files {
		anchor, ok := anchors.Parties[p.URI]
		if !ok {
			continue
		}
		if p, err = p.Under(anchor); err != nil {
			return nil, fmt.Errorf("%s: %w", p.URI, err)
		}
		if i := slices.IndexFunc(before, func(b mtls.Party) bool { return b.URI == p.URI }); i >= 0 {
			p = p.Keeping(before[i])
		}
		out = append(out, p)
	}
	return out, nil
}

// begin records at the first start what the gateway begins to believe others by, and looks
// for the first time.
func (k *keeper) begin(ctx context.Context) error {
	if s := k.setup; s.anchors.Number == 0 {
		first := proposed(k.files, s.administrators)
		first.Since, first.Number = k.now().UTC(), 1
		if err := k.take(ctx, first, nil); err != nil {
			return fmt.Errorf("trust: %w", err)
		}
	}
	k.look(ctx)
	return nil
}

// run looks every LookEvery, and at once when asked to, until the context ends.
func (k *keeper) run(ctx context.Context, at <-chan os.Signal) {
	tick := time.NewTicker(LookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-at:
		}
		k.look(ctx)
	}
}

// look takes what has changed, closes the connections of those who would not be admitted
// now, and warns of what ends soon.
func (k *keeper) look(ctx context.Context) {
	if seen := mtls.Fingerprint(k.watched()...); seen != k.seen || len(k.told) > 0 {
		k.seen = seen
		k.read(ctx)
	}
	if closed := k.registry.Rejudge(); closed > 0 {
		k.log.Tell(event.Event{Name: event.ConnectionsClosed, Count: closed})
	}
	k.warn()
}

// watched are the files whose change counts.
func (k *keeper) watched() []string {
	s := k.setup
	files := []string{s.file, s.Certificate.Cert, s.Certificate.Key, s.Certificate.Roots, s.Certificate.CRLs, confirmationsFile(s.trustBase())}
	for _, v := range s.vouched() {
		files = append(files, v.vouch.Roots, v.vouch.CRLs)
	}
	slices.Sort(files)
	return slices.DeleteFunc(slices.Compact(files), func(name string) bool { return name == "" })
}

// read reads all files again and puts in force what will do and may.
func (k *keeper) read(ctx context.Context) {
	trouble := map[string]string{}
	config := k.configuration(trouble)
	k.readOwn(config, trouble)
	k.readParties(config, trouble)
	k.judgeChange(ctx, trouble)
	if parties, err := under(k.setup.anchors, k.files, k.parties); err != nil {
		trouble["trust"] = err.Error()
	} else if !slices.EqualFunc(parties, k.parties, sameParty) {
		if err := k.registry.Replace(parties); err != nil {
			trouble["trust"] = err.Error()
		} else {
			k.parties = parties
			k.log.Tell(event.Event{Name: event.KeysTaken})
		}
	}
	k.tell(trouble)
}

func sameParty(a, b mtls.Party) bool {
	return a.URI == b.URI && mtls.AnchorOf(a).Equal(mtls.AnchorOf(b)) &&
		slices.EqualFunc(a.CRLs, b.CRLs, func(x, y *x509.RevocationList) bool { return slices.Equal(x.Raw, y.Raw) })
}

// tell logs each trouble once, and that it is over.
func (k *keeper) tell(trouble map[string]string) {
	for _, what := range slices.Sorted(maps.Keys(trouble)) {
		if k.told[what] != trouble[what] {
			k.log.Tell(event.Event{Name: event.KeysNotTaken, What: what, Cause: errors.New(trouble[what])})
		}
	}
	for what := range k.told {
		if _, lasts := trouble[what]; !lasts {
			k.log.Tell(event.Event{Name: event.KeysInOrder, What: what})
		}
	}
	k.told = trouble
}

// configuration is the one that the gateway was started with, with the pins that its file
// names now. All else in it takes a restart.
func (k *keeper) configuration(trouble map[string]string) Config {
	fresh, _, err := readConfig(k.setup.file)
	if err != nil {
		trouble["configuration"] = err.Error()
		return k.setup.Config
	}
	started := k.setup.Config
	if !reflect.DeepEqual(withoutPins(fresh), withoutPins(started)) {
		trouble["configuration"] = "it differs in more than pins, which takes a restart"
	}
	pins := map[string][]gateway.Digest{}
	for _, v := range fresh.vouched() {
		pins[v.uri] = v.vouch.Pins
	}
	started.Callers, started.Partners = slices.Clone(started.Callers), slices.Clone(started.Partners)
	for i := range started.Callers {
		if p, ok := pins[started.Callers[i].URI]; ok {
			started.Callers[i].Pins = p
		}
	}
	for i := range started.Partners {
		if p, ok := pins[started.Partners[i].URI]; ok {
			started.Partners[i].Pins = p
		}
	}
	return started
}

func withoutPins(c Config) Config {
	c.Callers, c.Partners = slices.Clone(c.Callers), slices.Clone(c.Partners)
	for i := range c.Callers {
		c.Callers[i].Pins = nil
	}
	for i := range c.Partners {
		c.Partners[i].Pins = nil
	}
	return c
}

// refused are the findings that refuse, as one text.
func refused(f *findings) string {
	var out []string
	for _, fault := range f.faults {
		if fault.Severity == gateway.Error {
			out = append(out, fault.Path+": "+fault.Error())
		}
	}
	return strings.Join(out, "; ")
}

// readOwn takes a new certificate of our own.
func (k *keeper) readOwn(config Config, trouble map[string]string) {
	f := new(findings)
	fresh := config.readCertificate(f, k.now())
	if text := refused(f); text != "" {
		trouble["certificate"] = text
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.EqualFunc(fresh.Certificate, k.certificate.Certificate, slices.Equal[[]byte]) {
		return
	}
	was, _ := mtls.URI(k.certificate.Leaf)
	if is, _ := mtls.URI(fresh.Leaf); is != was {
		trouble["certificate"] = "it names " + is + ", and partners know this gateway as " + was
		return
	}
	k.certificate = fresh
	k.registry.Renew(fresh)
	k.log.Tell(event.Event{Name: event.CertificateTaken, Certificate: gateway.DigestOf(fresh.Leaf.Raw), Ends: fresh.Leaf.NotAfter})
}

// readParties reads what others are trusted by. Of a party whose files will not do, those
// before stay.
func (k *keeper) readParties(config Config, trouble map[string]string) {
	before := map[string]mtls.Party{}
	for _, p := range k.files {
		before[p.URI] = p
	}
	var files []mtls.Party
	for _, v := range config.vouched() {
		f := new(findings)
		p := v.vouch.read(f, v.key, v.uri, v.partner, k.now())
		if was := before[v.uri]; !sameParty(was, p) {
			text := refused(f)
			if fault, behind := p.Setback(was, k.now()); text == "" && behind {
				text = fault.Error()
			}
			if text != "" {
				trouble[v.uri] = text
				p = was
			}
		}
		files = append(files, p)
	}
	k.files = files
}

// judgeChange puts the roots and pins of the files in force if they may be.
func (k *keeper) judgeChange(ctx context.Context, trouble map[string]string) {
	s := k.setup
	files := proposed(k.files, s.administrators)
	if s.anchors.Same(files) {
		return
	}
	next := s.anchors.Then(files)
	given, err := readConfirmations(confirmationsFile(s.trustBase()))
	if err != nil {
		trouble["trust"] = err.Error()
		return
	}
	confirmed := s.anchors.Confirmed(next.Digest(), given)
	if !s.anchors.Allows(next, given) {
		trouble["trust"] = fmt.Sprintf("roots, pins or administrators differ from those in force: change %s waits for %d more confirmations",
			next.Digest(), mtls.NeededConfirmations-len(confirmed))
		return
	}
	if err := k.take(ctx, next, confirmed); err != nil {
		trouble["trust"] = err.Error()
	}
}

// take records a change of trust with those who confirmed it, keeps it beside the database,
// and puts it in force.
func (k *keeper) take(ctx context.Context, next mtls.Anchors, confirmed []mtls.Confirmation) error {
	digest, subject := next.Digest(), fmt.Sprintf("change %d", next.Number)
	name := event.TrustChanged
	switch {
	case next.Number == 1:
		name = event.TrustBegun
	case len(confirmed) < mtls.NeededConfirmations:
		name = event.TrustDeveloped
	}
	var who []string
	err := k.unit(ctx, func(tx *store.Tx) error {
		for _, c := range confirmed {
			if err := tx.Audit(c.Administrator, "change of trust confirmed", subject, digest); err != nil {
				return err
			}
		}
		return tx.Audit("gateway", string(name), subject, digest)
	})
	if err != nil {
		return err
	}
	if err := writeAnchors(anchorsFile(k.setup.trustBase()), next); err != nil {
		return err
	}
	for _, c := range confirmed {
		who = append(who, c.Administrator)
	}
	k.setup.anchors = next
	k.log.Tell(event.Event{Name: name, Change: next.Number, Digest: digest, Confirmed: who})
	return nil
}

// own is our certificate in force.
func (k *keeper) own() *x509.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.certificate.Leaf
}

// Ends returns when each certificate, root, revocation list and signing key ends that the
// gateway depends on now: its own first, then those of others. It is for warnings and
// metrics, and safe for concurrent use.
func (k *keeper) Ends() []mtls.Expiry {
	own := k.own()
	uri, _ := mtls.URI(own)
	ends := []mtls.Expiry{{Party: uri, Kind: mtls.ExpiryCertificate, Subject: own.Subject.String(), End: own.NotAfter}}
	now := k.now()
	for _, key := range k.setup.Trust { // our own are among them
		if key.Status(now) != seal.Retired {
			ends = append(ends, mtls.Expiry{Party: string(key.Administration), Kind: mtls.ExpirySigningKey, Subject: key.ID, End: key.Until})
		}
	}
	return slices.Concat(ends, k.registry.Expiries(), k.registry.Peers())
}

// warn logs once for each threshold what ends within it, and once that it has ended.
func (k *keeper) warn() {
	now := k.now()
	seen := map[ending]bool{}
	for _, e := range k.Ends() {
		what := ending{e.Party, e.Kind, e.Subject, e.End}
		if e.Kind == mtls.ExpiryRoot || e.Kind == mtls.ExpiryCRL {
			what.party = ""
		}
		if seen[what] {
			continue
		}
		seen[what] = true
		threshold, left := mtls.ExpiresWithin(e.End, now)
		if threshold == 0 {
			continue
		}
		if left < 0 {
			threshold = -1
		}
		if logged, ok := k.warned[what]; ok && logged <= threshold {
			continue
		}
		k.warned[what] = threshold
		name := event.EndsSoon
		if left < 0 {
			name = event.HasEnded
		}
		k.log.Tell(event.Event{Name: name, Kind: e.Kind, What: e.Subject, Party: e.Party, Ends: e.End, Days: left})
	}
	maps.DeleteFunc(k.warned, func(e ending, _ int) bool { return !seen[e] })
}
