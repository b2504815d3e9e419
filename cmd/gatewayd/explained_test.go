package main

import (
	"encoding/json"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway/flow"
)

// sameExplanation compares two explanations as JSON: same-explanation FILE FILE. What a gateway allocates, as
// the number of a document, is another each time; namespaces of targets are told once online.
func sameExplanation(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same-explanation FILE FILE")
	}
	var all [2]flow.Explanation
	for i, name := range args {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &all[i]))
		e := &all[i]
		e.Message = ""
		for j := range e.Origins {
			if o := &e.Origins[j]; o.Provenance == flow.FromGateway {
				o.Value = ""
			}
		}
		slices.SortFunc(e.Unread, func(a, b flow.Unread) int {
			return slices.Compare([]string{a.Submission, a.Place}, []string{b.Submission, b.Place})
		})
	}
	if len(all[0].Origins) == 0 {
		ts.Fatalf("%s explains nothing", args[0])
	}
	if diff := cmp.Diff(all[0], all[1], cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(flow.Origin{}), cmpopts.IgnoreFields(flow.Origin{}, "Namespaces")); diff != "" {
		ts.Fatalf("(-%s +%s):\n%s", args[0], args[1], diff)
	}
}
