package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	"customs.example/gateway/document"
	"customs.example/gateway/mapping/convert"
	"customs.example/gateway/mapping/program"
	"customs.example/gateway/mapping/table"
)

// Examples returns the documents that the table's file shows. A profile's table has
// none: the base's are not its own.
func (t *Table) Examples() []table.TableExample { return slices.Clone(t.program().Examples) }

// Trial is an example of a row, and what the row does otherwise; "" if nothing.
type Trial struct {
	Row      string
	Example  table.RowExample
	Mismatch string
}

// Try holds every row to its examples. Codes are judged without a day.
func (t *Table) Try() (out []Trial) {
	for _, r := range t.program().Rows {
		for _, e := range r.Info.Examples {
			out = append(out, Trial{r.Info.ID, e, try(r, e)})
		}
	}
	return out
}

func try(r *program.Row, e table.RowExample) string {
	if e.Direction != "decode" && r.Encodes() {
		texts, _, fault := r.Value.Encode(nil, e.Canonical, convert.Moment{})
		if mismatch := compared("canonical", e.Canonical, "written", texts, e.XML, fault); mismatch != "" {
			return mismatch
		}
	}
	if e.Direction == "encode" || !r.Decodes() || r.Value.Half() > 0 {
		return ""
	}
	text, _, fault := r.Value.Decode(e.XML, "", convert.Moment{})
	text, _ = r.Value.Leaf.Read(text) // as people write it
	if fault == nil {
		if err := r.Field().Check(text); err != nil {
			fault = convert.NotConverted(err, text)
		}
	}
	if sameInstant(text, e.Canonical) {
		text = e.Canonical
	}
	return compared("xml", strings.Join(e.XML, " | "), "read", []string{text}, []string{e.Canonical}, fault)
}

// sameInstant reports whether two texts are one instant: it may come back in another zone.
func sameInstant(a, b string) bool {
	one, err := document.ParseInstant(a)
	other, otherErr := document.ParseInstant(b)
	return err == nil && otherErr == nil && one.Equal(other)
}

// compared holds texts to those expected, piece by piece: a piece may hold what looks
// like two of them.
func compared(kind, from, done string, got, want []string, fault *gateway.Fault) string {
	switch {
	case fault != nil:
		return fmt.Sprintf("%s %q is refused: %v", kind, from, *fault)
	case !slices.Equal(got, want):
		return fmt.Sprintf("%s %q is %s %s, expected %s", kind, from, done, quoted(got), quoted(want))
	}
	return ""
}

func quoted(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strconv.Quote(t)
	}
	return strings.Join(out, " | ")
}
