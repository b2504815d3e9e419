package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/line"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
)

// The words in which a waybill number ends that asks for an answer. One that is to be refused (SIMREFUSE) is
// refused by a rule of the gateway itself.
const (
	parks      = "SIMPARK"       // stored and receipted, without a verdict as long as the play lasts
	isLate     = "SIMLATE"       // stored and receipted at once, the verdict some time later
	twoNumbers = "SIMTWONUMBERS" // accepted, and registered under two numbers, one after the other
	isSilent   = "SIMSILENCE"    // stored, and never answered
)

// magic finds one of the words at the end of a value, whatever form it stands in.
var magic = regexp.MustCompile(`(` + parks + `|` + isLate + `|` + twoNumbers + `|` + isSilent + `)["'<]`)

// maxHeld is of how many messages it is remembered since when they wait for a verdict. Beyond that they do not wait.
const maxHeld = 10_000

// answers answers what magic numbers ask for.
type answers struct {
	stage *stage
	late  time.Duration
	out   *screen
	keys  *seal.Keyring
	conn  *grpc.ClientConn
	now   func() time.Time
	newID func() string

	mu   sync.Mutex
	held map[gateway.MessageID]held
}

// held is a message whose verdict is not told yet.
type held struct {
	since   time.Time
	receipt *exchangev1.SignedStatement
}

// newAnswers signs with the keys of the configuration, and answers for its office.
func newAnswers(s *stage, late time.Duration, out *screen) (*answers, error) {
	a := &answers{stage: s, late: late, out: out, now: time.Now, newID: uuid.NewString, held: make(map[gateway.MessageID]held)}
	files := append([]seal.KeyFile(nil), s.Signing...)
	for i := range files {
		files[i].File = s.path(files[i].File)
	}
	var err error
	if a.keys, err = seal.LoadKeyring(s.own, files); err != nil {
		return nil, err
	}
	post := filepath.Join(s.dir, s.post())
	own, err := mtls.LoadCertificate(filepath.Join(post, "post.pem"), filepath.Join(post, "post-key.pem"))
	if err != nil {
		return nil, err
	}
	roots, err := mtls.LoadRoots(s.path(s.Certificate.Roots))
	if err != nil {
		return nil, err
	}
	registry, err := mtls.NewRegistry(time.Now, []mtls.Party{{URI: s.uri, Roots: roots}})
	if err != nil {
		return nil, err
	}
	a.conn, err = grpc.NewClient("passthrough:///"+s.behind, grpc.WithTransportCredentials(credentials.NewTLS(registry.ClientConfig(own, s.uri))))
	return a, err
}

func (a *answers) close() { a.conn.Close() }

// deliver brings a delivery to the gateway, and answers as its waybill number asks for. Whatever it answers, the
// message is on the gateway's disk.
func (a *answers) deliver(ctx context.Context, r *exchangev1.DeliverRequest, next line.Next) (*exchangev1.DeliverResponse, error) {
	answer, err := next(ctx, r)
	if err != nil || answer.GetReceipt() == nil {
		return answer, err
	}
	h, err := seal.ParseHeader(r.Header)
	if err != nil {
		return nil, err
	}
	found := magic.FindSubmatch(r.Payload)
	if found == nil {
		return answer, nil
	}
	switch word := string(found[1]); word {
	case isSilent:
		a.out.say("%s: message %s is not answered", word, h.MessageID)
		return nil, line.ErrBroken
	case twoNumbers:
		return answer, a.answerTwice(ctx, h)
	default:
		receipt, err := a.hold(h, r.Payload, word)
		if receipt != nil {
			answer = &exchangev1.DeliverResponse{Receipt: receipt}
		}
		return answer, err
	}
}

// hold returns the receipt of a message whose verdict is not told yet; nil if it is.
func (a *answers) hold(h seal.Header, payload []byte, word string) (*exchangev1.SignedStatement, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.now()
	of, known := a.held[h.MessageID]
	if !known {
		if len(a.held) == maxHeld {
			return nil, nil
		}
		signed, err := a.keys.Sign(seal.Header{
			MessageID: gateway.MessageID(a.newID()), Sender: a.stage.own, Recipient: h.Sender, Conversation: h.Conversation, Created: at,
		}, seal.Receipt{MessageID: h.MessageID, Verdict: gateway.RCV, Received: gateway.DigestOf(payload), At: at})
		if err != nil {
			return nil, err
		}
		of = held{at, &exchangev1.SignedStatement{Header: signed.HeaderBytes(), Statement: signed.Statement(), Signature: signed.Signature()}}
		a.held[h.MessageID] = of
		a.out.say("%s: message %s is received, and its verdict is not told", word, h.MessageID)
	}
	if word == isLate && at.Sub(of.since) >= a.late {
		return nil, nil
	}
	return of.receipt, nil
}

// answerTwice hands in two answers to a message at the gateway, as its office would, each with a number of its
// own. They are on its disk when it returns, however often the message comes.
func (a *answers) answerTwice(ctx context.Context, h seal.Header) error {
	for n := range 2 {
		digest := sha256.Sum256(fmt.Appendf(nil, "%s %d", h.MessageID, n))
		id := uuid.NewSHA1(uuid.NameSpaceOID, digest[:]).String()
		number := fmt.Sprintf("%09d", binary.BigEndian.Uint32(digest[:])%1_000_000_000)
		content, err := json.Marshal(map[string]any{
			"envelope": map[string]any{
				"documentId": id, "issued": h.Created.UTC().Format(time.RFC3339), "function": "RESPONSE",
				"references": []any{map[string]any{"kind": "ANSWERED", "id": h.DocumentID}},
			},
			"answer": map[string]any{
				"status": "REGISTERED", "systemId": id, "registered": h.Created.UTC().Format(time.RFC3339),
				"office":       map[string]any{"administration": a.stage.own, "code": a.stage.office},
				"registration": map[string]any{"country": a.stage.own, "date": h.Created.UTC().Format(time.DateOnly), "number": number},
				"results":      []any{map[string]any{"code": "0", "descriptions": []any{"registered"}, "category": "INFO", "reference": h.DocumentID}},
			},
		})
		if err != nil {
			return err
		}
		_, err = exchangev1.NewSubmissionServiceClient(a.conn).Submit(ctx, &exchangev1.SubmitRequest{SubmissionId: id, MediaType: "application/json", Content: content, To: []string{string(h.Sender)}})
		switch code := status.Code(err); {
		case code == codes.InvalidArgument, code == codes.FailedPrecondition: // no route answers it, or not so
			a.out.say("%s: message %s cannot be answered: %v", twoNumbers, h.MessageID, err)
			return nil
		case err != nil: // what is not answered yet comes again
			a.out.say("%s: message %s is not answered yet: %v", twoNumbers, h.MessageID, err)
			return line.ErrBroken
		}
		a.out.say("%s: message %s is answered by %s, number %s", twoNumbers, h.MessageID, id, number)
	}
	return nil
}
