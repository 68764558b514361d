package blueprints

import (
	"slices"
	"strconv"
	"strings"
)

// Text is a string with placeholders such as {{now}} or {{header.X-Tenant}}.
type Text []Part

// Part is either a Literal, or a placeholder: Var is "now", "client_ip",
// "request_id", "method", "path", "host" or "scheme"; or "header", "query" or
// "param" with its name in Arg ({{path.id}} is Var "param", Arg "id"). Bodies of errors
// and lines of the access log have more of them.
type Part struct {
	Literal  string
	Var, Arg string
}

// fixed says that there are no placeholders.
func (t Text) fixed() bool {
	return !slices.ContainsFunc(t, func(p Part) bool { return p.Var != "" })
}

// placeholderNames are the placeholders as they are written.
var placeholderNames = []string{"now", "client_ip", "request_id", "method", "path", "host", "scheme", "header.NAME", "query.NAME", "path.NAME"}

// String is the text as it is written in a blueprint.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.Var == "":
			b.WriteString(p.Literal)
		case p.Var == "param":
			b.WriteString("{{path." + p.Arg + "}}")
		case p.Arg != "":
			b.WriteString("{{" + p.Var + "." + p.Arg + "}}")
		default:
			b.WriteString("{{" + p.Var + "}}")
		}
	}
	return b.String()
}

// placeholders parses v, whose text in the file is src. also are the placeholders that
// its place knows besides those of all places.
func (d *decoder) placeholders(a at, v, src string, also ...string) Text {
	var t Text
	for {
		i := strings.Index(v, "{{")
		if i < 0 {
			break
		}
		end := strings.Index(v[i:], "}}")
		if end < 0 {
			d.fail(a, "has {{ without }}")
			return t
		}
		p, ok := placeholder(strings.TrimSpace(v[i+2:i+end]), also)
		if !ok {
			d.unknownPlaceholder(a, strings.TrimSpace(v[i+2:i+end]), src, append(slices.Clone(placeholderNames), also...))
		}
		if i > 0 {
			t = append(t, Part{Literal: v[:i]})
		}
		t = append(t, p)
		v = v[i+end+2:]
	}
	if v != "" {
		t = append(t, Part{Literal: v})
	}
	return t
}

func placeholder(name string, also []string) (Part, bool) {
	kind, arg, _ := strings.Cut(name, ".")
	switch {
	case arg == "" && (contains(placeholderNames[:7], name) || contains(also, name)):
		return Part{Var: name}, true
	case kind == "response_header" && contains(also, "response_header.NAME") && token(arg):
		return Part{Var: kind, Arg: arg}, true
	case kind == "header" && token(arg), kind == "query" && queryName(arg):
		return Part{Var: kind, Arg: arg}, true
	case kind == "path" && paramName(arg):
		return Part{Var: "param", Arg: arg}, true
	}
	return Part{}, false
}

// queryName keeps to what needs no escaping in a URL, nor in a format string.
func queryName(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && !strings.ContainsRune("-._~", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

func (d *decoder) unknownPlaceholder(a at, name, src string, all []string) {
	if !strings.Contains(src, name) { // it came from the environment
		d.fail(a, "has an unknown placeholder: known ones are ", joinNames(all))
		return
	}
	message := []string{"has the unknown placeholder ", strconv.Quote("{{" + name + "}}")}
	known := all
	if kind, arg, found := strings.Cut(name, "."); found && arg != "" {
		known = []string{"header." + arg, "query." + arg, "path." + arg}
		if contains(all, "response_header.NAME") {
			known = append(known, "response_header."+arg)
		}
		if contains(known, name) {
			d.fail(a, append(message, ": ", strconv.Quote(arg), " is no ", kind, " name")...)
			return
		}
	}
	if s := suggest(name, known); s != "" {
		message = append(message, ": did you mean ", strconv.Quote("{{"+s+"}}"), "?")
	} else {
		message = append(message, ": known ones are ", joinNames(all))
	}
	d.fail(a, message...)
}
