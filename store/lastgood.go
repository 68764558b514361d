package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"

	bolt "go.etcd.io/bbolt"

	"backworks/blueprints"
)

// lastGoodBucket holds a bucket for each blueprint's main file, which holds each
// file's path and its SHA-256 followed by its content. bbolt checks the sums of
// its two head pages only, and half a file may parse.
var lastGoodBucket = []byte("last-good")

func readLastGood(db *bolt.DB) (map[string]blueprints.FileSet, error) {
	out := map[string]blueprints.FileSet{}
	err := db.View(func(tx *bolt.Tx) error {
		all := tx.Bucket(lastGoodBucket)
		if all == nil {
			return nil
		}
		return all.ForEachBucket(func(main []byte) error {
			files := blueprints.FileSet{}
			out[string(main)] = files
			return all.Bucket(main).ForEach(func(path, value []byte) error {
				if len(value) < sha256.Size {
					return fmt.Errorf("read %q: too short", path)
				}
				content := bytes.Clone(value[sha256.Size:])
				if sha256.Sum256(content) != [sha256.Size]byte(value) {
					return fmt.Errorf("read %q: checksum differs", path)
				}
				files[string(path)] = content
				return nil
			})
		})
	})
	return out, err
}

// Load returns what was saved last, by the blueprints' main files; empty in a new
// state directory. The contents must not be changed.
func (s *Store) Load() (map[string]blueprints.FileSet, error) {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	return maps.Clone(s.saved), nil
}

// Save keeps good, by the blueprints' main files, and forgets blueprints that are
// not in it. It writes only what differs from what is kept. On an error, such as
// a full disk, what was kept before still is. The contents must not be changed
// afterwards.
func (s *Store) Save(good map[string]blueprints.FileSet) (err error) {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	defer func() {
		if r := recover(); r != nil { // bbolt, on a page that broke after Open
			err = fmt.Errorf("save last good blueprints: %v", r)
		}
	}()
	if maps.EqualFunc(good, s.saved, equal) {
		return nil
	}
	if err := s.db.Update(func(tx *bolt.Tx) error { return s.write(tx, good) }); err != nil {
		return fmt.Errorf("save last good blueprints in %q: %w", s.dir, cause(err))
	}
	s.saved = make(map[string]blueprints.FileSet, len(good))
	for main, files := range good {
		s.saved[main] = maps.Clone(files)
	}
	return nil
}

func (s *Store) write(tx *bolt.Tx, good map[string]blueprints.FileSet) error {
	all, err := tx.CreateBucketIfNotExists(lastGoodBucket)
	if err != nil {
		return err
	}
	for main := range s.saved {
		if _, still := good[main]; !still {
			err = errors.Join(err, all.DeleteBucket([]byte(main)))
		}
	}
	for main, files := range good {
		before := s.saved[main]
		if before != nil && equal(files, before) {
			continue
		}
		b, e := all.CreateBucketIfNotExists([]byte(main))
		if e != nil {
			return errors.Join(err, e)
		}
		for path := range before {
			if _, still := files[path]; !still {
				err = errors.Join(err, b.Delete([]byte(path)))
			}
		}
		for path, content := range files {
			if old, known := before[path]; known && bytes.Equal(old, content) {
				continue
			}
			sum := sha256.Sum256(content)
			err = errors.Join(err, b.Put([]byte(path), append(sum[:], content...)))
		}
	}
	return err
}

func equal(a, b blueprints.FileSet) bool { return maps.EqualFunc(a, b, bytes.Equal) }
