package main

import (
	"fmt"
	"strings"

	"customs.example/gateway"
)

// injected is one fault put into a document, and what the gateway must say of it.
type injected struct {
	what  string
	code  gateway.Code
	place string // XPath in the sender's own document
}

// fault is a kind of fault. It spoils one field, and stands where no other spoils it.
type fault struct {
	what  string
	level level
	field string // element that it spoils, from that of its level
	place string // what the gateway points at, from the element of its level
	code  gateway.Code
	spoil func(*manifest, *waybill, *goodsLine)
}

// level is the element whose field a fault spoils.
type level int

const (
	document level = iota
	ofWaybill
	ofLine
)

// Fields of lines and waybills that several kinds of faults spoil, each in its own way.
const (
	grossOfLine    = "GoodsMeasure/GrossMassMeasure"
	packagesOfLine = "Packaging/QuantityQuantity"
	sequence       = "SequenceNumeric"
	packagesInAll  = "TotalPackageQuantity"
	value          = "ValueAmount"
	waybillNumber  = "TransportContractDocument/ID"
)

var faults = []fault{
	{"a function code that the message does not have", document, "Head/FunctionCode", "Head/FunctionCode", gateway.XSDEnumeration,
		func(m *manifest, _ *waybill, _ *goodsLine) { m.Function = "7" }},
	{"a mode of transport without counterpart", document, "Declaration/BorderTransportMeans/TypeCode", "Declaration/BorderTransportMeans/TypeCode", gateway.ListUnknown,
		func(m *manifest, _ *waybill, _ *goodsLine) { m.Mode = "6" }},
	{"loaded on 31 February", document, "Declaration/LoadingLocation/LoadingDateTime", "Declaration/LoadingLocation/LoadingDateTime", gateway.MapType,
		func(m *manifest, _ *waybill, _ *goodsLine) { m.Loaded = m.Loaded[:4] + "0231" + m.Loaded[8:] }},
	{"a carrier code of 18 characters", document, "Declaration/Carrier/ID", "Declaration/Carrier/ID", gateway.XSDLength,
		func(m *manifest, _ *waybill, _ *goodsLine) { m.Carrier += strings.Repeat("0", 18-len(m.Carrier)) }},

	{"RMB, which is no ISO 4217 code", ofWaybill, value, value + "/@currencyID", gateway.ListUnknown,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Currency = "RMB" }},
	{"an amount in words", ofWaybill, value, value, gateway.XSDType,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Amount = "九万六千" }},
	{"a consignee without a name", ofWaybill, "Consignee/Name", "Consignee", gateway.XSDMissingElement,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Consignee = "" }},
	{"a consignor's name of 71 characters", ofWaybill, "Consignor/Name", "Consignor/Name", gateway.XSDLength,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Consignor = strings.Repeat("满", 71) }},
	{"the unknown procedure RD99", ofWaybill, "GovernmentProcedure/CurrentCode", "GovernmentProcedure/CurrentCode", gateway.ListUnknown,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Procedure = "RD99" }},
	{"a waybill number of 36 characters", ofWaybill, waybillNumber, waybillNumber, gateway.XSDLength,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Number += strings.Repeat("0", 36-len(w.Number)) }},
	{"no waybill number", ofWaybill, waybillNumber, "TransportContractDocument", gateway.XSDMissingElement,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Number = "" }},
	{"packages of no kind", ofWaybill, packagesInAll, packagesInAll, gateway.XSDAttributeMissing,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.PackageUnit = "" }},
	{"a number of packages in words", ofWaybill, packagesInAll, packagesInAll, gateway.XSDType,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Packages = "三十" }},
	{"a gross mass in tonnes, with its unit", ofWaybill, "GovernmentAgencyGoodsItem/" + grossOfLine, "GovernmentAgencyGoodsItem/" + grossOfLine, gateway.XSDType,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Mass = "3t" }},
	{"a payment code of 7 characters", ofWaybill, "Freight/PaymentMethodCode", "Freight/PaymentMethodCode", gateway.XSDLength,
		func(_ *manifest, w *waybill, _ *goodsLine) { w.Payment = "PREPAID" }},

	{"a mass with a decimal comma", ofLine, grossOfLine, grossOfLine, gateway.XSDType,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Mass = "1000,5" }},
	{"a negative mass", ofLine, grossOfLine, grossOfLine, gateway.XSDRange,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Mass = "-" + l.Mass }},
	{"a mass in pounds", ofLine, grossOfLine, grossOfLine + "/@unitCode", gateway.XSDFixed,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.MassUnit = "LBR" }},
	{"a mass to a tenth of a milligram", ofLine, grossOfLine, grossOfLine, gateway.XSDRange,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Mass = "1000.1234567" }},
	{"a kind of packages of 3 letters", ofLine, packagesOfLine, packagesOfLine + "/@unitCode", gateway.XSDPattern,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.PackageUnit = "CTN" }},
	{"half a package", ofLine, packagesOfLine, packagesOfLine, gateway.XSDType,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Packages += ".5" }},
	{"a line numbered 0", ofLine, sequence, sequence, gateway.XSDRange,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Sequence = "0" }},
	{"a line numbered with a letter", ofLine, sequence, sequence, gateway.XSDType,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Sequence = "A" + l.Sequence }},
	{"a description of 257 characters", ofLine, "Commodity/CargoDescription", "Commodity/CargoDescription", gateway.XSDLength,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Description = strings.Repeat("货", 257) }},
	{"a goods code of 19 digits", ofLine, "Commodity/Classification/ID", "Commodity/Classification/ID", gateway.XSDLength,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.HS += strings.Repeat("0", 19-len(l.HS)) }},
	{"an element that the message does not have", ofLine, "Remark", "Remark", gateway.XSDUnexpectedElement,
		func(_ *manifest, _ *waybill, l *goodsLine) { l.Remark = "易碎" }},
}

// inject spoils a manifest with n kinds of faults, each at a place of its own.
func (d dice) inject(m *manifest, n int) []injected {
	damaged := make(map[string]bool)
	var out []injected
	for _, f := range some(d, faults, n) {
		for {
			i := d.IntN(len(m.Waybills))
			w := m.Waybills[i]
			k := d.IntN(len(w.Lines))
			base := "Manifest"
			switch f.level {
			case ofWaybill:
				base += fmt.Sprintf("/Declaration/Consignment[%d]", i+1)
			case ofLine:
				base += fmt.Sprintf("/Declaration/Consignment[%d]/ConsignmentItem[%d]", i+1, k+1)
			}
			if field := base + "/" + f.field; damaged[field] {
				continue
			} else {
				damaged[field] = true
			}
			f.spoil(m, w, w.Lines[k])
			out = append(out, injected{f.what, f.code, xpath(base + "/" + f.place)})
			break
		}
	}
	return out
}

// xpath gives every step the prefix of the default namespace and a position.
func xpath(path string) string {
	var b strings.Builder
	for step := range strings.SplitSeq(path, "/") {
		b.WriteByte('/')
		if strings.HasPrefix(step, "@") {
			b.WriteString(step)
			continue
		}
		b.WriteString("d:" + step)
		if !strings.HasSuffix(step, "]") {
			b.WriteString("[1]")
		}
	}
	return b.String()
}
