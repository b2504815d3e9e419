package mapping

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"customs.example/gateway/document"
	"customs.example/gateway/xmltree"
)

// containersFile is where the known containers stand.
const containersFile = "containers.yaml"

// maxContainers is how many containers may stand one in another.
const maxContainers = 4

// Container is a format whose content is another document.
type Container struct {
	ID        string   `yaml:"id"`
	Namespace string   `yaml:"namespace"` // with a * at its end for any that begins so
	Root      string   `yaml:"root"`
	Inside    []string `yaml:"inside"` // in the root's namespace, from the root to what holds the document
	Source    string   `yaml:"source"`
}

// loadContainers reads the known containers; without a file there are none.
func loadContainers(fsys fs.FS) ([]Container, error) {
	raw, err := fs.ReadFile(fsys, containersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		Containers []Container `yaml:"containers"`
	}
	lines, err := document.ReadYAML(containersFile, raw, &file)
	if err != nil {
		return nil, err
	}
	var mistakes []error
	for i, c := range file.Containers {
		line := lines.Line(fmt.Sprintf("$.containers[%d]", i))
		switch {
		case c.ID == "" || c.Root == "" || c.Namespace == "" || len(c.Inside) == 0 || c.Source == "":
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %s: want id, namespace, root, inside and source", containersFile, line, c.ID))
		case slices.ContainsFunc(file.Containers[:i], func(o Container) bool { return o.ID == c.ID }):
			mistakes = append(mistakes, fmt.Errorf("%s:%d: the id %s is taken", containersFile, line, c.ID))
		}
	}
	return file.Containers, errors.Join(mistakes...)
}

func (c Container) matches(root xmltree.Name) bool {
	space, versions := strings.CutSuffix(c.Namespace, "*")
	return root.Local == c.Root && (root.Space == space || versions && strings.HasPrefix(root.Space, space))
}

// within returns the elements that stand where the container holds its document.
func (c Container) within(root *xmltree.Element) []*xmltree.Element {
	at := []*xmltree.Element{root}
	for _, local := range c.Inside {
		var next []*xmltree.Element
		for _, e := range at {
			for _, child := range e.Children {
				if child.Name == (xmltree.Name{Space: root.Name.Space, Local: local}) {
					next = append(next, child)
				}
			}
		}
		at = next
	}
	var out []*xmltree.Element
	for _, e := range at {
		out = append(out, e.Children...)
	}
	return out
}

// Unpacked is the document inside containers.
type Unpacked struct {
	Root       *xmltree.Element   // of the document; the outermost root without container
	Containers []*xmltree.Element // the roots of the containers around it, the outermost first
	// Empty is set where a container holds no document or several: then Root is that
	// container, and Inside the way to where one was looked for.
	Empty  bool
	Inside string
}

// Unpack finds the document inside the known containers.
func (l *Library) Unpack(root *xmltree.Element) Unpacked {
	u := Unpacked{Root: root}
	for range maxContainers {
		i := slices.IndexFunc(l.containers, func(c Container) bool { return c.matches(u.Root.Name) })
		if i < 0 {
			break
		}
		c := l.containers[i]
		held := c.within(u.Root)
		if len(held) != 1 {
			u.Empty, u.Inside = true, strings.Join(c.Inside, "/")
			return u
		}
		u.Containers, u.Root = append(u.Containers, u.Root), held[0]
	}
	return u
}
