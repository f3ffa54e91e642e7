package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
)

// Options say what to run.
type Options struct {
	Program *Program
	Args    []string // of a node
	// CPUCost is the virtual time that a node takes to handle a message. Messages
	// that arrive meanwhile wait.
	CPUCost time.Duration
	Log     func(node string) (io.WriteCloser, error)
	// File creates a copy of what a node wrote to a file of its own, at the end of
	// the run; may be nil.
	File func(node, path string) (io.WriteCloser, error)
	// Stderr is called for every line that a node prints there; may be nil.
	Stderr func(node, line string)
	// Missing is called when a node calls a function that the host does not have;
	// may be nil.
	Missing func(node, function string)
}

// Engine runs one cluster of nodes in virtual time.
type Engine struct {
	options Options
	receive func(journal.Message) error
	nodes   []*node
	kernel  *kernel.Kernel
	ctx     context.Context
	told    map[string]bool // functions that are missing and were named
}

// New returns an engine without nodes. It hands every message that a node prints
// to receive, which returns an error for one that cannot be delivered.
func New(o Options, receive func(journal.Message) error) *Engine {
	return &Engine{options: o, receive: receive, told: map[string]bool{}}
}

// Start adds a node, which begins to run when the engine is driven.
func (e *Engine) Start(id string) (network.Endpoint, error) {
	log, err := e.options.Log(id)
	if err != nil {
		return nil, err
	}
	n := &node{id: id, life: 1, engine: e, log: log, files: newFileSystem()}
	e.nodes = append(e.nodes, n)
	return n, nil
}

// find returns the place of a node.
func (e *Engine) find(id string) (int, error) {
	for i, n := range e.nodes {
		if n.id == id {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no node %s", id)
}

// Pause makes a node stand still. Messages and time wait for it.
func (e *Engine) Pause(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].paused = true
	}
	return err
}

// Resume lets a node go on.
func (e *Engine) Resume(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].goOn()
	}
	return err
}

// Kill ends a node at once. It keeps its files.
func (e *Engine) Kill(id string) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].stop()
	}
	return err
}

// Restart starts a node that was killed, as a new process with its old files.
func (e *Engine) Restart(id string) (network.Endpoint, error) {
	i, err := e.find(id)
	if err != nil {
		return nil, err
	}
	old := e.nodes[i]
	n := &node{id: id, life: old.life + 1, engine: e, log: old.log, files: old.files, skew: old.skew, clock: e.kernel.Now()}
	n.files.closeAll()
	e.nodes[i] = n
	return n, n.start()
}

// Skew makes the wall clock of a node show a time that is off by so much.
func (e *Engine) Skew(id string, by time.Duration) error {
	i, err := e.find(id)
	if err == nil {
		e.nodes[i].skew = by
	}
	return err
}

// interruptEvery is how many events pass between two looks at the context.
const interruptEvery = 256

// Drive runs the kernel in virtual time until it is stopped, a node fails or the
// context ends. It returns what ended the run, nil for a normal end.
func (e *Engine) Drive(ctx context.Context, k *kernel.Kernel) error {
	e.kernel, e.ctx = k, ctx
	for _, n := range e.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	for i := 0; k.Step(); i++ {
		if i%interruptEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return k.Err()
}

// Stop ends the nodes and keeps their files.
func (e *Engine) Stop() {
	for _, n := range e.nodes {
		n.stop()
		n.keepFiles()
		n.log.Close()
	}
}

func (e *Engine) missing(n *node, name string) {
	if e.options.Missing != nil && !e.told[name] {
		e.told[name] = true
		e.options.Missing(n.id, name)
	}
}

// keepFiles copies what the node wrote to files.
func (n *node) keepFiles() {
	if n.engine.options.File == nil {
		return
	}
	for _, path := range slices.Sorted(n.files.written()) {
		w, err := n.engine.options.File(n.id, path)
		if err != nil {
			fmt.Fprintf(n.log, "its file %s could not be kept: %v\n", path, err)
			continue
		}
		_, err = w.Write(n.files.root.find(path).data)
		if err := errors.Join(err, w.Close()); err != nil {
			fmt.Fprintf(n.log, "its file %s could not be kept: %v\n", path, err)
		}
	}
}
