package expr

import (
	"fmt"
	"reflect"
	"strings"

	"cel.dev/cel-go/cel"
	celtypes "cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"customs.example/gateway/document"
)

var (
	decimalType = cel.ObjectType("decimal", traits.AdderType|traits.SubtractorType|traits.ComparerType)
	dateType    = cel.ObjectType("date", traits.ComparerType)
)

// decimal is a decimal number as a CEL value. It is no CEL number on purpose: only a
// decimal can be compared with a decimal.
type decimal struct{ document.Number }

// Add returns the sum.
func (d decimal) Add(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	if !ok {
		return celtypes.MaybeNoSuchOverloadErr(other)
	}
	return decimal{d.Number.Add(o.Number)}
}

// Subtract returns the difference.
func (d decimal) Subtract(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	if !ok {
		return celtypes.MaybeNoSuchOverloadErr(other)
	}
	return decimal{d.Sub(o.Number)}
}

// Compare orders by value: 1.50 is 1.5.
func (d decimal) Compare(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	if !ok {
		return celtypes.MaybeNoSuchOverloadErr(other)
	}
	return celtypes.Int(d.Cmp(o.Number))
}

// Equal compares by value.
func (d decimal) Equal(other ref.Val) ref.Val {
	o, ok := other.(decimal)
	return celtypes.Bool(ok && d.Cmp(o.Number) == 0)
}

// ConvertToNative refuses all but the number itself.
func (d decimal) ConvertToNative(t reflect.Type) (any, error) { return native(d.Number, t) }

// ConvertToType refuses all but decimal.
func (d decimal) ConvertToType(t ref.Type) ref.Val { return convert(d, t) }

// Type returns decimal.
func (d decimal) Type() ref.Type { return decimalType }

// Value returns the number.
func (d decimal) Value() any { return d.Number }

// date is a calendar day, YYYY-MM-DD, as a CEL value; its text orders by time.
type date string

// Compare orders by time.
func (d date) Compare(other ref.Val) ref.Val {
	o, ok := other.(date)
	if !ok {
		return celtypes.MaybeNoSuchOverloadErr(other)
	}
	return celtypes.Int(strings.Compare(string(d), string(o)))
}

// Equal compares days.
func (d date) Equal(other ref.Val) ref.Val { return celtypes.Bool(other == d) }

// ConvertToNative refuses all but the text.
func (d date) ConvertToNative(t reflect.Type) (any, error) { return native(string(d), t) }

// ConvertToType refuses all but date.
func (d date) ConvertToType(t ref.Type) ref.Val { return convert(d, t) }

// Type returns date.
func (d date) Type() ref.Type { return dateType }

// Value returns the day as text.
func (d date) Value() any { return string(d) }

func native(v any, t reflect.Type) (any, error) {
	if reflect.TypeOf(v).AssignableTo(t) {
		return v, nil
	}
	return nil, fmt.Errorf("%T is no %s", v, t)
}

func convert(v ref.Val, t ref.Type) ref.Val {
	if t.TypeName() == v.Type().TypeName() {
		return v
	}
	return celtypes.NewErr("%s is no %s", v.Type().TypeName(), t.TypeName())
}
