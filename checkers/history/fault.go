package history

import "strings"

// The operations of the nemesis have Jepsen's names: start-partition, stop-partition.
const (
	startPrefix = "start-"
	stopPrefix  = "stop-"
)

// StartFault returns the name of the operation by which the nemesis begins a fault.
func StartFault(name string) string { return startPrefix + name }

// StopFault returns the name of the operation by which the nemesis ends a fault.
func StopFault(name string) string { return stopPrefix + name }

// FaultOf returns the fault that an operation of the nemesis is about, and whether the
// operation begins or ends it. The name is empty for any other operation.
func FaultOf(f string) (name string, begins bool) {
	if name, ok := strings.CutPrefix(f, startPrefix); ok {
		return name, true
	}
	if name, ok := strings.CutPrefix(f, stopPrefix); ok {
		return name, false
	}
	return "", false
}

// Fault is a time during which the nemesis kept a fault in force.
type Fault struct {
	Name string
	// Starts are the operations that began it. The nemesis records two: the first has
	// what it chose as its value, the second what it did.
	Starts []*Op
	Stop   *Op // the first operation that ended it; nil if none did
}

// Faults returns the faults of a run, in the order in which they began. An operation
// that ends a fault which is not in force is left out.
func (h *History) Faults() []Fault {
	var faults []Fault
	inForce := map[string]int{} // name → index of faults
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Client() {
			continue
		}
		name, begins := FaultOf(op.F)
		at, running := inForce[name]
		switch {
		case name == "":
		case begins && running:
			faults[at].Starts = append(faults[at].Starts, op)
		case begins:
			inForce[name] = len(faults)
			faults = append(faults, Fault{Name: name, Starts: []*Op{op}})
		case running:
			faults[at].Stop = op
			delete(inForce, name)
		}
	}
	return faults
}
