package presubmit

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// order is the flow of the product. A package imports only those before it; its tests any.
var order = []string{"blueprints", "translate", "transform", "xds", "envoy", "fleet", "store", "admin", "demo"}

// apart are imports that the order would allow and the design does not: fleet and
// admin declare, as interfaces, what they want of store, and the stages stay
// ignorant of each other where only cmd joins them.
var apart = map[string][]string{
	"xds":   {"blueprints", "translate"}, // never looks inside a resource
	"envoy": {"translate", "xds", "blueprints"},
	"store": {"translate", "xds", "envoy", "fleet"},
	"admin": {"store"},
	"demo":  order[:len(order)-1],
}

func TestImports(t *testing.T) {
	t.Parallel()
	parsed(t, func(f file, set *token.FileSet, syntax *ast.File) {
		from, _, _ := strings.Cut(f.path, "/")
		for _, spec := range syntax.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			rest, ours := strings.CutPrefix(imported, "backworks/")
			to, _, _ := strings.Cut(rest, "/")
			if reason := forbidden(from, to, f.isTest()); ours && reason != "" {
				t.Errorf("%s: %s imports %s: %s", set.Position(spec.Pos()), from, to, reason)
			}
		}
	})
}

// forbidden gives why files of the folder from must not import the package to, or
// "". Folders outside the order (cmd, e2e, deploy…) may import all in it.
func forbidden(from, to string, test bool) string {
	if to == "cmd" {
		return "nothing imports cmd"
	}
	at, known := slices.Index(order, from), slices.Index(order, to)
	switch {
	case known < 0:
		return "it has no place in the order of packages"
	case at < 0, from == to:
		return ""
	case test:
		// A test may start whatever shows that the package does its work.
		return ""
	case known > at:
		return "it comes later: " + strings.Join(order, ", ")
	case slices.Contains(apart[from], to):
		return "these two are kept apart"
	}
	return ""
}

// A rule that lets everything through must not pass unnoticed.
func TestImportsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"translate", "blueprints", true}, {"store", "blueprints", true}, {"cmd", "admin", true}, {"e2e", "xds", true},
		{"blueprints", "translate", false}, {"fleet", "store", false}, {"admin", "store", false}, {"e2e", "cmd", false},
		{"xds", "translate", false}, {"fleet", "unheardof", false},
	} {
		if got := forbidden(c.from, c.to, false) == ""; got != c.allowed {
			t.Errorf("%s imports %s: allowed is %v", c.from, c.to, got)
		}
	}
}

// Folders named after nothing collect everything.
func TestFolders(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		for part := range strings.SplitSeq(path.Dir(f.path), "/") {
			switch part {
			case "internal", "pkg", "util", "utils", "common", "helpers", "vendor":
				t.Errorf("%s: no folder may be named %q", f.path, part)
			}
		}
	}
}
