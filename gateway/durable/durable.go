// Package durable owns how files come into a folder and leave it: whole, and on disk, before a call returns. It refuses
// to know what they hold.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// TempExt is the end of the name of a file that is not yet whole.
const TempExt = ".tmp"

// Put writes a file whole and on disk, or not at all.
func Put(name string, content []byte, mode fs.FileMode) error {
	tmp := name + TempExt
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(tmp) // on a full disk it is room for others
		return err
	}
	return Move(tmp, name)
}

// Move renames a file, and has that on disk.
func Move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if filepath.Dir(to) == filepath.Dir(from) {
		return synced(filepath.Dir(to))
	}
	return errors.Join(synced(filepath.Dir(to)), synced(filepath.Dir(from)))
}

// Remove takes a file away that may be gone.
func Remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return synced(filepath.Dir(name))
}

func synced(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
