package blueprints

import (
	"path/filepath"
	"strings"
)

// Private are the values that a version of a blueprint was filled in with: those of
// secret files and of the environment. They are there so that they can be found and
// taken out of what is shown, and must never be shown themselves. By value, it is what
// stands in the blueprint in its place, as in "${KEY}" and "file:key.txt".
type Private map[string]string

// Private are the values that b was filled in with. They must not be changed.
func (b *Blueprint) Private() Private { return b.private }

// private gathers the values of all files; nil: there are none.
func (a *attempt) private() Private {
	all := Private{}
	dir := filepath.Dir(a.main)
	for _, p := range a.parts {
		for name, v := range p.deps.env {
			all.add(v.value, "${"+name+"}")
		}
		for path, content := range p.deps.secrets {
			if rel, err := filepath.Rel(dir, path); err == nil {
				path = rel
			}
			all.add(strings.TrimRight(content, "\r\n"), "file:"+filepath.ToSlash(path))
			for line := range strings.Lines(content) {
				all.add(strings.TrimSpace(line), "file:"+filepath.ToSlash(path))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// add has one stand for a value, the same each time.
func (p Private) add(value, stands string) {
	if before, there := p[value]; value != "" && (!there || stands < before) {
		p[value] = stands
	}
}
