package translate_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/translate"
)

// rich is a blueprint with a value in most fields.
func rich(t *testing.T) *blueprints.Blueprint {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.yaml")
	headers := "{headers: {A: b}, add_headers: {B: c}, remove_headers: [D]}"
	text := `server: {port: 8080}
plugins:
  proxy:
    config:
      transform_request: ` + headers + `
      transform_response: ` + headers + `
      path_rewrite: {strip_prefix: /a, add_prefix: /b}
      upstreams:
        p:
          targets: [{name: a, url: "https://10.0.0.1:81/x", weight: 2.0}, {name: b, url: "https://10.0.0.2/x"}]
          circuit_breaker: {}
          health_check: {method: HEAD, host: h.test, port: 82, headers: {A: b}, expected_statuses: 204}
          idle_timeout: 7
          websocket: false
          max_request_size: 5
          protocol: auto
          retry_attempts: 2
          transform_request: {headers: {E: f}}
          transform_response: {headers: {E: f}}
        q:
          targets: [{name: a, url: "http://q.test:81", weight: 2.0}, {name: b, url: "http://q2.test"}]
          resolve: envoy
        r:
          targets: [{url: "http://r.test:81"}]
endpoints:
  - path: /a/{id}.json
    method: [GET, POST]
    config: {proxy: {upstream: p, timeout: 3, idle_timeout: 9, max_request_size: 6, websocket: true, retry_attempts: 1, path: "/b/{id}", transform_request: {headers: {G: h}}}}
  - {path: /q/*, upstream: q}
  - path: /s
    handler: static
    config: {static: {headers: {X: y}, body: {list: ["{{now}}", 1, true]}}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := blueprints.NewLoader(blueprints.Options{Path: file}).Load()
	if err := r.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	return r.Set.Blueprints[0]
}

// TestUpdate changes the values of a blueprint one by one: what is taken over is as if
// it were made anew.
func TestUpdate(t *testing.T) {
	t.Parallel()
	prev, problems := translate.Blueprint(rich(t))
	if prev == nil {
		t.Fatal(problems)
	}
	tried := 0
	changed := rich(t)
	var walk func(v reflect.Value, path string)
	try := func(v reflect.Value, path string, value any) {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		v.Set(reflect.ValueOf(value).Convert(v.Type()))
		tried++
		want, wantProblems := translate.Blueprint(changed)
		got, gotProblems := translate.Update(prev, changed)
		if (want == nil) != (got == nil) || len(wantProblems) != len(gotProblems) {
			t.Errorf("%s: problems %v, want %v", path, gotProblems, wantProblems)
		} else if want != nil && !same(got, want) {
			t.Errorf("%s: another translation", path)
		}
		v.Set(was)
	}
	walk = func(v reflect.Value, path string) {
		switch {
		case v.Type() == reflect.TypeFor[blueprints.Position]() || v.Type() == reflect.TypeFor[blueprints.Handler]() || !v.CanInterface():
		case v.Kind() == reflect.Pointer && !v.IsNil():
			walk(v.Elem(), path)
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), path+"[]")
			}
		case v.Kind() == reflect.String:
			try(v, path, v.String()+"1")
		case v.Kind() == reflect.Bool:
			try(v, path, !v.Bool())
		case v.CanInt():
			try(v, path, v.Int()+1)
		case v.CanUint():
			try(v, path, v.Uint()+1)
		case v.CanFloat():
			try(v, path, v.Float()+1)
		}
	}
	walk(reflect.ValueOf(changed), "")
	if tried < 100 {
		t.Errorf("tried %d values", tried)
	}
	changed.Pools = changed.Pools[1:]
	changed.Endpoints = changed.Endpoints[1:]
	want, _ := translate.Blueprint(changed)
	if got, _ := translate.Update(prev, changed); want == nil || !same(got, want) {
		t.Error("without a pool: another translation")
	}
	again, _ := translate.Blueprint(changed)
	want, _ = translate.Blueprint(rich(t))
	if got, _ := translate.Update(again, rich(t)); !same(got, want) {
		t.Error("with another pool: another translation")
	}
}

func same(a, b *translate.Resources) bool {
	if !reflect.DeepEqual(a.Hosts, b.Hosts) {
		return false
	}
	for i, list := range [][]translate.Resource{a.Clusters, a.Listeners, a.Routes, a.Secrets} {
		other := [][]translate.Resource{b.Clusters, b.Listeners, b.Routes, b.Secrets}[i]
		if len(list) != len(other) {
			return false
		}
		for i, r := range list {
			if r.Name != other[i].Name || !proto.Equal(r.Message, other[i].Message) {
				return false
			}
		}
	}
	return true
}

// TestUpdateKeepsMessages: an edit of a target costs no other message than that of its
// assignment, and where something moved to other lines, none.
func TestUpdateKeepsMessages(t *testing.T) {
	t.Parallel()
	prev, _ := translate.Blueprint(rich(t))
	target, moved, header := rich(t), rich(t), rich(t)
	target.Pools[0].Targets[1].Port++
	for _, p := range moved.Pools {
		p.Line++
	}
	moved.Endpoints[0].Line++
	moved.Server.Line++
	header.Endpoints[0].RequestHeaders.Set[0].Name = "I"
	for name, c := range map[string]struct {
		bp     *blueprints.Blueprint
		routes bool
	}{"target": {target, true}, "moved": {moved, true}, "header": {header, false}} {
		got, problems := translate.Update(prev, c.bp)
		if got == nil {
			t.Fatal(problems)
		}
		for i, r := range got.Clusters {
			if r.Message != prev.Clusters[i].Message || r.Position != c.bp.Pools[i].Position {
				t.Errorf("%s: cluster %s is another, or at %v", name, r.Name, r.Position)
			}
		}
		if (got.Routes[0].Message == prev.Routes[0].Message) != c.routes {
			t.Errorf("%s: routes kept is not %v", name, c.routes)
		}
	}
}
