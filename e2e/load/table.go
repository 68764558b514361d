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

// column is a figure of the table; in brackets stands of how many of the floor's it is.
type column struct {
	head   string
	format string
	of     func(result) float64
}

var columns = []column{
	{"cold sync s", "%.2f", func(r result) float64 { return r.coldTime / 1000 }},
	{"CPU s", "%.2f", func(r result) float64 { return r.coldCPU / 1000 }},
	{"edit: alone ms", "%.1f", func(r result) float64 { return median(r.one) }},
	{"first ms", "%.1f", func(r result) float64 { return median(r.first) }},
	{"last ms", "%.1f", func(r result) float64 { return median(r.last) }},
	{"fan-out ms", "%.1f", result.fanOut},
	{"first to last ms", "%.1f", result.between},
	{"fan-out CPU ms", "%.1f", result.fanCPU},
	{"bytes a client", "%.0f", func(r result) float64 { return r.all.bytes / float64(r.clients) }},
	{"objects a client", "%.1f", func(r result) float64 { return (r.all.mallocs - r.alone.mallocs) / float64(r.clients) }},
	{"RSS KiB a client", "%.0f", func(r result) float64 { return r.rss / 1024 }},
	{"reconnect s", "%.2f", func(r result) float64 { return r.backTime / 1000 }},
	{"CPU s", "%.2f", func(r result) float64 { return r.backCPU / 1000 }},
	{"resource bytes", "%.0f", func(r result) float64 { return r.backBytes }},
	{"simulator CPU ms an edit", "%.0f", func(r result) float64 { return r.all.simulator }},
}

// table prints what was measured: a block for each size, a line for each figure, a
// column for each server, with how many times the floor's it is.
func table(out io.Writer, results []result) error {
	for len(results) > 0 {
		n := 1
		for n < len(results) && results[n].shape.size() == results[0].shape.size() && results[n].clients == results[0].clients {
			n++
		}
		block := results[:n]
		results = results[n:]
		s := block[0]
		fmt.Fprintf(out, "\n%d clients, %d clusters x %d endpoints, %d routes", s.clients, s.clusters, s.endpoints, s.routes)
		if s.files > 0 {
			fmt.Fprintf(out, ", in %d included files", s.files)
		}
		fmt.Fprintln(out)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, r := range block {
			fmt.Fprintf(w, "\t%s", r.title())
		}
		fmt.Fprintln(w, "\t")
		for _, c := range columns {
			fmt.Fprint(w, c.head)
			for _, r := range block {
				fmt.Fprintf(w, "\t"+c.format, c.of(r))
				for _, floor := range block {
					if floor.server == floorName && r.server != floorName && floor.delta == r.delta && c.of(floor) > 0 {
						fmt.Fprintf(w, " (%.1f)", c.of(r)/c.of(floor))
					}
				}
			}
			fmt.Fprintln(w, "\t")
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
