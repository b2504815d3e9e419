package document

import (
	"strconv"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

// PlaceOf says where an instance path stands, as people say it: the things on the way by
// what identifies them, as the dictionary has it, and the field's label. Of what the
// document lacks it says the position. A path of no field, and no document, has no place.
func PlaceOf(d *customsv1.Document, path string) gateway.Place {
	body := Body(d)
	if !body.IsValid() || path == "" {
		return gateway.Place{}
	}
	m, s := body, body.schema
	var out gateway.Place
	if path == "envelope" || strings.HasPrefix(path, "envelope.") {
		m, s = Of(d), rootSchema
	}
	for step := range strings.SplitSeq(path, ".") {
		name, index := cutIndex(step)
		f := s.byName[name]
		if f == nil {
			break
		}
		out.Label = LabelOf(*f)
		if f.Type != Message || f.sub.desc.Name() == "Text" { // a text in a language is its field's value
			if index >= 0 && f.Type != Message {
				out.Steps, out.Label = append(out.Steps, gateway.PlaceStep{Word: "label." + out.Label, Position: index + 1}), ""
			}
			break
		}
		s = f.sub
		m = within(m, f, index)
		switch {
		case !f.Repeated:
			out.Steps = append(out.Steps, gateway.PlaceStep{Word: "label." + out.Label})
		case index >= 0:
			out.Steps = append(out.Steps, thing(f, m, index))
		default:
			continue // the list as a whole is a field
		}
		out.Label = ""
	}
	return out
}

// Places gives each fault that has a canonical path, and no place yet, its place.
func Places(faults gateway.Faults, d *customsv1.Document) gateway.Faults {
	for i := range faults {
		if faults[i].Place.IsZero() {
			faults[i].Place = PlaceOf(d, faults[i].Path)
		}
	}
	return faults
}

// cutIndex parts name[3] into its name and index, -1 if it has none.
func cutIndex(step string) (string, int) {
	name, rest, ok := strings.Cut(step, "[")
	if index, err := strconv.Atoi(strings.TrimSuffix(rest, "]")); ok && err == nil {
		return name, index
	}
	return name, -1
}

// within returns the message in a field of m, not valid if there is none.
func within(m Node, f *Field, index int) Node {
	switch {
	case !m.IsValid():
	case !f.Repeated:
		return f.Message(m)
	case index >= 0 && index < f.Len(m):
		return f.Messages(m).At(index)
	}
	return Node{}
}

// thing names an element of a list by its word and by what identifies it.
func thing(f *Field, m Node, index int) gateway.PlaceStep {
	thing := f.sub.thing
	step := gateway.PlaceStep{Word: "place." + thing.GetWord(), Position: index + 1}
	if thing.GetWord() == "" {
		step.Word = "label." + LabelOf(*f)
	}
	if !m.IsValid() {
		return step
	}
	if kind := f.sub.byName[thing.GetKind()]; kind != nil && kind.Has(m) {
		if word := "place." + camel(kind.Text(m)); gateway.HasText(word) {
			step.Word = word
		}
	}
	key := f.sub.key()
	if key == nil {
		return step
	}
	if value, ok := key.Get(m); ok {
		step.Key, step.Position = gateway.Clip(value), 0
		if thing.GetKeyed() != "" {
			step.Word = "place." + thing.GetKeyed()
		}
	}
	return step
}

// camel writes TRAILER_BODY as trailerBody.
func camel(name string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.ToLower(name), "_") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}
