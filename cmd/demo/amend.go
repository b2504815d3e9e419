package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// waybillIsChanged changes one waybill of two by the manifest's own function code: the full new
// version takes the place of the notice on both sides, with Russia's number of the one before.
func (p *play) waybillIsChanged(ctx context.Context) error {
	p.step("Of another truck one waybill of two is wrong. The manifest says it anew, with function 5.")
	t := p.dice.truck(p.now().Add(-time.Second), 2, 1)
	sub, err := p.announce(ctx, t)
	if err != nil {
		return err
	}
	first := sub.Message
	if _, _, err := take(ctx, p.ruNational, "PreArrivalNotice", first.DocumentId); err != nil {
		return err
	}
	if err := p.answer(ctx, first.DocumentId, "REGISTERED"); err != nil {
		return err
	}
	changed := *t.Manifest
	w := *changed.Waybills[1]
	before := w.Packages
	n, err := strconv.Atoi(before)
	if err != nil {
		return err
	}
	w.Packages = strconv.Itoa(n + 1)
	changed.MessageID, changed.Function, changed.Waybills = t.Manifest.MessageID+"-5", "5", []*waybill{&w}
	content, err := render("mt2401.xml", &changed)
	if err != nil {
		return err
	}
	if _, err := p.cnPost.submit(ctx, content); err != nil {
		return err
	}
	second, err := until(ctx, "Russia's acceptance of the change", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, changed.MessageID) },
		func(s *exchangev1.Submission) bool { return s.Message.GetState() == string(gateway.Accepted) })
	if err != nil {
		return err
	}
	in, _, err := take(ctx, p.ruNational, "PreArrivalNotice", second.Message.DocumentId)
	if err != nil {
		return err
	}
	var c checks
	c.equal("version", second.Message.Version, int32(2))
	c.equal("the message whose place it takes", second.Message.Replaces, first.MessageId)
	c.equal("the same in Russia", in.Replaces, first.MessageId)
	packages := func(changes []*exchangev1.Change) string {
		i := slices.IndexFunc(changes, func(c *exchangev1.Change) bool {
			return strings.HasSuffix(c.Path, "totals.packages") && c.Before == before
		})
		if i < 0 {
			return ""
		}
		return changes[i].Place + ": " + changes[i].Before + " -> " + changes[i].After
	}
	c.equal("the change that both sides see", packages(in.Changes), packages(second.Message.Changes))
	p.fact("changed", "%s", packages(second.Message.Changes))
	for _, side := range []*client{p.cnPost, p.ruPost} {
		found, err := side.movements.Find(ctx, &exchangev1.FindMovementsRequest{Text: w.Number})
		if err != nil {
			return err
		}
		c.equal("movements of the waybill", len(found.Movements), 1)
		for _, m := range found.Movements {
			for _, account := range m.Waybills {
				if account.Waybill == w.Number {
					c.equal("packages announced", account.Packages.GetAnnounced(), w.Packages)
				}
			}
		}
	}
	p.say("Waybill %s stays as it was; both sides keep both versions, and count the second.", changed.Batch+" / "+t.Manifest.Waybills[0].Number)
	return c.err()
}
