// Package process is the engine that runs each node as a process of the
// operating system, in real time, as Maelstrom does. A node is any executable
// that reads messages from its stdin and writes messages to its stdout, one a
// line; its stderr is kept in a log.
//
// It is the one place where input from outside becomes events of the kernel.
// Goroutines read the nodes' pipes and queue what they read; [Engine.Drive], on
// the caller's goroutine, takes from that queue and runs the kernel in step with
// the clock. So nothing else in a run has to be safe for concurrent use.
//
//	e := process.New(process.Options{Bin: "./node", Log: openLog}, receive)
//	defer e.Stop()
//	endpoint, err := e.Start("n0") // messages for n0 go to endpoint.Deliver
//	…
//	err = e.Drive(ctx, kernel)     // until kernel.Stop, a failing node or ctx
//
// # The life of a process
//
// A node runs in a process group of its own, in the directory for temporary
// files. No process of a node outlives the run:
//
//   - Stop kills the group, and on Linux every other process that inherited the
//     node's environment, so that a child which has begun a session of its own
//     ends as well.
//   - If the runner is killed, where no code of its own can run, Linux kills the
//     nodes (the parent-death signal), and a watchdog, a shell that waits for
//     the end of the runner, kills their children on every Unix.
//   - On Windows, nodes belong to a job object, which ends with the runner.
//
// Some processes can escape this: a child that both leaves the process group and clears
// its environment; on Unix systems other than Linux, any child that leaves the group;
// and processes of another user.
//
// # Stalls
//
// A timeout means something only while the runner itself makes progress. When the
// machine is suspended, or so busy that the runner is not scheduled, timers would fire
// before answers that arrived long ago are read. When Drive notices that an event is
// overdue, it takes the time of the stall out of the run's clock, so that every timer
// keeps the time it had left, and reports the stall to the function given to OnStall.
// Nodes do not stop with the runner, and their own timers may have fired meanwhile; a
// run with a stall is therefore not a fair test of timing.
package process

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/nodeio"
)

// maxIncoming limits the bytes read from nodes and not yet handled.
const maxIncoming = 4 << 20

// stallLimit is how late an event may be before it counts as a stall of the runner. A
// busy machine delays events by some tens of milliseconds; the shortest timeout of a
// client is a second.
const stallLimit = 500 * time.Millisecond

// Options say what to run.
type Options struct {
	Bin  string   // path of the executable
	Args []string // its arguments
	Log  func(node string) (io.WriteCloser, error)
	// Stderr is called for every line that a node prints there; may be nil. It is
	// called by one goroutine for each node.
	Stderr func(node, line string)
	// Clock returns the time since some fixed moment and must not go back; nil
	// for the clock of the system.
	Clock func() time.Duration
}

// Engine runs one cluster of nodes.
type Engine struct {
	options Options
	receive func(journal.Message) error
	clock   func() time.Duration
	began   time.Duration // when the run began, by clock; moved later by every stall
	alive   time.Duration // time of the run when Drive last made progress
	stalled func(time.Duration)
	mark    string    // mark of the run, see mark.go
	starter *starter  // nil before the first node
	guard   *watchdog // nil before the first node
	nodes   []*node   // including those that were killed
	logs    []io.Closer

	mu       sync.Mutex
	room     *sync.Cond // for readers of stdout, when incoming is full
	incoming []arrival
	size     int           // bytes in incoming
	wake     chan struct{} // one element when incoming is not empty
	closed   bool
}

// arrival is a message from a node, or the reason why no more will come.
type arrival struct {
	node    *node
	message journal.Message
	size    int
	err     error
}

// New returns an engine without nodes. It hands every message that a node
// prints to receive, which returns an error for one that cannot be delivered.
func New(o Options, receive func(journal.Message) error) *Engine {
	e := &Engine{options: o, receive: receive, wake: make(chan struct{}, 1), clock: o.Clock, mark: newMark()}
	if e.clock == nil {
		began := time.Now()
		e.clock = func() time.Duration { return time.Since(began) }
	}
	e.room = sync.NewCond(&e.mu)
	return e
}

// OnStall sets the function that Drive calls, between events, when the runner
// itself, not a node, made no progress for at least the given time.
func (e *Engine) OnStall(f func(time.Duration)) { e.stalled = f }

// Start starts a node.
func (e *Engine) Start(id string) (network.Endpoint, error) {
	if e.starter == nil {
		e.starter, e.guard = newStarter(), newWatchdog(e.mark)
	}
	file, err := e.options.Log(id)
	if err != nil {
		return nil, err
	}
	log := nodeio.NewLog(file)
	e.logs = append(e.logs, log)
	return e.start(id, log)
}

// push queues what a node did for Drive. It blocks while too much is queued.
func (e *Engine) push(a arrival) {
	e.mu.Lock()
	for e.size > maxIncoming && a.err == nil && !e.closed {
		e.room.Wait()
	}
	e.incoming = append(e.incoming, a)
	e.size += a.size
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// take empties the queue. It returns what was queued, and reuses buf.
func (e *Engine) take(buf []arrival) []arrival {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.incoming
	e.incoming = buf[:0]
	e.size = 0
	e.room.Broadcast()
	return taken
}

// now returns the time since the beginning of the run, stalls left out.
func (e *Engine) now() time.Duration { return e.clock() - e.began }

// Drive runs the kernel in real time until it is stopped, a node fails or the
// context ends. It returns what ended the run, nil for a normal end. The error
// for a failing node is a *nodeio.Error.
func (e *Engine) Drive(ctx context.Context, k *kernel.Kernel) error {
	e.alive = k.Now()
	e.began = e.clock() - e.alive // starting the nodes took a while
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []arrival
	for {
		now := e.progress(k.Next())
		// Messages that have arrived are handled before timers that have become
		// due, so that an answer that was in time is not taken for a timeout.
		if due, ok := k.Next(); ok {
			k.Advance(min(now, due-1))
		}
		batch := e.take(buf)
		due, waiting := k.Next()
		for i := range batch {
			if err := e.handle(&batch[i]); err != nil {
				return err
			}
			batch[i] = arrival{}
			e.progress(due, waiting)
			if i%portion == portion-1 {
				e.run(k, k.Now())
			}
		}
		buf = batch
		e.run(k, now)
		if k.Stopped() {
			return k.Err()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(batch) > 0 {
			continue
		}
		wait := time.Hour
		if due, ok := k.Next(); ok {
			wait = due - e.progress(due, ok)
		}
		if wait <= 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-e.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// portion is after how many of the messages that have arrived the network delivers them,
// which it does all at once: a few milliseconds of work, which nobody takes for a stall.
const portion = 100

// run runs the events that are due by now.
func (e *Engine) run(k *kernel.Kernel, now time.Duration) {
	for k.RunDue(now) {
		e.progress(k.Next())
	}
}

// progress returns the time of the run, given when the earliest event is due, if there is
// one. If that is overdue by more than stallLimit, and the runner did nothing for so long,
// it has stalled: the time since Drive was last known to make progress is taken out of the
// run's clock. A runner that is late because a node floods it with messages has not
// stalled, or such a run would never end.
func (e *Engine) progress(due time.Duration, ok bool) time.Duration {
	now := e.now()
	if ok && now-max(due, e.alive) > stallLimit {
		e.began += now - e.alive
		if e.stalled != nil {
			e.stalled(now - max(due, e.alive))
		}
		now = e.alive
	}
	e.alive = now
	return now
}

// handle hands what a node did to the network.
func (e *Engine) handle(a *arrival) error {
	if a.node.killed {
		return nil
	}
	if a.err != nil {
		return a.node.fail(a.err)
	}
	if err := nodeio.Deliver(a.node.id, a.message, e.receive); err != nil {
		return a.node.fail(err)
	}
	a.node.traffic.at(e.now())
	if err := a.node.traffic.print(a.message.Dest == a.node.id); err != nil {
		return a.node.fail(err)
	}
	return nil
}

// Stop kills the nodes and the processes that they started, and waits until
// their logs are complete.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.closed = true
	e.room.Broadcast()
	e.mu.Unlock()
	for _, n := range e.nodes {
		n.stdin.close()
		n.family.kill()
	}
	if len(e.nodes) > 0 {
		killMarked(e.mark)
	}
	for _, n := range e.nodes {
		waitAtMost(5*time.Second, n.exited)
		waitAtMost(pipeGrace, n.stdoutDone, n.stderrDone) // an unknown process may hold them
	}
	e.starter.stop()
	e.guard.stop()
	for _, log := range e.logs {
		log.Close()
	}
	e.logs = nil
}

// find returns the newest process of a node.
func (e *Engine) find(id string) (*node, error) {
	for _, n := range slices.Backward(e.nodes) {
		if n.id == id {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no node %s", id)
}

// Pause stops a node and its children until Resume.
func (e *Engine) Pause(id string) error {
	n, err := e.find(id)
	if err == nil && !n.killed {
		err = n.family.pause()
	}
	return err
}

// Resume continues a node that was paused.
func (e *Engine) Resume(id string) error {
	n, err := e.find(id)
	if err == nil && !n.killed {
		err = n.family.resume()
	}
	return err
}

// Kill kills a node and its children. What it has printed and was not handled
// yet is lost.
func (e *Engine) Kill(id string) error {
	n, err := e.find(id)
	if err == nil {
		n.killed = true
		n.stdin.close()
		n.family.kill()
		killMarked(n.mark)
	}
	return err
}

// Restart starts a node that was killed once more. Its log goes on.
func (e *Engine) Restart(id string) (network.Endpoint, error) {
	n, err := e.find(id)
	if err != nil {
		return nil, err
	}
	return e.start(id, n.log)
}

// Silent adds to err, the error of a node that did not answer, what the node printed
// instead. It returns err unchanged for a node that it does not know.
func (e *Engine) Silent(id string, err error) error {
	n, findErr := e.find(id)
	if findErr != nil {
		return err
	}
	return n.output.FailSilent(id, err)
}
