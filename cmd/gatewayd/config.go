package main

import (
	"cmp"
	"crypto/tls"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/analysis"
	"customs.example/gateway/budget"
	"customs.example/gateway/conversation"
	"customs.example/gateway/document"
	"customs.example/gateway/envelope"
	"customs.example/gateway/flow"
	"customs.example/gateway/mtls"
	"customs.example/gateway/peer"
	"customs.example/gateway/recognition"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/release"
	"customs.example/gateway/seal"
	"customs.example/gateway/server"
	"customs.example/gateway/store"
)

// Config is the one file that a gateway starts with. File names are relative to it.
type Config struct {
	Administration gateway.Administration `yaml:"administration"`
	Database       string                 `yaml:"database"` // a file, or postgres://...: gateway/store/README.md
	Data           string                 `yaml:"data"`     // directory over the embedded data; empty: none
	Listen         Listen                 `yaml:"listen"`
	Log            LogConfig              `yaml:"log"`
	Certificate    OwnCertificate         `yaml:"certificate"`
	Signing        []seal.KeyFile         `yaml:"signing"` // own keys: next, current, retired
	Trust          []seal.TrustFile       `yaml:"trust"`   // everyone's public keys, our own too
	Routes         []string               `yaml:"routes"`  // active routes
	Callers        []CallerConfig         `yaml:"callers"`
	Partners       []PartnerConfig        `yaml:"partners"`
	// Administrators confirm changes of roots and pins, two of them each change.
	Administrators []AdministratorConfig `yaml:"administrators"`
	Limits         LimitsConfig          `yaml:"limits"`
	DutyDesk       string                `yaml:"duty_desk"` // whom partners call
	Retention      time.Duration         `yaml:"retention"` // of documents that no route says it of; 0: flow.DefaultRetention
}

// Listen are the addresses of the doors.
type Listen struct {
	GRPC string `yaml:"grpc"`
	REST string `yaml:"rest"`
	// Monitor is where /healthz, /readyz and /metrics are, by plain HTTP and for anybody who
	// gets there: an address of this machine only. Empty: nowhere.
	Monitor string `yaml:"monitor"`
}

// LogConfig is how events are written to the standard error.
type LogConfig struct {
	Format string `yaml:"format"` // json, which is the default, or text
	Level  string `yaml:"level"`  // debug, info, which is the default, warn or error
}

// handler writes as the configuration says; the configuration is checked.
func (c LogConfig) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: logLevels[cmp.Or(c.Level, "info")]}
	if c.Format == "text" {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

var logLevels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// OwnCertificate names the files of the gateway's certificate and its key, and of the
// roots and revocation lists that partners judge it by. Without roots those of the callers
// stand in for them.
type OwnCertificate struct {
	Cert  string `yaml:"cert"`
	Key   string `yaml:"key"`
	Roots string `yaml:"roots"`
	CRLs  string `yaml:"crls"`
}

// CallerConfig binds a certificate to a role and its offices.
type CallerConfig struct {
	URI     string      `yaml:"uri"`
	Role    server.Role `yaml:"role"`
	Offices []string    `yaml:"offices"`
	Vouch   `yaml:",inline"`
}

// PartnerConfig is a partner's gateway and the administrations it speaks for.
type PartnerConfig struct {
	URI             string                   `yaml:"uri"`
	Address         string                   `yaml:"address"`
	Administrations []gateway.Administration `yaml:"administrations"`
	Cap             release.Size             `yaml:"cap"`       // of its messages, where it is more than the gateway takes anyway
	Retention       time.Duration            `yaml:"retention"` // of what it sends; 0: as of the gateway's own
	InFlight        int                      `yaml:"in_flight"` // messages that travel to it at once; 0: flow.InFlight
	// Attachments says which images and scans that its messages name are fetched; without it none.
	Attachments FetchConfig `yaml:"attachments"`
	// Mode says how it gets what is for it: push, which is the default, by gRPC; https: by plain HTTPS; pull: it
	// fetches; or folder: as files in envelopes, and what it sends comes likewise.
	Mode string `yaml:"mode"`
	// Folder is where those files lie, and Envelope what they are closed and opened by.
	Folder   string         `yaml:"folder"`
	Envelope EnvelopeConfig `yaml:"envelope"`
	// Conversation says in which envelopes one that is reached by https is spoken to; without it the XML that was signed
	// is posted.
	Conversation ConversationConfig `yaml:"conversation"`
	// Receipts says what it may acknowledge by what it has fetched, or what was posted to it: signed, which is the
	// default, or plain.
	Receipts string `yaml:"receipts"`
	// Questions says whether its gateway answers what it holds: answered, which is the default, or none.
	Questions string `yaml:"questions"`
	// Fetch is how often is fetched from it what it has for us; zero: it hands that over.
	Fetch time.Duration `yaml:"fetch"`
	Vouch `yaml:",inline"`
}

// ConversationConfig says by which profile a partner is spoken to, and as whom.
type ConversationConfig struct {
	Profile  string          `yaml:"profile"`
	Own      string          `yaml:"own"` // logical addresses
	Theirs   string          `yaml:"theirs"`
	Path     string          `yaml:"path"` // of its door; empty: server.Conversations
	Messages []MessageConfig `yaml:"messages"`
}

// MessageConfig says how messages of one kind travel, both ways. What is zero is as the pattern says.
type MessageConfig struct {
	Kind       string        `yaml:"kind"`
	Action     string        `yaml:"action"`
	Pattern    string        `yaml:"pattern"`
	Received   time.Duration `yaml:"received"`
	Processing time.Duration `yaml:"processing"`
	Retries    int           `yaml:"retries"`
}

// none reports whether nothing is agreed.
func (c ConversationConfig) none() bool {
	return c.Profile == "" && c.Own == "" && c.Theirs == "" && c.Path == "" && len(c.Messages) == 0
}

// EnvelopeConfig names the certificates of envelopes, which are for RSA keys.
type EnvelopeConfig struct {
	Recipient string `yaml:"recipient"` // the partner's certificate
	Cert      string `yaml:"cert"`      // our own
	Key       string `yaml:"key"`       // its key
}

// FetchConfig says which images and scans are fetched from a partner.
type FetchConfig struct {
	Kinds     []string      `yaml:"kinds"` // codes of the list attachment-kind
	Each      mebibytes     `yaml:"each"`
	Total     mebibytes     `yaml:"total"` // of all that are kept
	Retention time.Duration `yaml:"retention"`
}

// none reports whether nothing is said.
func (c FetchConfig) none() bool {
	return len(c.Kinds) == 0 && c.Each == 0 && c.Total == 0 && c.Retention == 0
}

// How a partner gets what is for it, and what it acknowledges that by.
const (
	modePush          = "push"
	modeHTTPS         = "https"
	modePull          = "pull"
	modeFolder        = "folder"
	receiptsSigned    = "signed"
	receiptsPlain     = "plain"
	questionsAnswered = "answered"
	questionsNone     = "none"
)

// minFetch and maxFetch bound how often is fetched from a partner.
const (
	minFetch = 100 * time.Millisecond
	maxFetch = time.Hour
)

// pulls reports whether the partner fetches what is for it.
func (p PartnerConfig) pulls() bool { return p.Mode == modePull }

// files reports whether it is reached by files: nobody calls it, and it calls nobody.
func (p PartnerConfig) files() bool { return p.Mode == modeFolder }

// Vouch is what a certificate is trusted by.
type Vouch struct {
	Roots string           `yaml:"roots"`
	Pins  []gateway.Digest `yaml:"pins"`
	CRLs  string           `yaml:"crls"`
}

// AdministratorConfig is a person with the public key that is theirs alone.
type AdministratorConfig struct {
	ID   string `yaml:"id"`
	File string `yaml:"file"`
}

// setup is a configuration with everything it names loaded.
type setup struct {
	Config
	file        string
	certificate tls.Certificate
	parties     []mtls.Party // as their files say, in order of vouched
	callers     []server.Caller
	partners    []peer.Partner
	keys        *seal.Keyring
	trust       *seal.Trust
	chain       *flow.Chain
	known       *release.Routes // all, those that are not active too
	loaded      *analysis.Inventory
	tolerances  reconcile.Tolerances
	agreements  recognition.Agreements
	limits      budget.Limits
	envelopes   map[string]*envelope.Pair // of partners that are reached by files, by their URIs
	// conversations are the partners that are spoken to by envelopes, by their URIs.
	conversations map[string]*conversation.Partner

	administrators map[string][]byte   // their public keys by name
	anchors        mtls.Anchors        // in force; numbered 0 at the first start, which takes those of the files
	confirmations  []mtls.Confirmation // of changes
}

// readConfig reads the file alone. The error holds every unknown key at once.
func readConfig(file string) (Config, document.Lines, error) {
	var c Config
	raw, err := os.ReadFile(file)
	if err != nil {
		return c, document.Lines{}, err
	}
	lines, err := document.ReadYAML(file, raw, &c)
	if err != nil {
		return c, document.Lines{}, err
	}
	c.resolve(filepath.Dir(file))
	return c, lines, nil
}

// trustBase is what the files lie beside that a gateway keeps besides its database: the
// database, or this configuration if that is on a server.
func (s *setup) trustBase() string {
	if store.IsPostgres(s.Database) {
		return s.file
	}
	return s.Database
}

// resolve makes file names relative to the configuration's directory.
func (c *Config) resolve(dir string) {
	names := []*string{
		&c.Data, &c.Certificate.Cert, &c.Certificate.Key, &c.Certificate.Roots, &c.Certificate.CRLs,
	}
	if !strings.Contains(c.Database, "://") {
		names = append(names, &c.Database)
	}
	for i := range c.Signing {
		names = append(names, &c.Signing[i].File)
	}
	for i := range c.Trust {
		names = append(names, &c.Trust[i].File)
	}
	for i := range c.Callers {
		names = append(names, &c.Callers[i].Roots, &c.Callers[i].CRLs)
	}
	for i := range c.Partners {
		p := &c.Partners[i]
		names = append(names, &p.Roots, &p.CRLs, &p.Folder, &p.Envelope.Recipient, &p.Envelope.Cert, &p.Envelope.Key)
	}
	for i := range c.Administrators {
		names = append(names, &c.Administrators[i].File)
	}
	for _, name := range names {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
}
