package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	openAPI = "exchange/v1/openapi.json"
	request = "application/vnd.exchange.v1+json"
	example = `<?xml version="1.0" encoding="UTF-8"?><Manifest>...</Manifest>`
)

type object = map[string]any

// TestOpenAPIIsFinished completes the file that buf has generated, with -update: what the door
// takes beyond the calls' own JSON, how it refuses, and without what nothing refers to. To
// complete what is complete changes nothing.
func TestOpenAPIIsFinished(t *testing.T) {
	raw, err := os.ReadFile(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var doc object
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for path, verbs := range doc["paths"].(object) {
		for verb, op := range verbs.(object) {
			finish(path, verb, op.(object))
		}
	}
	for unused(t, doc) {
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	switch {
	case *update:
		if err := os.WriteFile(openAPI, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	case !bytes.Equal(raw, out.Bytes()):
		t.Error(openAPI + " is not complete: run make generate")
	}
}

// posted are the paths where a document is taken as what it is, and what belongs in the query.
var posted = map[string][]any{
	"/v1/submissions":       ofSubmission,
	"/v1/submissions:check": ofSubmission,
	"/v1/arrivals":          {query("reason", "why, of a post that is not on the movement's route", "diverted by the weather")},
	"/v1/departures":        {},
}

var ofSubmission = []any{
	query("to", "administrations to send to, such as RU; without it the routes decide", "RU"),
	query("amends", "the submission whose place the document takes, as a full version", "0603-2026-000016"),
	query("reason", "why, of the list change-reason", "004"),
	query("eta", "when the goods are expected, where the document does not say it", "2026-03-02T14:00:00+08:00"),
}

func query(name, what, example string) object {
	return object{"name": name, "in": "query", "description": what, "schema": object{"type": "string"}, "example": example}
}

func finish(path, verb string, op object) {
	answers := op["responses"].(object)
	answers["4XX"] = object{"description": "refused, with all faults", "content": object{
		"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}},
	}}
	if path == uploads && verb == "put" {
		finishUpload(op)
		return
	}
	more, ok := posted[path]
	if !ok || verb != "post" {
		return
	}
	content := op["requestBody"].(object)["content"].(object)
	whole, done := content[request]
	if done {
		return
	}
	whole = content["application/json"]
	op["requestBody"] = object{"required": true, "content": object{
		request:            whole,
		"application/xml":  object{"schema": object{"type": "string"}, "example": example},
		"application/json": object{"schema": object{"type": "object", "title": "canonical document"}, "example": object{"envelope": object{"documentId": "RU-1", "function": "ORIGINAL"}}},
	}}
	op["parameters"] = append(slices.Clone(more), object{
		"name": "Idempotency-Key", "in": "header", "description": "the id, unique per office; without it the document's own",
		"schema": object{"type": "string"}, "example": "0603-2026-000017",
	})
	if !strings.Contains(path, ":") { // it makes something
		made := answers["200"].(object)
		made["headers"] = object{"Location": object{"description": "where it is found", "schema": object{"type": "string"}}}
		answers["201"] = made
	}
}

// uploads is where the bytes of an attachment are put as they are.
const uploads = "/v1/attachments/{sha256}"

func finishUpload(op object) {
	content := op["requestBody"].(object)["content"].(object)
	if _, done := content[request]; done {
		return
	}
	whole := content["application/json"]
	op["requestBody"] = object{"required": true, "content": object{
		request: whole, "application/json": whole,
		"application/octet-stream": object{"schema": object{"type": "string", "format": "binary"}},
		"image/*":                  object{"schema": object{"type": "string", "format": "binary"}},
		"application/pdf":          object{"schema": object{"type": "string", "format": "binary"}},
	}}
	op["parameters"] = append(op["parameters"].([]any), object{
		"name": "Content-Range", "in": "header", "description": "of a part of the bytes, which begins behind those that are there; without it the body is all of them",
		"schema": object{"type": "string"}, "example": "bytes 262144-524287/1500000",
	})
}

// unused takes away the schemas that nothing refers to, and reports whether there were any.
func unused(t *testing.T, doc object) (found bool) {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	schemas := doc["components"].(object)["schemas"].(object)
	for name := range schemas {
		if !bytes.Contains(raw, []byte(`"#/components/schemas/`+name+`"`)) {
			delete(schemas, name)
			found = true
		}
	}
	return found
}
