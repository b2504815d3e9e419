package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/store/rows"
)

// MaxNumberBlock is how many numbers one block may have.
const MaxNumberBlock = 100_000

// ErrNumberTaken says that a number was taken already, or is in no block of its office.
var ErrNumberTaken = errors.New("number is not free")

// NumberBlock is a block of numbers that an administration's own system has allocated to the lists of an
// office. They are taken in their order, none twice.
type NumberBlock struct {
	Office       string // key
	First        string
	Size         int64
	Taken        int64 // how many were, from the first
	HandedOver   time.Time
	HandedOverBy string
	Commit       gateway.Commit
}

// NumberUse says which message has taken a number.
type NumberUse struct {
	Number  string
	Office  string // key
	Message gateway.MessageID
	Taken   time.Time
	Commit  gateway.Commit
}

// maxSerial is how many digits at the end of a number are counted on.
const maxSerial = 18

// serial: what stands before the digits at the end of a number, and these.
func serial(number string) (prefix, digits string) {
	prefix = strings.TrimRight(number, "0123456789")
	if n := len(number) - maxSerial; n > len(prefix) {
		prefix = number[:n]
	}
	return prefix, number[len(prefix):]
}

// series is what the numbers have in common that may stand in one block.
func series(number string) string {
	prefix, digits := serial(number)
	return prefix + strings.Repeat("#", len(digits))
}

// NumberSpan returns how many numbers there are from the first to the last; false if they are not of one
// series, or none.
func NumberSpan(first, last string) (size int64, ok bool) {
	_, from := serial(first)
	_, to := serial(last)
	a, err1 := strconv.ParseInt(from, 10, 64)
	b, err2 := strconv.ParseInt(to, 10, 64)
	return b - a + 1, err1 == nil && err2 == nil && series(first) == series(last) && a <= b
}

// Number is the one at a place, from 0.
func (b NumberBlock) Number(at int64) string {
	prefix, digits := serial(b.First)
	n, _ := strconv.ParseInt(digits, 10, 64) // it was handed over as one
	return fmt.Sprintf("%s%0*d", prefix, len(digits), n+at)
}

// Last is the last of the block.
func (b NumberBlock) Last() string { return b.Number(b.Size - 1) }

// Left is how many nobody has taken.
func (b NumberBlock) Left() int64 { return b.Size - b.Taken }

// at is the place of a number in the block; false if it is not in it.
func (b NumberBlock) at(number string) (int64, bool) {
	n, ok := NumberSpan(b.First, number)
	return n - 1, ok && n <= b.Size
}

// PutNumberBlock stores a block that is new.
func (t *Tx) PutNumberBlock(b NumberBlock) error {
	return put("number block", t.q.PutNumberBlock(within, digested("number_block", rows.PutNumberBlockParams{
		Office: b.Office, First: b.First, Series: series(b.First), Size: b.Size, Taken: b.Taken,
		HandedOver: formatTime(b.HandedOver), HandedOverBy: b.HandedOverBy, CommitNo: int64(t.Commit),
	})))
}

// TakeNumber notes that a message takes a number of its office; those before it in its block are not taken
// any more. ErrNumberTaken if it is not free.
func (t *Tx) TakeNumber(office, number string, message gateway.MessageID) error {
	b, err := t.freeIn(within, office, number)
	if err != nil {
		return err
	}
	at, _ := b.at(number)
	b.Taken = at + 1
	return errors.Join(t.PutNumberBlock(b), put("number use", t.q.PutNumberUse(within, digested("number_use", rows.PutNumberUseParams{
		Number: number, Office: office, MessageID: string(message), Taken: formatTime(t.now), CommitNo: int64(t.Commit),
	}))))
}

// NumberFree returns ErrNumberTaken of a number that a message of an office could not take.
func (t *Tx) NumberFree(office, number string) error {
	_, err := t.freeIn(within, office, number)
	return err
}

func (r reader) freeIn(ctx context.Context, office, number string) (NumberBlock, error) {
	b, err := r.NumberBlockUpto(ctx, number)
	if IgnoreNotFound(err) != nil {
		return b, err
	}
	if at, in := b.at(number); err != nil || !in || b.Office != office || at < b.Taken {
		return b, ErrNumberTaken
	}
	return b, nil
}

// NumberBlockUpto returns the block of a number's series that begins last, not behind the number.
func (r reader) NumberBlockUpto(ctx context.Context, number string) (NumberBlock, error) {
	row, err := ask(ctx, r, "number block", func(ctx context.Context) (rows.NumberBlock, error) {
		return r.q.NumberBlockUpto(ctx, rows.NumberBlockUptoParams{Series: series(number), First: number})
	})
	if err != nil {
		return NumberBlock{}, err
	}
	return r.toNumberBlock(row)
}

// NumberBlocksLeft returns the blocks of an office that have numbers left, in the order in which they are
// taken from.
func (r reader) NumberBlocksLeft(ctx context.Context, office string, limit int) ([]NumberBlock, error) {
	found, err := ask(ctx, r, "number block", func(ctx context.Context) ([]rows.NumberBlock, error) {
		return r.q.NumberBlocksLeft(ctx, rows.NumberBlocksLeftParams{Office: office, Limit: int32(limit)})
	})
	return all(found, err, r.toNumberBlock)
}

// NumberBlocks returns the blocks of an office, the latest first.
func (r reader) NumberBlocks(ctx context.Context, office string, limit int) ([]NumberBlock, error) {
	found, err := ask(ctx, r, "number block", func(ctx context.Context) ([]rows.NumberBlock, error) {
		return r.q.NumberBlocks(ctx, rows.NumberBlocksParams{Office: office, Limit: int32(limit)})
	})
	return listed(all(found, err, r.toNumberBlock))
}

// NumberUses returns what an office's messages have taken before a use, the latest first; all, of its zero
// value.
func (r reader) NumberUses(ctx context.Context, office string, before NumberUse, limit int) ([]NumberUse, error) {
	if before.Commit == 0 {
		before.Commit = latest
	}
	found, err := ask(ctx, r, "number use", func(ctx context.Context) ([]rows.NumberUse, error) {
		return r.q.NumberUses(ctx, rows.NumberUsesParams{Office: office, Before: int64(before.Commit), Number: before.Number, Most: int32(limit)})
	})
	return listed(all(found, err, func(row rows.NumberUse) (NumberUse, error) {
		c := r.reading()
		c.intact("number_use", row.Number, &row)
		u := NumberUse{Number: row.Number, Office: row.Office, Message: gateway.MessageID(row.MessageID), Taken: c.time(row.Taken), Commit: gateway.Commit(row.CommitNo)}
		return u, c.err("number use")
	}))
}

func (x reader) toNumberBlock(row rows.NumberBlock) (NumberBlock, error) {
	r := x.reading()
	r.intact("number_block", row.First, &row)
	b := NumberBlock{
		Office: row.Office, First: row.First, Size: row.Size, Taken: row.Taken,
		HandedOver: r.time(row.HandedOver), HandedOverBy: row.HandedOverBy, Commit: gateway.Commit(row.CommitNo),
	}
	return b, r.err("number block")
}
