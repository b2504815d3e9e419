package flow_test

import (
	"errors"
	"slices"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
)

// TestOwnOfficeIsTheSameHoweverItIsWritten: at every door that takes an office's document.
func TestOwnOfficeIsTheSameHoweverItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.ru.Own = "KZ"
	for _, tt := range []struct {
		caller, administration, code string
		own                          bool
	}{
		{"39899001", "KZ", "39899001", true},
		{"39899001", "KZ", "99001", true},
		{"39899001", "", "398 99001", true},
		{"99001", "", "39899001", true},
		{"39899001", "KZ", "99002", false},
		{"39899001", "KG", "99001", false},
		{"39899001", "CN", "39899001", false},
		{"19110", "", "10719110", false},
	} {
		caller := flow.Caller{URI: "customs://KZ/office/1", Office: tt.caller}
		name := tt.caller + " " + tt.administration + " " + tt.code
		office := `"office": {"code": "` + tt.code + `"`
		if tt.administration != "" {
			office += `, "administration": "` + tt.administration + `"`
		}
		refused := func(faults gateway.Faults) bool {
			return slices.ContainsFunc(faults, func(f gateway.Fault) bool { return f.Code == gateway.NotOwnOffice })
		}
		const envelope = `"envelope": {"documentId": "A", "issued": "2026-03-01T10:05:00+08:00"}`
		_, err := w.ru.RecordArrival(t.Context(), caller, flow.Record{ID: name, Content: []byte(`{` + envelope + `, "arrivalReport": {` + office + `},
			"at": "2026-03-01T10:00:00+08:00", "transport": {"vehicles": [{"role": "TRACTOR", "registration": "123ABC02"}]}}}`)})

		var faults gateway.Faults
		if err != nil && !errors.As(err, &faults) {
			t.Fatal(err)
		}
		if refused(faults) == tt.own {
			t.Errorf("an arrival at %s: %v", name, faults.Report("en"))
		}
		for _, manifest := range []string{office + `}`, `"exitOffice"` + office[len(`"office"`):] + `}`} {
			kind := "manifest"
			if manifest[:12] == `"exitOffice"` {
				kind = "preArrivalNotice"
			}
			res, err := w.ru.Check(t.Context(), caller, flow.Submission{ID: "M", MediaType: flow.JSON, Content: []byte(`{` + envelope + `, "` + kind + `": {` + manifest + `}}`)})
			if err != nil {
				t.Fatal(err)
			}
			if refused(res.Faults) == tt.own {
				t.Errorf("a %s of %s: %v", kind, name, res.Faults.Report("en"))
			}
		}
	}
}
