package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Beyond this machine the admin listener takes a token, or is meant to take none.
func TestAdminBeyondThisMachine(t *testing.T) {
	t.Parallel()
	const warning = "the admin listener takes no token"
	eachAddress(t, func(t *testing.T, address string, beyond bool) {
		mustBeMeant(t, beyond, "give --admin-token-file, or say --admin-insecure", "--admin-insecure", warning,
			"--admin-listen", address, "--xds-listen", "127.0.0.1:0")
	})
}

// With a token the pages take it, and the commands show it.
func TestCommandsShowTheToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	s.write("token", "s3cret\n")
	s.write("other", "wrong\n")
	s.run("start", "--envoy", "none", "--state-dir", "t", "--admin-listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--admin-token-file", "none").oneLine("no such file")
	p := s.run("start", "--envoy", "none", "--state-dir", "s", "--admin-listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--admin-token-file", "token").live()
	at := []string{"--admin", p.admin()}
	token, other := filepath.Join(s.dir, "token"), filepath.Join(s.dir, "other")
	for _, command := range []string{"status", "history", "rollback main.yaml", "rollout retry"} {
		all := append(strings.Fields(command), at...)
		for _, with := range [][]string{nil, {"--admin-token-file", other}} {
			if got := call(append(all, with...)...); got.code != 1 || !strings.Contains(got.err, "takes the token of --admin-token-file") {
				t.Errorf("%s with %v: %+v", command, with, got)
			}
		}
		if got := call(append(all, "--admin-token-file", token)...); strings.Contains(got.err, "token") {
			t.Errorf("%s: %+v", command, got)
		}
	}
	if got := call(append([]string{"health", "--admin-token-file", token}, at...)...); got.code != 0 {
		t.Errorf("health: %+v", got)
	}
	if got := call(append([]string{"status", "--admin-token-file", filepath.Join(s.dir, "none")}, at...)...); got.code != 1 || !strings.Contains(got.err, "read token") {
		t.Errorf("no file: %+v", got)
	}
	if err := os.WriteFile(token, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, p.admin()+"/api/v1/status", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer new")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the new token: %d", response.StatusCode)
	}
}
