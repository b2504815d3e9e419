package xsd_test

import (
	"fmt"
	"strings"
	"testing"
)

// head begins every document of our own formats; the values are made up.
const head = `<Head><ID>0705-2026-000001</ID><IssueDateTime>2026-03-01T09:30:00+08:00</IssueDateTime><FunctionCode>9</FunctionCode><SenderID>0705</SenderID></Head>`

// checklist is a unified load checklist of one truck with two lines.
const checklist = `<LoadChecklist xmlns="urn:customs.example:load-checklist:1">` + head + `<ChecklistID>C26070500001</ChecklistID><DirectionCode>EXPORT</DirectionCode>
<CustomsOffice><AdministrationCode>CN</AdministrationCode><ID>0705</ID></CustomsOffice>
<PartnerCustomsOffice><AdministrationCode>MN</AdministrationCode><ID>ZU01</ID><Name language="mn">Замын-Үүд</Name><Name language="zh">扎门乌德</Name></PartnerCustomsOffice>
<Carrier><ID schemeID="CUSTOMS">0705TEST01</ID></Carrier>
<Transport><ModeCode>3</ModeCode><BorderTransportMeans><RoleCode>TRACTOR</RoleCode><ID>蒙E12345</ID><RegistrationNationalityCode>CN</RegistrationNationalityCode></BorderTransportMeans>
<BorderTransportMeans><RoleCode>TRAILER</RoleCode><ID>蒙E1234挂</ID></BorderTransportMeans></Transport>
<TransportEquipment><ID>ABCU1234560</ID><KindCode>CONTAINER</KindCode><Seal><ID>CU000123</ID><AgencyCode>CU</AgencyCode></Seal></TransportEquipment>
<Totals><ItemQuantity>2</ItemQuantity><PackageQuantity unitCode="CT">130</PackageQuantity><GrossMassMeasure unitCode="KGM" methodCode="DECLARED">19800.5</GrossMassMeasure></Totals>
<Consignment><TransportContractDocument><ID>CMR-0001</ID></TransportContractDocument>
<Consignor><Name language="zh">测试企业</Name></Consignor><Consignee><Name language="mn">Туршилт ХХК</Name><ID schemeID="CUSTOMS">1234567</ID></Consignee>
<TransportEquipmentID>ABCU1234560</TransportEquipmentID>
<ConsignmentItem><Description language="zh">陶瓷砖</Description><Description language="mn">Хавтан</Description><GrossMassMeasure unitCode="KGM">19000</GrossMassMeasure><Packaging><TypeCode>CT</TypeCode><QuantityQuantity>120</QuantityQuantity></Packaging></ConsignmentItem>
<ConsignmentItem><Description language="zh">胶</Description><GrossMassMeasure unitCode="KGM">800.5</GrossMassMeasure><Packaging><TypeCode>CT</TypeCode><QuantityQuantity>10</QuantityQuantity></Packaging><ValueAmount currencyID="CNY">1250.0000</ValueAmount></ConsignmentItem>
</Consignment><DepartureDateTime>2026-03-01T10:00:00Z</DepartureDateTime></LoadChecklist>`

func TestChecklistStory(t *testing.T) {
	wantAccepted(t, "xx/load-checklist.v1.xsd", written(t, map[string][]byte{
		"checklist":         []byte(checklist),
		"number of no form": []byte(strings.Replace(checklist, "C26070500001", "KZ-39805-2026/1", 1)),
		"fourteen lines":    []byte(strings.Replace(lines(checklist, 14), "<ItemQuantity>2<", "<ItemQuantity>14<", 1)),
	}))
	wantRefusedChanges(t, "xx/load-checklist.v1.xsd", checklist, [][2]string{
		{`<ItemQuantity>2<`, `<ItemQuantity>15<`},
		{`<ItemQuantity>2<`, `<ItemQuantity>0<`},
		{`>C26070500001<`, `>` + strings.Repeat("9", 36) + `<`},
		{`<Description language="mn">`, `<Description>`},
		{`<Description language="zh">胶</Description>`, ``},
		{`+08:00</Issue`, `</Issue`},
		{`2026-03-01T10:00:00Z`, `2026-02-29T10:00:00Z`},
		{`<Consignor><Name language="zh">测试企业</Name></Consignor>`, `<Consignor/>`},
		{`<ID schemeID="CUSTOMS">1234567</ID>`, `<ID>1234567</ID>`},
		{`<AdministrationCode>CN</AdministrationCode>`, ``},
		{`unitCode="KGM">800.5`, `unitCode="TNE">0.8005`},
		{`1250.0000`, `1250.00001`},
		{`currencyID="CNY"`, ``},
		{`load-checklist:1`, `load-checklist:2`},
	})
	wantRefused(t, "xx/load-checklist.v1.xsd", written(t, map[string][]byte{"fifteen lines": []byte(lines(checklist, 15))}))
}

// lines gives the document with n copies of its last line in place of its lines.
func lines(doc string, n int) string {
	const tag, end = "<ConsignmentItem>", "</ConsignmentItem>"
	first, last, after := strings.Index(doc, tag), strings.LastIndex(doc, tag), strings.LastIndex(doc, end)+len(end)
	return doc[:first] + strings.Repeat(doc[last:after], n) + doc[after:]
}

// loadList is the electronic load list of a truck that leaves China for Mongolia.
const loadList = `<LoadList xmlns="urn:customs.example:load-list:1">` + head + `<ListID>C26070500001</ListID>
<ExitCustomsOffice><AdministrationCode>CN</AdministrationCode><ID>0705</ID></ExitCustomsOffice><EntryCustomsOffice><AdministrationCode>MN</AdministrationCode><ID>ZU01</ID></EntryCustomsOffice>
<ExitDateTime>2026-03-01T10:00:00+08:00</ExitDateTime><BorderTransportMeans><ID>蒙E12345</ID><RegistrationNationalityCode>CN</RegistrationNationalityCode></BorderTransportMeans>
<TransportEquipment><ID>ABCU1234560</ID><SealID>CU000123</SealID></TransportEquipment>
<Consignment><TransportContractDocumentID>CMR-0001</TransportContractDocumentID><ExportDeclarationID>070520260000000001</ExportDeclarationID>
<Consignor><Name language="zh">测试企业</Name></Consignor><Consignee><Name language="mn">Туршилт ХХК</Name></Consignee>
<ConsignmentItem><Description language="zh">陶瓷砖</Description><ClassificationID>6907210000</ClassificationID><Packaging><TypeCode>CT</TypeCode><QuantityQuantity>120</QuantityQuantity></Packaging>
<GrossMassMeasure unitCode="KGM">19000</GrossMassMeasure><NetMassMeasure unitCode="KGM">18500</NetMassMeasure><ValueAmount currencyID="CNY">92500</ValueAmount></ConsignmentItem></Consignment></LoadList>`

func TestLoadListStory(t *testing.T) {
	wantAccepted(t, "mn/load-list.v1.xsd", written(t, map[string][]byte{"list": []byte(loadList)}))
	wantRefusedChanges(t, "mn/load-list.v1.xsd", loadList, [][2]string{
		{`<ValueAmount currencyID="CNY">92500</ValueAmount>`, ``},
		{`<ClassificationID>6907210000</ClassificationID>`, ``},
		{`<ExitDateTime>2026-03-01T10:00:00+08:00</ExitDateTime>`, ``},
		{`<RegistrationNationalityCode>CN</RegistrationNationalityCode>`, ``},
		{`<TransportContractDocumentID>CMR-0001</TransportContractDocumentID>`, ``},
		{`<Name language="mn">Туршилт ХХК</Name>`, ``},
		{`>92500<`, `>-92500<`},
	})
}

// train is a hand-over list of a train: the first wagons are laden, one waybill to a wagon until the last waybill, which takes
// the rest of the laden ones; the others run empty.
func train(wagons, laden, waybills int) string {
	var w, equipment, consignments strings.Builder
	for i := 1; i <= wagons; i++ {
		id, empty, fullness := 52362400+i, i > laden, 5
		if empty {
			fullness = 4
		}
		fmt.Fprintf(&w, `<Wagon><SequenceNumeric>%d</SequenceNumeric><ID>%d</ID><RegistrationNationalityCode>RU</RegistrationNationalityCode>`+
			`<TareMassMeasure unitCode="KGM">22500</TareMassMeasure><EmptyIndicator>%t</EmptyIndicator></Wagon>`, i, id, empty)
		fmt.Fprintf(&equipment, `<TransportEquipment><ID>%d</ID><KindCode>WAGON_BODY</KindCode><FullnessCode>%[2]d</FullnessCode><Seal><ID>RZD%[1]d</ID></Seal>`+
			`<Assignment><TransportMeansID>%[1]d</TransportMeansID></Assignment></TransportEquipment>`, id, fullness)
	}
	for i := 1; i <= waybills; i++ {
		fmt.Fprintf(&consignments, `<Consignment><SequenceNumeric>%d</SequenceNumeric><TransportContractDocument><TypeCode>02013</TypeCode><ID>SMGS-%04d</ID></TransportContractDocument>`, i, i)
		consignments.WriteString(`<Consignor><Name language="ru">ООО Пример</Name></Consignor><Consignee><Name language="zh">测试企业</Name></Consignee>` +
			`<LoadingLocation><StationID>947005</StationID></LoadingLocation>`)
		last := i
		if i == waybills {
			last = laden
		}
		for j := i; j <= last; j++ {
			fmt.Fprintf(&consignments, `<TransportEquipmentID>%d</TransportEquipmentID>`, 52362400+j)
		}
		consignments.WriteString(`<ConsignmentItem><Description language="ru">Пиломатериалы</Description></ConsignmentItem></Consignment>`)
	}
	return `<TrainList xmlns="urn:customs.example:train-list:1">` + head + `<TrainListID>1</TrainListID>` +
		`<CustomsOffice><AdministrationCode>RU</AdministrationCode><ID>10799003</ID></CustomsOffice>` +
		`<Train><ModeCode>2</ModeCode><JourneyID>2801</JourneyID><TrainIndexID>9470-123-9470</TrainIndexID>` + w.String() + `</Train>` +
		equipment.String() + consignments.String() +
		`<HandOverLocation><StationID>947005</StationID></HandOverLocation></TrainList>`
}

func TestTrainStory(t *testing.T) {
	full := train(50, 45, 38)
	wantAccepted(t, "xx/train-list.v1.xsd", written(t, map[string][]byte{
		"fifty wagons, thirty-eight waybills, five empty": []byte(full),
		"empty train": []byte(train(50, 0, 0)),
		"longest":     []byte(train(200, 200, 200)),
	}))
	wantRefused(t, "xx/train-list.v1.xsd", written(t, map[string][]byte{
		"no wagon":                 []byte(train(0, 0, 0)),
		"more wagons than a train": []byte(train(201, 0, 0)),
		"waybill in no wagon":      []byte(train(1, 0, 1)),
	}))
	wantRefusedChanges(t, "xx/train-list.v1.xsd", full, [][2]string{
		{`<JourneyID>2801</JourneyID>`, ``},
		{`<Wagon><SequenceNumeric>7</SequenceNumeric>`, `<Wagon>`},
		{`<ID>SMGS-0007</ID>`, `<ID>` + strings.Repeat("7", 51) + `</ID>`},
		{`<StationID>947005</StationID></HandOver`, `<StationID>9470050</StationID></HandOver`},
	})
}

const permitQuery = `<PermitQuery xmlns="urn:customs.example:permit-query:1">` + head + `<AdditionalDocument><TypeCode>02024</TypeCode><ID>P-1</ID></AdditionalDocument>
<CustomsOffice><AdministrationCode>CN</AdministrationCode><ID>0705</ID></CustomsOffice><TransportMeansID>蒙E12345</TransportMeansID></PermitQuery>`

const permitAnswer = `<PermitAnswer xmlns="urn:customs.example:permit-answer:1">` + head + `<Result><Code>VALID</Code><ReferenceID>P-1</ReferenceID></Result></PermitAnswer>`

func TestPermitStory(t *testing.T) {
	wantAccepted(t, "xx/permit-query.v1.xsd", written(t, map[string][]byte{"query": []byte(permitQuery)}))
	wantAccepted(t, "xx/permit-answer.v1.xsd", written(t, map[string][]byte{"answer": []byte(permitAnswer)}))
	wantRefusedChanges(t, "xx/permit-query.v1.xsd", permitQuery, [][2]string{
		{`<ID>P-1</ID>`, ``},
		{`</PermitQuery>`, `<Result><Code>VALID</Code></Result></PermitQuery>`},
		{`permit-query:1`, `permit-query:2`},
	})
	wantRefusedChanges(t, "xx/permit-answer.v1.xsd", permitAnswer, [][2]string{
		{`<Code>VALID</Code>`, ``},
		{`<Result><Code>VALID</Code><ReferenceID>P-1</ReferenceID></Result>`, ``},
	})
}

const answer = `<Answer xmlns="urn:customs.example:answer:1">` + head + `<Result><Code>CANCELLED</Code><Description>已撤销</Description></Result><Status>CANCELLED</Status></Answer>`

func TestAnswerHasAResult(t *testing.T) {
	wantAccepted(t, "xx/answer.v1.xsd", written(t, map[string][]byte{
		"taken back": []byte(answer),
		"registered": []byte(strings.Replace(answer, `<Status>`, `<Registration><CountryCode>KZ</CountryCode><Date>2026-03-01</Date><ID>000000123</ID></Registration><Status>`, 1)),
	}))
	wantRefusedChanges(t, "xx/answer.v1.xsd", answer, [][2]string{
		{`<Code>CANCELLED</Code>`, `<Code>CANCELLED_12</Code>`},
		{`<Result><Code>CANCELLED</Code><Description>已撤销</Description></Result>`, ``},
		{`<Status>CANCELLED</Status>`, `<Status>CANCELLED</Status><Status>2</Status>`},
		{`answer:1`, `answer:2`},
	})
}

const cancellation = `<Cancellation xmlns="urn:customs.example:cancellation:1">` + head + `<Subject><ID>6F1C2B1E-0D3B-4C5A-9A57-5E1B0D7C1A02</ID></Subject>
<ChangeReasonCode>004</ChangeReasonCode></Cancellation>`

func TestCancellationSaysWhatItTakesBack(t *testing.T) {
	wantAccepted(t, "xx/cancellation.v1.xsd", written(t, map[string][]byte{
		"by document": []byte(cancellation),
		"by number":   []byte(strings.Replace(cancellation, `<Subject><ID>6F1C2B1E-0D3B-4C5A-9A57-5E1B0D7C1A02</ID></Subject>`, `<SystemID>6F1C2B1E</SystemID>`, 1)),
	}))
	wantRefusedChanges(t, "xx/cancellation.v1.xsd", cancellation, [][2]string{
		{`<ID>6F1C2B1E-0D3B-4C5A-9A57-5E1B0D7C1A02</ID>`, ``},
		{`004`, `0004`},
		{`</Subject>`, `</Subject><Subject><ID>2</ID></Subject>`},
		{`cancellation:1`, `cancellation:2`},
	})
}

// confirmation is a Chinese confirmation of a vehicle with an empty container; what it holds fits in parts into its sisters.
const confirmation = `<Manifest xmlns="urn:Declaration:datamodel:standard:CN:MT4405:1">
<Head><MessageID>CN_MT4405_1p0_0603100000001_20260301093000123</MessageID><FunctionCode>2</FunctionCode><MessageType>MT4405</MessageType>
<SenderID>0603100000001_GATEWAY01</SenderID><ReceiverID>EPORT</ReceiverID><SendTime>20260301093000123</SendTime><Version>1.0</Version></Head>
<Declaration><DeclarationOfficeID>0603</DeclarationOfficeID><ID>0603000000001</ID><Carrier><ID>0603TEST01</ID></Carrier>
<Consignment><BorderTransportMeans><ID>A123BC25</ID><TypeCode>4</TypeCode><Master><ID>DRV0001</ID><Name>TEST DRIVER</Name></Master></BorderTransportMeans>
<TransportEquipment><ID>ABCU1234560</ID></TransportEquipment></Consignment>
<RepresentativePerson><Name>测试企业</Name></RepresentativePerson></Declaration></Manifest>`

// A deletion may name the vehicle alone, or no more than the batch; what only other reports need is
// a table's to say, for a schema cannot ask for the function code.
func TestConfirmationStory(t *testing.T) {
	const container, driver = "<TransportEquipment><ID>ABCU1234560</ID></TransportEquipment>", "<Master><ID>DRV0001</ID><Name>TEST DRIVER</Name></Master>"
	for kind, containers := range map[string]bool{"4401": true, "4402": true, "4403": false, "4404": false, "4405": true, "4406": true} {
		schema, doc := "cn/mt"+kind+".v1.xsd", strings.ReplaceAll(confirmation, "MT4405", "MT"+kind)
		without := func(parts ...string) []byte {
			doc := strings.Replace(doc, container, "", 1)
			for _, part := range parts {
				doc = strings.Replace(doc, part, "", 1)
			}
			return []byte(doc)
		}
		fits := map[bool]map[string][]byte{false: {}, true: {}}
		fits[containers]["container"] = []byte(doc)
		fits[true]["no container"] = without()
		fits[true]["a vehicle alone"] = without("<Carrier><ID>0603TEST01</ID></Carrier>", "<TypeCode>4</TypeCode>", driver)
		fits[true]["a batch alone"] = without("<Carrier><ID>0603TEST01</ID></Carrier>", "<Consignment><BorderTransportMeans><ID>A123BC25</ID><TypeCode>4</TypeCode>"+driver+"</BorderTransportMeans>\n</Consignment>")
		fits[false]["no driver"] = without(driver)
		fits[false]["no vehicle"] = without("<ID>A123BC25</ID>")
		fits[false]["a sister's type"] = []byte(strings.Replace(doc, "<MessageType>MT"+kind, "<MessageType>MT4407", 1))
		wantAccepted(t, schema, written(t, fits[true]))
		wantRefused(t, schema, written(t, fits[false]))
	}
}

// deletion takes two waybills out of a Chinese road manifest.
const deletion = `<Manifest xmlns="urn:Declaration:datamodel:standard:CN:MT2401:1">
<Head><MessageID>CN_MT2401_1p0_0603100000001_20260301093000123</MessageID><FunctionCode>3</FunctionCode><MessageType>MT2401</MessageType>
<SenderID>0603100000001_GATEWAY01</SenderID><ReceiverID>EPORT</ReceiverID><SendTime>20260301093000123</SendTime><Version>1.0</Version></Head>
<Declaration><DeclarationOfficeID>0603</DeclarationOfficeID><ID>0603000000001</ID>
<Consignment><TransportContractDocument><ChangeReasonCode>004</ChangeReasonCode><ID>WB-1</ID></TransportContractDocument></Consignment>
<Consignment><TransportContractDocument><ID>WB-2</ID></TransportContractDocument></Consignment>
<RepresentativePerson><Name>测试企业</Name></RepresentativePerson></Declaration></Manifest>`

func TestADeletionNamesWaybillsAlone(t *testing.T) {
	for _, kind := range []string{"MT1401", "MT2401"} {
		schema, doc := "cn/"+strings.ToLower(kind)+".v1.xsd", strings.ReplaceAll(deletion, "MT2401", kind)
		first, last := strings.Index(doc, "<Consignment>"), strings.LastIndex(doc, "</Consignment>")+len("</Consignment>")
		wantAccepted(t, schema, written(t, map[string][]byte{
			"two waybills":  []byte(doc),
			"a batch alone": []byte(doc[:first] + doc[last:]),
		}))
		wantRefusedChanges(t, schema, doc, [][2]string{
			{`<ID>WB-1</ID>`, ``},
			{`004`, `0004`},
			{`<ChangeReasonCode>004</ChangeReasonCode>`, strings.Repeat(`<ChangeReasonCode>004</ChangeReasonCode>`, 4)},
			{`<ChangeReasonCode>004</ChangeReasonCode><ID>WB-1</ID>`, `<ID>WB-1</ID><ChangeReasonCode>004</ChangeReasonCode>`},
			{`<Consignment><TransportContractDocument><ID>WB-2`, `<Consignment><TotalPackageQuantity unitCode="BX">1</TotalPackageQuantity><TransportContractDocument><ID>WB-2`},
			{`<ID>0603000000001</ID>`, `<ID>0603000000001</ID><Carrier><ID>0603TEST01</ID></Carrier>`},
		})
	}
}
