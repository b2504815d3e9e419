package page

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"customs.example/gateway"
)

var update = flag.Bool("update", false, "rewrite the pages in testdata")

const code = "CUSTOMS1.eyJjcmVhdGVkIjoiMjAyNi0wMy0wMSJ9.eyJtZXNzYWdlSWQiOiI3In0.MEUCIQDw_-0"

// content is a checklist of as many lines, in two languages.
func content(lines int, languages ...string) Content {
	c := Content{Languages: languages, From: "CN", Code: code, At: "2026-03-01T10:00:00Z", Fields: []Field{
		{"label.Manifest.number", []string{"C26940200001"}}, {"place.batch", []string{"9402260301001"}}, {"word.pageVehicles", []string{"新F12345", "新F6789挂"}},
		{"label.Manifest.loadUnits", nil}, {"word.pageItems", []string{fmt.Sprint(lines)}},
	}}
	for i := range lines {
		c.Lines = append(c.Lines, Line{"CNKZ26030001", fmt.Sprintf("示例货物%d号", i+1), "0702000000", "2 CT", "100"})
	}
	return c
}

// Each pair of languages has its page, held by a golden file.
func TestPagesInAllLanguages(t *testing.T) {
	for _, languages := range [][]string{{"zh", "kk"}, {"zh", "ru"}, {"zh", "mn"}, {"en"}} {
		name := filepath.Join("testdata", strings.Join(languages, "-")+".html")
		made, err := Make(content(16, languages...))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, made, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(made)); diff != "" {
			t.Errorf("%s (-want +got; -update rewrites it):\n%s", name, diff)
		}
		for _, lang := range languages {
			if text, _ := gateway.TextOf("word.pageTitle", lang); !bytes.Contains(made, []byte(text.Text)) {
				t.Errorf("%s does not say %q", name, text.Text)
			}
		}
	}
}

// One A4 holds what a document has, however much that is: the first lines, and how many more there are.
func TestPageIsBounded(t *testing.T) {
	few, err1 := Make(content(14, "en"))
	c := content(16_000, "en")
	for i := range 5000 {
		c.Fields[2].Values = append(c.Fields[2].Values, fmt.Sprintf("WAGON%d", i))
	}
	c.Lines[0].Description = strings.Repeat("long ", 5000)
	many, err2 := Make(c)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if rows := bytes.Count(many, []byte("<tr>")); rows != 1+maxLines || !bytes.Contains(many, []byte("and 15986 more")) || !bytes.Contains(many, []byte("and 4996 more")) {
		t.Errorf("%d rows", rows)
	}
	if bytes.Contains(few, []byte("more</p>")) || len(many) > len(few)+1000 {
		t.Errorf("%d bytes of few lines, %d of many", len(few), len(many))
	}
	if match := regexp.MustCompile(`(?i)<script|<link|<img|src=|url\(|https?:`).Find(many); match != nil {
		t.Errorf("the page needs another file: %s", match)
	}
}

// What a document says is text, whatever it looks like.
func TestPageEscapes(t *testing.T) {
	const hostile = `"><script>alert(1)</script><svg onload=x>'` + "`</title></style>"
	c := content(1, "en")
	c.Lines[0] = Line{hostile, hostile, hostile, hostile, hostile}
	for i := range c.Fields {
		c.Fields[i].Values = []string{hostile}
	}
	c.From, c.At = hostile, hostile
	made, err := Make(c)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Make(content(1, "en"))
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
	strip := func(b []byte) string { return strings.Join(tags.FindAllString(string(b), -1), "\n") }
	// one more field is shown: the one that has no values otherwise
	if diff := cmp.Diff(strings.Count(strip(plain), "\n")+4, strings.Count(strip(made), "\n")); diff != "" {
		t.Errorf("tags (-plain +hostile): %s", diff)
	}
	if bytes.Contains(made, []byte("<script")) || bytes.Contains(made, []byte("<svg onload")) {
		t.Error("what a document says became a tag")
	}
}

// Another library reads from the drawing what was put into it, to the greatest code there is.
func TestCodeIsRead(t *testing.T) {
	for _, text := range []string{code, "C26940200001", code + strings.Repeat("A-_9", 550)} {
		path, size, err := draw(text)
		if err != nil {
			t.Fatal(err)
		}
		img := rendered(t, path, size)
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		if err != nil {
			t.Fatal(err)
		}
		read, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
		if err != nil {
			t.Fatalf("%d characters: %v", len(text), err)
		}
		if read.GetText() != text {
			t.Errorf("read %q of %q", read.GetText(), text)
		}
	}
	if _, _, err := draw(strings.Repeat("a", 3000)); err == nil {
		t.Error("a code that has no room is drawn")
	}
}

// rendered draws the path of a code as it stands on the page.
func rendered(t *testing.T, path string, size int) image.Image {
	t.Helper()
	const scale = 4
	side := (size + 2*quiet) * scale
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for _, run := range strings.SplitAfter(path, "z") {
		if run == "" {
			continue
		}
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%dz", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("%q: %v", run, err)
		}
		for py := (y + quiet) * scale; py < (y+quiet+1)*scale; py++ {
			for px := (x + quiet) * scale; px < (x+quiet+n)*scale; px++ {
				img.SetGray(px, py, color.Gray{})
			}
		}
	}
	return img
}

// What a document says steers nothing of its page: neither marks of HTML, nor characters that nobody sees.
func TestPageIsSteeredByNothing(t *testing.T) {
	const steers = "<b>1\u202e2\x1b3\u20664</b>"
	c := content(1, "en")
	c.Fields[0].Values, c.Fields[2].Values = []string{steers}, []string{"A", steers}
	c.Lines[0] = Line{steers, steers, steers, steers, steers}
	made, err := Make(c)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(made, "\u202e\x1b\u2066") || bytes.Contains(made, []byte("<b>")) || bytes.Count(made, []byte("202E⟩")) != 7 {
		t.Errorf("the page is\n%s", made)
	}
}
