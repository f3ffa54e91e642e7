package workload

import (
	"fmt"
	"math"

	"glomers/checkers/edn"
)

// Topologies are the names that Topology knows.
var Topologies = []string{"line", "grid", "tree", "tree2", "tree3", "tree4", "total"}

// Topology returns the neighbours of every node, as JSON clients send it: a map of
// node ids to arrays of node ids. It follows Maelstrom's definitions: tree is
// tree2.
func Topology(name string, nodes []string) (edn.Map, error) {
	n := len(nodes)
	var neighbours func(i int) []int
	switch name {
	case "line":
		neighbours = func(i int) []int { return []int{i - 1, i + 1} }
	case "grid", "":
		side := int(math.Ceil(math.Sqrt(float64(n))))
		neighbours = func(i int) []int {
			out := []int{i + side, i - side}
			if i%side < side-1 {
				out = append(out, i+1)
			}
			if i%side > 0 {
				out = append(out, i-1)
			}
			return out
		}
	case "tree", "tree2":
		neighbours = tree(2)
	case "tree3":
		neighbours = tree(3)
	case "tree4":
		neighbours = tree(4)
	case "total":
		neighbours = func(i int) []int {
			var out []int
			for j := range n {
				if j != i {
					out = append(out, j)
				}
			}
			return out
		}
	default:
		return nil, fmt.Errorf("unknown topology %q, expected one of %v", name, Topologies)
	}
	topology := edn.Map{}
	for i, node := range nodes {
		ids := []any{}
		for _, j := range neighbours(i) {
			if j >= 0 && j < n {
				ids = append(ids, nodes[j])
			}
		}
		topology = append(topology, edn.Entry{Key: node, Value: ids})
	}
	return topology, nil
}

// tree numbers the nodes of a tree of branching b level by level, as in a heap.
func tree(b int) func(int) []int {
	return func(i int) []int {
		var out []int
		if i > 0 {
			out = append(out, (i-1)/b)
		}
		for c := 1; c <= b; c++ {
			out = append(out, i*b+c)
		}
		return out
	}
}
