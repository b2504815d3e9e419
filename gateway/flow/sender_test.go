package flow_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// party is a partner of Russia's that signs for itself.
type party struct {
	name gateway.Administration
	id   string // of its key
	key  crypto.Signer
}

func newParty(t *testing.T, name gateway.Administration, id string) party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return party{name, id, key}
}

// knows is a trust in parties.
func knows(t *testing.T, parties ...party) *seal.Trust {
	t.Helper()
	var keys []seal.Verifier
	for _, p := range parties {
		keys = append(keys, seal.Verifier{ID: p.id, Administration: p.name, Validity: always, Key: p.key.Public().(*ecdsa.PublicKey)})
	}
	trust, err := seal.NewTrust(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// message is what a party delivers.
type message struct{ header, signature, payload []byte }

// says signs a header of p's over a payload.
func (p party) says(t *testing.T, h seal.Header, payload []byte) message {
	t.Helper()
	h.Sender, h.KeyID, h.Payload = p.name, p.id, gateway.DigestOf(payload)
	raw, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	digest := gateway.DigestOf(raw)
	signed, err := p.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return message{raw, signed, payload}
}

func (w *world) receive(from party, m message) (store.Statement, error) {
	return w.ru.Receive(w.t.Context(), "customs://"+string(from.name)+"/gateway/1", []gateway.Administration{from.name}, m.header, m.signature, m.payload)
}

// sealedNotice is a notice that a partner may send to Russia, with its header.
func sealedNotice(t *testing.T) (seal.Header, []byte) {
	t.Helper()
	w := newWorld(t)
	w.notice()
	w.out.trouble = func(int) error { return errors.New("kept") }
	w.deliver()
	return w.out.sent[0].Header(), w.out.sent[0].Payload()
}

const capitals = "5F0C1D52-7B6E-4A6E-9D58-3F1F0A5E0C11"

// TestAMessageIDBelongsToItsSender: two partners use one id, in both orders and in either
// case of its letters. Each has its own message, and its own receipt again.
func TestAMessageIDBelongsToItsSender(t *testing.T) {
	h, payload := sealedNotice(t)
	cn, kz := newParty(t, "CN", "cn-1"), newParty(t, "KZ", "kz-1")
	other := bytes.Replace(payload, []byte("18250.5"), []byte("18250.6"), 1)
	h.MessageID = gateway.MessageID(strings.ToLower(capitals))
	upper := h
	upper.MessageID = capitals
	ofCN, ofKZ := cn.says(t, h, payload), kz.says(t, upper, other)
	for _, first := range []gateway.Administration{"CN", "KZ"} {
		t.Run(string(first)+" first", func(t *testing.T) {
			w := newWorld(t)
			w.ru.Trust = knows(t, cn, kz)
			receive := func(p party, m message) store.Statement {
				t.Helper()
				receipt, err := w.receive(p, m)
				if err != nil {
					t.Fatal(err)
				}
				var said seal.Receipt
				about, err := seal.ParseHeader(receipt.Header)
				if err := errors.Join(err, json.Unmarshal(receipt.Statement, &said)); err != nil || about.Recipient != p.name || said.Verdict != gateway.PRS || said.Received != gateway.DigestOf(m.payload) {
					t.Fatalf("%s got the receipt %s %s, %v", p.name, receipt.Header, receipt.Statement, err)
				}
				return receipt
			}
			var one, two store.Statement
			if first == "CN" {
				one, two = receive(cn, ofCN), receive(kz, ofKZ)
			} else {
				two, one = receive(kz, ofKZ), receive(cn, ofCN)
			}
			if again := receive(cn, ofCN); string(again.Statement) != string(one.Statement) {
				t.Errorf("China got %s, then %s", one.Statement, again.Statement)
			}
			if again := receive(kz, ofKZ); string(again.Statement) != string(two.Statement) {
				t.Errorf("Kazakhstan got %s, then %s", two.Statement, again.Statement)
			}
			// Under an id that was taken another content of the same sender is refused.
			if _, err := w.receive(kz, kz.says(t, h, payload)); codeOf(err) != gateway.IDReuse {
				t.Errorf("another content: %v", err)
			}
			for _, p := range []struct {
				party
				message
				id gateway.MessageID
			}{{cn, ofCN, h.MessageID}, {kz, ofKZ, capitals}} {
				in, content, err := w.ru.Take(t.Context(), operator, p.name, h.MessageID, flow.PartnerXML)
				if err != nil || in.ID != p.id || in.Sender != p.name || !bytes.Equal(content, p.payload) || in.State != gateway.Accepted {
					t.Errorf("of %s Russia holds %q of %s, %s, %v", p.name, in.ID, in.Sender, in.State, err)
				}
				m, err := w.ru.Movement(t.Context(), in.MovementID)
				if err != nil || !containsSender(m, p.name) {
					t.Errorf("the movement %s has nothing of %s: %v", in.MovementID, p.name, err)
				}
			}
			if _, _, err := w.ru.Take(t.Context(), operator, "", capitals, flow.Canonical); codeOf(err) != gateway.IDOfSeveral {
				t.Errorf("nobody's: %v", err)
			}
			for what, explain := range map[string]func(flow.Caller, gateway.Administration, gateway.MessageID) (flow.Explanation, error){
				"received": func(c flow.Caller, of gateway.Administration, id gateway.MessageID) (flow.Explanation, error) {
					return w.ru.ExplainReceived(t.Context(), c, of, id)
				},
				"any": func(c flow.Caller, of gateway.Administration, id gateway.MessageID) (flow.Explanation, error) {
					return w.ru.ExplainMessage(t.Context(), c, of, id)
				},
			} {
				if _, err := explain(operator, "", capitals); codeOf(err) != gateway.IDOfSeveral {
					t.Errorf("nobody's is explained as %s: %v", what, err)
				}
				if e, err := explain(operator, "KZ", h.MessageID); err != nil || e.Message != capitals || len(e.Origins) == 0 {
					t.Errorf("Kazakhstan's as %s: %s, %d values, %v", what, e.Message, len(e.Origins), err)
				}
				if _, err := explain(operator, "MN", h.MessageID); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("of one that has sent none, as %s: %v", what, err)
				}
			}
			if _, err := w.ru.Acknowledge(t.Context(), operator, "", capitals); codeOf(err) != gateway.IDOfSeveral {
				t.Errorf("nobody's is acknowledged: %v", err)
			}
			if in, err := w.ru.Acknowledge(t.Context(), operator, "KZ", h.MessageID); err != nil || in.Sender != "KZ" {
				t.Errorf("acknowledged is %s, %v", in.Sender, err)
			}
			if in, err := w.ru.Store.Read().Inbound(t.Context(), "CN", capitals); err != nil || in.AcknowledgedBy != "" {
				t.Errorf("China's is acknowledged by %q, %v", in.AcknowledgedBy, err)
			}
		})
	}
}

func containsSender(m flow.Movement, sender gateway.Administration) bool {
	for _, r := range m.Announced {
		if r.Sender == sender {
			return true
		}
	}
	return false
}

// TestWhatIsNotVerifiedChangesNothing: whatever somebody delivers without a signature of
// its own that holds, before or after a true message of that id, is refused, leaves only
// its digest behind, gets no receipt, and takes nothing from anybody.
func TestWhatIsNotVerifiedChangesNothing(t *testing.T) {
	h, payload := sealedNotice(t)
	cn, kz := newParty(t, "CN", "cn-1"), newParty(t, "KZ", "kz-1")
	stranger := newParty(t, "KZ", "kz-2")
	good := cn.says(t, h, payload)
	forged := bytes.Replace(payload, []byte("18250.5"), []byte("18250.6"), 1)
	ofKZ := kz.says(t, h, forged)
	flip := func(b []byte) []byte {
		out := bytes.Clone(b)
		out[len(out)-1] ^= 1
		return out
	}
	borrowed := kz
	borrowed.id = cn.id
	cases := map[string]struct {
		from party
		message
		want gateway.Code
	}{
		"its own bytes with the payload of another": {cn, message{good.header, good.signature, forged}, gateway.SealPayload},
		"a signature that does not fit":             {cn, message{good.header, flip(good.signature), payload}, gateway.SealSignature},
		"no signature":                              {cn, message{good.header, nil, payload}, gateway.SealSignature},
		"another partner, badly signed":             {kz, message{ofKZ.header, flip(ofKZ.signature), forged}, gateway.SealSignature},
		"another partner, unsigned":                 {kz, message{ofKZ.header, nil, forged}, gateway.SealSignature},
		"another partner in the sender's name":      {kz, good, gateway.SenderWrong},
		"another partner by the sender's key":       {kz, borrowed.says(t, h, forged), gateway.SealKeyParty},
		"a key that is not known yet":               {stranger, stranger.says(t, h, forged), gateway.SealKeyUnknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ru.Trust = knows(t, cn, kz)
			refused := func() {
				t.Helper()
				receipt, err := w.receive(c.from, c.message)
				if codeOf(err) != c.want || receipt.Statement != nil {
					t.Errorf("it is answered %s, %v; want %s", receipt.Statement, err, c.want)
				}
			}
			refused()
			if _, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, string(c.from.name), string(h.MessageID)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is stored: %v", err)
			}
			one, err := w.receive(cn, good)
			if err != nil {
				t.Fatalf("the true message after it: %v", err)
			}
			before, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID)
			if err != nil || before.State != gateway.Accepted {
				t.Fatalf("the true message is %s, %v", before.State, err)
			}
			refused()
			after, err := w.ru.Store.Read().Inbound(t.Context(), "CN", h.MessageID)
			if err != nil || after.Commit != before.Commit || after.PayloadDigest != gateway.DigestOf(payload) {
				t.Errorf("the true message changed: %+v, %v", after, err)
			}
			if a := w.arrival(w.ru, store.DoorPeer, "CN", string(h.MessageID)); !bytes.Equal(a.Content, payload) || a.Attempts != 1 {
				t.Errorf("its bytes changed, or %d attempts are counted", a.Attempts)
			}
			if two, err := w.receive(cn, good); err != nil || string(two.Statement) != string(one.Statement) {
				t.Errorf("its sender then gets %s, %v", two.Statement, err)
			}
			if all, err := w.ru.Store.Read().InboundsByID(t.Context(), h.MessageID); err != nil || len(all) != 1 {
				t.Errorf("%d messages are there, %v", len(all), err)
			}
			rows, err := w.ru.Store.Read().Audit(t.Context(), 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, r := range rows {
				if r.Event == "refused at the door" && r.Subject == string(c.want) && r.Digest == gateway.DigestOf(c.payload) {
					told++
				}
			}
			if told != 1 {
				t.Errorf("the audit trail tells of %d refusals by their digest, want the first", told)
			}
		})
	}

	// The key that was not known comes, and the same bytes are taken.
	w := newWorld(t)
	w.ru.Trust = knows(t, cn, kz, stranger)
	if _, err := w.receive(stranger, stranger.says(t, h, payload)); err != nil {
		t.Errorf("with its key: %v", err)
	}
}

// TestASubmissionIDBelongsToItsOffice: two offices use one id.
func TestASubmissionIDBelongsToItsOffice(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	other := flow.Caller{URI: "customs://CN/office/9402/post/1", Office: "9402"}
	s, err := w.cn.Submit(t.Context(), other, flow.Submission{ID: "M1", MediaType: flow.XML, Content: w.content("mt4402.xml")})
	if err != nil || s.Office != "9402" || s.State != gateway.Faulty {
		t.Errorf("another office's: %s of %s, %v", s.State, s.Office, err)
	}
	if s, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "M1"); err != nil || s.State != gateway.Held || s.Digest != gateway.DigestOf(w.content("mt2401.xml")) {
		t.Errorf("the first is %s, %v", s.State, err)
	}
}
