package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

const (
	// shift is how far a clock goes on at once, while a partner is down.
	shift = 8 * time.Hour
	// daysFor is how long a partner is down that is there again before anything has lost its validity, and tooLongFor
	// how long one is that is not (the routes of mappings give 72 hours).
	daysFor, tooLongFor = 64 * time.Hour, 96 * time.Hour
)

// daysDown has Russia's gateway be down for days, while China's clock goes on and its posts hand in.
func daysDown(ctx context.Context, p *pair, _ extent) (string, error) {
	return p.down(ctx, daysFor)
}

// tooLongDown has it be down for longer than messages are valid: those end as dead letters, all others arrive.
func tooLongDown(ctx context.Context, p *pair, _ extent) (string, error) {
	return p.down(ctx, tooLongFor)
}

// endRussia ends Russia's gateway at work; from then on only China's posts hand in.
func (p *pair) endRussia(ctx context.Context) error {
	if err := p.answered(ctx, 12); err != nil {
		return err
	}
	p.load.goesOn(0, p.cn.Own)
	if err := p.answered(ctx, 12); err != nil { // what Russia's posts were handing in is answered
		return err
	}
	return p.ru.kill()
}

func (p *pair) down(ctx context.Context, most time.Duration) (string, error) {
	if err := p.endRussia(ctx); err != nil {
		return "", err
	}
	before := p.load.answers.Load()
	for ahead := shift; ahead <= most; ahead += shift {
		if err := p.set(p.cn, ahead); err != nil {
			return "", err
		}
		p.load.goesOn(ahead, p.cn.Own)
		if err := p.answered(ctx, 40); err != nil {
			return "", fmt.Errorf("after %s: %w", ahead, err)
		}
	}
	waiting := p.load.answers.Load() - before
	if err := p.set(p.ru, most); err != nil {
		return "", err
	}
	if err := p.ru.start(p.bin); err != nil {
		return "", err
	}
	p.load.goesOn(most, "")
	return fmt.Sprintf("Russia for %s, while China acknowledged %d", most, waiting), p.answered(ctx, 12)
}

// upgraded ends each gateway, which is of an earlier commit, while it works, and goes on with that of today: both
// understand each other between. The earlier one does not touch a database of today.
func upgraded(ctx context.Context, p *pair, how extent) (string, error) {
	for _, g := range p.sides() {
		if err := p.answered(ctx, 24); err != nil {
			return "", err
		}
		if err := p.again(g); err != nil {
			return "", err
		}
		if err := g.ready(ctx, p.load.doors[g.Own][0]); err != nil {
			return "", err
		}
		if err := p.answered(ctx, 24); err != nil {
			return "", err
		}
		if err := g.kill(); err != nil {
			return "", err
		}
		if err := g.start(how.earlier); err != nil {
			return "", err
		}
		over, err := ends(ctx, g, time.Minute)
		if ctx.Err() != nil {
			return "", err
		}
		if !over || err == nil || !strings.Contains(g.tail(), string(gateway.StoreNewer)) {
			return "", fmt.Errorf("the earlier gateway of %s on today's database: %v\n%s", country[g.Own], err, g.tail())
		}
		if err := g.start(p.bin); err != nil {
			return "", err
		}
	}
	return "each ended and went on as today's; started on today's database the earlier one said that it is of a later version", p.answered(ctx, 24)
}

// backlog ends both while so many messages wait for Russia, and starts them again: how long it takes until a post is
// answered, and until nothing waits any more of what waited, while posts go on.
func backlog(ctx context.Context, p *pair, how extent) (string, error) {
	if err := p.endRussia(ctx); err != nil {
		return "", err
	}
	queues := exchangev1.NewPartnerServiceClient(p.operators[0].conn)
	waits := func() (n int, oldest time.Time) {
		answer, err := queues.Queues(ctx, &exchangev1.ListQueuesRequest{})
		if err != nil {
			return 0, time.Time{}
		}
		oldest = time.Now()
		for _, q := range answer.Queues {
			n += int(q.Messages)
			if at := q.Oldest.AsTime(); at.Before(oldest) {
				oldest = at
			}
		}
		return n, oldest
	}
	var waiting int
	for waiting < how.backlog {
		if err := p.pause(ctx); err != nil {
			return "", fmt.Errorf("%d messages wait: %w", waiting, err)
		}
		waiting, _ = waits()
	}
	if err := p.cn.kill(); err != nil {
		return "", err
	}
	began := time.Now()
	for _, g := range p.sides() {
		if err := g.start(p.bin); err != nil {
			return "", err
		}
	}
	if err := p.answered(ctx, 1); err != nil {
		return "", err
	}
	first := time.Since(began)
	p.load.goesOn(0, "")
	if err := p.tryAll(ctx); err != nil {
		return "", err
	}
	for _, oldest := waits(); oldest.Before(began); _, oldest = waits() {
		if err := p.pause(ctx); err != nil {
			return "", fmt.Errorf("what is of %s waits still: %w", oldest, err)
		}
	}
	return fmt.Sprintf("%d waited when both ended; the first submission was acknowledged %.1f s after their start, the last of those accepted after %.1f s",
		waiting, first.Seconds(), time.Since(began).Seconds()), nil
}

// pause waits a moment, while clients hand in.
func (p *pair) pause(ctx context.Context) error { return p.answered(ctx, 1) }
