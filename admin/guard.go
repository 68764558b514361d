package admin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxRequestBody is far above what any page reads.
const maxRequestBody = 64 << 10

// private are domains that public DNS does not have: RFC 6761 and ICANN reserve the
// first two, the others are Kubernetes' own.
var private = []string{".localhost", ".internal", ".svc", ".cluster.local"}

// guarded keeps web pages from using a browser to reach a listener that only its
// user can reach:
//   - A page whose name was made to lead to our address (DNS rebinding) sends its
//     name as Host. We answer to names only that no stranger can own: IP addresses,
//     names without a dot, those of private domains, and those of Options.Hosts.
//   - A request that changes something must not come from another origin, by
//     Sec-Fetch-Site or Origin; programs send neither.
//   - No answer may be read, framed or interpreted as another type elsewhere: there
//     is no CORS.
//
// Bodies, which no page needs, are refused where they are long.
func (p *pages) guarded(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !p.answersTo(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, "this listener does not answer to that name: call it by IP address, by a name without a dot, or by that of --admin-listen")
			return
		}
		if err := origins.Check(r); err != nil {
			refuse(w, http.StatusForbidden, "a page of another origin must not do this")
			return
		}
		if r.ContentLength > maxRequestBody {
			refuse(w, http.StatusRequestEntityTooLarge, "no page takes a body that long")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		next.ServeHTTP(w, r)
	})
}

// answersTo judges a Host header. It is empty with HTTP/1.0, which no browser speaks.
func (p *pages) answersTo(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	if slices.ContainsFunc(private, func(domain string) bool { return strings.HasSuffix(host, domain) }) {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return slices.ContainsFunc(p.Hosts, func(known string) bool { return strings.EqualFold(known, host) })
}
