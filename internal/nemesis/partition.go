package nemesis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"glomers/checkers/edn"
)

// Partition describes one partition of a run.
type Partition struct {
	Start time.Duration // since the beginning of the run
	Kind  string
	// Cut is how many of the Links, the ordered pairs of different nodes, could
	// not carry messages. It is 0 for a partition that changed nothing.
	Cut, Links int
}

// Partitions returns the partitions that have begun so far.
func (n *Nemesis) Partitions() []Partition { return n.partitions }

// CutNothing reports whether there were partitions, and none of them cut anything.
func CutNothing(partitions []Partition) bool {
	return len(partitions) > 0 && !slices.ContainsFunc(partitions, func(p Partition) bool { return p.Cut > 0 })
}

// Describe says how much partitions cut, for people. It is empty for none.
func Describe(partitions []Partition) string {
	if len(partitions) == 0 {
		return ""
	}
	empty := 0
	parts := make([]string, len(partitions))
	for i, p := range partitions {
		parts[i] = fmt.Sprintf("%s at %.1f s cut %d of %d links", p.Kind, p.Start.Seconds(), p.Cut, p.Links)
		if p.Cut == 0 {
			parts[i] = fmt.Sprintf("%s at %.1f s cut nothing", p.Kind, p.Start.Seconds())
			empty++
		}
	}
	switch {
	case CutNothing(partitions):
		return fmt.Sprintf("no partition cut anything, so this was a run without partitions: %s", strings.Join(parts, ", "))
	case len(parts) > 4 && empty == 0:
		return fmt.Sprintf("%d partitions, each of which cut links", len(parts))
	case len(parts) > 4:
		return fmt.Sprintf("%d partitions, of which %d cut nothing", len(parts), empty)
	}
	return "partitions: " + strings.Join(parts, ", ")
}

func (n *Nemesis) notePartition(kind string, grudge map[string][]string) {
	p := Partition{Start: n.kernel.Now(), Kind: kind, Links: len(grudge) * (len(grudge) - 1)}
	for _, senders := range grudge { // unordered: a sum
		p.Cut += len(senders)
	}
	n.partitions = append(n.partitions, p)
}

// partition cuts the network in one of several ways.
func (i *injector) partition() (chosen, done any) {
	var possible []string
	for _, kind := range kinds {
		if !i.realCut || cutsSomething(kind, len(i.nodes)) {
			possible = append(possible, kind)
		}
	}
	if len(possible) == 0 { // a single node
		possible = kinds
	}
	kind := possible[i.random.IntN(len(possible))]
	grudge := Grudge(kind, i.nodes, i.random)
	i.net.Partition(grudge)
	i.note(kind, grudge)
	return edn.Keyword(kind), []any{edn.Keyword("isolated"), describe(grudge, i.nodes)}
}

// cutsSomething reports whether a partition of n nodes separates any of them.
func cutsSomething(kind string, n int) bool {
	switch kind {
	case MinorityThird:
		return n > 3
	case MajoritiesRing:
		return n > 2
	}
	return n > 1
}

// describe returns a grudge as histories show it.
func describe(grudge map[string][]string, nodes []string) edn.Map {
	m := edn.Map{}
	for _, node := range nodes {
		m = append(m, edn.Entry{Key: node, Value: setOf(grudge[node])})
	}
	return m
}

// The kinds of partition.
const (
	One            = "one"             // one node cut off
	MinorityThird  = "minority-third"  // a random minority of less than a third
	Majority       = "majority"        // a random split in two halves, the smaller one first
	MajoritiesRing = "majorities-ring" // every node sees a majority, no two nodes the same one
)

var kinds = []string{One, MinorityThird, Majority, MajoritiesRing}

// Grudge draws a partition of the given kind: for every receiver, the senders
// whose messages it drops.
func Grudge(kind string, nodes []string, r *rand.Rand) map[string][]string {
	shuffled := slices.Clone(nodes)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	switch kind {
	case One:
		return split(shuffled, 1)
	case MinorityThird:
		return split(shuffled, (len(nodes)-1)/3)
	case Majority:
		return split(shuffled, len(nodes)/2)
	case MajoritiesRing:
		return majoritiesRing(shuffled)
	}
	panic(fmt.Sprintf("nemesis: unknown kind of partition %q", kind))
}

// split cuts off the first n nodes from the others.
func split(nodes []string, n int) map[string][]string {
	grudge := map[string][]string{}
	for i, node := range nodes {
		if i < n {
			grudge[node] = nodes[n:]
		} else {
			grudge[node] = nodes[:n]
		}
	}
	return grudge
}

// majoritiesRing connects each node to just enough others for a majority. It
// links, again and again, the two least connected nodes that are not linked yet;
// with up to five nodes in a ring, that is each node's neighbours.
func majoritiesRing(nodes []string) map[string][]string {
	n := len(nodes)
	majority := n/2 + 1
	linked := make([]map[int]bool, n)
	for i := range linked {
		linked[i] = map[int]bool{i: true}
	}
	if n <= 5 {
		for i := range nodes { // the middle of a majority sees those around it
			for d := -(majority / 2); d < majority-majority/2; d++ {
				linked[i][(i+d+n)%n] = true
			}
		}
	} else {
		linkLeastConnected(linked, majority)
	}
	grudge := map[string][]string{}
	for i, node := range nodes {
		grudge[node] = []string{}
		for j, other := range nodes {
			if !linked[i][j] {
				grudge[node] = append(grudge[node], other)
			}
		}
	}
	return grudge
}

func linkLeastConnected(linked []map[int]bool, majority int) {
	for {
		order := make([]int, len(linked))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(linked[i]), len(linked[j])) })
		a := order[0]
		if len(linked[a]) >= majority {
			return
		}
		for _, b := range order {
			if !linked[a][b] {
				linked[a][b], linked[b][a] = true, true
				break
			}
		}
	}
}
