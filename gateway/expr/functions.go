package expr

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	celtypes "cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/codelist"
	"customs.example/gateway/document"
)

// Functions lists what conditions have beyond CEL's own, one signature a line.
const Functions = `decimal(text) -> decimal          a constant: decimal("1.5")
decimal + - < <= > >= == !=       by value, exactly
abs(decimal) -> decimal
date(text) -> date                a constant: date("2026-03-01")
date < <= > >= == !=
day(timestamp) -> date            the day in UTC
sum(list(decimal)) -> decimal
sum(list(int)) -> int             stops at the largest int
unique(list(string)) -> bool      no text is there twice
unique(list(int)) -> bool
text(list(Text), language) -> string   "" if there is none
extension(message, name) -> string     value of its extension, a constant name; "" if there is none
extensions(message, name) -> list(string)   values of all extensions of the name
known(list, code) -> bool         the code list holds the code
known(list, code, timestamp) -> bool   and it is valid on that day
inn kpp ogrn bin uscc orgCode iso6346 wagon esr (text) -> bool   form and check digit`

func functions(lists *codelist.Lists) []cel.EnvOption {
	texts := types.object((*customsv1.Text)(nil).ProtoReflect().Descriptor())
	options := []cel.EnvOption{
		cel.Function(operators.Add, cel.Overload("add_decimal", args(decimalType, decimalType), decimalType)),
		cel.Function(operators.Subtract, cel.Overload("subtract_decimal", args(decimalType, decimalType), decimalType)),
		cel.Function("decimal", cel.Overload("string_to_decimal", args(cel.StringType), decimalType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				n, err := document.ParseNumber(string(v.(celtypes.String)))
				if err != nil {
					return celtypes.WrapErr(err)
				}
				return decimal{n}
			}))),
		cel.Function("abs", cel.Overload("abs_decimal", args(decimalType), decimalType,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return decimal{v.(decimal).Abs()} }))),
		cel.Function("date", cel.Overload("string_to_date", args(cel.StringType), dateType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				if _, err := document.ParseDate(string(v.(celtypes.String))); err != nil {
					return celtypes.WrapErr(err)
				}
				return date(v.(celtypes.String))
			}))),
		cel.Function("day", cel.Overload("day_timestamp", args(cel.TimestampType), dateType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				return date(v.(celtypes.Timestamp).UTC().Format(time.DateOnly))
			}))),
		cel.Function("sum",
			cel.Overload("sum_decimals", args(cel.ListType(decimalType)), decimalType, cel.UnaryBinding(sumDecimals)),
			cel.Overload("sum_ints", args(cel.ListType(cel.IntType)), cel.IntType, cel.UnaryBinding(sumInts))),
		cel.Function("unique",
			cel.Overload("unique_strings", args(cel.ListType(cel.StringType)), cel.BoolType, cel.UnaryBinding(unique)),
			cel.Overload("unique_ints", args(cel.ListType(cel.IntType)), cel.BoolType, cel.UnaryBinding(unique))),
		cel.Function("text", cel.Overload("text_language", args(cel.ListType(texts), cel.StringType), cel.StringType,
			cel.BinaryBinding(text))),
		cel.Function("extension", ofMessages(cel.StringType, func(values []string) ref.Val {
			if len(values) == 0 {
				return celtypes.String("")
			}
			return celtypes.String(values[0])
		})...),
		cel.Function("extensions", ofMessages(cel.ListType(cel.StringType), func(values []string) ref.Val {
			return celtypes.NewStringList(celtypes.DefaultTypeAdapter, values)
		})...),
		cel.Function("known",
			cel.Overload("known_code", args(cel.StringType, cel.StringType), cel.BoolType,
				cel.BinaryBinding(func(list, code ref.Val) ref.Val { return known(lists, list, code, time.Time{}) })),
			cel.Overload("known_code_on", args(cel.StringType, cel.StringType, cel.TimestampType), cel.BoolType,
				cel.FunctionBinding(func(v ...ref.Val) ref.Val {
					return known(lists, v[0], v[1], v[2].(celtypes.Timestamp).Time)
				}))),
	}
	for _, operator := range []string{operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals} {
		options = append(options, cel.Function(operator,
			cel.Overload(operator+"decimal", args(decimalType, decimalType), cel.BoolType),
			cel.Overload(operator+"date", args(dateType, dateType), cel.BoolType)))
	}
	for name, check := range checkDigits {
		options = append(options, cel.Function(name, cel.Overload(name+"_string", args(cel.StringType), cel.BoolType,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return celtypes.Bool(check(string(v.(celtypes.String)))) }))))
	}
	return options
}

var checkDigits = map[string]func(string) bool{
	"inn": inn, "kpp": kpp, "ogrn": ogrn, "bin": bin, "uscc": uscc,
	"orgCode": orgCode, "iso6346": iso6346, "wagon": wagon, "esr": esr,
}

// ofMessages are the overloads of a function of the values that the extensions of a name have in a
// message.
func ofMessages(gives *cel.Type, value func([]string) ref.Val) (all []cel.FunctionOpt) {
	for _, name := range slices.Sorted(maps.Keys(types.messages)) {
		md := types.messages[name]
		if md.Fields().ByName("extensions") == nil {
			continue
		}
		all = append(all, cel.Overload("of_"+string(md.Name())+"_"+gives.String(), args(types.object(md), cel.StringType), gives,
			cel.BinaryBinding(func(m, name ref.Val) ref.Val {
				return value(named(document.Of(m.(*object).Interface()), string(name.(celtypes.String))))
			})))
	}
	return all
}

// named are the values that the extensions of a name have in a message.
func named(m document.Node, name string) []string {
	found := document.Named(m, name)
	values := make([]string, 0, len(found))
	for _, e := range found {
		if e.GetValue() != "" {
			values = append(values, e.GetValue())
		}
	}
	return values
}

func args(types ...*cel.Type) []*cel.Type { return types }

// each calls f for the elements of a list until it returns an error value.
func each(list ref.Val, f func(ref.Val) ref.Val) ref.Val {
	for it := list.(traits.Lister).Iterator(); it.HasNext() == celtypes.True; {
		v := it.Next()
		if celtypes.IsUnknownOrError(v) {
			return v
		}
		if stop := f(v); stop != nil {
			return stop
		}
	}
	return nil
}

func sumDecimals(list ref.Val) ref.Val {
	var sum document.Number
	if err := each(list, func(v ref.Val) ref.Val {
		sum = sum.Add(v.(decimal).Number)
		return nil
	}); err != nil {
		return err
	}
	return decimal{sum}
}

func sumInts(list ref.Val) ref.Val {
	sum := int64(0)
	if err := each(list, func(v ref.Val) ref.Val {
		sum = plus(sum, int64(v.(celtypes.Int)))
		return nil
	}); err != nil {
		return err
	}
	return celtypes.Int(sum)
}

// plus adds n to a sum, which stops at the largest int.
func plus(sum, n int64) int64 {
	if n > 0 && sum > math.MaxInt64-n {
		return math.MaxInt64
	}
	return sum + n
}

func unique(list ref.Val) ref.Val {
	seen := map[any]bool{}
	if stop := each(list, func(v ref.Val) ref.Val {
		if seen[v.Value()] {
			return celtypes.False
		}
		seen[v.Value()] = true
		return nil
	}); stop != nil {
		return stop
	}
	return celtypes.True
}

func text(list, language ref.Val) ref.Val {
	if found := each(list, func(v ref.Val) ref.Val {
		if t := v.(*object).Interface().(*customsv1.Text); t.GetLanguage() == language.Value() {
			return celtypes.String(t.GetValue())
		}
		return nil
	}); found != nil {
		return found
	}
	return celtypes.String("")
}

func known(lists *codelist.Lists, list, code ref.Val, on time.Time) ref.Val {
	is, err := isKnown(lists, string(list.(celtypes.String)), string(code.(celtypes.String)), on)
	if err != nil {
		return celtypes.WrapErr(err)
	}
	return celtypes.Bool(is)
}

func isKnown(lists *codelist.Lists, list, code string, on time.Time) (bool, error) {
	if !lists.Has(list) {
		return false, fmt.Errorf("there is no code list %q", list)
	}
	return lists.Known(list, code, on), nil
}
