package main

import (
	"context"
	"flag"
	"strconv"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

const numbersOfHelp = "`OFFICE` whose load checklists take them; without it one's own"

// numbersAdd hands over a block.
func numbersAdd(fs *flag.FlagSet) action {
	office := fs.String("office", "", numbersOfHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		b, err := s.numbers.HandOver(ctx, &exchangev1.HandOverNumbersRequest{Office: *office, First: operands[0], Last: operands[1]})
		if err != nil {
			return err
		}
		return s.show(b, func(p *page) { p.numberBlocks([]*exchangev1.NumberBlock{b}) })
	}
}

func numbersList(fs *flag.FlagSet) action {
	office := fs.String("office", "", numbersOfHelp)
	return func(ctx context.Context, s *session, _ []string) error {
		r, err := s.numbers.List(ctx, &exchangev1.ListNumberBlocksRequest{Office: *office})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) { p.numberBlocks(r.Blocks) })
	}
}

func numbersUsed(fs *flag.FlagSet) action {
	office := fs.String("office", "", numbersOfHelp)
	limit := fs.Int("limit", 500, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.NumberUse, string, error) {
			r, err := s.numbers.Uses(ctx, &exchangev1.ListNumberUsesRequest{Office: *office, PageSize: size, PageToken: token})
			return r.GetUses(), r.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		r := &exchangev1.ListNumberUsesResponse{Uses: all}
		return s.show(r, func(p *page) { p.numberUses(all) })
	}
}

func (p *page) numberBlocks(blocks []*exchangev1.NumberBlock) {
	p.columns("office", "block", "numbersLeft", "numberNext", "handedOver", "who")
	for _, b := range blocks {
		left := strconv.FormatInt(b.Left, 10) + " / " + strconv.FormatInt(b.Size, 10)
		p.line(b.Office, b.First+" - "+b.Last, left, orNone(b.Next), p.time(b.HandedOver), b.HandedOverBy)
	}
}

func (p *page) numberUses(uses []*exchangev1.NumberUse) {
	p.columns("number", "state", "taken", "message", "messageState")
	for _, u := range uses {
		word := "inUse"
		if u.Burnt {
			word = "burnt"
		}
		p.line(u.Number, p.text(word), p.time(u.Taken), u.MessageId, p.state(u.MessageState))
	}
}
