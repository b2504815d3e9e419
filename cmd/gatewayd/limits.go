package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/budget"
)

// LimitsConfig bounds what all callers together may use. What is left out is as in
// [budget.Default].
type LimitsConfig struct {
	Memory mebibytes     `yaml:"memory"` // for documents in all their forms, beside what the gateway takes anyway
	Calls  int           `yaml:"calls"`  // answered at once
	Wait   time.Duration `yaml:"wait"`   // for room, before a call is refused
	Body   time.Duration `yaml:"body"`   // until a call's message is in
	Disk   int           `yaml:"disk"`   // percent in use from which on nothing new is taken
	// Attachment is the largest image or scan that an office hands in.
	Attachment mebibytes `yaml:"attachment"`
	// Searches is how often within an hour one caller may look for what is announced to other offices.
	Searches int `yaml:"searches"`
}

// mebibytes is a number of bytes, written in MiB: 128MiB.
type mebibytes int64

// UnmarshalYAML reads a number of bytes.
func (m *mebibytes) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	digits, ok := strings.CutSuffix(text, "MiB")
	n, err := strconv.ParseInt(digits, 10, 32)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("size %q: want a number of MiB, such as 128MiB", text)
	}
	*m = mebibytes(n << 20)
	return nil
}

func (m mebibytes) String() string { return fmt.Sprintf("%dMiB", int64(m)>>20) }

// largestAttachment is as many bytes as a route can release.
const largestAttachment = 64 << 20

// leastMemory lets a small document in at least: with less nothing could be done.
const leastMemory = 32 << 20

// limits are the configured ones over the default ones.
func (c LimitsConfig) limits(f *findings) budget.Limits {
	out := budget.Default
	within := func(key string, ok bool, value any, want string) bool {
		if !ok {
			f.refuse("limits."+key, gateway.ConfigLimit, fmt.Sprint(value), want)
		}
		return ok
	}
	if c.Memory != 0 && within("memory", c.Memory >= leastMemory, c.Memory, ">= 32MiB") {
		out.Memory = int64(c.Memory)
	}
	if c.Calls != 0 && within("calls", c.Calls >= 4 && c.Calls <= 10_000, c.Calls, "4 … 10000") {
		out.Calls = c.Calls
	}
	if c.Wait != 0 && within("wait", c.Wait >= 10*time.Millisecond && c.Wait <= time.Minute, c.Wait, "10ms … 1m") {
		out.Wait = c.Wait
	}
	if c.Body != 0 && within("body", c.Body >= time.Second && c.Body <= 10*time.Minute, c.Body, "1s … 10m") {
		out.Body = c.Body
	}
	if c.Disk != 0 && within("disk", c.Disk >= 1 && c.Disk <= 99, c.Disk, "1 … 99") {
		out.Disk = float64(c.Disk) / 100
	}
	if c.Attachment != 0 && within("attachment", c.Attachment <= largestAttachment, c.Attachment, "1MiB … 64MiB") {
		out.Attachment = int64(c.Attachment)
	}
	if c.Searches != 0 && within("searches", c.Searches >= 1 && c.Searches <= 1000, c.Searches, "1 … 1000") {
		out.Searches = c.Searches
	}
	return out
}

// ofItself is what a gateway takes beside documents: its tables, schemas and connections.
const ofItself = 64 << 20

// collectEarly has garbage collected before it is as much as what is in use, once all that
// is in use comes near the limit. Of the room for documents about half is taken by C, which
// Go does not count. Until then it is collected half as often as is usual: most of what is in
// use are tables, which are looked through each time. What the environment says (GOMEMLIMIT,
// GOGC) goes before.
func collectEarly(l budget.Limits) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(ofItself + l.Memory/2)
	}
	debug.FreeOSMemory() // what loading the tables took
}

// diskOf returns how to look which part of the disk of a file is in use.
func diskOf(file string) func() (float64, error) {
	dir := filepath.Dir(file)
	return func() (float64, error) {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			return 0, fmt.Errorf("disk of %s: %w", dir, err)
		}
		if fs.Blocks == 0 {
			return 0, fmt.Errorf("disk of %s: it has no size", dir)
		}
		usable := fs.Blocks - fs.Bfree + fs.Bavail // without what is kept for root
		return float64(fs.Blocks-fs.Bfree) / float64(usable), nil
	}
}
