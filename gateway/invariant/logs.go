package invariant

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"customs.example/gateway/document"
)

const (
	// minPersonal is how many letters a text has that is looked for in logs: shorter ones stand in other
	// words by chance.
	minPersonal = 5
	// maxPersonal is how many are looked for at most.
	maxPersonal = 10_000
	// maxLogLine is the longest line of a log in bytes.
	maxLogLine = 1 << 20
)

// logs checks that no data of persons in a side's documents stand in its logs: not one text that the
// dictionary marks as such.
func (k *checker) logs(s Side) error {
	personal := k.personal[s.Own]
	texts := slices.Sorted(maps.Keys(personal))
	for _, l := range s.Logs {
		if err := k.log(s, l, texts, personal); err != nil {
			return fmt.Errorf("log %s: %w", l.Name, err)
		}
	}
	return nil
}

func (k *checker) log(s Side, l Log, texts []string, personal map[string]string) error {
	in, err := l.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLogLine)
	n := 0
	for lines.Scan() {
		n++
		line := withoutID(lines.Bytes())
		for _, text := range texts {
			if strings.Contains(line, text) {
				k.broken("I8", s.Own, fmt.Sprintf("%s:%d", l.Name, n), "holds %s of a document", personal[text])
			}
		}
	}
	k.counts[s.Own].LogLines += n
	return lines.Err()
}

// idInText is that id in a log that is no JSON.
var idInText = regexp.MustCompile(` id=("([^"\\]|\\.)*"|\S+)`)

// withoutID is what a line says, without the id that a sender has given to its document: that is the
// sender's, and a log names it.
func withoutID(line []byte) string {
	var record map[string]any
	if json.Unmarshal(line, &record) != nil {
		return idInText.ReplaceAllString(string(line), "")
	}
	delete(record, "id")
	var text strings.Builder
	var say func(v any)
	say = func(v any) {
		switch v := v.(type) {
		case string:
			text.WriteString(v + "\n")
		case []any:
			for _, e := range v {
				say(e)
			}
		case map[string]any:
			for key, e := range v {
				text.WriteString(key + "\n")
				say(e)
			}
		}
	}
	say(record)
	return text.String()
}

// note notes the texts of persons in a document, with the field that each stands in.
func (k *checker) note(s Side, canonical []byte) {
	doc := document.Parse(canonical).Document
	if doc == nil || len(s.Logs) == 0 {
		return
	}
	found := k.personal[s.Own]
	document.Walk(doc, func(_ string, f document.Field, marks document.Marks, text string) {
		if marks.Personal && f.Type == document.String && utf8.RuneCountInString(text) >= minPersonal && len(found) < maxPersonal {
			found[text] = f.Name
		}
	})
}
