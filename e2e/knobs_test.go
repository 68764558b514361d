package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestGatewayFailures: with failures: gateway, 500 neither opens a breaker nor ends its
// trial, and 503 does both.
func TestGatewayFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTimed(t, "b", 500)
	text := shared(s, 0, breaker(), newBackend(t, "a"), &b.backend)
	s.write("main.yaml", strings.Replace(text, "failure_threshold:", "failures: gateway, failure_threshold:", 1))
	p := s.startTwo()
	l := run(100, func(int) string { return s.proxy + "/" }, func(int, string) bool { return true })
	s.until("it failed often", func() bool { return b.asked.Load() > 20 })
	if got := p.breakerOf("b"); got != "Closed" || len(b.pauses()) > 0 {
		t.Errorf("after %d answers of 500 it is %s", b.asked.Load(), got)
	}
	b.status.Store(503)
	s.until("503 opens it", func() bool { return p.breakerOf("b") == "Open" })
	s.until("a trial that ends with 503 opens it again", func() bool { return len(b.pauses()) >= 2 })
	b.status.Store(500)
	s.until("trials that end with 500 close it", func() bool { return p.breakerOf("b") == "Closed" })
	l.end(t)
}

// TestGrowingRecovery: each trial that fails makes the next time out longer, up to a bound;
// more good trials than half_open_max_calls may be needed to close it.
func TestGrowingRecovery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTimed(t, "b", 500)
	text := shared(s, 2, breaker(), newBackend(t, "a"), &b.backend)
	longest := recovery() * 3 / 2
	s.write("main.yaml", strings.Replace(text, "failure_threshold:",
		fmt.Sprintf("success_threshold: 20, recovery_growth: 1.3, max_recovery_timeout: %v, failure_threshold:", longest), 1))
	p := s.startTwo()
	l := run(50, func(int) string { return s.proxy + "/" }, well)
	s.until("it was out three times", func() bool { return len(b.pauses()) >= 3 })
	for i, least := range []time.Duration{recovery(), recovery() * 13 / 10, longest} {
		if took := b.pauses()[i].took; took < least || took > least+3*time.Second {
			t.Errorf("pause %d took %v, want %v", i, took, least)
		}
	}
	before := b.asked.Load()
	b.status.Store(0)
	s.until("it is closed", func() bool { return p.breakerOf("b") == "Closed" })
	if got := b.asked.Load() - before; got < 20 {
		t.Errorf("it is closed after %d trials", got)
	}
	l.end(t)
}
