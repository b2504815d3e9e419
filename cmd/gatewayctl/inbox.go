package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

func inboxList(fs *flag.FlagSet) action {
	var r exchangev1.ListInboxRequest
	fs.BoolVar(&r.Unacknowledged, "unacknowledged", false, "only messages that nobody has taken over yet")
	fs.StringVar(&r.Kind, "kind", "", "only documents of `KIND`, such as PreArrivalNotice")
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		messages, err := pages(*limit, func(size int32, token string) ([]*exchangev1.InboxMessage, string, error) {
			r.PageSize, r.PageToken = size, token
			answer, err := s.inbox.List(ctx, &r)
			return answer.GetMessages(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, messages, (*page).inboxMessages)
	}
}

var forms = map[string]exchangev1.Form{
	"":          exchangev1.Form_FORM_UNSPECIFIED,
	"canonical": exchangev1.Form_CANONICAL,
	"partner":   exchangev1.Form_PARTNER_XML,
	"national":  exchangev1.Form_NATIONAL_XML,
}

func inboxGet(fs *flag.FlagSet) action {
	name := fs.String("form", "", "take the document as `FORM`: canonical (JSON), partner (XML as received) or national (XML)")
	out := fs.String("out", "-", "`FILE` for the document; - is the standard output")
	return func(ctx context.Context, s *session, operands []string) error {
		form, ok := forms[*name]
		if !ok {
			return fmt.Errorf("-form %q: want canonical, partner or national", *name)
		}
		m, err := s.inbox.Get(ctx, &exchangev1.GetInboxRequest{MessageId: operands[0], Form: form})
		if err != nil {
			return err
		}
		if *name != "" && *out != "-" {
			if err := os.WriteFile(*out, m.Content, 0o600); err != nil {
				return err
			}
			m.Content = nil // it is in the file
		} else if *name != "" && !s.json {
			_, err := s.stdout.Write(m.Content)
			return err
		}
		return s.inboxMessage(m)
	}
}

func (s *session) inboxMessage(m *exchangev1.InboxMessage) error {
	return s.show(m, func(p *page) { p.inboxMessage(m) })
}

func inboxAck(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		for _, id := range operands {
			m, err := s.inbox.Acknowledge(ctx, &exchangev1.AcknowledgeRequest{MessageId: id})
			if err != nil {
				return err
			}
			if err := s.inboxMessage(m); err != nil {
				return err
			}
		}
		return nil
	}
}

func inboxWatch(fs *flag.FlagSet) action {
	after := fs.Int64("after", 0, "begin after this commit `NUMBER`, as printed; 0 is the beginning")
	return func(ctx context.Context, s *session, _ []string) error {
		return s.resume(ctx, func() error {
			stream, err := s.inbox.Watch(ctx, &exchangev1.WatchRequest{After: *after})
			if err != nil {
				return err
			}
			for {
				m, err := stream.Recv()
				if err != nil {
					return err
				}
				if err := s.inboxMessage(m); err != nil {
					return err
				}
				*after = m.Commit
			}
		})
	}
}

func parked(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		messages, err := pages(*limit, func(size int32, token string) ([]*exchangev1.InboxMessage, string, error) {
			answer, err := s.inbox.Parked(ctx, &exchangev1.ListParkedRequest{PageSize: size, PageToken: token})
			return answer.GetMessages(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, messages, (*page).parked)
	}
}

// decode is refused if a message stays parked, for want of a table or because the gateway
// could not judge it: what was asked for was not done.
func decode(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		answer, err := s.inbox.Decode(ctx, &exchangev1.DecodeRequest{MessageIds: operands})
		if err != nil {
			return err
		}
		if err := showAll(s, answer.Messages, (*page).decoded); err != nil {
			return err
		}
		if slices.ContainsFunc(answer.Messages, func(m *exchangev1.InboxMessage) bool { return m.State == "parked" }) {
			return errRefused
		}
		return nil
	}
}
