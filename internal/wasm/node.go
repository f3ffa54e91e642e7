package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nodeio"
)

// node is one instance of the program. It runs as a coroutine: resume gives it
// control, and it gives control back in poll_oneoff.
type node struct {
	id     string
	life   int // 1, and one more after each restart
	engine *Engine
	log    io.WriteCloser
	random *rand.Rand
	files  *fileSystem
	output nodeio.Output

	memory api.Memory
	fuel   api.MutableGlobal
	heap   *linearMemory
	next   func() (struct{}, bool)
	cancel func()
	yield  func(struct{}) bool
	ended  error // why it does not run any more

	inbox       [][]byte // lines that wait until the node has time for them
	size        int      // bytes in inbox
	busy        bool     // it is handling a message
	paused      bool
	stdin       []byte // what it can read now
	nonblocking bool   // it knows that reading stdin does not wait
	lines       []byte // of stdout, not complete yet
	text        []byte // of stderr, not complete yet

	clock    time.Duration // what time it is for the node
	skew     time.Duration // of its wall clock
	waiting  bool          // in poll_oneoff
	forInput bool          // for stdin among other things
	deadline time.Duration // when to wake it, never if negative
	alarm    *kernel.Timer
}

// Deliver hands a message to the node. The node sees it when it is done with
// those before.
func (n *node) Deliver(m journal.Message) {
	line := append(m.Append(nil), '\n')
	n.inbox = append(n.inbox, line)
	if n.size += len(line); n.size > nodeio.MaxUnread {
		n.fail(nodeio.Unread(n.size))
	}
	n.work()
}

// work lets the node begin with its inbox, if it is free to.
func (n *node) work() {
	if !n.busy && !n.paused && len(n.inbox) > 0 {
		n.busy = true
		n.engine.kernel.After(n.engine.options.CPUCost, n.handle)
	}
}

// goOn ends a pause.
func (n *node) goOn() {
	n.paused = false
	if n.ended != nil {
		return
	}
	n.work()
	if n.waiting && n.alarm == nil {
		n.setAlarm()
	}
}

// handle gives the node the next line of its inbox.
func (n *node) handle() {
	n.busy = false
	if n.ended != nil || n.paused || len(n.inbox) == 0 {
		return
	}
	line := n.inbox[0]
	n.inbox = n.inbox[1:]
	n.size -= len(line)
	n.stdin = append(n.stdin, line...)
	if len(n.stdin) > nodeio.MaxUnread {
		n.fail(nodeio.Unread(len(n.stdin)))
		return
	}
	if n.waiting && n.forInput {
		n.resume()
	}
	n.work()
}

// fuelPerStep bounds how long a node may compute before it waits: a step has so
// many iterations of loops, some ten seconds of them on a common machine. It is
// counted, not timed, so that it does not depend on the machine.
const fuelPerStep = 2_000_000_000

// start runs the program until it waits for the first time.
func (n *node) start() error {
	p := n.engine.options.Program
	n.random = n.engine.kernel.Rand(fmt.Sprintf("node %s life %d", n.id, n.life))
	var err error
	if n.heap, err = reserve(p.memory); err != nil {
		return fmt.Errorf("start node %s: %w", n.id, err)
	}
	ctx := &nodeContext{experimental.WithMemoryAllocator(n.engine.ctx, n.heap), n}
	module, err := p.runtime.InstantiateModule(ctx, p.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return fmt.Errorf("start node %s: %w", n.id, err)
	}
	n.memory = module.Memory()
	n.fuel, _ = module.ExportedGlobal(fuelName).(api.MutableGlobal)
	n.next, n.cancel = iter.Pull(func(yield func(struct{}) bool) {
		n.yield = yield
		_, err := module.ExportedFunction("_start").Call(ctx)
		n.ended = n.endReason(err)
		module.Close(ctx)
	})
	n.resume()
	return nil
}

// errStopped unwinds a node at the end of the run.
var errStopped = errors.New("stopped")

// endReason says why _start returned.
func (n *node) endReason(err error) error {
	var exit *sys.ExitError
	switch {
	case err == nil:
		return nodeio.ErrExited
	case errors.Is(err, errStopped):
		return errStopped
	case n.heap.full:
		return fmt.Errorf("needs more memory than the %d MiB that a node may have (--node-memory)", n.heap.limit>>20)
	case errors.As(err, &exit) && exit.ExitCode() == 0:
		return nodeio.ErrExited
	case errors.As(err, &exit):
		return fmt.Errorf("crashed: exit status %d", exit.ExitCode())
	case n.fuel != nil && int64(n.fuel.Get()) < 0:
		return errors.New("computes without end: it does not wait for messages or time any more")
	}
	return fmt.Errorf("crashed: %w", err)
}

// resume lets the node run until it waits again.
func (n *node) resume() {
	n.clock = max(n.clock, n.engine.kernel.Now())
	if n.fuel != nil {
		n.fuel.Set(fuelPerStep)
	}
	n.waiting = false
	n.next()
	if n.ended != nil {
		n.flush()
		n.fail(n.ended)
		return
	}
	n.setAlarm()
}

// setAlarm wakes the node at its deadline. An alarm that is early enough is kept:
// most deadlines move, and most nodes are woken by messages.
func (n *node) setAlarm() {
	if n.deadline < 0 || n.alarm != nil && n.alarm.At() <= n.deadline {
		return
	}
	n.alarm.Cancel()
	n.alarm = n.engine.kernel.At(n.deadline, n.ring)
}

func (n *node) ring() {
	n.alarm = nil
	switch {
	case n.ended != nil || !n.waiting || n.paused:
	case n.deadline >= 0 && n.engine.kernel.Now() >= n.deadline:
		n.resume()
	default:
		n.setAlarm()
	}
}

// wait parks the node until its deadline, or until it has input if it waits for
// that.
func (n *node) wait(deadline time.Duration, forInput bool) {
	n.waiting, n.deadline, n.forInput = true, deadline, forInput
	if !n.yield(struct{}{}) {
		panic(errStopped)
	}
	n.deadline = -1
}

// fail ends the run for what the node did.
func (n *node) fail(err error) {
	n.engine.kernel.Stop(n.output.Fail(n.id, err))
}

// stop ends the node, and frees its memory.
func (n *node) stop() {
	if n.next == nil {
		return
	}
	n.cancel()
	if n.ended == nil { // it never ran
		n.ended = errStopped
	}
	n.alarm.Cancel()
	n.flush()
	n.heap.Free()
	n.next = nil
}

// print takes what the node wrote to stdout. Complete lines go to the network.
func (n *node) print(text []byte) {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			if n.lines = append(n.lines, text...); len(n.lines) > nodeio.MaxLine {
				n.fail(nodeio.TooLong(n.lines))
				n.lines = nil
			}
			return
		}
		line := text[:i]
		if len(n.lines) > 0 {
			line = append(n.lines, line...)
			n.lines = n.lines[:0]
		}
		text = text[i+1:]
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) > nodeio.MaxLine {
			n.fail(nodeio.TooLong(line))
			return
		}
		m, err := n.output.Message(line)
		if err == nil {
			err = nodeio.Deliver(n.id, m, n.engine.receive)
		}
		if err != nil {
			n.fail(err)
			return
		}
	}
}

// complain takes what the node wrote to stderr. In its log, each line has the
// virtual time at its beginning, in seconds.
func (n *node) complain(text []byte) {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			n.text = append(n.text, text...)
			if len(n.text) > nodeio.MaxLine {
				n.flush()
			}
			return
		}
		line := text[:i]
		if len(n.text) > 0 {
			line = append(n.text, line...)
			n.text = n.text[:0]
		}
		text = text[i+1:]
		n.logLine(line)
	}
}

// flush logs a line that was not ended.
func (n *node) flush() {
	if len(n.text) > 0 {
		n.logLine(n.text)
		n.text = n.text[:0]
	}
}

func (n *node) logLine(line []byte) {
	fmt.Fprintf(n.log, "%11.6f %s\n", n.clock.Seconds(), line) // a full disk must not stop the node
	line = bytes.TrimRight(line, "\r")
	n.output.Stderr(line)
	if n.engine.options.Stderr != nil {
		n.engine.options.Stderr(n.id, string(line))
	}
}
