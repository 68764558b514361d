package blueprints

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fragment is a file of a blueprint that is edited at random.
type fragment struct {
	comment, gap, pools, endpoints, port int
	more                                 string
}

func (f fragment) text(name string) string {
	var b strings.Builder
	b.WriteString(strings.Repeat("# a line\n", f.comment) + f.more)
	b.WriteString("plugins:\n  proxy:\n    config:\n      upstreams:\n")
	for i := range f.pools {
		fmt.Fprintf(&b, "        %s-%d: {targets: [{url: \"http://10.0.0.%d:%d\"}]}\n", name, i, i+1, 8000+f.port*(i%2))
	}
	// These depend on one another, on the environment, and have a warning.
	fmt.Fprintf(&b, "        %s-anchor: {targets: &a [{url: \"http://10.0.2.1:%d\"}]}\n        %s-alias: {targets: *a, circuit_breaker: {}}\n", name, 8000+f.port, name)
	fmt.Fprintf(&b, "        %s-env: {targets: [{url: \"http://10.0.3.1:${PORT:-80}\"}]}\n        ? %s-key\n        : targets: [{url: \"http://10.0.4.1:80\"}, {name: b, url: \"http://10.0.4.1:80\"}]\n", name, name)
	fmt.Fprintf(&b, "        %s-gap:\n%s          targets: [{url: \"http://10.0.5.1:80\"}]\n", name, strings.Repeat("          # a line\n", f.gap))
	b.WriteString("endpoints:\n")
	for i := range f.endpoints {
		fmt.Fprintf(&b, "  - {path: /%s/%d, upstream: %s-%d}\n", name, i, name, i)
	}
	fmt.Fprintf(&b, "  - {path: /%s/own, proxy: {targets: [{url: \"http://10.1.0.1:${PORT:-80}\"}], timeout: %d}}\n", name, f.port+1)
	return b.String()
}

// edit changes one thing; now and then something that takes the whole blueprint.
func (f *fragment) edit(random *rand.Rand) {
	switch random.IntN(12) {
	default:
		f.port++
	case 4:
		f.gap = random.IntN(3)
	case 0:
		f.comment = random.IntN(3)
	case 1:
		f.pools = 1 + random.IntN(4)
	case 2:
		f.endpoints = 1 + random.IntN(4)
	case 3:
		f.more = []string{"", "", "name: x\n", "mode: x\n", "nonsense: 1\n", "include: more/*.yaml\n", "include: [c.yaml]\n", "[\n"}[random.IntN(8)]
	}
}

// TestAgain edits files at random: a loader that begins where it ended finds what one
// does that reads and checks everything.
func TestAgain(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"main.yaml", "."} {
		short := 0
		for seed := range uint64(20) {
			short += tryAgain(t, path, rand.New(rand.NewPCG(seed, 0)))
		}
		if short < 100 {
			t.Errorf("%s: only %d loads began where the one before had ended", path, short)
		}
	}
}

// tryAgain counts the loads that began where the one before had ended.
func tryAgain(t *testing.T, path string, random *rand.Rand) (short int) {
	env := "81"
	o := Options{LookupEnv: func(string) (string, bool) { return env, true }}
	o.Check = func(b *Blueprint) (ps Problems) {
		if len(b.Pools) > 0 && len(b.Pools[0].Targets) > 0 && b.Pools[0].Targets[0].Port == 8003 {
			ps = append(ps, Problem{Position: b.Pools[0].Position, Message: "is refused"})
		}
		return ps
	}
	files := map[string]*fragment{"main.yaml": {pools: 1, endpoints: 1, more: "include: [parts/*.yaml]\n"}}
	for _, name := range []string{"parts/a.yaml", "parts/b.yaml", "c.yaml", "more/d.yaml"} {
		files[name] = &fragment{pools: 2, endpoints: 2}
	}
	files["c.yaml"].more = "nodes: {id: c}\n"
	texts := map[string]string{}
	nameOf := func(file string) string { return strings.TrimSuffix(filepath.Base(file), ".yaml") }
	for file, f := range files {
		texts[file] = f.text(nameOf(file))
	}
	r := newRig(t, o, texts)
	o.Path = filepath.Join(r.dir, path)
	tested, whole := NewLoader(o), NewLoader(o)
	names := []string{"main.yaml", "parts/a.yaml", "parts/b.yaml", "c.yaml", "more/d.yaml", "parts/e.yaml"}
	for i := range 40 {
		run := tested.run
		got := tested.Load()
		if tested.run == run {
			short++
		}
		whole.Reread()
		clear(whole.newest)
		clear(whole.parts)
		want := whole.Load()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("load %d:\n%+v\nwant:\n%+v", i, got, want)
		}
		for range random.IntN(3) {
			name := names[random.IntN(len(names))]
			switch {
			case random.IntN(20) == 0:
				env = fmt.Sprint(80 + random.IntN(3))
			case name != "main.yaml" && random.IntN(20) == 0:
				_ = os.Remove(r.path(name))
			default:
				if files[name] == nil {
					files[name] = &fragment{pools: 2, endpoints: 2}
				}
				if random.IntN(3) == 0 || strings.Contains(name, "/") {
					files[name].edit(random)
				}
				r.write(name, files[name].text(nameOf(name)))
			}
		}
	}
	return short
}

// TestChanged: when it is known which files alone may have changed, no other is looked
// at; what is not known of is looked for everywhere.
func TestChanged(t *testing.T) {
	t.Parallel()
	var files []string
	known := false
	r := newRig(t, Options{Path: "main.yaml", Changed: func() ([]string, bool) { return files, known }}, map[string]string{
		"main.yaml": "include: parts/*.yaml\nendpoints: [{path: /, upstream: a-0}]\n",
	})
	f := fragment{pools: 1, endpoints: 1}
	save := func(port int) {
		f.port = port
		r.write("parts/a.yaml", f.text("a"))
		r.write("parts/b.yaml", f.text("b"))
	}
	ports := func() string {
		b := r.one(r.load())
		port := func(name string) int {
			i := slices.IndexFunc(b.Pools, func(p *Pool) bool { return p.Name == name })
			return int(b.Pools[i].Targets[0].Port)
		}
		return fmt.Sprint(port("a-anchor"), port("b-anchor"))
	}
	save(0)
	for _, c := range []struct {
		what  string
		files []string
		known bool
		want  string
	}{
		{"the first load", nil, true, "8001 8001"},
		{"nothing", nil, true, "8001 8001"},
		{"one of them", []string{r.path("parts/b.yaml")}, true, "8001 8003"},
		{"a file that is not known", []string{r.path("parts/c.yaml")}, true, "8004 8004"},
		{"any", nil, false, "8005 8005"},
		{"nothing again", nil, true, "8005 8005"},
	} {
		save(f.port + 1)
		files, known = c.files, c.known
		if got := ports(); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	r.loader.Reread()
	if got := ports(); got != "8006 8006" {
		t.Errorf("by hand: %s", got)
	}
}

// TestStamp: what was changed just before it was read is not trusted, and every change
// since is seen.
func TestStamp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a")
	write(t, file, "one")
	look := func() stamp {
		s, err := stampOf(file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := look()
	if old.holds(look()) {
		t.Error("a file that was just written is trusted")
	}
	old.at = old.at.Add(3 * time.Second)
	if _, known := changeTime(old.info); !known {
		if old.holds(look()) {
			t.Error("a file is trusted without the time of its change")
		}
		return
	}
	if !old.holds(look()) {
		t.Fatal("a file that is as it was is not trusted")
	}
	for name, change := range map[string]func(){
		"size": func() { write(t, file, "three") },
		"mode": func() {
			if err := os.Chmod(file, 0o640); err != nil {
				t.Fatal(err)
			}
		},
		"rename": func() {
			write(t, file+"2", "two")
			if err := os.Rename(file+"2", file); err != nil {
				t.Fatal(err)
			}
		},
		"content alone": func() {
			// Its time is put back; a clock of the file system ticks every few milliseconds.
			for deadline := time.Now().Add(10 * time.Second); old.holds(look()) && time.Now().Before(deadline); {
				write(t, file, "two")
				if err := os.Chtimes(file, old.info.ModTime(), old.info.ModTime()); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		write(t, file, "one")
		old = look()
		old.at = old.at.Add(3 * time.Second)
		change()
		if old.holds(look()) {
			t.Errorf("%s: the change is not seen", name)
		}
	}
}
