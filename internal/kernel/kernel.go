package kernel

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Kernel holds the events of one run. Its clock starts at zero.
type Kernel struct {
	seed    uint64
	now     time.Duration
	queue   queue
	nextSeq uint64
	stopped bool
	err     error
}

// New returns a kernel whose random streams derive from seed.
func New(seed uint64) *Kernel { return &Kernel{seed: seed} }

// Now returns the time since the start of the run.
func (k *Kernel) Now() time.Duration { return k.now }

// Rand returns a new random stream for the given name. Streams of different
// names are independent, so that one more draw in one part of a run does not
// change what another part draws. Calling it twice with one name gives the same
// numbers twice.
func (k *Kernel) Rand(stream string) *rand.Rand {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], k.seed)
	sum := sha256.Sum256(append(seed[:], stream...))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[0:]), binary.BigEndian.Uint64(sum[8:])))
}

// A Timer is a scheduled event that can be cancelled.
type Timer struct {
	at    time.Duration
	seq   uint64
	run   func()
	index int // position in the queue, -1 when it is not in it
	owner *Kernel
}

// Cancel takes the event out of the queue. Cancelling an event that already
// ran, or cancelling twice, does nothing.
func (t *Timer) Cancel() {
	if t != nil && t.index >= 0 {
		heap.Remove(&t.owner.queue, t.index)
	}
}

// At returns the time that the event is scheduled for.
func (t *Timer) At() time.Duration { return t.at }

// At schedules run for time t, or for now if t has passed. Events of the same
// time run in the order in which they were scheduled.
func (k *Kernel) At(t time.Duration, run func()) *Timer {
	e := &Timer{at: max(t, k.now), seq: k.nextSeq, run: run, owner: k}
	k.nextSeq++
	heap.Push(&k.queue, e)
	return e
}

// After schedules run for d from now.
func (k *Kernel) After(d time.Duration, run func()) *Timer { return k.At(k.now+d, run) }

// Next returns the time of the earliest event, and false if there is none.
func (k *Kernel) Next() (time.Duration, bool) {
	if len(k.queue) == 0 {
		return 0, false
	}
	return k.queue[0].at, true
}

// Step moves the clock to the earliest event and runs it. It reports false,
// and does nothing, when the queue is empty or the kernel was stopped.
func (k *Kernel) Step() bool {
	if k.stopped || len(k.queue) == 0 {
		return false
	}
	e := heap.Pop(&k.queue).(*Timer)
	k.now = max(k.now, e.at)
	e.run()
	return true
}

// Advance moves the clock to now and runs every event that is due, including
// those that the events themselves schedule for no later than now.
func (k *Kernel) Advance(now time.Duration) {
	for k.RunDue(now) {
	}
}

// RunDue moves the clock to now and runs the earliest event, if it is due. It reports
// false when no event is due by now or the kernel was stopped.
func (k *Kernel) RunDue(now time.Duration) bool {
	k.now = max(k.now, now)
	if k.stopped || len(k.queue) == 0 || k.queue[0].at > k.now {
		return false
	}
	heap.Pop(&k.queue).(*Timer).run()
	return true
}

// Stop ends the run after the current event. Err returns the first non-nil
// error that Stop was called with.
func (k *Kernel) Stop(err error) {
	k.stopped = true
	if k.err == nil {
		k.err = err
	}
}

// Stopped reports whether Stop was called.
func (k *Kernel) Stopped() bool { return k.stopped }

// Err returns the error that stopped the run, nil for a normal end.
func (k *Kernel) Err() error { return k.err }

// queue is a heap (container/heap) of events, the earliest first, and of those at one time the
// one that was scheduled first.
type queue []*Timer

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *queue) Push(x any) {
	t := x.(*Timer)
	t.index = len(*q)
	*q = append(*q, t)
}
func (q *queue) Pop() any {
	old := *q
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	t.index = -1
	*q = old[:last]
	return t
}
