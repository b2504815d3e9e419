package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/seal"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// client speaks HTTPS to the gateway and with the certificate that `as` has chosen.
func client(ts *testscript.TestScript) *http.Client {
	cert, err := mtls.LoadCertificate(ts.Getenv("GATEWAY_CERT"), ts.Getenv("GATEWAY_KEY"))
	ts.Check(err)
	roots, err := mtls.LoadRoots(ts.Getenv("GATEWAY_CA"))
	ts.Check(err)
	uri := ts.Getenv("GATEWAY_SERVER")
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: uri, Roots: roots}})
	ts.Check(err)
	return httpsClient(registry.ClientConfig(cert, uri))
}

func httpsClient(config *tls.Config) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
}

// ask sends a request and prints the status and the body.
func ask(ts *testscript.TestScript, c *http.Client, r *http.Request) {
	r.Header.Set("Accept-Language", "zh-CN, en;q=0.5")
	answer, err := c.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", answer.Status)
	for _, name := range []string{"Allow", "Accept-Post", "Content-Type", "Location", peer.HeaderDuplicate, "Retry-After"} {
		if v := answer.Header.Get(name); v != "" {
			fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, v)
		}
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", body)
}

// rest METHOD PATH [BODY] [HEADER: VALUE ...], where a body @FILE is a file's; any other is a
// whole request.
func rest(ts *testscript.TestScript, _ bool, args []string) {
	var body []byte
	header := http.Header{}
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, ": "); ok && !strings.HasPrefix(arg, "{") {
			header.Set(name, value)
		} else if file, ok := strings.CutPrefix(arg, "@"); ok {
			body = []byte(ts.ReadFile(file))
		} else {
			body = []byte(arg)
			header.Set("Content-Type", server.RequestJSON) // unless another is said
		}
	}
	if header.Get("Content-Encoding") == "gzip" {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, err := w.Write(body)
		ts.Check(errors.Join(err, w.Close()))
		body = zipped.Bytes()
	}
	r, err := http.NewRequest(args[0], restURL(ts, args[1]), bytes.NewReader(body))
	ts.Check(err)
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	ask(ts, client(ts), r)
}

// restURL is a path at the REST door of the gateway that `as` has chosen.
func restURL(ts *testscript.TestScript, path string) string {
	side, _, _ := strings.Cut(strings.TrimPrefix(ts.Getenv("GATEWAY_SERVER"), "customs://"), "/")
	return "https://" + ts.Getenv(side+"_REST") + path
}

// submit-by-rest ID FILE
func submitByREST(ts *testscript.TestScript, _ bool, args []string) {
	body, err := json.Marshal(map[string]any{"submissionId": args[0], "content": []byte(ts.ReadFile(args[1]))})
	ts.Check(err)
	r, err := http.NewRequest(http.MethodPost, restURL(ts, "/v1/submissions"), bytes.NewReader(body))
	ts.Check(err)
	r.Header.Set("Content-Type", server.RequestJSON)
	ask(ts, client(ts), r)
}

// post-message FROM TO posts the first message of a stopped gateway's database.
func postMessage(ts *testscript.TestScript, _ bool, args []string) {
	from, to := args[0], strings.ToUpper(args[1])
	ctx := context.Background()
	db, err := store.Open(ctx, ts.MkAbs(from+".db"), time.Now)
	ts.Check(err)
	defer db.Close()
	turns, err := db.Turns(ctx, gateway.Administration(to), time.Now(), 1)
	ts.Check(err)
	if len(turns) != 1 {
		ts.Fatalf("%s.db has %d messages to %s", from, len(turns), to)
	}
	m, err := db.Read().Message(ctx, turns[0].ID)
	ts.Check(err)
	header, err := seal.ParseHeader(m.Header)
	ts.Check(err)
	r, err := http.NewRequest(http.MethodPost, "https://"+ts.Getenv(to+"_REST")+"/v1/deliveries", bytes.NewReader(m.Payload))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/xml")
	r.Header.Set(peer.HeaderMessageID, string(header.MessageID))
	r.Header.Set(peer.HeaderKind, header.Kind)
	r.Header.Set(peer.HeaderHeader, base64.StdEncoding.EncodeToString(m.Header))
	r.Header.Set(peer.HeaderSignature, base64.StdEncoding.EncodeToString(m.Signature))

	as(ts, false, []string{strings.ToLower(to), "post"}) // whom to trust there
	pki := ts.MkAbs("pki/" + from + "/gateway")
	ts.Setenv("GATEWAY_CERT", pki+".pem")
	ts.Setenv("GATEWAY_KEY", pki+"-key.pem")
	ask(ts, client(ts), r)
}
