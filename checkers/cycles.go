package checkers

import "slices"

// cycleSpec defines a kind of cycle, such as G1c, by the edges it is made of.
type cycleSpec struct {
	name    string
	rels    edgeKind // edges that it consists of
	closing edgeKind // one edge of this kind, from which the search begins
	needs   edgeKind // at least one edge of this kind besides, if not 0

	antiDeps antiDeps // what it requires of its rw edges
}

// antiDeps is what a kind of cycle requires of its rw edges (anti-dependencies), of
// which the closing edge is one.
type antiDeps uint8

const (
	none        antiDeps = iota // no other rw edge
	nonadjacent                 // at least two, and no two next to each other
	adjacent                    // two next to each other
)

// cycleSpecs are the kinds of cycle. The order puts a kind after all kinds that
// imply it, so that a search can be skipped if its answer follows from earlier ones.
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

// searchBudget is how many edges the search for one kind of cycle in one component
// may visit. It is a count rather than a time, so that a verdict depends on the
// history alone, not on the machine.
const searchBudget = 40_000_000

// cycles finds, in every component, a short cycle of each kind that is not implied by
// a cycle found before it. It reports whether all searches ended within the budget.
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
				for name := range impliedAnomalies.reach(spec.name) { // unordered: a set
					implied[name] = true
				}
			}
		}
	}
	return found, complete
}

// cycleSearch searches for cycles; successive searches reuse its memory.
type cycleSearch struct {
	graph  *depGraph
	member []int32 // the id of the part that a vertex belongs to
	parts  int32
	seen   []uint32 // by state: the search that visited it
	from   []step
	search uint32
}

// A state of a search is a vertex and, in its low bits, what the path to it
// contains.
const (
	lastRW    = 1 << iota // its last edge is rw
	anotherRW             // it has an rw edge besides the closing one
	adjacentRW
	hasNeeded
	stateBits = 4
)

type step struct {
	state int32
	edge  edge
}

// startsPerSearch is from how many more vertices a search starts after it has found
// a cycle, to look for a shorter one.
const startsPerSearch = 32

// find returns a short cycle of a kind within a component, nil if it found none, and
// whether the search used up its budget.
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
		slices.Sort(starts)
		for _, v := range starts {
			if best != nil && (tried >= startsPerSearch || len(best.edges) == 2) {
				return best, false
			}
			c := s.searchFrom(v, closings[v], spec, &budget)
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

// searchFrom searches breadth first from v for a vertex with a closing edge to v.
func (s *cycleSearch) searchFrom(v int32, closings []edge, spec cycleSpec, budget *int) *cycle {
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
		next |= lastRW | anotherRW
	}
	return next, true
}

// closes reports whether the closing edge turns a path with these flags into a cycle
// of the kind.
func closes(flags int32, spec cycleSpec) bool {
	if spec.needs != 0 && flags&hasNeeded == 0 {
		return false
	}
	switch spec.antiDeps {
	case nonadjacent:
		return flags&anotherRW != 0 && flags&lastRW == 0
	case adjacent:
		return flags&(adjacentRW|lastRW) != 0 && flags&anotherRW != 0
	}
	return true
}

// path returns the cycle that was found, or nil if it visits a vertex twice: it then
// consists of smaller cycles, which other searches find.
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
	slices.Reverse(c.edges)
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
