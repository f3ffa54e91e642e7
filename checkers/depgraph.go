package checkers

import (
	"fmt"
	"sort"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// edgeKind is why one transaction must come before another one. Kinds are bits,
// so that searches can allow several.
type edgeKind uint8

const (
	ww       edgeKind = 1 << iota // the second overwrote what the first wrote
	wr                            // the second read what the first wrote
	rw                            // the second overwrote what the first read
	process                       // one process ran both, in this order
	realtime                      // the first ended before the second began
)

// edge is a dependency on the way out of a transaction.
type edge struct {
	to   int32
	kind edgeKind
	why  int32 // index into reasons, -1 for process and realtime
}

// reason is the key and the versions that a dependency is about.
type reason struct{ key, value, next any }

// depGraph is Adya's direct serialization graph: its vertices are transactions
// that committed, or may have. Vertices are added first, then edges.
type depGraph struct {
	ops     []*history.Op
	out     [][]edge
	reasons []reason
	size    int // number of edges
}

func newDepGraph(ops []*history.Op) *depGraph {
	return &depGraph{ops: ops, out: make([][]edge, len(ops))}
}

// reason stores why edges hold, for link.
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

func (g *depGraph) linkBare(from, to int32, kind edgeKind) {
	g.out[from] = append(g.out[from], edge{to, kind, -1})
	g.size++
}

// linkRealtime adds an edge from each transaction to those that began after it
// had been acknowledged, except where the order follows from other such edges.
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
	sort.Slice(events, func(i, j int) bool { return events[i].index < events[j].index })
	var frontier []int32 // acknowledged, and not before another acknowledged one
	before := map[int32][]int32{}
	for _, e := range events {
		if e.begins {
			before[e.vertex] = append([]int32(nil), frontier...)
			continue
		}
		for _, u := range before[e.vertex] {
			g.linkBare(u, e.vertex, realtime)
		}
		if g.ops[e.vertex].Type == history.OK {
			kept := frontier[:0]
			for _, u := range frontier {
				if !containsInt32(before[e.vertex], u) {
					kept = append(kept, u)
				}
			}
			frontier = append(kept, e.vertex)
		}
		delete(before, e.vertex)
	}
	for _, v := range sortedVertices(before) { // they never completed
		for _, u := range before[v] {
			g.linkBare(u, v, realtime)
		}
	}
}

func sortedVertices(m map[int32][]int32) []int32 {
	out := make([]int32, 0, len(m))
	for v := range m {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func containsInt32(s []int32, x int32) bool {
	for _, y := range s {
		if x == y {
			return true
		}
	}
	return false
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
					component := append([]int32(nil), stack[at:]...)
					sort.Slice(component, func(i, j int) bool { return component[i] < component[j] })
					out = append(out, component)
				}
				for _, u := range stack[at:] {
					onStack[u] = false
				}
				stack = stack[:at]
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i][0] < out[j][0] })
	return out
}

// cycleSpec describes a kind of cycle.
type cycleSpec struct {
	name    string
	rels    edgeKind // edges that it consists of
	closing edgeKind // one edge of this kind, from which the search begins
	needs   edgeKind // at least one edge of this kind besides, if not 0

	antiDeps antiDeps // what is said of its rw edges
}

// antiDeps is what a kind of cycle requires of its rw edges, of which the closing
// edge is one.
type antiDeps uint8

const (
	none        antiDeps = iota // no other rw edge
	nonadjacent                 // at least two, and no two next to each other
	adjacent                    // two next to each other
)

// cycleSpecs are the kinds of cycle in an order in which none implies an earlier
// one.
var cycleSpecs = func() []cycleSpec {
	base := []cycleSpec{
		{name: "G0", rels: ww, closing: ww},
		{name: "G1c", rels: ww | wr, closing: wr},
		{name: "G-single-item", rels: ww | wr, closing: rw},
		{name: "G-nonadjacent-item", rels: ww | wr | rw, closing: rw, antiDeps: nonadjacent},
		{name: "G2-item", rels: ww | wr | rw, closing: rw, antiDeps: adjacent},
	}
	specs := base
	for _, variant := range []struct {
		name string
		kind edgeKind
	}{{"process", process}, {"realtime", realtime}} {
		for _, s := range base {
			s.name += "-" + variant.name
			s.rels |= variant.kind
			s.needs = variant.kind
			specs = append(specs, s)
		}
	}
	return specs
}()

// cycle is a path of edges that ends where it begins.
type cycle struct {
	start int32
	edges []edge
}

// searchBudget bounds the work for one kind of cycle in one component, in visited
// edges. A search that exhausts it says so.
const searchBudget = 40_000_000

// cycles finds, for every component, a short cycle of each kind that no cycle
// found before implies. It reports whether all searches came to an end.
func (g *depGraph) cycles() (found map[string][]cycle, complete bool) {
	found, complete = map[string][]cycle{}, true
	kinds := edgeKind(0)
	for _, out := range g.out {
		for _, e := range out {
			kinds |= e.kind
		}
	}
	s := &cycleSearch{graph: g}
	for _, component := range g.components(nil, kinds) {
		implied := map[string]bool{}
		for _, spec := range cycleSpecs {
			if implied[spec.name] || spec.needs&^kinds != 0 {
				continue
			}
			c, exhausted := s.find(component, spec)
			complete = complete && !exhausted
			if c != nil {
				found[spec.name] = append(found[spec.name], *c)
				for name := range impliedAnomalies.reach(spec.name) {
					implied[name] = true
				}
			}
		}
	}
	return found, complete
}

// cycleSearch holds the memory that searches share.
type cycleSearch struct {
	graph  *depGraph
	member []int32 // the id of the part that a vertex belongs to
	parts  int32
	seen   []uint32 // by state: the search that visited it
	from   []step
	search uint32
}

// A state of a search is a vertex and what the path to it contains.
const (
	lastRW   = 1 << iota // its last edge is rw
	anotherR             // it has an rw edge besides the closing one
	adjacentRW
	hasNeeded
	stateBits = 4
)

type step struct {
	state int32
	edge  edge
}

// startsPerSearch is from how many vertices a search goes on after a first
// success, to find a shorter cycle.
const startsPerSearch = 32

// find returns a short cycle of a kind within a component.
func (s *cycleSearch) find(component []int32, spec cycleSpec) (best *cycle, exhausted bool) {
	g := s.graph
	if s.member == nil {
		s.member = make([]int32, len(g.ops))
		s.seen = make([]uint32, len(g.ops)<<stateBits)
		s.from = make([]step, len(g.ops)<<stateBits)
	}
	// No cycle leaves a component of the edges that it may use.
	budget := searchBudget
	tried := 0
	for _, part := range g.components(component, spec.rels|spec.closing) {
		s.parts++
		for _, v := range part {
			s.member[v] = s.parts
		}
		closings := map[int32][]edge{} // by the vertex that they lead to; edge.to is where they come from
		var starts []int32
		for _, u := range part {
			for _, e := range g.out[u] {
				if e.kind == spec.closing && s.member[e.to] == s.parts {
					if closings[e.to] == nil {
						starts = append(starts, e.to)
					}
					closings[e.to] = append(closings[e.to], edge{u, e.kind, e.why})
				}
			}
		}
		sort.Slice(starts, func(i, j int) bool { return starts[i] < starts[j] })
		for _, v := range starts {
			if best != nil && (tried >= startsPerSearch || len(best.edges) == 2) {
				return best, false
			}
			c := s.from1(v, closings[v], spec, &budget)
			if c != nil && (best == nil || len(c.edges) < len(best.edges)) {
				best = c
			}
			if best != nil {
				tried++
			}
			if budget <= 0 {
				return best, best == nil
			}
		}
	}
	return best, false
}

// from1 searches breadth first from v for a vertex with a closing edge to v.
func (s *cycleSearch) from1(v int32, closings []edge, spec cycleSpec, budget *int) *cycle {
	g := s.graph
	closing := map[int32]edge{}
	for _, e := range closings {
		closing[e.to] = e
	}
	s.search++
	begin := v << stateBits
	if spec.closing == rw {
		begin |= lastRW
	}
	s.seen[begin] = s.search
	queue := []int32{begin}
	for len(queue) > 0 && *budget > 0 {
		state := queue[0]
		queue = queue[1:]
		u, flags := state>>stateBits, state&(1<<stateBits-1)
		for _, e := range g.out[u] {
			*budget--
			if e.kind&spec.rels == 0 || s.member[e.to] != s.parts {
				continue
			}
			next, ok := advance(flags, e.kind, spec)
			if !ok {
				continue
			}
			to := e.to<<stateBits | next
			if s.seen[to] == s.search {
				continue
			}
			s.seen[to] = s.search
			s.from[to] = step{state, e}
			if last, ok := closing[e.to]; ok && closes(next, spec) {
				if c := s.path(begin, to, edge{v, last.kind, last.why}); c != nil {
					return c
				}
			}
			if e.to != v {
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// advance returns what a path contains after one more edge, and false if the
// edge is not allowed there.
func advance(flags int32, kind edgeKind, spec cycleSpec) (int32, bool) {
	next := flags &^ lastRW
	if kind&spec.needs != 0 {
		next |= hasNeeded
	}
	if kind == rw {
		if flags&lastRW != 0 {
			if spec.antiDeps == nonadjacent {
				return 0, false
			}
			next |= adjacentRW
		}
		next |= lastRW | anotherR
	}
	return next, true
}

// closes reports whether a path can end with the closing edge.
func closes(flags int32, spec cycleSpec) bool {
	if spec.needs != 0 && flags&hasNeeded == 0 {
		return false
	}
	switch spec.antiDeps {
	case nonadjacent:
		return flags&anotherR != 0 && flags&lastRW == 0
	case adjacent:
		return flags&(adjacentRW|lastRW) != 0 && flags&anotherR != 0
	}
	return true
}

// path returns the cycle that was found, or nil if it visits a vertex twice: then
// it is made of smaller cycles, which other searches find.
func (s *cycleSearch) path(begin, end int32, last edge) *cycle {
	c := &cycle{start: begin >> stateBits}
	visited := map[int32]bool{}
	for state := end; state != begin; state = s.from[state].state {
		if v := state >> stateBits; visited[v] || v == c.start {
			return nil
		} else {
			visited[v] = true
		}
		c.edges = append(c.edges, s.from[state].edge)
	}
	for i, j := 0, len(c.edges)-1; i < j; i, j = i+1, j-1 {
		c.edges[i], c.edges[j] = c.edges[j], c.edges[i]
	}
	c.edges = append(c.edges, last)
	return c
}

// vertices returns the vertices of a cycle in order, the first one again at the
// end.
func (c *cycle) vertices() []int32 {
	out := []int32{c.start}
	for _, e := range c.edges {
		out = append(out, e.to)
	}
	return out
}

// explain puts a cycle into words.
func (g *depGraph) explain(c *cycle, words func(kind edgeKind, why reason, a, b string) string) string {
	var b strings.Builder
	path := c.vertices()
	for i, v := range path[:len(path)-1] {
		op := g.ops[v]
		fmt.Fprintf(&b, "T%d: process %d at %.3f s  %s\n", i+1, op.Process, op.Time.Seconds(), edn.String(op.Value))
	}
	for i, e := range c.edges {
		from, to := i+1, i+2
		if i == len(c.edges)-1 {
			to = 1
		}
		a, z := fmt.Sprintf("T%d", from), fmt.Sprintf("T%d", to)
		why := ""
		switch e.kind {
		case process:
			why = fmt.Sprintf("process %d ran %s and then %s", g.ops[path[i]].Process, a, z)
		case realtime:
			why = fmt.Sprintf("%s ended before %s began", a, z)
		default:
			why = words(e.kind, g.reasons[e.why], a, z)
		}
		fmt.Fprintf(&b, "%s < %s: %s", a, z, why)
		if i < len(c.edges)-1 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (k edgeKind) String() string {
	return map[edgeKind]string{ww: "ww", wr: "wr", rw: "rw", process: "process", realtime: "realtime"}[k]
}

// marshal is a cycle as results.edn shows it.
func (g *depGraph) marshal(c *cycle, name string) edn.Map {
	var ops, steps []any
	for _, v := range c.vertices() {
		ops = append(ops, taggedOp(g.ops[v]))
	}
	for _, e := range c.edges {
		step := ednMap("type", edn.Keyword(e.kind.String()))
		if e.why >= 0 {
			r := g.reasons[e.why]
			step = append(step, ednMap("key", r.key, "value", r.value)...)
			if e.kind != wr {
				step = append(step, edn.Entry{Key: edn.Keyword("value'"), Value: r.next})
			}
		}
		steps = append(steps, step)
	}
	return ednMap("cycle", ops, "steps", steps, "type", edn.Keyword(name))
}
