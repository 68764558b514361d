package translate

import (
	_ "embed"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

var (
	//go:embed lua/json.lua
	luaJSON string
	//go:embed lua/steps.lua
	luaSteps string
	//go:embed lua/message.lua
	luaMessage string
)

// TransformScript is what transforms requests and answers, in Lua. It is the same for all
// blueprints; Transform is what it reads.
func TransformScript() string { return luaJSON + luaSteps + luaMessage }

// transformFilter knows no operations by itself; a route has its own. The route stays the
// one that the client's request has: by default Envoy would choose again by the changed
// one, and a request could come to a canary whose changes it did not get.
func transformFilter() *luav3.Lua {
	return &luav3.Lua{DefaultSourceCode: inline(TransformScript()), ClearRouteCache: boolean(false)}
}

// scriptFilters are that of the script, where some endpoint needs it.
func (b *builder) scriptFilters() []*hcmv3.HttpFilter {
	if !b.usesScript() {
		return nil
	}
	return []*hcmv3.HttpFilter{off(b.filter(scriptFilter, transformFilter()))}
}

// Transform is what the script does for an endpoint; nil where that is nothing.
func Transform(bp *blueprints.Blueprint, e *blueprints.Endpoint) *structpb.Struct {
	b := &builder{bp: bp}
	return b.transform(e, b.mainPool(e))
}

// changes are all changes for an endpoint's way to a pool. Where two speak of the same thing, the later in
// this list holds: the blueprint's proxy, the plugin transformations, the pool, the endpoint.
type changes struct {
	request, response blueprints.Headers
	transforms        []blueprints.Transforms
	rewrite           *blueprints.Rewrite
}

func (c *changes) add(request, response blueprints.Headers, rewrite *blueprints.Rewrite, t blueprints.Transforms) {
	c.request, c.response = united(c.request, request), united(c.response, response)
	c.transforms = append(c.transforms, t)
	if rewrite != nil {
		c.rewrite = rewrite
	}
}

// changes unites them; p is nil where no pool answers, between are a static answer's headers.
func (b *builder) changes(e *blueprints.Endpoint, p *blueprints.Pool, between blueprints.Headers) changes {
	var c changes
	c.add(b.bp.RequestHeaders, b.bp.ResponseHeaders, b.bp.PathRewrite, b.bp.Transforms)
	if t := b.bp.Policies.Transformations; t != nil && transformed(b.bp, e) {
		c.add(t.RequestHeaders, t.ResponseHeaders, t.Rewrite, t.Transforms)
	}
	if p != nil {
		c.add(p.RequestHeaders, p.ResponseHeaders, nil, p.Transforms)
	}
	c.add(blueprints.Headers{}, between, nil, blueprints.Transforms{})
	var own *blueprints.Rewrite
	if e.Proxy != nil {
		own = e.Proxy.Rewrite
	}
	c.add(e.RequestHeaders, e.ResponseHeaders, own, e.Transforms)
	if t := e.Policies.Transformations; t != nil && t.Enabled {
		c.add(t.RequestHeaders, t.ResponseHeaders, t.Rewrite, t.Transforms)
	}
	return c
}

// transformed says that the blueprint's plugin transformations holds for an endpoint.
func transformed(bp *blueprints.Blueprint, e *blueprints.Endpoint) bool {
	if own := e.Policies.Transformations; own != nil {
		return own.Enabled
	}
	return bp.Policies.Transformations != nil && bp.Policies.Transformations.Enabled
}

// answered are the headers of answers that no endpoint gives.
func (b *builder) answered() blueprints.Headers {
	h := b.bp.ResponseHeaders
	if t := b.bp.Policies.Transformations; t != nil && t.Enabled {
		h = united(h, t.ResponseHeaders)
	}
	return h
}

// withoutPlugin says that the plugin's headers on all answers are not for an endpoint's.
func (b *builder) withoutPlugin(e *blueprints.Endpoint) bool {
	t := b.bp.Policies.Transformations
	return t != nil && t.Enabled && len(t.ResponseHeaders.Set)+len(t.ResponseHeaders.Add) > 0 && !transformed(b.bp, e)
}

// keptVar is the placeholder of a value that the script keeps, by its key.
const keptVar = "kept"

func keptKey(p blueprints.Part) string { return p.Var + "." + p.Arg }

// early makes the headers' placeholders mean the request as the client sent it, where the
// script changes it before Envoy fills them in.
func (b *builder) early(e *blueprints.Endpoint, p *blueprints.Pool, h blueprints.Headers) blueprints.Headers {
	if !early(b.transform(e, p).GetFields()["request"].GetStructValue().AsMap()) {
		return h
	}
	kept := func(list []blueprints.Header) []blueprints.Header {
		list = slices.Clone(list)
		for i := range list {
			list[i].Value = slices.Clone(list[i].Value)
			for j, p := range list[i].Value {
				if p.Var == "query" || p.Var == "header" || p.Var == "path" {
					list[i].Value[j] = blueprints.Part{Var: keptVar, Arg: keptKey(p)}
				}
			}
		}
		return list
	}
	h.Set, h.Add = kept(h.Set), kept(h.Add)
	return h
}

// removed are the headers of answers that the router takes away; the script takes the one
// that it looks at itself.
func (b *builder) removed(e *blueprints.Endpoint, p *blueprints.Pool, h blueprints.Headers) []string {
	if b.transform(e, p).GetFields()["response"].GetStructValue().GetFields()["hide"] == nil {
		return h.Remove
	}
	return slices.DeleteFunc(slices.Clone(h.Remove), isServiceTime)
}

// transforms puts what the script does for an endpoint into a route of it.
func (b *builder) transforms(r *routev3.Route, e *blueprints.Endpoint, p *blueprints.Pool) {
	data := b.transform(e, p)
	if data == nil {
		return
	}
	b.setting(r, scriptFilter, &luav3.LuaPerRoute{FilterContext: data})
	if data.Fields["response"].GetStructValue().GetFields()["body"] == nil {
		return
	}
	// A part of a body, or a compressed one, could not be changed.
	for _, name := range []string{"Accept-Encoding", "Range", "If-Range"} {
		if !slices.Contains(r.RequestHeadersToRemove, name) {
			r.RequestHeadersToRemove = append(slices.Clone(r.RequestHeadersToRemove), name)
		}
	}
}

// usesScript says that some endpoint needs the script.
func (b *builder) usesScript() bool {
	return len(b.allScripts()) > 0
}

// allScripts are the data of all endpoints that need the script, for each of their pools.
func (b *builder) allScripts() (out []*structpb.Struct) {
	for _, e := range b.bp.Endpoints {
		if e.Handler != blueprints.HandlerProxy {
			continue
		}
		for _, p := range b.poolsOf(e) {
			if data := b.transform(e, p); data != nil {
				out = append(out, data)
			}
		}
	}
	return out
}

// poolsOf are those that an endpoint's requests may go to.
func (b *builder) poolsOf(e *blueprints.Endpoint) (out []*blueprints.Pool) {
	names := []string{e.Proxy.Pool}
	for _, c := range e.Proxy.Canaries {
		names = append(names, c.Pool)
	}
	for _, w := range e.Proxy.Split {
		names = append(names, w.Pool)
	}
	for _, name := range names {
		if p := b.poolNamed(name); p != nil && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// mainPool is the endpoint's pool, or the heaviest of its split; nil where none answers.
func (b *builder) mainPool(e *blueprints.Endpoint) *blueprints.Pool {
	if e.Handler != blueprints.HandlerProxy {
		return nil
	}
	return b.pool(e)
}

// bodyBuffer is what Envoy holds of a body: all of the largest that the script changes, and
// no less than otherwise. Envoy has one limit for a listener.
func (b *builder) bodyBuffer() int {
	n := connectionBuffer
	for _, data := range b.allScripts() {
		for _, way := range []string{"request", "response"} {
			if body := data.GetFields()[way].GetStructValue().GetFields()["body"]; body != nil {
				n = max(n, int(body.GetStructValue().Fields["max"].GetNumberValue()))
			}
		}
	}
	return n
}
