package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// pieceBytes is how many bytes one call hands in.
const pieceBytes = 1 << 20

// attach hands files in, and prints what a document says of each.
func attach(fs *flag.FlagSet) action {
	kind := fs.String("kind", "", "what they show, a `CODE` of the list attachment-kind: SCAN, VEHICLE, SEAL, GOODS, ACT or WEIGHING; only printed")
	mediaType := fs.String("type", "", "their media `TYPE`, which their first bytes are held to; without it, what these say")
	return func(ctx context.Context, s *session, operands []string) error {
		for _, file := range operands {
			a, err := s.handIn(ctx, file, *mediaType)
			if err != nil {
				return err
			}
			a.Kind = *kind
			if err := s.show(a, func(p *page) { p.handedIn(a) }); err != nil {
				return err
			}
		}
		return nil
	}
}

// handIn hands a file in, from where an earlier attempt was interrupted.
func (s *session) handIn(ctx context.Context, file, mediaType string) (*exchangev1.NamedAttachment, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	digest := hex.EncodeToString(h.Sum(nil))
	there, err := s.attachments.Get(ctx, &exchangev1.GetUploadRequest{Sha256: digest})
	for err == nil && there.State != "here" {
		r := &exchangev1.PutAttachmentRequest{Sha256: digest, Size: uint64(size), MediaType: mediaType, Offset: there.Received, Content: make([]byte, pieceBytes)}
		n, readErr := f.ReadAt(r.Content, int64(r.Offset))
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return nil, readErr
		}
		r.Content = r.Content[:n]
		s.progress("%s %d/%d", file, r.Offset, size)
		there, err = s.attachments.Put(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	return &exchangev1.NamedAttachment{Name: filepath.Base(file), MediaType: there.MediaType, Size: there.Size, Sha256: digest}, nil
}

// attachmentList shows how the attachments of a message stand.
func attachmentList(fs *flag.FlagSet) action {
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent it, where two have used the same id")
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.attachments.List(ctx, &exchangev1.ListAttachmentsRequest{MessageId: operands[0], Sender: *from})
		if err != nil {
			return err
		}
		return s.show(r, func(p *page) {
			for _, a := range r.Attachments {
				p.attachment(a)
			}
		})
	}
}

// attachmentGet takes the bytes of an attachment. What an interrupted run has left beside the file is gone on
// with; the file is there once all bytes are, and of their digest.
func attachmentGet(fs *flag.FlagSet) action {
	from := fs.String("from", "", "the `ADMINISTRATION` that has sent the message, where two have used the same id")
	out := fs.String("out", "", "`FILE` for the bytes; until all are there they stand in FILE.part, where an interrupted run is gone on with")
	return func(ctx context.Context, s *session, operands []string) error {
		if *out == "" {
			return errors.New("give -out FILE")
		}
		part, err := os.OpenFile(*out+".part", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer part.Close()
		h := sha256.New()
		has, err := io.Copy(h, part)
		if err != nil {
			return err
		}
		stream, err := s.attachments.Read(ctx, &exchangev1.ReadAttachmentRequest{MessageId: operands[0], Sha256: operands[1], Sender: *from, Offset: uint64(has)})
		if err != nil {
			return err
		}
		for {
			p, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if has == 0 {
					os.Remove(part.Name()) // nothing has come
				}
				return err
			}
			if p.Offset != uint64(has) {
				return fmt.Errorf("bytes at %d, want those at %d", p.Offset, has)
			}
			n, err := io.MultiWriter(part, h).Write(p.Content)
			if err != nil {
				return err
			}
			has += int64(n)
			s.progress("%s %d", *out, has)
		}
		if digest := hex.EncodeToString(h.Sum(nil)); digest != operands[1] {
			return errors.Join(fmt.Errorf("what came has the digest %s", digest), os.Remove(part.Name()))
		}
		if err := errors.Join(part.Sync(), part.Close(), os.Rename(part.Name(), *out)); err != nil {
			return err
		}
		a := &exchangev1.NamedAttachment{Name: *out, Size: uint64(has), Sha256: operands[1]}
		return s.show(a, func(p *page) { p.handedIn(a) })
	}
}

// handedIn is what a document says of an attachment.
func (p *page) handedIn(a *exchangev1.NamedAttachment) {
	p.field("attachment", a.Name, p.called("attachment", a.Kind))
	p.inner("mediaType", a.MediaType)
	p.inner("size", strconv.FormatUint(a.Size, 10))
	p.inner("digest", a.Sha256)
}

// attachment is an attachment that a document names, and how its bytes stand.
func (p *page) attachment(a *exchangev1.NamedAttachment) {
	p.field("attachment", a.Name, p.called("attachment", a.Kind), a.MediaType, strconv.FormatUint(a.Size, 10), a.Sha256)
	state := p.called("attachmentState", a.State)
	if a.State == "coming" {
		state = p.say("attachmentComing", strconv.FormatUint(a.Received, 10), strconv.FormatUint(a.Size, 10))
	}
	p.inner("state", state, p.time(a.HandedOver))
	p.inner("why", a.GetFault().GetMessage())
	switch a.State {
	case "erased":
		p.inner("erased", p.time(a.Erased), a.ErasedBy)
	case "here", "handed over":
		p.inner("keptUntil", p.time(a.Erased), a.ErasedBy)
	}
}
