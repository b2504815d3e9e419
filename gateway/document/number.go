package document

import (
	"fmt"
	"math/big"
	"strings"
)

// Number is a decimal number of any size and precision. The zero Number is 0.
// Numbers are values: no operation changes its operands.
type Number struct {
	unscaled *big.Int // nil is 0
	scale    int      // digits behind the point
}

// IsNumber reports whether s is a decimal in plain notation: -?digits[.digits].
func IsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(s, ".")
	return digits(whole) && (!point || digits(fraction))
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// ParseNumber reads a decimal in plain notation: -?digits[.digits].
func ParseNumber(s string) (Number, error) {
	if !IsNumber(s) {
		return Number{}, fmt.Errorf("%q is no decimal number in plain notation", s)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10)
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
