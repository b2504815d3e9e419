package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/loopback"
	"customs.example/gateway/mtls"
)

// served is a running gateway of its own.
type served struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
	log  *bytes.Buffer // to be read after its end
}

func serveCN(t *testing.T, binary string) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), log: new(bytes.Buffer)}
	ports, err := loopback.Addresses(3)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ports[0]
	if err := makePKI(filepath.Join(s.dir, "pki")); err != nil {
		t.Fatal(err)
	}
	if err := writeConfig(s.dir, "cn", "RU", ports[:2], ports[2], "0603", "cn-ru-pre-arrival-notice"); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(binary, "serve", "-config", filepath.Join(s.dir, "cn.yaml"))
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := s.client("post").List(ctx, &exchangev1.ListSubmissionsRequest{})
		cancel()
		if err == nil {
			return s
		}
		if time.Since(start) > patience {
			t.Fatal(err)
		}
	}
}

func (s *served) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGINT)
		_ = s.cmd.Wait()
	}
}

// client is a connection of its own.
func (s *served) client(who string) exchangev1.SubmissionServiceClient {
	s.t.Helper()
	dir := filepath.Join(s.dir, "pki", "cn")
	cert, err := mtls.LoadCertificate(filepath.Join(dir, who+".pem"), filepath.Join(dir, who+"-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots, err := mtls.LoadRoots(filepath.Join(dir, "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	const uri = "customs://CN/gateway/1"
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: uri, Roots: roots}})
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(credentials.NewTLS(registry.ClientConfig(cert, uri))),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return exchangev1.NewSubmissionServiceClient(conn)
}

// memory returns what the process takes now and took at most, in bytes.
func (s *served) memory() (now, peak int64) {
	s.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	of := func(key string) int64 {
		m := regexp.MustCompile(key + `:\s+(\d+) kB`).FindSubmatch(raw)
		if m == nil {
			s.t.Fatalf("no %s in %s", key, raw)
		}
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		return n << 10
	}
	return of("VmRSS"), of("VmHWM")
}

// largeManifest is the case's manifest with its goods line repeated over waybills until it
// has some bytes.
func largeManifest(t *testing.T, n int) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(raw), "    <Consignment>")
	consignment, tail, ok := strings.Cut(rest, "    </Consignment>\n")
	before, goods, ok2 := strings.Cut(consignment, "      <ConsignmentItem>")
	i := strings.LastIndex(goods, "</ConsignmentItem>\n")
	if !ok || !ok2 || i < 0 {
		t.Fatal("the case has another form")
	}
	item, after := goods[:strings.Index(goods, "</ConsignmentItem>\n")], goods[i+len("</ConsignmentItem>\n"):]
	var b strings.Builder
	b.WriteString(head)
	for waybill := 1; b.Len() < n; waybill++ {
		b.WriteString("    <Consignment>" + strings.Replace(before, "CNRU26030001", fmt.Sprintf("CNRU2603%04d", waybill), 1))
		for k := range 500 {
			b.WriteString("      <ConsignmentItem>" + strings.Replace(item, "<SequenceNumeric>1<", fmt.Sprintf("<SequenceNumeric>%d<", k+1), 1) + "</ConsignmentItem>\n")
		}
		b.WriteString(after + "    </Consignment>\n")
	}
	b.WriteString(tail)
	return []byte(b.String())
}

// TestAGatewayUnderLoadStaysSmallAndAnswers: parallel checks of large documents by one
// caller, and connections that open as many calls as they may, make a gateway neither large
// nor deaf: what finds no room is told when to come again, and small calls of another are
// answered. LOAD_BIN takes another binary, to compare.
func TestAGatewayUnderLoadStaysSmallAndAnswers(t *testing.T) {
	binary := filepath.Join(builtIn(t), "gatewayd")
	if other := os.Getenv("LOAD_BIN"); other != "" {
		binary = other
	}
	s := serveCN(t, binary)
	baseline, _ := s.memory()
	document := largeManifest(t, 5<<20)
	small, err := os.ReadFile("../../testdata/cases/mt2401.xml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	note := func(what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		answers[what+" "+status.Code(err).String()]++
	}
	for range 16 {
		client := s.client("post")
		wg.Go(func() {
			_, err := client.Check(ctx, &exchangev1.CheckRequest{Content: document}, grpc.MaxCallSendMsgSize(64<<20))
			note("large", err)
		})
	}
	for range 20 {
		client := s.client("post")
		for range 64 {
			wg.Go(func() {
				_, err := client.Check(ctx, &exchangev1.CheckRequest{Content: small})
				note("many", err)
			})
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	other := s.client("national")
	var took []time.Duration
loaded:
	for {
		start := time.Now()
		_, err := other.Check(ctx, &exchangev1.CheckRequest{Content: small})
		took = append(took, time.Since(start))
		if status.Code(err) != codes.OK {
			t.Errorf("a small call of another: %v", err)
		}
		select {
		case <-done:
			break loaded
		case <-time.After(50 * time.Millisecond):
		}
	}
	slices.Sort(took)
	_, peak := s.memory()
	t.Logf("baseline %d MB, peak %d MB; %v; %d small calls beside it: median %v, 95 %% %v, slowest %v",
		baseline/1e6, peak/1e6, answers, len(took), took[len(took)/2], took[len(took)*95/100], took[len(took)-1])
	if os.Getenv("LOAD_BIN") != "" {
		return
	}
	if peak > 400e6 {
		t.Errorf("the gateway took %d MB", peak/1e6)
	}
	if median := took[len(took)/2]; median > time.Second {
		t.Errorf("a small call took %v", median)
	}
	if answers["large OK"] == 0 || answers["many OK"] == 0 || answers["many OK"]+answers["many ResourceExhausted"] != 20*64 {
		t.Errorf("%v", answers)
	}
	s.stop()
	if n := bytes.Count(s.log.Bytes(), []byte("\n")); n > 20 {
		t.Errorf("%d lines are logged\n%.2000s", n, s.log)
	}
}
