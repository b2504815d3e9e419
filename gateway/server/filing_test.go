package server

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/store"
)

// filed has an office take a carrier's filing of a batch and a waybill and returns its submission.
func (h *house) filed(office, batch, waybill string) string {
	h.t.Helper()
	id := h.fresh()
	content := fmt.Appendf(nil, `{"envelope": {"documentId": %q, "issued": %q, "function": "ORIGINAL"}, "manifest": {"batch": %q, "direction": "IMPORT", "office": {"administration": "CN", "code": %q},
		"carrier": {"name": [{"language": "zh", "value": "示例运输有限公司"}]}, "consignments": [{"transportDocument": {"id": %q}, "totals": {"packages": "10", "grossMass": {"kilograms": "500"}}}]}}`,
		id, time.Now().UTC().Format(time.RFC3339), batch, office, waybill)
	s, err := h.flow.Submit(h.t.Context(), flow.Caller{URI: "customs://CN/office/" + office + "/post/1", Office: office},
		flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: content, Asks: store.Asks{Duty: flow.DutyFiling}})
	if err != nil || s.State != gateway.Done {
		h.t.Fatal(s.State, s.Faults.Report("en"), err)
	}
	return id
}

// A filing is seen by the office that has taken it, and in its movement by the administration's system; another
// office on the route of the same movement sees that there is one and how it compares, and not which; other
// offices see nothing of it, and roles that see no movements are refused, as is the partner.
func TestParallelWhoSeesAFiling(t *testing.T) {
	h := newHouse(t)
	mine, foreign := h.filed("0603", "0603260301001", "CNF000001"), h.filed("9402", "9402260301001", "CNF000002")
	shared := h.filed("0603", "0603260301003", "CNF000003")
	theirs := h.filed("9402", "0603260301003", "CNF000003")
	get := func(who, office, id string) (*exchangev1.Submission, error) {
		return exchangev1.NewSubmissionServiceClient(h.grpc[who]).Get(t.Context(), &exchangev1.GetSubmissionRequest{SubmissionId: id, Office: office})
	}
	find := func(who, text string) ([]*exchangev1.Movement, error) {
		out, err := exchangev1.NewMovementServiceClient(h.grpc[who]).Find(t.Context(), &exchangev1.FindMovementsRequest{Text: text, PageSize: 10})
		return out.GetMovements(), err
	}
	shown := func(ms []*exchangev1.Movement) (names []string) {
		for _, m := range ms {
			for _, f := range m.Filings {
				names = append(names, f.Office+" "+f.SubmissionId+" "+f.DocumentId)
			}
		}
		return names
	}
	for _, who := range []string{"post", "supervisor"} {
		if s, err := get(who, "", mine); err != nil || s.Duty != exchangev1.Duty_FILING || len(s.Filings) != 1 || s.Filings[0].SubmissionId != mine {
			t.Errorf("%s sees of its own %v, %v", who, s, err)
		}
		for _, id := range []string{foreign, theirs} {
			for _, office := range []string{"", "9402"} {
				if s, err := get(who, office, id); err == nil {
					t.Errorf("%s sees another's: %v", who, s)
				}
			}
		}
		if ms, err := find(who, "CNF000002"); err != nil || len(ms) != 0 {
			t.Errorf("%s finds what another office has taken: %v, %v", who, ms, err)
		}
		ms, err := find(who, "CNF000003")
		if err != nil || len(ms) != 1 {
			t.Fatalf("%s finds %d movements of both, %v", who, len(ms), err)
		}
		for _, name := range shown(ms) {
			if name != "0603 "+shared+" "+shared && name != "9402  " {
				t.Errorf("%s is shown %q", who, name)
			}
		}
	}
	for _, id := range []string{mine, shared} {
		if s, err := get("system", "0603", id); err != nil || len(s.Filings) != 1 || s.Filings[0].SubmissionId != id {
			t.Errorf("the system sees of %s %v, %v", id, s, err)
		}
	}
	if s, err := get("system", "9402", foreign); status.Code(err) != codes.NotFound { // it speaks for one office
		t.Errorf("the system sees of an office that it does not speak for %v, %v", s, err)
	}
	if ms, err := find("system", "CNF000002"); err != nil || len(shown(ms)) != 1 || shown(ms)[0] != "9402 "+foreign+" "+foreign {
		t.Errorf("the system is shown %v, %v", shown(ms), err)
	}
	for _, who := range []string{"analyst", "auditor", "operator", "partner", "unbound"} {
		for _, id := range []string{mine, foreign, h.fresh()} { // and whether there is one does not show
			if s, err := get(who, "0603", id); status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s sees %v, %v", who, s, err)
			}
		}
		if ms, err := find(who, "CNF000001"); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s finds %v, %v", who, ms, err)
		}
	}
	// Nothing of it is a message: neither the analyst's list nor an inbox has it.
	for who, list := range map[string]func(c grpc.ClientConnInterface) (int, error){
		"analyst": func(c grpc.ClientConnInterface) (int, error) {
			out, err := exchangev1.NewMessageServiceClient(c).List(t.Context(), &exchangev1.ListMessagesRequest{PageSize: 10})
			return len(out.GetMessages()), err
		},
		"system": func(c grpc.ClientConnInterface) (int, error) {
			out, err := exchangev1.NewInboxServiceClient(c).List(t.Context(), &exchangev1.ListInboxRequest{PageSize: 10})
			return len(out.GetMessages()), err
		},
	} {
		if n, err := list(h.grpc[who]); err != nil || n != 0 {
			t.Errorf("%s lists %d messages, %v", who, n, err)
		}
	}
}
