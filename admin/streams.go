package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backworks/xds"
)

var (
	streamsNow       = desc("xds_streams", "Streams that are open and let in, load reports and client status among them.")
	waitingNow       = desc("xds_waiting_streams", "Streams that wait: to be let in (connection, all, arrival), or since they sent requests too fast (requests).", "limit")
	waitsTotal       = desc("xds_waits_total", "How often a stream had to wait, by what for.", "limit")
	endedTotal       = desc("xds_ended_streams_total", "Streams that were ended for what the client did or may not do.", "reason")
	handshakesTotal  = desc("xds_failed_handshakes_total", "Connections on which TLS was not agreed: a wrong authority, an expired certificate, none.")
	certificateUntil = desc("xds_certificate_expiry_timestamp_seconds", "When the certificate of the xDS listener expires.")
)

var streamDescs = []*prometheus.Desc{streamsNow, waitingNow, waitsTotal, endedTotal, handshakesTotal, certificateUntil}

// collectStreams gives what there is to tell of streams and connections.
func (o Options) collectStreams(emit emitter) {
	if o.CertificateExpires != nil {
		emit.gauge(certificateUntil, float64(o.CertificateExpires().UnixMilli())/float64(time.Second/time.Millisecond))
	}
	if o.Streams == nil {
		return
	}
	f := o.Streams()
	emit.gauge(streamsNow, float64(f.Streams))
	for _, w := range []struct {
		limit string
		xds.Waits
	}{{"connection", f.ConnectionWaits}, {"all", f.StreamWaits}, {"arrival", f.ArrivalWaits}, {"requests", f.RequestWaits}} {
		emit.gauge(waitingNow, float64(w.Now), w.limit)
		emit.counter(waitsTotal, float64(w.Total), w.limit)
	}
	for _, reason := range xds.Endings {
		emit.counter(endedTotal, float64(f.Ended[reason]), string(reason))
	}
	emit.counter(handshakesTotal, float64(f.FailedHandshakes))
}
