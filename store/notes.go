package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// notesBucket holds, by name, the SHA-256 of a note followed by it.
var notesBucket = []byte("notes")

// Note returns what was noted under a name, nil when nothing was. It fails when that is
// not what was written.
func (s *Store) Note(name string) (note []byte, err error) {
	err = s.use(false, func(tx *bolt.Tx) error {
		all := tx.Bucket(notesBucket)
		if all == nil {
			return nil
		}
		value := all.Get([]byte(name))
		if value == nil {
			return nil
		}
		if len(value) < sha256.Size || sha256.Sum256(value[sha256.Size:]) != [sha256.Size]byte(value) {
			return fmt.Errorf("read note %q: checksum differs", name)
		}
		note = bytes.Clone(value[sha256.Size:])
		return nil
	})
	return note, err
}

// SetNote notes a value under a name, in the place of the one before.
func (s *Store) SetNote(name string, value []byte) error {
	return s.use(true, func(tx *bolt.Tx) error {
		all, err := tx.CreateBucketIfNotExists(notesBucket)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(value)
		return all.Put([]byte(name), append(sum[:], value...))
	})
}
