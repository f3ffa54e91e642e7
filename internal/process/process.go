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
	"strings"
	"sync"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
)

// Limits on what a node may do to the runner's memory.
const (
	MaxLine     = 8 << 20  // bytes of one line on stdout
	maxUnread   = 64 << 20 // bytes that wait for a node to read its stdin
	maxIncoming = 4 << 20  // bytes read from nodes and not yet handled
	keptLines   = 32       // last lines of stdout and stderr, for error messages
)

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
	nodes   []*node
	start   time.Time
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
	e := &Engine{options: o, receive: receive, wake: make(chan struct{}, 1), start: time.Now()}
	e.room = sync.NewCond(&e.mu)
	return e
}

// A NodeError is what a node did wrong. Its Output is what it printed last.
type NodeError struct {
	Node   string
	Msg    string
	Stdout []string // the last lines
	Stderr []string // the last lines
	Crash  []string // the first lines of a crash report on stderr, if there is one
}

func (e *NodeError) Error() string { return fmt.Sprintf("node %s %s", e.Node, e.Msg) }

type node struct {
	id     string
	cmd    *exec.Cmd
	engine *Engine
	stdin  *outbox

	stdoutDone, stderrDone chan struct{}
	exited                 chan struct{} // then exitErr says how
	exitErr                error

	mu             sync.Mutex
	stdout, stderr recent
	crash          []string // the beginning of a crash report on stderr
}

// noteCrash keeps the beginning of a crash report, whose end may push it out of
// the last lines.
func (n *node) noteCrash(line []byte) {
	const enough = 12
	begins := bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) || bytes.HasPrefix(line, []byte("Traceback "))
	if begins && len(n.crash) == 0 || len(n.crash) > 0 && len(n.crash) < enough {
		n.crash = append(n.crash, string(line[:min(len(line), 500)]))
	}
}

// recent keeps the last lines.
type recent []string

func (r *recent) add(line []byte) {
	const width = 500
	s := string(line[:min(len(line), width)])
	if len(line) > width {
		s += "…"
	}
	if *r = append(*r, s); len(*r) > keptLines {
		*r = (*r)[1:]
	}
}

// Start starts a node.
func (e *Engine) Start(id string) (network.Endpoint, error) {
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
	log, err := e.options.Log(id)
	if err != nil {
		return nil, err
	}
	err = cmd.Start()
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
		log.Close()
		return nil, fmt.Errorf("start node %s: %w", id, err)
	}
	n := &node{
		id: id, cmd: cmd, engine: e, stdin: newOutbox(stdin),
		stdoutDone: make(chan struct{}), stderrDone: make(chan struct{}), exited: make(chan struct{}),
	}
	go n.readStdout(outR)
	go n.readStderr(errR, log)
	go n.wait()
	e.nodes = append(e.nodes, n)
	return n, nil
}

// Deliver hands a message to the node. It does not block.
func (n *node) Deliver(m journal.Message) {
	if waiting := n.stdin.put(m); waiting > maxUnread {
		n.engine.push(arrival{node: n, err: fmt.Errorf("does not read its stdin: %d MiB of messages are waiting for it", waiting>>20)})
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
		return errors.New("exited with status 0 during the test")
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
			if long = append(long, line...); len(long) > MaxLine {
				return fmt.Errorf("printed a line of more than %d MiB on stdout; it begins with %.60q", MaxLine>>20, long)
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
			n.mu.Lock()
			n.stdout.add(text)
			n.mu.Unlock()
			m, perr := journal.Parse(text)
			if perr != nil {
				return fmt.Errorf("printed a line on stdout that is not a message: %w: %s", perr, shorten(text))
			}
			n.engine.push(arrival{node: n, message: m, size: len(text)})
		}
		if err != nil {
			return nil
		}
		long = long[:0]
	}
}

func shorten(text []byte) string {
	if len(text) > 200 {
		return fmt.Sprintf("%q…", text[:200])
	}
	return fmt.Sprintf("%q", text)
}

// readStderr copies stderr to the node's log.
func (n *node) readStderr(r *os.File, log io.WriteCloser) {
	defer close(n.stderrDone)
	defer r.Close()
	defer log.Close()
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 {
			log.Write(line) // a full disk must not stop the node; the history will say
			text := bytes.TrimRight(line, "\r\n")
			n.mu.Lock()
			n.stderr.add(text)
			n.noteCrash(text)
			n.mu.Unlock()
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
		k.Advance(time.Since(e.start))
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
			wait = next - time.Since(e.start)
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
	if a.err != nil {
		return a.node.fail(a.err)
	}
	if a.message.Src != a.node.id {
		return a.node.fail(fmt.Errorf(`printed a message whose "src" is %q, not its own id: %s`, a.message.Src, shorten(a.message.Append(nil))))
	}
	if err := e.receive(a.message); err != nil {
		return a.node.fail(fmt.Errorf("printed a message that cannot be delivered: %w: %s", err, shorten(a.message.Append(nil))))
	}
	return nil
}

func (n *node) fail(err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &NodeError{Node: n.id, Msg: err.Error(), Stdout: slices.Clone(n.stdout), Stderr: slices.Clone(n.stderr), Crash: slices.Clone(n.crash)}
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
		killGroup(n.cmd.Process)
	}
	for _, n := range e.nodes {
		waitAtMost(5*time.Second, n.exited)
		waitAtMost(pipeGrace, n.stdoutDone, n.stderrDone) // a child that left the group may hold them
	}
}

// Describe returns the last lines of a node's output, for people.
func (e *NodeError) Describe() string {
	var b strings.Builder
	const few = 12
	stderr, heading := e.Stderr[max(0, len(e.Stderr)-few):], "its last lines on stderr"
	if len(e.Crash) > 0 {
		stderr, heading = e.Crash, "it crashed, saying on stderr"
	}
	for _, part := range []struct {
		heading string
		lines   []string
	}{{"its last lines on stdout", e.Stdout[max(0, len(e.Stdout)-few):]}, {heading, stderr}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", part.heading)
			for _, line := range part.lines {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	return b.String()
}
