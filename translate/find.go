package translate

import (
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"backworks/blueprints"
)

// Found is the endpoint that answers a request, and what its route does to it.
type Found struct {
	Endpoint *blueprints.Endpoint
	// Pool is nil where no target answers.
	Pool *blueprints.Pool
	// Params are the parameters of the path, as they stand there.
	Params map[string]string
	// Path is the target's, without the query.
	Path string
	// Request and Response are the changes of headers.
	Request, Response blueprints.Headers
	// PreserveHost says that the target sees the client's Host.
	PreserveHost bool
}

// Find is what an Envoy does with a request for a path without its query; ok is false
// where no endpoint has it.
func Find(bp *blueprints.Blueprint, method, path string) (f Found, ok bool) {
	b := &builder{bp: bp}
	b.order()
	for _, e := range b.sorted {
		names := b.served(e)
		values := regexp.MustCompile("^" + pattern(e.Path) + "$").FindStringSubmatch(path)
		if values == nil || len(names) > 0 && !slices.Contains(names, method) {
			continue
		}
		f = Found{Endpoint: e, Params: map[string]string{}, Path: path}
		n := 1
		for _, s := range e.Path.Segments {
			if s.Param != "" {
				f.Params[s.Param] = values[n]
			}
			if s.Param != "" || s.Rest {
				n++
			}
		}
		c := b.changes(e, b.mainPool(e), blueprints.Headers{})
		f.Request, f.Response = c.request, c.response
		if e.Handler == blueprints.HandlerProxy {
			f.Pool = b.pool(e)
			f.PreserveHost = settingsOf(f.Pool, e.Proxy).preserveHost
			f.Path = rewritten(b.way(e, way{pool: f.Pool}, b.served(e))[0].GetRoute(), path)
		}
		return f, true
	}
	return f, false
}

var groupOf = regexp.MustCompile(`\\(\\|\d)`)

// rewritten is path as a route makes it; what a route of ours replaces by prefix is the
// whole of its path.
func rewritten(a *routev3.RouteAction, path string) string {
	if r := a.GetRegexRewrite(); r != nil {
		// \1 is a group in RE2's replacements, and \\ a backslash; Go has ${1} and $$.
		to := groupOf.ReplaceAllStringFunc(strings.ReplaceAll(r.Substitution, "$", "$$"), func(s string) string {
			if s == `\\` {
				return `\`
			}
			return "${" + s[1:] + "}"
		})
		return regexp.MustCompile(r.Pattern.Regex).ReplaceAllString(path, to)
	}
	if a.GetPrefixRewrite() != "" {
		return a.GetPrefixRewrite()
	}
	return path
}
