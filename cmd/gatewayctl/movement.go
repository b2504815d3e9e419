package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

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

// worklists are the lists of a shift, by their names.
var worklists = map[string]exchangev1.Worklist{
	"left-unaccepted": exchangev1.Worklist_LEFT_UNACCEPTED, "left-refused": exchangev1.Worklist_LEFT_REFUSED, "not-arrived": exchangev1.Worklist_NOT_ARRIVED,
}

func movementList(fs *flag.FlagSet) action {
	list := fs.String("list", "", "only of the `LIST` left-unaccepted (left, and the other side has not accepted what announces it), left-refused (left, and refused or taken back) or not-arrived; what has waited longest comes first")
	state := fs.String("state", "", "only in this `STATE`, such as \"partly arrived\"")
	office := fs.String("office", "", "only those in which this `OFFICE` of yours has a part")
	role := fs.String("role", "", "only those in which it is the `ROLE` exit, entry, destination, departure, partner or seen")
	from := fs.String("expected-from", "", "only those expected at this `INSTANT` or later, RFC 3339")
	until := fs.String("expected-until", "", "only those expected before this `INSTANT`")
	differing := fs.Bool("differing", false, "only where what has arrived, or what a carrier has filed, differs from what was announced")
	kind := fs.String("kind", "", "only those that a document of this `KIND` tells of, such as ArrivalReport")
	on := fs.String("expected-on", "", "only those expected on this `DAY`, in the local time of the office whose list it is")
	text := fs.String("text", "", "only what this `TEXT` finds, as in find")
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, operands []string) error {
		r := &exchangev1.ListMovementsRequest{State: *state, Office: *office, Role: *role, Differing: *differing, Kind: *kind, Text: *text, ExpectedOn: *on}
		if *list != "" {
			named, ok := worklists[*list]
			if !ok {
				return fmt.Errorf("-list %s: want left-unaccepted, left-refused or not-arrived", *list)
			}
			r.Worklist = named
		}
		var err error
		if r.ExpectedFrom, err = instantOf("expected-from", *from); err != nil {
			return err
		}
		if r.ExpectedUntil, err = instantOf("expected-until", *until); err != nil {
			return err
		}
		movements, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Movement, string, error) {
			r.PageSize, r.PageToken = size, token
			found, err := s.movements.List(ctx, r)
			return found.GetMovements(), found.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, movements, (*page).worklist)
	}
}

// instantOf is an instant that a flag gives; nil if it gives none.
func instantOf(name, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("-%s %s: want an instant such as 2026-03-02T14:00:00+08:00", name, text)
	}
	return timestamppb.New(at), nil
}

func movementTimeline(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		t, err := s.movements.Timeline(ctx, &exchangev1.TimelineRequest{MovementId: operands[0]})
		if err != nil {
			return err
		}
		return s.show(t, func(p *page) { p.timeline(t) })
	}
}

func movementGoods(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		a, err := s.movements.Announced(ctx, &exchangev1.AnnouncedRequest{MovementId: operands[0]})
		if err != nil {
			return err
		}
		return s.show(a, func(p *page) { p.goods(a) })
	}
}

const whyHelp = "`WHY`, needed: 5 to 500 characters; it is audited, and your supervisor reads it"

func elsewhere(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", whyHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.movements.Elsewhere(ctx, &exchangev1.ElsewhereRequest{Text: operands[0], Reason: *reason})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) { p.glimpses(r) })
	}
}

func movementOpen(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", whyHelp+", and all on the route")
	return func(ctx context.Context, s *session, operands []string) error {
		m, err := s.movements.Open(ctx, &exchangev1.OpenMovementRequest{MovementId: operands[0], Reason: *reason})
		return s.movement(m, err)
	}
}

// movementPaper says that what was announced is handled on paper.
func movementPaper(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", "`WHY`, in a few words, needed; the audit trail keeps it, and all on the route read it")
	page := fs.String("page", "", "`NUMBER` of the page or paper form that was handed over")
	message := fs.String("message", "", "`MESSAGE` whose announcement is meant; without it all that stand")
	return func(ctx context.Context, s *session, operands []string) error {
		m, err := s.movements.HandleOnPaper(ctx, &exchangev1.HandleOnPaperRequest{MovementId: operands[0], MessageId: *message, Page: *page, Reason: *reason})
		return s.movement(m, err)
	}
}

func overrides(fs *flag.FlagSet) action {
	office := fs.String("office", "", "`OFFICE` of yours; without it the first")
	shift := fs.String("shift", "", "`SHIFT` in the local time of the office, needed: a day, or its hours such as 2026-03-01T20:00-08:00")
	limit := fs.Int("limit", 500, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		var head *exchangev1.OverridesResponse
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Override, string, error) {
			r, err := s.movements.Overrides(ctx, &exchangev1.OverridesRequest{Office: *office, Shift: *shift, PageSize: size, PageToken: token})
			if err == nil && head == nil {
				head = r
			}
			return r.GetOverrides(), r.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		head.Overrides, head.NextPageToken = all, ""
		return s.show(head, func(p *page) { p.overrides(head) })
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
		m, err := s.movements.RecordArrival(ctx, &exchangev1.RecordArrivalRequest{RecordId: *id, MediaType: mediaType(content), Content: content, Reason: *reason})
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
		m, err := s.movements.RecordDeparture(ctx, &exchangev1.RecordDepartureRequest{RecordId: *id, MediaType: mediaType(content), Content: content})
		return s.movement(m, err)
	}
}

func (s *session) movement(m *exchangev1.Movement, err error) error {
	if err != nil {
		return err
	}
	return s.show(m, func(p *page) { p.movement(m) })
}
