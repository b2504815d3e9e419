package main

import (
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// coverage counts what has crossed in a month, and what announced it.
func coverage(fs *flag.FlagSet) action {
	month := fs.String("month", "", "`MONTH`, such as 2026-03, as the office of entry counts it; without it this one")
	from := fs.String("from", "", "`OFFICE` of exit, such as \"CN 0603\"; together with -to")
	to := fs.String("to", "", "`OFFICE` of entry, such as \"RU 10719110\"; together with -from")
	return func(ctx context.Context, s *session, _ []string) error {
		if *month == "" {
			*month = time.Now().In(s.zone).Format("2006-01")
		}
		r, err := s.reports.Coverage(ctx, &exchangev1.CoverageRequest{Month: *month, ExitOffice: *from, EntryOffice: *to})
		if err != nil {
			return s.answer(err)
		}
		if s.chart {
			return s.drawCoverage(r)
		}
		return s.show(r, func(p *page) { p.coverage(r) })
	}
}

// share is a part of a whole in per cent, with one decimal.
func share(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	tenths := (part*1000 + whole/2) / whole
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}

func (p *page) coverage(r *exchangev1.CoverageResponse) {
	p.heading("%s", p.say("coverageTitle", r.Month))
	p.columns("coverageExit", "coverageEntry", "coverageCrossings", "coverageNotice", "coverageChecklist", "coverageElectronicList", "coverageOther",
		"coverageNone", "coverageShare", "coverageRecognised", "coverageInspectedAgain")
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, c := range r.Pairs {
		p.line(shownOffice(c.ExitOffice), shownOffice(c.EntryOffice), count(c.Crossings), count(c.Notice), count(c.Checklist), count(c.ElectronicList), count(c.Other), count(c.None),
			share(c.Crossings-c.None, c.Crossings), count(c.Recognised), count(c.InspectedAgain))
	}
	if r.More {
		p.heading("%s", p.text("coverageMore"))
	}
}

// shownOffice is an office, or a dash where none is known.
func shownOffice(name string) string {
	if strings.TrimSpace(name) == "" {
		return "-"
	}
	return name
}

// The measures of a chart, in its own units.
const (
	chartLabels = 260 // room for the names of a pair
	chartBars   = 600
	chartRow    = 34
	chartBar    = 20
	chartTop    = 96
	chartEdge   = 24
)

// The colours of what announced a crossing; they differ in lightness, too.
var chartColours = []string{"#1b4f8a", "#3f88c5", "#8fc1e3", "#c9b458", "#d9d9d9"}

// drawCoverage draws the crossings of each pair as a bar: what announced them, in the order of the legend.
func (s *session) drawCoverage(r *exchangev1.CoverageResponse) error {
	p := &page{lang: s.lang}
	most := int64(1)
	for _, c := range r.Pairs {
		most = max(most, c.Crossings)
	}
	step := chartStep(most)
	top := (most + step - 1) / step * step
	x := func(n int64) int64 { return chartLabels + n*chartBars/top }
	bottom := chartTop + chartRow*max(len(r.Pairs), 1)
	w := &svg{w: s.stdout}
	title := p.say("coverageTitle", r.Month)
	width, height := chartLabels+chartBars+2*chartEdge+60, bottom+56
	w.printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\" role=\"img\">\n", width, height, width, height)
	w.printf("<title>%s</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", escaped(title), width, height)
	w.printf("<text x=\"%d\" y=\"30\" font-size=\"17\" font-weight=\"bold\">%s</text>\n", chartEdge, escaped(title))
	at := chartEdge
	for i, word := range []string{"coverageNotice", "coverageChecklist", "coverageElectronicList", "coverageOther", "coverageNone"} {
		w.printf("<rect x=\"%d\" y=\"50\" width=\"14\" height=\"14\" fill=\"%s\" stroke=\"#555\" stroke-width=\"0.5\"/><text x=\"%d\" y=\"62\">%s</text>\n", at, chartColours[i], at+20, escaped(p.text(word)))
		at += 170
	}
	for n := int64(0); n <= top; n += step {
		w.printf("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#555\">%d</text>\n", x(n), chartTop-6, x(n), bottom, x(n), bottom+18, n)
	}
	w.printf("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", chartLabels+chartBars/2, bottom+40, escaped(p.text("coverageCrossings")))
	for i, c := range r.Pairs {
		y := chartTop + i*chartRow
		w.printf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s → %s</text>\n", chartLabels-10, y+15, escaped(shownOffice(c.ExitOffice)), escaped(shownOffice(c.EntryOffice)))
		done := int64(0)
		for k, n := range []int64{c.Notice, c.Checklist, c.ElectronicList, c.Other, c.None} {
			if n > 0 {
				w.printf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#555\" stroke-width=\"0.5\"><title>%d</title></rect>\n", x(done), y, x(done+n)-x(done), chartBar, chartColours[k], n)
			}
			done += n
		}
		w.printf("<text x=\"%d\" y=\"%d\">%d, %s</text>\n", x(c.Crossings)+8, y+15, c.Crossings, share(c.Crossings-c.None, c.Crossings))
	}
	w.printf("</svg>\n")
	return w.err
}

// chartStep is how far the lines of a chart's scale are apart, so that there are ten at most: 1, 2 or 5 with
// noughts behind.
func chartStep(most int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, times := range []int64{1, 2, 5} {
			if most <= 10*step*times {
				return step * times
			}
		}
	}
}

// svg writes a drawing, until writing fails.
type svg struct {
	w   io.Writer
	err error
}

func (s *svg) printf(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
