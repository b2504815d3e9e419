package flow_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// onward is China with both Kazakhstan and Russia: what leaves at Khorgos may go on through the one to
// the other.
type onward struct {
	*world
	kz   *flow.Gateway
	toKZ *wire
}

var (
	toRussia     = border{"RU", khorgos, flow.Caller{URI: "customs://RU/office/10799010/post/1", Office: "10799010"}}
	toKazakhstan = border{"KZ", khorgos, flow.Caller{URI: "customs://KZ/office/39899001/post/1", Office: "39899001"}}
)

func newOnward(t *testing.T) *onward {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 3, 1, 2, 15, 0, 0, time.UTC)}, out: &wire{from: "CN"}, files: make(map[*store.Store]string)}
	o := &onward{world: w, toKZ: &wire{from: "CN"}}
	dir := signingKeys(t)
	files := []seal.TrustFile{{ID: "cn-1", Administration: "CN", File: filepath.Join(dir, "cn", "signing.pub.pem"), Validity: always}}
	for _, a := range []gateway.Administration{"KZ", "RU"} {
		files = append(files, seal.TrustFile{ID: strings.ToLower(string(a)) + "-1", Administration: a, File: filepath.Join(dir, "ru", "signing.pub.pem"), Validity: always})
	}
	trust, err := seal.LoadTrust(files)
	if err != nil {
		t.Fatal(err)
	}
	w.cn = w.gateway("CN", filepath.Join(dir, "cn", "signing.pem"), trust, map[gateway.Administration]flow.Link{"RU": w.out, "KZ": o.toKZ})
	w.ru = w.gateway("RU", filepath.Join(dir, "ru", "signing.pem"), trust, map[gateway.Administration]flow.Link{"CN": &wire{from: "RU", to: w.cn}})
	o.kz = w.gateway("KZ", filepath.Join(dir, "ru", "signing.pem"), trust, map[gateway.Administration]flow.Link{"CN": &wire{from: "KZ", to: w.cn}})
	for _, g := range []**flow.Gateway{&w.cn, &w.ru, &o.kz} { // that answer, and tell of arrivals
		options := (*g).Options
		options.Chain = loadChain(t).Chain
		*g = flow.New(options)
	}
	w.out.to, o.toKZ.to = w.ru, o.kz
	for _, link := range []flow.Link{w.ru.Links["CN"], o.kz.Links["CN"]} {
		link.(*wire).to = w.cn
	}
	return o
}

// report is a trip's exit report, with where its vehicle unloads if it says that.
func (o *onward) report(p trip, unloads string) []byte {
	raw := string(p.document(o.world, toRussia, "mt4402.xml"))
	if unloads != "" {
		raw = strings.Replace(raw, "</RepresentativePerson>", "</RepresentativePerson><UnloadingLocation><ID>"+unloads+"</ID></UnloadingLocation>", 1)
	}
	return []byte(raw)
}

// manifest is a trip's manifest: Chinese XML, which has no place for a destination, or canonical JSON with
// what is said of each waybill.
func (o *onward) manifest(p trip, function customsv1.FunctionCode, say ...func(*customsv1.Consignment)) []byte {
	o.t.Helper()
	raw := p.document(o.world, toRussia, "mt2401.xml")
	if len(say) == 0 && function == customsv1.FunctionCode_ORIGINAL {
		return raw
	}
	r, err := o.cn.Chain.Read(o.t.Context(), raw, flow.XML, "CN", o.clock.Now())
	if err != nil || r.Document == nil {
		o.t.Fatal(err)
	}
	r.Document.Envelope.Function = function
	for i, say := range say {
		if m := r.Document.GetManifest(); i == len(m.Consignments) {
			m.Consignments = append(m.Consignments, document.Clone(r.Document).GetManifest().Consignments[0])
			m.Consignments[i].TransportDocument.Id += "-" + fmt.Sprint(i)
		}
		say(r.Document.GetManifest().Consignments[i])
	}
	return document.Marshal(r.Document)
}

func bound(country string) func(*customsv1.Consignment) {
	return func(c *customsv1.Consignment) { c.DestinationCountry = country }
}

func boundFor(administration, code string) func(*customsv1.Consignment) {
	return func(c *customsv1.Consignment) {
		c.Destination = &customsv1.Location{Office: &customsv1.Office{Administration: administration, Code: code}}
	}
}

func unloading(id string) func(*customsv1.Consignment) {
	return func(c *customsv1.Consignment) { c.Unloading = &customsv1.Location{Id: id} }
}

// submits submits a document of Khorgos.
func (o *onward) submits(id string, content []byte, asks store.Asks, to ...gateway.Administration) store.Submission {
	o.t.Helper()
	s, err := o.cn.Submit(o.t.Context(), khorgos, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.MediaType(content), Content: content, To: to, Asks: asks})
	if err != nil {
		o.t.Fatalf("%s: %v", id, err)
	}
	return s
}

// stands says how a submission stands with each addressee: "KZ joined accepted, RU held".
func (o *onward) stands(id string) string {
	o.t.Helper()
	s := o.state(toRussia, id)
	second, err := o.cn.Second(o.t.Context(), s)
	if err != nil {
		o.t.Fatal(err)
	}
	all := []store.Submission{s}
	if second != nil {
		all = append(all, *second)
	}
	var said []string
	for _, s := range all {
		text := fmt.Sprint(o.cn.Addressee(s), " ", s.State)
		if len(s.WaitsFor) > 0 {
			text += " for " + strings.Join(s.WaitsFor, " and ")
		}
		if s.MessageID != "" {
			ms, err := o.cn.Store.Read().Messages(o.t.Context(), s.MessageID)
			if err != nil {
				o.t.Fatal(err)
			}
			for _, m := range ms {
				if m.Version == s.Version {
					text += " " + string(m.State)
					if m.Withdrawal != "" {
						text += " " + string(m.Withdrawal)
					}
				}
			}
		}
		said = append(said, strings.TrimSpace(text))
	}
	return strings.Join(said, ", ")
}

func (o *onward) stand(id, want string) {
	o.t.Helper()
	if got := o.stands(id); got != want {
		o.t.Fatalf("%s stands so: %s; want %s", id, got, want)
	}
}

// exchange delivers to both, and judges what is due, until nothing is.
func (o *onward) exchange() {
	o.t.Helper()
	for range 3 {
		o.send(toKazakhstan)
		o.send(toRussia)
		if err := o.cn.JudgeDue(o.t.Context()); err != nil {
			o.t.Fatal(err)
		}
	}
}

// answersAs has an administration answer a document, and delivers that.
func (o *onward) answersAs(g *flow.Gateway, b border, id, document, what string) {
	o.t.Helper()
	o.answerAs(g, flow.Caller{URI: "customs://" + string(b.to) + "/system/national", Office: b.entry.Office}, id, document, what)
	if err := g.DeliverDue(o.t.Context(), "CN"); err != nil {
		o.t.Fatal(err)
	}
	if err := o.cn.JudgeDue(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

// sentTo is the message that a submission became for an addressee.
func (o *onward) sentTo(id string, to gateway.Administration) store.Message {
	o.t.Helper()
	s := o.state(toRussia, id)
	if o.cn.Addressee(s) != to {
		second, err := o.cn.Second(o.t.Context(), s)
		if err != nil || second == nil {
			o.t.Fatalf("%s has no second addressee, %v", id, err)
		}
		s = *second
	}
	ms, err := o.cn.Store.Read().Messages(o.t.Context(), s.MessageID)
	if err != nil {
		o.t.Fatal(err)
	}
	i := slices.IndexFunc(ms, func(m store.Message) bool { return m.Version == s.Version })
	return o.message(ms[i].ID)
}

// announce submits a trip that goes on to Russia, and delivers what it became.
func (o *onward) announce(p trip) {
	o.t.Helper()
	o.submits("M", o.manifest(p, customsv1.FunctionCode_ORIGINAL), store.Asks{})
	o.submits("V", o.report(p, "RUOVB"), store.Asks{})
	o.stand("V", "KZ joined queued, RU joined queued")
	o.exchange()
	o.stand("V", "KZ joined accepted, RU joined accepted")
}

// Whichever part says that goods go on to Russia, and in whichever order and form they come, both
// addressees are told, of one movement; and what comes again is answered the same.
func TestANoticeHasTwoAddressees(t *testing.T) {
	original := customsv1.FunctionCode_ORIGINAL
	for name, parts := range map[string]func(o *onward, p trip) (first, second []byte, held string){
		"the report says it, behind": func(o *onward, p trip) ([]byte, []byte, string) {
			return o.manifest(p, original), o.report(p, "RUOVB"), "KZ held for vehicle"
		},
		"the report says it, before": func(o *onward, p trip) ([]byte, []byte, string) {
			return o.report(p, "RUMOW1/2303"), o.manifest(p, original), "KZ held for manifest, RU held for manifest"
		},
		"the manifest says its country, before": func(o *onward, p trip) ([]byte, []byte, string) {
			return o.manifest(p, original, bound("RU")), o.report(p, ""), "KZ held for vehicle, RU held for vehicle"
		},
		"the manifest says its office, behind": func(o *onward, p trip) ([]byte, []byte, string) {
			return o.report(p, ""), o.manifest(p, original, boundFor("RU", "10799010")), "KZ held for manifest"
		},
		"the manifest says where the transit ends": func(o *onward, p trip) ([]byte, []byte, string) {
			ends := func(c *customsv1.Consignment) {
				c.Transit = &customsv1.Transit{Destination: &customsv1.Office{Administration: "RU", Code: "10799011"}}
			}
			return o.report(p, ""), o.manifest(p, original, ends), "KZ held for manifest"
		},
		"the manifest says where it unloads": func(o *onward, p trip) ([]byte, []byte, string) {
			return o.manifest(p, original, unloading("RUEKA")), o.report(p, "RUEKA"), "KZ held for vehicle, RU held for vehicle"
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			first, second, held := parts(o, p)
			o.submits("1", first, store.Asks{})
			o.stand("1", held)
			if c, err := o.cn.Check(t.Context(), khorgos, flow.Submission{ID: "2", MediaType: flow.MediaType(second), Content: second}); err != nil || c.State != gateway.Joined {
				t.Errorf("the second part is checked as %s, %v: %v", c.State, err, c.Faults.Report("en"))
			}
			o.submits("2", second, store.Asks{})
			o.exchange()
			for _, id := range []string{"1", "2"} {
				o.stand(id, "KZ joined accepted, RU joined accepted")
			}
			before := []gateway.MessageID{o.sentTo("2", "KZ").ID, o.sentTo("2", "RU").ID}
			o.submits("2", second, store.Asks{})
			if after := []gateway.MessageID{o.sentTo("2", "KZ").ID, o.sentTo("2", "RU").ID}; !slices.Equal(before, after) || o.out.tries != 1 || o.toKZ.tries != 1 {
				t.Errorf("again: %v, was %v, after %d and %d attempts", after, before, o.out.tries, o.toKZ.tries)
			}
			if m := found(o.world, o.cn, p.waybills()[0]); len(m.Announced) != 2 {
				t.Errorf("China's movement has %d announcements", len(m.Announced))
			}
			for _, g := range []*flow.Gateway{o.kz, o.ru} {
				if m := found(o.world, g, p.waybills()[0]); len(m.Announced) != 1 {
					t.Errorf("%s knows %d announcements", g.Own, len(m.Announced))
				}
			}
			listed, err := o.cn.Store.Read().Submissions(t.Context(), store.SubmissionFilter{Offices: []string{"9402"}, Limit: 10})
			if err != nil || len(listed) != 2 {
				t.Errorf("%d submissions are listed, %v", len(listed), err)
			}
		})
	}
}

// What is bound for elsewhere than the route with two addressees leads to, or does not say where, or whose
// sender names one addressee, is told to one.
func TestANoticeHasOneAddressee(t *testing.T) {
	original := customsv1.FunctionCode_ORIGINAL
	for name, tt := range map[string]struct {
		say     []func(*customsv1.Consignment)
		unloads string
		to      []gateway.Administration
		want    string
	}{
		"no destination":       {nil, "", nil, "KZ joined accepted"},
		"Kazakhstan":           {[]func(*customsv1.Consignment){bound("KZ")}, "", nil, "KZ joined accepted"},
		"another country":      {[]func(*customsv1.Consignment){bound("UZ")}, "UZTAS", nil, "KZ joined accepted"},
		"a place without code": {nil, "RU OVB", nil, "KZ joined accepted"},
		"Kazakhstan alone":     {[]func(*customsv1.Consignment){bound("RU")}, "", []gateway.Administration{"KZ"}, "KZ joined accepted"},
		"Russia alone":         {[]func(*customsv1.Consignment){bound("RU")}, "", []gateway.Administration{"RU"}, "RU joined accepted"},
		"both, each named":     {[]func(*customsv1.Consignment){bound("RU")}, "", []gateway.Administration{"RU", "KZ"}, "KZ joined accepted, RU joined accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			o.submits("M", o.manifest(p, original, tt.say...), store.Asks{}, tt.to...)
			report := tt.to
			if len(report) == 1 && report[0] == "KZ" {
				report = nil // it goes with the manifest
			}
			o.submits("V", o.report(p, tt.unloads), store.Asks{}, report...)
			o.exchange()
			o.stand("V", tt.want)
			if len(tt.to) != 1 || tt.to[0] != "KZ" {
				return
			}
			o.submits("V2", o.report(trip{1, "新F00001", "新F0002挂", p.departs.Add(time.Hour)}, ""), store.Asks{}) // a further truck goes with it too
			o.exchange()
			o.stand("V2", tt.want)
		})
	}
}

// Goods of several destinations, and a part that contradicts the other, are refused where they say it.
func TestDestinationsThatDoNotGoTogether(t *testing.T) {
	original := customsv1.FunctionCode_ORIGINAL
	var out bytes.Buffer
	tell := func(what string, code gateway.Code, faults gateway.Faults) {
		if i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == code }); i >= 0 {
			inFiveLanguages(&out, what, faults[i])
		}
	}
	o := newOnward(t)
	p := tripOf(1, o.world)
	s := o.submits("M", o.manifest(p, original, bound("RU"), bound("KZ")), store.Asks{})
	tell("two destinations", gateway.RouteDestinations, s.Faults)
	f := s.Faults[slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Severity == gateway.Error })]
	if s.State != gateway.Faulty || f.Code != gateway.RouteDestinations || f.Location.Expr != "/manifest/consignments/1/destinationCountry" || !strings.Contains(f.Expected.String(), "cn-kz-transit-notice") {
		t.Errorf("two destinations: %s %+v", s.State, f)
	}
	for _, tt := range []struct {
		name          string
		first, second []byte
	}{
		{"the manifest, before", o.manifest(p, original, bound("KZ")), o.report(p, "RUOVB")},
		{"the report, before", o.report(p, "RUOVB"), o.manifest(p, original, bound("KZ"))},
		{"another country", o.manifest(p, original, bound("RU")), o.report(p, "UZTAS")},
	} {
		o := newOnward(t)
		o.submits("1", tt.first, store.Asks{})
		s := o.submits("2", tt.second, store.Asks{})
		if s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.RouteDestination) {
			t.Errorf("%s: %s %v", tt.name, s.State, s.Faults.Report("en"))
		}
		tell(tt.name, gateway.RouteDestination, s.Faults)
	}
	// What was announced to both does not become another's by a change.
	o.announce(p)
	s = o.submits("M2", o.manifest(p, customsv1.FunctionCode_REPLACE, bound("KZ")), store.Asks{Amends: "M"})
	if s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.RouteDestination) {
		t.Errorf("a change of the destination: %s %v", s.State, s.Faults.Report("en"))
	}
	tell("a change of the destination", gateway.RouteDestination, s.Faults)
	golden(t, "testdata/destinations.txt", out.Bytes())
	o.stand("V", "KZ joined accepted, RU joined accepted")
}

// changed is a full version of a trip's manifest, of other packages.
func (o *onward) changed(p trip, n uint64) []byte {
	raw := o.manifest(p, customsv1.FunctionCode_REPLACE, func(c *customsv1.Consignment) {
		c.Totals.Packages = &n
		rest := n
		for _, it := range c.Items[1:] {
			rest -= *it.Packages[0].Quantity
		}
		c.Items[0].Packages[0].Quantity = &rest
	})
	return raw
}

// A change goes to both, each in the place of what it has; what one has refused is changed with the other
// alone.
func TestAChangeGoesToBothAddressees(t *testing.T) {
	for name, tt := range map[string]struct {
		refuses gateway.Administration
		want    string
	}{
		"both have it":       {"", "KZ joined accepted, RU joined accepted"},
		"Kazakhstan has not": {"KZ", "KZ done, RU joined accepted"},
		"Russia has not":     {"RU", "KZ joined accepted, RU done"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			o.announce(p)
			says := map[gateway.Administration]string{"KZ": registered, "RU": registered}
			if tt.refuses != "" {
				says[tt.refuses] = refusedAnswer
			}
			o.answersAs(o.kz, toKazakhstan, "K1", o.sentTo("V", "KZ").DocumentID, says["KZ"])
			o.answersAs(o.ru, toRussia, "R1", o.sentTo("V", "RU").DocumentID, says["RU"])
			o.submits("M2", o.changed(p, 500), store.Asks{Amends: "M"})
			o.exchange()
			o.stand("M2", tt.want)
			for _, to := range []gateway.Administration{"KZ", "RU"} {
				if to == tt.refuses {
					continue
				}
				if m := o.sentTo("M2", to); m.Replaces == "" || m.Version != 2 {
					t.Errorf("to %s it is version %d in the place of %q", to, m.Version, m.Replaces)
				}
			}
			for _, to := range []gateway.Administration{"KZ", "RU"} {
				if to == tt.refuses {
					continue
				}
				m, receipts, err := o.cn.SentMessage(t.Context(), "9402", "M2", o.sentTo("M2", to).ID)
				if err != nil || m.Recipient != to || len(receipts) == 0 {
					t.Errorf("what was sent to %s: %v, to %s with %d receipts", to, err, m.Recipient, len(receipts))
				}
			}
			if again := o.submits("M3", o.changed(p, 501), store.Asks{Amends: "M2"}); again.State == gateway.Faulty {
				t.Errorf("a second change: %v", again.Faults.Report("en"))
			}
		})
	}
}

const refusedAnswer = `"status": "REFUSED", "results": [{"code": "REFUSED", "descriptions": ["no"], "category": "ERROR"}]`

// A cancellation asks both: Kazakhstan's answer and Russia's, which its form waits for, decide apart.
func TestACancellationAsksBothAddressees(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	o.announce(p)
	o.cancel(toRussia, "C1", "M")
	o.exchange()
	o.stand("C1", "KZ message accepted, RU held for answer")
	o.answersAs(o.ru, toRussia, "R1", o.sentTo("V", "RU").DocumentID, registered)
	o.exchange()
	o.stand("C1", "KZ message accepted, RU message accepted")
	o.answersAs(o.kz, toKazakhstan, "K1", o.sentTo("C1", "KZ").DocumentID, `"status": "CANCELLED", "results": [{"code": "CANCELLED", "descriptions": ["ok"], "category": "INFO"}]`)
	o.answersAs(o.ru, toRussia, "R2", o.sentTo("C1", "RU").DocumentID, refusedAnswer)
	if kz, ru := o.sentTo("V", "KZ").Withdrawal, o.sentTo("V", "RU").Withdrawal; kz != gateway.WithdrawalDone || ru != gateway.WithdrawalRefused {
		t.Errorf("Kazakhstan: %q, Russia: %q", kz, ru)
	}
	// Another asks the one that has it still.
	o.cancel(toRussia, "C2", "M")
	o.exchange()
	o.stand("C2", "KZ done, RU message accepted")
	if s := o.cancel(toRussia, "C3", "nothing"); s.State != gateway.Faulty {
		t.Errorf("what nobody announced is taken back: %s", s.State)
	}
}

// What was not handed over is taken back from both, and what waits too.
func TestBothAreTakenBackBeforeTheyAreHandedOver(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	o.submits("V", o.report(p, "RUOVB"), store.Asks{})
	if s, err := o.cn.Withdraw(t.Context(), khorgos, "V", "another truck"); err != nil || s.State != gateway.Withdrawn {
		t.Errorf("%s, %v", s.State, err)
	}
	o.stand("V", "KZ withdrawn, RU withdrawn")
	o.submits("V1", o.report(p, "RUOVB"), store.Asks{})
	o.submits("M1", o.manifest(p, customsv1.FunctionCode_ORIGINAL), store.Asks{})
	o.stand("M1", "KZ joined queued, RU joined queued")
	o.cancel(toRussia, "C1", "M1")
	o.stand("C1", "KZ done, RU done")
	o.exchange()
	if o.out.tries+o.toKZ.tries > 0 {
		t.Errorf("%d and %d were sent", o.out.tries, o.toKZ.tries)
	}
	o.stand("M1", "KZ withdrawn withdrawn, RU withdrawn withdrawn")
}

// A supervisor rules and approves once, for both addressees.
func TestAPersonDecidesOnceForBothAddressees(t *testing.T) {
	for _, yes := range []bool{true, false} {
		t.Run(fmt.Sprint("rules ", yes), func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			parts := leaking(o.world, toRussia, p, "a description", "番茄 单价USD3.20")
			o.submits("V", o.report(p, "RUOVB"), store.Asks{})
			o.submits("M", parts["mt2401.xml"], store.Asks{})
			o.stand("M", "KZ held for ruling, RU held for ruling")
			verdict, want := flow.NoPrice, "KZ joined accepted, RU joined accepted"
			if !yes {
				verdict, want = flow.Refuse, "faulty, faulty"
			}
			if _, err := o.rule(toRussia, "M", flow.Decision{Verdict: verdict}); err != nil {
				t.Fatal(err)
			}
			o.exchange()
			o.stand("M", want)
		})
		t.Run(fmt.Sprint("approves ", yes), func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			o.announce(p)
			o.answersAs(o.ru, toRussia, "R1", o.sentTo("V", "RU").DocumentID, registered)
			if _, err := p.depart(o.world, toRussia, "G1", o.clock.Now(), true); err != nil {
				t.Fatal(err)
			}
			o.cancel(toRussia, "C1", "V")
			o.stand("C1", "KZ held for approval, RU held for approval")
			if _, err := o.approve(toRussia, "C1", yes); err != nil {
				t.Fatal(err)
			}
			o.exchange()
			if yes {
				o.stand("C1", "KZ message accepted, RU message accepted")
			} else {
				o.stand("C1", "KZ faulty, RU faulty")
			}
		})
	}
}

// What one of the two routes refuses is announced to neither, and the sender is told why.
func TestWhatOneAddresseeCannotTakeIsToldToNeither(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	// Announced to Russia before, alone: of the two, its route refuses the second announcement.
	o.submits("M1", o.manifest(p, customsv1.FunctionCode_ORIGINAL, bound("RU")), store.Asks{}, "RU")
	o.submits("V1", o.report(p, ""), store.Asks{}, "RU")
	o.exchange()
	o.stand("V1", "RU joined accepted")
	o.submits("M2", o.manifest(p, customsv1.FunctionCode_ORIGINAL, bound("RU")), store.Asks{})
	s := o.submits("V2", o.report(p, ""), store.Asks{})
	if s.State != gateway.Faulty || !slices.Contains(codesIn(s.Faults), gateway.AlreadyAnnounced) {
		t.Errorf("it is %s: %v", s.State, s.Faults.Report("en"))
	}
	o.exchange()
	if o.toKZ.tries > 0 {
		t.Error("Kazakhstan was told of it")
	}
}

// Each side tells of its arrival, and both stand in the one movement.
func TestBothSidesTellOfTheirArrival(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	o.announce(p)
	at := p.departs.Add(time.Hour)
	for _, b := range []struct {
		g *flow.Gateway
		border
	}{{o.kz, toKazakhstan}, {o.ru, toRussia}} {
		o.clock.add(4 * time.Hour)
		id := "A" + string(b.to)
		if _, err := b.g.RecordArrival(t.Context(), b.entry, flow.Record{ID: id, Content: []byte(fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": %q},
			"arrivalReport": {"batch": %q, "office": {"administration": %q, "code": %q}, "at": %q, "transport": {"vehicles": [
			{"role": "TRACTOR", "registration": %q}, {"role": "TRAILER", "registration": %q}]}, "totals": {"packages": "420", "grossMass": {"kilograms": "18250.5"}}}}`,
			id, at.Format(time.RFC3339), p.batch(toRussia), b.to, b.entry.Office, at.Format(time.RFC3339), p.tractor, p.trailer))}); err != nil {
			t.Fatalf("%s: %v", b.to, err)
		}
		for range 2 {
			if err := b.g.JudgeDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := b.g.DeliverDue(t.Context(), "CN"); err != nil {
				t.Fatal(err)
			}
		}
		if told := o.sentTo("V", b.to).Arrival; told == nil || told.Office == "" || len(told.Faults) > 0 {
			t.Errorf("%s has told of the arrival: %+v", b.to, told)
		}
		at = at.Add(4 * time.Hour)
	}
	if m := found(o.world, o.cn, p.waybills()[0]); len(m.Arrivals) != 2 {
		t.Errorf("China's movement has %d arrivals", len(m.Arrivals))
	}
}

// A change that waits for the number of one addressee goes to the other at once.
func TestAChangeWaitsForTheNumberOfOneAddressee(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	p.departs = o.clock.Now().Add(72 * time.Hour) // nothing is late yet
	o.announce(p)
	o.submits("M2", o.changed(p, 500), store.Asks{Amends: "M"})
	o.exchange()
	o.stand("M2", "KZ joined accepted, RU held for number")
	o.answersAs(o.ru, toRussia, "R1", o.sentTo("V", "RU").DocumentID, registered)
	o.exchange()
	o.stand("M2", "KZ joined accepted, RU joined accepted")
	if m := o.sentTo("M2", "RU"); m.Version != 2 || !strings.Contains(string(m.Payload), "RefRegNumber") {
		t.Errorf("to Russia it is version %d:\n%s", m.Version, m.Payload)
	}
}

// An explanation of a submission that became a message with its second addressee alone is of that one.
func TestWhatIsOneAddresseesIsExplained(t *testing.T) {
	o := newOnward(t)
	p := tripOf(1, o.world)
	o.announce(p)
	o.answersAs(o.kz, toKazakhstan, "K1", o.sentTo("V", "KZ").DocumentID, refusedAnswer)
	o.answersAs(o.ru, toRussia, "R1", o.sentTo("V", "RU").DocumentID, registered)
	o.submits("M2", o.changed(p, 500), store.Asks{Amends: "M"})
	o.exchange()
	o.stand("M2", "KZ done, RU joined accepted")
	e, err := o.cn.Explain(t.Context(), khorgos, "M2")
	if err != nil || e.Message != o.sentTo("M2", "RU").ID {
		t.Errorf("it is explained as %s, %v", e.Message, err)
	}
	for _, origin := range e.Origins {
		if id := origin.SourceSubmission; id != "" && id != "M" && id != "V" && id != "M2" {
			t.Errorf("%s comes from %q, which nobody has submitted", origin.Target, id)
		}
	}
}

// Which vehicles a deletion means is said once for both addressees, also where one has nothing of them.
func TestVehiclesAreChosenOnceForBothAddressees(t *testing.T) {
	for refuses, tt := range map[gateway.Administration][2]string{
		"":   {"KZ held for vehicles, RU held for vehicles", "KZ joined accepted, RU joined accepted"},
		"KZ": {"KZ done, RU held for vehicles", "KZ done, RU joined accepted"},
	} {
		held, want := tt[0], tt[1]
		t.Run("refused by "+string(refuses), func(t *testing.T) {
			o := newOnward(t)
			p := tripOf(1, o.world)
			o.announce(p)
			other := trip{1, "新F00001", "新F0002挂", p.departs.Add(time.Minute)}
			o.submits("V2", []byte(strings.Replace(string(o.report(other, "RUOVB")), "101500001", "101600001", 1)), store.Asks{})
			o.exchange()
			o.stand("V2", "KZ joined accepted, RU joined accepted")
			for _, id := range []string{"V", "V2"} {
				says := registered
				if refuses == "KZ" {
					says = refusedAnswer
				}
				o.answersAs(o.kz, toKazakhstan, "K"+id, o.sentTo(id, "KZ").DocumentID, says)
				o.answersAs(o.ru, toRussia, "R"+id, o.sentTo(id, "RU").DocumentID, registered)
			}
			o.submits("D", []byte(fmt.Sprintf(`{"envelope": {"documentId": "D", "issued": %q, "function": "DELETION"}, "vehicleReport": {"batch": %q,
				"office": {"administration": "CN", "code": "9402"}}}`, o.clock.Now().Format(time.RFC3339), p.batch(toRussia))), store.Asks{})
			o.stand("D", held)
			if _, err := o.cn.Choose(t.Context(), khorgos, "D", flow.Choice{Vehicles: []string{other.tractor}}); err != nil {
				t.Fatal(err)
			}
			o.exchange()
			o.stand("D", want)
		})
	}
}
