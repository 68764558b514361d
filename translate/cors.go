package translate

import (
	"regexp"
	"strconv"
	"strings"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

func corsOf(p *blueprints.Policies) *blueprints.CORS { return p.CORS }

// cors are the settings of an endpoint for pages of other origins.
func (b *builder) cors(c *blueprints.CORS, e *blueprints.Endpoint) *corsv3.CorsPolicy {
	p := &corsv3.CorsPolicy{
		AllowMethods:     strings.Join(c.Methods, ","),
		AllowHeaders:     strings.Join(c.Headers, ","),
		ExposeHeaders:    strings.Join(c.ExposeHeaders, ","),
		MaxAge:           strconv.Itoa(int(c.MaxAge.Seconds())),
		AllowCredentials: boolean(c.Credentials != nil && *c.Credentials),
	}
	for _, o := range c.Origins {
		p.AllowOriginStringMatch = append(p.AllowOriginStringMatch, origin(o))
	}
	return p
}

// origin matches an origin in which * stands for any characters.
func origin(o string) *matcherv3.StringMatcher {
	if !strings.Contains(o, "*") {
		return exact(o)
	}
	return matches(strings.ReplaceAll(regexp.QuoteMeta(o), `\*`, ".*"))
}
