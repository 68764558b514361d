// Package blueprints reads YAML blueprints into one immutable, checked Set.
//
// In come files: a main file or a folder of them, what they include, the
// environment and the last good versions. Out go a Set of normalised
// Blueprints, each value with its default filled in and its position kept, and
// every Problem found, with file, line and column. The package knows nothing of
// Envoy and never writes a file.
package blueprints

import (
	_ "embed"
)

// Default is the blueprint that the product ships: `backworks init` writes it.
//
//go:embed main.yaml
var Default []byte
