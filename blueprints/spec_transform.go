package blueprints

// requestSpec is transform_request.
type requestSpec struct {
	at
	headersSpec
	bodySpec
	PathRewrite rewriteSpec `yaml:"path_rewrite" doc:"Changes the path."`
	StripPrefix str         `yaml:"strip_prefix" doc:"As path_rewrite.strip_prefix."`
	AddPrefix   str         `yaml:"add_prefix" doc:"As path_rewrite.add_prefix."`
	Query       querySpec   `yaml:"query,query_transform" doc:"Changes the query."`
	AddQuery    dict[str]   `yaml:"add_query_params" doc:"As query.set."`
	RemoveQuery list[str]   `yaml:"remove_query_params" single:"true" doc:"As query.remove."`

	_ ignored `yaml:"path_rewrites" doc:"has no effect: use path_rewrite.pattern_replace"`
}

// responseSpec is transform_response.
type responseSpec struct {
	at
	headersSpec
	bodySpec
	Filter      list[stepSpec] `yaml:"response_filter" single:"true" doc:"As body."`
	Status      dict[integer]  `yaml:"status,status_code_mapping" min:"200" max:"599" doc:"Other statuses for those of a target, as 404: 200 or 5xx: 502; answers of the proxy itself keep theirs. Retries and circuit breakers see the target's."`
	ForceStatus integer        `yaml:"force_status,force_status_code" min:"200" max:"599" doc:"The status of every answer of a target that status has no other for; 304 stays as it is."`
}

type headersSpec struct {
	Headers dict[headerValue] `yaml:"headers,set_headers" doc:"Headers to set, in place of what is there. Values may have placeholders such as {{client_ip}}, and file:PATH reads one from a file."`
	Add     dict[headerValue] `yaml:"add_headers" doc:"Headers to add to what is there."`
	Remove  list[str]         `yaml:"remove_headers" single:"true" doc:"Names of headers to take away."`
	Rename  dict[str]         `yaml:"rename_headers,header_mapping" doc:"New names of headers, by the old ones; a header that has the new name already is replaced. On requests before the other changes, on answers of targets behind them."`

	_ ignored `yaml:"handler,script" doc:"has no effect: JavaScript is not run here; use headers, path_rewrite, query, body and status"`
}

// bodySpec is what is done to JSON bodies, in every spelling.
type bodySpec struct {
	Body        list[stepSpec] `yaml:"body,body_transform" single:"true" doc:"Changes JSON bodies: a mapping, or a list of them that are applied one behind the other. Paths are as user.name or items.*.id."`
	MaxBodySize size           `yaml:"max_body_size" default:"1MiB" doc:"The largest body that is changed, at most 16MiB. It is held in memory as a whole."`
	OtherBodies str            `yaml:"other_bodies" enum:"pass|refuse" default:"pass" doc:"What happens to a body that cannot be changed, since it is no JSON, broken, compressed, nested over 64 deep, too large or of more than a value for each 16 bytes of max_body_size: it passes as it is, or the request is refused with 415, 400 or 413, the answer with 502."`

	_ ignored `yaml:"template,content_conversion,transform_body" doc:"has no effect: use body, whose values may have placeholders"`
}

// stepSpec is one step of changes to a body. What stands in one is applied in the order
// of its keys here.
type stepSpec struct {
	at
	Unwrap   str            `yaml:"unwrap" doc:"The body becomes the value at this path."`
	Pick     list[str]      `yaml:"pick,include_fields" single:"true" doc:"Paths to keep; all else goes."`
	Remove   list[str]      `yaml:"remove,json_field_removal,exclude_fields" single:"true" doc:"Paths to take away."`
	Rename   dict[str]      `yaml:"rename,json_field_renaming" doc:"New names of fields, by their paths; the order stays."`
	Move     dict[str]      `yaml:"move,json_path_mapping" doc:"New paths of values, by their old ones. A * stands in both or neither."`
	Defaults dict[jsonText] `yaml:"defaults" doc:"Values of fields that are not there, by their paths."`
	Set      dict[jsonText] `yaml:"set,json_field_addition" doc:"Values of fields, by their paths. Strings may have placeholders such as {{path.id}}."`
	Wrap     wrapSpec       `yaml:"wrap" doc:"Puts the body into an object, under this name; or a mapping of paths to names, for the values there."`

	_ ignored `yaml:"string_replace,string_template,transform_script" doc:"has no effect: bodies are changed field by field; use set, whose values may have placeholders"`
	_ ignored `yaml:"input_format,output_format" doc:"has no effect: bodies are not converted; put a service that does behind a target"`
	_ ignored `yaml:"field_filters,pagination" doc:"has no effect: fields are not chosen by their values; use pick and remove"`
}

type querySpec struct {
	at
	Rename   dict[str] `yaml:"rename,rename_params" doc:"New names of parameters, by the old ones."`
	Remove   list[str] `yaml:"remove,remove_params" single:"true" doc:"Names of parameters to take away."`
	Defaults dict[str] `yaml:"defaults,default_values" doc:"Values of parameters that are not there."`
	Set      dict[str] `yaml:"set,add_params" doc:"Parameters to set, in place of what is there. Values may have placeholders such as {{path.id}}."`
}

// transformationsSpec is the plugin transformations.
type transformationsSpec struct {
	policySpec
	Request  requestSpec  `yaml:"request" doc:"As transform_request."`
	Response responseSpec `yaml:"response" doc:"As transform_response."`
}
