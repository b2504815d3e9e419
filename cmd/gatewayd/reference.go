package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/release"
)

// configKey is one key of the configuration, as `gatewayd config` and the file that
// `gatewayd init` writes explain it. What type it takes is the code's.
type configKey struct {
	path    string // with [] behind a list
	kind    string // of a text: file, address ...; empty: what the type says
	unset   string // what holds if it is left out; empty: it must be given
	example string // YAML
	meaning string
}

// configKeys are all keys, in the order in which they are explained.
var configKeys = []configKey{
	{"administration", "", "", "CN", "Whose gateway this is: an ISO 3166 alpha-2 code."},
	{"database", "file or postgres:// URL", "", "cn.db", "Where everything is kept. A file is one process's alone; several gateways share one PostgreSQL."},
	{"data", "directory", "none", "data", "Tables, rules, code lists and schemas that are added to the embedded ones, or replace them: mappings/ and xsd/."},
	{"listen.grpc", "address", "", "127.0.0.1:8443", "Where posts, systems and partners call by gRPC."},
	{"listen.rest", "address", "", "127.0.0.1:8444", "The same by REST, and partners' XML by plain HTTPS."},
	{"listen.monitor", "address", "nowhere", "127.0.0.1:9464", "Where /healthz, /readyz and /metrics are, by plain HTTP: an address of this machine only."},
	{"log.format", "", "json", "text", "How events are written to the standard error: json or text."},
	{"log.level", "", "info", "warn", "From which level on: debug, info, warn or error."},
	{"certificate.cert", "file", "", "pki/gateway.pem", "The gateway's certificate, PEM; its one URI is the gateway's name."},
	{"certificate.key", "file", "", "pki/gateway-key.pem", "Its private key, PEM, mode 0600."},
	{"certificate.roots", "file", "those of the callers", "pki/ca.pem", "Roots that partners judge the certificate by."},
	{"certificate.crls", "file", "none", "pki/crl.pem", "Revocation lists that partners judge it by."},
	{"signing[].id", "", "", "cn-1", "Names a key that messages and receipts are signed with; the same id stands under trust, here and at the partner's."},
	{"signing[].file", "file", "", "signing.pem", "The private key: ECDSA P-256, PKCS #8 in PEM, mode 0600; never a TLS key."},
	{"signing[].from", "", "", "2026-01-01T00:00:00Z", "From when on it signs."},
	{"signing[].until", "", "", "2027-01-01T00:00:00Z", "Until when; list the next key before."},
	{"trust[].id", "", "", "ru-1", "Names a public key that signatures are verified with: our own too. Keys are never removed, so that old receipts verify."},
	{"trust[].administration", "", "", "RU", "Whose key it is."},
	{"trust[].file", "file", "", "partners/ru/ru-1.pub.pem", "The public key, PKIX in PEM."},
	{"trust[].from", "", "", "2026-01-01T00:00:00Z", "From when on it may have signed."},
	{"trust[].until", "", "", "2027-01-01T00:00:00Z", "Until when."},
	{"trust[].compromised", "", "never", "2026-06-01T00:00:00Z", "From when on it proves nothing; what was received before still verifies."},
	{"routes[]", "", "none: nothing is sent", "cn-ru-pre-arrival-notice", "Routes on which this gateway sends: names under mappings/routes. Without a partner who speaks for the recipient none starts. One of filings that stay here, such as ru-filing-notice, needs none, and is active where it is named: init names none."},
	{"callers[].uri", "", "", "customs://CN/office/0603/post/1", "The one URI of the certificate of a post, system or person."},
	{"callers[].role", "", "", "post", "What the caller may do: " + strings.Join(callerRoles(), ", ") + "."},
	{"callers[].offices[]", "", "", `"0603"`, "Offices of a caller that speaks for one (" + strings.Join(officeRoles(), ", ") + "); it submits for the first. Other roles have none."},
	{"callers[].roots", "file", "", "pki/ca.pem", "The roots that its certificate is judged by."},
	{"callers[].pins[]", "", "none", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "SHA-256 of the public keys that it may have."},
	{"callers[].crls", "file", "none", "pki/crl.pem", "Revocation lists; past their next update nobody is let in by them."},
	{"partners[].uri", "", "", "customs://RU/gateway/1", "The one URI of the certificate of a partner's gateway."},
	{"partners[].address", "address", "", "gateway.example:8443", "Where it is called; one that only fetches, or is reached by files, needs none."},
	{"partners[].administrations[]", "", "", "RU", "For whom it speaks; each administration has one partner."},
	{"partners[].cap", "", "8MiB", "32MiB", "The largest message that is taken from it, up to 64MiB."},
	{"partners[].attachments.kinds[]", "", "none: nothing is fetched", "SCAN", "Images and scans that are fetched from it, where its messages name any: codes of the list attachment-kind. Nobody can look for a price in them, or for a person. It counts for messages that come from then on."},
	{"partners[].attachments.each", "", "nothing is fetched", "16MiB", "The largest of them, up to 64MiB; a larger one is not fetched, and that is told."},
	{"partners[].attachments.total", "", "nothing is fetched", "2048MiB", "How much of all of them is kept at most; what has no room then is not fetched."},
	{"partners[].attachments.retention", "", "nothing is fetched", "2160h", "How long they are kept; then they are erased, and the audit trail says by which rule."},
	{"partners[].mode", "", "push", "https", "How it gets what is for it: push, and this gateway calls its gateway by gRPC; https, and each message is posted as the XML that was signed (PARTNER.md); pull, and it fetches: nobody calls it; or folder: as files in envelopes, both ways."},
	{"partners[].folder", "directory", "", "exchange/mn", "Of one that is reached by files: out holds what is for it, in what came from it, aside what came and could not be taken, with why. A message queue, or a person, carries them; the folder's rights are theirs to share."},
	{"partners[].envelope.recipient", "file", "", "partners/mn/envelope.pem", "The partner's certificate, for whom envelopes are closed (CMS, RFC 5652): RSA of 2048 bits or more, PEM."},
	{"partners[].envelope.cert", "file", "", "envelope.pem", "Our own certificate, for whom its envelopes are closed."},
	{"partners[].envelope.key", "file", "", "envelope-key.pem", "Its private key, PKCS #8 in PEM, mode 0600; never a TLS or a signing key."},
	{"partners[].conversation.profile", "", "none: the XML that was signed is posted", "eaeu-decision-5.v1", "Of one that is reached by https: the envelopes in which messages travel both ways, and the signals by which they are answered (PARTNER.md): a file under mappings/conversations."},
	{"partners[].conversation.own", "", "", `"EAEU://RU/CP/P.CP.01/P.CP.01.ACT.002"`, "The logical address of this gateway in it."},
	{"partners[].conversation.theirs", "", "", `"EAEU://KZ/CP/P.CP.01/P.CP.01.ACT.001"`, "The partner's."},
	{"partners[].conversation.path", "", "/v1/conversations", "/soap", "Where its door takes envelopes."},
	{"partners[].conversation.messages[].kind", "", "", "TransitDeclaration", "A kind of documents that travels; each that a route sends to it has one."},
	{"partners[].conversation.messages[].action", "", "", `"int://CP/P.CP.01/1.0.0/P.CP.01.PRC.001/P.CP.01.TRN.001/P.CP.01.MSG.001"`, "Its action, in both directions."},
	{"partners[].conversation.messages[].pattern", "", "", "mutual-obligations", "A pattern of the profile: by which signal the exchange ends. One that ends by RCV takes receipts: plain."},
	{"partners[].conversation.messages[].received", "", "that of the pattern", "2m", "How long the first signal is waited for, 1s to 24h, if the partner has taken the envelope and answered nothing."},
	{"partners[].conversation.messages[].processing", "", "that of the pattern", "10m", "How long the verdict is waited for behind the first signal, 1s to 24h."},
	{"partners[].conversation.messages[].retries", "", "that of the pattern", "5", "How often the same is sent again at that pace; then it is once an hour, as long as the message is valid."},
	{"partners[].receipts", "", "signed", "plain", "By what one that fetches, or that is reached by https, may acknowledge: signed receipts alone, or plain ones too, outside the promise."},
	{"partners[].questions", "", "answered", "none", "Whether one that is reached by https answers signed questions on what became of messages and what it holds. With none an outcome that is not known stays so, and after a restore nothing is compared."},
	{"partners[].fetch", "", "never: it hands over", "2s", "How often this gateway fetches what the partner has for it, 100ms to 1h, where the partner's record of it says pull."},
	{"partners[].retention", "", "that of the gateway", "4320h", "How long the documents that it sends are kept, 24h or more; then they are erased, and digests, states and receipts stay."},
	{"partners[].in_flight", "", "8", "16", "How many messages travel to each administration that it speaks for at once, 1 to 64. After five failures of the link, one behind the other, none does for a minute, and then one at a time until three have got through."},
	{"partners[].roots", "file", "", "partners/ru/ca.pem", "The roots that its certificate is judged by: its own CA, nobody else's."},
	{"partners[].pins[]", "", "", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "SHA-256 of its present public key, and of its next."},
	{"partners[].crls", "file", "", "partners/ru/crl.pem", "Its revocation list; past its next update the link is closed."},
	{"administrators[].id", "", "none: roots and pins of a PKI in earnest never change", "anna", "A person who may confirm a change of roots and pins; it takes two."},
	{"administrators[].file", "file", "none", "anna.pub.pem", "The public key that is this person's alone: ECDSA P-256, PKIX in PEM."},
	{"retention", "", "4320h", "2160h", "How long documents are kept of which no route says it, 24h or more: what was refused or became no message, what partners sent whose record says nothing, and what was seen at the border. What is not decided yet is kept until it is."},
	{"duty_desk", "", "nobody", `"+86 10 0000 0000"`, "Whom partners call, day and night: one line that stands on the partner card."},
	{"limits.memory", "", "128MiB", "256MiB", "Memory for documents in all their forms, beside what the gateway takes anyway; at least 32MiB."},
	{"limits.calls", "", "32", "64", "Calls that are answered at once, 4 to 10000."},
	{"limits.wait", "", "2s", "1s", "How long a call waits for room before it is refused, 10ms to 1m."},
	{"limits.body", "", "30s", "1m", "How long a call's message may take to come in, 1s to 10m."},
	{"limits.disk", "", "90", "80", "Percent of the disk in use from which on nothing new is taken, 1 to 99."},
	{"limits.attachment", "", "32MiB", "16MiB", "The largest image or scan that an office hands in, up to 64MiB; a route may take less."},
	{"limits.searches", "", "30", "60", "How often within an hour one caller may look for what is announced to other offices, 1 to 1000."},
}

// configTypes are what texts of a type are written like.
var configTypes = map[reflect.Type]string{
	reflect.TypeFor[gateway.Administration](): "country code",
	reflect.TypeFor[gateway.Digest]():         "64 hexadecimal digits",
	reflect.TypeFor[time.Time]():              "instant (RFC 3339)",
	reflect.TypeFor[time.Duration]():          "duration",
	reflect.TypeFor[mebibytes]():              "MiB",
	reflect.TypeFor[release.Size]():           "MiB",
}

// configType says what a key takes.
func configType(k configKey, t reflect.Type) string {
	if k.kind != "" {
		return k.kind
	}
	if name, ok := configTypes[t]; ok {
		return name
	}
	if t.Kind() == reflect.Int {
		return "number"
	}
	return "text"
}

// configLeaves are the keys that a configuration has in the code, and their types.
func configLeaves(t reflect.Type, prefix string, leaves map[string]reflect.Type) {
	if _, ok := configTypes[t]; ok || t.Kind() != reflect.Struct && t.Kind() != reflect.Slice {
		leaves[prefix] = t
		return
	}
	if t.Kind() == reflect.Slice {
		configLeaves(t.Elem(), prefix+"[]", leaves)
		return
	}
	for f := range fieldsOf(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		path := strings.TrimPrefix(prefix+"."+key, ".")
		if key == "" { // inline
			path = prefix
		}
		configLeaves(f.Type, path, leaves)
	}
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// configReference prints every key of the configuration.
func configReference(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 1 {
		return errors.New("give at most one key, such as listen or partners[].pins")
	}
	return printReference(std.out, flags.Arg(0))
}

func printReference(w io.Writer, only string) error {
	leaves := make(map[string]reflect.Type)
	configLeaves(reflect.TypeFor[Config](), "", leaves)
	var b strings.Builder
	for _, k := range configKeys {
		if only != "" && k.path != only && !strings.HasPrefix(k.path, only+".") && !strings.HasPrefix(k.path, only+"[]") {
			continue
		}
		unset := "must be given"
		if k.unset != "" {
			unset = "if left out: " + k.unset
		}
		fmt.Fprintf(&b, "%s: %s; %s\n    %s\n    example: %s\n", k.path, configType(k, leaves[k.path]), unset, k.meaning, k.example)
	}
	if b.Len() == 0 {
		return fmt.Errorf("no key %q: the outermost are %s", only, strings.Join(outermost(), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// outermost are the keys that stand at the left of the file.
func outermost() (names []string) {
	for _, k := range configKeys {
		name, _, _ := strings.Cut(k.path, ".")
		if name = strings.TrimSuffix(name, "[]"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
