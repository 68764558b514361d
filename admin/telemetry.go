package admin

import (
	"net/http"
	"strconv"
	"time"

	"backworks/fleet"
)

// latencyWindow is what fleet's quantiles are over, in seconds.
const latencyWindow = 10

// seriesAtOnce bounds who is given series at the same time: those of 1,000 pools are 30 MB.
// Who reads slowly has seriesWrite to do so.
const (
	seriesAtOnce = 2
	seriesWrite  = 30 * time.Second
)

// telemetryAnswer are the figures of a moment; of a sample on the stream, the rows that
// changed.
type telemetryAnswer struct {
	At            *time.Time            `json:"at"`
	Interval      int                   `json:"interval_seconds"`
	LatencyWindow int                   `json:"latency_window_seconds"`
	Envoys        []fleet.EnvoyFigures  `json:"envoys"`
	Targets       []fleet.TargetFigures `json:"targets"`
	Pools         []fleet.FlowFigures   `json:"pools"`
	Endpoints     []fleet.FlowFigures   `json:"endpoints"`
	Events        *[]fleet.Event        `json:"events,omitempty"`
	Series        **fleet.Series        `json:"series,omitempty"`
}

// whole is all there is but the series.
func whole(t *fleet.Telemetry, events []fleet.Event, series *fleet.Series) telemetryAnswer {
	events = orEmpty(events)
	a := partly(t)
	a.Envoys, a.Targets, a.Pools, a.Endpoints = orEmpty(t.Envoys), orEmpty(t.Targets), orEmpty(t.Pools), orEmpty(t.Endpoints)
	a.Events, a.Series = &events, &series
	return a
}

// partly is an answer without rows.
func partly(t *fleet.Telemetry) telemetryAnswer {
	a := telemetryAnswer{
		Interval: 1, LatencyWindow: latencyWindow,
		Envoys: []fleet.EnvoyFigures{}, Targets: []fleet.TargetFigures{}, Pools: []fleet.FlowFigures{}, Endpoints: []fleet.FlowFigures{},
	}
	if !t.At.IsZero() {
		a.At = &t.At
	}
	return a
}

// telemetry answers with the newest figures, and with ?window= those of the last seconds.
func (p *pages) telemetry(w http.ResponseWriter, r *http.Request) {
	var series *fleet.Series
	if text := r.URL.Query().Get("window"); text != "" {
		window, err := strconv.Atoi(text)
		if err != nil || window < 0 || window > int(fleet.TelemetryKept/time.Second) {
			refuse(w, http.StatusBadRequest, "window is seconds, from 0 to "+strconv.Itoa(int(fleet.TelemetryKept/time.Second)))
			return
		}
		if window > 0 {
			select {
			case p.turns <- struct{}{}:
				defer func() { <-p.turns }()
				// Not all writers have a deadline to set; those of connections have.
				_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(seriesWrite))
			case <-r.Context().Done():
				return
			}
			series = p.Fleet.Series(time.Duration(window) * time.Second)
		}
	}
	writeShort(w, whole(p.Fleet.Telemetry(), p.Fleet.Events(), series))
}
