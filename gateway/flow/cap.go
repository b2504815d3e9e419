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
func (g *Gateway) Cap() int { return g.Chain.Limits.Bytes }

// Cap returns the greatest number of bytes that a document of any route may have.
func (c *Chain) Cap() int { return capOf(c.Routes.All()...) }

// capFor returns the cap of what an office submits.
func (g *Gateway) capFor(office string) int {
	return capOf(g.Chain.Routes.Serving(g.Own, office, g.Now())...)
}

// capOf returns how many bytes documents of routes may have: the national ones and the
// partner's.
func capOf(routes ...*release.Route) int {
	most := schema.MaxBytes
	for _, rt := range routes {
		most = max(most, int(rt.Cap))
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
