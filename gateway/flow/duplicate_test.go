package flow_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

// codeTold is the code of what is told of a duplicate; empty: nothing is.
func codeTold(f *gateway.Fault) gateway.Code {
	if f == nil {
		return ""
	}
	return f.Code
}

// TestASubmissionAgainIsTold: what comes again under its id is told to be the same, or not to be judged yet and when to
// ask; other bytes are refused; and none of it changes what the first came to.
func TestASubmissionAgainIsTold(t *testing.T) {
	w := newWorld(t)
	w.submit("M1", "mt2401.xml")
	mend := spoil(t, w.cn, reconcile.Vehicle, "蒙E12345")
	first := w.clock.Now()
	submit := func(file string) (flow.SubmitAnswer, error) {
		return w.cn.SubmitAndTell(t.Context(), post, flow.Submission{ID: "V1", MediaType: flow.XML, Content: w.content(file)})
	}
	if _, err := submit("mt4402.xml"); codeOf(err) != gateway.JudgementPending {
		t.Fatal(err)
	}
	_, err := submit("mt4402.xml")
	if codeOf(err) != gateway.DuplicatePending {
		t.Fatal(err)
	}
	var faults gateway.Faults
	errors.As(err, &faults)
	f := faults[0]
	next, perr := time.Parse(time.RFC3339, f.Expected.String())
	if perr != nil || next.Before(first) || f.Found.String() != first.Format(time.RFC3339) {
		t.Errorf("it says %v, of %v: %v", f.Expected, f.Found, perr)
	}
	w.clock.add(time.Minute)
	if _, err := submit("mt4402.xml"); codeOf(err) != gateway.DuplicatePending { // it is due, judged again, and fails again
		t.Errorf("due: %v", err)
	}
	mend()
	w.clock.add(time.Minute)
	answer, err := submit("mt4402.xml")
	if err != nil || answer.State != gateway.Joined || codeTold(answer.Duplicate) != gateway.DuplicateSame {
		t.Fatalf("then it is %s, %v, %v", answer.State, answer.Duplicate, err)
	}
	stands, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "V1")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := submit("mt4402.xml")
		if err != nil || codeTold(again.Duplicate) != gateway.DuplicateSame || again.Duplicate.Found.String() != first.Format(time.RFC3339) || again.Duplicate.Severity != gateway.Info {
			t.Errorf("again: %v, %v", again.Duplicate, err)
		}
		if diff := cmp.Diff(stands, again.Submission); diff != "" {
			t.Error(diff)
		}
		if _, err := submit("mt2401.xml"); codeOf(err) != gateway.IDReuse {
			t.Errorf("other bytes: %v", err)
		}
	}
	if now, err := w.cn.Store.Read().Submission(t.Context(), post.Office, "V1"); err != nil || !cmp.Equal(stands, now) {
		t.Errorf("what it came to has changed: %v, %s", err, cmp.Diff(stands, now))
	}
	if messages, err := w.cn.Store.Read().Messages(t.Context(), stands.MessageID); err != nil || len(messages) != 1 {
		t.Errorf("%d messages, %v", len(messages), err)
	}
}

// TestWhatIsJudgedAnewIsNoDuplicate: a refusal is judged again each time, and tells of no first answer.
func TestWhatIsJudgedAnewIsNoDuplicate(t *testing.T) {
	w := newWorld(t)
	faulty := bytes.Replace(w.content("mt2401.xml"), []byte(">10250.5<"), []byte(">10250.5 kg<"), 1)
	for range 2 {
		answer, err := w.cn.SubmitAndTell(t.Context(), post, flow.Submission{ID: "M1", MediaType: flow.XML, Content: faulty})
		if err != nil || answer.State != gateway.Faulty || answer.Duplicate != nil {
			t.Errorf("%s, %v, %v", answer.State, answer.Duplicate, err)
		}
	}
}

// TestADeliveryAgainIsTold: the same receipt bytes, and that they were given before; or that there is no verdict yet.
func TestADeliveryAgainIsTold(t *testing.T) {
	for name, pending := range map[string]bool{"judged": false, "not judged yet": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.notice()
			m := w.message(id)
			mend := func() {}
			if pending {
				mend = spoil(t, w.ru, reconcile.Vehicle, "蒙E12345")
			}
			deliver := func(payload []byte) (flow.ReceiveAnswer, error) {
				return w.ru.ReceiveAndTell(t.Context(), "customs://CN/gateway/1", []gateway.Administration{"CN"}, m.Header, m.Signature, payload)
			}
			first, err := deliver(m.Payload)
			if err != nil || first.Duplicate != nil {
				t.Fatal(first.Duplicate, err)
			}
			again, err := deliver(m.Payload)
			want := gateway.DuplicateSame
			if pending {
				want = gateway.DuplicatePending
			}
			if err != nil || codeTold(again.Duplicate) != want || !cmp.Equal(again.Receipt, first.Receipt) {
				t.Fatalf("%v, %v", again.Duplicate, err)
			}
			if pending {
				if next, err := time.Parse(time.RFC3339, again.Duplicate.Expected.String()); err != nil || next.Before(w.clock.Now().Truncate(time.Second)) {
					t.Errorf("asked again at %v, %v", next, err)
				}
				mend()
				w.clock.add(time.Minute)
				if err := w.ru.JudgeDue(t.Context()); err != nil {
					t.Fatal(err)
				}
				judged, err := deliver(m.Payload)
				if err != nil || codeTold(judged.Duplicate) != gateway.DuplicateSame || cmp.Equal(judged.Receipt, first.Receipt) {
					t.Errorf("judged: %v, %v", judged.Duplicate, err)
				}
			}
			if _, err := deliver(append(bytes.Clone(m.Payload), '\n')); err == nil {
				t.Error("other bytes under the header are taken")
			}
			a, err := w.ru.Store.Read().Arrival(t.Context(), store.DoorPeer, "CN", string(id))
			if err != nil || !a.Judged {
				t.Errorf("%+v, %v", a.Judged, err)
			}
		})
	}
}
