package convert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// TimeForm is how a format writes an Instant or a Date.
type TimeForm struct {
	layout string // of package time
	zone   *time.Location
	Office bool // of the office that the document names, where its zone is known; zone is assumed otherwise
	Offset bool // xs:dateTime with offset
	millis bool // three digits of milliseconds behind the layout
	short  bool // two digits of the year
	xsd    bool // XML Schema's own form: fractions and an offset may follow
	Date   bool // has a day
	Clock  bool // has a time of day
}

var patterns = strings.NewReplacer("yyyy", "2006", "yy", "06", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05")

const localDateTime = "2006-01-02T15:04:05"

// NewTimeForm reads what a row's time says.
func NewTimeForm(form string, zone *time.Location) (*TimeForm, error) {
	switch form {
	case "instant":
		return &TimeForm{layout: localDateTime, zone: zone, Offset: true, Date: true, Clock: true}, nil
	case "xs-date":
		return &TimeForm{layout: time.DateOnly, zone: zone, xsd: true, Date: true}, nil
	case "xs-time":
		return &TimeForm{layout: time.TimeOnly, zone: zone, xsd: true, Clock: true}, nil
	}
	f := &TimeForm{zone: zone}
	pattern, millis := strings.CutSuffix(form, "SSS")
	f.layout, f.millis = patterns.Replace(pattern), millis
	f.short = !strings.Contains(f.layout, "2006") && strings.Contains(pattern, "yy")
	f.Date = (f.short || strings.Contains(f.layout, "2006")) && strings.Contains(f.layout, "01") && strings.Contains(f.layout, "02")
	f.Clock = strings.Contains(f.layout, "15")
	if strings.ContainsAny(f.layout, "yMdHmsS") || strings.Count(f.layout, "06") > 1 || !f.Date && !f.Clock || millis && !f.Clock {
		return nil, fmt.Errorf("unknown time %q, expected instant, xs-date, xs-time or a pattern of yyyy or yy, MM dd HH mm ss and, last, SSS", form)
	}
	return f, nil
}

// in returns the zone of local times where an office's is known, or is not.
func (f *TimeForm) in(office *time.Location) *time.Location {
	if f.Office && office != nil {
		return office
	}
	return f.zone
}

// encode writes a canonical Instant or Date.
func (f *TimeForm) encode(field document.FieldType, text string, office *time.Location) (string, error) {
	zone := f.in(office)
	if field == document.Date {
		day, err := document.ParseDate(text)
		if err != nil {
			return "", Wanted(gateway.WordDayAs, "YYYY-MM-DD", "2026-03-01")
		}
		if f.Offset { // its first moment
			return document.FormatInstant(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, f.zone)), nil
		}
		return day.Format(f.layout), f.inCentury(day)
	}
	at, err := document.ParseInstant(text)
	if err != nil {
		return "", Wanted(gateway.WordInstant, anInstant)
	}
	switch {
	case f.Offset && zone == nil:
		return text, nil
	case f.Offset:
		return document.FormatInstant(at.In(zone)), nil
	}
	at = at.In(zone)
	if f.millis {
		return fmt.Sprintf("%s%03d", at.Format(f.layout), at.Nanosecond()/1e6), f.inCentury(at)
	}
	return at.Format(f.layout), f.inCentury(at)
}

// The years that two digits stand for: those of package time.
const firstShortYear, lastShortYear = 1969, 2068

// inCentury refuses a year of which two digits would be read as another one.
func (f *TimeForm) inCentury(at time.Time) error {
	if f.short && (at.Year() < firstShortYear || at.Year() > lastShortYear) {
		return Wanted(gateway.WordYearsFromTo, strconv.Itoa(firstShortYear), strconv.Itoa(lastShortYear))
	}
	return nil
}

// decode reads a text of the format. Before is the canonical value so far, whose day
// a time of day is put on.
func (f *TimeForm) decode(field document.FieldType, text, before string, office *time.Location) (string, error) {
	zone := f.in(office)
	if f.Offset {
		if at, err := document.ParseInstant(text); err == nil {
			if field == document.Date { // as it is written
				return at.Format(time.DateOnly), nil
			}
			return text, nil
		}
		if zone == nil {
			return "", Wanted(gateway.WordInstant, anInstant)
		}
	}
	at, err := f.parse(text, zone)
	if err != nil {
		return "", err
	}
	switch {
	case field == document.Date:
		return at.Format(time.DateOnly), nil
	case f.Date:
		return document.FormatInstant(at), nil
	}
	day, err := document.ParseInstant(before)
	if err != nil {
		return "", Wanted(gateway.WordDayBeforeTime)
	}
	day = day.In(zone)
	return document.FormatInstant(time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone)), nil
}

// parse reads a local time strictly: what comes out is written as it came in.
func (f *TimeForm) parse(text string, zone *time.Location) (time.Time, error) {
	mismatch := f.mismatch(text)
	if zone == nil {
		zone = time.UTC
	}
	rest, millis := "", 0
	switch {
	case f.millis && len(text) > 3:
		text, rest = text[:len(text)-3], text[len(text)-3:]
		for _, c := range []byte(rest) {
			if c < '0' || c > '9' {
				return time.Time{}, mismatch
			}
			millis = 10*millis + int(c-'0')
		}
	case f.xsd && len(text) > len(f.layout):
		text, rest = text[:len(f.layout)], text[len(f.layout):]
		if !tail(rest, f.Clock) {
			return time.Time{}, mismatch
		}
	case f.Offset && len(text) > len(f.layout):
		at, err := time.ParseInLocation(localDateTime, text, zone) // fractions of a second
		if err != nil {
			return at, mismatch
		}
		return at, nil
	}
	at, err := time.ParseInLocation(f.layout, text, zone)
	if err != nil || at.Format(f.layout) != text {
		return time.Time{}, mismatch
	}
	return at.Add(time.Duration(millis) * time.Millisecond), nil
}

const anInstant = "2026-03-01T08:30:00+08:00"

var words = strings.NewReplacer("2006", "yyyy", "06", "yy", "01", "MM", "02", "dd", "15", "HH", "04", "mm", "05", "ss")

// mismatch says how a time of the form is written; of a text that is written so, what the
// calendar or the clock does not have.
func (f *TimeForm) mismatch(text string) error {
	plain := text
	if f.millis && len(text) > len(f.layout) || f.xsd || f.Offset {
		plain = text[:min(len(text), len(f.layout))]
	}
	if p, ok := document.Calendar(plain, f.layout); ok {
		return formError{p}
	}
	form, example := words.Replace(f.layout), time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC).Format(f.layout)
	if f.millis {
		form, example = form+"SSS", example+"000"
	}
	if f.Clock {
		return Wanted(gateway.WordTimeAs, form, example)
	}
	return Wanted(gateway.WordDayAs, form, example)
}

// tail reports whether s may follow an XML Schema date or time: a fraction of a
// second, an offset. Both are read past: the row's zone is the format's local time.
func tail(s string, clock bool) bool {
	if clock && s[0] == '.' {
		s = strings.TrimLeft(s[1:], "0123456789")
	}
	if s == "" || s == "Z" {
		return true
	}
	_, err := time.Parse("-07:00", s)
	return err == nil
}
