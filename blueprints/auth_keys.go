package blueprints

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the one hash that Envoy knows for passwords
	"encoding/base64"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// apiKeySpec is auth.api_key.
type apiKeySpec struct {
	at
	Headers list[str]              `yaml:"headers,header" single:"true" default:"X-API-Key" doc:"Headers that have the key."`
	Query   list[str]              `yaml:"query" single:"true" doc:"Parameters of the query that may have it instead."`
	Cookies list[str]              `yaml:"cookies" single:"true" doc:"Cookies that may have it instead."`
	Clients dict[list[secretText]] `yaml:"clients" single:"true" required:"true" doc:"The clients by name, each with its key, or several of which any will do: file:PATH or ${NAME}. A key does not stand in a blueprint."`
}

// basicSpec is auth.basic.
type basicSpec struct {
	at
	Users    dict[secretText] `yaml:"users" doc:"The users by name, each with its password: {SHA}HASH as htpasswd -s writes it, or file:PATH or ${NAME} with that or the password itself."`
	Htpasswd secretText       `yaml:"htpasswd" doc:"More users: file:PATH of a file that htpasswd -s wrote."`
	Realm    str              `yaml:"realm" default:"backworks" doc:"What a browser shows when it asks for the password."`
}

// secretText is text that a blueprint does not show: file:PATH, or from the environment.
type secretText struct {
	str
	plain bool // it stands in the blueprint
}

func (s *secretText) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	s.str.decode(d, n, p, nil)
	switch {
	case !s.given():
	case strings.HasPrefix(s.v, "file:"):
		var ok bool
		if s.v, ok = d.secret(s.at, s.v); !ok {
			s.str = str{}
		}
	default:
		s.plain = !strings.Contains(s.src, "${")
	}
}

// APIKeys are keys that clients were given.
type APIKeys struct {
	Position
	// Headers, Query and Cookies are where a key may stand.
	Headers, Query, Cookies []string
	// Clients are sorted by name; one has as many entries as it has keys.
	Clients []Secret
}

// Basic are users with passwords (RFC 7617).
type Basic struct {
	Position
	// Users are sorted by name, each with the SHA-1 hash of its password in base64.
	Users []Secret
	Realm string
}

// Secret is a name, and what the client of that name alone knows.
type Secret struct {
	Position
	Name, Value string
}

func (d *decoder) apiKeys(s *apiKeySpec) *APIKeys {
	if !s.given() {
		return nil
	}
	k := &APIKeys{Position: d.position(s.at), Headers: words(s.Headers), Query: d.queryNames(s.Query), Cookies: d.cookieNames(s.Cookies)}
	if k.Headers == nil && k.Query == nil && k.Cookies == nil {
		k.Headers = []string{"X-API-Key"}
	}
	d.tokenHeaders(s.Headers)
	if s.Clients.given() && len(s.Clients.items) == 0 {
		d.fail(s.Clients.at, "must have at least one client")
	}
	owner := map[string]string{}
	for _, e := range s.Clients.items {
		d.clientName(e.key, e.at)
		for _, key := range e.v.items {
			if !d.apiKey(key) {
				continue
			}
			if of, taken := owner[key.v]; taken {
				d.fail(key.at, "is a key of ", quote(of), " already: each client needs its own")
			}
			owner[key.v] = e.key
			k.Clients = append(k.Clients, Secret{d.position(key.at), e.key, key.v})
		}
		if e.v.given() && len(e.v.items) == 0 {
			d.fail(e.v.at, "must have at least one key")
		}
	}
	slices.SortStableFunc(k.Clients, func(a, b Secret) int { return cmp.Compare(a.Name, b.Name) })
	return k
}

// shortKey is what can be tried out over the network.
const shortKey = 16

func (d *decoder) apiKey(s secretText) bool {
	switch {
	case !s.given():
		return false
	case s.plain:
		d.fail(s.at, "a key must not stand in the blueprint: put it into a file and write file:PATH, or write ${NAME}")
		return false
	case s.v == "":
		d.fail(s.at, "the key is empty")
		return false
	case strings.ContainsFunc(s.v, func(r rune) bool { return r <= ' ' || r > '~' }):
		d.fail(s.at, "a key must be one line of ASCII without spaces: headers take no other")
		return false
	case len(s.v) < shortKey:
		d.warn(s.at, "the key has less than 16 characters and can be found by trying: openssl rand -hex 32 makes a better one")
	}
	return true
}

// clientName checks a name that becomes the value of a header.
func (d *decoder) clientName(name string, a at) {
	if name == "" || len(name) > 256 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == ':' }) {
		d.fail(a, "a client's name must be ASCII without spaces, commas and colons (256 at most), got ", quote(name))
	}
}

func (d *decoder) basic(s *basicSpec) *Basic {
	if !s.given() {
		return nil
	}
	b := &Basic{Position: d.position(s.at), Realm: s.Realm.or("backworks")}
	if strings.ContainsFunc(b.Realm, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		d.fail(s.Realm.at, `must be ASCII without " and \`)
	}
	for _, e := range s.Users.items {
		d.clientName(e.key, e.at)
		if hash, ok := d.password(e.v); ok {
			b.Users = append(b.Users, Secret{d.position(e.v.at), e.key, hash})
		}
	}
	d.htpasswd(b, s.Htpasswd)
	if len(s.Users.items) == 0 && !s.Htpasswd.given() {
		d.fail(s.at, `needs the key "users" or "htpasswd"`)
	}
	slices.SortFunc(b.Users, func(x, y Secret) int { return cmp.Compare(x.Name, y.Name) })
	return b
}

const (
	shaPrefix = "{SHA}"
	onlySHA   = "Envoy knows {SHA} alone: write what htpasswd -s gives"
)

// password is the hash of one, which may be hashed already.
func (d *decoder) password(s secretText) (hash string, ok bool) {
	switch {
	case !s.given():
		return "", false
	case strings.HasPrefix(s.v, shaPrefix):
		hash := strings.TrimPrefix(s.v, shaPrefix)
		if !isSHA(hash) {
			d.fail(s.at, "has no hash of SHA-1 behind {SHA}")
			return "", false
		}
		return hash, true
	case strings.HasPrefix(s.v, "$") && strings.Count(s.v, "$") > 2: // as htpasswd -B and -m write it
		d.fail(s.at, onlySHA)
	case s.plain:
		d.fail(s.at, "a password must not stand in the blueprint: write what htpasswd -s gives, file:PATH or ${NAME}")
	case s.v == "":
		d.fail(s.at, "the password is empty")
	default:
		sum := sha1.Sum([]byte(s.v)) //nolint:gosec // as above
		return base64.StdEncoding.EncodeToString(sum[:]), true
	}
	return "", false
}

func isSHA(hash string) bool {
	b, err := base64.StdEncoding.DecodeString(hash)
	return err == nil && len(b) == sha1.Size
}

// htpasswd reads lines as alice:{SHA}HASH.
func (d *decoder) htpasswd(b *Basic, s secretText) {
	if !s.given() {
		return
	}
	if s.plain {
		d.fail(s.at, "must be file:PATH or ${NAME}")
		return
	}
	for line := range strings.Lines(s.v) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		hash, sha := strings.CutPrefix(hash, shaPrefix)
		switch {
		case !sha || !isSHA(hash):
			d.fail(s.at, "has a line that is not NAME:{SHA}HASH: "+onlySHA)
			return
		case slices.ContainsFunc(b.Users, func(u Secret) bool { return u.Name == name }):
			d.fail(s.at, "has a user that stands here a second time")
			return
		}
		d.clientName(name, s.at)
		b.Users = append(b.Users, Secret{d.position(s.at), name, hash})
	}
}

// distinctClients keeps rules from taking one for another.
func (d *decoder) distinctClients(a *Auth, s *authSpec) {
	if a.APIKeys == nil || a.Basic == nil {
		return
	}
	for _, e := range s.APIKey.Clients.items {
		if slices.ContainsFunc(a.Basic.Users, func(u Secret) bool { return u.Name == e.key }) {
			d.fail(e.at, "is a user of basic too: rules and targets know both by their names")
		}
	}
}
