package runner

import (
	"time"

	"glomers/checkers/history"
	"glomers/internal/network"
	"glomers/internal/workload"
)

// Pauser is an engine that can suspend a node.
type Pauser interface {
	Pause(node string) error
	Resume(node string) error
}

// Killer is an engine that can kill a node and start it again. The endpoint that
// it had does nothing any more; Restart returns its new one.
type Killer interface {
	Kill(node string) error
	Restart(node string) (network.Endpoint, error)
}

// Skewer is an engine that can set the error of a node's wall clock.
type Skewer interface {
	Skew(node string, by time.Duration) error
}

// UnsupportedError is a fault that the engine cannot inject.
type UnsupportedError struct{ Fault string }

func (e *UnsupportedError) Error() string {
	return "the engine cannot inject the fault " + e.Fault
}

// stopIf ends the run if there is an error.
func (t *test) stopIf(err error) {
	if err != nil {
		t.kernel.Stop(err)
	}
}

// Pause suspends a node.
func (t *test) Pause(node string) {
	if e, ok := t.engine.(Pauser); ok {
		t.stopIf(e.Pause(node))
		return
	}
	t.stopIf(&UnsupportedError{"pause"})
}

// Resume ends the pause of a node.
func (t *test) Resume(node string) { t.stopIf(t.engine.(Pauser).Resume(node)) }

// Kill ends a node: what is sent to it is lost.
func (t *test) Kill(node string) {
	e, ok := t.engine.(Killer)
	if !ok {
		t.stopIf(&UnsupportedError{"kill"})
		return
	}
	t.network.Detach(node)
	if c := t.greeters[node]; c != nil { // it may not have had the time to answer init
		t.Close(c)
	}
	t.stopIf(e.Kill(node))
}

// Restart starts a node that was killed, as at the beginning of the test: it is
// sent init, and what the clients of the workload send before the test.
func (t *test) Restart(node string) {
	e, err := t.engine.(Killer).Restart(node)
	if err != nil {
		t.kernel.Stop(err)
		return
	}
	t.network.Attach(node, e)
	t.greeters[node] = t.init(node, func(err *workload.Error) {
		if err != nil {
			t.log.Warn("a node that was restarted did not answer init", "node", node, "error", err)
			return
		}
		t.load.Reintroduce(node)
	})
}

// Skew sets the error of a node's wall clock.
func (t *test) Skew(node string, by time.Duration) {
	if e, ok := t.engine.(Skewer); ok {
		t.stopIf(e.Skew(node, by))
		return
	}
	t.stopIf(&UnsupportedError{"clock"})
}

// staller is an engine that runs in real time, in which the runner itself may
// stall.
type staller interface {
	OnStall(func(time.Duration))
}

// stalled records in the history that the runner itself made no progress, so that
// checkers do not blame the nodes for it.
func (t *test) stalled(d time.Duration) {
	t.log.Warn("the runner itself made no progress; the run is disturbed", "for", d)
	t.RecordOp(history.Op{
		Process: history.Nemesis, Type: history.Info, F: history.RunnerStall,
		Value: d.Milliseconds(), Time: t.kernel.Now(),
	})
}

// faults are the names of the faults in force.
type faults []string

// observe takes an operation of the nemesis, such as start-partition.
func (f *faults) observe(op string) {
	fault, begins := history.FaultOf(op)
	if fault == "" {
		return
	}
	kept := faults{}
	for _, known := range *f {
		if known != fault {
			kept = append(kept, known)
		}
	}
	if begins {
		kept = append(kept, fault)
	}
	*f = kept
}
