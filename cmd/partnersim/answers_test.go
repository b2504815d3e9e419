package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/line"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// newSigner is who answers for Russia, at an instant that the test sets.
func newSigner(t *testing.T, at *time.Time) *answers {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signing.pem")
	if err := mtls.GenerateSigningKey(file); err != nil {
		t.Fatal(err)
	}
	keys, err := seal.LoadKeyring("RU", []seal.KeyFile{{ID: "ru-1", File: file, Validity: seal.Validity{From: at.Add(-time.Hour), Until: at.Add(time.Hour)}}})
	if err != nil {
		t.Fatal(err)
	}
	return &answers{
		stage: &stage{own: "RU"}, late: time.Minute, out: &screen{w: t.Output()}, keys: keys, held: make(map[gateway.MessageID]held),
		now: func() time.Time { return *at }, newID: func() string { return "R-1" },
	}
}

// delivery is one of China's, whose payload ends as given.
func delivery(t *testing.T, a *answers, payload string) *exchangev1.DeliverRequest {
	t.Helper()
	signed, err := a.keys.Sign(seal.Header{MessageID: "M-1", Sender: "RU", Recipient: "RU", Created: a.now()}, seal.BalanceQuery{Since: a.now()})
	if err != nil {
		t.Fatal(err)
	}
	return &exchangev1.DeliverRequest{Header: signed.HeaderBytes(), Payload: []byte(payload)}
}

// accepts answers as a gateway that accepts everything.
func accepts(context.Context, *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
	return &exchangev1.DeliverResponse{Receipt: &exchangev1.SignedStatement{Statement: []byte(`{"verdict":"PRS"}`)}}, nil
}

// TestAVerdictIsToldWhenItsNumberSays: what is late is told when that time is over, what is parked never, and
// what ends in no such word at once.
func TestAVerdictIsToldWhenItsNumberSays(t *testing.T) {
	began := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		payload   string
		at, later string
	}{
		{"<ID>CNRU26030001</ID>", "PRS", "PRS"},
		{"<ID>CNRU26030001SIMLATE</ID>", "RCV", "PRS"},
		{`{"id": "CNRU26030001SIMLATE"}`, "RCV", "PRS"},
		{"<ID>CNRU26030001SIMPARK</ID>", "RCV", "RCV"},
		{"<ID>SIMPARK26030001</ID>", "PRS", "PRS"},
		{"<ID>CNRU26030001SIMPARKING</ID>", "PRS", "PRS"},
	} {
		at := began
		a := newSigner(t, &at)
		for _, want := range []string{tt.at, tt.later} {
			got, err := a.deliver(t.Context(), delivery(t, a, tt.payload), accepts)
			if err != nil || !bytes.Contains(got.Receipt.Statement, []byte(`"verdict":"`+want+`"`)) {
				t.Errorf("%s after %v: %s, %v, want %s", tt.payload, at.Sub(began), got.GetReceipt().GetStatement(), err, want)
			}
			at = at.Add(a.late)
		}
	}
}

// TestSilenceBreaksTheConnection, and what the gateway refuses to take is nobody's to answer.
func TestSilenceBreaksTheConnection(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	a := newSigner(t, &at)
	if got, err := a.deliver(t.Context(), delivery(t, a, "<ID>CNRU26030001SIMSILENCE</ID>"), accepts); !errors.Is(err, line.ErrBroken) {
		t.Errorf("silence: %v, %v", got, err)
	}
	refused := errors.New("no")
	_, err := a.deliver(t.Context(), delivery(t, a, "<ID>CNRU26030001SIMPARK</ID>"), func(context.Context, *exchangev1.DeliverRequest) (*exchangev1.DeliverResponse, error) {
		return nil, refused
	})
	if !errors.Is(err, refused) || len(a.held) > 0 {
		t.Errorf("%v, %d held", err, len(a.held))
	}
}

// TestParallelWhatIsHeldHasOneReceipt however often it comes at once, and what there is no room for is told at once.
func TestParallelWhatIsHeldHasOneReceipt(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	a := newSigner(t, &at)
	r := delivery(t, a, "<ID>CNRU26030001SIMPARK</ID>")
	var all sync.WaitGroup
	signatures := make(chan string, 8)
	for range cap(signatures) {
		all.Go(func() {
			got, err := a.deliver(t.Context(), r, accepts)
			if err != nil {
				t.Error(err)
			}
			signatures <- string(got.GetReceipt().GetSignature())
		})
	}
	all.Wait()
	close(signatures)
	first := <-signatures
	for s := range signatures {
		if s != first || s == "" {
			t.Error("a receipt in other bytes")
		}
	}
	for n := len(a.held); n < maxHeld; n++ {
		a.held[gateway.MessageID(string(rune(n)))+"x"] = held{}
	}
	if got, err := a.hold(seal.Header{MessageID: "M-2", Sender: "CN"}, nil, parks); got != nil || err != nil {
		t.Errorf("without room: %v, %v", got, err)
	}
}
