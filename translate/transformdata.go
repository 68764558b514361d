package translate

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// keptNamespace is where the script keeps values of a request that later stages ask for.
const keptNamespace = "backworks.transform"

// serviceTime is the header by which the script knows the answers of targets.
const serviceTime = "X-Envoy-Upstream-Service-Time"

type (
	fields = map[string]any
	items  = []any
)

// scriptKey is an endpoint on its way to a pool.
type scriptKey struct {
	endpoint *blueprints.Endpoint
	pool     *blueprints.Pool
}

// transform is the script's data for an endpoint on its way to a pool.
func (b *builder) transform(e *blueprints.Endpoint, p *blueprints.Pool) *structpb.Struct {
	key := scriptKey{e, p}
	data, made := b.scripts[key]
	if !made {
		if b.scripts == nil {
			b.scripts = map[scriptKey]*structpb.Struct{}
		}
		data = b.script(e, p)
		b.scripts[key] = data
	}
	return data
}

func (b *builder) script(e *blueprints.Endpoint, p *blueprints.Pool) *structpb.Struct {
	if p == nil {
		return nil
	}
	c := b.changes(e, p, blueprints.Headers{})
	s := script{trusted: b.bp.Server.TrustedHops > 0}
	request, response := s.renames(c.request), s.renames(c.response)
	set(request, "query", s.query(c.transforms))
	set(request, "body", s.body(c.transforms, func(t blueprints.Transforms) blueprints.Body { return t.RequestBody }))
	set(response, "status", statusMap(c.transforms))
	s.answering = true
	set(response, "body", s.body(c.transforms, func(t blueprints.Transforms) blueprints.Body { return t.ResponseBody }))
	if response["body"] != nil || response["status"] != nil || response["rename"] != nil {
		if i := slices.IndexFunc(c.response.Remove, isServiceTime); i >= 0 {
			response["hide"] = items{strings.ToLower(serviceTime)}
		}
	}
	for _, h := range slices.Concat(c.request.Set, c.request.Add, c.response.Set, c.response.Add) {
		if early(request) {
			s.keep(h.Value)
		}
	}
	if request["query"] != nil {
		s.keep(blueprints.Text{{Var: "path"}})
		b.changesQuery = true
	}
	data := fields{}
	set(data, "request", request)
	set(data, "response", response)
	if len(s.kept) > 0 {
		data["keep"] = s.kept
	}
	if len(data) == 0 {
		return nil
	}
	out, err := structpb.NewStruct(data)
	if err != nil {
		panic("data of a transformation: " + err.Error()) // only text that is no UTF-8 does this, and the loader refuses those
	}
	return out
}

func isServiceTime(name string) bool { return strings.EqualFold(name, serviceTime) }

// set puts v into m where there is something in it.
func set(m fields, key string, v fields) {
	if len(v) > 0 {
		m[key] = v
	}
}

// early says that the script changes what placeholders read before the router reads it.
func early(request fields) bool { return request["query"] != nil || request["rename"] != nil }

// script collects what the script is to keep of a request.
type script struct {
	trusted   bool // the X-Forwarded-Host of clients
	answering bool // values are asked for when the request is gone
	kept      items
	keys      []string
}

func (s *script) renames(h blueprints.Headers) fields {
	out := fields{}
	var list items
	for _, r := range h.Rename {
		list = append(list, fields{"from": strings.ToLower(r.From), "to": r.To})
	}
	if list != nil {
		out["rename"] = list
	}
	return out
}

func (s *script) query(all []blueprints.Transforms) fields {
	q := fields{}
	add := func(key string, v any) {
		list, _ := q[key].(items)
		q[key] = append(list, v)
	}
	for _, t := range all {
		for _, r := range t.Query.Rename {
			add("rename", fields{"from": r.From, "to": r.To})
		}
		for _, n := range t.Query.Remove {
			add("remove", n)
		}
		for _, p := range t.Query.Defaults {
			add("defaults", fields{"name": p.Name, "value": s.text(p.Value)})
		}
		for _, p := range t.Query.Set {
			add("set", fields{"name": p.Name, "value": s.text(p.Value)})
		}
	}
	return q
}

// statusMap are the endpoint's before the blueprint's: the first that fits holds.
func statusMap(all []blueprints.Transforms) fields {
	out := fields{}
	var list items
	for _, t := range slices.Backward(all) {
		for _, c := range t.Status.Map {
			list = append(list, fields{"from": c.From, "through": c.Through, "to": c.To})
		}
		if t.Status.Force != 0 {
			list = append(list, fields{"from": 200, "through": 599, "to": t.Status.Force})
			break
		}
	}
	if list != nil {
		out["map"] = list
	}
	return out
}

func (s *script) body(all []blueprints.Transforms, of func(blueprints.Transforms) blueprints.Body) fields {
	var steps items
	limit, refuse := int64(blueprints.DefaultMaxBody), false
	for _, t := range all {
		body := of(t)
		for _, step := range body.Steps {
			steps = append(steps, s.step(step))
		}
		if body.MaxSize > 0 {
			limit = body.MaxSize
		}
		if body.Refuse != nil {
			refuse = *body.Refuse
		}
	}
	if steps == nil {
		return nil
	}
	return fields{"steps": steps, "max": limit, "refuse": refuse}
}

func (s *script) step(step blueprints.Step) fields {
	f := fields{"op": step.Op, "path": path(step.Path)}
	switch step.Op {
	case "pick":
		paths := make(items, len(step.Paths))
		for i, p := range step.Paths {
			paths[i] = path(p)
		}
		f["paths"] = paths
	case "move":
		f["to"], f["shared"] = path(step.To), step.Path.Shared()
	case "rename", "wrap":
		f["name"] = step.Name
	case "set", "default":
		f["value"] = s.text(step.Value)
	}
	return f
}

// path is a list of names; true stands for any.
func path(p blueprints.JSONPath) items {
	out := items{}
	for _, k := range p {
		if k.Any {
			out = append(out, true)
			continue
		}
		out = append(out, k.Name)
	}
	return out
}

// text is a list of literals and placeholders.
func (s *script) text(t blueprints.Text) items {
	out := items{}
	for _, p := range t {
		if p.Var == "" {
			out = append(out, p.Literal)
			continue
		}
		out = append(out, s.placeholder(p))
	}
	if s.answering {
		s.keep(t)
	}
	return out
}

func (s *script) placeholder(p blueprints.Part) fields {
	f := fields{"v": p.Var}
	switch {
	case p.Arg != "":
		f["a"] = p.Arg
	case p.Var == "host" && s.trusted:
		f["a"] = strings.ToLower(forwardedHost)
	}
	return f
}

// keep makes the script keep the values of t's placeholders.
func (s *script) keep(t blueprints.Text) {
	for _, p := range t {
		if p.Var == "" || slices.Contains(s.keys, keptKey(p)) {
			continue
		}
		s.keys = append(s.keys, keptKey(p))
		s.kept = append(s.kept, s.placeholder(p))
	}
}
