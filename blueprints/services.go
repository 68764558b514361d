package blueprints

import (
	"slices"
	"strconv"
	"strings"
)

// reference is the name of a pool that a plugin uses.
type reference struct {
	at
	pool, src string
}

// service is the pool that a plugin asks for something: one of the blueprint by its name,
// or one that is made of a URL under the name as. http2 is for those that speak gRPC.
func (d *decoder) service(as string, s str, http2 bool) (pool string) {
	switch {
	case !s.given():
		return ""
	case !strings.Contains(s.v, "://"):
		d.references = append(d.references, reference{s.at, s.v, s.src})
		return s.v
	}
	spec := poolSpec{Targets: list[targetSpec]{at: s.at, items: []targetSpec{{at: s.at, URL: s}}}}
	p := d.pool(as, s.at, &spec)
	p.HTTP2 = http2
	d.services = append(d.services, p)
	return as
}

// addServices takes what the plugins of the file ask.
func (p *part) addServices(d *decoder) {
	for _, pool := range d.services {
		if p.declared[pool.Name] {
			d.report(Error, at{line: pool.Position.Line, column: pool.Position.Column},
				[]string{"the pool for this would be called ", strconv.Quote(pool.Name), ", as another is: rename that one"})
		}
		p.declared[pool.Name] = true
		p.pools = append(p.pools, pool)
	}
	p.references = d.references
}

// checkServices finds pools that plugins name and no file has.
func (a *attempt) checkServices(p *part, known []string) {
	for _, r := range p.references {
		if slices.Contains(known, r.pool) {
			continue
		}
		message := "there is no pool " + quote(r.src) + ": name one of plugins.proxy.config.upstreams, or write a URL"
		if s := suggest(r.src, known); s != "" {
			message = "there is no pool " + quote(r.src) + ": did you mean " + strconv.Quote(s) + "?"
		}
		position := Position{File: p.shown, Line: r.line, Column: r.column}
		a.report(Problem{Position: position, Path: r.path.String(), Message: message}, append(a.formerly(r.pool), p.path)...)
	}
}
