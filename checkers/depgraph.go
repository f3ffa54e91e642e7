package checkers

import (
	"cmp"
	"maps"
	"slices"

	"glomers/checkers/history"
)

// edgeKind is the kind of a dependency: why one transaction must come before
// another. Kinds are bits, so that a search can allow several.
type edgeKind uint8

const (
	ww       edgeKind = 1 << iota // the second overwrote what the first wrote
	wr                            // the second read what the first wrote
	rw                            // the second overwrote what the first read
	process                       // one process ran both, in this order
	realtime                      // the first ended before the second began
)

// edge is a dependency of another transaction on the one that it is listed under.
type edge struct {
	to   int32
	kind edgeKind
	why  int32 // index into reasons, -1 for process and realtime
}

// reason is the key and the versions that a dependency is about.
type reason struct{ key, value, next any }

// depGraph is Adya's direct serialization graph. Its vertices, which are indices into
// ops, are the transactions that committed or may have.
type depGraph struct {
	ops     []*history.Op
	out     [][]edge
	reasons []reason
	size    int // number of edges
}

func newDepGraph(ops []*history.Op) *depGraph {
	return &depGraph{ops: ops, out: make([][]edge, len(ops))}
}

// reason stores a reason and returns its index, for link.
func (g *depGraph) reason(why reason) int32 {
	g.reasons = append(g.reasons, why)
	return int32(len(g.reasons) - 1)
}

func (g *depGraph) link(from, to int32, kind edgeKind, why int32) {
	if from == to {
		return
	}
	g.out[from] = append(g.out[from], edge{to, kind, why})
	g.size++
}

// linkBare adds a process or realtime edge, which has no reason besides its kind.
func (g *depGraph) linkBare(from, to int32, kind edgeKind) {
	g.out[from] = append(g.out[from], edge{to, kind, -1})
	g.size++
}

// linkRealtime adds an edge from each acknowledged transaction to those that began
// after it had ended, except where the order follows from other such edges. A
// transaction of unknown outcome has edges to it but none from it: it may take
// effect at any time after it began.
func (g *depGraph) linkRealtime(h *history.History) {
	type event struct {
		index  int // in the history
		vertex int32
		begins bool
	}
	events := make([]event, 0, 2*len(g.ops))
	for v, op := range g.ops {
		begin := op.Index
		if invocation := h.Invocation(op); op.Type != history.Invoke && invocation != nil && invocation.Index < begin {
			begin = invocation.Index
			events = append(events, event{op.Index, int32(v), false})
		}
		events = append(events, event{begin, int32(v), true})
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.index, b.index) })
	var frontier []int32 // acknowledged, and not followed by another acknowledged one
	before := map[int32][]int32{}
	for _, e := range events {
		if e.begins {
			before[e.vertex] = slices.Clone(frontier)
			continue
		}
		for _, u := range before[e.vertex] {
			g.linkBare(u, e.vertex, realtime)
		}
		if g.ops[e.vertex].Type == history.OK {
			frontier = slices.DeleteFunc(frontier, func(u int32) bool { return slices.Contains(before[e.vertex], u) })
			frontier = append(frontier, e.vertex)
		}
		delete(before, e.vertex)
	}
	for _, v := range slices.Sorted(maps.Keys(before)) { // they never completed
		for _, u := range before[v] {
			g.linkBare(u, v, realtime)
		}
	}
}

// linkProcesses adds an edge between transactions that follow each other in one
// process.
func (g *depGraph) linkProcesses() {
	last := map[int]int32{}
	for v, op := range g.ops {
		if u, ok := last[op.Process]; ok {
			g.linkBare(u, int32(v), process)
		}
		last[op.Process] = int32(v)
	}
}

// components returns the strongly connected components of more than one vertex
// in the graph of edges of the allowed kinds between the given vertices, which
// is the whole graph for nil. It is Tarjan's algorithm without recursion.
func (g *depGraph) components(within []int32, allowed edgeKind) [][]int32 {
	const unseen = -1
	n := len(g.ops)
	index, low := make([]int32, n), make([]int32, n)
	member := make([]bool, n)
	onStack := make([]bool, n)
	if within == nil {
		for v := range index {
			index[v], member[v] = unseen, true
			within = append(within, int32(v))
		}
	} else {
		for _, v := range within {
			index[v], member[v] = unseen, true
		}
	}
	var out [][]int32
	var stack []int32
	type frame struct {
		v    int32
		next int
	}
	var calls []frame
	counter := int32(0)
	for _, root := range within {
		if index[root] != unseen {
			continue
		}
		calls = append(calls, frame{v: root})
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			v := f.v
			if f.next == 0 {
				index[v], low[v] = counter, counter
				counter++
				stack = append(stack, v)
				onStack[v] = true
			}
			descended := false
			for f.next < len(g.out[v]) {
				e := g.out[v][f.next]
				f.next++
				if e.kind&allowed == 0 || !member[e.to] {
					continue
				}
				if index[e.to] == unseen {
					calls = append(calls, frame{v: e.to})
					descended = true
					break
				}
				if onStack[e.to] {
					low[v] = min(low[v], index[e.to])
				}
			}
			if descended {
				continue
			}
			if f.next == 0 {
				f.next = 1
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				parent := calls[len(calls)-1].v
				low[parent] = min(low[parent], low[v])
			}
			if low[v] == index[v] {
				at := len(stack) - 1
				for stack[at] != v {
					at--
				}
				if len(stack)-at > 1 {
					out = append(out, slices.Sorted(slices.Values(stack[at:])))
				}
				for _, u := range stack[at:] {
					onStack[u] = false
				}
				stack = stack[:at]
			}
		}
	}
	slices.SortFunc(out, func(a, b []int32) int { return cmp.Compare(a[0], b[0]) })
	return out
}
