package server

import (
	"context"
	"slices"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// The bounds of an explanation: what is more is counted, and found by a narrower path.
const (
	MaxOrigins = 5000
	MaxUnread  = 1000
	// maxExplained is how many bytes of texts it has.
	maxExplained = 4 << 20
)

type messages struct {
	exchangev1.UnimplementedMessageServiceServer
	*Server
}

// List shows the messages of both directions as one list. A page ends where the shorter of the
// two does, so that the next one begins behind both.
func (s messages) List(ctx context.Context, r *exchangev1.ListMessagesRequest) (*exchangev1.ListMessagesResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	sent, err := s.flow.Store.Read().MessagesBefore(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	received, err := s.flow.Store.Read().InboxBefore(ctx, page.after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	var end gateway.Commit
	if len(sent) >= page.size {
		end = sent[len(sent)-1].Commit
	}
	if len(received) >= page.size {
		end = max(end, received[len(received)-1].Commit)
	}
	out := &exchangev1.ListMessagesResponse{}
	for _, m := range sent {
		if m.Commit >= end {
			out.Messages = append(out.Messages, s.recordSent(m))
		}
	}
	for _, in := range received {
		if in.Commit >= end {
			out.Messages = append(out.Messages, s.recordReceived(in))
		}
	}
	slices.SortStableFunc(out.Messages, func(a, b *exchangev1.MessageRecord) int { return int(b.Commit - a.Commit) })
	if end > 0 {
		out.NextPageToken = page.token(end)
	}
	return out, nil
}

func (s messages) recordSent(m store.Message) *exchangev1.MessageRecord {
	return &exchangev1.MessageRecord{
		MessageId: string(m.ID), Kind: m.Kind, Sender: string(s.flow.Own), Recipient: string(m.Recipient), Route: m.Route,
		State: string(m.State), At: stamp(m.Created), PayloadDigest: shownDigest(m.PayloadDigest), CanonicalDigest: shownDigest(m.CanonicalDigest),
		Mapping: m.Mapping, Commit: int64(m.Commit),
	}
}

func (s messages) recordReceived(in store.Inbound) *exchangev1.MessageRecord {
	out := &exchangev1.MessageRecord{
		MessageId: string(in.ID), Kind: in.Kind, Sender: string(in.Sender), Recipient: string(s.flow.Own),
		State: string(in.State), At: stamp(in.Received), PayloadDigest: shownDigest(in.PayloadDigest), CanonicalDigest: shownDigest(in.CanonicalDigest),
		Mapping: in.Mapping, Commit: int64(in.Commit),
	}
	for _, code := range event.CodesOf(in.Faults) {
		out.Codes = append(out.Codes, string(code))
	}
	return out
}

// Explain withholds data of persons and prices.
func (s messages) Explain(ctx context.Context, r *exchangev1.ExplainMessageRequest) (*exchangev1.ExplainResponse, error) {
	return s.explanation(ctx, r.Xpath, func() (flow.Explanation, error) {
		e, err := s.flow.ExplainMessage(ctx, callerOf(ctx).flow(), gateway.Administration(r.Sender), gateway.MessageID(r.MessageId))
		return e.Masked(withheld), err
	})
}

func (s inbox) Explain(ctx context.Context, r *exchangev1.ExplainMessageRequest) (*exchangev1.ExplainResponse, error) {
	return s.explanation(ctx, r.Xpath, func() (flow.Explanation, error) {
		return s.flow.ExplainReceived(ctx, callerOf(ctx).flow(), gateway.Administration(r.Sender), gateway.MessageID(r.MessageId))
	})
}

func (s submissions) Explain(ctx context.Context, r *exchangev1.ExplainRequest) (*exchangev1.ExplainResponse, error) {
	return s.explanation(ctx, r.Xpath, func() (flow.Explanation, error) {
		return s.flow.Explain(ctx, callerOf(ctx).flow(), gateway.SubmissionID(r.SubmissionId))
	})
}

// explanation answers with what is explained of the places that a path names.
func (s *Server) explanation(ctx context.Context, xpath string, explain func() (flow.Explanation, error)) (*exchangev1.ExplainResponse, error) {
	var pattern analysis.Pattern
	if xpath != "" {
		var err error
		if pattern, err = analysis.ParsePattern(xpath); err != nil {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.XPathUnfit, Severity: gateway.Error, Path: "xpath", Value: gateway.Clip(xpath), Expected: gateway.Term("/Manifest/Head[1]/ID, //Weight/@unit")})
		}
	}
	e, err := explain()
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	if xpath != "" {
		if e = e.At(pattern); len(e.Origins)+len(e.Unread) == 0 {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.NotFound, Severity: gateway.Error, Path: "xpath", Value: gateway.Clip(xpath)})
		}
	}
	return presentExplanation(e), nil
}

func presentExplanation(e flow.Explanation) *exchangev1.ExplainResponse {
	out, room := &exchangev1.ExplainResponse{MessageId: string(e.Message)}, maxExplained
	for _, o := range e.Origins {
		room -= len(o.Target) + len(o.Value) + len(o.Path) + len(o.Source) + len(o.SourceValue) + len(o.Note)
		if len(out.Origins) == MaxOrigins || room < 0 && len(out.Origins) > 0 {
			out.LeftOut++
			continue
		}
		out.Origins = append(out.Origins, &exchangev1.Origin{
			Target: o.Target, Value: o.Value, Row: o.Row, Mapping: o.Mapping, Path: o.Path, Provenance: o.Provenance,
			Source: o.Source, SourceSubmission: o.SourceSubmission, SourceValue: o.SourceValue, SourceRow: o.SourceRow,
			ListRow: o.ListRow, Note: o.Note, Part: int32(o.Part),
		})
		if out.Namespaces == nil {
			out.Namespaces = o.Namespaces // one table writes them all
		}
	}
	for _, u := range e.Unread {
		room -= len(u.Place)
		for prefix, space := range u.Namespaces {
			room -= len(prefix) + len(space)
		}
		if len(out.Unread) == MaxUnread || room < 0 && len(out.Origins) > 0 {
			out.UnreadLeftOut++
			continue
		}
		out.Unread = append(out.Unread, &exchangev1.UnreadPlace{Place: u.Place, Submission: u.Submission, Namespaces: u.Namespaces})
	}
	return out
}

// Sent hands out one message that a submission became.
func (s submissions) Sent(ctx context.Context, r *exchangev1.SentRequest) (*exchangev1.SentMessage, error) {
	office, ok := s.officeOf(callerOf(ctx), r.Office)
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound) // foreign and unknown answer alike
	}
	m, receipts, err := s.flow.SentMessage(ctx, office, gateway.SubmissionID(r.SubmissionId), gateway.MessageID(r.MessageId))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.SentMessage{
		MessageId: string(m.ID), Kind: m.Kind, Recipient: string(m.Recipient), State: string(m.State), Created: stamp(m.Created),
		Header: m.Header, Signature: m.Signature, MediaType: flow.XML, Content: m.Payload,
	}
	for _, r := range receipts {
		out.Receipts = append(out.Receipts, &exchangev1.VerifiedReceipt{Verdict: string(r.Verdict), Verified: stamp(r.Verified), Statement: presentStatement(r.Statement)})
	}
	return out, nil
}

// Print makes a page of what was announced by one of the caller's offices: foreign and unknown answer alike.
func (s submissions) Print(ctx context.Context, r *exchangev1.PrintRequest) (*exchangev1.PrintedPage, error) {
	p, err := s.flow.Print(ctx, callerOf(ctx).office(), gateway.SubmissionID(r.SubmissionId), gateway.MessageID(r.MessageId), r.Languages)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.PrintedPage{MessageId: string(p.Message), MediaType: "text/html", Content: p.HTML, Code: p.Code}, nil
}
