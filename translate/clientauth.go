package translate

import (
	"regexp"
	"strings"

	rbacconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

// optionalNames says that clients may come without a certificate, and must have one of
// some names where they come with one. A handshake cannot say so: where Envoy's looks for
// names, it takes nobody without a certificate.
func optionalNames(c *blueprints.ClientAuth) bool { return c != nil && !c.Required && c.SANs != nil }

func (b *builder) asksOptionalNames() bool { return b.bp.TLS != nil && optionalNames(b.bp.TLS.Clients) }

// clientNames refuses those who came with a certificate of none of the names.
func (b *builder) clientNames() *rbacv3.RBAC {
	anything := []*rbacconfigv3.Permission{{Rule: &rbacconfigv3.Permission_Any{Any: true}}}
	named := &rbacconfigv3.Policy{Permissions: anything}
	if b.asksOptionalNames() {
		for _, s := range b.bp.TLS.Clients.SANs {
			named.Principals = append(named.Principals, authenticated(&rbacconfigv3.Principal_Authenticated{PrincipalName: certified(s)}))
		}
	}
	// Without a name to match, the filter takes any TLS for authenticated; without a
	// certificate the subject is empty, as it is with one that has neither subject nor
	// name of those kinds.
	somebody := authenticated(&rbacconfigv3.Principal_Authenticated{PrincipalName: matches(".+")})
	nobody := &rbacconfigv3.Principal{Identifier: &rbacconfigv3.Principal_NotId{NotId: somebody}}
	return &rbacv3.RBAC{Rules: &rbacconfigv3.RBAC{Action: rbacconfigv3.RBAC_ALLOW, Policies: map[string]*rbacconfigv3.Policy{
		"named": named, "without_certificate": {Permissions: anything, Principals: []*rbacconfigv3.Principal{nobody}},
	}}}
}

func authenticated(a *rbacconfigv3.Principal_Authenticated) *rbacconfigv3.Principal {
	return &rbacconfigv3.Principal{Identifier: &rbacconfigv3.Principal_Authenticated_{Authenticated: a}}
}

// certified matches a name as this filter has it: a URI or DNS name of the certificate, or,
// where it has neither, its subject. So what stands for * in a DNS name must hold nothing
// that the others have.
func certified(san string) *matcherv3.StringMatcher {
	if !strings.Contains(san, "*") || sanType(san) == tlsv3.SubjectAltNameMatcher_URI {
		return globbed(san)
	}
	return matches(strings.ReplaceAll(regexp.QuoteMeta(san), `\*`, "[^:/@=, ]*"))
}
