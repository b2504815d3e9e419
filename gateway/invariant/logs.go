package invariant

import (
	"bufio"
	"fmt"
	"maps"
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
		line := lines.Text()
		for _, text := range texts {
			if strings.Contains(line, text) {
				k.broken("I8", s.Own, fmt.Sprintf("%s:%d", l.Name, n), "holds %s of a document", personal[text])
			}
		}
	}
	k.counts[s.Own].LogLines += n
	return lines.Err()
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
