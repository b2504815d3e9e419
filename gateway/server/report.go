package server

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
)

type reports struct {
	exchangev1.UnimplementedReportServiceServer
	*Server
}

// month is how a month is asked for.
var month = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// Coverage counts what has crossed. A supervisor sees the pairs that an office of his is one of; whoever
// speaks for no office, all.
func (s reports) Coverage(ctx context.Context, r *exchangev1.CoverageRequest) (*exchangev1.CoverageResponse, error) {
	if !month.MatchString(r.Month) {
		return nil, s.refusal(ctx, gateway.Fault{Code: gateway.MonthUnfit, Severity: gateway.Error, Path: "month", Value: r.Month, Expected: gateway.Term("2026-03")})
	}
	exit, okExit := pairOffice(r.ExitOffice)
	entry, okEntry := pairOffice(r.EntryOffice)
	if !okExit || !okEntry || (exit == "") != (entry == "") {
		return nil, s.refusal(ctx, gateway.Fault{Code: gateway.PairUnfit, Severity: gateway.Error, Path: "exit_office", Value: r.ExitOffice + " - " + r.EntryOffice})
	}
	all, more, err := s.flow.Coverage(ctx, r.Month, exit, entry)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.CoverageResponse{Month: r.Month, More: more}
	c := callerOf(ctx)
	for _, p := range all {
		if NeedsOffice(c.Role) && !s.isOf(c, p.Exit) && !s.isOf(c, p.Entry) {
			continue
		}
		out.Pairs = append(out.Pairs, &exchangev1.Coverage{
			ExitOffice: p.Exit, EntryOffice: p.Entry, Crossings: p.Crossings, Notice: p.Notice, Checklist: p.Checklist, ElectronicList: p.List,
			Other: p.Other, None: p.None, Recognised: p.Recognised, InspectedAgain: p.Again,
		})
	}
	return out, nil
}

// pairOffice is an office as it is counted: its administration and code, or its administration where no
// form has named the office.
func pairOffice(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	administration, code, ok := strings.Cut(strings.TrimSpace(text), " ")
	o := gateway.Office{Administration: gateway.Administration(strings.ToUpper(administration)), Code: code}
	return flow.OfficeName(o), len(administration) == 2 && ok == (code != "")
}

// isOf reports whether an office, as it is counted, is one of a caller's.
func (s reports) isOf(c Caller, name string) bool {
	return slices.ContainsFunc(c.Offices, func(code string) bool {
		return flow.OfficeName(gateway.Office{Administration: s.flow.Own, Code: code}) == name
	})
}
