package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"glomers/checkers/edn"
)

// partition cuts the network in one of several ways.
func partition(net Network, nodes []string) *schedule {
	return &schedule{
		start: func(r *rand.Rand) (any, any) {
			kind := kinds[r.IntN(len(kinds))]
			grudge := Grudge(kind, nodes, r)
			net.Partition(grudge)
			return edn.Keyword(kind), []any{edn.Keyword("isolated"), describe(grudge, nodes)}
		},
		stop: func() any {
			net.Heal()
			return edn.Keyword("network-healed")
		},
	}
}

func describe(grudge map[string][]string, nodes []string) edn.Map {
	m := edn.Map{}
	for _, node := range nodes {
		senders, ok := grudge[node]
		if !ok {
			continue
		}
		set := edn.Set{}
		for _, s := range senders {
			set = append(set, s)
		}
		m = append(m, edn.Entry{Key: node, Value: set})
	}
	return m
}

// The kinds of partition.
const (
	One            = "one"             // one node cut off
	MinorityThird  = "minority-third"  // a random minority of less than a third
	Majority       = "majority"        // a random split in two halves, the smaller one first
	MajoritiesRing = "majorities-ring" // everyone sees a majority, no two the same
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
		sort.SliceStable(order, func(i, j int) bool { return len(linked[order[i]]) < len(linked[order[j]]) })
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
