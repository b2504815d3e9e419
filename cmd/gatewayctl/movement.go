package main

import (
	"context"
	"errors"
	"flag"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

func find(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, operands []string) error {
		movements, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Movement, string, error) {
			r, err := s.movements.Find(ctx, &exchangev1.FindMovementsRequest{Text: operands[0], PageSize: size, PageToken: token})
			return r.GetMovements(), r.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, movements, (*page).movements)
	}
}

func movement(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		m, err := s.movements.Get(ctx, &exchangev1.GetMovementRequest{MovementId: operands[0]})
		return s.movement(m, err)
	}
}

func arrival(fs *flag.FlagSet) action {
	id := fs.String("id", "", "`ID` of this record, unique per office; needed")
	reason := fs.String("reason", "", "why your office opens a movement that is announced to others, a `TEXT`; it is audited and shown to them")
	return func(ctx context.Context, s *session, operands []string) error {
		if *id == "" {
			return errors.New("-id is missing")
		}
		content, err := s.read(operands[0])
		if err != nil {
			return err
		}
		m, err := s.movements.RecordArrival(ctx, &exchangev1.RecordArrivalRequest{RecordId: *id, Content: content, Reason: *reason})
		return s.movement(m, err)
	}
}

func departure(fs *flag.FlagSet) action {
	id := fs.String("id", "", "`ID` of this record, unique per office; needed")
	return func(ctx context.Context, s *session, operands []string) error {
		if *id == "" {
			return errors.New("-id is missing")
		}
		content, err := s.read(operands[0])
		if err != nil {
			return err
		}
		m, err := s.movements.RecordDeparture(ctx, &exchangev1.RecordDepartureRequest{RecordId: *id, Content: content})
		return s.movement(m, err)
	}
}

func (s *session) movement(m *exchangev1.Movement, err error) error {
	if err != nil {
		return err
	}
	return s.show(m, func(p *page) { p.movement(m) })
}
