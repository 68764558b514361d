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

// HeaderSecrets are those of them that are the values of headers, as file: reads them in.
// They must not be changed.
func (b *Blueprint) HeaderSecrets() Private { return b.headers }

// private gathers the values of all files; nil: there are none.
func (a *attempt) private() Private {
	all := Private{}
	for _, p := range a.parts {
		for name, v := range p.deps.env {
			all.add(v.value, "${"+name+"}")
		}
		for path, content := range p.deps.secrets {
			all.add(strings.TrimRight(content, "\r\n"), a.reference(path))
			for line := range strings.Lines(content) {
				all.add(strings.TrimSpace(line), a.reference(path))
			}
		}
	}
	return all.orNil()
}

// headers gathers the values of headers that come from files; nil: there are none.
func (a *attempt) headers() Private {
	all := Private{}
	for _, p := range a.parts {
		for value, path := range p.deps.headers {
			all.add(value, a.reference(path))
		}
	}
	return all.orNil()
}

// reference is how the main file would name a file of a secret.
func (a *attempt) reference(path string) string {
	if rel, err := filepath.Rel(filepath.Dir(a.main), path); err == nil {
		path = rel
	}
	return "file:" + filepath.ToSlash(path)
}

func (p Private) orNil() Private {
	if len(p) == 0 {
		return nil
	}
	return p
}

// add has one stand for a value, the same each time.
func (p Private) add(value, stands string) {
	if before, there := p[value]; value != "" && (!there || stands < before) {
		p[value] = stands
	}
}
