package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"customs.example/gateway"
	"customs.example/gateway/seal"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	year  = seal.Validity{From: noon.AddDate(0, -6, 0), Until: noon.AddDate(0, 6, 0)}
	later = seal.Validity{From: noon.AddDate(0, 5, 0), Until: noon.AddDate(1, 5, 0)}
)

// side is one administration with its keys, and the files they were read from.
type side struct {
	keys  *seal.Keyring
	trust []seal.TrustFile
}

func newSide(t testing.TB, owner gateway.Administration, validity ...seal.Validity) side {
	t.Helper()
	var s side
	var files []seal.KeyFile
	for i, v := range validity {
		private, public, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		id := string(owner) + "-" + string(rune('1'+i))
		base := filepath.Join(t.TempDir(), id)
		for name, pem := range map[string][]byte{base + ".key": private, base + ".pub": public} {
			if err := os.WriteFile(name, pem, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files = append(files, seal.KeyFile{ID: id, File: base + ".key", Validity: v})
		s.trust = append(s.trust, seal.TrustFile{ID: id, Administration: owner, File: base + ".pub", Validity: v})
	}
	var err error
	if s.keys, err = seal.LoadKeyring(owner, files); err != nil {
		t.Fatal(err)
	}
	return s
}

func trustOf(t testing.TB, files ...seal.TrustFile) *seal.Trust {
	t.Helper()
	trust, err := seal.LoadTrust(files)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// announced is the header of a message from China to Russia that receipts answer.
var announced = seal.Header{
	MessageID: "m-1", Kind: "PreArrivalNotice", Sender: "CN", Recipient: "RU", Conversation: "c-1",
	Created: noon, Payload: gateway.DigestOf([]byte("<Notice/>")), KeyID: "CN-1", DocumentID: "d-1",
}

func answer(at time.Time) (seal.Header, seal.Receipt) {
	return seal.Header{MessageID: "r-1", Sender: "RU", Recipient: "CN", Conversation: "c-1", Created: at},
		seal.Receipt{MessageID: "m-1", Verdict: gateway.PRS, Received: announced.Payload,
			Canonical: gateway.DigestOf([]byte("{}")), Mapping: "ru/auto-preliminary.v1", At: at}
}

func code(err error) gateway.Code {
	var f gateway.Fault
	errors.As(err, &f)
	return f.Code
}

func TestReceiptIsReadAsSigned(t *testing.T) {
	ru := newSide(t, "RU", year)
	h, r := answer(noon)
	r.Verdict, r.Canonical, r.Mapping = gateway.ERR, gateway.Digest{}, ""
	r.Faults = gateway.Faults{{Code: gateway.XSDType, Severity: gateway.Error, Value: "<&>\u2028"}}.Report("ru")
	signed, err := ru.keys.Sign(h, r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := trustOf(t, ru.trust...).OpenReceipt(signed.HeaderBytes(), signed.Statement(), signed.Signature(), announced, noon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
	if h := signed.Header(); h.Kind != seal.KindReceipt || h.RelatesTo != "m-1" || h.KeyID != "RU-1" {
		t.Errorf("header %+v", h)
	}
}

func TestReceiptRefused(t *testing.T) {
	ru, mn := newSide(t, "RU", year), newSide(t, "MN", year)
	both := append(append([]seal.TrustFile(nil), ru.trust...), mn.trust...)
	compromised := ru.trust[0]
	compromised.Compromised = noon.Add(time.Hour)
	stolen := mn.trust[0]
	stolen.ID = "RU-1"
	for _, tt := range []struct {
		name   string
		signer side
		trust  []seal.TrustFile
		change func(h *seal.Header, r *seal.Receipt)
		of     func(h *seal.Header)
		at     time.Time
		want   gateway.Code
	}{
		{name: "unknown key", signer: ru, trust: mn.trust, want: gateway.SealKeyUnknown},
		{name: "key of another administration", signer: ru, trust: []seal.TrustFile{stolen}, want: gateway.SealKeyParty},
		{name: "key not valid at creation for us", signer: ru, trust: []seal.TrustFile{{ID: "RU-1", Administration: "RU", File: ru.trust[0].File, Validity: later}}, want: gateway.SealKeyExpired},
		{name: "received after the key was compromised", signer: ru, trust: []seal.TrustFile{compromised}, at: noon.Add(2 * time.Hour), want: gateway.SealKeyCompromised},
		{name: "created in the future", signer: ru, trust: ru.trust, at: noon.Add(-time.Hour), want: gateway.SealCreated},
		{name: "from another administration", signer: mn, trust: both, change: func(h *seal.Header, _ *seal.Receipt) { h.Sender = "MN" }, want: gateway.SealReceipt},
		{name: "to another administration", signer: ru, trust: both, change: func(h *seal.Header, _ *seal.Receipt) { h.Recipient = "MN" }, want: gateway.SealReceipt},
		{name: "names another message", signer: ru, trust: both, change: func(_ *seal.Header, r *seal.Receipt) { r.MessageID = "m-2" }, want: gateway.SealReceipt},
		{name: "accepts other bytes", signer: ru, trust: both, change: func(_ *seal.Header, r *seal.Receipt) { r.Received = r.Canonical }, want: gateway.SealReceipt},
		{name: "we sent other bytes", signer: ru, trust: both, of: func(h *seal.Header) { h.Payload = gateway.DigestOf(nil) }, want: gateway.SealReceipt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, r := answer(noon)
			of, at := announced, noon
			if tt.change != nil {
				tt.change(&h, &r)
			}
			if tt.of != nil {
				tt.of(&of)
			}
			if !tt.at.IsZero() {
				at = tt.at
			}
			signed, err := tt.signer.keys.Sign(h, r)
			if err != nil {
				t.Fatal(err)
			}
			_, err = trustOf(t, tt.trust...).OpenReceipt(signed.HeaderBytes(), signed.Statement(), signed.Signature(), of, at)
			if got := code(err); got != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestClocksMayDiffer: a receipt that was created up to Skew ahead is good, and so, for its
// signature, is a message however far ahead.
func TestClocksMayDiffer(t *testing.T) {
	ru := newSide(t, "RU", year)
	trust := trustOf(t, ru.trust...)
	for _, ahead := range []time.Duration{-time.Hour, 0, 10 * time.Minute, seal.Skew, seal.Skew + time.Second, 24 * time.Hour} {
		h, r := answer(noon.Add(ahead))
		signed, err := ru.keys.Sign(h, r)
		if err != nil {
			t.Fatal(err)
		}
		want := gateway.Code("")
		if ahead > seal.Skew {
			want = gateway.SealCreated
		}
		if _, err := trust.OpenReceipt(signed.HeaderBytes(), signed.Statement(), signed.Signature(), announced, noon); code(err) != want {
			t.Errorf("%v ahead, the receipt: %v", ahead, err)
		}
		opened, err := trust.Open(signed.HeaderBytes(), signed.Signature(), signed.Statement(), noon)
		if err != nil || opened.Header().Ahead(noon) != max(ahead, 0) {
			t.Errorf("%v ahead: it is %v, %v", ahead, opened.Header().Ahead(noon), err)
		}
	}
}

func TestSignRefusesWhatSaysNothing(t *testing.T) {
	ru := newSide(t, "RU", year)
	for name, change := range map[string]func(h *seal.Header, r *seal.Receipt){
		"no verdict":                func(_ *seal.Header, r *seal.Receipt) { r.Verdict = "OK" },
		"no message":                func(_ *seal.Header, r *seal.Receipt) { r.MessageID = "" },
		"no digest":                 func(_ *seal.Header, r *seal.Receipt) { r.Received = gateway.Digest{} },
		"accepted, not understood":  func(_ *seal.Header, r *seal.Receipt) { r.Canonical = gateway.Digest{} },
		"received, yet understood":  func(_ *seal.Header, r *seal.Receipt) { r.Verdict = gateway.RCV },
		"refused without a fault":   func(_ *seal.Header, r *seal.Receipt) { r.Verdict, r.Canonical = gateway.ERR, gateway.Digest{} },
		"accepted with a fault":     func(_ *seal.Header, r *seal.Receipt) { r.Faults = []gateway.Report{{Severity: gateway.Error}} },
		"no instant":                func(_ *seal.Header, r *seal.Receipt) { r.At = time.Time{} },
		"another's name":            func(h *seal.Header, _ *seal.Receipt) { h.Sender = "CN" },
		"no recipient":              func(h *seal.Header, _ *seal.Receipt) { h.Recipient = "" },
		"no id":                     func(h *seal.Header, _ *seal.Receipt) { h.MessageID = "" },
		"early by a negative delay": func(h *seal.Header, _ *seal.Receipt) { h.LateBy = -1 },
		"a part of nothing":         func(h *seal.Header, _ *seal.Receipt) { h.Part = 1 },
		"no part of two":            func(h *seal.Header, _ *seal.Receipt) { h.Parts = 2 },
		"the third of two":          func(h *seal.Header, _ *seal.Receipt) { h.Part, h.Parts = 3, 2 },
		"the only part":             func(h *seal.Header, _ *seal.Receipt) { h.Part, h.Parts = 1, 1 },
		"an id that is no text":     func(h *seal.Header, _ *seal.Receipt) { h.MessageID = "\xff" },
		"no valid key":              func(h *seal.Header, _ *seal.Receipt) { h.Created = noon.AddDate(2, 0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			h, r := answer(noon)
			change(&h, &r)
			if signed, err := ru.keys.Sign(h, r); err == nil || !signed.IsZero() {
				t.Error("signed")
			}
		})
	}
	if _, err := ru.keys.Sign(seal.Header{}, nil); code(err) != gateway.SealStatement {
		t.Errorf("nothing was signed: %v", err)
	}
}

func TestOldReceiptsVerifyAfterRotation(t *testing.T) {
	ru := newSide(t, "RU", year, later)
	h, r := answer(noon)
	old, err := ru.keys.Sign(h, r)
	if err != nil {
		t.Fatal(err)
	}
	overlap := noon.AddDate(0, 5, 15)
	h, r = answer(overlap)
	young, err := ru.keys.Sign(h, r)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := old.Header().KeyID, young.Header().KeyID; a != "RU-1" || b != "RU-2" {
		t.Fatalf("signed with %s, then %s", a, b)
	}
	trust := trustOf(t, ru.trust...)
	long := noon.AddDate(3, 0, 0)
	for _, s := range []seal.Signed{old, young} {
		if _, err := trust.OpenReceipt(s.HeaderBytes(), s.Statement(), s.Signature(), announced, long); err != nil {
			t.Error(err)
		}
	}
	for at, want := range map[time.Time]seal.Status{noon.AddDate(-1, 0, 0): seal.Next, noon: seal.Current, year.Until: seal.Retired} {
		if got := year.Status(at); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
}

func TestAnyFlippedBitIsRefused(t *testing.T) {
	ru := newSide(t, "RU", year)
	trust := trustOf(t, ru.trust...)
	h, r := answer(noon)
	signed, err := ru.keys.Sign(h, r)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := [][]byte{signed.HeaderBytes(), signed.Statement(), signed.Signature()}
		part := rapid.SampledFrom(parts).Draw(t, "part")
		bit := rapid.IntRange(0, 8*len(part)-1).Draw(t, "bit")
		part[bit/8] ^= 1 << (bit % 8)
		if _, err := trust.Open(parts[0], parts[2], parts[1], noon); code(err) == "" {
			t.Fatalf("opened with bit %d flipped: %v", bit, err)
		}
		if _, err := trust.OpenReceipt(parts[0], parts[1], parts[2], announced, noon); code(err) == "" {
			t.Fatalf("opened as receipt with bit %d flipped: %v", bit, err)
		}
	})
}

func TestHeaderHasOneForm(t *testing.T) {
	ru := newSide(t, "RU", year)
	h, r := answer(noon.In(time.FixedZone("", 9*3600)))
	arrival := noon.Add(40 * time.Minute)
	h.ExpectedArrival, h.LateBy = &arrival, 4800
	signed, err := ru.keys.Sign(h, r)
	if err != nil {
		t.Fatal(err)
	}
	raw := signed.HeaderBytes()
	want := `{"conversation":"c-1","created":"2026-03-01T12:00:00Z","documentId":"","expectedArrival":"2026-03-01T12:40:00Z",` +
		`"keyId":"RU-1","kind":"Receipt","lateBy":4800,"messageId":"r-1","payload":"` + gateway.DigestOf(signed.Statement()).String() +
		`","recipient":"CN","relatesTo":"m-1","sender":"RU"}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	for name, replace := range map[string][2]string{
		"white space":         {`,"kind"`, `, "kind"`},
		"unknown field":       {`{"conversation"`, `{"colour":"","conversation"`},
		"missing field":       {`"documentId":"",`, ``},
		"field twice":         {`"lateBy":4800`, `"lateBy":0,"lateBy":4800`},
		"another order":       {`"recipient":"CN","relatesTo":"m-1"`, `"relatesTo":"m-1","recipient":"CN"`},
		"another case":        {`"keyId"`, `"keyid"`},
		"another zone":        {`12:00:00Z`, `21:00:00+09:00`},
		"escaped for nothing": {`"c-1"`, `"\u0063-1"`},
		"capital digest":      {`"payload":"`, `"payload":"A`},
		"text behind":         {`"RU"}`, `"RU"} `},
	} {
		changed := strings.Replace(string(raw), replace[0], replace[1], 1)
		if changed == string(raw) {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := seal.ParseHeader([]byte(changed)); code(err) != gateway.SealHeader {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := seal.ParseHeader(bytes.Repeat([]byte("{"), seal.MaxHeader+1)); code(err) != gateway.SealHeader {
		t.Errorf("long header: %v", err)
	}
}

func TestKeysAreRefused(t *testing.T) {
	ru := newSide(t, "RU", year)
	public := ru.trust[0].File
	private := strings.TrimSuffix(public, ".pub") + ".key"
	for name, err := range map[string]error{
		"no key":         second(seal.LoadKeyring("RU", nil)),
		"no owner":       second(seal.LoadKeyring("", []seal.KeyFile{{ID: "a", File: private, Validity: year}})),
		"no id":          second(seal.LoadKeyring("RU", []seal.KeyFile{{File: private, Validity: year}})),
		"an id twice":    second(seal.LoadKeyring("RU", []seal.KeyFile{{ID: "a", File: private, Validity: year}, {ID: "a", File: private, Validity: year}})),
		"no validity":    second(seal.LoadKeyring("RU", []seal.KeyFile{{ID: "a", File: private}})),
		"a public key":   second(seal.LoadKeyring("RU", []seal.KeyFile{{ID: "a", File: public, Validity: year}})),
		"no file":        second(seal.LoadKeyring("RU", []seal.KeyFile{{ID: "a", File: private + "x", Validity: year}})),
		"a private key":  second(seal.LoadTrust([]seal.TrustFile{{ID: "a", Administration: "RU", File: private, Validity: year}})),
		"nobody's key":   second(seal.LoadTrust([]seal.TrustFile{{ID: "a", File: public, Validity: year}})),
		"trust id twice": second(seal.LoadTrust([]seal.TrustFile{ru.trust[0], ru.trust[0]})),
	} {
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
