package admin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// envoyTimeout is what one Envoy gets: 1,000 clusters take it 0.03 s.
	envoyTimeout = 2 * time.Second
	// allTimeout is what all get together, less than Prometheus' default of 10 s.
	allTimeout = 8 * time.Second
	// atOnce bounds how many are asked at the same time, and with it connections
	// and memory.
	atOnce = 16
	// maxStatistics is what one Envoy may say; 1,000 clusters say 0.5 MB.
	maxStatistics = 64 << 20
)

var (
	envoyUp        = desc("envoy_up", "Whether this Envoy gave its statistics for this page.", "node", "address")
	envoySeconds   = desc("envoy_scrape_duration_seconds", "How long this Envoy took to give them.", "node", "address")
	envoyLeftOut   = desc("envoy_left_out_samples", "Samples of this Envoy that no parser would take, or whose name or type another Envoy uses otherwise.", "node", "address")
	envoysReached  = desc("envoys_reached", "Envoys whose statistics are part of this page; 0 says that there is nothing but the management server's own.")
	envoysExpected = desc("envoys_known", "Envoys whose admin interface is known.")
)

// source is an Envoy that can be asked.
type source struct {
	node, address string
	stats         func(context.Context, io.Writer) error
}

// scraped is what came of asking it.
type scraped struct {
	source
	took time.Duration
	said *exposition // nil: it failed
}

// scrape asks all Envoys, and gives their answers in the same order.
func (p *pages) scrape(ctx context.Context, sources []source) []scraped {
	ctx, cancel := context.WithTimeout(ctx, allTimeout)
	defer cancel()
	sources = distinct(sources)
	all := make([]scraped, len(sources))
	slots := make(chan struct{}, atOnce)
	var done sync.WaitGroup
	for i, s := range sources {
		slots <- struct{}{}
		done.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			x, err := ask(ctx, s)
			if err != nil {
				p.log.Debug("no statistics from an Envoy", "node", s.node, "address", s.address, "error", err)
			}
			all[i] = scraped{s, time.Since(began), x}
		})
	}
	done.Wait()
	return all
}

func ask(ctx context.Context, s source) (*exposition, error) {
	ctx, cancel := context.WithTimeout(ctx, envoyTimeout)
	defer cancel()
	var text bounded
	if err := s.stats(ctx, &text); err != nil {
		return nil, err
	}
	return parse(s.node, text.Bytes()), nil
}

// distinct makes node ids unique, since of equal series of two Envoys one would be
// lost: nodes of the same id get their address behind it. An address is asked once.
func distinct(sources []source) []source {
	var all []source
	addresses, ids := map[string]bool{}, map[string]int{}
	for _, s := range sources {
		if !addresses[s.address] {
			addresses[s.address] = true
			ids[s.node]++
			all = append(all, s)
		}
	}
	for i, s := range all {
		if ids[s.node] > 1 {
			all[i].node = s.node + "@" + s.address
		}
	}
	return all
}

// bounded is a buffer that refuses too much.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(text []byte) (int, error) {
	if b.Len()+len(text) > maxStatistics {
		return 0, fmt.Errorf("the statistics are above %d MiB", maxStatistics>>20)
	}
	return b.Buffer.Write(text)
}

// Describe tells all that Collect may give.
func (s scrapes) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{envoyUp, envoySeconds, envoyLeftOut, envoysReached, envoysExpected} {
		to <- d
	}
}

// scrapes are the metrics about a scrape itself.
type scrapes []scraped

// Collect gives the values.
func (s scrapes) Collect(to chan<- prometheus.Metric) {
	emit := emitter(to)
	reached := 0
	for _, e := range s {
		emit.gauge(envoyUp, truth(e.said != nil), e.node, e.address)
		emit.gauge(envoySeconds, e.took.Seconds(), e.node, e.address)
		if e.said != nil {
			reached++
			emit.gauge(envoyLeftOut, float64(e.said.leftOut), e.node, e.address)
		}
	}
	emit.gauge(envoysReached, float64(reached))
	emit.gauge(envoysExpected, float64(len(s)))
}

// utf8s makes label values valid, as the client library wants them.
func utf8s(values []string) []string {
	for i, v := range values {
		values[i] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return values
}
