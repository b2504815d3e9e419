package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"customs.example/gateway"
)

// TestReceiptsAreKeptOnce: what a partner says again is kept once, under whatever case of the
// id, and however much it says, a verdict finds room.
func TestReceiptsAreKeptOnce(t *testing.T) {
	onEach(t, func(t *testing.T, open opener) {
		s, ctx := open(t), t.Context()
		const one, two = gateway.MessageID("aaaaaaaa-1111-4111-8111-111111111111"), gateway.MessageID("bbbbbbbb-1111-4111-8111-111111111111")
		said := func(what string, v gateway.Verdict) Receipt {
			return Receipt{Statement: Statement{Header: []byte(what), Statement: []byte("{}"), Signature: []byte{0, 0xff}}, Verdict: v, Verified: now}
		}
		give := func(id gateway.MessageID, receipts ...Receipt) {
			t.Helper()
			for _, r := range receipts {
				do(t, s, func(tx *Tx) error { return tx.PutReceipt(ctx, id, r) })
			}
		}
		kept := func(id gateway.MessageID, what ...Receipt) {
			t.Helper()
			if diff := cmp.Diff(what, must(s.Read().Receipts(ctx, id))(t)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", id, diff)
			}
		}
		shown := func(id gateway.MessageID, want *Statement) {
			t.Helper()
			m := must(s.Read().Message(ctx, id))(t)
			whole := must(s.Read().Messages(ctx, id))(t)
			if diff := cmp.Diff([]*Statement{want, want}, []*Statement{m.Receipt, whole[0].Receipt}); diff != "" {
				t.Errorf("with %s (-want +got):\n%s", id, diff)
			}
		}
		do(t, s, func(tx *Tx) error { return tx.PutMessage(Message{ID: one, Created: now}) })
		do(t, s, func(tx *Tx) error { return tx.PutMessage(Message{ID: two, Created: now}) })
		rcv, again, prs, err, late := said("1", gateway.RCV), said("2", gateway.RCV), said("3", gateway.PRS), said("4", gateway.ERR), said("5", gateway.PRS)
		kept(one)
		shown(one, nil)
		give(one, rcv, rcv)
		shown(one, &rcv.Statement)
		give(one, again, rcv, again)
		give(gateway.MessageID(strings.ToUpper(string(one))), prs, prs, err, late)
		kept(one, rcv, again, prs, err, late)
		shown(one, &prs.Statement)
		kept(two)

		var want []Receipt
		for i := range 3 * MaxReceipts {
			r := said(fmt.Sprint("so ", i), gateway.RCV)
			give(two, r)
			if i < MaxReceipts {
				want = append(want, r)
			}
		}
		kept(two, want...)
		give(two, err)
		kept(two, append(want, err)...)
		shown(two, &err.Statement)
		shown(one, &prs.Statement)
	})
}

// TestReceiptsAreCopied: a backup and a move to the other engine hold every one.
func TestReceiptsAreCopied(t *testing.T) {
	for from := range places {
		for to, newTo := range places {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				place, backup, target := furnished(t, from), filepath.Join(t.TempDir(), "backup.db"), newTo(t)
				must(Backup(t.Context(), place, backup, undisturbed))(t)
				must(Restore(t.Context(), backup, target, "CN", undisturbed))(t)
				s := openFile(t, target)
				defer s.Close()
				all := must(s.Read().MessagesBefore(t.Context(), 0, 100))(t)
				receipts := 0
				for _, m := range all {
					receipts += len(must(s.Read().Receipts(t.Context(), m.ID))(t))
				}
				if receipts != 6 {
					t.Errorf("%d receipts of %d messages", receipts, len(all))
				}
			})
		}
	}
}
