// Package presubmit holds the rules of this repository that a compiler does not
// know: how large files and functions may grow, which package may import which,
// what may be depended on. In come the files that git tracks or would track; out
// goes a failed test that names file and line. It never looks into a package's
// behaviour.
package presubmit

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	maxFileLines     = 300
	maxFunctionLines = 70
	// Larger binaries belong to a release, not into a history that everyone clones.
	maxBinaryBytes = 200 << 10
)

// file is one file of the repository.
type file struct {
	path string // slash-separated, relative to the root
	text []byte
}

func (f file) isGo() bool   { return strings.HasSuffix(f.path, ".go") }
func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// files gives what git tracks, or all that is there when this is no git checkout
// (a source archive, a container).
func files(t *testing.T) []file {
	t.Helper()
	out, err := exec.Command("git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if err != nil {
		names = walk(t)
	}
	var all []file
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file{filepath.ToSlash(name), text})
	}
	if len(all) < 50 {
		t.Fatalf("found %d files: the list is not that of this repository", len(all))
	}
	return all
}

// walk gives every file below the root but those of folders that git ignores.
func walk(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("..", func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ = filepath.Rel("..", name)
		switch {
		case d.IsDir() && (name == ".git" || name == ".tools" || name == "bin" || name == "out"):
			return filepath.SkipDir
		case d.Type().IsRegular():
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// parsed calls visit with each Go file's syntax.
func parsed(t *testing.T, visit func(f file, set *token.FileSet, syntax *ast.File)) {
	t.Helper()
	for _, f := range files(t) {
		if !f.isGo() {
			continue
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		visit(f, set, syntax)
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	parsed(t, func(f file, set *token.FileSet, syntax *ast.File) {
		if lines := bytes.Count(f.text, []byte("\n")); lines > maxFileLines {
			t.Errorf("%s has %d lines, above %d: it has more than one subject", f.path, lines, maxFileLines)
		}
		for _, decl := range syntax.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			begin := set.Position(function.Pos())
			lines := set.Position(function.End()).Line - begin.Line + 1
			if lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, above %d", begin, function.Name.Name, lines, maxFunctionLines)
			}
		}
	})
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		if !f.isGo() {
			continue
		}
		formatted, err := format.Source(f.text)
		if err == nil && !bytes.Equal(formatted, f.text) {
			t.Errorf("%s is not as gofmt has it", f.path)
		}
	}
}

// A reader of a folder finds what the package is in the file that has its name.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	packages := map[string]bool{} // folder → has its comment where it belongs
	parsed(t, func(f file, _ *token.FileSet, syntax *ast.File) {
		folder, name := path.Split(f.path)
		expected := syntax.Name.Name + ".go"
		switch {
		case syntax.Name.Name == "main":
			expected = "main.go"
		case f.isTest() && onlyTests(folder):
			expected = strings.TrimSuffix(syntax.Name.Name, "_test") + "_test.go"
		case f.isTest():
			return
		}
		packages[folder] = packages[folder] || name == expected && syntax.Doc != nil
	})
	for folder, commented := range packages {
		if !commented {
			t.Errorf("%s: no package comment in the file named after the package", folder)
		}
	}
}

// onlyTests tells whether a folder has no Go files but tests.
func onlyTests(folder string) bool {
	all, _ := filepath.Glob(filepath.Join("..", folder, "*.go"))
	for _, name := range all {
		if !strings.HasSuffix(name, "_test.go") {
			return false
		}
	}
	return true
}

func TestBinaries(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		binary := bytes.IndexByte(f.text, 0) >= 0 || !utf8.Valid(f.text)
		if binary && len(f.text) > maxBinaryBytes {
			t.Errorf("%s: a binary of %d KiB, above %d", f.path, len(f.text)>>10, maxBinaryBytes>>10)
		}
	}
}
