package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// submit hands documents in, one after the other. One that is refused stops none behind it;
// that the gateway cannot be asked does: what was not handed in is named.
func submit(fs *flag.FlagSet) action {
	id := fs.String("id", "", "submission `ID`, unique per office; without it the document's own")
	to := fs.String("to", "", "`ADMINISTRATIONS` to send to, such as RU,KZ; without it the routes decide")
	eta := fs.String("eta", "", etaHelp)
	reason := fs.String("reason", "", reasonHelp)
	filing := fs.Bool("filing", false, filingHelp)
	one := func(ctx context.Context, s *session, file string, expected *timestamppb.Timestamp) error {
		content, err := s.read(file)
		if err != nil {
			return err
		}
		sub, err := s.submissions.Submit(ctx, &exchangev1.SubmitRequest{
			SubmissionId: *id, MediaType: mediaType(content), Content: content, To: split(*to), ExpectedArrival: expected, Reason: *reason, Duty: duty(*filing),
		})
		return s.submission(sub, err)
	}
	return func(ctx context.Context, s *session, operands []string) error {
		expected, err := s.expected(*eta)
		if err != nil {
			return err
		}
		files, err := filesOf(operands)
		if err != nil {
			return err
		}
		if len(files) > 1 && *id != "" {
			return errors.New("-id is for one document; without it each has its own")
		}
		refused := 0
		for i, file := range files {
			if len(files) > 1 {
				s.progress("%d of %d: %s", i+1, len(files), file)
				if !s.json {
					fmt.Fprintf(s.stdout, "== %s\n", clean(file))
				}
			}
			err := s.answer(one(ctx, s, file, expected))
			switch {
			case errors.Is(err, errRefused), errors.Is(err, errUnknown):
				refused++
			case err != nil && i > 0:
				return fmt.Errorf("%w (handed in: %d of %d; %s and those behind it are not)", err, i, len(files), file)
			case err != nil:
				return err
			}
		}
		if refused > 0 {
			s.progress("%d of %d refused", refused, len(files))
			return errRefused
		}
		return nil
	}
}

// filesOf are files as given, and of a folder those in it with XML or JSON, in order of name.
func filesOf(operands []string) (files []string, err error) {
	for _, name := range operands {
		info, err := os.Stat(name)
		if name == "-" || err == nil && !info.IsDir() {
			files = append(files, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			if ext := strings.ToLower(filepath.Ext(e.Name())); e.Type().IsRegular() && (ext == ".xml" || ext == ".json") {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: no file .xml or .json in it", name)
		}
	}
	return files, nil
}

func check(fs *flag.FlagSet) action {
	id := fs.String("id", "", "submission `ID` that it would be submitted under; without it the document's own")
	to := fs.String("to", "", "`ADMINISTRATIONS` to send to, such as RU,KZ; without it the routes decide")
	eta := fs.String("eta", "", etaHelp)
	reason := fs.String("reason", "", reasonHelp)
	filing := fs.Bool("filing", false, filingHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		content, err := s.read(operands[0])
		if err != nil {
			return err
		}
		expected, err := s.expected(*eta)
		if err != nil {
			return err
		}
		r, err := s.submissions.Check(ctx, &exchangev1.CheckRequest{
			SubmissionId: *id, MediaType: mediaType(content), Content: content, To: split(*to), ExpectedArrival: expected, Reason: *reason, Duty: duty(*filing),
		})
		if err != nil {
			return err
		}
		if err := s.show(r, func(p *page) { p.check(r) }); err != nil {
			return err
		}
		if r.Outcome == "faulty" {
			return errRefused
		}
		return nil
	}
}

const reasonHelp = "`CODE` of the list change-reason, such as 004: why it changes or takes back; it travels where the partner's form has a place for it"

const filingHelp = "it is a carrier's own filing, who is named in it: it announces nothing, and is compared with the notice of the same crossing"

func duty(filing bool) exchangev1.Duty {
	if filing {
		return exchangev1.Duty_FILING
	}
	return exchangev1.Duty_DUTY_UNSPECIFIED
}

const etaHelp = "`WHEN` it is expected to arrive, an instant such as 2026-03-02T14:00:00+08:00, where the document does not say it"

// expected is an expected arrival as it is typed; nil if none is.
func (s *session) expected(text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("-eta: %q is not an RFC 3339 instant", text)
	}
	return timestamppb.New(at), nil
}

// mediaType tells canonical JSON from national XML.
func mediaType(content []byte) string {
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		return "application/json"
	}
	return "application/xml"
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func showStatus(fs *flag.FlagSet) action {
	office := fs.String("office", "", "`OFFICE` that submitted it; without it one's own")
	return func(ctx context.Context, s *session, operands []string) error {
		sub, err := s.submissions.Get(ctx, &exchangev1.GetSubmissionRequest{SubmissionId: operands[0], Office: *office, Losses: true})
		return s.submission(sub, err)
	}
}

func withdraw(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", "`WHY`, for the record")
	return func(ctx context.Context, s *session, operands []string) error {
		sub, err := s.submissions.Withdraw(ctx, &exchangev1.WithdrawRequest{SubmissionId: operands[0], Reason: *reason})
		return s.submission(sub, err)
	}
}

func approve(fs *flag.FlagSet) action {
	office := fs.String("office", "", "`OFFICE` that submitted it; without it one's own")
	refuse := fs.Bool("refuse", false, "refuse it; without this it is approved")
	reason := fs.String("reason", "", "`WHY`, needed: 5 to 500 characters, for the record and your office; it does not travel")
	return func(ctx context.Context, s *session, operands []string) error {
		sub, err := s.submissions.Approve(ctx, &exchangev1.ApproveRequest{SubmissionId: operands[0], Office: *office, Refuse: *refuse, Reason: *reason})
		return s.submission(sub, err)
	}
}

// rule decides on texts of a submission in which a price was found.
func rule(fs *flag.FlagSet) action {
	office := fs.String("office", "", "`OFFICE` that submitted it; without it one's own")
	noPrice := fs.Bool("no-price", false, "the texts hold no price: they travel as they are")
	replace := fs.String("replace", "", "`TEXT` that travels in the place of one of them")
	refuse := fs.Bool("refuse", false, "refuse the submission for them")
	place := fs.String("place", "", "`PLACE` of the text that is meant, as status shows it; without it all that wait")
	reason := fs.String("reason", "", "`WHY`, needed: 5 to 500 characters, for the record and your office; it does not travel")
	return func(ctx context.Context, s *session, operands []string) error {
		var verdicts []string
		for verdict, given := range map[string]bool{"no-price": *noPrice, "replace": *replace != "", "refuse": *refuse} {
			if given {
				verdicts = append(verdicts, verdict)
			}
		}
		if len(verdicts) != 1 {
			return errors.New("say one of -no-price, -replace TEXT and -refuse")
		}
		sub, err := s.submissions.Rule(ctx, &exchangev1.RuleRequest{
			SubmissionId: operands[0], Office: *office, Verdict: verdicts[0], Place: *place, Text: *replace, Reason: *reason,
		})
		return s.submission(sub, err)
	}
}

// amend submits a full version of what was submitted under an id.
func amend(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", reasonHelp)
	id := fs.String("id", "", "submission `ID` of the new version; without it the document's own")
	filing := fs.Bool("filing", false, filingHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		content, err := s.read(operands[1])
		if err != nil {
			return err
		}
		sub, err := s.submissions.Submit(ctx, &exchangev1.SubmitRequest{
			SubmissionId: *id, MediaType: mediaType(content), Content: content, Amends: operands[0], Reason: *reason, Duty: duty(*filing),
		})
		return s.submission(sub, err)
	}
}

// choose answers a deletion that names only a batch of several vehicles, or says for which waybill a document
// is that names none.
func choose(fs *flag.FlagSet) action {
	all := fs.Bool("all", false, "all vehicles are meant")
	waybill := fs.String("waybill", "", "`WAYBILL` that the document is for")
	return func(ctx context.Context, s *session, operands []string) error {
		sub, err := s.submissions.Choose(ctx, &exchangev1.ChooseRequest{SubmissionId: operands[0], Vehicles: operands[1:], All: *all, Waybill: *waybill})
		return s.submission(sub, err)
	}
}

// cancel submits a Cancellation. Its bytes follow from what it is asked, so that it can be
// asked again.
func cancel(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", reasonHelp)
	id := fs.String("id", "", "`ID` of the cancellation; without it cancel-ID")
	filing := fs.Bool("filing", false, filingHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		own := cmp.Or(*id, "cancel-"+operands[0])
		var doc struct {
			Envelope struct {
				DocumentID string `json:"documentId"`
				Function   string `json:"function"`
			} `json:"envelope"`
			Cancellation struct {
				Subject struct {
					ID string `json:"id"`
				} `json:"subject"`
				Reason string `json:"reason,omitempty"`
			} `json:"cancellation"`
		}
		doc.Envelope.DocumentID, doc.Envelope.Function = own, "CANCELLATION"
		doc.Cancellation.Subject.ID, doc.Cancellation.Reason = operands[0], *reason
		content, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		sub, err := s.submissions.Submit(ctx, &exchangev1.SubmitRequest{SubmissionId: own, MediaType: mediaType(content), Content: content, Duty: duty(*filing)})
		return s.submission(sub, err)
	}
}

func (s *session) submission(sub *exchangev1.Submission, err error) error {
	if err != nil {
		return err
	}
	return s.show(sub, func(p *page) { p.submission(sub) })
}

func list(fs *flag.FlagSet) action {
	var r exchangev1.ListSubmissionsRequest
	fs.StringVar(&r.State, "state", "", "only submissions in `STATE`: arrived, faulty, held, joined, withdrawn, expired, message, done")
	fs.StringVar(&r.MessageState, "message-state", "", "only those whose message is in `STATE`: queued, sent, received, accepted, refused, dead ...")
	fs.StringVar(&r.Kind, "kind", "", "only documents of `KIND`, such as Manifest")
	fs.StringVar(&r.Batch, "batch", "", "only those of `BATCH`")
	since := fs.String("since", "", "only those received since `WHEN`: an instant or a day")
	limit := fs.Int("limit", 50, "at most this `NUMBER`; 0 lists all")
	return func(ctx context.Context, s *session, _ []string) error {
		if *since != "" {
			t, err := s.instant(*since)
			if err != nil {
				return fmt.Errorf("-since: %w", err)
			}
			r.Since = timestamppb.New(t)
		}
		if !known(r.State, gateway.SubmissionStates) {
			return wrongState("state", r.State, gateway.SubmissionStates)
		}
		if !known(r.MessageState, gateway.MessageStates) {
			return wrongState("message-state", r.MessageState, gateway.MessageStates)
		}
		subs, err := pages(*limit, func(size int32, token string) ([]*exchangev1.Submission, string, error) {
			r.PageSize, r.PageToken = size, token
			answer, err := s.submissions.List(ctx, &r)
			return answer.GetSubmissions(), answer.GetNextPageToken(), err
		})
		if err != nil {
			return err
		}
		return showAll(s, subs, (*page).submissions)
	}
}

// known reports whether a text is one of a set, or nothing.
func known[T ~string](text string, all []T) bool {
	return text == "" || slices.Contains(all, T(text))
}

func wrongState[T ~string](flag, text string, all []T) error {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return fmt.Errorf("-%s %q: want one of %s", flag, text, strings.Join(names, ", "))
}

// maxPage is the most that the gateway lists at once.
const maxPage = 500

// pages reads pages until there are limit elements or no more; limit 0 is no limit.
func pages[T any](limit int, next func(size int32, token string) ([]T, string, error)) ([]T, error) {
	if limit < 0 {
		return nil, fmt.Errorf("-limit %d: want 0 or more", limit)
	}
	var all []T
	for token := ""; ; {
		size := maxPage
		if limit > 0 {
			size = min(size, limit-len(all))
		}
		some, more, err := next(int32(size), token)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if more == "" || limit > 0 && len(all) >= limit {
			return all, nil
		}
		token = more
	}
}

func watch(fs *flag.FlagSet) action {
	after := fs.Int64("after", 0, "begin after this commit `NUMBER`, as printed; 0 is the beginning")
	return func(ctx context.Context, s *session, _ []string) error {
		return s.resume(ctx, func() error {
			stream, err := s.submissions.Watch(ctx, &exchangev1.WatchRequest{After: *after})
			if err != nil {
				return err
			}
			for {
				e, err := stream.Recv()
				if err != nil {
					return err
				}
				if err := s.show(e, func(p *page) { p.event(e) }); err != nil {
					return err
				}
				*after = e.Commit
			}
		})
	}
}

const xpathHelp = "only elements and attributes at `XPATH`, and what is in them: from the root (/Manifest/Head) or from anywhere (//GrossWeight, //Weight/@unit), with or without prefix and position"

func explain(fs *flag.FlagSet) action {
	xpath := fs.String("xpath", "", xpathHelp)
	return func(ctx context.Context, s *session, operands []string) error {
		r, err := s.submissions.Explain(ctx, &exchangev1.ExplainRequest{SubmissionId: operands[0], Xpath: *xpath})
		return s.explanation(r, err)
	}
}

func (s *session) explanation(r *exchangev1.ExplainResponse, err error) error {
	if err != nil {
		return err
	}
	return s.show(r, func(p *page) { p.explanation(r) })
}

// sent prints the XML, or writes it and all that proves what became of it.
func sent(fs *flag.FlagSet) action {
	office := fs.String("office", "", "`OFFICE` that submitted it; without it one's own")
	message := fs.String("message", "", "`MESSAGE` that is meant, where the submission became several")
	out := fs.String("out", "-", "`FILE` for the XML; - is the standard output")
	evidence := fs.String("evidence", "", "`FILE` for the message with its signature and the partner's receipts, which gatewayd verify-receipt proves; it must not be there")
	return func(ctx context.Context, s *session, operands []string) error {
		m, err := s.submissions.Sent(ctx, &exchangev1.SentRequest{SubmissionId: operands[0], Office: *office, MessageId: *message})
		if err != nil {
			return err
		}
		if *evidence != "" {
			if err := writeEvidence(*evidence, m); err != nil {
				return err
			}
		}
		switch {
		case *out != "-":
			err = os.WriteFile(*out, m.Content, 0o600)
		case *evidence == "" && !s.json:
			_, err := s.stdout.Write(m.Content)
			return err
		}
		if err != nil {
			return err
		}
		return s.show(m, func(p *page) { p.sentMessage(m) })
	}
}

// writeEvidence writes one JSON object.
func writeEvidence(name string, m *exchangev1.SentMessage) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(printJSON(f, m), f.Close())
}

func (p *page) sentMessage(m *exchangev1.SentMessage) {
	p.field("message", m.MessageId)
	p.field("kind", m.Kind)
	p.field("to", m.Recipient)
	p.field("messageState", p.state(m.State))
	p.field("created", p.time(m.Created))
	for _, r := range m.Receipts {
		p.field("receipt", p.state(string(gateway.Verdict(r.Verdict).State())), p.text("signedByPartner"))
		p.inner("verified", p.time(r.Verified))
	}
}

// printPage writes the page of a message.
func printPage(fs *flag.FlagSet) action {
	message := fs.String("message", "", "`MESSAGE` that is meant, where the submission became several; without it the first")
	languages := fs.String("languages", "", "two `LANGUAGES` such as zh,kk; without it those of both sides")
	out := fs.String("out", "-", "`FILE` for the page; - is the standard output")
	return func(ctx context.Context, s *session, operands []string) error {
		r := &exchangev1.PrintRequest{SubmissionId: operands[0], MessageId: *message}
		if *languages != "" {
			r.Languages = strings.Split(*languages, ",")
		}
		p, err := s.submissions.Print(ctx, r)
		switch {
		case err != nil:
			return err
		case s.json:
			return s.show(p, nil)
		case *out != "-":
			return os.WriteFile(*out, p.Content, 0o600)
		}
		_, err = s.stdout.Write(p.Content)
		return err
	}
}
