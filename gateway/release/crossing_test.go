package release

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/mappings"
)

// What leaves by day and by night takes as long as the table says of the two offices and the hour
// at the office of exit; of others the route's own figure counts, and is inferred.
func TestCrossingByOfficesAndHour(t *testing.T) {
	fsys := fstest.MapFS{"routes/crossings/road.yaml": {Data: []byte(`crossings:
  - {id: D, from: CN, exit: "0603", to: RU, entry: "10719110", hours: [8, 20], takes: 40m, source: measured, status: verified}
  - {id: N, from: CN, exit: "0603", to: RU, entry: "10719110", hours: [20, 8], takes: 3h, source: assumed, status: inferred}
`)}}
	all, err := loadCrossings(fsys)
	if err != nil {
		t.Fatal(err)
	}
	rt := &Route{Name: "r", From: "CN", To: "RU", Offices: []Office{{"0603", "Asia/Shanghai"}}, Crossing: time.Hour, crossings: all}
	for _, tt := range []struct {
		exit, entry, left, id string
		takes                 time.Duration
		inferred              bool
	}{
		{"0603", "10719110", "2026-03-01T08:00:00+08:00", "D", 40 * time.Minute, false},
		{"0603", "10719110", "2026-03-01T20:00:00+08:00", "N", 3 * time.Hour, true},
		{"0603", "10719110", "2026-03-01T00:00:00Z", "D", 40 * time.Minute, false}, // 8 o'clock at Manzhouli
		{"0603", "10719110", "2026-02-28T23:59:59Z", "N", 3 * time.Hour, true},
		{"0603", "10702030", "2026-03-01T12:00:00+08:00", "r", time.Hour, true},
		{"0605", "10719110", "2026-03-01T12:00:00+08:00", "r", time.Hour, true},
		{"0603", "", "2026-03-01T12:00:00+08:00", "r", time.Hour, true},
	} {
		left, err := time.Parse(time.RFC3339, tt.left)
		if err != nil {
			t.Fatal(err)
		}
		if c := rt.CrossingOf(tt.exit, tt.entry, left); c.ID != tt.id || c.Takes != tt.takes || c.Inferred() != tt.inferred {
			t.Errorf("%s to %s at %s: %s %v, inferred %v", tt.exit, tt.entry, tt.left, c.ID, c.Takes, c.Inferred())
		}
	}
}

// Every mistake of the table is told with its line, and nothing of it counts.
func TestCrossingsThatCannotBe(t *testing.T) {
	row := `{id: D, from: CN, exit: "0603", to: RU, entry: "10719110", hours: [8, 20], takes: 40m, source: measured, status: verified}`
	for old, bad := range map[string][2]string{
		"id: D":            {"id: E", "hold in one hour"},
		"hours: [8, 20]":   {"hours: [8]", "want two of 0 to 24"},
		"hours: [8, 20], ": {"hours: [8, 25], ", "want two of 0 to 24"},
		"takes: 40m":       {"takes: 0s", "more than nothing"},
		"40m, source":      {"1000h, source", "at most 30 days"},
		"status: verified": {"status: hoped", "want verified or inferred"},
		"source: measured": {`source: ""`, "want id"},
		`exit: "0603"`:     {`exit: "0603", leaves: now`, "leaves"},
	} {
		text := fmt.Sprintf("crossings:\n  - %s\n  - %s\n", row, strings.Replace(row, old, bad[0], 1))
		if _, err := loadCrossings(fstest.MapFS{"routes/crossings/road.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), bad[1]) || !strings.Contains(err.Error(), "road.yaml:3") {
			t.Errorf("%s: %v", bad[0], err)
		}
	}
	if all, err := loadCrossings(mappings.FS); err != nil || len(all) == 0 {
		t.Errorf("%d shipped, %v", len(all), err)
	}
}
