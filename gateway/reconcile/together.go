package reconcile

import (
	"slices"

	"customs.example/gateway"
)

// whole is what several records say together. Its seals may come from other records
// than its load units: a vehicle report may list containers, a manifest their seals.
type whole struct {
	Facts
	seals []SealFact
}

func (v VehicleFact) key() string { return Fold(Vehicle, v.Registration) }
func (u UnitFact) key() string    { return Fold(LoadUnit, u.ID) }
func (s SealFact) key() string    { return Fold(Seal, s.ID) }
func (w WaybillFact) key() string { return Fold(Waybill, w.ID) }

// together joins records: those of one kind add up, and each question is answered by
// the first kind that answers it.
func together(rs []Record) whole {
	groups := make([][]Record, len(announcing)+1) // arrivals come last, and by themselves
	for _, r := range rs {
		i := slices.Index(announcing, r.Kind)
		if i < 0 {
			i = len(announcing)
		}
		groups[i] = append(groups[i], r)
	}
	var w whole
	for _, g := range groups {
		var all Facts
		var goods []Record // those that tell of goods for the first time
		for i, r := range g {
			if !slices.ContainsFunc(g[:i], r.repeats) {
				goods = append(goods, r)
				all.Waybills = append(all.Waybills, r.Facts.Waybills...)
			}
			all.Vehicles = append(all.Vehicles, r.Facts.Vehicles...)
			all.Units = append(all.Units, r.Facts.Units...)
			w.Empty = w.Empty || r.Facts.Empty
			if w.Entry.Code == "" {
				w.Entry = r.Facts.Entry
			}
			if w.Destination.Code == "" {
				w.Destination = r.Facts.Destination
			}
		}
		sum := func(to *Quantity, of func(Record) Quantity) {
			if to.Value == "" {
				*to = total(goods, of)
			}
		}
		sum(&w.GrossMass, func(r Record) Quantity { return r.Facts.GrossMass })
		sum(&w.VehicleMass, func(r Record) Quantity { return r.Facts.VehicleMass })
		sum(&w.Packages, func(r Record) Quantity { return r.Facts.Packages })
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

// repeats reports whether a record tells of the very goods that another of the same
// conversation has told of: a notice that is split by its vehicles has them in each part.
func (r Record) repeats(o Record) bool {
	return r.Conversation != "" && gateway.SameID(r.Conversation, o.Conversation) && !r.Goods.IsZero() && r.Goods == o.Goods
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

func joinVehicles(list []VehicleFact) []VehicleFact {
	return join(list, func(into *VehicleFact, from VehicleFact) {
		if into.Role == "" {
			into.Role = from.Role
		}
	})
}

func joinUnits(list []UnitFact) []UnitFact {
	return join(list, func(into *UnitFact, from UnitFact) {
		for _, f := range []struct {
			to   *string
			from string
		}{{&into.Kind, from.Kind}, {&into.SizeType, from.SizeType}, {&into.Fullness, from.Fullness}} {
			if *f.to == "" {
				*f.to = f.from
			}
		}
		into.Seals = slices.Concat(into.Seals, from.Seals)
		into.Carriers = slices.Concat(into.Carriers, from.Carriers)
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
		if from.Act != "" {
			into.Act = from.Act
		}
		if from.Unit != "" {
			into.Unit = from.Unit
		}
	})
}
