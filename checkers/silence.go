package checkers

import (
	"fmt"
	"time"

	"glomers/checkers/history"
)

// Silence is a node that stopped answering in the course of a run.
type Silence struct {
	Node     string
	Last     time.Duration // when a client got its last answer, 0 if none did
	Requests int           // how many requests that clients sent after that timed out
}

// String says since when: "n1 after 2.348 s (5 requests timed out)".
func (s Silence) String() string {
	since := "before its first answer"
	if s.Last > 0 {
		since = fmt.Sprintf("after %.3f s", s.Last.Seconds())
	}
	return fmt.Sprintf("%s %s (%s timed out)", s.Node, since, count(s.Requests, "request", "requests"))
}

// Silences returns the nodes that answered none of the last requests of their clients,
// in the order of the test. An error is an answer. One request may go unanswered for
// many reasons, so a node is silent from two. The result is nil if the nodes of the
// test are not known.
func Silences(h *history.History, o Options) []Silence {
	nodes := namesOf(o)
	last := map[string]time.Duration{}
	var unanswered []*history.Op // the completions
	for i := range h.Ops {
		op := &h.Ops[i]
		switch {
		case !op.Client() || op.Type == history.Invoke || op.F == "assign" || op.F == "crash": // kafka's assign and crash send nothing
		case timedOut(op):
			unanswered = append(unanswered, op)
		default:
			last[nodes.node(op.Process)] = op.Time
		}
	}
	requests := map[string]int{}
	for _, op := range unanswered {
		if node := nodes.node(op.Process); h.Invocation(op).Time > last[node] {
			requests[node]++
		}
	}
	var silent []Silence
	for _, n := range nodes.nodes {
		if requests[n] >= 2 {
			silent = append(silent, Silence{n, last[n], requests[n]})
		}
	}
	return silent
}

// timedOut reports whether an operation ended because no answer came.
func timedOut(op *history.Op) bool {
	name, _ := errorText(op.Error)
	return op.Error != nil && name == "net-timeout"
}
