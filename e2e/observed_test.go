package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// observed are settings of plugins, each different from the one before.
var observed = []string{
	``,
	`cors: {config: {allow_origins: https://app.example.com}}`,
	`compression: {config: {algorithms: [gzip]}}`,
	`compression: {config: {algorithms: [br, gzip], decompress_requests: true}}`,
	`access_log: true`,
	`access_log: {config: {line: "{{status}}"}}`,
	`access_log: {config: {collector: "http://127.0.0.1:1"}}`,
	`tracing: {config: {collector: "http://127.0.0.1:1"}}`,
	`tracing: {config: {collector: "http://127.0.0.1:1", protocol: http, sampling: 10}}`,
	`errors: {config: {body: {oh: "{{status}}"}}}`,
	`errors: {config: {by_status: {404: {body: "<p>no</p>"}}}}`,
}

// TestEditsOfPluginsLoseNothing: these plugins come, change and go under load.
func TestEditsOfPluginsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newBackend(s, "one")
	text := func(i int) string {
		return fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy: {config: {targets: [%q], transform_response: {headers: {X-Edit: \"%d\"}}}}\n  %s\nendpoints: [{path: /a, method: GET}]\n",
			s.port, b.url, i, observed[i%len(observed)])
	}
	s.write("main.yaml", text(0))
	s.start("--", "--concurrency", "2").live()
	l := run(300, func(int) string { return s.proxy + "/a" }, func(status int, _ string) bool { return status == 200 })
	for i := 1; i <= 2*len(observed); i++ {
		s.write("main.yaml", text(i))
		s.until(fmt.Sprintf("edit %d is live", i), func() bool {
			status, _, header := ask(&curl, "GET", s.proxy+"/a", "")
			return status == 200 && header.Get("X-Edit") == fmt.Sprint(i)
		})
	}
	l.end(t)
}

// TestAccessLogOnStdout: lines come on the program's own standard output, whole and once
// each, also those of a time when only Envoy ran; its log has none of them.
func TestAccessLogOnStdout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newBackend(s, "one")
	s.write("main.yaml", fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy: {config: {targets: [%q]}}\n  access_log: {config: {fields: {logged: \"{{query.n}}\", filler: %q}}}\n", s.port, b.url, strings.Repeat("x", 500)))
	asked := 0
	askSome := func() {
		for range 200 {
			asked++
			if status, _, _ := ask(&curl, "GET", fmt.Sprintf("%s/?n=%d", s.proxy, asked), ""); status != 200 {
				t.Fatal(status)
			}
		}
	}
	p := s.start("--keep-envoy").live()
	askSome()
	s.until("the lines are there", func() bool { return strings.Contains(p.out.String(), `"logged":"200"`) })
	p.kill(syscall.SIGTERM)
	askSome()
	q := s.start("--keep-envoy").live()
	askSome()
	s.until("the lines are there", func() bool { return strings.Contains(q.out.String(), `"logged":"600"`) })
	next := 0
	for line := range strings.Lines(p.out.String() + q.out.String()) {
		if !strings.Contains(line, "filler") {
			continue
		}
		next++
		var v struct{ Logged string }
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Logged != fmt.Sprint(next) {
			t.Fatalf("line %d: %v %s", next, err, line)
		}
	}
	if next != asked {
		t.Errorf("%d lines of %d requests", next, asked)
	}
	if strings.Contains(p.log.String()+q.log.String(), "filler") {
		t.Error("lines are in the log")
	}
}
