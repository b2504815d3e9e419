package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// balance lists how the balances stand or, of one partner, compares now and lists what is
// held differently: that there is something is a refusal.
func balance(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER` of differences; 0 lists all")
	last := fs.Bool("last", false, "do not compare now; show what the last comparison found")
	return func(ctx context.Context, s *session, operands []string) error {
		answer, err := s.balances.List(ctx, &exchangev1.ListBalancesRequest{})
		if err != nil {
			return err
		}
		if len(operands) == 0 {
			return showAll(s, answer.Balances, (*page).balances)
		}
		partner := operands[0]
		var b *exchangev1.Balance
		for _, known := range answer.Balances {
			if known.Partner == partner {
				b = known
			}
		}
		if b == nil || !*last {
			if b, err = s.balances.Run(ctx, &exchangev1.RunBalanceRequest{Partner: partner}); err != nil {
				return err
			}
		}
		if err := s.show(b, func(p *page) { p.balance(b) }); err != nil {
			return err
		}
		found, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Difference, string, error) {
			answer, err := s.balances.Differences(ctx, &exchangev1.ListDifferencesRequest{Partner: partner, PageSize: size, PageToken: token})
			return answer.GetDifferences(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			if err := showAll(s, found, (*page).differences); err != nil {
				return err
			}
		}
		if len(found)+len(b.Faults) > 0 {
			return errRefused
		}
		return nil
	}
}

func (p *page) balances(all []*exchangev1.Balance) {
	p.columns("partner", "open", "leftSince", "waitingMessages", "comparedUpTo", "ended", "messages", "differences")
	for _, b := range all {
		p.line(b.Partner, p.yesOrNo(b.Open), p.time(b.Left), strconv.FormatInt(b.Waiting, 10), p.time(b.Upto), p.time(b.Ended), strconv.FormatInt(b.Compared, 10), strconv.Itoa(int(b.Differences)))
	}
	for _, b := range all {
		p.faults(b.Faults)
	}
}

func (p *page) balance(b *exchangev1.Balance) {
	p.field("partner", b.Partner)
	p.field("open", p.yesOrNo(b.Open))
	p.field("restored", p.time(b.Restored), p.filled("fromBackup", p.time(b.Backup)))
	p.field("leftSince", p.time(b.Left))
	if b.Waiting > 0 {
		p.field("waitingMessages", strconv.FormatInt(b.Waiting, 10))
	}
	p.field("comparedUpTo", p.time(b.Upto))
	p.field("ended", p.time(b.Ended))
	p.field("messages", strconv.FormatInt(b.Compared, 10))
	p.field("differences", strconv.Itoa(int(b.Differences)))
	p.faults(b.Faults)
}

func (p *page) differences(all []*exchangev1.Difference) {
	for _, d := range all {
		fmt.Fprintln(p.w)
		p.faults([]*exchangev1.Fault{d.Fault})
		p.field("foundAt", p.time(d.Found))
		p.field("kind", d.Kind)
		p.field("documentId", d.DocumentId)
		p.field("batch", d.Batch)
		p.field("here", d.Digest, d.Verdict)
		p.field("there", d.PartnerDigest, d.PartnerVerdict)
	}
}
