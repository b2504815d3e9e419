package reconcile

import (
	"cmp"
	"slices"

	"customs.example/gateway"
)

// combined is what several records say together. Its seals may come from other records
// than its load units: a vehicle report may list containers, a manifest their seals.
type combined struct {
	Facts
	seals []SealFact
}

func (v VehicleFact) key() string { return Fold(Vehicle, v.Registration) }
func (u UnitFact) key() string    { return Fold(LoadUnit, u.ID) }
func (s SealFact) key() string    { return Fold(Seal, s.ID) }
func (w WaybillFact) key() string { return Fold(Waybill, w.ID) }

// combine joins records: those of one kind add up, and each question is answered by
// the first kind that answers it.
func combine(rs []Record) combined {
	groups := make([][]Record, len(announcing)+1) // arrivals come last, and by themselves
	for _, r := range rs {
		i := slices.Index(announcing, r.Kind)
		if i < 0 {
			i = len(announcing)
		}
		groups[i] = append(groups[i], r)
	}
	var w combined
	for _, g := range groups {
		var all Facts
		for _, r := range g {
			all.Vehicles = append(all.Vehicles, r.Facts.Vehicles...)
			all.Units = append(all.Units, r.Facts.Units...)
			w.Empty = w.Empty || r.Facts.Empty
			if w.Entry.Code == "" {
				w.Entry = r.Facts.Entry
			}
			all.Destinations = append(all.Destinations, r.Facts.Destinations...)
		}
		goods := goodsOnce(g)
		for _, f := range goods {
			all.Waybills = append(all.Waybills, f.Waybills...)
			all.Codes, w.ManyCodes = append(all.Codes, f.Codes...), w.ManyCodes || f.ManyCodes
		}
		if w.Codes == nil {
			w.Codes = all.Codes
		}
		sum := func(to *Quantity, of func(Facts) Quantity) {
			if to.Value == "" {
				*to = total(goods, of)
			}
		}
		sum(&w.GrossMass, func(f Facts) Quantity { return f.GrossMass })
		sum(&w.VehicleMass, func(f Facts) Quantity { return f.VehicleMass })
		sum(&w.Packages, func(f Facts) Quantity { return f.Packages })
		if w.Destinations == nil {
			w.Destinations = joinOffices(all.Destinations)
		}
		if w.Vehicles == nil {
			w.Vehicles = joinVehicles(all.Vehicles)
		}
		units := joinUnits(all.Units)
		if w.Units == nil {
			w.Units = units
		}
		if w.seals == nil {
			w.seals = sealsOf(units)
		}
		if w.Waybills == nil {
			w.Waybills = joinWaybills(all.Waybills)
		}
	}
	return w
}

// goodsOnce is what records of one kind, in their order, say of goods, each waybill told
// once. Of those that tell all of a waybill the last counts; of several messages of one whole
// that do, the last counts for all. What is left of one that others repeat in part is counted
// by its waybills.
func goodsOnce(rs []Record) (goods []Facts) {
	waybills, wholes := make(map[string]bool), make(map[string]bool)
	for _, r := range slices.Backward(rs) {
		f, conversation := r.Facts, string(r.Sender)+" "+gateway.FoldID(r.Conversation)
		if r.WholeGoods {
			if wholes[conversation] {
				continue
			}
			rest := slices.DeleteFunc(slices.Clone(f.Waybills), func(w WaybillFact) bool { return waybills[w.key()] })
			if len(rest) == 0 && len(f.Waybills) > 0 {
				continue
			}
			if len(rest) < len(f.Waybills) {
				f.Waybills = rest
				f.GrossMass = total(rest, func(w WaybillFact) Quantity { return w.GrossMass })
				f.Packages = total(rest, func(w WaybillFact) Quantity { return w.Packages })
			}
			for _, w := range rest {
				waybills[w.key()] = true
			}
			wholes[conversation] = r.Conversation != ""
		}
		goods = append(goods, f)
	}
	slices.Reverse(goods)
	return goods
}

// hasGoods reports whether f speaks of any goods.
func (f Facts) hasGoods() bool {
	positive := func(q Quantity) bool { return q.Value != "" && number(q.Value).Sign() > 0 }
	return len(f.Waybills) > 0 || positive(f.GrossMass) || positive(f.Packages)
}

// keys is the set of the elements' keys.
func keys[T interface{ key() string }](list []T) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, e := range list {
		set[e.key()] = true
	}
	return set
}

// join merges the elements that share a key into the first of them. Elements without
// a key stay as they are.
func join[T interface{ key() string }](list []T, merge func(into *T, from T)) []T {
	var out []T
	at := make(map[string]int)
	for _, e := range list {
		k := e.key()
		if i, ok := at[k]; ok {
			merge(&out[i], e)
			continue
		}
		if k != "" {
			at[k] = len(out)
		}
		out = append(out, e)
	}
	return out
}

func joinOffices(list []OfficeFact) []OfficeFact {
	return join(list, func(*OfficeFact, OfficeFact) {})
}

func joinVehicles(list []VehicleFact) []VehicleFact {
	return join(list, func(into *VehicleFact, from VehicleFact) {
		if into.Role == "" {
			into.Role = from.Role
		}
		into.Tare = cmp.Or(into.Tare, from.Tare)
	})
}

func joinUnits(list []UnitFact) []UnitFact {
	return join(list, func(into *UnitFact, from UnitFact) {
		for _, f := range []struct {
			to   *string
			from string
		}{{&into.Kind, from.Kind}, {&into.SizeType, from.SizeType}, {&into.Fullness, from.Fullness}, {&into.Tare, from.Tare}} {
			if *f.to == "" {
				*f.to = f.from
			}
		}
		into.Seals = slices.Concat(into.Seals, from.Seals)
		into.Carriers = slices.Concat(into.Carriers, from.Carriers)
		into.Acted = slices.Concat(into.Acted, from.Acted)
	})
}

// joinWaybills adds up the parts of a transport document that is split.
func joinWaybills(list []WaybillFact) []WaybillFact {
	return join(list, func(into *WaybillFact, from WaybillFact) {
		parts := []WaybillFact{*into, from}
		into.GrossMass = total(parts, func(w WaybillFact) Quantity { return w.GrossMass })
		into.Packages = total(parts, func(w WaybillFact) Quantity { return w.Packages })
	})
}

// sealsOf lists the seals of units; of one named twice the later state counts.
func sealsOf(units []UnitFact) []SealFact {
	var all []SealFact
	for _, u := range units {
		all = append(all, u.Seals...)
	}
	return join(all, func(into *SealFact, from SealFact) {
		if from.State != "" {
			into.State = from.State
		}
		if from.Change != "" {
			into.Act, into.Change, into.Office, into.At = from.Act, from.Change, from.Office, from.At
		}
		into.Agency = cmp.Or(into.Agency, from.Agency)
		if from.Unit != "" {
			into.Unit = from.Unit
		}
	})
}
