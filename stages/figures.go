package stages

import (
	"math"
	"strconv"
	"time"

	"glomers/checkers"
)

// Latency is how long users of a solution wait, in milliseconds; NaN where a run
// does not tell.
type Latency struct {
	Of               string // what takes that long: "stable latency", or an operation such as "send latency"
	Median, P99, Max float64
}

// LatencyOf returns the latency that matters in a stage: for broadcast how long a
// value takes to be seen everywhere, otherwise that of the operation that changes
// something. Without results only its name is set.
func (s Stage) LatencyOf(r *checkers.Results) Latency {
	if s.Workload == "broadcast" {
		at := func(quantile func(*checkers.Quantiles) time.Duration) float64 {
			if r == nil {
				return math.NaN()
			}
			if v, ok := stableLatency("", quantile, 0).Measure(r); ok {
				return v
			}
			return math.NaN()
		}
		return Latency{"stable latency",
			at(func(q *checkers.Quantiles) time.Duration { return q.Median }),
			at(func(q *checkers.Quantiles) time.Duration { return q.P99 }),
			at(func(q *checkers.Quantiles) time.Duration { return q.Max })}
	}
	f := map[string]string{"echo": "echo", "unique-ids": "generate", "g-counter": "add", "kafka": "send", "txn-rw-register": "txn"}[s.Workload]
	l := Latency{Of: f + " latency", Median: math.NaN(), P99: math.NaN(), Max: math.NaN()}
	if r == nil {
		return l
	}
	if q, ok := r.Latency[f]; ok {
		ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
		l.Median, l.P99, l.Max = ms(q.Median), ms(q.P99), ms(q.Max)
	}
	return l
}

// Nodes returns how many nodes the challenge runs.
func (s Stage) Nodes() int {
	for i, flag := range s.Flags {
		if flag == "--node-count" {
			if n, err := strconv.Atoi(s.Flags[i+1]); err == nil {
				return n
			}
		}
	}
	return 0
}
