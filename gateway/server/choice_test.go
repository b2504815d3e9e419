package server

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// TestAChoiceIsOfVehiclesOrOfAll: neither, both, and more vehicles than a report has are refused
// before anything is looked up, in five languages.
func TestAChoiceIsOfVehiclesOrOfAll(t *testing.T) {
	many := make([]string, MaxChosen+1)
	for i := range many {
		many[i] = fmt.Sprintf("B%d", i)
	}
	s := submissions{Server: &Server{}}
	var out bytes.Buffer
	for _, tt := range []struct {
		name string
		r    *exchangev1.ChooseRequest
	}{
		{"neither", &exchangev1.ChooseRequest{SubmissionId: "D1"}},
		{"both", &exchangev1.ChooseRequest{SubmissionId: "D1", Vehicles: []string{"蒙E12345"}, All: true}},
		{"too many", &exchangev1.ChooseRequest{SubmissionId: "D1", Vehicles: many}},
	} {
		fmt.Fprintln(&out, tt.name)
		for _, lang := range gateway.Languages {
			ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("accept-language", lang))
			_, err := s.Choose(ctx, tt.r)
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("%s is answered %v", tt.name, err)
			}
			fmt.Fprintf(&out, "  %s: %s\n", lang, status.Convert(err).Message())
		}
	}
	const file = "testdata/choices.txt"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
