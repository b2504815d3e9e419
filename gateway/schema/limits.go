package schema

// The default limits of the byte gate.
const (
	MaxBytes         = 8 << 20   // what one message carries inline
	MaxDepth         = 64        // libxml2 gives up at 256
	MaxAttributes    = 64        // on one element: libxml2's time grows with their square
	MaxAttributeLen  = 4 << 10   // bytes of one attribute value, as written
	MaxTextLen       = 1 << 20   // bytes of text between two tags: attached files travel in base64
	MaxNodes         = 1_000_000 // elements, attributes, texts and comments: some 150 bytes of Go tree and as much of C each
	MaxNamespaces    = 128       // declarations in force at one place: each prefix is searched among them
	MaxFaults        = 1_000     // faults against the schema that one document is told
	maxReceivedRunes = 200       // of a received value that a fault keeps
)

// Limits bound what the byte gate lets through to libxml2. The zero value lets
// nothing through.
type Limits struct {
	Bytes, Depth, Attributes, AttributeLen, TextLen, Nodes, Namespaces int
}

// For returns the limits of a larger document: as many nodes a byte.
func (l Limits) For(bytes int) Limits {
	if bytes > l.Bytes {
		l.Nodes = int(int64(l.Nodes) * int64(bytes) / int64(l.Bytes))
		l.Bytes = bytes
	}
	return l
}

// DefaultLimits are the named defaults.
var DefaultLimits = Limits{
	Bytes: MaxBytes, Depth: MaxDepth, Attributes: MaxAttributes, AttributeLen: MaxAttributeLen,
	TextLen: MaxTextLen, Nodes: MaxNodes, Namespaces: MaxNamespaces,
}
