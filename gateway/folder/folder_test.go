package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/envelope"
	"customs.example/gateway/event"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
)

// pair is one that is closed and opened by the same keys, made once with the openssl command.
var pair = sync.OnceValues(func() (*envelope.Pair, error) {
	dir, err := os.MkdirTemp("", "envelope")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", cert).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("openssl: %w\n%s", err, out)
	}
	return envelope.Load(cert, cert, key)
})

// door is a gateway that judges by what a document holds.
type door struct {
	came    []string
	verdict bool
	receipt string
}

var errPasses, errBad = errors.New("not now"), gateway.Faults{{Code: gateway.SealSignature, Severity: gateway.Error}}

func (d *door) Receive(_ context.Context, header, _, document []byte) (peer.Receipt, bool, error) {
	d.came = append(d.came, string(document))
	switch {
	case strings.Contains(string(document), "bad"):
		return peer.Receipt{}, false, errBad
	case strings.Contains(string(document), "later"):
		return peer.Receipt{}, false, errPasses
	}
	return peer.Receipt{Header: header, Statement: []byte(d.receipt), Signature: []byte("s")}, d.verdict, nil
}

func (d *door) TakeReceipt(_ context.Context, r peer.Receipt) error {
	d.came = append(d.came, "receipt "+string(r.Statement))
	return nil
}

func (d *door) Refused(err error) bool { return errors.As(err, new(gateway.Faults)) }

// exchange is a folder with its door and clock.
type exchange struct {
	*Folder
	t    *testing.T
	door *door
	now  time.Time
	log  strings.Builder
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	p, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{t: t, door: &door{verdict: true, receipt: "PRS"}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	x.Folder, err = New(Options{
		Dir: t.TempDir(), Pair: p, Partner: peer.Partner{URI: "customs://MN/queue/1", Administrations: []gateway.Administration{"MN"}}, Most: 100_000,
		Door: x.door, Now: func() time.Time { return x.now }, Log: event.NewLog(slog.New(slog.NewJSONHandler(&x.log, nil))),
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// comes puts a parcel into in.
func (x *exchange) comes(name string, p Parcel) {
	x.t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		x.t.Fatal(err)
	}
	sealed, err := x.Pair.Seal(raw)
	if err != nil {
		x.t.Fatal(err)
	}
	x.write(name, sealed)
}

func (x *exchange) write(name string, raw []byte) {
	x.t.Helper()
	if err := os.WriteFile(filepath.Join(x.Dir, In, name), raw, 0o600); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exchange) round() error {
	x.now = x.now.Add(time.Second)
	return x.Round(x.t.Context())
}

// rounds is two of them: a file is taken when it is as it was.
func (x *exchange) rounds() {
	x.t.Helper()
	for range 2 {
		if err := x.round(); err != nil {
			x.t.Fatal(err)
		}
	}
}

func (x *exchange) files(dir string) (names []string) {
	entries, err := os.ReadDir(filepath.Join(x.Dir, dir))
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestWhatComesIsHandedIn: messages and receipts, each file gone when that is on disk; what is coming still waits.
func TestWhatComesIsHandedIn(t *testing.T) {
	x := newExchange(t)
	x.comes("a.p7m", Parcel{Header: []byte("h"), Signature: []byte("s"), Document: []byte("one")})
	x.comes("b.p7m", Parcel{Header: []byte("h"), Signature: []byte("s"), Statement: []byte("theirs")})
	x.write("c.p7m", []byte("half of it"))
	x.write("d.p7m.part", []byte("being written"))
	if err := errors.Join(os.Mkdir(filepath.Join(x.Dir, In, "e.p7m"), 0o700), os.Symlink("/etc/passwd", filepath.Join(x.Dir, In, "f.p7m"))); err != nil {
		t.Fatal(err)
	}
	if err := x.round(); err != nil || len(x.door.came) > 0 {
		t.Fatalf("taken at the first sight: %v, %v", x.door.came, err)
	}
	x.comes("c.p7m", Parcel{Header: []byte("h"), Signature: []byte("s"), Document: []byte("whole")})
	x.rounds()
	slices.Sort(x.door.came)
	if diff := cmp.Diff([]string{"one", "receipt theirs", "whole"}, x.door.came); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"d.p7m.part", "e.p7m", "f.p7m"}, x.files(In)); diff != "" {
		t.Error(diff)
	}
	if n := len(x.files(Out)); n != 1 || len(x.files(Aside)) != 0 {
		t.Errorf("%d receipts, and aside %v", n, x.files(Aside))
	}
}

// TestAVerdictFollows: a message that is not judged yet stays and gets each receipt once, while others go on.
func TestAVerdictFollows(t *testing.T) {
	x := newExchange(t)
	x.door.verdict, x.door.receipt = false, "RCV"
	x.comes("a.p7m", Parcel{Header: []byte("h"), Signature: []byte("s"), Document: []byte("one")})
	for range 60 {
		x.rounds()
	}
	if n := len(x.door.came); n < 5 || n > 8 || len(x.files(In)) != 1 {
		t.Errorf("handed in %d times in two minutes, in lies %v", n, x.files(In))
	}
	if got := x.files(Out); len(got) != 1 {
		t.Errorf("its receipt: %v", got)
	}
	os.Remove(filepath.Join(x.Dir, Out, x.files(Out)[0])) // it is carried away
	x.door.verdict, x.door.receipt = true, "PRS"
	for range 100 {
		x.rounds()
	}
	if got := x.files(Out); len(got) != 1 || len(x.files(In)) != 0 {
		t.Errorf("its verdict: %v, in lies %v", got, x.files(In))
	}
}

// TestWhatCannotBeTakenKeepsNothingWaiting: what is nothing lies aside with why, what cannot be taken now is looked at
// again, and neither is told in the words of what came.
func TestWhatCannotBeTakenKeepsNothingWaiting(t *testing.T) {
	x := newExchange(t)
	x.write("0.p7m", []byte("Иванов"))
	x.write("1.p7m", make([]byte, 100_001))
	x.comes("2.p7m", Parcel{Header: []byte("h")})
	x.comes("3.p7m", Parcel{Header: []byte("h"), Document: []byte("a"), Statement: []byte("b")})
	x.comes("4.p7m", Parcel{Header: []byte("h"), Document: []byte("bad Иванов")})
	x.comes("5.p7m", Parcel{Header: []byte("h"), Document: []byte("later")})
	x.comes("6.p7m", Parcel{Header: []byte("h"), Document: []byte("good")})
	x.write("7.p7m", nil)
	if err := x.round(); err != nil {
		t.Fatal(err)
	}
	if err := x.round(); !errors.Is(err, errPasses) {
		t.Errorf("it says %v", err)
	}
	if !slices.Contains(x.door.came, "good") {
		t.Errorf("only %v came", x.door.came)
	}
	if diff := cmp.Diff([]string{"5.p7m"}, x.files(In)); diff != "" {
		t.Error(diff)
	}
	if got := x.files(Aside); len(got) != 2*6 {
		t.Errorf("aside lie %v", got)
	}
	if strings.Contains(x.log.String(), "Иванов") || strings.Count(x.log.String(), string(event.EnvelopeRefused)) != 6 {
		t.Errorf("told is\n%s", &x.log)
	}
	if n := len(x.door.came); x.round() != nil || len(x.door.came) != n {
		t.Error("what has to wait is tried at once")
	}
}

// TestManyFiles: however many come, a look takes so many of them, and those that wait are in nobody's way.
func TestManyFiles(t *testing.T) {
	x := newExchange(t)
	for i := range MaxTaken + 50 {
		x.write(fmt.Sprintf("%05d.p7m", i), []byte("nothing"))
	}
	x.rounds()
	if n := len(x.files(Aside)); n != 2*MaxTaken {
		t.Errorf("aside lie %d files", n)
	}
	x.rounds()
	if n := len(x.files(In)); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestWhatCannotBeLaidOutWasNotSent: no folder, or a message that nobody has sealed.
func TestWhatCannotBeLaidOutWasNotSent(t *testing.T) {
	x := newExchange(t)
	if _, err := x.Deliver(t.Context(), seal.Sealed{}); !errors.As(err, new(*peer.NotSentError)) {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(x.Dir, Out)); err != nil {
		t.Fatal(err)
	}
	if err := x.lay("m", Parcel{}); err == nil {
		t.Error("it was laid nowhere")
	}
	if err := os.Remove(filepath.Join(x.Dir, In)); err != nil {
		t.Fatal(err)
	}
	if err := x.round(); err == nil {
		t.Error("there is no folder, and nobody is told")
	}
}
