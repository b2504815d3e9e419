// Package document owns the canonical document: its data dictionary as Go values,
// its JSON form in and out, access by path, decimals and instants, and the strict
// reading of YAML. It refuses to judge: what a value means, which codes exist and
// what must be present is for packages above it.
package document

import (
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"customs.example/gateway"
	customsv1 "customs.example/gateway/api/customs/v1"
)

var (
	rootDescriptor = (*customsv1.Document)(nil).ProtoReflect().Descriptor()
	kindOneof      = rootDescriptor.Oneofs().ByName("kind")
)

// Kinds returns the kinds of document, in the schema's order: "PreArrivalNotice" ...
func Kinds() []string {
	fields := kindOneof.Fields()
	out := make([]string, fields.Len())
	for i := range out {
		out[i] = string(fields.Get(i).Message().Name())
	}
	return out
}

// Kind returns the kind of d, "" if it has none.
func Kind(d *customsv1.Document) string {
	if fd := d.ProtoReflect().WhichOneof(kindOneof); fd != nil {
		return string(fd.Message().Name())
	}
	return ""
}

// New returns an empty document of a kind.
func New(kind string) (*customsv1.Document, error) {
	f, err := kindField(kind)
	if err != nil {
		return nil, err
	}
	d := &customsv1.Document{}
	d.ProtoReflect().Mutable(f.desc)
	return d, nil
}

// Body returns the message of d's kind, nil if it has none.
func Body(d *customsv1.Document) protoreflect.Message {
	m := d.ProtoReflect()
	if fd := m.WhichOneof(kindOneof); fd != nil {
		return m.Get(fd).Message()
	}
	return nil
}

// Clone returns a deep copy of d.
func Clone(d *customsv1.Document) *customsv1.Document { return proto.CloneOf(d) }

// Digest returns the SHA-256 digest of d's canonical JSON.
func Digest(d *customsv1.Document) gateway.Digest {
	w := writer{buf: make([]byte, 0, 2*chunk), sum: sha256.New()}
	w.message(d.ProtoReflect(), schemaOf(rootDescriptor))
	w.sum.Write(w.buf)
	return gateway.Digest(w.sum.Sum(nil))
}

func kindField(kind string) (*Field, error) {
	for _, f := range schemaOf(rootDescriptor).fields {
		if f.kind && string(f.desc.Message().Name()) == kind {
			return f, nil
		}
	}
	return nil, fmt.Errorf("unknown kind of document %q: nearest is %s", kind, nearest(kind, Kinds()))
}
