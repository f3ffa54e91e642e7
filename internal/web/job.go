package web

import (
	"context"
	"sync"
	"time"
)

// jobs runs one order at a time and remembers the last one.
type jobs struct {
	runner Runner
	ctx    context.Context // ends with the server

	mu      sync.Mutex
	last    *job
	running sync.WaitGroup
}

// job is an order under way, or one that has ended.
type job struct {
	Order   Order
	Program Program
	Start   time.Time
	cancel  context.CancelFunc

	mu       sync.Mutex
	progress Progress
	course   []point
	courses  int // how many there were: an order may be several runs
	end      *End
	changed  chan struct{} // closed when progress or end changes, and replaced
}

// begin starts an order; false if another one is under way, or the server ends.
func (j *jobs) begin(o Order, p Program) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil || j.last != nil && j.last.underWay() {
		return false
	}
	ctx, cancel := context.WithCancel(j.ctx)
	next := &job{Order: o, Program: p, Start: time.Now(), cancel: cancel, changed: make(chan struct{}), progress: Progress{Phase: "building"}}
	j.last = next
	j.running.Go(func() {
		defer cancel()
		end := j.runner.Run(ctx, o, func(p Progress) { next.set(func() { next.observe(p) }) })
		next.set(func() { next.end = &end })
	})
	return true
}

// current returns the job that is under way or was the last one; nil for none.
func (j *jobs) current() *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *job) set(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *job) underWay() bool {
	_, end, _ := j.state()
	return end == nil
}

// point is how the latency was at a time of a run.
type point struct {
	At      float64 `json:"at"`      // seconds
	Latency float64 `json:"latency"` // milliseconds; 0 for none
	Faulty  bool    `json:"faulty"`
}

// mostPoints is how long a course gets: that of five minutes.
const mostPoints = 3000

// observe takes the next report of the runner. Each run of an order has a course of its
// own.
func (j *job) observe(p Progress) {
	j.progress = p
	if p.Phase != running {
		return
	}
	if n := len(j.course); n == 0 || p.Elapsed.Seconds() < j.course[n-1].At {
		j.course = nil // whoever reads the old one keeps it
		j.courses++
	}
	if len(j.course) < mostPoints {
		j.course = append(j.course, point{p.Elapsed.Seconds(), float64(p.Latency) / float64(time.Millisecond), p.Faults != ""})
	}
}

// points returns the number of the course of the latency, and what there is of it.
func (j *job) points() (number int, course []point) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.courses, j.course
}

// state returns how far the job is, its end or nil, and a channel that is closed when
// either changes.
func (j *job) state() (Progress, *End, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.progress, j.end, j.changed
}
