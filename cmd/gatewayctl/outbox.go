package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// administration is what a partner is called by: a country's code.
var administration = regexp.MustCompile(`^[A-Za-z]{2}$`)

// waits says why messages wait: one, or all of a partner.
func waits(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, operands []string) error {
		if !administration.MatchString(operands[0]) {
			answer, err := s.outbox.Waits(ctx, &exchangev1.ListWaitsRequest{MessageId: operands[0]})
			if err != nil {
				return err
			}
			return showAll(s, answer.Waits, (*page).waitsOf)
		}
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Wait, string, error) {
			answer, err := s.outbox.Waits(ctx, &exchangev1.ListWaitsRequest{Partner: operands[0], PageSize: size, PageToken: token})
			return answer.GetWaits(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, (*page).waitsOf)
	}
}

func (p *page) waitsOf(all []*exchangev1.Wait) {
	if len(all) == 0 {
		p.line(p.text("nothingWaits"))
	}
	for _, w := range all {
		p.heading("%s", w.MessageId)
		p.inner("to", w.Partner)
		p.inner("kind", w.Kind)
		p.inner("state", p.state(w.State))
		p.inner("created", p.time(w.Created))
		p.inner("expectedArrival", p.time(w.ExpectedArrival))
		p.inner("attempts", strconv.Itoa(int(w.Attempts)))
		p.inner("nextAttempt", p.time(w.NextAttempt))
		p.inner("validUntil", p.time(w.ValidUntil))
		for _, f := range w.Reasons {
			p.line("  " + f.Message)
		}
	}
}

// try has messages tried now, or all of a partner.
func try(fs *flag.FlagSet) action {
	partner := fs.String("partner", "", "all that waits for this `ADMINISTRATION`, such as KZ: at most 500, what it needs first before all others")
	return func(ctx context.Context, s *session, operands []string) error {
		if (*partner == "") == (len(operands) == 0) {
			return errors.New("name messages, or -partner")
		}
		answer, err := s.outbox.Try(ctx, &exchangev1.TryRequest{MessageIds: operands, Partner: *partner})
		if err != nil {
			return err
		}
		return s.show(answer, func(p *page) {
			p.field("dueNow", strconv.Itoa(int(answer.Tried)))
			p.faults(answer.Faults)
		})
	}
}

func deadList(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.DeadLetter, string, error) {
			answer, err := s.outbox.DeadLetters(ctx, &exchangev1.ListDeadLettersRequest{PageSize: size, PageToken: token})
			return answer.GetLetters(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, (*page).deadLetters)
	}
}

func (p *page) deadLetters(all []*exchangev1.DeadLetter) {
	if len(all) == 0 {
		p.line(p.text("noDeadLetters"))
		return
	}
	p.columns("message", "to", "kind", "reason", "created", "validUntil", "attempts", "repairedBy", "settledBy")
	for _, d := range all {
		p.line(d.MessageId, d.Partner, d.Kind, p.why(d.Reason), p.time(d.Created), p.time(d.ValidUntil), strconv.Itoa(int(d.Attempts)),
			orNone(d.RepairedBy), d.Settlement.GetProposedBy())
	}
}

// deadLetter prints what became of one.
func (s *session) deadLetter(d *exchangev1.DeadLetter, err error) error {
	if err != nil {
		return err
	}
	return s.show(d, func(p *page) {
		p.field("message", d.MessageId)
		p.field("to", d.Partner)
		p.field("kind", d.Kind)
		p.field("state", p.state(d.State), p.why(d.Reason))
		p.field("validUntil", p.time(d.ValidUntil))
		p.field("repairs", d.Repairs)
		p.field("repairedBy", d.RepairedBy)
		if by := d.Settlement; by != nil {
			p.field("reason", by.Reason)
			p.field("evidence", by.EvidenceDigest)
			p.field("settledBy", by.ProposedBy, p.time(by.Proposed))
			confirmed := by.ConfirmedBy
			if confirmed == "" {
				confirmed = p.text("notConfirmed")
			}
			p.field("confirmedBy", confirmed, p.time(by.Confirmed))
		}
	})
}

func redrive(fs *flag.FlagSet) action {
	valid := fs.Duration("valid", 0, "for how `LONG` it is valid from now on, such as 24h; without it as long as its route says, which is the most")
	return func(ctx context.Context, s *session, operands []string) error {
		if *valid < 0 || *valid%time.Second != 0 {
			return fmt.Errorf("-valid %s: want whole seconds", *valid)
		}
		return s.deadLetter(s.outbox.Redrive(ctx, &exchangev1.RedriveRequest{MessageId: operands[0], ValidFor: int64(*valid / time.Second)}))
	}
}

func repair(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		return s.deadLetter(s.outbox.Repair(ctx, &exchangev1.RepairRequest{MessageId: operands[0]}))
	}
}

// settle says of a dead letter that it is settled by hand, or confirms that another has said so.
func settle(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", "`WHY`, needed but to confirm: 5 to 500 characters, for the record; it does not travel")
	evidence := fs.String("evidence", "", "`FILE` that shows it, such as a letter; who confirms names the same. It stays here; the gateway keeps its digest")
	confirm := fs.Bool("confirm", false, "confirm what another person has said")
	return func(ctx context.Context, s *session, operands []string) error {
		var digest string
		if *evidence != "" {
			var err error
			if digest, err = digestOfFile(*evidence); err != nil {
				return err
			}
		}
		if *confirm {
			if *reason != "" {
				return errors.New("-reason is the first person's to give; -confirm takes none")
			}
			if digest == "" {
				return errors.New("say with -evidence what you have seen")
			}
			return s.deadLetter(s.outbox.ConfirmSettlement(ctx, &exchangev1.ConfirmSettlementRequest{MessageId: operands[0], EvidenceDigest: digest}))
		}
		if strings.TrimSpace(*reason) == "" || digest == "" {
			return errors.New("say -reason and -evidence, or -confirm")
		}
		return s.deadLetter(s.outbox.Settle(ctx, &exchangev1.SettleRequest{MessageId: operands[0], Reason: *reason, EvidenceDigest: digest}))
	}
}

// digestOfFile is the SHA-256 of a file, in hexadecimal digits.
func digestOfFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// breaker says where a circuit breaker stands.
func (p *page) breaker(d *exchangev1.Delivering) string {
	if d.GetBreaker() == "open" {
		return p.say("breakerOpen", p.time(d.Until))
	}
	return p.called("breaker", d.GetBreaker())
}

// underway is how many messages travel of how many may.
func underway(d *exchangev1.Delivering) string {
	return strconv.Itoa(int(d.GetUnderway())) + "/" + strconv.Itoa(int(d.GetWindow()))
}
