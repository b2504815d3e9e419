package document

import (
	"fmt"
	"math/big"
	"strings"

	"customs.example/gateway"
)

// MaxDigits is how many digits a decimal may have, needless zeros apart: several times
// what any field has room for, and few enough that arithmetic costs next to nothing.
const MaxDigits = 100

// Number is a decimal number of at most MaxDigits digits, or what was reckoned of such. The zero Number is 0.
// Numbers are values: no operation changes its operands.
type Number struct {
	unscaled *big.Int // nil is 0
	scale    int      // digits behind the point
}

// IsNumber reports whether s is a decimal in plain notation, -?digits[.digits], of at
// most MaxDigits digits.
func IsNumber(s string) bool {
	whole, fraction := significant(s)
	return isPlain(s) && len(whole)+len(fraction) <= MaxDigits
}

// CountDigits returns how many digits a decimal that IsNumber is true of has before and behind
// the point, needless zeros apart; of any other text it is false.
func CountDigits(s string) (whole, fraction int, ok bool) {
	if !IsNumber(s) {
		return 0, 0, false
	}
	before, behind := significant(s)
	return len(before), len(behind), true
}

// isPlain reports whether s is in plain notation, whatever the number of its digits.
func isPlain(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return digits(whole) && (!point || digits(fraction))
}

// significant cuts a decimal into its digits before and behind the point, without needless
// zeros.
func significant(s string) (whole, fraction string) {
	whole, fraction, _ = strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ParseNumber reads a decimal that IsNumber is true of. Nothing else makes a number of a
// text, so that no text, however long, is reckoned with.
func ParseNumber(s string) (Number, error) {
	if !IsNumber(s) {
		return Number{}, fmt.Errorf("%q is no decimal number in plain notation of at most %d digits", gateway.Clip(s), MaxDigits)
	}
	whole, fraction := significant(s)
	n, _ := new(big.Int).SetString("0"+whole+fraction, 10)
	if strings.HasPrefix(s, "-") {
		n.Neg(n)
	}
	return Number{n, len(fraction)}, nil
}

// NumberOf returns a whole number.
func NumberOf(n int64) Number { return Number{unscaled: big.NewInt(n)} }

// Add returns n + o.
func (n Number) Add(o Number) Number {
	a, b, scale := align(n, o)
	return Number{new(big.Int).Add(a, b), scale}
}

// Sub returns n - o.
func (n Number) Sub(o Number) Number {
	a, b, scale := align(n, o)
	return Number{new(big.Int).Sub(a, b), scale}
}

// Mul returns n * o.
func (n Number) Mul(o Number) Number {
	return Number{new(big.Int).Mul(n.int(), o.int()), n.scale + o.scale}
}

// MulPercent returns n * p / 100, exactly.
func (n Number) MulPercent(p Number) Number {
	r := n.Mul(p)
	r.scale += 2
	return r
}

// PercentOf returns how many percent of o, which is not 0, n is, rounded to two decimals.
func (n Number) PercentOf(o Number) string {
	a, b, _ := align(n, o)
	return new(big.Rat).SetFrac(new(big.Int).Mul(a, big.NewInt(100)), b).FloatString(2)
}

// Abs returns n without its sign.
func (n Number) Abs() Number { return Number{new(big.Int).Abs(n.int()), n.scale} }

// Cmp returns -1, 0 or 1 as n is less than, equal to or greater than o.
func (n Number) Cmp(o Number) int {
	a, b, _ := align(n, o)
	return a.Cmp(b)
}

// Sign returns -1, 0 or 1 as n is negative, zero or positive.
func (n Number) Sign() int { return n.int().Sign() }

// String returns n in plain notation without needless zeros; there is no -0.
func (n Number) String() string {
	s := new(big.Int).Abs(n.int()).String()
	if n.scale > 0 {
		if pad := n.scale + 1 - len(s); pad > 0 {
			s = strings.Repeat("0", pad) + s
		}
		point := len(s) - n.scale
		if fraction := strings.TrimRight(s[point:], "0"); fraction != "" {
			s = s[:point] + "." + fraction
		} else {
			s = s[:point]
		}
	}
	if n.Sign() < 0 {
		return "-" + s
	}
	return s
}

func (n Number) int() *big.Int {
	if n.unscaled == nil {
		return new(big.Int)
	}
	return n.unscaled
}

func align(n, o Number) (a, b *big.Int, scale int) {
	scale = max(n.scale, o.scale)
	return n.shift(scale), o.shift(scale), scale
}

func (n Number) shift(scale int) *big.Int {
	if n.scale == scale {
		return n.int()
	}
	by := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-n.scale)), nil)
	return by.Mul(by, n.int())
}
