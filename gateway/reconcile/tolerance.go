package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Quantities that have tolerances.
const (
	grossMass     = "gross-mass"
	packageCount  = "packages"
	tareMass      = "tare"
	timeOfArrival = "arrival-time"
	convoyTimes   = "convoy"
	trainTimes    = "train"
)

// reloads reports whether what goes by rail from one administration to the other is reloaded at the border: their
// gauges differ.
func (t Tolerances) reloads(from, to string) bool {
	return t.gauges[from] != 0 && t.gauges[to] != 0 && t.gauges[from] != t.gauges[to]
}

// Tolerances say how far what is found may be from what was announced. The zero
// Tolerances tolerate nothing, and any time of arrival.
type Tolerances struct {
	rows         map[pair]tolerance
	early, late  time.Duration
	timeSource   string        // empty: no time of arrival is early or late
	untold       time.Duration // how long after its expected arrival the side of exit waits to be told of it
	convoyApart  time.Duration
	convoyOpen   time.Duration  // how long after it was expected a convoy waits for the rest of it
	trainOpen    time.Duration  // and a train
	gauges       map[string]int // of the railways of administrations, mm
	convoySource string         // empty: no vehicle of a convoy is behind the others
}

// pair is a quantity and two methods in alphabetical order; "" is any method.
type pair struct{ quantity, a, b string }

type tolerance struct {
	percent, least document.Number
	text           gateway.Phrase // as a comparison shows it, with its row
}

func pairOf(quantity, a, b string) pair { return pair{quantity, min(a, b), max(a, b)} }

// find returns the row of both methods, else of one and any other, else of any two.
func (t Tolerances) find(quantity, a, b string) tolerance {
	for _, p := range []pair{pairOf(quantity, a, b), pairOf(quantity, a, ""), pairOf(quantity, b, ""), pairOf(quantity, "", "")} {
		if row, ok := t.rows[p]; ok {
			return row
		}
	}
	return tolerance{text: gateway.Say(gateway.WordNoTolerance)}
}

// limit is the greatest difference from n that is tolerated: the percentage or the
// least amount, whichever is greater.
func (t tolerance) limit(n document.Number) document.Number {
	if share := n.MulPercent(t.percent).Abs(); share.Cmp(t.least) > 0 {
		return share
	}
	return t.least
}

// Untold is how long after its expected arrival the side of exit waits to be told of it, before it
// asks.
func (t Tolerances) Untold() time.Duration { return t.untold }

type toleranceFile struct {
	Tolerances string         `yaml:"tolerances"`
	Version    int            `yaml:"version"`
	Status     string         `yaml:"status"`
	Source     string         `yaml:"source"`
	Unit       string         `yaml:"unit"`
	Early      string         `yaml:"early"`
	Late       string         `yaml:"late"`
	Untold     string         `yaml:"untold"`
	Apart      string         `yaml:"apart"`
	Open       string         `yaml:"open"`
	Gauges     map[string]int `yaml:"gauges"`
	Rows       []toleranceRow `yaml:"rows"`
}

type toleranceRow struct {
	ID        string `yaml:"id"`
	Announced string `yaml:"announced"` // a method, or any; the pair holds in both orders
	Found     string `yaml:"found"`
	Percent   string `yaml:"percent"`
	Least     string `yaml:"least"`
	Status    string `yaml:"status"`
	Source    string `yaml:"source"`
	Note      string `yaml:"note"`
}

// LoadTolerances reads tolerances/*.yaml of fsys. Gross mass, packages, tare, time of
// arrival, convoys and trains MUST each stand in exactly one file, the first three with a row for any two
// methods. The error names every mistake with its file and line.
func LoadTolerances(fsys fs.FS) (Tolerances, error) {
	names, err := fs.Glob(fsys, "tolerances/*.yaml")
	if err != nil {
		return Tolerances{}, fmt.Errorf("list tolerances: %w", err)
	}
	l := toleranceLoader{out: Tolerances{rows: make(map[pair]tolerance)}, files: make(map[string]string)}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return Tolerances{}, fmt.Errorf("read tolerances: %w", err)
		}
		var f toleranceFile
		lines, err := document.ReadYAML(name, raw, &f)
		if err != nil {
			l.errs = append(l.errs, err)
			continue
		}
		l.file(name, lines, f)
	}
	for _, quantity := range []string{grossMass, packageCount, tareMass, timeOfArrival, convoyTimes, trainTimes} {
		if l.files[quantity] == "" && l.errs == nil {
			l.errs = append(l.errs, fmt.Errorf("tolerances/: no file of %s", quantity))
		}
	}
	if err := errors.Join(l.errs...); err != nil {
		return Tolerances{}, err
	}
	return l.out, nil
}

type toleranceLoader struct {
	out   Tolerances
	files map[string]string // quantity -> file
	errs  []error
}

func (l *toleranceLoader) file(name string, lines document.Lines, f toleranceFile) {
	fail := func(path, format string, args ...any) {
		l.errs = append(l.errs, fmt.Errorf("%s:%d: %s", name, lines.Line(path), fmt.Sprintf(format, args...)))
	}
	if first := l.files[f.Tolerances]; first != "" {
		fail("$.tolerances", "%s stands in %s already", f.Tolerances, first)
		return
	}
	l.files[f.Tolerances] = name
	if f.Version < 1 || f.Status == "" || f.Source == "" {
		fail("$", "version, status and source are needed")
	}
	id := fmt.Sprintf("%s.v%d", f.Tolerances, f.Version)
	switch f.Tolerances {
	case timeOfArrival:
		var early, late, untold error
		l.out.early, early = time.ParseDuration(f.Early)
		l.out.late, late = time.ParseDuration(f.Late)
		l.out.untold, untold = time.ParseDuration(f.Untold)
		if early != nil || late != nil || untold != nil || l.out.early < 0 || l.out.late < 0 || l.out.untold <= 0 || f.Apart+f.Open != "" || f.Gauges != nil || f.Rows != nil {
			fail("$", "%s has early, late and untold, each a duration such as 4h, and nothing else", timeOfArrival)
		}
		l.out.timeSource = id
		return
	case convoyTimes:
		var apart, open error
		l.out.convoyApart, apart = time.ParseDuration(f.Apart)
		l.out.convoyOpen, open = time.ParseDuration(f.Open)
		if apart != nil || open != nil || l.out.convoyApart < 0 || l.out.convoyOpen < 0 || f.Early+f.Late+f.Untold != "" || f.Gauges != nil || f.Rows != nil {
			fail("$", "%s has apart and open, each a duration such as 4h, and nothing else", convoyTimes)
		}
		l.out.convoySource = id
		return
	case trainTimes:
		var err error
		l.out.trainOpen, err = time.ParseDuration(f.Open)
		if err != nil || l.out.trainOpen < 0 || len(f.Gauges) == 0 || f.Early+f.Late+f.Untold+f.Apart != "" || f.Rows != nil {
			fail("$", "%s has open, a duration such as 240h, and gauges, and nothing else", trainTimes)
		}
		for of, mm := range f.Gauges {
			if mm < 600 || mm > 1700 {
				fail("$.gauges", "the gauge of %s is %d, expected millimetres", of, mm)
			}
		}
		l.out.gauges = f.Gauges
		return
	case grossMass, packageCount, tareMass:
	default:
		fail("$.tolerances", "unknown quantity %q: want %s, %s, %s, %s, %s or %s", f.Tolerances, grossMass, packageCount, tareMass, timeOfArrival, convoyTimes, trainTimes)
		return
	}
	if f.Early+f.Late+f.Untold+f.Apart+f.Open != "" || f.Gauges != nil {
		fail("$", "early, late and untold belong to %s, apart and open to %s, open and gauges to %s", timeOfArrival, convoyTimes, trainTimes)
	}
	ids := make(map[string]bool)
	for i, r := range f.Rows {
		at := fmt.Sprintf("$.rows[%d]", i)
		a, okA := method(r.Announced)
		b, okB := method(r.Found)
		percent, errP := document.ParseNumber(r.Percent)
		least, errL := document.ParseNumber(r.Least)
		key := pairOf(f.Tolerances, a, b)
		_, twice := l.out.rows[key]
		switch {
		case r.ID == "" || ids[r.ID]:
			fail(at, "row %q: want an id of its own", r.ID)
		case !okA || !okB:
			fail(at, "row %s: unknown method among %q, %q", r.ID, r.Announced, r.Found)
		case errP != nil || errL != nil || percent.Sign() < 0 || least.Sign() < 0:
			fail(at, "row %s: percent and least are decimals, not negative", r.ID)
		case r.Source == "" || r.Status == "":
			fail(at, "row %s: status and source are needed", r.ID)
		case twice:
			fail(at, "row %s: a row for %s and %s stands above", r.ID, r.Announced, r.Found)
		}
		ids[r.ID] = true
		text := gateway.Say(gateway.WordTolerance, r.Percent, strings.TrimSpace(r.Least+" "+f.Unit), id+":"+r.ID)
		l.out.rows[key] = tolerance{percent, least, text}
	}
	if _, ok := l.out.rows[pair{quantity: f.Tolerances}]; !ok {
		fail("$.rows", "no row for any method with any other")
	}
}

// method turns a method's name in data (axle-sum, any) into its canonical name.
func method(s string) (string, bool) {
	if s == "any" {
		return "", true
	}
	m := strings.ToUpper(strings.ReplaceAll(s, "-", "_"))
	return m, s == strings.ToLower(s) && customsv1.WeightMethod_value[m] > 0
}
