package blueprints

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// Policies are the plugins beside proxy; nil is one that is not there. Those of a
// blueprint hold for all its endpoints, those of an endpoint stand over them key by key:
// Effective puts the two together.
type Policies struct {
	CORS            *CORS            `plugin:"cors"`
	Auth            *Auth            // without the tag: gRPC clients are told more of it
	RateLimit       *RateLimit       `plugin:"rate_limit"`
	Transformations *Transformations // so too
	Compression     *Compression     `plugin:"compression"`
	AccessLog       *AccessLog       `plugin:"access_log"`
	Tracing         *Tracing         `plugin:"tracing"`
	Errors          *Errors          `plugin:"errors"`
	Cache           *Cache           `plugin:"cache"`
}

// On are the names of the plugins that are on, with the place of each.
func (p *Policies) On() (names []string, places []Position) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("plugin")
		if name == "" || v.Field(i).IsNil() {
			continue
		}
		if policy := v.Field(i).Elem().FieldByName("Policy").Interface().(Policy); policy.Enabled {
			names = append(names, name)
			places = append(places, policy.Position)
		}
	}
	return names, places
}

// Policy is what every plugin's configuration begins with. Its other fields are zero
// where the file does not say them, so that an endpoint can leave them to the
// blueprint; defaults are filled in by Effective alone.
type Policy struct {
	Position
	// Enabled is true by default, in an endpoint as well: to name a plugin there is to
	// use it, whatever the blueprint says.
	Enabled bool
}

func (p Policy) on() bool { return p.Enabled }

// PolicyType is a type that embeds Policy and knows its defaults. All its fields are
// exported.
type PolicyType[T any] interface {
	*T
	on() bool
	// fill puts the default into each field that is zero.
	fill()
}

// Effective is the plugin that holds where base is the blueprint's and own the
// endpoint's, each of which may be nil: own's fields where they are said, base's
// elsewhere, and defaults where neither says one. It is nil where the plugin is off.
func Effective[T any, P PolicyType[T]](base, own *T) *T {
	if !Holds[T, P](base, own) {
		return nil
	}
	out := new(T)
	for _, from := range []*T{base, own} {
		if from != nil {
			lay(reflect.ValueOf(out).Elem(), reflect.ValueOf(from).Elem())
		}
	}
	P(out).fill()
	return out
}

// Holds says that Effective is not nil: own's word counts where there is one.
func Holds[T any, P PolicyType[T]](base, own *T) bool {
	if own != nil {
		return P(own).on()
	}
	return base != nil && P(base).on()
}

// lay puts every field of from that is not zero over that of out.
func lay(out, from reflect.Value) {
	for i := range from.NumField() {
		if x := from.Field(i); !x.IsZero() {
			out.Field(i).Set(x)
		}
	}
}

// pluginSpec is a plugin beside proxy.
type pluginSpec[T any] struct {
	at
	Type    str     `yaml:"type" doc:"The plugin's name, where plugins are a list."`
	Name    str     `yaml:"name" doc:"A name for people; where plugins are a list and type is not there, the plugin's."`
	Enabled boolean `yaml:"enabled" default:"true" doc:"Whether the plugin holds for all endpoints."`
	Config  T       `yaml:"config" doc:"The plugin's configuration."`
}

// A plugin may be true or false alone: what is off in a file that an earlier version
// read stays off.
func (s *pluginSpec[T]) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	d.toggled(reflect.ValueOf(s).Elem(), &s.Enabled, n, p)
}

func (*pluginSpec[T]) schema(s *schema, _ *field) object { return toggleSchema[pluginSpec[T]](s) }
func (*pluginSpec[T]) kind(*field) string                { return "true, false or mapping" }
func (*pluginSpec[T]) inside() []inner                   { return self[pluginSpec[T]]() }

// policySpec begins the configuration of every plugin beside proxy.
type policySpec struct {
	at
	Enabled boolean `yaml:"enabled" default:"true" doc:"In an endpoint: whether the plugin holds there."`
}

func (s *policySpec) toggle() *boolean { return &s.Enabled }

// overrideSpec is a plugin in an endpoint's config: true, false, or the keys of the
// plugin's own config, of which those left out are the blueprint's.
type overrideSpec[T any] struct {
	at
	Config T
}

func (o *overrideSpec[T]) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	o.at = place(n, p)
	d.toggled(reflect.ValueOf(&o.Config).Elem(), any(&o.Config).(interface{ toggle() *boolean }).toggle(), n, p)
}

func (*overrideSpec[T]) schema(s *schema, _ *field) object { return toggleSchema[T](s) }
func (*overrideSpec[T]) kind(*field) string                { return "true, false or mapping" }
func (*overrideSpec[T]) inside() []inner                   { return self[T]() }

// policy is what a plugin's configuration begins with.
func (d *decoder) policy(s *policySpec) Policy {
	return Policy{Position: d.position(s.at), Enabled: s.Enabled.or(true)}
}

// policies are the plugins of the main file.
func (d *decoder) policies(s *plugins) Policies {
	return Policies{
		CORS: plugin(s.CORS, d.cors), Auth: d.authPlugin(s.Auth),
		RateLimit:       plugin(s.RateLimit, d.rateLimit),
		Transformations: plugin(s.Transformations, func(t *transformationsSpec) *Transformations { return d.transformations(t, nil) }),
		Compression:     plugin(s.Compression, d.compression),
		AccessLog:       plugin(s.AccessLog, d.accessLog), Tracing: plugin(s.Tracing, d.tracing), Errors: plugin(s.Errors, d.errorAnswers),
		Cache: plugin(s.Cache, d.cache),
	}
}

// overrides are those of an endpoint, whose path it is.
func (d *decoder) overrides(s *endpointSpec, path *Path) Policies {
	c := &s.Config
	return Policies{
		CORS: override(c.CORS, d.cors), Auth: d.publicAuth(s, override(c.Auth, d.endpointAuth)),
		RateLimit:       override(c.RateLimit, d.endpointRateLimit),
		Transformations: override(c.Transformations, func(t *transformationsSpec) *Transformations { return d.transformations(t, path) }),
		Compression:     override(c.Compression, d.compression),
		AccessLog:       override(c.AccessLog, d.accessLog), Tracing: override(c.Tracing, d.tracing), Errors: override(c.Errors, d.errorAnswers),
		Cache: override(c.Cache, d.endpointCache),
	}
}

// plugin reads a plugin where the file has it; make is for its configuration.
func plugin[T, M any](s pluginSpec[T], make func(*T) *M) *M {
	if !s.given() {
		return nil
	}
	m := make(&s.Config)
	p := reflect.ValueOf(m).Elem().FieldByName("Policy").Addr().Interface().(*Policy)
	p.Enabled = p.Enabled && s.Enabled.or(true)
	return m
}

func override[T any, M any](s *overrideSpec[T], make func(*T) *M) *M {
	if s == nil {
		return nil
	}
	return make(&s.Config)
}

// said is v where the file says it.
func said[T any](v T, given bool) *T {
	if !given {
		return nil
	}
	return &v
}

// words are the values of a list; nil where the file does not have it.
func words(l list[str]) []string {
	if !l.given() {
		return nil
	}
	out := []string{}
	for _, s := range l.items {
		if s.given() {
			out = append(out, s.v)
		}
	}
	return out
}

// policies are the plugins beside proxy, for what concerns them all.
func (s *plugins) policies() (places []at) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); !f.IsExported() {
			continue
		}
		if x, ok := v.Field(i).Addr().Interface().(interface{ policy() at }); ok {
			places = append(places, x.policy())
		}
	}
	return places
}

func (s *pluginSpec[T]) policy() at { return s.at }
