package convert

import (
	"fmt"
	"strconv"
	"strings"

	"customs.example/gateway"
)

// Codec is a conversion with its arguments.
type Codec struct {
	Encode    func(into []string, text string) ([]string, error) // appends the texts in XML to into
	Decode    func(texts []string) (string, error)               // nil for a conversion without inverse
	Many      bool                                               // writes several texts, which decode gathers
	Length    int                                                // of many: characters of a piece at most
	Most      int                                                // of many: pieces at most, 0 for any number
	Half      int                                                // 1 or 2 for the head or rest of a value that two rows carry
	Separator string                                             // between two values that share one text; "" where none does
	After     bool                                               // of two such values the second
}

// formError says what a text should have been.
type formError struct{ gateway.Phrase }

func (w formError) Error() string { return "want " + w.String() }

// Wanted is the error of a text that should have been what a wording says.
func Wanted(w gateway.Wording, terms ...string) error { return formError{gateway.Say(w, terms...)} }

// overflow says how many characters a text may have.
type overflow int

func (o overflow) Error() string { return fmt.Sprintf("longer than %d characters", int(o)) }

func positive(arg string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(arg))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("argument %q, expected a number from 1", arg)
	}
	return n, nil
}

// one makes a codec of two functions on single texts.
func one(encode, decode func(string) (string, error)) Codec {
	return Codec{
		Encode: func(into []string, text string) ([]string, error) {
			text, err := encode(text)
			if err != nil {
				return into, err
			}
			return append(into, text), nil
		},
		Decode: func(texts []string) (string, error) { return decode(texts[0]) },
	}
}
