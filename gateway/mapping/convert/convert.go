// Package convert owns what happens to one value between the canonical document and XML: named
// conversions, times, numbers, code lists, languages of texts, lengths; and back. It refuses to
// know the table, the row or the place that the value is of.
package convert

import (
	"fmt"
	"slices"
	"strings"

	"customs.example/gateway/document"
)

// Conversion is a named conversion that rows may use. Its examples are its tests.
type Conversion struct {
	Name     string
	Args     string // as a row writes them: "(n,max)"
	Doc      string
	For      []document.FieldType
	Examples []Example
	bind     func(args []string) (Codec, error)
}

// Example shows one use: a canonical text and the texts it is written as.
type Example struct {
	Use, Canonical string
	Texts          []string
}

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

// Bind reads what a row's use says: "name" or "name(arg,arg)".
func Bind(use string, field document.FieldType) (Codec, error) {
	name, rest, called := strings.Cut(use, "(")
	var args []string
	if called {
		list, closed := strings.CutSuffix(rest, ")")
		if !closed {
			return Codec{}, fmt.Errorf("use %q is not closed, expected name(argument,argument)", use)
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
			return Codec{}, fmt.Errorf("conversion %s does not fit a %s, expected one of %v", name, field, c.For)
		}
		if wanted := strings.Count(c.Args, ",") + min(len(c.Args), 1); len(args) != wanted {
			return Codec{}, fmt.Errorf("conversion %q has %d arguments, expected %s%s", use, len(args), c.Name, c.Args)
		}
		return c.bind(args)
	}
	return Codec{}, fmt.Errorf("unknown conversion %q, expected one of %s", name, strings.Join(names, ", "))
}
