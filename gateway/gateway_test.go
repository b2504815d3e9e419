package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDigestComesBackFromItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := DigestOf(rapid.SliceOf(rapid.Byte()).Draw(t, "content"))
		parsed, err := ParseDigest(d.String())
		if err != nil || parsed != d || d.IsZero() {
			t.Errorf("%v comes back as %v, %v", d, parsed, err)
		}
		raw, err := json.Marshal(map[Digest]Digest{d: d})
		if err != nil {
			t.Fatal(err)
		}
		var back map[Digest]Digest
		if err := json.Unmarshal(raw, &back); err != nil || back[d] != d {
			t.Errorf("%s comes back as %v, %v", raw, back, err)
		}
	})
}

func TestDigestOfKnownBytes(t *testing.T) {
	// FIPS 180-2, appendix B.1.
	if got := DigestOf([]byte("abc")).String(); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(got)
	}
}

func TestParseDigestRefuses(t *testing.T) {
	for _, s := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("0", 66), strings.Repeat("g", 64), "0x" + strings.Repeat("0", 62)} {
		if d, err := ParseDigest(s); err == nil || !d.IsZero() {
			t.Errorf("%q: got %v, %v", s, d, err)
		}
	}
	if !(Digest{}).IsZero() {
		t.Error("the zero digest digests something")
	}
}
