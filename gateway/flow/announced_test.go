package flow_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/mappings"
	"customs.example/xsd"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares what people read with a file, in five languages.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func inFiveLanguages(out *bytes.Buffer, title string, f gateway.Fault) {
	fmt.Fprintf(out, "%s\n%s %s at %s\n", title, f.Severity, f.Code, f.Location.Expr)
	for _, lang := range gateway.Languages {
		fmt.Fprintf(out, "  %s: %s\n", lang, gateway.Faults{f}.Report(lang)[0].Message)
	}
	out.WriteByte('\n')
}

// TestWhoMaySeeItIsToldWhatAnnouncesACrossing: for notices and manifests, at each border, in
// XML and in JSON; another office is told only that it is announced.
func TestWhoMaySeeItIsToldWhatAnnouncesACrossing(t *testing.T) {
	offices, err := chainOf(layered(t, mappings.FS, map[string]string{
		"routes/cn-ru-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-ru-pre-arrival-notice.yaml", "offices:\n", "offices:\n  - {code: \"0605\", zone: Asia/Shanghai}\n"),
		"routes/ru-cn-manifest.yaml":           text(t, mappings.FS, "routes/ru-cn-manifest.yaml", "offices:\n", "offices:\n  - {code: \"10719120\", zone: Asia/Chita}\n"),
	}), xsd.FS)
	if err != nil {
		t.Fatal(err)
	}
	type sender struct {
		g       func(*world) *flow.Gateway
		partner gateway.Administration
		caller  flow.Caller
		parts   [][]byte
	}
	china := func(w *world) *flow.Gateway { return w.cn }
	russia := func(w *world) *flow.Gateway { return w.ru }
	w := newWorld(t)
	at := func(c flow.Caller) [][]byte {
		return [][]byte{ofPost(c, w.content("mt2401.xml")), ofPost(c, w.content("mt4402.xml"))}
	}
	elsewhere := func(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte(">0603<"), []byte(">0605<")) }
	manzhouli := sender{china, "RU", post, at(post)}
	to := func(s sender, c flow.Caller, change func([]byte) []byte) sender {
		s.caller, s.parts = c, slices.Clone(s.parts)
		for i := range s.parts {
			s.parts[i] = change(s.parts[i])
		}
		return s
	}
	zabaykalsk := sender{russia, "CN", russianPost, [][]byte{longManifest(1)}}
	var out bytes.Buffer
	for _, tt := range []struct {
		name          string
		first, second sender
		delivered     bool
		code          gateway.Code
	}{
		{"a notice to Russia that is on its way", manzhouli, manzhouli, false, gateway.AlreadyAnnounced},
		{"a notice that Russia has taken", manzhouli, manzhouli, true, gateway.AlreadyAnnounced},
		{"a notice to Kazakhstan", sender{china, "KZ", khorgos, at(khorgos)}, sender{china, "KZ", khorgos, at(khorgos)}, false, gateway.AlreadyAnnounced},
		{"a manifest to China that is on its way", zabaykalsk, zabaykalsk, false, gateway.AlreadyAnnounced},
		{"a manifest that China has taken", zabaykalsk, zabaykalsk, true, gateway.AlreadyAnnounced},
		{"a notice of another office", manzhouli, to(manzhouli, flow.Caller{URI: "customs://CN/office/0605/post/1", Office: "0605"}, elsewhere), true, gateway.AnnouncedElsewhere},
		{"a manifest of another office", zabaykalsk, to(zabaykalsk, flow.Caller{URI: "customs://RU/office/10719120/post/1", Office: "10719120"},
			func(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte("10719110"), []byte("10719120")) }), true, gateway.AnnouncedElsewhere},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.cn.Chain, w.ru.Chain = offices, offices
			submit := func(s sender, prefix string) (last gateway.Faults, state gateway.SubmissionState) {
				for i, raw := range s.parts {
					sub := flow.Submission{ID: gateway.SubmissionID(fmt.Sprint(prefix, i)), MediaType: flow.MediaType(raw), Content: raw}
					checked, err := s.g(w).Check(t.Context(), s.caller, sub)
					if err != nil {
						t.Fatal(err)
					}
					got, err := s.g(w).Submit(t.Context(), s.caller, sub)
					if err != nil || got.State != checked.State || len(got.Faults) != len(checked.Faults) {
						t.Fatalf("it is %s with %v, %v; checked, %s with %v", got.State, got.Faults.Report("en"), err, checked.State, checked.Faults.Report("en"))
					}
					last, state = got.Faults, got.State
				}
				return last, state
			}
			if faults, state := submit(tt.first, "FIRST-"); state == gateway.Faulty || state == gateway.Held {
				t.Fatalf("the first is %s: %v", state, faults.Report("en"))
			}
			if tt.delivered {
				if err := tt.first.g(w).DeliverDue(t.Context(), tt.first.partner); err != nil {
					t.Fatal(err)
				}
			}
			faults, state := submit(tt.second, "SECOND-")
			i := slices.IndexFunc(faults, func(f gateway.Fault) bool { return f.Code == tt.code })
			if state != gateway.Faulty || i < 0 {
				t.Fatalf("the second is %s: %v", state, faults.Report("en"))
			}
			if said := fmt.Sprint(faults[i].Report("en")); tt.code == gateway.AnnouncedElsewhere && (strings.Contains(said, "FIRST") || strings.Contains(said, "000000ab")) {
				t.Errorf("another office is told %s", said)
			}
			inFiveLanguages(&out, tt.name, faults[i])
		})
	}
	golden(t, "testdata/announced.txt", out.Bytes())
}

// TestAnAnswerThatContradictsIsToldToBothSides: a second registration number, delivered twice.
func TestAnAnswerThatContradictsIsToldToBothSides(t *testing.T) {
	w := newWorld(t)
	id := w.notice()
	w.deliver()
	document := w.message(id).DocumentID
	other := strings.Replace(registered, "000000123", "000000124", 1)
	var out bytes.Buffer
	for i, tt := range []struct {
		what        string
		contradicts bool
		outcome     string
	}{
		{registered, false, flow.Registered}, {registered, false, flow.Registered}, {other, true, flow.Registered}, {refused, false, flow.Declined},
	} {
		name := fmt.Sprint("A", i)
		w.answer(name, document, tt.what)
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
		s, err := w.ru.Store.Read().Submission(t.Context(), "10719110", name)
		if err != nil {
			t.Fatal(err)
		}
		answers := w.message(id).Answers
		said := answers[len(answers)-1]
		in, err := w.cn.Store.Read().Inbound(t.Context(), "RU", said.MessageID)
		if err != nil || in.State != gateway.Accepted || len(answers) != i+1 {
			t.Fatalf("answer %d is %s, one of %d, %v", i, in.State, len(answers), err)
		}
		has := func(faults gateway.Faults) bool {
			return slices.ContainsFunc(faults, func(f gateway.Fault) bool {
				return f.Code == gateway.AnswerContradicts && f.Severity == gateway.Warning
			})
		}
		receipt := strings.Contains(string(in.Receipt.Statement), string(gateway.AnswerContradicts))
		if has(s.Faults) != tt.contradicts || has(in.Faults) != tt.contradicts || has(said.Faults) != tt.contradicts || receipt != tt.contradicts {
			t.Errorf("answer %d: told to its sender %v, beside the message %v, in the inbox %v, in the receipt %v; want %v",
				i, has(s.Faults), has(said.Faults), has(in.Faults), receipt, tt.contradicts)
		}
		if said.Outcome != tt.outcome {
			t.Errorf("answer %d is %q, want %q", i, said.Outcome, tt.outcome)
		}
		if tt.contradicts {
			inFiveLanguages(&out, "a second registration number", said.Faults[0])
		}
		fmt.Fprintf(&out, "answer %d: %s\n", i, said.Outcome)
		for _, r := range said.Results {
			fmt.Fprintf(&out, "  %s %q\n", r.Code, r.Words)
			for _, lang := range gateway.Languages {
				fmt.Fprintf(&out, "    %s: %s\n", lang, w.cn.ResultName(r, lang))
			}
		}
		out.WriteByte('\n')
	}
	golden(t, "testdata/answers.txt", out.Bytes())
}
