package translate_test

import (
	"slices"
	"strings"
	"testing"
)

// All goes to the target but for what is below /admin.
const guardedSite = `
plugins:
  proxy:
    config:
      targets: [{url: "$one"}]
      transform_request: {headers: {X-Query: "{{query.q}}", X-In: "{{header.x-in}}", X-Path: "{{path}}", X-Host: "{{host}}"}}
      transform_response: {headers: {X-Echo: "{{query.q}}-{{header.x-in}}"}}
endpoints:
  - {path: "/*", handler: proxy}
  - {path: "/item/{id}", config: {proxy: {transform_request: {headers: {X-Id: "{{path.id}}"}}, path: "/goods/{id}"}}}
  - {path: /kept, config: {transformations: {request: {query: {set: {z: "1"}}, headers: {X-Kept: "{{query.k}}"}}}}}
  - {path: "/admin/*", static: {status: 403, body: "no"}}
`

// hostilePaths are targets of requests, and what becomes of them: the path that the target
// gets, "403" of /admin, "400", or "to" where a client is sent.
var hostilePaths = []struct{ path, want string }{
	{"/x", "/x"},
	{"/admin", "403"},
	{"/x/../admin/y", "403"},
	{"/x/%2e%2e/admin/y", "403"},
	{"/x/.%2E/admin/y", "403"},
	{"/./admin/y", "403"},
	{"/x/./../admin", "403"},
	{"/../../admin/y", "403"},
	{"/x/../../../admin/y", "403"},
	{"/admin/../x", "/x"},
	{"//admin/y", "403"},
	{"///admin//y", "403"},
	{"/%61dmin/y", "403"},
	{"/adm%69n/y", "403"},
	{"/x/..%2fadmin/y", "to /admin/y"},
	{"/x%2f..%2Fadmin/y", "to /admin/y"},
	{"/x/%2e%2e%2fadmin", "to /admin"},
	{"/item/a%2fb", "to /item/a/b"},
	{"/item/..%2f..%2fadmin", "to /admin"},
	{`/x\..\admin\y`, "403"},
	{`/\admin/y`, "403"},
	{`\admin\y`, "400"},
	{"/x%5c..%5cadmin", "to /admin"},
	{"/item/..%5c..%5cadmin", "to /admin"},
	{"/x/..;/admin/y", "403"},
	{"/x/..;a=b/admin", "403"},
	{"/x/.;/admin", "/x/admin"},
	{"/item/..;", "/"},

	// Decoded once, these are no other paths.
	{"/x/..%3b/admin", "/x/..%3b/admin"},
	{"/x/%252e%252e/admin", "/x/%252e%252e/admin"},
	{"/x/..%252fadmin", "/x/..%252fadmin"},
	{"/%2561dmin/y", "/%2561dmin/y"},
	{"/item/%252e%252e%252fadmin", "/goods/%252e%252e%252fadmin"},
	{"/x/%c0%ae%c0%ae/admin", "/x/%c0%ae%c0%ae/admin"},
	{"/x/%c0%ae%c0%ae%c0%afadmin", "/x/%c0%ae%c0%ae%c0%afadmin"},
	{"/%e0%80%aeadmin", "/%e0%80%aeadmin"},
	{"/x/%uff0e%uff0e/admin", "/x/%uff0e%uff0e/admin"},
	{"/x/\xc0\xae\xc0\xae/admin", "400"},
	{"/x/\xff", "400"},
	{"/ADMIN/y", "/ADMIN/y"},
	{"/admin%20", "/admin%20"},
	{"/x/.../admin", "/x/.../admin"},

	{"/admin%00", "400"},
	{"/x%00/../admin/y", "400"},
	{"/x#/../admin", "400"},
	{"/admin#x", "400"},
	{"/x%23/../admin", "403"},
	{"/x%3f/../admin", "403"},
	{"/x?/../admin", "/x?/../admin"},
	{"/x/..?/admin", "/?/admin"},
	{"/admin?/../x", "403"},
	{"/%", "/%"},
	{"/%zz", "/%zz"},

	{"http://other/admin/y", "403"},
	{"http://other/x/../admin", "403"},
	{"HTTP://other/x", "/x"},
	{"http://u:p@other/x", "/x"},
	{"http:///admin", "400"},
	{"ftp://other/x", "400"},
	{"other:80", "400"},
	{"*", "400"},
	{"x", "400"},
	{"", "400"},
	{"?", "400"},

	// Of these, headers are made.
	{"/x?q=a%0d%0aX-Injected:%20yes", "400"},
	{"/x?b=1&q=%0D%0AX-Injected:%20yes&c", "400"},
	{"/x?%71=%0D%0AX-Injected:%20yes", "400"},
	{"/x?q&q=%0a", "400"},
	{"/x?q=a%00", "400"},
	{"/x?q=a%7f", "400"},
	{"/x?q=a%09b%20c", "/x?q=a%09b%20c"},
	{"/kept?k=%0D%0AX-Injected:%20yes", "400"},
	{"/kept?k=a%20b", "/kept?k=a%20b&z=1"},
	{"/x?r=%0a", "/x?r=%0a"},
	{"/x%00?q=%0D%0AX-Injected:%20yes", "400"},
	{"/health?q=%0D%0AX-Injected:%20yes", "200"},
	{"/x%0d%0aX-Injected:%20yes", "/x%0d%0aX-Injected:%20yes"},
	{"/item/a%0d%0aX-Injected:%20yes", "/goods/a%0d%0aX-Injected:%20yes"},
}

// TestHostilePaths: no spelling of a path leads past its endpoint, and none into headers.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	p := serve(t, guardedSite, map[string]string{"one": r.url})
	for _, c := range hostilePaths {
		status, bodies := p.wire(t, "GET "+c.path+" HTTP/1.1\r\nHost: a\r\n\r\n", 1)
		got := status
		if path, ok := strings.CutPrefix(strings.Join(bodies, ""), "GET "); ok && status == "200" {
			got = strings.TrimSuffix(path, " HTTP/1.1")
		} else if status == "307" {
			got = "to " + bodies[0]
		}
		if got != c.want {
			t.Errorf("%q: %s, not %s (%q)", c.path, got, c.want, bodies)
		}
	}
	r.check(t)
}

// check says what was wrong with what came, and whether anything came that should not.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	lines, raw, wrong := r.got()
	for _, w := range wrong {
		t.Error(w)
	}
	for i, l := range lines {
		path := strings.Fields(l)[1]
		if path == "/admin" || strings.HasPrefix(path, "/admin/") || strings.Contains(strings.ToLower(raw[i]), "\nx-injected") {
			t.Errorf("the target got\n%s", raw[i])
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "GET /x HTTP/1.1") }) {
		t.Error("the target did not get GET /x")
	}
}
