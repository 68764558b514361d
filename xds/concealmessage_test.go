package xds

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// Values are taken out wherever they stand: in text, bytes, lists, maps and their keys, and in what is
// packed; the rest stays.
func TestMessagesWithoutValues(t *testing.T) {
	t.Parallel()
	s, err := structpb.NewStruct(map[string]any{"list": []any{"a hunter2 b", 1}, "100%": "x100%y", "/hooks/hunter2": true})
	if err != nil {
		t.Fatal(err)
	}
	m := &corev3.Metadata{
		FilterMetadata:      map[string]*structpb.Struct{"f": s},
		TypedFilterMetadata: map[string]*anypb.Any{"t": packed(&corev3.HeaderValue{Key: "X-A", Value: "Bearer hunter2", RawValue: []byte("hunter2")}), "odd": {TypeUrl: "odd", Value: []byte{1}}},
	}
	NewConcealer(nil).Message(m)
	if text := prototext.Format(m); !strings.Contains(text, "hunter2") {
		t.Error(text)
	}
	NewConcealer(map[string]string{"hunter2": "file:a", "x100%y": "${B}"}).Message(m)
	text := prototext.Format(m)
	for _, want := range []string{`"a file:a b"`, `"Bearer file:a"`, `"/hooks/file:a"`, `raw_value:`, `"${B}"`, "number_value:", `type_url:`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}
