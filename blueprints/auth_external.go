package blueprints

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// extAuthzSpec is auth.ext_authz.
type extAuthzSpec struct {
	at
	URL             str       `yaml:"url" required:"true" doc:"Where it is asked. With protocol http, the request's path is put behind the URL's own."`
	Upstream        str       `yaml:"upstream" doc:"The pool through which it is asked; the URL's own host without it."`
	Protocol        str       `yaml:"protocol" enum:"http|grpc" default:"http" doc:"Whether it speaks HTTP, or gRPC as the service envoy.service.auth.v3.Authorization."`
	Timeout         duration  `yaml:"timeout" default:"1s" above:"0" max:"60" doc:"How long its answer may take; a request without one is answered by 503."`
	Headers         list[str] `yaml:"headers" single:"true" default:"Authorization, Cookie, X-Forwarded-For, X-Forwarded-Proto, X-Request-Id" doc:"The headers of a request that it sees, beside method, path and host."`
	HeadersToTarget list[str] `yaml:"headers_to_target" single:"true" doc:"Headers of its answer that the target gets. What a client sends under these names is taken away everywhere."`
	HeadersToClient list[str] `yaml:"headers_to_client" single:"true" default:"Content-Type, Location, Set-Cookie, WWW-Authenticate" doc:"Headers of its refusal that the client gets."`
}

// ExtAuthz is a service that is asked about each request.
type ExtAuthz struct {
	Position
	URL, Pool string
	// Path is the URL's, without a slash at its end.
	Path    string
	GRPC    bool
	Timeout time.Duration
	// Headers are what it sees of a request, HeadersToTarget and HeadersToClient what
	// is passed on of its answers.
	Headers, HeadersToTarget, HeadersToClient []string
}

func (d *decoder) extAuthz(s *extAuthzSpec) *ExtAuthz {
	if !s.given() {
		return nil
	}
	x := &ExtAuthz{
		Position: d.position(s.at), URL: s.URL.v, GRPC: s.Protocol.v == "grpc", Timeout: s.Timeout.or(time.Second),
		Headers:         d.headerList(s.Headers, "Authorization", "Cookie", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id"),
		HeadersToTarget: words(s.HeadersToTarget),
		HeadersToClient: d.headerList(s.HeadersToClient, "Content-Type", "Location", "Set-Cookie", "WWW-Authenticate"),
	}
	for _, h := range s.HeadersToTarget.items {
		if h.given() {
			d.identityHeader(h.v, h.at)
		}
	}
	if !s.URL.given() {
		return x
	}
	x.Pool = d.serviceAt("auth-ext-authz", s.URL, s.Upstream, x.GRPC)
	if u, err := url.Parse(s.URL.v); err == nil {
		x.Path = strings.TrimRight(u.EscapedPath(), "/")
		if u.RawQuery != "" || u.Fragment != "" {
			d.fail(s.URL.at, "must have neither a query nor a fragment")
		}
	}
	if x.GRPC && x.Path != "" {
		d.fail(s.URL.at, "has a path, which gRPC has by itself: write scheme, host and port alone")
	}
	return x
}

// headerList are names of headers, or the fallback where the file has none.
func (d *decoder) headerList(l list[str], fallback ...string) []string {
	for _, h := range l.items {
		if h.given() && !token(h.v) {
			d.fail(h.at, "must be a header's name, got ", h.quote())
		}
	}
	if !l.given() {
		return fallback
	}
	out := words(l)
	slices.Sort(out)
	return out
}
