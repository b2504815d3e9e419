package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/mtls"
)

const uriGateway = "customs://CN/gateway/1"

// fake answers as a gateway would, from what it is given.
type fake struct {
	submissions []*exchangev1.Submission
	inbox       []*exchangev1.InboxMessage
	movements   []*exchangev1.Movement
	attachments exchangev1.AttachmentServiceServer
}

// start serves the fake over mutual TLS and returns the environment of its clients.
func (f *fake) start(t *testing.T, pki string) map[string]string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.serve(t, pki, listener, "customs://CN/office/0603/post/1"))
	return map[string]string{
		"GATEWAY_ADDR": listener.Addr().String(), "GATEWAY_CA": filepath.Join(pki, "cn/ca.pem"), "GATEWAY_SERVER": uriGateway,
		"GATEWAY_CERT": filepath.Join(pki, "cn/post.pem"), "GATEWAY_KEY": filepath.Join(pki, "cn/post-key.pem"),
	}
}

// serve lets one caller in, until it is stopped.
func (f *fake) serve(t *testing.T, pki string, listener net.Listener, caller string) (stop func()) {
	t.Helper()
	roots, err := mtls.LoadRoots(filepath.Join(pki, "cn/ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: caller, Roots: roots}})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := mtls.LoadCertificate(filepath.Join(pki, "cn/gateway.pem"), filepath.Join(pki, "cn/gateway-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(registry.ServerConfig(cert))))
	exchangev1.RegisterSubmissionServiceServer(g, fakeSubmissions{f: f})
	exchangev1.RegisterInboxServiceServer(g, fakeInbox{f: f})
	exchangev1.RegisterMovementServiceServer(g, fakeMovements{f: f})
	exchangev1.RegisterBalanceServiceServer(g, fakeBalances{})
	exchangev1.RegisterAttachmentServiceServer(g, f.attachments)
	registerRoles(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	return func() {
		g.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}
}

// refuse is a status with the given details, as the gateway's own.
func refuse(code codes.Code, text string, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, text).WithDetails(details...)
	if err != nil {
		return err
	}
	return st.Err()
}

func notFound() error {
	return refuse(codes.NotFound, "NOT_FOUND: nothing here", protoadapt.MessageV1Of(&exchangev1.Fault{Code: "NOT_FOUND", Severity: "error", Message: "nothing here"}))
}

func instant(text string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return timestamppb.New(t)
}

// pageOf cuts a page out of all; the token is the number of elements before it.
func pageOf[T any](all []T, size int32, token string) ([]T, string) {
	from, _ := strconv.Atoi(token)
	to := min(from+int(size), len(all))
	if to == len(all) {
		return all[from:], ""
	}
	return all[from:to], strconv.Itoa(to)
}

type fakeSubmissions struct {
	exchangev1.UnimplementedSubmissionServiceServer
	f *fake
}

// faults are in the language asked for, and of content that tries to steer a terminal.
func faults(ctx context.Context) []*exchangev1.Fault {
	md, _ := metadata.FromIncomingContext(ctx)
	return []*exchangev1.Fault{
		{
			Code: "XSD_LENGTH", Severity: "error", Message: "(" + md.Get("accept-language")[0] + ") longer than it may be",
			Path: "consignments[0].items[0].description", Location: "/d:Manifest[1]/d:Note[2]", Line: 12,
			Namespaces: map[string]string{"d": "urn:example:manifest"}, Value: "red\x1b[31m", Expected: "at most 35 characters",
			Place: "waybill \x1b[2J1, goods item 2, goods description", Label: "goods description", Remedy: "sender",
		},
		{Code: "ROUTE_NONE", Severity: "error", Message: "no route", Path: "to", Document: "part-2", Remedy: "route"},
	}
}

func (s fakeSubmissions) Submit(ctx context.Context, r *exchangev1.SubmitRequest) (*exchangev1.Submission, error) {
	if bytes.Contains(r.Content, []byte("faulty")) {
		details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&exchangev1.Submission{SubmissionId: r.SubmissionId, Office: "0603", State: "faulty", Commit: 9})}
		for _, f := range faults(ctx) {
			details = append(details, protoadapt.MessageV1Of(f))
		}
		return nil, refuse(codes.InvalidArgument, "XSD_LENGTH: longer than it may be", details...)
	}
	return &exchangev1.Submission{
		SubmissionId: r.SubmissionId, Office: "0603", Kind: r.MediaType, State: "held", Received: instant("2026-03-02T00:30:00Z"),
		WaitsFor: []string{"vehicle"}, JoinKey: "0603/B-77", Expires: instant("2026-03-03T00:30:00Z"), Batch: "to:" + join(r.To), Commit: 3,
	}, nil
}

func join(to []string) string {
	var b bytes.Buffer
	for _, a := range to {
		b.WriteString(a + ";")
	}
	return b.String()
}

func (s fakeSubmissions) Check(ctx context.Context, r *exchangev1.CheckRequest) (*exchangev1.CheckResponse, error) {
	if bytes.Contains(r.Content, []byte("faulty")) {
		return &exchangev1.CheckResponse{Kind: "Manifest", Outcome: "faulty", Faults: faults(ctx)[:1]}, nil
	}
	return &exchangev1.CheckResponse{Kind: "Manifest", Outcome: "held", WaitsFor: []string{"vehicle"}}, nil
}

func (s fakeSubmissions) Get(_ context.Context, r *exchangev1.GetSubmissionRequest) (*exchangev1.Submission, error) {
	for _, sub := range s.f.submissions {
		if sub.SubmissionId == r.SubmissionId {
			return sub, nil
		}
	}
	if r.SubmissionId == "convoy" {
		return convoy(), nil
	}
	return nil, notFound()
}

// convoy became two messages, of which one is answered.
func convoy() *exchangev1.Submission {
	answer := &exchangev1.BusinessAnswer{MessageId: "a-2", Outcome: "refused", Results: refusedResults(), Received: instant("2026-03-02T01:30:00Z")}
	first := &exchangev1.MessageStatus{MessageId: "m-1", Recipient: "RU", State: "sent", Part: 1, Split: "xx/notice.v1", Waiting: "it is being sent"}
	second := &exchangev1.MessageStatus{MessageId: "m-2", Recipient: "RU", State: "accepted", Part: 2, Split: "xx/notice.v1", Answers: []*exchangev1.BusinessAnswer{answer}}
	return &exchangev1.Submission{
		SubmissionId: "convoy", Office: "0603", Kind: "PreArrivalNotice", State: "message", Commit: 12, Message: first,
		Messages: []*exchangev1.MessageStatus{first, second}, Answered: []string{"m-2"},
		Answer: &exchangev1.BusinessAnswer{Outcome: "refused", Results: refusedResults(), Received: instant("2026-03-02T01:30:00Z")},
	}
}

func (s fakeSubmissions) Withdraw(_ context.Context, r *exchangev1.WithdrawRequest) (*exchangev1.Submission, error) {
	if r.SubmissionId != "part-1" {
		return nil, refuse(codes.FailedPrecondition, "NOT_HELD: not held")
	}
	return &exchangev1.Submission{SubmissionId: r.SubmissionId, State: "withdrawn", StateReason: r.Reason, Commit: 5}, nil
}

func (s fakeSubmissions) List(_ context.Context, r *exchangev1.ListSubmissionsRequest) (*exchangev1.ListSubmissionsResponse, error) {
	var fit []*exchangev1.Submission
	for _, sub := range s.f.submissions {
		if (r.State == "" || r.State == sub.State) && (r.Since == nil || !sub.Received.AsTime().Before(r.Since.AsTime())) {
			fit = append(fit, sub)
		}
	}
	page, next := pageOf(fit, min(r.PageSize, 1), r.PageToken)
	return &exchangev1.ListSubmissionsResponse{Submissions: page, NextPageToken: next}, nil
}

// Watch sends one event of those after the commit and loses the connection; at the
// end of them it turns the caller away.
func (s fakeSubmissions) Watch(r *exchangev1.WatchRequest, stream grpc.ServerStreamingServer[exchangev1.SubmissionEvent]) error {
	for _, sub := range s.f.submissions {
		if sub.Commit > r.After {
			if err := stream.Send(&exchangev1.SubmissionEvent{Commit: sub.Commit, Submission: sub}); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "the connection is renewed")
		}
	}
	return status.Error(codes.PermissionDenied, "your role has ended")
}

func (s fakeSubmissions) Explain(_ context.Context, r *exchangev1.ExplainRequest) (*exchangev1.ExplainResponse, error) {
	all := []*exchangev1.Origin{
		{
			Target: "/a:Notice[1]/a:ModeCode[1]", Value: "30", Row: "R031", Mapping: "ru/auto-preliminary.v1", Path: "transport.mode",
			Provenance: "document", Source: "/d:Manifest[1]/d:Mode[1]", SourceSubmission: "part-1", SourceValue: "3", ListRow: "transport-mode.v1:3->30",
		},
		{Target: "/a:Notice[1]/@DocumentModeID", Value: "1006826E", Row: "R004", Mapping: "ru/auto-preliminary.v1", Provenance: "constant"},
	}
	if r.SubmissionId == "convoy" {
		return &exchangev1.ExplainResponse{MessageId: "m-1", Origins: []*exchangev1.Origin{
			{Target: "/a:Notice[1]/a:Plate[1]", Value: "A1", Row: "R1", Provenance: "document", Part: 1},
			{Target: "/a:Notice[1]/a:Plate[1]", Value: "A4", Row: "R1", Provenance: "document", Part: 2},
		}}, nil
	}
	if r.Xpath != "" {
		all = all[1:]
	}
	return &exchangev1.ExplainResponse{MessageId: "m-1", Origins: all}, nil
}

// fakeBalances has one partner that is in order, and one that is not.
type fakeBalances struct {
	exchangev1.UnimplementedBalanceServiceServer
}

func (fakeBalances) List(ctx context.Context, _ *exchangev1.ListBalancesRequest) (*exchangev1.ListBalancesResponse, error) {
	return &exchangev1.ListBalancesResponse{Balances: []*exchangev1.Balance{balanceOf(ctx, "KZ"), balanceOf(ctx, "MN"), balanceOf(ctx, "RU")}}, nil
}

func balanceOf(ctx context.Context, partner string) *exchangev1.Balance {
	b := &exchangev1.Balance{
		Partner: partner, Open: true, Compared: 12, Upto: instant("2026-03-02T02:00:00Z"), Ended: instant("2026-03-02T02:00:01Z"),
		Restored: instant("2026-03-02T01:00:00Z"), Backup: instant("2026-03-01T22:00:00Z"),
	}
	if partner == "MN" { // nobody can ask it
		b.Upto, b.Ended, b.Compared, b.Left = nil, nil, 0, instant("2026-03-01T21:00:00Z")
		b.Faults = worded(ctx, gateway.Fault{Code: gateway.BalanceUnasked, Severity: gateway.Warning, Value: "MN", Found: gateway.Term("2026-03-01T21:00:00Z")})
	}
	if partner == "RU" {
		b.Open, b.Upto, b.Ended, b.Compared, b.Differences = false, nil, nil, 0, 2
		b.Left, b.Waiting = instant("2026-03-01T21:00:00Z"), 3
		b.Faults = worded(ctx, gateway.Fault{Code: gateway.BalancePending, Severity: gateway.Warning, Value: "RU"}, gateway.Fault{Code: gateway.BalanceAway, Severity: gateway.Warning, Value: "RU"})
	}
	return b
}

func (fakeBalances) Run(ctx context.Context, r *exchangev1.RunBalanceRequest) (*exchangev1.Balance, error) {
	if r.Partner != "RU" && r.Partner != "KZ" {
		return nil, notFound()
	}
	return balanceOf(ctx, r.Partner), nil
}

func (fakeBalances) Differences(ctx context.Context, r *exchangev1.ListDifferencesRequest) (*exchangev1.ListDifferencesResponse, error) {
	out := &exchangev1.ListDifferencesResponse{}
	if r.Partner != "RU" {
		return out, nil
	}
	for _, f := range []gateway.Fault{
		{Code: gateway.BalanceLost}, {Code: gateway.BalanceOwed}, {Code: gateway.BalanceAgain},
		{Code: gateway.BalanceDigest, Found: gateway.Term("aa01"), Expected: gateway.Term("bb02")},
		{Code: gateway.BalanceVerdict, Found: gateway.Term("PRS"), Expected: gateway.Term("ERR")},
	} {
		f.Severity, f.Value = gateway.Warning, "m-1"
		out.Differences = append(out.Differences, &exchangev1.Difference{
			MessageId: "m-1", Sent: true, Found: instant("2026-03-02T02:00:00Z"), Fault: worded(ctx, f)[0], PartnerDigest: "bb02", PartnerVerdict: "PRS",
			Kind: "PreArrivalNotice", DocumentId: "d-1", Batch: "B-1",
		})
	}
	return out, nil
}

// worded are faults as a gateway presents them.
func worded(ctx context.Context, all ...gateway.Fault) (out []*exchangev1.Fault) {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, r := range gateway.Faults(all).Report(md.Get("accept-language")[0]) {
		out = append(out, &exchangev1.Fault{Code: string(r.Code), Severity: string(r.Severity), Value: r.Value, Message: r.Message, Remedy: string(r.Remedy)})
	}
	return out
}

type fakeInbox struct {
	exchangev1.UnimplementedInboxServiceServer
	f *fake
}

func (s fakeInbox) List(_ context.Context, r *exchangev1.ListInboxRequest) (*exchangev1.ListInboxResponse, error) {
	var fit []*exchangev1.InboxMessage
	for _, m := range s.f.inbox {
		if !r.Unacknowledged || !m.Acknowledged {
			fit = append(fit, m)
		}
	}
	page, next := pageOf(fit, r.PageSize, r.PageToken)
	return &exchangev1.ListInboxResponse{Messages: page, NextPageToken: next}, nil
}

func (s fakeInbox) Get(_ context.Context, r *exchangev1.GetInboxRequest) (*exchangev1.InboxMessage, error) {
	m := &exchangev1.InboxMessage{MessageId: r.MessageId, Kind: "PreArrivalNotice", Sender: "RU", State: "accepted", Commit: 7, Unread: []string{"/a:Notice[1]/a:Extra[1]"}}
	switch r.Form {
	case exchangev1.Form_CANONICAL:
		m.MediaType, m.Content = "application/json", []byte("{}\n")
	case exchangev1.Form_PARTNER_XML:
		m.MediaType, m.Content = "application/xml", []byte("<Notice/>\n")
	}
	return m, nil
}

func (s fakeInbox) Acknowledge(_ context.Context, r *exchangev1.AcknowledgeRequest) (*exchangev1.InboxMessage, error) {
	if r.MessageId == "m-0" {
		return nil, notFound()
	}
	return &exchangev1.InboxMessage{MessageId: r.MessageId, Acknowledged: true, Commit: 8}, nil
}

func parkedArrival() *exchangev1.Arrival {
	return &exchangev1.Arrival{
		Door: "submit", Party: "0603", ArrivalId: "V1", State: "parked", Received: instant("2026-03-02T02:00:00Z"), Commit: 6,
		Tries: 6, Trouble: "movement m-1: unexpected end of JSON input", Digest: "e3b0",
	}
}

func parkedMessage() *exchangev1.InboxMessage {
	return &exchangev1.InboxMessage{
		MessageId: "m-5", Kind: "PreArrivalNotice", Sender: "CN", State: "parked", Received: instant("2026-03-02T02:00:00Z"), Commit: 5,
		Faults: []*exchangev1.Fault{{
			Code: "FORMAT_UNKNOWN", Severity: "error", Location: "/a:Notice[1]", Value: "{urn:example:2}Notice", Expected: "xx/notice.v1, root {urn:example:1}Notice",
			Message: "no table", Namespaces: map[string]string{"a": "urn:example:2"},
		}},
	}
}

func parkedOutgoing() *exchangev1.MessageStatus {
	return &exchangev1.MessageStatus{
		MessageId: "m-8", Kind: "PreArrivalNotice", Recipient: "RU", State: "queued", Created: instant("2026-03-02T01:00:00Z"),
		StateReason: "this gateway could not hand it over and tries again when its operator says so", Waiting: "restore message m-8: SEAL_SIGNATURE",
	}
}

func (s fakeInbox) Parked(context.Context, *exchangev1.ListParkedRequest) (*exchangev1.ListParkedResponse, error) {
	return &exchangev1.ListParkedResponse{
		Messages: []*exchangev1.InboxMessage{parkedMessage()}, Arrivals: []*exchangev1.Arrival{parkedArrival()},
		Outgoing: []*exchangev1.MessageStatus{parkedOutgoing()},
	}, nil
}

// Decode decodes all but m-5.
func (s fakeInbox) Decode(_ context.Context, r *exchangev1.DecodeRequest) (*exchangev1.DecodeResponse, error) {
	out := &exchangev1.DecodeResponse{}
	for _, id := range r.MessageIds {
		switch id {
		case "m-0":
			return nil, notFound()
		case "m-5":
			out.Messages = append(out.Messages, parkedMessage())
		case "m-8":
			m := parkedOutgoing()
			m.NextAttempt = instant("2026-03-02T03:00:00Z")
			out.Outgoing = append(out.Outgoing, m)
		case "V1":
			out.Arrivals = append(out.Arrivals, parkedArrival())
		case "V2":
			out.Arrivals = append(out.Arrivals, &exchangev1.Arrival{Door: "border", Party: r.Sender, ArrivalId: id, State: "recorded", Tries: 1, Trouble: "x", Commit: 9})
		case "m-7": // the gateway could not judge it
			out.Messages = append(out.Messages, &exchangev1.InboxMessage{MessageId: id, Kind: "PreArrivalNotice", Sender: "CN", State: "parked", Commit: 7,
				Faults: []*exchangev1.Fault{{Code: "INTERNAL", Severity: "error", Message: "its log has the details"}}})
		default:
			out.Messages = append(out.Messages, &exchangev1.InboxMessage{MessageId: id, Kind: "PreArrivalNotice", Sender: "CN", State: "accepted", Mapping: "xx/notice.v2", Commit: 9})
		}
	}
	return out, nil
}

// Watch sends what there is and then nothing, until the caller goes.
func (s fakeInbox) Watch(r *exchangev1.WatchRequest, stream grpc.ServerStreamingServer[exchangev1.InboxMessage]) error {
	for _, m := range s.f.inbox {
		if m.Commit > r.After {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

type fakeMovements struct {
	exchangev1.UnimplementedMovementServiceServer
	f *fake
}

func (s fakeMovements) Find(_ context.Context, r *exchangev1.FindMovementsRequest) (*exchangev1.FindMovementsResponse, error) {
	var fit []*exchangev1.Movement
	for _, m := range s.f.movements {
		for _, id := range m.Identifiers {
			if id.Value == r.Text {
				fit = append(fit, m)
			}
		}
	}
	page, next := pageOf(fit, r.PageSize, r.PageToken)
	return &exchangev1.FindMovementsResponse{Movements: page, NextPageToken: next}, nil
}

func (s fakeMovements) Get(_ context.Context, r *exchangev1.GetMovementRequest) (*exchangev1.Movement, error) {
	for _, m := range s.f.movements {
		if m.MovementId == r.MovementId {
			return m, nil
		}
	}
	return nil, notFound()
}

func (s fakeMovements) RecordArrival(_ context.Context, r *exchangev1.RecordArrivalRequest) (*exchangev1.Movement, error) {
	m := s.f.movements[0]
	m.Comparisons[0].ArrivalId = r.RecordId
	m.Openings = nil
	if r.Reason != "" {
		m.Openings = []*exchangev1.Opening{{Office: "10716060", RecordId: r.RecordId, Reason: r.Reason, At: instant("2026-03-02T02:42:00Z")}}
	}
	return m, nil
}

func refusedResults() []*exchangev1.AnswerResult {
	return []*exchangev1.AnswerResult{{Code: "2", Words: []string{"Отказано"}}}
}
