package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// bar is something that must hold.
type bar struct {
	what         string
	value, limit float64
	unit         string
	// least: the value must not be below the limit; else it must not be above.
	least bool
}

func (b bar) holds() bool {
	if b.least {
		return b.value >= b.limit
	}
	return b.value <= b.limit
}

// judge prints the bars, and whether they hold.
func judge(out io.Writer, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\nbar\tmeasured\tmust be\t\n")
	held, all := 0, bars(results)
	for _, b := range all {
		word, verdict := "at most", "FAIL"
		if b.least {
			word = "at least"
		}
		if b.holds() {
			verdict = "pass"
			held++
		}
		fmt.Fprintf(w, "%s\t%.2f%s\t%s %g%s\t%s\n", b.what, b.value, b.unit, word, b.limit, b.unit, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d of %d hold\n", held, len(all))
	return err
}

// find returns the measurement of a server without canaries.
func find(results []result, server string, delta bool, clients, clusters int) result {
	for _, r := range results {
		if r.server == server && r.delta == delta && r.clients == clients && r.clusters == clusters && r.canary == 0 {
			return r
		}
	}
	return result{}
}

// bars are all there are, of what was measured.
func bars(results []result) (all []bar) {
	find := func(server string, delta bool, clients, clusters int) result {
		return find(results, server, delta, clients, clusters)
	}
	for _, delta := range []bool{true, false} {
		ours, floor := find(oursName, delta, 1000, 1000), find(floorName, delta, 1000, 1000)
		many, manyFloor := find(oursName, delta, 5000, 1000), find(floorName, delta, 5000, 1000)
		mode, faster := "SotW", 60.0
		if delta {
			mode, faster = "delta", 12
		}
		all = append(all,
			bar{mode + ": fan-out of an edit, of the floor's", ours.fanOut() / floor.fanOut(), 1.5, "x", false},
			bar{mode + ": fan-out of an edit, SnapshotCache's of ours", find(snapshotName, delta, 1000, 1000).fanOut() / ours.fanOut(), faster, "x", true},
			bar{mode + ": server CPU for the fan-out of an edit, of the floor's", ours.fanCPU() / floor.fanCPU(), 2, "x", false},
			bar{mode + ": cold sync, CPU, of the floor's", ours.coldCPU / floor.coldCPU, 1.7, "x", false},
			bar{mode + ": RSS a client at 5,000", many.rss / 1024, 110, " KiB", false},
			bar{mode + ": 5,000 reconnect, bytes of resources, assignments aside", many.backBytes, 0, "", false},
			bar{mode + ": 5,000 reconnect, time, of the floor's", many.backTime / manyFloor.backTime, 2, "x", false},
			bar{mode + ": 5,000 reconnect, CPU, of the floor's", many.backCPU / manyFloor.backCPU, 2, "x", false},
		)
	}
	one, small := find(oursName, true, 1000, 1000), find(oursName, true, 100, 100)
	files, large := find(oursName, true, 100, 1000), find(oursName, true, 100, 10_000)
	flat := find(oursName, true, 100, sizes[0]).between()
	worst := 0.0
	for _, n := range sizes {
		worst = max(worst, find(oursName, true, 100, n).between())
	}
	return append(all,
		bar{"rename to one client, 1,000 pools in one file, of yaml.v3 reading it", median(one.one) / one.yaml, 2, "x", false},
		bar{"rename to one client, 1,000 pools in 100 files", median(files.one), 10, " ms", false},
		bar{"first of 100 clients, 10,000 clusters in 1,000 files, of 100 in 10", median(large.first) / median(small.first), 3, "x", false},
		bar{"first to last of 100 clients, 10 to 10,000 clusters, the longest of that at 10", worst / flat, 1.5, "x", false},
	)
}
