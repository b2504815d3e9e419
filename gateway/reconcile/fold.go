package reconcile

import (
	"strings"
	"unicode"
)

// Kinds of identifier.
const (
	Batch    = "batch"
	Vehicle  = "vehicle"
	LoadUnit = "load-unit"
	Seal     = "seal"
	Waybill  = "waybill"
	Carnet   = "carnet"
	// TransitNumber is the number under which a transit declaration is registered.
	TransitNumber = "transit"
)

// Kinds lists the kinds of identifier.
var Kinds = []string{Batch, Vehicle, LoadUnit, Seal, Waybill, Carnet, TransitNumber}

// lookAlikes are the twelve Cyrillic letters that Russian plates use because Latin
// has the same shapes (GOST R 50577). Only shapes are folded, never sounds: the
// Cyrillic series of a Mongolian or old Kazakh plate stays what it is.
var lookAlikes = map[rune]rune{
	'А': 'A', 'В': 'B', 'Е': 'E', 'К': 'K', 'М': 'M', 'Н': 'H',
	'О': 'O', 'Р': 'P', 'С': 'C', 'Т': 'T', 'У': 'Y', 'Х': 'X',
}

// plateWords are the Chinese characters of a plate (GA 36): the province it begins
// with and the word it may end with, as partners without them type them.
var plateWords = map[rune]string{
	'京': "JING", '津': "JIN", '冀': "JI", '晋': "JIN", '蒙': "MENG", '辽': "LIAO", '吉': "JI",
	'黑': "HEI", '沪': "HU", '苏': "SU", '浙': "ZHE", '皖': "WAN", '闽': "MIN", '赣': "GAN",
	'鲁': "LU", '豫': "YU", '鄂': "E", '湘': "XIANG", '粤': "YUE", '桂': "GUI", '琼': "QIONG",
	'渝': "YU", '川': "CHUAN", '贵': "GUI", '云': "YUN", '藏': "ZANG", '陕': "SHAN", '甘': "GAN",
	'青': "QING", '宁': "NING", '新': "XIN",
	'挂': "GUA", '学': "XUE", '警': "JING", '港': "GANG", '澳': "AO", '使': "SHI", '领': "LING",
}

// Fold returns an identifier's value as it is compared: upper case, full-width
// letters narrowed, spaces, hyphens, dots and middle dots gone, Cyrillic look-alikes
// as Latin and, for vehicles and load units, Chinese plate characters in pinyin. The
// value itself is kept as received. Fold is for finding: two provinces may share a
// spelling (津 and 晋 are both JIN).
func Fold(kind, value string) string {
	plate := kind == Vehicle || kind == LoadUnit
	var b strings.Builder
	for _, r := range value {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		r = unicode.ToUpper(r)
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(".·・•", r) {
			continue
		}
		if latin, ok := lookAlikes[r]; ok {
			r = latin
		}
		if word, ok := plateWords[r]; ok && plate {
			b.WriteString(word)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// samePlate reports whether two plates that fold alike are alike. Where both are
// written in Chinese there is no spelling to allow for, and every character counts.
func samePlate(a, b string) bool {
	return !hasHan(a) || !hasHan(b) || Fold("", a) == Fold("", b)
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// Identifier is one thing that a movement is found by.
type Identifier struct {
	Kind   string `json:"kind"`
	Value  string `json:"value"`  // as received
	Folded string `json:"folded"` // as compared
}

// identifiers collects identifiers without repetition, in order of appearance.
type identifiers struct {
	list []Identifier
	seen map[[2]string]bool
}

func (ids *identifiers) one(kind, value string) {
	id := Identifier{kind, value, Fold(kind, value)}
	key := [2]string{kind, id.Folded}
	if id.Folded == "" || ids.seen[key] {
		return
	}
	if ids.seen == nil {
		ids.seen = make(map[[2]string]bool)
	}
	ids.seen[key] = true
	ids.list = append(ids.list, id)
}

// plates adds every registration of a field that may hold several.
func (ids *identifiers) plates(field string) {
	for _, p := range plates(field) {
		ids.one(Vehicle, p)
	}
}

func (ids *identifiers) add(f Facts) {
	ids.one(Batch, f.Batch)
	ids.one(Batch, f.Number)
	for _, v := range f.Vehicles {
		ids.plates(v.Registration)
	}
	for _, u := range f.Units {
		ids.one(LoadUnit, u.ID)
		if u.Kind == "TRAILER_BODY" {
			ids.plates(u.ID)
		}
		for _, s := range u.Seals {
			ids.one(Seal, s.ID)
		}
	}
	for _, w := range f.Waybills {
		ids.one(Waybill, w.ID)
	}
	ids.one(Carnet, f.Carnet)
	ids.one(TransitNumber, f.TransitNumber)
}
