// Package history holds what clients did and saw: a sequence of operations, in
// the order in which they began and ended.
//
// A history is what Jepsen writes to history.edn
// (https://github.com/jepsen-io/history): every operation appears once when it
// is invoked and once more when it completes as ok, fail (it did not happen) or
// info (nobody knows).
package history

import (
	"fmt"
	"strings"
	"time"

	"glomers/checkers/edn"
)

// Type says whether a record is the beginning or which kind of end of an
// operation.
type Type uint8

// The four types of a record.
const (
	Invoke Type = iota
	OK
	Fail
	Info
)

var typeNames = [...]edn.Keyword{"invoke", "ok", "fail", "info"}

func (t Type) String() string { return string(typeNames[t]) }

// Nemesis is the process of operations that break and mend the network rather
// than talk to a node.
const Nemesis = -1

// Op is one record: an invocation or a completion.
type Op struct {
	Index   int           // position in the history, from 0
	Time    time.Duration // since the start of the run
	Process int           // a logical client, or Nemesis
	F       string
	Value   any     // an EDN value
	Error   any     // an EDN value, nil when there is none
	Extra   edn.Map // any other field, in its order
	Type    Type
	Final   bool // one of the reads after recovery

	Line, Column int32 // where it begins in the text that it was read from, from 1; 0 if it was not
}

// Where names the operation by its index and, if it was read from a text, by its
// place there.
func (o *Op) Where() string {
	if o.Line == 0 {
		return fmt.Sprintf("operation %d", o.Index)
	}
	return fmt.Sprintf("line %d, column %d: operation %d", o.Line, o.Column, o.Index)
}

// Client reports whether a client, not the nemesis, did the operation.
func (o *Op) Client() bool { return o.Process != Nemesis }

// MarshalEDN returns the map that history.edn holds.
func (o Op) MarshalEDN() any {
	m := make(edn.Map, 0, 9+len(o.Extra))
	m = append(m,
		edn.Entry{Key: edn.Keyword("index"), Value: int64(o.Index)},
		edn.Entry{Key: edn.Keyword("time"), Value: int64(o.Time)},
		edn.Entry{Key: edn.Keyword("type"), Value: typeNames[o.Type]},
		edn.Entry{Key: edn.Keyword("process"), Value: processEDN(o.Process)},
		edn.Entry{Key: edn.Keyword("f"), Value: edn.Keyword(o.F)},
		edn.Entry{Key: edn.Keyword("value"), Value: o.Value})
	if o.Final {
		m = append(m, edn.Entry{Key: edn.Keyword("final?"), Value: true})
	}
	m = append(m, o.Extra...)
	if o.Error != nil {
		m = append(m, edn.Entry{Key: edn.Keyword("error"), Value: o.Error})
	}
	return m
}

func processEDN(p int) any {
	if p == Nemesis {
		return edn.Keyword("nemesis")
	}
	return int64(p)
}

// Text returns the line that history.txt holds: process, type, function, value
// and error, separated by tabs.
func (o Op) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\t:%s\t:%s\t%s", edn.String(processEDN(o.Process)), o.Type, o.F, edn.String(o.Value))
	if o.Error != nil {
		fmt.Fprintf(&b, "\t%s", edn.String(o.Error))
	}
	return b.String()
}

// String describes the operation for people: "4.210s process 3 ok read [1 2]".
func (o Op) String() string {
	who := fmt.Sprintf("process %d", o.Process)
	if o.Process == Nemesis {
		who = "nemesis"
	}
	return fmt.Sprintf("%.3fs %s %s %s %s", o.Time.Seconds(), who, o.Type, o.F, edn.String(o.Value))
}

// History is a sequence of operations with their pairing.
type History struct {
	Ops  []Op
	pair []int32 // index of the other half, -1 when there is none
}

// A PairingError is a history in which invocations and completions do not fit
// together.
type PairingError struct {
	Op  Op
	Msg string
}

func (e *PairingError) Error() string {
	return fmt.Sprintf("%s (%s): %s", e.Op.Where(), e.Op, e.Msg)
}

// New pairs the invocations and completions of ops, whose Index fields are set
// to their position. It returns a *PairingError when a process invokes an
// operation while another one of its own is in flight, or completes one that
// it never invoked. Operations of the nemesis are not paired.
func New(ops []Op) (*History, error) {
	h := &History{Ops: ops, pair: make([]int32, len(ops))}
	inFlight := map[int]int32{}
	for i := range ops {
		op := &ops[i]
		op.Index = i
		h.pair[i] = -1
		if !op.Client() {
			continue
		}
		start, busy := inFlight[op.Process]
		switch {
		case op.Type == Invoke && busy:
			return nil, &PairingError{*op, fmt.Sprintf("the process invokes an operation while its operation %d is in flight", start)}
		case op.Type == Invoke:
			inFlight[op.Process] = int32(i)
		case !busy:
			return nil, &PairingError{*op, "the process completes an operation that it never invoked"}
		case ops[start].F != op.F:
			return nil, &PairingError{*op, fmt.Sprintf("the process invoked %s at operation %d but completes %s", ops[start].F, start, op.F)}
		default:
			h.pair[i], h.pair[start] = start, int32(i)
			delete(inFlight, op.Process)
		}
	}
	return h, nil
}

// Completion returns the completion of an invocation, or nil if the history
// ends before it.
func (h *History) Completion(invocation *Op) *Op { return h.other(invocation) }

// Invocation returns the invocation of a completion, nil for the nemesis.
func (h *History) Invocation(completion *Op) *Op { return h.other(completion) }

func (h *History) other(op *Op) *Op {
	if i := h.pair[op.Index]; i >= 0 {
		return &h.Ops[i]
	}
	return nil
}
