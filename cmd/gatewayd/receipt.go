package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/card"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// maxSentFile is the greatest file with a sent message: the greatest document, in base64, and what
// goes with it.
const maxSentFile = 96 << 20

// maxSentReceipts is how many receipts of one message are verified: as many as a gateway keeps.
const maxSentReceipts = 3 * store.MaxReceipts

// verifyReceipts proves what partners signed, with nothing but files: no gateway is asked.
func verifyReceipts(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	trustFile := flags.String("trust", "", "`FILE` with the trusted keys under trust, as in a configuration, which may be given itself")
	var cards []string
	flags.Func("card", "partner card `FILE`, whose keys are trusted too; may be given several times", func(name string) error {
		cards = append(cards, name)
		return nil
	})
	when := flags.String("at", "", "`WHEN` the receipts were received, an instant such as 2026-03-02T14:00:00Z; left out: now. It matters where a key is known to be compromised")
	var how told
	how.flags(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := how.check(); err != nil {
		return err
	}
	if flags.NArg() == 0 || *trustFile == "" && len(cards) == 0 {
		return errors.New("give -trust FILE or -card FILE, and each FILE that gatewayctl sent ID -evidence has written")
	}
	at := time.Now()
	if *when != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, *when); err != nil {
			return fmt.Errorf("-at %q: want an instant such as 2026-03-02T14:00:00Z", *when)
		}
	}
	trust, err := readTrust(*trustFile, cards)
	if err != nil {
		return err
	}
	all := []proof{}
	for _, name := range flags.Args() {
		m, err := readSent(name, std.in)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, prove(trust, name, m, at, how.lang)...)
	}
	if how.form == "json" {
		err = writeJSON(std.out, all)
	} else {
		for i, p := range all {
			if i > 0 {
				fmt.Fprintln(std.out)
			}
			err = errors.Join(err, p.print(std.out, how.lang))
		}
	}
	for _, p := range all {
		if err == nil && !p.Holds {
			err = errFaulty
		}
	}
	return err
}

// readTrust reads trusted keys of a configuration and of partner cards.
func readTrust(trustFile string, cards []string) (*seal.Trust, error) {
	var keys []seal.Verifier
	if trustFile != "" {
		c, _, err := readConfig(trustFile)
		if err != nil {
			return nil, err
		}
		if len(c.Trust) == 0 {
			return nil, fmt.Errorf("%s: no key under trust", trustFile)
		}
		for _, f := range c.Trust {
			v, err := seal.LoadVerifier(f)
			if err != nil {
				return nil, err
			}
			keys = append(keys, v)
		}
	}
	for _, cardFile := range cards {
		raw, err := os.ReadFile(cardFile)
		if err != nil {
			return nil, err
		}
		c, _, err := card.Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cardFile, err)
		}
		known, err := seal.NewTrust(keys...)
		if err != nil {
			return nil, err
		}
		for _, k := range c.Keys {
			v, err := k.Verifier(c.Administration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cardFile, err)
			}
			if !known.Has(v) {
				keys = append(keys, v)
			}
		}
	}
	return seal.NewTrust(keys...)
}

// readSent reads a sent message as it was handed out.
func readSent(name string, stdin io.Reader) (*exchangev1.SentMessage, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, errors.Unwrap(err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxSentFile+1))
	if err != nil {
		return nil, err
	}
	m := new(exchangev1.SentMessage)
	if len(raw) > maxSentFile || protojson.Unmarshal(raw, m) != nil || len(m.Header) == 0 || len(m.Receipts) > maxSentReceipts {
		return nil, errors.New("no sent message as gatewayctl sent ID -evidence writes it")
	}
	return m, nil
}

// proof is what a receipt proves, if it holds.
type proof struct {
	File      string                 `json:"file"`
	Receipt   int                    `json:"receipt,omitempty"` // which of those in the file, from 1
	of        int                    // how many there are
	Holds     bool                   `json:"holds"`
	Message   gateway.MessageID      `json:"messageId,omitempty"`
	Sender    gateway.Administration `json:"sender,omitempty"`
	Recipient gateway.Administration `json:"recipient,omitempty"`
	Payload   gateway.Digest         `json:"payload"` // of the XML in the file
	Verdict   gateway.Verdict        `json:"verdict,omitempty"`
	Undecided bool                   `json:"answerFollows,omitempty"` // the partner's answer decides on what the message asks
	Mapping   string                 `json:"mapping,omitempty"`       // by which the partner read it
	At        time.Time              `json:"at,omitzero"`             // when the partner gave the verdict
	Key       string                 `json:"key,omitempty"`
	From      time.Time              `json:"keyFrom,omitzero"`
	Until     time.Time              `json:"keyUntil,omitzero"`
	Refused   []gateway.Report       `json:"refused,omitempty"` // the partner's faults, in its words
	Faults    []gateway.Report       `json:"faults,omitempty"`  // why it does not hold
}

// prove verifies the message in a file, and each receipt for it. Nothing holds of a message that
// does not, nor of one without a receipt.
func prove(trust *seal.Trust, file string, m *exchangev1.SentMessage, at time.Time, lang string) []proof {
	p := proof{File: file, Payload: gateway.DigestOf(m.Content)}
	of, err := seal.ParseHeader(m.Header)
	if err != nil {
		return []proof{p.refused(err, lang)}
	}
	p.Message, p.Sender, p.Recipient = of.MessageID, of.Sender, of.Recipient
	if _, err := trust.Open(m.Header, m.Signature, m.Content, at); err != nil {
		return []proof{p.refused(err, lang)}
	}
	if len(m.Receipts) == 0 {
		return []proof{p.refused(gateway.Fault{Code: gateway.ReceiptNone, Value: string(of.MessageID)}, lang)}
	}
	all := make([]proof, len(m.Receipts))
	for i, r := range m.Receipts {
		p.Receipt, p.of = i+1, len(m.Receipts)
		all[i] = p.proven(trust, of, r.GetStatement(), at, lang)
	}
	return all
}

// refused is a proof of nothing.
func (p proof) refused(err error, lang string) proof {
	var f gateway.Fault
	if !errors.As(err, &f) {
		f = gateway.Fault{Code: gateway.SealStatement}
	}
	f.Severity = gateway.Error
	p.Faults = gateway.Faults{f}.Report(lang)
	return p
}

// proven verifies one receipt: its signature by a key of the recipient that was valid when it was
// signed, that it names this message, and that the XML is the one that it was given for.
func (p proof) proven(trust *seal.Trust, of seal.Header, s *exchangev1.SignedStatement, at time.Time, lang string) proof {
	r, err := trust.OpenReceipt(s.GetHeader(), s.GetStatement(), s.GetSignature(), of, at)
	if err != nil {
		return p.refused(err, lang)
	}
	signed, err := seal.ParseHeader(s.GetHeader())
	if err != nil {
		return p.refused(err, lang)
	}
	key, _ := trust.Key(signed.KeyID)
	p.Holds, p.Verdict, p.Undecided, p.Mapping, p.At, p.Refused = true, r.Verdict, r.AnswerFollows, r.Mapping, r.At, r.Faults
	p.Key, p.From, p.Until = key.ID, key.From, key.Until
	return p
}

// verdictWords is what a verdict says of a message.
var verdictWords = map[gateway.Verdict]gateway.Wording{
	gateway.PRS: gateway.WordReceiptAccepted, gateway.ERR: gateway.WordReceiptRefused, gateway.RCV: gateway.WordReceiptReceived,
}

// print tells a person what is proven.
func (p proof) print(w io.Writer, lang string) error {
	if p.of > 1 {
		fmt.Fprintf(w, "%s %d/%d\n", p.File, p.Receipt, p.of)
	} else {
		fmt.Fprintln(w, p.File)
	}
	if !p.Holds {
		fmt.Fprintf(w, "%s\n\n", gateway.Say(gateway.WordReceiptBroken).In(lang))
		return gateway.PrintReports(w, p.Faults, lang)
	}
	time := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	lines := []gateway.Phrase{
		gateway.Say(gateway.WordReceiptHolds),
		gateway.Say(verdictWords[p.Verdict], string(p.Recipient), string(p.Message), time(p.At)),
	}
	if p.Undecided {
		lines = append(lines, gateway.Say(gateway.WordReceiptUndecided))
	}
	lines = append(lines,
		gateway.Say(gateway.WordReceiptDigest, p.Payload.String()),
		gateway.Say(gateway.WordReceiptKey, p.Key, time(p.From), time(p.Until)),
	)
	for _, line := range lines {
		fmt.Fprintln(w, strings.TrimSpace(line.In(lang)))
	}
	if len(p.Refused) > 0 {
		fmt.Fprintln(w)
		return gateway.PrintReports(w, p.Refused, lang)
	}
	return nil
}
