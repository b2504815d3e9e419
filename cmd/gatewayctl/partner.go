package main

import (
	"context"
	"errors"
	"flag"
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
			p.field("fingerprint", fingerprint.Spoken())
			p.line("", p.text("fingerprintHint"))
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

// A step is printed as soon as it is done, so that its columns have a width of their own.
const markWidth, stepWidth = 14, 16

// step is one line, and what to do where it is not well.
func (p *page) step(step *exchangev1.PartnerCheck) {
	mark := p.text("ok")
	if f := step.Fault; f != nil {
		mark = p.severity(f.Severity)
	}
	line := padded(mark, markWidth) + " " + padded(p.called("step", step.Step), stepWidth) + " " + clean(step.Subject)
	if step.Found != "" {
		line += "  " + clean(step.Found)
	}
	p.line(strings.TrimRight(line, " "))
	if f := step.Fault; f != nil {
		p.line(strings.Repeat(" ", markWidth+1) + clean(f.Message))
		if step.DutyDesk != "" {
			p.line(strings.Repeat(" ", markWidth+1) + clean(step.DutyDesk))
		}
	}
}
