package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backworks/envoy"
)

// TestCommand measures every case for a moment: each is rendered, runs on an Envoy and
// answers 200, and has its row.
func TestCommand(t *testing.T) {
	t.Parallel()
	p := programs{backworks: filepath.Join(t.TempDir(), "backworks")}
	var err error
	if p.envoy, err = envoy.Find("", "../../.tools"); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", p.backworks, "../../cmd/backworks")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, log bytes.Buffer
	moment := (20 * time.Millisecond).String()
	if err := command(t.Context(), []string{"-backworks", p.backworks, "-envoy", p.envoy, "-rounds", "1", "-load", moment, "-single", moment}, &out, &log); err != nil {
		t.Fatal(err, log.String())
	}
	for _, c := range cases() {
		if !strings.Contains(out.String(), "\n| "+c.name+" | ") {
			t.Errorf("no row for %s in\n%s", c.name, out.String())
		}
	}
	if !strings.Contains(out.String(), "of the requests a second of one written by hand") {
		t.Errorf("no verdict in\n%s", out.String())
	}
}

// TestTable has the middle of the ratios of each round count, and the bar hold from 0.97 on.
func TestTable(t *testing.T) {
	t.Parallel()
	base := &result{oneCase: oneCase{name: hand}, rate: []float64{100, 200, 100}, cpu: []float64{10, 10, 10}, latency: []float64{1, 1, 1}}
	for rate, want := range map[float64]string{0.96: "0.960 of the requests a second of one written by hand (bar: 0.97): FAIL", 0.98: "bar: 0.97): pass"} {
		mine := &result{oneCase: oneCase{name: seed, against: hand}, rate: []float64{1, 200 * rate, 100 * rate}, cpu: []float64{12, 12, 50}, latency: []float64{1, 1, 1}}
		var out bytes.Buffer
		table(&out, []*result{base, mine})
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "| +20 % |") {
			t.Errorf("%v: no %q in\n%s", rate, want, out.String())
		}
	}
}

// TestFailure says what an Envoy that does not come up had to say.
func TestFailure(t *testing.T) {
	t.Parallel()
	path, err := envoy.Find("", "../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	p := programs{envoy: path}
	_, err = p.start(oneCase{name: "odd", envoy: "no_such_field: 1", request: get}, 1, filepath.Join(t.TempDir(), "odd"))
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("%v", err)
	}
}
