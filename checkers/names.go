package checkers

import (
	"fmt"

	"glomers/checkers/history"
)

// names says which node a process talked to, for messages. Worker i of a test
// talks to node i mod nodes; its processes are i, i + workers, i + 2·workers, ….
type names struct {
	nodes   []string
	workers int
}

func namesOf(o Options) names {
	workers := o.Concurrency
	if workers == 0 {
		workers = len(o.Nodes)
	}
	return names{o.Nodes, workers}
}

// known reports whether the nodes of the test are known.
func (n names) known() bool { return len(n.nodes) > 0 }

// node returns the id of the node that a process talked to, "" if the nodes are
// not known.
func (n names) node(process int) string {
	if !n.known() || process < 0 {
		return ""
	}
	return n.nodes[process%n.workers%len(n.nodes)]
}

// process describes a process: "process 3 (n0)".
func (n names) process(p int) string {
	if node := n.node(p); node != "" {
		return fmt.Sprintf("process %d (%s)", p, node)
	}
	return fmt.Sprintf("process %d", p)
}

// op describes who did an operation, and when: "process 3 (n0) at 4.210 s".
func (n names) op(op *history.Op) string {
	return fmt.Sprintf("%s at %.3f s", n.process(op.Process), op.Time.Seconds())
}

// replica names the node that answered an operation, "node n0". Where the nodes are
// not known it names the process instead, which always talks to the same node.
func (n names) replica(op *history.Op) string {
	if node := n.node(op.Process); node != "" {
		return "node " + node
	}
	return fmt.Sprintf("process %d", op.Process)
}

// count writes a number and the noun in its singular or plural: "1 value", "2 values".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
