package document

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
)

// ParseInstant reads an RFC 3339 instant and keeps its offset. It is stricter than
// time.Parse: two digits for the hour, and a point before fractions.
func ParseInstant(text string) (time.Time, error) {
	const shape = "0000-00-00T00:00:00"
	for i := range len(shape) {
		if i >= len(text) || shape[i] == '0' != (text[i] >= '0' && text[i] <= '9') || shape[i] != '0' && shape[i] != text[i] {
			return time.Time{}, fmt.Errorf("%q is no RFC 3339 instant", text)
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || len(text) > len(shape) && text[len(shape)] == ',' {
		return time.Time{}, fmt.Errorf("%q is no RFC 3339 instant", text)
	}
	return t, nil
}

// FormatInstant writes an RFC 3339 instant with t's offset, and with milliseconds
// if there are any. An offset with seconds, as zones had long ago, has no such form:
// then the instant is in UTC.
func FormatInstant(t time.Time) string {
	if _, offset := t.Zone(); offset%60 != 0 {
		t = t.UTC()
	}
	if t.Nanosecond()/int(time.Millisecond) != 0 {
		return t.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return t.Format(time.RFC3339)
}

// ParseDate reads a day as YYYY-MM-DD, at midnight UTC.
func ParseDate(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no day as YYYY-MM-DD", text)
	}
	return t, nil
}

// Calendar says why a text that has the shape of a layout of package time names no
// instant: which of its parts the calendar or the clock does not have. It is false if
// the shape is another one, or nothing is wrong with it.
func Calendar(text, layout string) (gateway.Phrase, bool) {
	if len(text) != len(layout) {
		return gateway.Phrase{}, false
	}
	for i := range len(text) {
		if isDigit := text[i] >= '0' && text[i] <= '9'; isDigit != (layout[i] >= '0' && layout[i] <= '9') || !isDigit && text[i] != layout[i] {
			return gateway.Phrase{}, false
		}
	}
	part := func(token string, absent int) int {
		at := strings.Index(layout, token)
		if at < 0 {
			return absent
		}
		n, err := strconv.Atoi(text[at : at+len(token)])
		if err != nil {
			return absent
		}
		return n
	}
	year, month, day := part("2006", 2000), part("01", 1), part("02", 1)
	switch {
	case month < 1 || month > 12:
		return gateway.Say(gateway.WordExistingMonth), true
	case part("15", 0) > 23 || part("04", 0) > 59 || part("05", 0) > 59:
		return gateway.Say(gateway.WordExistingTime), true
	}
	if last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); day < 1 || day > last {
		return gateway.Say(gateway.WordExistingDay, fmt.Sprintf("%04d-%02d", year, month), strconv.Itoa(last)), true
	}
	return gateway.Phrase{}, false
}

// Years before and from which an instant is a program's default date, or a slip.
const (
	firstYear = 2000
	endYear   = 2099
)

// NearIssue is how far from its document's issue an instant may be and still be meant: an
// announcement is of days, the longest transit of months.
const NearIssue = 400 * 24 * time.Hour

// Plausible reports whether anybody means an instant in a document that was issued at some
// time. It is false for the default dates of programs (year 1, 1900, 2099, 9999) and for
// what is more than NearIssue from the issue, if that is known and itself meant.
func Plausible(at, issued time.Time) bool {
	if at.Year() < firstYear || at.Year() >= endYear {
		return false
	}
	if issued.Equal(at) || !Plausible(issued, issued) {
		return true
	}
	return at.Sub(issued).Abs() <= NearIssue
}

// PlausibleDay reports whether anybody means a day: it is false for the default dates of
// programs. People are born, and documents issued, long before; papers that are valid
// without end say so with the year 9999.
func PlausibleDay(day time.Time) bool { return day.Year() > 1900 }
