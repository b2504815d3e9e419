#include "shim.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>

// The external entity loader belongs to the whole process. It serves the files that
// the compilation on this very thread was given, and nothing else to anybody.

static atomic_uint_fast64_t denied;

static _Thread_local struct {
	const unsigned char *files;
	size_t size;
	unsigned char *used;
	char *errors;
	size_t errors_size;
} compiling;

static void complain(const char *what, const char *about) {
	size_t have = strlen(compiling.errors);
	snprintf(compiling.errors + have, compiling.errors_size - have, "%s%s%s", have ? "; " : "", what, about);
}

static xmlParserInputPtr load(const char *url, const char *id, xmlParserCtxtPtr ctxt) {
	(void)id;
	size_t want = url ? strlen(url) : 0;
	const unsigned char *p = compiling.files, *end = p + compiling.size;
	for (size_t i = 0; url && p && p < end; i++) {
		uint32_t len[2];
		memcpy(len, p, sizeof len);
		const unsigned char *name = p + sizeof len, *data = name + len[0];
		if (len[0] == want && memcmp(name, url, want) == 0) {
			xmlParserInputBufferPtr buf = xmlParserInputBufferCreateMem((const char *)data, (int)len[1], XML_CHAR_ENCODING_NONE);
			xmlParserInputPtr input = buf ? xmlNewIOInputStream(ctxt, buf, XML_CHAR_ENCODING_NONE) : NULL;
			if (!input) {
				xmlFreeParserInputBuffer(buf);
				return NULL;
			}
			input->filename = (char *)xmlStrdup((const xmlChar *)url); // the base of its own imports
			compiling.used[i] = 1;
			return input;
		}
		p = data + len[1];
	}
	atomic_fetch_add(&denied, 1);
	if (compiling.errors) complain("no such file: ", url ? url : "(none)");
	return NULL;
}

void shim_init(void) {
	xmlInitParser();
	xmlSchemaInitTypes();
	xmlSetExternalEntityLoader(load);
}

uint64_t shim_denied(void) { return atomic_load(&denied); }

static void compile_error(void *ctx, xmlErrorPtr err) {
	(void)ctx;
	if (err->level < XML_ERR_ERROR || !err->message) return; // a namespace imported twice warns
	char at[MESSAGE_MAX];
	size_t n = strlen(err->message);
	while (n && err->message[n - 1] == '\n') n--;
	snprintf(at, sizeof at, "%s:%d: %.*s", err->file ? err->file : "", err->line, (int)(n > 1024 ? 1024 : n), err->message);
	complain(at, "");
}

uintptr_t shim_compile(const char *name, const unsigned char *files, size_t size, unsigned char *used, char *errors, size_t errors_size) {
	compiling.files = files, compiling.size = size, compiling.used = used;
	compiling.errors = errors, compiling.errors_size = errors_size;
	xmlSetStructuredErrorFunc(NULL, compile_error); // this thread's; parse errors come here
	xmlSchemaPtr schema = NULL;
	xmlSchemaParserCtxtPtr ctxt = xmlSchemaNewParserCtxt(name);
	if (ctxt) {
		xmlSchemaSetParserStructuredErrors(ctxt, compile_error, NULL);
		schema = xmlSchemaParse(ctxt);
		xmlSchemaFreeParserCtxt(ctxt);
	}
	xmlSetStructuredErrorFunc(NULL, NULL);
	xmlResetLastError();
	memset(&compiling, 0, sizeof compiling);
	if (schema && errors[0]) { // a schema with a hole in it accepts too much
		xmlSchemaFree(schema);
		schema = NULL;
	}
	return (uintptr_t)schema;
}

void shim_free_schema(uintptr_t schema) { xmlSchemaFree((xmlSchemaPtr)schema); }

// Flattening. Names come from the document's dictionary, so equal names are equal
// pointers, and a small cache keeps most of them from being written twice. The blob
// never outgrows the document: each string written stands there at least once.

#define CACHE 256

typedef struct {
	unsigned char *at;
	size_t used, size;
	struct { const xmlChar *s; span where; } cache[CACHE];
} blob;

static int put(blob *b, const xmlChar *s, size_t len) {
	if (len > b->size - b->used) return 0;
	memcpy(b->at + b->used, s, len);
	b->used += len;
	return 1;
}

static int put_name(blob *b, const xmlChar *s, span *where) {
	uintptr_t h = (uintptr_t)s;
	h = (h ^ h >> 8 ^ h >> 16) % CACHE;
	if (b->cache[h].s != s) {
		size_t len = strlen((const char *)s);
		b->cache[h].where = (span){(uint32_t)b->used, (uint32_t)len};
		b->cache[h].s = s;
		if (!put(b, s, len)) return 0;
	}
	*where = b->cache[h].where;
	return 1;
}

// put_text writes the character data directly under a node. Blanks between child
// elements are nobody's text.
static int put_text(blob *b, const xmlNode *children, int elements, span *where) {
	if (elements) {
		const xmlNode *n = children;
		while (n && (n->type == XML_ELEMENT_NODE || n->type == XML_COMMENT_NODE || xmlIsBlankNode(n))) n = n->next;
		if (!n) return 1;
	}
	where->at = (uint32_t)b->used;
	for (const xmlNode *n = children; n; n = n->next) {
		if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) {
			if (n->content && !put(b, n->content, strlen((const char *)n->content))) return 0;
		} else if (n->type != XML_ELEMENT_NODE && n->type != XML_COMMENT_NODE) {
			return 0; // an entity or a processing instruction came through the gate
		}
	}
	where->len = (uint32_t)(b->used - where->at);
	return 1;
}

static uint32_t space(const xmlNs *ns) {
	if (!ns) return 0;
	uint32_t i = (uint32_t)(uintptr_t)ns->_private;
	return i ? i : XML_SPACE;
}

int64_t shim_flatten(uintptr_t d, flat_element *elements, size_t n_elements, flat_attr *attrs, size_t n_attrs,
	flat_namespace *namespaces, size_t n_namespaces, unsigned char *at, size_t size) {
	blob b = {.at = at, .size = size};
	size_t ne = 0, na = 0, nn = 0;
	xmlNodePtr root = xmlDocGetRootElement((xmlDocPtr)d), n = root;
	while (n) {
		if (ne == n_elements) return -1;
		flat_element *e = &elements[ne++];
		memset(e, 0, sizeof *e);
		n->_private = (void *)(uintptr_t)ne;
		e->parent = n == root ? NO_PARENT : (uint32_t)(uintptr_t)n->parent->_private - 1;
		for (xmlNsPtr ns = n->nsDef; ns; ns = ns->next) {
			if (nn == n_namespaces) return -1;
			flat_namespace *f = &namespaces[nn++];
			memset(f, 0, sizeof *f);
			ns->_private = (void *)(uintptr_t)nn;
			e->namespaces++;
			if (ns->prefix && !put_name(&b, ns->prefix, &f->prefix)) return -1;
			f->uri.at = (uint32_t)b.used;
			f->uri.len = ns->href ? (uint32_t)strlen((const char *)ns->href) : 0;
			if (f->uri.len && !put(&b, ns->href, f->uri.len)) return -1;
		}
		e->ns = space(n->ns);
		if (!put_name(&b, n->name, &e->name)) return -1;
		for (xmlAttrPtr a = n->properties; a; a = a->next) {
			if (na == n_attrs) return -1;
			flat_attr *f = &attrs[na++];
			memset(f, 0, sizeof *f);
			e->attrs++;
			f->ns = space(a->ns);
			if (!put_name(&b, a->name, &f->name) || !put_text(&b, a->children, 0, &f->value)) return -1;
		}
		for (xmlNodePtr c = n->children; c; c = c->next)
			if (c->type == XML_ELEMENT_NODE) e->children++;
		if (!put_text(&b, n->children, e->children > 0, &e->text)) return -1;

		xmlNodePtr next = n->children;
		for (;;) { // the next element in document order
			while (next && next->type != XML_ELEMENT_NODE) next = next->next;
			if (next || n == root) break;
			next = n->next;
			n = n->parent;
		}
		n = next;
	}
	return ne == n_elements && na == n_attrs && nn == n_namespaces ? (int64_t)b.used : -1;
}

static void collect(void *ctx, xmlErrorPtr err) {
	flat_errors *errors = ctx;
	if (err->level < XML_ERR_ERROR) return;
	if (err->code == XML_ERR_NO_MEMORY || err->code == XML_SCHEMAV_INTERNAL) errors->broken = 1;
	if (errors->n == errors->cap) {
		errors->lost = 1;
		return;
	}
	if (errors->n % 16 == 0) {
		flat_error *more = realloc(errors->list, (size_t)(errors->n + 16) * sizeof *more);
		if (!more) {
			errors->broken = 1;
			return;
		}
		errors->list = more;
	}
	flat_error *e = &errors->list[errors->n++];
	e->code = err->code, e->element = 0;
	const xmlNode *n = err->node; // the element even for its attributes
	while (n && n->type != XML_ELEMENT_NODE) n = n->parent;
	if (n) e->element = (uint32_t)(uintptr_t)n->_private;
	const char *message = err->message ? err->message : "";
	size_t len = strlen(message), head = len < MESSAGE_MAX ? len : MESSAGE_MAX / 2, tail = len < MESSAGE_MAX ? 0 : MESSAGE_MAX / 2 - 1;
	memcpy(e->message, message, head);
	memcpy(e->message + head, message + len - tail, tail + 1);
	snprintf(e->detail, sizeof e->detail, "%s", err->str2 ? err->str2 : "");
}

// numbered returns the element that shim_flatten gave a number.
static xmlNodePtr numbered(xmlDocPtr doc, uint32_t element) {
	xmlNodePtr root = xmlDocGetRootElement(doc), n = root;
	while (n && (uint32_t)(uintptr_t)n->_private != element) {
		xmlNodePtr next = n->children;
		for (;;) {
			while (next && next->type != XML_ELEMENT_NODE) next = next->next;
			if (next || n == root) break;
			next = n->next;
			n = n->parent;
		}
		n = next;
	}
	return n;
}

int shim_validate(uintptr_t schema, uintptr_t doc, uint32_t element, flat_errors *errors) {
	xmlNodePtr at = element ? numbered((xmlDocPtr)doc, element) : NULL;
	if (element && !at) return -1;
	xmlSchemaValidCtxtPtr ctxt = xmlSchemaNewValidCtxt((xmlSchemaPtr)schema);
	if (!ctxt) return -1;
	xmlSchemaSetValidStructuredErrors(ctxt, collect, errors);
	int ret = at ? xmlSchemaValidateOneElement(ctxt, at) : xmlSchemaValidateDoc(ctxt, (xmlDocPtr)doc);
	xmlSchemaFreeValidCtxt(ctxt);
	xmlResetLastError(); // it points into the document
	return errors->broken ? -1 : ret;
}

void shim_free_errors(flat_errors *errors) { free(errors->list); }
