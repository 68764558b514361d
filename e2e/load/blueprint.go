package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// shape is how large a blueprint is. A blueprint has one listener and one route
// configuration; routes is what is in that.
type shape struct {
	clusters, endpoints, routes int
	// files is over how many included files the clusters are spread; 0: they stand in
	// the main file.
	files int
	// canary is rollout.canary: 0 gives an edit to all at once.
	canary int
}

// site is a folder with a blueprint of a shape, and what was edited in it.
type site struct {
	shape
	dir   string
	edits int
}

// newSite writes the blueprint.
func newSite(dir string, s shape) (*site, error) {
	w := &site{shape: s, dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, "pools"), 0o700); err != nil {
		return nil, err
	}
	for file := range s.files {
		if err := os.WriteFile(w.file(file), []byte(w.included(file)), 0o600); err != nil {
			return nil, err
		}
	}
	return w, os.WriteFile(w.main(), []byte(w.text()), 0o600)
}

func (w *site) main() string          { return filepath.Join(w.dir, "main.yaml") }
func (w *site) file(i int) string     { return filepath.Join(w.dir, "pools", fmt.Sprintf("%04d.yaml", i)) }
func (w *site) firstOf(file int) int  { return file * w.clusters / w.files }
func (w *site) edited() (cluster int) { return w.clusters / 2 }

// text is the main file's.
func (w *site) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: \"fleet\"\nserver: {host: \"127.0.0.1\", port: 10000}\nrollout: {canary: %d}\n", w.canary)
	if w.files > 0 {
		b.WriteString("include: [\"pools/*.yaml\"]\n")
	} else {
		w.pools(&b, 0, w.clusters)
	}
	b.WriteString("endpoints:\n")
	for i := range w.routes {
		fmt.Fprintf(&b, "  - path: \"/api/v1/%d/*\"\n    handler: \"proxy\"\n    upstream: %q\n", i, poolName(i%w.clusters))
	}
	return b.String()
}

func (w *site) included(file int) string {
	var b strings.Builder
	w.pools(&b, w.firstOf(file), w.firstOf(file+1))
	return b.String()
}

func poolName(i int) string { return fmt.Sprintf("service-%05d", i) }

// pools writes those from one to before another. The edit moves an endpoint of one of
// them to another port.
func (w *site) pools(b *strings.Builder, from, to int) {
	b.WriteString("plugins:\n  proxy:\n    config:\n      upstreams:\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(b, "        %s:\n          targets:\n", poolName(i))
		for e := range w.endpoints {
			port := 8080
			if i == w.edited() && e == 0 {
				port += w.edits
			}
			fmt.Fprintf(b, "            - name: \"target-%d\"\n              url: \"http://10.%d.%d.%d:%d\"\n              weight: 1.0\n",
				e, i/250%250, i%250, e+1, port)
		}
	}
}

// edit prepares the next edit of one endpoint: it tells the assignment that comes of
// it, and the edit is done when save is called, by rename, as editors do.
func (w *site) edit() (next named, save func() error, err error) {
	w.edits++
	path, text := w.target()
	// Beside the folder, in which a file that appears would be seen.
	beside := w.dir + ".next"
	if err := os.WriteFile(beside, []byte(text), 0o600); err != nil {
		return next, nil, err
	}
	next, err = w.assignment()
	return next, func() error { return os.Rename(beside, path) }, err
}

// target is the file that is edited, and what is to be in it.
func (w *site) target() (path, text string) {
	if w.files == 0 {
		return w.main(), w.text()
	}
	file := 0
	for w.firstOf(file+1) <= w.edited() {
		file++
	}
	return w.file(file), w.included(file)
}

// readYAML is how long yaml.v3 takes to read the file that is edited into a Node, in
// milliseconds.
func (w *site) readYAML() (float64, error) {
	_, text := w.target()
	var took []float64
	for range yamlReads {
		var n yaml.Node
		began := time.Now()
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			return 0, err
		}
		took = append(took, ms(time.Since(began)))
	}
	return median(took), nil
}

// yamlReads is of how many the median is taken.
const yamlReads = 7

// assignment is that of the cluster which is edited.
func (w *site) assignment() (named, error) {
	var b strings.Builder
	w.pools(&b, w.edited(), w.edited()+1)
	path := w.dir + ".one.yaml"
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return named{}, err
	}
	_, changed, err := newSource(path).load()
	if err != nil {
		return named{}, err
	}
	return changed[0], nil
}
