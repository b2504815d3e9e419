package main

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

func registerRoles(g *grpc.Server) {
	exchangev1.RegisterMessageServiceServer(g, fakeMessages{})
	exchangev1.RegisterMappingServiceServer(g, fakeMappings{})
	exchangev1.RegisterAuditServiceServer(g, fakeAudits{})
	exchangev1.RegisterPartnerServiceServer(g, fakePartners{})
	exchangev1.RegisterOutboxServiceServer(g, fakeOutbox{})
}

type fakeMessages struct {
	exchangev1.UnimplementedMessageServiceServer
}

func (fakeMessages) List(_ context.Context, r *exchangev1.ListMessagesRequest) (*exchangev1.ListMessagesResponse, error) {
	page, next := pageOf([]*exchangev1.MessageRecord{
		{
			MessageId: "m-1", Kind: "PreArrivalNotice", Sender: "CN", Recipient: "RU", Route: "cn-ru-pre-arrival-notice", State: "accepted",
			At: instant("2026-03-02T02:00:00Z"), PayloadDigest: "aa01", Mapping: "ru/auto-preliminary.v1", Commit: 12,
		},
		{MessageId: "m-2", Kind: "Answer", Sender: "RU", Recipient: "CN", State: "refused", At: instant("2026-03-02T01:00:00Z"), PayloadDigest: "bb02", Codes: []string{"XSD_TYPE"}, Commit: 9},
	}, min(r.PageSize, 1), r.PageToken)
	return &exchangev1.ListMessagesResponse{Messages: page, NextPageToken: next}, nil
}

func (fakeMessages) Explain(_ context.Context, r *exchangev1.ExplainMessageRequest) (*exchangev1.ExplainResponse, error) {
	if r.MessageId == "m-0" {
		return nil, notFound()
	}
	return &exchangev1.ExplainResponse{
		MessageId: r.MessageId, LeftOut: 7, Unread: []*exchangev1.UnreadPlace{{Place: "/d:Manifest[1]/d:Extra[1]", Submission: "part-1"}},
		Origins: []*exchangev1.Origin{{
			Target: "/a:Notice[1]/a:Driver[1]", Value: "***", Row: "R40", Mapping: "ru/auto-preliminary.v1", Path: "transport.crew[0].name", Provenance: "document",
			Source: "/d:Manifest[1]/d:Driver[1]", SourceSubmission: "part-1", SourceValue: "***", SourceRow: "cn/mt4402.v1 R10",
		}},
	}, nil
}

type fakeMappings struct {
	exchangev1.UnimplementedMappingServiceServer
}

var loaded = []*exchangev1.Mapping{
	{Id: "codelists/country", Kind: exchangev1.MappingKind_CODE_LIST, Status: "verified", Digest: "c0de"},
	{Id: "routes/cn-ru-pre-arrival-notice", Kind: exchangev1.MappingKind_ROUTE, Status: "demonstration", Digest: "0f0f"},
	{Id: "ru/auto-preliminary.v1", Kind: exchangev1.MappingKind_TABLE, Status: "official", ValidFrom: "2026-01-01", Digest: "aa01"},
}

func (fakeMappings) List(_ context.Context, r *exchangev1.ListMappingsRequest) (*exchangev1.ListMappingsResponse, error) {
	fit := slices.DeleteFunc(slices.Clone(loaded), func(m *exchangev1.Mapping) bool {
		return r.Kind != exchangev1.MappingKind_MAPPING_KIND_UNSPECIFIED && m.Kind != r.Kind
	})
	page, next := pageOf(fit, min(r.PageSize, 2), r.PageToken)
	return &exchangev1.ListMappingsResponse{Mappings: page, NextPageToken: next, Digest: "d1d1"}, nil
}

func (fakeMappings) Get(_ context.Context, r *exchangev1.GetMappingRequest) (*exchangev1.Mapping, error) {
	if r.Id != "codelists/country" {
		return nil, notFound()
	}
	return &exchangev1.Mapping{Id: r.Id, Kind: exchangev1.MappingKind_CODE_LIST, Content: []byte("list: country\n")}, nil
}

type fakeAudits struct {
	exchangev1.UnimplementedAuditServiceServer
}

// List has an empty page before the last one, as one that has looked at as much as it may.
func (fakeAudits) List(_ context.Context, r *exchangev1.ListAuditRequest) (*exchangev1.ListAuditResponse, error) {
	first := &exchangev1.AuditEntry{Leaf: 4, Commit: 2, Ordinal: 1, At: instant("2026-03-02T02:00:00Z"), Actor: "customs://CN/office/0603/post/1", Event: "arrived", Subject: "submit 0603 part-1", Digest: "aa01"}
	second := &exchangev1.AuditEntry{Leaf: 9, Commit: 5, Ordinal: 2, At: instant("2026-03-02T02:00:01Z"), Actor: "gateway", Event: "message queued", Subject: "m-1"}
	switch {
	case r.Subject == "none":
		return &exchangev1.ListAuditResponse{}, nil
	case r.PageToken == "" && r.Since != nil:
		return &exchangev1.ListAuditResponse{NextPageToken: "2"}, nil
	case r.PageToken == "":
		return &exchangev1.ListAuditResponse{Entries: []*exchangev1.AuditEntry{first}, NextPageToken: "1"}, nil
	case r.PageToken == "1":
		return &exchangev1.ListAuditResponse{NextPageToken: "2"}, nil
	}
	return &exchangev1.ListAuditResponse{Entries: []*exchangev1.AuditEntry{second}}, nil
}

type fakePartners struct {
	exchangev1.UnimplementedPartnerServiceServer
}

func (fakePartners) List(context.Context, *exchangev1.ListPartnersRequest) (*exchangev1.ListPartnersResponse, error) {
	return &exchangev1.ListPartnersResponse{
		Partners: []*exchangev1.Partner{
			{Administrations: []string{"KZ"}, Uri: "customs://KZ/gateway/1", Address: "kz.example:8443", Link: "idle", Open: true, Validities: []*exchangev1.Validity{
				{Kind: "root", Subject: "CN=KZ root", Until: instant("2030-01-01T00:00:00Z"), DaysLeft: 1400},
				{Kind: "revocation list", Subject: "CN=KZ root", Until: instant("2026-03-09T00:00:00Z"), DaysLeft: 6},
			}},
			{Administrations: []string{"BY", "RU"}, Uri: "customs://RU/gateway/1", Address: "ru.example:8443", Link: "failing", Waiting: 3, Oldest: instant("2026-03-02T02:00:00Z"), Delivering: deliveries(), Validities: []*exchangev1.Validity{
				{Kind: "signing key", Subject: "ru-1", Until: instant("2026-03-01T00:00:00Z"), DaysLeft: -2},
			}},
		},
		Own: []*exchangev1.Validity{{Kind: "certificate", Subject: "CN=gateway", Until: instant("2026-05-01T00:00:00Z"), DaysLeft: 59}},
	}, nil
}

func (fakePartners) Queues(context.Context, *exchangev1.ListQueuesRequest) (*exchangev1.ListQueuesResponse, error) {
	return &exchangev1.ListQueuesResponse{Queues: []*exchangev1.Queue{
		{Partner: "KZ", Route: "cn-kz-pre-arrival-notice", State: "queued", Messages: 2, Oldest: instant("2026-03-02T01:00:00Z"), Age: 60, Fetched: true},
		{Partner: "RU", Route: "cn-ru-pre-arrival-notice", State: "queued", Messages: 2, Oldest: instant("2026-03-02T02:00:00Z"), Age: 3725},
		{Partner: "RU", Route: "cn-ru-pre-arrival-notice", State: "received", Messages: 1, Oldest: instant("2026-03-02T02:30:00Z"), Age: 61},
	}, Delivering: deliveries()}, nil
}

// Card is refused here, and Check has one step of each end.
func (fakePartners) Check(_ *exchangev1.CheckPartnerRequest, stream grpc.ServerStreamingServer[exchangev1.PartnerCheck]) error {
	for _, step := range []string{"name", "connection", "tls", "certificate", "call", "clock", "card", "pin", "key", "format"} {
		if err := stream.Send(&exchangev1.PartnerCheck{Step: step, Subject: "customs://KZ/gateway/1", Found: "12 ms"}); err != nil {
			return err
		}
	}
	return stream.Send(&exchangev1.PartnerCheck{
		Step: "sample", Subject: "cn-kz-pre-arrival-notice", DutyDesk: "+7 000 000 00 00", Fault: worded(stream.Context(), gateway.Fault{Code: gateway.PartnerSample, Severity: gateway.Error, Value: "cn-kz-pre-arrival-notice", Found: gateway.Term("XSD_TYPE")})[0],
	})
}

func (s fakeSubmissions) Sent(_ context.Context, r *exchangev1.SentRequest) (*exchangev1.SentMessage, error) {
	if r.SubmissionId != "part-1" {
		return nil, notFound()
	}
	return &exchangev1.SentMessage{
		MessageId: "m-1", Kind: "PreArrivalNotice", Recipient: "RU", State: "accepted", Created: instant("2026-03-02T00:30:00Z"),
		Header: []byte("{}"), Signature: []byte("s"), MediaType: "application/xml", Content: []byte("<Notice/>\n"),
		Receipts: []*exchangev1.VerifiedReceipt{
			{Verdict: "RCV", Verified: instant("2026-03-02T00:30:01Z"), Statement: &exchangev1.SignedStatement{Header: []byte("{}"), Statement: []byte("{}"), Signature: []byte("s")}},
			{Verdict: "PRS", Verified: instant("2026-03-02T00:35:01Z"), Statement: &exchangev1.SignedStatement{Header: []byte("{ }"), Statement: []byte("{}"), Signature: []byte("s")}},
		},
	}, nil
}

func (s fakeInbox) Explain(_ context.Context, r *exchangev1.ExplainMessageRequest) (*exchangev1.ExplainResponse, error) {
	return &exchangev1.ExplainResponse{
		MessageId: r.MessageId, Unread: []*exchangev1.UnreadPlace{{Place: "/a:Notice[1]/a:Extra[1]"}},
		Origins: []*exchangev1.Origin{{Target: "/a:Notice[1]/a:ModeCode[1]", Value: "30", Row: "R031", Mapping: "ru/auto-preliminary.v1", Path: "transport.mode", Provenance: "document", ListRow: "transport-mode.v1:3->30"}},
	}, nil
}

// TestEveryLabelIsAWord reads the sources: what is printed as a label stands in the catalogue in all
// languages, and no word is there for nobody.
func TestEveryLabelIsAWord(t *testing.T) {
	labelled := map[string]int{"field": 1, "inner": 1, "text": 1, "say": 1, "filled": 1, "columns": 1 << 10, "answer": 1, "figures": 1}
	used := map[string]bool{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			for i, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				if !ok || i >= labelled[sel.Sel.Name] || lit.Kind != token.STRING {
					continue
				}
				word, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				used[word] = true
				for _, lang := range gateway.Languages {
					if _, ok := gateway.TextOf("word."+word, lang); !ok {
						t.Errorf("%s: %q is no word in %s", file.Name(), word, lang)
					}
				}
			}
			return true
		})
	}
	if len(used) < 80 {
		t.Errorf("%d words are used", len(used))
	}
}

// TestStatesHaveWords holds the words for states to the states that there are.
func TestStatesHaveWords(t *testing.T) {
	var codes []string
	for _, s := range gateway.SubmissionStates {
		codes = append(codes, string(s))
	}
	for _, s := range gateway.MessageStates {
		codes = append(codes, string(s))
	}
	for _, w := range []gateway.Withdrawal{gateway.WithdrawalAsked, gateway.WithdrawalDone, gateway.WithdrawalRefused} {
		codes = append(codes, string(w))
	}
	for _, lang := range gateway.Languages[1:] {
		p := &page{lang: lang}
		for _, code := range codes {
			if got := p.state(code); got == code || got == "" {
				t.Errorf("%s is called %q in %s", code, got, lang)
			}
		}
	}
}

// TestReasonsAreRetold in another language, and a person's own words are not.
func TestReasonsAreRetold(t *testing.T) {
	p := &page{lang: "ru"}
	for english, want := range map[string]string{
		"it was not approved in time": "не утверждено вовремя",
		"taken back by M-2":           "отозвано через M-2",
		"attempt 3 failed (not sent: x); the next is at 2026-03-02T03:00:00Z": "попытка 3 не удалась (not sent: x); следующая в 2026-03-02T03:00:00Z",
		"broke down on the way": "broke down on the way",
		"":                      "",
	} {
		if got := p.why(english); got != want {
			t.Errorf("%q: got %q, want %q", english, got, want)
		}
	}
}
