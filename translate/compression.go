package translate

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	brotlicompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/brotli/compressor/v3"
	brotlidecompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/brotli/decompressor/v3"
	gzipcompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/gzip/compressor/v3"
	gzipdecompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/gzip/decompressor/v3"
	zstdcompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/zstd/compressor/v3"
	zstddecompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/zstd/decompressor/v3"
	compressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/compressor/v3"
	decompressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/decompressor/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
)

func compressionOf(p *blueprints.Policies) *blueprints.Compression { return p.Compression }

// compressors are the filters of all that endpoints say of compression. Routes can
// switch a filter on and off, but not change its media types, so that each variant
// has filters of its own, which are off where no route switches them on.
func (b *builder) compressors() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	add := func(name string, m proto.Message) {
		out = append(out, off(b.filter(name, m)))
	}
	for i, c := range variants(b, compressionOf) {
		if c == nil {
			continue
		}
		for j, a := range c.Algorithms {
			add(compressorName(i, a), b.compressor(c, j))
		}
		if yes(c.Requests) {
			for _, a := range c.Algorithms {
				add(decompressorName(i, a), b.decompressor(a))
			}
		}
	}
	return out
}

// compressionRoute switches an endpoint's filters on.
func (b *builder) compressionRoute(r *routev3.Route, e *blueprints.Endpoint) {
	c := effective(b, e, compressionOf)
	if c == nil {
		return
	}
	i := variantOf(b, e, compressionOf)
	for _, a := range c.Algorithms {
		b.setting(r, compressorName(i, a), &routev3.FilterConfig{Config: &anypb.Any{}})
		if yes(c.Requests) {
			b.setting(r, decompressorName(i, a), &routev3.FilterConfig{Config: &anypb.Any{}})
		}
	}
}

func compressorName(variant int, algorithm string) string {
	return fmt.Sprintf("backworks.compress.%d.%s", variant, algorithm)
}

func decompressorName(variant int, algorithm string) string {
	return fmt.Sprintf("backworks.decompress.%d.%s", variant, algorithm)
}

// compressor is the filter of the algorithm at place j.
func (b *builder) compressor(c *blueprints.Compression, j int) *compressorv3.Compressor {
	algorithm := c.Algorithms[j]
	types := make([]*matcherv3.StringMatcher, len(c.ContentTypes))
	for i, t := range c.ContentTypes {
		types[i] = &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: t}, IgnoreCase: true}
	}
	return &compressorv3.Compressor{
		CompressorLibrary: extension("envoy.compression."+algorithm+".compressor", b.typed(compressorLibrary(algorithm))),
		ChooseFirst:       j == 0,
		ResponseDirectionConfig: &compressorv3.Compressor_ResponseDirectionConfig{
			CommonConfig: &compressorv3.Compressor_CommonDirectionConfig{
				MinContentLength: u32(c.MinLength), ContentTypeMatcher: types,
			},
			// A weak one still holds: the content is the same, its bytes are not (RFC
			// 9110, section 8.8.1).
			WeakenEtagOnCompress: true,
			// In the last one alone: the others have read it by then.
			RemoveAcceptEncodingHeader: j == len(c.Algorithms)-1,
			// A part of an answer is one of its plain bytes.
			UncompressibleResponseCodes: []uint32{206},
		},
	}
}

func (b *builder) decompressor(algorithm string) *decompressorv3.Decompressor {
	return &decompressorv3.Decompressor{
		DecompressorLibrary: extension("envoy.compression."+algorithm+".decompressor", b.typed(decompressorLibrary(algorithm))),
		RequestDirectionConfig: &decompressorv3.Decompressor_RequestDirectionConfig{
			CommonConfig:            &decompressorv3.Decompressor_CommonDirectionConfig{},
			AdvertiseAcceptEncoding: boolean(false),
		},
		ResponseDirectionConfig: &decompressorv3.Decompressor_ResponseDirectionConfig{
			CommonConfig: &decompressorv3.Decompressor_CommonDirectionConfig{Enabled: never()},
		},
	}
}

// never is a switch that is off; Envoy wants a key by which it could be switched on.
func never() *corev3.RuntimeFeatureFlag {
	return &corev3.RuntimeFeatureFlag{DefaultValue: boolean(false), RuntimeKey: "backworks.unchanged.off"}
}

func extension(name string, config *anypb.Any) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: config}
}

func compressorLibrary(algorithm string) proto.Message {
	switch algorithm {
	case "br":
		// Envoy's default of 11 is for files that are compressed once.
		return &brotlicompressorv3.Brotli{Quality: u32(4)}
	case "zstd":
		return &zstdcompressorv3.Zstd{}
	}
	return &gzipcompressorv3.Gzip{CompressionLevel: gzipcompressorv3.Gzip_COMPRESSION_LEVEL_4}
}

func decompressorLibrary(algorithm string) proto.Message {
	switch algorithm {
	case "br":
		return &brotlidecompressorv3.Brotli{}
	case "zstd":
		return &zstddecompressorv3.Zstd{}
	}
	return &gzipdecompressorv3.Gzip{}
}
