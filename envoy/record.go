package envoy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Files of a state dir. The log stays behind for people to read.
const (
	recordFile    = "envoy.json"
	bootstrapFile = "envoy.yaml"
	logFileName   = "envoy.log"
	// outputFileName has what of Envoy's standard output is not passed on yet.
	outputFileName = "envoy.out"
)

// record is what the next run must know of an Envoy that outlived this one.
type record struct {
	PID int `json:"pid"`
	// Start tells the process from a later one of the same number.
	Start string  `json:"start"`
	Admin Address `json:"admin"`
	// Fingerprint is of the bootstrap and the arguments.
	Fingerprint string    `json:"fingerprint"`
	Build       Build     `json:"build"`
	Since       time.Time `json:"since"`
}

// readRecord gives the record of a state dir, nil when there is none. One that
// cannot be read counts as none: the admin socket still leads to its Envoy.
func readRecord(stateDir string) *record {
	text, err := os.ReadFile(filepath.Join(stateDir, recordFile))
	if err != nil {
		return nil
	}
	r := &record{}
	if json.Unmarshal(text, r) != nil || r.PID <= 0 || r.Admin == "" {
		return nil
	}
	return r
}

func (r *record) write(stateDir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write record of envoy: %w", err)
	}
	return replaceFile(filepath.Join(stateDir, recordFile), append(text, '\n'))
}

// forget removes what an Envoy leaves in the state dir when it is gone.
func forget(stateDir string, admin Address) error {
	paths := []string{filepath.Join(stateDir, recordFile), filepath.Join(stateDir, bootstrapFile)}
	if socket, ok := strings.CutPrefix(string(admin), "unix://"); ok {
		paths = append(paths, socket)
	}
	var problems []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
