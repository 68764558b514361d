package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// maxToken bounds the file of a token, in bytes.
const maxToken = 4 << 10

// Token is what clients of the admin listener must show. Its file is read at each
// request, so that a new token holds as soon as it is there; while the file cannot be
// read, the last good one does.
type Token struct {
	path    string
	log     hclog.Logger
	good    atomic.Pointer[[sha256.Size]byte]
	failing atomic.Bool
}

// LoadToken reads a token's file for the first time. A nil logger logs nothing.
func LoadToken(path string, log hclog.Logger) (*Token, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	sum, err := readToken(path)
	if err != nil {
		return nil, err
	}
	t := &Token{path: path, log: log.Named("admin")}
	t.good.Store(&sum)
	return t, nil
}

// ReadToken gives what a token's file says, without white space around it.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	switch {
	case token == "":
		return "", fmt.Errorf("read token of %q: there is none", path)
	case len(text) > maxToken:
		return "", fmt.Errorf("read token of %q: it is over %d KiB", path, maxToken>>10)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("read token of %q: it must be one word of ASCII", path)
	}
	return token, nil
}

func readToken(path string) (sum [sha256.Size]byte, err error) {
	token, err := ReadToken(path)
	return sha256.Sum256([]byte(token)), err
}

// admits tells whether a request shows the token: as RFC 6750 has it, or, for
// browsers, as the password of basic authentication, under any name. Hashes are
// compared, in constant time: neither content nor length of the token is told by how
// long it takes.
func (t *Token) admits(r *http.Request) bool {
	shown := ""
	if scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		shown = strings.TrimSpace(rest)
	} else if _, password, basic := r.BasicAuth(); basic {
		shown = password
	}
	sum, want := sha256.Sum256([]byte(shown)), t.now()
	return subtle.ConstantTimeCompare(sum[:], want[:]) == 1
}

// now is the token as its file has it.
func (t *Token) now() [sha256.Size]byte {
	sum, err := readToken(t.path)
	if err != nil {
		if !t.failing.Swap(true) {
			cause := err
			if inner := errors.Unwrap(err); inner != nil {
				cause = inner
			}
			t.log.Error("the token cannot be read, the one from before holds", "error", cause)
		}
		return *t.good.Load()
	}
	if t.failing.Swap(false) {
		t.log.Info("the token can be read again")
	}
	t.good.Store(&sum)
	return sum
}

// scripted tells whether a page asks, by fetch or for events. A browser would put a question
// for the password over it, again and again, each gone before it is answered: the page says
// what to do itself.
func scripted(r *http.Request) bool {
	return r.Header.Get("X-Requested-With") != "" || r.Header.Get("Accept") == "text/event-stream"
}

// admitted lets pass who shows the token, and everybody to what load balancers and,
// where that is wanted, Prometheus ask.
func (p *pages) admitted(next http.Handler) http.Handler {
	if p.Token == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		open := path == "/health" || path == "/ready" || path == "/metrics" && p.OpenMetrics
		if !open && !p.Token.admits(r) {
			w.Header().Add("WWW-Authenticate", `Bearer realm="backworks"`)
			if !scripted(r) {
				w.Header().Add("WWW-Authenticate", `Basic realm="backworks", charset="UTF-8"`)
			}
			refuse(w, http.StatusUnauthorized, "this takes the token of --admin-token-file: as a bearer token, or as the password of basic authentication")
			return
		}
		next.ServeHTTP(w, r)
	})
}
