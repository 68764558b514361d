package blueprints

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"
)

// Whatever a file holds, the loader neither panics nor says anything twice, and
// what loads without an error loads the same again.
func FuzzLoad(f *testing.F) {
	f.Add(Default)
	for _, pattern := range []string{"testdata/*.txtar", "testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, x := range a.Files {
				f.Add(x.Data)
			}
			for _, c := range bytes.Split(a.Comment, []byte("\n--- ")) {
				_, text, _ := bytes.Cut(c, []byte("\n"))
				f.Add(text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		o := settled(content)
		for _, x := range o.problems {
			if strings.ContainsAny(x.Message, "\n\r") || strings.Contains(x.String(), "blueprints.") {
				t.Errorf("problem %q", x)
			}
		}
		if (o.blueprint == nil) != (o.problems.Err() != nil) {
			t.Errorf("blueprint %v with problems %v", o.blueprint, o.problems)
		}
		if again := settled(content); fmt.Sprint(o.problems) != fmt.Sprint(again.problems) {
			t.Errorf("problems %v, then %v", o.problems, again.problems)
		}
	})
}

// settled is what becomes of a main file with that content.
func settled(content []byte) *outcome {
	const main = "/nowhere/main.yaml"
	l := NewLoader(Options{Path: main, LookupEnv: lookup("N=1\n")})
	l.run = &run{files: map[string]source{main: newSource(content)}, parts: map[partKey]*part{}, watch: map[string]bool{}}
	return l.settle(main)
}

// many is a blueprint of n pools with three targets each.
func many(n int) []byte {
	var b bytes.Buffer
	b.WriteString("plugins:\n  proxy:\n    config:\n      upstreams:\n")
	for i := range n {
		fmt.Fprintf(&b, "        pool-%d:\n          targets:\n", i)
		for j := range 3 {
			fmt.Fprintf(&b, "            - {name: t%d, url: \"http://10.0.%d.%d:80%d\", weight: %d.0, timeout: 30}\n", j, i/250, i%250, j, j+1)
		}
		b.WriteString("          circuit_breaker: {failure_threshold: 5}\n")
	}
	b.WriteString("endpoints:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {path: /p%d, upstream: pool-%d}\n", i, i)
	}
	return b.Bytes()
}

func BenchmarkLoad(b *testing.B) {
	content := many(1000)
	b.Run("yaml.v3 into a node", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var n yaml.Node
			if err := yaml.Unmarshal(content, &n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("blueprint", func(b *testing.B) {
		b.ReportAllocs()
		file := filepath.Join(b.TempDir(), "main.yaml")
		write(b, file, string(content))
		for b.Loop() {
			if r := NewLoader(Options{Path: file}).Load(); r.Problems.Err() != nil {
				b.Fatal(r.Problems)
			}
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		b.ReportAllocs()
		file := filepath.Join(b.TempDir(), "main.yaml")
		write(b, file, string(content))
		l := NewLoader(Options{Path: file})
		for b.Loop() {
			if r := l.Load(); r.Problems.Err() != nil {
				b.Fatal(r.Problems)
			}
		}
	})
}

// BenchmarkReload is an edit of one target: in one file of 1,000 pools, and in one of so
// many included files of 10 pools.
func BenchmarkReload(b *testing.B) {
	for _, files := range []int{0, 10, 100, 1000} {
		b.Run(fmt.Sprintf("%d files", files), func(b *testing.B) {
			dir := b.TempDir()
			text := string(many(1000))
			edited := filepath.Join(dir, "main.yaml")
			if files > 0 {
				write(b, edited, "include: in/*.yaml\nendpoints: [{path: /, upstream: f1-pool-1}]\n")
				part, _, _ := strings.Cut(string(many(10)), "endpoints:")
				for i := range files {
					edited, text = filepath.Join(dir, "in", fmt.Sprintf("%d.yaml", i)), strings.ReplaceAll(part, "pool-", fmt.Sprintf("f%d-pool-", i))
					write(b, edited, text)
				}
			} else {
				write(b, edited, text)
			}
			l := NewLoader(Options{Path: filepath.Join(dir, "main.yaml")})
			written := time.Now() // what was written just now is read each time
			for tick := time.Tick(10 * time.Millisecond); time.Since(written) < 3*time.Second; {
				<-tick
			}
			l.Load()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				write(b, edited, strings.Replace(text, ":80", fmt.Sprintf(":%d", 80+i%10), 1))
				if r := l.Load(); r.Problems.Err() != nil {
					b.Fatal(r.Problems)
				}
			}
		})
	}
}
