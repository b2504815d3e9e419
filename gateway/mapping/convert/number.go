package convert

import (
	"fmt"
	"strconv"
	"strings"

	"customs.example/gateway"
)

func bindComma([]string) (Codec, error) {
	return one(
		func(text string) (string, error) { return strings.Replace(text, ".", ",", 1), nil },
		func(text string) (string, error) {
			if strings.Contains(text, ".") {
				return "", Wanted(gateway.WordCommaNumber, "1234,5")
			}
			return strings.Replace(text, ",", ".", 1), nil
		},
	), nil
}

func bindScaled(args []string) (Codec, error) {
	n, err := positive(args[0])
	return one(
		func(text string) (string, error) {
			sign, integer, behind, err := decimalParts(text, n)
			if err != nil {
				return "", err
			}
			return sign + withoutZeros(integer+behind), nil
		},
		func(text string) (string, error) {
			digits, negative := strings.CutPrefix(text, "-")
			if !areDigits(digits) {
				return "", Wanted(gateway.WordScaledDigits, strconv.Itoa(n))
			}
			digits = strings.Repeat("0", max(n+1-len(digits), 0)) + digits
			point := len(digits) - n
			return signed(negative, trimmed(withoutZeros(digits[:point])+"."+digits[point:])), nil
		},
	), err
}

func bindFraction(args []string) (Codec, error) {
	n, err := positive(args[0])
	return one(
		func(text string) (string, error) {
			sign, integer, behind, err := decimalParts(text, n)
			return sign + integer + "." + behind, err
		},
		func(text string) (string, error) {
			digits, negative := strings.CutPrefix(text, "-")
			if integer, behind, ok := strings.Cut(digits, "."); !ok || len(behind) != n || !areDigits(integer+behind) {
				return "", Wanted(gateway.WordExactlyDecimals, strconv.Itoa(n))
			}
			return signed(negative, trimmed(digits)), nil
		},
	), err
}

// decimalParts cuts a canonical decimal into its sign, its whole part and exactly n digits
// behind the point.
func decimalParts(text string, n int) (sign, integer, behind string, err error) {
	digits, negative := strings.CutPrefix(text, "-")
	integer, behind, _ = strings.Cut(digits, ".")
	behind = strings.TrimRight(behind, "0")
	if len(behind) > n {
		return "", "", "", Wanted(gateway.WordAtMostDecimals, strconv.Itoa(n))
	}
	return signed(negative, ""), integer, behind + strings.Repeat("0", n-len(behind)), nil
}

func signed(negative bool, text string) string {
	if negative {
		return "-" + text
	}
	return text
}

// trimmed takes zeros from the end of a number with a point.
func trimmed(text string) string { return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") }

// withoutZeros takes zeros from the front; one digit stays.
func withoutZeros(text string) string {
	if rest := strings.TrimLeft(text, "0"); rest != "" {
		return rest
	}
	return "0"
}

func areDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func bindDigits(args []string) (Codec, error) {
	n, err := positive(args[0])
	same := func(text string) (string, error) { return text, wantDigits(text, n) }
	return one(same, same), err
}

func wantDigits(text string, n int) error {
	if len(text) != n || !areDigits(text) {
		return Wanted(gateway.WordExactlyDigits, strconv.Itoa(n))
	}
	return nil
}

func bindOffice8(args []string) (Codec, error) {
	long, short, err := officeForms(args[0])
	return one(long, short), err
}

func bindOffice5(args []string) (Codec, error) {
	long, short, err := officeForms(args[0])
	return one(short, long), err
}

// officeForms returns what makes eight digits of an office's five, and the reverse.
func officeForms(country string) (long, short func(string) (string, error), err error) {
	if len(country) != 3 || !areDigits(country) {
		err = fmt.Errorf("argument %q, expected the three digits of a country, such as 398", country)
	}
	long = func(text string) (string, error) { return country + text, wantDigits(text, 5) }
	short = func(text string) (string, error) {
		if len(text) != 8 || !areDigits(text) || text[:3] != country {
			return "", Wanted(gateway.WordDigitsFrom, "8", country)
		}
		return text[3:], nil
	}
	return long, short, err
}
