package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// fanOut is how much longer the last of all clients waits for an edit than one that is
// alone, in milliseconds.
func (r result) fanOut() float64 { return median(r.last) - median(r.one) }

// between is the time from the first client to the last, of the same edit: where there
// are few clients, the times of reading files differ by more than that.
func (r result) between() float64 {
	var all []float64
	for i := range r.last {
		all = append(all, r.last[i]-r.first[i])
	}
	return median(all)
}

// fanCPU is what an edit costs the server because of the other clients, in
// milliseconds.
func (r result) fanCPU() float64 { return r.all.cpu - r.alone.cpu }

// line is a figure of the table.
type line struct {
	head   string
	format string
	of     func(result) float64
}

var lines = []line{
	{"cold sync s", "%.2f", func(r result) float64 { return r.coldTime / 1000 }},
	{"  CPU s", "%.2f", func(r result) float64 { return r.coldCPU / 1000 }},
	{"edit, alone ms", "%.1f", func(r result) float64 { return median(r.one) }},
	{"  first ms", "%.1f", func(r result) float64 { return median(r.first) }},
	{"  last ms", "%.1f", func(r result) float64 { return median(r.last) }},
	{"  fan-out ms", "%.1f", result.fanOut},
	{"  first to last ms", "%.1f", result.between},
	{"  fan-out CPU ms", "%.1f", result.fanCPU},
	{"  bytes a client", "%.0f", func(r result) float64 { return r.all.bytes / float64(r.clients) }},
	{"  objects a client", "%.1f", func(r result) float64 { return (r.all.mallocs - r.alone.mallocs) / float64(r.clients) }},
	{"RSS KiB a client", "%.0f", func(r result) float64 { return r.rss / 1024 }},
	{"reconnect s", "%.2f", func(r result) float64 { return r.backTime / 1000 }},
	{"  CPU s", "%.2f", func(r result) float64 { return r.backCPU / 1000 }},
	{"  resource bytes", "%.0f", func(r result) float64 { return r.backBytes }},
	{"  simulator CPU ms", "%.0f", func(r result) float64 { return r.all.simulator }},
}

// table prints what was measured: a block for each fleet, a line for each figure, a
// line for each server, with how many times the floor's it is.
func table(out io.Writer, results []result) error {
	for len(results) > 0 {
		n := 1
		for n < len(results) && results[n].clients == results[0].clients && results[n].delta == results[0].delta {
			n++
		}
		if err := block(out, results[:n]); err != nil {
			return err
		}
		results = results[n:]
	}
	return nil
}

func block(out io.Writer, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%d clients", results[0].clients)
	for _, r := range results {
		fmt.Fprintf(w, "\t%s", r.title())
	}
	fmt.Fprint(w, "\t\nclusters, included files")
	for _, r := range results {
		fmt.Fprintf(w, "\t%d, %d", r.clusters, r.files)
	}
	fmt.Fprintln(w, "\t")
	for _, c := range lines {
		fmt.Fprint(w, c.head)
		for _, r := range results {
			fmt.Fprintf(w, "\t"+c.format, c.of(r))
			for _, floor := range results {
				if floor.server == floorName && r.server != floorName && c.of(floor) > 0 {
					fmt.Fprintf(w, " (%.1f)", c.of(r)/c.of(floor))
				}
			}
		}
		fmt.Fprintln(w, "\t")
	}
	return w.Flush()
}
