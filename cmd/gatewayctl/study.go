package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

func messageList(fs *flag.FlagSet) action {
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.MessageRecord, string, error) {
			answer, err := s.messages.List(ctx, &exchangev1.ListMessagesRequest{PageSize: size, PageToken: token})
			return answer.GetMessages(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, (*page).records)
	}
}

func (p *page) records(all []*exchangev1.MessageRecord) {
	p.columns("changedAt", "at", "message", "from", "to", "kind", "state", "route", "mapping", "faults", "payloadDigest")
	for _, m := range all {
		p.line(strconv.FormatInt(m.Commit, 10), p.time(m.At), m.MessageId, m.Sender, m.Recipient, m.Kind, p.state(m.State), m.Route, m.Mapping,
			strings.Join(m.Codes, ", "), m.PayloadDigest)
	}
}

func messageExplain(fs *flag.FlagSet) action {
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent it, where two have used the same id")
	xpath := fs.String("xpath", "", xpathHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.messages.Explain(ctx, &exchangev1.ExplainMessageRequest{MessageId: operands[0], Sender: *from, Xpath: *xpath})
		return s.explanation(r, err)
	}
}

// kindNames are the kinds of what is loaded, as they are typed.
func kindNames() (names []string) {
	for i := range len(exchangev1.MappingKind_name) - 1 {
		names = append(names, typed(exchangev1.MappingKind(i+1)))
	}
	return names
}

func typed(k exchangev1.MappingKind) string {
	return strings.ReplaceAll(strings.ToLower(k.String()), "_", "-")
}

func mappingList(fs *flag.FlagSet) action {
	kind := fs.String("kind", "", "only what is of `KIND`: "+strings.Join(kindNames(), ", "))
	return func(ctx context.Context, s *session, _ []string) error {
		r := &exchangev1.ListMappingsRequest{}
		if *kind != "" {
			n, ok := exchangev1.MappingKind_value[strings.ReplaceAll(strings.ToUpper(*kind), "-", "_")]
			if !ok || n == 0 {
				return fmt.Errorf("-kind %q: want one of %s", *kind, strings.Join(kindNames(), ", "))
			}
			r.Kind = exchangev1.MappingKind(n)
		}
		digest := ""
		all, err := pages(0, func(size int32, token string) ([]*exchangev1.Mapping, string, error) {
			r.PageSize, r.PageToken = size, token
			answer, err := s.mappings.List(ctx, r)
			digest = answer.GetDigest()
			return answer.GetMappings(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, func(p *page, all []*exchangev1.Mapping) { p.mappings(all, digest) })
	}
}

func (p *page) mappings(all []*exchangev1.Mapping, digest string) {
	p.columns("id", "kind", "status", "valid", "digest")
	for _, m := range all {
		p.line(m.Id, p.mappingKind(m.Kind), m.Status, p.span(m), m.Digest)
	}
	fmt.Fprintln(p.w)
	p.field("loaded", digest)
}

func (p *page) mappingKind(k exchangev1.MappingKind) string {
	if k == exchangev1.MappingKind_CODE_LIST {
		return p.text("codeList")
	}
	return p.called("kind", typed(k))
}

// span is how long something of the data is valid, as it says itself.
func (p *page) span(m *exchangev1.Mapping) string {
	if m.ValidFrom == "" && m.ValidTo == "" {
		return p.text("always")
	}
	return cmp.Or(m.ValidFrom, "…") + " – " + cmp.Or(m.ValidTo, "…")
}

func mappingShow(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		m, err := s.mappings.Get(ctx, &exchangev1.GetMappingRequest{Id: operands[0]})
		if err != nil {
			return err
		}
		if s.json {
			return printJSON(s.stdout, m)
		}
		_, err = s.stdout.Write(m.Content)
		return err
	}
}

func audit(fs *flag.FlagSet) action {
	var r exchangev1.ListAuditRequest
	fs.StringVar(&r.Subject, "subject", "", "only what is about `ID`: of a message, or of a submission, with or without its office in front")
	fs.StringVar(&r.Actor, "actor", "", "only what was done by `WHO`: the URI in a certificate, or gateway")
	since := fs.String("since", "", "only what was done since `WHEN`: an instant or a day")
	until := fs.String("until", "", "only what was done before `WHEN`: an instant or a day")
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		for _, bound := range []struct {
			name, text string
			at         **timestamppb.Timestamp
		}{{"since", *since, &r.Since}, {"until", *until, &r.Until}} {
			if bound.text == "" {
				continue
			}
			t, err := s.instant(bound.text)
			if err != nil {
				return fmt.Errorf("-%s: %w", bound.name, err)
			}
			*bound.at = timestamppb.New(t)
		}
		all, err := pages(*limit, func(size int32, token string) ([]*exchangev1.AuditEntry, string, error) {
			r.PageSize, r.PageToken = size, token
			answer, err := s.audits.List(ctx, &r)
			return answer.GetEntries(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, all, (*page).audit)
	}
}

func (p *page) audit(all []*exchangev1.AuditEntry) {
	p.columns("leaf", "commit", "at", "actor", "event", "about", "digest")
	for _, e := range all {
		p.line(strconv.FormatInt(e.Leaf, 10), strconv.FormatInt(e.Commit, 10), p.time(e.At), e.Actor, e.Event, e.Subject, e.Digest)
	}
}

func queues(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, _ []string) error {
		answer, err := s.partners.Queues(ctx, &exchangev1.ListQueuesRequest{})
		if err != nil {
			return err
		}
		return showAll(s, answer.Queues, func(p *page, all []*exchangev1.Queue) { p.queues(all, answer.Delivering) })
	}
}

func (p *page) queues(all []*exchangev1.Queue, links []*exchangev1.Delivering) {
	if len(all) == 0 {
		p.line(p.text("nothingWaits"))
		return
	}
	p.columns("partner", "route", "state", "messages", "oldest", "age")
	for _, q := range all {
		state := p.state(q.State)
		if q.Fetched {
			state += ", " + p.text("fetchedBy")
		}
		p.line(q.Partner, q.Route, state, strconv.Itoa(int(q.Messages)), p.time(q.Oldest), (time.Duration(q.Age) * time.Second).String())
	}
	p.delivering(links)
}

func partnerList(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, _ []string) error {
		answer, err := s.partners.List(ctx, &exchangev1.ListPartnersRequest{})
		if err != nil {
			return err
		}
		return s.show(answer, func(p *page) { p.partners(answer) })
	}
}

func (p *page) partners(all *exchangev1.ListPartnersResponse) {
	p.columns("partner", "address", "link", "open", "messages", "oldest")
	for _, of := range all.Partners {
		p.line(strings.Join(of.Administrations, ", "), of.Address, p.called("link", of.Link), p.yesOrNo(of.Open), strconv.Itoa(int(of.Waiting)), orNone(p.time(of.Oldest)))
	}
	var links []*exchangev1.Delivering
	for _, of := range all.Partners {
		links = append(links, of.Delivering...)
	}
	p.delivering(links)
	for _, of := range all.Partners {
		p.validities(strings.Join(of.Administrations, ", "), of.Validities)
	}
	p.validities(p.text("own"), all.Own)
}

// delivering shows how the gateway sends to each administration.
func (p *page) delivering(links []*exchangev1.Delivering) {
	if len(links) == 0 {
		return
	}
	fmt.Fprintln(p.w)
	p.columns("partner", "breaker", "underway")
	for _, d := range links {
		p.line(d.Partner, p.breaker(d), underway(d))
	}
}

func (p *page) validities(whose string, all []*exchangev1.Validity) {
	for i, v := range all {
		if i == 0 {
			p.heading("%s", whose)
		}
		p.line("  "+p.called("validity", v.Kind), v.Subject, p.time(v.Until), p.say("daysLeft", strconv.Itoa(int(v.DaysLeft))))
	}
}
