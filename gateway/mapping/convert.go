package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Conversion is a named conversion that rows may use. Its examples are its tests.
type Conversion struct {
	Name     string
	Args     string // as a row writes them: "(n,max)"
	Doc      string
	For      []document.FieldType
	Examples []Example
	bind     func(args []string) (codec, error)
}

// Example shows one use: a canonical text and the texts it is written as.
type Example struct {
	Use, Canonical string
	Texts          []string
}

// codec is a conversion with its arguments. A nil decode has no inverse.
type codec struct {
	encode func(into []string, text string) ([]string, error)
	decode func(texts []string) (string, error)
	many   bool   // writes several texts, so decode gathers them
	n      int    // of many: characters of a piece at most
	most   int    // of many: pieces at most, 0 for any number
	half   int    // 1 or 2 for the head or rest of a value that two rows carry
	mark   string // between the values of a before and an after, which share one text
	after  bool
}

// wrongForm says what a text should have been; errOverflow, that it is too long.
type wrongForm struct{ gateway.Phrase }

func (w wrongForm) Error() string { return "want " + w.String() }

// wantForm is the error of a text that should have been what a wording says.
func wantForm(w gateway.Wording, terms ...string) error { return wrongForm{gateway.Say(w, terms...)} }

type overflow int

func (o overflow) Error() string { return fmt.Sprintf("longer than %d characters", int(o)) }

var conversions = []Conversion{
	{"bit", "", "true and false as 1 and 0; reads true and false too", []document.FieldType{document.Bool},
		[]Example{{"bit", "true", []string{"1"}}, {"bit", "false", []string{"0"}}}, pairs("true", "1", "false", "0")},
	{"negate", "", "true as false and false as true", []document.FieldType{document.Bool},
		[]Example{{"negate", "true", []string{"false"}}}, pairs("true", "false", "false", "true")},
	{"upper", "", "in capitals; does not come back", []document.FieldType{document.String},
		[]Example{{"upper", "ab1", []string{"AB1"}}}, oneWay(strings.ToUpper)},
	{"lower", "", "in small letters; does not come back", []document.FieldType{document.String},
		[]Example{{"lower", "AB1", []string{"ab1"}}}, oneWay(strings.ToLower)},
	{"prefix", "(x)", "x in front", []document.FieldType{document.String},
		[]Example{{"prefix(CN-)", "0603", []string{"CN-0603"}}}, bindPrefix},
	{"pad", "(n)", "zeros in front, up to n digits", []document.FieldType{document.String, document.Uint},
		[]Example{{"pad(4)", "17", []string{"0017"}}, {"pad(4)", "0", []string{"0000"}}, {"pad(2)", "117", []string{"117"}}}, bindPad},
	{"split", "(n,max)", "pieces of at most n characters, at most max of them", []document.FieldType{document.String},
		[]Example{{"split(3,3)", "汽车零件ab", []string{"汽车零", "件ab"}}, {"split(3,3)", "abc", []string{"abc"}}}, bindSplit},
	{"head", "(n)", "the first n characters, for a value in two places: another row carries rest(n)", []document.FieldType{document.String},
		[]Example{{"head(2)", "XQ12345678", []string{"XQ"}}}, bindHead},
	{"rest", "(n)", "what follows the first n characters: another row carries head(n)", []document.FieldType{document.String},
		[]Example{{"rest(2)", "XQ12345678", []string{"12345678"}}}, bindRest},
	{"before", "(x)", "what stands before the first x; the next row, with after(x), shares the text. A text without x has none; where the row has a list, only its codes stand there", []document.FieldType{document.String},
		[]Example{{"before(/)", "M", []string{"M/"}}}, bindBefore},
	{"after", "(x)", "what stands after the first x; the row before it, with before(x), shares the text. A text without x, or with no code of that row's list before it, is all of it", []document.FieldType{document.String},
		[]Example{{"after(/)", "ABC123", []string{"ABC123"}}}, bindAfter},
	{"first", "(n)", "the first n characters; does not come back", []document.FieldType{document.String},
		[]Example{{"first(2)", "汽车零件", []string{"汽车"}}}, bindFirst},
	{"boolean", "(t,f)", "true as t and false as f", []document.FieldType{document.Bool},
		[]Example{{"boolean(J,N)", "true", []string{"J"}}, {"boolean(J,N)", "false", []string{"N"}}}, bindBoolean},
	{"comma", "", "a comma for the decimal point", []document.FieldType{document.Decimal},
		[]Example{{"comma", "1234.5", []string{"1234,5"}}, {"comma", "-7", []string{"-7"}}}, bindComma},
	{"scaled", "(n)", "without point, the last n digits stand behind it; refuses more of them", []document.FieldType{document.Decimal},
		[]Example{{"scaled(3)", "12.5", []string{"12500"}}, {"scaled(3)", "-0.25", []string{"-250"}}, {"scaled(2)", "0", []string{"0"}}}, bindScaled},
	{"fraction", "(n)", "exactly n digits behind the point; refuses more of them, and reads past zeros at the end", []document.FieldType{document.Decimal},
		[]Example{{"fraction(2)", "12.5", []string{"12.50"}}, {"fraction(2)", "7", []string{"7.00"}}}, bindFraction},
	{"digits", "(n)", "as it is; refuses all but n digits", []document.FieldType{document.String},
		[]Example{{"digits(5)", "50502", []string{"50502"}}}, bindDigits},
	{"office8", "(c)", "an office's five digits behind the three of country c: the common form of the EAEU", []document.FieldType{document.String},
		[]Example{{"office8(398)", "50502", []string{"39850502"}}}, bindOffice8},
	{"office5", "(c)", "the five digits of an office's eight, which start with the three of country c", []document.FieldType{document.String},
		[]Example{{"office5(398)", "39850502", []string{"50502"}}}, bindOffice5},
}

// Conversions returns every conversion, for the reference.
func Conversions() []Conversion { return slices.Clone(conversions) }

// bindConversion reads what a row's use says: "name" or "name(arg,arg)".
func bindConversion(use string, field document.FieldType) (codec, error) {
	name, rest, called := strings.Cut(use, "(")
	var args []string
	if called {
		list, closed := strings.CutSuffix(rest, ")")
		if !closed {
			return codec{}, fmt.Errorf("use %q is not closed, expected name(argument,argument)", use)
		}
		args = strings.Split(list, ",")
	}
	var names []string
	for _, c := range conversions {
		if c.Name != name {
			names = append(names, c.Name+c.Args)
			continue
		}
		if !slices.Contains(c.For, field) {
			return codec{}, fmt.Errorf("conversion %s does not fit a %s, expected one of %v", name, field, c.For)
		}
		if wanted := strings.Count(c.Args, ",") + min(len(c.Args), 1); len(args) != wanted {
			return codec{}, fmt.Errorf("conversion %q has %d arguments, expected %s%s", use, len(args), c.Name, c.Args)
		}
		return c.bind(args)
	}
	return codec{}, fmt.Errorf("unknown conversion %q, expected one of %s", name, strings.Join(names, ", "))
}

// pairs converts between two pairs of fixed texts, and reads the canonical ones too
// unless they mean the other one.
func pairs(a, x, b, y string) func([]string) (codec, error) {
	return func([]string) (codec, error) {
		return codec{
			encode: func(into []string, text string) ([]string, error) {
				if text == a {
					return append(into, x), nil
				}
				return append(into, y), nil
			},
			decode: func(texts []string) (string, error) {
				switch texts[0] {
				case x:
					return a, nil
				case y:
					return b, nil
				case a, b:
					return texts[0], nil
				}
				return "", wantForm(gateway.WordEither, x, y)
			},
		}, nil
	}
}

func oneWay(f func(string) string) func([]string) (codec, error) {
	return func([]string) (codec, error) {
		return codec{encode: func(into []string, text string) ([]string, error) { return append(into, f(text)), nil }}, nil
	}
}

func bindPrefix(args []string) (codec, error) {
	if args[0] == "" {
		return codec{}, errors.New("prefix() is empty, expected prefix(x)")
	}
	return codec{
		encode: func(into []string, text string) ([]string, error) { return append(into, args[0]+text), nil },
		decode: func(texts []string) (string, error) {
			if text, ok := strings.CutPrefix(texts[0], args[0]); ok {
				return text, nil
			}
			return "", wantForm(gateway.WordBeginsWith, args[0])
		},
	}, nil
}

func bindPad(args []string) (codec, error) {
	n, err := positive(args[0])
	if err != nil {
		return codec{}, err
	}
	return codec{
		encode: func(into []string, text string) ([]string, error) {
			return append(into, strings.Repeat("0", max(n-len(text), 0))+text), nil
		},
		decode: func(texts []string) (string, error) {
			text := strings.TrimLeft(texts[0], "0")
			if text == "" {
				text = "0"
			}
			return text, nil
		},
	}, nil
}

func bindSplit(args []string) (codec, error) {
	n, err := positive(args[0])
	if err != nil {
		return codec{}, err
	}
	most, err := positive(args[1])
	if err != nil {
		return codec{}, err
	}
	return split(n, most, false), nil
}

// split cuts on character boundaries, most pieces at most, 0 for any number. No piece
// begins or ends with a blank, which a reader may not see: one that has fewer than n
// characters stood before a blank. Between two full pieces a blank is lost. Where the
// format preserves blanks, all pieces are full.
func split(n, most int, preserves bool) codec {
	return codec{
		many: true, n: n, most: most,
		encode: func(into []string, text string) ([]string, error) {
			for text != "" {
				if most > 0 && len(into) == most {
					return into, overflow(n * most)
				}
				end := cut(text, n)
				if preserves {
					into, text = append(into, text[:end]), text[end:]
					continue
				}
				if blank := strings.LastIndexByte(text[:end], ' '); blank > 0 && end < len(text) && text[end] == ' ' &&
					(most == 0 || utf8.RuneCountInString(text[blank+1:]) <= n*(most-len(into)-1)) {
					end = blank // so that a shorter piece says where the blank was
				}
				into, text = append(into, strings.TrimSuffix(text[:end], " ")), strings.TrimPrefix(text[end:], " ")
			}
			return into, nil
		},
		decode: func(texts []string) (string, error) {
			var b strings.Builder
			for i, t := range texts {
				if i > 0 && utf8.RuneCountInString(texts[i-1]) < n {
					b.WriteByte(' ') // beside another one it is read as one
				}
				b.WriteString(t)
			}
			return b.String(), nil
		},
	}
}

// cut returns the length in bytes of the first n characters of s.
func cut(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

func bindHead(args []string) (codec, error) {
	n, err := positive(args[0])
	return codec{
		half:   1,
		encode: func(into []string, text string) ([]string, error) { return append(into, text[:cut(text, n)]), nil },
		decode: func(texts []string) (string, error) {
			if utf8.RuneCountInString(texts[0]) != n {
				return "", wantForm(gateway.WordExactlyCharacters, strconv.Itoa(n))
			}
			return texts[0], nil
		},
	}, err
}

func bindRest(args []string) (codec, error) {
	n, err := positive(args[0])
	return codec{
		half: 2,
		encode: func(into []string, text string) ([]string, error) {
			at := cut(text, n)
			if at == len(text) {
				return into, wantForm(gateway.WordMoreThanCharacters, strconv.Itoa(n))
			}
			return append(into, text[at:]), nil
		},
		decode: func(texts []string) (string, error) { return texts[0], nil },
	}, err
}

func positive(arg string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(arg))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("argument %q, expected a number from 1", arg)
	}
	return n, nil
}
