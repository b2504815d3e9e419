package gateway

import "testing"

func TestExpectedIsWordedInTheReadersLanguage(t *testing.T) {
	for _, p := range phrases() {
		for _, lang := range Languages {
			if p[lang] == "" {
				t.Errorf("%q has no wording in %s", p["en"], lang)
			}
		}
	}
	for expected, want := range map[string]string{
		"at most 36 characters":            "最多 36 个字符",
		"at most 36 digits":                "最多 36 位数字",
		"at most 6 digits after the point": "小数点后最多 6 位",
		"at most 9":                        "不大于 9",
		"text only":                        "只能是文本",
		"text only here":                   "text only here",
		"":                                 "",
	} {
		if got := inWords(expected, "zh"); got != want {
			t.Errorf("%q in Chinese: %q, want %q", expected, got, want)
		}
		if got := inWords(expected, "en"); got != expected {
			t.Errorf("%q in English: %q", expected, got)
		}
	}
}
