package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// screen is what people read. Its first failed write is kept.
type screen struct {
	w     io.Writer
	steps int
	err   error
}

func (s *screen) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil && s.err == nil {
		s.err = err
	}
}

// step begins a numbered step.
func (s *screen) step(text string) {
	s.steps++
	s.printf("\n%d. %s\n", s.steps, text)
}

// say is one sentence of a step.
func (s *screen) say(format string, args ...any) {
	s.printf("   ")
	s.printf(format, args...)
	s.printf("\n")
}

// fact is one line of a step: what, and how it is.
func (s *screen) fact(what, format string, args ...any) {
	s.printf("     %s  ", pad(what, 14))
	s.printf(format, args...)
	s.printf("\n")
}

// table prints rows under a head, in columns as wide as their widest cell.
func (s *screen) table(head []string, rows [][]string) {
	widths := make([]int, len(head))
	all := append([][]string{head}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, row := range all {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(pad(cell, widths[i]) + "  ")
		}
		s.printf("     %s\n", strings.TrimRight(b.String(), " "))
	}
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// width is how many columns a terminal needs for a text: two for a Chinese character.
func width(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if unicode.Is(unicode.Han, r) || r >= '！' && r <= '～' || r >= '　' && r <= '〿' {
			n++
		}
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// short is the beginning of a digest or an id, enough to compare by eye.
func short(s string) string { return s[:min(16, len(s))] + "…" }

// checks compare what came out with what was put in, and collect what differs.
type checks []error

func (c *checks) equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		*c = append(*c, fmt.Errorf("%s: got %v, want %v", what, got, want))
	}
}

func (c *checks) holds(what string, ok bool) {
	if !ok {
		*c = append(*c, fmt.Errorf("it is not so that %s", what))
	}
}

// same compares two documents statement by statement.
func (c *checks) same(what string, got, want statements) {
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			*c = append(*c, fmt.Errorf("%s: it says %q, and should say %q", what, g, w))
		}
	}
}

func (c checks) err() error { return errors.Join(c...) }

// within is a place without prefixes, the steps that all places share, and positions
// of elements that do not repeat.
func within(place string) string {
	steps := strings.Split(strings.ReplaceAll(place, "d:", ""), "/")
	for i, s := range steps {
		if !strings.HasPrefix(s, "Consignment") {
			steps[i] = strings.TrimSuffix(s, "[1]")
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(strings.Join(steps, "/"), "/Manifest/"), "Declaration/")
}

// clip shortens a text that repeats a long value.
func clip(s string) string {
	const most = 110
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// byMethod says how a figure was found.
func byMethod(method string) string {
	if method == "" {
		return ""
	}
	return ", " + strings.ToLower(strings.ReplaceAll(method, "_", " "))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
