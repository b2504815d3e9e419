package gateway_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"customs.example/gateway"
)

func TestSameID(t *testing.T) {
	const id = "90adb195-3394-4134-af84-00000000abcd"
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{id, strings.ToUpper(id), true},
		{id, "90aDB195-3394-4134-Af84-00000000AbCd", true},
		{"urn:uuid:" + id, "URN:UUID:" + strings.ToUpper(id), true},
		{id, "90adb195-3394-4134-af84-00000000abce", false},
		{"urn:uuid:" + id, id, false}, // another way of writing is another id
		{"{" + id + "}", "{" + strings.ToUpper(id) + "}", false},
		{strings.ReplaceAll(id, "-", ""), strings.ToUpper(strings.ReplaceAll(id, "-", "")), false},
		{id + "-1", strings.ToUpper(id) + "-1", false}, // no UUID
		{"90adb195-3394-4134-af84-00000000abcg", "90ADB195-3394-4134-AF84-00000000ABCG", false},
		{"90adb195+3394+4134+af84+00000000abcd", "90ADB195+3394+4134+AF84+00000000ABCD", false},
		{"m1", "M1", false},
		{"", "", true},
	} {
		if got := gateway.SameID(tt.a, gateway.MessageID(tt.b)); got != tt.same {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
}

func TestFoldedIDsAreThoseThatAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[a-zA-Z0-9-]{0,40}`).Draw(t, "id")
		upper := strings.ToUpper(id)
		if got := gateway.SameID(id, upper); got != (id == upper || gateway.IsUUID(id)) {
			t.Errorf("%q and its capitals: %v", id, got)
		}
		if f := gateway.FoldID(id); gateway.FoldID(f) != f || !gateway.SameID(f, id) {
			t.Errorf("%q is folded to %q", id, f)
		}
	})
}
