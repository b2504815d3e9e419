package release_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway/mapping"
	"customs.example/gateway/release"
	"customs.example/gateway/validate"
)

// inspections is a route of results of controls, with more keys at its end.
func inspections(more string) string {
	head, _, _ := strings.Cut(route, "supplies:")
	return strings.NewReplacer("kind: PreArrivalNotice", "kind: InspectionResult", "xx/notice.v1", "xx/result.v1").Replace(head) + more +
		"allow: [envelope.documentId, subject, control]\n"
}

const result = `mapping: xx/result
version: 1
document: InspectionResult
root: Result
status: own
source: made up
rows:
  - {id: R1, to: ID, from: envelope.documentId}
`

// inspected loads a route of results of controls.
func inspected(t *testing.T, text string) (*release.Route, *validate.Rules, error) {
	t.Helper()
	fsys := fstest.MapFS{
		"rules/none.v1.yaml": {Data: []byte("rules: none\nversion: 1\nrows: []\n")}, "xx/result.v1.yaml": {Data: []byte(result)},
		"routes/r.yaml": {Data: []byte(text)}, "routes/prices/prices.yaml": {Data: looks(t)},
	}
	lists, env := base()
	lib, err := mapping.Load(fsys, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := validate.Load(fsys, env, lists)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := release.Load(fsys, lib)
	if err != nil {
		return nil, nil, err
	}
	return routes.All()[0], rules, nil
}

// attached is the result of a control with attachments: kind and size of each.
func attached(of ...string) string {
	var all []string
	for i, a := range of {
		kind, size, _ := strings.Cut(a, " ")
		all = append(all, fmt.Sprintf(`{"name": "%d.jpg", "kind": %q, "mediaType": "image/jpeg", "size": %q, "sha256": "%064x"}`, i, kind, size, i))
	}
	return `{"envelope": {"documentId": "C-1"}, "inspectionResult": {"subject": {"id": "B1"}, "control": "XRAY", "attachments": [` + strings.Join(all, ",") + `]}}`
}

// TestAttachmentsTravelByTheirKind: a route that names none releases none; one that names some releases
// those, within its bounds, and says of the others that it does not.
func TestAttachmentsTravelByTheirKind(t *testing.T) {
	const some = "attachments: {kinds: [SCAN, ACT], each: 2MiB, total: 3MiB, number: 2, retention: 720h}\n"
	for name, c := range map[string]struct {
		key, document    string
		left             int
		withheld, denied []string
		faults           []string // code and path
	}{
		"by default":           {"", attached("SCAN 1", "ACT 1"), 0, []string{"attachments"}, nil, nil},
		"those that are named": {some, attached("SCAN 1", "ACT 1"), 2, nil, nil, nil},
		"no other":             {some, attached("VEHICLE 1", "SCAN 1", "GOODS 1"), 1, nil, []string{"attachments[0]", "attachments[2]"}, nil},
		"none of those":        {some, attached("VEHICLE 99999999999"), 0, nil, []string{"attachments[0]"}, nil},
		"as large as may be":   {some, attached("SCAN 2097152", "ACT 1048576"), 2, nil, nil, nil},
		"too large":            {some, attached("VEHICLE 1", "SCAN 2097153"), 0, nil, nil, []string{"ATTACHMENT_TOO_LARGE attachments[1].size"}},
		"too large together":   {some, attached("SCAN 2097152", "ACT 1048577"), 0, nil, nil, []string{"ATTACHMENTS_TOO_LARGE attachments[1].size"}},
		"beyond all numbers":   {some, attached("SCAN 18446744073709551615", "ACT 18446744073709551615"), 0, nil, nil, []string{"ATTACHMENT_TOO_LARGE attachments[0].size", "ATTACHMENT_TOO_LARGE attachments[1].size"}},
		"too many":             {some, attached("SCAN 1", "VEHICLE 1", "SCAN 1", "ACT 1"), 0, nil, nil, []string{"ATTACHMENTS_TOO_MANY attachments"}},
	} {
		rt, rules, err := inspected(t, inspections(c.key))
		if err != nil {
			t.Fatal(err)
		}
		r, faults := rt.Release(passed(t, rules, c.document))
		var got []string
		for _, f := range faults {
			got = append(got, string(f.Code)+" "+f.Path)
		}
		if diff := cmp.Diff(c.faults, got); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", name, diff)
		}
		if c.faults != nil {
			if !r.IsZero() {
				t.Errorf("%s: it is released", name)
			}
			continue
		}
		left := r.View().GetInspectionResult().GetAttachments()
		if len(left) != c.left || cmp.Diff(c.withheld, r.Withheld()) != "" || cmp.Diff(c.denied, r.Denied()) != "" {
			t.Errorf("%s: %d travel, %v are withheld, %v denied", name, len(left), r.Withheld(), r.Denied())
		}
		for _, a := range left {
			if k := a.GetKind(); k != "SCAN" && k != "ACT" || a.GetSha256() == "" {
				t.Errorf("%s: %v travels", name, a)
			}
		}
		if c.denied != nil && c.left > 0 && r.SentPath("attachments[0].name") != "attachments[1].name" {
			t.Errorf("%s: what travels stood at %s", name, r.SentPath("attachments[0].name"))
		}
	}
}

// TestARouteOfAttachmentsIsWhole: what is unknown, without bounds or for ever is no route.
func TestARouteOfAttachmentsIsWhole(t *testing.T) {
	key := func(kinds, each, total, number, retention string) string {
		return fmt.Sprintf("attachments: {kinds: %s, each: %s, total: %s, number: %s, retention: %s}\n", kinds, each, total, number, retention)
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown kind":        {inspections(key("[SMELL]", "1MiB", "1MiB", "1", "1h")), `:21: "SMELL" is no code of the list attachment-kind`},
		"twice":               {inspections(key("[SCAN, SCAN]", "1MiB", "1MiB", "1", "1h")), "stands twice"},
		"no kind":             {inspections(key("[]", "1MiB", "1MiB", "1", "1h")), "no kind of attachment"},
		"no bound":            {inspections("attachments: {kinds: [SCAN], total: 1MiB, number: 1, retention: 1h}\n"), "want each"},
		"total less":          {inspections(key("[SCAN]", "2MiB", "1MiB", "1", "1h")), "want each"},
		"too many":            {inspections(key("[SCAN]", "1MiB", "1MiB", "21", "1h")), "number from 1 to 20"},
		"too large":           {inspections(key("[SCAN]", "1GiB", "1GiB", "1", "1h")), "want 1MiB to 64MiB"},
		"for ever":            {inspections(key("[SCAN]", "1MiB", "1MiB", "1", "4321h")), "no longer than that of the payload"},
		"for no time":         {inspections(key("[SCAN]", "1MiB", "1MiB", "1", "0h")), "longer than nothing"},
		"unknown key":         {inspections("attachments: {kinds: [SCAN], each: 1MiB, total: 1MiB, number: 1, retention: 1h, prices: true}\n"), "prices"},
		"by the allow-list":   {strings.Replace(inspections(""), "control]", "control, attachments]", 1), "says the key attachments"},
		"some of one of them": {strings.Replace(inspections(""), "control]", "control, attachments.name]", 1), "says the key attachments"},
		"by the gateway":      {strings.ReplaceAll(inspections(key("[SCAN]", "1MiB", "1MiB", "1", "1h")), "InspectionResult", "ArrivalReport"), "the gateway makes this document itself"},
		"a kind without":      {strings.Replace(route, "supplies:", key("[SCAN]", "1MiB", "1MiB", "1", "1h")+"supplies:", 1), "PreArrivalNotice names no attachments"},
	} {
		var err error
		if name == "a kind without" {
			fsys, lib, _ := world(t, c.text)
			_, err = release.Load(fsys, lib)
		} else {
			_, _, err = inspected(t, c.text)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
