package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	exchangev1 "customs.example/gateway/api/exchange/v1"
)

// play is one run: who takes part, and what was put in and came out so far.
type play struct {
	*screen
	dice
	bin, dir, out string
	now           func() time.Time

	cn, ru, kz                     *side
	cnPost, cnNational, cnKhorgos  *client
	ruPost, ruNational, kzNational *client
	truck                          *truck
	manifestXML, reportXML, notice []byte
	message                        *exchangev1.MessageStatus // the notice, as China knows it
}

// startGateways starts both gateways and connects everybody who speaks to them.
func (p *play) startGateways(ctx context.Context) (err error) {
	p.step("Two gateways start. Each knows the other by its CA, its name and its key.")
	if p.cn, p.ru, err = newSides(p.dir); err != nil {
		return err
	}
	if p.kz, err = newKazakhstan(p.cn); err != nil {
		return err
	}
	for _, s := range []*side{p.cn, p.ru} {
		if err := s.start(p.bin); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		to    **client
		side  *side
		certs string
	}{
		{&p.cnPost, p.cn, "cn/post"}, {&p.cnNational, p.cn, "cn/national"},
		{&p.ruPost, p.ru, "ru/post"}, {&p.ruNational, p.ru, "ru/national"},
		{&p.cnKhorgos, p.cn, "cn/post-" + khorgos}, {&p.kzNational, p.kz, "kz/national"},
	} {
		if *c.to, err = dial(c.side, p.bin, c.certs); err != nil {
			return err
		}
	}
	if err := errors.Join(p.cn.ready(ctx, p.cnPost), p.ru.ready(ctx, p.ruPost)); err != nil {
		return err
	}
	p.table([]string{"gateway", "name in its certificate", "gRPC", "REST"}, [][]string{
		{"China", p.cn.uri(), p.cn.GRPC, p.cn.REST},
		{"Russia", p.ru.uri(), p.ru.GRPC, p.ru.REST},
	})
	return nil
}

// end closes what the play has opened and stops the gateways.
func (p *play) end() error {
	for _, c := range []*client{p.cnPost, p.cnNational, p.cnKhorgos, p.ruPost, p.ruNational, p.kzNational} {
		if c != nil {
			c.close()
		}
	}
	var errs []error
	for _, s := range []*side{p.cn, p.ru, p.kz} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}

// howToTalk says how to go on with gateways that are left running.
func (p *play) howToTalk() {
	p.printf("\nThe gateways go on running; their files are in %s.\n\n  PKI=%s\n", p.dir, filepath.Join(p.dir, "pki"))
	for _, s := range []struct {
		*side
		who, plate string
	}{{p.cn, "post", p.truck.Tractor}, {p.ru, "national", latin(p.truck.Tractor)}, {p.kz, "national", latin(p.truck.Tractor)}} {
		ca, cert := "$PKI/"+s.Side+"/ca.pem", "$PKI/"+s.Side+"/"+s.who
		p.printf("\n%s, as its %s:\n", s.Own, s.who)
		p.printf("  export GATEWAY_ADDR=%s GATEWAY_SERVER=%s GATEWAY_CA=%s GATEWAY_CERT=%s.pem GATEWAY_KEY=%s-key.pem\n", s.GRPC, s.uri(), ca, cert, cert)
		p.printf("  %s find %s\n", filepath.Join(p.bin, "gatewayctl"), s.plate)
		p.printf("  grpcurl -cacert %s -cert %s.pem -key %s-key.pem -d '{}' %s exchange.v1.SubmissionService/List\n", ca, cert, cert, s.GRPC)
		p.printf("  curl --cacert %s --cert %s.pem --key %s-key.pem https://%s/v1/submissions\n", ca, cert, cert, s.REST)
	}
	p.printf("\nTo stop them: kill %d %d %d\n", p.cn.cmd.Process.Pid, p.ru.cmd.Process.Pid, p.kz.cmd.Process.Pid)
}

// save leaves a file in OUT, if there is one.
func (p *play) save(name string, content []byte) error {
	if p.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(p.out, name), content, 0o644)
}

func (p *play) saveJSON(name string, v any) error {
	raw, err := json.Marshal(v)
	if m, ok := v.(proto.Message); ok {
		raw, err = protojson.Marshal(m)
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	return p.save(name, append(b.Bytes(), '\n'))
}

// valid has the offline tool judge a document by a table and its schema.
func (p *play) valid(ctx context.Context, table string, content []byte) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "gatewayd"), "validate", "-as", table, "-")
	cmd.Stdin = bytes.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("it is no valid %s: %w\n%s", table, err, out)
	}
	return nil
}

// take waits until a national system finds a message in its inbox, and takes it in two
// forms: the partner's XML as received, and canonical JSON.
func take(ctx context.Context, c *client, kind, document string) (xml, canonical *exchangev1.InboxMessage, err error) {
	list, err := until(ctx, kind+" in the inbox", func() (*exchangev1.ListInboxResponse, error) {
		return c.inbox.List(ctx, &exchangev1.ListInboxRequest{Kind: kind, Unacknowledged: true})
	}, func(l *exchangev1.ListInboxResponse) bool { return len(l.Messages) > 0 })
	if err != nil {
		return nil, nil, err
	}
	if got := list.Messages[0].DocumentId; len(list.Messages) != 1 || got != document {
		return nil, nil, fmt.Errorf("the inbox holds %d of %s, the first is %s, want one %s", len(list.Messages), kind, got, document)
	}
	id := list.Messages[0].MessageId
	if xml, err = c.inbox.Get(ctx, &exchangev1.GetInboxRequest{MessageId: id, Form: exchangev1.Form_PARTNER_XML}); err != nil {
		return nil, nil, err
	}
	if canonical, err = c.inbox.Get(ctx, &exchangev1.GetInboxRequest{MessageId: id, Form: exchangev1.Form_CANONICAL}); err != nil {
		return nil, nil, err
	}
	_, err = c.inbox.Acknowledge(ctx, &exchangev1.AcknowledgeRequest{MessageId: id})
	return xml, canonical, err
}

// temporary writes a file for a tool to read.
func (p *play) temporary(name string, content []byte) (string, error) {
	file := filepath.Join(p.dir, name)
	return file, os.WriteFile(file, content, 0o600)
}
