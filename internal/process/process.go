// Package process runs nodes as executables in real time, as Maelstrom does: it
// writes messages to their stdin, reads messages from their stdout and keeps
// their stderr. It is the only place where input from outside becomes events.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// Options say what to run.
type Options struct {
	Bin  string   // path of the executable
	Args []string // its arguments
	Log  func(node string) (io.WriteCloser, error)
	// Stderr is called for every line that a node prints there; may be nil.
	Stderr func(node, line string)
}

// Engine runs one cluster of nodes.
type Engine struct {
	options Options
	nodes   []*node // the killed ones, too
	logs    []io.Closer
	began   time.Time
	receive func(journal.Message) error

	mu       sync.Mutex
	room     *sync.Cond // for readers of stdout, when incoming is full
	incoming []arrival
	size     int
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

// New returns an engine without nodes. It hands every message that a node prints
// to receive, which returns an error for one that cannot be delivered.
func New(o Options, receive func(journal.Message) error) *Engine {
	e := &Engine{options: o, receive: receive, wake: make(chan struct{}, 1), began: time.Now()}
	e.room = sync.NewCond(&e.mu)
	return e
}

type node struct {
	id     string
	cmd    *exec.Cmd
	engine *Engine
	stdin  *outbox
	log    io.Writer
	killed bool // by the test: what it still says does not count

	stdoutDone, stderrDone chan struct{}
	exited                 chan struct{} // then exitErr says how
	exitErr                error

	output nodeio.Output
}

// Start starts a node.
func (e *Engine) Start(id string) (network.Endpoint, error) {
	log, err := e.options.Log(id)
	if err != nil {
		return nil, err
	}
	e.logs = append(e.logs, log)
	return e.start(id, log)
}

func (e *Engine) start(id string, log io.Writer) (*node, error) {
	cmd := exec.Command(e.options.Bin, e.options.Args...)
	cmd.Dir = os.TempDir()
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Pipes of our own: exec's would be closed by Wait before they are drained.
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = outW, errW
	err = cmd.Start()
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
		return nil, fmt.Errorf("start node %s: %w", id, err)
	}
	n := &node{
		id: id, cmd: cmd, engine: e, log: log, stdin: newOutbox(stdin),
		stdoutDone: make(chan struct{}), stderrDone: make(chan struct{}), exited: make(chan struct{}),
	}
	go n.readStdout(outR)
	go n.readStderr(errR)
	go n.wait()
	e.nodes = append(e.nodes, n)
	return n, nil
}

// Deliver hands a message to the node. It does not block.
func (n *node) Deliver(m journal.Message) {
	if waiting := n.stdin.put(m); waiting > nodeio.MaxUnread {
		n.engine.push(arrival{node: n, err: nodeio.Unread(waiting)})
	}
}

// pipeGrace is how long the pipes of a node may stay open after it exited, held
// by its children, before what they still say is given up.
const pipeGrace = 200 * time.Millisecond

// wait reports the end of the process, once all it printed was read.
func (n *node) wait() {
	n.exitErr = n.cmd.Wait()
	close(n.exited)
	waitAtMost(pipeGrace, n.stdoutDone, n.stderrDone)
	n.engine.push(arrival{node: n, err: n.exitReason()})
}

// waitAtMost waits until all channels are closed, but no longer than d.
func waitAtMost(d time.Duration, channels ...chan struct{}) {
	deadline := time.After(d)
	for _, c := range channels {
		select {
		case <-c:
		case <-deadline:
			return
		}
	}
}

func (n *node) exitReason() error {
	var exit *exec.ExitError
	switch {
	case n.exitErr == nil:
		return nodeio.ErrExited
	case errors.As(n.exitErr, &exit):
		return fmt.Errorf("crashed: %s", exit.ProcessState)
	}
	return n.exitErr
}

// readStdout turns lines into messages until the node closes its stdout.
func (n *node) readStdout(r *os.File) {
	defer close(n.stdoutDone)
	defer r.Close()
	if err := n.readLines(r); err != nil {
		n.engine.push(arrival{node: n, err: err})
		io.Copy(io.Discard, r) // let the node go on until it is stopped
		return
	}
	waitAtMost(time.Second, n.exited)
	select {
	case <-n.exited: // which says more
	default:
		n.engine.push(arrival{node: n, err: errors.New("closed its stdout")})
	}
}

func (n *node) readLines(r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var long []byte
	for {
		line, err := br.ReadSlice('\n')
		if err == bufio.ErrBufferFull || len(long) > 0 {
			if long = append(long, line...); len(long) > nodeio.MaxLine {
				return nodeio.TooLong(long)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			line = long
		}
		if err != nil && len(bytes.TrimSpace(line)) == 0 {
			return nil // a closed pipe; why is for exitReason to say
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			m, err := n.output.Message(text)
			if err != nil {
				return err
			}
			n.engine.push(arrival{node: n, message: m, size: len(text)})
		}
		if err != nil {
			return nil
		}
		long = long[:0]
	}
}

// readStderr copies stderr to the node's log.
func (n *node) readStderr(r *os.File) {
	defer close(n.stderrDone)
	defer r.Close()
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 {
			n.log.Write(line) // a full disk must not stop the node; the history will say
			text := bytes.TrimRight(line, "\r\n")
			n.output.Stderr(text)
			if n.engine.options.Stderr != nil {
				n.engine.options.Stderr(n.id, string(text))
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
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

func (e *Engine) take(buf []arrival) []arrival {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.incoming
	e.incoming = buf[:0]
	e.size = 0
	e.room.Broadcast()
	return taken
}

// Drive runs the kernel in real time until it is stopped, a node fails or the
// context ends. It returns what ended the run, nil for a normal end.
func (e *Engine) Drive(ctx context.Context, k *kernel.Kernel) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []arrival
	for {
		k.Advance(time.Since(e.began))
		if k.Stopped() {
			return k.Err()
		}
		batch := e.take(buf)
		for i := range batch {
			if err := e.handle(&batch[i]); err != nil {
				return err
			}
			batch[i] = arrival{}
		}
		buf = batch
		if len(batch) > 0 {
			continue
		}
		wait := time.Hour
		if next, ok := k.Next(); ok {
			wait = next - time.Since(e.began)
		}
		if wait <= 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
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
	return nil
}

func (n *node) fail(err error) error { return n.output.Fail(n.id, err) }

// Stop kills the nodes and the processes that they started, and waits until
// their logs are complete.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.closed = true
	e.room.Broadcast()
	e.mu.Unlock()
	for _, n := range e.nodes {
		n.stdin.close()
		killGroup(n.cmd.Process)
	}
	for _, n := range e.nodes {
		waitAtMost(5*time.Second, n.exited)
		waitAtMost(pipeGrace, n.stdoutDone, n.stderrDone) // a child that left the group may hold them
	}
	for _, log := range e.logs {
		log.Close()
	}
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

// Pause stops a node and its children.
func (e *Engine) Pause(id string) error {
	n, err := e.find(id)
	if err == nil && !n.killed {
		err = pauseGroup(n.cmd.Process)
	}
	return err
}

// Resume lets them go on.
func (e *Engine) Resume(id string) error {
	n, err := e.find(id)
	if err == nil && !n.killed {
		err = resumeGroup(n.cmd.Process)
	}
	return err
}

// Kill kills a node and its children.
func (e *Engine) Kill(id string) error {
	n, err := e.find(id)
	if err == nil {
		n.killed = true
		n.stdin.close()
		killGroup(n.cmd.Process)
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
