package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// plan is one measurement of one server.
type plan struct {
	shape
	server         string
	delta          bool
	clients, edits int
	reconnect      bool
	// budget ends the edits of a slow server early; 3 are made in any case.
	budget time.Duration
}

// figures are what came of it. Times are in milliseconds, memory is in KiB.
type figures struct {
	coldTime, coldCPU        float64
	one, first, last, spread []float64 // of edits: with one client; with all, the first, the last, and between them
	oneCPU, editCPU          float64   // an edit
	editBytes, editAllocs    float64   // an edit and client
	rss                      float64   // a client
	backTime, backCPU        float64
	backBytes, backResources float64 // assignments aside
	simulatorCPU             float64 // an edit
	yamlRead                 float64
}

// arriveLimit is for the slowest there is: a cold sync of thousands.
const arriveLimit = 5 * time.Minute

// run is a measurement under way.
type run struct {
	plan
	figures
	site   *site
	source *source
	server *server
	fleet  *fleet
	want   [kinds]digest
	edited uint64 // what the edited assignment is in that
}

// measure makes a blueprint, starts a server on it, and measures.
func measure(p plan, programs programs, dir string) (out figures, err error) {
	dir, err = os.MkdirTemp(dir, "run")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	r := &run{plan: p}
	if r.site, err = newSite(filepath.Join(dir, "site"), p.shape); err != nil {
		return out, err
	}
	r.source = newSource(r.site.main())
	if err = r.look(); err != nil {
		return out, err
	}
	if r.server, err = programs.start(p.server, r.site.main(), dir); err != nil {
		return out, err
	}
	defer func() {
		if e := r.server.stop(); err == nil {
			err = e
		}
	}()
	r.fleet = newFleet(r.server.address, p.delta)
	defer r.fleet.disconnect()
	for _, step := range []func() error{r.alone, r.cold, r.together, r.back} {
		if err := step(); err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return out, fmt.Errorf("%s, delta %v: %w\n%s", p.server, p.delta, err, tail(log))
		}
	}
	return r.figures, nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// look finds what clients are to have from now on.
func (r *run) look() error {
	w, _, err := r.source.load()
	if err != nil {
		return err
	}
	if r.want, err = digests(w); err != nil {
		return err
	}
	x, err := r.site.assignment()
	if err != nil {
		return err
	}
	body, err := marshal(x.message)
	r.edited = sumOf(x.name, body)
	return err
}

// alone measures edits with one client.
func (r *run) alone() error {
	g := r.fleet.aim(r.want, 1)
	r.fleet.grow(1)
	if _, _, err := r.fleet.wait(g, arriveLimit); err != nil {
		return err
	}
	r.server.quiet()
	began := r.server.cpu()
	n, err := r.edit(1, func(t0, _, last time.Time) { r.one = append(r.one, ms(last.Sub(t0))) })
	r.oneCPU = ms(r.server.cpu()-began) / float64(n)
	return err
}

// cold measures how all others get everything.
func (r *run) cold() error {
	if r.clients == 1 {
		return nil
	}
	r.server.quiet()
	began, cpu, memory := time.Now(), r.server.cpu(), r.server.rss()
	g := r.fleet.aim(r.want, r.clients-1)
	r.fleet.grow(r.clients)
	_, last, err := r.fleet.wait(g, arriveLimit)
	if err != nil {
		return err
	}
	r.server.quiet()
	r.coldTime, r.coldCPU = ms(last.Sub(began)), ms(r.server.cpu()-cpu)
	r.rss = memory
	return nil
}

// together measures edits with all clients.
func (r *run) together() error {
	if r.clients == 1 {
		return nil
	}
	cpu, self := r.server.cpu(), selfCPU()
	bytes, _ := r.fleet.received()
	mallocs, err := r.server.mallocs()
	if err != nil {
		return err
	}
	n, err := r.edit(r.clients, func(t0, first, last time.Time) {
		r.first, r.last, r.spread = append(r.first, ms(first.Sub(t0))), append(r.last, ms(last.Sub(t0))), append(r.spread, ms(last.Sub(first)))
	})
	if err != nil {
		return err
	}
	r.editCPU, r.simulatorCPU = ms(r.server.cpu()-cpu)/float64(n), ms(selfCPU()-self)/float64(n)
	after, _ := r.fleet.received()
	r.editBytes = float64(after-bytes) / float64(n*r.clients)
	more, err := r.server.mallocs()
	r.editAllocs = (more - mallocs) / float64(n*r.clients)
	r.rss = (r.server.rss() - r.rss) / 1024 / float64(r.clients-1)
	return err
}

// edit edits one endpoint again and again, until that reached all clients.
func (r *run) edit(clients int, took func(t0, first, last time.Time)) (n int, err error) {
	for began := time.Now(); n < r.edits && (n < 3 || time.Since(began) < r.budget); n++ {
		next, save, err := r.site.edit()
		if err != nil {
			return n, err
		}
		if err := r.want[assignments].replace(&r.edited, next); err != nil {
			return n, err
		}
		g := r.fleet.aim(r.want, clients)
		t0 := time.Now()
		if err := save(); err != nil {
			return n, err
		}
		if err := r.server.edited(); err != nil {
			return n, err
		}
		first, last, err := r.fleet.wait(g, arriveLimit)
		if err != nil {
			return n, err
		}
		took(t0, first, last)
		r.server.quiet()
	}
	return n, nil
}

// back measures how all come back at once, with nothing changed.
func (r *run) back() error {
	if !r.reconnect {
		return nil
	}
	r.fleet.disconnect()
	r.server.quiet()
	bytes, resources := r.fleet.received()
	eds, edsBytes := r.fleet.resources[assignments].Load(), r.fleet.bytes[assignments].Load()
	began, cpu := time.Now(), r.server.cpu()
	r.fleet.connect(r.fleet.clients)
	r.backTime, r.backCPU = ms(r.server.quiet().Sub(began)), ms(r.server.cpu()-cpu)
	b, n := r.fleet.received()
	r.backBytes = float64(b - bytes - r.fleet.bytes[assignments].Load() + edsBytes)
	r.backResources = float64(n - resources - r.fleet.resources[assignments].Load() + eds)
	select {
	case err := <-r.fleet.failed:
		return err
	default:
		return nil
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func selfCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
