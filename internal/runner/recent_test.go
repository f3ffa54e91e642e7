package runner

import (
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/internal/nemesis"
)

// TestRecent: the figures of a run under way are those of its last second.
func TestRecent(t *testing.T) {
	var r recent
	if rate, median := r.figures(0); rate != 0 || median != 0 {
		t.Errorf("before the first operation: %v a second, %v", rate, median)
	}
	op := func(at, takes time.Duration, end history.Type) {
		r.observe(history.Op{Process: 1, Type: history.Invoke, Time: at})
		r.observe(history.Op{Process: 1, Type: end, Time: at + takes})
	}
	// Two seconds, ten operations in each. In the second one they are slower, and six of
	// them fail even later.
	second := []time.Duration{50, 30, 10, 90, 90, 90, 90, 90, 90, 30}
	for i := range 20 {
		takes, end := 5*time.Millisecond, history.OK
		if i >= 10 {
			takes = second[i-10] * time.Millisecond
		}
		if takes == 90*time.Millisecond {
			end = history.Fail
		}
		op(time.Duration(i)*100*time.Millisecond, takes, end)
	}
	if rate, median := r.figures(2 * time.Second); rate != 10 || median != 30*time.Millisecond {
		t.Errorf("after two seconds: %v a second, median %v; expected 10 and 30ms", rate, median)
	}
	if rate, median := r.figures(4 * time.Second); rate != 0 || median != 0 {
		t.Errorf("after two seconds of silence: %v a second, median %v; expected none", rate, median)
	}
	for i := range 3 * recentMost { // more than are remembered, at 10,000 a second
		op(5*time.Second+time.Duration(i)*100*time.Microsecond, time.Microsecond, history.OK)
	}
	if rate, _ := r.figures(5*time.Second + 3*recentMost*100*time.Microsecond); rate < 9_000 || rate > 11_000 {
		t.Errorf("%v a second, expected about 10000", rate)
	}
}

// TestDescribeFaults: whoever follows a run sees how much a partition cuts.
func TestDescribeFaults(t *testing.T) {
	f := faults{"partition", "loss"}
	if got, want := f.describe([]nemesis.Partition{{Cut: 2, Links: 20}, {Cut: 8, Links: 20}}), "partition: 8 of 20 links cut, loss"; got != want {
		t.Errorf("the faults are %q, expected %q", got, want)
	}
	if got := (faults{}).describe(nil); got != "" {
		t.Errorf("no faults are %q", got)
	}
}
