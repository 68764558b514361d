package translate_test

// plainFields are fields of Envoy's configuration that it takes as they are: no text there
// is a format.
var plainFields = map[string]string{
	"envoy.type.matcher.v3.MetadataMatcher.PathSegment.key":                                      "compared",
	"envoy.type.matcher.v3.StringMatcher.exact":                                                  "compared",
	"envoy.type.matcher.v3.RegexMatcher.regex":                                                   "compared",
	"envoy.extensions.filters.http.api_key_auth.v3.Credential.client":                            "a header's value, sent as it is",
	"envoy.type.matcher.v3.RegexMatchAndSubstitute.substitution":                                 "has \\1 alone",
	"envoy.config.core.v3.HealthCheck.GrpcHealthCheck.service_name":                              "sent as it is",
	"envoy.extensions.filters.http.basic_auth.v3.BasicAuth.realm":                                "sent as it is",
	"envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.audiences":                           "compared",
	"envoy.config.core.v3.SubstitutionFormatString.json_format{}":                                "a name in a JSON object",
	"opentelemetry.proto.common.v1.KeyValue.key":                                                 "a name of an attribute",
	"envoy.config.trace.v3.OpenTelemetryConfig.service_name":                                     "sent as it is",
	"envoy.extensions.access_loggers.file.v3.FileAccessLog.path":                                 "a file's name",
	"envoy.extensions.http.cache.file_system_http_cache.v3.FileSystemHttpCacheConfig.cache_path": "a folder's name",

	"envoy.config.core.v3.Metadata.filter_metadata":                   "data of filters",
	"envoy.type.tracing.v3.CustomTag.tag":                             "a name of an attribute",
	"envoy.config.core.v3.SubstitutionFormatString.content_type":      "sent as it is",
	"envoy.type.http.v3.Cookie.path":                                  "sent as it is",
	"envoy.config.route.v3.DirectResponseAction.body":                 "sent as it is",
	"envoy.extensions.filters.http.lua.v3.LuaPerRoute.filter_context": "data of a constant script",
}

// elsewhere are strings that may make another line wrong.
var elsewhere = map[string]string{
	"healthCheck.path":   "is then another than that of the targets beside it",
	"oauth2.scopes":      "end_session_endpoint needs openid among them",
	"document.plugins{}": "a plugin of a list is then another's",
}

// seldom has what the goldens have only in blueprints that are refused, or need other files.
const seldom = `
plugins:
  proxy:
    config:
      targets: ["http://192.0.2.1"]
      upstreams: {blue: {targets: ["http://192.0.2.2"]}}
  auth: {config: {api_key: {clients: {shop: "${NONE:-the-key-of-the-shop}"}}, rules: [{client: shop}]}}
endpoints:
  - {path: /split, config: {proxy: {split: {blue: 1}}}}
  - {path: /static, static: {body: text, content_type: text/plain}}
  - {path: /own, proxy: {target: "http://192.0.2.3", health_checks: false}}
`
