package blueprints

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"gopkg.in/yaml.v3"
)

// Grant says which nodes a client may claim to be whose certificate has a SAN.
type Grant struct {
	// SAN is a DNS name, URI or email address, exact or with * as a glob.
	SAN string
	// IDs and Clusters are exact or globs. A node must fit one of each list that is not
	// empty; one of them never is.
	IDs, Clusters []string
	// Position is where the grant stands.
	Position
}

// grantSpec is an element of the list that a file of grants is.
type grantSpec struct {
	at
	SAN      str       `yaml:"san" required:"true" doc:"A DNS name, URI or email address of the certificate, exact or with * as a glob."`
	IDs      list[str] `yaml:"ids,id" single:"true" doc:"Node ids, exact or with * as a glob."`
	Clusters list[str] `yaml:"clusters,cluster" single:"true" doc:"Node clusters, exact or with * as a glob."`
}

// noGrants is for a file without a value. To let nobody in must be said: an empty file
// may be one that is being written.
const noGrants = "the file is empty: it must be a list of {san, ids, clusters}; [] lets nobody in"

// LoadGrants reads a file of grants. With an error among the problems there are none.
func LoadGrants(path string) ([]Grant, Problems) {
	l := Loader{}
	l.cwd, _ = os.Getwd() // without one, paths are shown in full
	d := &decoder{file: l.shown(absolute(path)), env: os.LookupEnv}
	content, err := readFile(path, maxFile+1)
	if err != nil {
		d.fail(at{}, "cannot be read: ", reason(err))
		return nil, d.problems
	}
	top := d.parseGrants(content)
	if top == nil {
		return nil, d.problems
	}
	var specs list[grantSpec]
	d.value(reflect.ValueOf(&specs), top, nil, nil)
	grants := make([]Grant, 0, len(specs.items))
	for i := range specs.items {
		grants = append(grants, d.grant(&specs.items[i]))
	}
	if d.problems.Sort(); len(d.problems.Errors()) > 0 {
		return nil, d.problems
	}
	return grants, d.problems
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// parseGrants is parse for what is no blueprint.
func (d *decoder) parseGrants(content []byte) *yaml.Node {
	if !d.readable(content) {
		return nil
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	dec := yaml.NewDecoder(bytes.NewReader(content))
	root, err := decodeNode(dec)
	if err == nil {
		var second *yaml.Node
		if second, err = decodeNode(dec); err == nil {
			d.fail(place(second, nil), "a second document: put all grants into one list")
			return nil
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	switch {
	case errors.Is(err, io.EOF), err == nil && isNull(root.Content[0]):
		d.fail(at{line: 1, column: 1}, noGrants)
	case err != nil:
		d.syntax(content, err)
	case d.guard(root.Content[0]):
		return root.Content[0]
	}
	return nil
}

func (d *decoder) grant(s *grantSpec) Grant {
	g := Grant{SAN: s.SAN.v, IDs: d.globs(s.IDs), Clusters: d.globs(s.Clusters), Position: d.position(s.at)}
	switch {
	case s.SAN.given() && s.SAN.v == "":
		d.fail(s.SAN.at, "must not be empty")
	case !s.SAN.given():
		return g // told already
	}
	for _, l := range []list[str]{s.IDs, s.Clusters} {
		if l.given() && len(l.items) == 0 {
			d.fail(l.at, `must name at least one; "*" is any`)
			return g
		}
	}
	if !s.IDs.given() && !s.Clusters.given() {
		d.fail(s.at, `needs ids or clusters: which nodes it may claim; "*" is any`)
	}
	return g
}
