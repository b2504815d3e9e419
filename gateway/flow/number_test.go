package flow_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// numbered is a partner's notice that names only a registration number of what it changes, and
// may say everything else otherwise.
type numbered struct {
	batched
	table string
	sent  int
}

// change receives a notice like one that was sent, as a change of a number, and returns the id
// of its message.
func (x *numbered) change(m store.Message, number string, other func(*customsv1.Document)) gateway.MessageID {
	x.w.t.Helper()
	h, payload := x.changing(m, number, other)
	x.w.receives(x.w.ru, h, payload)
	return h.MessageID
}

// changing is such a change, before it is sent.
func (x *numbered) changing(m store.Message, number string, other func(*customsv1.Document)) (seal.Header, string) {
	x.w.t.Helper()
	h, err := seal.ParseHeader(m.Header)
	if err != nil {
		x.w.t.Fatal(err)
	}
	d := patient{x.w.ru.Chain, x.w.t}.Read(m.Payload, flow.XML, "CN", x.w.clock.Now()).Document
	x.sent++
	h.MessageID = gateway.MessageID(fmt.Sprintf("00000000-0000-4000-8000-%012d", x.sent))
	h.DocumentID, h.KeyID = string(h.MessageID), "cn-1"
	h.Created = x.w.clock.Now()
	d.Envelope.DocumentId, d.Envelope.References = h.DocumentID, nil
	d.GetPreArrivalNotice().Changes = &customsv1.RegistrationNumber{Country: string(x.b.to), Date: &customsv1.Date{Value: "2026-03-01"}, Number: number}
	if other != nil {
		other(d)
	}
	table, _ := x.w.cn.Chain.Tables.Table(x.table)
	encoded, _, faults := table.Encode(d, false)
	if faults.Refuse() {
		x.w.t.Fatal(faults)
	}
	return h, string(encoded.Bytes())
}

// becomes holds what a message has come to, and what it replaces.
func (x *numbered) becomes(id gateway.MessageID, state gateway.MessageState, replaces gateway.MessageID, codes ...gateway.Code) {
	x.w.t.Helper()
	in, err := x.w.ru.Store.Read().Inbound(x.w.t.Context(), "CN", id)
	if err != nil || in.State != state || in.Replaces != replaces {
		x.w.t.Fatalf("it is %s and replaces %q, want %s and %q: %v, %v", in.State, in.Replaces, state, replaces, in.Faults.Report("en"), err)
	}
	for _, code := range codes {
		at := slices.IndexFunc(in.Faults, func(f gateway.Fault) bool { return f.Code == code })
		if at < 0 || !strings.HasSuffix(in.Faults[at].Location.Expr, "RefRegNumber[1]") && !strings.HasSuffix(in.Faults[at].Location.Expr, "RefPreliminaryInformationIdDetails[1]") {
			x.w.t.Errorf("it has no %s at the number: %v", code, in.Faults)
		}
	}
}

// waits holds that a message is not judged.
func (x *numbered) waits(id gateway.MessageID) {
	x.w.t.Helper()
	if in, err := x.w.ru.Store.Read().Inbound(x.w.t.Context(), "CN", id); err == nil {
		x.w.t.Fatalf("it is %s: %v", in.State, in.Faults.Report("en"))
	}
}

// later is judged after so long.
func (x *numbered) later(d time.Duration) {
	x.w.t.Helper()
	x.w.clock.add(d)
	if err := x.w.ru.JudgeDue(x.w.t.Context()); err != nil {
		x.w.t.Fatal(err)
	}
}

// announce announces a trip of its own to Russia and returns the message.
func (x *numbered) announce(n int) store.Message {
	x.w.t.Helper()
	p := trip{n, fmt.Sprint("蒙E1000", n), fmt.Sprintf("蒙E200%d挂", n), x.p.departs.Add(time.Duration(n) * time.Hour)}
	m, _ := x.w.announced(x.b, p)
	x.w.send(x.b)
	return m
}

// otherwise says of a notice another truck with another waybill.
func otherwise(d *customsv1.Document) {
	n := d.GetPreArrivalNotice()
	for i, v := range n.Transport.Vehicles {
		v.Registration = fmt.Sprint("蒙E9999", i)
	}
	for _, c := range n.Consignments {
		c.TransportDocument.Id += "9"
	}
}

func newNumbered(t *testing.T) *numbered {
	return &numbered{batched: newBatch(t, borders[0], 3*time.Hour), table: "ru/auto-preliminary.v1"}
}

func as(number string) string { return strings.Replace(registered, "000000123", number, 1) }

// TestAChangeThatNamesOnlyItsNumber: what a change replaces is found by the number that this
// side's answer gave, whatever waybills and vehicles it tells now; a number that was not given to
// its sender is waited for, and is then refused.
func TestAChangeThatNamesOnlyItsNumber(t *testing.T) {
	t.Run("of another truck and waybill", func(t *testing.T) {
		x := newNumbered(t)
		first, second := x.announce(1), x.announce(2)
		x.w.answers(x.b, "A1", first.DocumentID, as("000000201"))
		x.w.answers(x.b, "A2", second.DocumentID, as("000000202"))
		x.becomes(x.change(first, "000000202", otherwise), gateway.Accepted, second.ID)
		// The next one changes the newest version, by the number of the first.
		x.becomes(x.change(first, "000000202", nil), gateway.Accepted, "00000000-0000-4000-8000-000000000001")
		x.becomes(x.change(first, "000000201", nil), gateway.Accepted, first.ID)
	})
	t.Run("of a number that was never given", func(t *testing.T) {
		x := newNumbered(t)
		m := x.announce(1)
		x.w.answers(x.b, "A1", m.DocumentID, as("000000201"))
		if _, err := x.w.ru.Store.Do(t.Context(), func(tx *store.Tx) error { // to another sender it was
			return errors.Join(tx.PutRegistered("KZ", "RU/2026-03-01/000000299", m.ID), tx.Audit("test", "registered", "", gateway.Digest{}))
		}); err != nil {
			t.Fatal(err)
		}
		id := x.change(m, "000000299", nil) // although the same truck and waybill are announced
		x.waits(id)
		x.later(flow.OriginalWait - time.Second)
		x.waits(id)
		x.later(flow.OriginalEvery)
		x.becomes(id, gateway.Refused, "", gateway.OriginalMissing)
	})
	t.Run("before the number is given", func(t *testing.T) {
		x := newNumbered(t)
		m := x.announce(1)
		id := x.change(m, "000000201", otherwise)
		x.waits(id)
		x.w.answers(x.b, "A1", m.DocumentID, as("000000201"))
		x.later(flow.OriginalEvery)
		x.becomes(id, gateway.Accepted, m.ID)
	})
	t.Run("of a version that kept the number", func(t *testing.T) {
		x := newNumbered(t)
		m := x.announce(1)
		x.w.answers(x.b, "A1", m.DocumentID, as("000000201"))
		x.w.ru, x.w.cn = restarted(x.w.ru), restarted(x.w.cn)
		one := x.change(m, "000000201", otherwise)
		x.becomes(one, gateway.Accepted, m.ID)
		x.w.answers(x.b, "A2", string(one), as("000000201"))
		x.becomes(x.change(m, "000000201", otherwise), gateway.Accepted, one)
	})
	t.Run("of what was taken back", func(t *testing.T) {
		x := newNumbered(t)
		m, submission := x.w.announced(x.b, x.p)
		x.w.send(x.b)
		x.w.answers(x.b, "A1", m.DocumentID, as("000000201"))
		s := x.w.cancel(x.b, "C1", submission)
		x.w.send(x.b)
		x.w.answers(x.b, "A2", string(s.MessageID), `"status": "CANCELLED", "systemId": "S1", "results": [{"code": "0", "descriptions": ["ok"], "category": "INFO"}]`)
		x.becomes(x.change(m, "000000201", otherwise), gateway.Refused, "", gateway.AmendClosed)
	})
	t.Run("of two under one number", func(t *testing.T) {
		x := newNumbered(t)
		first, second := x.announce(1), x.announce(2)
		x.w.answers(x.b, "A1", first.DocumentID, as("000000201"))
		x.w.answers(x.b, "A2", second.DocumentID, as("000000201"))
		x.becomes(x.change(second, "000000201", nil), gateway.Accepted, second.ID)
		id := x.change(second, "000000201", otherwise) // neither
		x.waits(id)
		x.later(flow.OriginalWait)
		x.becomes(id, gateway.Refused, "", gateway.OriginalMissing)
	})
}
