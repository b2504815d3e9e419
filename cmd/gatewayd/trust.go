package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/mtls"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Beside the database, or the configuration if that is on a server, lie the roots, pins and administrators that are in force, and the
// confirmations of changes: files may be changed by one person, what is in force only by two.
func anchorsFile(database string) string       { return database + ".trust" }
func confirmationsFile(database string) string { return database + ".confirmations" }

// counterFile lies there too: it counts the commits of the database, for a start to see whether it has lost any.
func counterFile(database string) string { return database + ".commits" }

// maxConfirmations bounds the file of confirmations; those of earlier changes may be removed.
const maxConfirmations = 1 << 20

// proposed are the anchors that the files name, as parties were read from them.
func proposed(parties []mtls.Party, administrators map[string][]byte) mtls.Anchors {
	a := mtls.Anchors{Parties: map[string]mtls.Anchor{}, Administrators: administrators}
	for _, p := range parties {
		a.Parties[p.URI] = mtls.AnchorOf(p)
	}
	return a
}

// checkTrust reads what is in force and says whether the files name something else that
// nobody has confirmed yet.
func (s *setup) checkTrust(f *findings) {
	files := proposed(s.parties, s.administrators)
	if !files.Development() && len(s.administrators) < mtls.NeededConfirmations {
		f.refuse("administrators", gateway.ConfigAdministrators, strconv.Itoa(len(s.administrators)), strconv.Itoa(mtls.NeededConfirmations))
	}
	var err error
	if s.anchors, err = readAnchors(anchorsFile(s.trustBase())); err != nil {
		f.file("database", anchorsFile(s.trustBase()), err, gateway.WordFormAnchors)
		return
	}
	if s.confirmations, err = readConfirmations(confirmationsFile(s.trustBase())); err != nil {
		f.file("database", confirmationsFile(s.trustBase()), err, gateway.WordFormAnchors)
		return
	}
	if s.anchors.Number == 0 && !files.Development() {
		if begun, err := store.Begun(s.Database); err == nil && begun {
			// Only a gateway's first start takes what it finds: else removing one file would do
			// what takes two people.
			f.refuse("database", gateway.ConfigFileMissing, anchorsFile(s.trustBase()))
		}
	}
	if s.anchors.Number == 0 || f.faults.Refuse() || s.anchors.Same(files) {
		return
	}
	if next := s.anchors.Then(files); !s.anchors.Allows(next, s.confirmations) {
		missing := mtls.NeededConfirmations - len(s.anchors.Confirmed(next.Digest(), s.confirmations))
		f.add("administrators", gateway.Fault{
			Code: gateway.ConfigTrustPending, Severity: gateway.Warning, Value: next.Digest().String(), Found: gateway.Term(strconv.Itoa(missing)),
		})
	}
}

// readAnchors reads what is in force; none, numbered 0, before the first start.
func readAnchors(file string) (mtls.Anchors, error) {
	var a mtls.Anchors
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return mtls.Anchors{}, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || a.Number < 1 {
		return mtls.Anchors{}, fmt.Errorf("%s: not as a gateway wrote it", file)
	}
	for uri, p := range a.Parties {
		if _, err := p.Certificates(); err != nil {
			return mtls.Anchors{}, fmt.Errorf("%s: %s: %w", file, uri, err)
		}
	}
	return a, nil
}

// writeAnchors puts anchors in the place of those before; readers see one or the other.
func writeAnchors(file string, a mtls.Anchors) error {
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(file, append(raw, '\n'))
}

// replaceFile puts a file in the place of the one before, whose mode it takes; readers see one or
// the other, also after a power cut. A new one is its owner's alone.
func replaceFile(file string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if info, statErr := os.Stat(file); statErr == nil {
		err = errors.Join(err, tmp.Chmod(info.Mode().Perm()))
	}
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// readConfirmations reads a line of JSON for each.
func readConfirmations(file string) ([]mtls.Confirmation, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []mtls.Confirmation
	read := io.LimitedReader{R: f, N: maxConfirmations + 1}
	for lines := bufio.NewScanner(&read); lines.Scan(); {
		var c mtls.Confirmation
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, c)
	}
	if read.N == 0 {
		return nil, fmt.Errorf("%s: more than %d bytes", file, maxConfirmations)
	}
	return out, nil
}

func appendConfirmation(file string, c mtls.Confirmation) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, public) // signatures are no secret, and the gateway has to read them
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

const trustUsage = `usage:
  gatewayd trust show -config FILE
  gatewayd trust confirm -config FILE -as ADMINISTRATOR -key FILE DIGEST`

// trust shows what the gateway believes others by, and confirms a change of it. It needs no
// running gateway; one that runs takes the change within a minute of the second confirmation.
func trust(_ context.Context, flags *flag.FlagSet, args []string, std stdio) error {
	return changeTrust(flags, args, std, time.Now())
}

func changeTrust(flags *flag.FlagSet, args []string, std stdio, now time.Time) error {
	flags.Usage = func() { fmt.Fprintln(std.err, trustUsage); flags.PrintDefaults() }
	file := flags.String("config", "", "configuration file")
	who := flags.String("as", "", "who confirms: id of an administrator")
	keyFile := flags.String("key", "", "file of the administrator's private key")
	if len(args) == 0 || args[0] != "show" && args[0] != "confirm" {
		flags.Usage()
		return flag.ErrHelp
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *file == "" {
		return errors.New("give -config FILE")
	}
	s, err := pendingTrust(*file, now)
	if err != nil {
		return err
	}
	if args[0] == "show" {
		if flags.NArg() > 0 {
			return errors.New("show takes no argument")
		}
		return s.showTrust(std.out)
	}
	if *who == "" || *keyFile == "" || flags.NArg() != 1 {
		return errors.New("give -as ADMINISTRATOR -key FILE DIGEST")
	}
	return s.confirmTrust(std.out, *who, *keyFile, flags.Arg(0), now)
}

// pendingTrust reads as much of a configuration as decides what is believed.
func pendingTrust(file string, now time.Time) (*setup, error) {
	config, lines, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	s := &setup{Config: config, file: file}
	f := &findings{lines: lines}
	for _, v := range s.vouched() {
		v.vouch.CRLs = "" // lists decide nothing here
		s.parties = append(s.parties, v.vouch.read(f, v.key, v.uri, false, now))
	}
	s.readAdministrators(f, publicKeys{})
	s.checkTrust(f)
	var errs []error
	for _, fault := range f.faults {
		if fault.Severity == gateway.Error {
			errs = append(errs, fmt.Errorf("%s: %w", fault.Path, fault))
		}
	}
	return s, errors.Join(errs...)
}

// showTrust prints the anchors in force, and what a pending change would make of them.
func (s *setup) showTrust(w io.Writer) error {
	files := proposed(s.parties, s.administrators)
	if s.anchors.Number == 0 {
		_, err := fmt.Fprintln(w, "nothing is in force yet: the first start takes what the files name")
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "in force: change %d, %s\n", s.anchors.Number, s.anchors.Digest())
	if s.anchors.Same(files) {
		b.WriteString("nothing is pending\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	next := s.anchors.Then(files)
	fmt.Fprintf(&b, "pending:  change %d, %s\n", next.Number, next.Digest())
	before, after := described(s.anchors), described(next)
	for _, line := range slices.Sorted(maps.Keys(before)) {
		if !after[line] {
			b.WriteString("  - " + line + "\n")
		}
	}
	for _, line := range slices.Sorted(maps.Keys(after)) {
		if !before[line] {
			b.WriteString("  + " + line + "\n")
		}
	}
	confirmed := s.anchors.Confirmed(next.Digest(), s.confirmations)
	for _, c := range confirmed {
		fmt.Fprintf(&b, "confirmed by %s at %s\n", c.Administrator, instant(c.At))
	}
	switch missing := mtls.NeededConfirmations - len(confirmed); {
	case s.anchors.Allows(next, s.confirmations):
		b.WriteString("the gateway takes it at its next look\n")
	default:
		fmt.Fprintf(&b, "needs %d more of: %s\n", missing, strings.Join(slices.Sorted(maps.Keys(s.anchors.Administrators)), ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// described are anchors as lines that a person can compare.
func described(a mtls.Anchors) map[string]bool {
	out := map[string]bool{}
	for uri, p := range a.Parties {
		for _, der := range p.Roots {
			out[uri+" root "+gateway.DigestOf(der).String()] = true
		}
		for _, pin := range p.Pins {
			out[uri+" pin "+pin.String()] = true
		}
	}
	for id, der := range a.Administrators {
		out["administrator "+id+" "+gateway.DigestOf(der).String()] = true
	}
	return out
}

// confirmTrust signs the pending change as an administrator who is in force. The digest is
// given by hand: whoever confirms has it from the other side, not from the files.
func (s *setup) confirmTrust(w io.Writer, who, keyFile, digest string, now time.Time) error {
	given, err := gateway.ParseDigest(digest)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	files := proposed(s.parties, s.administrators)
	next := s.anchors.Then(files)
	switch {
	case s.anchors.Number == 0 || s.anchors.Same(files):
		return errors.New("no change is pending")
	case given != next.Digest():
		return fmt.Errorf("%s is not the pending change, which is %s: see what it holds with gatewayd trust show", given, next.Digest())
	case s.anchors.Administrators[who] == nil:
		return fmt.Errorf("%s is no administrator in force", who)
	}
	signer, err := seal.LoadSigner(seal.KeyFile{ID: who, File: keyFile})
	if err != nil {
		return err
	}
	confirmation, err := mtls.Confirm(given, who, now, signer.Key)
	if err != nil {
		return err
	}
	before := s.anchors.Confirmed(given, s.confirmations)
	if slices.ContainsFunc(before, func(c mtls.Confirmation) bool { return c.Administrator == who }) {
		return fmt.Errorf("%s has confirmed this change already; another administrator has to", who)
	}
	confirmed := s.anchors.Confirmed(given, append(slices.Clone(before), confirmation))
	if len(confirmed) == len(before) {
		return fmt.Errorf("this is not the key of %s", who)
	}
	if err := appendConfirmation(confirmationsFile(s.trustBase()), confirmation); err != nil {
		return err
	}
	if missing := mtls.NeededConfirmations - len(confirmed); missing > 0 {
		fmt.Fprintf(w, "confirmed by %s; %d more is needed\n", who, missing)
		return nil
	}
	fmt.Fprintf(w, "confirmed by %s; the gateway takes it at its next look\n", who)
	return nil
}
