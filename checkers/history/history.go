package history

import "fmt"

// History is a sequence of operations with their pairing. The zero value is an
// empty history. New also checks that the operations fit together; a History made
// from Ops without it leaves those that do not fit unpaired, and must not be used by
// several goroutines until Completion or Invocation was called once.
type History struct {
	Ops  []Op    // Index is the position of each
	pair []int32 // index of the other half, -1 when there is none
}

// A PairingError is an operation that does not fit the ones before it.
type PairingError struct {
	Op  Op
	Msg string
}

func (e *PairingError) Error() string {
	return fmt.Sprintf("%s (%s): %s", e.Op.Where(), e.Op, e.Msg)
}

// Position returns the place of the operation in the text; see Op.Position.
func (e *PairingError) Position() (line, column int) { return e.Op.Position() }

// New pairs the invocations and completions of ops, whose Index fields are set
// to their position. It returns a *PairingError if a process invokes an
// operation while another one of its own is in flight, or completes one that
// it never invoked. Operations of the nemesis are not paired.
func New(ops []Op) (*History, error) {
	h := &History{Ops: ops}
	var first error
	h.pairAll(func(e *PairingError) bool {
		first = e
		return false
	})
	if first != nil {
		return nil, first
	}
	return h, nil
}

// pairAll pairs all operations. It calls misfit for those that do not fit, and
// stops if that returns false.
func (h *History) pairAll(misfit func(*PairingError) bool) {
	h.pair = make([]int32, len(h.Ops))
	inFlight := map[int]int32{}
	for i := range h.Ops {
		op := &h.Ops[i]
		op.Index = i
		h.pair[i] = -1
		if !op.Client() {
			continue
		}
		start, busy := inFlight[op.Process]
		problem := ""
		switch {
		case op.Type == Invoke && busy:
			problem = fmt.Sprintf("the process invokes an operation while its operation %d is in flight", start)
		case op.Type == Invoke:
		case !busy:
			problem = "the process completes an operation that it never invoked"
		case h.Ops[start].F != op.F:
			problem = fmt.Sprintf("the process invoked %s at operation %d but completes %s", h.Ops[start].F, start, op.F)
		default:
			h.pair[i], h.pair[start] = start, int32(i)
		}
		if problem != "" && !misfit(&PairingError{*op, problem}) {
			return
		}
		if op.Type == Invoke {
			inFlight[op.Process] = int32(i)
		} else {
			delete(inFlight, op.Process)
		}
	}
}

// Completion returns the completion of an invocation of the history's Ops, or nil if the
// history ends before it, or the operation is the nemesis's.
func (h *History) Completion(invocation *Op) *Op { return h.other(invocation) }

// Invocation returns the invocation of a completion of the history's Ops, nil for the
// nemesis.
func (h *History) Invocation(completion *Op) *Op { return h.other(completion) }

func (h *History) other(op *Op) *Op {
	if len(h.pair) != len(h.Ops) { // not made by New
		h.pairAll(func(*PairingError) bool { return true })
	}
	if i := h.pair[op.Index]; i >= 0 {
		return &h.Ops[i]
	}
	return nil
}
