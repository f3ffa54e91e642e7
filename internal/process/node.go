package process

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/nodeio"
)

// node is one process of a node; a node that is restarted gets a new one.
type node struct {
	id     string
	mark   string
	family *family
	engine *Engine
	stdin  *outbox
	log    io.Writer
	killed bool // by the test; its remaining output is ignored

	stdoutDone, stderrDone chan struct{}
	exited                 chan struct{} // closed when exitErr is set
	exitErr                error

	output  nodeio.Output
	traffic traffic // used by Drive alone
}

// start starts a process for a node.
func (e *Engine) start(id string, log io.Writer) (*node, error) {
	cmd := exec.Command(e.options.Bin, e.options.Args...)
	cmd.Dir = os.TempDir()
	mark := nodeMark(e.mark, id, len(e.nodes))
	cmd.Env = append(os.Environ(), mark)
	family := newFamily(cmd)
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
	err = e.starter.start(cmd)
	outW.Close()
	errW.Close()
	if err != nil {
		outR.Close()
		errR.Close()
		return nil, startError(id, e.options.Bin, err)
	}
	e.guard.started(family.id())
	n := &node{
		id: id, mark: mark, family: family, engine: e, log: log, stdin: newOutbox(stdin),
		stdoutDone: make(chan struct{}), stderrDone: make(chan struct{}), exited: make(chan struct{}),
	}
	e.nodes = append(e.nodes, n)
	err = family.started()
	go n.readStdout(outR)
	go n.readStderr(errR)
	go n.wait()
	return n, err
}

// Deliver writes a message to the node's stdin. It does not block.
func (n *node) Deliver(m journal.Message) {
	if m.Src != n.id {
		n.traffic.at(n.engine.now())
		n.traffic.fromOthers++
	}
	if waiting := n.stdin.put(m); waiting > nodeio.MaxUnread {
		n.engine.push(arrival{node: n, err: nodeio.Unread(waiting)})
	}
}

// pipeGrace is how long to wait for the end of a node's output after it exited. A
// process that left its group may hold the pipes open for longer.
const pipeGrace = 200 * time.Millisecond

// wait reports the end of the process, once its output has been read.
func (n *node) wait() {
	n.exitErr = n.family.wait()
	n.engine.guard.reaped(n.family.id())
	close(n.exited)
	waitAtMost(pipeGrace, n.stdoutDone, n.stderrDone)
	n.engine.push(arrival{node: n, err: exitError(n.exitErr)})
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

// readStdout queues the messages that the node prints until it closes its
// stdout.
func (n *node) readStdout(r *os.File) {
	defer close(n.stdoutDone)
	defer r.Close()
	if err := n.readLines(r); err != nil {
		n.engine.push(arrival{node: n, err: err})
		io.Copy(io.Discard, r) // a full pipe must not block the node until it is stopped
		return
	}
	waitAtMost(time.Second, n.exited)
	select {
	case <-n.exited: // exitErr says more
	default:
		n.engine.push(arrival{node: n, err: errors.New("closed its stdout during the test")})
	}
}

// readLines queues messages until the end of r. It returns an error for what is
// not a message.
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
		if text := bytes.TrimSpace(line); len(text) > 0 {
			m, err := n.output.Message(text)
			if err != nil {
				return err
			}
			n.engine.push(arrival{node: n, message: m, size: len(text)})
		} else if err := n.output.Blank(line); err != nil {
			return err
		}
		if err != nil {
			return nil // the pipe is closed; exitError says why
		}
		long = long[:0]
	}
}

// readStderr copies stderr to the node's log. After an error it reads on, so
// that the node does not block before it is stopped.
func (n *node) readStderr(r *os.File) {
	defer close(n.stderrDone)
	defer r.Close()
	br := bufio.NewReaderSize(r, 64<<10)
	failed := false
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 && !failed {
			n.log.Write(line) // a full disk must not stop the node
			text := bytes.TrimRight(line, "\r\n")
			if err := n.output.Stderr(text); err != nil {
				failed = true
				n.engine.push(arrival{node: n, err: err})
			}
			if n.engine.options.Stderr != nil {
				n.engine.options.Stderr(n.id, string(text))
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// fail returns the error that ends the run, with what the node printed last.
func (n *node) fail(err error) error { return n.output.Fail(n.id, err) }
