package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A code differs if no code of the other side is it, begins with it, or is what it begins with.
func TestWhichCodesDiffer(t *testing.T) {
	facts := func(text string) (all []CodeFact) {
		for _, code := range strings.Fields(text) {
			all = append(all, CodeFact{Code: code})
		}
		return all
	}
	for _, c := range []struct{ codes, others, want string }{
		{"070200", "070200", ""},
		{"0702", "070200", ""},
		{"070200", "0702", ""},
		{"07020", "070200", ""},
		{"070200", "07020", ""},
		{"070200", "070201", "070200"},
		{"0702", "070300", "0702"},
		{"07020", "07021", "07020"},
		{"070200 0803 080300 090111", "0702 0803", "090111"},
		{"070200", "", "070200"},
		{"", "070200", ""},
	} {
		var got []string
		for _, f := range without(facts(c.codes), facts(c.others)) {
			got = append(got, f.Code)
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%q without %q is %v, want %v", c.codes, c.others, got, want)
		}
	}
}

// Codes are compared of each waybill by itself.
func TestCodesAreComparedByWaybill(t *testing.T) {
	var told, filed combined
	for i := range 3 {
		told.Codes = append(told.Codes, CodeFact{Code: fmt.Sprintf("07020%d", i), Waybill: fmt.Sprint("W", i)})
		filed.Codes = append(filed.Codes, CodeFact{Code: fmt.Sprintf("07020%d", i), Waybill: fmt.Sprint("W", 2-i)})
	}
	for waybill, both := range codesOf(told, filed) {
		if differ := len(without(both[0], both[1])) > 0; len(both[0]) != 1 || len(both[1]) != 1 || differ != (waybill != "W1") {
			t.Errorf("%s: %v", waybill, both)
		}
	}
}
