package blueprints

import (
	"crypto/sha256"
	"net/netip"
	"path/filepath"
	"reflect"
	"time"

	"gopkg.in/yaml.v3"
)

// part is what one file adds to a blueprint. It is immutable and depends on
// nothing but the file's content and deps, so an unchanged file keeps its part,
// and with it the pointers of its pools and endpoints. Those of a changed file are
// kept as well where they stand in it unchanged.
type part struct {
	path     string
	shown    string
	hash     [sha256.Size]byte // of the content
	position Position
	deps     dependencies
	problems Problems
	// broken says that there is no tree, so nothing is known of its names.
	broken bool

	includes  []str
	pools     []*Pool
	upstreams map[string]upstream
	own       []*Pool // of endpoints with targets
	declared  map[string]bool
	endpoints []*Endpoint
	listed    bool // the key endpoints is there
	// references are pools that plugins name.
	references []reference
	// settings are the main file's: all of a Blueprint that is in no list.
	settings Blueprint
	// implicit is the endpoint of a blueprint without endpoints.
	implicit *Endpoint

	// fed is what feed gave for the folder fedIn.
	fed   []byte
	fedIn string
}

// newPart decodes one file. main says that it is included by no other; before is what
// it was, or nil.
func newPart(d *decoder, path string, s source, main bool, before *part) *part {
	p := &part{path: path, shown: d.file, hash: s.hash, position: Position{File: d.file, Line: 1, Column: 1}, declared: map[string]bool{}, upstreams: map[string]upstream{}}
	d.dir = filepath.Dir(path)
	if before != nil {
		d.before = before.upstreams
	}
	if top := d.parse(s.content); top != nil {
		p.fill(d, top, main)
	} else {
		p.broken = true
	}
	p.problems, p.deps = d.problems, d.deps
	if before != nil {
		keep(p.pools, before.pools)
		keep(p.own, before.own)
		keep(p.endpoints, before.endpoints)
	}
	return p
}

// keep puts into now what is the same in before. An edit moves what stands behind it
// to other lines, so that to look for it elsewhere in before would find nothing.
func keep[T any](now, before []*T) {
	for i := range min(len(now), len(before)) {
		if identical(now[i], before[i]) {
			now[i] = before[i]
		}
	}
}

func (p *part) fill(d *decoder, top *yaml.Node, main bool) {
	doc := new(document)
	d.value(reflectOf(doc), top, nil, nil)
	p.position = d.position(place(top, nil))
	p.includes = doc.Include.items
	if !main {
		d.onlyMain(doc)
	}
	config := &doc.Plugins.Proxy.Config
	on := doc.Plugins.Proxy.Enabled.or(true)
	if config.Targets.given() && on {
		p.declared["default"] = true
		p.pools = append(p.pools, d.pool("default", config.at, &config.poolSpec))
	}
	if main && on {
		d.noDefault(config)
	}
	for _, u := range config.Upstreams.items {
		if d.poolName(u) && on && u.v != nil {
			p.declared[u.key] = true
			p.pools = append(p.pools, d.upstream(u))
			p.upstreams[u.key] = u.v.upstream
		}
	}
	p.listed = doc.Endpoints.given()
	for _, s := range doc.Endpoints.items {
		if e, own := d.endpoint(s); e != nil {
			p.endpoints = append(p.endpoints, e)
			if own != nil {
				p.own = append(p.own, own)
			}
		}
	}
	p.settings = d.settings(doc)
	p.addServices(d)
	if p.declared["default"] {
		p.implicit = &Endpoint{Position: d.position(config.at), Handler: HandlerProxy,
			Path:  Path{Raw: "/*", Segments: []Segment{{Rest: true}}},
			Proxy: &ProxyRoute{Position: d.position(config.at), Pool: "default"}}
	}
}

// onlyMain refuses in an included file what holds for the whole blueprint.
func (d *decoder) onlyMain(doc *document) {
	for _, a := range append(doc.Plugins.policies(), doc.Nodes.at, doc.Rollout.at, doc.Server.at, doc.Dashboard.at) {
		d.notIncluded(a)
	}
	v := reflect.ValueOf(&doc.Plugins.Proxy.Config).Elem()
	for _, f := range typeOf(v.Type()).fields {
		if f.ignored || f.absent || f.name == "upstreams" {
			continue
		}
		if x, ok := v.FieldByIndex(f.path).Addr().Interface().(interface{ place() at }); ok {
			d.notIncluded(x.place())
		}
	}
}

func (d *decoder) notIncluded(a at) {
	if a.given() {
		d.fail(a, "belongs in the main file: an included file adds endpoints and plugins.proxy.config.upstreams")
	}
}

func (d *decoder) settings(doc *document) Blueprint {
	proxy := &doc.Plugins.Proxy
	b := Blueprint{
		Policies: d.policies(&doc.Plugins),
		Name:     doc.Name.v, Release: doc.Version.v, Description: doc.Description.v,
		Nodes: d.nodes(&doc.Nodes), Rollout: d.rollout(&doc.Rollout), Server: d.server(&doc.Server),
		Dashboard: Dashboard{Position: d.position(doc.Dashboard.at), Enabled: doc.Dashboard.Enabled.or(true), Port: doc.Dashboard.Port.or(8081)},
		Metrics:   Metrics{Enabled: proxy.Config.Metrics.Enabled.or(true), Detailed: proxy.Config.Metrics.Detailed.or(false)},
	}
	b.TLS = d.tls(&doc.Plugins.TLS, b.Server.Port)
	b.RequestHeaders, b.ResponseHeaders = d.transforms(&proxy.Config.transformsSpec, nil)
	b.Transforms = d.changes(&proxy.Config.transformsSpec, nil)
	b.PathRewrite = d.rewrite(rewritesOf(&proxy.Config.transformsSpec, &proxy.Config.PathRewrite), nil)
	return b
}

func (d *decoder) server(s *serverSpec) Server {
	host := s.Host.or("0.0.0.0")
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || ip.Zone() != "" {
		d.fail(s.Host.at, `must be an IP address such as "0.0.0.0" or "127.0.0.1", got `, s.Host.quote())
	}
	return Server{
		Position: d.position(s.at), Host: host, Port: s.Port.or(8080),
		TrustedHops: s.TrustedHops.or(0), MaxConnections: s.MaxConnections.or(50000),
		IdleTimeout:    s.IdleTimeout.or(time.Hour),
		HeaderTimeout:  s.HeaderTimeout.or(10 * time.Second),
		RequestTimeout: said(s.RequestTimeout.v, s.RequestTimeout.given()),
		MaxRequestSize: s.MaxRequestSize.v,
		RequestID:      RequestID{Answer: s.RequestID.Answer.or(true), Keep: s.RequestID.Keep.or(false)},
	}
}

func (d *decoder) nodes(s *nodesSpec) Nodes {
	n := Nodes{Position: d.position(s.at), IDs: d.globs(s.IDs), Clusters: d.globs(s.Clusters), GRPC: s.GRPC.or(false)}
	for _, m := range s.Metadata.items {
		if n.Metadata == nil {
			n.Metadata = map[string]string{}
		}
		n.Metadata[m.key] = m.v.v
	}
	return n
}

func (d *decoder) globs(l list[str]) []string {
	var out []string
	for _, s := range l.items {
		switch {
		case !s.given():
		case s.v == "":
			d.fail(s.at, "must not be empty")
		case contains(out, s.v):
			d.fail(s.at, "stands here a second time")
		default:
			out = append(out, s.v)
		}
	}
	return out
}
