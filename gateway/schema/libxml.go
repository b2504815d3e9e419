package schema

/*
#cgo pkg-config: libxml-2.0
#cgo CFLAGS: -Wall -O2
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"encoding/binary"
	"errors"
	"strings"
	"unsafe"

	"github.com/lestrrat-go/libxml2/parser"
	"github.com/lestrrat-go/libxml2/types"

	"customs.example/gateway/pace"
	"customs.example/gateway/xmltree"
)

// The library's own Schema.Validate overruns a stack buffer and is never called; nor
// is NoEnt ever set, which would read files. So this file and shim.c are all that
// touches C.

func init() { C.shim_init() }

// Denied counts the external resources libxml2 has asked for in this process and was
// refused. It moves only when a schema names a file that is not there, or when the
// byte gate has a hole.
func Denied() uint64 { return uint64(C.shim_denied()) }

const parseOptions = parser.XMLParseNoNet | parser.XMLParseNoError | parser.XMLParseNoWarning |
	parser.XMLParseIgnoreEnc // the gate has read UTF-8, whatever name the document gives it

func parse(raw []byte) (types.Document, error) { return parser.New(parseOptions).Parse(raw) }

// flat is a document as libxml2 holds it, copied out in one call.
type flat struct {
	elements   []C.flat_element
	attrs      []C.flat_attr
	namespaces []C.flat_namespace
	blob       string
}

var errCensus = errors.New("the byte gate and libxml2 read different documents")

// flatten copies doc out. raw and count are what the byte gate saw of it.
func flatten(doc types.Document, raw []byte, count census) (flat, error) {
	f := flat{
		elements:   make([]C.flat_element, len(count.lines)),
		attrs:      make([]C.flat_attr, count.attrs),
		namespaces: make([]C.flat_namespace, count.namespaces),
	}
	blob := make([]byte, len(raw))
	n := C.shim_flatten(C.uintptr_t(doc.Pointer()),
		unsafe.SliceData(f.elements), C.size_t(len(f.elements)),
		unsafe.SliceData(f.attrs), C.size_t(len(f.attrs)),
		unsafe.SliceData(f.namespaces), C.size_t(len(f.namespaces)),
		(*C.uchar)(unsafe.SliceData(blob)), C.size_t(len(blob)))
	if n < 0 {
		return flat{}, errCensus
	}
	f.blob = unsafe.String(unsafe.SliceData(blob), int(n)) // nobody writes to blob again
	return f, nil
}

// tree builds the Go tree.
func (f flat) tree(steps *pace.Steps, lines []int32) *xmltree.Document {
	b := xmltree.NewBuilder(len(f.elements), len(f.attrs))
	attrs, namespaces := f.attrs, f.namespaces
	parent := C.uint32_t(C.NO_PARENT) // of the next element, were it the open one's first child
	for i := range f.elements {
		if !steps.Next() {
			return nil
		}
		e := &f.elements[i]
		for ; parent != e.parent; parent = f.elements[parent].parent {
			b.Close()
		}
		parent = C.uint32_t(i)
		name, prefix := f.name(e.name, e.ns)
		t := b.Open(name, prefix, int(e.attrs), int(e.children))
		t.Line, t.Text = int(lines[i]), f.text(e.text)
		for _, n := range namespaces[:e.namespaces] {
			b.Namespace(f.text(n.prefix), f.text(n.uri))
		}
		for _, a := range attrs[:e.attrs] {
			name, prefix := f.name(a.name, a.ns)
			b.Attr(xmltree.Attr{Name: name, Prefix: prefix, Value: f.text(a.value)})
		}
		namespaces, attrs = namespaces[e.namespaces:], attrs[e.attrs:]
	}
	for ; parent != C.NO_PARENT; parent = f.elements[parent].parent {
		b.Close()
	}
	return b.Document()
}

func (f flat) text(s C.span) string { return f.blob[s.at : s.at+s.len] }

func (f flat) name(local C.span, ns C.uint32_t) (xmltree.Name, string) {
	switch ns {
	case 0:
		return xmltree.Name{Local: f.text(local)}, ""
	case C.XML_SPACE:
		return xmltree.Name{Space: xmltree.XMLSpace, Local: f.text(local)}, "xml"
	}
	n := &f.namespaces[ns-1]
	return xmltree.Name{Space: f.text(n.uri), Local: f.text(local)}, f.text(n.prefix)
}

// finding is one error as libxml2 reports it. element is an index in document order,
// -1 for none.
type finding struct {
	code, element   int
	message, detail string
}

// validate judges a flattened document, or one element of it by its place in document
// order from 1, and returns what libxml2 found, and whether it found more than that. An
// error means that it could not judge.
func validate(compiled uintptr, doc types.Document, element int) (found []finding, more bool, err error) {
	errs := C.flat_errors{cap: MaxFaults}
	defer func() { C.shim_free_errors(&errs) }()
	ret := C.shim_validate(C.uintptr_t(compiled), C.uintptr_t(doc.Pointer()), C.uint32_t(element), &errs)
	if ret < 0 || ret > 0 && errs.n == 0 {
		return nil, false, errors.New("libxml2 could not validate the document")
	}
	for _, e := range unsafe.Slice(errs.list, errs.n) {
		found = append(found, finding{
			code: int(e.code), element: int(e.element) - 1,
			message: strings.ToValidUTF8(C.GoString(&e.message[0]), ""),
			detail:  strings.ToValidUTF8(C.GoString(&e.detail[0]), ""),
		})
	}
	return found, errs.lost != 0, nil
}

// library is every schema file in the form the C side reads.
type library struct {
	names []string
	files []byte
}

func (l *library) add(name string, data []byte) {
	url := scheme + name
	l.names = append(l.names, name)
	l.files = binary.NativeEndian.AppendUint32(l.files, uint32(len(url)))
	l.files = binary.NativeEndian.AppendUint32(l.files, uint32(len(data)))
	l.files = append(append(l.files, url...), data...)
}

// scheme makes names absolute, so that libxml2 resolves relative imports without
// looking at the process's directory.
const scheme = "xsd:///"

// compile compiles one file and returns it with the names of all files it was made from.
func (l *library) compile(name string) (uintptr, []string, error) {
	url := C.CString(scheme + name)
	defer C.free(unsafe.Pointer(url))
	used := make([]byte, len(l.names))
	complaint := make([]byte, 8<<10)
	ptr := C.shim_compile(url, (*C.uchar)(unsafe.SliceData(l.files)), C.size_t(len(l.files)),
		(*C.uchar)(unsafe.SliceData(used)), (*C.char)(unsafe.Pointer(unsafe.SliceData(complaint))), C.size_t(len(complaint)))
	if ptr == 0 {
		text := C.GoString((*C.char)(unsafe.Pointer(unsafe.SliceData(complaint))))
		return 0, nil, errors.New(strings.ReplaceAll(text, scheme, ""))
	}
	var parts []string
	for i, u := range used {
		if u != 0 {
			parts = append(parts, l.names[i])
		}
	}
	return uintptr(ptr), parts, nil
}

func free(compiled uintptr) { C.shim_free_schema(C.uintptr_t(compiled)) }
