package store

import (
	"hash/maphash"
	"os"
)

var seed = maphash.MakeSeed()

// stamp is what a path looks like without reading it.
type stamp struct {
	info os.FileInfo // nil when it is not there
	list uint64      // of a folder, the sum of hashes of its entries' names
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s := stamp{info: info}
	if info.IsDir() {
		d, err := os.Open(path)
		if err != nil {
			return stamp{}
		}
		defer d.Close()
		names, err := d.Readdirnames(-1)
		if err != nil {
			return stamp{}
		}
		for _, name := range names {
			s.list += maphash.String(seed, name)
		}
	}
	return s
}

func (s stamp) same(o stamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	if !os.SameFile(s.info, o.info) || s.info.Mode() != o.info.Mode() || s.list != o.list {
		return false
	}
	// A folder's own time and size also follow files that come and go between two looks.
	return s.info.IsDir() || s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

func (s stamp) file() bool { return s.info != nil && s.info.Mode().IsRegular() }
