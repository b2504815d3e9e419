package gateway

import (
	"strings"
	"testing"
	"unicode"
)

func TestSentencesAreWrappedToTheWidthOfATerminal(t *testing.T) {
	long := strings.Repeat("元素 Content 为空。如无内容且并非必填，请不要填写该元素；否则应为：至少 1 个字符。", 5)
	for _, text := range []string{
		long, strings.Repeat("Значение невозможно преобразовать: ожидается дата. ", 9), strings.Repeat("值，", 99), "short", "",
		strings.Repeat("x", 300), "before " + strings.Repeat("x", 300) + " after",
	} {
		lines := wrap(text, 40)
		bare := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if bare(strings.Join(lines, "")) != bare(text) {
			t.Errorf("%q became %q", text, lines)
		}
		for _, line := range lines {
			if Columns(line) > 40 && strings.ContainsRune(line, ' ') {
				t.Errorf("%d columns: %q", Columns(line), line)
			}
			if first := []rune(line)[0]; columnsOf(first) == 2 && unicode.IsPunct(first) {
				t.Errorf("a line begins with a mark: %q", line)
			}
		}
	}
}

func TestColumnsOfATerminal(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "notice": 6, "申报": 4, "申报：": 6, "（1）": 5, "Ө": 1, "Уведомление": 11, "и\u0306": 1, "ｶ": 1, "ア": 2, "한": 2, "ARR\u200b": 3,
	} {
		if got := Columns(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestPrintedFaultsSteerNoTerminal(t *testing.T) {
	var b strings.Builder
	err := PrintReports(&b, []Report{{
		Code: "X\x1b[2J", Severity: Error, Message: "one\ntwo\x1b[31m", Place: "waybill \x07", Location: "/a\x1b[1m", Value: "\x1b[0m",
		Namespaces: map[string]string{"d\x1b": "urn:\x1b"}, Expected: "\u202e", Document: "\x00", Remedy: BySender, Line: 3,
	}}, "zh")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range b.String() {
		if r != '\n' && !unicode.IsGraphic(r) {
			t.Errorf("%U is printed: %q", r, b.String())
		}
	}
}
