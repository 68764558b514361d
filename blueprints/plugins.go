package blueprints

import (
	"reflect"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// plugins are a mapping by name, or a list of mappings with the key type.
type plugins struct {
	at
	Proxy proxyPlugin          `yaml:"proxy" doc:"The pools of targets and the way to them."`
	CORS  pluginSpec[corsSpec] `yaml:"cors" doc:"Lets pages of other origins use the endpoints."`
	TLS   pluginSpec[tlsSpec]  `yaml:"tls" doc:"HTTPS: the server's port speaks TLS alone."`
	Auth  pluginSpec[authSpec] `yaml:"auth" doc:"Says who may use the endpoints. With it, each endpoint is closed unless it is public: true."`

	Compression pluginSpec[compressionSpec] `yaml:"compression" doc:"Compresses answers for clients that take it."`
	AccessLog   pluginSpec[accessLogSpec]   `yaml:"access_log" doc:"One line for each request, to standard output, a file or a collector."`
	Tracing     pluginSpec[tracingSpec]     `yaml:"tracing" doc:"Spans to an OpenTelemetry collector, and the W3C trace context to targets."`
	Errors      pluginSpec[errorsSpec]      `yaml:"errors" doc:"What the proxy itself says where no target answers."`

	RateLimit pluginSpec[rateLimitSpec] `yaml:"rate_limit" doc:"Bounds how many requests are served, in all or of each client."`

	Cache pluginSpec[cacheSpec] `yaml:"cache" doc:"Answers from what targets said before."`

	_ absent `yaml:"discovery"`

	Transformations pluginSpec[transformationsSpec] `yaml:"transformations" doc:"Changes requests and answers on their way: headers, query, path, status and JSON bodies."`

	_ ignored `yaml:"capture,ai" doc:"has no effect: a proxy only passes requests on; Envoy's access log and /metrics show the traffic"`
}

func (s *plugins) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	s.at = place(n, p)
	switch {
	case n.Kind == yaml.MappingNode:
		d.pairs(n, p, func(k, v *yaml.Node) { s.plugin(d, k.Value, place(k, p.under(k.Value)), v, p.under(k.Value)) })
	case n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			c = resolve(c)
			name := find(c, "type", "name")
			if name == nil || name.Kind != yaml.ScalarNode {
				d.fail(place(c, p.item(i)), `needs the key "type" with the plugin's name`)
				continue
			}
			s.plugin(d, name.Value, place(name, p.item(i).under("type")), c, p.item(i))
		}
	case !isNull(n):
		d.fail(s.at, "must be a mapping of plugin names, or a list of plugins, got ", kindOf(n))
	}
}

func (s *plugins) plugin(d *decoder, name string, a at, n *yaml.Node, p *step) {
	t := typeOf(reflect.TypeFor[plugins]())
	i, known := t.index[name]
	switch {
	case !known && external(n):
		d.warn(a, "has no effect: external plugins are not run here; put that code behind a target and use handler proxy")
		return
	case !known:
		d.unknownPlugin(a, name, t)
		return
	}
	f := &t.fields[i]
	switch {
	case f.absent:
		d.absentPolicy(name, a, n)
		return
	case f.ignored:
		d.report(f.severity, a, []string{f.doc})
		return
	}
	v := reflect.ValueOf(s).Elem().FieldByIndex(f.path).Addr()
	if before := v.Interface().(interface{ place() at }).place(); before.given() {
		d.fail(a, "stands here a second time, the first is at line ", strconv.Itoa(before.line))
		return
	}
	d.value(v, n, p, f)
}

func (d *decoder) unknownPlugin(a at, name string, t *structType) {
	all := slices.Clone(t.names)
	for _, f := range t.fields {
		if f.absent {
			all = append(all, f.name)
		}
	}
	if s := suggest(name, all); s != "" {
		d.fail(a, "is not a known plugin: did you mean ", strconv.Quote(s), "?")
		return
	}
	d.fail(a, "is not a known plugin: known ones are ", joinNames(t.names))
}
