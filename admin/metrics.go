package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// metrics answers for Prometheus, or with the targets' figures as JSON.
func (p *pages) metrics(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if wantsJSON(r) {
		summary, err := p.summaries.get(r.Context())
		if err == nil {
			writeJSON(w, http.StatusOK, summary)
		}
		return
	}
	text, err := p.texts.get(r.Context())
	if err != nil {
		return // the client is gone
	}
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	_, _ = w.Write(text)
}

// exposition asks all Envoys, and writes their metrics behind our own.
func (p *pages) exposition() []byte {
	all := p.scrape(context.Background(), p.sources())
	var said []*exposition
	for _, s := range all {
		if s.said != nil {
			said = append(said, s.said)
		}
	}
	var theirs bytes.Buffer
	merge(&theirs, said)

	about := prometheus.NewRegistry()
	about.MustRegister(scrapes(all))
	families, err := prometheus.Gatherers{p.own, about}.Gather()
	if err != nil {
		p.log.Error("some of our own metrics are wrong", "error", err)
	}
	var w bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&w, f); err != nil {
			p.log.Error("some of our own metrics cannot be written", "error", err)
		}
	}
	w.Grow(theirs.Len())
	_, _ = theirs.WriteTo(&w)
	return w.Bytes()
}

// sources are the Envoys that we know of. One that never said who it is goes by its
// address.
func (p *pages) sources() []source {
	var all []source
	for _, e := range p.Fleet.Envoys() {
		s := source{node: e.Node, address: string(e.Address), stats: e.Admin.Prometheus}
		if s.node == "" {
			s.node = s.address
		}
		if e.Error != "" {
			s.stats = func(context.Context, io.Writer) error { return errors.New(e.Error) }
		}
		all = append(all, s)
	}
	return all
}
