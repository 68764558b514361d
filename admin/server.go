package admin

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout includes the longest work: a load that waits for host names, or
	// every Envoy of a large fleet asked for its statistics.
	writeTimeout = time.Minute
	// idleTimeout is above the usual intervals of scrapes, so that Prometheus and
	// Envoy need not connect for each.
	idleTimeout    = 3 * time.Minute
	maxHeaderBytes = 16 << 10
)

// NewServer serves the pages with limits that no client can stretch. A nil logger
// logs nothing.
func NewServer(h http.Handler, log hclog.Logger) *http.Server {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.Named("admin").StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	stoppable(s)
	return s
}
