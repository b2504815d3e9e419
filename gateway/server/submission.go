package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

type submissions struct {
	exchangev1.UnimplementedSubmissionServiceServer
	*Server
}

func (s submissions) Submit(ctx context.Context, r *exchangev1.SubmitRequest) (*exchangev1.Submission, error) {
	answer, err := s.flow.SubmitAndTell(ctx, callerOf(ctx).flow(), submitted(r))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	sub := answer.Submission
	shown, err := s.present(ctx, sub)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	shown.Duplicate = presentDuplicate(ctx, answer.Duplicate)
	shown.Losses, shown.LossesLeftOut = presentLosses(ctx, answer.Losses)
	if err := errors.Join(s.showFiling(ctx, sub, shown), s.secondLosses(ctx, sub, shown)); err != nil {
		return nil, s.refusal(ctx, err)
	}
	if sub.State == gateway.Faulty {
		// Not OK: only what will reach the partner is answered with OK. The record of it
		// goes along.
		faults := sub.Faults
		shown.Faults = nil
		return nil, s.refusal(ctx, event.Logged(faults), protoadapt.MessageV1Of(shown))
	}
	return shown, nil
}

func (s submissions) Check(ctx context.Context, r *exchangev1.CheckRequest) (*exchangev1.CheckResponse, error) {
	res, err := s.flow.Check(ctx, callerOf(ctx).flow(), submitted(r))
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.CheckResponse{
		Kind: res.Kind, Outcome: string(res.State), WaitsFor: res.WaitsFor, Faults: presentFaults(res.Faults, language(ctx)),
	}
	out.Losses, out.LossesLeftOut = presentLosses(ctx, res.Losses)
	return out, nil
}

// presentLosses shows what does not travel. Data of persons and prices are withheld from who does
// not submit.
func presentLosses(ctx context.Context, losses flow.Losses) (out []*exchangev1.Loss, leftOut int32) {
	mark := withheld
	if slices.Contains(Roles[callerOf(ctx).Role], exchangev1.Right_SUBMIT) {
		mark = ""
	}
	for _, l := range losses.Report(language(ctx), mark) {
		shown := &exchangev1.Loss{
			Reason: exchangev1.LossReason(exchangev1.LossReason_value[l.Reason]), Text: l.Text, Document: l.Document, Path: l.Path, Label: l.Label, Count: int32(l.Count),
		}
		for _, p := range l.Places {
			shown.Places = append(shown.Places, &exchangev1.LostValue{
				Location: p.Location, Namespaces: p.Namespaces, Line: int32(p.Line), Place: p.Place, Value: p.Value, Instead: p.Instead,
			})
		}
		out = append(out, shown)
	}
	return out, int32(losses.LeftOut)
}

// submitted is what is to be submitted, or checked.
func submitted(r interface {
	GetSubmissionId() string
	GetMediaType() string
	GetContent() []byte
	GetTo() []string
	GetExpectedArrival() *timestamppb.Timestamp
	GetAmends() string
	GetReason() string
	GetDuty() exchangev1.Duty
}) flow.Submission {
	s := flow.Submission{ID: gateway.SubmissionID(r.GetSubmissionId()), MediaType: r.GetMediaType(), Content: r.GetContent()}
	if s.MediaType == "" {
		s.MediaType = flow.MediaType(s.Content)
	}
	s.Asks.Amends, s.Asks.Reason = r.GetAmends(), r.GetReason()
	if at := r.GetExpectedArrival(); at != nil {
		s.Asks.Expected = at.AsTime().UTC()
	}
	switch d := r.GetDuty(); d {
	case exchangev1.Duty_DUTY_UNSPECIFIED:
	case exchangev1.Duty_FILING:
		s.Asks.Duty = flow.DutyFiling
	default:
		s.Asks.Duty = d.String() // which is none
	}
	for _, a := range r.GetTo() {
		s.To = append(s.To, gateway.Administration(a))
	}
	return s
}

func (s submissions) Withdraw(ctx context.Context, r *exchangev1.WithdrawRequest) (*exchangev1.Submission, error) {
	sub, err := s.flow.Withdraw(ctx, callerOf(ctx).flow(), gateway.SubmissionID(r.SubmissionId), r.Reason)
	return s.answer(ctx, sub, err)
}

// Approve decides on a submission of one of the caller's offices: foreign and unknown answer
// alike.
func (s submissions) Approve(ctx context.Context, r *exchangev1.ApproveRequest) (*exchangev1.Submission, error) {
	office, ok := s.officeOf(callerOf(ctx), r.Office)
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	sub, err := s.flow.Approve(ctx, callerOf(ctx).flow(), office, gateway.SubmissionID(r.SubmissionId), !r.Refuse, r.Reason)
	return s.answer(ctx, sub, err)
}

// Rule decides on texts of a submission of one of the caller's offices: foreign and unknown answer
// alike.
func (s submissions) Rule(ctx context.Context, r *exchangev1.RuleRequest) (*exchangev1.Submission, error) {
	office, ok := s.officeOf(callerOf(ctx), r.Office)
	if !ok {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	sub, err := s.flow.Rule(ctx, callerOf(ctx).flow(), office, gateway.SubmissionID(r.SubmissionId), flow.Decision{
		Verdict: r.Verdict, Place: r.Place, Text: r.Text, Reason: r.Reason,
	})
	return s.answer(ctx, sub, err)
}

// officeOf is the office of the caller's that is asked for: the first, if none is named.
func (s submissions) officeOf(c Caller, named string) (office string, ok bool) {
	if named == "" {
		return c.office(), true
	}
	return c.officeAs(s.flow.Own, gateway.Office{Code: named})
}

func (s submissions) Choose(ctx context.Context, r *exchangev1.ChooseRequest) (*exchangev1.Submission, error) {
	n := 0
	for _, is := range []bool{r.All, len(r.Vehicles) > 0, r.Waybill != ""} {
		if is {
			n++
		}
	}
	if n != 1 || len(r.Vehicles) > MaxChosen || len(r.Waybill) > MaxWaybill {
		return nil, s.refusal(ctx, gateway.Fault{Code: gateway.ChoiceUnfit, Severity: gateway.Error, Path: "vehicles", Value: strings.Join(r.Vehicles[:min(len(r.Vehicles), MaxChosen)], ", ")})
	}
	sub, err := s.flow.Choose(ctx, callerOf(ctx).flow(), gateway.SubmissionID(r.SubmissionId), flow.Choice{Vehicles: r.Vehicles, All: r.All, Waybill: r.Waybill})
	return s.answer(ctx, sub, err)
}

// MaxChosen is how many vehicles one choice may name: as many as a report; MaxWaybill, how many bytes the
// number of a waybill has.
const (
	MaxChosen  = 200
	MaxWaybill = 200
)

func (s submissions) Get(ctx context.Context, r *exchangev1.GetSubmissionRequest) (*exchangev1.Submission, error) {
	office, ok := s.officeOf(callerOf(ctx), r.Office)
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
	for _, m := range slices.Concat(shown.Messages, shown.GetSecond().GetMessages()) {
		changes, err := s.flow.Changes(ctx, store.Message{ID: gateway.MessageID(m.MessageId), Replaces: gateway.MessageID(m.Replaces)})
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		m.Changes = presentChanges(changes, language(ctx))
		named, err := s.flow.AttachmentsSent(ctx, gateway.MessageID(m.MessageId))
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		m.Attachments = presentAttachments(named, language(ctx))
	}
	for _, j := range judgements {
		shown.Judgements = append(shown.Judgements, &exchangev1.Judgement{
			Number: int32(j.Number), At: stamp(j.At), State: string(j.State), Digest: j.Digest.String(), Faults: presentFaults(j.Faults, language(ctx)),
		})
	}
	if err := s.showFiling(ctx, sub, shown); err != nil {
		return nil, s.refusal(ctx, err)
	}
	if r.Losses {
		losses, err := s.flow.Losses(ctx, callerOf(ctx).flow(), sub)
		var again gateway.Faults
		switch {
		case errors.As(err, &again): // what was sent cannot be made again: that is told in its place
			for i := range again {
				again[i].Severity = gateway.Warning
			}
			shown.Faults = append(shown.Faults, presentFaults(again, language(ctx))...)
		case err != nil:
			return nil, s.refusal(ctx, err)
		}
		shown.Losses, shown.LossesLeftOut = presentLosses(ctx, losses)
		if err := s.secondLosses(ctx, sub, shown); err != nil {
			return nil, s.refusal(ctx, err)
		}
	}
	approval, err := s.flow.Approval(ctx, sub)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	if approval != nil {
		shown.Approval = &exchangev1.Approval{Approved: approval.Approved, Reason: approval.Reason, At: stamp(approval.At), Caller: approval.Caller}
	}
	rulings, err := s.flow.Rulings(ctx, sub)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for _, u := range rulings {
		shown.Rulings = append(shown.Rulings, &exchangev1.Ruling{
			Verdict: u.Verdict, TextDigest: u.Text.String(), Text: u.Replacement, Reason: u.Reason, At: stamp(u.At), Caller: u.Caller,
		})
	}
	return shown, nil
}

// showFiling shows of a filing that it is one, and how it compares.
func (s submissions) showFiling(ctx context.Context, sub store.Submission, shown *exchangev1.Submission) (err error) {
	if s.flow.Files(sub.Route) {
		shown.Duty = exchangev1.Duty_FILING
	}
	shown.Filings, err = s.filings(ctx, sub)
	return err
}

// secondLosses shows what of a submission does not travel to its second addressee, but for what does not
// to the first either; of what cannot be made again nothing is told.
func (s submissions) secondLosses(ctx context.Context, sub store.Submission, shown *exchangev1.Submission) error {
	second, err := s.flow.Second(ctx, sub)
	if second == nil || shown.Second == nil || second.State == gateway.Faulty || err != nil {
		return err
	}
	losses, err := s.flow.Losses(ctx, callerOf(ctx).flow(), *second)
	if errors.As(err, new(gateway.Faults)) {
		return nil
	}
	shown.Second.Losses, shown.Second.LossesLeftOut = presentLosses(ctx, losses)
	shown.Second.Losses = slices.DeleteFunc(shown.Second.Losses, func(l *exchangev1.Loss) bool {
		return slices.ContainsFunc(shown.Losses, func(o *exchangev1.Loss) bool { return proto.Equal(l, o) })
	})
	return err
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
	return watch(s.Server, &s.changes, stream, callerOf(ctx).Offices, r.After, func(c whole) error {
		return stream.Send(&exchangev1.SubmissionEvent{Commit: int64(c.Commit), Submission: s.show(ctx, c)})
	})
}

// whole is a submission with the messages it became, and what goes with them.
type whole struct {
	store.Submission
	messages []store.Message
	parts    []store.Submission // that it was made from
	answer   *store.Answer      // to several messages as one
	answered []gateway.MessageID
	// Of its messages and those of other versions: which takes the place of each.
	replacedBy map[gateway.MessageID]gateway.MessageID
	repairedBy map[gateway.MessageID]gateway.MessageID // of those in whose place one was made anew
	second     *whole                                  // what it is to its second addressee; nil: it has none
}

// changed reads the submissions of offices that changed after a commit.
func (s *Server) changed(ctx context.Context, offices []string, after gateway.Commit) ([]whole, error) {
	subs, err := s.flow.Store.Read().SubmissionsAfter(ctx, offices, after, MaxPage)
	if err != nil || len(subs) == 0 {
		return nil, err
	}
	out := make([]whole, len(subs))
	for i, sub := range subs {
		if out[i], err = s.whole(ctx, sub); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole reads what a submission became, with each of its addressees.
func (s *Server) whole(ctx context.Context, sub store.Submission) (w whole, err error) {
	if w, err = s.wholeOfOne(ctx, sub); err != nil {
		return w, err
	}
	second, err := s.flow.Second(ctx, sub)
	if second == nil || err != nil {
		return w, err
	}
	o, err := s.wholeOfOne(ctx, *second)
	o.Faults = flow.Unsaid(sub.Faults, o.Faults)
	w.second = &o
	return w, err
}

func (s *Server) wholeOfOne(ctx context.Context, sub store.Submission) (w whole, err error) {
	w.Submission = sub
	if sub.MessageID == "" {
		return w, nil
	}
	all, err := s.flow.Store.Read().Messages(ctx, sub.MessageID)
	if err != nil {
		return w, err
	}
	w.replacedBy, w.repairedBy = make(map[gateway.MessageID]gateway.MessageID), make(map[gateway.MessageID]gateway.MessageID)
	announcing := 0
	for _, m := range all {
		if m.Replaces != "" {
			w.replacedBy[m.Replaces] = m.ID
		}
		if m.Repairs != "" {
			w.repairedBy[m.Repairs] = m.ID
		}
		if m.Version == sub.Version {
			w.messages = append(w.messages, m)
			announcing += b2i(m.Kind != "Cancellation")
		}
	}
	if w.parts = []store.Submission{sub}; sub.State == gateway.Joined {
		if w.parts, err = s.flow.Store.Read().Sources(ctx, sub.MessageID); err != nil {
			return w, err
		}
		w.parts = slices.DeleteFunc(w.parts, func(p store.Submission) bool { return p.Version == 0 || p.Version > sub.Version })
	}
	standing := w.standing()
	if announcing -= len(w.messages) - len(standing); announcing > 1 && announcing == len(standing) {
		w.answer, w.answered, err = s.flow.OneAnswer(ctx, standing)
	}
	return w, err
}

// standing are the messages in whose place none was made anew.
func (w whole) standing() []store.Message {
	return slices.DeleteFunc(slices.Clone(w.messages), func(m store.Message) bool { return w.repairedBy[m.ID] != "" })
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// present shows a submission with the messages it became.
func (s *Server) present(ctx context.Context, sub store.Submission) (*exchangev1.Submission, error) {
	w, err := s.whole(ctx, sub)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, w), nil
}

// show says it in the caller's language.
func (s *Server) show(ctx context.Context, w whole) *exchangev1.Submission {
	out := &exchangev1.Submission{
		SubmissionId: w.Called(), To: string(s.flow.Addressee(w.Submission)), Office: w.Office, Kind: w.Kind, State: string(w.State), StateReason: gateway.Retold(w.Reason, language(ctx)),
		Received: stamp(w.Received), Digest: w.Digest.String(), Batch: w.Batch, WaitsFor: w.WaitsFor,
		JoinKey: w.JoinKey, Expires: stamp(w.Expires), Faults: presentFaults(w.Faults, language(ctx)), Commit: int64(w.Commit),
	}
	if w.second != nil {
		out.Second = s.show(ctx, *w.second)
	}
	if len(w.messages) == 0 {
		return out
	}
	for _, m := range w.messages {
		shown := presentMessage(m, w.parts, language(ctx))
		shown.ReplacedBy, shown.RepairedBy = string(w.replacedBy[m.ID]), string(w.repairedBy[m.ID])
		s.waitsForBalance(ctx, m, shown)
		for _, a := range m.Answers {
			shown.Answers = append(shown.Answers, s.presentAnswer(ctx, a))
		}
		out.Messages = append(out.Messages, shown)
	}
	standing := w.standing()
	least := standing[leastAdvanced(standing)].ID
	out.Message = out.Messages[slices.IndexFunc(w.messages, func(m store.Message) bool { return m.ID == least })]
	if w.answer != nil {
		out.Answer = s.presentAnswer(ctx, *w.answer)
	}
	for _, id := range w.answered {
		out.Answered = append(out.Answered, string(id))
	}
	return out
}

// leastAdvanced is the message that most keeps a whole from being accepted: whoever looks at
// one alone must not take a whole for accepted that is not.
func leastAdvanced(messages []store.Message) int {
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
func presentMessage(m store.Message, parts []store.Submission, lang string) *exchangev1.MessageStatus {
	out := &exchangev1.MessageStatus{
		MessageId: string(m.ID), Kind: m.Kind, Recipient: string(m.Recipient), State: string(m.State), StateReason: gateway.Retold(m.Reason, lang),
		Waiting: gateway.Retold(flow.WhyWaits(m), lang), Created: stamp(m.Created), ExpectedArrival: stamp(m.ExpectedArrival), LateBy: int64(m.LateBy / time.Second),
		Attempts: int32(m.Attempts), PayloadDigest: m.PayloadDigest.String(), CanonicalDigest: m.CanonicalDigest.String(),
		Mapping: m.Mapping, DocumentId: m.DocumentID, Split: m.Split, Withdrawal: string(m.Withdrawal),
		Version: int32(m.Version), Replaces: string(m.Replaces), Repairs: string(m.Repairs),
	}
	if m.Split != "" {
		out.Part = int32(m.Part)
	}
	if !m.State.Final() && !m.Parked {
		out.NextAttempt = stamp(m.NextAttempt)
	}
	if m.Receipt != nil {
		out.Receipt = presentStatement(*m.Receipt)
	}
	if a := m.Arrival; a != nil {
		out.Arrival = &exchangev1.ToldArrival{At: stamp(a.At), Office: a.Office, Result: a.Result, Partial: a.Partial}
		for _, f := range a.Faults {
			r := f.Report(lang)
			out.Arrival.Discrepancies = append(out.Arrival.Discrepancies, &exchangev1.Discrepancy{
				Code: string(f.Code), Severity: string(f.Severity), Message: r.Message, Subject: f.Place.In(lang), Expected: r.Expected, Found: cmp.Or(r.Value, r.Found),
			})
		}
	}
	for _, p := range parts {
		out.Parts = append(out.Parts, p.Called())
	}
	return out
}

func presentStatement(s store.Statement) *exchangev1.SignedStatement {
	return &exchangev1.SignedStatement{Header: s.Header, Statement: s.Statement, Signature: s.Signature}
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

// stamp shows an instant; none is absent.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// presentChanges shows what is different, each place in the language asked for.
func presentChanges(changes []document.Change, lang string) (out []*exchangev1.Change) {
	for _, c := range changes {
		out = append(out, &exchangev1.Change{Path: c.Path, Place: c.Place.In(lang), Before: c.Before, After: c.After})
	}
	return out
}
