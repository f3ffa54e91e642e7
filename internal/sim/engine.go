package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/nodeio"
)

// Options configure an engine.
type Options struct {
	Program Program
	Args    []string // of each node
	CPUCost CPUCost
	// Yields is the probability that a message which waits is read in the same step as
	// the one before it, and takes no CPU time of its own, so that a program which
	// handles messages in goroutines has several at work; see also Boot.Yields.
	Yields float64
	Trace  bool // see Boot.Trace
	// Log creates the log of a node, which gets its stderr.
	Log func(node string) (io.WriteCloser, error)
	// File creates a copy of a file that a node wrote, at the end of the run; may
	// be nil.
	File func(node, path string) (io.WriteCloser, error)
	// Stderr is called for every line that a node prints there; may be nil.
	Stderr func(node, line string)
	// Warn is called with a remark about a node, once for each text; may be nil.
	Warn func(node, text string)
}

// CPUCost is the virtual time that a node takes to handle a message. It is drawn
// uniformly from Min to Max for each message, from a random stream of the node.
// Messages that arrive meanwhile wait.
type CPUCost struct{ Min, Max time.Duration }

// Constant returns the cost that is the same for every message.
func Constant(d time.Duration) CPUCost { return CPUCost{d, d} }

// draw returns the cost of one message.
func (c CPUCost) draw(r *rand.Rand) time.Duration {
	if c.Max <= c.Min {
		return c.Min
	}
	return c.Min + time.Duration(r.Int64N(int64(c.Max-c.Min)+1))
}

// Engine runs one cluster of nodes in virtual time.
type Engine struct {
	options Options
	receive func(journal.Message) error
	nodes   []*node
	kernel  *kernel.Kernel
	ctx     context.Context
	place   Place           // nil if the program is not a Placer
	warned  map[string]bool // texts that Warn was called with
	racy    map[string]bool // nodes on whose stderr Go's race detector reported
}

// New returns an engine without nodes. It hands every message that a node prints
// to receive, which returns an error for one that cannot be delivered.
func New(o Options, receive func(journal.Message) error) *Engine {
	return &Engine{options: o, receive: receive, warned: map[string]bool{}, racy: map[string]bool{}}
}

// Start adds a node, which begins to run when the engine is driven.
func (e *Engine) Start(id string) (network.Endpoint, error) {
	machine, err := e.options.Program.Machine(id)
	if err != nil {
		return nil, fmt.Errorf("start node %s: %w", id, err)
	}
	log, err := e.options.Log(id)
	if err != nil {
		return nil, errors.Join(err, machine.Close())
	}
	n := &node{id: id, life: 1, engine: e, machine: machine, log: nodeio.NewLog(log)}
	e.nodes = append(e.nodes, n)
	return n, nil
}

// find returns the index of a node.
func (e *Engine) find(id string) (int, error) {
	for i, n := range e.nodes {
		if n.id == id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no node %s", id)
}

// Silent adds to err, which says that a node did not answer, what the node printed
// instead. It returns err as it is for a node that it does not know.
func (e *Engine) Silent(id string, err error) error {
	i, findErr := e.find(id)
	if findErr != nil {
		return err
	}
	return e.nodes[i].output.FailSilent(id, err)
}

// Pause suspends a node until Resume. Its messages and timers wait.
func (e *Engine) Pause(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].paused = true
	}
	return err
}

// Resume ends a pause.
func (e *Engine) Resume(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].endPause()
	}
	return err
}

// Kill ends a node at once. Its disk remains.
func (e *Engine) Kill(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].kill()
	}
	return err
}

// Restart runs the program of a killed node again, on its old disk.
func (e *Engine) Restart(id string) (network.Endpoint, error) {
	i, err := e.find(id)
	if err != nil {
		return nil, err
	}
	old := e.nodes[i]
	n := &node{id: id, life: old.life + 1, engine: e, machine: old.machine, log: old.log, skew: old.skew, usage: old.usage}
	e.nodes[i] = n
	return n, n.boot()
}

// Skew sets the error of a node's wall clock.
func (e *Engine) Skew(id string, by time.Duration) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].skew = by
	}
	return err
}

// eventsBetweenReviews is how many events of the kernel pass between two reviews of
// the place where a run is: about a millisecond.
const eventsBetweenReviews = 32

// Drive runs the kernel in virtual time until it is stopped, a node fails or the
// context ends. It returns what ended the run, nil for a normal end.
func (e *Engine) Drive(ctx context.Context, k *kernel.Kernel) error {
	e.kernel, e.ctx = k, ctx
	review := func() {}
	if placer, ok := e.options.Program.(Placer); ok {
		e.place = placer.Place()
		defer e.place.Release()
		review = e.place.Review
	}
	for _, n := range e.nodes {
		if err := n.boot(); err != nil {
			return err
		}
		if k.Stopped() {
			return k.Err()
		}
	}
	for events := 1; k.Step(); events++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if events%eventsBetweenReviews == 0 {
			review()
		}
	}
	return k.Err()
}

// Stop ends the nodes and keeps their files.
func (e *Engine) Stop() {
	for _, n := range e.nodes {
		n.kill()
		e.keepFiles(n)
		n.machine.Close()
		n.log.Close()
	}
}

// keepFiles copies what a node wrote to files.
func (e *Engine) keepFiles(n *node) {
	if e.options.File == nil {
		return
	}
	left := int64(maxKept)
	for path, content := range n.machine.Files() {
		w, err := e.options.File(n.id, path)
		if err == nil {
			var written int64
			written, err = io.Copy(w, io.LimitReader(content, left))
			left -= written
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			fmt.Fprintf(n.log, "the file %s could not be kept: %v\n", path, err)
		}
		if left == 0 {
			fmt.Fprintf(n.log, "only %d MiB of its files are kept, up to %s\n", maxKept>>20, path)
			return
		}
	}
}

// Racy returns the nodes on whose stderr Go's race detector has reported, sorted.
func (e *Engine) Racy() []string { return slices.Sorted(maps.Keys(e.racy)) }

// warn passes a remark about a node on, the first time.
func (e *Engine) warn(node, text string) {
	if e.options.Warn != nil && !e.warned[text] {
		e.warned[text] = true
		e.options.Warn(node, text)
	}
}

// fail ends the run for what a node did.
func (e *Engine) fail(n *node, err error) {
	if ctxErr := e.ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) {
		e.kernel.Stop(err)
		return
	}
	e.kernel.Stop(n.output.Fail(n.id, err))
}
