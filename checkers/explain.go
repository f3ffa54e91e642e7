package checkers

import (
	"fmt"
	"strings"

	"glomers/checkers/edn"
)

// phrasing puts a ww, wr or rw edge from transaction a to transaction b into words.
type phrasing func(kind edgeKind, why reason, a, b string) string

// explain puts a cycle into words: its transactions, and why each must come before
// the next.
func (g *depGraph) explain(c *cycle, who names, phrase phrasing) string {
	var b strings.Builder
	path := c.vertices()
	for i, v := range path[:len(path)-1] {
		op := g.ops[v]
		fmt.Fprintf(&b, "T%d: %s  %s\n", i+1, who.op(op), edn.Brief(op.Value, 4*shown))
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
			why = fmt.Sprintf("%s ran %s and then %s", who.process(g.ops[path[i]].Process), a, z)
		case realtime:
			why = fmt.Sprintf("%s ended before %s began", a, z)
		default:
			why = phrase(e.kind, g.reasons[e.why], a, z)
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
