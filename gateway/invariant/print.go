package invariant

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print prints a report for people.
func (r Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIDE\tACKNOWLEDGED\tMESSAGES\tINBOUND\tDUPLICATES\tAUDIT ROWS\tLOG LINES\tPROCESSES")
	for _, c := range r.Sides {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\n", c.Side, c.Acknowledged, counted(c.Messages), counted(c.Inbound), c.Duplicates, c.AuditRows, c.LogLines, c.Processes)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, v := range r.Violations {
		fmt.Fprintln(w, v)
	}
	if more := r.Total - len(r.Violations); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	_, err := fmt.Fprintf(w, "%d violations\n", r.Total)
	return err
}

// counted are states with how many are in each.
func counted[S ~string](n map[S]int) string {
	var all []string
	for _, s := range slices.Sorted(maps.Keys(n)) {
		all = append(all, fmt.Sprintf("%d %s", n[s], s))
	}
	if len(all) == 0 {
		return "0"
	}
	return strings.Join(all, ", ")
}
