package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/spool"
)

// TestParallelAPostWithoutLine is a night at a post: for six hours its system writes what leaves into a folder,
// with a clock that is seven minutes ahead, and nothing reaches the gateway. When the line is there again
// everything goes through, although what hands it in is killed again and again; some trucks were handled
// on paper meanwhile, and nothing is announced twice.
func TestParallelAPostWithoutLine(t *testing.T) {
	const trucks, onPaper = 140, 5
	bin := built(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p := &played{dir: t.TempDir(), load: &load{dice: roll(2), now: time.Now}}
	cn, ru, err := newSides(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	p.side = map[gateway.Administration]*side{"CN": cn, "RU": ru}
	t.Cleanup(func() { _, _ = cn.kill(), ru.kill() })
	if err := ru.start(bin); err != nil {
		t.Fatal(err)
	}
	post, err := dial(cn, bin, "cn/post")
	if err != nil {
		t.Fatal(err)
	}
	defer post.close()
	folder := t.TempDir()
	drop := func(file string, content []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(folder, spool.OutBox), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, spool.OutBox, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dark := time.Now().Add(-6*time.Hour + 7*time.Minute)
	for i := range trucks {
		truck := p.load.truck(dark.Add(time.Duration(i)*6*time.Hour/trucks), 1, 1)
		truck.Manifest.Batch = fmt.Sprintf("%s%s%05d", manzhouli, truck.exit.Format("060102"), i)
		truck.Manifest.Waybills[0].Number = fmt.Sprintf("CNRU%s%06d", truck.exit.Format("0601"), i)
		for _, d := range []struct {
			template, id string
			values       any
		}{{"mt2401.xml", truck.Manifest.MessageID, truck.Manifest}, {"mt4402.xml", truck.MessageID, truck}} {
			content, err := render(d.template, d.values)
			if err != nil {
				t.Fatal(err)
			}
			drop(d.id+".xml", content)
			p.load.list = append(p.load.list, &sent{from: "CN", office: manzhouli, id: d.id, of: itoa(i), content: content, acknowledged: time.Now()})
		}
		if i%(trucks/onPaper) == 0 {
			drop(truck.MessageID+".paper", fmt.Appendf(nil, "P-%d\nno line all night\n", i))
		}
	}
	hand := func() *exec.Cmd {
		t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "gatewayctl"), "spool", "-every", "100ms", "-until-done", folder)
		cmd.Env = append(os.Environ(), post.ctl...)
		cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	for i := range 6 { // without a line, and then with one
		cmd := hand()
		select {
		case <-time.After(time.Duration(500+200*i) * time.Millisecond):
		case <-ctx.Done():
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if i == 2 {
			if entries, err := os.ReadDir(filepath.Join(folder, spool.InBox)); err != nil || len(entries) > 0 {
				t.Fatalf("without a line there is an answer: %v, %v", entries, err)
			}
			if err := cn.start(bin); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := hand().Wait(); err != nil {
		t.Fatal(err)
	}
	for _, s := range p.load.list {
		for _, how := range []string{"Success", "Receipt"} {
			raw, err := os.ReadFile(filepath.Join(folder, spool.InBox, how+"_"+s.id+".json"))
			var answer struct{ SubmissionID string }
			if err != nil || json.Unmarshal(raw, &answer) != nil || answer.SubmissionID != s.id {
				t.Fatalf("%s of %s: %s, %v", how, s.id, raw, err)
			}
		}
	}
	told, err := filepath.Glob(filepath.Join(folder, spool.InBox, "Success_*.paper.txt"))
	if err != nil || len(told) != onPaper {
		t.Errorf("%v are handled on paper, %v", told, err)
	}
	for i := 0; i < trucks; i += trucks / onPaper {
		found, err := post.movements.Find(ctx, &exchangev1.FindMovementsRequest{Text: fmt.Sprintf("CNRU%s%06d", dark.In(beijing).Format("0601"), i)})
		if err != nil || len(found.Movements) != 1 || found.Movements[0].State != "handled on paper" {
			t.Errorf("truck %d: %v, %v", i, found.GetMovements(), err)
		}
	}
	for _, g := range []*side{cn, ru} {
		if err := g.stop(); err != nil {
			t.Fatal(err)
		}
	}
	got := p.check(t, p.load.list, nil, "", false)
	if got.Total != 0 || got.Sides[0].Messages["accepted"] != trucks || got.Sides[1].Inbound["accepted"] != trucks {
		t.Errorf("%v; %d violations, such as %v", got.Sides, got.Total, got.Violations[:min(len(got.Violations), 5)])
	}
	if left, err := os.ReadDir(filepath.Join(folder, spool.OutBox)); err != nil || len(left) > 0 {
		t.Errorf("there is left %v, %v", left, err)
	}
}
