package workload

import (
	"math/rand/v2"
	"time"

	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// Recorder records every invocation and completion.
type Recorder interface {
	RecordOp(op history.Op)
}

// Clients opens and closes the clients of workers on the network.
type Clients interface {
	Open(node string) *Client
	Close(c *Client)
}

// Pace says how many operations a test has.
type Pace struct {
	Rate      float64       // operations a second over all workers; 0 for none
	TimeLimit time.Duration // of the test, without its final operations
}

// Load generates the operations of a test and runs them on its workers, each of which
// runs one operation at a time. When the outcome of an operation remains unknown, its
// worker continues as a new process with a new client.
type Load struct {
	kernel   *kernel.Kernel
	workload Workload
	pace     Pace
	recorder Recorder
	clients  Clients
	random   *rand.Rand
	nodes    []string
	workers  []worker

	busy     int
	loading  bool          // before the time limit
	starving bool          // an operation is due, but no worker could take one
	due      time.Duration // when the next operation is due
	closing  bool          // no new operations
	finished func()
	deadline *kernel.Timer
}

type worker struct {
	node    string
	process int
	busy    bool
	client  *Client
	session Session
}

// NewLoad returns a load of o.Concurrency workers, spread over the nodes.
func NewLoad(k *kernel.Kernel, w Workload, o Options, pace Pace, recorder Recorder, clients Clients) *Load {
	l := &Load{kernel: k, workload: w, pace: pace, nodes: o.Nodes, recorder: recorder, clients: clients, random: k.Rand("pace")}
	for i := range o.Concurrency {
		l.workers = append(l.workers, worker{node: o.Nodes[i%len(o.Nodes)], process: i})
	}
	return l
}

// Prepare runs the workload's preparation, if it has one, with one client per node, and
// then opens the clients of the workers. It calls done once: when everything is
// ready, or with the first error.
func (l *Load) Prepare(done func(error)) {
	ready := func() {
		for i := range l.workers {
			l.open(&l.workers[i])
		}
		done(nil)
	}
	p, needed := l.workload.(Preparer)
	if !needed {
		ready()
		return
	}
	pending, failed := len(l.nodes), false
	for _, node := range l.nodes {
		c := l.clients.Open(node)
		p.Prepare(c, func(err error) {
			l.clients.Close(c)
			pending--
			switch {
			case failed:
			case err != nil:
				failed = true
				done(err)
			case pending == 0:
				ready()
			}
		})
	}
}

// Reintroduce repeats the workload's preparation for a node that was restarted, and
// does not wait for its outcome.
func (l *Load) Reintroduce(node string) {
	p, needed := l.workload.(Preparer)
	if !needed {
		return
	}
	c := l.clients.Open(node)
	p.Prepare(c, func(error) { l.clients.Close(c) })
}

func (l *Load) open(w *worker) {
	w.client = l.clients.Open(w.node)
	w.session = l.workload.Open(w.client)
}

// Run generates operations until the time limit and calls finished when the
// last one has completed.
func (l *Load) Run(finished func()) {
	l.finished = finished
	l.due = l.kernel.Now()
	l.loading = true
	l.kernel.After(l.pace.TimeLimit, func() {
		l.loading, l.closing = false, true
		l.finishIfIdle()
	})
	if l.pace.Rate > 0 {
		l.tick()
	}
}

func (l *Load) finishIfIdle() {
	if l.closing && l.busy == 0 && l.finished != nil {
		f := l.finished
		l.finished = nil
		l.deadline.Cancel()
		f()
	}
}

// maxBacklog is how far the load may fall behind its rate and still catch up. What it
// is further behind is dropped, so that a stall is not followed by a burst.
const maxBacklog = 20 * time.Millisecond

// tick runs the operation that is due and schedules the next one.
func (l *Load) tick() {
	if !l.loading {
		return
	}
	free := make([]Worker, 0, len(l.workers))
	for i, w := range l.workers {
		if !w.busy {
			free = append(free, Worker{i, w.process})
		}
	}
	now := l.kernel.Now()
	if len(free) > 0 {
		if op, w, ok := l.workload.Next(now, free); ok {
			l.due = max(l.due, now-maxBacklog) + time.Duration(2*l.random.Float64()/l.pace.Rate*float64(time.Second))
			l.kernel.At(l.due, l.tick)
			l.invoke(w.Index, op, nil)
			return
		}
	}
	l.starving = true // until a completion
}

func (l *Load) invoke(index int, op history.Op, then func()) {
	w := &l.workers[index]
	w.busy = true
	l.busy++
	op.Type, op.Process, op.Time = history.Invoke, w.process, l.kernel.Now()
	l.recorder.RecordOp(op)
	w.session.Invoke(op, func(completion history.Op) {
		completion.Time = l.kernel.Now()
		l.recorder.RecordOp(completion)
		w.busy = false
		l.busy--
		if completion.Type == history.Info {
			w.process += len(l.workers)
			l.clients.Close(w.client)
			l.open(w)
		}
		if o, ok := l.workload.(Observer); ok {
			o.Observe(index, completion)
		}
		if then != nil {
			then()
		}
		if l.starving && l.loading {
			l.starving = false
			l.kernel.After(0, l.tick)
		}
		l.finishIfIdle()
	})
}

// Finish runs the final operations of the workload, if it has any, and calls
// finished when they are done.
func (l *Load) Finish(finished func()) {
	f, ok := l.workload.(Finisher)
	if !ok {
		finished()
		return
	}
	l.finished = finished
	l.closing = false
	active := len(l.workers)
	if limit := f.FinalLimit(); limit > 0 {
		l.deadline = l.kernel.After(limit, func() {
			l.closing = true
			l.finishIfIdle()
		})
	}
	// Jepsen's threads begin in random order. It matters: an element is lost if the
	// read that was invoked last lacks it.
	for _, i := range l.kernel.Rand("final").Perm(len(l.workers)) {
		l.final(f, i, func() {
			if active--; active == 0 {
				l.closing = true
				l.finishIfIdle()
			}
		})
	}
}

func (l *Load) final(f Finisher, index int, done func()) {
	if l.closing {
		return
	}
	op, wait, ok := f.Final(index)
	if !ok {
		done()
		return
	}
	l.kernel.After(wait, func() {
		if !l.closing {
			l.invoke(index, op, func() { l.final(f, index, done) })
		}
	})
}

// HasFinal reports whether the workload has final operations, and so needs the
// network healed and time to recover before them.
func (l *Load) HasFinal() bool {
	_, ok := l.workload.(Finisher)
	return ok
}
