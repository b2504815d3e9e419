package convert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"customs.example/gateway"
)

// pairs converts between two pairs of fixed texts, and reads the canonical ones too
// unless they mean the other one.
func pairs(a, x, b, y string) func([]string) (Codec, error) {
	return func([]string) (Codec, error) {
		return Codec{
			Encode: func(into []string, text string) ([]string, error) {
				if text == a {
					return append(into, x), nil
				}
				return append(into, y), nil
			},
			Decode: func(texts []string) (string, error) {
				switch texts[0] {
				case x:
					return a, nil
				case y:
					return b, nil
				case a, b:
					return texts[0], nil
				}
				return "", Wanted(gateway.WordEither, x, y)
			},
		}, nil
	}
}

func oneWay(f func(string) string) func([]string) (Codec, error) {
	return func([]string) (Codec, error) {
		return Codec{Encode: func(into []string, text string) ([]string, error) { return append(into, f(text)), nil }}, nil
	}
}

func bindPrefix(args []string) (Codec, error) {
	if args[0] == "" {
		return Codec{}, errors.New("prefix() is empty, expected prefix(x)")
	}
	return Codec{
		Encode: func(into []string, text string) ([]string, error) { return append(into, args[0]+text), nil },
		Decode: func(texts []string) (string, error) {
			if text, ok := strings.CutPrefix(texts[0], args[0]); ok {
				return text, nil
			}
			return "", Wanted(gateway.WordBeginsWith, args[0])
		},
	}, nil
}

func bindPad(args []string) (Codec, error) {
	n, err := positive(args[0])
	if err != nil {
		return Codec{}, err
	}
	return Codec{
		Encode: func(into []string, text string) ([]string, error) {
			return append(into, strings.Repeat("0", max(n-len(text), 0))+text), nil
		},
		Decode: func(texts []string) (string, error) {
			text := strings.TrimLeft(texts[0], "0")
			if text == "" {
				text = "0"
			}
			return text, nil
		},
	}, nil
}

func bindSplit(args []string) (Codec, error) {
	n, err := positive(args[0])
	if err != nil {
		return Codec{}, err
	}
	most, err := positive(args[1])
	if err != nil {
		return Codec{}, err
	}
	return Split(n, most, false), nil
}

// Split cuts on character boundaries, most pieces at most, 0 for any number. No piece
// begins or ends with a blank, which a reader may not see: one that has fewer than n
// characters stood before a blank. Between two full pieces a blank is lost. Where the
// format preserves blanks, all pieces are full.
func Split(n, most int, preserves bool) Codec {
	return Codec{
		Many: true, Length: n, Most: most,
		Encode: func(into []string, text string) ([]string, error) {
			for text != "" {
				if most > 0 && len(into) == most {
					return into, overflow(n * most)
				}
				end := cut(text, n)
				if preserves {
					into, text = append(into, text[:end]), text[end:]
					continue
				}
				if blank := strings.LastIndexByte(text[:end], ' '); blank > 0 && end < len(text) && text[end] == ' ' &&
					(most == 0 || utf8.RuneCountInString(text[blank+1:]) <= n*(most-len(into)-1)) {
					end = blank // so that a shorter piece says where the blank was
				}
				into, text = append(into, strings.TrimSuffix(text[:end], " ")), strings.TrimPrefix(text[end:], " ")
			}
			return into, nil
		},
		Decode: func(texts []string) (string, error) {
			var b strings.Builder
			for i, t := range texts {
				if i > 0 && utf8.RuneCountInString(texts[i-1]) < n {
					b.WriteByte(' ') // beside another one it is read as one
				}
				b.WriteString(t)
			}
			return b.String(), nil
		},
	}
}

// cut returns the length in bytes of the first n characters of s.
func cut(s string, n int) int {
	if len(s) <= n {
		return len(s)
	}
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return at
}

func bindHead(args []string) (Codec, error) {
	n, err := positive(args[0])
	return Codec{
		Half:   1,
		Encode: func(into []string, text string) ([]string, error) { return append(into, text[:cut(text, n)]), nil },
		Decode: func(texts []string) (string, error) {
			if utf8.RuneCountInString(texts[0]) != n {
				return "", Wanted(gateway.WordExactlyCharacters, strconv.Itoa(n))
			}
			return texts[0], nil
		},
	}, err
}

func bindRest(args []string) (Codec, error) {
	n, err := positive(args[0])
	return Codec{
		Half: 2,
		Encode: func(into []string, text string) ([]string, error) {
			at := cut(text, n)
			if at == len(text) {
				return into, Wanted(gateway.WordMoreThanCharacters, strconv.Itoa(n))
			}
			return append(into, text[at:]), nil
		},
		Decode: func(texts []string) (string, error) { return texts[0], nil },
	}, err
}

func bindBoolean(args []string) (Codec, error) {
	if args[0] == "" || args[1] == "" || args[0] == args[1] {
		return Codec{}, fmt.Errorf("boolean(%s,%s), expected two different texts", args[0], args[1])
	}
	return one(
		func(text string) (string, error) {
			if text == "true" {
				return args[0], nil
			}
			return args[1], nil
		},
		func(text string) (string, error) {
			switch text {
			case args[0]:
				return "true", nil
			case args[1]:
				return "false", nil
			}
			return "", Wanted(gateway.WordEither, args[0], args[1])
		},
	), nil
}

func bindFirst(args []string) (Codec, error) {
	n, err := positive(args[0])
	return Codec{Encode: func(into []string, text string) ([]string, error) { return append(into, text[:cut(text, n)]), nil }}, err
}

var errNoMark = errors.New("before() or after() is empty, expected what stands between the values")

func bindBefore(args []string) (Codec, error) {
	if args[0] == "" {
		return Codec{}, errNoMark
	}
	c := one(
		func(text string) (string, error) {
			if strings.Contains(text, args[0]) {
				return "", Wanted(gateway.WordWithout, args[0])
			}
			return text + args[0], nil
		},
		func(text string) (string, error) {
			if before, _, ok := strings.Cut(text, args[0]); ok {
				return before, nil
			}
			return "", nil
		},
	)
	c.Separator = args[0]
	return c, nil
}

func bindAfter(args []string) (Codec, error) {
	if args[0] == "" {
		return Codec{}, errNoMark
	}
	c := one(
		func(text string) (string, error) { return text, nil },
		func(text string) (string, error) {
			if _, after, ok := strings.Cut(text, args[0]); ok {
				return after, nil
			}
			return text, nil
		},
	)
	c.Separator, c.After = args[0], true
	return c, nil
}
