package report

import (
	"fmt"
	"io"
	"math"
	"slices"

	"glomers/checkers/journal"
)

// Traffic is a picture of who talks to whom: the nodes and services of a run,
// joined by lines as thick as the messages between them are many. It shows the
// topology that a solution uses, whatever the test suggested.
type Traffic struct {
	Title string

	counts map[[2]string]int // by sender and receiver
	ids    map[string]bool
}

// Add takes the next event of the journal. Messages from and to clients, and
// those that a node sends to itself, are left out.
func (t *Traffic) Add(e journal.Event) {
	m := &e.Message
	if e.Kind != journal.Send || m.InvolvesClient() || m.Src == m.Dest {
		return
	}
	if t.counts == nil {
		t.counts, t.ids = map[[2]string]int{}, map[string]bool{}
	}
	t.counts[[2]string{m.Src, m.Dest}]++
	t.ids[m.Src], t.ids[m.Dest] = true, true
}

type point struct{ x, y float64 }

// WriteSVG draws the picture.
func (t *Traffic) WriteSVG(w io.Writer) error {
	var ids []string
	for id := range t.ids {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	edges, most, total := t.edges(ids)
	const size = 560.0
	at := layout(ids, edges, size)
	height := 0.0          // a grid may have fewer rows than columns
	for _, p := range at { // unordered: a maximum
		height = max(height, p.y+60)
	}
	c := &canvas{}
	c.add(`<text x="12" y="20" style="font-weight:600">%s</text>`, escape(t.Title))
	for _, e := range edges {
		p, q := at[e.a], at[e.b]
		c.add(`<line class="edge" stroke-width="%.1f" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"><title>%s ↔ %s: %s</title></line>`,
			1+5*math.Sqrt(float64(e.count)/float64(most)), p.x, p.y, q.x, q.y, escape(e.a), escape(e.b), plural(e.count, "message"))
	}
	if len(edges) <= 12 { // more figures would hide the lines
		for _, e := range edges {
			p, q := at[e.a], at[e.b]
			c.add(`<text class="count" x="%.1f" y="%.1f">%d</text>`, p.x+(q.x-p.x)*0.4, p.y+(q.y-p.y)*0.4+4, e.count)
		}
	}
	for _, id := range ids {
		p := at[id]
		half := 10 + 3.2*float64(len(id))
		radius := 15.0
		if journal.IsService(id) {
			radius = 3
		}
		c.add(`<rect class="node" x="%.1f" y="%.1f" width="%.1f" height="30" rx="%.0f"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`,
			p.x-half, p.y-15, 2*half, radius, p.x, p.y+4, escape(id))
	}
	who := plural(len(ids), "node")
	if slices.ContainsFunc(ids, journal.IsService) {
		who += " and services"
	}
	c.add(`<text class="fault-text" x="12" y="%.0f">%s between %s, on %s</text>`, height-12, plural(total, "message"), who, plural(len(edges), "link"))
	_, err := w.Write(c.document(size, height, t.Title))
	return err
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// edge joins two nodes that exchanged messages.
type edge struct {
	a, b  string
	count int // in both directions
}

func (t *Traffic) edges(ids []string) (edges []edge, most, total int) {
	most = 1
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			if n := t.counts[[2]string{a, b}] + t.counts[[2]string{b, a}]; n > 0 {
				edges = append(edges, edge{a, b, n})
				most, total = max(most, n), total+n
			}
		}
	}
	return edges, most, total
}

// layout places nodes: a tree around its centre, ring by ring; a grid as a grid;
// anything else on a circle.
func layout(ids []string, edges []edge, size float64) map[string]point {
	centre := point{size / 2, size/2 + 14}
	radius := size/2 - 44
	at := map[string]point{}
	if root, children := tree(ids, edges); root != "" {
		depth := depthOf(root, children)
		var place func(id string, level int, from, to float64)
		place = func(id string, level int, from, to float64) {
			r := radius * float64(level) / float64(max(1, depth))
			angle := (from + to) / 2
			at[id] = point{centre.x + r*math.Sin(angle), centre.y - r*math.Cos(angle)}
			perLeaf := (to - from) / float64(leavesOf(id, children))
			for _, child := range children[id] {
				width := perLeaf * float64(leavesOf(child, children))
				place(child, level+1, from, from+width)
				from += width
			}
		}
		place(root, 0, 0, 2*math.Pi)
		return at
	}
	if side := gridSide(ids, edges); side > 0 {
		step := 2 * radius / float64(side-1)
		for i, id := range ids {
			at[id] = point{centre.x - radius + step*float64(i%side), centre.y - radius + step*float64(i/side)}
		}
		return at
	}
	for i, id := range ids {
		angle := 2 * math.Pi * float64(i) / float64(max(1, len(ids)))
		at[id] = point{centre.x + radius*math.Sin(angle), centre.y - radius*math.Cos(angle)}
	}
	return at
}

// gridSide returns how many nodes a row has if all edges join neighbours of the
// grid that Maelstrom suggests, in which the nodes fill a square row by row; 0
// otherwise.
func gridSide(ids []string, edges []edge) int {
	side := int(math.Ceil(math.Sqrt(float64(len(ids)))))
	if side < 2 {
		return 0
	}
	for _, e := range edges {
		i, j := slices.Index(ids, e.a), slices.Index(ids, e.b) // i < j, see Traffic.edges
		if j != i+side && (j != i+1 || j%side == 0) {
			return 0
		}
	}
	return side
}

// tree returns the centre and the children of every node as seen from it, or no
// root if the edges do not form a tree. The centre is the node from which it is the
// fewest hops to the farthest one, or the busiest of two such nodes.
func tree(ids []string, edges []edge) (root string, children map[string][]string) {
	if len(edges) != len(ids)-1 || len(ids) < 4 {
		return "", nil
	}
	near, busy := map[string][]string{}, map[string]int{}
	for _, e := range edges {
		near[e.a], near[e.b] = append(near[e.a], e.b), append(near[e.b], e.a)
		busy[e.a] += e.count
		busy[e.b] += e.count
	}
	least := 0
	for _, id := range ids {
		below := descend(id, near)
		if below == nil {
			return "", nil
		}
		depth := depthOf(id, below)
		if root == "" || depth < least || depth == least && busy[id] > busy[root] {
			root, children, least = id, below, depth
		}
	}
	return root, children
}

// descend returns the children of every node of a tree as seen from its root, or
// nil if some node cannot be reached from there.
func descend(root string, near map[string][]string) map[string][]string {
	children := map[string][]string{}
	seen := map[string]bool{root: true}
	for queue := []string{root}; len(queue) > 0; queue = queue[1:] {
		for _, next := range near[queue[0]] {
			if !seen[next] {
				seen[next] = true
				children[queue[0]] = append(children[queue[0]], next)
				queue = append(queue, next)
			}
		}
	}
	if len(seen) < len(near) {
		return nil
	}
	return children
}

func depthOf(id string, children map[string][]string) int {
	depth := 0
	for _, child := range children[id] {
		depth = max(depth, 1+depthOf(child, children))
	}
	return depth
}

func leavesOf(id string, children map[string][]string) int {
	if len(children[id]) == 0 {
		return 1
	}
	n := 0
	for _, child := range children[id] {
		n += leavesOf(child, children)
	}
	return n
}
