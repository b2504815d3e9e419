// What Go and the C side of this package say to each other. Every position and
// length counts bytes of one blob of strings; a namespace is an index from 1 into
// the declarations, 0 is none, XML_SPACE the one nobody declares.
#ifndef CUSTOMS_SCHEMA_SHIM_H
#define CUSTOMS_SCHEMA_SHIM_H

#include <stddef.h>
#include <stdint.h>

#define XML_SPACE UINT32_MAX
#define NO_PARENT UINT32_MAX
#define MESSAGE_MAX 2048

typedef struct { uint32_t at, len; } span;
typedef struct { uint32_t parent, children, namespaces, attrs, ns; span name, text; } flat_element;
typedef struct { uint32_t ns; span name, value; } flat_attr;
typedef struct { span prefix, uri; } flat_namespace;

// An error that libxml2 reported. element is an index from 1, 0 is none.
typedef struct {
	int code;
	uint32_t element;
	char message[MESSAGE_MAX]; // both its ends, when it is longer: the middle is a received value
	char detail[MESSAGE_MAX];  // the facet's value; its beginning, when it is longer
} flat_error;

typedef struct { flat_error *list; int n, cap, lost, broken; } flat_errors;

void shim_init(void);
uint64_t shim_denied(void);

// shim_compile compiles the schema file name. files holds all files it may import, each
// as two lengths (native uint32), name and bytes; used gets 1 for each one read.
uintptr_t shim_compile(const char *name, const unsigned char *files, size_t size, unsigned char *used, char *errors, size_t errors_size);
void shim_free_schema(uintptr_t schema);

// shim_flatten fills arrays of exactly the given sizes in document order and numbers the
// nodes for shim_validate. It answers the length of the blob, or -1 if the sizes are wrong.
int64_t shim_flatten(uintptr_t doc, flat_element *elements, size_t n_elements, flat_attr *attrs, size_t n_attrs,
	flat_namespace *namespaces, size_t n_namespaces, unsigned char *blob, size_t blob_size);

// shim_validate judges a flattened document, or its element of that number, from 1; 0 is
// all of it. It answers 0, libxml2's code, or -1.
int shim_validate(uintptr_t schema, uintptr_t doc, uint32_t element, flat_errors *errors);
void shim_free_errors(flat_errors *errors);

#endif
