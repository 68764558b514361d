package blueprints

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Limits of one file; what is beyond them is a mistake or an attack.
const (
	maxFile  = 8 << 20 // bytes
	maxDepth = 100     // nested lists and mappings
	maxNodes = 1 << 20 // values, each use of an alias counted in full
)

// parse makes the node tree of a file, or reports why there is none.
func (d *decoder) parse(content []byte) *yaml.Node {
	if !d.readable(content) {
		return nil
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	dec := yaml.NewDecoder(bytes.NewReader(content))
	root, err := decodeNode(dec)
	switch {
	case errors.Is(err, io.EOF):
		d.fail(at{line: 1, column: 1}, "the file is empty: a blueprint needs at least endpoints, or plugins.proxy.config.targets")
		return nil
	case err != nil:
		d.syntax(content, err)
		return nil
	}
	second, err := decodeNode(dec)
	switch {
	case err == nil:
		d.fail(place(second, nil), "a second document: a blueprint is one document, so put what follows --- into a file of its own")
		return nil
	case !errors.Is(err, io.EOF):
		d.syntax(content, err)
		return nil
	}
	top := root.Content[0]
	if !d.guard(top) {
		return nil
	}
	if isNull(top) {
		d.fail(at{line: 1, column: 1}, "the file is empty: a blueprint needs at least endpoints, or plugins.proxy.config.targets")
		return nil
	}
	return top
}

func (d *decoder) readable(content []byte) bool {
	if len(content) > maxFile {
		d.fail(at{}, "the file is over 8 MiB")
		return false
	}
	if n := pieces(content); n > maxNodes {
		d.fail(at{}, "the file has more than ", strconv.Itoa(maxNodes), " lines and elements")
		return false
	}
	line, column := 1, 1
	for i := 0; i < len(content); {
		c, size := rune(content[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRune(content[i:])
		}
		switch {
		case c == utf8.RuneError && size == 1:
			d.fail(at{line: line, column: column}, "the file is not text: a byte here is not UTF-8")
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f:
			d.fail(at{line: line, column: column}, "the file is not text: there is a control character here")
			return false
		case c == '\n':
			line, column = line+1, 0
		}
		i += size
		column++
	}
	return true
}

// pieces bounds from above, cheaply, what yaml.v3 will make of the content: it
// needs some 200 bytes and a microsecond for each.
func pieces(content []byte) (n int) {
	for _, c := range []string{"\n", ",", "?", "[", "{"} {
		n += bytes.Count(content, []byte(c))
	}
	return n
}

// decodeNode reads one document. yaml.v3 panics on some broken input.
func decodeNode(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	n = new(yaml.Node)
	err = dec.Decode(n)
	return n, err
}

// reason is an error of the file system without the path, which the place of the
// problem says.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
