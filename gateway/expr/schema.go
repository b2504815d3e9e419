package expr

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	celtypes "cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// schema tells CEL the types of the canonical document, and its values.
type schema struct {
	objects  map[string]*cel.Type
	messages map[string]protoreflect.MessageDescriptor
}

var types = newSchema()

func newSchema() *schema {
	s := &schema{
		map[string]*cel.Type{decimalType.TypeName(): decimalType, dateType.TypeName(): dateType},
		map[string]protoreflect.MessageDescriptor{},
	}
	messages := rootDescriptor.ParentFile().Messages()
	for i := range messages.Len() {
		name := string(messages.Get(i).FullName())
		s.messages[name], s.objects[name] = messages.Get(i), cel.ObjectType(name)
	}
	return s
}

func (s *schema) object(md protoreflect.MessageDescriptor) *cel.Type {
	return s.objects[string(md.FullName())]
}

// field returns the type of a field as conditions see it.
func (s *schema) field(f protoreflect.FieldDescriptor) *cel.Type {
	t := s.element(f)
	if f.IsList() {
		return cel.ListType(t)
	}
	return t
}

func (s *schema) element(f protoreflect.FieldDescriptor) *cel.Type {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.EnumKind:
		return cel.StringType
	case protoreflect.BoolKind:
		return cel.BoolType
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return cel.IntType
	}
	switch f.Message().FullName() {
	case decimalName:
		return decimalType
	case instantName:
		return cel.TimestampType
	case dateName:
		return dateType
	}
	return s.object(f.Message())
}

var (
	decimalName = (*customsv1.Decimal)(nil).ProtoReflect().Descriptor().FullName()
	instantName = (*customsv1.Instant)(nil).ProtoReflect().Descriptor().FullName()
	dateName    = (*customsv1.Date)(nil).ProtoReflect().Descriptor().FullName()
)

// maxDigits is the most that a decimal may have for arithmetic; the dictionary allows
// far fewer. Reading a million digits takes long, and each rule reads them again.
const maxDigits = 100

// get returns a field's value, or an error value for an unset leaf that has no zero.
func get(m protoreflect.Message, f protoreflect.FieldDescriptor) ref.Val {
	v := m.Get(f)
	if !f.IsList() {
		return value(f, v)
	}
	list := make([]ref.Val, v.List().Len())
	for i := range list {
		list[i] = value(f, v.List().Get(i))
	}
	return celtypes.NewRefValList(types, list)
}

func value(f protoreflect.FieldDescriptor, v protoreflect.Value) ref.Val {
	switch f.Kind() {
	case protoreflect.StringKind:
		return celtypes.String(v.String())
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil && v.Enum() != 0 {
			return celtypes.String(d.Name())
		}
		return celtypes.String("")
	case protoreflect.BoolKind:
		return celtypes.Bool(v.Bool())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return celtypes.Int(min(v.Uint(), math.MaxInt64)) // no count of real things comes near
	}
	switch f.Message().FullName() {
	case decimalName:
		n, err := decimalOf(f.JSONName(), v.Message().Interface().(*customsv1.Decimal).GetValue())
		return orError(decimal{n}, err)
	case instantName:
		t, err := instantOf(f.JSONName(), v.Message().Interface().(*customsv1.Instant).GetValue())
		return orError(celtypes.Timestamp{Time: t}, err)
	case dateName:
		d, err := dateOf(f.JSONName(), v.Message().Interface().(*customsv1.Date).GetValue())
		return orError(d, err)
	}
	return &object{v.Message()}
}

func orError(v ref.Val, err error) ref.Val {
	if err != nil {
		return celtypes.WrapErr(err)
	}
	return v
}

// decimalOf reads the text of a Decimal; one that is unset is an error, as for the next two.
func decimalOf(field, text string) (document.Number, error) {
	if len(text) > maxDigits {
		return document.Number{}, fmt.Errorf("%s has more than %d digits", field, maxDigits)
	}
	n, err := document.ParseNumber(text)
	return n, unset(field, err)
}

func instantOf(field, text string) (time.Time, error) {
	t, err := document.ParseInstant(text)
	return t, unset(field, err)
}

func dateOf(field, text string) (date, error) {
	_, err := document.ParseDate(text)
	return date(text), unset(field, err)
}

func unset(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s has no value: %w", field, err)
}

// NativeToValue makes a CEL value of a Go value.
func (s *schema) NativeToValue(v any) ref.Val {
	if m, ok := v.(protoreflect.Message); ok {
		return &object{m}
	}
	return celtypes.DefaultTypeAdapter.NativeToValue(v)
}

// EnumValue knows none: enums are texts.
func (s *schema) EnumValue(name string) ref.Val { return celtypes.NewErr("unknown enum name %q", name) }

// FindIdent knows none: types are no values.
func (s *schema) FindIdent(string) (ref.Val, bool) { return nil, false }

// FindStructType finds a message of the document by its full name, decimal or date.
func (s *schema) FindStructType(name string) (*celtypes.Type, bool) {
	t, ok := s.objects[name]
	if !ok {
		return nil, false
	}
	return celtypes.NewTypeTypeWithParam(t), true
}

// FindStructFieldNames returns the JSON names of a message's fields.
func (s *schema) FindStructFieldNames(name string) ([]string, bool) {
	md, ok := s.messages[name]
	if !ok {
		return nil, false
	}
	names := make([]string, md.Fields().Len())
	for i := range names {
		names[i] = md.Fields().Get(i).JSONName()
	}
	return names, true
}

// FindStructFieldType finds a field of a message by its JSON name.
func (s *schema) FindStructFieldType(message, name string) (*celtypes.FieldType, bool) {
	md, ok := s.messages[message]
	if !ok {
		return nil, false
	}
	f := md.Fields().ByJSONName(name)
	if f == nil {
		return nil, false
	}
	return &celtypes.FieldType{
		Type:  s.field(f),
		IsSet: func(m any) bool { return m.(protoreflect.Message).Has(f) },
		GetFrom: func(m any) (any, error) {
			v := get(m.(protoreflect.Message), f)
			if err, bad := v.(*celtypes.Err); bad {
				return nil, err
			}
			return v, nil
		},
	}, true
}

// NewValue refuses: conditions judge messages and make none.
func (s *schema) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return celtypes.NewErr("conditions cannot make a %s", name)
}

// object is a message as a CEL value.
type object struct{ protoreflect.Message }

func objectOf(m document.Node) *object { return &object{m.Interface().ProtoReflect()} }

// ConvertToNative gives the message itself.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if m := o.Message.Interface(); reflect.TypeOf(m).AssignableTo(t) {
		return m, nil
	}
	return nil, fmt.Errorf("%s is no %s", o.Descriptor().FullName(), t)
}

// ConvertToType refuses all but the message's own type.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t.TypeName() == o.Type().TypeName() {
		return o
	}
	return celtypes.NewErr("%s is no %s", o.Type().TypeName(), t.TypeName())
}

// Equal compares content.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return celtypes.Bool(ok && proto.Equal(o.Interface(), p.Interface()))
}

// Type returns the message's type.
func (o *object) Type() ref.Type { return types.object(o.Descriptor()) }

// Value returns the message.
func (o *object) Value() any { return o.Message }

// sizes tells CEL how large the dictionary lets lists and texts be.
type sizes struct {
	this, outer protoreflect.MessageDescriptor
}

// EstimateSize follows a path of variables and fields to its dictionary entry.
func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	f, err := s.follow(node.Path())
	if err != nil || f == nil {
		switch node.Type().Kind() {
		case celtypes.StringKind, celtypes.StructKind: // what a function made
			return &cost.SizeEstimate{Min: 0, Max: maxText}
		}
		return nil
	}
	rule := proto.GetExtension(f.Options(), customsv1.E_Rule).(*customsv1.Rule)
	size := uint64(maxText)
	if f.IsList() && node.Path()[len(node.Path())-1] != "@items" {
		size = uint64(rule.GetItems())
	} else if rule.GetLength() > 0 {
		size = uint64(rule.GetLength())
	}
	return &cost.SizeEstimate{Min: 0, Max: size}
}

// maxText bounds what has no length of its own.
const maxText = 4000

// maxExtensions is how many extensions a message has at most.
const maxExtensions = 50

func (s sizes) follow(path []string) (f protoreflect.FieldDescriptor, err error) {
	md := s.this
	for i, name := range path {
		switch {
		case name == "@items" || i == 0 && name == "this":
		case i == 0 && name == "document":
			md = rootDescriptor
		case i == 0 && name == "outer":
			md = s.outer
		default:
			if md == nil {
				return nil, errors.New("no fields")
			}
			if f = md.Fields().ByJSONName(name); f == nil {
				return nil, fmt.Errorf("no field %s", name)
			}
			md = f.Message()
		}
	}
	return f, nil
}

// EstimateCallCost charges for the functions that walk lists.
func (s sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	switch size := uint64(maxExtensions); function {
	case "extension":
		return &cost.CallEstimate{CostEstimate: cost.CostEstimate{Max: size}, ResultSize: &cost.SizeEstimate{Max: maxText}}
	case "extensions":
		return &cost.CallEstimate{CostEstimate: cost.CostEstimate{Max: size}, ResultSize: &cost.SizeEstimate{Max: size}}
	}
	if function != "sum" && function != "unique" && function != "text" {
		return nil
	}
	size := args[0].ComputedSize()
	if size == nil {
		size = s.EstimateSize(args[0])
	}
	if size == nil {
		return nil
	}
	return &cost.CallEstimate{CostEstimate: size.MultiplyByCostFactor(1)}
}
