package blueprints

import (
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// dependencies are what a decoded file rests on beside its content.
type dependencies struct {
	env     map[string]envValue
	secrets map[string]string // absolute path → content, as it was
	headers map[string]string // value of a header → absolute path of its file
	pems    []pemUse
}

type envValue struct {
	value string
	set   bool
}

// expand fills ${NAME} and ${NAME:-default} in; "$${" stands for "${". What is no
// reference by this grammar, as in "${1}", stays as it is.
func (d *decoder) expand(n *yaml.Node, p *step) (string, bool) {
	var b strings.Builder
	s, ok := n.Value, true
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			break
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name := envName(s[i+2:])
		if name == "" {
			b.WriteString("${")
			s = s[i+2:]
			continue
		}
		rest := s[i+2+len(name):]
		end := strings.IndexByte(rest, '}')
		if end < 0 || end > 0 && !strings.HasPrefix(rest, ":-") {
			d.fail(place(n, p), "has ", strconv.Quote("${"+name), " without its end: write ${", name, "} or ${", name, ":-default}, or $${ for a plain ${")
			return "", false
		}
		value, set := d.lookup(name)
		switch {
		case end > 0 && value == "":
			value = rest[2:end]
		case !set:
			d.fail(place(n, p), "environment variable ", name, " is not set: set it, or write ${", name, ":-default}")
			ok = false
		}
		b.WriteString(value)
		s = rest[end+1:]
	}
	if !utf8.ValidString(b.String()) {
		d.fail(place(n, p), "is not UTF-8 once the environment is filled in")
		return "", false
	}
	return b.String(), ok
}

func envName(s string) string {
	i := 0
	for i < len(s) && (s[i] == '_' || alphanumeric(s[i])) {
		i++
	}
	if i == 0 || '0' <= s[0] && s[0] <= '9' {
		return ""
	}
	return s[:i]
}

func (d *decoder) lookup(name string) (string, bool) {
	if d.deps.env == nil {
		d.deps.env = map[string]envValue{}
	}
	e, known := d.deps.env[name]
	if !known {
		e.value, e.set = d.env(name)
		d.deps.env[name] = e
	}
	return e.value, e.set
}

// maxSecret bounds a secret file: a set of keys, or what becomes a header value, whose
// own bound is lower.
const maxSecret = 64 << 10

// secret reads a `file:` reference, relative to the blueprint's folder; a newline
// at its end is not part of the secret.
func (d *decoder) secret(a at, ref string) (string, bool) {
	path := d.secretPath(ref)
	content, err := d.readFile(path)
	if d.deps.secrets == nil {
		d.deps.secrets = map[string]string{}
	}
	d.deps.secrets[path] = string(content)
	switch {
	case err != nil:
		d.fail(a, "the secret file cannot be read: ", reason(err))
	case len(content) > maxSecret:
		d.fail(a, "the secret file is over 64 KiB")
	case !utf8.Valid(content):
		d.fail(a, "the secret file is not UTF-8 text")
	default:
		return strings.TrimRight(string(content), "\r\n"), true
	}
	return "", false
}

// secretPath is where the file of a reference is.
func (d *decoder) secretPath(ref string) string {
	path := strings.TrimPrefix(ref, "file:")
	path = strings.TrimPrefix(path, "//")
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	return path
}
