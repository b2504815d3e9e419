package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"customs.example/gateway"
)

// TestHeadersAreCanonical: the fields of a header stand in the order of their keys, so that
// it is written canonically without being sorted.
func TestHeadersAreCanonical(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h := Header{
		MessageID: "m", Kind: "Manifest", Sender: "CN", Recipient: "RU", KeyID: "k", Created: at, ExpectedArrival: &at, Batch: "<&>", Duty: Filing, EntryOffice: "39899001", WholeGoods: true, Conversation: "c",
		DocumentID: "d", LateBy: 1, Part: 1, Parts: 2, RelatesTo: "r", Payload: gateway.DigestOf(nil),
	}
	for i := range reflect.TypeFor[Header]().NumField() {
		if reflect.ValueOf(h).Field(i).IsZero() {
			t.Errorf("%s is not tried", reflect.TypeFor[Header]().Field(i).Name)
		}
	}
	got, err1 := h.encode()
	want, err2 := canonical(h)
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// TestCanonicalIsSortedJSON: what is written canonically is what reading it and writing it
// with maps gives, whatever a receipt says.
func TestCanonicalIsSortedJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `"`, `\`, `\"`, "{}", "[,]", "<&>", "\u2028", "a\nb", "值"}))
		phrase := rapid.Custom(func(t *rapid.T) gateway.Phrase {
			return gateway.Phrase{Wording: gateway.Wording(text.Draw(t, "wording")), Terms: rapid.SliceOf(text).Draw(t, "terms"), Texts: map[string]string{"zh": text.Draw(t, "zh"), "en": text.Draw(t, "en")}}
		})
		report := rapid.Custom(func(t *rapid.T) gateway.Report {
			return gateway.Report{
				Code: gateway.Code(text.Draw(t, "code")), Value: text.Draw(t, "value"), Message: text.Draw(t, "message"), Line: rapid.Int().Draw(t, "line"),
				Namespaces: map[string]string{"ns2": text.Draw(t, "ns"), "a": "", "": "x"}, Wants: phrase.Draw(t, "wants"), Has: phrase.Draw(t, "has"),
			}
		})
		r := Receipt{MessageID: gateway.MessageID(text.Draw(t, "id")), Faults: rapid.SliceOf(report).Draw(t, "faults"), At: time.Unix(0, rapid.Int64().Draw(t, "at")).UTC()}
		got, err1 := canonical(r)
		raw, err2 := plain(r)
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var tree any
		err3 := dec.Decode(&tree)
		want, err4 := plain(tree) // maps are written in order of their keys
		if err := errors.Join(err1, err2, err3, err4); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	})
}
