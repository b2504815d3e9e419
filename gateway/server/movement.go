package server

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/flow"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/store"
)

type movements struct {
	exchangev1.UnimplementedMovementServiceServer
	*Server
}

// Find pages through what the caller sees alone: what it does not see has no page, and
// moves no page's end.
func (s movements) Find(ctx context.Context, r *exchangev1.FindMovementsRequest) (*exchangev1.FindMovementsResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.FindMovementsResponse{}
	var last gateway.Commit // that the caller has seen
	for before, more := page.after, true; more; {
		var found []flow.Movement
		if found, before, more, err = s.flow.Find(ctx, r.Text, before, MaxPage); err != nil {
			return nil, s.refusal(ctx, err)
		}
		for _, m := range found {
			if !s.visible(callerOf(ctx), m) {
				continue
			}
			// A page does not part what one commit changed.
			if len(out.Movements) >= page.size && m.Commit != last {
				out.NextPageToken = page.token(last)
				return out, nil
			}
			last = m.Commit
			shown, err := s.present(ctx, m)
			if err != nil {
				return nil, s.refusal(ctx, err)
			}
			shown.FoundAs = presentDiscrepancies(m.FoundAs(r.Text), language(ctx))
			out.Movements = append(out.Movements, shown)
		}
	}
	return out, nil
}

// worklists are the lists of a shift, as they are asked for.
var worklists = map[exchangev1.Worklist]string{
	exchangev1.Worklist_LEFT_UNACCEPTED: flow.LeftUnaccepted, exchangev1.Worklist_LEFT_REFUSED: flow.LeftRefused, exchangev1.Worklist_NOT_ARRIVED: flow.NotArrived,
}

// List pages through the caller's movements by indexes of its offices: what it does not see is in
// none of them.
func (s movements) List(ctx context.Context, r *exchangev1.ListMovementsRequest) (*exchangev1.ListMovementsResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	c := callerOf(ctx)
	f := flow.ListFilter{
		Offices: s.listed(c), Worklist: worklists[r.Worklist], State: r.State, Role: r.Role, Differing: r.Differing, Kind: r.Kind, Text: r.Text, Day: r.ExpectedOn, Limit: page.size,
	}
	if r.ExpectedFrom != nil {
		f.From = r.ExpectedFrom.AsTime()
	}
	if r.ExpectedUntil != nil {
		f.Until = r.ExpectedUntil.AsTime()
	}
	out := &exchangev1.ListMovementsResponse{}
	if r.Office != "" {
		own, ok := c.officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: r.Office})
		switch {
		case ok:
			f.Offices = []string{gateway.Office{Administration: s.flow.Own, Code: own}.Key()}
		case c.Role == System:
			f.Offices = []string{gateway.Office{Administration: s.flow.Own, Code: r.Office}.Key()}
		default: // another's is as one that there is not
			return out, nil
		}
	}
	var after flow.ListPlace
	if page.place != "" {
		if err := json.Unmarshal([]byte(page.place), &after); err != nil {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.PageToken, Severity: gateway.Error, Path: "pageToken"})
		}
	}
	found, next, err := s.flow.List(ctx, f, after)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	for _, m := range found {
		if !s.visible(c, m) {
			continue
		}
		shown, err := s.present(ctx, m)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.Movements = append(out.Movements, shown)
	}
	if next != nil {
		place, err := json.Marshal(next)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.NextPageToken = page.tokenAt(string(place))
	}
	return out, nil
}

// listed are the keys of the offices whose movements a caller sees; nil for who sees all.
func (s movements) listed(c Caller) []string {
	if c.Role == System {
		return nil
	}
	keys := make([]string, len(c.Offices))
	for i, code := range c.Offices {
		keys[i] = gateway.Office{Administration: s.flow.Own, Code: code}.Key()
	}
	return keys
}

// Timeline tells the steps of a movement.
func (s movements) Timeline(ctx context.Context, r *exchangev1.TimelineRequest) (*exchangev1.TimelineResponse, error) {
	m, err := s.seen(ctx, r.MovementId)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	steps, left, err := s.flow.Timeline(ctx, m, func(office string) bool {
		_, own := callerOf(ctx).officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: office})
		return own
	})
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.TimelineResponse{MovementId: string(m.ID), LeftOut: int32(left)}
	for _, step := range steps {
		out.Steps = append(out.Steps, &exchangev1.Step{
			At: stamp(step.At), Local: step.Local(), Office: step.Office, Actor: step.Actor, Text: step.Text.In(language(ctx)),
			Subject: step.Subject, Waiting: step.Waiting, Faults: presentFaults(step.Faults, language(ctx)),
		})
	}
	return out, nil
}

// Announced shows what is announced. Who takes what came for the administration sees all of it there.
func (s movements) Announced(ctx context.Context, r *exchangev1.AnnouncedRequest) (*exchangev1.AnnouncedResponse, error) {
	m, err := s.seen(ctx, r.MovementId)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	all := slices.Contains(Roles[callerOf(ctx).Role], exchangev1.Right_READ_INBOX)
	documents, left, err := s.flow.Announced(ctx, m)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.AnnouncedResponse{MovementId: string(m.ID), LeftOut: int32(left)}
	for _, d := range documents {
		shown := &exchangev1.AnnouncedDocument{MessageId: string(d.Message), Sender: string(d.Sender), Kind: d.Kind, DocumentId: d.DocumentID, LeftOut: int32(d.LeftOut)}
		for _, v := range d.Values {
			value := &exchangev1.AnnouncedValue{Path: v.Path, Place: v.Place.StepsIn(language(ctx)), Label: v.Place.LabelIn(language(ctx)), Value: v.Value}
			if v.Withheld && !all {
				value.Value, value.Withheld = withheld, true
			}
			shown.Values = append(shown.Values, value)
		}
		out.Documents = append(out.Documents, shown)
	}
	return out, nil
}

// seen is a movement that the caller sees: one of others' and none answer alike.
func (s movements) seen(ctx context.Context, id string) (flow.Movement, error) {
	m, err := s.flow.Movement(ctx, gateway.MovementID(id))
	if err == nil && !s.visible(callerOf(ctx), m) {
		err = store.ErrNotFound
	}
	return m, err
}

func (s movements) Get(ctx context.Context, r *exchangev1.GetMovementRequest) (*exchangev1.Movement, error) {
	m, err := s.seen(ctx, r.MovementId)
	shown, err := s.answer(ctx, m, err)
	if err != nil {
		return nil, err
	}
	for i, a := range m.Amendments() {
		changes, err := s.flow.MovementChanges(ctx, a)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		shown.Amendments[i].Changes = presentChanges(changes, language(ctx))
	}
	return shown, nil
}

func (s movements) RecordArrival(ctx context.Context, r *exchangev1.RecordArrivalRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.RecordArrival(ctx, callerOf(ctx).flow(), flow.Record{ID: r.RecordId, MediaType: r.MediaType, Content: r.Content, Reason: r.Reason})
	return s.answer(ctx, m, err)
}

func (s movements) RecordDeparture(ctx context.Context, r *exchangev1.RecordDepartureRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.RecordDeparture(ctx, callerOf(ctx).flow(), flow.Record{ID: r.RecordId, MediaType: r.MediaType, Content: r.Content})
	return s.answer(ctx, m, err)
}

// Elsewhere shows of what is found no more than where and when it is announced.
func (s movements) Elsewhere(ctx context.Context, r *exchangev1.ElsewhereRequest) (*exchangev1.ElsewhereResponse, error) {
	found, more, err := s.flow.Elsewhere(ctx, callerOf(ctx).flow(), r.Text, r.Reason)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.ElsewhereResponse{More: more}
	for _, g := range found {
		out.Glimpses = append(out.Glimpses, &exchangev1.Glimpse{MovementId: string(g.Movement), EntryOffices: g.Entry, ExpectedArrival: stamp(g.Expected)})
	}
	return out, nil
}

func (s movements) Open(ctx context.Context, r *exchangev1.OpenMovementRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.OpenMovement(ctx, callerOf(ctx).flow(), gateway.MovementID(r.MovementId), r.Reason)
	return s.answer(ctx, m, err)
}

// HandleOnPaper says of what was announced that it is handled on paper.
func (s movements) HandleOnPaper(ctx context.Context, r *exchangev1.HandleOnPaperRequest) (*exchangev1.Movement, error) {
	m, err := s.flow.HandleOnPaper(ctx, callerOf(ctx).flow(), gateway.MovementID(r.MovementId), gateway.MessageID(r.MessageId), r.Page, r.Reason)
	return s.answer(ctx, m, err)
}

// Overrides reports of one of the caller's offices: another's is as one that there is not.
func (s movements) Overrides(ctx context.Context, r *exchangev1.OverridesRequest) (*exchangev1.OverridesResponse, error) {
	page, err := s.pages.of(ctx, r)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	c := callerOf(ctx)
	office, own := c.office(), true
	if r.Office != "" {
		office, own = c.officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: r.Office})
	}
	if !own {
		return nil, s.refusal(ctx, store.ErrNotFound)
	}
	shift, err := s.flow.ShiftAt(office, r.Shift)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	var after flow.OverridePlace
	if page.place != "" {
		if err := json.Unmarshal([]byte(page.place), &after); err != nil {
			return nil, s.refusal(ctx, gateway.Fault{Code: gateway.PageToken, Severity: gateway.Error, Path: "pageToken"})
		}
	}
	found, err := s.flow.Overrides(ctx, office, shift, after, page.size)
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	out := &exchangev1.OverridesResponse{Office: office, From: stamp(shift.From), Until: stamp(shift.Until)}
	for _, o := range found {
		out.Overrides = append(out.Overrides, &exchangev1.Override{
			At: stamp(o.At), Local: shift.Local(o.At), Kind: o.Kind, Caller: o.Caller, Reason: o.Reason, MovementId: string(o.Movement), Subject: o.Subject,
		})
		after = flow.OverridePlace{At: o.At, Leaf: o.Leaf}
	}
	if len(found) == page.size {
		place, err := json.Marshal(after)
		if err != nil {
			return nil, s.refusal(ctx, err)
		}
		out.NextPageToken = page.tokenAt(string(place))
	}
	return out, nil
}

func (s movements) answer(ctx context.Context, m flow.Movement, err error) (*exchangev1.Movement, error) {
	if err != nil {
		return nil, s.refusal(ctx, err)
	}
	shown, err := s.present(ctx, m)
	return shown, s.refusal(ctx, err)
}

// present shows a movement. Of those that one of its documents could also have belonged to
// only the caller's are named.
func (s movements) present(ctx context.Context, m flow.Movement) (*exchangev1.Movement, error) {
	out := presentMovement(m, language(ctx))
	out.Filings = s.presentFilings(ctx, m)
	out.Transits = s.presentTransits(ctx, m)
	out.Controls = s.presentControls(m, language(ctx))
	if err := s.showAttachments(ctx, out.Controls); err != nil {
		return nil, err
	}
	out.Due, out.Remarks = stamp(s.flow.Due(m)), presentFaults(s.flow.Remarks(m), language(ctx))
	list, err := s.flow.Worklist(ctx, m)
	if err != nil {
		return nil, err
	}
	for asked, is := range worklists {
		if is == list {
			out.Worklist = asked
		}
	}
	for _, id := range m.AmbiguousWith {
		other, err := s.flow.Movement(ctx, id)
		if store.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err == nil && s.visible(callerOf(ctx), other) {
			out.AmbiguousWith = append(out.AmbiguousWith, string(id))
		}
	}
	return out, nil
}

// visible reports whether one of the caller's offices is on the movement's route. An
// administration's own system sees all of its gateway's movements.
func (s movements) visible(c Caller, m flow.Movement) bool {
	if c.Role == System {
		return true
	}
	return slices.ContainsFunc(m.Route(), func(o reconcile.RouteOffice) bool {
		_, ok := c.officeAs(s.flow.Own, o.Office())
		return ok
	})
}

func presentMovement(m flow.Movement, lang string) *exchangev1.Movement {
	out := &exchangev1.Movement{
		MovementId: string(m.ID), State: string(m.State()), Commit: int64(m.Commit), Since: stamp(m.Since()),
	}
	for _, t := range m.Told {
		out.Told = append(out.Told, &exchangev1.Telling{
			Administration: string(t.To), Office: t.Office, ArrivalId: string(t.Arrival), SubmissionId: t.Submission, At: stamp(t.At), Withdrawn: t.Withdrawn,
		})
	}
	for _, a := range m.Amendments() {
		out.Amendments = append(out.Amendments, &exchangev1.Amendment{
			MessageId: string(a.Message), Replaces: string(a.Replaces), Received: stamp(a.Received), Standing: string(a.Standing),
		})
	}
	for _, o := range m.Openings {
		out.Openings = append(out.Openings, &exchangev1.Opening{Office: o.Office, RecordId: o.Record, Reason: o.Reason, At: stamp(o.At)})
	}
	for _, r := range m.Announced {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		if p := r.Paper; p != nil {
			out.Paper = append(out.Paper, &exchangev1.PaperHandling{MessageId: string(r.Message), Sender: string(r.Sender), At: stamp(p.At), Office: p.Office, Page: p.Page, Reason: p.Reason})
		}
		if !r.Expected.IsZero() {
			out.ExpectedArrival = stamp(r.Expected)
		}
	}
	for _, r := range m.Departures {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		out.Departed = stamp(r.At)
	}
	for _, r := range m.CountingArrivals() {
		out.Messages = append(out.Messages, string(r.Message))
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
		out.Arrived = stamp(r.At)
	}
	for _, o := range m.Route() {
		switch o.Role {
		case reconcile.ExitOffice:
			out.ExitOffices = append(out.ExitOffices, o.Code)
		case reconcile.EntryOffice:
			out.EntryOffices = append(out.EntryOffices, o.Code)
		}
	}
	for _, r := range m.Filings {
		out.Batch = cmp.Or(out.Batch, r.Facts.Batch)
	}
	for _, id := range m.Identifiers() {
		out.Identifiers = append(out.Identifiers, &exchangev1.Identifier{Kind: id.Kind, Value: id.Value})
	}
	vehicles, come := m.Vehicles()
	out.VehiclesAnnounced, out.VehiclesArrived = uint32(vehicles), uint32(come)
	for _, a := range m.Accounts() {
		out.Waybills = append(out.Waybills, &exchangev1.WaybillAccount{Waybill: a.Waybill, Packages: presentFigures(a.Packages), Kilograms: presentFigures(a.Kilograms)})
	}
	arrivals := m.CountingArrivals()
	for i, c := range m.Comparisons {
		shown := presentComparison(c, lang)
		r := arrivals[i]
		shown.Arrived, shown.Office = stamp(r.At), strings.TrimSpace(r.Facts.Office.Administration+" "+r.Facts.Office.Code)
		if r.Told != nil {
			shown.ToldBy = string(r.Sender)
		}
		out.Comparisons = append(out.Comparisons, shown)
	}
	return out
}

// presentTransits shows how the transits of a movement stand.
func (s *Server) presentTransits(ctx context.Context, m flow.Movement) (out []*exchangev1.MovementTransit) {
	for _, t := range m.Transits() {
		shown := &exchangev1.MovementTransit{
			Number: t.Number, Carnet: t.Carnet, Territory: t.Territory, State: string(t.State), TimeLimit: t.Limit, Overdue: s.flow.TransitOverdue(t),
			Packages: t.Packages.Value, Terminated: t.Terminated.Value, Discrepancies: presentDiscrepancies(t.Discrepancies, language(ctx)),
		}
		for _, o := range t.Destinations {
			shown.Destinations = append(shown.Destinations, o.Name())
		}
		for _, e := range t.Terminations {
			shown.Terminations = append(shown.Terminations, &exchangev1.TransitTermination{
				MessageId: string(e.Message), Office: e.Office.Name(), At: stamp(e.At), Day: e.Day, Ending: e.Ending,
				Partial: e.Partial, WithReservation: e.Reserved, Packages: e.Packages.Value,
			})
		}
		out = append(out, shown)
	}
	return out
}

// presentFilings shows what carriers have filed of a movement. Of what another office has taken only that it
// has is shown.
func (s *Server) presentFilings(ctx context.Context, m flow.Movement) (out []*exchangev1.Filing) {
	for _, r := range m.Filings {
		out = append(out, s.presentFiling(ctx, m, r))
	}
	return out
}

func (s *Server) presentFiling(ctx context.Context, m flow.Movement, r reconcile.Record) *exchangev1.Filing {
	f := &exchangev1.Filing{MovementId: string(m.ID), Kind: r.Kind, Received: stamp(r.Received), Standing: m.FilingStanding(r)}
	if office, id, ok := flow.FiledBy(r); ok {
		c := callerOf(ctx)
		if f.Office = office; c.Role == System {
			f.SubmissionId, f.DocumentId = id, r.DocumentID
		} else if _, own := c.officeAs(s.flow.Own, gateway.Office{Administration: s.flow.Own, Code: office}); own {
			f.SubmissionId, f.DocumentId = id, r.DocumentID
		}
	} else {
		f.Sender, f.DocumentId = string(r.Sender), r.DocumentID
	}
	if c, ok := m.Filing(r); ok {
		f.Comparison = &exchangev1.FilingComparison{Result: c.Result, Agreed: int32(c.Agreed), Discrepancies: presentDiscrepancies(c.Discrepancies, language(ctx)), At: stamp(c.At)}
		for _, d := range f.Comparison.Discrepancies {
			if f.SubmissionId == "" && f.Sender == "" {
				d.FoundIn = "" // another office's
			}
		}
		for _, n := range c.NotCompared {
			f.Comparison.NotCompared = append(f.Comparison.NotCompared, &exchangev1.NotCompared{Subject: n.Subject.In(language(ctx)), Reason: n.Reason.In(language(ctx))})
		}
		for _, id := range c.Notices {
			f.Comparison.Notices = append(f.Comparison.Notices, string(id))
		}
	}
	return f
}

// filings are how a filing that stays here compares; none of what is no filing.
func (s *Server) filings(ctx context.Context, sub store.Submission) ([]*exchangev1.Filing, error) {
	m, err := s.flow.FilingMovement(ctx, s.flow.Store.Read(), sub)
	if m == nil || err != nil {
		return nil, err
	}
	var out []*exchangev1.Filing
	for _, r := range m.Filings {
		if office, id, ok := flow.FiledBy(r); ok && office == sub.Office && gateway.SameID(id, sub.ID) {
			out = append(out, s.presentFiling(ctx, *m, r))
		}
	}
	return out, nil
}

// showAttachments shows of the attachments that controls name how they stand.
func (s *Server) showAttachments(ctx context.Context, controls []*exchangev1.Control) error {
	for _, c := range controls {
		if len(c.Attachments) == 0 {
			continue
		}
		id, sender := gateway.MessageID(c.MessageId), gateway.Administration(c.Sender)
		list := func(ctx context.Context) ([]flow.AttachmentStatus, error) { return s.flow.AttachmentsSent(ctx, id) }
		if sender != "" && sender != s.flow.Own {
			list = func(ctx context.Context) ([]flow.AttachmentStatus, error) {
				return s.flow.AttachmentsReceived(ctx, store.Inbound{ID: id, Sender: sender})
			}
		}
		all, err := list(ctx)
		if err != nil {
			return err
		}
		stands := presentAttachments(all, language(ctx))
		for i, named := range c.Attachments {
			if at := slices.IndexFunc(stands, func(a *exchangev1.NamedAttachment) bool { return a.Sha256 == named.Sha256 }); at >= 0 {
				c.Attachments[i] = stands[at]
			}
		}
	}
	return nil
}

// presentControls shows the controls of a movement, each with what the agreements say of it.
func (s *Server) presentControls(m flow.Movement, lang string) (out []*exchangev1.Control) {
	for _, c := range s.flow.Controls(m) {
		v := c.Verdict
		shown := &exchangev1.Control{
			MessageId: string(c.Message), Sender: string(c.Sender), ToldTo: string(c.To), DocumentId: c.DocumentID, Subject: c.Facts.Subject,
			Kind: c.Record.Control, Outcome: c.Outcome, Office: strings.TrimSpace(string(c.Office.Administration) + " " + c.Office.Code), Standing: c.Standing,
			Recognition: &exchangev1.Recognition{Recognised: v.Recognised, Agreement: v.Agreement, Row: v.Row, Status: v.Status, Text: c.Text.In(lang)},
		}
		for _, a := range c.Facts.Attachments {
			shown.Attachments = append(shown.Attachments, &exchangev1.NamedAttachment{Name: a.Name, Kind: a.Kind, MediaType: a.MediaType, Size: a.Size, Sha256: a.SHA256})
		}
		if !c.At.IsZero() {
			shown.At = stamp(c.At)
		}
		if v.Recognised && !v.Until.IsZero() {
			shown.Recognition.Until = v.Until.Format(time.DateOnly)
		}
		out = append(out, shown)
	}
	return out
}

func presentFigures(f reconcile.Figures) *exchangev1.Figures {
	return &exchangev1.Figures{Announced: f.Announced, Arrived: f.Arrived, Open: f.Open}
}

func presentComparison(c reconcile.Comparison, lang string) *exchangev1.Comparison {
	out := &exchangev1.Comparison{ArrivalId: string(c.ArrivalID), At: stamp(c.At), Result: string(c.Result), Agreed: int32(c.Agreed), Omitted: int64(c.Omitted)}
	out.Discrepancies = presentDiscrepancies(c.Discrepancies, lang)
	out.Folded = presentDiscrepancies(c.Folded, lang)
	out.Outstanding = presentDiscrepancies(c.Outstanding, lang)
	for _, n := range c.NotCompared {
		out.NotCompared = append(out.NotCompared, &exchangev1.NotCompared{Subject: n.Subject.In(lang), Reason: n.Reason.In(lang)})
	}
	return out
}

func presentDiscrepancies(ds []reconcile.Discrepancy, lang string) (out []*exchangev1.Discrepancy) {
	for _, d := range ds {
		f := d.Fault().Report(lang)
		out = append(out, &exchangev1.Discrepancy{
			Code: string(d.Code), Subject: d.Subject.In(lang), Path: d.Path, Expected: f.Expected, Found: cmp.Or(f.Value, f.Found),
			ExpectedMethod: d.ExpectedMethod, FoundMethod: d.FoundMethod, Tolerance: d.Tolerance.In(lang), Difference: d.Difference.In(lang),
			Severity: string(d.Severity), Message: f.Message,
		})
		if shown := out[len(out)-1]; d.FoundPlace != (reconcile.Place{}) {
			shown.ExpectedIn, shown.FoundIn, shown.FoundPath = string(d.Message), string(d.FoundPlace.Message), d.FoundPlace.Path
		}
	}
	return out
}
