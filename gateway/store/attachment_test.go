package store

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestAttachmentsOfOneAreNoOthers: the same bytes of two parties, and of both doors, are apart in all that is
// asked, counted and taken away.
func TestAttachmentsOfOneAreNoOthers(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		content := bytes.Repeat([]byte("scan"), ChunkBytes/2)
		of := func(door, party string) Attachment {
			return Attachment{
				Door: door, Party: party, Digest: gateway.DigestOf(content), MediaType: "image/png", Size: int64(len(content)), Received: int64(len(content)),
				State: AttachmentHere, Created: now, Caller: "post", Changed: now, Until: now.Add(time.Hour), Rule: "rule",
			}
		}
		all := []Attachment{of(DoorSubmit, "0603"), of(DoorSubmit, "1925"), of(DoorPeer, "0603")}
		do(t, s, func(tx *Tx) error {
			for _, a := range all {
				if err := errors.Join(tx.PutAttachment(a), tx.PutChunk(a, 0, content[:ChunkBytes]), tx.PutChunk(a, 1, content[ChunkBytes:])); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := s.Read().Attachment(t.Context(), DoorSubmit, "1925", all[1].Digest)
		all[1].Commit = got.Commit
		if diff := cmp.Diff(all[1], got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if n, size, err := s.Read().AttachmentsKept(t.Context(), DoorSubmit, "0603", false, 10); n != 1 || size != all[0].Size || err != nil {
			t.Errorf("%d of %d bytes are kept, %v", n, size, err)
		}
		if n, _, err := s.Read().AttachmentsKept(t.Context(), DoorSubmit, "0603", true, 10); n != 0 || err != nil {
			t.Errorf("%d are named, %v", n, err)
		}
		over := func(at time.Time) int { return len(must(s.Read().AttachmentsOver(t.Context(), at, 10))(t)) }
		if n := over(now.Add(time.Hour - 1)); n != 0 {
			t.Errorf("%d are over too soon", n)
		}
		if n := over(now.Add(time.Hour)); n != 3 {
			t.Errorf("%d are over", n)
		}
		do(t, s, func(tx *Tx) error { return tx.DropAttachment(all[0]) })
		for i, a := range all {
			_, err := s.Read().Attachment(t.Context(), a.Door, a.Party, a.Digest)
			piece, chunkErr := s.Read().Chunk(t.Context(), a, 1)
			if i == 0 {
				if !errors.Is(err, ErrNotFound) || !errors.Is(chunkErr, ErrNotFound) {
					t.Errorf("it is there still: %v, %v", err, chunkErr)
				}
				continue
			}
			if err != nil || chunkErr != nil || !bytes.Equal(piece, content[ChunkBytes:]) {
				t.Errorf("%s of %s went too: %v, %v", a.Door, a.Party, err, chunkErr)
			}
		}
	})
}

// TestAttachmentIsFetchedByOne: whoever has claimed it writes how far it has come, and nobody else; what is
// not coming any more is not written. Bytes leave no trace in the audit trail.
func TestAttachmentIsFetchedByOne(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		a := Attachment{Door: DoorPeer, Party: "RU", Digest: gateway.DigestOf([]byte("x")), MediaType: "image/png", Size: 2, State: AttachmentComing, Created: now, Named: true, Message: "M", Until: now.Add(time.Hour)}
		later := a
		later.Digest, later.NextTry = gateway.DigestOf([]byte("y")), now.Add(time.Minute)
		do(t, s, func(tx *Tx) error { return errors.Join(tx.PutAttachment(a), tx.PutAttachment(later)) })
		before := must(s.Read().LastCommit(t.Context()))(t)
		if due := must(s.AttachmentsDue(t.Context(), "KZ", now, 10))(t); len(due) != 0 {
			t.Errorf("another's: %v", due)
		}
		due := must(s.AttachmentsDue(t.Context(), "RU", now, 10))(t)
		if len(due) != 1 || due[0].Digest != a.Digest || due[0].Message != "M" {
			t.Fatalf("due: %v", due)
		}
		mine := due[0]
		advance := func(a Attachment) error {
			_, err := s.Do(t.Context(), func(tx *Tx) error { return errors.Join(tx.PutChunk(a, 0, []byte("b")), tx.SetAttachment(a)) })
			return err
		}
		mine.Received = 1
		if err := advance(mine); err != nil {
			t.Fatal(err)
		}
		if after := must(s.Read().LastCommit(t.Context()))(t); after != before {
			t.Errorf("bytes made commit %d of %d", after, before)
		}
		other := mine
		other.Claim.Token++
		if err := advance(other); !errors.Is(err, ErrTaken) {
			t.Errorf("another process writes: %v", err)
		}
		mine.State, mine.Until = AttachmentErased, time.Time{}
		if err := advance(mine); err != nil {
			t.Fatal(err)
		}
		if err := advance(mine); !errors.Is(err, ErrTaken) {
			t.Errorf("what is erased is written: %v", err)
		}
	})
}

// TestUsesOfAttachments: those of one message are told by their parties, as they were put last.
func TestUsesOfAttachments(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s := open(t)
		u := AttachmentUse{
			Door: DoorPeer, Party: "RU", Message: "aB", Digest: gateway.DigestOf([]byte("x")), Number: 1, Name: "scan.png", Kind: "SCAN", MediaType: "image/png", Size: 7,
			Denied: gateway.AttachmentTooLarge, Until: now,
		}
		kz := u
		kz.Party = "KZ"
		do(t, s, func(tx *Tx) error { return errors.Join(tx.PutAttachmentUse(u), tx.PutAttachmentUse(kz)) })
		u.HandedOver = now.Add(time.Second)
		do(t, s, func(tx *Tx) error { return tx.PutAttachmentUse(u) })
		got := must(s.Read().AttachmentUses(t.Context(), DoorPeer, "aB"))(t)
		for i := range got {
			got[i].Commit = 0
		}
		if diff := cmp.Diff([]AttachmentUse{kz, u}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := must(s.Read().AttachmentUses(t.Context(), DoorSubmit, "aB"))(t); len(got) != 0 {
			t.Errorf("at another door: %v", got)
		}
	})
}

// TestParallelAttachmentIsFetchedByOneOfSeveral: of gateways on one database one has it, another gets it when the first
// has lost its lease, and what the first then writes is refused.
func TestParallelAttachmentIsFetchedByOneOfSeveral(t *testing.T) {
	t.Parallel()
	both := sharing(t, 2)
	a := Attachment{Door: DoorPeer, Party: "RU", Digest: gateway.DigestOf([]byte("x")), MediaType: "image/png", Size: 2, State: AttachmentComing, Created: now, Named: true, Until: now.Add(time.Hour)}
	do(t, both[0], func(tx *Tx) error { return tx.PutAttachment(a) })
	due := func(s *Store) []Attachment { return must(s.AttachmentsDue(t.Context(), "RU", now, 10))(t) }
	var wg sync.WaitGroup
	var found [2][]Attachment
	for i, s := range both {
		wg.Go(func() { found[i] = due(s) })
	}
	wg.Wait()
	if len(found[0])+len(found[1]) != 1 {
		t.Fatalf("%d and %d have it", len(found[0]), len(found[1]))
	}
	first, second := 0, 1
	if len(found[1]) == 1 {
		first, second = 1, 0
	}
	if n := len(due(both[second])); n != 0 {
		t.Errorf("the other has %d", n)
	}
	loses(t, both[first], both[second])
	taken := due(both[second])
	if len(taken) != 1 {
		t.Fatalf("after the lease was lost the other has %d", len(taken))
	}
	put := func(s *Store, a Attachment) error {
		a.Received = 2
		_, err := s.Do(t.Context(), func(tx *Tx) error { return errors.Join(tx.PutChunk(a, 0, []byte("ab")), tx.SetAttachment(a)) })
		return err
	}
	if err := put(both[first], found[first][0]); !errors.Is(err, ErrTaken) {
		t.Errorf("who has lost it writes: %v", err)
	}
	if err := put(both[second], taken[0]); err != nil {
		t.Error(err)
	}
}
