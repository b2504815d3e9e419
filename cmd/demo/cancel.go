package main

import (
	"context"
	"strings"
	"time"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// truckDoesNotGo takes an announcement back: by the id that Russia's answer has brought, and
// Russia's answer decides. Then the same crossing is announced anew.
func (p *play) truckDoesNotGo(ctx context.Context) error {
	p.step("A second truck is announced and does not go. The post takes it back with gatewayctl.")
	t := p.dice.truck(p.now().Add(-2*time.Second), 1, 2)
	sub, err := p.announce(ctx, t)
	if err != nil {
		return err
	}
	if _, _, err := take(ctx, p.ruNational, "PreArrivalNotice", sub.Message.DocumentId); err != nil {
		return err
	}
	waiting := new(exchangev1.Submission)
	if err := p.cnPost.run(ctx, waiting, "cancel", "-reason", "004", t.MessageID); err != nil {
		return err
	}
	p.say("The answer: %s. Russia's form takes only the id that its answer brings: it waits for the %s.",
		strings.ToUpper(waiting.State), strings.Join(waiting.WaitsFor, ", "))
	var c checks
	c.equal("state of the cancellation", waiting.State, string(gateway.Held))
	c.equal("what it waits for", waiting.WaitsFor, []string{"answer"})
	if err := p.answer(ctx, sub.Message.DocumentId, "REGISTERED"); err != nil {
		return err
	}
	asked, err := until(ctx, "the cancellation", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, waiting.SubmissionId) },
		func(s *exchangev1.Submission) bool { return s.Message.GetState() == string(gateway.Accepted) })
	if err != nil {
		return err
	}
	if _, _, err := take(ctx, p.ruNational, "Cancellation", asked.Message.DocumentId); err != nil {
		return err
	}
	batch := t.Manifest.Batch
	for _, side := range []struct {
		who string
		at  *client
	}{{"China", p.cnPost}, {"Russia", p.ruPost}} {
		state, err := stateOf(ctx, side.at, batch)
		if err != nil {
			return err
		}
		c.equal("the movement in "+side.who, state, "withdrawal asked")
	}
	p.say("With the id it goes, behind the notice; both sides show batch %s as: withdrawal asked.", batch)
	if err := p.answer(ctx, asked.Message.DocumentId, "CANCELLED"); err != nil {
		return err
	}
	back, err := until(ctx, "Russia's answer to the cancellation", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, t.MessageID) },
		func(s *exchangev1.Submission) bool {
			return s.Message.GetWithdrawal() != string(gateway.WithdrawalAsked)
		})
	if err != nil {
		return err
	}
	state, err := stateOf(ctx, p.ruPost, batch)
	if err != nil {
		return err
	}
	p.fact("state", "%s, %s", strings.ToUpper(back.Message.State), back.Message.Withdrawal)
	c.equal("withdrawal of the notice", back.Message.Withdrawal, string(gateway.WithdrawalDone))
	c.equal("the movement in Russia", state, "taken back")
	if err := c.err(); err != nil {
		return err
	}

	// It goes after all: the same batch, in new documents.
	again := p.dice.truck(p.now(), 1, 2)
	again.Manifest.Batch = batch
	if sub, err = p.announce(ctx, again); err != nil {
		return err
	}
	if state, err = stateOf(ctx, p.ruPost, again.Tractor); err != nil {
		return err
	}
	if _, _, err := take(ctx, p.ruNational, "PreArrivalNotice", sub.Message.DocumentId); err != nil {
		return err
	}
	p.say("Another truck takes the batch: announced anew, %s.", strings.ToUpper(sub.Message.State))
	c.equal("the movement of the new truck", state, "announced")
	return c.err()
}

// announce submits a truck's documents and waits until the notice is accepted.
func (p *play) announce(ctx context.Context, t *truck) (*exchangev1.Submission, error) {
	for name, values := range map[string]any{"mt2401.xml": t.Manifest, "mt4402.xml": t} {
		content, err := render(name, values)
		if err != nil {
			return nil, err
		}
		if _, err := p.cnPost.submit(ctx, content); err != nil {
			return nil, err
		}
	}
	return until(ctx, "Russia's acceptance", func() (*exchangev1.Submission, error) { return p.cnPost.status(ctx, t.MessageID) },
		func(s *exchangev1.Submission) bool { return s.Message.GetState() == string(gateway.Accepted) })
}

// answer submits Russia's answer to a document, and waits until China has taken it.
func (p *play) answer(ctx context.Context, document, status string) error {
	now := p.now().In(chita)
	answer := result{
		ID: p.uuid(), Answers: document, SystemID: p.uuid(),
		Registered: now.Truncate(time.Second).Format(time.RFC3339), Status: status, Words: "Предварительная информация аннулирована",
	}
	if status == "REGISTERED" {
		answer.Date, answer.Number, answer.Words = now.Format(time.DateOnly), p.digits(9), "Предварительная информация зарегистрирована"
	}
	content, err := render("notif-pi-result.xml", answer)
	if err != nil {
		return err
	}
	if _, err := p.ruNational.submit(ctx, content); err != nil {
		return err
	}
	_, _, err = take(ctx, p.cnNational, "Answer", answer.ID)
	return err
}

// stateOf is the state of the one movement that a text finds.
func stateOf(ctx context.Context, c *client, text string) (string, error) {
	found, err := c.movements.Find(ctx, &exchangev1.FindMovementsRequest{Text: text})
	if err != nil {
		return "", err
	}
	var states []string
	for _, m := range found.Movements {
		states = append(states, m.State)
	}
	return strings.Join(states, ", "), nil
}
