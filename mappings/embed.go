// Package mappings owns the data that tables, code lists, rules and routes are made
// of, as one file system. It refuses to read it: loaders take an fs.FS.
package mappings

import "embed"

// FS holds every data file of the project, laid out as a -data directory is.
//
//go:embed all:codelists all:rules all:cn all:eaeu all:mn all:ru all:xx all:profiles all:join all:split all:routes all:tolerances all:recognition all:conversations all:samples containers.yaml
var FS embed.FS
