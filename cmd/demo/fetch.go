package main

import (
	"context"
	"strings"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// kazakhstanFetches announces a truck to a partner that is called by nobody: its notice waits until the
// partner's gateway starts and fetches it, and its signed receipt ends it as that of a delivery does.
func (p *play) kazakhstanFetches(ctx context.Context) error {
	p.step("Kazakhstan's gateway is called by nobody: it fetches. A truck is announced at Khorgos before it runs.")
	t := p.dice.truck(p.now().Add(-3*time.Second), 1, 2)
	for _, text := range []*string{&t.Manifest.Office, &t.Manifest.Batch, &t.Manifest.Agent, &t.Manifest.Carrier} {
		*text = khorgos + strings.TrimPrefix(*text, manzhouli)
	}
	for name, values := range map[string]any{"mt2401.xml": t.Manifest, "mt4402.xml": t} {
		content, err := render(name, values)
		if err != nil {
			return err
		}
		if _, err := p.cnKhorgos.submit(ctx, content); err != nil {
			return err
		}
	}
	waiting, err := p.cnKhorgos.status(ctx, t.MessageID)
	if err != nil {
		return err
	}
	p.fact("state", "%s: %s", strings.ToUpper(waiting.Message.GetState()), waiting.Message.GetWaiting())
	var c checks
	c.equal("state before it is fetched", waiting.Message.GetState(), string(gateway.Queued))
	c.equal("attempts before it is fetched", waiting.Message.GetAttempts(), int32(0))
	if err := c.err(); err != nil {
		return err
	}
	if err := p.kz.start(p.bin); err != nil {
		return err
	}
	if err := p.kz.ready(ctx, p.kzNational); err != nil {
		return err
	}
	sub, err := until(ctx, "Kazakhstan's acceptance", func() (*exchangev1.Submission, error) { return p.cnKhorgos.status(ctx, t.MessageID) },
		func(s *exchangev1.Submission) bool { return gateway.MessageState(s.Message.GetState()).Final() })
	if err != nil {
		return err
	}
	received, _, err := take(ctx, p.kzNational, "PreArrivalNotice", sub.Message.DocumentId)
	if err != nil {
		return err
	}
	if err := p.save("cn-kz-pre-arrival-notice.xml", received.Content); err != nil {
		return err
	}
	r, err := p.checkReceipt(p.kz, sub.Message, received.Content)
	if err != nil {
		return err
	}
	p.say("It starts, fetches, and acknowledges what it has fetched by its signed receipt:")
	p.fact("state", "%s", strings.ToUpper(sub.Message.State))
	p.fact("receipt", "%s, signed by Kazakhstan with the key %s", r.statement.Verdict, r.header.KeyID)
	handed, err := p.cn.logged("messages handed out")
	if err != nil {
		return err
	}
	p.fact("fetched by", "%v, by its subscription %v", handed["caller"], handed["subscription"])
	c.equal("state", sub.Message.State, string(gateway.Accepted))
	c.equal("who has fetched it", handed["caller"], any(p.kz.uri()))
	return c.err()
}
