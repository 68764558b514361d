package translate

import (
	"strings"

	"backworks/blueprints"
)

// formatters are Envoy's commands for the placeholders without an argument.
var formatters = map[string]string{
	"now":        "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
	"client_ip":  "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
	"request_id": "%REQ(X-REQUEST-ID)%",
	"method":     "%REQ(:METHOD)%",
	"path":       "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
	"host":       "%REQ(X-FORWARDED-HOST?:AUTHORITY)%",
	"scheme":     "%REQ(:SCHEME)%",
	// Of errors alone:
	"status": "%RESPONSE_CODE%",
	"words":  "%LOCAL_REPLY_BODY%",
}

// kept is a value as the client sent it, where the script may have changed it since; before
// the script, as in a request that is refused, it is the request's own.
func kept(key string) string {
	command, param := "REQ", "X-ENVOY-ORIGINAL-PATH?:PATH"
	switch kind, name, _ := strings.Cut(key, "."); kind {
	case "header":
		param = name
	case "query":
		command, param = "QUERY_PARAM", name
	}
	return `%COALESCE({"operators":[{"command":"DYNAMIC_METADATA","param":"` + keptNamespace + `:` + key +
		`"},{"command":"` + command + `","param":"` + param + `"}]})%`
}

// format turns t into Envoy's format language. A per cent sign of the blueprint
// is escaped: with one, whoever writes a header could read Envoy's environment.
func (b *builder) format(t blueprints.Text, pos blueprints.Position) string {
	var s strings.Builder
	for _, p := range t {
		b.reads(p)
		f, plain := formatters[p.Var]
		switch {
		case p.Var == "":
			s.WriteString(escaped(p.Literal))
		case p.Var == "path" && b.changesQuery:
			s.WriteString(kept(keptKey(p)))
		case plain:
			s.WriteString(f)
		case p.Var == "header":
			s.WriteString("%REQ(" + p.Arg + ")%")
		case p.Var == "query":
			s.WriteString("%QUERY_PARAM(" + p.Arg + ")%")
		case p.Var == keptVar:
			s.WriteString(kept(p.Arg))
		case p.Var == "param":
			s.WriteString(parameterFormat(p.Arg))
		default:
			b.problem(pos, "the placeholder "+blueprints.Text{p}.String()+" cannot be used here")
		}
	}
	return s.String()
}

// reads notes whether a placeholder is filled in from X-Forwarded-Host, or from what Envoy's
// router tells: the client's path once the target's took its place, or one of its headers.
func (b *builder) reads(p blueprints.Part) {
	b.readsHost = b.readsHost || p.Var == "host"
	if p.Var == "path" || strings.HasPrefix(strings.ToLower(p.Arg), "x-envoy-") {
		b.readsRouter = true
	}
}

// escaped is text as Envoy's format language has it.
func escaped(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// constant is t without a change per request, and whether it is so.
func constant(t blueprints.Text) (string, bool) {
	var s strings.Builder
	for _, p := range t {
		if p.Var != "" {
			return "", false
		}
		s.WriteString(p.Literal)
	}
	return s.String(), true
}
