package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"backworks/blueprints"
)

// versionsBucket holds a bucket for each blueprint's main file, which holds a record
// for each version; contentsBucket holds the contents of their files by SHA-256, each
// once, however many versions have it.
var (
	versionsBucket = []byte("versions")
	contentsBucket = []byte("contents")
)

// sweepEvery is after how many dropped versions contents that nobody has any more are
// looked for: that reads every record.
const sweepEvery = 25

// maxSums bounds the files whose sums are remembered; as many as a large blueprint has.
const maxSums = 10_000

// version is one as it is kept.
type version struct {
	Record []byte
	Files  map[string][]byte // path → SHA-256
}

// Records returns those of the versions that are kept of a blueprint, by version. One
// that cannot be read is left out.
func (s *Store) Records(main string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := s.use(false, func(tx *bolt.Tx) error {
		return each(under(tx, versionsBucket, main), func(name string, v version) { out[name] = v.Record })
	})
	return out, err
}

// Files returns what a version was made of, nil when it is not kept.
func (s *Store) Files(main, name string) (files blueprints.FileSet, err error) {
	err = s.use(false, func(tx *bolt.Tx) error {
		all := under(tx, versionsBucket, main)
		if all == nil {
			return nil
		}
		value := all.Get([]byte(name))
		if value == nil {
			return nil
		}
		var v version
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("read version %s of %q: %w", name, main, err)
		}
		files = blueprints.FileSet{}
		contents := tx.Bucket(contentsBucket)
		for path, key := range v.Files {
			content := bytes.Clone(contents.Get(key))
			// bbolt checks the sums of its two head pages only.
			if sum := sha256.Sum256(content); !bytes.Equal(sum[:], key) {
				files = nil
				return fmt.Errorf("read %q in version %s of %q: checksum differs", path, name, main)
			}
			files[path] = content
		}
		return nil
	})
	return files, err
}

// Keep adds a version, or replaces its record, and drops others.
func (s *Store) Keep(main, name string, record []byte, files blueprints.FileSet, drop []string) error {
	return s.use(true, func(tx *bolt.Tx) error {
		contents, err := tx.CreateBucketIfNotExists(contentsBucket)
		if err != nil {
			return err
		}
		v := version{Record: record, Files: make(map[string][]byte, len(files))}
		for path, content := range files {
			key := s.sum(path, content)
			v.Files[path] = key[:]
			if contents.Get(key[:]) == nil {
				if err := contents.Put(key[:], content); err != nil {
					return err
				}
			}
		}
		value, err := json.Marshal(v)
		if err != nil {
			return err
		}
		all, err := tx.CreateBucketIfNotExists(versionsBucket)
		if err != nil {
			return err
		}
		if all, err = all.CreateBucketIfNotExists([]byte(main)); err != nil {
			return err
		}
		if err := all.Put([]byte(name), value); err != nil {
			return err
		}
		return s.drop(tx, all, drop)
	})
}

// summed is a content and its SHA-256.
type summed struct {
	content []byte
	sum     [sha256.Size]byte
}

// sum is a content's SHA-256, which is known of the last one that a file had: most do
// not change from one version to the next.
func (s *Store) sum(path string, content []byte) [sha256.Size]byte {
	if last, known := s.sums[path]; known && bytes.Equal(last.content, content) {
		return last.sum
	}
	sum := sha256.Sum256(content)
	if len(s.sums) >= maxSums {
		clear(s.sums)
	}
	s.sums[path] = summed{content, sum}
	return sum
}

// Drop forgets a version.
func (s *Store) Drop(main, name string) error {
	return s.use(true, func(tx *bolt.Tx) error { return s.drop(tx, under(tx, versionsBucket, main), []string{name}) })
}

// drop removes versions, and now and then the contents that are of none.
func (s *Store) drop(tx *bolt.Tx, all *bolt.Bucket, names []string) error {
	if all == nil {
		return nil
	}
	for _, name := range names {
		if err := all.Delete([]byte(name)); err != nil {
			return err
		}
	}
	if s.dropped += len(names); s.dropped < sweepEvery {
		return nil
	}
	s.dropped = 0
	return sweep(tx)
}

// sweep removes contents that no version has.
func sweep(tx *bolt.Tx) error {
	used := map[string]bool{}
	versions := tx.Bucket(versionsBucket)
	err := versions.ForEachBucket(func(main []byte) error {
		return each(versions.Bucket(main), func(_ string, v version) {
			for _, key := range v.Files {
				used[string(key)] = true
			}
		})
	})
	if err != nil {
		return err
	}
	var unused [][]byte
	contents := tx.Bucket(contentsBucket)
	err = contents.ForEach(func(key, _ []byte) error {
		if !used[string(key)] {
			unused = append(unused, bytes.Clone(key))
		}
		return nil
	})
	for _, key := range unused {
		if err := contents.Delete(key); err != nil {
			return err
		}
	}
	return err
}

// each calls f with each version of a blueprint that can be read.
func each(all *bolt.Bucket, f func(name string, v version)) error {
	if all == nil {
		return nil
	}
	return all.ForEach(func(name, value []byte) error {
		var v version
		if json.Unmarshal(value, &v) == nil {
			f(string(name), v)
		}
		return nil
	})
}

func under(tx *bolt.Tx, bucket []byte, name string) *bolt.Bucket {
	all := tx.Bucket(bucket)
	if all == nil {
		return nil
	}
	return all.Bucket([]byte(name))
}

// use runs what reads the database, or changes it. bbolt panics on a page that broke
// after Open.
func (s *Store) use(change bool, what func(*bolt.Tx) error) (err error) {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("use state file in %q: %v", s.dir, r)
		}
	}()
	do := s.db.View
	if change {
		do = s.db.Update
	}
	if err := do(what); err != nil {
		return fmt.Errorf("use state file in %q: %w", s.dir, cause(err))
	}
	return nil
}
