package fleet

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"backworks/envoy"
)

const (
	// TelemetryKept is how far back series go, at one point a second.
	TelemetryKept   = 5 * time.Minute
	telemetryPoints = int(TelemetryKept / telemetryEvery)
	// recently is what shares, error rates and quantiles are over: twice as long as
	// Envoy waits by default before it brings its histograms up to date.
	recently       = 10 * time.Second
	recentlyPoints = int(recently / telemetryEvery)
)

// counter is what an Envoy said of a figure that only grows, but for when it begins anew:
// with Envoy itself, or with a cluster that Envoy builds again. Its zero value has the
// next one begin at 0.
type counter uint64

// take returns what was counted since the last value.
func (c *counter) take(value uint64) uint64 {
	last := uint64(*c)
	*c = counter(value)
	if value < last {
		return value
	}
	return value - last
}

// Figure is a number that may not be known: NaN, which is null in JSON.
type Figure float64

// Nothing is a Figure that is not known.
var Nothing = Figure(math.NaN())

// Known tells whether it is a number.
func (f Figure) Known() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// MarshalJSON gives four decimals at most.
func (f Figure) MarshalJSON() ([]byte, error) { return appendFigure(nil, float64(f)), nil }

func appendFigure(to []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, math.Round(f*1e4)/1e4, 'f', -1, 64)
}

// Figures are those of a series.
type Figures []float32

// MarshalJSON is one array: reflection on each would cost more than all the rest.
func (f Figures) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 6*len(f)+2)
	out = append(out, '[')
	for i, x := range f {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendFigure(out, float64(x))
	}
	return append(out, ']'), nil
}

// ring keeps the last points of a series, numbered by seconds.
type ring[T any] struct {
	points []T
	first  int64 // the number of the first point ever put
	next   int64 // the number behind the last point
}

// put adds the point of a number. Those that were left out since the last one are none.
func (r *ring[T]) put(number int64, point, none T) {
	if r.next == 0 || number-r.next >= int64(telemetryPoints) {
		r.points, r.first, r.next = r.points[:0], number, number
	}
	for ; r.next < number; r.next++ {
		r.add(none)
	}
	r.add(point)
	r.next++
}

func (r *ring[T]) add(point T) {
	if len(r.points) < telemetryPoints {
		r.points = append(r.points, point)
		return
	}
	*r.at(r.next) = point
}

// last are the points of up to n numbers before next, oldest first; none stands for
// those that there are not.
func (r *ring[T]) last(next int64, n int, none T) []T {
	out := make([]T, n)
	oldest := r.next - int64(len(r.points))
	for i := range out {
		number := next - int64(n-i)
		if number < oldest || number >= r.next {
			out[i] = none
			continue
		}
		out[i] = *r.at(number)
	}
	return out
}

func (r *ring[T]) at(number int64) *T { return &r.points[int(number-r.first)%telemetryPoints] }

// latency is a histogram over the last moments, made of one that only grows.
type latency struct {
	last   []envoy.Bucket
	recent []grown
}

type grown struct {
	at      time.Time
	buckets []envoy.Bucket
}

// take adds what was recorded since the last time. With first, it is not known when.
func (l *latency) take(now time.Time, all []envoy.Bucket, first bool) {
	more := difference(all, l.last)
	l.last = all
	if !first && len(more) > 0 {
		l.recent = append(l.recent, grown{now, more})
	}
	l.forget(now)
}

func (l *latency) forget(now time.Time) {
	l.recent = slices.DeleteFunc(l.recent, func(g grown) bool { return now.Sub(g.at) >= recently })
}

// difference is what a has more than b, all of a when it has less of something: then it
// began anew.
func difference(a, b []envoy.Bucket) []envoy.Bucket {
	var out []envoy.Bucket
	i := 0
	for _, x := range a {
		if i < len(b) && b[i].Lower < x.Lower {
			return slices.Clone(a)
		}
		if i < len(b) && b[i].Lower == x.Lower {
			if b[i].Count > x.Count {
				return slices.Clone(a)
			}
			x.Count -= b[i].Count
			i++
		}
		if x.Count > 0 {
			out = append(out, x)
		}
	}
	if i < len(b) {
		return slices.Clone(a)
	}
	return out
}

// quantiles are the values below which those parts of the values of all buckets are,
// interpolated within a bucket; Nothing without values.
func quantiles(buckets []envoy.Bucket, parts ...float64) []Figure {
	slices.SortFunc(buckets, func(a, b envoy.Bucket) int { return cmp.Compare(a.Lower, b.Lower) })
	var all float64
	for _, b := range buckets {
		all += float64(b.Count)
	}
	out := make([]Figure, len(parts))
	for i, part := range parts {
		out[i] = Nothing
		rest := part * all
		for j, b := range buckets {
			n := float64(b.Count)
			if rest > n && j < len(buckets)-1 {
				rest -= n
				continue
			}
			out[i] = Figure(b.Lower + b.Width*min(rest/n, 1))
			break
		}
	}
	return out
}
