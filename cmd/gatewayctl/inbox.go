package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"

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
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent it, where two have used the same id")
	name := fs.String("form", "", "take the document as `FORM`: canonical (JSON), partner (XML as received) or national (XML)")
	out := fs.String("out", "-", "`FILE` for the document; - is the standard output")
	return func(ctx context.Context, s *session, operands []string) error {
		form, ok := forms[*name]
		if !ok {
			return fmt.Errorf("-form %q: want canonical, partner or national", *name)
		}
		m, err := s.inbox.Get(ctx, &exchangev1.GetInboxRequest{MessageId: operands[0], Form: form, Sender: *from})
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

func inboxAck(fs *flag.FlagSet) action {
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent them, where two have used the same id")
	return func(ctx context.Context, s *session, operands []string) error {
		for _, id := range operands {
			m, err := s.inbox.Acknowledge(ctx, &exchangev1.AcknowledgeRequest{MessageId: id, Sender: *from})
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

func inboxExplain(fs *flag.FlagSet) action {
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent it, where two have used the same id")
	xpath := fs.String("xpath", "", xpathHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.inbox.Explain(ctx, &exchangev1.ExplainMessageRequest{MessageId: operands[0], Sender: *from, Xpath: *xpath})
		return s.explanation(r, err)
	}
}

func parked(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		all, err := pages(*limit, func(size int32, token string) ([]proto.Message, string, error) {
			answer, err := s.inbox.Parked(ctx, &exchangev1.ListParkedRequest{PageSize: size, PageToken: token})
			return mixed(answer), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, (*page).parked)
	}
}

// stuck is what is parked, of all kinds.
type stuck interface {
	GetMessages() []*exchangev1.InboxMessage
	GetArrivals() []*exchangev1.Arrival
	GetOutgoing() []*exchangev1.MessageStatus
}

// mixed puts messages before the arrivals that could not be judged, and ours last.
func mixed(s stuck) []proto.Message {
	var all []proto.Message
	for _, m := range s.GetMessages() {
		all = append(all, m)
	}
	for _, a := range s.GetArrivals() {
		all = append(all, a)
	}
	for _, m := range s.GetOutgoing() {
		all = append(all, m)
	}
	return all
}

// decode is refused if a message stays parked, for want of a table or because the gateway
// could not judge it: what was asked for was not done.
func decode(fs *flag.FlagSet) action {
	from := fs.String("from", "", "only what this `SENDER`, an administration or an office, has sent")
	return func(ctx context.Context, s *session, operands []string) error {
		answer, err := s.inbox.Decode(ctx, &exchangev1.DecodeRequest{MessageIds: operands, Sender: *from})
		if err != nil {
			return err
		}
		all := mixed(answer)
		if err := showAll(s, all, (*page).decoded); err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(m proto.Message) bool { return slices.Contains([]string{"parked", "arrived"}, stateOf(m)) }) {
			return errRefused
		}
		return nil
	}
}

// stateOf is the state of what can be parked.
func stateOf(m proto.Message) string {
	return m.(interface{ GetState() string }).GetState()
}
