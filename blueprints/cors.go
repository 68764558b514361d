package blueprints

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// corsSpec is the plugin cors.
type corsSpec struct {
	policySpec
	AllowOrigins     list[str]        `yaml:"allow_origins,allow_origin,origins" single:"true" default:"*" doc:"Origins whose pages may read answers, as https://app.example.com. *. before a host stands for one or more labels, * elsewhere in it for characters of a label, and as the port for any; \"*\" alone is every origin."`
	AllowMethods     list[methodName] `yaml:"allow_methods,methods" single:"true" doc:"Methods allowed to them; those of the path's endpoints without it."`
	AllowHeaders     list[str]        `yaml:"allow_headers" single:"true" doc:"Headers that their requests may have, or \"*\"; those that the browser asks for without it."`
	ExposeHeaders    list[str]        `yaml:"expose_headers" single:"true" doc:"Headers of answers that they may read."`
	AllowCredentials boolean          `yaml:"allow_credentials,credentials" default:"false" doc:"Whether cookies and Authorization are allowed; then the origins must be named."`
	MaxAge           duration         `yaml:"max_age" default:"10m" min:"0" doc:"How long a browser may keep the answer to a preflight request."`
}

// CORS lets pages of other origins read answers (the Fetch standard, CORS protocol).
type CORS struct {
	Policy
	// Origins are exact, or have * as corsSpec says; "*" alone is every origin, the default.
	Origins []string
	// Methods are upper case and sorted, nil: those of the path; Headers nil: those asked for.
	Methods, Headers, ExposeHeaders []string
	Credentials                     *bool
	// MaxAge is 10 min by default.
	MaxAge *time.Duration
}

func (c *CORS) fill() {
	if c.Origins == nil {
		c.Origins = []string{"*"}
	}
	if c.MaxAge == nil {
		c.MaxAge = said(10*time.Minute, true)
	}
}

func (d *decoder) cors(s *corsSpec) *CORS {
	c := &CORS{
		Policy: d.policy(&s.policySpec), Methods: d.methods(s.AllowMethods),
		Origins: words(s.AllowOrigins), Headers: words(s.AllowHeaders), ExposeHeaders: words(s.ExposeHeaders),
		Credentials: said(s.AllowCredentials.v, s.AllowCredentials.given()),
		MaxAge:      said(s.MaxAge.v, s.MaxAge.given()),
	}
	for _, o := range s.AllowOrigins.items {
		if o.given() {
			d.origin(o)
		}
	}
	for _, l := range []list[str]{s.AllowHeaders, s.ExposeHeaders} {
		for _, h := range l.items {
			if h.given() && !token(h.v) {
				d.fail(h.at, "must be a header's name, got ", h.quote())
			}
		}
	}
	return c
}

// AnyOrigin says that pages from everywhere may read answers.
func (c *CORS) AnyOrigin() bool { return slices.Contains(c.Origins, "*") }

// originPattern is scheme, host and port. In the host, *. at its beginning stands for one
// or more labels, and * elsewhere for characters of one label.
var originPattern = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://((?:\*\.)?[a-z0-9_*-]+(?:\.[a-z0-9_*-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}|\*))?$`)

// origin refuses what no browser sends (RFC 6454, 6.2), and hosts of stars alone.
func (d *decoder) origin(o str) {
	if o.v == "*" || o.v == "null" {
		return
	}
	m := originPattern.FindStringSubmatch(o.v)
	switch {
	case m == nil && originPattern.MatchString(strings.TrimRight(strings.ToLower(o.v), "/")):
		d.fail(o.at, "must be as browsers send it, in lower case and without a slash at its end, got ", o.quote())
	case m == nil:
		d.fail(o.at, "must be an origin such as https://app.example.com or https://*.example.com, or \"*\", got ", o.quote())
	case strings.Trim(m[2], "*.") == "":
		d.fail(o.at, "must name a host, got ", o.quote(), ": \"*\" alone is every origin")
	case m[1] == "http" && m[3] == "80" || m[1] == "https" && m[3] == "443":
		d.fail(o.at, "must not have the scheme's own port, which browsers leave out, got ", o.quote())
	}
}
