package reconcile

import (
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Facts is what one document, or several together, say of a movement. A list that is
// given is taken as complete; a list that is absent says nothing.
type Facts struct {
	Batch  string `json:"batch,omitempty"`
	Number string `json:"number,omitempty"` // of the list
	Carnet string `json:"carnet,omitempty"`
	// TransitNumber is the number under which a transit is registered, as people write it.
	TransitNumber string        `json:"transitNumber,omitempty"`
	Subject       string        `json:"subject,omitempty"`      // what was controlled, whatever kind of name that is
	Entry         OfficeFact    `json:"entry,omitzero"`         // where it is to enter
	Destinations  []OfficeFact  `json:"destinations,omitempty"` // where its transits are to end, each office once
	Office        OfficeFact    `json:"office,omitzero"`        // where it was seen
	Route         []RouteOffice `json:"route,omitempty"`        // every office that has to do with it, each part in it once
	Empty         bool          `json:"empty,omitempty"`        // said to carry no goods
	Partial       bool          `json:"partial,omitempty"`
	GrossMass     Quantity      `json:"grossMass,omitzero"`   // of the goods
	VehicleMass   Quantity      `json:"vehicleMass,omitzero"` // of the vehicle with its load
	Packages      Quantity      `json:"packages,omitzero"`
	Vehicles      []VehicleFact `json:"vehicles,omitempty"`
	Units         []UnitFact    `json:"units,omitempty"`
	Waybills      []WaybillFact `json:"waybills,omitempty"`
	Codes         []CodeFact    `json:"codes,omitempty"`
	ManyCodes     bool          `json:"manyCodes,omitempty"` // it has more than are compared
	Attachments   []Attachment  `json:"attachments,omitempty"`
}

// Attachment is an image or a scan that a document names.
type Attachment struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	MediaType string `json:"mediaType"`
	Size      uint64 `json:"size"` // in bytes
	SHA256    string `json:"sha256"`
}

// Place is where a fact stands: a message and an instance path in its document.
type Place struct {
	Message gateway.MessageID `json:"message,omitempty"`
	Path    string            `json:"path,omitempty"`
}

// Quantity is a decimal and, for a mass, the method it was found by. The zero
// Quantity is one that nobody stated.
type Quantity struct {
	Value  string `json:"value,omitempty"`
	Method string `json:"method,omitempty"`
	Place
}

// OfficeFact is a customs office.
type OfficeFact struct {
	Administration string `json:"administration,omitempty"`
	Code           string `json:"code,omitempty"`
	Place
}

func (o OfficeFact) key() string { return o.Administration + " " + Fold("", o.Code) }

func (o OfficeFact) office() gateway.Office {
	return gateway.Office{Administration: gateway.Administration(o.Administration), Code: o.Code}
}

// RouteOffice is an office on a movement's route, and its part in it.
type RouteOffice struct {
	Role           string `json:"role"`
	Administration string `json:"administration,omitempty"`
	Code           string `json:"code"`
}

// Office is the office itself.
func (o RouteOffice) Office() gateway.Office {
	return gateway.Office{Administration: gateway.Administration(o.Administration), Code: o.Code}
}

// The parts that offices have in a movement.
const (
	ExitOffice        = "exit"
	EntryOffice       = "entry"
	SeenOffice        = "seen"
	DestinationOffice = "destination"
	DepartureOffice   = "departure"
	TransitOffice     = "transit"
	PartnerOffice     = "partner"
)

// VehicleFact is a vehicle by its plate or number.
type VehicleFact struct {
	Role         string `json:"role,omitempty"`
	Registration string `json:"registration"`
	Together     bool   `json:"together,omitempty"` // with others in one field
	Tare         string `json:"tare,omitempty"`     // kg
	Place
}

// UnitFact is a load unit with its seals.
type UnitFact struct {
	ID       string     `json:"id,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	SizeType string     `json:"sizeType,omitempty"`
	Fullness string     `json:"fullness,omitempty"`
	Tare     string     `json:"tare,omitempty"` // kg
	Seals    []SealFact `json:"seals,omitempty"`
	Carriers []string   `json:"carriers,omitempty"` // vehicles it was put on for a recorded reason
	Acted    []string   `json:"acted,omitempty"`    // and under an act
	Place
}

// SealFact is a seal and what became of it.
type SealFact struct {
	ID    string `json:"id"`
	State string `json:"state,omitempty"` // its last event
	Act   string `json:"act,omitempty"`   // the number of the act of its last change
	Unit  string `json:"unit,omitempty"`
	// Its last change: how, at which office and when, as its act says or, without one, itself; and
	// who seals with it.
	Change string     `json:"change,omitempty"` // AFFIXED, REMOVED or REPLACED
	Office OfficeFact `json:"office,omitzero"`
	At     string     `json:"at,omitempty"`
	Agency string     `json:"agency,omitempty"`
	Place
}

// WaybillFact is a transport document and the goods under it.
type WaybillFact struct {
	ID        string   `json:"id"`
	GrossMass Quantity `json:"grossMass,omitzero"`
	Packages  Quantity `json:"packages,omitzero"`
	Place
}

// Identifiers returns everything that d, or a movement with d in it, can be found by.
func Identifiers(d *customsv1.Document) []Identifier {
	var ids identifiers
	ids.add(read(d, ""))
	return ids.list
}

func bodyOf(d *customsv1.Document) proto.Message {
	if body := document.Body(d); body.IsValid() {
		return body.Interface()
	}
	return nil
}

// read takes the facts from whatever kind of document has them.
func read(d *customsv1.Document, message gateway.MessageID) Facts {
	var f Facts
	at := func(format string, args ...any) Place { return Place{message, fmt.Sprintf(format, args...)} }
	body := bodyOf(d)
	if b, ok := body.(interface{ GetBatch() string }); ok {
		f.Batch = b.GetBatch()
	}
	if b, ok := body.(interface{ GetNumber() string }); ok {
		f.Number = b.GetNumber()
	}
	if b, ok := body.(interface{ GetPartial() bool }); ok {
		f.Partial = b.GetPartial()
	}
	if b, ok := body.(interface{ GetEntryOffice() *customsv1.Office }); ok {
		f.Entry = office(b.GetEntryOffice(), at("entryOffice.code"))
	}
	if b, ok := body.(interface{ GetOffice() *customsv1.Office }); ok {
		f.Office = office(b.GetOffice(), at("office.code"))
	}
	f.Route = route(body)
	f.Subject = d.GetInspectionResult().GetSubject().GetId()
	if b, ok := body.(interface{ GetTransit() *customsv1.Transit }); ok {
		f.destination(b.GetTransit(), at("transit.destination.code"))
		f.Carnet = b.GetTransit().GetTir().GetCarnet()
	}
	if b, ok := body.(interface{ GetTir() *customsv1.Tir }); ok {
		f.Carnet = b.GetTir().GetCarnet()
	}
	if b, ok := body.(interface {
		GetTransit() *customsv1.RegistrationNumber
	}); ok {
		f.TransitNumber = registrationNumber(b.GetTransit())
	}
	if b, ok := body.(*customsv1.TransitDeclaration); ok {
		f.TransitNumber = registrationNumber(b.GetRegistration())
	}
	if b, ok := body.(interface{ GetTransport() *customsv1.Transport }); ok {
		t := b.GetTransport()
		f.Empty = t.GetEmpty()
		f.VehicleMass = mass(t.GetGrossMass(), at("transport.grossMass.kilograms"))
		for i, v := range t.GetVehicles() {
			if v.GetRegistration() != "" {
				named := vehicleFacts(name(v.GetRole()), v.GetRegistration(), at("transport.vehicles[%d].registration", i))
				named[0].Tare = mass(v.GetTare(), Place{}).Value
				f.Vehicles = append(f.Vehicles, named...)
			}
		}
	}
	if b, ok := body.(interface{ GetVehicles() []string }); ok {
		for i, plate := range b.GetVehicles() {
			f.Vehicles = append(f.Vehicles, vehicleFacts("", plate, at("vehicles[%d]", i))...)
		}
	}
	switch d.GetVehicleReport().GetKind() {
	case customsv1.VehicleReportKind_EMPTY_ENTRY, customsv1.VehicleReportKind_EMPTY_EXIT,
		customsv1.VehicleReportKind_EMPTY_CONTAINER_ENTRY, customsv1.VehicleReportKind_EMPTY_CONTAINER_EXIT:
		f.Empty = true
	}
	if b, ok := body.(interface{ GetLoadUnits() []*customsv1.LoadUnit }); ok {
		for i, u := range b.GetLoadUnits() {
			f.Units = append(f.Units, unit(u, message, fmt.Sprintf("loadUnits[%d]", i)))
		}
	}
	var consignments []*customsv1.Consignment
	if b, ok := body.(interface {
		GetConsignments() []*customsv1.Consignment
	}); ok {
		consignments = b.GetConsignments()
	}
	goods, codes := make([]WaybillFact, len(consignments)), make(map[CodeFact]bool)
	for i, c := range consignments {
		goods[i] = waybill(c, message, fmt.Sprintf("consignments[%d]", i))
		f.codes(c, codes, at, i)
		f.destination(c.GetTransit(), at("consignments[%d].transit.destination.code", i))
		for j, id := range c.GetLoadUnits() {
			f.Units = append(f.Units, UnitFact{ID: id, Place: at("consignments[%d].loadUnits[%d]", i, j)})
		}
		for j, item := range c.GetItems() {
			for k, id := range item.GetLoadUnits() {
				f.Units = append(f.Units, UnitFact{ID: id, Place: at("consignments[%d].items[%d].loadUnits[%d]", i, j, k)})
			}
		}
	}
	if b, ok := body.(interface{ GetTotals() *customsv1.Totals }); ok {
		f.GrossMass = mass(b.GetTotals().GetGrossMass(), at("totals.grossMass.kilograms"))
		f.Packages = packages(b.GetTotals(), at("totals.packages"))
	}
	if f.GrossMass.Value == "" {
		f.GrossMass = total(goods, func(w WaybillFact) Quantity { return w.GrossMass })
	}
	if f.Packages.Value == "" {
		f.Packages = total(goods, func(w WaybillFact) Quantity { return w.Packages })
	}
	f.Waybills = joinWaybills(slices.DeleteFunc(goods, func(w WaybillFact) bool { return w.ID == "" }))
	if b, ok := body.(interface{ GetTransportDocuments() []string }); ok {
		tallied := keys(f.Waybills)
		for i, id := range b.GetTransportDocuments() {
			if !tallied[Fold(Waybill, id)] {
				f.Waybills = append(f.Waybills, WaybillFact{ID: id, Place: at("transportDocuments[%d]", i)})
			}
		}
	}
	if b, ok := body.(interface {
		GetAttachments() []*customsv1.Attachment
	}); ok {
		for _, a := range b.GetAttachments() {
			f.Attachments = append(f.Attachments, Attachment{a.GetName(), a.GetKind(), a.GetMediaType(), a.GetSize(), a.GetSha256()})
		}
	}
	f.Vehicles = joinVehicles(f.Vehicles)
	f.Units = joinUnits(f.Units)
	f.Destinations = joinOffices(f.Destinations)
	for _, o := range f.Destinations {
		f.Route = append(f.Route, RouteOffice{DestinationOffice, o.Administration, o.Code})
	}
	return f
}

// destination adds where a transit is to end.
func (f *Facts) destination(t *customsv1.Transit, at Place) {
	if o := t.GetDestination(); o.GetCode() != "" {
		f.Destinations = append(f.Destinations, office(o, at))
	}
}

// FactsOf returns what a document says of a movement.
func FactsOf(d *customsv1.Document) Facts { return read(d, "") }

// RouteOf returns every office that a document names as having to do with its goods.
func RouteOf(d *customsv1.Document) []RouteOffice { return read(d, "").Route }

// route lists the offices that a document names for the whole of its goods but for those
// where transits end.
func route(body any) (offices []RouteOffice) {
	add := func(role string, o *customsv1.Office) {
		if o.GetCode() != "" {
			offices = append(offices, RouteOffice{role, o.GetAdministration(), o.GetCode()})
		}
	}
	if b, ok := body.(interface{ GetExitOffice() *customsv1.Office }); ok {
		add(ExitOffice, b.GetExitOffice())
	}
	if b, ok := body.(interface{ GetEntryOffice() *customsv1.Office }); ok {
		add(EntryOffice, b.GetEntryOffice())
	}
	own, partner := SeenOffice, PartnerOffice
	if m, ok := body.(*customsv1.Manifest); ok { // which says on which side of the border its office is
		switch m.GetDirection() {
		case customsv1.ManifestDirection_EXPORT:
			own, partner = ExitOffice, EntryOffice
		case customsv1.ManifestDirection_IMPORT:
			own, partner = EntryOffice, ExitOffice
		}
	}
	if b, ok := body.(interface{ GetOffice() *customsv1.Office }); ok {
		add(own, b.GetOffice())
	}
	if b, ok := body.(interface{ GetPartnerOffice() *customsv1.Office }); ok {
		add(partner, b.GetPartnerOffice())
	}
	if b, ok := body.(interface{ GetDepartureOffice() *customsv1.Office }); ok {
		add(DepartureOffice, b.GetDepartureOffice())
	}
	if b, ok := body.(interface{ GetTransitOffices() []*customsv1.Office }); ok {
		for _, o := range b.GetTransitOffices() {
			add(TransitOffice, o)
		}
	}
	if b, ok := body.(interface{ GetDestination() *customsv1.Office }); ok {
		add(DestinationOffice, b.GetDestination())
	}
	return offices
}

func office(o *customsv1.Office, at Place) OfficeFact {
	if o.GetCode() == "" {
		return OfficeFact{}
	}
	return OfficeFact{o.GetAdministration(), o.GetCode(), at}
}

func mass(w *customsv1.Weight, at Place) Quantity {
	value := w.GetKilograms().GetValue()
	if !document.IsNumber(value) {
		return Quantity{}
	}
	return Quantity{value, name(w.GetMethod()), at}
}

// declared names the method of the masses that an announcement states without one:
// nobody has weighed them.
func (f *Facts) declared() {
	masses := []*Quantity{&f.GrossMass, &f.VehicleMass}
	for i := range f.Waybills {
		masses = append(masses, &f.Waybills[i].GrossMass)
	}
	for _, m := range masses {
		if m.Value != "" && m.Method == "" {
			m.Method = customsv1.WeightMethod_DECLARED.String()
		}
	}
}

func packages(t *customsv1.Totals, at Place) Quantity {
	if t == nil || t.Packages == nil {
		return Quantity{}
	}
	return Quantity{Value: strconv.FormatUint(t.GetPackages(), 10), Place: at}
}

func unit(u *customsv1.LoadUnit, message gateway.MessageID, path string) UnitFact {
	f := UnitFact{
		ID: u.GetId(), Kind: name(u.GetKind()), SizeType: u.GetSizeType(), Fullness: u.GetFullness(),
		Tare: mass(u.GetTare(), Place{}).Value, Place: Place{message, path},
	}
	for i, s := range u.GetSeals() {
		if s.GetId() == "" {
			continue
		}
		seal := SealFact{ID: s.GetId(), Agency: s.GetAgency(), Unit: u.GetId(), Place: Place{message, fmt.Sprintf("%s.seals[%d].id", path, i)}}
		for _, e := range s.GetEvents() {
			seal.State = name(e.GetKind())
			switch e.GetKind() {
			case customsv1.SealEventKind_AFFIXED, customsv1.SealEventKind_REMOVED, customsv1.SealEventKind_REPLACED:
				seal.Act, seal.Change, seal.Office, seal.At = e.GetAct(), seal.State, office(e.GetOffice(), Place{}), e.GetAt().GetValue()
			}
		}
		f.Seals = append(f.Seals, seal)
	}
	for _, a := range u.GetAssignments() {
		if len(a.GetReason()) > 0 {
			f.Carriers = append(f.Carriers, plates(a.GetVehicle())...)
		}
		if a.GetAct() != "" && a.GetOffice().GetCode() != "" && a.GetSince().GetValue() != "" {
			f.Acted = append(f.Acted, plates(a.GetVehicle())...)
		}
	}
	return f
}

// waybill takes a consignment's own totals, else what its items add up to. Items
// with several kinds of package are not counted: an outer and an inner package of
// the same goods must not add up.
func waybill(c *customsv1.Consignment, message gateway.MessageID, path string) WaybillFact {
	at := func(p string) Place { return Place{message, path + "." + p} }
	w := WaybillFact{
		ID: c.GetTransportDocument().GetId(), Place: at("transportDocument.id"),
		GrossMass: mass(c.GetTotals().GetGrossMass(), at("totals.grossMass.kilograms")),
		Packages:  packages(c.GetTotals(), at("totals.packages")),
	}
	if w.GrossMass.Value == "" {
		w.GrossMass = total(c.GetItems(), func(i *customsv1.GoodsItem) Quantity {
			return mass(i.GetGrossMass(), at("items"))
		})
	}
	if w.Packages.Value == "" {
		w.Packages = total(c.GetItems(), func(i *customsv1.GoodsItem) Quantity {
			if p := i.GetPackages(); len(p) == 1 && p[0].Quantity != nil {
				return Quantity{Value: strconv.FormatUint(p[0].GetQuantity(), 10), Place: at("items")}
			}
			return Quantity{}
		})
	}
	return w
}

// total adds up a quantity of every element of list. It is nothing unless all state
// it, and of unspecified method unless all used one.
func total[T any](list []T, of func(T) Quantity) Quantity {
	var sum document.Number
	var q Quantity
	for i, e := range list {
		next := of(e)
		if next.Value == "" {
			return Quantity{}
		}
		if i == 0 {
			q = next
		} else if q.Method != next.Method {
			q.Method = ""
		}
		sum = sum.Add(number(next.Value))
	}
	if len(list) > 0 {
		q.Value = sum.String()
	}
	return q
}

// number reads a decimal that IsNumber has passed.
func number(s string) document.Number {
	n, _ := document.ParseNumber(s)
	return n
}

// name is an enum's name, "" for its unspecified value.
func name(e protoreflect.Enum) string {
	if e.Number() == 0 {
		return ""
	}
	return string(e.Descriptor().Values().ByNumber(e.Number()).Name())
}
