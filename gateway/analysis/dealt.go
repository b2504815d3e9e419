package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/mapping/recipe"
)

// The fates of a value of a document that is split, worst first.
const (
	Nowhere  Fate = "nowhere"  // stands in no part
	Reworded Fate = "reworded" // the parts that have it say something else
	Several  Fate = "several"  // stands in several parts
	Single   Fate = "single"   // stands in one part
	Supplied Fate = "supplied" // the whole does not say it, a part does
)

var dealtFates = []Fate{Nowhere, Reworded, Several, Single, Supplied}

// Dealt is where one value of a document went.
type Dealt struct {
	Fate  Fate     `json:"fate"`
	At    string   `json:"at"` // in the whole
	Text  string   `json:"text"`
	Parts []int    `json:"parts"`          // that have it, from 1
	Says  []string `json:"says,omitempty"` // what each of them says, where it is something else
}

// SplitLoss is what becomes of every value of a document that is split.
type SplitLoss struct {
	Split  string       `json:"split"`
	Parts  int          `json:"parts"`
	Counts map[Fate]int `json:"counts"`
	Values []Dealt      `json:"values"`
}

// Deal splits a document and compares the parts with it. The faults say why it could not
// be split. ID is the message's.
func Deal(s *recipe.Split, d *customsv1.Document, id string) (*SplitLoss, gateway.Faults) {
	split := s.Run(d, id)
	if len(split.Parts) == 0 {
		return nil, split.Faults
	}
	said := map[string]*Dealt{}
	loss := &SplitLoss{Split: s.ID(), Parts: len(split.Parts), Counts: map[Fate]int{}}
	var order []*Dealt
	at := func(v value, fate Fate) *Dealt {
		if said[v.at] == nil {
			said[v.at] = &Dealt{Fate: fate, At: v.at, Text: v.text, Parts: []int{}}
			order = append(order, said[v.at])
		}
		return said[v.at]
	}
	for _, v := range leaves(d) {
		at(v, Nowhere)
	}
	for i, part := range split.Parts {
		for _, v := range leaves(part) {
			dealt := at(value{split.Origin(i, v.at), ""}, Supplied)
			dealt.Parts, dealt.Says = append(dealt.Parts, i+1), append(dealt.Says, v.text)
		}
	}
	for _, v := range order {
		alike := slices.IndexFunc(v.Says, func(text string) bool { return text != v.Text }) < 0
		switch {
		case v.Fate == Supplied || len(v.Parts) == 0:
		case !alike:
			v.Fate = Reworded
		case len(v.Parts) > 1:
			v.Fate = Several
		default:
			v.Fate = Single
		}
		if alike {
			v.Says = nil
		}
		loss.Counts[v.Fate]++
		loss.Values = append(loss.Values, *v)
	}
	return loss, nil
}

// Report lays the loss out for people; without all, what stands in one part is only counted.
func (l *SplitLoss) Report(all bool) Report {
	out := Report{Title: "loss in " + l.Split, Facts: []Key{{"parts", strconv.Itoa(l.Parts)}}}
	for _, f := range dealtFates {
		out.Facts = append(out.Facts, Key{string(f), strconv.Itoa(l.Counts[f])})
	}
	s := Section{Heading: "Values", Columns: []string{"fate", "value", "before", "parts", "after"}}
	for _, v := range l.Values {
		if all || v.Fate != Single {
			parts := strings.Trim(fmt.Sprint(v.Parts), "[]")
			s.Rows = append(s.Rows, []string{string(v.Fate), v.At, gateway.Clip(v.Text), parts, gateway.Clip(strings.Join(v.Says, " | "))})
		}
	}
	out.Sections = []Section{s}
	return out
}
