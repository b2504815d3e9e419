package line

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// damages are the misdeeds that change what travels, each on its way there or on its way back.
var damages = []Misdeed{Truncation, BitFlip, ForgedSignature}

// damageRequest returns a delivery with what is drawn to be done to it, and what is to be done to its answer.
func (l *Line) damageRequest(d draw, id gateway.MessageID, r *exchangev1.DeliverRequest) (damaged *exchangev1.DeliverRequest, inAnswer map[Misdeed]bool) {
	damaged, inAnswer = proto.CloneOf(r), make(map[Misdeed]bool)
	for _, m := range damages {
		back := d.IntN(2) == 1
		if !d.does[m] {
			continue
		}
		if back {
			inAnswer[m] = true
			continue
		}
		var what string
		switch m {
		case ForgedSignature:
			what, damaged.Signature = "of the delivery", l.forge(damaged.Header)
		default:
			what = d.damage(m, []part{{"header", &damaged.Header}, {"signature", &damaged.Signature}, {"payload", &damaged.Payload}})
		}
		l.did(d, m, id, what)
	}
	return damaged, inAnswer
}

// damageAnswer returns an answer with what is to be done to it: a copy, for the answer itself is held against that to
// a duplicate.
func (l *Line) damageAnswer(d draw, id gateway.MessageID, front *wire, answer *exchangev1.DeliverResponse, does map[Misdeed]bool) *exchangev1.DeliverResponse {
	if answer.GetReceipt() == nil || len(does) == 0 {
		return answer
	}
	answer = proto.CloneOf(answer)
	s := answer.GetReceipt()
	parts := []part{{"receipt's header", &s.Header}, {"receipt", &s.Statement}, {"receipt's signature", &s.Signature}}
	for _, m := range damages {
		if !does[m] {
			continue
		}
		var what string
		switch {
		case m == ForgedSignature:
			what, s.Signature = "of the receipt", l.forge(s.Header)
		case m == Truncation && d.IntN(2) == 1:
			left := d.IntN(proto.Size(answer) + 64)
			what = fmt.Sprintf("connection after %d bytes", left)
			front.cutAfter(left)
		default:
			what = d.damage(m, parts)
		}
		l.did(d, m, id, what)
	}
	return answer
}

// damageBytes returns the bytes of any answer with what is drawn to be done to them.
func (l *Line) damageBytes(d draw, front *wire, answer []byte) []byte {
	for _, m := range []Misdeed{Truncation, BitFlip} {
		if !d.does[m] {
			continue
		}
		var what string
		if m == Truncation && d.IntN(2) == 1 {
			left := d.IntN(len(answer) + 64)
			what = fmt.Sprintf("connection after %d bytes", left)
			front.cutAfter(left)
		} else {
			what = d.damage(m, []part{{"answer", &answer}})
		}
		l.did(d, m, "", what)
	}
	return answer
}

// part is a part of what travels.
type part struct {
	name    string
	content *[]byte
}

// damage cuts one of the parts short or changes a bit in it, and says which.
func (d draw) damage(m Misdeed, parts []part) string {
	p := parts[d.IntN(len(parts))]
	size := len(*p.content)
	if size == 0 {
		return p.name + ", which is empty"
	}
	at := d.IntN(size)
	if m == Truncation {
		*p.content = (*p.content)[:at]
		return fmt.Sprintf("%s after %d bytes of %d", p.name, at, size)
	}
	bit := d.IntN(8)
	*p.content = bytes.Clone(*p.content)
	(*p.content)[at] ^= 1 << bit
	return fmt.Sprintf("%s, bit %d of byte %d", p.name, bit, at)
}
