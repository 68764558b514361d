package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backworks/blueprints"
)

// called is what one call of the program gave.
type called struct {
	code     int
	out, err string
}

func call(args ...string) called {
	var out, err bytes.Buffer
	code := run(args, strings.NewReader(""), &out, &err)
	return called{code, out.String(), err.String()}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, says string }{
		{"strat", `unknown command "strat": did you mean start?`},
		{"zzz", `unknown command "zzz"`},
		{"help strat", "did you mean start?"},
		{"help a b", "accepts at most 1 arg(s), received 2"},
		{"--nope", "unknown flag: --nope"},
		{"start --nope", "unknown flag: --nope"},
		{"start --wach", "unknown flag: --wach: did you mean --watch?"},
		{"bootstrap --nodeid=a", "unknown flag: --nodeid: did you mean --node-id?"},
		{"start main.yaml", `unexpected argument "main.yaml": a blueprint is named with -c`},
		{"start main.yaml -- --concurrency 1", `unexpected argument "main.yaml"`},
		{"start -p 0", "must be from 1 to 65535"},
		{"start -p 70000", "must be from 1 to 65535"},
		{"start --dashboard-port x", "must be from 1 to 65535"},
		{"start -c", "flag needs an argument"},
		{"start --envoy none --keep-envoy", "exclude each other"},
		{"start --envoy none -- --concurrency 1", "exclude each other"},
		{"start --dashboard-port 1 --admin-listen 127.0.0.1:1", "exclude each other"},
		{"start --envoy-admin nonsense", "--envoy-admin"},
		{"start --xds-listen 18000", "must be host:port or unix:///path"},
		{"start --xds-listen unix:xds.sock", "must be host:port or unix:///path"},
		{"start --xds-listen unix://xds.sock", "must be absolute"},
		{"start --admin-listen :http", "must be host:port"},
		{"start --admin-listen 10.0.0.5:8081", "or say --admin-insecure"},
		{"start --admin-listen :8081", "or say --admin-insecure"},
		{"start --admin-insecure --admin-token-file a", "exclude each other"},
		{"start --admin-open-metrics", "needs --admin-token-file"},
		{"start --envoy none --xds-cert a", "--xds-cert and --xds-key need each other"},
		{"start --envoy none --xds-client-ca a", "--xds-client-ca needs --xds-cert and --xds-key"},
		{"start --envoy none --xds-cert a --xds-key b --xds-authorize c", "--xds-authorize needs --xds-client-ca"},
		{"start --envoy none --xds-cert a --xds-key b --xds-insecure", "exclude each other"},
		{"start --xds-cert a --xds-key b", "--xds-cert is for a TCP --xds-listen"},
		{"start --xds-listen unix:///run/x.sock --xds-cert a --xds-key b", "--xds-cert is for a TCP --xds-listen"},
		{"start --xds-listen 10.0.0.5:18000", "or say --xds-insecure"},
		{"start --xds-listen :18000", "or say --xds-insecure"},
		{"start --xds-max-rate 0", "must be from 1 to 2147483647"},
		{"bootstrap --node-id a --node-cluster b --xds a:1 --xds-cert c --xds-key d", "need --xds-ca"},
		{"bootstrap --node-id a --node-cluster b --xds a:1 --xds-ca c --xds-cert d", "--xds-cert and --xds-key need each other"},
		{"bootstrap --node-id a --node-cluster b --xds unix:///x --xds-ca c", "over a Unix socket there is no TLS"},
		{"stop main.yaml", `unexpected argument "main.yaml"`},
		{"validate --format xml", "must be text, json or github"},
		{"render a.yaml b.yaml", "accepts at most 1 arg(s), received 2"},
		{"render --admin-address nonsense", "--admin-address"},
		{"bootstrap", "--node-id, --node-cluster and --xds are needed"},
		{"bootstrap --node-id a --node-cluster b --xds nonsense", "--xds"},
		{"bootstrap --node-id a --node-cluster b --xds a:1 --max-connections -1", "--max-connections"},
		{"init a b", "accepts at most 1 arg(s), received 2"},
		{"schema a", `unexpected argument "a"`},
		{"health --admin ftp://x", "must be http://host:port"},
		{"version a", `unexpected argument "a"`},
		{"completion", "name one shell"},
		{"completion tcsh", "name one shell"},
		{"demo --port 1 --listen 127.0.0.1:1", "exclude each other"},
	} {
		got := call(strings.Fields(c.args)...)
		hint := strings.HasSuffix(got.err, "--help\n") && strings.Contains(got.err, "\nSee: backworks")
		if got.code != 2 || got.out != "" || !strings.Contains(got.err, c.says) || !hint || strings.Count(got.err, "\n") != 2 {
			t.Errorf("%s: %+v", c.args, got)
		}
	}
}

// Each command has help with an example, and its help is on stdout.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range rootCommand().Commands() {
		byFlag, byCommand := call(c.Name(), "--help"), call("help", c.Name())
		if byFlag.code != 0 || byFlag.err != "" || byFlag != byCommand {
			t.Errorf("help of %s: %+v, %+v", c.Name(), byFlag, byCommand)
		}
		if c.Example == "" || c.Short == "" || !strings.Contains(byFlag.out, c.Example) {
			t.Errorf("%s has no example", c.Name())
		}
	}
	if alone, help := call(), call("help"); alone.code != 0 || alone != help || !strings.Contains(alone.out, "completion") {
		t.Errorf("%+v, %+v", alone, help)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got := call("version")
	if got.code != 0 || got.out != "backworks unknown, tested with envoy 1.40.0\n" {
		t.Errorf("%+v", got)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		if got := call("completion", shell); got.code != 0 || !strings.Contains(got.out, "backworks") {
			t.Errorf("%s: %d %s", shell, got.code, got.err)
		}
	}
	if got := call("__complete", "sta"); !strings.Contains(got.out, "start\t") {
		t.Errorf("%+v", got)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	got := call("schema")
	if got.code != 0 || got.out != string(blueprints.Schema()) || !json.Valid([]byte(got.out)) {
		t.Errorf("%d %s", got.code, got.err)
	}
}

func TestInit(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	got := call("init", dir)
	file := filepath.Join(dir, "main.yaml")
	if got.code != 0 || !strings.Contains(got.out, "backworks start --watch --demo -c "+file) {
		t.Errorf("%+v", got)
	}
	if got := call("validate", dir); got.code != 0 || got.out != "1 blueprint is good\n" {
		t.Errorf("what it wrote: %+v", got)
	}
	schema, err := os.ReadFile(filepath.Join(dir, "blueprint.schema.json"))
	if err != nil || !bytes.Equal(schema, blueprints.Schema()) {
		t.Error("there is no schema beside it", err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = call("init", dir)
	if text, _ := os.ReadFile(file); got.code != 1 || string(text) != "mine" || !strings.Contains(got.err, "not overwritten") {
		t.Errorf("%+v: %s", got, text)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	pages := http.NewServeMux()
	pages.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well\n")) })
	pages.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusServiceUnavailable) })
	server := httptest.NewServer(pages)
	defer server.Close()
	if got := call("health", "--admin", server.URL); got != (called{0, "well\n", ""}) {
		t.Errorf("%+v", got)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	if got := call("health", "--ready", "--admin", host); got.code != 1 || !strings.Contains(got.err, "503 Service Unavailable: not yet") {
		t.Errorf("%+v", got)
	}
	if got := call("health", "--admin", "127.0.0.1:1"); got.code != 1 || got.err != "backworks: ask http://127.0.0.1:1/health: connection refused\n" {
		t.Errorf("%+v", got)
	}
}
