package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestOutput: each line is passed on once, whole and in order, whatever was taken out of
// the file in between, and over restarts of ours.
func TestOutput(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), &said{}
	open := func() *output {
		o, err := openOutput(dir, to, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := open()
	file, err := o.open() // as Envoy has it
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var want strings.Builder
	for i := range 30_000 {
		line := fmt.Sprintf(`{"line":%d,"filler":"%s"}`+"\n", i, strings.Repeat("x", i%100))
		want.WriteString(line)
		half := len(line) / 2
		fmt.Fprint(file, line[:half])
		switch {
		case i%100 == 7:
			o.poll()
		case i%5000 == 99:
			o.poll()
			o.forget(0)
		case i%5000 == 4999:
			o.poll()
			o.forget(0)
			o = open()
		}
		fmt.Fprint(file, line[half:])
	}
	o.poll()
	o.forget(0)
	if to.String() != want.String() {
		t.Errorf("%d bytes passed on, want %d", len(to.String()), want.Len())
	}
	info, err := os.Stat(filepath.Join(dir, outputFileName))
	if err != nil {
		t.Fatal(err)
	}
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > 64<<10 {
		t.Errorf("%d bytes are left on the disk of %d written", used, want.Len())
	}
}
