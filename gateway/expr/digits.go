package expr

import (
	"strconv"
	"strings"
)

// The check digits. Each takes the whole identifier and reports whether its length,
// alphabet and check digit are right.

// inn: Russia, 10 digits for firms, 12 for persons.
func inn(s string) bool {
	if !decimalDigits(s) {
		return false
	}
	switch len(s) {
	case 10:
		return weigh(s, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(s, 9)
	case 12:
		return weigh(s, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(s, 10) &&
			weigh(s, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(s, 11)
	}
	return false
}

// kpp: Russia, 9 characters, the fifth and sixth may be letters; it has no check digit.
func kpp(s string) bool {
	return len(s) == 9 && decimalDigits(s[:4]) && decimalDigits(s[6:]) &&
		strings.Trim(s[4:6], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// ogrn: Russia, 13 digits for firms, 15 for entrepreneurs.
func ogrn(s string) bool {
	if len(s) != 13 && len(s) != 15 || !decimalDigits(s) {
		return false
	}
	body, _ := strconv.Atoi(s[:len(s)-1])
	return body%(len(s)-2)%10 == digit(s, len(s)-1)
}

// bin: Kazakhstan, BIN and IIN, 12 digits.
func bin(s string) bool {
	if len(s) != 12 || !decimalDigits(s) {
		return false
	}
	check := weigh(s, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) % 11
	if check == 10 {
		check = weigh(s, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2) % 11
	}
	return check == digit(s, 11)
}

// esr: railway stations of the 1520 mm network, 6 digits.
func esr(s string) bool {
	if len(s) != 6 || !decimalDigits(s) {
		return false
	}
	check := weigh(s, 1, 2, 3, 4, 5) % 11
	if check == 10 {
		check = weigh(s, 3, 4, 5, 6, 7) % 11
	}
	return check%10 == digit(s, 5)
}

// wagon: wagons of the 1520 mm network, 8 digits.
func wagon(s string) bool {
	if len(s) != 8 || !decimalDigits(s) {
		return false
	}
	sum := 0
	for i := range 7 {
		product := digit(s, i) * (2 - i%2)
		sum += product/10 + product%10
	}
	return (10-sum%10)%10 == digit(s, 7)
}

// iso6346: containers, four letters and seven digits.
func iso6346(s string) bool {
	if len(s) != 11 || !decimalDigits(s[4:]) {
		return false
	}
	sum := 0
	for i := range 10 {
		value := digit(s, i)
		if i < 4 {
			letter := int(s[i]) - 'A'
			if letter < 0 || letter > 25 {
				return false
			}
			value = 10 + letter + (letter+9)/10 // 11, 22 and 33 are left out
		}
		sum += value << i
	}
	return sum%11%10 == digit(s, 10)
}

const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// uscc: China, GB 32100, 18 characters.
func uscc(s string) bool {
	if len(s) != 18 {
		return false
	}
	sum, weight := 0, 1
	for i := range 17 {
		value := strings.IndexByte(usccAlphabet, s[i])
		if value < 0 {
			return false
		}
		sum += value * weight
		weight = weight * 3 % 31
	}
	return usccAlphabet[(31-sum%31)%31] == s[17]
}

// orgCode: China, GB 11714, 9 characters: positions 9 to 17 of a USCC.
func orgCode(s string) bool {
	if len(s) != 9 {
		return false
	}
	sum := 0
	for i, weight := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		value, err := strconv.ParseUint(s[i:i+1], 36, 8)
		if err != nil || s[i] >= 'a' {
			return false
		}
		sum += int(value) * weight
	}
	return "0X987654321"[sum%11] == s[8]
}

func decimalDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func digit(s string, i int) int { return int(s[i] - '0') }

func weigh(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += digit(s, i) * w
	}
	return sum
}
