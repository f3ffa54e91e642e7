package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nodeio"
)

// node is one life of a simulated node.
type node struct {
	id      string
	life    int // 1, and one more after each restart
	engine  *Engine
	machine Machine
	guest   Guest // nil before boot and after kill
	cpu     *rand.Rand
	ended   error // why it does not run any more

	inbox     [][]byte // lines that wait for CPU time
	inboxSize int      // bytes in inbox
	busy      bool     // CPU time is being spent on the first line of inbox
	input     []byte   // lines that had their CPU time, for the next step
	paused    bool
	backlog   int // how many lines were in inbox when the last pause ended

	wait  Wait // what the guest waits for
	skew  time.Duration
	alarm *kernel.Timer // for wait.Deadline

	output     nodeio.Output
	log        *nodeio.Log
	stdoutLine []byte // the beginning of a line on stdout
	stderrLine []byte // the beginning of a line on stderr
	logged     []byte // the line of log that is being written
	unsent     int    // messages that leave when the kernel's clock reaches the node's
	usage      usage
}

// pidRange is how many process ids a system has: ids are drawn from 2 up to it.
const pidRange = 1 << 15

// boot runs the program until it waits for the first time.
func (n *node) boot() error {
	random := n.engine.kernel.Rand(fmt.Sprintf("node %s life %d", n.id, n.life))
	n.cpu = n.engine.kernel.Rand(fmt.Sprintf("cpu of node %s life %d", n.id, n.life))
	pid := n.engine.kernel.Rand(fmt.Sprintf("pid of node %s life %d", n.id, n.life)).IntN(pidRange-2) + 2
	guest, err := n.machine.Boot(n.engine.ctx, Boot{
		Args: n.engine.options.Args, PID: pid, Random: random, Yields: n.engine.options.Yields, Trace: n.engine.options.Trace, Place: n.engine.place, Output: n.write,
		Warn: func(text string) { n.engine.warn(n.id, text) },
	})
	if err != nil {
		return fmt.Errorf("start node %s: %w", n.id, err)
	}
	n.guest = guest
	n.resume()
	return nil
}

// Deliver hands a message to the node. The node sees it when it is done with
// those before.
func (n *node) Deliver(m journal.Message) {
	if n.ended != nil {
		return
	}
	line := append(m.Append(nil), '\n')
	n.inbox = append(n.inbox, line)
	n.inboxSize += len(line)
	if unread := n.inboxSize + len(n.input) + n.wait.Unread; unread > nodeio.MaxUnread {
		n.fail(nodeio.Unread(unread))
		return
	}
	if !n.paused && len(n.inbox) > maxWaiting+n.backlog {
		n.fail(errOverrun())
		return
	}
	n.work()
}

// now returns the time at which the node can do something: that of the kernel, or
// that of its own clock if it computed beyond it.
func (n *node) now() time.Duration { return max(n.engine.kernel.Now(), n.wait.Clock) }

// work spends CPU time on the first line of the inbox, if the node is free.
func (n *node) work() {
	if n.busy || n.paused || len(n.inbox) == 0 {
		return
	}
	n.busy = true
	n.engine.kernel.At(n.now()+n.engine.options.CPUCost.draw(n.cpu), n.takeLine)
}

// takeLine moves the first line of the inbox to the node's stdin.
func (n *node) takeLine() {
	n.busy = false
	if n.ended != nil || n.paused || len(n.inbox) == 0 {
		return
	}
	n.readLine()
	for p := n.engine.options.Yields; p > 0 && len(n.inbox) > 0 && n.cpu.Float64() < p; {
		n.readLine()
	}
	if n.wait.Input {
		n.resume()
	}
	n.work()
}

// readLine moves a line from the inbox to the input of the next step.
func (n *node) readLine() {
	line := n.inbox[0]
	n.inbox[0] = nil
	n.inbox = n.inbox[1:]
	n.inboxSize -= len(line)
	n.input = append(n.input, line...)
}

// endPause lets a paused node continue.
func (n *node) endPause() {
	n.paused, n.backlog = false, len(n.inbox)
	if n.ended != nil {
		return
	}
	n.work()
	if n.alarm == nil {
		n.setAlarm()
	}
}

// resume lets the guest run until it waits again.
func (n *node) resume() {
	now := n.now()
	n.usage.at(now)
	wait, err := n.guest.Resume(Step{Now: now, Skew: n.skew, Input: n.input})
	n.input = n.input[:0]
	if err != nil {
		n.ended = err
		n.flushStderr(n.now()) // the node ended for another reason already
		n.engine.fail(n, err)
		return
	}
	n.wait = wait
	n.setAlarm()
}

// setAlarm schedules the next resume for the node's deadline. An alarm that is
// early enough is kept: most deadlines move, and most nodes are woken by
// messages.
func (n *node) setAlarm() {
	if n.wait.Deadline < 0 || n.alarm != nil && n.alarm.At() <= n.wait.Deadline {
		return
	}
	n.alarm.Cancel()
	n.alarm = n.engine.kernel.At(n.wait.Deadline, n.ring)
}

// ring resumes the node if its deadline has come.
func (n *node) ring() {
	n.alarm = nil
	switch {
	case n.ended != nil || n.paused:
	case n.wait.Deadline < 0 || n.engine.kernel.Now() < n.wait.Deadline:
		n.setAlarm()
	default:
		n.usage.at(n.now())
		if err := n.usage.addWakeup(); err != nil {
			n.fail(err)
			return
		}
		n.resume()
	}
}

// fail ends the node, and the run with it.
func (n *node) fail(err error) {
	if n.ended == nil {
		n.ended = err
	}
	n.engine.fail(n, err)
}

// errKilled is why a node ended that was killed by the test, or by its end.
var errKilled = errors.New("was killed")

// kill ends the node, and frees its memory.
func (n *node) kill() {
	if n.ended == nil {
		n.ended = errKilled
	}
	n.alarm.Cancel()
	n.alarm = nil
	if n.guest == nil {
		return
	}
	n.guest.Kill()
	n.guest = nil
	n.flushStderr(n.now())
	n.inbox, n.inboxSize, n.input = nil, 0, nil
}
