package blueprints

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// all is a file that has a value in every field of a pool and of an endpoint.
func all(t *testing.T) *Blueprint {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.yaml")
	write(t, file, `plugins:
  proxy:
    config:
      upstreams:
        p:
          targets: [{name: a, url: "https://a.test:81/x", weight: 2.0}, {name: b, url: "https://b.test/x"}]
          load_balancing: random
          circuit_breaker: {}
          health_check: {}
          retry_attempts: 2
          retry_non_idempotent: true
          preserve_host: true
          resolve: envoy
          transform_request: {headers: {A: "{{header.b}}"}, add_headers: {B: c}, remove_headers: [D]}
          transform_response: {headers: {A: "{{header.b}}"}, add_headers: {B: c}, remove_headers: [D]}
endpoints:
  e:
    path: /a/{id}.json/*rest
    method: GET
    config:
      proxy:
        upstream: p
        timeout: 3
        retry_attempts: 1
        preserve_host: false
        retry_non_idempotent: false
        path: /b/{id}
        transform_request: {headers: {A: "{{header.b}}"}, add_headers: {B: c}, remove_headers: [D]}
        transform_response: {headers: {A: "{{header.b}}"}, add_headers: {B: c}, remove_headers: [D]}
  s:
    path: /s
    handler: static
    config: {static: {headers: {X: y}, body: {list: ["{{now}}", 1, true]}}}
`)
	r := NewLoader(Options{Path: file}).Load()
	if err := r.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	return r.Set.Blueprints[0]
}

// TestAlike: each field counts, and places count only where they are asked for.
func TestAlike(t *testing.T) {
	t.Parallel()
	alike := map[bool]int{}
	for i := range all(t).Pools {
		change(t, func() *Pool { return all(t).Pools[i] }, alike)
	}
	for i := range all(t).Endpoints {
		change(t, func() *Endpoint { return all(t).Endpoints[i] }, alike)
	}
	if alike[true] < 10 || alike[false] < 60 {
		t.Errorf("tried %d places and %d values", alike[true], alike[false])
	}
}

// change changes one after the other the strings and numbers of what make gives. They
// may be looked at only where they are exported.
func change[T any](t *testing.T, make_ func() *T, tried map[bool]int) {
	t.Helper()
	same := make_()
	var walk func(a reflect.Value, path string, place bool)
	walk = func(a reflect.Value, path string, place bool) {
		differ := func(change, back func()) {
			change()
			other := make_()
			// Each make reads another file.
			if Alike(same, other) != place {
				t.Errorf("%s: place %v", path, place)
			}
			if identical(same, same) != true {
				t.Errorf("%s differs from itself", path)
			}
			back()
			tried[place]++
		}
		if !a.CanInterface() {
			return
		}
		switch a.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !a.IsNil() {
				walk(a.Elem(), path, place)
			}
		case reflect.Struct:
			for i := range a.NumField() {
				walk(a.Field(i), path+"."+a.Type().Field(i).Name, place || a.Type() == positionType)
			}
		case reflect.Slice:
			for i := range a.Len() {
				walk(a.Index(i), path+"[]", place)
			}
		case reflect.String:
			if was := a.String(); a.CanSet() {
				differ(func() { a.SetString(was + "!") }, func() { a.SetString(was) })
			}
		case reflect.Int, reflect.Int64:
			if was := a.Int(); a.CanSet() {
				differ(func() { a.SetInt(was + 1) }, func() { a.SetInt(was) })
			}
		case reflect.Uint16:
			was := a.Uint()
			differ(func() { a.SetUint(was + 1) }, func() { a.SetUint(was) })
		case reflect.Float64:
			was := a.Float()
			differ(func() { a.SetFloat(was + 1) }, func() { a.SetFloat(was) })
		case reflect.Bool:
			was := a.Bool()
			differ(func() { a.SetBool(!was) }, func() { a.SetBool(was) })
		}
	}
	walk(reflect.ValueOf(same).Elem(), reflect.TypeFor[T]().Name(), false)
}

// TestUnchangedInChangedFile: what an edit did not touch is what it was, unless it
// stands elsewhere now.
func TestUnchangedInChangedFile(t *testing.T) {
	t.Parallel()
	text := string(many(3))
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": text})
	before := r.one(r.load())
	edit := func(text string) *Blueprint {
		r.write("main.yaml", text)
		return r.one(r.load())
	}
	after := edit(strings.Replace(text, "http://10.0.0.1:800", "http://10.9.9.9:80", 1))
	for i, changed := range []bool{false, true, false} {
		if (after.Pools[i] != before.Pools[i]) != changed {
			t.Errorf("pool %d: changed is %v", i, !changed)
		}
		if after.Endpoints[i] != before.Endpoints[i] {
			t.Errorf("endpoint %d is another", i)
		}
	}
	lower := edit("# a comment\n" + text)
	for i, p := range lower.Pools {
		if p == before.Pools[i] || !Alike(p, before.Pools[i]) || p.Line != before.Pools[i].Line+1 || p.Targets[2].Line != before.Pools[i].Targets[2].Line+1 {
			t.Errorf("pool %d is at line %d, was at %d", i, p.Line, before.Pools[i].Line)
		}
	}
}
