package translate

import (
	"fmt"
	"maps"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// answer is what the proxy says by itself in a case: a status, or among those of one
// status one of the flags (RESPONSE_FLAGS of Envoy's access log) or, where it has none, the
// RESPONSE_CODE_DETAILS.
type answer struct {
	flags          []string
	details        string // or its beginning
	status         int
	error, message string
	instead        int  // of the status that Envoy gives it; 0: none
	words          bool // Envoy's own are the message
	headers        []*corev3.HeaderValueOption
}

// challenge is what each 401 has, unless its filter says what would help (RFC 9110,
// 15.5.2). For keys Envoy says nothing.
var challenge = []*corev3.HeaderValueOption{{
	Header:       &corev3.HeaderValue{Key: "WWW-Authenticate", Value: "Key"},
	AppendAction: corev3.HeaderValueOption_ADD_IF_ABSENT,
}}

// slow are the flags of what took too long.
var slow = []string{"UT", "DT", "SI"}

// tooLarge is the detail of what is over max_request_size.
const tooLarge = "request_payload_too_large"

// answers are those cases; the first that fits counts.
var answers = []answer{
	{status: 503, flags: []string{"OM"}, error: "overloaded", message: "the proxy is at its limit, try again later"},
	{status: 403, details: "upgrade_failed", error: "upgrade_refused", message: "this endpoint takes no WebSocket"},
	// Envoy says 507 when the first target cannot be reached and there is more of the body
	// than is kept for another try.
	{status: 503, instead: 507, details: "request_payload_exceeded_retry_buffer_limit", error: "service_unavailable",
		message: "the target could not be reached, and the request is too large to be sent to another"},
	{status: 400, error: "bad_request", message: "the request cannot be read"},
	{status: 401, details: extAuthzDenied, error: "unauthorized", message: "the request needs credentials"},
	{status: 403, details: extAuthzDenied, error: "forbidden", message: "the request is not allowed"},
	{status: 503, details: extAuthzFailed, error: "service_unavailable", message: "the service that decides on the request did not answer"},
	{status: 401, error: "unauthorized", words: true, headers: challenge},
	{status: 403, details: "rbac_access_denied", error: "forbidden", message: "the rules of this endpoint do not allow the request"},
	{status: 403, error: "forbidden", words: true},
	{status: 404, error: "not_found", message: "no endpoint has this path"},
	{status: 405, error: "method_not_allowed", message: "this path has other methods, see Allow"},
	{status: 408, error: "timeout", message: "the request took too long to arrive"},
	{status: 413, error: "too_large", message: "the request's body is too large"},
	{status: 415, error: "unsupported_media_type", message: "the request's body is of a kind that is not taken here"},
	{status: 426, error: "upgrade_required", message: "this needs HTTP/1.1 or later"},
	{status: 429, error: "too_many_requests", message: "too many requests, try again later"},
	{status: 431, error: "headers_too_large", message: "the request's headers are too large"},
	{status: 500, error: "internal_error", message: "the answer could not be made"},
	{status: 502, error: "bad_gateway", message: "the target's answer cannot be read"},
	{status: 503, error: "service_unavailable", message: "no target could serve this request"},
	{status: 504, error: "timeout", message: "the target did not answer in time"},
}

// otherAnswer is of all other statuses.
var otherAnswer = answer{error: "error", message: "the proxy could not serve this request"}

// ownWords leaves out what has a body that somebody chose for this very answer: a
// static endpoint, or a service that was asked for permission and gave reasons.
const ownWords = "response.code_details != 'direct_response' && !(response.code_details == 'ext_authz_denied' && 'content-type' in response.headers) && response.code_details != 'lua_response'"

func errorsOf(p *blueprints.Policies) *blueprints.Errors { return p.Errors }

// errorsRoute marks the routes of an endpoint that has errors of its own.
func (b *builder) errorsRoute(r *routev3.Route, e *blueprints.Endpoint) {
	if errorsOf(&e.Policies) != nil {
		mark(r, "errors", variantOf(b, e, errorsOf))
	}
}

// errorMappers are the answers of the proxy, those of endpoints with errors of their own
// first: the blueprint's need not look at the route.
func (b *builder) errorMappers() []*hcmv3.ResponseMapper {
	var out []*hcmv3.ResponseMapper
	list := variants(b, errorsOf)
	for i := range list {
		n := len(list) - 1 - i
		out = append(out, b.mappersOf(orDefault(list[n]), n)...)
	}
	return out
}

func orDefault(e *blueprints.Errors) *blueprints.Errors {
	if e == nil {
		return blueprints.DefaultErrors()
	}
	return e
}

func (b *builder) mappersOf(e *blueprints.Errors, variant int) []*hcmv3.ResponseMapper {
	where := ownWords
	if variant > 0 {
		where += " && " + whenMarked("errors", variant)
	}
	var out []*hcmv3.ResponseMapper
	add := func(a answer, own *accesslogv3.AccessLogFilter) {
		m := &hcmv3.ResponseMapper{Filter: all(own, holds(where)), BodyFormatOverride: b.errorBody(e, a), HeadersToAdd: a.headers}
		if a.instead != 0 {
			m.StatusCode = u32(a.status)
		}
		out = append(out, m)
	}
	seen := map[int]bool{}
	for _, a := range b.answers() {
		seen[a.status] = true
		if a.details != extAuthzDenied && a.details != extAuthzFailed || b.asksExternal() {
			add(a, a.filter())
		}
	}
	for _, x := range e.ByStatus {
		if x.Status >= 400 && !seen[x.Status] {
			a := otherAnswer
			a.status = x.Status
			add(a, statuses(x.Status, x.Status))
		}
	}
	for _, class := range []int{4, 5} {
		a := otherAnswer
		a.status = class
		add(a, statuses(class*100, class*100+99))
	}
	return out
}

// filter tells the case.
func (a *answer) filter() *accesslogv3.AccessLogFilter {
	status := a.status
	if a.instead != 0 {
		status = a.instead
	}
	f := statuses(status, status)
	if a.flags != nil {
		f = all(f, flagged(a.flags))
	}
	if a.details != "" {
		f = all(f, detailed(a.details))
	}
	return f
}

// errorRoute always answers with an error; error and message are those of the status
// unless they are given.
func (b *builder) errorRoute(status int, error, message string) *routev3.Route {
	a := otherAnswer
	for _, x := range answers {
		if x.status == status && x.flags == nil && x.details == "" {
			a = x
		}
	}
	if a.status = status; error != "" {
		a.error, a.message = error, message
	}
	e := orDefault(blueprints.Effective(errorsOf(&b.bp.Policies), nil))
	d := &routev3.DirectResponseAction{Status: uint32(status)}
	r := &routev3.Route{Action: &routev3.Route_DirectResponse{DirectResponse: d}}
	body, values := shapeOf(e, a)
	if body.JSON != nil {
		if v := filled(body.JSON, values); fixedJSON(v) {
			d.Body = inline(marshal(v))
			r.ResponseHeadersToAdd = append(r.ResponseHeadersToAdd, only("Content-Type", escaped(body.ContentType)))
			return r
		}
	}
	d.BodyFormat = b.errorBody(e, a)
	return r
}

// shapeOf is the body of a case and what its own placeholders are.
func shapeOf(e *blueprints.Errors, a answer) (*blueprints.ErrorBody, map[string]any) {
	body := e.Body
	text := func(s string) blueprints.Text { return blueprints.Text{{Literal: s}} }
	values := map[string]any{"error": text(a.error), "message": text(a.message), "status": blueprints.Text{{Var: "status"}}}
	if a.words {
		values["message"] = blueprints.Text{{Var: "words"}}
	}
	if a.status >= 100 {
		values["status"] = float64(a.status)
	}
	for i := range e.ByStatus {
		x := &e.ByStatus[len(e.ByStatus)-1-i] // single statuses over classes
		if x.Status != a.status && x.Status != a.status/100 {
			continue
		}
		if x.Error != "" {
			values["error"] = text(x.Error)
		}
		if x.Message != "" {
			values["message"] = text(x.Message)
		}
		if x.Body != nil {
			body = x.Body
		}
	}
	return body, values
}

// errorBody is what Envoy makes the body of a case from.
func (b *builder) errorBody(e *blueprints.Errors, a answer) *corev3.SubstitutionFormatString {
	body, values := shapeOf(e, a)
	if body.JSON != nil {
		f := jsonBody(b.formatted(filled(body.JSON, values), e.Position).GetStructValue())
		f.ContentType = body.ContentType
		return f
	}
	return &corev3.SubstitutionFormatString{
		Format:          &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: inline(b.format(filledText(body.Text, values), e.Position))},
		ContentType:     body.ContentType,
		OmitEmptyValues: true,
	}
}

// filled is a JSON value with values for placeholders.
func filled(v any, values map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for k, x := range v {
			out[k] = filled(x, values)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = filled(x, values)
		}
		return out
	case blueprints.Text:
		if len(v) == 1 && v[0].Var == "status" {
			return values["status"]
		}
		return filledText(v, values)
	}
	return v
}

func filledText(t blueprints.Text, values map[string]any) blueprints.Text {
	var out blueprints.Text
	for _, p := range t {
		switch x := values[p.Var].(type) {
		case blueprints.Text:
			out = append(out, x...)
		case float64:
			out = append(out, blueprints.Part{Literal: fmt.Sprint(x)})
		default:
			out = append(out, p)
		}
	}
	return out
}

// healthReply is the body of the health filter's answers.
func healthReply(status int, body map[string]string) *hcmv3.ResponseMapper {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, v := range body {
		s.Fields[k] = structpb.NewStringValue(v)
	}
	return &hcmv3.ResponseMapper{
		Filter:             all(statuses(status, status), headerIs(":path", matches(pathAndQuery(healthPath)))),
		BodyFormatOverride: jsonBody(s),
	}
}
