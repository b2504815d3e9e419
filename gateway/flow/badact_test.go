package flow_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
	"customs.example/mappings"
	"customs.example/xsd"
)

// TestWhatCannotBeChangedIsToldAtItsPlace: each act that cannot be done is refused where its
// sender says what it acts on, in five languages, in XML and in JSON, on the way from China and on
// the way back; nothing of it is stored but the refusal.
func TestWhatCannotBeChangedIsToldAtItsPlace(t *testing.T) {
	ru, kz := borders[0], borders[1]
	var out bytes.Buffer
	sub := func(id string, content []byte) flow.Submission {
		return flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.MediaType(content), Content: content}
	}
	amends := func(s flow.Submission, id string) flow.Submission {
		s.Asks.Amends, s.Asks.Reason = id, "004"
		return s
	}
	announced := func(x batched) {
		x.submit("M1", x.manifest("9", 1, map[int]string{1: "420", 2: "10"}), gateway.Held)
		x.submit("V1", x.report("2", 1, x.p.tractor, x.p.trailer), gateway.Joined)
		x.w.send(x.b)
	}
	cancelled := func(x batched) {
		announced(x)
		if s := x.w.cancel(x.b, "C1", "M1"); s.State == gateway.Faulty {
			t.Fatal(s.Faults.Report("en"))
		}
	}
	for _, tt := range []struct {
		name   string
		b      border
		before func(x batched)
		act    func(x batched) flow.Submission
		code   gateway.Code
		place  string
	}{
		{"a change of a waybill that nobody announced", ru, func(batched) {}, func(x batched) flow.Submission { return sub("X", x.manifest("5", 2, map[int]string{1: "1"})) }, gateway.AmendUnknown, "TransportContractDocument[1]/d:ID[1]"},
		{"a change of another waybill of the batch", kz, announced, func(x batched) flow.Submission {
			return sub("X", x.manifest("5", 2, map[int]string{1: "1", 3: "1"}))
		}, gateway.AmendUnknown, "Consignment[2]/d:TransportContractDocument[1]/d:ID[1]"},
		{"a full version of an id that nobody submitted", ru, announced, func(x batched) flow.Submission {
			return amends(sub("X", x.manifest("9", 2, map[int]string{1: "1"})), "none")
		}, gateway.AmendUnknown, ""},
		{"a change of what another office announced", ru, announced, func(x batched) flow.Submission {
			return amends(sub("X", bytes.ReplaceAll(x.manifest("9", 2, map[int]string{1: "1"}), []byte(">0603<"), []byte(">0605<"))), "M1")
		}, gateway.AmendUnknown, ""},
		{"a change of what was refused", ru, func(x batched) {
			announced(x)
			x.w.answers(ru, "A1", x.messages(x.w.state(ru, "V1"))[0].DocumentID, refused)
		}, func(x batched) flow.Submission { return sub("X", x.manifest("5", 2, map[int]string{1: "1"})) }, gateway.AmendClosed, "Head[1]/d:FunctionCode[1]"},
		{"a change of what is being taken back", kz, cancelled, func(x batched) flow.Submission { return sub("X", x.manifest("5", 2, map[int]string{1: "1"})) }, gateway.AmendClosed, "Head[1]/d:FunctionCode[1]"},
		{"a change of what was taken back", kz, func(x batched) { cancelled(x); x.w.send(kz) }, func(x batched) flow.Submission {
			return sub("X", x.manifest("5", 2, map[int]string{1: "1"}))
		}, gateway.AmendClosed, "Head[1]/d:FunctionCode[1]"},
		{"a change of what has arrived", ru, func(x batched) {
			announced(x)
			seen := strings.NewReplacer("AT", x.w.clock.Now().Format(time.RFC3339), "TRACTOR!", x.p.tractor).Replace(`{"envelope": {"documentId": "B1", "issued": "AT"},
				"arrivalReport": {"office": {"administration": "CN", "code": "0603"}, "at": "AT", "transport": {"vehicles": [{"role": "TRACTOR", "registration": "TRACTOR!"}]}}}`)
			if _, err := x.w.cn.RecordArrival(t.Context(), ru.exit, flow.Record{ID: "B1", Content: []byte(seen)}); err != nil {
				t.Fatal(err)
			}
		}, func(x batched) flow.Submission { return sub("X", x.manifest("5", 2, map[int]string{1: "1"})) }, gateway.AmendClosed, "Head[1]/d:FunctionCode[1]"},
		{"a deletion of a waybill that nobody announced", ru, func(batched) {}, func(x batched) flow.Submission { return sub("X", x.manifest("3", 2, map[int]string{1: "1"})) }, gateway.TakeOutUnknown, "TransportContractDocument[1]/d:ID[1]"},
		{"a deletion of a vehicle that nobody announced", kz, announced, func(x batched) flow.Submission { return sub("X", x.report("3", 2, "蒙E99999", x.p.trailer)) }, gateway.TakeOutUnknown, "BorderTransportMeans[1]/d:ID[1]"},
		{"a deletion twice", kz, func(x batched) {
			announced(x)
			x.submit("D1", x.manifest("3", 2, map[int]string{1: "420", 2: "10"}), gateway.Joined)
		}, func(x batched) flow.Submission {
			return sub("X", x.manifest("3", 3, map[int]string{1: "420", 2: "10"}))
		}, gateway.CancelNothing, "Head[1]/d:FunctionCode[1]"},
		{"a deletion in JSON of a batch that nobody announced", ru, func(batched) {}, func(x batched) flow.Submission {
			return sub("X", []byte(`{"envelope": {"documentId": "X", "issued": "2026-03-01T02:00:00Z", "function": "DELETION"},
				"vehicleReport": {"batch": "0603260301099", "office": {"administration": "CN", "code": "0603"}}}`))
		}, gateway.TakeOutUnknown, "/vehicleReport/batch"},
		{"a reason that is none", ru, announced, func(x batched) flow.Submission {
			s := amends(sub("X", x.manifest("9", 2, map[int]string{1: "1"})), "M1")
			s.Asks.Reason = "044"
			return s
		}, gateway.ListUnknown, ""},
		{"an answer that is to take the place of a manifest", ru, announced, func(x batched) flow.Submission {
			return amends(sub("X", []byte(`{"envelope": {"documentId": "X", "issued": "2026-03-01T02:00:00Z", "references": [{"kind": "ANSWERED", "id": "M"}]}, "answer": {"status": "REGISTERED"}}`)), "M1")
		}, gateway.AmendUnknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newBatch(t, tt.b, 30*time.Minute)
			tt.before(x)
			caller := tt.b.exit
			act := tt.act(x)
			if strings.Contains(tt.name, "another office") {
				caller = flow.Caller{URI: "customs://CN/office/0605/post/1", Office: "0605"}
				offices, err := chainOf(layered(t, mappings.FS, map[string]string{
					"routes/cn-ru-pre-arrival-notice.yaml": text(t, mappings.FS, "routes/cn-ru-pre-arrival-notice.yaml", "offices:\n", "offices:\n  - {code: \"0605\", zone: Asia/Shanghai}\n"),
				}), xsd.FS)
				if err != nil {
					t.Fatal(err)
				}
				x.w.cn.Chain = offices
			}
			was := x.announcement(x.w.cn)
			checked, err := x.w.cn.Check(t.Context(), caller, act)
			if err != nil || checked.State != gateway.Faulty {
				t.Errorf("checked, it is %s, %v", checked.State, err)
			}
			s, err := x.w.cn.Submit(t.Context(), caller, act)
			i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == tt.code && f.Severity == gateway.Error })
			if err != nil || s.State != gateway.Faulty || i < 0 || s.MessageID != "" || s.Version != 0 {
				t.Fatalf("it is %s, version %d of %q: %v, %v", s.State, s.Version, s.MessageID, s.Faults.Report("en"), err)
			}
			if !strings.HasSuffix(s.Faults[i].Location.Expr, tt.place) {
				t.Errorf("it is told at %s, want %s", s.Faults[i].Location.Expr, tt.place)
			}
			if is := x.announcement(x.w.cn); is != was {
				t.Errorf("announced is %q, was %q", is, was)
			}
			inFiveLanguages(&out, tt.name, s.Faults[i])
		})
	}
	golden(t, "testdata/acts.txt", out.Bytes())
}

// The way back: Russia's manifest in canonical JSON is replaced by a full version that names it, or
// the same waybills; China's form says so by function 5. One that leads over another office is
// refused.
func TestAManifestToChinaIsReplaced(t *testing.T) {
	var out bytes.Buffer
	w := newWorld(t)
	say := func(id, function, references, packages, office string) []byte {
		raw := string(longManifest(1))
		return []byte(strings.NewReplacer(`"documentId": "big"`, fmt.Sprintf(`"documentId": %q%s`, id, references), `"ORIGINAL"`, fmt.Sprintf("%q", function),
			`"packages": "12"`, fmt.Sprintf(`"packages": %q`, packages), `"office": {"administration": "RU", "code": "10719110"}`, office).Replace(raw))
	}
	const here = `"office": {"administration": "RU", "code": "10719110"}, "partnerOffice": {"administration": "CN", "code": "0603"}`
	submit := func(content []byte, id string, want gateway.SubmissionState) store.Submission {
		t.Helper()
		s, err := w.ru.Submit(t.Context(), russianPost, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: content})
		if err != nil || s.State != want {
			t.Fatalf("%s is %s: %v, %v", id, s.State, s.Faults.Report("en"), err)
		}
		return s
	}
	deliver := func() {
		t.Helper()
		if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(want string) {
		t.Helper()
		for _, g := range []*flow.Gateway{w.ru, w.cn} {
			m := found(w, g, "RUCN90000000")
			rs := m.Counting()
			if len(rs) != 1 || rs[0].Facts.Waybills[0].Packages.Value != want {
				t.Errorf("%s counts %+v, want %s", g.Own, rs, want)
			}
		}
	}
	first := submit(say("R1", "ORIGINAL", "", "12", here), "R1", gateway.Sent)
	deliver()
	counts("12")
	byReference := submit(say("R2", "REPLACE", `, "references": [{"kind": "CHANGED", "id": "R1"}]`, "13", here), "R2", gateway.Sent)
	deliver()
	counts("13")
	bySubject := submit(say("R3", "CHANGE", "", "14", here), "R3", gateway.Sent)
	deliver()
	counts("14")
	if byReference.MessageID != first.MessageID || bySubject.Version != 3 {
		t.Errorf("version %d of %s", bySubject.Version, bySubject.MessageID)
	}
	ms, err := w.ru.Store.Read().Messages(t.Context(), first.MessageID)
	if err != nil || len(ms) != 3 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	for i, m := range ms {
		full, err := w.ru.Store.Read().Message(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if code := map[bool]string{true: "9", false: "5"}[i == 0]; !strings.Contains(string(full.Payload), "FunctionCode>"+code+"<") {
			t.Errorf("version %d has not function %s", i+1, code)
		}
	}
	s := submit(say("R4", "REPLACE", `, "references": [{"kind": "CHANGED", "id": "R3"}]`, "14", strings.Replace(here, `"0603"`, `"9402"`, 1)), "R4", gateway.Faulty)
	i := slices.IndexFunc(s.Faults, func(f gateway.Fault) bool { return f.Code == gateway.AmendOffices })
	if i < 0 || s.Faults[i].Location.Expr != "/manifest/partnerOffice/code" {
		t.Fatalf("%v", s.Faults.Report("en"))
	}
	inFiveLanguages(&out, "a change over another office", s.Faults[i])
	counts("14")
	golden(t, "testdata/acts-back.txt", out.Bytes())
}

// What Russia announced to China is taken back: a manifest that travels as MT1401, named by the id
// of its submission or of its document, at once or once it has changed; both sides show it so, and
// the same is announced anew.
func TestAManifestToChinaIsTakenBack(t *testing.T) {
	for name, changed := range map[string]bool{"as it was announced": false, "once it has changed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			submit := func(content []byte, id string, want gateway.SubmissionState) store.Submission {
				t.Helper()
				s, err := w.ru.Submit(t.Context(), russianPost, flow.Submission{ID: gateway.SubmissionID(id), MediaType: flow.JSON, Content: content})
				if err != nil || s.State != want {
					t.Fatalf("%s is %s: %v, %v", id, s.State, s.Faults.Report("en"), err)
				}
				return s
			}
			deliver := func() {
				t.Helper()
				for range 4 {
					if err := w.ru.DeliverDue(t.Context(), "CN"); err != nil {
						t.Fatal(err)
					}
				}
			}
			states := func(want reconcile.State) {
				t.Helper()
				for _, g := range []*flow.Gateway{w.ru, w.cn} {
					if m := found(w, g, "RUCN90000000"); m.State() != want {
						t.Errorf("%s shows it as %s, want %s", g.Own, m.State(), want)
					}
				}
			}
			manifest := func(id, function string) []byte {
				return []byte(strings.NewReplacer(`"documentId": "big"`, fmt.Sprintf(`"documentId": %q`, id), `"ORIGINAL"`, fmt.Sprintf("%q", function)).Replace(string(longManifest(1))))
			}
			if s := submit(cancellation("C0", "R1"), "C0", gateway.Faulty); !slices.Contains(codesIn(s.Faults), gateway.CancelUnknown) {
				t.Errorf("what is not announced: %v", s.Faults.Report("en"))
			}
			submit(manifest("R1", "ORIGINAL"), "R1", gateway.Sent)
			deliver()
			states(reconcile.StateAnnounced)
			if changed {
				content := strings.Replace(string(manifest("R2", "REPLACE")), `"packages": "12"`, `"packages": "13"`, 1)
				submit([]byte(content), "R2", gateway.Sent)
				deliver()
				states(reconcile.StateAnnounced)
			}
			s := submit(cancellation("C1", "R1"), "C1", gateway.Sent)
			if m := found(w, w.ru, "RUCN90000000"); m.State() != reconcile.StateWithdrawalAsked {
				t.Errorf("before it is delivered it is %s", m.State())
			}
			deliver()
			states(reconcile.StateTakenBack)
			if payload := string(russianMessage(w, s).Payload); !strings.Contains(payload, "<ChangeReasonCode>004</ChangeReasonCode>") {
				t.Errorf("it says %s", payload)
			}
			submit(cancellation("C2", "R1"), "C2", gateway.Faulty)
			submit(manifest("R9", "ORIGINAL"), "R9", gateway.Sent)
			deliver()
			for _, g := range []*flow.Gateway{w.ru, w.cn} {
				ms, _, _, err := g.Find(t.Context(), "RUCN90000000", 0, 10)
				if err != nil || !slices.ContainsFunc(ms, func(m flow.Movement) bool { return m.State() == reconcile.StateAnnounced }) {
					t.Errorf("%s has not taken it anew: %d movements, %v", g.Own, len(ms), err)
				}
			}
		})
	}
}

func russianMessage(w *world, s store.Submission) store.Message {
	w.t.Helper()
	m, err := w.ru.Store.Read().Message(w.t.Context(), s.MessageID)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}
