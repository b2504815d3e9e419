package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"customs.example/gateway/mtls"
)

const playedConfig = `
administration: RU
database: ru.db
data: own
listen: {grpc: "127.0.0.1:1", rest: "127.0.0.1:2"}
certificate: {cert: pki/ru/gateway.pem, key: pki/ru/gateway-key.pem}
routes: [ru-cn-answer]
retention: 48h
callers:
  - {uri: "customs://RU/office/10719110/post/1", role: post, offices: ["10719110"], roots: pki/ru/ca.pem}
partners:
  - {uri: "customs://CN/gateway/1", address: "127.0.0.1:3", administrations: [CN], roots: pki/cn/ca.pem, crls: pki/cn/crl.pem, pins: [PIN]}
  - {uri: "customs://KZ/gateway/1", address: "127.0.0.1:4", mode: https, administrations: [KZ], roots: pki/cn/ca.pem}
  - {uri: "customs://MN/gateway/1", mode: pull, administrations: [MN], roots: pki/cn/ca.pem}
`

// TestTheConfigurationStaysAsItIsButForThePlay: what the play changes of it, and nothing else; at a second start the
// keys are the same.
func TestTheConfigurationStaysAsItIsButForThePlay(t *testing.T) {
	dir := t.TempDir()
	if err := mtls.GenerateDevPKI(filepath.Join(dir, "pki"), time.Now(), mtls.DevAuthorities()); err != nil {
		t.Fatal(err)
	}
	shown, err := mtls.LoadRoots(filepath.Join(dir, "pki/cn/gateway.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pin := mtls.SPKIPin(shown[0]).String()
	for name, content := range map[string]string{"gateway.yaml": strings.Replace(playedConfig, "PIN", pin, 1), "own/mappings/rules/own.v1.yaml": "rules: own\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options{config: filepath.Join(dir, "gateway.yaml"), behind: "127.0.0.1:5", behindREST: "127.0.0.1:6"}
	first, err := newStage(o)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(filepath.Join(dir, first.standIn(0), "gateway-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStage(o)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(dir, s.standIn(0), "gateway-key.pem")); err != nil || string(again) != string(keys) {
		t.Errorf("the keys are others at the second start: %v", err)
	}
	var before, after map[string]any
	for file, into := range map[string]*map[string]any{o.config: &before, s.file: &after} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	standIn, err := mtls.LoadRoots(filepath.Join(dir, s.standIn(0), "gateway.pem"))
	if err != nil {
		t.Fatal(err)
	}
	before["database"], before["data"] = "partnersim/gateway.db", "partnersim/data"
	before["listen"].(map[string]any)["grpc"], before["listen"].(map[string]any)["rest"] = "127.0.0.1:5", "127.0.0.1:6"
	before["callers"] = append(before["callers"].([]any), map[string]any{
		"uri": "customs://RU/office/10719110/post/partnersim", "role": "post", "offices": []any{"10719110"}, "roots": s.post() + "/ca.pem", "crls": s.post() + "/crl.pem",
	})
	for i, of := range before["partners"].([]any) {
		of.(map[string]any)["roots"] = s.standIn(i) + "/both-ca.pem"
	}
	cn := before["partners"].([]any)[0].(map[string]any)
	cn["address"], cn["crls"], cn["pins"] = s.outward[0], s.standIn(0)+"/both-crl.pem", []any{pin, mtls.SPKIPin(standIn[0]).String()}
	before["partners"].([]any)[1].(map[string]any)["address"] = s.outward[1] // one that is posted to
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if both, err := mtls.LoadRoots(filepath.Join(dir, s.standIn(0), "both-ca.pem")); err != nil || len(both) != 2 {
		t.Errorf("%d roots, %v", len(both), err)
	}
	for _, name := range []string{"own.v1.yaml", "partnersim.v1.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, "partnersim/data/mappings/rules", name)); err != nil {
			t.Error(err)
		}
	}
}
