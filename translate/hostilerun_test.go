package translate_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// hostileText is all of hostileTexts that is accepted where any text is, in one.
const hostileText = `%ENVIRONMENT(BW_SECRET)% %%ENVIRONMENT(BW_SECRET)%% ${BW_SECRET} "]] os.exit(1) --[[ '..os.getenv('BW_SECRET')..' \1 %1 %REQ(:path)% %`

// hostileName is the same for names in JSON bodies, where dots, brackets and backslashes
// are of a path.
const hostileName = `%ENVIRONMENT(BW_SECRET)% %%s %d+ ^$ ' --`

// Where $TEXT stands is hostileText.
const hostileBlueprint = `
name: $TEXT
description: $TEXT
plugins:
  proxy:
    config:
      targets: [{url: "$one", name: $TEXT}]
      transform_request:
        headers: {X-Text: $TEXT, X-Mixed: $MIXED}
      transform_response:
        headers: {X-Answer: $TEXT, X-Answer-Mixed: $MIXED}
endpoints:
  - path: /proxied
    config:
      transformations:
        request:
          query: {set: {q: $TEXT}}
          body: {set: {$NAME: $TEXT, mixed: $MIXED}, rename: {old: new$NAME}}
        response:
          body: [{set: {$NAME: $TEXT, mixed: $MIXED}}, {wrap: $NAME}]
  - {path: /text, static: {body: $TEXT, headers: {X-Own: $TEXT}}}
  - {path: /mixed, static: {body: $MIXED}}
  - {path: /object, static: {body: {$KEY: $TEXT, list: [$TEXT]}}}
  - {path: /object/mixed, static: {body: {$KEY: $MIXED, list: [$TEXT]}}}
`

// TestHostileTextServed: texts of a blueprint arrive at targets and clients letter by
// letter, from an Envoy that has a secret to tell.
func TestHostileTextServed(t *testing.T) {
	t.Setenv("BW_SECRET", "told-the-secret")
	quoted, err := json.Marshal(strings.ReplaceAll(hostileText, "${", "$${"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := json.Marshal(hostileText) // names are no references
	if err != nil {
		t.Fatal(err)
	}
	blueprint := strings.ReplaceAll(hostileBlueprint, "$TEXT", string(quoted))
	blueprint = strings.ReplaceAll(blueprint, "$KEY", string(key))
	blueprint = strings.ReplaceAll(blueprint, "new$NAME", `"new%1`+hostileName+`"`)
	blueprint = strings.ReplaceAll(blueprint, "$NAME", `"`+hostileName+`"`)
	blueprint = strings.ReplaceAll(blueprint, "$MIXED", string(quoted[:len(quoted)-1])+`{{method}}"`)
	one := target(t, "X-Text", "X-Mixed")
	p := serve(t, blueprint, map[string]string{"one": one})

	resp, body := p.send(t, "POST", "/proxied", `{"old":1}`, "Content-Type: application/json")
	for name, want := range map[string]string{"X-Answer": hostileText, "X-Answer-Mixed": hostileText + "POST"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, want := range []string{"\nX-Text: " + hostileText + "\n", "\nX-Mixed: " + hostileText + "POST"} {
		if !strings.Contains(body, want) {
			t.Errorf("the target got\n%s", body)
		}
	}
	for path, want := range map[string]any{
		"/text":         hostileText,
		"/mixed":        hostileText + "GET",
		"/object":       map[string]any{hostileText: hostileText, "list": []any{hostileText}},
		"/object/mixed": map[string]any{hostileText: hostileText + "GET", "list": []any{hostileText}},
	} {
		resp, body := p.ask(t, "GET", path)
		if path == "/text" && resp.Header.Get("X-Own") != hostileText {
			t.Errorf("X-Own: %q", resp.Header.Get("X-Own"))
		}
		if text, ok := want.(string); ok {
			if body != text {
				t.Errorf("%s: %s", path, body)
			}
			continue
		}
		compact, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		if again, _ := json.Marshal(got); string(again) != string(compact) {
			t.Errorf("%s: %s", path, body)
		}
	}
}
