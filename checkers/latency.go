package checkers

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Quantile returns the value at fraction p of values in ascending order: the one at
// index ⌊p·n⌋ of n, counted from 0, and the largest for p = 1. This is the
// definition of Jepsen's checkers, used for every figure of the project. It
// returns the zero value for no values.
func Quantile[T any](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

// Quantiles are five points of a distribution of durations.
type Quantiles struct {
	Min, Median, P95, P99, Max time.Duration
}

// QuantilesOf returns the quantiles of durations in any order, nil for none.
func QuantilesOf(durations []time.Duration) *Quantiles {
	if len(durations) == 0 {
		return nil
	}
	d := slices.Sorted(slices.Values(durations))
	return &Quantiles{Quantile(d, 0), Quantile(d, 0.5), Quantile(d, 0.95), Quantile(d, 0.99), Quantile(d, 1)}
}

// MarshalEDN returns a map from the fractions 0, 0.5, 0.95, 0.99 and 1 to
// milliseconds.
func (q Quantiles) MarshalEDN() any {
	return q.marshal(func(d time.Duration) any { return milliseconds(d) })
}

// MarshalJSON writes the same map as an object.
func (q Quantiles) MarshalJSON() ([]byte, error) { return edn.ToJSON(q.MarshalEDN()), nil }

func (q Quantiles) marshal(of func(time.Duration) any) edn.Map {
	return edn.Map{
		{Key: int64(0), Value: of(q.Min)}, {Key: 0.5, Value: of(q.Median)}, {Key: 0.95, Value: of(q.P95)},
		{Key: 0.99, Value: of(q.P99)}, {Key: int64(1), Value: of(q.Max)},
	}
}

// wholeMilliseconds is the form that set-full's latencies have in results.edn.
func (q *Quantiles) wholeMilliseconds() any {
	if q == nil {
		return nil
	}
	return q.marshal(func(d time.Duration) any { return d.Milliseconds() })
}

// String describes the distribution: "median 0.05 ms, 95% 0.05, 99% 12, max 17980".
func (q Quantiles) String() string {
	return fmt.Sprintf("median %s ms, 95%% %s, 99%% %s, max %s", Figure(milliseconds(q.Median)), Figure(milliseconds(q.P95)), Figure(milliseconds(q.P99)), Figure(milliseconds(q.Max)))
}

// milliseconds rounds a duration to 10 µs.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/1e4) / 100
}

// Figure writes a number for people: four significant digits, but never fewer
// than the whole part has, and never an exponent. 17980.26 is "17980", 0.04999 is
// "0.05".
func Figure(x float64) string {
	decimals := 0
	if x != 0 {
		decimals = max(3-int(math.Floor(math.Log10(math.Abs(x)))), 0)
	}
	scale := math.Pow10(min(decimals, 12))
	return strconv.FormatFloat(math.Round(x*scale)/scale, 'f', -1, 64)
}

// Latencies are the times that successful operations took, from invocation to
// completion, by the name of the operation.
type Latencies map[string]Quantiles

// MarshalEDN returns a map with keywords for keys, in order.
func (l Latencies) MarshalEDN() any {
	m := edn.Map{}
	for _, f := range slices.Sorted(maps.Keys(l)) {
		m = append(m, edn.Entry{Key: edn.Keyword(f), Value: l[f].MarshalEDN()})
	}
	return m
}

// LatenciesOf measures the operations of a history.
func LatenciesOf(h *history.History) Latencies {
	times := map[string][]time.Duration{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type != history.OK || !op.Client() || op.StrictOnly() {
			continue
		}
		if begin := h.Invocation(op); begin != nil {
			times[op.F] = append(times[op.F], op.Time-begin.Time)
		}
	}
	out := Latencies{}
	for _, f := range slices.Sorted(maps.Keys(times)) {
		out[f] = *QuantilesOf(times[f])
	}
	return out
}
