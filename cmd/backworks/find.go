package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"backworks/store"
)

// usual are the blueprints that are looked for when none is named, in this order.
var usual = []string{"backworks.yaml", "main.yaml", "blueprints/main.yaml", "blueprint.yaml"}

// findBlueprint gives the file or folder that was asked for, else the first usual
// one in the working directory.
func findBlueprint(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	for _, name := range usual {
		if info, err := os.Stat(filepath.FromSlash(name)); err == nil && !info.IsDir() {
			return filepath.FromSlash(name), nil
		}
	}
	return "", fmt.Errorf("find blueprint: there is none of %s here; name one with -c FILE, or make one with `backworks init`",
		strings.Join(usual, ", "))
}

// stateDir is the one that was asked for, else that of the blueprint.
func stateDir(asked, blueprint string) (string, error) {
	if asked == "" {
		return store.DefaultDir(blueprint)
	}
	dir, err := filepath.Abs(asked)
	if err != nil {
		return "", fmt.Errorf("find state dir: %w", err)
	}
	return dir, nil
}

// selfSigned keeps certificates for development in a state dir.
func selfSigned(dir string) func(names []string) (certificate, key string, err error) {
	return func(names []string) (string, string, error) { return store.SelfSigned(dir, names) }
}

// cause is the operating system's reason, without the call and the path that the
// message around it has.
func cause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
