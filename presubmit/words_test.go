package presubmit

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A ban is something that must not stand in files of the repository.
type ban struct {
	pattern *regexp.Regexp
	applies func(file) bool
	reason  string
}

// The patterns are put together from parts where they would else find themselves.
var bans = []ban{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), all,
		"do it, or say in docs what is missing"},
	{regexp.MustCompile(`\bt(b)?\.Sk` + `ip(f|Now)?\(`), file.isTest,
		"a test that may skip itself proves nothing"},
	{regexp.MustCompile(`\btime\.Sl` + `eep\(`), file.isTest,
		"wait for what is to happen, or poll with a deadline"},
	{regexp.MustCompile(`\b(proxy|sum|registry|index|static|files|deb|repo1?|security)\.[a-z-]+\.(org|io|com)\b`), text,
		"where packages come from is the machine's business"},
	{regexp.MustCompile(`\b(py` + `pi\.org|pythonh` + `osted|gh` + `cr\.io|qu` + `ay\.io|gcr\.io)\b`), text,
		"where packages come from is the machine's business"},
	{regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/(work|root|farm|Users)/[a-z]`), text,
		"a path of one machine"},
	// But the folder of sockets, when $TMPDIR says nothing.
	{regexp.MustCompile(`(^|[\s"'=(` + "`" + `])/tm` + `p/([^b]|b[^a])`), text,
		"a path that machines share; tests have t.TempDir"},
}

func all(file) bool { return true }

// text leaves out go.sum and the like, which name modules only.
func text(f file) bool { return f.path != "go.sum" }

// offences gives each line of the file that a ban is against.
func offences(f file) []string {
	if bytes.IndexByte(f.text, 0) >= 0 {
		return nil
	}
	var found []string
	number := 0
	for line := range bytes.Lines(f.text) {
		number++
		for _, b := range bans {
			if b.applies(f) && b.pattern.Match(line) {
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", f.path, number, b.pattern.Find(line), b.reason))
			}
		}
	}
	return found
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, f := range files(t) {
		for _, offence := range offences(f) {
			t.Error(offence)
		}
	}
}

func TestWordsAreFound(t *testing.T) {
	t.Parallel()
	for line, offends := range map[string]bool{
		"// TO" + "DO: later":                           true,
		"\tt.Sk" + "ip(\"no engine\")":                  true,
		"time.Sl" + "eep(1)":                            true,
		"GOPROXY=https://proxy." + "example.org,direct": true,
		`dir := "/work` + `/main"`:                      true,
		"cp x /tm" + "p/out":                            true,
		"https://example.org/docs":                      false,
		"a target's static answer":                      false,
		"var/lib/backworks, $HOME/work":                 false,
	} {
		got := offences(file{"x/y_test.go", []byte(line + "\n")})
		if (len(got) > 0) != offends {
			t.Errorf("%q: offends is %v: %s", line, !offends, strings.Join(got, "; "))
		}
	}
}
