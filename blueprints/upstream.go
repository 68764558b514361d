package blueprints

import (
	"encoding/binary"
	"hash/maphash"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// upstreamSpec is a pool under upstreams. It is not decoded where the file had the same
// before: an edit then costs little more than the parser's own time.
type upstreamSpec struct {
	at
	poolSpec

	node *yaml.Node
	upstream
}

// upstream is a pool, and a sum of all that it was made from but its key; 0: it depends
// on more than the file, or there was something to say of it.
type upstream struct {
	sum  uint64
	pool *Pool
}

func (u *upstreamSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	u.at, u.node, u.sum = place(n, p), n, sumOf(n)
	if before := d.before[p.key]; u.sum != 0 && u.sum == before.sum {
		u.pool = before.pool
		return
	}
	u.object(d)
}

func (u *upstreamSpec) object(d *decoder) {
	problems := len(d.problems)
	d.object(reflect.ValueOf(u).Elem(), u.node, u.path)
	u.note(d, problems)
}

// note has nothing kept of what there are more problems with now.
func (u *upstreamSpec) note(d *decoder, problems int) {
	if len(d.problems) > problems || len(d.problems) >= maxProblems {
		u.sum = 0
	}
}

// upstream makes the pool, or gives the one of before.
func (d *decoder) upstream(e entry[*upstreamSpec]) *Pool {
	u := e.v
	if u.pool != nil {
		if u.pool.Position == d.position(e.at) {
			return u.pool
		}
		u.object(d) // its key is at another place
	}
	problems := len(d.problems)
	u.pool = d.pool(e.key, e.at, &u.poolSpec)
	u.pool.RequestHeaders, u.pool.ResponseHeaders = d.transforms(&u.transformsSpec, nil)
	u.pool.Transforms = d.changes(&u.transformsSpec, nil)
	d.noRewrite(&u.transformsSpec)
	u.note(d, problems)
	if u.TLS.given() {
		u.sum = 0 // it depends on files
	}
	return u.pool
}

// sumOf is a hash of a node and all below it, with their places; 0 where the value
// depends on the environment or another file.
func sumOf(n *yaml.Node) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	if !addTo(&h, n) {
		return 0
	}
	return h.Sum64()
}

func addTo(h *maphash.Hash, n *yaml.Node) bool {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && (strings.Contains(n.Value, "${") || strings.HasPrefix(n.Value, "file:")) {
		return false
	}
	var b [28]byte
	for i, x := range []int{int(n.Kind), int(n.Style), n.Line, n.Column, len(n.Content), len(n.Tag), len(n.Value)} {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(x))
	}
	h.Write(b[:])
	h.WriteString(n.Tag)
	h.WriteString(n.Value)
	for _, c := range n.Content {
		if !addTo(h, c) {
			return false
		}
	}
	return true
}
