package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/release"
)

// corridors configures a gateway of each administration, with every office and every route that
// is shipped: all/cn.yaml, all/ru.yaml, all/kz.yaml, all/mn.yaml. Each office has a post and a
// supervisor: as cn post-1925.
func corridors(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: corridors")
	}
	routes := map[string][]string{}
	offices := map[string][]string{}
	partners := map[string][]string{}
	for _, rt := range shipped(ts).All() {
		own := string(rt.From)
		if rt.InsteadOf != "" { // not beside the other
			continue
		}
		for _, ends := range [][2]string{{own, string(rt.To)}, {string(rt.To), own}} {
			if ends[0] != ends[1] && !slices.Contains(partners[ends[0]], ends[1]) {
				partners[ends[0]] = append(partners[ends[0]], ends[1])
			}
		}
		routes[own] = append(routes[own], rt.Name)
		for _, o := range rt.Offices {
			if !slices.Contains(offices[own], o.Code) {
				offices[own] = append(offices[own], o.Code)
			}
		}
	}
	var authorities []mtls.DevAuthority
	for own, codes := range offices {
		side := strings.ToLower(own)
		a := mtls.DevAdministration(side, gateway.Administration(own), codes[0])
		for _, code := range codes {
			for _, role := range []string{"post", "supervisor"} {
				a.Identities = append(a.Identities, mtls.DevIdentity{Name: role + "-" + code, URI: fmt.Sprintf("customs://%s/office/%s/%s/1", own, code, role)})
			}
		}
		authorities = append(authorities, a)
		key, err := os.ReadFile(ts.MkAbs(filepath.Join("pki", side, "signing.pem")))
		ts.Check(err)
		public, err := os.ReadFile(ts.MkAbs(filepath.Join("pki", side, "signing.pub.pem")))
		ts.Check(err)
		defer func() {
			ts.Check(os.WriteFile(ts.MkAbs(filepath.Join("pki", side, "signing.pem")), key, 0o600))
			ts.Check(os.WriteFile(ts.MkAbs(filepath.Join("pki", side, "signing.pub.pem")), public, 0o600))
		}()
	}
	ts.Check(os.RemoveAll(ts.MkAbs("pki")))
	ts.Check(mtls.GenerateDevPKI(ts.MkAbs("pki"), time.Now(), authorities))
	ts.Value(awkwardKey{}).(*awkwardLines).newKeys(ts)
	address := map[string]string{}
	for own := range offices {
		address[own] = ts.Getenv(own + "_LINE")
	}
	for own, codes := range offices {
		slices.Sort(partners[own])
		c := storyConfig{strings.ToLower(own) + "-all.yaml", own, []string{ts.Getenv(own + "_GRPC"), ts.Getenv(own + "_REST")}, codes, partners[own], routes[own]}
		ts.Check(c.write(ts.MkAbs("."), address))
	}
}

func shipped(ts *testscript.TestScript) *release.Routes {
	c, err := chain()
	ts.Check(err)
	return c.Routes
}

// crosses has what a route announces cross a border: its sample is submitted by a post of its
// office and accepted, it leaves and arrives, which the sender is told; the office of entry answers
// and tells of a control: crosses ROUTE.
func crosses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crosses ROUTE")
	}
	rt, ok := shipped(ts).Route(args[0])
	if !ok {
		ts.Fatalf("there is no route %s", args[0])
	}
	from, to := strings.ToLower(string(rt.From)), strings.ToLower(string(rt.To))
	exit := "post-" + rt.Offices[0].Code
	as(ts, false, []string{from, exit})
	ts.Check(ts.Exec("gatewayd", "sample", rt.Name, "-dir", rt.Name))
	files := strings.Fields(ts.ReadFile("stdout"))
	batch, submission := "", ""
	for _, file := range files {
		ts.Check(ts.Exec("gatewayctl", "submit", file))
		submission = regexp.MustCompile(`(?m)^submission +(\S+)`).FindStringSubmatch(ts.ReadFile("stdout"))[1]
	}
	ts.Check(ts.Exec("gatewayctl", "status", "-o", "json", submission))
	for _, m := range regexp.MustCompile(`"batch": ?"([^"]+)"`).FindAllStringSubmatch(ts.ReadFile("stdout"), 1) {
		batch = m[1]
	}
	if rt.Moment == release.GateOut {
		plate := regexp.MustCompile(`<ID>(\p{Han}[A-Z][0-9]{5})</ID>`).FindStringSubmatch(ts.ReadFile(files[len(files)-1]))[1]
		ts.Check(os.WriteFile(ts.MkAbs("left.json"), fmt.Appendf(nil, leftReport, batch, rt.From, rt.Offices[0].Code, plate), 0o600))
		ts.Check(ts.Exec("gatewayctl", "departure", "-id", "LEFT-"+batch, "left.json"))
	}
	until(ts, false, []string{"message state +accepted", "gatewayctl", "status", submission})
	document := submission // a document that stands for itself keeps its id
	if rt.Recipe != "" {
		document = regexp.MustCompile(`(?m)^message +([0-9a-f-]{36})$`).FindStringSubmatch(ts.ReadFile("stdout"))[1]
	}

	entry := entryOffice(ts, rt)
	as(ts, false, []string{to, "post-" + entry})
	until(ts, false, []string{regexp.QuoteMeta(batch), "gatewayctl", "movement", "list", "-role", "entry"})
	for name, report := range map[string]string{"arrival": arrivalReport, "answer": answerReport, "inspection": inspectionReport} {
		text := strings.NewReplacer("BATCH", batch, "OWN", string(rt.To), "OFFICE", entry, "DOCUMENT", document).Replace(report)
		ts.Check(os.WriteFile(ts.MkAbs(name+".json"), []byte(text), 0o600))
	}
	ts.Check(ts.Exec("gatewayctl", "arrival", "-id", "ARRIVAL-"+batch, "arrival.json"))
	ts.Check(ts.Exec("gatewayctl", "submit", "answer.json"))
	ts.Check(ts.Exec("gatewayctl", "submit", "inspection.json"))
	until(ts, false, []string{"message state +accepted", "gatewayctl", "status", "CONTROL-" + batch})
	control := []string{`"controls":\[\{"messageId":"[^"]+".*"subject":"` + regexp.QuoteMeta(document) + `","kind":"XRAY"`, "gatewayctl", "find", "-o", "json", batch}
	until(ts, false, control)

	as(ts, false, []string{from, exit})
	until(ts, false, []string{`arrived 2026-03-01T`, "gatewayctl", "status", submission})
	until(ts, false, []string{"ACCEPTED", "gatewayctl", "status", submission})
	until(ts, false, control)
}

// entryOffice is the office of entry that a route names.
func entryOffice(ts *testscript.TestScript, rt *release.Route) string {
	for _, s := range rt.Supplies {
		if s.Fields["administration"] == string(rt.To) {
			return s.Fields["code"]
		}
	}
	ts.Fatalf("%s names no office of entry", rt.Name)
	return ""
}

const (
	leftReport = `{"envelope": {"documentId": "LEFT-%[1]s", "issued": "2026-03-01T10:12:00+08:00"},
 "vehicleReport": {"batch": "%[1]s", "kind": "LADEN_EXIT", "office": {"administration": %[2]q, "code": %[3]q}, "at": "2026-03-01T10:11:00+08:00",
  "transport": {"mode": "3", "vehicles": [{"role": "TRACTOR", "registration": %[4]q, "country": "CN"}]}}}`
	arrivalReport = `{"envelope": {"documentId": "ARRIVAL-BATCH", "issued": "2026-03-01T12:05:00Z", "function": "ORIGINAL"},
 "arrivalReport": {"batch": "BATCH", "office": {"administration": "OWN", "code": "OFFICE"}, "at": "2026-03-01T12:00:00Z"}}`
	answerReport = `{"envelope": {"documentId": "ANSWER-BATCH", "issued": "2026-03-01T12:06:00Z", "function": "RESPONSE", "references": [{"kind": "ANSWERED", "id": "DOCUMENT"}]},
 "answer": {"status": "ACCEPTED", "results": [{"code": "ACCEPTED", "descriptions": ["принято"], "category": "INFO"}]}}`
	inspectionReport = `{"envelope": {"documentId": "CONTROL-BATCH", "issued": "2026-03-01T12:07:00Z", "function": "ORIGINAL"},
 "inspectionResult": {"subject": {"id": "DOCUMENT"}, "office": {"administration": "OWN", "code": "OFFICE"}, "at": "2026-03-01T12:07:00Z", "control": "XRAY", "outcome": "CONFORM"}}`
)

// controlled writes the outcome of a control, ID.json: controlled ID ADMINISTRATION OFFICE SUBJECT KIND.
func controlled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: controlled ID ADMINISTRATION OFFICE SUBJECT KIND")
	}
	text := fmt.Sprintf(`{"envelope": {"documentId": %q, "issued": "2026-03-01T02:07:00Z", "function": "ORIGINAL"},
 "inspectionResult": {"subject": {"id": %q}, "office": {"administration": %q, "code": %q}, "at": "2026-03-01T02:07:00Z", "control": %q, "outcome": "CONFORM"}}`,
		args[0], args[3], args[1], args[2], args[4])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".json"), []byte(text), 0o600))
}
