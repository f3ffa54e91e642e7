package history

import (
	"fmt"
	"strings"
	"time"

	"glomers/checkers/edn"
)

// Type is the type of a record of an operation.
type Type uint8

// The four types of a record.
const (
	Invoke Type = iota // a client begins the operation
	OK                 // it happened
	Fail               // it did not happen
	Info               // nobody knows whether it happened, or will happen later
)

var typeNames = [...]edn.Keyword{"invoke", "ok", "fail", "info"}

func (t Type) String() string { return string(typeNames[t]) }

// Nemesis is the process of the operations that inject faults, such as a
// partition, and end them.
const Nemesis = -1

// RunnerStall is the function of a nemesis operation that the runner records when it
// made no progress itself, for instance because the machine was overloaded. Its value
// is how long that took, in milliseconds. Delays at that time may be the runner's, not
// the nodes'.
const RunnerStall = "runner-stall"

// CommittedOffsets is the name of the operation by which strict mode reads the
// committed offsets of all keys at the end of a kafka test.
const CommittedOffsets = "committed-offsets"

// Op is one record: an invocation or a completion.
type Op struct {
	Index   int           // position in the history, from 0
	Time    time.Duration // since the start of the run, in the text in nanoseconds
	Process int           // the logical client, from 0, or Nemesis
	F       string        // the function, such as read or broadcast
	Value   any           // an EDN value; see package edn
	Error   any           // an EDN value, nil if there is none
	Extra   edn.Map       // all other fields, in the order of the text
	Type    Type
	Final   bool // a read after the recovery, at the end of the run: :final? true

	Line, Column int32 // where the record begins in the text that it was read from, from 1; 0 if there is no text
}

// Where names the operation in an error: by its index, after its line and column
// if it was read from a text, as in "2:1: operation 1".
func (o *Op) Where() string {
	if o.Line == 0 {
		return fmt.Sprintf("operation %d", o.Index)
	}
	return fmt.Sprintf("%d:%d: operation %d", o.Line, o.Column, o.Index)
}

// Position returns the line and column of the record in the text that it was read
// from, from 1; zeros if there is no text.
func (o *Op) Position() (line, column int) { return int(o.Line), int(o.Column) }

// Client reports whether the operation is a client's, not the nemesis's.
func (o *Op) Client() bool { return o.Process != Nemesis }

// StrictOnly reports whether strict mode added the operation to the workload:
// reading the committed offsets, or the keys in transactions, at the end. Maelstrom has no
// such operations, so the official checks and figures do not count them.
func (o *Op) StrictOnly() bool { return o.F == CommittedOffsets || o.F == "txn" && o.Final }

// MarshalEDN returns the operation as the map that history.edn holds.
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

// String describes the operation in one line, in which a long value is shortened:
// "4.210s process 3 ok read [1 2]".
func (o Op) String() string {
	who := fmt.Sprintf("process %d", o.Process)
	if o.Process == Nemesis {
		who = "nemesis"
	}
	return fmt.Sprintf("%.3fs %s %s %s %s", o.Time.Seconds(), who, o.Type, o.F, edn.Brief(o.Value, shown))
}
