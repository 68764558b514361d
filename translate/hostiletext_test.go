package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"gopkg.in/yaml.v3"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// hostileTexts are put into every string of blueprints. Were one of them a formatter's, a
// reference's or Lua's, it would tell $BW_SECRET, or end Envoy.
var hostileTexts = []string{
	`%ENVIRONMENT(BW_SECRET)%`,
	`{{header.x)%%ENVIRONMENT(BW_SECRET)%%REQ(y}}`,
	`${BW_HOSTILE}`,
	`${BW_NONE}`,
	`"]] os.exit(1) --[[ '..os.getenv('BW_SECRET')..' \1 \0 %1 % \`,
	"a\r\nX-Injected: yes\r\n\r\n",
	"a\x00b\x7f",
	`/a/../%2e%2e//b;c\d`,
	`/%ENVIRONMENT(BW_SECRET)%`,
	`http://%ENVIRONMENT(BW_SECRET)%:1/%ENVIRONMENT(BW_SECRET)%`,
	`file:/proc/self/environ`,
}

func hostileEnv(name string) (string, bool) {
	switch name {
	case "BW_SECRET":
		return "told-the-secret", true
	case "BW_HOSTILE":
		return "%ENVIRONMENT(BW_SECRET)% ${BW_SECRET} \\1", true
	}
	return "", false
}

// TestHostileText: each text in each string of the language is refused at its line, or
// becomes a part of Envoy's configuration that is neither code nor a format.
func TestHostileText(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator(t)
	tried := map[string]int{}
	bases := append(examples(t), []byte(seldom))
	for seed := range uint64(15) {
		if bp, content := g.accepted(t, choices(seed)); bp != nil {
			bases = append(bases, content)
		}
	}
	for i, x := range bases {
		h := &hostile{generator: g, file: filepath.Join(g.dir, "main.yaml"), tried: tried}
		if bp := h.infect(t, x); bp != nil {
			t.Run(fmt.Sprint("example ", i), func(t *testing.T) {
				t.Parallel()
				checkTexts(t, bp)
				if accepted(t, binary, bp); t.Failed() {
					t.Logf("%s", h.content)
				}
			})
		}
	}
	var never []string
	for where := range g.words {
		if where[0] != '.' && tried[where] == 0 {
			never = append(never, where)
		}
	}
	// Some keys are only in goldens that are refused, or need other files.
	if slices.Sort(never); len(never) > len(tried)/20 {
		t.Errorf("no blueprint has these keys, so that no text was tried there: %s", never)
	}
}

// hostile is a blueprint into which texts are put.
type hostile struct {
	*generator
	file    string
	content []byte
	tried   map[string]int
}

// infect puts the texts into each string of a blueprint that no other had, and leaves those
// that are accepted. Nil is a blueprint without any.
func (h *hostile) infect(t *testing.T, example []byte) (bp *blueprints.Blueprint) {
	t.Helper()
	var doc yaml.Node
	if yaml.Unmarshal(example, &doc) != nil || len(doc.Content) == 0 {
		return nil // it is about that
	} else if good, _ := h.load(t, &doc); good == nil {
		return nil
	}
	h.walk(h.top, doc.Content[0], func(f form, leaf *yaml.Node, name bool) {
		if h.tried[f.where]++; h.tried[f.where] > 1 {
			return
		}
		texts := h.texts(len(h.tried))
		if !f.free() && !f.anything() {
			texts = texts[:1] // a word or a number is asked for
		}
		for _, text := range texts {
			before := *leaf
			*leaf = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}
			got, problems := h.load(t, &doc)
			if got != nil {
				bp = got
				continue
			}
			if !h.refusedAt(t, problems, text) && elsewhere[f.where] == "" {
				t.Errorf("%s: %q is refused at another line: %v", f.where, text, problems)
			}
			*leaf = before
		}
	})
	if bp != nil {
		bp, _ = h.load(t, &doc) // without the last one, if that was refused
	}
	return bp
}

// texts are some of all, other ones for each key: all of them for each with $SOAK.
func (h *hostile) texts(n int) []string {
	if soak {
		return hostileTexts
	}
	out := []string{hostileTexts[0]}
	for i := range 4 {
		out = append(out, hostileTexts[1+(4*n+i)%(len(hostileTexts)-1)])
	}
	return out
}

// load gives the blueprint, or what is wrong with it.
func (h *hostile) load(t *testing.T, doc *yaml.Node) (*blueprints.Blueprint, blueprints.Problems) {
	t.Helper()
	content, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	h.content = content
	if err := os.WriteFile(h.file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	r := blueprints.NewLoader(blueprints.Options{Path: h.file, Check: check, LookupEnv: hostileEnv}).Load()
	if len(r.Problems.Errors()) > 0 {
		return nil, r.Problems.Errors()
	}
	return r.Set.Blueprints[0], nil
}

// refusedAt says that a problem has the line of the text.
func (h *hostile) refusedAt(t *testing.T, problems blueprints.Problems, text string) bool {
	t.Helper()
	var again yaml.Node
	if err := yaml.Unmarshal(h.content, &again); err != nil {
		t.Fatalf("%v\n%s", err, h.content)
	}
	for _, p := range problems {
		if strings.Contains(p.Error(), "told-the-secret") {
			t.Errorf("a problem tells a secret: %s", p)
		}
		if stands(&again, text, p.Line) {
			return true
		}
	}
	return false
}

func stands(n *yaml.Node, text string, line int) bool {
	if n.Kind == yaml.ScalarNode && n.Value == text && n.Line == line {
		return true
	}
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return stands(c, text, line) })
}

// checkTexts looks at every string that Envoy would get.
func checkTexts(t *testing.T, bp *blueprints.Blueprint) {
	t.Helper()
	r, problems := translate.Blueprint(bp)
	if r == nil {
		t.Fatal(problems)
	}
	for _, list := range [][]translate.Resource{r.Clusters, r.Listeners, r.Routes} {
		for _, x := range list {
			eachString(t, x.Message.ProtoReflect(), "", func(field, value string) {
				if strings.Contains(value, "told-the-secret") {
					t.Errorf("%s: a secret: %q", field, value)
				}
				if plainFields[field] == "" && strings.Contains(strings.ReplaceAll(value, "%%", ""), "%ENV") {
					t.Errorf("%s: %q", field, value)
				}
				if strings.HasSuffix(field, "_code") && strings.Contains(value, "os.exit(1)") {
					t.Errorf("%s: text became code: %q", field, value)
				}
			})
		}
	}
}

// eachString calls f for each string below m, with the name of its field. Where a message
// of a general type says it, that is the field that has the message.
func eachString(t *testing.T, m protoreflect.Message, in string, f func(field, value string)) {
	t.Helper()
	if a, ok := m.Interface().(*anypb.Any); ok {
		if a.GetTypeUrl() == "" {
			return
		}
		inner, err := a.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		eachString(t, inner.ProtoReflect(), "", f)
		return
	}
	general := strings.HasPrefix(string(m.Descriptor().FullName()), "google.protobuf.") || m.Descriptor().Name() == "DataSource"
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		field := string(d.FullName())
		if general {
			field = in
		}
		one := func(d protoreflect.FieldDescriptor, v protoreflect.Value) {
			switch d.Kind() {
			case protoreflect.StringKind:
				f(field, v.String())
			case protoreflect.MessageKind:
				eachString(t, v.Message(), field, f)
			}
		}
		switch {
		case d.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, x protoreflect.Value) bool {
				if d.MapKey().Kind() == protoreflect.StringKind {
					f(field+"{}", k.String())
				}
				one(d.MapValue(), x)
				return true
			})
		case d.IsList():
			for i := range v.List().Len() {
				one(d, v.List().Get(i))
			}
		default:
			one(d, v)
		}
		return true
	})
}
