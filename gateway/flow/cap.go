package flow

import (
	"fmt"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
)

// Cap returns the greatest number of bytes that a document of any route or partner may
// have.
func (g *Gateway) Cap() int {
	most := schema.MaxBytes
	for _, n := range g.Caps {
		most = max(most, n)
	}
	return max(most, g.Chain.Cap())
}

// Cap returns the greatest number of bytes that a document of any route may have.
func (c *Chain) Cap() int {
	most := schema.MaxBytes
	for _, rt := range c.Routes.All() {
		most = max(most, capOf(rt))
	}
	return most
}

// capOf returns how many bytes a route's documents may have: the national ones and the
// partner's.
func capOf(rt *release.Route) int { return max(int(rt.Cap), schema.MaxBytes) }

// capFor returns the cap of what an office submits: the greatest of its routes'.
func (g *Gateway) capFor(office string) int {
	most := schema.MaxBytes
	for _, rt := range g.Chain.Routes.Serving(g.Own, office, g.Now()) {
		most = max(most, capOf(rt))
	}
	return most
}

// capFrom returns the cap of what an administration's gateway sends.
func (g *Gateway) capFrom(sender gateway.Administration) int {
	return max(schema.MaxBytes, g.Caps[sender])
}

func tooLarge(n, most int) gateway.Fault {
	return fault(gateway.TooLarge, fmt.Sprint(n), fmt.Sprint(most))
}

// agreed returns the tables that an office writes in, as its routes say.
func (c *Chain) agreed(own gateway.Administration, office string, at time.Time) []string {
	var out []string
	for _, rt := range c.Routes.Serving(own, office, at) {
		out = append(out, rt.Sources...)
	}
	return out
}
