package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/peer"
	"customs.example/gateway/store"
)

// scan is a made-up image of so many bytes: what it begins with says that it is one.
func scan(size int) []byte {
	out := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, size)...)[:size]
	r := rand.NewChaCha8([32]byte{byte(size)})
	r.Read(out[8:])
	return out
}

// handIn hands a whole attachment in, in pieces.
func (w *world) handIn(content []byte) {
	w.t.Helper()
	for offset := 0; offset < len(content); offset += flow.MaxPiece {
		if _, err := w.cn.PutAttachment(w.t.Context(), post, pieceOf(content, offset)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func pieceOf(content []byte, offset int) flow.Piece {
	return flow.Piece{Digest: gateway.DigestOf(content), Size: int64(len(content)), Offset: int64(offset), Content: content[offset:min(offset+flow.MaxPiece, len(content))]}
}

// attached is one attachment as a document names it.
func attached(name, kind, mediaType string, size int, digest gateway.Digest) string {
	return fmt.Sprintf(`{"name": %q, "kind": %q, "mediaType": %q, "size": "%d", "sha256": %q}`, name, kind, mediaType, size, digest)
}

// inspection submits the result of a control that names attachments.
func (w *world) inspection(id string, attachments ...string) store.Submission {
	w.t.Helper()
	text := fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": "2026-03-01T02:07:00Z", "function": "ORIGINAL"},
 "inspectionResult": {"subject": {"id": "B-1"}, "office": {"administration": "CN", "code": "0603"}, "at": "2026-03-01T02:07:00Z", "control": "XRAY", "outcome": "CONFORM",
  "attachments": [%s]}}`, id, strings.Join(attachments, ","))
	s, err := w.cn.Submit(w.t.Context(), post, flow.Submission{MediaType: flow.JSON, Content: []byte(text)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// tell hands in a scan and has the result of a control that names it accepted by Russia, whose gateway takes
// what its configuration says.
func (w *world) tell(content []byte) store.Submission {
	w.t.Helper()
	w.ru.AttachmentTerms = map[gateway.Administration]flow.AttachmentTerms{"CN": {Kinds: []string{"SCAN"}, Each: 4 << 20, Total: 8 << 20, Retention: 48 * time.Hour}}
	w.handIn(content)
	s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
	if s.State != gateway.Sent {
		w.t.Fatalf("%s: %v", s.State, s.Faults)
	}
	w.deliver()
	return s
}

// status is how the only attachment of a message stands at a gateway.
func (w *world) status(g *flow.Gateway, id gateway.MessageID) flow.AttachmentStatus {
	w.t.Helper()
	all, err := g.AttachmentsSent(w.t.Context(), id)
	if g == w.ru {
		all, err = g.AttachmentsReceived(w.t.Context(), store.Inbound{ID: id, Sender: "CN"})
	}
	if err != nil || len(all) != 1 {
		w.t.Fatalf("attachments %v, %v", all, err)
	}
	return all[0]
}

func (w *world) fetch() {
	w.t.Helper()
	if err := w.ru.FetchDue(context.Background(), "CN"); err != nil {
		w.t.Fatal(err)
	}
}

// take reads an attachment as the national system does.
func (w *world) take(id gateway.MessageID, digest gateway.Digest, offset int64) ([]byte, error) {
	var got bytes.Buffer
	err := w.ru.ReadAttachment(w.t.Context(), flow.Caller{URI: "customs://RU/system/national"}, "CN", id, digest, offset, func(_ store.Attachment, at int64, content []byte) error {
		if at != offset+int64(got.Len()) {
			w.t.Errorf("bytes at %d behind %d", at, offset+int64(got.Len()))
		}
		got.Write(content)
		return nil
	})
	return got.Bytes(), err
}

func faultCodesOf(err error) (codes []gateway.Code) {
	var faults gateway.Faults
	errors.As(err, &faults)
	for _, f := range faults {
		codes = append(codes, f.Code)
	}
	return codes
}

// TestAttachmentComesWholeOverABrokenLine: the line breaks after each piece; it goes on behind the last on disk,
// and what the national system takes is what the post has handed in.
func TestAttachmentComesWholeOverABrokenLine(t *testing.T) {
	w := newWorld(t)
	content := scan(3*store.ChunkBytes + 17)
	s := w.tell(content)
	line := w.ru.Links["CN"].(*wire)
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentComing || st.Received != 0 {
		t.Errorf("before it is fetched: %s, %d", st.State, st.Received)
	}
	for range 3 {
		line.breakAfter = 2
		before := w.status(w.ru, s.MessageID).Received
		w.fetch()
		if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentComing || st.Received != before+store.ChunkBytes || st.Fault == nil || st.Fault.Code != gateway.AttachmentUnreached {
			t.Errorf("after the line broke: %s, %d of %d, %v", st.State, st.Received, st.Size, st.Fault)
		}
		if _, err := w.take(s.MessageID, gateway.DigestOf(content), 0); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentComing}) {
			t.Errorf("taken too soon: %v", err)
		}
		w.clock.add(flow.MaxAttachmentRetry)
	}
	line.breakAfter = 0
	w.fetch()
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentHere || st.Fault != nil {
		t.Fatalf("%s, %v", st.State, st.Fault)
	}
	for _, offset := range []int{0, 1, store.ChunkBytes, store.ChunkBytes + 1, len(content)} {
		if got, err := w.take(s.MessageID, gateway.DigestOf(content), int64(offset)); err != nil || !bytes.Equal(got, content[offset:]) {
			t.Errorf("from %d on: %d bytes, %v", offset, len(got), err)
		}
	}
	if st := w.status(w.cn, s.MessageID); st.State != flow.AttachmentHandedOver {
		t.Errorf("at China it is %s", st.State)
	}
}

// TestWhatIsNotTheAttachmentIsRefused: a partner that sends without end, more, less, other bytes, or nothing.
func TestWhatIsNotTheAttachmentIsRefused(t *testing.T) {
	content := scan(2*store.ChunkBytes + 5)
	other := slices.Clone(content)
	other[len(other)-1]++
	for name, c := range map[string]struct {
		sends func(offset int64, yield func([]byte, error) bool)
		state string
		code  gateway.Code
	}{
		"without end": {func(_ int64, yield func([]byte, error) bool) {
			for yield(content, nil) {
			}
		}, flow.AttachmentRefused, gateway.AttachmentLong},
		"one byte more": {func(offset int64, yield func([]byte, error) bool) {
			yield(append(slices.Clone(content), 0)[offset:], nil)
		}, flow.AttachmentRefused, gateway.AttachmentLong},
		"other bytes": {func(offset int64, yield func([]byte, error) bool) { yield(other[offset:], nil) }, flow.AttachmentRefused, gateway.AttachmentOther},
		"less":        {func(offset int64, yield func([]byte, error) bool) { yield(content[offset:len(content)-1], nil) }, flow.AttachmentComing, gateway.AttachmentShort},
		"empty parts": {func(_ int64, yield func([]byte, error) bool) {
			for range 1000 {
				yield(nil, nil)
			}
		}, flow.AttachmentComing, gateway.AttachmentShort},
		"nothing":   {func(int64, func([]byte, error) bool) {}, flow.AttachmentComing, gateway.AttachmentShort},
		"a refusal": {func(_ int64, yield func([]byte, error) bool) { yield(nil, errors.New("no")) }, flow.AttachmentComing, gateway.AttachmentUnreached},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.tell(content)
			w.ru.Links["CN"].(*wire).spoilBytes = c.sends
			w.fetch()
			st := w.status(w.ru, s.MessageID)
			if c.code == gateway.AttachmentOther { // one byte may have changed on the way: it is fetched once more
				if st.State != flow.AttachmentComing || st.Received != 0 || st.Fault == nil || st.Fault.Code != c.code {
					t.Fatalf("%s, %d bytes, %v", st.State, st.Received, st.Fault)
				}
				w.clock.add(flow.MaxAttachmentRetry)
				w.fetch()
				st = w.status(w.ru, s.MessageID)
			}
			if st.State != c.state || st.Fault == nil || st.Fault.Code != c.code {
				t.Fatalf("%s, %v", st.State, st.Fault)
			}
			if st.Received > st.Size || c.state == flow.AttachmentRefused && st.Received != 0 {
				t.Errorf("%d of %d bytes are kept", st.Received, st.Size)
			}
			if c.state == flow.AttachmentRefused {
				if _, err := w.take(s.MessageID, st.Digest, 0); !slices.Equal(faultCodesOf(err), []gateway.Code{c.code}) {
					t.Errorf("taken: %v", err)
				}
				return
			}
			w.ru.Links["CN"].(*wire).spoilBytes = nil
			w.clock.add(flow.MaxAttachmentRetry)
			w.fetch()
			if got, err := w.take(s.MessageID, st.Digest, 0); err != nil || !bytes.Equal(got, content) {
				t.Errorf("when the partner mends it: %d bytes, %v", len(got), err)
			}
		})
	}
}

// TestAChangedByteIsFetchedOnceMore: on the way, or on this gateway's own disk; a line that breaks meanwhile neither
// forgets that nor makes it the last time.
func TestAChangedByteIsFetchedOnceMore(t *testing.T) {
	content := scan(2*store.ChunkBytes + 5)
	other := slices.Clone(content)
	other[store.ChunkBytes+7] ^= 1
	w := newWorld(t)
	s := w.tell(content)
	line := w.ru.Links["CN"].(*wire)
	line.spoilBytes = func(offset int64, yield func([]byte, error) bool) { yield(other[offset:], nil) }
	w.fetch()
	for _, sends := range []func(int64, func([]byte, error) bool){
		func(_ int64, yield func([]byte, error) bool) { yield(nil, errors.New("no")) },
		func(offset int64, yield func([]byte, error) bool) {
			if yield(content[offset:store.ChunkBytes], nil) {
				yield(nil, errors.New("reset"))
			}
		},
	} {
		line.spoilBytes = sends
		w.clock.add(flow.MaxAttachmentRetry)
		w.fetch()
		if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentComing || st.Fault == nil || st.Fault.Code != gateway.AttachmentOther {
			t.Fatalf("%s, %v", st.State, st.Fault)
		}
	}
	line.spoilBytes = nil
	w.clock.add(flow.MaxAttachmentRetry)
	w.fetch()
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentHere || st.Fault != nil {
		t.Fatalf("%s, %v", st.State, st.Fault)
	}
	if got, err := w.take(s.MessageID, gateway.DigestOf(content), 0); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestAttachmentIsHandedOutToWhomItIsFor: of another message, to another administration, of what is not named,
// and before it was handed over, it is as if there were none.
func TestAttachmentIsHandedOutToWhomItIsFor(t *testing.T) {
	w := newWorld(t)
	content := scan(100)
	w.handIn(content)
	unnamed := scan(101)
	w.handIn(unnamed)
	s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
	ask := func(to gateway.Administration, id gateway.MessageID, of []byte, offset int64) error {
		return w.cn.HandOutAttachment(t.Context(), "customs://"+string(to)+"/gateway/1", []gateway.Administration{to}, id, gateway.DigestOf(of), offset, func(store.Attachment, int64, []byte) error { return nil })
	}
	if err := ask("RU", s.MessageID, content, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before it was handed over: %v", err)
	}
	w.deliver()
	for name, err := range map[string]error{
		"another administration": ask("KZ", s.MessageID, content, 0),
		"another message":        ask("RU", "00000000-0000-4000-8000-000000000009", content, 0),
		"what it does not name":  ask("RU", s.MessageID, unnamed, 0),
		"what nobody has":        ask("RU", s.MessageID, scan(102), 0),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, offset := range []int64{-1, 101, 1 << 62} {
		if err := ask("RU", s.MessageID, content, offset); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentOffset}) {
			t.Errorf("from %d on: %v", offset, err)
		}
	}
	if err := ask("RU", s.MessageID, content, 100); err != nil || w.status(w.cn, s.MessageID).State != flow.AttachmentHere {
		t.Errorf("the end alone: %v, %s", err, w.status(w.cn, s.MessageID).State)
	}
	if err := ask("RU", s.MessageID, content, 0); err != nil {
		t.Error(err)
	}
}

// TestADocumentNamesWhatItsOfficeHasHandedIn: each that is missing, not whole, or something else is told at its
// place; when it is there the same document goes.
func TestADocumentNamesWhatItsOfficeHasHandedIn(t *testing.T) {
	w := newWorld(t)
	content, half := scan(300), scan(2*store.ChunkBytes)
	w.handIn(content)
	p := pieceOf(half, 0)
	p.Content = p.Content[:store.ChunkBytes]
	if _, err := w.cn.PutAttachment(t.Context(), post, p); err != nil {
		t.Fatal(err)
	}
	digest := gateway.DigestOf(content)
	s := w.inspection("C-1",
		attached("a.png", "SCAN", "image/png", 301, digest),
		attached("b.png", "SCAN", "image/png", len(half), gateway.DigestOf(half)),
		attached("c.jpg", "VEHICLE", "image/jpeg", 7, gateway.DigestOf([]byte("c"))),
		attached("d.jpg", "SCAN", "image/jpeg", 7, gateway.DigestOf([]byte("d"))))
	var got []string
	for _, f := range s.Faults {
		if f.Severity == gateway.Error {
			got = append(got, string(f.Code)+" "+f.Path)
		}
	}
	want := []string{"ATTACHMENT_DIFFERS attachments[0].size", "ATTACHMENT_MISSING attachments[1].sha256", "ATTACHMENT_MISSING attachments[3].sha256"}
	if s.State != gateway.Faulty || !slices.Equal(got, want) {
		t.Errorf("%s: %v", s.State, got)
	}
	s = w.inspection("C-1", attached("a.png", "SCAN", "image/jpeg", 300, digest))
	if len(s.Faults) != 1 || s.Faults[0].Code != gateway.AttachmentDiffers || s.Faults[0].Path != "attachments[0].mediaType" {
		t.Errorf("%s: %v", s.State, s.Faults)
	}
	if s = w.inspection("C-1", attached("a.png", "SCAN", "image/png", 300, digest)); s.State != gateway.Sent {
		t.Errorf("%s: %v", s.State, s.Faults)
	}
}

// TestPiecesOfAnAttachment: what is taken of what an office hands in, and what is there then.
func TestPiecesOfAnAttachment(t *testing.T) {
	content := scan(2*store.ChunkBytes + 9)
	piece := func(offset, n int) flow.Piece {
		p := pieceOf(content, offset)
		p.Content = p.Content[:n]
		return p
	}
	with := func(p flow.Piece, change func(*flow.Piece)) flow.Piece {
		change(&p)
		return p
	}
	first := piece(0, store.ChunkBytes)
	for name, c := range map[string]struct {
		then flow.Piece // after the first piece
		code gateway.Code
		has  int64
	}{
		"the next":           {piece(store.ChunkBytes, store.ChunkBytes+9), "", int64(len(content))},
		"the same again":     {first, gateway.AttachmentOffset, store.ChunkBytes},
		"beyond":             {piece(2*store.ChunkBytes, 9), gateway.AttachmentOffset, store.ChunkBytes},
		"no whole piece":     {piece(store.ChunkBytes, 100), gateway.AttachmentPiece, store.ChunkBytes},
		"nothing":            {piece(store.ChunkBytes, 0), gateway.AttachmentPiece, store.ChunkBytes},
		"more than it has":   {with(piece(store.ChunkBytes, store.ChunkBytes+9), func(p *flow.Piece) { p.Size-- }), gateway.AttachmentPiece, store.ChunkBytes},
		"before its start":   {with(first, func(p *flow.Piece) { p.Offset = -store.ChunkBytes }), gateway.AttachmentPiece, store.ChunkBytes},
		"another size":       {with(piece(store.ChunkBytes, store.ChunkBytes), func(p *flow.Piece) { p.Size++ }), gateway.AttachmentDiffers, store.ChunkBytes},
		"another type":       {with(piece(store.ChunkBytes, store.ChunkBytes), func(p *flow.Piece) { p.MediaType = "image/jpeg" }), gateway.AttachmentType, store.ChunkBytes},
		"anew, other size":   {with(first, func(p *flow.Piece) { p.Size++ }), "", store.ChunkBytes},
		"more than is let":   {with(first, func(p *flow.Piece) { p.Size = 16<<20 + 1 }), gateway.AttachmentTooLarge, store.ChunkBytes},
		"more than there is": {with(first, func(p *flow.Piece) { p.Size = 1<<63 - 1 }), gateway.AttachmentTooLarge, store.ChunkBytes},
		"other bytes":        {with(piece(store.ChunkBytes, store.ChunkBytes+9), func(p *flow.Piece) { p.Content = make([]byte, len(p.Content)) }), gateway.AttachmentDigest, -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.cn.PutAttachment(t.Context(), post, first); err != nil {
				t.Fatal(err)
			}
			_, err := w.cn.PutAttachment(t.Context(), post, c.then)
			if codes := faultCodesOf(err); (c.code == "") != (err == nil) || c.code != "" && !slices.Equal(codes, []gateway.Code{c.code}) {
				t.Errorf("%v, want %s", err, c.code)
			}
			a, err := w.cn.Upload(t.Context(), post, first.Digest)
			if c.has < 0 && !errors.Is(err, store.ErrNotFound) || c.has >= 0 && (err != nil || a.Received != c.has) {
				t.Errorf("%d are there, %v", a.Received, err)
			}
			if _, err := w.cn.Upload(t.Context(), flow.Caller{Office: "1925"}, first.Digest); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another office sees it: %v", err)
			}
		})
	}
	w := newWorld(t)
	for name, p := range map[string]struct {
		content   []byte
		mediaType string
	}{"a program": {[]byte("MZ\x90\x00 program"), ""}, "a program called an image": {[]byte("MZ\x90\x00 program"), "image/png"}, "an image called another": {scan(50), "image/tiff"}, "a page": {[]byte("<svg onload=alert(1)>"), "image/svg+xml"}} {
		at := pieceOf(p.content, 0)
		at.MediaType = p.mediaType
		if _, err := w.cn.PutAttachment(t.Context(), post, at); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentType}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.cn.PutAttachment(t.Context(), flow.Caller{URI: "customs://CN/office/0705/post/1", Office: "0705"}, first); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentNone}) {
		t.Errorf("of an office whose routes release none: %v", err)
	}
	for i := range flow.MaxUnnamed {
		w.handIn(scan(1000 + i))
	}
	if _, err := w.cn.PutAttachment(t.Context(), post, first); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentsUnnamed}) {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.cn.PutAttachment(t.Context(), flow.Caller{URI: "customs://CN/office/1925/post/1", Office: "1925"}, first); err != nil {
		t.Errorf("of another office: %v", err)
	}
	w.clock.add(flow.UnnamedFor)
	if err := w.cn.EraseAttachments(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cn.PutAttachment(t.Context(), post, first); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestAttachmentsAreErasedByTheirRules: at each side by its own; what is asked for later is told the rule.
func TestAttachmentsAreErasedByTheirRules(t *testing.T) {
	w := newWorld(t)
	content := scan(store.ChunkBytes + 1)
	s := w.tell(content)
	w.fetch()
	erase := func(g *flow.Gateway) {
		t.Helper()
		if err := g.EraseAttachments(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.add(47 * time.Hour)
	erase(w.ru)
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentHere {
		t.Errorf("too soon: %s", st.State)
	}
	w.clock.add(time.Hour)
	erase(w.ru)
	st := w.status(w.ru, s.MessageID)
	if st.State != flow.AttachmentErased || st.Rule != "partner CN: 48h0m0s" {
		t.Errorf("%s by %q", st.State, st.Rule)
	}
	if _, err := w.take(s.MessageID, st.Digest, 0); !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentGone}) {
		t.Errorf("taken: %v", err)
	}
	if st := w.status(w.cn, s.MessageID); st.State != flow.AttachmentHandedOver {
		t.Errorf("at China: %s", st.State)
	}
	w.clock.add(90 * 24 * time.Hour)
	erase(w.cn)
	if st := w.status(w.cn, s.MessageID); st.State != flow.AttachmentErased || st.Rule != "route cn-ru-inspection" {
		t.Errorf("at China: %s by %q", st.State, st.Rule)
	}
	err := w.cn.HandOutAttachment(t.Context(), "customs://RU/gateway/1", []gateway.Administration{"RU"}, s.MessageID, st.Digest, 0, nil)
	if !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentGone}) {
		t.Errorf("asked by the partner: %v", err)
	}
	rows, err := w.cn.Store.Read().Audit(t.Context(), 0, 100)
	if err != nil || !slices.ContainsFunc(rows, func(r store.AuditRow) bool {
		return r.Digest == st.Digest && strings.HasPrefix(r.Event, "erased by rule route cn-ru-inspection on 2026-05-30T")
	}) {
		t.Errorf("the audit trail does not say so: %v, %v", rows[len(rows)-1], err)
	}
	if _, err := w.cn.Store.Read().Chunk(t.Context(), store.Attachment{Door: store.DoorSubmit, Party: "0603", Digest: st.Digest}, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("bytes are there still: %v", err)
	}
}

// TestAConfigurationThatSaysNothingFetchesNothing: nor kinds, sizes and sums beyond what it says.
func TestAConfigurationThatSaysNothingFetchesNothing(t *testing.T) {
	content := scan(2 << 20)
	for name, c := range map[string]struct {
		terms flow.AttachmentTerms
		code  gateway.Code
	}{
		"nothing":      {flow.AttachmentTerms{}, gateway.AttachmentDenied},
		"another kind": {flow.AttachmentTerms{Kinds: []string{"ACT"}, Each: 4 << 20, Total: 4 << 20, Retention: time.Hour}, gateway.AttachmentDenied},
		"less each":    {flow.AttachmentTerms{Kinds: []string{"SCAN"}, Each: 1 << 20, Total: 4 << 20, Retention: time.Hour}, gateway.AttachmentTooLarge},
		"the second":   {flow.AttachmentTerms{Kinds: []string{"SCAN"}, Each: 4 << 20, Total: 2<<20 + 99, Retention: time.Hour}, ""},
		"less in all":  {flow.AttachmentTerms{Kinds: []string{"SCAN"}, Each: 4 << 20, Total: 2<<20 - 1, Retention: time.Hour}, gateway.AttachmentsFull},
	} {
		w := newWorld(t)
		w.ru.AttachmentTerms = map[gateway.Administration]flow.AttachmentTerms{"CN": c.terms}
		w.handIn(content)
		if c.code == "" { // there is room for one of two
			small := scan(100)
			w.handIn(small)
			s := w.inspection("C-2", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)), attached("small.png", "SCAN", "image/png", 100, gateway.DigestOf(small)))
			w.deliver()
			w.fetch()
			all, err := w.ru.AttachmentsReceived(t.Context(), store.Inbound{ID: s.MessageID, Sender: "CN"})
			if err != nil || len(all) != 2 || all[0].State != flow.AttachmentHere || all[1].State != flow.AttachmentDenied || all[1].Fault.Code != gateway.AttachmentsFull {
				t.Errorf("%s: %v, %v", name, all, err)
			}
			continue
		}
		s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
		w.deliver()
		w.fetch()
		if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentDenied || st.Fault == nil || st.Fault.Code != c.code {
			t.Errorf("%s: %s, %v", name, st.State, st.Fault)
		}
		if m := w.message(s.MessageID); m.State != gateway.Accepted {
			t.Errorf("%s: the message is %s", name, m.State)
		}
	}
}

// TestASilentPartnerIsLeft: one that sends nothing is left after the time that a piece may take, and asked again.
func TestASilentPartnerIsLeft(t *testing.T) {
	w := newWorld(t)
	content := scan(100)
	s := w.tell(content)
	line := w.ru.Links["CN"].(*wire)
	line.silent = true
	w.ru.HurryPieces(time.Millisecond)
	w.fetch()
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentComing || st.Fault == nil || st.Fault.Code != gateway.AttachmentUnreached {
		t.Fatalf("%s, %v", st.State, st.Fault)
	}
	line.silent = false
	w.ru.HurryPieces(flow.PieceTimeout)
	w.clock.add(flow.MaxAttachmentRetry)
	w.fetch()
	if st := w.status(w.ru, s.MessageID); st.State != flow.AttachmentHere {
		t.Errorf("%s, %v", st.State, st.Fault)
	}
}

// TestParallelFetchersFetchByThemselves: as soon as a message is accepted that names an attachment, it comes, however often the
// line breaks first; nothing is left running.
func TestParallelFetchersFetchByThemselves(t *testing.T) {
	w := newWorld(t)
	content := scan(3*store.ChunkBytes + 1)
	w.ru.Links["CN"].(*wire).breakAfter = 2
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.ru.Run(ctx)
	}()
	s := w.tell(content)
	changed := w.ru.Store.Changed()
	for w.status(w.ru, s.MessageID).State != flow.AttachmentHere {
		if st := w.status(w.ru, s.MessageID); st.Fault != nil {
			w.clock.add(flow.MaxAttachmentRetry) // it is due again
		}
		select {
		case <-changed:
			changed = w.ru.Store.Changed()
		case <-t.Context().Done():
			t.Fatal("it does not come")
		}
	}
	stop()
	<-done
	if got, err := w.take(s.MessageID, gateway.DigestOf(content), 0); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestWhatWasLeftBeforeItWasProvenIsProven: all bytes are on disk when a process ends before it has held them to their
// digest. The next one does, of what is fetched by itself, and of what is handed in when it is asked.
func TestWhatWasLeftBeforeItWasProvenIsProven(t *testing.T) {
	for _, broken := range []bool{false, true} {
		w := newWorld(t)
		content := scan(store.ChunkBytes + 7)
		s := w.tell(content)
		left := slices.Clone(content)
		if broken {
			left[9]++
		}
		leave := func(g *flow.Gateway, a store.Attachment) {
			t.Helper()
			a.State, a.Received, a.Created = store.AttachmentComing, a.Size, w.clock.Now()
			if _, err := g.Store.Do(t.Context(), func(tx *store.Tx) error {
				return errors.Join(tx.PutAttachment(a), tx.PutChunk(a, 0, left[:store.ChunkBytes]), tx.PutChunk(a, 1, left[store.ChunkBytes:]), tx.Audit("test", "left", "", a.Digest))
			}); err != nil {
				t.Fatal(err)
			}
		}
		a, err := w.ru.Store.Read().Attachment(t.Context(), store.DoorPeer, "CN", gateway.DigestOf(content))
		if err != nil {
			t.Fatal(err)
		}
		leave(w.ru, a)
		w.ru.Links["CN"].(*wire).spoilBytes = func(int64, func([]byte, error) bool) { t.Error("it is asked for again") }
		w.fetch()
		if st := w.status(w.ru, s.MessageID); st.State != map[bool]string{false: flow.AttachmentHere, true: flow.AttachmentRefused}[broken] {
			t.Errorf("broken %v: fetched %s, %v", broken, st.State, st.Fault)
		}
		other := scan(store.ChunkBytes + 7)
		leave(w.cn, store.Attachment{Door: store.DoorSubmit, Party: "1925", Digest: gateway.DigestOf(other), MediaType: "image/png", Size: int64(len(other)), Until: w.clock.Now().Add(time.Hour)})
		end := flow.Piece{Digest: gateway.DigestOf(other), Size: int64(len(other)), Offset: int64(len(other))}
		a, err = w.cn.PutAttachment(t.Context(), flow.Caller{URI: "customs://CN/office/1925/post/1", Office: "1925"}, end)
		if broken != (err != nil) || !broken && a.State != store.AttachmentHere {
			t.Errorf("broken %v: handed in %s, %v", broken, a.State, err)
		}
	}
}

// TestParallelTwoHandTheSameIn: two callers of one office hand the same file in at once; each goes on where the other is, and in
// the end it is there once, whole.
func TestParallelTwoHandTheSameIn(t *testing.T) {
	w := newWorld(t)
	content := scan(5 * store.ChunkBytes)
	digest := gateway.DigestOf(content)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				a, err := w.cn.Upload(t.Context(), post, digest)
				if err == nil && a.State == store.AttachmentHere {
					return
				}
				p := pieceOf(content, int(a.Received))
				p.Content = p.Content[:min(len(p.Content), store.ChunkBytes)]
				if _, err := w.cn.PutAttachment(t.Context(), post, p); err != nil && !slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentOffset}) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), digest)); s.State != gateway.Sent {
		t.Errorf("%s: %v", s.State, s.Faults)
	}
	rows, err := w.cn.Store.Read().Audit(t.Context(), 0, 100)
	n := 0
	for _, r := range rows {
		if r.Event == "attachment handed in" {
			n++
		}
	}
	if err != nil || n != 1 {
		t.Errorf("it was handed in %d times, %v", n, err)
	}
}

// TestWhatAHeldDocumentNamesIsKept: a document waits for a supervisor longer than what no submission names is kept. When it is
// ruled on it goes, with its scan; one that is refused, or not ruled on, keeps nothing.
func TestWhatAHeldDocumentNamesIsKept(t *testing.T) {
	for verdict, want := range map[string]gateway.SubmissionState{flow.NoPrice: gateway.Sent, flow.Refuse: gateway.Faulty} {
		w := newWorld(t)
		w.clock.add(-time.Hour)
		content := scan(200)
		w.handIn(content)
		w.clock.add(flow.UnnamedFor - time.Hour)
		text := fmt.Sprintf(`{"envelope": {"documentId": "C-1", "issued": "2026-03-01T02:07:00Z", "function": "ORIGINAL"},
 "inspectionResult": {"subject": {"id": "B-1"}, "office": {"administration": "CN", "code": "0603"}, "at": "2026-03-01T02:07:00Z", "control": "XRAY", "outcome": "CONFORM",
  "documents": [{"kind": "380", "id": "INV-1", "name": [{"language": "en", "value": "invoice, unit price USD3.20"}]}],
  "attachments": [%s]}}`, attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
		s, err := w.cn.Submit(t.Context(), post, flow.Submission{MediaType: flow.JSON, Content: []byte(text)})
		if err != nil || s.State != gateway.Held {
			t.Fatalf("%s: %v, %v", s.State, s.Faults, err)
		}
		w.clock.add(2 * time.Hour)
		if err := w.cn.EraseAttachments(t.Context()); err != nil {
			t.Fatal(err)
		}
		boss := flow.Caller{URI: "customs://CN/office/0603/supervisor/1", Office: "0603"}
		s, err = w.cn.Rule(t.Context(), boss, "0603", "C-1", flow.Decision{Verdict: verdict, Reason: "looked at the papers"})
		if err != nil || s.State != want {
			t.Errorf("%s: %s, %v, %v", verdict, s.State, s.Faults, err)
		}
		w.clock.add(flow.RulingTime + flow.UnnamedFor)
		if err := w.cn.EraseAttachments(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.cn.Upload(t.Context(), post, gateway.DigestOf(content)); (err == nil) != (want == gateway.Sent) {
			t.Errorf("%s: then %v", verdict, err)
		}
	}
}

// TestAPartnerThatSignsNothingHasItsAttachments: before it is fetched there is nothing; then, and when the partner has
// acknowledged it without a signature, there is.
func TestAPartnerThatSignsNothingHasItsAttachments(t *testing.T) {
	w := fetching(t, flow.Fetches{Plain: true})
	content := scan(100)
	w.handIn(content)
	s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
	ask := func() error {
		return w.cn.HandOutAttachment(t.Context(), russia.URI, russia.Speaks, s.MessageID, gateway.DigestOf(content), 0, func(store.Attachment, int64, []byte) error { return nil })
	}
	if err := ask(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before it is fetched: %v", err)
	}
	w.subscribes(russia, store.FetchFilter{})
	got := w.fetched(russia, 0)
	if err := ask(); err != nil {
		t.Errorf("fetched: %v", err)
	}
	must(w.receipted(russia, got.Lease, flow.Receipted{ID: s.MessageID, Payload: got.Messages[0].Message.PayloadDigest}))(t)
	if err := ask(); err != nil || w.message(s.MessageID).State != gateway.Unsigned {
		t.Errorf("%s: %v", w.message(s.MessageID).State, err)
	}
}

// TestWhatIsMadeAnewHasItsAttachments: under its own id they are handed out to the partner, as long as the route keeps
// them for the message that it stands for.
func TestWhatIsMadeAnewHasItsAttachments(t *testing.T) {
	w := newWorld(t)
	content := scan(100)
	w.ru.AttachmentTerms = map[gateway.Administration]flow.AttachmentTerms{"CN": {Kinds: []string{"SCAN"}, Each: 4 << 20, Total: 8 << 20, Retention: 48 * time.Hour}}
	w.handIn(content)
	s := w.inspection("C-1", attached("scan.png", "SCAN", "image/png", len(content), gateway.DigestOf(content)))
	until := w.status(w.cn, s.MessageID).Until
	w.out.trouble = func(int) error { return &peer.NotSentError{Cause: errors.New("refused")} }
	w.deliver()
	w.clock.add(w.message(s.MessageID).ValidUntil.Sub(w.clock.Now()) + 1)
	w.deliver()
	w.out.trouble = nil
	made, err := w.cn.Repair(t.Context(), anna, s.MessageID)
	if err != nil {
		t.Fatal(err)
	}
	if st := w.status(w.cn, made.ID); st.Name != "scan.png" || !st.Until.Equal(until) {
		t.Errorf("made anew: %+v", st)
	}
	w.deliver()
	w.fetch()
	if st := w.status(w.ru, made.ID); st.State != flow.AttachmentHere {
		t.Errorf("at Russia: %s, %v", st.State, st.Fault)
	}
}

// TestWhatIsKeptLongerStays: for a message that names it, or for one that is held, whatever names it beside them.
func TestWhatIsKeptLongerStays(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		was, want store.Attachment
		until     time.Time
	}{
		"named now":                      {store.Attachment{Until: now, Rule: flow.UnnamedRule}, store.Attachment{Until: now.Add(1), Rule: "route b", Named: true}, now.Add(1)},
		"named longer":                   {store.Attachment{Until: now, Rule: "route a", Named: true}, store.Attachment{Until: now.Add(1), Rule: "route b", Named: true}, now.Add(1)},
		"named, and by another longer":   {store.Attachment{Until: now, Rule: "route a", Named: true}, store.Attachment{Until: now, Rule: "route a", Named: true}, now.Add(-1)},
		"held":                           {store.Attachment{Until: now, Rule: flow.UnnamedRule}, store.Attachment{Until: now, Rule: "route b", Named: true}, now.Add(-1)},
		"held, and by another named too": {store.Attachment{Until: now, Rule: flow.UnnamedRule, Named: true}, store.Attachment{Until: now, Rule: "route b", Named: true}, now.Add(-1)},
	} {
		got := c.was
		flow.Keep(&got, c.until, "route b")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhatBeginsAnewHasNoRoomBeyondItsOffices: an upload that begins small and again large counts as large.
func TestWhatBeginsAnewHasNoRoomBeyondItsOffices(t *testing.T) {
	w := newWorld(t)
	const large = 16 << 20
	var all []flow.Piece
	for i := range flow.MaxUnnamedBytes/large + 1 {
		p := pieceOf(scan(store.ChunkBytes+1+i), 0)
		p.Content = p.Content[:store.ChunkBytes]
		all = append(all, p)
		must(w.cn.PutAttachment(t.Context(), post, p))(t)
	}
	for i, p := range all {
		p.Size = large
		_, err := w.cn.PutAttachment(t.Context(), post, p)
		if full := i >= len(all)-2; full != slices.Equal(faultCodesOf(err), []gateway.Code{gateway.AttachmentsUnnamed}) || !full && err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if a, err := w.cn.Upload(t.Context(), post, all[len(all)-1].Digest); err != nil || a.Received != store.ChunkBytes {
		t.Errorf("of what was refused %d bytes are there, %v", a.Received, err)
	}
}
