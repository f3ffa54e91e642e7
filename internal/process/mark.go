package process

import (
	"crypto/rand"
	"fmt"
)

// A mark is a variable in the environment of a node. Its children inherit it
// wherever they go, into other process groups and sessions, so it tells which
// processes belong to a run. That of a node, such as
//
//	GLOMERS_RUN_YDJ3…=n0.1
//
// begins with the mark of its run, which ends at the equals sign.

// newMark returns the mark of a new run.
func newMark() string { return "GLOMERS_RUN_" + rand.Text() + "=" }

// nodeMark returns the mark of a node. Each start of the node has a number of
// its own.
func nodeMark(run, node string, start int) string {
	return fmt.Sprintf("%s%s.%d", run, node, start)
}
