package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
)

// phrases say in our words what CEL finds wrong with a condition; what is in none of
// them stays as CEL says it.
var phrases = []struct {
	cel  *regexp.Regexp
	ours string
}{
	{regexp.MustCompile(`^found no matching overload for '_(\S+?)_' applied to '\(([^,]+), ([^,]+)\)'$`), "type mismatch: $2 $1 $3"},
	{regexp.MustCompile(`^found no matching overload for '@in' applied to '\(([^,]+), (.+)\)'$`), "type mismatch: $1 in $2"},
	{regexp.MustCompile(`^found no matching overload for '([^'_]+)_?' applied to '\((.*)\)'$`), "type mismatch: $1($2)"},
	{regexp.MustCompile(`^found no matching overload for '([^']+)' applied to '([^']+)\.\((.*)\)'$`), "type mismatch: $2.$1($3)"},
	{regexp.MustCompile(`^undeclared reference to '([^']+)'.*\(did you mean '([^']+)'\?\)$`), "unknown name $1: nearest is $2"},
	{regexp.MustCompile(`^undeclared reference to '([^']+)'.*$`), "unknown name $1"},
	{regexp.MustCompile(`^undefined field '([^']+)'$`), "unknown field $1"},
	{regexp.MustCompile(`^invalid argument to has\(\) macro$`), "has() asks for a field, such as has(this.batch)"},
	{regexp.MustCompile(`^Syntax error: \S+ input '<EOF>'.*$`), "syntax: it ends too early"},
	{regexp.MustCompile(`^Syntax error: token recognition error at: '(.*)'$`), "syntax: $1 is nothing"},
	{regexp.MustCompile(`^Syntax error: .*input '(.+?)'.*$`), "syntax: $1 is not expected"},
}

// inWords returns CEL's issues as one line, each with the character that it begins at.
func inWords(issues *cel.Issues) error {
	var messages []string
	for _, e := range issues.Errors() {
		text := e.Message
		for _, p := range phrases {
			if p.cel.MatchString(text) {
				text = p.cel.ReplaceAllString(text, p.ours)
				break
			}
		}
		messages = append(messages, fmt.Sprintf("%s, at character %d", strings.Join(strings.Fields(text), " "), e.Location.Column()+1))
	}
	return errors.New(strings.Join(messages, "; "))
}
