package fleet

import (
	"encoding/json"
	"slices"
	"testing"

	"backworks/envoy"
)

// TestRing: five minutes are kept, and moments that were left out are nothing.
func TestRing(t *testing.T) {
	t.Parallel()
	var r ring[int]
	for i := int64(7); i < 1000; i++ {
		if i != 900 {
			r.put(i, int(i), -1)
		}
	}
	last := r.last(1000, telemetryPoints+2, -2)
	if len(r.points) != telemetryPoints || last[1] != -2 || last[2] != 700 || last[len(last)-1] != 999 || last[len(last)-100] != -1 {
		t.Errorf("%d %v", len(r.points), last)
	}
	r.put(5000, 1, -1)
	if got := r.last(5001, 2, -2); !slices.Equal(got, []int{-2, 1}) {
		t.Errorf("after a pause: %v", got)
	}
}

// TestFiguresAsJSON: what is not known is null.
func TestFiguresAsJSON(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(map[string]any{"a": Figure(1.0 / 3), "b": Nothing, "c": Figures{0, 2.5, float32(Nothing)}, "d": Figures{}})
	if want := `{"a":0.3333,"b":null,"c":[0,2.5,null],"d":[]}`; err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

// TestDifference: what was added to a histogram, and all of one that began anew.
func TestDifference(t *testing.T) {
	t.Parallel()
	b := func(lower float64, n uint64) envoy.Bucket { return envoy.Bucket{Lower: lower, Width: 1, Count: n} }
	for _, c := range []struct{ now, before, want []envoy.Bucket }{
		{nil, nil, nil},
		{[]envoy.Bucket{b(1, 2)}, nil, []envoy.Bucket{b(1, 2)}},
		{[]envoy.Bucket{b(1, 2), b(3, 5)}, []envoy.Bucket{b(1, 2)}, []envoy.Bucket{b(3, 5)}},
		{[]envoy.Bucket{b(1, 2), b(2, 1), b(3, 5)}, []envoy.Bucket{b(1, 1), b(3, 1)}, []envoy.Bucket{b(1, 1), b(2, 1), b(3, 4)}},
		{[]envoy.Bucket{b(1, 1)}, []envoy.Bucket{b(1, 2)}, []envoy.Bucket{b(1, 1)}},
		{[]envoy.Bucket{b(2, 9)}, []envoy.Bucket{b(1, 2)}, []envoy.Bucket{b(2, 9)}},
		{[]envoy.Bucket{b(1, 3)}, []envoy.Bucket{b(1, 2), b(4, 1)}, []envoy.Bucket{b(1, 3)}},
	} {
		if got := difference(c.now, c.before); !slices.Equal(got, c.want) {
			t.Errorf("%v after %v: %v, want %v", c.now, c.before, got, c.want)
		}
	}
}
