package flow_test

import (
	"errors"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/mappings"
	"customs.example/xsd"
)

// A document larger than gateways take anyway is taken where it is agreed on: a route says
// so of an office's, the partner's entry in the configuration of what comes from there.
func TestLongDocumentsAreTakenWhereThatIsAgreedOn(t *testing.T) {
	w := newWorld(t)
	filling := []byte("\n" + strings.Repeat("<!--"+strings.Repeat(" ", 1<<20-7)+"-->", 9))
	large := append(w.content("mt2401.xml"), filling...)
	send := func() (gateway.SubmissionState, error) {
		s, err := w.cn.Submit(t.Context(), post, flow.Submission{ID: "M1", MediaType: flow.XML, Content: large})
		return s.State, err
	}
	tooLarge := func(err error) bool {
		var refused gateway.Faults
		return errors.As(err, &refused) && refused[0].Code == gateway.TooLarge && refused[0].Expected.String() == "8388608"
	}
	if _, err := send(); !tooLarge(err) {
		t.Fatalf("without a word of the route: %v", err)
	}
	chain := *loadChain(t).Chain
	const route = "routes/cn-ru-pre-arrival-notice.yaml"
	routes, err := release.Load(layered(t, mappings.FS, map[string]string{route: text(t, mappings.FS, route, "crossing: 40m", "crossing: 40m\ncap: 32MiB")}), chain.Tables)
	if err != nil {
		t.Fatal(err)
	}
	chain.Routes = routes
	wider := w.cn.Options
	wider.Chain = &chain
	w.cn = flow.New(wider)
	if state, err := send(); err != nil || state != gateway.Held {
		t.Fatalf("with the route's word: %s, %v", state, err)
	}

	s := w.submit("V1", "mt4402.xml")
	m := w.message(s.MessageID)
	header, err := seal.ParseHeader(m.Header)
	if err != nil {
		t.Fatal(err)
	}
	payload := append(m.Payload, filling...)
	signed := w.sign(header, payload)
	deliver := func(to *flow.Gateway) error {
		_, err := to.Receive(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, signed.header, signed.signature, payload)
		return err
	}
	if err := deliver(w.ru); !tooLarge(err) {
		t.Errorf("a partner that has not agreed: %v", err)
	}
	open := w.ru.Options
	open.Caps = map[gateway.Administration]int{"CN": 32 << 20}
	if err := deliver(flow.New(open)); err != nil {
		t.Errorf("a partner that has: %v", err)
	}
}

// Two versions of one format live at once: an office's routes say which it writes.
func TestLongOfficeWritesTheVersionOfItsRoutes(t *testing.T) {
	const first, second, route = "cn/mt2401.v1", "cn/mt2401.v2", "routes/cn-ru-pre-arrival-notice.yaml"
	for _, version := range []string{first, second} {
		w := newWorld(t)
		chain, err := chainOf(layered(t, mappings.FS, map[string]string{
			second + ".yaml": text(t, mappings.FS, first+".yaml", "version: 1\n", "version: 2\nschema: "+first+"\n"),
			route:            text(t, mappings.FS, route, "crossing: 40m\n", "crossing: 40m\nsources: ["+version+", cn/mt4402.v1]\n"),
		}), xsd.FS)
		if err != nil {
			t.Fatal(err)
		}
		if chain.Routes, err = chain.Routes.Only([]string{"cn-ru-pre-arrival-notice"}); err != nil {
			t.Fatal(err)
		}
		o := w.cn.Options
		o.Chain = chain
		w.cn = flow.New(o)
		if s := w.submit("M1", "mt2401.xml"); s.State != gateway.Held || s.Mapping != version {
			t.Errorf("%s: %s, read by %s: %v", version, s.State, s.Mapping, s.Faults)
		}
	}
}
