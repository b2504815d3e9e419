package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
)

var update = flag.Bool("update", false, "rewrite the stories' expected output")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newFake() *fake {
	return &fake{
		attachments: &fakeAttachments{},
		submissions: []*exchangev1.Submission{
			{
				SubmissionId: "part-1", Office: "0603", Kind: "Manifest", State: "held", Received: instant("2026-03-02T00:30:00Z"), Batch: "B-77",
				WaitsFor: []string{"vehicle"}, JoinKey: "0603/B-77", Expires: instant("2026-03-03T00:30:00Z"), Commit: 3,
			},
			{
				SubmissionId: "notice-1", Office: "0603", Kind: "PreArrivalNotice", State: "message", Received: instant("2026-03-02T01:00:00Z"), Commit: 4,
				Message: &exchangev1.MessageStatus{
					MessageId: "m-1", Kind: "PreArrivalNotice", Recipient: "RU", State: "sent", Waiting: "the partner has not answered yet",
					Created: instant("2026-03-02T01:00:01Z"), ExpectedArrival: instant("2026-03-02T02:30:00Z"), LateBy: 1800,
					Attempts: 2, NextAttempt: instant("2026-03-02T01:00:05Z"), Mapping: "ru/auto-preliminary.v1", Parts: []string{"notice-1"},
					Answers: []*exchangev1.BusinessAnswer{{Status: "REGISTERED", RegistrationNumber: "10719110/020326/0000123", Received: instant("2026-03-02T01:30:00Z")}},
				},
			},
		},
		inbox: []*exchangev1.InboxMessage{
			{MessageId: "m-8", Kind: "Answer", Sender: "RU", DocumentId: "d-8", State: "accepted", Received: instant("2026-03-02T03:00:00Z"), Commit: 7},
			{MessageId: "m-9", Kind: "Answer", Sender: "RU", DocumentId: "d-9", State: "accepted", Acknowledged: true, Commit: 8},
		},
		movements: []*exchangev1.Movement{{
			MovementId: "mv-1", State: "partly arrived", Batch: "B-77", VehiclesAnnounced: 3, VehiclesArrived: 1,
			Waybills: []*exchangev1.WaybillAccount{
				{Waybill: "WB-1", Packages: &exchangev1.Figures{Announced: "60", Arrived: "20", Open: "40"}, Kilograms: &exchangev1.Figures{Announced: "900.5", Open: "900.5"}},
				{Waybill: "WB-2"},
			},
			ExitOffices: []string{"0603"}, EntryOffices: []string{"10719110"},
			ExpectedArrival: instant("2026-03-02T02:30:00Z"), Arrived: instant("2026-03-02T02:41:00Z"), Messages: []string{"m-1"},
			Identifiers: []*exchangev1.Identifier{{Kind: "batch", Value: "B-77"}, {Kind: "vehicle", Value: "А123ВС75"}},
			Comparisons: []*exchangev1.Comparison{{
				ArrivalId: "a-1", At: instant("2026-03-02T02:41:00Z"), Result: "differs", Agreed: 5,
				NotCompared: []*exchangev1.NotCompared{{Subject: "seals", Reason: "announced, not stated at arrival"}},
				Outstanding: []*exchangev1.Discrepancy{{
					Code: "CMP_OUTSTANDING", Severity: "info", Subject: "wagon", Message: "Announced and still to come: 52000001.", Expected: "52000001",
				}},
				Discrepancies: []*exchangev1.Discrepancy{{
					Code: "CMP_GROSS_MASS", Severity: "error", Subject: "waybill 77", Path: "consignments[0].grossMass", Message: "The gross mass differs.",
					Expected: "20150", Found: "20700", ExpectedMethod: "DECLARED", FoundMethod: "WEIGHBRIDGE", Tolerance: "2 %", Difference: "20700 - 20150 = 550",
				}},
			}},
		}},
	}
}

func devPKI(t *testing.T) string {
	pki := filepath.Join(t.TempDir(), "pki")
	if err := mtls.GenerateDevPKI(pki, time.Now(), mtls.DevAuthorities()); err != nil {
		t.Fatal(err)
	}
	return pki
}

// TestParallelStories runs the commands of testdata/*.txt, each on a line with a dollar sign
// and followed by what it prints: standard output as it is, standard error behind an
// exclamation mark, and the exit code if it is not 0.
func TestParallelStories(t *testing.T) {
	pki := devPKI(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { story(t, file, pki) })
	}
}

func story(t *testing.T, file, pki string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"good.xml": "<Manifest/>", "bad.xml": "<faulty/>", "good.json": " {}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := newFake().start(t, pki)
	vars := map[string]string{"DIR": dir, "PKI": pki, "CLOSED": closedPort(t)}
	hide := strings.NewReplacer(dir, "$DIR", pki, "$PKI", env["GATEWAY_ADDR"], "$ADDR", vars["CLOSED"], "$CLOSED")

	var got bytes.Buffer
	for line := range strings.Lines(string(raw)) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			if strings.HasPrefix(line, "#") {
				got.WriteString(line)
			}
			continue
		}
		got.WriteString(line)
		name, args, _ := strings.Cut(strings.TrimSpace(os.Expand(command, func(v string) string { return vars[v] })), " ")
		switch name {
		case "gatewayctl":
			var out, errs bytes.Buffer
			w := world{func(k string) string { return env[k] }, strings.NewReader("<Manifest/>"), &out, &errs, time.FixedZone("", 8*3600)}
			code := w.run(t.Context(), strings.Fields(args))
			got.WriteString(hide.Replace(out.String()))
			for e := range strings.Lines(errs.String()) {
				got.WriteString("! " + hide.Replace(e))
			}
			if code != 0 {
				fmt.Fprintf(&got, "[exit %d]\n", code)
			}
		case "cat":
			content, err := os.ReadFile(args)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(content)
		default:
			t.Fatalf("unknown command %q", name)
		}
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(raw), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// closedPort is an address that nobody listens on.
func closedPort(t *testing.T) string {
	addresses, err := loopback.Addresses(1)
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0]
}

func TestParallelWatchEndsQuietlyWhenInterrupted(t *testing.T) {
	pki := devPKI(t)
	env := newFake().start(t, pki)
	ctx, interrupt := context.WithCancel(t.Context())
	r, out := io.Pipe()
	go func() {
		// The second message is the last; a person then presses the keys.
		b := make([]byte, 1<<12)
		for seen := ""; strings.Count(seen, `"messageId"`) < 2; {
			n, err := r.Read(b)
			if err != nil {
				break
			}
			seen += string(b[:n])
		}
		interrupt()
	}()
	var errs bytes.Buffer
	w := world{func(k string) string { return env[k] }, nil, out, &errs, time.UTC}
	if code := w.run(ctx, []string{"inbox", "watch", "-o", "json"}); code != exitOK || errs.Len() > 0 {
		t.Errorf("exit %d, %s", code, &errs)
	}
	out.Close()
}

// TestParallelWatchEndsWhenItsCertificateIsRefused: it goes on when the gateway comes back, and ends
// when the gateway that comes back does not know it any more.
func TestParallelWatchEndsWhenItsCertificateIsRefused(t *testing.T) {
	pki := devPKI(t)
	for _, command := range []string{"watch", "inbox watch"} {
		f := newFake()
		address := closedPort(t)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{
			"GATEWAY_ADDR": address, "GATEWAY_CA": filepath.Join(pki, "cn/ca.pem"), "GATEWAY_SERVER": uriGateway,
			"GATEWAY_CERT": filepath.Join(pki, "cn/post.pem"), "GATEWAY_KEY": filepath.Join(pki, "cn/post-key.pem"),
		}
		again := func(caller string) (stop func()) {
			t.Helper()
			if listener, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			return f.serve(t, pki, listener, caller)
		}
		stop := f.serve(t, pki, listener, "customs://CN/office/0603/post/1")
		read, out := io.Pipe()
		var errs bytes.Buffer
		ended := make(chan int, 1)
		go func() {
			w := world{func(k string) string { return env[k] }, nil, out, &errs, time.UTC}
			ended <- w.run(t.Context(), append(strings.Fields(command), "-o", "json"))
			out.Close()
		}()
		lines := bufio.NewReader(read)
		line := func() string {
			t.Helper()
			text, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: %v, %s", command, err, &errs)
			}
			return text
		}
		first := line()
		stop()
		stop = again("customs://CN/office/0603/post/1")
		for next := first; next == first; { // what it saw it does not see again
			next = line()
		}
		stop()
		stop = again("customs://CN/office/0603/post/2")
		go io.Copy(io.Discard, lines)
		select {
		case code := <-ended:
			const want = "the gateway does not accept this certificate any more: it may be revoked or have ended ("
			if code != exitNotRun || strings.Count(errs.String(), want) != 1 || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("%s: exit %d, %s", command, code, &errs)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s goes on", command)
		}
		stop()
	}
}

// A stranger's certificate is refused; in what words depends on which end is faster.
func TestParallelStrangerIsNotLetIn(t *testing.T) {
	pki := devPKI(t)
	env := newFake().start(t, pki)
	var out, errs bytes.Buffer
	w := world{func(k string) string { return env[k] }, nil, &out, &errs, time.UTC}
	copycat := filepath.Join(pki, "stranger/copycat-post")
	if code := w.run(t.Context(), []string{"list", "-cert", copycat + ".pem", "-key", copycat + "-key.pem"}); code != exitNotRun || out.Len() > 0 || errs.Len() == 0 {
		t.Errorf("exit %d, %s, %s", code, &out, &errs)
	}
}

// TestHelpOfEveryCommand holds each command's help to its flags, variables and exit codes.
func TestHelpOfEveryCommand(t *testing.T) {
	for _, c := range commands {
		var out, errs bytes.Buffer
		w := world{func(string) string { return "" }, nil, &out, &errs, time.UTC}
		if code := w.run(t.Context(), append([]string{"help"}, strings.Fields(c.name)...)); code != exitOK || errs.Len() > 0 {
			t.Errorf("%s: exit %d, %s", c.name, code, &errs)
		}
		for _, want := range []string{"gatewayctl " + c.name + " [flags]", "-server URI", "GATEWAY_SERVER", "Exit codes:"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: help lacks %q", c.name, want)
			}
		}
	}
}

func TestBuildsWithoutC(t *testing.T) {
	build := exec.Command("go", "build", "-ldflags=-w", "-o", filepath.Join(t.TempDir(), "gatewayctl"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
