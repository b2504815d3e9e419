package store

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"customs.example/gateway"
)

// filler fills every field of a record with a value that no other field has.
type filler int

func (f *filler) fill(v reflect.Value) {
	*f++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = now.Add(time.Duration(*f) * time.Hour).In(time.FixedZone("", 3*3600))
		return
	case *gateway.Digest:
		*p = gateway.DigestOf(fmt.Append(nil, *f))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("№ %d 'ö\"", *f))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*f))
	case reflect.Uint8:
		v.SetUint(uint64(*f))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "Erased" { // what is has no documents
				continue
			}
			f.fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		panic("a record has a " + v.Type().String())
	}
}

// roundTrip holds a filled record, and one of zero values, to come back as they were.
func roundTrip[T any](t *testing.T, open opener, put func(*Tx, T) error, get func(Reader, T) (T, error), written func(rec *T, no gateway.Commit)) {
	t.Helper()
	var filled, zero T
	new(filler).fill(reflect.ValueOf(&filled).Elem())
	for name, rec := range map[string]T{"filled": filled, "zero": zero} {
		s := open(t)
		no := do(t, s, func(tx *Tx) error { return put(tx, rec) })
		got, err := get(s.Read(), rec)
		if err != nil {
			t.Errorf("%T, %s: %v", rec, name, err)
			continue
		}
		written(&rec, no)
		if diff := cmp.Diff(rec, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%T, %s (-want +got):\n%s", rec, name, diff)
		}
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) { onEach(t, testRecordsComeBackAsTheyWere) }

func testRecordsComeBackAsTheyWere(t *testing.T, open opener) {
	ctx := t.Context()
	roundTrip(t, open, (*Tx).PutArrival, func(r Reader, a Arrival) (Arrival, error) {
		return r.Arrival(ctx, a.Door, a.Party, a.ID)
	}, func(a *Arrival, no gateway.Commit) { a.Commit = no })
	roundTrip(t, open, (*Tx).PutSubmission, func(r Reader, s Submission) (Submission, error) {
		return r.Submission(ctx, s.Office, s.ID)
	}, func(s *Submission, no gateway.Commit) { s.Commit = no })
	roundTrip(t, open, (*Tx).PutMessage, func(r Reader, m Message) (Message, error) {
		return r.Message(ctx, m.ID)
	}, func(m *Message, no gateway.Commit) {
		if m.Commit = no; m.Sequence == 0 {
			m.Sequence = no
		}
		if m.Whole == "" {
			m.Whole, m.Part = m.ID, 1
		}
		m.Receipt = nil // receipts are records of their own
	})
	roundTrip(t, open, (*Tx).PutInbound, func(r Reader, in Inbound) (Inbound, error) {
		return r.Inbound(ctx, in.Sender, in.ID)
	}, func(in *Inbound, no gateway.Commit) { in.Commit, in.Accepted = no, 0 }) // none is accepted
	roundTrip(t, open, func(tx *Tx, m Movement) error { return tx.PutMovement(m, nil) }, func(r Reader, m Movement) (Movement, error) {
		return r.Movement(ctx, m.ID)
	}, func(m *Movement, no gateway.Commit) { m.Commit = no })
	roundTrip(t, open, func(tx *Tx, a AuditRow) error { return tx.Audit(a.Actor, a.Event, a.Subject, a.Digest) }, func(r Reader, a AuditRow) (AuditRow, error) {
		rows, err := r.Audit(ctx, 0, 1)
		if err != nil {
			return a, err
		}
		return rows[0], nil
	}, func(a *AuditRow, no gateway.Commit) { a.Leaf, a.Commit, a.Ordinal, a.At = 0, no, 1, now })
	type announced struct {
		Route, Subject string
		MessageID      gateway.MessageID
	}
	roundTrip(t, open, func(tx *Tx, a announced) error {
		return tx.PutAnnounced(a.Route, a.Subject, a.MessageID)
	}, func(r Reader, a announced) (announced, error) {
		id, err := r.Announced(ctx, a.Route, a.Subject)
		return announced{a.Route, a.Subject, id}, err
	}, func(*announced, gateway.Commit) {})
}

// Text order is time order, whatever the zone and however many digits.
func TestInstantsSort(t *testing.T) {
	at := []time.Time{
		{}, now.Add(-time.Hour), now.Truncate(time.Second), now.Truncate(time.Second).Add(1), now,
		now.Add(time.Second).In(time.FixedZone("", -11*3600)), now.Add(2 * time.Second).In(time.FixedZone("", 14*3600)),
	}
	for i := range at[1:] {
		if a, b := formatTime(at[i]), formatTime(at[i+1]); a >= b {
			t.Errorf("%q does not come before %q", a, b)
		}
	}
}

func TestPutReplacesTheRecordOfTheSameKey(t *testing.T) {
	onEach(t, testPutReplacesTheRecordOfTheSameKey)
}

func testPutReplacesTheRecordOfTheSameKey(t *testing.T, open opener) {
	s := open(t)
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(submission("one")) })
	second := submission("one")
	second.State, second.MessageID = gateway.Sent, "m-1"
	do(t, s, func(tx *Tx) error { return tx.PutSubmission(second) })
	// A message's change is a change of what it was made from.
	no := do(t, s, func(tx *Tx) error { return tx.PutMessage(Message{ID: "m-1", Sequence: 2}) })
	got := must(s.Read().Submission(t.Context(), "0603", "one"))(t)
	second.Commit = no
	if diff := cmp.Diff(second, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m := must(s.Read().Message(t.Context(), "m-1"))(t); m.Sequence != 2 || m.Commit != no {
		t.Errorf("sequence %d, commit %d", m.Sequence, m.Commit)
	}
}
