// Package deploy tests what is shipped beside the binary: the image, the compose
// file and its blueprint. In come the files of this repository, and, with the build
// tag compose, a Docker engine; out goes a whole system that answers as it should.
// It holds no code of the product.
package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"backworks/envoy"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// In containers targets have other names; in all else the blueprint must not drift
// from the one that `make run` serves.
func TestBlueprintIsTheDefaultOne(t *testing.T) {
	t.Parallel()
	want := strings.Replace(read(t, "../blueprints/main.yaml"), "$schema=./", "$schema=../../blueprints/", 1)
	for _, n := range []string{"1", "2", "3"} {
		want = strings.Replace(want, "http://localhost:300"+n, "http://backend-"+n+":300"+n, 1)
	}
	if got := read(t, "compose/main.yaml"); got != want {
		t.Error("deploy/compose/main.yaml is not blueprints/main.yaml with the containers' names")
	}
}

// One release of Envoy is tested; whatever installs or starts one must mean that.
func TestEnvoyRelease(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t, "../Makefile"), "\nENVOY_VERSION := "+envoy.Tested+"\n") {
		t.Errorf("the Makefile does not install Envoy %s", envoy.Tested)
	}
	minor := envoy.Tested[:strings.LastIndexByte(envoy.Tested, '.')]
	if image := "image: envoyproxy/envoy:v" + minor + "-latest\n"; !strings.Contains(read(t, "../docker-compose.yaml"), image) {
		t.Errorf("docker-compose.yaml has no %q", image)
	}
}

// The image is built by the language version that go.mod asks for.
func TestGoRelease(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if version == nil {
		t.Fatal("go.mod has no go line")
	}
	if from := "FROM golang:" + version[1] + " AS build\n"; !strings.Contains(read(t, "../Dockerfile"), from) {
		t.Errorf("the Dockerfile has no %q", from)
	}
}

// The classic builder knows none of these, and people behind mirrors have no digests.
func TestDockerfileIsPlain(t *testing.T) {
	t.Parallel()
	text := read(t, "../Dockerfile")
	for _, foreign := range []string{"# syntax=", "--mount", "<<", "@sha256:", "--chmod", "--link"} {
		if strings.Contains(text, foreign) {
			t.Errorf("the Dockerfile has %q", foreign)
		}
	}
	final := text[strings.LastIndex(text, "\nFROM "):]
	if !strings.HasPrefix(final, "\nFROM scratch\n") || !strings.Contains(final, "\nUSER 65532:65532\n") {
		t.Error("the final image is not one from scratch for a user that is not root")
	}
}

// xDS in plaintext is for the services of the compose file, and said to be meant.
func TestXDSIsNotPublished(t *testing.T) {
	t.Parallel()
	text := read(t, "../docker-compose.yaml")
	if !regexp.MustCompile(`(?m)^      - --xds-listen\n      - 0\.0\.0\.0:18000\n(      #.*\n)*      - --xds-insecure\n`).MatchString(text) {
		t.Error("docker-compose.yaml does not say that plaintext is meant")
	}
	if regexp.MustCompile(`(?m)^ +- .*:18000"?$`).MatchString(strings.ReplaceAll(strings.ReplaceAll(text, "- 0.0.0.0:18000", ""), "- backworks:18000", "")) {
		t.Error("docker-compose.yaml publishes the port of xDS")
	}
}

// Who brings it up to have a look opens nothing to the network.
func TestPortsAreOnLoopback(t *testing.T) {
	t.Parallel()
	published := regexp.MustCompile(`(?m)^    ports:\n((?: {6}- .*\n)+)`).FindAllStringSubmatch(read(t, "../docker-compose.yaml"), -1)
	if len(published) != 2 {
		t.Errorf("%d services publish ports, not the proxy and the admin listener", len(published))
	}
	for _, ports := range published {
		for line := range strings.Lines(ports[1]) {
			if !strings.HasPrefix(line, "      - 127.0.0.1:") {
				t.Errorf("published beyond this machine: %s", strings.TrimSpace(line))
			}
		}
	}
}

// The page opens as it is: behind a port of this machine alone, no token is asked for,
// and that is said.
func TestAdminIsMeantToBeOpen(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`(?m)^      - --admin-listen\n      - 0\.0\.0\.0:8081\n(      #.*\n)*      - --admin-insecure\n`).MatchString(read(t, "../docker-compose.yaml")) {
		t.Error("docker-compose.yaml does not say that the admin listener takes no token")
	}
	if !strings.Contains(read(t, "../Dockerfile"), `"--admin-listen", "0.0.0.0:8081", "--admin-insecure"]`) {
		t.Error("the Dockerfile does not")
	}
}

// The rate limit service is the one that is tested. Its images are named by commits.
func TestRateLimitService(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`(?m)^RATELIMIT_VERSION := .*-([0-9a-f]{8})[0-9a-f]{4}$`).FindStringSubmatch(read(t, "../Makefile"))
	if version == nil {
		t.Fatal("the Makefile has no version of the rate limit service")
	}
	if image := "image: envoyproxy/ratelimit:" + version[1] + "\n"; !strings.Contains(read(t, "../docker-compose.yaml"), image) {
		t.Errorf("docker-compose.yaml has no %q", image)
	}
}
