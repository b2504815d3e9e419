package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/event"
	"customs.example/gateway/release"
	"customs.example/gateway/store"
)

// The bytes of an image or a scan never go through what reads documents. An office hands them over in pieces,
// each on disk before the next is asked for; when all are there they are held to their digest and, by their
// first bytes, to their media type. A document names what its office has handed over; what the route of the
// document releases belongs to its message from then on, and is handed out to that message's addressee, to
// nobody else, as long as the route says. What no submission names is taken away a day later.

// Bounds of what offices hand over.
const (
	// MaxPiece is how many bytes one call takes.
	MaxPiece = 4 * store.ChunkBytes
	// UnnamedFor is how long it is kept that no submission names.
	UnnamedFor = 24 * time.Hour
	// MaxUnnamed and MaxUnnamedBytes bound what one office has handed over, or begun to, and no submission names.
	MaxUnnamed      = 100
	MaxUnnamedBytes = 512 << 20
)

// The code list of media types, and its system of first bytes in hexadecimal digits, of which maxMagic at most are
// looked at.
const (
	mediaTypes = "media-type"
	magic      = "magic"
	maxMagic   = 16
)

// sniffed is the media type that the first bytes of a file say; empty: none that is taken.
func (c *Chain) sniffed(first []byte, at time.Time) string {
	lists := c.Tables.Lists()
	if !lists.HasSystem(mediaTypes, magic) {
		return ""
	}
	for n := min(len(first), maxMagic); n > 0; n-- {
		if r, err := lists.Translate(mediaTypes, magic, hex.EncodeToString(first[:n]), at, codelist.Decode); err == nil {
			return r.Code
		}
	}
	return ""
}

// Piece is some bytes of an attachment that an office hands over.
type Piece struct {
	Digest    gateway.Digest // of all bytes
	Size      int64          // how many all are
	MediaType string         // empty: what the first bytes say
	Offset    int64          // the place of the first of these
	Content   []byte
}

// largestUpload is how many bytes an attachment of an office may have: as many as any of its routes releases, and
// no more than the gateway's limit. 0: none of its routes releases any.
func (g *Gateway) largestUpload(office string) int64 {
	var most int64
	for _, rt := range g.Chain.Routes.Serving(g.Own, office, g.Now()) {
		if rt.Attachments != nil {
			most = max(most, int64(rt.Attachments.Each))
		}
	}
	return min(most, g.Budget.Limits.Attachment)
}

// unfitPiece refuses what is no piece of an attachment that the caller's office may hand over.
func (g *Gateway) unfitPiece(c Caller, p Piece) *gateway.Fault {
	refuse := func(f gateway.Fault, path string) *gateway.Fault {
		f.Path = path
		return &f
	}
	n, most := int64(len(p.Content)), g.largestUpload(c.Office)
	switch {
	case most == 0:
		return refuse(fault(gateway.AttachmentNone, c.Office, ""), "")
	case p.Size < 1 || p.Size > most:
		return refuse(fault(gateway.AttachmentTooLarge, strconv.FormatInt(p.Size, 10), strconv.FormatInt(most, 10)), "size")
	case p.Offset < 0 || p.Offset > p.Size || n > p.Size-p.Offset:
		return refuse(fault(gateway.AttachmentPiece, fmt.Sprintf("%d + %d", p.Offset, n), strconv.FormatInt(p.Size, 10)), "offset")
	case n > MaxPiece || n == 0 && p.Offset < p.Size || n%store.ChunkBytes != 0 && p.Offset+n != p.Size:
		return refuse(fault(gateway.AttachmentPiece, strconv.FormatInt(n, 10), strconv.Itoa(store.ChunkBytes)), "content")
	}
	return nil
}

// PutAttachment takes bytes of an attachment from an office, in order. It returns how much is there, on disk.
// The same again changes nothing. When all are there they are proven, or taken away again.
func (g *Gateway) PutAttachment(ctx context.Context, c Caller, p Piece) (store.Attachment, error) {
	if f := g.unfitPiece(c, p); f != nil {
		return store.Attachment{}, g.refuse(ctx, c, p.Content, *f)
	}
	short := g.short(store.DoorSubmit)
	var a store.Attachment
	_, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		var err error
		if a, err = g.uploading(ctx, tx, c, p); err != nil || a.State == store.AttachmentHere {
			return errors.Join(err, errNothingNew)
		}
		if len(p.Content) == 0 {
			return errNothingNew
		}
		if len(short) > 0 {
			return short
		}
		for piece := range slices.Chunk(p.Content, store.ChunkBytes) {
			if err := tx.PutChunk(a, a.Received/store.ChunkBytes, piece); err != nil {
				return err
			}
			a.Received += int64(len(piece))
		}
		return tx.PutAttachment(a)
	})
	var refused gateway.Faults
	switch {
	case errors.As(err, &refused):
		return store.Attachment{}, g.refuse(ctx, c, p.Content, refused...)
	case err != nil && !errors.Is(err, errNothingNew):
		return store.Attachment{}, err
	case a.State != store.AttachmentComing || a.Received < a.Size:
		return a, nil
	}
	return g.proveUpload(ctx, c, a)
}

// errNothingNew ends a unit of work that has nothing to write.
var errNothingNew = errors.New("nothing new")

// uploading is an attachment as it stands before a piece of it is put, or refuses the piece.
func (g *Gateway) uploading(ctx context.Context, tx *store.Tx, c Caller, p Piece) (store.Attachment, error) {
	a, err := tx.Attachment(ctx, store.DoorSubmit, c.Office, p.Digest)
	known := err == nil
	if store.IgnoreNotFound(err) != nil {
		return a, err
	}
	refuse := func(code gateway.Code, path, value, expected string) (store.Attachment, error) {
		f := fault(code, value, expected)
		f.Path = path
		return a, gateway.Faults{f}
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	if known && a.State == store.AttachmentHere {
		if a.Size != p.Size {
			return refuse(gateway.AttachmentDiffers, "size", number(p.Size), number(a.Size))
		}
		return a, nil
	}
	coming := known && a.State == store.AttachmentComing
	if coming && p.Offset == 0 && (a.Size != p.Size || a.Received == 0) {
		if err := tx.DropChunks(a); err != nil {
			return a, err
		}
		coming = false
	}
	switch {
	case coming && a.Size != p.Size:
		return refuse(gateway.AttachmentDiffers, "size", number(p.Size), number(a.Size))
	case coming && a.Received != p.Offset:
		return refuse(gateway.AttachmentOffset, "offset", number(p.Offset), number(a.Received))
	case coming && p.MediaType != "" && a.MediaType != p.MediaType:
		return refuse(gateway.AttachmentType, "mediaType", p.MediaType, a.MediaType)
	case coming:
		return a, nil
	case p.Offset != 0:
		return refuse(gateway.AttachmentOffset, "offset", number(p.Offset), "0")
	}
	is := g.Chain.sniffed(p.Content, tx.Now())
	if is == "" || p.MediaType != "" && p.MediaType != is {
		return refuse(gateway.AttachmentType, "mediaType", p.MediaType, is)
	}
	if !a.Named {
		n, size, err := tx.AttachmentsKept(ctx, store.DoorSubmit, c.Office, false, MaxUnnamed)
		if err != nil {
			return a, err
		}
		if known { // it begins anew, and has its room
			n, size = n-1, size-a.Size
		}
		if n >= MaxUnnamed || size+p.Size > MaxUnnamedBytes {
			return refuse(gateway.AttachmentsUnnamed, "", number(int64(n)), number(size))
		}
	}
	return store.Attachment{
		Door: store.DoorSubmit, Party: c.Office, Digest: p.Digest, MediaType: is, Size: p.Size, State: store.AttachmentComing,
		Created: tx.Now(), Caller: c.URI, Changed: tx.Now(), Named: a.Named, Until: tx.Now().Add(UnnamedFor), Rule: unnamedRule,
	}, nil
}

// unnamedRule is by what an upload is taken away that no submission names.
const unnamedRule = "no submission names it"

// proven returns the digest of an attachment's bytes as they are on disk, and the media type that the first
// of them say.
func (g *Gateway) proven(ctx context.Context, a store.Attachment) (digest gateway.Digest, is string, err error) {
	h := sha256.New()
	for number := range (a.Size + store.ChunkBytes - 1) / store.ChunkBytes {
		piece, err := g.Store.Read().Chunk(ctx, a, number)
		if err != nil {
			return digest, "", err
		}
		if number == 0 {
			is = g.Chain.sniffed(piece, g.Now())
		}
		h.Write(piece)
	}
	h.Sum(digest[:0])
	return digest, is, nil
}

// proveUpload holds an upload to its digest when all its bytes are there.
func (g *Gateway) proveUpload(ctx context.Context, c Caller, a store.Attachment) (store.Attachment, error) {
	digest, _, err := g.proven(ctx, a)
	if err != nil {
		return a, err
	}
	var now store.Attachment
	changed := false
	_, err = g.Store.Do(ctx, func(tx *store.Tx) (err error) {
		now, err = tx.Attachment(ctx, a.Door, a.Party, a.Digest)
		if err != nil {
			return err
		}
		if changed = now.State == store.AttachmentComing && now.Received == now.Size && now.Created.Equal(a.Created); !changed {
			return errNothingNew // another call was faster
		}
		now.Changed = tx.Now()
		if digest == a.Digest {
			now.State = store.AttachmentHere
			return errors.Join(tx.PutAttachment(now), tx.Audit(c.URI, "attachment handed in", attachmentSubject(now), now.Digest))
		}
		if err := tx.DropChunks(now); err != nil {
			return err
		}
		now.State, now.Received, now.Until = store.AttachmentErased, 0, time.Time{}
		if now.Named {
			err = tx.PutAttachment(now)
		} else {
			err = tx.DropAttachment(now)
		}
		return errors.Join(err, tx.Audit(c.URI, "attachment refused: its bytes are not of its digest", attachmentSubject(now), digest))
	})
	switch {
	case errors.Is(err, errNothingNew):
		return now, nil
	case err != nil:
		return now, err
	case digest != a.Digest:
		f := fault(gateway.AttachmentDigest, digest.String(), a.Digest.String())
		f.Path = "sha256"
		return now, g.refuse(ctx, c, digest[:], f)
	}
	g.Log.Tell(event.Event{Name: event.AttachmentHandedIn, Door: now.Door, Party: now.Party, Digest: now.Digest, Bytes: int(now.Size), Caller: c.URI})
	return now, nil
}

// attachmentSubject names an attachment in the audit trail.
func attachmentSubject(a store.Attachment) string { return a.Party + " " + a.Digest.String() }

// Upload is what the caller's office has handed over of an attachment.
func (g *Gateway) Upload(ctx context.Context, c Caller, digest gateway.Digest) (store.Attachment, error) {
	return g.Store.Read().Attachment(ctx, store.DoorSubmit, c.Office, digest)
}

// namedAttachment is an attachment that a document names and its route releases.
type namedAttachment struct {
	*customsv1.Attachment
	number int // its place in the document, from 0
	digest gateway.Digest
}

// namedIn are the attachments that a document names, of the kinds that are meant.
func namedIn(d *customsv1.Document, means func(kind string) bool) (all []namedAttachment) {
	for i, at := range release.AttachmentsOf(d) {
		digest, err := gateway.ParseDigest(at.GetSha256())
		if err == nil && means(at.GetKind()) { // a rule refuses what is no digest
			all = append(all, namedAttachment{at, i, digest})
		}
	}
	return all
}

// releasedOf are the attachments of a document that a route releases.
func releasedOf(rt *release.Route, d *customsv1.Document) []namedAttachment {
	if rt == nil {
		return nil
	}
	return namedIn(d, rt.Attachments.Releases)
}

// size is how many bytes the document says that it has: more than any file has is the greatest number.
func (at namedAttachment) size() int64 { return int64(min(at.GetSize(), math.MaxInt64)) }

// attachmentReader is what is committed, or seen inside a unit of work.
type attachmentReader interface {
	Attachment(ctx context.Context, door, party string, digest gateway.Digest) (store.Attachment, error)
}

// notHandedIn are the faults of attachments that a document names, that its route releases and that its office
// has not handed over, or as something else; at their places in the document.
func notHandedIn(ctx context.Context, read attachmentReader, rt *release.Route, office string, d *customsv1.Document) (faults gateway.Faults, err error) {
	for _, at := range releasedOf(rt, d) {
		add := func(code gateway.Code, field, value, expected string) {
			f := fault(code, value, expected)
			f.Path = fmt.Sprintf("attachments[%d].%s", at.number, field)
			faults = append(faults, f)
		}
		a, err := read.Attachment(ctx, store.DoorSubmit, office, at.digest)
		size := strconv.FormatUint(at.GetSize(), 10)
		switch {
		case store.IgnoreNotFound(err) != nil:
			return nil, err
		case err != nil || a.State != store.AttachmentHere:
			add(gateway.AttachmentMissing, "sha256", at.GetSha256(), office)
			continue
		}
		if size != strconv.FormatInt(a.Size, 10) {
			add(gateway.AttachmentDiffers, "size", size, strconv.FormatInt(a.Size, 10))
		}
		if at.GetMediaType() != a.MediaType {
			add(gateway.AttachmentDiffers, "mediaType", at.GetMediaType(), a.MediaType)
		}
	}
	return faults, nil
}

// lackAttachments adds the faults of a translation's whole for attachments that are not there.
func (g *Gateway) lackAttachments(ctx context.Context, j *judgement, rt *release.Route, t *Translation) error {
	if t.whole == nil {
		return nil
	}
	faults, err := notHandedIn(ctx, g.Store.Read(), rt, j.submission.Office, t.whole)
	for _, f := range faults {
		f.Location, f.Place = t.Locate(f.Path), document.PlaceOf(t.whole, f.Path)
		j.submission.Faults = append(j.submission.Faults, f)
	}
	return err
}

// attachmentsThere reports whether the attachments are there still that a judgement's messages name.
func (g *Gateway) attachmentsThere(ctx context.Context, tx *store.Tx, j *judgement) (bool, error) {
	for i, m := range j.messages {
		rt, _ := g.Chain.Routes.Route(m.Route)
		if faults, err := notHandedIn(ctx, tx, rt, j.submission.Office, j.notices[i]); err != nil || len(faults) > 0 {
			return false, err
		}
	}
	return true, nil
}

// nameAttachments notes that a message names attachments of its office's. They are kept as long as its route
// says.
func (g *Gateway) nameAttachments(ctx context.Context, tx *store.Tx, m store.Message, office string, d *customsv1.Document) error {
	rt, _ := g.Chain.Routes.Route(m.Route)
	for _, at := range releasedOf(rt, d) {
		a, err := tx.Attachment(ctx, store.DoorSubmit, office, at.digest)
		if err != nil {
			return err
		}
		u := useOf(a, m.ID, at)
		u.Until = tx.Now().Add(rt.Attachments.Retention)
		keep(&a, u.Until, "route "+rt.Name)
		if err := errors.Join(tx.PutAttachment(a), tx.PutAttachmentUse(u), tx.Audit("gateway", "attachment named", string(m.ID), a.Digest)); err != nil {
			return err
		}
	}
	return nil
}

// nameAgain notes that a message names what another names in whose place it stands, as long as it is kept for that.
func nameAgain(ctx context.Context, tx *store.Tx, old, id gateway.MessageID) error {
	uses, err := tx.AttachmentUses(ctx, store.DoorSubmit, old)
	if err != nil {
		return err
	}
	for _, u := range uses {
		u.Message, u.HandedOver = id, time.Time{}
		if err := errors.Join(tx.PutAttachmentUse(u), tx.Audit("gateway", "attachment named", string(id), u.Digest)); err != nil {
			return err
		}
	}
	return nil
}

// holdAttachments keeps what a held submission names for as long as it may wait, and a day.
func (g *Gateway) holdAttachments(ctx context.Context, tx *store.Tx, s store.Submission) error {
	if s.State != gateway.Held || len(s.Canonical) == 0 {
		return nil
	}
	if _, err := document.CompileFor(s.Kind, "attachments"); err != nil {
		return nil // its kind names none
	}
	for _, at := range namedIn(document.Parse(s.Canonical).Document, func(string) bool { return true }) {
		a, err := tx.Attachment(ctx, store.DoorSubmit, s.Office, at.digest)
		if store.IgnoreNotFound(err) != nil {
			return err
		}
		until := s.Expires.Add(UnnamedFor)
		if err != nil || a.State != store.AttachmentHere || !until.After(a.Until) {
			continue
		}
		if a.Until = until; a.Named {
			a.Rule = unnamedRule
		}
		if err := tx.PutAttachment(a); err != nil {
			return err
		}
	}
	return nil
}

func useOf(a store.Attachment, id gateway.MessageID, at namedAttachment) store.AttachmentUse {
	return store.AttachmentUse{
		Door: a.Door, Party: a.Party, Message: id, Digest: at.digest, Number: at.number, Name: at.GetName(), Kind: at.GetKind(), MediaType: at.GetMediaType(), Size: at.size(),
	}
}

// keep has an attachment kept at least until an instant, by a rule, once a message names it: another message, or
// what is held, may need it longer.
func keep(a *store.Attachment, until time.Time, rule string) {
	if until.After(a.Until) {
		a.Until, a.Rule = until, rule
	}
	if a.Rule == unnamedRule {
		a.Rule = rule
	}
	a.Named = true
}

// Send takes some bytes of an attachment, from a place on.
type Send func(a store.Attachment, offset int64, content []byte) error

// read sends the bytes of an attachment from an offset on, a piece at a time. That they are asked for is in the audit
// trail before the first of them goes.
func (g *Gateway) read(ctx context.Context, caller string, id gateway.MessageID, a store.Attachment, offset int64, send Send) error {
	if offset < 0 || offset > a.Size {
		f := fault(gateway.AttachmentOffset, strconv.FormatInt(offset, 10), strconv.FormatInt(a.Size, 10))
		f.Path = "offset"
		return gateway.Faults{f}
	}
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error { return tx.Audit(caller, "attachment handed out", string(id), a.Digest) }); err != nil {
		return err
	}
	for offset < a.Size {
		piece, err := g.Store.Read().Chunk(ctx, a, offset/store.ChunkBytes)
		if errors.Is(err, store.ErrNotFound) { // erased meanwhile
			return gateway.Faults{gone(a)}
		}
		if err != nil {
			return err
		}
		piece = piece[min(offset%store.ChunkBytes, int64(len(piece))):]
		if len(piece) == 0 {
			return fmt.Errorf("attachment %s ends at %d of %d bytes", a.Digest, offset, a.Size)
		}
		if err := send(a, offset, piece); err != nil {
			return err
		}
		offset += int64(len(piece))
	}
	return nil
}

// gone says that an attachment's bytes were erased, by which rule.
func gone(a store.Attachment) gateway.Fault {
	return fault(gateway.AttachmentGone, a.Digest.String(), a.Rule)
}

// HandOutAttachment sends the bytes of an attachment that a message of ours names to the message's addressee, one
// of those that the caller speaks for, as long as the route releases its kind and keeps it. What it has no
// right to is as unknown as what is not there.
func (g *Gateway) HandOutAttachment(ctx context.Context, caller string, to []gateway.Administration, id gateway.MessageID, digest gateway.Digest, offset int64, send Send) error {
	read := g.Store.Read()
	m, err := read.Message(ctx, id)
	if err != nil {
		return err
	}
	if !slices.Contains(to, m.Recipient) || !slices.Contains(mayHave, m.State) {
		return store.ErrNotFound
	}
	uses, err := read.AttachmentUses(ctx, store.DoorSubmit, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(uses, func(u store.AttachmentUse) bool { return u.Digest == digest })
	if i < 0 {
		return store.ErrNotFound
	}
	u := uses[i]
	rt, ok := g.Chain.Routes.Route(m.Route)
	if !ok || !rt.Attachments.Releases(u.Kind) {
		return store.ErrNotFound
	}
	a, err := read.Attachment(ctx, u.Door, u.Party, u.Digest)
	if err != nil {
		return err
	}
	if a.State != store.AttachmentHere || !g.Now().Before(u.Until) {
		a.Rule = "route " + rt.Name
		return gateway.Faults{gone(a)}
	}
	last := false
	if err := g.read(ctx, caller, id, a, offset, func(a store.Attachment, at int64, content []byte) error {
		last = at+int64(len(content)) == a.Size
		return send(a, at, content)
	}); err != nil || !last || !u.HandedOver.IsZero() {
		return err
	}
	if _, err := g.Store.Do(ctx, func(tx *store.Tx) error {
		u.HandedOver = tx.Now()
		return errors.Join(tx.PutAttachmentUse(u), tx.Audit(caller, "attachment handed over", string(id), a.Digest))
	}); err != nil {
		return err
	}
	g.Log.Tell(event.Event{Name: event.AttachmentHandedOver, Message: id, Partner: m.Recipient, Digest: a.Digest, Bytes: int(a.Size), Caller: caller})
	return nil
}

// mayHave are the states of messages that a partner may have.
var mayHave = []gateway.MessageState{gateway.Sending, gateway.Received, gateway.Accepted, gateway.Unsigned}

// ReadAttachment sends the bytes of an attachment that a partner's message names, once all are here.
func (g *Gateway) ReadAttachment(ctx context.Context, c Caller, sender gateway.Administration, id gateway.MessageID, digest gateway.Digest, offset int64, send Send) error {
	in, err := g.inbound(ctx, sender, id)
	if err != nil {
		return err
	}
	all, err := g.AttachmentsReceived(ctx, in)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s AttachmentStatus) bool { return s.Digest == digest })
	if i < 0 {
		return store.ErrNotFound
	}
	switch s := all[i]; s.State {
	case AttachmentErased:
		return gateway.Faults{fault(gateway.AttachmentGone, digest.String(), s.Rule)}
	case AttachmentComing:
		return gateway.Faults{fault(gateway.AttachmentComing, strconv.FormatInt(s.Received, 10), strconv.FormatInt(s.Size, 10))}
	case AttachmentHere:
	default:
		return gateway.Faults{*s.Fault}
	}
	a, err := g.Store.Read().Attachment(ctx, store.DoorPeer, string(in.Sender), digest)
	if err != nil {
		return err
	}
	return g.read(ctx, c.URI, in.ID, a, offset, send)
}

// How an attachment stands that a message names: of a partner's message one of the first five, of one of
// ours here, handed over or erased.
const (
	AttachmentComing     = "coming"      // it is being fetched, or waits for that
	AttachmentHere       = "here"        // whole
	AttachmentRefused    = "refused"     // what came was not what the document says
	AttachmentDenied     = "denied"      // this gateway's configuration takes no such one of the partner
	AttachmentErased     = "erased"      // by a rule
	AttachmentHandedOver = "handed over" // the partner was sent all of it
)

// AttachmentStatus is how an attachment stands that a message names.
type AttachmentStatus struct {
	store.AttachmentUse
	State    string
	Received int64          // bytes that are here
	Fault    *gateway.Fault // why it is refused or denied, or why the last attempt to fetch it brought nothing
	Erased   time.Time      // when its bytes were, or are to be
	Rule     string         // by which
}

// AttachmentsSent are those that a message of ours names, in the order of its document.
func (g *Gateway) AttachmentsSent(ctx context.Context, id gateway.MessageID) ([]AttachmentStatus, error) {
	return g.attachmentsOf(ctx, store.DoorSubmit, "", id)
}

// AttachmentsReceived are those that an accepted message of a partner's names, in the order of its document.
func (g *Gateway) AttachmentsReceived(ctx context.Context, in store.Inbound) ([]AttachmentStatus, error) {
	return g.attachmentsOf(ctx, store.DoorPeer, string(in.Sender), in.ID)
}

// AttachmentsCame are those that an accepted message names, of which only the id is known, or also who has sent it.
func (g *Gateway) AttachmentsCame(ctx context.Context, sender gateway.Administration, id gateway.MessageID) ([]AttachmentStatus, error) {
	in, err := g.inbound(ctx, sender, id)
	if err != nil {
		return nil, err
	}
	return g.AttachmentsReceived(ctx, in)
}

func (g *Gateway) attachmentsOf(ctx context.Context, door, party string, id gateway.MessageID) (all []AttachmentStatus, err error) {
	uses, err := g.Store.Read().AttachmentUses(ctx, door, id)
	if err != nil {
		return nil, err
	}
	for _, u := range uses {
		if party != "" && u.Party != party {
			continue
		}
		a, err := g.Store.Read().Attachment(ctx, u.Door, u.Party, u.Digest)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		all = append(all, g.statusOf(u, a))
	}
	slices.SortFunc(all, func(a, b AttachmentStatus) int { return a.Number - b.Number })
	return all, nil
}

func (g *Gateway) statusOf(u store.AttachmentUse, a store.Attachment) AttachmentStatus {
	s := AttachmentStatus{AttachmentUse: u, State: string(a.State), Received: a.Received, Erased: u.Until, Rule: a.Rule}
	code := a.Reason
	switch {
	case u.Denied != "":
		s.State, s.Received, code = AttachmentDenied, 0, u.Denied
	case !g.Now().Before(u.Until):
		s.State, s.Received, code = AttachmentErased, 0, ""
	case a.State == store.AttachmentErased:
		s.Erased, code = a.Changed, ""
	case a.State == store.AttachmentHere && !u.HandedOver.IsZero():
		s.State = AttachmentHandedOver
	}
	if code != "" {
		f := fault(code, u.Digest.String(), "")
		terms := g.AttachmentTerms[gateway.Administration(u.Party)]
		bytes := func(value, expected int64) {
			f.Value, f.Expected = strconv.FormatInt(value, 10), gateway.Term(strconv.FormatInt(expected, 10))
		}
		switch code {
		case gateway.AttachmentTooLarge:
			bytes(u.Size, terms.Each)
		case gateway.AttachmentsFull:
			bytes(u.Size, terms.Total)
		case gateway.AttachmentDiffers: // what another message of its sender's says of the same bytes
			f.Value, f.Expected = fmt.Sprintf("%d, %s", u.Size, u.MediaType), gateway.Term(fmt.Sprintf("%d, %s", a.Size, a.MediaType))
		case gateway.AttachmentType:
			f.Value = u.MediaType
		case gateway.AttachmentGone: // at the partner's: its rule is not ours
			f.Expected = gateway.Term(u.Party)
		}
		s.Fault = &f
	}
	return s
}

// EraseAttachments erases the bytes that are kept no longer, and takes away what no submission has named in time.
// Each is a unit of work of its own.
func (g *Gateway) EraseAttachments(ctx context.Context) error {
	erased, err := eraseOver(ctx, func() ([]store.Attachment, error) {
		return g.Store.Read().AttachmentsOver(ctx, g.Now(), eraseAtOnce)
	}, func(a store.Attachment) (bool, error) {
		_, err := g.Store.Do(ctx, func(tx *store.Tx) error { return g.eraseOne(ctx, tx, a) })
		if errors.Is(err, errNothingNew) {
			return false, nil
		}
		return err == nil, err
	})
	if erased > 0 {
		g.Log.Tell(event.Event{Name: event.AttachmentsErased, Count: erased})
	}
	return err
}

func (g *Gateway) eraseOne(ctx context.Context, tx *store.Tx, o store.Attachment) error {
	a, err := tx.Attachment(ctx, o.Door, o.Party, o.Digest)
	if errors.Is(err, store.ErrNotFound) || err == nil && (a.Until.IsZero() || a.Until.After(tx.Now())) {
		return errNothingNew // another process was faster, or it is kept longer
	}
	if err != nil {
		return err
	}
	if !a.Named {
		return errors.Join(tx.DropAttachment(a), tx.Audit("gateway", "attachment taken away: "+unnamedRule, attachmentSubject(a), a.Digest))
	}
	until := a.Until
	a.State, a.Received, a.Until, a.Changed, a.Reason = store.AttachmentErased, 0, time.Time{}, tx.Now(), ""
	entry := fmt.Sprintf("erased by rule %s on %s", a.Rule, until.UTC().Format(time.RFC3339))
	return errors.Join(tx.DropChunks(a), tx.PutAttachment(a), tx.Audit("gateway", entry, attachmentSubject(a), a.Digest))
}
