package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"customs.example/gateway/flow"
)

// TestParallelWhatIsPostedIsReadAsItIsMeant: a parameter, a header or a media type that can be read in
// two ways is refused, and nothing of it is left out in silence; so is what grows beyond what a
// body may have.
func TestParallelWhatIsPostedIsReadAsItIsMeant(t *testing.T) {
	h := newHouse(t)
	bomb := func(inside string, size int) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, io.LimitReader(endless(inside), int64(size))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	header := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	json := header("Content-Type", flow.JSON)
	for name, tt := range map[string]struct {
		query  string
		header http.Header
		body   []byte
		status int
		said   string
	}{
		"a parameter that ends at a semicolon":    {"amends=S1;reason=004", json, nil, 400, "the query is not"},
		"a parameter that is not escaped":         {"amends=%zz", json, nil, 400, "the query is not"},
		"two submissions to amend":                {"amends=S1&amends=S2", json, nil, 400, "amends: only once"},
		"two reasons":                             {"reason=004&reason=002", json, nil, 400, "reason: only once"},
		"two expected arrivals":                   {"eta=2026-03-02T14:00:00Z&eta=", json, nil, 400, "eta: only once"},
		"a parameter in capitals":                 {"Amends=S1", json, nil, 400, "no parameter"},
		"a parameter with an escape sequence":     {"%1b%5b2J=1", json, nil, 400, "no parameter"},
		"a parameter of 4 KiB":                    {strings.Repeat("a", 4<<10) + "=1", json, nil, 400, "no parameter"},
		"two ids":                                 {"", header("Content-Type", flow.JSON, "Idempotency-Key", "A", "Idempotency-Key", "B"), nil, 400, "Idempotency-Key: only once"},
		"two media types":                         {"", header("Content-Type", flow.JSON, "Content-Type", flow.XML), nil, 400, "Content-Type: only once"},
		"two media types in one":                  {"", header("Content-Type", flow.JSON+", "+flow.XML), nil, 415, "takes"},
		"other characters":                        {"", header("Content-Type", flow.XML+"; charset=gb18030"), nil, 400, "want no charset but UTF-8"},
		"compressed twice":                        {"", header("Content-Type", flow.JSON, "Content-Encoding", "gzip", "Content-Encoding", "gzip"), nil, 415, "want gzip"},
		"compressed twice in one":                 {"", header("Content-Type", flow.JSON, "Content-Encoding", "gzip, gzip"), nil, 415, "want gzip"},
		"compressed, but for the half of it":      {"", header("Content-Type", flow.JSON, "Content-Encoding", "gzip"), bomb("{}", 100)[:20], 400, "read body"},
		"compressed, and larger than a body":      {"", header("Content-Type", flow.JSON, "Content-Encoding", "gzip"), bomb(" ", 64<<20), 400, "too large"},
		"compressed, with more compressed behind": {"", header("Content-Type", flow.JSON, "Content-Encoding", "gzip"), bytes.Repeat(bomb(" ", 1<<20), 64), 400, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, h.rest+"/v1/submissions?"+tt.query, bytes.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = tt.header
			answer, err := h.web["post"].Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			said, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != tt.status || !strings.Contains(string(said), tt.said) || len(said) > 2000 || bytes.ContainsAny(said, "\x1b") {
				t.Errorf("%s: %.300s, %v; want %d %q", answer.Status, said, err, tt.status, tt.said)
			}
		})
	}
}

// endless reads a text again and again.
type endless string

func (r endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], r)
	}
	return n, nil
}
