package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"x": func(s string) (string, error) {
		var b bytes.Buffer
		err := xml.EscapeText(&b, []byte(s))
		return b.String(), err
	},
	"j": func(s string) (string, error) {
		b, err := json.Marshal(s)
		return string(b), err
	},
	"add":   func(a, b int) int { return a + b },
	"latin": latin,
}).ParseFS(templateFiles, "templates/*"))

// render fills in a template.
func render(name string, values any) ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, name, values)
	return b.Bytes(), err
}

// result is what the Russian national system answers to a notice.
type result struct{ ID, Answers, SystemID, Date, Number, Registered, Status, Words string }

// arrival is what the Russian post sees of a truck.
type arrival struct {
	ID, At  string
	Truck   *truck
	Seals   []string
	Weighed kilograms
}

// preliminary is what the demonstration reads of the Russian form, with a reader of
// its own.
type preliminary struct {
	XMLName  xml.Name `xml:"urn:customs.ru:Information:CustomsDocuments:AutoPreliminary:5.23.0 AutoPreliminary"`
	ID       string   `xml:"DocumentID"`
	Post     string   `xml:"EntryCheckPointDetails>CustomsOfficeCode"`
	Plates   []string `xml:"BorderTransportDetails>PIATTransportMeansItemDetails>TransportMeansRegId"`
	Packages string   `xml:"MainConsignmentDetails>CargoQuantity"`
	Mass     string   `xml:"MainConsignmentDetails>TotalGrossMassMeasure"`
	Seals    []string `xml:"MainConsignmentDetails>CustomsIdentificationDetails>CustomsIdentificationMeansIdDetails>CustomsIdentificationMeansId"`
	Waybills []struct {
		Number     string   `xml:"TransportDocumentDetails>PrDocumentNumber"`
		Packages   string   `xml:"CargoQuantity"`
		Mass       string   `xml:"GrossWeightQuantity"`
		Consignor  string   `xml:"ConsignorDetails>OrganizationName"`
		Consignee  string   `xml:"ConsigneeDetails>OrganizationName"`
		Containers []string `xml:"ContainerDetails>ContainerNumber"`
		Lines      []struct {
			HS          string `xml:"GoodsTNVEDCode"`
			Description string `xml:"GoodsDescription"`
			Mass        string `xml:"GrossWeightQuantity"`
			Packages    string `xml:"CargoPackagePalletDetails>PakageQuantity"`
			Unit        string `xml:"CargoPackagePalletDetails>PackagePalleteInformation>PalleteCode"`
		} `xml:"GoodsItem"`
	} `xml:"MainConsignmentDetails>ConsignmentDetails"`
}

// import1401 is what the demonstration reads of the Chinese import manifest.
type import1401 struct {
	XMLName  xml.Name `xml:"urn:Declaration:datamodel:standard:CN:MT1401:1 Manifest"`
	Type     string   `xml:"Head>MessageType"`
	Office   string   `xml:"Declaration>DeclarationOfficeID"`
	Batch    string   `xml:"Declaration>ID"`
	Carrier  string   `xml:"Declaration>Carrier>ID"`
	Waybills []struct {
		Number     string   `xml:"TransportContractDocument>ID"`
		Packages   string   `xml:"TotalPackageQuantity"`
		Mass       string   `xml:"GovernmentAgencyGoodsItem>GoodsMeasure>GrossMassMeasure"`
		Consignor  string   `xml:"Consignor>Name"`
		Consignee  string   `xml:"Consignee>Name"`
		Containers []string `xml:"TransportEquipment>ID"`
		Lines      []struct {
			HS          string `xml:"Commodity>Classification>ID"`
			Description string `xml:"Commodity>CargoDescription"`
			Mass        string `xml:"GoodsMeasure>GrossMassMeasure"`
			Quantity    struct {
				Packages string `xml:",chardata"`
				Unit     string `xml:"unitCode,attr"`
			} `xml:"Packaging>QuantityQuantity"`
		} `xml:"ConsignmentItem"`
	} `xml:"Declaration>Consignment"`
}

// statements are what a document says, one in each line, to be compared with what was
// put in.
type statements []string

func (s *statements) say(what string, values ...string) {
	line := what
	for _, v := range values {
		line += " | " + v
	}
	*s = append(*s, line)
}

func (p preliminary) statements() (s statements) {
	s.say("post", p.Post)
	s.say("plates", p.Plates...)
	s.say("seals", p.Seals...)
	s.say("whole", p.Mass, p.Packages)
	for _, w := range p.Waybills {
		s.say("waybill", w.Number, w.Mass, w.Packages, w.Consignor, w.Consignee)
		s.say("containers", w.Containers...)
		for _, l := range w.Lines {
			s.say("goods", l.HS, l.Description, l.Mass, l.Packages, l.Unit)
		}
	}
	return s
}

// expected is what the Russian form must say of the truck.
func (t *truck) expected() (s statements) {
	s.say("post", zabaykalsk)
	s.say("plates", t.Tractor, t.Trailer)
	s.say("seals", t.Seals...)
	s.say("whole", t.gross.String(), itoa(t.packages))
	sayWaybills(&s, t.Manifest.Waybills)
	return s
}

func (m import1401) statements() (s statements) {
	s.say("message", m.Type, m.Office, m.Batch, m.Carrier)
	for _, w := range m.Waybills {
		s.say("waybill", w.Number, w.Mass, w.Packages, w.Consignor, w.Consignee)
		s.say("containers", w.Containers...)
		for _, l := range w.Lines {
			s.say("goods", l.HS, l.Description, l.Mass, l.Quantity.Packages, l.Quantity.Unit)
		}
	}
	return s
}

// expected is what the Chinese form must say of the shipment.
func (m *shipment) expected() (s statements) {
	s.say("message", "MT1401", manzhouli, m.Batch, m.CarrierID)
	sayWaybills(&s, m.Waybills)
	return s
}

func sayWaybills(s *statements, waybills []*waybill) {
	for _, w := range waybills {
		s.say("waybill", w.Number, w.Mass, w.Packages, w.Consignor, w.Consignee)
		s.say("containers", w.Container)
		for _, l := range w.Lines {
			s.say("goods", l.HS[:6], l.goods.marked(), l.Mass, l.Packages, l.PackageUnit)
		}
	}
}

// marked is the heading's text as it stands in for a description.
func (g goods) marked() string { return "[HS " + g.code[:4] + "] " + g.heading }

// places are the elements and attributes of a document by their XPath, with a position
// on every step and d for the default namespace, and the text of those that hold one.
func places(document []byte) (map[string]string, error) {
	type element struct {
		path  string
		named map[string]int // children of one name so far
		text  strings.Builder
	}
	out := make(map[string]string)
	open := []*element{{named: make(map[string]int)}}
	for d := xml.NewDecoder(bytes.NewReader(document)); ; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		parent := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			step := cmp.Or(token.Name.Space, "d") + ":" + token.Name.Local
			parent.named[step]++
			e := &element{path: fmt.Sprintf("%s/%s[%d]", parent.path, step, parent.named[step]), named: make(map[string]int)}
			for _, a := range token.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					out[e.path+"/@"+a.Name.Local] = a.Value
				}
			}
			open = append(open, e)
		case xml.CharData:
			parent.text.Write(token)
		case xml.EndElement:
			out[parent.path] = strings.TrimSpace(parent.text.String())
			open = open[:len(open)-1]
		}
	}
}
