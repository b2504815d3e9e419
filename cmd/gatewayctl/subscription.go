package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

func subscriptionCreate(fs *flag.FlagSet) action {
	from := fs.String("from", "", "only what these `ADMINISTRATIONS` have sent, such as CN,KZ")
	office := fs.String("office", "", "only what concerns these `OFFICES` of one's own")
	kind := fs.String("kind", "", "only documents of these `KINDS`, such as PreArrivalNotice,Answer")
	since := fs.String("since", "", "only what was received since `WHEN`, an instant or a day; without it everything there is")
	until := fs.String("until", "", "only what was received before `WHEN`")
	return func(ctx context.Context, s *session, operands []string) error {
		r := &exchangev1.CreateSubscriptionRequest{Name: operands[0], Senders: split(*from), Offices: split(*office), Kinds: split(*kind)}
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
		return s.subscription(s.subscriptions.Create(ctx, r))
	}
}

func subscriptionShow(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		return s.subscription(s.subscriptions.Get(ctx, &exchangev1.GetSubscriptionRequest{Name: operands[0]}))
	}
}

func subscriptionEnd(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, operands []string) error {
		return s.subscription(s.subscriptions.End(ctx, &exchangev1.EndSubscriptionRequest{Name: operands[0]}))
	}
}

func (s *session) subscription(sub *exchangev1.Subscription, err error) error {
	if err != nil {
		return err
	}
	return s.show(sub, func(p *page) { p.subscription(sub) })
}

func subscriptionList(*flag.FlagSet) action {
	return func(ctx context.Context, s *session, _ []string) error {
		r, err := s.subscriptions.List(ctx, &exchangev1.ListSubscriptionsRequest{})
		if err != nil {
			return err
		}
		return showAll(s, r.Subscriptions, (*page).subscriptions)
	}
}

func fetch(fs *flag.FlagSet) action {
	most := fs.Int("most", 20, "at most this `NUMBER` of messages, up to 100")
	lease := fs.Duration("lease", time.Minute, "hold them for this `TIME`, from 5s to 1h; until then nobody else gets them")
	form := fs.String("form", "canonical", "with -dir, take the documents as `FORM`: canonical (JSON), partner (XML as received) or national (XML)")
	dir := fs.String("dir", "", "`FOLDER` for the documents, each a file of its own, on disk before anything is acknowledged")
	ack := fs.Bool("ack", false, "with -dir, acknowledge what is on disk")
	follow := fs.Bool("follow", false, "go on fetching, as it comes, until it is interrupted")
	return func(ctx context.Context, s *session, operands []string) error {
		wanted, ok := forms[*form]
		if !ok || wanted == exchangev1.Form_FORM_UNSPECIFIED {
			return fmt.Errorf("-form %q: want canonical, partner or national", *form)
		}
		if *ack && *dir == "" {
			return errors.New("-ack wants -dir: what is not kept is not acknowledged")
		}
		work := func(got *exchangev1.FetchResponse) error {
			if *dir != "" && len(got.Messages) > 0 {
				if err := s.take(ctx, operands[0], *dir, wanted, got.Messages); err != nil {
					return errors.Join(s.show(got, func(p *page) { p.fetched(got) }), err)
				}
			}
			if *ack && len(got.Messages) > 0 {
				done, err := s.acknowledge(ctx, operands[0], got.Lease, got.Messages)
				if err != nil {
					return errors.Join(s.show(got, func(p *page) { p.fetched(got) }), err)
				}
				got.Messages = done
			}
			return s.show(got, func(p *page) { p.fetched(got) })
		}
		r := &exchangev1.FetchRequest{Name: operands[0], Most: int32(*most), LeaseSeconds: int32(*lease / time.Second)}
		if !*follow {
			got, err := s.subscriptions.Fetch(ctx, r)
			if err != nil {
				return err
			}
			return work(got)
		}
		parts, err := s.subscriptions.Follow(ctx, r)
		for err == nil {
			var got *exchangev1.FetchResponse
			if got, err = parts.Recv(); err == nil {
				err = work(got)
			}
		}
		return err
	}
}

// take writes the documents of messages into a folder. A partner's gateway takes them as they were signed.
func (s *session) take(ctx context.Context, name, dir string, form exchangev1.Form, all []*exchangev1.FetchedMessage) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range all {
		if f.Sealed != nil {
			content, err := s.sealed(ctx, name, f)
			if err != nil {
				return err
			}
			if err := keep(filepath.Join(dir, url.PathEscape(f.Message.Sender+"-"+f.Message.MessageId)+".xml"), content); err != nil {
				return err
			}
			continue
		}
		m, err := s.inbox.Get(ctx, &exchangev1.GetInboxRequest{MessageId: f.Message.MessageId, Sender: f.Message.Sender, Form: form})
		if err != nil {
			return err
		}
		ending := ".xml"
		if form == exchangev1.Form_CANONICAL {
			ending = ".json"
		}
		if err := keep(filepath.Join(dir, url.PathEscape(m.Sender+"-"+m.MessageId)+ending), m.Content); err != nil {
			return err
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// sealed is the document of what a partner's gateway has fetched, with the digest that it was said to have.
func (s *session) sealed(ctx context.Context, name string, f *exchangev1.FetchedMessage) ([]byte, error) {
	content := f.Sealed.Payload
	if int64(len(content)) != f.Sealed.Size {
		parts, err := s.subscriptions.Content(ctx, &exchangev1.FetchedContentRequest{Name: name, MessageId: f.Message.MessageId})
		if err != nil {
			return nil, err
		}
		for {
			part, err := parts.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			content = append(content, part.Content...)
		}
	}
	if gateway.DigestOf(content).String() != f.Message.PayloadDigest {
		return nil, fmt.Errorf("message %s: the document has another digest", f.Message.MessageId)
	}
	return content, nil
}

// keep writes a file that is whole or not there.
func keep(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".fetched-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// acknowledge acknowledges all that was fetched, of each sender by itself: two may have used one id. A partner's
// gateway says what it has, without a signature.
func (s *session) acknowledge(ctx context.Context, name, lease string, all []*exchangev1.FetchedMessage) (done []*exchangev1.FetchedMessage, err error) {
	var senders []string
	of, digests := make(map[string][]string), make(map[string][]string)
	for _, f := range all {
		if f.Sealed != nil {
			digests[f.Message.Sender] = append(digests[f.Message.Sender], f.Message.PayloadDigest)
		}
		if of[f.Message.Sender] == nil {
			senders = append(senders, f.Message.Sender)
		}
		of[f.Message.Sender] = append(of[f.Message.Sender], f.Message.MessageId)
	}
	for _, sender := range senders {
		r, err := s.subscriptions.Acknowledge(ctx, &exchangev1.AcknowledgeFetchedRequest{Name: name, Lease: lease, Sender: sender, MessageIds: of[sender], PayloadDigests: digests[sender]})
		if err != nil {
			return nil, err
		}
		done = append(done, r.Messages...)
	}
	return done, nil
}

// leaseFlag is the lease that a command is about.
func leaseFlag(fs *flag.FlagSet) *string {
	return fs.String("lease", "", "the `LEASE`, as fetch has printed it")
}

func acknowledge(fs *flag.FlagSet) action {
	lease := leaseFlag(fs)
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent them, where two have used the same id")
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.subscriptions.Acknowledge(ctx, &exchangev1.AcknowledgeFetchedRequest{Name: operands[0], Lease: *lease, Sender: *from, MessageIds: operands[1:]})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) { p.fetched(&exchangev1.FetchResponse{Messages: r.Messages}) })
	}
}

func leaseRenew(fs *flag.FlagSet) action {
	lease := leaseFlag(fs)
	by := fs.Duration("for", time.Minute, "hold what is left of it for this `TIME` from now on, from 5s to 1h")
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.subscriptions.Renew(ctx, &exchangev1.RenewLeaseRequest{Name: operands[0], Lease: *lease, LeaseSeconds: int32(*by / time.Second)})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) { p.renewed(*lease, r) })
	}
}

func leaseRelease(fs *flag.FlagSet) action {
	lease := leaseFlag(fs)
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.subscriptions.Release(ctx, &exchangev1.ReleaseLeaseRequest{Name: operands[0], Lease: *lease})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) { p.released(r) })
	}
}

func (p *page) subscriptions(all []*exchangev1.Subscription) {
	p.columns("subscription", "from", "office", "kind", "since", "until", "cursor", "notAcknowledged", "lastFetched", "who")
	for _, s := range all {
		p.line(s.Name, orNone(strings.Join(s.Senders, " ")), orNone(strings.Join(s.Offices, " ")), orNone(strings.Join(s.Kinds, " ")), orNone(p.time(s.Since)), orNone(p.time(s.Until)),
			orNone(cursor(s)), strconv.Itoa(int(s.Open)), orNone(p.time(s.Fetched)), orNone(s.FetchedBy))
	}
}

// cursor is how far a subscription has come; empty: it stands at the beginning, or a partner asks.
func cursor(s *exchangev1.Subscription) string {
	if s.Position == 0 {
		return ""
	}
	return strconv.FormatInt(s.Position, 10)
}

func (p *page) subscription(s *exchangev1.Subscription) {
	p.field("subscription", s.Name)
	p.field("from", s.Senders...)
	p.field("office", s.Offices...)
	p.field("kind", s.Kinds...)
	p.field("since", p.time(s.Since))
	p.field("until", p.time(s.Until))
	p.field("created", p.time(s.Created), s.CreatedBy)
	p.field("cursor", cursor(s))
	p.field("lastFetched", p.time(s.Fetched), s.FetchedBy)
	p.field("ended", p.time(s.Ended), s.EndedBy)
	if s.Ended == nil {
		p.field("notAcknowledged", strconv.Itoa(int(s.Open)))
	}
	if len(s.Handouts) > 0 {
		p.columns("message", "from", "holder", "until", "handedOut")
	}
	for _, h := range s.Handouts {
		p.line(h.MessageId, h.Sender, h.Holder, orNone(p.time(h.Until)), strconv.Itoa(int(h.Times)))
	}
}

// fetched is what was handed out, or acknowledged: the latter without a lease.
func (p *page) fetched(r *exchangev1.FetchResponse) {
	p.field("lease", r.Lease, p.filled("untilWhen", p.time(r.Until)))
	if len(r.Messages) == 0 {
		p.line(p.text("nothingNew"))
	} else {
		p.columns("received", "message", "from", "kind", "documentId", "handedOut", "takenOver")
	}
	for _, f := range r.Messages {
		m := f.Message
		p.line(p.time(m.Received), m.MessageId, m.Sender, m.Kind, m.DocumentId, strconv.Itoa(int(f.Times)), orNone(m.AcknowledgedBy))
	}
	if r.More {
		p.line(p.text("fetchAgain"))
	}
}

func (p *page) renewed(lease string, r *exchangev1.RenewLeaseResponse) {
	p.field("lease", lease, p.filled("untilWhen", p.time(r.Until)))
	p.field("messages", r.MessageIds...)
}

func (p *page) released(r *exchangev1.ReleaseLeaseResponse) { p.field("givenBack", r.MessageIds...) }
