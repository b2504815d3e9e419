package server

import (
	"strings"
	"testing"

	"customs.example/gateway"
)

// TestFaultsTravelWithPlaceLabelAndRemedy looks at what gRPC and REST show of a fault in
// each language, and that none is without who can mend it.
func TestFaultsTravelWithPlaceLabelAndRemedy(t *testing.T) {
	place := gateway.Place{
		Steps: []gateway.PlaceStep{{Word: "place.waybill", Key: "CNRU1"}, {Word: "place.item", Key: "3"}}, Label: "GoodsItem.description",
	}
	faults := gateway.Faults{
		{Code: gateway.XSDLength, Severity: gateway.Error, Value: "x", Expected: gateway.Say(gateway.WordAtMostCharacters, "250"), Place: place},
		{Code: gateway.TLSKeyWeak, Severity: gateway.Error, Found: gateway.Say(gateway.WordRSABits, "1024")},
		{Code: "OF_TOMORROW", Severity: gateway.Warning},
		{Code: gateway.XSDFixed, Severity: gateway.Error, Remedy: gateway.ByRoute},
	}
	for lang, want := range map[string]string{
		"en": "waybill CNRU1, goods item 3, goods description|goods description|at most 250 characters|RSA of 1024 bits",
		"zh": "运单 CNRU1，商品项 3，货物简要描述|货物简要描述|最多 250 个字符|1024 位 RSA",
		"ru": "накладная CNRU1, товар 3, описание товара|описание товара|знаков: не более 250|RSA, 1024 бит",
		"kk": "жүкқұжат CNRU1, тауар 3, тауардың сипаттамасы|тауардың сипаттамасы|ең көбі 250 таңба|1024 биттік RSA",
		"mn": "тээврийн падаан CNRU1, бараа 3, барааны тодорхойлолт|барааны тодорхойлолт|дээд тал нь 250 тэмдэгт|1024 битийн RSA",
	} {
		shown := presentFaults(faults, lang)
		if got := strings.Join([]string{shown[0].Place, shown[0].Label, shown[0].Expected, shown[1].Found}, "|"); got != want {
			t.Errorf("%s: %s, want %s", lang, got, want)
		}
		for i, remedy := range []string{"sender", "partner", "sender", "route"} {
			if shown[i].Remedy != remedy {
				t.Errorf("%s: %s is mended by %q, want %s", lang, shown[i].Code, shown[i].Remedy, remedy)
			}
		}
	}
}
