package envoy

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
)

// Samples are statistics at one moment. Those that were never used are not among them:
// they are 0.
type Samples struct {
	// Values are counters and gauges.
	Values map[string]uint64
	// Histograms are all that was ever recorded, the lowest bucket first. Envoy brings
	// them up to date when it flushes its statistics: by default every 5 s.
	Histograms map[string][]Bucket
}

// Bucket counts values from Lower on, up to Lower + Width. Envoy's are a tenth of their
// power of ten wide, which is exact to 5 % or better.
type Bucket struct {
	Lower float64 `json:"lower_bound"`
	Width float64 `json:"width"`
	Count uint64  `json:"count"`
}

// Samples gives the statistics whose name matches the filter, a regular expression of
// RE2.
func (a *Admin) Samples(ctx context.Context, filter string) (*Samples, error) {
	path := "/stats?format=json&usedonly&histogram_buckets=detailed&filter=" + url.QueryEscape(filter)
	body, err := a.read(ctx, path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name       string
			Value      json.Number
			Histograms struct {
				Details []struct {
					Name   string
					Totals []Bucket
				}
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, a.failed(path, err)
	}
	s := &Samples{Values: make(map[string]uint64, len(answer.Stats)), Histograms: map[string][]Bucket{}}
	for _, stat := range answer.Stats {
		if n, err := stat.Value.Int64(); err == nil && n >= 0 {
			s.Values[stat.Name] = uint64(n)
		}
		for _, h := range stat.Histograms.Details {
			slices.SortFunc(h.Totals, func(a, b Bucket) int { return cmp.Compare(a.Lower, b.Lower) })
			s.Histograms[h.Name] = h.Totals
		}
	}
	return s, nil
}
