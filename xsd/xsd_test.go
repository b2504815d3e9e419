package xsd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"customs.example/xsd"
	"github.com/google/go-cmp/cmp"
)

// documents are the schemas of whole documents and their root elements.
var documents = []struct{ file, root string }{
	{"cn/mt1401.v1.xsd", "Manifest"},
	{"cn/mt2401.v1.xsd", "Manifest"},
	{"cn/mt3402.v1.xsd", "Manifest"},
	{"cn/mt4401.v1.xsd", "Manifest"},
	{"cn/mt4402.v1.xsd", "Manifest"},
	{"cn/mt4403.v1.xsd", "Manifest"},
	{"cn/mt4404.v1.xsd", "Manifest"},
	{"cn/mt4405.v1.xsd", "Manifest"},
	{"cn/mt4406.v1.xsd", "Manifest"},
	{"cn/mt5401.v1.xsd", "Manifest"},
	{"cn/mt5402.v1.xsd", "Manifest"},
	{"eaeu/auto-preliminary.v1.xsd", "AutoPreliminaryInformation"},
	{"eaeu/rail-preliminary.v1.xsd", "RailwayPreliminaryInformation"},
	{"eaeu/transit-declaration.v1.xsd", "TransitDeclaration"},
	{"mn/load-list.v1.xsd", "LoadList"},
	{"ru/auto-preliminary.v1.xsd", "AutoPreliminary"},
	{"ru/esadout-transit.v1.xsd", "ESADout_CU"},
	{"ru/notif-arrival-transit.v1.xsd", "NotifArrivalTransit"},
	{"ru/notif-pi-result.v1.xsd", "Notif_PIResult"},
	{"ru/pi-status-request.v1.xsd", "PI_StatusRequest"},
	{"ru/req-pi-delete.v1.xsd", "ReqPI_Delete"},
	{"ru/rw-preliminary.v1.xsd", "RWPreliminary"},
	{"ru/td-solution.v1.xsd", "TDSolution"},
	{"xx/answer.v1.xsd", "Answer"},
	{"xx/arrival.v1.xsd", "Arrival"},
	{"xx/cancellation.v1.xsd", "Cancellation"},
	{"xx/declaration-extract.v1.xsd", "GoodsDeclarationExtract"},
	{"xx/inspection-result.v1.xsd", "InspectionResult"},
	{"xx/load-checklist.v1.xsd", "LoadChecklist"},
	{"xx/permit-answer.v1.xsd", "PermitAnswer"},
	{"xx/permit-query.v1.xsd", "PermitQuery"},
	{"xx/train-list.v1.xsd", "TrainList"},
	{"xx/transit-event.v1.xsd", "TransitEvent"},
}

func files(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := fs.WalkDir(xsd.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[name], err = fs.ReadFile(xsd.FS, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryDocumentSchemaIsTested(t *testing.T) {
	var got, want []string
	for name := range files(t) {
		if path.Base(path.Dir(name)) != "common" {
			got = append(got, name)
		}
	}
	for _, d := range documents {
		want = append(want, d.file)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSumsAgreeWithFiles(t *testing.T) {
	published, err := os.ReadFile("SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, text := range files(t) {
		sum := sha256.Sum256(text)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+name+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	if diff := cmp.Diff(strings.Join(lines, ""), string(published)); diff != "" {
		t.Errorf("a published schema is never edited; a change is a new version (-files +SHA256SUMS):\n%s", diff)
	}
}

func TestEveryFileNamesItsSource(t *testing.T) {
	sources, err := os.ReadFile("SOURCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range files(t) {
		if !strings.Contains(string(sources), "`"+name+"`") {
			t.Errorf("%s is not in SOURCES.md", name)
		}
	}
}

// TestSchemasStayWithinWhatValidatorsBear holds the limits found with libxml2 and Xerces: backtracking patterns, linear
// enumerations, and bounds above 5,000.
func TestSchemasStayWithinWhatValidatorsBear(t *testing.T) {
	// A repeated group that itself holds an open repetition is what backtracks.
	nested := regexp.MustCompile(`[*+][^|]*\)[*+{]|\{\d+,\d*\}[^|]*\)[*+{]`)
	for file, text := range files(t) {
		dec := xml.NewDecoder(strings.NewReader(string(text)))
		enumerations := 0
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			start, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			switch start.Name.Local {
			case "enumeration":
				enumerations++
			case "any", "anyAttribute", "redefine":
				t.Errorf("%s: xs:%s", file, start.Name.Local)
			}
			for _, a := range start.Attr {
				if n, err := strconv.Atoi(a.Value); a.Name.Local == "maxOccurs" && err == nil && n > 5000 {
					t.Errorf("%s: maxOccurs %d", file, n)
				}
				if start.Name.Local == "pattern" && countedTwice(a.Value) {
					t.Errorf("%s: pattern %q is misread by libxml2", file, a.Value)
				}
				if start.Name.Local == "pattern" && nested.MatchString(a.Value) {
					t.Errorf("%s: pattern %q may backtrack", file, a.Value)
				}
			}
		}
		if enumerations > 50 {
			t.Errorf("%s: %d enumerated values; lists belong in code lists", file, enumerations)
		}
	}
}

// countedTwice reports whether two alternatives of a pattern begin by counting the same character: libxml2 2.9.14 then adds
// the counts up, and lets [0-9]{2}|[0-9]{5} match six digits.
func countedTwice(pattern string) bool {
	for _, probe := range []string{"0", "7", "9", "A", "Z", "a", "А", "Я"} {
		count := 0
		for branch := range strings.SplitSeq(pattern, "|") {
			class, _, counted := strings.Cut(strings.TrimLeft(branch, "("), "{")
			if one, err := regexp.Compile("^" + class + "$"); counted && err == nil && one.MatchString(probe) {
				count++
			}
		}
		if count > 1 {
			return true
		}
	}
	return false
}

func TestCountedTwice(t *testing.T) {
	for pattern, want := range map[string]bool{
		`[0-9]{2}|[0-9]{5}`:                    true,
		`(\d{5})|(\d{6})`:                      true,
		`[A-Z]{3}|[0-9A-Z]{5}`:                 true,
		`[A-Z]{2}|[0]{2}|[9]{2}`:               false,
		`(\d{2})|([A-Z]{2}\d{5})`:              false,
		`[0-9]{2}([0-9]{3}([0-9]{3})?)?`:       false,
		`[A-Z][A-Z][A-Z]|[А-Я]{3}|[0-9A-Z]{5}`: false,
	} {
		if got := countedTwice(pattern); got != want {
			t.Errorf("%s: got %v", pattern, got)
		}
	}
}

func TestSchemasAcceptWhatTheyDescribe(t *testing.T) {
	for _, d := range documents {
		t.Run(d.file, func(t *testing.T) {
			t.Parallel()
			wantAccepted(t, d.file, shapes(t, ".", d.file, d.root))
		})
	}
}

// TestSchemasRefuseEverySingleFault leaves nothing out: every fault at every declaration that a document can reach.
func TestSchemasRefuseEverySingleFault(t *testing.T) {
	for _, d := range documents {
		t.Run(d.file, func(t *testing.T) {
			t.Parallel()
			docs, fitting := faulty(t, ".", d.file, d.root)
			kinds := map[string]int{}
			for _, key := range docs {
				kind, _, _ := strings.Cut(key, " ")
				kinds[kind]++
			}
			for _, kind := range []string{"missing", "twice", "order", "unknown", "attribute", "long", "empty", "malformed", "longer", "shorter"} {
				// The requests are too small to have every kind of fault.
				if kinds[kind] == 0 && len(docs) > 60 {
					t.Errorf("no document with fault %q among %v", kind, kinds)
				}
			}
			wantRefused(t, d.file, docs)
			wantAccepted(t, d.file, fitting)
		})
	}
}

// manifest is a Chinese pre-loading manifest as a carrier would send it; the values are made up.
const manifest = `<Manifest xmlns="urn:Declaration:datamodel:standard:CN:MT2401:1">
<Head><MessageID>CN_MT2401_1p0_0603100000001_20260301093000123</MessageID><FunctionCode>9</FunctionCode><MessageType>MT2401</MessageType>
<SenderID>0603100000001_GATEWAY01</SenderID><ReceiverID>EPORT</ReceiverID><SendTime>20260301093000123</SendTime><Version>1.0</Version></Head>
<Declaration><DeclarationOfficeID>0603</DeclarationOfficeID><ID>0603000000001</ID>
<BorderTransportMeans><TypeCode>4</TypeCode></BorderTransportMeans><Carrier><ID>0603TEST01</ID></Carrier>
<Consignment><TotalPackageQuantity unitCode="CT">120</TotalPackageQuantity><ValueAmount currencyID="USD">18500.00</ValueAmount>
<Consignee><ID>收货人代码</ID><Name>ООО Пример</Name></Consignee>
<ConsignmentItem><SequenceNumeric>1</SequenceNumeric><Commodity><CargoDescription>陶瓷</CargoDescription><Classification><ID>6907210000</ID></Classification></Commodity>
<GoodsMeasure><GrossMassMeasure unitCode="KGM">19800.5</GrossMassMeasure></GoodsMeasure><Packaging><QuantityQuantity unitCode="CT">120</QuantityQuantity></Packaging></ConsignmentItem>
<GovernmentAgencyGoodsItem><GoodsMeasure><GrossMassMeasure unitCode="KGM">19800.5</GrossMassMeasure></GoodsMeasure></GovernmentAgencyGoodsItem>
<GovernmentProcedure><CurrentCode>RD01</CurrentCode></GovernmentProcedure>
<TransportContractDocument><ID>CMR-0001</ID></TransportContractDocument></Consignment>
<LoadingLocation><LoadingDateTime>20260301060000</LoadingDateTime></LoadingLocation>
<RepresentativePerson><Name>测试企业</Name></RepresentativePerson></Declaration></Manifest>`

func TestManifestStory(t *testing.T) {
	wantAccepted(t, "cn/mt2401.v1.xsd", written(t, map[string][]byte{"manifest": []byte(manifest)}))

	wantRefusedChanges(t, "cn/mt2401.v1.xsd", manifest, [][2]string{
		{`<FunctionCode>9<`, `<FunctionCode>2<`},
		{`MT2401</MessageType>`, `MT1401</MessageType>`},
		{`<Version>1.0<`, `<Version>2.0<`},
		{`OfficeID>0603<`, `OfficeID>603<`},
		{`unitCode="KGM">19800.5`, `unitCode="TNE">19.8`},
		{`unitCode="KGM">19800.5`, `>19800.5`},
		{`unitCode="CT">120`, `unitCode="CT">120.5`},
		{`unitCode="CT">120`, `unitCode="CTN">120`},
		{`currencyID="USD">18500.00`, `currencyID="usd">18500.00`},
		{`19800.5<`, `-1<`},
		{`19800.5<`, `1e3<`},
		{`20260301060000`, `20261301060000`},
		{`20260301060000`, `2026-03-01T06:00:00`},
		{`20260301093000123</SendTime>`, `20260301093000</SendTime>`},
		{`<ID>CMR-0001</ID>`, `<ID>   </ID>`},
		{`<ID>CMR-0001</ID>`, `<ID>CMR-0001</ID><Deconsolidator><ID>1</ID></Deconsolidator>`},
		{`CN:MT2401:1`, `CN:MT1401:1`},
	})
}

// wantRefusedChanges makes one change at a time to a document that fits, each of which the schema must refuse.
func wantRefusedChanges(t *testing.T, schema, doc string, changes [][2]string) {
	t.Helper()
	refused := map[string][]byte{}
	for i, change := range changes {
		changed := strings.ReplaceAll(doc, change[0], change[1])
		if changed == doc {
			t.Fatalf("change %q does not apply", change[0])
		}
		refused[fmt.Sprintf("%d: %s", i, change[1])] = []byte(changed)
	}
	wantRefused(t, schema, written(t, refused))
}

// notice is pre-arrival information by road as the EAEU has it; the values are made up.
const notice = `<AutoPreliminaryInformation xmlns="urn:EEC:R:UNCONFIRMED:AutoPreliminaryInformation:v0.0.0"
 xmlns:cacdo="urn:EEC:M:CA:ComplexDataObjects:v1.8.4" xmlns:casdo="urn:EEC:M:CA:SimpleDataObjects:v1.8.4" xmlns:csdo="urn:EEC:M:SimpleDataObjects:v0.4.14">
<csdo:EDocCode>R.042</csdo:EDocCode><csdo:EDocId>0f4e7a52-8f0c-4d6b-9a53-1d2c3b4a5f60</csdo:EDocId><csdo:EDocDateTime>2026-03-01T09:30:00+05:00</csdo:EDocDateTime>
<casdo:EDocIndicatorCode>ЭД</casdo:EDocIndicatorCode><casdo:PreliminaryInformationUsageCode>01</casdo:PreliminaryInformationUsageCode>
<cacdo:PIDeclarantDetails><csdo:SubjectBriefName>ТОО Пример</csdo:SubjectBriefName></cacdo:PIDeclarantDetails>
<cacdo:PIATBorderTransportDetails><casdo:ContainerIndicator>0</casdo:ContainerIndicator><cacdo:PIATTransportMeansItemDetails>
<casdo:RegistrationNationalityCode codeListId="2021">KZ</casdo:RegistrationNationalityCode><csdo:TransportMeansRegId countryCode="KZ" countryCodeListId="2021">001AAA99</csdo:TransportMeansRegId>
</cacdo:PIATTransportMeansItemDetails></cacdo:PIATBorderTransportDetails>
<cacdo:PIATMainConsignmentDetails><casdo:TIRCarnetIndicator>0</casdo:TIRCarnetIndicator><cacdo:PIATConsignmentDetails><csdo:ObjectOrdinal>1</csdo:ObjectOrdinal>
<cacdo:PIATConsignmentItemDetails><casdo:ConsignmentItemOrdinal>1</casdo:ConsignmentItemOrdinal><csdo:CommodityCode>690721</csdo:CommodityCode>
<casdo:GoodsDescriptionText>Плитка</casdo:GoodsDescriptionText><csdo:UnifiedGrossMassMeasure measurementUnitCode="166" measurementUnitCodeListId="2016">19800.5</csdo:UnifiedGrossMassMeasure>
</cacdo:PIATConsignmentItemDetails></cacdo:PIATConsignmentDetails></cacdo:PIATMainConsignmentDetails></AutoPreliminaryInformation>`

func TestNoticeStory(t *testing.T) {
	wantAccepted(t, "eaeu/auto-preliminary.v1.xsd", written(t, map[string][]byte{"notice": []byte(notice)}))
	wantRefusedChanges(t, "eaeu/auto-preliminary.v1.xsd", notice, [][2]string{
		{`>ЭД<`, `>ED<`},
		{`>R.042<`, `>R.42<`},
		{`0f4e7a52-`, `0f4e7a5-`},
		{`<casdo:RegistrationNationalityCode codeListId="2021">`, `<casdo:RegistrationNationalityCode>`},
		{`"2021">KZ<`, `"2021">398<`},
		{` countryCode="KZ"`, ` countryCode="kz"`},
		{`>690721<`, `>6907210<`},
		{` measurementUnitCodeListId="2016"`, ``},
		{`="166"`, `="16666"`},
		{`>19800.5<`, `>19800.1234567<`},
		{`UNCONFIRMED`, `042`},
		{`:v1.8.4`, `:v1.8.1`},
	})
}
