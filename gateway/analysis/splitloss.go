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

// What becomes of a value of a document that is split, worst first.
const (
	Nowhere  LossKind = "nowhere"  // stands in no part
	Reworded LossKind = "reworded" // the parts that have it say something else
	Several  LossKind = "several"  // stands in several parts
	Single   LossKind = "single"   // stands in one part
	Supplied LossKind = "supplied" // the whole does not say it, a part does
)

var splitKinds = []LossKind{Nowhere, Reworded, Several, Single, Supplied}

// SplitValue is where one value of a document went.
type SplitValue struct {
	Kind  LossKind `json:"fate"`
	At    string   `json:"at"` // in the whole
	Text  string   `json:"text"`
	Parts []int    `json:"parts"`          // that have it, from 1
	Texts []string `json:"says,omitempty"` // what each of them says, where it is something else
}

// SplitLoss is what becomes of every value of a document that is split.
type SplitLoss struct {
	Split  string           `json:"split"`
	Parts  int              `json:"parts"`
	Counts map[LossKind]int `json:"counts"`
	Values []SplitValue     `json:"values"`
}

// CompareSplit splits a document and compares the parts with it. The faults say why it could not
// be split. ID is the message's.
func CompareSplit(s *recipe.Split, d *customsv1.Document, id string) (*SplitLoss, gateway.Faults) {
	split := s.Run(d, id)
	if len(split.Parts) == 0 {
		return nil, split.Faults
	}
	byPath := map[string]*SplitValue{}
	loss := &SplitLoss{Split: s.ID(), Parts: len(split.Parts), Counts: map[LossKind]int{}}
	var order []*SplitValue
	at := func(v value, kind LossKind) *SplitValue {
		if byPath[v.at] == nil {
			byPath[v.at] = &SplitValue{Kind: kind, At: v.at, Text: v.text, Parts: []int{}}
			order = append(order, byPath[v.at])
		}
		return byPath[v.at]
	}
	for _, v := range leaves(d) {
		at(v, Nowhere)
	}
	for i, part := range split.Parts {
		for _, v := range leaves(part) {
			entry := at(value{split.Origin(i, v.at), ""}, Supplied)
			entry.Parts, entry.Texts = append(entry.Parts, i+1), append(entry.Texts, v.text)
		}
	}
	for _, v := range order {
		alike := slices.IndexFunc(v.Texts, func(text string) bool { return text != v.Text }) < 0
		switch {
		case v.Kind == Supplied || len(v.Parts) == 0:
		case !alike:
			v.Kind = Reworded
		case len(v.Parts) > 1:
			v.Kind = Several
		default:
			v.Kind = Single
		}
		if alike {
			v.Texts = nil
		}
		loss.Counts[v.Kind]++
		loss.Values = append(loss.Values, *v)
	}
	return loss, nil
}

// Report lays the loss out for people; without all, what stands in one part is only counted.
func (l *SplitLoss) Report(all bool) Report {
	out := Report{Title: "loss in " + l.Split, Facts: []Key{{"parts", strconv.Itoa(l.Parts)}}}
	for _, f := range splitKinds {
		out.Facts = append(out.Facts, Key{string(f), strconv.Itoa(l.Counts[f])})
	}
	s := Section{Heading: "Values", Columns: []string{"fate", "value", "before", "parts", "after"}}
	for _, v := range l.Values {
		if all || v.Kind != Single {
			parts := strings.Trim(fmt.Sprint(v.Parts), "[]")
			s.Rows = append(s.Rows, []string{string(v.Kind), v.At, gateway.Clip(v.Text), parts, gateway.Clip(strings.Join(v.Texts, " | "))})
		}
	}
	out.Sections = []Section{s}
	return out
}
