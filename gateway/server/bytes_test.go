package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/store"
)

// TestParallelBytesByREST: what is put as it is, whole or in parts that begin behind what is there, and what is
// taken, whole or from a byte on.
func TestParallelBytesByREST(t *testing.T) {
	h := newHouse(t)
	content := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte("scan "), 400_000)...)
	size := len(content)
	digest := gateway.DigestOf(content).String()
	ask := func(as, verb, path string, body []byte, header ...string) (*http.Response, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), verb, h.rest+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		answer, err := h.web[as].Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, raw
	}
	part := func(from, to int) []string {
		return []string{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size)}
	}
	const piece = store.ChunkBytes
	for _, c := range []struct {
		name     string
		body     []byte
		header   []string
		code     int
		received int
	}{
		{"less than a piece", content[:1000], part(0, 1000), http.StatusBadRequest, 0},
		{"a piece and a half", content[:piece+piece/2], part(0, piece+piece/2), http.StatusOK, piece},
		{"the same again", content[:piece], part(0, piece), http.StatusBadRequest, piece},
		{"a gap", content[2*piece : 3*piece], part(2*piece, 3*piece), http.StatusBadRequest, piece},
		{"another size", content[piece : 2*piece], []string{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", piece, 2*piece-1, size+1)}, http.StatusBadRequest, piece},
		{"not as long as it says", content[piece : 2*piece], part(piece, 2*piece+1), http.StatusBadRequest, piece},
		{"beyond its end", content[piece : 2*piece], []string{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", piece, 2*piece-1, piece+5)}, http.StatusBadRequest, piece},
		{"no range", content[piece : 2*piece], []string{"Content-Range", "bytes */7"}, http.StatusBadRequest, piece},
		{"of a negative place", content[:piece], []string{"Content-Range", "bytes -5-9/7"}, http.StatusBadRequest, piece},
		{"of a huge one", content[:piece], []string{"Content-Range", "bytes 99999999999999999999-99999999999999999999/99999999999999999999"}, http.StatusBadRequest, piece},
		{"two ranges", content[piece : 2*piece], append(part(piece, 2*piece), part(piece, 2*piece)...), http.StatusBadRequest, piece},
		{"another type", content[piece : 2*piece], append(part(piece, 2*piece), "Content-Type", "image/jpeg"), http.StatusBadRequest, piece},
		{"all that is left", content[piece:], append(part(piece, size), "Content-Type", "image/png"), http.StatusOK, size},
		{"the whole again", content, nil, http.StatusOK, size},
	} {
		answer, raw := ask("post", http.MethodPut, "/v1/attachments/"+digest, c.body, c.header...)
		if answer.StatusCode != c.code {
			t.Errorf("%s: %s %s", c.name, answer.Status, raw)
		}
		var there exchangev1.Upload
		if _, raw = ask("post", http.MethodGet, "/v1/attachments/"+digest, nil); protojson.Unmarshal(raw, &there) != nil || there.Received != uint64(c.received) {
			t.Errorf("%s: then %s", c.name, raw)
		}
	}
	if answer, raw := ask("post", http.MethodPut, "/v1/attachments/"+digest, make([]byte, 13<<20)); answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("more than a request may have: %s %s", answer.Status, raw)
	}
	if answer, raw := ask("analyst", http.MethodPut, "/v1/attachments/"+digest, content); answer.StatusCode != http.StatusForbidden {
		t.Errorf("by an analyst: %s %s", answer.Status, raw)
	}

	id, named := h.attached(own)
	scan := "scan of " + id
	path := "/v1/inbox/" + id + "/attachments/" + named.String()
	sent := func(to gateway.Administration) string {
		id, digest := h.named(to)
		return "/v1/deliveries/" + id + "/attachments/" + digest.String()
	}
	toPartner, toOther := sent("RU"), sent("KZ")
	over, gone := h.attached(own)
	h.do(func(tx *store.Tx) error {
		return tx.PutAttachmentUse(store.AttachmentUse{Door: store.DoorPeer, Party: "RU", Message: gateway.MessageID(over), Digest: gone, Until: tx.Now()})
	})
	erased := "/v1/inbox/" + over + "/attachments/" + gone.String()
	for _, c := range []struct {
		as, path, asked string
		code            int
		want, part      string
	}{
		{"system", path, "", http.StatusOK, scan, ""},
		{"system", path, "bytes=5-", http.StatusPartialContent, scan[5:], fmt.Sprintf("bytes 5-%d/%d", len(scan)-1, len(scan))},
		{"system", path, "bytes=5-7", http.StatusPartialContent, scan[5:8], fmt.Sprintf("bytes 5-7/%d", len(scan))},
		{"system", path, "bytes=5-999999", http.StatusPartialContent, scan[5:], fmt.Sprintf("bytes 5-%d/%d", len(scan)-1, len(scan))},
		{"system", path, fmt.Sprintf("bytes=%d-", len(scan)), http.StatusRequestedRangeNotSatisfiable, "", ""},
		{"system", path, "bytes=999999-", http.StatusRequestedRangeNotSatisfiable, "", ""},
		{"system", path, "bytes=7-5", http.StatusBadRequest, "", ""},
		{"system", path, "bytes=-5", http.StatusBadRequest, "", ""},
		{"system", path, "bytes=0-1,3-4", http.StatusBadRequest, "", ""},
		{"system", path + "?sender=RU", "", http.StatusOK, scan, ""},
		{"system", path + "?sender=KZ", "", http.StatusNotFound, "", ""},
		{"system", path + "?other=KZ", "", http.StatusBadRequest, "", ""},
		{"system", "/v1/inbox/" + id + "/attachments/x", "", http.StatusNotFound, "", ""},
		{"system", erased, "", http.StatusGone, "", ""},
		{"partner", toPartner, "bytes=2-", http.StatusPartialContent, "an", "bytes 2-3/4"},
		{"partner", toOther, "", http.StatusNotFound, "", ""},
		{"partner", "/v1/deliveries/" + h.fresh() + "/attachments/" + named.String(), "", http.StatusNotFound, "", ""},
		{"system", toPartner, "", http.StatusForbidden, "", ""},
		{"post", path, "", http.StatusForbidden, "", ""},
		{"partner", path, "", http.StatusForbidden, "", ""},
	} {
		var header []string
		if c.asked != "" {
			header = []string{"Range", c.asked}
		}
		answer, raw := ask(c.as, http.MethodGet, c.path, nil, header...)
		if answer.StatusCode != c.code || c.want != "" && string(raw) != c.want || answer.Header.Get("Content-Range") != c.part {
			t.Errorf("%s asks for %s %s: %s, %s, %s", c.as, c.path, c.asked, answer.Status, answer.Header.Get("Content-Range"), raw)
		}
		if c.want != "" && (answer.Header.Get("Content-Type") != "image/png" || answer.Header.Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%s: %v", c.asked, answer.Header)
		}
	}
}
