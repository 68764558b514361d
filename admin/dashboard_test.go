package admin

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

const browserAccepts = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

func TestDashboard(t *testing.T) {
	t.Parallel()
	wanted := true
	h := New(Options{Fleet: busy(), Page: func() bool { return wanted }})
	page := call(h, "GET", "/", browserAccepts)
	if kind := page.Header().Get("Content-Type"); page.Code != 200 || kind != "text/html; charset=utf-8" || !strings.Contains(page.Body.String(), "web/app.js") {
		t.Errorf("%d %s", page.Code, kind)
	}
	policy := page.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("the policy is %q", policy)
	}
	for name, kind := range map[string]string{"app.js": "text/javascript; charset=utf-8", "style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		if w := call(h, "GET", "/web/"+name); w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	for path, want := range map[string]int{"/web/": 404, "/web/none.js": 404, "/web/../admin.go": 404, "/web/index.html": 404, "/web/app.js": 200} {
		if w := call(h, "GET", path); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := call(h, "GET", "/"); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("others get %s", w.Header().Get("Content-Type"))
	}
	wanted = false
	if w := call(h, "GET", "/", browserAccepts); w.Code != 200 || strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Body.String(), "/api/v1/status") {
		t.Errorf("without the page: %d %s", w.Code, w.Body)
	}
	if a, s := call(h, "GET", "/web/app.js").Code, call(h, "GET", "/api/v1/status").Code; a != 404 || s != 200 {
		t.Errorf("without the page: module %d, status %d", a, s)
	}
	for _, path := range []string{"/", "/web/app.js"} {
		if w := call(Metrics(Options{Fleet: busy()}), "GET", path, browserAccepts); w.Code != 404 {
			t.Errorf("%s where Envoys ask: %d", path, w.Code)
		}
	}
}

func TestBlueprintText(t *testing.T) {
	t.Parallel()
	h := New(Options{Fleet: busy()})
	w := call(h, "GET", "/api/v1/blueprint?blueprint=shop&version=v1")
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, `"version": "v1"`) || !strings.Contains(body, `"text": "key: ${KEY}\n"`) || !strings.Contains(body, `"position": "main.yaml:3:5"`) || strings.Index(body, "a.yaml") > strings.Index(body, "main.yaml") {
		t.Errorf("%d %s", w.Code, body)
	}
	if w := call(h, "GET", "/api/v1/blueprint?blueprint=other"); w.Code != 404 || !strings.Contains(w.Body.String(), "no such blueprint") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What peers say is text and never markup, and nothing comes from elsewhere. Inline
// scripts and styles would be refused by the page's own policy.
func TestPageIsStrict(t *testing.T) {
	t.Parallel()
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|createContextualFragment`)
	outside := regexp.MustCompile(`(https?:)?//[a-zA-Z0-9-]+\.[a-z]|@import|url\(`)
	inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := web.ReadFile(name)
		number := 0
		for line := range strings.Lines(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")) {
			number++
			for _, ban := range []*regexp.Regexp{markup, outside} {
				if found := ban.FindString(line); found != "" {
					t.Errorf("%s:%d: %q", name, number, found)
				}
			}
			if found := inline.FindString(line); path.Ext(name) == ".html" && found != "" {
				t.Errorf("%s:%d: %q", name, number, found)
			}
		}
		if number > 300 {
			t.Errorf("%s has %d lines: it has more than one subject", name, number)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
