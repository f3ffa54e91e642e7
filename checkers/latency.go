package checkers

import (
	"fmt"
	"math"
	"sort"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Quantiles are some points of a distribution of times in milliseconds: 0.5 is
// the median, 1 the maximum.
type Quantiles struct {
	Median float64 `json:"0.5"`
	P95    float64 `json:"0.95"`
	P99    float64 `json:"0.99"`
	Max    float64 `json:"1"`
}

// MarshalEDN returns a map with the fractions for keys, as Maelstrom's stable
// latencies have.
func (q Quantiles) MarshalEDN() any {
	return edn.Map{{Key: 0.5, Value: q.Median}, {Key: 0.95, Value: q.P95}, {Key: 0.99, Value: q.P99}, {Key: int64(1), Value: q.Max}}
}

// quantilesOf takes the smallest time that is not below the fraction of all.
// The times are sorted in place; there must be one at least.
func quantilesOf(times []time.Duration) Quantiles {
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	at := func(fraction float64) float64 {
		i := int(math.Ceil(fraction*float64(len(times)))) - 1
		return math.Round(float64(times[max(i, 0)])/1e4) / 100 // to 10 µs
	}
	return Quantiles{at(0.5), at(0.95), at(0.99), at(1)}
}

// Latencies are the times that the successful operations took, from invocation to
// completion, by the name of the operation.
type Latencies map[string]Quantiles

// MarshalEDN returns a map with keywords for keys, in order.
func (l Latencies) MarshalEDN() any {
	m := edn.Map{}
	for _, f := range sortedNames(l) {
		m = append(m, edn.Entry{Key: edn.Keyword(f), Value: l[f].MarshalEDN()})
	}
	return m
}

// LatenciesOf measures the operations of a history.
func LatenciesOf(h *history.History) Latencies {
	times := map[string][]time.Duration{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type != history.OK || !op.Client() {
			continue
		}
		if begin := h.Invocation(op); begin != nil {
			times[op.F] = append(times[op.F], op.Time-begin.Time)
		}
	}
	out := Latencies{}
	for f, t := range times { // the order does not show
		out[f] = quantilesOf(t)
	}
	return out
}

func (q Quantiles) String() string {
	return fmt.Sprintf("median %.4g ms, 95%% %.4g, 99%% %.4g, max %.4g", q.Median, q.P95, q.P99, q.Max)
}
