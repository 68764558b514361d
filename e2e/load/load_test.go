package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// built are the product's program, and this one: the test's own.
var built programs

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "load")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		built.ours = filepath.Join(dir, "backworks")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", built.ours, "../../cmd/backworks").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		if built.self, err = os.Executable(); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func each(t *testing.T, f func(t *testing.T, server string, delta bool)) {
	for _, server := range []string{oursName, floorName, snapshotName, linearName} {
		for _, delta := range []bool{true, false} {
			t.Run(plan{server: server, delta: delta}.title(), func(t *testing.T) {
				t.Parallel()
				f(t, server, delta)
			})
		}
	}
}

// A measurement goes on only when every client holds just what the translation makes of
// the files: at first, after each edit, and when all came back.
func TestMeasure(t *testing.T) {
	each(t, func(t *testing.T, server string, delta bool) {
		p := plan{
			shape: shape{clusters: 40, endpoints: 3, routes: 20, files: 4}, server: server, delta: delta,
			clients: 30, edits: 3, reconnect: true, budget: time.Minute,
		}
		all, err := measure([]plan{p}, built, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		f := all[0]
		for what, v := range map[string]float64{
			"cold sync": f.coldTime, "its CPU": f.coldCPU, "CPU of an edit": f.all.cpu, "bytes": f.all.bytes, "objects": f.all.mallocs,
			"RSS": f.rss, "reconnect": f.backTime, "its CPU ": f.backCPU, "yaml.v3": f.yaml,
		} {
			if v <= 0 {
				t.Errorf("%s: got %v", what, v)
			}
		}
		if len(f.one) != 3 || len(f.first) != 3 || len(f.last) != 3 {
			t.Errorf("edits: got %v, %v, %v", f.one, f.first, f.last)
		}
		if perClient := f.all.bytes / 30; (server == oursName || server == floorName) && (perClient > 1000 || f.backBytes > 0) {
			t.Errorf("%v bytes an edit and client, %v at the reconnect", perClient, f.backBytes)
		}
	})
}

// The simulator must notice what is not as it should be.
func TestSimulatorNotices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &run{plan: plan{clients: 3}}
	var err error
	if r.site, err = newSite(filepath.Join(dir, "site"), shape{clusters: 5, endpoints: 1, routes: 5}); err != nil {
		t.Fatal(err)
	}
	r.source = newSource(r.site.main())
	if err := r.look(); err != nil {
		t.Fatal(err)
	}
	if r.server, err = built.start(floorName, r.site.main(), dir); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(r.server.stop)
	t.Cleanup(func() { _ = stop() })
	r.fleet = newFleet(r.server.address, true)
	t.Cleanup(r.fleet.disconnect)
	g := r.fleet.aim(r.want, r.clients)
	r.fleet.grow(r.clients)
	if _, _, err := r.fleet.wait(g, time.Minute); err != nil {
		t.Fatal(err)
	}
	before := r.fleet.received()
	r.want[assignments].sum++ // not what comes
	_, g, err = r.editOnce(r.clients)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); r.fleet.received() < before+3*200; {
		if time.Now().After(deadline) {
			t.Fatal("the edit does not come")
		}
		runtime.Gosched() // a response has more than 200 bytes
	}
	if _, _, err := r.fleet.wait(g, 100*time.Millisecond); !errors.Is(err, errLate) {
		t.Errorf("clients with another assignment count as up to date: %v", err)
	}
	_ = stop()
	if _, _, err := r.fleet.wait(g, time.Minute); err == nil || errors.Is(err, errLate) {
		t.Errorf("the end of the server is not noticed: %v", err)
	}
}

// Every bar is of something that is measured.
func TestBars(t *testing.T) {
	t.Parallel()
	var results []result
	for i, p := range slices.Concat(plans()...) {
		v := float64(i + 1)
		results = append(results, result{p, figures{
			coldTime: v, coldCPU: v, one: []float64{v}, first: []float64{2 * v}, last: []float64{3 * v},
			all: cost{cpu: 2 * v, mallocs: v}, alone: cost{cpu: v}, rss: v, backTime: v, backCPU: v, backBytes: v, yaml: v,
		}})
	}
	for _, b := range bars(results) {
		if !(b.value > 0) || b.value > 1e6 {
			t.Errorf("%s: got %v", b.what, b.value)
		}
	}
	var out bytes.Buffer
	if err := table(&out, results); err != nil {
		t.Fatal(err)
	}
	if err := judge(&out, results); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "NaN") || !strings.Contains(out.String(), "FAIL") {
		t.Error(out.String())
	}
}

// TestOneClient: with one there would be nobody to wait for.
func TestOneClient(t *testing.T) {
	t.Parallel()
	if err := command([]string{"one", "-clients", "1"}, nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "-clients") {
		t.Errorf("%v", err)
	}
}
