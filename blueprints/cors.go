package blueprints

import (
	"strings"
	"time"
)

// corsSpec is the plugin cors.
type corsSpec struct {
	policySpec
	AllowOrigins     list[str]        `yaml:"allow_origins,allow_origin,origins" single:"true" default:"*" doc:"Origins whose pages may read answers, as https://app.example.com; * in one stands for any characters, and \"*\" alone for every origin."`
	AllowMethods     list[methodName] `yaml:"allow_methods,methods" single:"true" doc:"Methods allowed to them; those of the path's endpoints without it."`
	AllowHeaders     list[str]        `yaml:"allow_headers" single:"true" doc:"Headers that their requests may have, or \"*\"; those that the browser asks for without it."`
	ExposeHeaders    list[str]        `yaml:"expose_headers" single:"true" doc:"Headers of answers that they may read."`
	AllowCredentials boolean          `yaml:"allow_credentials,credentials" default:"false" doc:"Whether cookies and Authorization are allowed; then the origins must be named."`
	MaxAge           duration         `yaml:"max_age" default:"10m" min:"0" doc:"How long a browser may keep the answer to a preflight request."`
}

// CORS lets pages of other origins read answers (the Fetch standard, CORS protocol).
type CORS struct {
	Policy
	// Origins are exact, or have * for any characters; "*" alone is every origin, the
	// default.
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
		if o.given() && o.v != "*" && !strings.Contains(o.v, "://") && o.v != "null" {
			d.fail(o.at, "must be an origin such as https://app.example.com, or \"*\", got ", o.quote())
		}
	}
	return c
}
