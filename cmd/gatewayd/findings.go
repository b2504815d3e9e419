package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// findings are what is wrong with a configuration, each at its key.
type findings struct {
	lines  document.Lines
	faults gateway.Faults
}

// add takes a fault that the operator can mend.
func (f *findings) add(key string, fault gateway.Fault) {
	fault.Path, fault.Remedy = key, gateway.ByOperator
	fault.Location.Line = f.lines.Line("$." + key)
	if fault.Severity == "" {
		fault.Severity = gateway.Error
	}
	f.faults = append(f.faults, fault)
}

// refuse says what will not work.
func (f *findings) refuse(key string, code gateway.Code, value string, expected ...string) {
	f.add(key, gateway.Fault{Code: code, Value: value, Expected: gateway.Term(strings.Join(expected, ", "))})
}

// warn says what will work, and should be looked at.
func (f *findings) warn(key string, code gateway.Code, value string, expected ...string) {
	f.add(key, gateway.Fault{Code: code, Severity: gateway.Warning, Value: value, Expected: gateway.Term(strings.Join(expected, ", "))})
}

// need says that a value is missing, if it is.
func (f *findings) need(key, value string) bool {
	if value == "" {
		f.refuse(key, gateway.ConfigMissing, "")
	}
	return value != ""
}

// file says why a file could not be used: it is not there, may not be read, or does not
// hold what belongs there.
func (f *findings) file(key, name string, err error, form gateway.Wording) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.refuse(key, gateway.ConfigFileMissing, name)
	case errors.Is(err, fs.ErrPermission):
		f.refuse(key, gateway.ConfigUnreadable, name)
	default:
		f.add(key, gateway.Fault{Code: gateway.ConfigFileForm, Value: name, Expected: gateway.Say(form)})
	}
}

// Modes that files may have at most.
const (
	secret fs.FileMode = 0o600 // private keys, the database
	public fs.FileMode = 0o644 // what may be read and not changed: the configuration, certificates, public keys
)

// mode says that others than its owner may do more with a file than they should.
func (f *findings) mode(key, name string, most fs.FileMode) {
	info, err := os.Stat(name)
	if err != nil {
		return // whoever reads it says so
	}
	if found := info.Mode().Perm(); found&^most&0o077 != 0 {
		f.add(key, gateway.Fault{
			Code: gateway.ConfigFileMode, Value: name, Found: gateway.Term(octal(found)), Expected: gateway.Term(octal(found & most)),
		})
	}
}

func octal(mode fs.FileMode) string {
	const digits = "01234567"
	return string([]byte{'0', digits[mode>>6&7], digits[mode>>3&7], digits[mode&7]})
}

// leastRetention is how long documents are kept at least: a day, so that a post can look into what went wrong.
const leastRetention = 24 * time.Hour

// retention looks at how long documents are kept, if it is stated.
func (f *findings) retention(key string, d time.Duration) {
	if d != 0 && d < leastRetention {
		f.refuse(key, gateway.ConfigLimit, d.String(), ">= "+leastRetention.String())
	}
}

// sorted returns the faults as they stand in the file.
func (f *findings) sorted() gateway.Faults {
	slices.SortStableFunc(f.faults, func(a, b gateway.Fault) int { return a.Location.Line - b.Location.Line })
	return f.faults
}
