package wasm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"glomers/internal/nodeio"
	"glomers/internal/sim"
)

// guest is an instance of the program. It runs as a coroutine: Resume gives it
// control, and wait gives it back.
type guest struct {
	program *Program
	boot    sim.Boot
	ctx     context.Context
	disk    *disk
	heap    *linearMemory
	memory  api.Memory
	counts  [len(counters)]api.Global

	next   func() (struct{}, bool)
	cancel func()
	yield  func(struct{}) bool
	ended  error // why it does not run any more

	stdin       []byte // what it can read now
	nonblocking bool   // it was told that reading stdin does not block
	clock       time.Duration
	skew        time.Duration // of its wall clock
	waits       sim.Wait
	step        step
}

// step is what a guest did since it was resumed.
type step struct {
	spent     uint64        // fuel
	unchecked uint64        // fuel spent since the context was last checked
	tick      time.Duration // virtual time that the next reading of a clock takes
	looks     uint64        // readings of a clock
	yields    uint64        // calls of sched_yield
	polls     uint64        // calls of poll_oneoff that did not wait

	counting bool                  // base is set
	base     [len(counters)]uint64 // what the module had counted when it first used up its fuel
}

// Boot makes an instance of the program.
func (m *machine) Boot(ctx context.Context, b sim.Boot) (sim.Guest, error) {
	m.disk.reset()
	heap, err := reserve(m.program.memory, m.disk)
	if err != nil {
		return nil, err
	}
	g := &guest{program: m.program, boot: b, ctx: ctx, disk: m.disk, heap: heap}
	gctx := &guestContext{experimental.WithMemoryAllocator(ctx, g.heap), g}
	module, err := m.program.runtime.InstantiateModule(gctx, m.program.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		g.heap.Free()
		return nil, err
	}
	g.memory = module.Memory()
	for i, c := range counters {
		g.counts[i] = module.ExportedGlobal(c.global)
	}
	g.next, g.cancel = iter.Pull(func(yield func(struct{}) bool) {
		g.yield = yield
		_, err := module.ExportedFunction("_start").Call(gctx)
		g.ended = g.endReason(err)
		module.Close(gctx)
	})
	return g, nil
}

// Resume lets the program run until it waits.
func (g *guest) Resume(s sim.Step) (sim.Wait, error) {
	g.clock, g.skew = max(g.clock, s.Now), s.Skew
	g.stdin = append(g.stdin, s.Input...)
	g.step = step{tick: clockStep}
	g.next()
	return g.waits, g.ended
}

// errKilled unwinds a guest that is killed.
var errKilled = errors.New("was killed")

// Kill ends the program and frees its memory.
func (g *guest) Kill() {
	if g.next == nil {
		return
	}
	g.cancel()
	if g.ended == nil { // it never ran
		g.ended = errKilled
	}
	g.heap.Free()
	g.next, g.memory = nil, nil
}

// wait gives control back to the host, which resumes the guest at the deadline or, if
// forInput, when there is input.
func (g *guest) wait(deadline time.Duration, forInput bool) {
	g.waits = sim.Wait{Deadline: deadline, Input: forInput, Clock: g.clock, Unread: len(g.stdin)}
	if !g.yield(struct{}{}) {
		panic(errKilled)
	}
}

// How much a guest may compute, in units of fuel (see meter). It is counted rather than
// timed, so that the verdict does not depend on the machine. An empty loop, or one that
// reads a variable, takes one to two nanoseconds for a unit on a common machine; real
// work (encoding JSON, hashing, sorting, searching maps) takes 5 to 16. So a step that
// loops without end is found after one or two seconds of CPU time, and work may take
// five to fifteen: about what native simulation allows, in which the same work takes a
// tenth of the time and has a limit of two seconds. The nodes of the workbook use less
// than a hundredth of a second. A guest that polls is recognised earlier, by what it
// calls (see busy.go).
const (
	fuelPerStep   = 1 << 30
	fuelPolling   = 1 << 26 // of a step that does little but look for something to do
	fuelSlice     = 1 << 20 // between two checks of the context
	unitsPerCall  = 32      // of a function of the host
	unitsPerWrite = 256     // to stdout or stderr
	unitsPerEntry = 16      // of a directory that is listed
	unitsPerPath  = 1024    // that is looked up on the disk
)

// errFuel unwinds a guest that computed for too long.
var errFuel = errors.New("out of fuel")

// charge takes fuel for what the host does for the guest.
func (g *guest) charge(units uint64) {
	g.step.spent += units
	g.step.unchecked += units
	if g.step.unchecked < fuelSlice {
		return
	}
	g.step.unchecked = 0
	if !g.step.counting {
		g.step.counting, g.step.base = true, g.counted()
	}
	if g.step.spent > g.program.fuelPerStep || g.step.spent > g.program.fuelPolling && g.polling() != "" {
		panic(errFuel)
	}
	if err := g.ctx.Err(); err != nil {
		panic(err)
	}
}

// counted returns what the module has counted.
func (g *guest) counted() (counts [len(counters)]uint64) {
	for i, c := range g.counts {
		counts[i] = c.Get()
	}
	return counts
}

// refuel is the function that a guest calls when its fuel is used up. The fuel may then
// be negative.
func refuel(ctx context.Context, module api.Module, _ []uint64) {
	fuel := module.ExportedGlobal(fuelName).(api.MutableGlobal)
	missing := uint64(-int64(fuel.Get()))
	fuel.Set(fuelSlice)
	ctx.(*guestContext).guest.charge(fuelSlice + missing)
}

// endReason says why _start returned.
func (g *guest) endReason(err error) error {
	var exit *sys.ExitError
	switch {
	case err == nil:
		return nodeio.ErrExited
	case errors.Is(err, errKilled):
		return errKilled
	case g.ctx.Err() != nil && errors.Is(err, g.ctx.Err()):
		return g.ctx.Err()
	case errors.Is(err, errFuel):
		return g.busy(err)
	case g.heap.full:
		return fmt.Errorf("needs more memory than the %d MiB that a node may have (--node-memory)", g.disk.limit>>20)
	case errors.As(err, &exit) && exit.ExitCode() == 0:
		return nodeio.ErrExited
	case errors.As(err, &exit):
		return fmt.Errorf("crashed: exit status %d", exit.ExitCode())
	}
	var output *outputError
	if errors.As(err, &output) {
		return output.err
	}
	return fmt.Errorf("crashed: %w", err)
}

// outputError unwinds a guest whose output was refused.
type outputError struct{ err error }

func (e *outputError) Error() string { return e.err.Error() }

func (e *outputError) Unwrap() error { return e.err }
