package main

import (
	"fmt"
	"io"
)

// least is the share of the requests a second of a configuration written by hand that
// the generated one for the same job must bear.
const least = 0.97

// table prints a row a case, with its costs against those of the case it stands against.
func table(out io.Writer, results []*result) {
	byName := map[string]*result{}
	fmt.Fprintln(out, "| | requests/s | of | Envoy's CPU µs/request | more than | latency µs | more than |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, r := range results {
		byName[r.name] = r
		rate, share, cpu, more, latency, later := median(r.rate), "", median(r.cpu), "", median(r.latency), ""
		if base := byName[r.against]; base != nil {
			share = fmt.Sprintf("%.2f of %s", ratio(r.rate, base.rate), base.name)
			more = fmt.Sprintf("%+.0f %%", 100*(ratio(r.cpu, base.cpu)-1))
			later = fmt.Sprintf("%+.0f %%", 100*(ratio(r.latency, base.latency)-1))
		}
		fmt.Fprintf(out, "| %s | %.0f | %s | %.0f | %s | %.0f | %s |\n", r.name, rate, share, cpu, more, latency, later)
	}
	if x, base := byName[seed], byName[hand]; x != nil && base != nil {
		verdict := "pass"
		if ratio(x.rate, base.rate) < least {
			verdict = "FAIL"
		}
		fmt.Fprintf(out, "\nThe generated configuration bears %.3f of the requests a second of one written by hand (bar: %.2f): %s\n", ratio(x.rate, base.rate), least, verdict)
	}
}

// ratio is the middle of the ratios round by round.
func ratio(a, b []float64) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, a[i]/b[i])
	}
	return median(all)
}
