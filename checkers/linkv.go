package checkers

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/anishathalye/porcupine"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// linKVTimeout bounds the search for a linearization of one key. A key that needs
// longer has an unknown verdict.
const linKVTimeout = time.Minute

// LinKVResult tells for each key whether its operations are linearizable.
type LinKVResult struct {
	Valid    Validity `json:"valid?"`
	Results  edn.Map  `json:"results"`
	Failures []any    `json:"failures"` // keys
}

// LinKV checks that the operations on each key, a register with read, write and
// compare-and-set, are linearizable (Herlihy and Wing, "Linearizability: A
// Correctness Condition for Concurrent Objects", 1990). It is exact: a history is
// valid if and only if some order of its operations, within their times, explains
// all answers, where an operation of unknown outcome may happen at any time after
// its beginning, or never. The search is porcupine's
// (https://github.com/anishathalye/porcupine).
func LinKV(h *history.History) (Verdict, error) {
	keys, err := linKVOperations(h)
	if err != nil {
		return Verdict{}, err
	}
	r := LinKVResult{Results: edn.Map{}, Failures: []any{}}
	v := Verdict{}
	operations := 0
	for _, k := range keys {
		operations += len(k.ops)
		verdict, info := porcupine.CheckOperationsTimeout(registerModel, k.ops, linKVTimeout), porcupine.LinearizationInfo{}
		if verdict == porcupine.Illegal { // rare, and only then worth the cost of keeping the attempts
			verdict, info = porcupine.CheckOperationsVerbose(registerModel, k.ops, linKVTimeout)
		}
		valid := map[porcupine.CheckResult]Validity{porcupine.Ok: Valid, porcupine.Illegal: Invalid, porcupine.Unknown: Unknown}[verdict]
		r.Valid = Worst(r.Valid, valid)
		r.Results = append(r.Results, edn.Entry{Key: k.key, Value: ednMap("linearizable", ednMap("valid?", valid.MarshalEDN()), "valid?", valid.MarshalEDN())})
		switch valid {
		case Invalid:
			r.Failures = append(r.Failures, k.key)
			v.Pages = append(v.Pages, k.page(info))
			v.Findings = append(v.Findings, k.explain(info))
		case Unknown:
			v.Findings = append(v.Findings, Finding{Check: "linearizable", Summary: fmt.Sprintf("key %s: the search for an order took longer than %v and was given up", edn.String(k.key), linKVTimeout)})
		}
	}
	edn.SortMap(r.Results)
	v.Valid, v.Fields = r.Valid, r
	v.Summary = fmt.Sprintf("%d operations on %d keys, %d keys not linearizable", operations, len(keys), len(r.Failures))
	return v, nil
}

// registerInput is an operation on a register.
type registerInput struct {
	f        string
	from, to any
	op       *history.Op // its invocation
	done     *history.Op // its completion, nil if there is none
}

var registerModel = porcupine.Model{
	Init: func() any { return nil },
	Step: func(state, input, output any) (bool, any) {
		in := input.(registerInput)
		switch in.f {
		case "read":
			return mapKey(state) == mapKey(output), state
		case "write":
			return true, in.to
		}
		return mapKey(state) == mapKey(in.from), in.to
	},
	Equal: func(a, b any) bool { return mapKey(a) == mapKey(b) },
	DescribeOperation: func(input, output any) string {
		in := input.(registerInput)
		switch in.f {
		case "read":
			return "read " + edn.String(output)
		case "write":
			return "write " + edn.String(in.to)
		}
		return fmt.Sprintf("cas %s → %s", edn.String(in.from), edn.String(in.to))
	},
	DescribeState: func(state any) string { return edn.String(state) },
}

type linKVKey struct {
	key any
	ops []porcupine.Operation
}

const linKVShape = "a pair of key and argument, such as [0 3] or, for cas, [0 [1 2]]"

func linKVOperations(h *history.History) ([]*linKVKey, error) {
	var keys []*linKVKey
	byKey := map[any]*linKVKey{}
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
		in := registerInput{f: op.F, to: pair[1], op: op, done: done}
		o := porcupine.Operation{ClientId: op.Process, Call: int64(op.Index), Return: math.MaxInt64}
		acknowledged := done != nil && done.Type == history.OK
		if acknowledged {
			o.Return = int64(done.Index)
		}
		switch op.F {
		case "read":
			if !acknowledged {
				continue // a read without an answer says nothing
			}
			answer, ok := sequence(done.Value)
			if !ok || len(answer) != 2 {
				return nil, &ShapeError{*done, linKVShape}
			}
			o.Output = answer[1]
		case "write":
		case "cas":
			fromTo, ok := sequence(pair[1])
			if !ok || len(fromTo) != 2 {
				return nil, &ShapeError{*op, linKVShape}
			}
			in.from, in.to = fromTo[0], fromTo[1]
		default:
			return nil, &FunctionError{*op, linKVFunctions}
		}
		o.Input = in
		id := mapKey(pair[0])
		k := byKey[id]
		if k == nil {
			k = &linKVKey{key: pair[0]}
			byKey[id] = k
			keys = append(keys, k)
		}
		k.ops = append(k.ops, o)
	}
	return keys, nil
}

// page draws all attempts at an order, with porcupine's visualization.
func (k *linKVKey) page(info porcupine.LinearizationInfo) Page {
	return Page{
		Name:  fmt.Sprintf("linearizable-%s.html", strings.Map(fileRune, edn.String(k.key))),
		Write: func(w io.Writer) error { return porcupine.Visualize(registerModel, info, w) },
	}
}

// fileRune keeps what may be in the name of a file on every system.
func fileRune(r rune) rune {
	if r == '-' || r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return '_'
}

// explain finds the operation at which every attempt at an order fails: the first
// acknowledged one that the longest attempt does not include.
func (k *linKVKey) explain(info porcupine.LinearizationInfo) Finding {
	f := Finding{Check: "linearizable", Summary: fmt.Sprintf("key %s: no order of its %d operations explains all answers", edn.String(k.key), len(k.ops)), About: []any{k.key}}
	var longest []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations() {
		for _, attempt := range part {
			if len(attempt) > len(longest) {
				longest = attempt
			}
		}
	}
	included := map[int64]bool{}
	var state any
	for _, o := range longest {
		included[o.Call] = true
		_, state = registerModel.Step(state, o.Input, o.Output)
	}
	var stuck *porcupine.Operation
	for i := range k.ops {
		if o := &k.ops[i]; !included[o.Call] && o.Return != math.MaxInt64 && (stuck == nil || o.Return < stuck.Return) {
			stuck = o
		}
	}
	if stuck != nil {
		in := stuck.Input.(registerInput)
		f.Details = []string{
			fmt.Sprintf("%d of them fit together and leave the value %s; then process %d got the answer to %s, begun at %.3f s and ended at %.3f s, which fits nowhere",
				len(longest), edn.String(state), in.op.Process, registerModel.DescribeOperation(stuck.Input, stuck.Output), in.op.Time.Seconds(), in.done.Time.Seconds()),
		}
		for _, o := range longest[max(0, len(longest)-4):] {
			in := o.Input.(registerInput)
			f.Details = append(f.Details, fmt.Sprintf("before it: process %d, %s, begun at %.3f s", in.op.Process, registerModel.DescribeOperation(o.Input, o.Output), in.op.Time.Seconds()))
		}
	}
	return f
}
