package gateway

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite expected results")

// TestDoorsSayWhatASenderCanDo holds what a sender reads when its document waits, in every
// language, to a file.
func TestDoorsSayWhatASenderCanDo(t *testing.T) {
	var b strings.Builder
	for _, f := range []Fault{
		{Code: NotAvailable},
		{Code: GatewayBusy, Value: "2s"},
		{Code: StorageShort},
		{Code: BodySlow, Expected: Term("30s")},
		{Code: JudgementPending, Value: "M1"},
		{Code: JudgementParked, Value: "M1"},
		{Code: DuplicateSame, Value: "M1", Found: Term("2026-03-01T02:15:00Z")},
		{Code: DuplicatePending, Value: "M1", Found: Term("2026-03-01T02:15:00Z"), Expected: Term("2026-03-01T02:15:05Z")},
		{Code: ClockAhead, Value: "10m0s", Expected: Term("2026-03-01T02:15:00Z")},
		{Code: IDOfSeveral, Value: "m-1", Expected: Term("CN, KZ")},
		{Code: MessageOfSeveral, Value: "V1", Expected: Term("m-1, m-2")},
		{Code: ReadAgainDiffers, Value: "m-1"},
		{Code: XPathUnfit, Value: "//a[b=1]", Expected: Term("/Manifest/Head[1]/ID, //Weight/@unit")},
		{Code: CallerUnknown, Value: "customs://CN/office/0603/post/9"},
		{Code: RightMissing, Value: "analyst", Expected: Term("/exchange.v1.InboxService/Decode")},
		{Code: ReasonUnfit, Value: "3", Expected: Term("5-500")},
		{Code: PageToken},
		{Code: JSONUTF8},
		{Code: CmpUnannounced},
		{Code: JSONCharacter},
		{Code: SealHeader, Expected: Say(WordTextsNUL)},
	} {
		for _, lang := range []string{"en", "zh", "ru", "kk", "mn"} {
			fmt.Fprintf(&b, "%s %s\n  %s\n  %s\n", f.Code, lang, f.Text(lang), f.Mender().In(lang))
		}
	}
	const file = "testdata/doors.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s says otherwise than\n%s", file, &b)
	}
}
