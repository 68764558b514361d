package translate

import (
	"math"
	"slices"
	"testing"
)

func TestScale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []float64
		want []uint32
	}{
		{nil, []uint32{}},
		{[]float64{1}, []uint32{1}},
		{[]float64{1, 2, 1}, []uint32{1, 2, 1}},
		{[]float64{1, 2, 0.5}, []uint32{2, 4, 1}},
		{[]float64{0.7, 0.3}, []uint32{7, 3}},
		{[]float64{0.1, 0.2, 0.3}, []uint32{1, 2, 3}},
		{[]float64{100, 200}, []uint32{1, 2}},
		{[]float64{33.33, 66.67}, []uint32{3333, 6667}},
		{[]float64{1e-9, 1}, []uint32{1, maxWeight}}, // too fine: rounded, and never 0
		{[]float64{math.MaxFloat64, math.SmallestNonzeroFloat64}, []uint32{maxWeight, 1}},
		{[]float64{1e6, 3}, []uint32{1e6, 3}},
	} {
		if got := scale(c.in); !slices.Equal(got, c.want) {
			t.Errorf("scale(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}
