package translate

import (
	_ "embed"
	"slices"
	"strings"

	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// credentialScript is constant: what it takes away comes as data.
//
//go:embed credentials.lua
var credentialScript string

// shown are the places where clients show credentials, each sorted.
type shown struct{ headers, query, cookies []string }

// shownTo are those of all methods that the blueprint has.
func shownTo(a *blueprints.Auth) (s shown) {
	if a.JWT != nil {
		for _, p := range a.JWT.Providers {
			s.headers, s.query, s.cookies = append(s.headers, p.Headers...), append(s.query, p.Query...), append(s.cookies, p.Cookies...)
		}
	}
	if k := a.APIKeys; k != nil {
		s.headers, s.query, s.cookies = append(s.headers, k.Headers...), append(s.query, k.Query...), append(s.cookies, k.Cookies...)
	}
	if a.Basic != nil {
		s.headers = append(s.headers, authorization)
	}
	if a.OAuth2 != nil {
		s.headers, s.cookies = append(s.headers, authorization), append(s.cookies, oauth2Cookies...)
	}
	s.headers = distinct(s.headers)
	slices.Sort(s.query)
	slices.Sort(s.cookies)
	s.query, s.cookies = slices.Compact(s.query), slices.Compact(s.cookies)
	return s
}

// shownInParts says that some stand in a part of a header: the query or a cookie.
func (b *builder) shownInParts() bool {
	a := b.auth()
	if a == nil {
		return false
	}
	s := shownTo(a)
	return len(s.query)+len(s.cookies) > 0
}

// shownInQuery says that some stand in the query.
func (b *builder) shownInQuery() bool {
	a := b.auth()
	return a != nil && len(shownTo(a).query) > 0
}

// withoutParts takes them away by a script.
func withoutParts(s shown) *luav3.Lua {
	return &luav3.Lua{
		DefaultSourceCode: inline(credentialScript),
		// By default a request would be routed anew, without what it was let in with.
		ClearRouteCache: boolean(false),
		FilterContext: &structpb.Struct{
			Fields: map[string]*structpb.Value{"query": textList(s.query), "cookies": textList(s.cookies)},
		},
	}
}

func textList(list []string) *structpb.Value {
	l := new(structpb.ListValue)
	for _, s := range list {
		l.Values = append(l.Values, structpb.NewStringValue(s))
	}
	return structpb.NewListValue(l)
}

// removal takes headers from requests.
func removal(headers []string) *headermutationv3.HeaderMutation {
	m := new(headermutationv3.Mutations)
	for _, name := range headers {
		m.RequestMutations = append(m.RequestMutations, removed(name))
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}

// distinct is a sorted list of names that differ in more than case.
func distinct(names []string) []string {
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(names, strings.EqualFold)
}

// holdsKeys says that the filters hold what clients alone know. Envoy has no other way to
// hand it to them.
func (b *builder) holdsKeys() bool {
	a := b.auth()
	return a != nil && (a.APIKeys != nil || a.Basic != nil || a.JWT.SharedKeys())
}
