package main

import (
	"testing"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// TestPagesOfSubscriptions holds what a person reads of what is fetched to a file, in five languages.
func TestPagesOfSubscriptions(t *testing.T) {
	at, until := instant("2026-03-02T02:30:00Z"), instant("2026-03-02T02:31:00Z")
	const clearance, risk = "customs://CN/system/clearance", "customs://CN/system/risk"
	narrow := &exchangev1.Subscription{
		Name: "answers", Senders: []string{"RU", "KZ"}, Offices: []string{"0603"}, Kinds: []string{"Answer"}, Since: at, Until: until, Created: at, CreatedBy: clearance,
		Position: 17, Open: 2, Fetched: at, FetchedBy: risk, Handouts: []*exchangev1.Handout{
			{MessageId: "m-1", Sender: "RU", Holder: risk, Until: until, Times: 1}, {MessageId: "m-2", Sender: "KZ", Holder: clearance, Times: 3},
		},
	}
	fresh := &exchangev1.Subscription{Name: "all", Created: at, CreatedBy: clearance}
	ended := &exchangev1.Subscription{Name: "old", Created: at, CreatedBy: clearance, Ended: until, EndedBy: risk}
	first := &exchangev1.InboxMessage{MessageId: "m-1", Sender: "RU", Kind: "Answer", DocumentId: "D-1", Received: at}
	taken := &exchangev1.InboxMessage{
		MessageId: "m-2", Sender: "KZ", Kind: "Answer", State: "accepted", Received: at, Acknowledged: true, AcknowledgedBy: clearance, AcknowledgedAt: until,
		Acknowledgements: []*exchangev1.Acknowledgement{{Subscription: "all", At: until, Caller: clearance}, {Subscription: "answers", At: until, Caller: risk}},
	}
	got := &exchangev1.FetchResponse{Lease: "L-1", Until: until, More: true, Messages: []*exchangev1.FetchedMessage{{Message: first, Times: 1}, {Message: taken, Times: 2}}}
	showsPages(t, "testdata/subscriptions.golden", []func(*page){
		func(p *page) { p.subscriptions([]*exchangev1.Subscription{narrow, fresh}) }, func(p *page) { p.subscription(narrow) }, func(p *page) { p.subscription(ended) },
		func(p *page) { p.fetched(got) }, func(p *page) { p.fetched(&exchangev1.FetchResponse{}) }, func(p *page) { p.inboxMessage(taken) },
		func(p *page) {
			p.renewed("L-1", &exchangev1.RenewLeaseResponse{Until: until, MessageIds: []string{"m-1", "m-2"}})
		},
		func(p *page) { p.released(&exchangev1.ReleaseLeaseResponse{MessageIds: []string{"m-1", "m-2"}}) },
	})
}
