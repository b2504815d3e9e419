package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/envelope"
	"customs.example/gateway/event"
	"customs.example/gateway/flow"
	"customs.example/gateway/folder"
	"customs.example/gateway/peer"
	"customs.example/gateway/schema"
	"customs.example/gateway/seal"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// readEnvelope reads what the envelopes of a partner that is reached by files are closed and opened by, and looks at
// where they lie.
func (s *setup) readEnvelope(f *findings, key string, p PartnerConfig) {
	f.need(key+".uri", p.URI)
	if f.need(key+".folder", p.Folder) {
		if info, err := os.Stat(p.Folder); err != nil || !info.IsDir() {
			f.refuse(key+".folder", gateway.ConfigDirectory, p.Folder)
		}
	}
	e := p.Envelope
	if !f.need(key+".envelope.recipient", e.Recipient) || !f.need(key+".envelope.cert", e.Cert) || !f.need(key+".envelope.key", e.Key) {
		return
	}
	f.mode(key+".envelope.recipient", e.Recipient, public)
	f.mode(key+".envelope.cert", e.Cert, public)
	f.mode(key+".envelope.key", e.Key, secret)
	pair, err := envelope.Load(e.Recipient, e.Cert, e.Key)
	if err != nil {
		f.file(key+".envelope", e.Recipient, err, gateway.WordFormEnvelope)
		return
	}
	if s.envelopes == nil {
		s.envelopes = make(map[string]*envelope.Pair)
	}
	s.envelopes[p.URI] = pair
}

// envelopeFactor is how large an envelope may be for a message: twice base64, and room for the rest.
const (
	envelopeFactor = 2
	envelopeRoom   = 1 << 20
)

// folders are the exchanges with partners that are reached by files, by their URIs.
func (s *setup) folders(log *event.Log, g func() *flow.Gateway) (map[string]*folder.Folder, error) {
	out := make(map[string]*folder.Folder)
	for i, p := range s.Partners {
		if !p.files() {
			continue
		}
		f, err := folder.New(folder.Options{
			Dir: p.Folder, Pair: s.envelopes[p.URI], Partner: s.partners[i], Most: envelopeFactor*int64(max(int(p.Cap), schema.MaxBytes)) + envelopeRoom,
			Door: folderDoor{g: g, uri: p.URI, from: p.Administrations}, Now: time.Now, Log: log,
		})
		if err != nil {
			return nil, err
		}
		out[p.URI] = f
	}
	return out, nil
}

// folderDoor hands what came from a partner by files to the gateway.
type folderDoor struct {
	g    func() *flow.Gateway
	uri  string
	from []gateway.Administration
}

func (d folderDoor) Receive(ctx context.Context, header, signature, document []byte) (peer.Receipt, bool, error) {
	answer, err := d.g().ReceiveAndTell(ctx, d.uri, d.from, header, signature, document)
	if err != nil {
		return peer.Receipt{}, false, err
	}
	var given seal.Receipt
	if err := json.Unmarshal(answer.Receipt.Statement, &given); err != nil {
		return peer.Receipt{}, false, err
	}
	return peer.Receipt(answer.Receipt), given.Verdict != gateway.RCV, nil
}

func (d folderDoor) TakeReceipt(ctx context.Context, r peer.Receipt) error {
	_, err := d.g().TakeReceipt(ctx, d.uri, d.from, r)
	return err
}

// Refused reports whether it is the gateway's last word: a key that is not known yet may come, and a full disk has room
// some day.
func (d folderDoor) Refused(err error) bool {
	return errors.Is(err, store.ErrNotFound) || server.Refuses(err)
}
