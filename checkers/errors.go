package checkers

import (
	"fmt"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// A FunctionError is an operation that the workload does not have.
type FunctionError struct {
	Op   history.Op
	Want []string // the operations of the workload
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("%s is a %s, expected one of %s; was the history recorded with another workload?", e.Op.Where(), e.Op.F, strings.Join(e.Want, ", "))
}

// Position returns the line and column of the operation in the text of the history,
// counted from 1; see history.Op.Position.
func (e *FunctionError) Position() (line, column int) { return e.Op.Position() }

// A ShapeError is an operation whose value is not what the workload defines.
type ShapeError struct {
	Op   history.Op
	Want string // what its value must look like
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("%s has the value %s, expected %s", e.Op.Where(), edn.Brief(e.Op.Value, shown), e.Want)
}

// Position returns the line and column of the operation in the text of the history,
// counted from 1; see history.Op.Position.
func (e *ShapeError) Position() (line, column int) { return e.Op.Position() }

// shown is the most runes of a value or an error that a message quotes.
const shown = 100
