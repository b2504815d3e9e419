package codelist

import "strings"

// fold writes the letters that Cyrillic and Latin share by look in Latin.
var fold = strings.NewReplacer(
	"А", "A", "В", "B", "Е", "E", "І", "I", "Ј", "J", "К", "K", "М", "M", "Н", "H", "О", "O", "Р", "P",
	"С", "C", "Ѕ", "S", "Т", "T", "У", "Y", "Ү", "Y", "Х", "X",
	"а", "a", "е", "e", "і", "i", "о", "o", "р", "p", "с", "c", "у", "y", "х", "x",
)

// Latin returns a text as it reads: its Cyrillic letters that look like Latin ones in
// Latin. A code that reads as another does is a mistake that nobody can see.
func Latin(text string) string { return fold.Replace(text) }
