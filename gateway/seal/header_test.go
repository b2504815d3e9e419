package seal

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"customs.example/gateway"
)

// TestHeadersAreCanonical: the fields of a header stand in the order of their keys, so that
// it is written canonically without being sorted.
func TestHeadersAreCanonical(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	h := Header{
		MessageID: "m", Kind: "Manifest", Sender: "CN", Recipient: "RU", KeyID: "k", Created: at, ExpectedArrival: &at, Batch: "<&>", Conversation: "c",
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
