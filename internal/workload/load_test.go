package workload

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// slow is a workload whose operations take as long as it says.
type slow struct {
	kernel *kernel.Kernel
	takes  func(now time.Duration) time.Duration
}

func (w *slow) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	return history.Op{F: "wait"}, free[0], true
}

func (w *slow) Open(*Client) Session { return w }

func (w *slow) Invoke(op history.Op, done func(history.Op)) {
	w.kernel.After(w.takes(w.kernel.Now()), func() { done(succeeded(op, nil)) })
}

// world has no nodes; it counts invocations by the second.
type world struct {
	kernel  *kernel.Kernel
	invoked []int
}

func (w *world) Send(string, string, json.RawMessage) error { return nil }
func (w *world) Open(node string) *Client                   { return NewClient(w.kernel, w, "c0", node) }
func (w *world) Close(c *Client)                            { c.Close() }

func (w *world) RecordOp(op history.Op) {
	if op.Type == history.Invoke {
		w.invoked[op.Time/time.Second]++
	}
}

// TestLagIsForgiven: operations that could not begin because all workers were busy
// are not made up for, so that a stall is not followed by a burst.
func TestLagIsForgiven(t *testing.T) {
	k := kernel.New(1)
	w := &world{kernel: k, invoked: make([]int, 4)}
	busyFor := func(now time.Duration) time.Duration {
		if now < 2*time.Second {
			return 2*time.Second - now // both workers
		}
		return time.Millisecond
	}
	l := NewLoad(k, &slow{k, busyFor}, Options{Nodes: []string{"n0"}, Concurrency: 2}, Pace{Rate: 100, TimeLimit: 4 * time.Second}, w, w)
	done := false
	l.Prepare(func(error) { l.Run(func() { done = true }) })
	for k.Step() {
	}
	if !done || w.invoked[0] != 2 || w.invoked[1] != 0 {
		t.Fatalf("operations a second: %v; done: %v, want two in the first and none in the next", w.invoked, done)
	}
	for second, count := range w.invoked[2:] {
		if count < 70 || count > 130 {
			t.Errorf("%d operations in second %d, want about the rate of 100", count, second+2)
		}
	}
}

// TestPaceHoldsWithoutLag: what a busy machine or a random delay holds up by less
// than the limit is made up for.
func TestPaceHoldsWithoutLag(t *testing.T) {
	k := kernel.New(1)
	w := &world{kernel: k, invoked: make([]int, 10)}
	takes := func(time.Duration) time.Duration { return 8 * time.Millisecond } // of 10 ms on average, sometimes less
	l := NewLoad(k, &slow{k, takes}, Options{Nodes: []string{"n0"}, Concurrency: 1}, Pace{Rate: 100, TimeLimit: 10 * time.Second}, w, w)
	l.Prepare(func(error) { l.Run(func() {}) })
	for k.Step() {
	}
	total := 0
	for _, count := range w.invoked {
		total += count
	}
	if total < 950 || total > 1050 {
		t.Errorf("%d operations in ten seconds, want about 1000", total)
	}
}

// TestLinKVRenewsKeys: a key is used by at most 20 processes, then its group gets
// a new one, so that its history stays short enough to check.
func TestLinKVRenewsKeys(t *testing.T) {
	w, err := newLinKV(Options{Nodes: []string{"n0"}, Concurrency: 4}, kernel.New(1))
	if err != nil {
		t.Fatal(err)
	}
	processes := map[int64]map[int]bool{}
	groups := map[int64]map[int]bool{}
	for generation := range 30 {
		var workers []Worker
		for i := range 4 {
			workers = append(workers, Worker{i, i + 4*generation})
		}
		for range 40 {
			op, worker, _ := w.Next(0, workers)
			key := op.Value.([]any)[0].(int64)
			if processes[key] == nil {
				processes[key], groups[key] = map[int]bool{}, map[int]bool{}
			}
			processes[key][worker.Process] = true
			groups[key][worker.Index/2] = true
		}
	}
	var counts []string
	for key := range int64(len(processes)) {
		n := len(processes[key])
		counts = append(counts, fmt.Sprint(n))
		if n > processesPerKey || len(groups[key]) != 1 {
			t.Errorf("key %d was used by %d processes of %d groups, want at most %d of one", key, n, len(groups[key]), processesPerKey)
		}
	}
	// Each group has 60 processes.
	if !slices.Equal(counts, []string{"20", "20", "20", "20", "20", "20"}) {
		t.Errorf("the keys were used by %v processes, want 20 each", counts)
	}
}

// uncertain is a workload whose operations take ten milliseconds and end with an
// unknown outcome. It has final operations without end, for which a second is allowed.
type uncertain struct{ slow }

func (w *uncertain) Open(*Client) Session { return w }

func (w *uncertain) Invoke(op history.Op, done func(history.Op)) {
	w.kernel.After(10*time.Millisecond, func() { done(failed(op, &Error{Name: "timeout"}, false)) })
}

func (w *uncertain) Final(int) (history.Op, time.Duration, bool) {
	return history.Op{F: "wait"}, 0, true
}

func (w *uncertain) FinalLimit() time.Duration { return time.Second }

// clientCounter counts the clients that are open, and notes the processes.
type clientCounter struct {
	world
	open      int
	processes []int
}

func (c *clientCounter) Open(node string) *Client { c.open++; return c.world.Open(node) }
func (c *clientCounter) Close(*Client)            { c.open-- }

func (c *clientCounter) RecordOp(op history.Op) {
	if op.Type == history.Invoke {
		c.processes = append(c.processes, op.Process)
	}
}

// TestUnknownOutcome: after an operation of unknown outcome, its worker continues as
// a new process with a new client, in place of the old one.
func TestUnknownOutcome(t *testing.T) {
	k := kernel.New(1)
	c := &clientCounter{world: world{kernel: k}}
	l := NewLoad(k, &uncertain{slow{kernel: k}}, Options{Nodes: []string{"n0"}, Concurrency: 1}, Pace{Rate: 10, TimeLimit: time.Second}, c, c)
	l.Prepare(func(error) { l.Run(func() {}) })
	for k.Step() {
	}
	if len(c.processes) < 5 || c.open != 1 {
		t.Errorf("%d operations, %d clients open, want about 10, and 1", len(c.processes), c.open)
	}
	for i, process := range c.processes {
		if process != i {
			t.Fatalf("the processes are %v, want a new one for each operation", c.processes)
		}
	}
}

// TestFinalLimit: final operations that do not come to an end are stopped.
func TestFinalLimit(t *testing.T) {
	k := kernel.New(1)
	c := &clientCounter{world: world{kernel: k}}
	l := NewLoad(k, &uncertain{slow{kernel: k}}, Options{Nodes: []string{"n0"}, Concurrency: 2}, Pace{TimeLimit: time.Second}, c, c)
	var ended time.Duration
	l.Prepare(func(error) {
		l.Run(func() { l.Finish(func() { ended = k.Now(); k.Stop(nil) }) })
	})
	for k.Step() && k.Now() < time.Minute {
	}
	if least := 2 * time.Second; ended < least || ended > least+10*time.Millisecond {
		t.Errorf("the final operations ended at %v, want %v, when the last one in flight has", ended, least)
	}
}
