package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/spool"
)

// spooling works on the folders of a post until it is stopped, or all that waits has ended.
func spooling(fs *flag.FlagSet) action {
	every := fs.Duration("every", 2*time.Second, "how `LONG` to wait between two looks")
	until := fs.Bool("until-done", false, "end when nothing waits any more, in OutBox neither")
	return func(ctx context.Context, s *session, operands []string) (err error) {
		if *every < 100*time.Millisecond || *every > time.Hour {
			return errors.New("-every: want 100ms to 1h")
		}
		tell := func(t spool.Told) {
			line := []string{time.Now().In(s.zone).Format(time.DateTime), t.File, t.What.In(s.lang)}
			if t.Cause != nil {
				line = append(line, t.Cause.Error())
			}
			fmt.Fprintln(s.stdout, clean(strings.Join(slices.DeleteFunc(line, func(part string) bool { return part == "" }), "  ")))
		}
		sp, err := spool.Open(operands[0], s.lang, spoolDoor{s}, time.Now, tell)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sp.Close()) }()
		for {
			if err := sp.Round(ctx); err != nil {
				return err
			}
			if *until && sp.Idle() {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(*every):
			}
		}
	}
}

// spoolDoor is the gateway as a spool sees it.
type spoolDoor struct{ s *session }

func (d spoolDoor) Submit(ctx context.Context, content []byte) (spool.Answer, error) {
	sub, err := d.s.submissions.Submit(ctx, &exchangev1.SubmitRequest{MediaType: mediaType(content), Content: content})
	return d.answer(sub, err)
}

func (d spoolDoor) Status(ctx context.Context, id string) (spool.Answer, error) {
	sub, err := d.s.submissions.Get(ctx, &exchangev1.GetSubmissionRequest{SubmissionId: id})
	if status.Code(err) == codes.NotFound {
		return spool.Answer{}, spool.ErrUnknown
	}
	return d.answer(sub, err)
}

// Paper finds the movement of what a submission announces.
func (d spoolDoor) Paper(ctx context.Context, id, page, reason string) error {
	sub, err := d.s.submissions.Get(ctx, &exchangev1.GetSubmissionRequest{SubmissionId: id})
	if err != nil {
		return d.failure(err)
	}
	message := sub.GetMessage().GetMessageId()
	if hasEnded(sub) && (message == "" || sub.Batch == "") {
		return errors.New(gateway.Say(gateway.WordSpoolNoMovement, id).In(d.s.lang))
	}
	if message == "" || sub.Batch == "" {
		return &spool.Temporary{Cause: fmt.Errorf("%s is no message yet", id)}
	}
	found, err := d.s.movements.Find(ctx, &exchangev1.FindMovementsRequest{Text: sub.Batch})
	if err != nil {
		return d.failure(err)
	}
	i := slices.IndexFunc(found.Movements, func(m *exchangev1.Movement) bool {
		return slices.ContainsFunc(m.Messages, func(of string) bool { return gateway.SameID(gateway.MessageID(of), gateway.MessageID(message)) })
	})
	if i < 0 {
		return &spool.Temporary{Cause: fmt.Errorf("%s is in no movement yet", id)}
	}
	_, err = d.s.movements.HandleOnPaper(ctx, &exchangev1.HandleOnPaperRequest{MovementId: found.Movements[i].MovementId, MessageId: message, Page: page, Reason: reason})
	return d.failure(err)
}

func (d spoolDoor) answer(sub *exchangev1.Submission, err error) (spool.Answer, error) {
	if err != nil {
		return spool.Answer{}, d.failure(err)
	}
	asJSON, asText, err := d.both(sub, func(p *page) { p.submission(sub) })
	return spool.Answer{
		Submission: sub.SubmissionId, Refused: sub.State == string(gateway.Faulty), Ended: hasEnded(sub) && (sub.Second == nil || hasEnded(sub.Second)),
		Received: sub.Received.AsTime(), JSON: asJSON, Text: asText,
	}, err
}

// hasEnded reports whether nothing more is waited for of a submission: neither here nor from the partner.
func hasEnded(s *exchangev1.Submission) bool {
	if len(s.Messages) == 0 {
		return gateway.SubmissionState(s.State).Final()
	}
	return !slices.ContainsFunc(s.Messages, func(m *exchangev1.MessageStatus) bool { return !gateway.MessageState(m.State).Final() })
}

// both is an answer as programs and as people read it.
func (d spoolDoor) both(m proto.Message, text func(*page)) (asJSON, asText []byte, err error) {
	var programs, people bytes.Buffer
	p := &page{w: &columns{w: &people}, zone: d.s.zone, lang: d.s.lang}
	text(p)
	err = errors.Join(printJSON(&programs, m), p.w.Flush())
	return programs.Bytes(), people.Bytes(), err
}

// lasting are the codes with which the gateway says no to a document. All others are its own trouble, or
// that of the line or of the certificate, and none of the document's.
var lasting = []codes.Code{codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange}

// failure is what an error is to a spool.
func (d spoolDoor) failure(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if ok && slices.Contains(lasting, st.Code()) {
		_, asText, failed := d.both(st.Proto(), func(p *page) { p.refusal(st) })
		if failed != nil {
			return failed
		}
		return errors.New(string(bytes.TrimSpace(asText)))
	}
	temporary := &spool.Temporary{Cause: errors.New(st.Message())}
	for _, detail := range st.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			temporary.After = retry.RetryDelay.AsDuration()
		}
	}
	return temporary
}
