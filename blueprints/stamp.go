package blueprints

import (
	"hash/maphash"
	"os"
	"time"
)

// stamp is how a file or folder looked, just before it was read.
type stamp struct {
	info os.FileInfo // nil: it was not there, or was not read
	at   time.Time
}

// racy is how long before it was read a file must have been changed for its stamp to
// be trusted: a change in the same tick of the file system's clock leaves no trace in
// it. Some tell times by 2 s.
const racy = 2 * time.Second

func stampOf(path string) (stamp, error) {
	at := time.Now()
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info, at}, nil
}

// holds says that what was read at s is what would be read at now. The time of a change
// (ctime) tells of contents that were put back to an earlier time.
func (s stamp) holds(now stamp) bool {
	if s.info == nil || now.info == nil || s.info.Size() != now.info.Size() || s.info.Mode() != now.info.Mode() ||
		!s.info.ModTime().Equal(now.info.ModTime()) || !os.SameFile(s.info, now.info) {
		return false
	}
	before, known := changeTime(s.info)
	after, _ := changeTime(now.info)
	return known && before.Equal(after) && s.at.Sub(before) > racy && s.at.Sub(s.info.ModTime()) > racy
}

// listing is what stood in a folder.
type listing struct {
	dir   string
	stamp stamp
	names uint64 // a hash of them, in whatever order
	count int
}

var seed = maphash.MakeSeed()

func listingOf(dir string) (listing, error) {
	s, err := stampOf(dir)
	if err != nil {
		return listing{}, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return listing{}, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	l := listing{dir: dir, stamp: s, count: len(names)}
	for _, name := range names {
		l.names += maphash.String(seed, name)
	}
	return l, err
}

// again is the listing as it is now, and whether it is of the same names.
func (l listing) again() (listing, bool) {
	if now, err := stampOf(l.dir); err == nil && l.stamp.holds(now) {
		return l, true
	}
	now, err := listingOf(l.dir)
	return now, err == nil && now.names == l.names && now.count == l.count && os.SameFile(now.stamp.info, l.stamp.info)
}
