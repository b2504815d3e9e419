package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"customs.example/gateway"
)

var update = flag.Bool("update", false, "rewrite expected results")

// TestCatalogue holds every event there is, with what may be said of it, to a file: a line
// that changes there is one that somebody looks for.
func TestCatalogue(t *testing.T) {
	var b strings.Builder
	for _, k := range Kinds {
		fmt.Fprintf(&b, "%s %q: %s\n\t%s\n", k.Level, k.Name, strings.Join(k.Attributes, " "), k.Means)
	}
	const file = "testdata/events.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
		t.Errorf("%v: %s says otherwise than\n%s", err, file, &b)
	}
}

// TestEveryNameIsInTheCatalogueOnce, and every one there has a constant.
func TestEveryNameIsInTheCatalogueOnce(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []Name
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok {
			if id, ok := s.Type.(*ast.Ident); ok && id.Name == "Name" {
				text, _ := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
				names = append(names, Name(text))
			}
		}
		return true
	})
	var listed []Name
	for _, k := range Kinds {
		if slices.Contains(listed, k.Name) || !slices.Contains(names, k.Name) || k.Means == "" {
			t.Errorf("%q is listed twice, has no constant or no meaning", k.Name)
		}
		listed = append(listed, k.Name)
	}
	for _, n := range names {
		if !slices.Contains(listed, n) {
			t.Errorf("%q is in no catalogue", n)
		}
	}
}

// full is an event with something in every field.
func full() Event {
	e := Event{Codes: []gateway.Code{gateway.XSDType}, Cause: errors.New("broken"), Address: []string{"grpc 127.0.0.1:1"}, Certificate: gateway.DigestOf(nil),
		Digest: gateway.DigestOf(nil), Confirmed: []string{"anna"}, Ends: time.Unix(1, 0)}
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(time.Second))
		case reflect.Bool:
			f.SetBool(true)
		}
	}
	return e
}

// TestEveryFieldIsTold under a key of the catalogue.
func TestEveryFieldIsTold(t *testing.T) {
	var known []string
	for _, k := range Kinds {
		known = append(known, k.Attributes...)
	}
	told := full().attributes()
	if n := reflect.TypeFor[Event]().NumField() - 1; len(told) != n { // the name is the line's message
		t.Errorf("of %d fields %d are told: %v", n, len(told), told)
	}
	for _, a := range told {
		if !slices.Contains(known, a.Key) {
			t.Errorf("no event says %s", a.Key)
		}
	}
	if got := (Event{}).attributes(); len(got) != 0 {
		t.Errorf("nothing is told as %v", got)
	}
}

// quiet counts what an observer is told.
type quiet struct{ seen []Name }

func (q *quiet) Observe(e Event) { q.seen = append(q.seen, e.Name) }

// TestObserversAreToldWhateverTheLevel, and a log that is nobody's takes everything.
func TestObserversAreToldWhateverTheLevel(t *testing.T) {
	var b bytes.Buffer
	var q quiet
	l := NewLog(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelError})), &q)
	for _, k := range Kinds {
		e := full()
		e.Name = k.Name
		l.Tell(e)
		(*Log)(nil).Tell(e)
	}
	lines := strings.Count(b.String(), "\n")
	errs := 0
	for _, k := range Kinds {
		if k.Level >= slog.LevelError {
			errs++
		}
	}
	if len(q.seen) != len(Kinds) || lines != errs {
		t.Errorf("of %d events the observer is told %d, and of %d errors the log has %d", len(Kinds), len(q.seen), errs, lines)
	}
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
}

type redactable struct{}

func (redactable) Error() string    { return "the partner says Иванов" }
func (redactable) Redacted() string { return "the partner says no" }

// TestCauseQuotesNoDocument: not what a fault found, not what an error puts between quotation
// marks, and never more than a bound.
func TestCauseQuotesNoDocument(t *testing.T) {
	const secret = "Иванов"
	_, atoi := strconv.Atoi(secret)
	faults := gateway.Faults{
		{Code: gateway.XSDType, Value: secret}, {Code: gateway.MapType, Value: secret}, {Code: gateway.XSDType, Value: secret},
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{faults, "XSD_TYPE, MAP_TYPE"},
		{fmt.Errorf("judge: %w", faults), "XSD_TYPE, MAP_TYPE"},
		{Logged(faults), "XSD_TYPE, MAP_TYPE"},
		{faults[1], "MAP_TYPE"},
		{atoi, "strconv.Atoi: parsing ***: invalid syntax"},
		{errors.New("name 'Иванов', “Иванов”, «Иванов», `Иванов`, \"И\\\"ванов\""), "name ***, ***, ***, ***, ***"},
		{fmt.Errorf("deliver: %w", redactable{}), "the partner says no"},
		{errors.New("database is locked (5)"), "database is locked (5)"},
	} {
		if got := Cause(tt.err); got != tt.want {
			t.Errorf("%v is told as %q, want %q", tt.err, got, tt.want)
		}
	}
	long := Cause(errors.New(strings.Repeat("щ", 1<<20)))
	if len(long) > maxText+4 || !utf8.ValidString(long) {
		t.Errorf("a long cause is told in %d bytes", len(long))
	}
	many := make(gateway.Faults, 10000)
	for i := range many {
		many[i].Code = gateway.Code(fmt.Sprint("C", i))
	}
	if got := Cause(many); len(got) > maxText+4 {
		t.Errorf("many codes are told in %d bytes", len(got))
	}
}

// TestOneThingIsOneLine: an error that an event tells of says so however it is wrapped.
func TestOneThingIsOneLine(t *testing.T) {
	if WasLogged(nil) || Logged(nil) != nil || WasLogged(errors.New("x")) {
		t.Error("what is not told is told")
	}
	err := fmt.Errorf("call: %w", Logged(Logged(gateway.Faults{{Code: gateway.IDReuse}})))
	if !WasLogged(err) || !errors.As(err, new(gateway.Faults)) {
		t.Errorf("%v is not told, or no longer faults", err)
	}
}

// TestALibraryWritesNoLineOfItsOwn: what it says is one event, at the level of debugging.
func TestALibraryWritesNoLineOfItsOwn(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelDebug: 1, slog.LevelInfo: 0} {
		var b bytes.Buffer
		NewLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))).Library("net/http").Printf("http: %q\nand a second line", "Иванов")
		if n := strings.Count(b.String(), "\n"); n != want || strings.Contains(b.String(), "Иванов") {
			t.Errorf("at %v the log has %d lines: %s", level, n, &b)
		}
	}
}

// TestTextsAreClippedAtAWholeCharacter whatever an id holds.
func TestTextsAreClippedAtAWholeCharacter(t *testing.T) {
	for n := range 8 {
		id := strings.Repeat("a", n) + strings.Repeat("ж", 400) + "\n"
		a := Event{ID: id}.attributes()[0].Value.String()
		if len(a) > maxText+4 || !utf8.ValidString(a) {
			t.Errorf("an id of %d bytes is told in %d", len(id), len(a))
		}
	}
}

func BenchmarkTell(b *testing.B) {
	l := NewLog(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	e := Event{
		Name: ReceiptVerified, Message: "00000000-0000-4000-8000-000000000001", Partner: "RU", Route: "cn-ru-pre-arrival-notice", Verdict: "PRS",
		State: "accepted", Attempt: 1, Took: 50 * time.Millisecond, Codes: []gateway.Code{"EAEU-0208"},
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Tell(e)
	}
}
