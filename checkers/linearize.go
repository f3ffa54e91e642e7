package checkers

import (
	"github.com/anishathalye/porcupine"
)

// linearizeBudget is how many steps the search for an order of the operations on one
// key may take. It is a count rather than a time, so that a verdict depends on the
// history alone, not on the machine. All of it takes some seconds and at most about a
// hundred megabytes.
const linearizeBudget = 20_000_000

// registerOp is an operation on a register whose values are numbered from 0, the
// initial nil.
type registerOp struct {
	kind         byte // r, w or c
	from, to     int32
	acknowledged bool
}

// apply returns the state after an operation, and whether its answer fits the state
// before it. Porcupine puts every operation into the order, so a compare-and-set of
// unknown outcome that does not match is let through unchanged: it never happened.
func (o *registerOp) apply(state int32) (int32, bool) {
	switch {
	case o.kind == 'r':
		return state, state == o.to
	case o.kind == 'w' || state == o.from:
		return o.to, true
	}
	return state, !o.acknowledged
}

// linearize looks for an order of the operations on a register that explains all
// answers, with porcupine, and returns Valid, Invalid, or Unknown if the budget did
// not suffice to tell. If there is no order, it also returns the longest one that
// was tried, as indices of operations.
func linearize(operations []LinKVOperation, budget int) (valid Validity, longest []int) {
	ops := porcupineOperations(operations)
	s := &steps{left: budget, words: len(ops)/64 + 1}
	switch ok := porcupine.CheckOperations(s.model(), ops); {
	case ok:
		return Valid, nil
	case s.left < 0:
		return Unknown, nil
	}
	// The same search again, in as many steps, this time recording its attempts. Most
	// keys are linearizable and need no record.
	s.left = budget
	_, info := porcupine.CheckOperationsVerbose(s.model(), ops, 0)
	for _, attempts := range info.PartialLinearizations() {
		for _, attempt := range attempts {
			if len(attempt) > len(longest) {
				longest = attempt
			}
		}
	}
	return Invalid, longest
}

// porcupineOperations returns the operations in porcupine's form. One that was not
// acknowledged ends after all others.
func porcupineOperations(operations []LinKVOperation) []porcupine.Operation {
	values := map[any]int32{nil: 0}
	number := func(v any) int32 {
		key := mapKey(v)
		n, ok := values[key]
		if !ok {
			n = int32(len(values))
			values[key] = n
		}
		return n
	}
	last := 0
	for i := range operations {
		o := &operations[i]
		last = max(last, o.Invocation.Index)
		if o.Acknowledged() {
			last = max(last, o.Completion.Index)
		}
	}
	out := make([]porcupine.Operation, len(operations))
	for i := range operations {
		o := &operations[i]
		end := last + 1 + i
		if o.Acknowledged() {
			end = o.Completion.Index
		}
		out[i] = porcupine.Operation{
			ClientId: o.Invocation.Process, Call: int64(o.Invocation.Index), Return: int64(end),
			Input: &registerOp{kind: o.F[0], from: number(o.From), to: number(o.To), acknowledged: o.Acknowledged()},
		}
	}
	return out
}

// steps counts what a search does. Porcupine itself can bound a search by time
// only.
type steps struct {
	left  int
	words int // size of the bit set of operations that the search stores whenever one fits
}

// model is a register. Once the steps are used up it accepts no operation, which ends
// the search.
func (s *steps) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int32(0) },
		Step: func(state, input, _ any) (bool, any) {
			if s.left--; s.left < 0 {
				return false, state
			}
			next, ok := input.(*registerOp).apply(state.(int32))
			if ok {
				s.left -= 8 + s.words
			}
			return ok, next
		},
		Hash: func(state any) uint64 { return uint64(state.(int32)) * 0x9e3779b97f4a7c15 },
	}
}
