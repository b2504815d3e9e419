package server

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// methods lists every RPC of our services as a call names it.
func methods() []string {
	var out []string
	services := exchangev1.File_exchange_v1_exchange_proto.Services()
	for i := range services.Len() {
		s := services.Get(i)
		for j := range s.Methods().Len() {
			out = append(out, "/"+string(s.FullName())+"/"+string(s.Methods().Get(j).Name()))
		}
	}
	return out
}

// memory is a caller on the in-memory listener whose identity REST has verified.
func memory(uri string) context.Context {
	ctx := peer.NewContext(context.Background(), &peer.Peer{Addr: address(inMemory)})
	return metadata.NewIncomingContext(ctx, metadata.Pairs(identityHeader, uri))
}

type address string

func (a address) Network() string { return string(a) }
func (a address) String() string  { return string(a) }

var _ net.Addr = address("")

// TestEveryCallEveryRole walks all RPCs and all roles: a role may call exactly what its
// rights name, and an RPC that names no right may be called by nobody.
func TestEveryCallEveryRole(t *testing.T) {
	// What each role may call, written out: a change here is a change of policy.
	may := map[Role][]string{
		Post: {
			"Submit", "SubmissionService/Check", "Withdraw", "Choose", "SubmissionService/Get", "SubmissionService/List", "SubmissionService/Watch", "SubmissionService/Explain",
			"AttachmentService/Put", "AttachmentService/Get", "AttachmentService/List",
			"Sent", "Find", "MovementService/Get", "MovementService/List", "Timeline", "Announced", "RecordArrival", "RecordDeparture", "Elsewhere", "Open", "Print", "HandleOnPaper",
		},
		Supervisor: {
			"AttachmentService/List", "Print", "Approve", "Rule", "Coverage", "Overrides", "SubmissionService/Get", "SubmissionService/List", "SubmissionService/Watch", "SubmissionService/Explain", "Find", "MovementService/Get", "MovementService/List", "Timeline", "Announced",
		},
		System: {
			"Submit", "SubmissionService/Check", "Withdraw", "Choose", "SubmissionService/Get", "SubmissionService/List", "SubmissionService/Watch", "SubmissionService/Explain",
			"AttachmentService/Put", "AttachmentService/Get", "AttachmentService/List", "AttachmentService/Read", "Print", "HandOver", "NumberService/List", "Uses", "Sent", "InboxService/Explain", "InboxService/List", "InboxService/Get", "InboxService/Watch", "InboxService/Acknowledge", "Find", "MovementService/Get", "MovementService/List", "Timeline", "Announced",
			"Create", "SubscriptionService/Get", "SubscriptionService/List", "End", "Fetch", "SubscriptionService/Acknowledge", "Renew", "Release", "Follow", "Content",
		},
		Analyst: {"Coverage", "MessageService/List", "MessageService/Explain", "MappingService/List", "MappingService/Get"},
		Auditor: {"AuditService/List"},
		Operator: {
			"Parked", "Decode", "BalanceService/List", "BalanceService/Run", "BalanceService/Differences", "PartnerService/Card", "PartnerService/Check",
			"PartnerService/List", "Queues", "HandOver", "NumberService/List", "Uses",
			"Waits", "Try", "DeadLetters", "Redrive", "Repair", "Settle", "ConfirmSettlement",
		},
		Partner: {"Deliver", "PeerService/Balance", "PeerService/Status", "PeerService/Receipt", "PeerService/Attachment", "Introduce"},
	}
	for role := range Roles {
		if _, ok := may[role]; !ok {
			t.Errorf("the role %s is not in this test", role)
		}
		a := newAccess(nil, []Caller{{URI: "customs://XX/" + string(role), Role: role, Offices: []string{"1"}}}, new(Server).refusal)
		for _, method := range methods() {
			want := slices.ContainsFunc(may[role], func(name string) bool {
				return method == "/exchange.v1."+name || strings.HasSuffix(method, "/"+name)
			})
			_, err := a.admit(memory("customs://XX/"+string(role)), method)
			if (err == nil) != want {
				t.Errorf("%s calling %s: %v, want admitted %v", role, method, err, want)
			}
			if err != nil && status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s calling %s: code %v", role, method, status.Code(err))
			}
		}
	}
}

// A partner's gateway fetches only if its record says so, and then does no more than that besides.
func TestAPartnerFetchesOnlyIfItsRecordSaysSo(t *testing.T) {
	for _, fetches := range []bool{false, true} {
		a := newAccess(nil, []Caller{{URI: "customs://XX/gateway/1", Role: Partner, Fetches: fetches}}, new(Server).refusal)
		for _, method := range methods() {
			want := RightOf(method) == exchangev1.Right_DELIVER || RightOf(method) == exchangev1.Right_BALANCE || fetches && strings.Contains(method, "SubscriptionService")
			if _, err := a.admit(memory("customs://XX/gateway/1"), method); (err == nil) != want {
				t.Errorf("fetches %v, calling %s: %v, want admitted %v", fetches, method, err, want)
			}
		}
	}
}

func TestEveryCallNamesARight(t *testing.T) {
	for _, method := range methods() {
		if RightOf(method) == exchangev1.Right_RIGHT_UNSPECIFIED {
			t.Errorf("%s names no right: nobody may call it", method)
		}
	}
	if r := RightOf("/exchange.v1.SubmissionService/Nothing"); r != exchangev1.Right_RIGHT_UNSPECIFIED {
		t.Errorf("an unknown method names the right %v", r)
	}
	if RightOf("/grpc.health.v1.Health/Check") != exchangev1.Right_RIGHT_UNSPECIFIED {
		t.Error("a foreign service names a right of ours")
	}
}

func TestStrangersAreNotAdmitted(t *testing.T) {
	a := newAccess(nil, []Caller{{URI: "customs://CN/office/0603/post/1", Role: Post, Offices: []string{"0603"}}}, new(Server).refusal)
	method := methods()[0]
	if _, err := a.admit(memory("customs://CN/office/0603/post/2"), method); status.Code(err) != codes.PermissionDenied {
		t.Errorf("an unbound identity: %v", err)
	}
	if _, err := a.admit(context.Background(), method); status.Code(err) != codes.Unauthenticated {
		t.Errorf("no connection: %v", err)
	}
	// The identity header is believed from the in-memory listener only.
	wire := metadata.NewIncomingContext(peer.NewContext(context.Background(), &peer.Peer{Addr: address("tcp")}),
		metadata.Pairs(identityHeader, "customs://CN/office/0603/post/1"))
	if _, err := a.admit(wire, method); status.Code(err) != codes.Unauthenticated {
		t.Errorf("an identity header from the wire: %v", err)
	}
	twice := metadata.NewIncomingContext(peer.NewContext(context.Background(), &peer.Peer{Addr: address(inMemory)}),
		metadata.Pairs(identityHeader, "customs://CN/office/0603/post/1", identityHeader, "customs://CN/office/0603/post/1"))
	if _, err := a.admit(twice, method); status.Code(err) != codes.Unauthenticated {
		t.Errorf("two identities: %v", err)
	}
}

func TestInterceptorsPassTheCaller(t *testing.T) {
	a := newAccess(nil, []Caller{{URI: "customs://CN/system/national", Role: System, Offices: []string{"0603"}}}, new(Server).refusal)
	err := a.stream(nil, admitted{ctx: memory("customs://CN/system/national")}, &grpc.StreamServerInfo{FullMethod: "/exchange.v1.InboxService/List"},
		func(_ any, ss grpc.ServerStream) error {
			if c := callerOf(ss.Context()); c.Role != System || c.office() != "0603" {
				t.Errorf("caller %+v", c)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFaultCodesThatAreNotInvalidArgumentExist(t *testing.T) {
	for code := range statusCodes {
		if !slices.ContainsFunc(catalogue(), func(c string) bool { return c == string(code) }) {
			t.Errorf("%s is in no catalogue", code)
		}
	}
}

func catalogue() (codes []string) {
	for _, code := range gateway.Codes() {
		codes = append(codes, string(code))
	}
	return codes
}
