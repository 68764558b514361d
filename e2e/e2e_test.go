// Package e2e tests the whole: the program as it is shipped, a real Envoy, blueprints
// in files, and clients. In come blueprints and what happens to them; out goes what
// clients saw. It knows nothing of the code below cmd, and holds no code of the
// product.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the product, built once.
var program string

// soak makes tests take the blueprint's own times and more rounds.
var soak = os.Getenv("SOAK") != ""

// turns holds back tests: each has an Envoy and often a load, and the machine may
// have two cores.
var turns = make(chan struct{}, 2)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bw")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "backworks")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../cmd/backworks").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return m.Run()
	}())
}
