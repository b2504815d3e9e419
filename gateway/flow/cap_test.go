package flow_test

import (
	"context"
	"errors"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/release"
	"customs.example/mappings"
)

// A manifest larger than gateways take anyway goes where both sides have agreed on it:
// its route says so here, the partner's entry in the configuration there.
func TestLargeManifestGoesWhereItIsAgreedOn(t *testing.T) {
	w := newWorld(t)
	large := manifest(t, 9_000_000)
	send := func() (gateway.SubmissionState, error) {
		s, err := w.cn.Submit(context.Background(), post, flow.Submission{ID: "M1", MediaType: flow.XML, Content: large})
		return s.State, err
	}
	var refused gateway.Faults
	if _, err := send(); !errors.As(err, &refused) || refused[0].Code != gateway.TooLarge || refused[0].Expected != "8388608" {
		t.Fatalf("without a word of the route: %v", err)
	}

	chain := *loadChain(t)
	const route = "routes/cn-ru-pre-arrival-notice.yaml"
	routes, err := release.Load(layered(t, mappings.FS, map[string]string{route: text(t, mappings.FS, route, "hold: 24h", "hold: 24h\ncap: 32MiB")}), chain.Tables)
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
	if s.State != gateway.Joined {
		t.Fatalf("%s: %v", s.State, s.Faults)
	}
	if n := len(w.message(s.MessageID).Payload); n < 9_000_000 {
		t.Fatalf("%d bytes go out", n)
	}

	w.deliver()
	if m := w.message(s.MessageID); m.State == gateway.Accepted || m.LastError == "" {
		t.Fatalf("a partner that has not agreed: %s", m.State)
	}
	open := w.ru.Options
	open.Caps = map[gateway.Administration]int{"CN": 32 << 20}
	w.out.to = flow.New(open)
	w.clock.add(flow.MaxInterval)
	w.deliver()
	if m := w.message(s.MessageID); m.State != gateway.Accepted {
		t.Fatalf("a partner that has: %s %s", m.State, m.LastError)
	}
}

// Two versions of one format live at once: an office's routes say which it writes.
func TestOfficeWritesTheVersionOfItsRoutes(t *testing.T) {
	const route = "routes/cn-ru-pre-arrival-notice.yaml"
	for _, version := range []string{"cn/mt2401.v1", "cn/mt2401.v2"} {
		w := newWorld(t)
		chain := *loadChain(t)
		routes, err := release.Load(layered(t, mappings.FS, map[string]string{route: text(t, mappings.FS, route, "cn/mt2401.v2", version)}), chain.Tables)
		if err != nil {
			t.Fatal(err)
		}
		if chain.Routes, err = routes.Only([]string{"cn-ru-pre-arrival-notice"}); err != nil {
			t.Fatal(err)
		}
		o := w.cn.Options
		o.Chain = &chain
		w.cn = flow.New(o)
		if s := w.submit("M1", "mt2401.xml"); s.State != gateway.Held || s.Mapping != version {
			t.Errorf("%s: %s, read by %s: %v", version, s.State, s.Mapping, s.Faults)
		}
	}
}
