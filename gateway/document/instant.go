package document

import (
	"fmt"
	"time"
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
