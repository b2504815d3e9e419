package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

type submissions struct {
	exchangev1.UnimplementedSubmissionServiceServer
	*Server
}

func (s submissions) Submit(ctx context.Context, r *exchangev1.SubmitRequest) (*exchangev1.Submission, error) {
	sub, err := s.flow.Submit(ctx, callerOf(ctx).flow(), submitted(r.SubmissionId, r.MediaType, r.Content, r.To))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	shown, err := s.present(ctx, sub)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	if sub.State == gateway.Faulty {
		// Not OK: only what will reach the partner is answered with OK. The record of it
		// goes along.
		faults := sub.Faults
		shown.Faults = nil
		return nil, s.refusal(ctx, event.Told(faults), protoadapt.MessageV1Of(shown))
	}
	return shown, nil
}

func (s submissions) Check(ctx context.Context, r *exchangev1.CheckRequest) (*exchangev1.CheckResponse, error) {
	res, err := s.flow.Check(ctx, callerOf(ctx).flow(), submitted(r.SubmissionId, r.MediaType, r.Content, r.To))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	return &exchangev1.CheckResponse{
		Kind: res.Kind, Outcome: string(res.State), WaitsFor: res.WaitsFor, Faults: presentFaults(res.Faults, language(ctx)),
	}, nil
}

func submitted(id, mediaType string, content []byte, to []string) flow.Submission {
	if mediaType == "" {
		mediaType = flow.MediaType(content)
	}
	s := flow.Submission{ID: gateway.SubmissionID(id), MediaType: mediaType, Content: content}
	for _, a := range to {
		s.To = append(s.To, gateway.Administration(a))
	}
	return s
}

func (s submissions) Withdraw(ctx context.Context, r *exchangev1.WithdrawRequest) (*exchangev1.Submission, error) {
	sub, err := s.flow.Withdraw(ctx, callerOf(ctx).flow(), gateway.SubmissionID(r.SubmissionId), r.Reason)
	return s.answer(ctx, sub, err)
}

func (s submissions) Get(ctx context.Context, r *exchangev1.GetSubmissionRequest) (*exchangev1.Submission, error) {
	c := callerOf(ctx)
	office, ok := c.office(), true
	if r.Office != "" {
		office, ok = c.officeAs(s.flow.Own, gateway.Office{Code: r.Office})
	}
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound) // foreign and unknown answer alike
	}
	sub, err := s.flow.Store.Read().Submission(ctx, office, r.SubmissionId)
	shown, err := s.answer(ctx, sub, err)
	if err != nil {
		return nil, err
	}
	judgements, err := s.flow.Store.Read().Judgements(ctx, office, r.SubmissionId, MaxJudgements)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for _, j := range judgements {
		shown.Judgements = append(shown.Judgements, &exchangev1.Judgement{
			Number: int32(j.Number), At: stamp(j.At), State: string(j.State), Digest: j.Digest.String(), Faults: presentFaults(j.Faults, language(ctx)),
		})
	}
	return shown, nil
}

// MaxJudgements is how many judgements of a submission are shown, the last ones.
const MaxJudgements = 20

func (s submissions) answer(ctx context.Context, sub store.Submission, err error) (*exchangev1.Submission, error) {
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	shown, err := s.present(ctx, sub)
	return shown, s.refusal(ctx, err)
}

func (s submissions) List(ctx context.Context, r *exchangev1.ListSubmissionsRequest) (*exchangev1.ListSubmissionsResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	f := store.SubmissionFilter{
		Offices: callerOf(ctx).Offices, State: gateway.SubmissionState(r.State), MessageState: gateway.MessageState(r.MessageState),
		Kind: r.Kind, Batch: r.Batch, Before: page.after, Limit: page.size,
	}
	if r.Since != nil {
		f.Since = r.Since.AsTime()
	}
	subs, err := s.flow.Store.Read().Submissions(ctx, f)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ListSubmissionsResponse{}
	for _, sub := range subs {
		shown, err := s.present(ctx, sub)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.Submissions = append(out.Submissions, shown)
	}
	if len(subs) >= page.size {
		out.NextPageToken = page.token(subs[len(subs)-1].Commit)
	}
	return out, nil
}

func (s submissions) Watch(r *exchangev1.WatchRequest, stream grpc.ServerStreamingServer[exchangev1.SubmissionEvent]) error {
	ctx := stream.Context()
	offices := callerOf(ctx).Offices
	return s.watch(stream, r.After, func(after gateway.Commit) (gateway.Commit, error) {
		subs, err := s.flow.Store.Read().SubmissionsAfter(ctx, offices, after, MaxPage)
		for _, sub := range subs {
			shown, err := s.present(ctx, sub)
			if err != nil {
				return after, err
			}
			if err := stream.Send(&exchangev1.SubmissionEvent{Commit: int64(sub.Commit), Submission: shown}); err != nil {
				return after, err
			}
			after = sub.Commit
		}
		return after, err
	})
}

// WatchInterval is the least time between two looks for what a watcher is to be told.
const WatchInterval = 100 * time.Millisecond

// watch calls send after every commit, from a commit number on, until the stream or
// the server ends. send returns the last commit number it has sent. The header goes at
// once: who watches knows that it does, before there is anything to see.
func (s *Server) watch(stream grpc.ServerStream, from int64, send func(gateway.Commit) (gateway.Commit, error)) error {
	ctx := stream.Context()
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	after := gateway.Commit(from)
	for {
		changed := s.flow.Store.Changed()
		next, err := send(after)
		if err != nil {
			return s.refusal(ctx, err)
		}
		if next > after {
			after = next
			continue
		}
		// However fast others commit, it is looked for news now and then only.
		pause := time.NewTimer(WatchInterval)
		select {
		case <-ctx.Done():
		case <-s.stop.Done():
		case <-pause.C:
		}
		pause.Stop()
		select {
		case <-ctx.Done():
			return nil
		case <-s.stop.Done():
			return nil
		case <-changed:
		}
	}
}

func (s submissions) Explain(ctx context.Context, r *exchangev1.ExplainRequest) (*exchangev1.ExplainResponse, error) {
	id, origins, err := s.flow.Explain(ctx, callerOf(ctx).flow(), gateway.SubmissionID(r.SubmissionId))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ExplainResponse{MessageId: string(id)}
	for _, o := range origins {
		if r.Xpath != "" && o.Target != r.Xpath {
			continue
		}
		out.Origins = append(out.Origins, &exchangev1.Origin{
			Target: o.Target, Value: o.Value, Row: o.Row, Mapping: o.Mapping, Path: o.Path, Provenance: o.Provenance,
			Source: o.Source, SourceSubmission: o.SourceSubmission, SourceValue: o.SourceValue, ListRow: o.ListRow, Note: o.Note,
			Part: int32(o.Part),
		})
	}
	if r.Xpath != "" && len(out.Origins) == 0 {
		return nil, s.refusal(ctx, gateway.Faults{{Code: gateway.NotFound, Severity: gateway.Error, Path: "xpath", Value: r.Xpath}})
	}
	return out, nil
}

// present shows a submission with the messages it became.
func (s *Server) present(ctx context.Context, sub store.Submission) (*exchangev1.Submission, error) {
	out := &exchangev1.Submission{
		SubmissionId: sub.ID, Office: sub.Office, Kind: sub.Kind, State: string(sub.State), StateReason: sub.Reason,
		Received: stamp(sub.Received), Digest: sub.Digest.String(), Batch: sub.Batch, WaitsFor: sub.WaitsFor,
		JoinKey: sub.JoinKey, Expires: stamp(sub.Expires), Faults: presentFaults(sub.Faults, language(ctx)), Commit: int64(sub.Commit),
	}
	if sub.MessageID == "" {
		return out, nil
	}
	messages, err := s.flow.Store.Read().Messages(ctx, sub.MessageID)
	if err != nil {
		return nil, err
	}
	parts, err := s.flow.Store.Read().Sources(ctx, sub.MessageID)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		shown := presentMessage(m, parts)
		for _, a := range m.Answers {
			shown.Answers = append(shown.Answers, s.presentAnswer(ctx, a))
		}
		out.Messages = append(out.Messages, shown)
	}
	out.Message = out.Messages[hindmost(messages)]
	if len(messages) < 2 {
		return out, nil
	}
	answer, answered, err := s.flow.OneAnswer(ctx, messages)
	if err != nil {
		return nil, err
	}
	if answer != nil {
		out.Answer = s.presentAnswer(ctx, *answer)
	}
	for _, id := range answered {
		out.Answered = append(out.Answered, string(id))
	}
	return out, nil
}

// hindmost is the message that most keeps a whole from being accepted: whoever looks at
// one alone must not take a whole for accepted that is not.
func hindmost(messages []store.Message) int {
	at := 0
	rank := func(m store.Message) int {
		switch {
		case m.State == gateway.Refused:
			return 3
		case m.State == gateway.Dead:
			return 2
		case !m.State.Final():
			return 1
		}
		return 0
	}
	for i, m := range messages {
		if rank(m) > rank(messages[at]) {
			at = i
		}
	}
	return at
}

// presentMessage shows a message to a partner without what that answered.
func presentMessage(m store.Message, parts []store.Submission) *exchangev1.MessageStatus {
	out := &exchangev1.MessageStatus{
		MessageId: string(m.ID), Kind: m.Kind, Recipient: string(m.Recipient), State: string(m.State), StateReason: m.Reason,
		Waiting: waiting(m), Created: stamp(m.Created), ExpectedArrival: stamp(m.ExpectedArrival), LateBy: int64(m.LateBy / time.Second),
		Attempts: int32(m.Attempts), PayloadDigest: m.PayloadDigest.String(), CanonicalDigest: m.CanonicalDigest.String(),
		Mapping: m.Mapping, DocumentId: m.DocumentID, Split: m.Split, Withdrawal: string(m.Withdrawal),
	}
	if m.Split != "" {
		out.Part = int32(m.Part)
	}
	if !m.State.Final() && !m.Parked {
		out.NextAttempt = stamp(m.NextAttempt)
	}
	if m.Receipt != nil {
		out.Receipt = &exchangev1.SignedStatement{Header: m.Receipt.Header, Statement: m.Receipt.Statement, Signature: m.Receipt.Signature}
	}
	for _, p := range parts {
		out.Parts = append(out.Parts, p.ID)
	}
	return out
}

func (s *Server) presentAnswer(ctx context.Context, a store.Answer) *exchangev1.BusinessAnswer {
	out := &exchangev1.BusinessAnswer{
		MessageId: string(a.MessageID), Status: a.Status, RegistrationNumber: a.Registration, Outcome: a.Outcome, Received: stamp(a.Received),
		Faults: presentFaults(a.Faults, language(ctx)),
	}
	for _, r := range a.Results {
		out.Results = append(out.Results, &exchangev1.AnswerResult{Code: r.Code, Text: s.flow.ResultName(r, language(ctx)), Words: r.Words})
	}
	return out
}

// waiting says in words why a message has no verdict yet.
func waiting(m store.Message) string {
	switch {
	case m.State.Final():
		return ""
	case m.Reason != "":
		return m.Reason
	case m.State == gateway.Received:
		return "the partner has the message and has not judged it yet"
	case m.LastError != "" && !m.NextAttempt.IsZero():
		return fmt.Sprintf("attempt %d failed (%s); the next is at %s", m.Attempts, m.LastError, m.NextAttempt.Format(time.RFC3339))
	case m.Attempts == 0:
		return "it is about to be sent"
	}
	return "it is being sent"
}

// stamp shows an instant; none is absent.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
