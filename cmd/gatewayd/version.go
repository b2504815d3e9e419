package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"

	"customs.example/gateway"
	"customs.example/mappings"
	"customs.example/xsd"
)

// printVersion says what was built, and by which data.
func printVersion(w io.Writer) error {
	tables, err := digestOf(mappings.FS)
	if err != nil {
		return err
	}
	schemas, err := digestOf(xsd.FS)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "gatewayd %s\ntables  %s\nschemas %s\n", gateway.Version(), tables, schemas)
	return err
}

// digestOf is the digest of all files of a file system, with their names.
func digestOf(files fs.FS) (gateway.Digest, error) {
	all := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		fmt.Fprintf(all, "%s  %s\n", gateway.DigestOf(content), name)
		return err
	})
	return gateway.Digest(all.Sum(nil)), err
}
