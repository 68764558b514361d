package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// editBudget is for the edits of one measurement: SnapshotCache may take seconds for
	// each.
	editBudget = 6 * time.Second
	mainEdits  = 7
	// fewEdits are enough where it is not edits that are measured.
	fewEdits = 3
)

// result is a measurement, or what several of the same plan come to.
type result struct {
	plan
	figures
}

// thousand is what most of the bars are about: 1,000 clusters of 3 endpoints in one
// file. A blueprint has one listener; it has as many routes here as ten of 20 have.
var thousand = shape{clusters: 1000, endpoints: 3, routes: 200}

// spread is n clusters in files of ten.
func spread(n int) shape {
	return shape{clusters: n, endpoints: 3, routes: min(n, 200), files: n / 10}
}

// sizes are of the blueprints that tell whether cost grows with them.
var sizes = []int{10, 100, 1000, 10_000}

// plans are everything that is measured in a round: those of a group in turn.
func plans() (groups [][]plan) {
	var all, sized []plan
	for _, delta := range []bool{true, false} {
		var many []plan
		for _, server := range []string{oursName, floorName, linearName, snapshotName} {
			p := plan{server: server, delta: delta, clients: 1000, edits: mainEdits, reconnect: true, shape: thousand, budget: editBudget}
			all = append(all, p)
			if server == oursName || server == floorName {
				p.clients, p.edits = 5000, fewEdits
				many = append(many, p)
			}
		}
		if delta {
			p := all[0]
			p.canary, p.reconnect = 1, false
			all = append(all, p)
		}
		groups = append(groups, many)
	}
	for _, n := range sizes {
		sized = append(sized, plan{server: oursName, delta: true, clients: 100, edits: 2 * mainEdits, shape: spread(n), budget: editBudget})
	}
	return append([][]plan{all}, append(groups, sized)...)
}

// bench measures all plans, round after round.
func bench(programs programs, rounds int, out, log io.Writer) error {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	groups := plans()
	got := make([][][]figures, len(groups)) // by group and plan
	for round := range rounds {
		for i, g := range groups {
			f, err := measure(g, programs, dir)
			if err != nil {
				return err
			}
			if got[i] == nil {
				got[i] = make([][]figures, len(g))
			}
			for k := range g {
				got[i][k] = append(got[i][k], f[k])
			}
			fmt.Fprintf(log, "%.0f s: %d of %d measured\n", time.Since(began).Seconds(), round*len(groups)+i+1, rounds*len(groups))
		}
	}
	var results []result
	for i, g := range groups {
		for k, p := range g {
			results = append(results, result{p, medians(got[i][k])})
		}
	}
	if err := table(out, results); err != nil {
		return err
	}
	at := slices.IndexFunc(results, func(r result) bool { return r.canary > 0 })
	later := median(results[at].last) - median(find(results, oursName, true, 1000, 1000).last)
	fmt.Fprintf(out, "\nWith a canary first the last client has an edit %.1f ms later.\n", later)
	return judge(out, results)
}

// title is the server and how it is spoken to.
func (p plan) title() string {
	mode := "SotW"
	if p.delta {
		mode = "delta"
	}
	title := p.server + " " + mode
	if p.canary > 0 {
		title += ", canary first"
	}
	return title
}

// medians are what several measurements come to; the edits of all of them count.
func medians(all []figures) (out figures) {
	of := func(get func(*figures) *float64) {
		var list []float64
		for i := range all {
			list = append(list, *get(&all[i]))
		}
		*get(&out) = median(list)
	}
	for _, get := range []func(*figures) *float64{
		func(f *figures) *float64 { return &f.coldTime }, func(f *figures) *float64 { return &f.coldCPU },
		func(f *figures) *float64 { return &f.alone.cpu }, func(f *figures) *float64 { return &f.alone.mallocs },
		func(f *figures) *float64 { return &f.all.cpu }, func(f *figures) *float64 { return &f.all.mallocs },
		func(f *figures) *float64 { return &f.all.bytes }, func(f *figures) *float64 { return &f.all.simulator },
		func(f *figures) *float64 { return &f.rss }, func(f *figures) *float64 { return &f.backTime },
		func(f *figures) *float64 { return &f.backCPU }, func(f *figures) *float64 { return &f.backBytes },
		func(f *figures) *float64 { return &f.yaml },
	} {
		of(get)
	}
	for _, f := range all {
		out.one, out.first, out.last = append(out.one, f.one...), append(out.first, f.first...), append(out.last, f.last...)
	}
	return out
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return (list[len(list)/2] + list[(len(list)-1)/2]) / 2
}
