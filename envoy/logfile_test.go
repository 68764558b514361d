package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func newLog(t *testing.T, before string) (*logFile, *os.File, *said) {
	t.Helper()
	dir, out := t.TempDir(), &said{}
	if err := os.WriteFile(filepath.Join(dir, logFileName), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openLog(dir, hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Trace, DisableTime: true}))
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return f, file, out
}

func TestLogLinesKeepTheirLevel(t *testing.T) {
	t.Parallel()
	f, file, out := newLog(t, "of the run before\n")
	const stamp = "[2026-01-01 00:00:00.000][7]"
	fmt.Fprint(file, stamp+"[debug][main] [a.cc:1] d\n"+stamp+"[info][main] [a.cc:1] i\n"+stamp+"[info][main] [a.cc:1]   list\n")
	fmt.Fprint(file, stamp+"[warning][config] [a.cc:1] w\n  more of it\n\n"+stamp+"[critical][main] [a.cc:1] c\nhalf ")
	f.poll()
	fmt.Fprint(file, "a line\n")
	f.poll()
	want := `[TRACE] d: component=main
[DEBUG] i: component=main
[TRACE]   list: component=main
[WARN]  w: component=config
[WARN]    more of it
[ERROR] c: component=main
[ERROR] half a line
`
	if out.String() != want {
		t.Errorf("want\n%s got\n%s", want, out)
	}
}

func TestLogOfAnEndHasNoWarnings(t *testing.T) {
	t.Parallel()
	f, file, out := newLog(t, "")
	const line = "[2026-01-01 00:00:00.000][7][%s][config] [a.cc:1] closed\n"
	for _, ending := range []bool{true, false} {
		f.expectEnd(ending)
		fmt.Fprintf(file, line+line, "warning", "error")
	}
	f.poll()
	want := "[DEBUG] closed: component=config\n[ERROR] closed: component=config\n[WARN]  closed: component=config\n[ERROR] closed: component=config\n"
	if out.String() != want {
		t.Errorf("want\n%s got\n%s", want, out)
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	f, file, out := newLog(t, "")
	f.limit = 1000
	line := strings.Repeat("x", 99) + "\n"
	for i := range 100 {
		fmt.Fprint(file, line)
		if i%3 == 0 {
			f.poll()
		}
		for _, name := range []string{f.path, f.path + ".old"} {
			if info, err := os.Stat(name); err == nil && info.Size() > 1400 {
				t.Fatalf("%s has %d bytes", name, info.Size())
			}
		}
	}
	if got := len(f.since()); got > 3*recentBytes {
		t.Errorf("%d bytes are kept", got)
	}
	if n := strings.Count(out.String(), strings.TrimSpace(line)); n != 100 {
		t.Errorf("want 100 lines forwarded, got %d", n)
	}
	fmt.Fprint(file, strings.Repeat("y", 3*longestLine)+"\n")
	f.poll()
	if n := strings.Count(out.String(), "y"); n < 1000 || n > longestLine {
		t.Errorf("an endless line was forwarded with %d bytes", n)
	}
}

func TestRecentWordsBeginAtTheMark(t *testing.T) {
	t.Parallel()
	f, file, _ := newLog(t, "")
	fmt.Fprint(file, "before\n")
	f.poll()
	f.mark()
	fmt.Fprint(file, "after\nand this")
	if got, want := f.since(), "after\nand this"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	fmt.Fprint(file, strings.Repeat("z", 1000)+"\n")
	for range 100 {
		fmt.Fprint(file, strings.Repeat("z", 999)+"\n")
	}
	if got := len(f.since()); got < recentBytes || got > 3*recentBytes {
		t.Errorf("%d bytes are kept", got)
	}
}
