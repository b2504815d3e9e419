package store

import (
	"context"
	"errors"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// ChunkBytes is how many bytes of an attachment stand in one row; in the last there may be fewer.
const ChunkBytes = 256 << 10

// MaxAttachmentUses is how many attachments of messages with one id are read: one document names 20 at most,
// and only messages of different partners have the same id.
const MaxAttachmentUses = 400

// AttachmentState says how far the bytes of an attachment have come.
type AttachmentState string

// The states of an attachment.
const (
	AttachmentComing  AttachmentState = "coming"  // bytes are missing; whoever uploads it goes on, or the gateway that fetches it does after a crash
	AttachmentHere    AttachmentState = "here"    // whole, and proven by its digest
	AttachmentRefused AttachmentState = "refused" // for good: what came was not what its document says; there are no bytes
	AttachmentErased  AttachmentState = "erased"  // by a rule; there are no bytes any more
)

// Attachment is an image or a scan: one that an office of ours uploads, by DoorSubmit, or one that is fetched
// from a partner, by DoorPeer.
type Attachment struct {
	Door      string
	Party     string // office or administration
	Digest    gateway.Digest
	MediaType string
	Size      int64 // in bytes
	Received  int64 // bytes that are on disk, from the first
	State     AttachmentState
	Reason    gateway.Code // why it was refused, or why the last attempt to fetch it brought nothing
	Created   time.Time
	Caller    string            // who uploads it
	Message   gateway.MessageID // by which it is fetched
	Changed   time.Time
	Named     bool      // by a message
	Until     time.Time // when its bytes are erased; zero: there are none
	Rule      string    // that says so
	Tries     int       // attempts to fetch it that failed, since the last that brought bytes
	NextTry   time.Time
	Claim     Claim // whose it is to fetch it
	Commit    gateway.Commit
}

// AttachmentUse says that a message names an attachment, and how.
type AttachmentUse struct {
	Door       string
	Party      string
	Message    gateway.MessageID
	Digest     gateway.Digest
	Number     int // its place in the document, from 0
	Name       string
	Kind       string
	MediaType  string
	Size       int64
	Denied     gateway.Code // why it is not fetched; empty: it is
	Until      time.Time    // as long as it is kept for this message
	HandedOver time.Time    // when the partner was sent its last byte
	Commit     gateway.Commit
}

// PutAttachment stores an attachment without its bytes, whoever has claimed it.
func (t *Tx) PutAttachment(a Attachment) error {
	return put("attachment", t.q.PutAttachment(within, rows.PutAttachmentParams{
		Door: a.Door, Party: a.Party, Digest: a.Digest[:], MediaType: a.MediaType, Size: a.Size, Received: a.Received, State: string(a.State), Reason: string(a.Reason),
		Created: formatTime(a.Created), Caller: a.Caller, MessageID: string(a.Message), Changed: formatTime(a.Changed), Named: a.Named, Until: formatTime(a.Until), Rule: a.Rule,
		Tries: int64(a.Tries), NextTry: formatTime(a.NextTry), CommitNo: int64(t.Commit),
	}))
}

// SetAttachment stores how far an attachment that is coming has come, under the claim that it was fetched by.
// What is not the claim's any more, or comes no more, is refused with ErrTaken.
func (t *Tx) SetAttachment(a Attachment) error {
	return changed("attachment", ErrTaken)(t.q.SetAttachment(within, rows.SetAttachmentParams{
		Received: a.Received, State: string(a.State), Reason: string(a.Reason), Changed: formatTime(a.Changed), Until: formatTime(a.Until),
		Tries: int64(a.Tries), NextTry: formatTime(a.NextTry), CommitNo: int64(t.Commit),
		Door: a.Door, Party: a.Party, Digest: a.Digest[:], Owner: a.Claim.Owner, Token: a.Claim.Token,
	}))
}

// PutChunk stores one piece of an attachment, from 0. Nothing was decided by that: a unit of work that does
// nothing else needs no audit row.
func (t *Tx) PutChunk(a Attachment, number int64, piece []byte) error {
	t.silent = true
	return put("attachment", t.q.PutAttachmentChunk(within, rows.PutAttachmentChunkParams{
		Door: a.Door, Party: a.Party, Digest: a.Digest[:], Number: number, Bytes: piece,
	}))
}

// NoteAttempt stores how an attempt to fetch an attachment ended that brought nothing, as SetAttachment does. It
// needs no audit row.
func (t *Tx) NoteAttempt(a Attachment) error {
	t.silent = true
	return t.SetAttachment(a)
}

// DropChunks takes an attachment's bytes away.
func (t *Tx) DropChunks(a Attachment) error {
	return put("attachment", t.q.DropAttachmentChunks(within, rows.DropAttachmentChunksParams{Door: a.Door, Party: a.Party, Digest: a.Digest[:]}))
}

// DropAttachment takes an attachment away that no message names.
func (t *Tx) DropAttachment(a Attachment) error {
	return errors.Join(t.DropChunks(a), put("attachment", t.q.DropAttachment(within, rows.DropAttachmentParams{Door: a.Door, Party: a.Party, Digest: a.Digest[:]})))
}

// PutAttachmentUse stores that a message names an attachment.
func (t *Tx) PutAttachmentUse(u AttachmentUse) error {
	return put("attachment", t.q.PutAttachmentUse(within, rows.PutAttachmentUseParams{
		Door: u.Door, MessageKey: gateway.FoldID(string(u.Message)), Party: u.Party, Digest: u.Digest[:], Number: int64(u.Number), Name: u.Name, Kind: u.Kind,
		MediaType: u.MediaType, Size: u.Size, Denied: string(u.Denied), Until: formatTime(u.Until), HandedOver: formatTime(u.HandedOver), CommitNo: int64(t.Commit),
	}))
}

// Attachment returns an attachment of a party.
func (r reader) Attachment(ctx context.Context, door, party string, digest gateway.Digest) (Attachment, error) {
	row, err := ask(ctx, r, "attachment", func(ctx context.Context) (rows.Attachment, error) {
		return r.q.Attachment(ctx, rows.AttachmentParams{Door: door, Party: party, Digest: digest[:]})
	})
	if err != nil {
		return Attachment{}, err
	}
	return toAttachment(row)
}

// Chunk returns one piece of an attachment, from 0.
func (r reader) Chunk(ctx context.Context, a Attachment, number int64) ([]byte, error) {
	return ask(ctx, r, "attachment", func(ctx context.Context) ([]byte, error) {
		return r.q.AttachmentChunk(ctx, rows.AttachmentChunkParams{Door: a.Door, Party: a.Party, Digest: a.Digest[:], Number: number})
	})
}

// AttachmentUses returns the attachments that messages with an id name, those of a party in the order of its
// document: of ours by DoorSubmit, of partners' by DoorPeer.
func (r reader) AttachmentUses(ctx context.Context, door string, id gateway.MessageID) ([]AttachmentUse, error) {
	found, err := ask(ctx, r, "attachments", func(ctx context.Context) ([]rows.AttachmentUse, error) {
		return r.q.AttachmentUses(ctx, rows.AttachmentUsesParams{Door: door, MessageKey: gateway.FoldID(string(id)), Limit: MaxAttachmentUses})
	})
	return all(found, err, func(row rows.AttachmentUse) (AttachmentUse, error) {
		var r reading
		u := AttachmentUse{
			Door: row.Door, Party: row.Party, Message: id, Digest: r.digest(row.Digest), Number: int(row.Number), Name: row.Name, Kind: row.Kind, MediaType: row.MediaType,
			Size: row.Size, Denied: gateway.Code(row.Denied), Until: r.time(row.Until), HandedOver: r.time(row.HandedOver), Commit: gateway.Commit(row.CommitNo),
		}
		return u, r.err("attachment")
	})
}

// AttachmentsOver returns attachments whose bytes are to be erased at an instant, the longest over first.
func (r reader) AttachmentsOver(ctx context.Context, at time.Time, limit int) ([]Attachment, error) {
	found, err := ask(ctx, r, "attachments", func(ctx context.Context) ([]rows.Attachment, error) {
		return r.q.AttachmentsOver(ctx, rows.AttachmentsOverParams{Until: formatTime(at), Limit: int32(limit)})
	})
	return all(found, err, toAttachment)
}

// AttachmentsKept counts the attachments of a party whose bytes are kept, and what all of them are to have: those
// that a message names, or those that none does. It counts up to a limit.
func (r reader) AttachmentsKept(ctx context.Context, door, party string, named bool, limit int) (number int, size int64, err error) {
	sizes, err := ask(ctx, r, "attachments", func(ctx context.Context) ([]int64, error) {
		return r.q.AttachmentsKept(ctx, rows.AttachmentsKeptParams{Door: door, Party: party, Named: named, Most: int32(limit)})
	})
	for _, n := range sizes {
		size += n
	}
	return len(sizes), size, err
}

func (r reader) attachmentsDue(ctx context.Context, of gateway.Administration, at time.Time, limit int) ([]Attachment, error) {
	found, err := ask(ctx, r, "attachments", func(ctx context.Context) ([]rows.Attachment, error) {
		return r.q.AttachmentsDue(ctx, rows.AttachmentsDueParams{Party: string(of), Owner: r.owner, At: formatTime(at), Most: int32(limit)})
	})
	return all(found, err, toAttachment)
}

// AttachmentsDue returns attachments that are to be fetched from a partner at an instant and are this process's to
// fetch, those that have waited longest first. What is nobody's it claims.
func (s *Store) AttachmentsDue(ctx context.Context, of gateway.Administration, at time.Time, limit int) ([]Attachment, error) {
	due, err := s.Read().attachmentsDue(ctx, of, at, limit)
	if err != nil || s.claims == nil || len(due) >= limit {
		return due, err
	}
	n, err := s.claim(ctx, claimAttachments, s.owner, string(of), formatTime(at), limit-len(due))
	if err != nil || n == 0 {
		return due, err
	}
	return s.Read().attachmentsDue(ctx, of, at, limit)
}

func toAttachment(row rows.Attachment) (Attachment, error) {
	var r reading
	a := Attachment{
		Door: row.Door, Party: row.Party, Digest: r.digest(row.Digest), MediaType: row.MediaType, Size: row.Size, Received: row.Received,
		State: AttachmentState(row.State), Reason: gateway.Code(row.Reason), Created: r.time(row.Created), Caller: row.Caller, Message: gateway.MessageID(row.MessageID), Changed: r.time(row.Changed), Named: row.Named,
		Until: r.time(row.Until), Rule: row.Rule, Tries: int(row.Tries), NextTry: r.time(row.NextTry), Claim: Claim{row.Owner, row.Token}, Commit: gateway.Commit(row.CommitNo),
	}
	return a, r.err("attachment")
}
