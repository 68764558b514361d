package xds

import (
	"strings"
	"testing"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// matchers is a request with these node_matchers, in JSON.
func matchers(t *testing.T, text string) *statusv3.ClientStatusRequest {
	t.Helper()
	q := &statusv3.ClientStatusRequest{}
	if err := protojson.Unmarshal([]byte(`{"node_matchers": [`+text+`]}`), q); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func TestNodeMatchers(t *testing.T) {
	t.Parallel()
	node := Node{ID: "edge-EU-1", Metadata: map[string]any{
		"tier": "gold", "weight": 2.5, "old": false, "none": nil, "tags": []any{"a", "b"}, "at": map[string]any{"zone": "eu-1"},
	}}
	meta := func(path, value string) string {
		var keys []string
		for key := range strings.SplitSeq(path, ".") {
			keys = append(keys, `{"key": "`+key+`"}`)
		}
		return `{"node_metadatas": [{"path": [` + strings.Join(keys, ",") + `], "value": ` + value + `}]}`
	}
	for text, want := range map[string]bool{
		``:                                    true,
		`{}`:                                  true,
		`{"node_id": {"exact": "edge-EU-1"}}`: true,
		`{"node_id": {"exact": "edge-eu-1"}}`: false,
		`{"node_id": {"exact": "edge-eu-1", "ignore_case": true}}`:      true,
		`{"node_id": {"prefix": "edge-"}}`:                              true,
		`{"node_id": {"prefix": "dge-"}}`:                               false,
		`{"node_id": {"suffix": "-1"}}`:                                 true,
		`{"node_id": {"suffix": "-2"}}`:                                 false,
		`{"node_id": {"contains": "EU"}}`:                               true,
		`{"node_id": {"contains": "eu", "ignore_case": true}}`:          true,
		`{"node_id": {"contains": "us"}}`:                               false,
		`{"node_id": {"safe_regex": {"regex": "edge-(EU|US)-[0-9]+"}}}`: true,
		`{"node_id": {"safe_regex": {"regex": "edge"}}}`:                false,
		`{"node_id": {"safe_regex": {"regex": "x|edge-EU-1"}}}`:         true,
		`{"node_id": {"exact": "x"}}, {"node_id": {"prefix": "edge"}}`:  true, // any of them

		meta("tier", `{"string_match": {"prefix": "go"}}`):                                                            true,
		meta("tier", `{"string_match": {"exact": "silver"}}`):                                                         false,
		meta("at.zone", `{"string_match": {"suffix": "-1"}}`):                                                         true,
		meta("at.zone.more", `{"present_match": true}`):                                                               false,
		meta("at", `{"present_match": true}`):                                                                         true,
		meta("absent", `{"present_match": true}`):                                                                     false,
		meta("tier", `{"present_match": false}`):                                                                      false,
		meta("weight", `{"double_match": {"exact": 2.5}}`):                                                            true,
		meta("weight", `{"double_match": {"range": {"start": 2.5, "end": 3}}}`):                                       true,
		meta("weight", `{"double_match": {"range": {"start": 1, "end": 2.5}}}`):                                       false,
		meta("tier", `{"double_match": {"exact": 0}}`):                                                                false,
		meta("old", `{"bool_match": false}`):                                                                          true,
		meta("old", `{"bool_match": true}`):                                                                           false,
		meta("none", `{"null_match": {}}`):                                                                            true,
		meta("absent", `{"null_match": {}}`):                                                                          false,
		meta("tags", `{"list_match": {"one_of": {"string_match": {"exact": "b"}}}}`):                                  true,
		meta("tags", `{"list_match": {"one_of": {"string_match": {"exact": "c"}}}}`):                                  false,
		meta("tier", `{"or_match": {"value_matchers": [{"bool_match": true}, {"string_match": {"exact": "gold"}}]}}`): true,

		// All conditions of one matcher.
		`{"node_id": {"prefix": "edge"}, "node_metadatas": [{"path": [{"key": "tier"}], "value": {"string_match": {"exact": "gold"}}}]}`:   true,
		`{"node_id": {"prefix": "edge"}, "node_metadatas": [{"path": [{"key": "tier"}], "value": {"string_match": {"exact": "silver"}}}]}`: false,
		`{"node_id": {"prefix": "x"}, "node_metadatas": [{"path": [{"key": "tier"}], "value": {"string_match": {"exact": "gold"}}}]}`:      false,
	} {
		fits, err := newNodeMatch(matchers(t, text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := fits(node); got != want {
			t.Errorf("%s: fits is %v", text, got)
		}
	}
}

// What cannot be matched is refused, never taken for everything.
func TestNodeMatchersAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	for what, text := range map[string]string{
		"expression": `{"node_id": {"safe_regex": {"regex": "("}}}`,
		"custom":     `{"node_id": {"custom": {"name": "x"}}}`,
		"nothing":    `{"node_id": {}}`,
		"no path":    `{"node_metadatas": [{"value": {"bool_match": true}}]}`,
		"no value":   `{"node_metadatas": [{"path": [{"key": "x"}], "value": {}}]}`,
		"many":       strings.TrimSuffix(strings.Repeat(`{},`, maxMatchers+1), ","),
		"long":       `{"node_id": {"exact": "` + strings.Repeat("x", maxQuestion) + `"}}`,
	} {
		_, err := statusv3.NewClientStatusDiscoveryServiceClient(r.conn).FetchClientStatus(t.Context(), matchers(t, text))
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Only those that are asked for are answered, by ID.
func TestClientStatusOfSome(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	for _, id := range []string{"b-2", "a-1", "b-1"} {
		c := r.connect(true, id)
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	}
	for text, want := range map[string]string{
		``:                                       "a-1 b-1 b-2",
		`{"node_id": {"prefix": "b-"}}`:          "b-1 b-2",
		`{"node_id": {"exact": "a-1"}}`:          "a-1",
		`{"node_id": {"exact": "no such node"}}`: "",
	} {
		if got := strings.Join(ids(r.fetch(matchers(t, text))), " "); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
