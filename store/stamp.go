package store

import (
	"hash/fnv"
	"io"
	"os"
)

// stamp is what a path looks like without reading it.
type stamp struct {
	info os.FileInfo // nil when it is not there
	list uint64      // of a folder, a hash of its entries' names
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s := stamp{info: info}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return stamp{}
		}
		h := fnv.New64a()
		for _, e := range entries {
			io.WriteString(h, e.Name()+"\x00")
		}
		s.list = h.Sum64()
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
