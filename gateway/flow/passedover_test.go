package flow_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
)

// TestWhatAnotherPartOutvotesIsTold: where one part has precedence, what another says otherwise does not
// travel, and its sender is told; when it is announced, and when it is changed after that.
func TestWhatAnotherPartOutvotesIsTold(t *testing.T) {
	var out bytes.Buffer
	tells := func(t *testing.T, code gateway.Code, severity gateway.Severity, name string, faults gateway.Faults, values ...string) {
		t.Helper()
		var got []string
		for _, f := range faults {
			if f.Code == code {
				got = append(got, f.Value)
				if f.Severity != severity {
					t.Errorf("%s: its severity is %s", f.Value, f.Severity)
				}
				inFiveLanguages(&out, strings.TrimSuffix(name+", in "+f.Location.Document, ", in "), f)
			}
		}
		if !slices.Equal(got, values) {
			t.Errorf("told of %q, want %q", got, values)
		}
	}
	told := func(t *testing.T, name string, faults gateway.Faults, values ...string) {
		t.Helper()
		tells(t, gateway.JoinPassedOver, gateway.Warning, name, faults, values...)
	}
	for _, b := range borders {
		t.Run(string(b.to), func(t *testing.T) {
			w := newPair(t, b.to)
			x := batched{w, b, tripOf(1, w)}
			x.submit("M1", bytes.Replace(x.manifest("9", 1, map[int]string{1: "420"}), []byte("<TypeCode>3<"), []byte("<TypeCode>2<"), 1), gateway.Held)
			report := x.p.left(b, "V1", w.clock.Now(), true) // which says by what mode, as Chinese reports do not
			s := x.submitAs(flow.Submission{ID: "V1", MediaType: flow.JSON, Content: report}, gateway.Joined)
			told(t, "mode of transport to "+string(b.to), s.Faults, "2 (manifest.transport.mode)")
		})
		t.Run(string(b.to)+" the other way round", func(t *testing.T) {
			w := newPair(t, b.to)
			x := batched{w, b, tripOf(1, w)}
			x.submitAs(flow.Submission{ID: "V1", MediaType: flow.JSON, Content: x.p.left(b, "V1", w.clock.Now(), true)}, gateway.Held)
			s := x.submit("M1", bytes.Replace(x.manifest("9", 1, map[int]string{1: "420"}), []byte("<TypeCode>3<"), []byte("<TypeCode>2<"), 1), gateway.Joined)
			told(t, "mode of transport of the manifest, which comes last, to "+string(b.to), s.Faults, "2 (manifest.transport.mode)")
		})
		for _, last := range []string{"manifest", "report"} {
			t.Run(string(b.to)+" disagree at the "+last, func(t *testing.T) {
				w := newPair(t, b.to)
				x := batched{w, b, tripOf(1, w)}
				report := strings.Replace(string(x.p.left(b, "V1", w.clock.Now(), true)), `"administration": "CN"`, `"administration": "CN", "checkpoint": "01"`, 1)
				parts := []flow.Submission{
					{ID: "M1", MediaType: flow.XML, Content: x.manifest("9", 1, map[int]string{1: "420"})},
					{ID: "V1", MediaType: flow.JSON, Content: []byte(report)},
				}
				if last == "manifest" {
					slices.Reverse(parts)
				}
				x.submitAs(parts[0], gateway.Held)
				s := x.submitAs(parts[1], gateway.Faulty)
				tells(t, gateway.JoinDisagree, gateway.Error, "offices of exit to "+string(b.to)+", last the "+last, s.Faults, "(manifest.office)")
			})
		}
	}
	t.Run("MN", func(t *testing.T) {
		w, b := newPair(t, "MN"), erenhot
		p := tripOf(1, w)
		if _, err := p.depart(w, b, "G1", w.clock.Now(), true); err != nil {
			t.Fatal(err)
		}
		told(t, "", p.list(w, b).Faults)
		w.send(b)
		x := batched{w, b, p}
		other := strings.Replace(string(x.manifest("5", 2, map[int]string{1: "430"})), ">18250.5<", ">18250.6<", 1)
		change := flow.Submission{ID: "M2", MediaType: flow.XML, Content: []byte(other)}
		change.Asks.Reason = "004"
		s := x.submitAs(change, gateway.Done)
		told(t, "packages and mass of a list for Mongolia", s.Faults, "430 (manifest.consignments[0].totals.packages)", "18250.6 (manifest.consignments[0].totals.grossMass.kilograms)")
	})
	golden(t, "testdata/passed-over.txt", out.Bytes())
}
