package runner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/nemesis"
)

// recent holds the latest operations of a run, from which reports of its progress take
// their figures.
type recent struct {
	begun map[int]time.Duration // the invocation of each process
	done  []completion          // of the last recentSpan, in order
}

// completion is the end of an operation: when, how long after its invocation, and whether it
// succeeded.
type completion struct {
	at, latency time.Duration
	ok          bool
}

// recentSpan is the time that such a figure covers, and recentMost the number of
// operations that it takes into account at most.
const (
	recentSpan = time.Second
	recentMost = 2000
)

// observe takes the next operation of a client.
func (r *recent) observe(op history.Op) {
	if op.Type == history.Invoke {
		if r.begun == nil {
			r.begun = map[int]time.Duration{}
		}
		r.begun[op.Process] = op.Time
		return
	}
	begun, known := r.begun[op.Process]
	delete(r.begun, op.Process)
	if known {
		r.done = append(r.done, completion{op.Time, op.Time - begun, op.Type == history.OK})
	}
	if len(r.done) >= 2*recentMost {
		r.done = append(r.done[:0], r.done[len(r.done)-recentMost:]...)
	}
}

// figures returns the operations that were completed a second, and the median time
// that the successful ones took; 0 for none.
func (r *recent) figures(now time.Duration) (rate float64, median time.Duration) {
	first, _ := slices.BinarySearchFunc(r.done, now-recentSpan, func(c completion, t time.Duration) int {
		if c.at <= t {
			return -1
		}
		return 1
	})
	r.done = append(r.done[:0], r.done[first:]...)
	if len(r.done) == 0 {
		return 0, 0
	}
	var latencies []time.Duration
	for _, c := range r.done {
		if c.ok {
			latencies = append(latencies, c.latency)
		}
	}
	slices.Sort(latencies)
	span := min(recentSpan, now)
	if len(r.done) >= recentMost { // older ones may have been forgotten
		span = now - r.done[0].at
	}
	if span > 0 {
		rate = float64(len(r.done)) / span.Seconds()
	}
	return rate, checkers.Quantile(latencies, 0.5)
}

// describe names the faults in force, for people. Of a partition it says how much it
// cuts.
func (f faults) describe(partitions []nemesis.Partition) string {
	var parts []string
	for _, fault := range f {
		if fault == nemesis.FaultPartition && len(partitions) > 0 {
			p := partitions[len(partitions)-1]
			fault = fmt.Sprintf("partition: %d of %d links cut", p.Cut, p.Links)
		}
		parts = append(parts, fault)
	}
	return strings.Join(parts, ", ")
}
