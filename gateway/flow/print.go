package flow

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
	"customs.example/gateway/page"
	"customs.example/gateway/reconcile"
	"customs.example/gateway/seal"
	"customs.example/gateway/store"
)

// Printed is the page of an announcement.
type Printed struct {
	Message gateway.MessageID
	HTML    []byte
	Code    string
}

// languageList says which language of the catalogue an administration reads.
const (
	languageList   = "administration-language"
	languageSystem = "catalogue"
)

// newestOf is the version of a message that stands: the last of the same part on which the partner may act.
func (g *Gateway) newestOf(ctx context.Context, m store.Message) (store.Message, error) {
	all, err := g.Store.Read().Messages(ctx, m.Whole)
	if err != nil {
		return m, err
	}
	newest := m
	for _, o := range all {
		if o.Kind == m.Kind && o.Part == m.Part && live(o) && (o.Version > newest.Version || !live(newest)) {
			newest = o
		}
	}
	if newest.ID == m.ID {
		return m, nil
	}
	return g.Store.Read().Message(ctx, newest.ID)
}

// Print makes the page of what a message of a submission announces, for the driver to hand over where there
// is no line: of the document that travels, as its route released it. One that announces nothing has none,
// nor one that is withdrawn, refused or was never handed over: nobody may act on it.
func (g *Gateway) Print(ctx context.Context, office string, id gateway.SubmissionID, message gateway.MessageID, languages []string) (Printed, error) {
	for _, lang := range languages {
		if !slices.Contains(gateway.Languages, lang) || len(languages) > 2 {
			f := fault(gateway.ListUnknown, lang, strings.Join(gateway.Languages, ", "))
			f.Path = "languages"
			return Printed{}, gateway.Faults{f}
		}
	}
	m, _, err := g.SentMessage(ctx, office, id, message)
	if err != nil {
		return Printed{}, err
	}
	if m, err = g.newestOf(ctx, m); err != nil {
		return Printed{}, err
	}
	d := document.Parse(m.Canonical).Document
	if !reconcile.Announces(d) || !live(m) {
		return Printed{}, gateway.Faults{fault(gateway.PaperNothing, string(m.ID), "")}
	}
	now := g.Now().UTC().Truncate(time.Second)
	facts, goods := reconcile.FactsOf(d), goodsOf(d)
	said := seal.Page{
		MessageID: m.ID, Kind: m.Kind, Number: facts.Number, Batch: facts.Batch, Exit: string(g.Own) + " " + office,
		Items: len(goods), Packages: facts.Packages.Value, GrossMass: facts.GrossMass.Value, Canonical: m.CanonicalDigest, At: now,
	}
	for _, o := range facts.Route {
		if o.Administration != string(g.Own) && said.Entry == "" && slices.Contains([]string{reconcile.EntryOffice, reconcile.PartnerOffice}, o.Role) {
			said.Entry = strings.TrimSpace(o.Administration + " " + o.Code)
		}
	}
	var vehicles, units, seals, waybills []string
	for _, v := range facts.Vehicles {
		vehicles = append(vehicles, v.Registration)
	}
	for _, u := range facts.Units {
		if u.ID != "" && !slices.Contains(units, u.ID) {
			units = append(units, u.ID)
		}
		for _, s := range u.Seals {
			seals = append(seals, s.ID)
		}
	}
	for _, w := range facts.Waybills {
		waybills = append(waybills, w.ID)
	}
	said.Vehicles = vehicles[:min(len(vehicles), seal.MaxPageVehicles)]
	said.More = len(vehicles) - len(said.Vehicles)
	signed, err := g.Keys.Sign(seal.Header{
		MessageID: gateway.MessageID(gateway.DerivedID("page", string(g.Own), string(m.ID), now.Format(time.RFC3339))), Sender: g.Own, Recipient: m.Recipient, Created: now,
	}, said)
	if err != nil {
		return Printed{}, err
	}
	code, err := signed.Code()
	if err != nil {
		return Printed{}, err
	}
	c := page.Content{
		Languages: languages, From: string(g.Own), Code: code, Lines: goods, At: now.Format(time.RFC3339),
		Fields: []page.Field{
			{Key: "label.Manifest.number", Values: present(said.Number)}, {Key: "place.batch", Values: present(said.Batch)},
			{Key: "word.pageVehicles", Values: vehicles}, {Key: "label.Manifest.loadUnits", Values: units}, {Key: "label.LoadUnit.seals", Values: seals},
			{Key: "place.waybill", Values: waybills}, {Key: "word.pageFrom", Values: present(said.Exit)}, {Key: "word.pageTo", Values: present(said.Entry)},
			{Key: "word.pageItems", Values: present(strconv.Itoa(said.Items))}, {Key: "label.GoodsItem.packages", Values: present(said.Packages)},
			{Key: "label.GoodsItem.grossMass", Values: present(strings.TrimSpace(said.GrossMass + " kg"))}, {Key: "word.message", Values: present(string(m.ID))},
		},
	}
	if len(c.Languages) == 0 {
		c.Languages = g.languagesWith(m.Recipient)
	}
	html, err := page.Make(c)
	return Printed{m.ID, html, code}, err
}

func present(text string) []string {
	if text == "" || text == "kg" {
		return nil
	}
	return []string{text}
}

// languagesWith are those of this administration and a partner; English of one whose language is not known.
func (g *Gateway) languagesWith(partner gateway.Administration) (all []string) {
	for _, a := range []gateway.Administration{g.Own, partner} {
		lang := "en"
		if r, err := g.Chain.Tables.Lists().Translate(languageList, languageSystem, string(a), g.Now(), codelist.Encode); err == nil {
			lang = r.Code
		}
		if !slices.Contains(all, lang) {
			all = append(all, lang)
		}
	}
	return all
}

// goodsOf are the lines of goods of a document, in whatever language their texts are.
func goodsOf(d *customsv1.Document) (lines []page.Line) {
	holder, ok := document.Body(d).Interface().(interface {
		GetConsignments() []*customsv1.Consignment
	})
	if !ok {
		return nil
	}
	for _, c := range holder.GetConsignments() {
		for _, item := range c.GetItems() {
			l := page.Line{Waybill: c.GetTransportDocument().GetId(), GrossMass: item.GetGrossMass().GetKilograms().GetValue()}
			var texts, packages []string
			for _, text := range item.GetDescription() {
				texts = append(texts, text.GetValue())
			}
			for _, p := range item.GetPackages() {
				packages = append(packages, strings.TrimSpace(strconv.FormatUint(p.GetQuantity(), 10)+" "+p.GetType()))
			}
			if len(item.GetClassifications()) > 0 {
				l.Code = item.GetClassifications()[0].GetCode()
			}
			l.Description, l.Packages = strings.Join(texts, " / "), strings.Join(packages, ", ")
			lines = append(lines, l)
		}
	}
	return lines
}
