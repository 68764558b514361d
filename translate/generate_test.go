package translate_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// generator makes blueprints of what the schema allows and the goldens say.
type generator struct {
	*language
	top form
	// words are the values of goldens by their form's place, and names those of mappings.
	words, names map[string][]string
	choices      []byte
	depth        int
	dir          string // with the files that goldens name
}

func newGenerator(t testing.TB) *generator {
	t.Helper()
	g := &generator{words: map[string][]string{}, names: map[string][]string{}, dir: t.TempDir()}
	g.language, g.top = newLanguage(t)
	add := func(to map[string][]string, where, word string) {
		if !strings.Contains(strings.ReplaceAll(word, "$$", ""), "${") && !slices.Contains(to[where], word) && len(to[where]) < 60 {
			to[where] = append(to[where], word)
		}
	}
	for _, x := range examples(t) {
		var n yaml.Node
		if yaml.Unmarshal(x, &n) != nil || len(n.Content) == 0 {
			continue // the golden is about that
		}
		g.walk(g.top, n.Content[0], func(f form, n *yaml.Node, name bool) {
			if name {
				add(g.names, strings.TrimSuffix(f.where, "{}"), n.Value)
			} else {
				add(g.words, f.where, n.Value)
				add(g.words, f.where[strings.LastIndex(f.where, "."):], n.Value) // for keys of that name elsewhere
			}
		})
	}
	for _, golden := range goldens(t) {
		for _, x := range golden.archive.Files {
			if filepath.Ext(x.Name) != ".yaml" {
				file := filepath.Join(g.dir, x.Name)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, x.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// Pools are called so wherever they are asked for.
	g.names["proxyConfig.upstreams"] = []string{"blue", "green"}
	for _, key := range []string{"endpoint.upstream", "proxyConfig.fallback", "upstream.fallback", "route.fallback", "canary.upstream", "mirror.upstream"} {
		g.words[key] = []string{"blue", "green"}
	}
	return g
}

// choose is one of n by the next choice; without any more it is the first.
func (g *generator) choose(n int) int {
	if len(g.choices) < 2 || n < 2 {
		return 0
	}
	c := int(g.choices[0])<<8 | int(g.choices[1])
	g.choices = g.choices[2:]
	return c % n
}

func (g *generator) word(from []string, otherwise string) string {
	if len(from) == 0 {
		return otherwise
	}
	return from[g.choose(len(from))]
}

// document is the blueprint of these choices, which may be refused.
func (g *generator) document(choices []byte) *yaml.Node {
	g.choices, g.depth = choices, 0
	return g.mapping(g.top)
}

// value is one of a form, or nil where the form has none.
func (g *generator) value(f form) *yaml.Node {
	forms := g.forms(f)
	if len(forms) == 0 {
		return nil
	}
	if c := g.choose(3 * len(forms)); c < len(forms) && f.where != "document.plugins" {
		f = forms[c]
	} else {
		f = forms[0]
	}
	g.depth++
	defer func() { g.depth-- }()
	switch {
	case f.anything():
		return g.json()
	case f.is("object"):
		return g.mapping(f)
	case f.is("array"):
		return g.list(f)
	case f.schema["enum"] != nil:
		return scalar(text(list(f.schema["enum"])[g.choose(len(list(f.schema["enum"])))]))
	case f.schema["pattern"] != nil:
		return g.matching(f)
	case f.is("string"):
		return scalar(g.word(g.words[f.where], g.word(g.words[f.where[strings.LastIndex(f.where, "."):]], "word")))
	case f.is("boolean"):
		return plain([]string{"true", "true", "false"}[g.choose(3)])
	}
	return plain(g.number(f))
}

// always are keys without which a blueprint would be refused, or say little.
var always = []string{
	"document.plugins", "document.endpoints", "document.plugins.proxy",
	"proxyConfig.targets", "proxyConfig.upstreams", "upstream.targets", "endpoint.path",
}

func (g *generator) mapping(f form) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	var keys []string
	if f.named() {
		for range 1 + g.choose(2) {
			keys = append(keys, g.word(g.names[f.where], "name"))
		}
	}
	needed := f.needs()
	properties := object(f.schema["properties"])
	for _, key := range sorted(properties) {
		described := text(object(properties[key])["description"])
		odds := 3
		switch {
		case f.where+"."+key == "document.include":
			continue // there is one file
		case slices.Contains(needed, key), slices.Contains(always, f.where+"."+key), key == "config" && strings.HasSuffix(f.where, "Plugin"):
			odds = 1
		case strings.HasPrefix(described, "The same as "):
			odds = 25
		case f.where == "document", g.depth < 3:
			odds = 2
		case g.depth > 6:
			odds = 5
		}
		if g.choose(odds) == odds-1 {
			keys = append(keys, key)
		}
	}
	if f.where == "endpoint" {
		keys = g.oneAnswer(keys)
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		under, ok := f.key(key)
		if !ok {
			continue
		}
		if v := g.value(under); v != nil {
			n.Content = append(n.Content, scalar(key), v)
		}
	}
	return n
}

// oneAnswer leaves an endpoint one key that says what answers.
func (g *generator) oneAnswer(keys []string) []string {
	answers := []string{"config", "proxy", "static", "response", "metrics"}
	one := answers[g.choose(len(answers))]
	return slices.DeleteFunc(keys, func(key string) bool {
		return slices.Contains(answers, key) && key != one || key == "handler"
	})
}

func (g *generator) list(f form) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	items := object(f.schema["items"])
	for range 1 + g.choose(3) {
		if v := g.value(form{schema: items, where: f.where}); v != nil {
			n.Content = append(n.Content, v)
		}
	}
	return n
}

// json is any value, with what the goldens have in such places.
func (g *generator) json() *yaml.Node {
	switch g.choose(4) {
	case 0:
		return scalar(g.word([]string{"{{now}}", "{{client_ip}} 100%", "text", "{{header.X-A}}", "{{path.id}}", "%REQ(a)%"}, ""))
	case 1:
		return plain(g.word([]string{"0", "1.50", "true", "null", "9007199254740993"}, ""))
	case 2:
		return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{plain("1"), scalar("{{request_id}}")}}
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("a b%"), scalar("{{method}}"), scalar("n"), plain("1")}}
}

// samples are values for patterns that the goldens may not have at a place.
var samples = []string{"1s", "250ms", "1h30m", "10MiB", "1 kB", "50%", "33.4%", "GET", "post", "*", "500", "502", "200", "500-599", "201 - 204"}

func (g *generator) matching(f form) *yaml.Node {
	pattern := regexp.MustCompile(text(f.schema["pattern"]))
	var fit []string
	for _, s := range slices.Concat(g.words[f.where], samples) {
		if pattern.MatchString(s) && !slices.Contains(fit, s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return scalar(g.word(fit, ""))
}

// number is within the bounds, often at one.
func (g *generator) number(f form) string {
	out := []string{"1", "2", "3", "5", "30", "100", "1000"}
	for _, bound := range []string{"minimum", "maximum", "default"} {
		if v, ok := f.schema[bound].(float64); ok {
			out = append(out, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	if f.is("number") {
		out = append(out, "0.5", "1.25")
	}
	return out[g.choose(len(out))]
}

func sorted(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func scalar(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	return n
}

// plain is a number, true, false or null.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// choices are those of a seed.
func choices(seed uint64) []byte {
	out := make([]byte, 8<<10)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(out)
	return out
}
