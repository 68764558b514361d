package translate

import (
	"strconv"
	"strings"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"

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
		p.AllowOriginStringMatch = append(p.AllowOriginStringMatch, glob(o))
	}
	return p
}
