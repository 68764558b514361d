package translate

import (
	"encoding/json"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

const (
	location      = "Location"
	authorization = "Authorization"
)

// static is an answer out of the blueprint.
func (b *builder) static(e *blueprints.Endpoint, names []string) *routev3.Route {
	s := e.Static
	r := b.route(e, nil, names, s.Headers)
	d := &routev3.DirectResponseAction{Status: uint32(s.Status)}
	r.Action = &routev3.Route_DirectResponse{DirectResponse: d}
	if (s.Status == 201 || s.Status/100 == 3) && !addsHeader(r, location) {
		// Envoy would put the request's own URL there.
		r.ResponseHeadersToRemove = append(slices.Clone(r.ResponseHeadersToRemove), location)
	}
	if s.ContentType != "" {
		r.ResponseHeadersToAdd = append([]*corev3.HeaderValueOption{only("Content-Type", escaped(s.ContentType))}, r.ResponseHeadersToAdd...)
	}
	switch text, fixed := constant(s.Text); {
	case s.JSON != nil && fixedJSON(s.JSON):
		d.Body = inline(marshal(s.JSON))
	case s.JSON != nil:
		b.filledIn(d, e)
	case text != "":
		d.Body = inline(text)
	case !fixed:
		d.BodyFormat = &corev3.SubstitutionFormatString{
			Format:      &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: inline(b.format(s.Text, e.Position))},
			ContentType: s.ContentType,
			// By default a hyphen stands for what a request does not have.
			OmitEmptyValues: true,
		}
	}
	return r
}

func addsHeader(r *routev3.Route, name string) bool {
	return slices.ContainsFunc(r.ResponseHeadersToAdd, func(o *corev3.HeaderValueOption) bool {
		return strings.EqualFold(o.Header.Key, name)
	})
}

// filledIn makes Envoy write the body anew for each request. It does so for
// objects only.
func (b *builder) filledIn(d *routev3.DirectResponseAction, e *blueprints.Endpoint) {
	body, isObject := b.formatted(e.Static.JSON, e.Position).GetKind().(*structpb.Value_StructValue)
	if !isObject {
		b.problem(e.Position, "a body with placeholders such as {{now}} must be an object: put the list under a key")
		return
	}
	d.BodyFormat = jsonBody(body.StructValue)
	d.BodyFormat.ContentType = e.Static.ContentType
}

// formatted is a JSON value with its strings in Envoy's format language.
func (b *builder) formatted(v any, pos blueprints.Position) *structpb.Value {
	switch v := v.(type) {
	case map[string]any:
		s := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(v))}
		for k, x := range v {
			s.Fields[k] = b.formatted(x, pos)
		}
		return structpb.NewStructValue(s)
	case []any:
		l := &structpb.ListValue{Values: make([]*structpb.Value, len(v))}
		for i, x := range v {
			l.Values[i] = b.formatted(x, pos)
		}
		return structpb.NewListValue(l)
	case blueprints.Text:
		return structpb.NewStringValue(b.format(v, pos))
	case float64:
		return structpb.NewNumberValue(v)
	case bool:
		return structpb.NewBoolValue(v)
	}
	return structpb.NewNullValue()
}

// fixedJSON says that v has no placeholders.
func fixedJSON(v any) bool {
	fixed := true
	eachText(v, func(t blueprints.Text) {
		_, constant := constant(t)
		fixed = fixed && constant
	})
	return fixed
}

// eachText calls f for every string in a JSON value.
func eachText(v any, f func(blueprints.Text)) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			eachText(x, f)
		}
	case []any:
		for _, x := range v {
			eachText(x, f)
		}
	case blueprints.Text:
		f(v)
	}
}

// marshal writes a JSON value without placeholders; its keys are sorted.
func marshal(v any) string {
	out, err := json.Marshal(plain(v))
	if err != nil {
		panic("marshal static body: " + err.Error()) // the loader lets no other values in
	}
	return string(out)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = plain(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(x)
		}
		return out
	case blueprints.Text:
		text, _ := constant(v)
		return text
	}
	return v
}
