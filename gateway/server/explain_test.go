package server

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
)

// TestParallelAnalystsSeeNobodysData: what the dictionary marks as a person's or a price is masked in the
// analyst's explanation and in no other, place by place.
func TestParallelAnalystsSeeNobodysData(t *testing.T) {
	h := newHouse(t)
	h.joined = h.notice()
	whole, err := exchangev1.NewSubmissionServiceClient(h.grpc["post"]).Explain(t.Context(), &exchangev1.ExplainRequest{SubmissionId: h.joined})
	if err != nil {
		t.Fatal(err)
	}
	masked, err := exchangev1.NewMessageServiceClient(h.grpc["analyst"]).Explain(t.Context(), &exchangev1.ExplainMessageRequest{MessageId: whole.MessageId})
	if err != nil {
		t.Fatal(err)
	}
	if len(masked.Origins) != len(whole.Origins) || len(masked.Unread) != len(whole.Unread) {
		t.Fatalf("%d and %d values, %d and %d unread", len(masked.Origins), len(whole.Origins), len(masked.Unread), len(whole.Unread))
	}
	hidden, shown := 0, 0
	for i, o := range masked.Origins {
		w := whole.Origins[i]
		if o.Target != w.Target || o.Row != w.Row || o.Source != w.Source || o.Provenance != w.Provenance {
			t.Errorf("%s is %s", w, o)
		}
		personal := strings.Contains(o.Path, "consignor") || strings.Contains(o.Path, "consignee") || strings.Contains(o.Path, "crew") || strings.Contains(o.Path, "declarant.") ||
			strings.Contains(o.Path, "carrier.") || strings.HasSuffix(o.Path, "value.amount")
		switch {
		case w.Value == withheld:
			t.Errorf("%s is masked for the post", o.Target)
		case o.Value == withheld:
			hidden++
			if !personal {
				t.Errorf("%s, from %s, is masked", o.Target, o.Path)
			}
		default:
			shown++
			if o.Value != w.Value || personal && o.Provenance == flow.FromDocument {
				t.Errorf("%s, from %s, is shown: %q", o.Target, o.Path, o.Value)
			}
		}
	}
	if hidden < 5 || shown < 20 {
		t.Errorf("%d values are masked, and %d shown", hidden, shown)
	}
}

// TestExplanationsHaveABound: what is more than that is counted.
func TestExplanationsHaveABound(t *testing.T) {
	e := flow.Explanation{Message: "m-1"}
	for i := range MaxOrigins + 3 {
		e.Origins = append(e.Origins, flow.Origin{Target: fmt.Sprintf("/a[%d]", i), Value: "1"})
	}
	for i := range MaxUnread + 2 {
		e.Unread = append(e.Unread, flow.Unread{Place: fmt.Sprintf("/b[%d]", i)})
	}
	r := presentExplanation(e)
	if len(r.Origins) != MaxOrigins || r.LeftOut != 3 || len(r.Unread) != MaxUnread || r.UnreadLeftOut != 2 {
		t.Errorf("%d values and %d more, %d unread and %d more", len(r.Origins), r.LeftOut, len(r.Unread), r.UnreadLeftOut)
	}
	e.Origins = e.Origins[:5]
	for i := range e.Origins {
		e.Origins[i].Value = strings.Repeat("x", maxExplained/3)
	}
	r = presentExplanation(e)
	if len(r.Origins) != 2 || r.LeftOut != 3 || len(r.Unread) != 0 || int(r.UnreadLeftOut) != len(e.Unread) {
		t.Errorf("of long texts %d and %d more, %d unread and %d more", len(r.Origins), r.LeftOut, len(r.Unread), r.UnreadLeftOut)
	}
}

// TestParallelPathsAreJudged before anything is translated.
func TestParallelPathsAreJudged(t *testing.T) {
	h := newHouse(t)
	post := exchangev1.NewSubmissionServiceClient(h.grpc["post"])
	for _, path := range []string{"GoodsItem", "/", "//", "//a[b=1]", "//*", "//a/text()", "//a[last()]", "/a//b", "//" + strings.Repeat("(", 10000)} {
		_, err := post.Explain(t.Context(), &exchangev1.ExplainRequest{SubmissionId: "none", Xpath: path})
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || faultCodes(st) != string(gateway.XPathUnfit) || len(st.Message()) > 1000 {
			t.Errorf("%.20s: %v", path, st.Code())
		}
	}
}

// TestParallelWhatIsLoadedIsListed: every table with the digest that it was loaded with, page by page.
func TestParallelWhatIsLoadedIsListed(t *testing.T) {
	h := newHouse(t)
	analyst := exchangev1.NewMappingServiceClient(h.grpc["analyst"])
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	digests, kinds := map[string]string{}, map[exchangev1.MappingKind]int{}
	for token := ""; ; {
		r, err := analyst.List(t.Context(), &exchangev1.ListMappingsRequest{PageSize: 7, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Mappings {
			if _, twice := digests[m.Id]; twice || m.Kind == exchangev1.MappingKind_MAPPING_KIND_UNSPECIFIED {
				t.Errorf("%s is there twice, or is nothing: %s", m.Id, m.Kind)
			}
			digests[m.Id] = m.Digest
			kinds[m.Kind]++
		}
		if token = r.NextPageToken; token == "" {
			break
		}
	}
	if len(kinds) != len(exchangev1.MappingKind_name)-1 {
		t.Errorf("only %v", kinds)
	}
	for _, table := range c.Tables.Tables() {
		if table.Profile() == "" && digests[table.ID()] != table.Digest().String() {
			t.Errorf("%s is listed as %s and was loaded as %s", table.ID(), digests[table.ID()], table.Digest())
		}
	}
	for _, kind := range []exchangev1.MappingKind{exchangev1.MappingKind_RULES, exchangev1.MappingKind_CODE_LIST} {
		n := 0
		for token := ""; ; {
			r, err := analyst.List(t.Context(), &exchangev1.ListMappingsRequest{Kind: kind, PageSize: 3, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			if n += len(r.Mappings); r.NextPageToken == "" {
				break
			}
			token = r.NextPageToken
		}
		if n != kinds[kind] {
			t.Errorf("%d of %s, want %d", n, kind, kinds[kind])
		}
	}
	m, err := analyst.Get(t.Context(), &exchangev1.GetMappingRequest{Id: "ru/auto-preliminary.v1"})
	if err != nil || gateway.DigestOf(m.Content).String() != m.Digest {
		t.Errorf("%v", err)
	}
}
