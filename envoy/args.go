package envoy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What happens to connections of a listener that a push replaced. They are asked to leave
// with the next answer (immediate), instead of by chance over all of drainSeconds, so that
// no client goes on for long with what held before. Then they are cut, and with them
// WebSockets and streams: not before a day is over. What an old listener keeps until then
// was measured, 17 KB an edit. Stopping does not wait for it.
const (
	drainSeconds  = "86400"
	drainStrategy = "immediate"
)

// flushMillis is --file-flush-interval-msec: how late a line of an access log may be.
// Envoy's own 10 s make people think that there are none.
const flushMillis = "1000"

// logLevels keeps Envoy from logging a warning for each request that it does not send to a
// login, with the request's query, where credentials may be, and one for each answer that
// its cache keeps.
const logLevels = "oauth2:error,cache_filter:error"

// ownFlags are what the sidecar must decide itself: with another configuration,
// mode or epoch it would wait for an Envoy that never comes.
var ownFlags = []string{
	"-c", "--config-path", "--mode", "--admin-address-path", "--restart-epoch",
	"--hot-restart-version", "--version", "-h", "--help",
}

// checkArgs refuses arguments that take the sidecar's own.
func checkArgs(args []string) error {
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		if slices.Contains(ownFlags, flag) {
			return fmt.Errorf("read envoy's arguments: %s cannot be set, the sidecar sets it itself", flag)
		}
	}
	return nil
}

// commandLine is what Envoy is started with. Envoy refuses a flag that is given
// twice, so that the user's takes the place of a default.
//
// There is no hot restart: an Envoy is kept over our restarts by adopting it, and
// without shared memory any number run on one host.
func commandLine(config string, concurrency int, args []string) []string {
	line := []string{"--config-path", config}
	add := func(flag, short, value string) {
		if slices.Contains(args, flag) || short != "" && slices.Contains(args, short) {
			return
		}
		line = append(line, flag)
		if value != "" {
			line = append(line, value)
		}
	}
	add("--disable-hot-restart", "", "")
	add("--drain-time-s", "", drainSeconds)
	add("--drain-strategy", "", drainStrategy)
	add("--file-flush-interval-msec", "", flushMillis)
	add("--component-log-level", "", logLevels)
	if concurrency > 0 {
		add("--concurrency", "", strconv.Itoa(concurrency))
	}
	return append(line, args...)
}
