package document

import (
	"cmp"
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
	small int64    // all its digits, where there are few, as nearly always
	large *big.Int // all its digits else; nil: small has them
	scale int      // digits behind the point
}

// smallDigits is how many digits small has room for, with some to spare: what is at most
// maxAddend can be added to its like.
const (
	smallDigits = 18
	maxAddend   = 4e18
	maxFactor   = 3e9
)

var powersOfTen = func() (p [smallDigits + 1]int64) {
	p[0] = 1
	for i := range smallDigits {
		p[i+1] = 10 * p[i]
	}
	return p
}()

// IsNumber reports whether s is a decimal in plain notation, -?digits[.digits], of at
// most MaxDigits digits.
func IsNumber(s string) bool {
	integer, fraction := significant(s)
	return isPlain(s) && len(integer)+len(fraction) <= MaxDigits
}

// CountDigits returns how many digits a decimal that IsNumber is true of has before and behind
// the point, needless zeros apart; of any other text it is false.
func CountDigits(s string) (integer, fraction int, ok bool) {
	if !IsNumber(s) {
		return 0, 0, false
	}
	before, behind := significant(s)
	return len(before), len(behind), true
}

// isPlain reports whether s is in plain notation, whatever the number of its digits.
func isPlain(s string) bool {
	integer, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return digits(integer) && (!point || digits(fraction))
}

// significant cuts a decimal into its digits before and behind the point, without needless
// zeros.
func significant(s string) (integer, fraction string) {
	integer, fraction, _ = strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return strings.TrimLeft(integer, "0"), strings.TrimRight(fraction, "0")
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
	integer, fraction := significant(s)
	negative := strings.HasPrefix(s, "-")
	if len(integer)+len(fraction) <= smallDigits {
		n := int64(0)
		for _, part := range [2]string{integer, fraction} {
			for i := range len(part) {
				n = 10*n + int64(part[i]-'0')
			}
		}
		if negative {
			n = -n
		}
		return Number{small: n, scale: len(fraction)}, nil
	}
	n, _ := new(big.Int).SetString("0"+integer+fraction, 10)
	if negative {
		n.Neg(n)
	}
	return Number{large: n, scale: len(fraction)}, nil
}

// NumberOf returns a whole number.
func NumberOf(n int64) Number { return Number{large: big.NewInt(n)} }

// Add returns n + o.
func (n Number) Add(o Number) Number {
	if a, b, scale, ok := alignSmall(n, o); ok {
		return Number{small: a + b, scale: scale}
	}
	a, b, scale := align(n, o)
	return Number{large: new(big.Int).Add(a, b), scale: scale}
}

// Sub returns n - o.
func (n Number) Sub(o Number) Number {
	if a, b, scale, ok := alignSmall(n, o); ok {
		return Number{small: a - b, scale: scale}
	}
	a, b, scale := align(n, o)
	return Number{large: new(big.Int).Sub(a, b), scale: scale}
}

// Mul returns n * o.
func (n Number) Mul(o Number) Number {
	if n.large == nil && o.large == nil && within64(n.small, maxFactor) && within64(o.small, maxFactor) {
		return Number{small: n.small * o.small, scale: n.scale + o.scale}
	}
	return Number{large: new(big.Int).Mul(n.int(), o.int()), scale: n.scale + o.scale}
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
func (n Number) Abs() Number {
	if n.Sign() >= 0 {
		return n
	}
	return Number{}.Sub(n)
}

// Cmp returns -1, 0 or 1 as n is less than, equal to or greater than o.
func (n Number) Cmp(o Number) int {
	if a, b, _, ok := alignSmall(n, o); ok {
		return cmp.Compare(a, b)
	}
	a, b, _ := align(n, o)
	return a.Cmp(b)
}

// Sign returns -1, 0 or 1 as n is negative, zero or positive.
func (n Number) Sign() int {
	if n.large != nil {
		return n.large.Sign()
	}
	return cmp.Compare(n.small, 0)
}

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
	if n.large == nil {
		return big.NewInt(n.small)
	}
	return n.large
}

// alignSmall gives two numbers as many digits behind the point, if small has room for both and
// for their sum.
func alignSmall(n, o Number) (a, b int64, scale int, ok bool) {
	scale = max(n.scale, o.scale)
	up, down := scale-n.scale, scale-o.scale
	if n.large != nil || o.large != nil || up > smallDigits || down > smallDigits ||
		!within64(n.small, maxAddend/powersOfTen[up]) || !within64(o.small, maxAddend/powersOfTen[down]) {
		return 0, 0, 0, false
	}
	return n.small * powersOfTen[up], o.small * powersOfTen[down], scale, true
}

func within64(n, most int64) bool { return n <= most && n >= -most }

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
