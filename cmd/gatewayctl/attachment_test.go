package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/protoadapt"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// fakeAttachments takes what is handed in, but for the third call, and hands it out, from an offset on, but breaks off in
// the middle the first time.
type fakeAttachments struct {
	exchangev1.UnimplementedAttachmentServiceServer
	mu      sync.Mutex
	content []byte
	puts    int
	reads   int
	offsets []uint64
}

func (a *fakeAttachments) Get(_ context.Context, r *exchangev1.GetUploadRequest) (*exchangev1.Upload, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &exchangev1.Upload{Sha256: r.Sha256, Received: uint64(len(a.content))}, nil
}

func (a *fakeAttachments) Put(_ context.Context, r *exchangev1.PutAttachmentRequest) (*exchangev1.Upload, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.puts++; a.puts == 3 {
		return nil, refuse(codes.InvalidArgument, "NOT_NOW: not now", protoadapt.MessageV1Of(&exchangev1.Fault{Code: "NOT_NOW", Severity: "error", Message: "not now"}))
	}
	a.offsets = append(a.offsets, r.Offset)
	a.content = append(a.content, r.Content...)
	u := &exchangev1.Upload{Sha256: r.Sha256, MediaType: "image/png", Size: r.Size, Received: uint64(len(a.content)), State: "coming"}
	if u.Received == r.Size {
		u.State = "here"
	}
	return u, nil
}

func (a *fakeAttachments) Read(r *exchangev1.ReadAttachmentRequest, stream grpc.ServerStreamingServer[exchangev1.AttachmentPart]) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reads++
	a.offsets = append(a.offsets, r.Offset)
	rest := a.content[r.Offset:]
	for at := r.Offset; len(rest) > 0; at += 100_000 {
		part := rest[:min(len(rest), 100_000)]
		if rest = rest[len(part):]; a.reads == 1 && len(rest) < len(a.content)/2 {
			return refuse(codes.Unavailable, "the line broke")
		}
		if err := stream.Send(&exchangev1.AttachmentPart{Offset: at, Content: part}); err != nil {
			return err
		}
	}
	return nil
}

// TestParallelAttachmentsGoOnWhereTheyWere: a file is handed in, and taken, in two runs, each from where the one before was
// interrupted; what is there then is the same.
func TestParallelAttachmentsGoOnWhereTheyWere(t *testing.T) {
	pki, a := devPKI(t), &fakeAttachments{}
	f := newFake()
	f.attachments = a
	env := f.start(t, pki)
	dir := t.TempDir()
	content := bytes.Repeat([]byte("scan "), 500_000)
	sum := sha256.Sum256(content)
	file, digest := filepath.Join(dir, "scan.png"), hex.EncodeToString(sum[:])
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		w := world{env: func(name string) string { return env[name] }, stdout: &out, stderr: &out}
		if got := w.run(t.Context(), args); got != want {
			t.Fatalf("%v: exit %d\n%s", args, got, out.String())
		}
		return out.String()
	}
	run(exitRefused, "attach", file)
	if out := run(exitOK, "attach", "-kind", "SCAN", file); !strings.Contains(out, digest) || !strings.Contains(out, "2500000") || !strings.Contains(out, "image/png") {
		t.Errorf("printed:\n%s", out)
	}
	got := filepath.Join(dir, "got.png")
	run(exitNotRun, "attachment", "get", "m-1", digest, "-out", got)
	if _, err := os.Stat(got); err == nil {
		t.Error("half of it is there as if it were all")
	}
	run(exitOK, "attachment", "get", "m-1", digest, "-out", got)
	if raw, err := os.ReadFile(got); err != nil || !bytes.Equal(raw, content) {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if want := []uint64{0, 1 << 20, 2 << 20, 0, 1_200_000}; !slices.Equal(a.offsets, want) {
		t.Errorf("from %v, want %v", a.offsets, want)
	}
	run(exitNotRun, "attachment", "get", "m-1", strings.Repeat("0", 64), "-out", filepath.Join(dir, "other.png"))
	if left, err := filepath.Glob(filepath.Join(dir, "other*")); err != nil || len(left) > 0 {
		t.Errorf("of something else is left %v, %v", left, err)
	}
}
