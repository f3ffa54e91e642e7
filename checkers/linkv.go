package checkers

import (
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// LinKVResult says of each key whether its operations are linearizable.
type LinKVResult struct {
	Verdict
	Keys []LinKVKey // in the order of the keys
}

// LinKVKey is one key.
type LinKVKey struct {
	Key        any
	Valid      Validity
	Operations []LinKVOperation // in the order in which they began, without those that certainly did not happen and reads without an answer
}

// LinKVOperation is an operation on a key that happened, or may have.
type LinKVOperation struct {
	F          string      // read, write or cas
	From, To   any         // cas: the value expected, and the new one; write: To is written; read: To is the answer
	Invocation *history.Op // its Index orders the beginning among the other records
	Completion *history.Op // nil if it never completed
}

// Acknowledged reports whether the operation completed as ok: it took effect between
// its invocation and its completion.
func (o *LinKVOperation) Acknowledged() bool {
	return o.Completion != nil && o.Completion.Type == history.OK
}

// String describes the operation: "read 3", "write 3", "cas 3 → 4".
func (o *LinKVOperation) String() string {
	if o.F == "cas" {
		return fmt.Sprintf("cas %s → %s", edn.Brief(o.From, shown), edn.Brief(o.To, shown))
	}
	return o.F + " " + edn.Brief(o.To, shown)
}

// MarshalEDN returns the map that results.edn shows.
func (r *LinKVResult) MarshalEDN() any {
	results := edn.Map{}
	failures := []any{}
	for _, k := range r.Keys {
		valid := k.Valid.MarshalEDN()
		results = append(results, edn.Entry{Key: k.Key, Value: ednMap("linearizable", ednMap("valid?", valid), "valid?", valid)})
		if k.Valid == Invalid {
			failures = append(failures, k.Key)
		}
	}
	return ednMap("valid?", r.Valid.MarshalEDN(), "results", results, "failures", failures)
}

// LinKV checks that the operations on each key, a register with read, write and
// compare-and-set, are linearizable (Herlihy and Wing, "Linearizability: A
// Correctness Condition for Concurrent Objects", 1990).
//
// Sound and complete: a history is valid if and only if some order of its
// operations, each within its time, explains all answers, where an operation of
// unknown outcome may happen at any time after its beginning, or never. The
// search is bounded by a count of steps, not by time; a key that needs more is
// Unknown, and so is a history in which no operation was acknowledged.
func LinKV(h *history.History, o Options) (*LinKVResult, error) {
	return linKV(h, o, linearizeBudget)
}

func linKV(h *history.History, o Options, budget int) (*LinKVResult, error) {
	keys, err := linKVOperations(h)
	if err != nil {
		return nil, err
	}
	r := &LinKVResult{Keys: keys}
	who := namesOf(o)
	operations, acknowledged, failures := 0, 0, 0
	var verdicts []Validity
	for i := range keys {
		k := &keys[i]
		operations += len(k.Operations)
		for j := range k.Operations {
			if k.Operations[j].Acknowledged() {
				acknowledged++
			}
		}
		var longest []int
		k.Valid, longest = linearize(k.Operations, budget)
		verdicts = append(verdicts, k.Valid)
		switch k.Valid {
		case Invalid:
			failures++
			r.Findings = append(r.Findings, k.explain(longest, who))
		case Unknown:
			r.Findings = append(r.Findings, Finding{Check: "linearizable", About: []any{k.Key},
				Summary: fmt.Sprintf("key %s: the search for an order of its %d operations was given up after %d steps", edn.Brief(k.Key, shown), len(k.Operations), budget)})
		}
	}
	r.Valid = Worst(verdicts...)
	if acknowledged == 0 {
		r.Valid = Unknown
	}
	r.Summary = fmt.Sprintf("%s on %s, %d not linearizable", count(operations, "operation", "operations"), count(len(keys), "key", "keys"), failures)
	return r, nil
}

const linKVShape = "a pair of key and argument, such as [0 3] or, for cas, [0 [1 2]]"

// linKVOperations returns the operations by key, in the order of the keys.
func linKVOperations(h *history.History) ([]LinKVKey, error) {
	index := map[any]int{}
	var keys []LinKVKey
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type != history.Invoke || !op.Client() {
			continue
		}
		done := h.Completion(op)
		if done != nil && done.Type == history.Fail {
			continue // it did not happen
		}
		pair, ok := sequence(op.Value)
		if !ok || len(pair) != 2 {
			return nil, &ShapeError{*op, linKVShape}
		}
		o := LinKVOperation{F: op.F, To: pair[1], Invocation: op, Completion: done}
		switch op.F {
		case "read":
			if !o.Acknowledged() {
				continue // a read without an answer constrains nothing
			}
			answer, ok := sequence(done.Value)
			if !ok || len(answer) != 2 {
				return nil, &ShapeError{*done, linKVShape}
			}
			o.To = answer[1]
		case "write":
		case "cas":
			fromTo, ok := sequence(pair[1])
			if !ok || len(fromTo) != 2 {
				return nil, &ShapeError{*op, linKVShape}
			}
			o.From, o.To = fromTo[0], fromTo[1]
		default:
			return nil, &FunctionError{*op, linKVFunctions}
		}
		id := mapKey(pair[0])
		at, ok := index[id]
		if !ok {
			at = len(keys)
			index[id] = at
			keys = append(keys, LinKVKey{Key: pair[0]})
		}
		keys[at].Operations = append(keys[at].Operations, o)
	}
	slices.SortStableFunc(keys, func(a, b LinKVKey) int { return edn.Compare(a.Key, b.Key) })
	return keys, nil
}

// explain names the operation at which every attempt at an order fails: the
// acknowledged one that ended first of those that the longest attempt does not
// include. longest holds indices into k.Operations.
func (k *LinKVKey) explain(longest []int, who names) Finding {
	f := Finding{
		Check: "linearizable", About: []any{k.Key},
		Summary: fmt.Sprintf("key %s: no order of its %d operations explains all answers", edn.Brief(k.Key, shown), len(k.Operations)),
	}
	included := make([]bool, len(k.Operations))
	var state any
	for _, i := range longest {
		included[i] = true
		if o := &k.Operations[i]; o.F != "read" {
			state = o.To
		}
	}
	var stuck *LinKVOperation
	for i := range k.Operations {
		o := &k.Operations[i]
		if !included[i] && o.Acknowledged() && (stuck == nil || o.Completion.Index < stuck.Completion.Index) {
			stuck = o
		}
	}
	if stuck == nil {
		return f
	}
	f.Details = []string{
		fmt.Sprintf("%d of them can be ordered, which leaves the value %s; but then nothing explains that %s was answered %s, begun at %.3f s and ended at %.3f s",
			len(longest), edn.Brief(state, shown), who.process(stuck.Invocation.Process), stuck, stuck.Invocation.Time.Seconds(), stuck.Completion.Time.Seconds()),
	}
	f.Proof = []int{stuck.Completion.Index}
	var before []Evidence
	for _, i := range longest[max(0, len(longest)-4):] {
		o := &k.Operations[i]
		f.Proof = append(f.Proof, o.Invocation.Index)
		before = append(before, evidenceFrom(k.Key, o.Invocation))
		f.Details = append(f.Details, fmt.Sprintf("before it: %s by %s, begun at %.3f s", o, who.process(o.Invocation.Process), o.Invocation.Time.Seconds()))
	}
	f.Examples = append([]Evidence{{f.About, f.Proof}}, before...)
	return f
}
