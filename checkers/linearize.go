package checkers

import "slices"

// linearizeBudget bounds the search for an order of the operations on one key, in
// steps: a count, so that a verdict depends on the history alone. It is some
// seconds of work and about a hundred megabytes at most.
const linearizeBudget = 20_000_000

// linearization is a search for an order of the operations on a register that
// explains all answers: the algorithm of Wing and Gong ("Testing and Verifying
// Concurrent Objects", 1993) with Lowe's memory of the configurations that were
// tried ("Testing for Linearizability", 2017).
//
// Operations whose outcome is unknown have no end. An order is complete when it
// has all operations that have one: the others may never have happened.
type linearization struct {
	ops    []registerOp
	budget int

	// events is a list, linked by index, of the beginnings and ends of the
	// operations that the order under construction does not have yet.
	// events[0] is its head.
	events []registerEvent
	open   int // operations with an end that the order does not have

	state   int32
	order   []choice
	longest []int32  // the longest order that was tried in vain
	chosen  []uint64 // a bit for each operation in order
	tried   map[uint64][]configuration
}

// registerOp is an operation on values that are numbered from 0, the initial nil.
type registerOp struct {
	kind     byte // r, w or c
	from, to int32
	begin    int32 // its events; end is -1 if it has none
	end      int32
}

type registerEvent struct {
	op         int32
	isEnd      bool
	prev, next int32 // 0 for the head, and for the end of the list
}

// choice is an operation in the order, and the state before it.
type choice struct {
	op     int32
	before int32
}

// configuration is what the future of a search depends on: which operations are
// in the order, and the state that they leave. Of the bits in chosen it holds the
// words from the first that is not full to the last that is not empty.
type configuration struct {
	chosen []uint64
	skip   int // the number of full words before them
	state  int32
}

func newLinearization(operations []LinKVOperation, budget int) *linearization {
	s := &linearization{budget: budget, chosen: make([]uint64, (len(operations)+63)/64), tried: map[uint64][]configuration{}}
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
	type point struct {
		index int // in the history
		registerEvent
	}
	var points []point
	for i := range operations {
		o := &operations[i]
		s.ops = append(s.ops, registerOp{kind: o.F[0], from: number(o.From), to: number(o.To), end: -1})
		points = append(points, point{o.Invocation.Index, registerEvent{op: int32(i)}})
		if o.Acknowledged() {
			points = append(points, point{o.Completion.Index, registerEvent{op: int32(i), isEnd: true}})
			s.open++
		}
	}
	slices.SortFunc(points, func(a, b point) int { return a.index - b.index })
	s.events = make([]registerEvent, 1, len(points)+1)
	for i, p := range points {
		at := int32(i + 1)
		p.prev, p.next = at-1, at+1
		if i == len(points)-1 {
			p.next = 0
		}
		s.events = append(s.events, p.registerEvent)
		if p.isEnd {
			s.ops[p.op].end = at
		} else {
			s.ops[p.op].begin = at
		}
	}
	if len(points) > 0 {
		s.events[0].next = 1
	}
	return s
}

// search returns Valid if there is an order, Invalid if there is none, and Unknown
// if the budget did not suffice to tell.
func (s *linearization) search() Validity {
	at := s.events[0].next
	for s.open > 0 {
		if s.budget--; s.budget < 0 {
			return Unknown
		}
		e := s.events[at]
		if !e.isEnd {
			if next, ok := s.ops[e.op].apply(s.state); ok && s.choose(e.op, next) {
				at = s.events[0].next
			} else {
				at = e.next
			}
			continue
		}
		// The operation that ends here is not in the order, and no operation that
		// began before this moment can be added to it: undo the last choice. A read
		// changes nothing, so that choosing it was never wrong: undo it as well.
		for {
			if len(s.order) == 0 {
				return Invalid
			}
			op := s.undo()
			at = s.events[s.ops[op].begin].next
			if s.ops[op].kind != 'r' {
				break
			}
		}
	}
	return Valid
}

// apply returns the state after an operation, and whether its answer fits the
// state before it.
func (o *registerOp) apply(state int32) (int32, bool) {
	switch o.kind {
	case 'r':
		return state, state == o.to
	case 'w':
		return o.to, true
	}
	return o.to, state == o.from
}

// choose adds an operation to the order, unless the configuration that results was
// tried before.
func (s *linearization) choose(op, next int32) bool {
	word, bit := op/64, uint64(1)<<(op%64)
	s.chosen[word] |= bit
	if s.ops[op].kind != 'r' && !s.remember(next) { // the order without the read is remembered already
		s.chosen[word] &^= bit
		return false
	}
	s.order = append(s.order, choice{op, s.state})
	s.state = next
	s.unlink(s.ops[op].begin)
	if end := s.ops[op].end; end >= 0 {
		s.unlink(end)
		s.open--
	}
	return true
}

// remember stores the configuration of the chosen operations and a state. It
// reports whether it is new.
func (s *linearization) remember(state int32) bool {
	c := configuration{chosen: s.chosen, state: state}
	for len(c.chosen) > 0 && c.chosen[0] == ^uint64(0) {
		c.chosen, c.skip = c.chosen[1:], c.skip+1
	}
	for len(c.chosen) > 0 && c.chosen[len(c.chosen)-1] == 0 {
		c.chosen = c.chosen[:len(c.chosen)-1]
	}
	key := uint64(state)<<32 | uint64(c.skip)
	for _, w := range c.chosen {
		key = (key ^ w) * 0x9e3779b97f4a7c15
		key ^= key >> 29
	}
	for _, known := range s.tried[key] {
		if known.state == c.state && known.skip == c.skip && slices.Equal(known.chosen, c.chosen) {
			return false
		}
	}
	c.chosen = slices.Clone(c.chosen)
	s.tried[key] = append(s.tried[key], c)
	s.budget -= 8 + len(c.chosen) // what remembering costs
	return true
}

// undo takes the last operation out of the order and returns it.
func (s *linearization) undo() int32 {
	if len(s.order) > len(s.longest) {
		s.longest = s.longest[:0]
		for _, c := range s.order {
			s.longest = append(s.longest, c.op)
		}
	}
	last := s.order[len(s.order)-1]
	s.order = s.order[:len(s.order)-1]
	s.state = last.before
	s.chosen[last.op/64] &^= uint64(1) << (last.op % 64)
	if end := s.ops[last.op].end; end >= 0 {
		s.relink(end)
		s.open++
	}
	s.relink(s.ops[last.op].begin)
	return last.op
}

// unlink takes an event out of the list. The event keeps its own links, for
// relink.
func (s *linearization) unlink(at int32) {
	e := s.events[at]
	s.events[e.prev].next = e.next
	if e.next != 0 {
		s.events[e.next].prev = e.prev
	}
}

// relink undoes the latest unlink that was not undone.
func (s *linearization) relink(at int32) {
	e := s.events[at]
	s.events[e.prev].next = at
	if e.next != 0 {
		s.events[e.next].prev = at
	}
}
