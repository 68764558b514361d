package transform_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"

	"backworks/transform"
)

// depth is how deep a JSON value is nested.
func depth(text []byte) int {
	d, deepest := 0, 0
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			d++
			deepest = max(deepest, d)
		case json.Delim('}'), json.Delim(']'):
			d--
		}
	}
}

// What is JSON by Go's reader is changed and stays JSON; all else passes as it is.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `[1.0,-0,1e9,"\u00e9\ud83d"]`, `{"a":{"b":[{}]}}`, `{"a":01}`, "\"\x00\"", "\"\xff\"", "\"\x7f\"", `{"a":1,"a":2}`,
		`"\x"`, `[[[[`, `nul`, ` `, `{"a" : tru}`, `[1,]`, `1 2`, "\ufeff1", `"\u12"`, `-`, `1.`, `.5`, "[\v1]",
	} {
		f.Add([]byte(seed))
	}
	data, err := structpb.NewStruct(map[string]any{"request": map[string]any{"body": map[string]any{
		"max": 1 << 20, "refuse": false, "steps": []any{
			map[string]any{"op": "set", "path": []any{"a", "b"}, "value": []any{`[1.50]`}},
			map[string]any{"op": "remove", "path": []any{true, "x"}},
			map[string]any{"op": "wrap", "path": []any{}, "name": "w"},
		},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := transform.NewScript(data)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		m := &transform.Message{Body: body, Headers: []transform.Header{{Name: "content-type", Value: "application/json"}}}
		if refusal, err := s.Request(m); err != nil || refusal != nil {
			t.Fatal(refusal, err)
		}
		is := json.Valid(body) && utf8.Valid(body) && depth(body) <= 64
		switch {
		case !is && !bytes.Equal(m.Body, body):
			t.Errorf("%q became %q", body, m.Body)
		case is && (!json.Valid(m.Body) || !bytes.HasPrefix(m.Body, []byte(`{"w":`))):
			t.Errorf("%q became %q", body, m.Body)
		}
	})
}
