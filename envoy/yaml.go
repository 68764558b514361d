package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"
)

// YAML writes a message as Envoy reads it, field names as in the .proto files,
// fields in their order there and map keys sorted, so that equal messages give
// equal bytes. Every string is quoted: Envoy's parser takes a plain n, y or 1.0
// for a boolean or a number. Messages in an Any must be of linked-in types.
func YAML(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	// Over a tree, because protojson's spacing differs between builds.
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := yamlNode(d)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("write %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return out.Bytes(), e.Close()
}

// yamlNode reads the next JSON value, keeping the order of fields.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return yamlChildren(d, &yaml.Node{Kind: yaml.SequenceNode})
		}
		return yamlChildren(d, &yaml.Node{Kind: yaml.MappingNode})
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: yaml.DoubleQuotedStyle}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	}
	return nil, fmt.Errorf("unexpected %v", token)
}

func yamlChildren(d *json.Decoder, parent *yaml.Node) (*yaml.Node, error) {
	for d.More() {
		child, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		if parent.Kind == yaml.MappingNode && len(parent.Content)%2 == 0 && plainKey(child.Value) {
			child.Style = 0
		}
		parent.Content = append(parent.Content, child)
	}
	if len(parent.Content) == 0 {
		parent.Style = yaml.FlowStyle // {} and []
	}
	if _, err := d.Token(); err != nil && err != io.EOF { // the closing bracket
		return nil, err
	}
	return parent, nil
}

var (
	word     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
	notAWord = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// plainKey tells whether a key means the same without quotes.
func plainKey(key string) bool { return word.MatchString(key) && !notAWord.MatchString(key) }
