package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// partnerCard writes the card as the file that partners add, and prints what they
// compare it by.
func partnerCard(fs *flag.FlagSet) action {
	out := fs.String("out", "", "`FILE` to write the card to, which must not be there; without it only the fingerprint is printed")
	return func(ctx context.Context, s *session, _ []string) error {
		r, err := s.partners.Card(ctx, &exchangev1.CardRequest{})
		if err != nil {
			return err
		}
		fingerprint, err := gateway.ParseDigest(r.Fingerprint)
		if err != nil {
			return err
		}
		if *out != "" {
			f, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return err
			}
			_, err = f.Write(r.Card)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return s.show(r, func(p *page) {
			p.line("fingerprint", fingerprint.Spoken())
			p.line("", "read it to the partner over the telephone, or show it; never in the same mail as the card")
		})
	}
}

// partnerCheck prints each step as it is done.
func partnerCheck(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		stream, err := s.partners.Check(ctx, &exchangev1.CheckPartnerRequest{Partner: operands[0]})
		if err != nil {
			return err
		}
		failed := false
		for {
			step, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			failed = failed || step.Fault.GetSeverity() == "error"
			if err := s.show(step, func(p *page) { p.step(step) }); err != nil {
				return err
			}
		}
		if failed {
			return errRefused
		}
		return nil
	}
}

// step is one line, and what to do where it is not well.
func (p *page) step(step *exchangev1.PartnerCheck) {
	mark := "ok"
	if f := step.Fault; f != nil {
		mark = f.Severity
	}
	line := fmt.Sprintf("%-8s %-12s %s", mark, step.Step, clean(step.Subject))
	if step.Found != "" {
		line += "  " + clean(step.Found)
	}
	p.line(strings.TrimRight(line, " "))
	if f := step.Fault; f != nil {
		p.line("         " + clean(f.Message))
		if step.DutyDesk != "" {
			p.line("         " + clean(step.DutyDesk))
		}
	}
}
