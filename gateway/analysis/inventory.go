package analysis

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"customs.example/gateway"
	"customs.example/gateway/document"
)

// Holding is a file of the data that documents are judged and translated by.
type Holding struct {
	ID      string // the file's name without its ending, such as ru/auto-preliminary.v1
	Kind    string // one of Kinds
	Status  string // as the file says; likewise the days, "" where it says none
	From    string
	To      string
	Digest  gateway.Digest
	Content []byte
}

// Kinds are the kinds of files, by the folder that each lies in; what lies in another is a
// table.
var Kinds = map[string]string{
	"codelists": "code list", "rules": "rules", "routes": "route", "profiles": "profile", "join": "join", "split": "split",
	"tolerances": "tolerances", "recognition": "recognition", "conversations": "conversation", "containers.yaml": "containers",
}

// Inventory is the data as it was when it was taken, whatever becomes of the files.
type Inventory struct {
	digest gateway.Digest
	all    func() ([]Holding, error)
}

// TakeInventory reads every file of a file system that has the layout of mappings.
func TakeInventory(fsys fs.FS) (*Inventory, error) {
	var files []Holding
	all := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		digest := gateway.DigestOf(content)
		fmt.Fprintf(all, "%s  %s\n", digest, name)
		if id, ok := strings.CutSuffix(name, ".yaml"); ok {
			folder, _, _ := strings.Cut(name, "/")
			files = append(files, Holding{ID: id, Kind: cmp.Or(Kinds[folder], "table"), Digest: digest, Content: content})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b Holding) int { return strings.Compare(a.ID, b.ID) })
	return &Inventory{gateway.Digest(all.Sum(nil)), sync.OnceValues(func() ([]Holding, error) { return described(files) })}, nil
}

// described adds to files what their headers say, and of a route also those that it is over.
func described(files []Holding) ([]Holding, error) {
	headers := make(map[string][]Key)
	over := make(map[string][]string)
	for _, h := range files {
		var tree map[string]any
		if err := document.DecodeYAML(h.ID+".yaml", h.Content, &tree); err != nil {
			return nil, err
		}
		delete(tree, "rows")
		headers[h.ID] = keys("", tree)
		if names, ok := tree["over"].([]any); ok && h.Kind == "route" {
			for _, name := range names {
				over[h.ID] = append(over[h.ID], fmt.Sprint("routes/bases/", name), fmt.Sprint("routes/", name))
			}
		}
	}
	for i := range files {
		h := &files[i]
		under, seen := []string{h.ID}, map[string]bool{}
		for len(under) > 0 {
			id := under[0]
			under = under[1:]
			if header, ok := headers[id]; ok && !seen[id] {
				h.Status = cmp.Or(h.Status, get(header, "status"), get(header, "basis.status"))
				h.From, h.To = cmp.Or(h.From, get(header, "valid.from")), cmp.Or(h.To, get(header, "valid.to"))
				seen[id], under = true, append(slices.Clone(over[id]), under...)
			}
		}
	}
	return files, nil
}

// Digest is that of every file, with its name.
func (i *Inventory) Digest() gateway.Digest { return i.digest }

// All are the files of data, in order of id.
func (i *Inventory) All() ([]Holding, error) { return i.all() }
