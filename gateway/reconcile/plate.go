package reconcile

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// maxPlates is how many registrations one field may hold.
const maxPlates = 8

// plates returns the registrations in one field: people write those of a tractor and its
// trailers into one, with slashes between. The sign of a country behind a slash belongs to
// the plate before it. A field with more slashes than anybody means is taken as it is.
func plates(field string) []string {
	parts := strings.FieldsFunc(field, func(r rune) bool { return r == '/' || r == '／' })
	if len(parts) > maxPlates {
		return []string{field}
	}
	var out []string
	for _, part := range parts {
		switch folded := Fold(Vehicle, part); {
		case folded == "":
		case len(out) > 0 && slices.Contains(countrySigns, folded):
			out[len(out)-1] += " " + folded
		default:
			out = append(out, strings.TrimSpace(part))
		}
	}
	if len(out) == 0 {
		return []string{field}
	}
	return out
}

// vehicleFacts are the vehicles of one field: behind a tractor stand its trailers.
func vehicleFacts(role, field string, at Place) (out []VehicleFact) {
	all := plates(field)
	for i, registration := range all {
		if i > 0 && role == customsv1.VehicleRole_TRACTOR.String() {
			role = customsv1.VehicleRole_TRAILER.String()
		}
		out = append(out, VehicleFact{Role: role, Registration: registration, Together: len(all) > 1, Place: at})
	}
	return out
}

// countrySigns are what stands behind a plate for the country it is of: ISO 3166 codes
// and the signs of the Convention on Road Traffic, the longer ones first.
var countrySigns = []string{
	"ARM", "BLR", "CHN", "KAZ", "KGZ", "MGL", "MNG", "RUS", "TJK", "UZB",
	"AM", "BY", "CN", "KG", "KS", "KZ", "MN", "RU", "TJ", "UZ",
}

// provinces are the spellings of the provinces, the longer ones first. 鄂 (E) is no
// spelling to tell a province by.
var provinces = func() []string {
	const hubei = "E"
	all := slices.DeleteFunc(slices.Collect(maps.Values(plateWords)), func(s string) bool { return s == hubei || s == trailerMark })
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}()

// trailerMark is 挂.
const trailerMark = "GUA"

// plate is a registration taken apart into what people leave out or add.
type plate struct {
	province, core string
	trailer        bool   // it ends with the mark of a trailer
	country        string // the sign that stands behind it
	character      string // of the province, where it is written so: two are spelt alike
}

func plateOf(registration string) plate {
	p := takenApart(Fold(Vehicle, registration))
	if first, _ := utf8.DecodeRuneInString(strings.TrimSpace(registration)); p.province != "" && unicode.Is(unicode.Han, first) {
		p.character = string(first)
	}
	return p
}

func takenApart(s string) plate {
	p := chinese(s)
	if p.core != "" {
		return p
	}
	for _, sign := range countrySigns {
		rest, ok := strings.CutSuffix(s, sign)
		if !ok || len(rest) < 5 || !isDigits(rest[len(rest)-1:]) && !strings.HasSuffix(rest, trailerMark) {
			continue
		}
		if p = chinese(rest); p.core == "" {
			p.core = rest
		}
		p.country = sign
		return p
	}
	return plate{core: s}
}

// chinese takes a Chinese plate apart (GA 36): a province, a letter and four to six
// letters and digits; a trailer has four and its mark. Without core it is none.
func chinese(s string) plate {
	for _, province := range append([]string{""}, provinces...) {
		core, ok := strings.CutPrefix(s, province)
		if !ok {
			continue
		}
		body, trailer := strings.CutSuffix(core, trailerMark)
		if chineseCore(body) && (!trailer || len(body) == 5) {
			return plate{province: province, core: body, trailer: trailer}
		}
	}
	return plate{}
}

func chineseCore(s string) bool {
	digits := 0
	for i, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case c < 'A' || c > 'Z':
			return false
		}
		if i == 0 && digits > 0 {
			return false
		}
	}
	return len(s) >= 5 && len(s) <= 7 && digits >= 3
}

// like returns by which foldings two registrations that do not fold alike may be one: nil
// if they may not. That they are is for the caller to say, who knows the others.
func (p plate) like(o plate) (folds []gateway.Code) {
	if p.character != "" && o.character != "" && p.character != o.character {
		return nil
	}
	if p.core != o.core || p.province != "" && o.province != "" && p.province != o.province || p.country != "" && o.country != "" && p.country != o.country {
		return nil
	}
	if p.province != o.province {
		folds = append(folds, gateway.CmpPlateProvince)
	}
	if p.trailer != o.trailer {
		folds = append(folds, gateway.CmpPlateTrailerMark)
	}
	if p.country != o.country {
		folds = append(folds, gateway.CmpPlateCountry)
	}
	return folds
}

// Further kinds of identifier, by which a plate is found that is not written in full.
const (
	plateKey     = "plate"      // province and core
	plateCoreKey = "plate-core" // without its province
	platePartKey = "plate-part" // any so many characters of the core, one behind the other
)

// PartOfPlate is how many characters of a plate find it at least.
const PartOfPlate = 4

// Indexed returns everything that m is kept under: what it can be found by, with the weaker keys of
// that, and of plates all parts that find them.
func (m Movement) Indexed() []Identifier {
	out := m.keys()
	for _, id := range m.Identifiers() {
		if id.Kind != Vehicle {
			continue
		}
		core := []rune(plateOf(id.Value).core)
		for i := 0; i+PartOfPlate <= len(core); i++ {
			out = append(out, Identifier{platePartKey, id.Value, string(core[i : i+PartOfPlate])})
		}
	}
	if m.OnlyControlled() {
		for _, id := range m.keys() {
			out = append(out, Identifier{controlledKey + id.Kind, id.Value, id.Folded})
		}
	}
	return out
}

// platePart is what may be a part of a plate: characters of its core, and its province, where that
// stands before them.
type platePart struct{ core, province, character string }

// partsOf are the parts of plates that a text may be: of each registration in it, without the
// mark of a trailer behind it.
func partsOf(text string) (parts []platePart) {
	add := func(p platePart) {
		if utf8.RuneCountInString(p.core) >= PartOfPlate && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	for _, registration := range plates(text) {
		folded, character := Fold(Vehicle, registration), ""
		if first, _ := utf8.DecodeRuneInString(strings.TrimSpace(registration)); unicode.Is(unicode.Han, first) {
			character = string(first)
		}
		for _, s := range []string{folded, strings.TrimSuffix(folded, trailerMark)} {
			if character == "" {
				add(platePart{core: s})
			}
			for _, province := range provinces {
				if rest, ok := strings.CutPrefix(s, province); ok && (character == "" || province == Fold(Vehicle, character)) {
					add(platePart{rest, province, character})
				}
			}
		}
	}
	return parts
}

// of reports whether a plate may be the one that p is a part of.
func (p platePart) of(o plate) bool {
	return strings.Contains(o.core, p.core) && (p.province == "" || o.province == "" || p.province == o.province) &&
		(p.character == "" || o.character == "" || p.character == o.character)
}

// Meets reports whether the movement is one that a text, as somebody reads it off, finds.
func (m Movement) Meets(text string) bool {
	sought := make(map[Identifier]bool)
	for _, id := range Sought(text) {
		sought[Identifier{Kind: id.Kind, Folded: id.Folded}] = id.Kind != platePartKey
	}
	ids := m.Identifiers()
	return slices.ContainsFunc(m.keys(), func(k Identifier) bool { return sought[Identifier{Kind: k.Kind, Folded: k.Folded}] }) || len(m.partly(ids, text)) > 0
}

// partly are the plates of a movement that a text is a part of.
func (m Movement) partly(ids []Identifier, text string) (found []Identifier) {
	parts := partsOf(text)
	for _, id := range ids {
		if id.Kind == Vehicle && slices.ContainsFunc(parts, func(p platePart) bool { return p.of(plateOf(id.Value)) }) {
			found = append(found, id)
		}
	}
	return found
}

// Keys returns identifiers with the weaker keys that what they name is kept under.
func Keys(ids []Identifier) []Identifier {
	out := slices.Clone(ids)
	for _, id := range ids {
		switch id.Kind {
		case Vehicle:
			p := plateOf(id.Value)
			out = append(out, Identifier{plateKey, id.Value, p.province + " " + p.core})
			if p.province != "" {
				out = append(out, Identifier{plateCoreKey, id.Value, p.core})
			}
		case Seal:
			if number := sealNumber(id.Value); number != id.Folded {
				out = append(out, Identifier{Seal, id.Value, number})
			}
		}
	}
	return out
}

// sought returns identifiers with the weaker keys that the same thing may be kept under.
// A plate with its province is not sought under another one.
func sought(ids []Identifier) []Identifier {
	out := slices.Clone(ids)
	for _, id := range ids {
		switch id.Kind {
		case Vehicle:
			p := plateOf(id.Value)
			out = append(out, Identifier{plateKey, id.Value, p.province + " " + p.core})
			if p.province != "" {
				out = append(out, Identifier{plateKey, id.Value, " " + p.core})
			} else {
				out = append(out, Identifier{plateCoreKey, id.Value, p.core})
			}
		case Seal:
			if number := sealNumber(id.Value); number != id.Folded {
				out = append(out, Identifier{Seal, id.Value, number})
			}
		}
	}
	return out
}

// SoughtBy returns the keys of everything that a document names, and of the batch that its
// message's header names.
func SoughtBy(d *customsv1.Document, from Origin) []Identifier {
	var ids identifiers
	ids.one(Batch, from.Batch)
	ids.add(read(d, ""))
	ids.subject(d)
	ids.answered(d)
	return sought(ids.list)
}

// Lasting reports whether a kind of identifier speaks of one crossing whenever it is seen: a
// plate, load unit or seal comes again. A TIR carnet is valid for one journey (TIR Convention, article 17).
func Lasting(kind string) bool {
	return slices.Contains([]string{Batch, Waybill, Carnet, TransitNumber, documentID}, strings.TrimPrefix(kind, controlledKey))
}

// Sought returns the keys of everything that a text, as somebody reads it off, may name.
func Sought(text string) []Identifier {
	var ids identifiers
	for _, kind := range Kinds {
		ids.one(kind, text)
	}
	for _, p := range plates(text) {
		ids.one(Vehicle, p)
	}
	out := sought(ids.list)
	for _, part := range partsOf(text) {
		out = append(out, Identifier{platePartKey, part.core, string([]rune(part.core)[:PartOfPlate])})
	}
	return out
}

// FoundAs returns which plates and seals of the movement a text was taken to be that
// writes them otherwise, and by what. It is empty where the text is what was written.
func (m Movement) FoundAs(text string) (out []Discrepancy) {
	sought := make(map[Identifier]bool)
	for _, id := range Sought(text) {
		sought[Identifier{Kind: id.Kind, Folded: id.Folded}] = true
	}
	read, ids := plates(text), m.Identifiers()
	for _, id := range ids {
		if id.Kind != Vehicle && id.Kind != Seal || !slices.ContainsFunc(Keys([]Identifier{id}), func(k Identifier) bool { return sought[Identifier{Kind: k.Kind, Folded: k.Folded}] }) {
			continue
		}
		say := func(found string, codes ...gateway.Code) {
			for _, code := range codes {
				out = append(out, fold(code, thing(id.Kind, "", ""), id.Value, found, Place{}))
			}
		}
		if id.Kind == Seal {
			switch {
			case id.Value == text:
			case id.Folded == Fold(Seal, text):
				say(text, gateway.CmpWrittenOtherwise)
			default:
				say(text, gateway.CmpSealKind)
			}
			continue
		}
		for _, p := range read {
			codes := plateOf(id.Value).like(plateOf(p))
			if same := id.Folded == Fold(Vehicle, p); same && id.Value != p {
				codes = []gateway.Code{gateway.CmpWrittenOtherwise}
			} else if !same && codes == nil {
				continue // another one of the field
			}
			if len(read) > 1 {
				codes = append(codes, gateway.CmpPlatesTogether)
			}
			say(p, codes...)
		}
	}
	if len(out) == 0 {
		for _, id := range m.partly(ids, text) {
			if !slices.ContainsFunc(Keys([]Identifier{id}), func(k Identifier) bool { return sought[Identifier{Kind: k.Kind, Folded: k.Folded}] }) {
				out = append(out, fold(gateway.CmpPlatePart, thing(id.Kind, "", ""), id.Value, text, Place{}))
			}
		}
	}
	return out
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// sealNumber is a seal's number as it is compared, without the kind of seal that some
// forms write before it: M/CN17.
func sealNumber(id string) string {
	kind, number, ok := strings.Cut(Fold(Seal, id), "/")
	if !ok || kind == "" || len(kind) > 2 || len(number) < 3 || strings.ContainsFunc(kind, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return Fold(Seal, id)
	}
	return number
}
