package trace

import (
	"fmt"
	"math"
	"slices"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// window is the part of a run that a story is taken from.
type window struct {
	from, to time.Duration
	node     string   // only its messages; empty for those of all nodes
	sums     *counter // the story of a counter; nil for others
}

func (w window) has(at time.Duration) bool { return w.from <= at && at <= w.to }

// plan chooses the story: where it begins and ends, and what it follows.
func (t *Trace) plan() {
	t.window = window{to: math.MaxInt64}
	if t.everything() {
		return
	}
	var first, last *history.Op
	for _, i := range t.subject.Proof {
		op := &t.h.Ops[i]
		if last == nil || op.Index > last.Index {
			last = op
		}
		if begin := t.begin(op); first == nil || begin.Index < first.Index {
			first = begin
		}
	}
	if last != nil {
		t.window.to = last.Time
	}
	switch add := t.findAdd(); {
	case add != nil:
		t.spread = newSpread(t.names, t.subject, add, t.nodes)
		if done := t.h.Completion(add); done != nil {
			t.spread.known = done.Time
		}
		t.window.from = add.Time
	case last == nil: // whatever mentions what the user named
	case t.counts(last):
		t.planCounter(last)
	case last.Type != history.OK || t.subject.Kind == "echo":
		t.request = newRequest(t.nodes.of(last.Process), first, last)
		t.window.from, t.window.node = first.Time, t.nodes.of(last.Process)
		t.names = namesOf(keysOf(first.Value))
		t.names.keyed = true
	default:
		t.names.keyed = true
		if !first.Final { // what the last reads show began before
			t.window.from = first.Time
		}
	}
}

// begin returns the invocation of a completion, or the operation itself.
func (t *Trace) begin(op *history.Op) *history.Op {
	if op.Type != history.Invoke {
		if invoke := t.h.Invocation(op); invoke != nil {
			return invoke
		}
	}
	return op
}

// findAdd returns the invocation that added the value of the subject to a set; nil if
// the subject is no such value.
func (t *Trace) findAdd() *history.Op {
	if len(t.subject.About) != 1 {
		return nil
	}
	for i := range t.h.Ops {
		op := &t.h.Ops[i]
		if op.Type == history.Invoke && op.Client() && (op.F == "broadcast" || op.F == "add") && sameValue(op.Value, t.subject.About[0]) {
			return op
		}
	}
	return nil
}

// sameValue compares a value with one that the user typed, which is a string.
func sameValue(a, b any) bool {
	text, typed := b.(string)
	return edn.Equal(a, b) || typed && edn.String(a) == text
}

// keysOf are the keys or the value that an operation is about, as far as that can be
// told from its invocation; nil for a read of everything.
func keysOf(v any) []any {
	list, ok := sequence(v)
	if !ok {
		return nil
	}
	var keys []any
	for _, x := range list {
		if mop, ok := sequence(x); ok && len(mop) == 3 && !slices.ContainsFunc(keys, func(k any) bool { return edn.Equal(k, mop[1]) }) {
			keys = append(keys, mop[1])
		}
	}
	return keys
}

// belongs reports whether an operation within the window, which is not part of the proof,
// belongs to the story.
func (t *Trace) belongs(op *history.Op) bool {
	switch {
	case t.everything():
		return true
	case t.spread != nil && op.F == "read":
		set, ok := sequence(op.Value)
		return ok && (t.spread.timesIn(set) > 0 || op.Time > t.spread.known)
	case t.spread != nil:
		return sameValue(op.Value, t.subject.About[0])
	case t.window.sums != nil:
		return op.F == "add" || t.nodes.of(op.Process) == t.window.node && op.Type != history.Invoke
	case t.request != nil || t.names.keyed && op.F == "assign":
		return false
	}
	return t.names.mentions(op.Value) > 0
}

// faults returns the operations of the nemesis that began what is still in force when the
// window opens, and are therefore part of the story.
func (t *Trace) faults() map[*history.Op]bool {
	began := map[*history.Op]bool{}
	for _, f := range t.h.Faults() {
		if f.Starts[0].Time > t.window.from || f.Stop != nil && f.Stop.Time <= t.window.from {
			continue
		}
		for _, op := range f.Starts {
			began[op] = true
		}
	}
	return began
}

// counter is what reads of a counter may show.
type counter struct {
	low, high []int64 // by the index of the operation: the sums that were acknowledged and attempted
}

// counts reports whether an operation reads a counter.
func (t *Trace) counts(op *history.Op) bool {
	_, number := op.Value.(int64)
	return op.F == "read" && op.Type == history.OK && number
}

// planCounter makes the story begin with the last right answer of the node whose answer is
// wrong, and end with its first wrong one. Increments are never undone, so that a sum
// which lacks some is not right again; one that is too high later is certain to have been
// counted twice where it first was.
func (t *Trace) planCounter(wrong *history.Op) {
	sums := &counter{}
	low, high := int64(0), int64(0)
	for i := range t.h.Ops {
		op := &t.h.Ops[i]
		if delta, ok := op.Value.(int64); ok && op.Client() && op.F == "add" {
			switch {
			case op.Type == history.Invoke && delta > 0, op.Type == history.OK && delta < 0:
				high += delta
			}
			switch {
			case op.Type == history.Invoke && delta < 0, op.Type == history.OK && delta > 0:
				low += delta
			}
		}
		sums.low, sums.high = append(sums.low, low), append(sums.high, high)
	}
	t.window = window{node: t.nodes.of(wrong.Process), sums: sums, to: wrong.Time}
	tooHigh := wrong.Value.(int64) > sums.high[wrong.Index]
	for i := range t.h.Ops[:wrong.Index] {
		op := &t.h.Ops[i]
		if !t.counts(op) || t.nodes.of(op.Process) != t.window.node {
			continue
		}
		switch value := op.Value.(int64); {
		case t.sumOf(op) == "":
			t.window.from, t.window.to = t.begin(op).Time, wrong.Time
		case tooHigh && value > sums.high[op.Index]:
			t.window.to = op.Time
			return
		case !tooHigh && t.window.to == wrong.Time:
			t.window.to = op.Time
		}
	}
}

// sumOf says what a read should have shown, "" if it is right.
func (t *Trace) sumOf(op *history.Op) string {
	value, _ := op.Value.(int64)
	low, high := t.window.sums.low[t.begin(op).Index], t.window.sums.high[op.Index]
	switch {
	case low <= value && value <= high:
		return ""
	case low == high:
		return fmt.Sprintf("the sum is %d", low)
	}
	return fmt.Sprintf("the sum is from %d to %d", low, high)
}

// wrong says what is wrong with the answer of an operation, "" if nothing is known to be.
func (t *Trace) wrong(op *history.Op) string {
	switch {
	case op.Type != history.OK:
	case t.window.sums != nil && t.counts(op):
		return t.sumOf(op)
	case t.spread != nil && op.F == "read" && slices.Contains(t.subject.Proof, op.Index):
		if set, _ := sequence(op.Value); t.spread.timesIn(set) == 0 {
			return "lacks " + edn.Brief(t.subject.About[0], shown)
		}
	case t.subject.Kind == "linearizable" && op.F == "read":
		if newest, stale := t.staleRegister(op); stale {
			return "stale: the newest is " + edn.Brief(newest, shown)
		}
	}
	return ""
}

// staleRegister reports whether a read of lin-kv returned a value that had been
// overwritten, by a write that ended before the read began, and the value that was then
// the newest.
func (t *Trace) staleRegister(read *history.Op) (newest any, stale bool) {
	pair, ok := sequence(read.Value)
	if !ok || len(pair) != 2 {
		return nil, false
	}
	began := t.begin(read)
	var last *history.Op // the invocation of the write that ended last before the read
	for i := range t.h.Ops[:began.Index] {
		op := &t.h.Ops[i]
		if written, ok := writes(op, pair[0]); ok && op.Type == history.OK {
			last, newest = t.begin(op), written
		}
	}
	if last == nil || edn.Equal(newest, pair[1]) {
		return nil, false
	}
	for i := range t.h.Ops[:read.Index] { // could another write explain the answer?
		op := &t.h.Ops[i]
		written, ok := writes(op, pair[0])
		if !ok || op.Type != history.Invoke || !edn.Equal(written, pair[1]) {
			continue
		}
		done := t.h.Completion(op)
		if done == nil || done.Type == history.Info || done.Type == history.OK && done.Index > last.Index {
			return nil, false
		}
	}
	return newest, true
}

// writes returns the value that an operation of lin-kv gives a key.
func writes(op *history.Op, key any) (value any, ok bool) {
	pair, isPair := sequence(op.Value)
	if !isPair || len(pair) != 2 || !edn.Equal(pair[0], key) || !op.Client() {
		return nil, false
	}
	switch op.F {
	case "write":
		return pair[1], true
	case "cas":
		if fromTo, ok := sequence(pair[1]); ok && len(fromTo) == 2 {
			return fromTo[1], true
		}
	}
	return nil, false
}
