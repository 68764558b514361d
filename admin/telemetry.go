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

// moment is when figures were made, and what of. At is null before the first.
type moment struct {
	At            *time.Time `json:"at"`
	Interval      int        `json:"interval_seconds"`
	LatencyWindow int        `json:"latency_window_seconds"`
}

func momentOf(t *fleet.Telemetry) moment {
	m := moment{Interval: 1, LatencyWindow: latencyWindow}
	if !t.At.IsZero() {
		m.At = &t.At
	}
	return m
}

// telemetryAnswer are the figures of a moment. A sample on the stream has the rows that
// changed, and neither events nor series.
type telemetryAnswer struct {
	moment
	Envoys    []fleet.EnvoyFigures  `json:"envoys"`
	Targets   []fleet.TargetFigures `json:"targets"`
	Pools     []fleet.FlowFigures   `json:"pools"`
	Endpoints []fleet.FlowFigures   `json:"endpoints"`
	Events    []fleet.Event         `json:"events"`
	Series    *fleet.Series         `json:"series"`
}

// whole is all there is, with the series that are asked for.
func whole(t *fleet.Telemetry, events []fleet.Event, series *fleet.Series) telemetryAnswer {
	return telemetryAnswer{momentOf(t), orEmpty(t.Envoys), orEmpty(t.Targets), orEmpty(t.Pools), orEmpty(t.Endpoints), orEmpty(events), series}
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
