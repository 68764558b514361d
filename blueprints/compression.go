package blueprints

import (
	"slices"
	"strings"
)

// compressionSpec is the plugin compression.
type compressionSpec struct {
	policySpec
	Algorithms   list[str] `yaml:"algorithms,algorithm" single:"true" enum:"br|zstd|gzip" default:"br, zstd, gzip" doc:"What to compress with: of those that the client likes equally well, the first."`
	ContentTypes list[str] `yaml:"content_types,content_type,types" single:"true" doc:"Media types that are compressed; text, JSON, JavaScript, XML, SVG and fonts without it."`
	MinLength    integer   `yaml:"min_length,min_size" default:"1024" min:"1" max:"1073741824" doc:"Answers with fewer bytes are left alone; those of unknown length are compressed."`
	Requests     boolean   `yaml:"decompress_requests" default:"false" doc:"Whether bodies of requests that are compressed are unpacked for the targets."`
}

// Compression compresses answers. Those that come compressed are left alone.
type Compression struct {
	Policy
	// Algorithms are "br", "zstd" and "gzip" in the order of preference.
	Algorithms []string
	// ContentTypes are media types without parameters.
	ContentTypes []string
	// MinLength is 1024 bytes by default.
	MinLength int
	// Requests says that bodies of requests are unpacked.
	Requests *bool
}

var compressible = []string{
	"application/atom+xml", "application/graphql-response+json", "application/javascript", "application/json", "application/ld+json",
	"application/manifest+json", "application/problem+json", "application/rss+xml", "application/vnd.api+json", "application/wasm",
	"application/x-ndjson", "application/xhtml+xml", "application/xml", "font/otf", "font/ttf", "image/svg+xml",
	"text/css", "text/csv", "text/html", "text/javascript", "text/markdown", "text/plain", "text/xml",
}

func (c *Compression) fill() {
	if c.Algorithms == nil {
		c.Algorithms = []string{"br", "zstd", "gzip"}
	}
	if c.ContentTypes == nil {
		c.ContentTypes = compressible
	}
	if c.MinLength == 0 {
		c.MinLength = 1024
	}
}

func (d *decoder) compression(s *compressionSpec) *Compression {
	c := &Compression{
		Policy: d.policy(&s.policySpec), Algorithms: words(s.Algorithms), ContentTypes: words(s.ContentTypes),
		MinLength: s.MinLength.v, Requests: said(s.Requests.v, s.Requests.given()),
	}
	d.listed(s.Algorithms)
	d.listed(s.ContentTypes)
	for _, t := range s.ContentTypes.items {
		if t.given() && !mediaType(t.v) {
			d.fail(t.at, "must be a media type without parameters such as application/json, got ", t.quote())
		}
	}
	return c
}

// listed refuses a list that is there and empty, and words that stand in it twice.
func (d *decoder) listed(l list[str]) {
	if l.given() && len(l.items) == 0 {
		d.fail(l.at, "must not be empty: leave the key out for the default")
	}
	for i, s := range l.items {
		if s.given() && slices.ContainsFunc(l.items[:i], func(x str) bool { return x.v == s.v }) {
			d.fail(s.at, "stands here a second time")
		}
	}
}

// mediaType is RFC 9110, 8.3.1, without parameters.
func mediaType(s string) bool {
	kind, sub, both := strings.Cut(s, "/")
	return both && token(kind) && token(sub)
}
