// Package page owns the printed page of an announcement: its HTML, on one A4 whatever the document holds, and
// its QR code. It refuses to know where anything comes from and what is signed: it takes a code, lines and
// words, shows of each no more than has room, and no price and nobody's name has a place in it.
package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	qr "github.com/piglig/go-qr"

	"customs.example/gateway"
)

// Content is what stands on a page.
type Content struct {
	Languages []string // of the catalogue: what each word is said in
	From      string   // administration that signs
	Code      string   // what a scanner reads
	Fields    []Field
	Lines     []Line // of goods
	At        string
}

// Field is one thing that is said: its words' key in the catalogue, and values, of which the first are shown.
type Field struct {
	Key    string
	Values []string
}

// Line is one line of goods.
type Line struct {
	Waybill, Description, Code, Packages, GrossMass string
}

// checkedBy is the command that proves a code.
const checkedBy = "gatewayd checklist verify"

// What has room on one A4.
const (
	maxLines  = 14
	maxValues = 6
	maxText   = 60
)

//go:embed page.html
var layout string

var pageTemplate = template.Must(template.New("page").Parse(layout))

// quiet is how many modules around a QR code stay empty: ISO/IEC 18004 asks for four.
const quiet = 4

// Make returns the page as HTML that needs no other file.
func Make(c Content) ([]byte, error) {
	modules, size, err := draw(c.Code)
	if err != nil {
		return nil, fmt.Errorf("code of a page: %w", err)
	}
	type field struct{ Label, Value string }
	v := struct {
		Lang, Title, Proof, At, AtLabel string
		Fields                          []field
		Head                            []string
		Lines                           []Line
		More                            string
		Modules, Box                    string
	}{
		Lang: c.Languages[0], Title: c.say("word.pageTitle"), Proof: c.say("word.pageProof", c.From, checkedBy), At: c.At, AtLabel: c.say("word.pageAt"),
		Modules: modules, Box: fmt.Sprintf("%d %d %d %d", -quiet, -quiet, size+2*quiet, size+2*quiet),
	}
	for _, f := range c.Fields {
		values, more := f.Values, ""
		if len(values) == 0 {
			continue
		}
		if n := len(values) - maxValues; n > 0 {
			values, more = values[:maxValues], "; "+c.say("word.pageMore", strconv.Itoa(n))
		}
		short := make([]string, len(values))
		for i, text := range values {
			short[i] = clip(text)
		}
		v.Fields = append(v.Fields, field{c.say(f.Key), strings.Join(short, ", ") + more})
	}
	for _, key := range []string{"place.waybill", "label.GoodsItem.description", "label.GoodsItem.classifications", "label.GoodsItem.packages", "label.GoodsItem.grossMass"} {
		v.Head = append(v.Head, c.say(key))
	}
	for _, l := range c.Lines[:min(len(c.Lines), maxLines)] {
		v.Lines = append(v.Lines, Line{clip(l.Waybill), clip(l.Description), clip(l.Code), clip(l.Packages), clip(l.GrossMass)})
	}
	if n := len(c.Lines) - maxLines; n > 0 {
		v.More = c.say("word.pageMore", strconv.Itoa(n))
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return b.Bytes(), nil
}

// say is a text of the catalogue in the languages of the page, each once.
func (c Content) say(key string, terms ...string) string {
	var all []string
	for _, lang := range c.Languages {
		t, ok := gateway.TextOf(key, lang)
		if !ok {
			continue
		}
		text := t.Text
		for i, term := range terms {
			text = strings.ReplaceAll(text, "{"+strconv.Itoa(i+1)+"}", term)
		}
		if len(all) == 0 || all[0] != text {
			all = append(all, text)
		}
	}
	return strings.Join(all, " / ")
}

// clip shortens what has no room. What nobody sees, and may turn what stands beside it, is written as a code
// point.
func clip(text string) string {
	all := []rune(gateway.Clip(strings.Join(strings.Fields(text), " ")))
	if len(all) <= maxText {
		return string(all)
	}
	return string(all[:maxText-1]) + "…"
}

// draw returns the dark modules of a QR code as the path of a drawing, and how many stand on each side. Its
// level M stands 15 % of it being dirty or torn.
func draw(code string) (path string, size int, err error) {
	q, err := qr.EncodeText(code, qr.Medium)
	if err != nil {
		return "", 0, err
	}
	var b strings.Builder
	size = q.Size()
	for y := range size {
		for x := 0; x < size; x++ {
			n := 0
			for x+n < size && q.Module(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, n, n)
				x += n
			}
		}
	}
	return b.String(), size, nil
}
