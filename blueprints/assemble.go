package blueprints

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
)

// check finds what is wrong between the files of a blueprint, or between the
// endpoints and pools of one.
func (a *attempt) check() {
	pools := a.checkPools()
	a.checkRoutes()
	a.checkReferences(pools)
	if !a.failed() && a.listed() == 0 && len(pools) == 0 {
		a.report(Problem{Position: a.parts[0].position, Message: "has neither endpoints nor plugins.proxy.config.targets: there is nothing to serve"}, a.main)
	}
}

// broken says that some file has no tree: then names that are missing elsewhere
// may be in there.
func (a *attempt) broken() bool {
	return slices.ContainsFunc(a.parts, func(p *part) bool { return p.broken })
}

func (a *attempt) failed() bool {
	return slices.ContainsFunc(a.found, func(f found) bool { return f.Severity == Error })
}

func (a *attempt) listed() (n int) {
	for _, p := range a.parts {
		if p.listed {
			n++
		}
	}
	return n
}

func (a *attempt) checkPools() map[string]bool {
	names := map[string]bool{}
	first := map[string]*part{}
	for _, p := range a.parts {
		for name := range p.declared {
			names[name] = true
		}
		for _, pool := range p.pools {
			before, twice := first[pool.Name]
			first[pool.Name] = p
			if twice {
				a.report(Problem{Position: pool.Position, Path: "plugins.proxy.config.upstreams." + pool.Name,
					Message: "the pool stands in two files, the other is " + before.pool(pool.Name).Position.String()}, p.path, before.path)
			}
		}
	}
	return names
}

func (p *part) pool(name string) *Pool {
	for _, x := range p.pools {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// checkRoutes finds endpoints that match the same requests.
func (a *attempt) checkRoutes() {
	type route struct {
		e *Endpoint
		p *part
	}
	byShape, byName := map[string][]route{}, map[string]route{}
	for _, p := range a.parts {
		for _, e := range p.endpoints {
			if x, twice := byName[e.Name]; twice && e.Name != "" {
				a.report(Problem{Position: e.Position, Path: e.step.String(), Message: "the endpoint has the name of the one at " + x.e.Position.String()}, p.path, x.p.path)
			}
			byName[e.Name] = route{e, p}
			shape := e.Path.shape()
			for _, x := range byShape[shape] {
				if m, overlap := x.e.overlaps(e); overlap {
					a.report(Problem{Position: e.Position, Path: e.step.String(), Message: "the endpoint " + m + quote(e.written) + " matches the same requests as " + quote(x.e.written) + " at " + x.e.Position.String()},
						p.path, x.p.path)
					break
				}
			}
			byShape[shape] = append(byShape[shape], route{e, p})
		}
	}
}

func (e *Endpoint) overlaps(o *Endpoint) (method string, overlap bool) {
	if len(e.Methods) == 0 || len(o.Methods) == 0 {
		return "", true
	}
	for _, m := range e.Methods {
		if slices.Contains(o.Methods, m) {
			return m + " ", true
		}
	}
	return "", false
}

func (a *attempt) checkReferences(pools map[string]bool) {
	if a.broken() {
		return
	}
	known := slices.Sorted(maps.Keys(pools))
	messages := map[string]string{} // by the missing pool
	for _, p := range a.parts {
		a.checkServices(p, known)
		own := map[string]bool{}
		for _, x := range p.own {
			own[x.Name] = true
		}
		missing := func(r PoolRef) {
			if pools[r.Pool] || own[r.Pool] {
				return
			}
			message := messages[r.written]
			switch {
			case message != "":
			case len(messages) < maxSuggested:
				message = unknownPool(r, known)
				messages[r.written] = message
			default:
				message = "there is no pool " + quote(r.written)
			}
			a.report(Problem{Position: r.Position, Path: r.step.String(), Message: message}, append(a.formerly(r.Pool), p.path)...)
		}
		for _, x := range slices.Concat(p.pools, p.own) {
			if x.Fallback != nil {
				missing(*x.Fallback)
			}
		}
		for _, e := range p.endpoints {
			if e.Proxy == nil {
				continue
			}
			for _, r := range e.Proxy.refs() {
				missing(r)
			}
		}
	}
}

// maxSuggested bounds the missing pools that a suggestion is looked for: there may
// be many to compare with.
const maxSuggested = 20

func unknownPool(r PoolRef, known []string) string {
	if r.written == "" {
		return "there is no pool for the endpoint: add targets to plugins.proxy.config, or name an upstream"
	}
	message := "there is no pool " + quote(r.written)
	switch s := suggest(r.written, known); {
	case s != "":
		return message + ": did you mean " + strconv.Quote(s) + "?"
	case len(known) == 0:
		return message + ", nor any other: add it to plugins.proxy.config.upstreams"
	}
	return message + ": there is " + joinNames(known)
}

// formerly are the files whose last good content has the pool.
func (a *attempt) formerly(pool string) []string {
	var files []string
	for path, content := range a.view.good {
		if a.l.part(path, newSource(content), path == a.main).declared[pool] {
			files = append(files, path)
		}
	}
	return files
}

// settings are the blueprint without its lists.
func (a *attempt) settings() *Blueprint {
	main := a.parts[0]
	b := main.settings
	b.Position, b.File, b.Version, b.Degraded = main.position, a.main, a.version(), a.view.degraded()
	b.private, b.headers = a.private(), a.headers()
	if a.l.options.Port != 0 {
		b.Server.Port = a.l.options.Port
	}
	return &b
}

// blueprint puts the parts together.
func (a *attempt) blueprint() *Blueprint {
	if a.made != nil {
		return a.made
	}
	b := a.settings()
	taken := map[string]bool{}
	for _, p := range a.parts {
		b.Files = append(b.Files, p.path)
		b.Pools = append(b.Pools, p.pools...)
		for _, pool := range p.pools {
			taken[pool.Name] = true
		}
	}
	for _, p := range a.parts {
		b.addEndpoints(p, taken)
	}
	if main := a.parts[0]; a.listed() == 0 && main.implicit != nil {
		b.Endpoints = []*Endpoint{main.implicit}
	}
	slices.Sort(b.Files)
	slices.SortFunc(b.Pools, func(x, y *Pool) int { return cmp.Compare(x.Name, y.Name) })
	return b
}

func poolByName(p *Pool, name string) int { return cmp.Compare(p.Name, name) }

// addEndpoints adds p's, with their own pools, whose made-up names may be taken.
func (b *Blueprint) addEndpoints(p *part, taken map[string]bool) {
	own := 0
	for _, e := range p.endpoints {
		if own < len(p.own) && e.Proxy != nil && e.Proxy.Pool == p.own[own].Name {
			pool := p.own[own]
			own++
			if name := freeName(pool.Name, taken); name != pool.Name {
				pool, e = renamed(pool, e, name)
			}
			taken[pool.Name] = true
			b.Pools = append(b.Pools, pool)
		}
		b.Endpoints = append(b.Endpoints, e)
	}
}

func freeName(name string, taken map[string]bool) string {
	for i := 2; taken[name]; i++ {
		if next := name + "-" + strconv.Itoa(i); !taken[next] {
			return next
		}
	}
	return name
}

func renamed(p *Pool, e *Endpoint, name string) (*Pool, *Endpoint) {
	pool, end, route := *p, *e, *e.Proxy
	pool.Name, route.Pool, end.Proxy = name, name, &route
	return &pool, &end
}

// version is equal for equal files and values, wherever the folder stands.
func (a *attempt) version() string {
	h := sha256.New()
	dir := filepath.Dir(a.main)
	for _, p := range a.parts {
		h.Write(p.feed(dir))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// feed is what p adds to the version of a blueprint in dir.
func (p *part) feed(dir string) []byte {
	if p.fed != nil && p.fedIn == dir {
		return p.fed
	}
	rel, err := filepath.Rel(dir, p.path)
	if err != nil {
		rel = p.path
	}
	p.fed, p.fedIn = nil, dir
	write := func(parts ...string) {
		for _, s := range parts {
			p.fed = append(strconv.AppendInt(p.fed, int64(len(s)), 10), ":"+s...)
		}
	}
	write("file", filepath.ToSlash(rel), string(p.hash[:]))
	p.deps.feed(write)
	return p.fed
}
