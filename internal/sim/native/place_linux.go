//go:build linux && (amd64 || arm64)

package native

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"glomers/internal/sim"
)

// noCore is the core of what may run on any.
const noCore = -1

// place keeps the thread that drives a run, and with it the nodes, on one core. They
// run in turn, so that a second core would gain nothing, and waking a process on
// another core takes longer than the work of most steps. Steps that could run at the
// same time do not either; docs/internals.md says why.
type place struct {
	allowed unix.CPUSet // where the thread could run before
	core    int         // where it is bound to, noCore for none
	kept    bool        // false where the system refuses
	reviews int
}

// Place binds the thread of the calling goroutine to the core where it runs now.
func (p *Program) Place() sim.Place {
	runtime.LockOSThread()
	at := &place{core: noCore}
	if unix.SchedGetaffinity(0, &at.allowed) == nil && at.allowed.Count() > 1 {
		at.kept = true
		at.stay()
	}
	return at
}

// stay binds the thread to the core where it is.
func (at *place) stay() {
	cpu, err := currentCPU()
	if err == nil {
		var only unix.CPUSet
		only.Set(cpu)
		err = unix.SchedSetaffinity(0, &only)
	}
	if at.kept = err == nil; at.kept {
		at.core = cpu
	}
}

// reviewsBetweenMoves is how many reviews pass until a run may move to another core.
// The system moves a thread when it wakes up, so it is unbound until the next review.
const reviewsBetweenMoves = 64

// Review lets the system move the thread from time to time, and then binds it to its
// new core. Without this, the runs of several commands could share a core while another
// core is idle.
func (at *place) Review() {
	if !at.kept {
		return
	}
	at.reviews++
	switch at.reviews % reviewsBetweenMoves {
	case 0:
		at.kept = unix.SchedSetaffinity(0, &at.allowed) == nil
	case 1:
		at.stay()
	}
}

// Release lets the thread run anywhere again.
func (at *place) Release() {
	if at.kept {
		unix.SchedSetaffinity(0, &at.allowed)
	}
	runtime.UnlockOSThread()
}

// currentCPU returns the core on which the thread runs.
func currentCPU() (int, error) {
	var cpu uint32
	if _, _, err := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); err != 0 {
		return 0, err
	}
	return int(cpu), nil
}

// follow binds the process to the core of the run that drives it.
func (g *guest) follow() {
	if g.place == nil || g.place.core == g.core {
		return
	}
	g.core = g.place.core
	var only unix.CPUSet
	only.Set(g.core)
	unix.SchedSetaffinity(g.watch.pid, &only) // if it fails, the run is only slower
}
